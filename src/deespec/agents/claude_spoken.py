"""What an event of Claude Code says to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.claude_stream import SYNTHETIC, Stream
from deespec.agents.reading import below, count, listed, objects, word
from deespec.agents.spoken import Said, Source, answer_in, result, texts_of, used
from deespec.model.lifecycle import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.agents.reading import Json
    from deespec.agents.spoken import Meter
    from deespec.model.money import Usage

ANSWER_TOOL = "StructuredOutput"


def said(event: Json) -> Iterator[Said]:
    match word(event, "type"):
        case "assistant":
            yield from _message(event)
        case "user":
            for block in objects(below(event, "message"), "content"):
                if word(block, "type") == "tool_result":
                    yield result(texts_of(block.get("content")))
        case "system":
            yield from _remark(event)
        case "rate_limit_event" if word(below(event, "rate_limit_info"), "status") == "rejected":
            yield Said(source=Source.ERROR, text="A limit of the plan is reached.")
        case "result" if event.get("is_error") is True:
            errors = (text for text in listed(event, "errors") if isinstance(text, str))
            yield Said(source=Source.ERROR, text="\n".join(errors) or word(event, "result") or "It failed.")


def meter(_: str | None, __: Callable[[str], Usage]) -> Meter:
    return Stream(Step.IMPLEMENT)


def _message(event: Json) -> Iterator[Said]:
    message = below(event, "message")
    is_own = word(message, "model") == SYNTHETIC
    for block in objects(message, "content"):
        match word(block, "type"):
            case "text":
                yield Said(source=Source.ERROR if is_own else Source.WORDS, text=word(block, "text") or "")
            case "thinking":
                yield Said(source=Source.THOUGHT, text=word(block, "thinking") or "")
            case "tool_use" | "server_tool_use":
                asked = below(block, "input")
                answer = answer_in(asked) if word(block, "name") == ANSWER_TOOL else None
                if answer is not None:
                    yield Said(source=Source.WORDS, text=answer)
                else:
                    yield used(word(block, "name") or "tool", asked)


def _remark(event: Json) -> Iterator[Said]:
    match word(event, "subtype"):
        case "permission_denied":
            what = f"{word(event, 'tool_name') or 'A tool'} was refused: {word(event, 'message') or ''}"
            yield Said(source=Source.NOTE, text=what.rstrip(": "))
        case "api_retry":
            wait_s = (count(event, "retry_delay_ms") or 0) / 1000
            text = f"{word(event, 'error') or 'The API failed'}: trying again in {wait_s:.0f} s"
            yield Said(source=Source.NOTE, text=text)
        case "status" if word(event, "status") == "compacting":
            yield Said(source=Source.NOTE, text="The conversation is summed up.")
