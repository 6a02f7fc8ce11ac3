"""What a turn of a script comes to for the client that asks: calls of the very tools that it offers. Pure."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from deespec.agents.reading import Json, below, listed
from deespec.agents.standin.asked import kind_of, properties, required
from deespec.agents.standin.message import Call, Words
from deespec.agents.standin.script import Act, Say, Shell, Structured, Turn, Use, Work, Write

if TYPE_CHECKING:
    from deespec.agents.standin.asked import Asked

SHELLS = ("Bash", "bash", "run_shell_command", "shell_command", "exec_command", "shell", "mcp__acp__Bash", "terminal")
"""What clients call their tool for commands; others are found by a word in the name."""
LIKE_A_SHELL = re.compile(r"bash|shell|exec", re.IGNORECASE)
WRITERS = ("Write", "write_file", "write", "create", "mcp__acp__Write")
PATHS = ("file_path", "filePath", "path", "absolute_path")
CONTENTS = ("content", "file_text")
STRUCTURED = ("StructuredOutput", "structured_output")
LONG_MS = 60_000
"""For tools that have to be told how long a command may take."""

ITEM = re.compile(r"\*\*([A-Z]+-\d+): ")
FOLDER = re.compile(r"in the folder (.+)\.$", re.MULTILINE)
COMMAND = re.compile(
    r"^    (.+ (?:sbi (?:report --type (?:implement|resolve)|review --decision SUCCEEDED)|pbi propose) -f (.+))$", re.M
)
"""The command that says that all went well, and the file for its words."""


def parts_of(acts: tuple[Act, ...], asked: Asked) -> tuple[Words | Call, ...]:
    return tuple(_part(act, asked) for act in acts)


def work(asked: Asked) -> Turn:
    """The turn that does what the engine's prompt says. A question of the client's own is answered in words."""
    item, folder, command = ITEM.search(asked.prompt), FOLDER.search(asked.prompt), COMMAND.search(asked.prompt)
    if not (item and folder and command):
        return (Say(text="It is done."),)
    said = f"I have looked after {item.group(1)}."
    text = _proposal(said) if " pbi propose " in command.group(1) else f"{said}\n"
    words = Write(path=shlex.split(command.group(2))[0], content=text)
    steps: list[Act] = [words, Shell(command=command.group(1)), Say(text="It is done.")]
    if " sbi report " in command.group(1):
        steps.insert(0, Write(path=f"{folder.group(1)}/{item.group(1)}.txt", content=f"Made for {item.group(1)}.\n"))
    return (steps[min(asked.round, len(steps) - 1)],)


def _proposal(report: str) -> str:
    usual = {
        "acceptance": [{"given": "nobody there", "when": "it is started", "then": "it says so"}],
        "estimate_hours": 2,
    }
    greeting = {"title": "Greeting", "spec": "Say hello."} | usual
    farewell = {"title": "Farewell", "spec": "Say goodbye.", "needs": ["1"]} | usual
    return json.dumps({"report": report, "drafts": [greeting, farewell]})


def turn_of(script: tuple[Turn, ...], asked: Asked) -> Turn:
    turn = script[min(asked.round, len(script) - 1)]
    return work(asked) if isinstance(turn, Work) else turn


def _part(act: Act, asked: Asked) -> Words | Call:
    match act:
        case Say(text=text):
            return Words(text=text)
        case Shell(command=command):
            return _shell(command, asked.tools)
        case Write(path=path, content=content):
            return _write(path, content, asked.tools)
        case Use(tool=tool, arguments=arguments):
            return Call(tool=tool, arguments=arguments)
        case Structured(values=values):
            name = next((one for one in STRUCTURED if one in asked.tools), None)
            return Words(text=json.dumps(values)) if name is None else Call(tool=name, arguments=values)


def _shell(command: str, tools: dict[str, Json]) -> Words | Call:
    name = next((one for one in SHELLS if one in tools), None) or next(filter(LIKE_A_SHELL.search, tools), None)
    if name is None:
        return Words(text=f"I was given no tool for commands, only {', '.join(tools) or 'none at all'}.")
    key = "cmd" if "cmd" in properties(tools[name]) else "command"
    is_list = kind_of(tools[name], key) == "array"
    return Call(tool=name, arguments=_filled(tools[name], {key: ["bash", "-c", command] if is_list else command}))


def _write(path: str, content: str, tools: dict[str, Json]) -> Words | Call:
    name = next((one for one in WRITERS if one in tools), None)
    if name is None:
        return _shell(f"cat > {shlex.quote(path)} <<'END_OF_FILE'\n{content.rstrip()}\nEND_OF_FILE", tools)
    known = properties(tools[name])
    path_key = next((key for key in PATHS if key in known), PATHS[0])
    content_key = next((key for key in CONTENTS if key in known), CONTENTS[0])
    return Call(tool=name, arguments=_filled(tools[name], {path_key: path, content_key: content}))


def _filled(schema: Json, arguments: Json) -> Json:
    """With something for all else that the tool requires."""
    return {name: _anything(schema, name) for name in required(schema)} | arguments


def _anything(schema: Json, name: str) -> object:
    choices = listed(below(schema, "properties", name), "enum")
    if choices:
        return choices[0]
    match kind_of(schema, name):
        case "boolean":
            return False
        case "number" | "integer":
            return LONG_MS if "timeout" in name else 1
        case "array":
            return []
        case "object":
            return {}
        case _:
            return "as the script says"
