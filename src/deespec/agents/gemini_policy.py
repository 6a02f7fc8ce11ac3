"""The rules that Gemini CLI gets: which shell commands it may run without asking. Pure.

Its policy engine takes a command apart and asks for a rule for each piece and one for the whole; a prefix covers what
follows it, redirections only where a rule allows them. A command that substitutes another (`$(...)`) it never runs. A
rule is a pattern over the call's arguments as JSON, so that a closing quote ends the command. [All seen with 0.61.0.]
"""

from __future__ import annotations

import json
import re
import shlex

PRIORITY = 500
PATTERN_MOST = 2_000
"""A longer pattern makes the client refuse the rule."""
SPECIAL = re.compile(r'[-\[\]{}()*+?.,\\^$|#\s"]')
JOINTS = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|(?P<joint>&&|\|\||[;|&\n])""", re.DOTALL)
"""What is quoted, and what joins two commands where it is not."""

ANY_COMMAND = f"""[[rule]]
toolName = "run_shell_command"
decision = "allow"
priority = {PRIORITY}
allowRedirection = true
"""
NO_WEB = f"""[[rule]]
toolName = "web_fetch"
decision = "deny"
priority = {PRIORITY}
"""


def rules_for(report_command: tuple[str, ...], gates: tuple[str, ...]) -> str:
    """A policy file that allows the report command with any arguments, and the gates and their parts as they are."""
    report = f"""[[rule]]
toolName = "run_shell_command"
commandPrefix = {_toml(shlex.join(report_command))}
decision = "allow"
priority = {PRIORITY}
allowRedirection = true
"""
    commands = dict.fromkeys(piece for gate in gates for piece in (gate.strip(), *_parts(gate)) if piece)
    return "\n".join((report, *(_rule(command) for command in commands if _is_fit(command)), NO_WEB))


def _rule(command: str) -> str:
    return f"""[[rule]]
toolName = "run_shell_command"
commandRegex = {_toml(_pattern(command))}
decision = "allow"
priority = {PRIORITY}
allowRedirection = true
"""


def _is_fit(command: str) -> bool:
    """Half characters are in no TOML."""
    return command.isprintable() and len(_pattern(command)) <= PATTERN_MOST


def _pattern(command: str) -> str:
    """This very command, in the JSON of the call's arguments."""
    return SPECIAL.sub(r"\\\g<0>", json.dumps(command, ensure_ascii=False)[1:])


def _toml(text: str) -> str:
    """A basic string of TOML; JSON's strings are such, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _parts(gate: str) -> list[str]:
    """The commands that a shell command is joined from."""
    parts, begin = [], 0
    for found in JOINTS.finditer(gate):
        if found["joint"]:
            parts.append(gate[begin : found.start()].strip())
            begin = found.end()
    return [*parts, gate[begin:].strip()]
