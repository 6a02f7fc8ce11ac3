"""`watch`: the backlog live in the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from deespec.cli import options
from deespec.cli.stdin import is_terminal
from deespec.errors import UsageError

if TYPE_CHECKING:
    from deespec.cli.session import Session

DUMB = ("", "dumb", "unknown")


@click.command()
@options.session
def watch(session: Session) -> int:
    """See what runs, what waits and what waits for you, live, and act on it with keys (? lists them; q ends it).

    It shows the same as status, sbi list, inbox, agent list, sbi show, sbi diff and sbi log, and follows the work. It
    needs the package textual: pip install 'deespec[tui]'.
    """
    if not (is_terminal() and sys.stdout.isatty()) or session.env.get("TERM", "") in DUMB:
        raise UsageError("watch needs a terminal.", hint="deespec status")
    try:
        from deespec.tui.app import Watch
    except ImportError as error:
        if (error.name or "").startswith("deespec"):
            raise
        raise UsageError(
            "deespec watch needs the package textual, 8.2 or newer.", hint="pip install 'deespec[tui]'"
        ) from error
    from deespec.app import open_app

    first = session.app_for_writing()
    clock = first.clock
    home = str(first.settings.home)
    session.close()
    program = Watch(lambda: open_app(home), clock=clock, no_color=session.no_color or "NO_COLOR" in session.env)
    program.run()
    if program.failure is not None:
        raise program.failure
    return 0
