"""What an API's answer holds, whatever its wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from deespec.agents.reading import Json
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKENS_IN = 1_000
"""Of each request, those from the cache not counted."""
TOKENS_CACHED = 200
TOKENS_OUT = 50

PIECE = 40
"""Characters that are sent at a time."""

Event = tuple[str | None, Json]
"""One server-sent event: its name, where the API gives it one, and its data."""


@record
class Words:
    text: str


@record
class Call:
    tool: str
    arguments: Json


@record
class Message:
    """One answer of the model."""

    number: int
    """Makes its ids."""
    model: str
    at_s: int
    parts: tuple[Words | Call, ...] = ()

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Words))

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(part for part in self.parts if isinstance(part, Call))


class Wire(Protocol):
    """One of the four APIs. Each is a module."""

    def whole(self, message: Message) -> Json:
        """The answer to a request that wants no stream."""

    def events(self, message: Message) -> Iterator[Event]:
        """The same as a stream."""

    def begin(self, message: Message) -> Iterator[Event]:
        """How a stream of words begins that will have no end."""

    def word(self, message: Message, text: str) -> Event:
        """Some words of it."""


def pieces(text: str) -> Iterator[str]:
    return (text[at : at + PIECE] for at in range(0, len(text), PIECE))
