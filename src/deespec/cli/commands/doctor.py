"""`doctor`: every check with its remedy. It looks, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec import config
from deespec.app import App
from deespec.board import health
from deespec.board.health import Finding, Level
from deespec.cli import options, output
from deespec.clock import Clock
from deespec.errors import BadConfig

if TYPE_CHECKING:
    from deespec.cli.session import Session

MARKS = {Level.OK: "✓", Level.WARNING: "!", Level.BROKEN: "✗"}
COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.BROKEN: "red"}


@click.command()
@click.option("--strict", is_flag=True, help="Exit 2 on warnings.")
@options.as_json
@options.session
def doctor(session: Session, strict: bool, as_json: bool) -> int:
    """Check the database, the folder, the settings, the agents and Git, and say what to do about what is wrong.

    Exit 0, with warnings too unless --strict; 1 if something is broken.
    """
    findings = _examine(session)
    levels = [one.level for one in findings]
    if as_json:
        output.emit(findings=[_json(one) for one in findings])
    else:
        _show(session, findings)
    if Level.BROKEN in levels:
        return 1
    return 2 if strict and Level.WARNING in levels else 0


def _examine(session: Session) -> list[Finding]:
    """Without valid settings the store is still looked at, with the defaults."""
    home = config.find_home(session.home, session.env, Path.cwd())
    try:
        app = session.app
    except BadConfig as error:
        bare = App(config.Settings(home=home, root=home.parent), clock=Clock(), env=session.env)
        wrong = Finding(level=Level.BROKEN, what="settings", why=error.message, fix=error.hint or "")
        return [*health.of_store(bare), wrong]
    return [*health.of_store(app), *health.of_settings(app), *health.of_work(app)]


def _json(one: Finding) -> dict[str, str]:
    return {"level": one.level, "what": one.what, "why": one.why, "fix": one.fix}


def _show(session: Session, findings: list[Finding]) -> None:
    # Not session.style, which asks the settings: they may be what is broken.
    how = output.style(no_color=session.no_color, env_no_color="NO_COLOR" in session.env)
    for one in findings:
        mark = output.paint(MARKS[one.level], COLOURS[one.level], how)
        output.say(f"{mark} {output.clean(one.what)}" + (f": {output.clean(one.why)}" if one.why else ""))
        if one.fix:
            output.say(f"  → {output.clean(one.fix)}")
    broken, warned = (sum(one.level is level for one in findings) for level in (Level.BROKEN, Level.WARNING))
    counts = {"broken": broken, "warning" if warned == 1 else "warnings": warned}
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    output.say(f"{len(findings)} checks: {told or 'all is well'}")
