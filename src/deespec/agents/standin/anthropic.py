"""Anthropic's Messages API, as its answers look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.agents.standin.message import TOKENS_CACHED, TOKENS_IN, TOKENS_OUT, Message, Words, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.agents.reading import Json
    from deespec.agents.standin.message import Call, Event


def whole(message: Message) -> Json:
    return {
        "id": f"msg_standin{message.number}",
        "type": "message",
        "role": "assistant",
        "model": message.model,
        "content": [_block(message, at, part) for at, part in enumerate(message.parts)],
        "stop_reason": _reason(message),
        "stop_sequence": None,
        "usage": _usage(TOKENS_OUT),
    }


def events(message: Message) -> Iterator[Event]:
    yield from begin(message)
    for at, part in enumerate(message.parts):
        block = _block(message, at, part)
        if isinstance(part, Words):
            deltas: list[Json] = [{"type": "text_delta", "text": piece} for piece in pieces(part.text)]
            empty = block | {"text": ""}
        else:
            text = json.dumps(part.arguments)
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(text)]
            empty = block | {"input": {}}
        yield _event("content_block_start", index=at, content_block=empty)
        for delta in deltas:
            yield _event("content_block_delta", index=at, delta=delta)
        yield _event("content_block_stop", index=at)
    ending = {"stop_reason": _reason(message), "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage=_usage(TOKENS_OUT))
    yield _event("message_stop")


def begin(message: Message) -> Iterator[Event]:
    opened = whole(message) | {"content": [], "stop_reason": None, "usage": _usage(1)}
    yield _event("message_start", message=opened)
    if not message.parts:
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})


def word(_: Message, text: str) -> Event:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def _event(kind: str, **values: object) -> Event:
    return kind, {"type": kind, **values}


def _block(message: Message, at: int, part: Words | Call) -> Json:
    if isinstance(part, Words):
        return {"type": "text", "text": part.text}
    return {
        "type": "tool_use",
        "id": f"toolu_standin{message.number}x{at}",
        "name": part.tool,
        "input": part.arguments,
    }


def _reason(message: Message) -> str:
    return "tool_use" if message.calls else "end_turn"


def _usage(tokens_out: int) -> Json:
    return {
        "input_tokens": TOKENS_IN,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": TOKENS_CACHED,
        "output_tokens": tokens_out,
        "service_tier": "standard",
    }
