"""What one line of an agent's output says to a person who watches it work. Pure; no line, however broken, fails.

The clients that print JSON have a part of their own for it (`claude_spoken.py` ...), loaded when it is needed; all
others print text. A line is taken for itself, so that a reader may begin anywhere. What a client has masked in its
output is masked here.
"""

from __future__ import annotations

import os
import shlex
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from deespec.agents.reading import below, listed, objects, parse, word
from deespec.records import record
from deespec.text import clean, without_ansi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from deespec.agents.reading import Json
    from deespec.model.money import Usage

JSON_KINDS = ("claude", "codex", "gemini", "opencode", "acp")
WORDS_CHARACTERS = 20_000
"""Of what an agent says at once."""
LINE_CHARACTERS = 500
"""Of anything else."""
LINE_BYTES = 2 * 1024 * 1024
"""Of a line of JSON; a longer one is a cut one."""
TEXT_BYTES = 64 * 1024
"""Of a line of text; a progress bar is one line, of which the end counts."""
COMMAND_CHARACTERS = 20_000
"""Of a command that is looked into."""


class Source(StrEnum):
    WORDS = "words"
    """What the agent says."""
    THOUGHT = "thought"
    TOOL = "tool"
    """What it does, in a short line: `$ pytest -q`, `edit src/a.py`."""
    RESULT = "result"
    """How the output of that begins."""
    ERROR = "error"
    NOTE = "note"
    """Text of a program that prints no events, and everything on stderr."""


@record
class Said:
    source: Source
    text: str
    """Without control characters but newlines and tabs, and those in WORDS, THOUGHT and ERROR only."""
    piece: str = ""
    """Which message this is a piece of, if it comes in pieces: the pieces of one go on where the last one ended."""


class Meter(Protocol):
    """Counts what a call has used so far as the ledger will, from the lines of its output."""

    def feed(self, line: bytes) -> object: ...

    def usage(self) -> Usage:
        """None where the client has not said anything yet."""


class _Part(Protocol):
    """What the module of a client holds."""

    said: Callable[[Json], Iterable[Said]]
    meter: Callable[[str | None, Callable[[str], Usage]], Meter]


def spoken(kind: str | None, line: bytes | str) -> tuple[Said, ...]:
    """Of one line without its newline; `kind` is the agent's, "" for plain text, None for whoever fits."""
    if kind is not None and kind not in JSON_KINDS:
        return plain(line)
    event = parse(line) if len(line) <= LINE_BYTES else {}
    if not event:
        data = line.encode(errors="replace") if isinstance(line, str) else line
        return () if data.lstrip()[:1] in (b"{", b"[", b"") else plain(data)
    for one in (kind,) if kind is not None else JSON_KINDS:
        found = tuple(_harmless(_part(one).said(event)))
        if found:
            return found
    return ()


def plain(line: bytes | str, most: int = LINE_CHARACTERS) -> tuple[Said, ...]:
    """A line of text as a terminal would have left it, in so many characters at most."""
    data = line.encode(errors="replace") if isinstance(line, str) else line
    kept = data[-TEXT_BYTES:] if b"\r" in data else data[:TEXT_BYTES]
    text = clean(without_ansi(kept.decode(errors="replace")).replace("\t", " ")).rstrip()
    return (Said(source=Source.NOTE, text=shortened(text, most)),) if text else ()


def meter(kind: str, *, model: str | None, before: Callable[[str], Usage]) -> Meter | None:
    """For one call; `before` says what a session had used before it. None: this kind says nothing while it works."""
    return _part(kind).meter(model, before) if kind in JSON_KINDS else None


def _part(kind: str) -> _Part:
    found: _Part = import_module(f"deespec.agents.{kind}_spoken")
    return found


def _harmless(found: Iterable[Said]) -> Iterator[Said]:
    """Whatever the client's part has taken out of an event, for any terminal and page."""
    for one in found:
        long = one.source in (Source.WORDS, Source.THOUGHT, Source.ERROR)
        text = _complaint(one.text) if one.source is Source.ERROR else one.text
        text = without_ansi(text[: WORDS_CHARACTERS + 1] if long else text[: 20 * LINE_CHARACTERS])
        text = clean(text, lines=True) if long else clean(text.replace("\t", " "))
        if not one.piece:
            text = text.strip()
        text = shortened(text, WORDS_CHARACTERS if long else LINE_CHARACTERS)
        if text:
            yield Said(source=one.source, text=text, piece=one.piece[:LINE_CHARACTERS])


def _complaint(text: str) -> str:
    """What an API's error says, where its whole body is told."""
    found = parse(text) if text.lstrip()[:1] == "{" else {}
    return word(below(found, "error"), "message") or word(found, "message") or text


# --- for the parts ----------------------------------------------------------------------------------------------------

VERBS = {
    **dict.fromkeys(("bash", "shell", "run_shell_command", "execute", "exec", "terminal"), "$"),
    **dict.fromkeys(("edit", "multiedit", "replace", "notebookedit", "str_replace", "apply_patch", "patch"), "edit"),
    **dict.fromkeys(("write", "write_file", "create", "create_file"), "write"),
    **dict.fromkeys(("read", "read_file", "view", "read_many_files", "notebookread"), "read"),
    **dict.fromkeys(("delete", "delete_file"), "delete"),
    **dict.fromkeys(("move", "rename"), "move"),
    **dict.fromkeys(("glob", "grep", "search", "search_file_content", "find", "codesearch"), "search"),
    **dict.fromkeys(("ls", "list", "list_directory", "list_dir"), "list"),
    **dict.fromkeys(("fetch", "webfetch", "web_fetch"), "fetch"),
    **dict.fromkeys(("websearch", "web_search", "google_web_search"), "search the web"),
    **dict.fromkeys(("task", "agent"), "helper"),
    **dict.fromkeys(("todowrite", "write_todos", "update_plan", "taskcreate", "taskupdate"), "plan"),
    "think": "think",
}
"""How people call what clients name in so many ways."""
AIMS = (
    *("command", "file_path", "filePath", "absolute_path", "notebook_path", "pattern", "query", "path", "dir_path"),
    *("url", "description", "subject", "title", "prompt", "skill", "name"),
)
"""Arguments that say what a tool is used on, those first that say most."""


def aim_of(asked: Json) -> str | None:
    """What a tool is to be used on, by its arguments."""
    if isinstance(asked.get("command"), list):
        return shlex.join(str(one) for one in listed(asked, "command")[:100])
    return next((found for key in AIMS if (found := word(asked, key))), None)


def used(tool: str, asked: Json) -> Said:
    """A tool and what it is used on, in a short line."""
    return done(tool, aim_of(asked) or "")


def done(tool: str, aim: str) -> Said:
    verb = VERBS.get(tool.casefold(), tool)
    aim = command_in(aim) if verb == "$" else first_line(aim)
    return Said(source=Source.TOOL, text=f"{verb} {aim}".rstrip() if aim or verb != "$" else tool)


def command_in(text: str) -> str:
    """A command in one line, without the shell that it is given to."""
    try:
        words = shlex.split(text[:COMMAND_CHARACTERS]) if "sh " in text[:40] else []
    except ValueError:
        words = []
    if len(words) == 3 and os.path.basename(words[0]) in ("bash", "sh", "zsh") and words[1] in ("-c", "-lc", "-ec"):
        text = words[2]
    return first_line(text)


def result(text: str, *, exit_code: int | None = None) -> Said:
    """How a tool's output begins, and that it failed."""
    shown = first_line(without_ansi(text[:WORDS_CHARACTERS]))
    if exit_code:
        shown = f"exit {exit_code}: {shown}" if shown else f"exit {exit_code}"
    return Said(source=Source.RESULT, text=shown)


def handed_in(text: str) -> str:
    """An agent's answer as data in words; any other text as it is."""
    found = parse(text) if text.lstrip()[:1] == "{" else {}
    return answer_in(found) or text


def answer_in(found: Json) -> str | None:
    """What people read of an answer as data: its report, its question, how many drafts and findings it has."""
    report = word(found, "question") or word(found, "report")
    if report is None:
        return None
    chosen = word(found, "decision") or word(found, "type")
    counts = [f"{len(listed(found, key))} {key}" for key in ("drafts", "findings") if listed(found, key)]
    return "\n".join((f"{chosen}: {report}" if chosen else report, *counts))


def texts_of(content: object) -> str:
    """The text of a message's or a result's content: a string, or a list of blocks."""
    if isinstance(content, str):
        return word({"": content}, "") or ""
    blocks = objects({"": content}, "")
    return "\n".join(filter(None, (word(one, "text") or word(below(one, "content"), "text") for one in blocks)))


def first_line(text: str) -> str:
    """The first line that is not empty; an ellipsis if it is not the only one."""
    lines = iter(text[:WORDS_CHARACTERS].splitlines())
    first = next((line.strip() for line in lines if line.strip()), "")
    return f"{first} …" if first and any(line.strip() for line in lines) else first


def shortened(text: str, most: int = LINE_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
