"""What an event of Gemini CLI says to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.gemini_stream import Stream
from deespec.agents.reading import below, word
from deespec.agents.spoken import Said, Source, result, used

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.agents.reading import Json
    from deespec.agents.spoken import Meter
    from deespec.model.money import Usage


def said(event: Json) -> Iterator[Said]:
    match word(event, "type"):
        case "message" if word(event, "role") == "assistant":
            piece = "message" if event.get("delta") is True else ""
            yield Said(source=Source.WORDS, text=word(event, "content") or "", piece=piece)
        case "tool_use" if tool := word(event, "tool_name"):
            yield used(tool, below(event, "parameters"))
        case "tool_result":
            yield result(word(event, "output") or word(below(event, "error"), "message") or "")
        case "error":
            is_error = word(event, "severity") == "error"
            yield Said(source=Source.ERROR if is_error else Source.NOTE, text=word(event, "message") or "")
        case "result" if word(event, "status") not in ("success", None):
            yield Said(source=Source.ERROR, text=word(below(event, "error"), "message") or "It failed.")


def meter(_: str | None, __: Callable[[str], Usage]) -> Meter:
    return _Meter()


class _Meter:
    """The client says it at the end."""

    def __init__(self) -> None:
        self._stream = Stream()

    def feed(self, line: bytes) -> None:
        self._stream.feed(line)

    def usage(self) -> Usage:
        return self._stream.usage
