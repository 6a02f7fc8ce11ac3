"""What an agent says to a person over the Agent Client Protocol, from its side of the conversation alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.acp_choices import model_of
from deespec.agents.acp_stream import OWN_NOTES, Stream
from deespec.agents.reading import below, count, objects, parse, word
from deespec.agents.spoken import VERBS, Said, Source, aim_of, done, handed_in, result, texts_of
from deespec.model.money import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.agents.reading import Json
    from deespec.agents.spoken import Meter

UPDATE = "session/update"
ENDED = ("completed", "failed")


def said(message: Json) -> Iterator[Said]:
    params = below(message, "params")
    match word(message, "method"):
        case "session/update":
            yield from _update(below(params, "update"))
        case "session/request_permission":
            yield from _tool(below(params, "toolCall"))
        case None if isinstance(message.get("error"), dict):
            error = below(message, "error")
            texts = (
                word(error, "message"),
                word(below(error, "data"), "message") or word(below(error, "data"), "details"),
            )
            yield Said(source=Source.ERROR, text=": ".join(dict.fromkeys(filter(None, texts))))


def meter(model: str | None, before: Callable[[str], Usage]) -> Meter:
    return _Meter(model, before)


class _Meter:
    """Hears the answers without the questions: the first is that to `initialize`, then comes the session's."""

    def __init__(self, model: str | None, before: Callable[[str], Usage]) -> None:
        self._model, self._look_up = model, before
        self._agent: Json = {}
        self._loading = ""
        """The session that is being loaded, by the updates that come with that."""
        self._stream: Stream | None = None

    def feed(self, line: bytes) -> None:
        message = parse(line)
        params, found = below(message, "params"), below(message, "result")
        if word(message, "method") == UPDATE:
            if self._stream is not None:
                self._stream.take_update(params)
            else:
                self._loading = word(params, "sessionId") or self._loading
        elif "result" not in message or "method" in message:
            return
        elif self._stream is None:
            if count(message, "id") == 0:
                self._agent = found
            else:
                self._stream = self._opened(found)
        elif "stopReason" in found:
            self._stream.take_end(found)

    def usage(self) -> Usage:
        return Usage() if self._stream is None else self._stream.usage()

    def _opened(self, found: Json) -> Stream:
        session = word(found, "sessionId")
        used = Usage() if session or not self._loading else self._look_up(self._loading)
        stream = Stream(self._model, before=used)
        stream.take_agent(self._agent)
        stream.take_session(session or self._loading, model_of(found), is_loaded=session is None)
        stream.begin()
        return stream


def _update(update: Json) -> Iterator[Said]:
    match word(update, "sessionUpdate"):
        case "agent_message_chunk":
            text = word(below(update, "content"), "text") or ""
            whole = handed_in(text)
            piece = "" if whole != text else word(update, "messageId") or "message"
            if text.startswith(OWN_NOTES):
                yield Said(source=Source.NOTE, text=text)
            else:
                yield Said(source=Source.WORDS, text=whole, piece=piece)
        case "agent_thought_chunk":
            text = word(below(update, "content"), "text") or ""
            yield Said(source=Source.THOUGHT, text=text, piece=word(update, "messageId") or "thought")
        case "tool_call" | "tool_call_update" if word(update, "status") in ENDED:
            yield _result(update)
        case "tool_call" | "tool_call_update":
            yield from _tool(update)
        case "plan":
            steps = list(objects(update, "entries"))
            ended = sum(word(step, "status") == "completed" for step in steps)
            following = next((step for step in steps if word(step, "status") != "completed"), {})
            text = f"plan {ended}/{len(steps)} {word(following, 'content') or ''}"
            yield Said(source=Source.NOTE, text=text.rstrip())


def _tool(call: Json) -> Iterator[Said]:
    """What it does is said by the arguments, else by the title; where arguments are to come, that is no news yet."""
    asked = below(call, "rawInput")
    kind, title = word(call, "kind") or "", word(call, "title") or ""
    aim = aim_of(asked) or ("" if "rawInput" in call else title)
    if aim:
        tool = kind if kind in VERBS else "" if aim == title else title or "tool"
        yield done(tool, aim) if tool else Said(source=Source.TOOL, text=title)


def _result(call: Json) -> Said:
    raw = call.get("rawOutput")
    text = raw if isinstance(raw, str) else texts_of(call.get("content"))
    if isinstance(raw, dict) and not text:
        text = word(raw, "output") or word(raw, "message") or ""
    return result(text or word(below(call, "_meta", "terminal_output_delta"), "data") or "")
