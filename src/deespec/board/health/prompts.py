"""The prompts of this backlog in place of the built-in ones: can they be used, and are they as new as those."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, broken, ok, warning
from deespec.errors import BadConfig
from deespec.overrides import FOLDER, read_own, steps, template_of
from deespec.suggest import closest

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.overrides import Rehearse, Template

WHY = "no item can be worked on with it; without it the built-in prompt counts"


def of_prompts(home: Path, rehearse: Rehearse) -> list[Finding]:
    found = check_prompts(home, rehearse)
    return found or [ok("prompts", "the built-in prompts are used")]


def check_prompts(home: Path, rehearse: Rehearse) -> list[Finding]:
    """One finding for each template below `prompts/`; [] if there is none."""
    own = [one for step in steps() if (one := template_of(home, step, rehearse)).overridden]
    known = {one.path for one in own}
    others = [path for path in sorted((home / FOLDER).rglob("*.md")) if path not in known]
    return [*map(_age, own), *(_other(home, path) for path in others)]


def _age(one: Template) -> Finding:
    path = one.path
    if one.problem is not None:
        what = one.problem if one.own is None else f"{path}:{one.problem}"
        return broken("prompts", what, why=WHY, fix=f"deespec prompt edit {one.step}" if one.own else _away(path))
    if not one.is_older:
        return ok("prompts", f"{path} takes the place of the built-in one")
    if one.own_stamp is None:
        what = f"{path} does not say which built-in prompt it was made from"
    else:
        what = f"{path} was made from {one.own_stamp}, and the built-in prompt is {one.stamp}"
    why = (
        "an old prompt may order commands that are gone and leave out what agents are told today; once it has what is "
        f"new, it says so by {one.stamp.text}"
    )
    return warning("prompts", what, why=why, fix=f"deespec prompt diff {one.step}")


def _other(home: Path, path: Path) -> Finding:
    name = str(path.relative_to(home / FOLDER))
    try:
        read_own(home, name)
    except BadConfig as error:
        return broken("prompts", error.message, why=WHY, fix=_away(path))
    known = [f"{step}.md" for step in steps()]
    near = closest(name, known)
    meant = f"; did you mean {near}?" if near else f"; there are {', '.join(known)}"
    return warning("prompts", f"{path} is never used{meant}", why="no step has a prompt of that name", fix=_away(path))


def _away(path: Path) -> str:
    return f"rm {shlex.quote(str(path))}"
