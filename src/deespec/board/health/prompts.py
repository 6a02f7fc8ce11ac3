"""The prompts of this backlog in place of the built-in ones: can they be used, and are they as new as those."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, broken, ok, warning
from deespec.suggest import closest

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

MOST_BYTES = 1 << 20
_STAMP = re.compile(r"{#-?\s*deespec-prompt:\s*(\w+)\s+(\d+)\s*-?#}")
"""What a template carries, and its copies with it: which one it is, and its version."""


def of_prompts(home: Path, builtin: Path) -> list[Finding]:
    """`builtin` is the folder of the templates that come with deespec."""
    found = check_prompts(home, builtin)
    return found or [ok("prompts", "the built-in prompts are used")]


def check_prompts(home: Path, builtin: Path) -> list[Finding]:
    """One finding for each template below `prompts/`; [] if there is none."""
    known = {path.name: path.read_text(encoding="utf-8") for path in builtin.glob("*.md")}
    given = {path: _read(path) for path in sorted((home / "prompts").rglob("*.md"))}
    used = {name for text in given.values() if isinstance(text, str) for name in _references(text)}
    return [_prompt(home, path, text, known, builtin=builtin, used=used) for path, text in given.items()]


def _prompt(
    home: Path, path: Path, text: str | OSError | ValueError, known: dict[str, str], *, builtin: Path, used: set[str]
) -> Finding:
    name = str(path.relative_to(home / "prompts"))
    why = "no item can be worked on with it; without it the built-in prompt counts"
    if not isinstance(text, str):
        return broken("prompts", f"{path} cannot be read: {text}", why=why, fix=_away(path))
    wrong = _wrong(text)
    if wrong:
        return broken("prompts", f"{path}:{wrong}", why=why, fix=_away(path))
    if name not in known:
        return _unknown(path, name, known, used)
    strange = sorted(_variables(text) - {one for other in known.values() for one in _variables(other)})
    if strange:
        what = f"{path} asks for {', '.join(strange)}, which no prompt is given"
        return warning(
            "prompts", what, why=why, fix=f"diff {shlex.quote(str(path))} {shlex.quote(str(builtin / name))}"
        )
    return _age(path, _stamp(text), _stamp(known[name]), builtin / name)


def _age(path: Path, own: tuple[str, int] | None, newest: tuple[str, int] | None, builtin: Path) -> Finding:
    assert newest is not None, f"{builtin} has no stamp"
    if own is not None and own[0] == newest[0] and own[1] >= newest[1]:
        return ok("prompts", f"{path} takes the place of the built-in one")
    stamp = f"{{# deespec-prompt: {newest[0]} {newest[1]} #}}"
    if own is None:
        what = f"{path} does not say which built-in prompt it was made from"
    else:
        what = f"{path} was made from {own[0]} {own[1]}, and the built-in prompt is {newest[0]} {newest[1]}"
    why = (
        "an old prompt may order commands that are gone and leave out what agents are told today; once it has what is "
        f"new, it says so by {stamp}"
    )
    return warning("prompts", what, why=why, fix=f"diff {shlex.quote(str(path))} {shlex.quote(str(builtin))}")


def _unknown(path: Path, name: str, known: dict[str, str], used: set[str]) -> Finding:
    if name in used:
        return ok("prompts", f"{path} is part of another one")
    near = closest(name, known)
    meant = f"; did you mean {near}?" if near else f"; there are {', '.join(sorted(known))}"
    return warning("prompts", f"{path} is never used{meant}", why="no step has a prompt of that name", fix=_away(path))


def _away(path: Path) -> str:
    return f"rm {shlex.quote(str(path))}"


def _read(path: Path) -> str | OSError | ValueError:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8")
    except (OSError, ValueError) as error:
        return error


def _stamp(text: str) -> tuple[str, int] | None:
    found = _STAMP.search(text)
    return (found[1], int(found[2])) if found else None


def _wrong(text: str) -> str:
    """`LINE: what` for a template that cannot be used."""
    from jinja2 import TemplateSyntaxError

    try:
        _environment().from_string(text)
    except TemplateSyntaxError as error:
        return f"{error.lineno}: {error.message}"
    return ""


def _variables(text: str) -> set[str]:
    from jinja2 import TemplateSyntaxError, meta

    try:
        return meta.find_undeclared_variables(_environment().parse(text))
    except TemplateSyntaxError:
        return set()


def _references(text: str) -> set[str]:
    from jinja2 import TemplateSyntaxError, meta

    try:
        return {name for name in meta.find_referenced_templates(_environment().parse(text)) if name}
    except TemplateSyntaxError:
        return set()


def _environment() -> Environment:
    """It knows what prompts know, for looking only."""
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment()
    environment.filters["short"] = str
    return environment
