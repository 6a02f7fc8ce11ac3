"""OpenAI's Chat Completions, as its answers look; many other vendors speak it, too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.agents.standin.message import TOKENS_CACHED, TOKENS_IN, TOKENS_OUT, Message, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.agents.reading import Json
    from deespec.agents.standin.message import Event

USAGE: Json = {
    "prompt_tokens": TOKENS_IN + TOKENS_CACHED,
    "completion_tokens": TOKENS_OUT,
    "total_tokens": TOKENS_IN + TOKENS_CACHED + TOKENS_OUT,
    "prompt_tokens_details": {"cached_tokens": TOKENS_CACHED},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


def whole(message: Message) -> Json:
    said: Json = {"role": "assistant", "content": message.text or None}
    if message.calls:
        said["tool_calls"] = _calls(message)
    choice = {"index": 0, "message": said, "finish_reason": _reason(message), "logprobs": None}
    return _head(message, "chat.completion") | {"choices": [choice], "usage": USAGE}


def events(message: Message) -> Iterator[Event]:
    yield from begin(message)
    for piece in pieces(message.text):
        yield word(message, piece)
    for at, call in enumerate(_calls(message)):
        yield _chunk(message, {"tool_calls": [{"index": at, **call}]})
    yield _chunk(message, {}, _reason(message))
    yield None, _head(message, "chat.completion.chunk") | {"choices": [], "usage": USAGE}


def begin(message: Message) -> Iterator[Event]:
    yield _chunk(message, {"role": "assistant", "content": ""})


def word(message: Message, text: str) -> Event:
    return _chunk(message, {"content": text})


def _chunk(message: Message, delta: Json, reason: str | None = None) -> Event:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return None, _head(message, "chat.completion.chunk") | {"choices": [choice]}


def _head(message: Message, kind: str) -> Json:
    return {
        "id": f"chatcmpl-standin{message.number}",
        "object": kind,
        "created": message.at_s,
        "model": message.model,
    }


def _calls(message: Message) -> list[Json]:
    return [
        {
            "id": f"call_standin{message.number}x{at}",
            "type": "function",
            "function": {"name": call.tool, "arguments": json.dumps(call.arguments)},
        }
        for at, call in enumerate(message.calls)
    ]


def _reason(message: Message) -> str:
    return "tool_calls" if message.calls else "stop"
