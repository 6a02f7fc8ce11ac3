"""Google's generateContent, as its answers look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.standin.message import TOKENS_CACHED, TOKENS_IN, TOKENS_OUT, Message, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.agents.reading import Json
    from deespec.agents.standin.message import Call, Event

SIGNATURE = "c3RhbmRpbg=="
"""Calls come with one, and the client sends it back."""
USAGE: Json = {
    "promptTokenCount": TOKENS_IN + TOKENS_CACHED,
    "cachedContentTokenCount": TOKENS_CACHED,
    "candidatesTokenCount": TOKENS_OUT,
    "thoughtsTokenCount": 0,
    "totalTokenCount": TOKENS_IN + TOKENS_CACHED + TOKENS_OUT,
}


def whole(message: Message) -> Json:
    parts = [_part(message, at, part) for at, part in enumerate(message.parts)]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": message.model,
        "responseId": f"standin{message.number}",
    }


def events(message: Message) -> Iterator[Event]:
    yield None, whole(message)


def begin(message: Message) -> Iterator[Event]:
    yield word(message, "")


def word(_: Message, text: str) -> Event:
    return None, {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}]}


def _part(message: Message, at: int, part: Words | Call) -> Json:
    if isinstance(part, Words):
        return {"text": part.text}
    call = {"id": f"fc_standin{message.number}x{at}", "name": part.tool, "args": part.arguments}
    return {"functionCall": call, "thoughtSignature": SIGNATURE}
