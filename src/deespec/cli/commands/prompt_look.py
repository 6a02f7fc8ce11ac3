"""`prompt show|list|diff`: what agents are told, and where the project says it in words of its own."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from deespec.cli import options, output
from deespec.engine.prompt_preview import preview
from deespec.engine.prompt_rehearsal import rehearsal
from deespec.model.items import Kind
from deespec.model.lifecycle import Step
from deespec.overrides import refuse_unknown, steps, template_of
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session
    from deespec.overrides import Template


def complete_steps(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    return [step for step in steps() if step.startswith(begun)]


step_name = click.argument("step", metavar="STEP", shell_complete=complete_steps)


@click.command(name="show")
@step_name
@options.one_id
@options.as_json
@options.session
def prompt_show(session: Session, step: str, item_id: str, as_json: bool) -> int:
    """Print what an agent would be told in the next turn of this step. Nothing is written or made.

    STEP is implement, review or resolve with an SBI, decompose with a PBI.
    """
    refuse_unknown(step)
    kind = Kind.PBI if step == Step.DECOMPOSE else Kind.SBI
    known = session.item_id(item_id, kind if item_id.strip().isdecimal() else None)
    text, told = preview(session.app, step, known)
    if as_json:
        output.emit(step=step, id=known, prompt=text, warnings=list(told))
        return 0
    for words in told:
        output.tell(f"! {clean(words)}")
    output.say(clean(text.rstrip("\n"), lines=True))
    return 0


@click.command(name="list")
@options.as_json
@options.session
def prompt_list(session: Session, as_json: bool) -> int:
    """List the prompts: built-in or the project's own, their versions, and whether they can be used."""
    home = session.app.settings.home
    found = [template_of(home, step, rehearsal(home)) for step in steps()]
    if as_json:
        output.emit(items=[shape(one) for one in found])
        return 0
    rows = [(one.step, str(one.stamp.version), _own_version(one), _state(one)) for one in found]
    for text in output.table(("STEP", "BUILT-IN", "OWN", "STATE"), rows, session.style, elastic=3):
        output.say(text)
    return 0


@click.command(name="diff")
@click.argument("step", metavar="[STEP]", required=False, shell_complete=complete_steps)
@options.as_json
@options.session
def prompt_diff(session: Session, step: str | None, as_json: bool) -> int:
    """Show how the project's own prompts differ from the built-in ones of today."""
    if step is not None:
        refuse_unknown(step)
    home = session.app.settings.home
    found = [template_of(home, one, rehearsal(home)) for one in ((step,) if step else steps())]
    own = [one for one in found if one.overridden]
    if as_json:
        output.emit(items=[{**shape(one), "diff": difference(one)} for one in own])
        return 0
    for one in own:
        _show_difference(one)
    if not own:
        output.say(f"{step}: the built-in prompt is used." if step else "The built-in prompts are used.")
    return 0


def shape(one: Template) -> dict[str, object]:
    """As programs see it."""
    return {
        "step": one.step,
        "builtin": one.stamp.version,
        "own": str(one.path) if one.overridden else None,
        "made_from": None if one.own_stamp is None else {"step": one.own_stamp.step, "version": one.own_stamp.version},
        "older": one.is_older,
        "problem": one.problem,
    }


def difference(one: Template) -> str:
    """A unified diff from the built-in template to the project's own; empty if that is the same, or no text."""
    if one.own is None:
        return ""
    before, after = one.builtin.splitlines(keepends=True), one.own.splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, fromfile=f"built-in {one.step}.md", tofile=str(one.path))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def older(one: Template) -> str:
    """What there is to know of the project's own template if it is older than the built-in one."""
    if one.own_stamp is None:
        return f"{one.path} does not say which built-in prompt it was made from; with {one.stamp.text} it does"
    made = f"{one.path} was made from {one.own_stamp}, and the built-in prompt is {one.stamp}"
    return f"{made}: what is new there is missing. When it is in, say so by {one.stamp.text}"


def _show_difference(one: Template) -> None:
    if one.problem is not None:
        output.tell(f"! {clean(one.problem if one.own is None else f'{one.path}:{one.problem}')}")
    if one.is_older:
        output.tell(f"! {clean(older(one))}")
    if text := difference(one):
        output.say(clean(text.rstrip("\n"), lines=True))
    elif one.own is not None:
        output.say(f"{clean(str(one.path))} is the same as the built-in prompt.")


def _own_version(one: Template) -> str:
    if not one.overridden:
        return "-"
    if one.own_stamp is None:
        return "?"
    known = one.own_stamp
    return str(known.version) if known.step == one.step else str(known)


def _state(one: Template) -> str:
    if one.problem is not None:
        return f"cannot be used: {one.problem}" if one.own is None else f"cannot be used: line {one.problem}"
    if not one.overridden:
        return "built-in"
    if one.own_stamp is None:
        return f"own, made from an unknown one → deespec prompt diff {one.step}"
    return f"own, older than the built-in one → deespec prompt diff {one.step}" if one.is_older else "own"
