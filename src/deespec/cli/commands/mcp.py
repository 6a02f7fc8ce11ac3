"""`mcp`: the backlog as tools for a coding agent that a person works with, or that works on an item."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from deespec import __version__
from deespec.cli import options, output
from deespec.cli.main import explained
from deespec.cli.stdin import is_terminal
from deespec.errors import DeespecError, UsageError
from deespec.text import clean

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from deespec.cli.session import Session

log = logging.getLogger(__name__)


@click.command()
@options.session
def mcp(session: Session) -> int:
    """Serve the Model Context Protocol on standard input and output.

    A client starts it, as Claude Code after: claude mcp add deespec -- deespec mcp. Its tools are status, list, show,
    why, inbox, journal, stats and register, with which an agent looks at the backlog and adds to it; and report and
    review, with which one that works on an item answers. It ends with its client.
    """
    server = server_for(session.home)
    from deespec.mcp.server import serve

    logging.basicConfig(level=logging.DEBUG if session.verbose else logging.WARNING)
    if is_terminal():
        output.tell("A client is to start this: claude mcp add deespec -- deespec mcp")
        output.tell("It waits for one on standard input; Ctrl-C ends it.")
    serve(server)
    sys.stderr.flush()
    os._exit(0)  # a call that still waits, for the store or a receipt, would keep the process alive


def server_for(home: str | None) -> Server[Any]:
    """The server for the backlog at this home, or for the one that a command called here would use."""
    try:
        from deespec.mcp.server import server_of
    except ImportError as error:
        if (error.name or "").startswith("deespec"):
            raise
        raise UsageError(
            "deespec mcp needs the package mcp, 2.3 or newer.", hint="pip install 'deespec[mcp]'"
        ) from error
    from deespec.cli.tools import INSTRUCTIONS, tools

    return server_of(tools(home), version=__version__, instructions=INSTRUCTIONS, explain=_explained)


def _explained(error: Exception) -> DeespecError:
    """What a client is told; of a bug, the log has the rest."""
    found = explained(error)
    if found is not error:
        log.debug("a tool failed", exc_info=error)
    hint = None if found.hint is None else clean(found.hint, lines=True)
    cleaned = DeespecError(clean(found.message, lines=True), hint=hint)
    cleaned.code, cleaned.exit_status = found.code, found.exit_status
    return cleaned
