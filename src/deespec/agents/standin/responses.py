"""OpenAI's Responses, as its answers look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.agents.standin.message import TOKENS_CACHED, TOKENS_IN, TOKENS_OUT, Message, Words, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.agents.reading import Json
    from deespec.agents.standin.message import Call, Event

USAGE: Json = {
    "input_tokens": TOKENS_IN + TOKENS_CACHED,
    "input_tokens_details": {"cached_tokens": TOKENS_CACHED},
    "output_tokens": TOKENS_OUT,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": TOKENS_IN + TOKENS_CACHED + TOKENS_OUT,
}


def whole(message: Message) -> Json:
    return {
        "id": f"resp_standin{message.number}",
        "object": "response",
        "created_at": message.at_s,
        "status": "completed",
        "model": message.model,
        "output": [_item(message, at, part) for at, part in enumerate(message.parts)],
        "usage": USAGE,
        "error": None,
        "incomplete_details": None,
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
    }


def events(message: Message) -> Iterator[Event]:
    for number, (kind, values) in enumerate(_told(message)):
        yield kind, {"type": kind, "sequence_number": number, **values}


def begin(message: Message) -> Iterator[Event]:
    for number, (kind, values) in enumerate((_created(message), _opened(message))):
        yield kind, {"type": kind, "sequence_number": number, **values}


def word(message: Message, text: str) -> Event:
    kind = "response.output_text.delta"
    return kind, {"type": kind, **_place(message, 0), "content_index": 0, "delta": text}


def _told(message: Message) -> Iterator[tuple[str, Json]]:
    yield _created(message)
    for at, part in enumerate(message.parts):
        item = _item(message, at, part)
        place = _place(message, at)
        if isinstance(part, Words):
            yield from _words_told(item, place, part.text)
        else:
            empty = item | {"status": "in_progress", "arguments": ""}
            yield "response.output_item.added", {"output_index": at, "item": empty}
            yield "response.function_call_arguments.delta", {**place, "delta": item["arguments"]}
            yield "response.function_call_arguments.done", {**place, "arguments": item["arguments"]}
        yield "response.output_item.done", {"output_index": at, "item": item}
    yield "response.completed", {"response": whole(message)}


def _words_told(item: Json, place: Json, text: str) -> Iterator[tuple[str, Json]]:
    place = {**place, "content_index": 0}
    empty = item | {"status": "in_progress", "content": []}
    yield "response.output_item.added", {"output_index": place["output_index"], "item": empty}
    yield "response.content_part.added", {**place, "part": _text_part("")}
    for piece in pieces(text):
        yield "response.output_text.delta", {**place, "delta": piece}
    yield "response.output_text.done", {**place, "text": text}
    yield "response.content_part.done", {**place, "part": _text_part(text)}


def _created(message: Message) -> tuple[str, Json]:
    begun = whole(message) | {"status": "in_progress", "output": [], "usage": None}
    return "response.created", {"response": begun}


def _opened(message: Message) -> tuple[str, Json]:
    item = _item(message, 0, Words(text="")) | {"status": "in_progress", "content": []}
    return "response.output_item.added", {"output_index": 0, "item": item}


def _item(message: Message, at: int, part: Words | Call) -> Json:
    name = f"standin{message.number}x{at}"
    if isinstance(part, Words):
        content = [_text_part(part.text)]
        return {
            "type": "message",
            "id": f"msg_{name}",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
    return {
        "type": "function_call",
        "id": f"fc_{name}",
        "call_id": f"call_{name}",
        "name": part.tool,
        "arguments": json.dumps(part.arguments),
        "status": "completed",
    }


def _place(message: Message, at: int) -> Json:
    kind = "fc" if at < len(message.parts) and not isinstance(message.parts[at], Words) else "msg"
    return {"item_id": f"{kind}_standin{message.number}x{at}", "output_index": at}


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": []}
