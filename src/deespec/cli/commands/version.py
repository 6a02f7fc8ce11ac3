"""`version`: deespec and what it stands on."""

from __future__ import annotations

import platform

import click

from deespec import __version__
from deespec.cli import options, output
from deespec.store.opener import library_versions


@click.command()
@options.as_json
def version(as_json: bool) -> int:
    """Print the versions of deespec, Python, the SQLite library and its driver, and the platform."""
    sqlite, apsw = library_versions()
    found = {
        "deespec": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite,
        "apsw": apsw,
        "platform": platform.platform(),
    }
    if as_json:
        output.emit(**found)
        return 0
    for name, words in found.items():
        output.say(f"{name:9} {words}")
    return 0
