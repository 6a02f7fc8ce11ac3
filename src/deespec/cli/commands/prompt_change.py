"""`prompt edit|reset`: words of the project's own in the place of a built-in prompt, and back."""

from __future__ import annotations

import itertools
import re
import shlex
from typing import TYPE_CHECKING

import click

from deespec.cli import editor, options, output, views
from deespec.cli.commands.prompt_look import difference, older, shape, step_name
from deespec.cli.commands.sbi_edit import FOLDER, kept
from deespec.engine.prompt_rehearsal import rehearsal, rehearsed
from deespec.errors import BadConfig, DeespecError, InvalidInput, NotPossible
from deespec.overrides import MOST_BYTES, put_aside, refuse_unknown, template_of, write_own
from deespec.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.cli.session import Session
    from deespec.engine.prompt_rehearsal import Rehearsed
    from deespec.overrides import Template


@click.command(name="edit")
@step_name
@click.option("-f", "--file", metavar="FILE", help="The whole template, from a file instead of an editor.")
@options.as_json
@options.session
def prompt_edit(session: Session, step: str, file: str | None, as_json: bool) -> int:
    """Change the prompt of a step for this project, in VISUAL or EDITOR. It begins as a copy of the built-in one.

    The template is a small part of Jinja2. One that cannot be rendered, or that asks for what no prompt is given, is
    refused; your text is kept then.
    """
    refuse_unknown(step)
    home = session.app_for_writing().settings.home
    seen = _readable(home, step)
    if seen.is_older and file is None and not as_json:
        output.tell(f"! {clean(older(seen))}")
    begun = seen.builtin if seen.own is None else seen.own
    if file is not None:
        text: str | None = views.read_text(file)
    else:
        text = editor.edit(session, begun, instead=f"deespec prompt edit {step} -f FILE")
    if text is not None and not text.strip():
        raise InvalidInput("A prompt with no words tells agents nothing.", hint=f"deespec prompt reset {step}")
    if text is None or text == seen.own:
        return _tell(seen, seen, as_json=as_json)
    with kept(session, f"prompt-{step}", text, then=f"deespec prompt edit {step} -f"):
        found = _refuse_bad(home, step, text)
        if _readable(home, step).own != seen.own:
            raise NotPossible(f"Somebody else has changed {seen.path} meanwhile.", hint=f"deespec prompt diff {step}")
        write_own(home, step, text)
    if not (found.has_spec and found.has_answer) and not as_json:
        output.tell(f"! {step} has no {'command to answer with' if found.has_spec else 'spec'} any more")
    after = template_of(home, step, rehearsal(home))
    if after.is_older and (file is not None or older(after) != older(seen)) and not as_json:
        output.tell(f"! {clean(older(after))}")
    return _tell(seen, after, as_json=as_json)


@click.command(name="reset")
@step_name
@options.yes
@options.dry_run
@options.as_json
@options.session
def prompt_reset(session: Session, *, step: str, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Go back to the built-in prompt of a step. What the project had in its place is shown, and a copy kept."""
    refuse_unknown(step)
    home = session.app_for_writing().settings.home
    seen = template_of(home, step, rehearsal(home))
    lost = difference(seen)
    copy: Path | None = None
    if seen.overridden:
        if not as_json:
            output.say(clean(lost.rstrip("\n"), lines=True) or f"Nothing in {seen.path} differs in words.")
        if not dry_run:
            session.confirm(f"Put {seen.path} aside, and use the built-in prompt?", yes=yes)
            copy = put_aside(home, step, home / FOLDER)
    if as_json:
        output.emit(step=step, reset=copy is not None, dry_run=dry_run, diff=lost, kept=copy and str(copy))
    elif not seen.overridden:
        output.say(f"{step}: the built-in prompt is used already.")
    elif copy is None:
        output.say(f"It would put {clean(str(seen.path))} aside.")
    else:
        output.say(f"✓ {step}: the built-in prompt is used; what was in its place is kept in {clean(str(copy))}")
    return 0


def _readable(home: Path, step: str) -> Template:
    """Raises BadConfig for one that is no text, or lies elsewhere."""
    seen = template_of(home, step, rehearsal(home))
    if seen.own is None and seen.problem is not None:
        raise BadConfig(seen.problem, hint=f"deespec prompt reset {step}")
    return seen


def _refuse_bad(home: Path, step: str, text: str) -> Rehearsed:
    if len(text.encode()) > MOST_BYTES:
        raise InvalidInput(f"A prompt may have {MOST_BYTES // 1024} KiB.")
    problem = rehearsal(home)(step, text)
    if problem is not None:
        raise InvalidInput(f"The prompt {step} cannot be rendered, line {problem}")
    found = rehearsed(home, step, text)
    if not found.has_spec and not found.has_answer:
        raise InvalidInput(
            f"The prompt {step} has neither the spec nor a command to answer with.",
            hint="{{ item.spec }} is the spec; the built-in prompt shows the commands",
        )
    for order in found.orders:
        if wrong := _misunderstood(order):
            raise InvalidInput(f"The prompt {step} orders what deespec does not understand: {order}: {wrong}")
    return found


def _misunderstood(order: str) -> str | None:
    """What the parser has against a line of shell, up to a pipe or a redirection."""
    lexer = shlex.shlex(order, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(itertools.takewhile(lambda word: word.strip("();<>|&"), lexer))[1:]
    except ValueError as error:
        return str(error)
    ctx = click.get_current_context().find_root()
    command, name = ctx.command, ctx.info_name
    try:
        while isinstance(command, click.Group):
            if not words or re.search(r"^-|\d", words[0]):  # its help, or its default command
                return None
            name, found, words = command.resolve_command(ctx, words)
            assert found is not None, "unknown ones are refused"
            command = found
        command.make_context(name, [word for word in words if word not in ctx.help_option_names], parent=ctx)
    except click.UsageError as error:
        return error.format_message()
    except DeespecError as error:
        return error.message
    return None


def _tell(before: Template, after: Template, *, as_json: bool) -> int:
    changed = before.own != after.own
    if as_json:
        output.emit(**shape(after), changed=changed)
    elif not changed:
        output.say(
            f"{after.step}: nothing was changed; {'the project’s own' if after.own else 'the built-in'} prompt is used."
        )
    else:
        output.say(f"✓ {clean(str(after.path))} takes the place of the built-in prompt")
    return 0
