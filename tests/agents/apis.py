"""Clients of the four model APIs, as small as can be: what they send, and what they read from an answer."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from deespec.agents.standin.asked import Api
from deespec.records import record

Json = dict[str, Any]

PATHS = {
    Api.ANTHROPIC: "/v1/messages?beta=true",
    Api.CHAT: "/v1/chat/completions",
    Api.RESPONSES: "/v1/responses",
    Api.GEMINI: "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
}
SCHEMA = {
    "type": "object",
    "properties": {"command": {"type": "string"}, "timeout": {"type": "number"}},
    "required": ["command", "timeout"],
}
WRITE = {"type": "object", "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}}}
TOOLS = {"Bash": SCHEMA, "Write": WRITE}
PATIENCE_S = 20


@record
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    text: str = ""
    calls: tuple[tuple[str, Json], ...] = ()
    tokens: tuple[int, int] = (0, 0)
    """In and out, those from the cache included."""
    ended: bool = True
    body: Json | None = None


def ask(url: str, api: Api, prompt: str = "Do it.", *, rounds: int = 0, tools: Json | None = None) -> Got:
    """Asks and reads the whole stream."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=PATIENCE_S)
    body = json.dumps(BODIES[api](prompt, rounds, TOOLS if tools is None else tools))
    connection.request("POST", place.path + PATHS[api], body=body, headers={"content-type": "application/json"})
    answer = connection.getresponse()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    try:
        raw, ended = answer.read(), True
    except http.client.IncompleteRead as error:
        raw, ended = error.partial, False
    connection.close()
    if headers["content-type"] != "text/event-stream":
        return Got(status=answer.status, headers=headers, body=json.loads(raw))
    events = [json.loads(line[6:]) for line in raw.decode().splitlines() if line[:7] in ("data: {", "data: [{")]
    return READERS[api](Got(status=answer.status, headers=headers, ended=ended), events)


# --- what is sent ---------------------------------------------------------------------------------------------------


def _anthropic(prompt: str, rounds: int, tools: Json) -> Json:
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]}
    reminder = {"type": "text", "text": "<system-reminder>Be good.</system-reminder>"}
    first = {"role": "user", "content": [reminder, {"type": "text", "text": prompt}]}
    offered = [{"name": name, "input_schema": schema} for name, schema in tools.items()]
    return {"model": "m", "stream": True, "tools": offered, "messages": [first, *[call, result] * rounds]}


def _chat(prompt: str, rounds: int, tools: Json) -> Json:
    results = [{"role": "tool", "tool_call_id": "t", "content": "ok"}] * 2  # of two calls at once: one round
    said = [{"role": "system", "content": "Be good."}, {"role": "user", "content": prompt}]
    offered = [{"type": "function", "function": {"name": name, "parameters": one}} for name, one in tools.items()]
    talk = [*said, *[{"role": "assistant", "content": None}, *results] * rounds]
    return {"model": "m", "stream": True, "tools": offered, "messages": talk}


def _responses(prompt: str, rounds: int, tools: Json) -> Json:
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": prompt}]}
    call = {"type": "function_call", "name": "Bash", "arguments": "{}", "call_id": "t"}
    offered = [{"type": "function", "name": name, "parameters": one} for name, one in tools.items()]
    offered += [{"type": "web_search"}]  # none of the client's own
    talk = [said, *[call, {"type": "function_call_output", "call_id": "t", "output": "ok"}] * rounds]
    return {"model": "m", "stream": True, "tools": offered, "input": talk}


def _gemini(prompt: str, rounds: int, tools: Json) -> Json:
    result = {"role": "user", "parts": [{"functionResponse": {"name": "Bash", "response": {"output": "ok"}}}]}
    call = {"role": "model", "parts": [{"functionCall": {"name": "Bash", "args": {}}}]}
    offered = [{"name": name, "parametersJsonSchema": schema} for name, schema in tools.items()]
    talk = [{"role": "user", "parts": [{"text": prompt}]}, *[call, result] * rounds]
    return {"tools": [{"functionDeclarations": offered}], "contents": talk}


BODIES = {Api.ANTHROPIC: _anthropic, Api.CHAT: _chat, Api.RESPONSES: _responses, Api.GEMINI: _gemini}


# --- what is read ---------------------------------------------------------------------------------------------------


def _read_anthropic(got: Got, events: list[Json]) -> Got:
    text, calls, tokens = "", [], (0, 0)
    for event in events:
        match event["type"]:
            case "content_block_start" if event["content_block"]["type"] == "tool_use":
                calls.append([event["content_block"]["name"], ""])
            case "content_block_delta" if event["delta"]["type"] == "text_delta":
                text += event["delta"]["text"]
            case "content_block_delta":
                calls[-1][1] += event["delta"]["partial_json"]
            case "message_delta":
                usage = event["usage"]
                tokens = (usage["input_tokens"] + usage["cache_read_input_tokens"], usage["output_tokens"])
    found = tuple((name, json.loads(inputs)) for name, inputs in calls)
    return _with(got, text, found, tokens)


def _read_chat(got: Got, events: list[Json]) -> Got:
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    calls = [call["function"] for delta in deltas for call in delta.get("tool_calls", ())]
    usage = next((event["usage"] for event in events if "usage" in event), None)
    tokens = (usage["prompt_tokens"], usage["completion_tokens"]) if usage else (0, 0)
    text = "".join(delta.get("content") or "" for delta in deltas)
    return _with(got, text, tuple((call["name"], json.loads(call["arguments"])) for call in calls), tokens)


def _read_responses(got: Got, events: list[Json]) -> Got:
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    calls = tuple((one["name"], json.loads(one["arguments"])) for one in items if one["type"] == "function_call")
    done = next((event["response"]["usage"] for event in events if event["type"] == "response.completed"), None)
    return _with(got, text, calls, (done["input_tokens"], done["output_tokens"]) if done else (0, 0))


def _read_gemini(got: Got, events: list[Json]) -> Got:
    parts = [part for event in events for one in event["candidates"] for part in one["content"]["parts"]]
    calls = tuple(
        (part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts if "functionCall" in part
    )
    usage = next((event["usageMetadata"] for event in events if "usageMetadata" in event), None)
    tokens = (usage["promptTokenCount"], usage["candidatesTokenCount"]) if usage else (0, 0)
    return _with(got, "".join(part.get("text", "") for part in parts), calls, tokens)


def _with(got: Got, text: str, calls: tuple[tuple[str, Json], ...], tokens: tuple[int, int]) -> Got:
    return Got(status=got.status, headers=got.headers, ended=got.ended, text=text, calls=calls, tokens=tokens)


READERS = {
    Api.ANTHROPIC: _read_anthropic,
    Api.CHAT: _read_chat,
    Api.RESPONSES: _read_responses,
    Api.GEMINI: _read_gemini,
}
