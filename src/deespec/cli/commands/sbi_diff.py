"""`sbi diff`: what an item's work changes."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from deespec.board.changes import change_of, change_of_turn
from deespec.cli import options, output
from deespec.errors import NotPossible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.changes import Change
    from deespec.cli.session import Session
    from deespec.workspace.git import Git

FORM = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames")
FILES_MOST = 1_000
"""Of more files, the whole change is shown."""
TIMEOUT_S = 600
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
    app = session.app
    number = session.number(item_id)
    with app.store.read() as tx:
        sbi, work, turns, merges = tx.sbi(number), tx.work(number), tx.turns(number), tx.merges(number)
    git = _git(app)
    apart = app.settings.workspace_mode == "worktree" or work.start is not None
    start = (work.start or app.target.ref) if apart else None
    if turn is None:
        change = change_of(git, sbi, start=start, turns=turns, merges=merges)
    else:
        change = change_of_turn(git, sbi, turn, start=start, turns=turns)
    files = () if apart else _files(app, sbi.id, change)
    if as_json:
        output.emit(id=sbi.id, **_json(git, change, files), diff=_diff(git, change, files, "-p"))
        return 0
    how, watched = session.style, sys.stdout.isatty()
    if watched and not session.quiet:
        output.tell(f"{sbi.id}, {change.what}: {change.old[:12]}..{change.new[:12]}")
    form = (f"--stat={how.width or WIDTH}",) if stat else ("-p",) if watched else ("-p", "--binary")
    text = _diff(git, change, files, *form)
    if watched:
        for line in text.split("\n")[:-1]:
            output.say(_stat_line(line, how) if stat else _patch_line(line, how))
    else:
        sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
        sys.stdout.buffer.flush()
    if not text and not session.quiet:
        output.tell(f"{sbi.id} changes no file ({change.what}).")
    return 0


def _git(app: App) -> Git:
    if app.settings.workspace_mode == "worktree":
        return app.repository.git
    git = app.workspace.git
    if git is None:
        raise NotPossible(
            f"{app.settings.root} is not in a Git repository: what turns changed is known by name only.",
            hint="deespec sbi log ID shows what the agents wrote.",
        )
    return git


def _files(app: App, item: str, change: Change) -> Sequence[str]:
    """What these turns changed, in a folder where others work, too."""
    from deespec.engine.prompt_values import load_change

    found = {name for turn in change.turns for name in load_change(app.settings.home, item, [turn])[0]}
    return sorted(found) if len(found) <= FILES_MOST else ()


def _diff(git: Git, change: Change, files: Sequence[str], *form: str) -> str:
    only = ("--", *files) if files else ()
    return git.run("diff", *FORM, "--relative", *form, change.old, change.new, *only, timeout_s=TIMEOUT_S)


def _json(git: Git, change: Change, files: Sequence[str]) -> dict[str, Any]:
    listed = _diff(git, change, files, "--numstat", "--no-renames", "-z").split("\0")
    counts = [entry.split("\t", 2) for entry in listed if entry]
    return {
        "turns": [turn.number for turn in change.turns],
        "old": change.old,
        "new": change.new,
        "files": [{"name": name, "added": _count(plus), "removed": _count(minus)} for plus, minus, name in counts],
    }


def _count(text: str) -> int | None:
    """None: the file is binary."""
    return int(text) if text.isdigit() else None


# --- on a terminal: what a file holds must not drive it, so the colours are ours --------------------------------------


def _patch_line(line: str, how: output.Style) -> str:
    colour = next((colour for head, colour in COLOURS if line.startswith(head)), None)
    return output.paint(output.clean(line.removesuffix("\r"), lines=True), colour, how)


def _stat_line(line: str, how: output.Style) -> str:
    text = output.clean(line)
    graph = _GRAPH.match(text)
    if graph is None:
        return text
    return (
        graph[1]
        + output.paint(graph[2], "green" if graph[2] else None, how)
        + output.paint(graph[3], "red" if graph[3] else None, how)
    )
