"""What an event of Codex says to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.codex_stream import Stream
from deespec.agents.reading import below, count, objects, word
from deespec.agents.spoken import Said, Source, done, handed_in, result, texts_of
from deespec.model.lifecycle import Step
from deespec.model.money import Usage, since
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.agents.reading import Json
    from deespec.agents.spoken import Meter

STARTED, COMPLETED = "item.started", "item.completed"


def said(event: Json) -> Iterator[Said]:
    match kind := word(event, "type"):
        case "item.started" | "item.updated" | "item.completed":
            yield from _item(kind, below(event, "item"))
        case "error":
            yield Said(source=Source.ERROR, text=word(event, "message") or "")
        case "turn.failed":
            yield Said(source=Source.ERROR, text=word(below(event, "error"), "message") or "The turn failed.")


def meter(model: str | None, before: Callable[[str], Usage]) -> Meter:
    return _Meter(model, before)


class _Meter:
    """The client counts from the beginning of the thread, and only when a turn has ended well."""

    def __init__(self, model: str | None, before: Callable[[str], Usage]) -> None:
        self._model, self._look_up = model, before
        self._stream = Stream(Step.IMPLEMENT)
        self._before: Usage | None = None

    def feed(self, line: bytes) -> None:
        self._stream.feed(line)
        if self._before is None and self._stream.session is not None:
            self._before = self._look_up(self._stream.session)

    def usage(self) -> Usage:
        return replace(since(self._stream.usage, self._before or Usage()), model=self._model)


def _item(when: str, item: Json) -> Iterator[Said]:
    kind = word(item, "type")
    if when == STARTED:
        match kind:
            case "command_execution":
                yield done("shell", word(item, "command") or "")
            case "mcp_tool_call":
                yield done(f"{word(item, 'server') or 'mcp'}.{word(item, 'tool') or 'tool'}", "")
    if kind == "todo_list":
        yield from _plan(item)
    if when != COMPLETED:
        return
    match kind:
        case "agent_message":
            yield Said(source=Source.WORDS, text=handed_in(word(item, "text") or ""))
        case "reasoning":
            yield Said(source=Source.THOUGHT, text=word(item, "text") or "")
        case "error":
            yield Said(source=Source.NOTE, text=word(item, "message") or "")
        case "command_execution":
            output = word(item, "aggregated_output") or ""
            yield result(output or _declined(item), exit_code=count(item, "exit_code"))
        case "mcp_tool_call":
            error = word(below(item, "error"), "message")
            yield result(error or texts_of(below(item, "result").get("content")))
        case "file_change":
            for change in objects(item, "changes"):
                verb = {"add": "write", "delete": "delete"}.get(word(change, "kind") or "", "edit")
                yield done(verb, word(change, "path") or "")
        case "web_search":
            yield done("web_search", word(item, "query") or "")


def _declined(item: Json) -> str:
    return "declined" if word(item, "status") == "declined" else ""


def _plan(item: Json) -> Iterator[Said]:
    steps = list(objects(item, "items"))
    ended = sum(step.get("completed") is True for step in steps)
    following = next((step for step in steps if step.get("completed") is not True), {})
    yield Said(source=Source.NOTE, text=f"plan {ended}/{len(steps)} {word(following, 'text') or ''}".rstrip())
