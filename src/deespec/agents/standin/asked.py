"""What a client has asked of a model, read from the four APIs: which turn it is, which tools there are. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.agents.reading import Json, below, listed, objects, word
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

REMINDERS = ("<system-reminder>", "[structured-output-enforce]")
"""How begins what Claude Code says in a person's name. It begins no new round."""


class Api(StrEnum):
    ANTHROPIC = "anthropic"
    CHAT = "chat"
    RESPONSES = "responses"
    GEMINI = "gemini"


PATHS = (
    (re.compile(r"/messages$"), Api.ANTHROPIC),
    (re.compile(r"/chat/completions$"), Api.CHAT),
    (re.compile(r"/responses$"), Api.RESPONSES),
    (re.compile(r"/models/([^/:]+):(?:generateContent|streamGenerateContent)$"), Api.GEMINI),
)
"""What the path of a request ends with."""


@record
class Asked:
    """One request to a model."""

    script: str
    """Which one is to be followed."""
    api: Api
    model: str
    stream: bool
    prompt: str
    """What a person said last."""
    round: int
    """How many rounds of tools have been since."""
    tools: dict[str, Json]
    """The tools that are offered, with the schemas of their arguments."""
    headers: dict[str, str]
    body: Json


@record
class Said:
    """One entry of the talk so far: a person's words, or the results of tools."""

    text: str = ""
    results: bool = False


def read(path: str, headers: dict[str, str], body: Json) -> Asked | None:
    """None: it is no request to a model. The path begins with the name of a script."""
    found, api = next(((found, api) for ending, api in PATHS if (found := ending.search(path))), (None, None))
    if found is None or api is None:
        return None
    said = [*_SAID[api](body)]
    last = max((at for at, one in enumerate(said) if not one.results), default=-1)
    return Asked(
        script=path.split("/")[1],
        api=api,
        model=found.group(1) if api is Api.GEMINI else word(body, "model") or "",
        stream=body.get("stream") is True or path.endswith(":streamGenerateContent"),
        prompt=said[last].text if said else "",
        round=len(said) - 1 - last,
        tools=dict(_TOOLS[api](body)),
        headers=headers,
        body=body,
    )


# --- what was said: results that come together are one round --------------------------------------------------------


def _said_to_anthropic(body: Json) -> Iterator[Said]:
    for message in objects(body, "messages"):
        if word(message, "role") != "user":
            continue
        if any(word(part, "type") == "tool_result" for part in objects(message, "content")):
            yield Said(results=True)
        else:
            texts = [word(message, "content") or "", *_texts(message, "content")]
            own = [text for text in texts if text and not text.startswith(REMINDERS)]
            if own:
                yield Said(text="\n".join(own))


def _said_to_chat(body: Json) -> Iterator[Said]:
    was_result = False
    for message in objects(body, "messages"):
        role = word(message, "role")
        if role == "tool" and not was_result:
            yield Said(results=True)
        if role == "user":
            yield Said(text="\n".join([word(message, "content") or "", *_texts(message, "content")]))
        was_result = role == "tool"


def _said_to_responses(body: Json) -> Iterator[Said]:
    if text := word(body, "input"):
        yield Said(text=text)
    was_result = False
    for item in objects(body, "input"):
        is_result = (word(item, "type") or "").endswith("_output")
        if is_result and not was_result:
            yield Said(results=True)
        if word(item, "role") == "user":
            yield Said(text="\n".join([word(item, "content") or "", *_texts(item, "content")]))
        was_result = is_result


def _said_to_gemini(body: Json) -> Iterator[Said]:
    for content in objects(body, "contents"):
        if word(content, "role") not in ("user", "function"):
            continue
        if any("functionResponse" in part for part in objects(content, "parts")):
            yield Said(results=True)
        else:
            yield Said(text="\n".join(_texts(content, "parts")))


def _texts(message: Json, key: str) -> list[str]:
    return [text for part in objects(message, key) if (text := word(part, "text"))]


_SAID = {
    Api.ANTHROPIC: _said_to_anthropic,
    Api.CHAT: _said_to_chat,
    Api.RESPONSES: _said_to_responses,
    Api.GEMINI: _said_to_gemini,
}


# --- the tools ------------------------------------------------------------------------------------------------------


def _tools_of_anthropic(body: Json) -> Iterator[tuple[str, Json]]:
    return ((word(tool, "name") or "", below(tool, "input_schema")) for tool in objects(body, "tools"))


def _tools_of_chat(body: Json) -> Iterator[tuple[str, Json]]:
    functions = (below(tool, "function") for tool in objects(body, "tools"))
    return ((word(function, "name") or "", below(function, "parameters")) for function in functions)


def _tools_of_responses(body: Json) -> Iterator[tuple[str, Json]]:
    """Tools without a name (a search, say) are not the client's, and tools in a namespace are another server's."""
    return (
        (name, below(tool, "parameters"))
        for tool in objects(body, "tools")
        if word(tool, "type") == "function" and (name := word(tool, "name"))
    )


def _tools_of_gemini(body: Json) -> Iterator[tuple[str, Json]]:
    for tool in objects(body, "tools"):
        for function in objects(tool, "functionDeclarations"):
            schema = below(function, "parametersJsonSchema") or below(function, "parameters")
            yield word(function, "name") or "", schema


_TOOLS = {
    Api.ANTHROPIC: _tools_of_anthropic,
    Api.CHAT: _tools_of_chat,
    Api.RESPONSES: _tools_of_responses,
    Api.GEMINI: _tools_of_gemini,
}


# --- what a schema asks for -----------------------------------------------------------------------------------------


def properties(schema: Json) -> Json:
    return below(schema, "properties")


def required(schema: Json) -> list[str]:
    return [name for name in listed(schema, "required") if isinstance(name, str)]


def kind_of(schema: Json, name: str) -> str:
    """The type of a property, in small letters (Google's are in capitals)."""
    return (word(below(schema, "properties", name), "type") or "").lower()
