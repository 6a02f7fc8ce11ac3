"""`sbi undo`: take a merged item back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.cli import options, output, shapes
from deespec.engine import undoing
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session


@click.command(name="undo")
@options.one_id
@click.option("--with-dependents", is_flag=True, help="Take back the DONE items that build on it, too.")
@options.yes
@options.dry_run
@options.as_json
@options.session
def sbi_undo(session: Session, *, item_id: str, with_dependents: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Take a merged item back: a new commit reverts it, once the gates pass without it. The item is PENDING and held.

    With --dry-run the revert is shown, and nothing is changed.
    """
    app = session.app_for_writing()
    plan = undoing.plan(app, session.number(item_id), with_dependents=with_dependents)
    if dry_run:
        patch = undoing.preview(app, plan)
        if as_json:
            output.emit(dry_run=True, items=[{"id": sbi.id, "status": sbi.status} for sbi in plan.items], diff=patch)
            return 0
        for sbi in plan.items:
            output.say(f"{sbi.id} would be taken back: {clean(sbi.title)}")
        output.say(clean(patch, lines=True))
        return 0
    names = ", ".join(sbi.id for sbi in plan.items)
    session.confirm(f"{names}: take back from {app.target.name}?", yes=yes)
    done = undoing.undo(app, plan, actor=app.person, tell=_ignore if session.quiet or as_json else output.tell)
    if as_json:
        output.emit(items=[shapes.sbi(sbi) for sbi in done])
        return 0
    for sbi in done:
        output.say(f"✓ {sbi.id} taken back from {app.target.name}; it is held → deespec sbi unhold {sbi.id}")
    return 0


def _ignore(_: str) -> None:
    pass
