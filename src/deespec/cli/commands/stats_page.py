"""The figures as one page that needs nothing else: `stats --html`."""

from __future__ import annotations

import os
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from deespec import __version__
from deespec.board import sheet as board_sheet
from deespec.board.sheet import whole
from deespec.clock import local
from deespec.config_change import write_atomically
from deespec.errors import InvalidInput, NotPossible
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.sheet import Sheet

STDOUT = "-"
GENERATOR = "deespec"
MARK = f'<meta name="generator" content="{GENERATOR} '.encode()
MARK_WITHIN_BYTES = 1_024
TEMPLATES = Path(board_sheet.__file__).parent / "templates"


def write_page(app: App, file: str, *, since: int, force: bool) -> list[str]:
    """Writes the page; what to tell of it: nothing where it went to standard output.

    Raises NotPossible for a file that is no such page, unless `force`, and InvalidInput for what cannot be written.
    """
    path = Path(os.path.realpath(file))
    if file != STDOUT and not force:
        _may_replace(path, file)
    text = page(app, since=since)
    if file == STDOUT:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
        return []
    try:
        write_atomically(path, text)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}.") from error
    return [f"{clean(file)}: the figures as one page, {-(-len(text.encode()) // 1000):,} KB"]


def page(app: App, *, since: int) -> str:
    """The whole page as HTML."""
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    found = whole(app, since=since)
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=False)
    drawn = {chart.name: Markup(chart.svg) for chart in found.charts}
    return environment.get_template("figures.html").render(
        lang="en",
        generator=f"{GENERATOR} {__version__}",
        title=f"Figures of {clean(app.settings.root.name) or 'this project'}",
        span=_span(found),
        when=local(found.until_at)[:16],
        sheet=found,
        parts=[(part, [*charts]) for part, charts in groupby(found.charts, key=lambda chart: chart.part)],
        drawn=drawn,
        words=str,
    )


def _span(found: Sheet) -> str:
    until = local(found.until_at)[:16]
    return f"{local(found.since_at)[:16]} to {until}" if found.since_at else f"From the beginning to {until}"


def _may_replace(path: Path, file: str) -> None:
    """A page of before may be written over; whatever else is there may not."""
    try:
        if not path.exists():
            return
        if not path.is_file():
            raise InvalidInput(f"{file} is no file.", hint="deespec stats --html figures.html")
        with open(path, "rb") as opened:
            ours = MARK in opened.read(MARK_WITHIN_BYTES)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.") from error
    if not ours:
        raise NotPossible(f"{file} is there and no page of figures.", hint="--force writes over it.")
