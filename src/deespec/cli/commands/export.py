"""`export`: the whole backlog as Markdown files, for Git."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.backlog.exports.backlog import export as export_backlog
from deespec.cli import options, output
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session

KINDS = (("epic", "EPIC"), ("pbi", "PBI"), ("sbi", "SBI"), ("draft", "draft"), ("labels", "label"))


@click.command(name="export")
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Into a folder that holds something else, too.")
@options.as_json
@options.session
def export(session: Session, path: Path, force: bool, as_json: bool) -> int:
    """Write the whole backlog to DIR: a Markdown file for each item, draft and label, and the history as NDJSON.

    The same backlog gives the same bytes, and what has not changed is not written again: DIR can be in Git. What an
    earlier export wrote and is no longer there goes. Others may work meanwhile. deespec import backlog DIR reads it.
    """
    app = session.app_for_writing()
    done = export_backlog(app.store, app.settings.home, path.absolute(), force=force)
    if as_json:
        output.emit(
            path=str(done.path),
            counts=done.counts,
            written=done.written,
            removed=done.removed,
            completes_cut_off=done.completes_cut_off,
        )
        return 0
    counts = ", ".join(_counted(done.counts[name], word) for name, word in KINDS if done.counts[name])
    output.say(f"✓ {counts or 'an empty backlog'} in {clean(str(path))}")
    if session.quiet:
        return 0
    if done.completes_cut_off:
        output.say("  an earlier export was cut off; it is complete now")
    changes = [f"{done.written} written"] * bool(done.written) + [f"{done.removed} removed"] * bool(done.removed)
    output.say(f"  files: {', '.join(changes) or 'nothing has changed'}")
    return 0


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
