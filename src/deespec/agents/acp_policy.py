"""What an agent may do that asks first: its requests for leave, judged by the permissions in the settings. Pure but for
paths, which are followed to where they lead.

An agent says what kind of thing it wants to do, and where; the options that it offers for an answer are told apart by
their kind, as each has names of its own for them.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from deespec.agents.reading import below, clean, listed, objects, word
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.agents.reading import Json

EDITS = ("edit", "delete", "move")
READS = ("read", "search", "think")
COMMAND = "execute"
LEAVES_ITS_WORK = "switch_mode"
"""Kinds of what an agent wants to do."""

ALLOW = ("allow_once", "allow_always")
REJECT = ("reject_once", "reject_always")
"""Kinds of answers, the narrowest first."""

PATH_KEYS = ("path", "file_path", "filePath", "filepath", "absolute_path", "abs_path", "notebook_path", "fileName")
"""Where agents say a path besides the places that the protocol has for it."""
CLOSED = frozenset((".git", ".deespec"))
"""Folders that no edit is allowed in: Git would run what is written there, and answers and locks are kept there."""

MORE = re.compile(r"[;&|>()`$#\n\r\0]|<<")
"""What, outside quotes, makes more of a command than one call. After a `#` not even quotes are what they seem."""
SHOWN_CHARACTERS = 200


@record
class Policy:
    """What one call may do."""

    permissions: str
    workspace: Path
    writable: tuple[Path, ...] = ()
    report_command: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()

    def allows(self, tool: Json) -> bool:
        kind = word(tool, "kind") or "other"
        if self.permissions == "everything":
            return True
        if kind in EDITS:
            return self._may_edit(tool)
        if kind in READS:
            return True
        if kind == LEAVES_ITS_WORK:
            return False
        if self.permissions == "edit+shell":
            return True
        return kind == COMMAND and self._may_run(command_of(tool))

    def _may_edit(self, tool: Json) -> bool:
        paths = list(paths_of(tool))
        return bool(paths) and all(self._is_inside(path) for path in paths)

    def _is_inside(self, path: str) -> bool:
        found = os.path.realpath(os.path.join(self.workspace, path))
        for folder in (self.workspace, *self.writable):
            root = os.path.realpath(folder)
            if os.path.commonpath((root, found)) == root:
                return not CLOSED & set(os.path.relpath(found, root).split(os.sep))
        return False

    def _may_run(self, command: str) -> bool:
        return command in {gate.strip() for gate in self.gates if gate.strip()} or is_call_of(
            self.report_command, command
        )


def describe(tool: Json) -> str:
    """What it wants to do, in a line for people."""
    kind = word(tool, "kind") or "other"
    what = command_of(tool) if kind == COMMAND else (word(tool, "title") or next(paths_of(tool), ""))
    return f"{kind}: {' '.join(what.split())[:SHOWN_CHARACTERS]}".rstrip(": ")


def option_for(request: Json, kinds: tuple[str, ...]) -> str | None:
    """The id of the first of these kinds of answer that is offered."""
    offered = {word(option, "kind"): word(option, "optionId") for option in reversed([*objects(request, "options")])}
    return next((offered[kind] for kind in kinds if offered.get(kind)), None)


def command_of(tool: Json) -> str:
    """The command as the shell gets it; agents that do not say it have it for a title."""
    given = below(tool, "rawInput").get("command")
    if isinstance(given, list):
        return shlex.join(str(one) for one in given)
    return (given if isinstance(given, str) else word(tool, "title") or "").strip()


def paths_of(tool: Json) -> Iterator[str]:
    for location in objects(tool, "locations"):
        if path := word(location, "path"):
            yield path
    for content in objects(tool, "content"):
        if word(content, "type") == "diff" and (path := word(content, "path")):
            yield path
    raw = below(tool, "rawInput")
    for key in PATH_KEYS:
        if path := word(raw, key):
            yield path
    yield from (clean(one) for one in listed(raw, "paths") if isinstance(one, str))


def is_call_of(program: tuple[str, ...], command: str) -> bool:
    """Whether a shell command only calls this program: its arguments, a file on its stdin. What runs another command,
    or writes a file, is something else; so is a here-document, whose end only a shell finds for certain."""
    plain = _outside_quotes(command.strip())
    if not program or plain is None or MORE.search(plain):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    return tuple(words[: len(program)]) == program


def _outside_quotes(text: str) -> str | None:
    """What a shell looks for operators and commands in; None: a quote has no end, or a command stands in one."""
    plain: list[str] = []
    quote = ""
    chars = iter(text)
    for char in chars:
        if quote:
            if char == quote:
                quote = ""
            elif quote == '"' and char in "`$":
                return None
            elif quote == '"' and char == "\\":
                next(chars, "")
        elif char in "'\"":
            quote = char
        elif char == "\\":
            next(chars, "")
        else:
            plain.append(char)
    return None if quote else "".join(plain)
