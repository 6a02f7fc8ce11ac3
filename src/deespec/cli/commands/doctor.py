"""`doctor`: every check with its remedy. It looks and changes nothing, but for what `--fix` may do."""

from __future__ import annotations

import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec import __version__, config
from deespec.app import App
from deespec.board.health import (
    disk,
    files,
    labels,
    leftovers,
    library,
    permissions,
    programs,
    prompts,
    settings,
    state,
    upkeep,
    work,
    worktrees,
)
from deespec.board.health.findings import Finding, Level, broken
from deespec.cli import mending, options, output
from deespec.clock import Clock
from deespec.config_home import find_home
from deespec.engine import remains
from deespec.engine.itself import own_command
from deespec.engine.prompt_rehearsal import rehearsal
from deespec.errors import BadConfig, InvalidInput, StoreUnusable
from deespec.text import clean, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.cli.mending import Done
    from deespec.cli.session import Session

MARKS = {Level.OK: "✓", Level.WARNING: "!", Level.BROKEN: "✗"}
COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.BROKEN: "red"}
BUSY = "3 s"
"""So long it waits for others; a doctor who has to wait longer says so."""
INDENT = "    "

Found = dict[str, list[Finding]]
"""By theme, in the order in which they are shown."""


@click.command()
@click.option("--strict", is_flag=True, help="Exit 2 on warnings.")
@click.option("--fix", is_flag=True, help="Do what is safe while others work, then look again.")
@click.option("--dry-run", is_flag=True, help="With --fix: say what it would do, and do nothing.")
@options.as_json
@options.session
def doctor(session: Session, *, strict: bool, fix: bool, dry_run: bool, as_json: bool) -> int:
    """Check the backlog and everything it stands on, and say what to do about what is wrong.

    Looked at are the database and its place, workers and locks, settings, gates and prompts, agents and Git. --fix
    takes write permission from others, frees what the dead hold, and removes what turns that are over left behind.

    Exit 0, with warnings too unless --strict; 1 if something is broken.
    """
    if dry_run and not fix:
        raise InvalidInput("--dry-run says what --fix would do.", hint="deespec doctor --fix --dry-run")
    if fix and session.turn is not None:
        session.app_for_writing()  # raises InsideTurn for the turn's own backlog
    session.overrides["store.busy_timeout"] = BUSY
    app, bad = _open(session)
    found = _examine(session, app, bad)
    done: list[Done] = []
    if fix:
        deeds = mending.plan(app, [one for part in found.values() for one in part])
        done = mending.would_do(deeds) if dry_run else mending.carry_out(deeds)
        found = found if dry_run else _examine(session, app, bad)
    if as_json:
        fixed = {"done": [_done_json(one) for one in done], "dry_run": dry_run} if fix else {}
        output.emit(**fixed, findings=[_json(theme, one) for theme, part in found.items() for one in part])
    else:
        _show(session, found, done if fix else None, dry_run=dry_run)
    levels = {one.level for part in found.values() for one in part}
    if Level.BROKEN in levels:
        return 1
    return 2 if strict and Level.WARNING in levels else 0


def _open(session: Session) -> tuple[App, BadConfig | None]:
    """Without valid settings everything else is still looked at, with the defaults."""
    home = find_home(session.home, session.env, Path.cwd())
    try:
        return session.app, None
    except BadConfig as error:
        env = tuple((name, value) for name, value in session.env.items() if not name.startswith("DEESPEC"))
        bare = config.Settings(home=home, root=home.parent, child_env=env, busy_timeout_ms=3_000)
        return App(bare, clock=Clock(), env=session.env), error


def _examine(session: Session, app: App, bad: BadConfig | None) -> Found:
    env, home = session.env, app.settings.home
    parts: dict[str, list[Callable[[], list[Finding]]]] = {
        "Place": [lambda: disk.of_disk(home), lambda: permissions.of_permissions(home)],
        "Database": [
            *(lambda: library.of_library(env), lambda: files.of_files(home)),
            *(lambda: _of_store(app), lambda: leftovers.of_replaced(home)),
        ],
        "Workers": [lambda: _of_workers(app)],
        "Settings": [
            lambda: [settings.of_bad_settings(bad)] if bad else settings.of_settings(app, env),
            *(lambda: prompts.of_prompts(home, rehearsal(home)), lambda: _of_labels(app)),
        ],
        "Agents and Git": [lambda: [] if bad else work.of_agents(app), lambda: work.of_git(app)],
        "Programs": [lambda: programs.of_programs(env, own=own_command()[0], version=__version__)],
    }
    return {theme: [one for look in looks for one in _looked(look)] for theme, looks in parts.items()}


def _looked(look: Callable[[], list[Finding]]) -> list[Finding]:
    """What cannot be looked at hides nothing else."""
    try:
        return look()
    except OSError as error:
        what = f"{error.filename or 'something'} cannot be looked at: {error.strerror}"
        why = "what is wrong there is not known"
        return [broken("unreadable", what, why=why, fix=f"ls -ld {shlex.quote(str(error.filename or '.'))}")]


def _of_store(app: App) -> list[Finding]:
    found: list[Finding] = []
    try:
        found += state.of_state(app, state.look(app))
        found.append(state.of_invariants(app))
        found += upkeep.of_upkeep(app)
    except StoreUnusable as error:
        found.append(state.of_opening(error))
    return found


def _of_labels(app: App) -> list[Finding]:
    try:
        return labels.of_labels(app)
    except StoreUnusable:
        return []  # _of_store() tells it


def _of_workers(app: App) -> list[Finding]:
    """Those who work with the store, and what they left; nothing where it cannot be opened, as was told already."""
    try:
        found = state.of_workers(app, state.look(app))
        found += worktrees.of_worktrees(app)
        left = remains.find(app)
    except StoreUnusable:
        return []
    return [*found, leftovers.of_leftovers(left.outboxes, left.files, left.partial)]


# --- showing --------------------------------------------------------------------------------------------------------


def _json(theme: str, one: Finding) -> dict[str, str | bool]:
    words = {"level": one.level, "id": one.id, "theme": theme, "what": one.what, "why": one.why, "fix": one.fix}
    return {**words, "fixable": one.fixable}


def _done_json(one: Done) -> dict[str, str | bool]:
    return {"id": one.id, "what": one.what, "failed": one.failed}


def _show(session: Session, found: Found, done: list[Done] | None, *, dry_run: bool) -> None:
    # Not session.style, which asks the settings: they may be what is broken.
    how = output.style(no_color=session.no_color, env_no_color="NO_COLOR" in session.env)
    if done is not None:
        _show_done(done, how, dry_run=dry_run)
    for theme, part in found.items():
        if part:
            output.say(output.paint(theme, "bold", how))
        for one in part:
            _show_one(one, how)
    output.say()
    output.say(_summary([one for part in found.values() for one in part], offer=done is None))


def _show_done(done: list[Done], how: output.Style, *, dry_run: bool) -> None:
    for one in done:
        mark, colour = ("✗", "red") if one.failed else ("→", None) if dry_run else ("✓", "green")
        output.say(f"{output.paint(mark, colour, how)} {clean(one.what)}")
    if not done:
        output.say("Nothing to fix that doctor may do by itself.")
    output.say()


def _show_one(one: Finding, how: output.Style) -> None:
    mark = output.paint(MARKS[one.level], COLOURS[one.level], how)
    what = clean(one.what)
    if one.level is Level.OK:
        output.say(f"  {mark} {what if how.width is None else cut(what, how.width - len(INDENT), how.ambiguous_width)}")
        return
    first, *rest = _wrapped(what, how)
    output.say(f"  {mark} {first}")
    for line in (*rest, *_wrapped(clean(one.why), how)):
        output.say(f"{INDENT}{line}")
    fix = clean(one.fix)
    is_sentence = fix[:1].isupper()  # a command is never broken: people copy it
    for number, line in enumerate(_wrapped(fix, how) if is_sentence else [fix]):
        output.say(f"{INDENT}{'  ' if number else '→ '}{line}")


def _wrapped(text: str, how: output.Style) -> list[str]:
    if how.width is None:
        return [text]
    most = max(how.width - len(INDENT) - 2, 20)
    return textwrap.wrap(text, most, break_long_words=False, break_on_hyphens=False) or [""]


def _summary(findings: list[Finding], *, offer: bool) -> str:
    broken, warned = (sum(one.level is level for one in findings) for level in (Level.BROKEN, Level.WARNING))
    counts = {"broken": broken, "warning" if warned == 1 else "warnings": warned}
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    fixable = sum(one.fixable for one in findings)
    more = f"; {fixable} can be mended: deespec doctor --fix" if fixable and offer else ""
    return f"{len(findings)} checks: {told or 'all is well'}{more}"
