"""What an event of opencode says to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.opencode_stream import Stream
from deespec.agents.reading import below, count, word
from deespec.agents.spoken import Said, Source, result, used
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.agents.reading import Json
    from deespec.agents.spoken import Meter
    from deespec.model.money import Usage


def said(event: Json) -> Iterator[Said]:
    part = below(event, "part")
    match word(event, "type"):
        case "text" if part.get("synthetic") is not True:
            yield Said(source=Source.WORDS, text=word(part, "text") or "")
        case "reasoning":
            yield Said(source=Source.THOUGHT, text=word(part, "text") or "")
        case "tool_use" if part:
            state = below(part, "state")
            yield used(word(part, "tool") or "tool", below(state, "input"))
            text = word(state, "output") or word(state, "error") or ""
            yield result(text, exit_code=count(below(state, "metadata"), "exit"))
        case "error" if "error" in event:
            error = below(event, "error")
            yield Said(source=Source.ERROR, text=word(below(error, "data"), "message") or word(error, "name") or "")


def meter(model: str | None, _: Callable[[str], Usage]) -> Meter:
    return _Meter(model)


class _Meter:
    """What each step has used, when it has ended; the model is not named."""

    def __init__(self, model: str | None) -> None:
        self._model = model
        self._stream = Stream()

    def feed(self, line: bytes) -> None:
        self._stream.feed(line)

    def usage(self) -> Usage:
        return replace(self._stream.usage(), model=self._model)
