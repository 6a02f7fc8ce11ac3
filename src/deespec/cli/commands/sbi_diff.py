"""`sbi diff`: what an item's work changes."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, output
from deespec.diffs import patch_of
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session
    from deespec.diffs import Patch

WIDTH = 160
"""Of a stat, where no terminal says how wide it is."""
COLOURS = (("diff --git ", "bold"), ("--- ", "bold"), ("+++ ", "bold"), ("@@ ", "cyan"), ("+", "green"), ("-", "red"))
"""By how a line of a patch begins; the first that fits."""
_GRAPH = re.compile(r"^( .+\| +\d+ )(\+*)(-*)$")


@click.command(name="diff")
@options.one_id
@click.option("--turn", type=click.IntRange(min=1), help="Only this turn, against the one before it.")
@click.option("--stat", is_flag=True, help="How much in which file, in place of the lines.")
@options.as_json
@options.session
def sbi_diff(session: Session, *, item_id: str, turn: int | None, stat: bool, as_json: bool) -> int:
    """Show what an item's work changes: of a merged item the merge, else all that its turns have kept.

    What the agent of a running turn has changed since is not part of it: deespec sbi open ID names the folder. Into a
    pipe it is a patch as git apply takes it.
    """
    patch = patch_of(session.app, session.number(item_id), turn=turn)
    change = patch.change
    if as_json:
        output.emit(id=patch.item, **_json(patch), diff=patch.text())
        return 0
    how, watched = session.style, sys.stdout.isatty()
    if watched and not session.quiet:
        output.tell(f"{patch.item}, {change.what}: {change.old[:12]}..{change.new[:12]}")
    form = (f"--stat={how.width or WIDTH}",) if stat else ("-p",) if watched else ("-p", "--binary")
    text = patch.text(*form)
    if watched:
        for line in text.split("\n")[:-1]:
            output.say(_stat_line(line, how) if stat else _patch_line(line, how))
    else:
        sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
        sys.stdout.buffer.flush()
    if not text and not session.quiet:
        output.tell(f"{patch.item} changes no file ({change.what}).")
    return 0


def _json(patch: Patch) -> dict[str, Any]:
    return {
        "turns": [turn.number for turn in patch.change.turns],
        "old": patch.change.old,
        "new": patch.change.new,
        "files": [{"name": one.name, "added": one.added, "removed": one.removed} for one in patch.files()],
    }


# --- on a terminal: what a file holds must not drive it, so the colours are ours --------------------------------------


def _patch_line(line: str, how: output.Style) -> str:
    colour = next((colour for head, colour in COLOURS if line.startswith(head)), None)
    return output.paint(clean(line.removesuffix("\r"), lines=True), colour, how)


def _stat_line(line: str, how: output.Style) -> str:
    text = clean(line)
    graph = _GRAPH.match(text)
    if graph is None:
        return text
    return (
        graph[1]
        + output.paint(graph[2], "green" if graph[2] else None, how)
        + output.paint(graph[3], "red" if graph[3] else None, how)
    )
