"""A tool as clients see it, and the act behind it. What it is given is held against its own schema first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.errors import InvalidInput
from deespec.records import record
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Schema = dict[str, Any]
"""A JSON Schema: one type, and for lists that of their entries."""

TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "text"),
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "array": ((list,), "a list"),
    "object": ((dict,), "an object"),
}
SHOWN_CHARACTERS = 40


@record
class Answer:
    """What a tool has found or done."""

    values: dict[str, Any]
    notes: tuple[str, ...] = ()
    """What is to be known beside it, in words."""


@record
class Tool:
    name: str
    title: str
    description: str
    act: Callable[[Mapping[str, Any]], Answer]
    """Is given arguments as `checked` returns them; raises a DeespecError for what it refuses."""
    properties: Mapping[str, Schema]
    required: tuple[str, ...] = ()
    reads: bool = True
    """It changes nothing."""
    repeatable: bool = True
    """The same call a second time changes nothing more."""

    @property
    def schema(self) -> Schema:
        """Of its arguments."""
        return {
            "type": "object",
            "properties": dict(self.properties),
            "required": list(self.required),
            "additionalProperties": False,
        }


def checked(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without those that are null, words in the schema's own case.

    Raises InvalidInput for what the schema does not know. What a text may hold is for those to say who take it.
    """
    arguments = {}
    for name, value in given.items():
        if name not in tool.properties:
            near = closest(name[:SHOWN_CHARACTERS], tool.properties)
            known = f"It takes {', '.join(tool.properties)}." if tool.properties else "It takes nothing."
            raise InvalidInput(f"{tool.name} takes no {name}.", hint=f"Did you mean {near}?" if near else known)
        if value is not None:
            arguments[name] = _checked(name, value, tool.properties[name])
    missing = [name for name in tool.required if name not in arguments]
    if missing:
        raise InvalidInput(f"{tool.name} needs {' and '.join(missing)}.")
    return arguments


def _checked(name: str, value: Any, schema: Schema) -> Any:
    types, words = TYPES[schema["type"]]
    if schema["type"] == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise InvalidInput(f"{name} takes {words}, not {_kind(value)}.")
    if isinstance(value, list):
        return [_checked(f"Each of {name}", one, schema["items"]) for one in value]
    if "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        raise InvalidInput(f"{name} takes {words} from {schema['minimum']} to {schema['maximum']:,}.")
    if not isinstance(value, str) or "enum" not in schema:
        return value
    meant = next((word for word in schema["enum"] if word.casefold() == value.casefold()), None)
    if meant is None:
        raise InvalidInput(f'{name} takes {", ".join(schema["enum"])}, not "{value:.{SHOWN_CHARACTERS}}".')
    return meant


def _kind(value: object) -> str:
    """What somebody gave instead, in the words of JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
