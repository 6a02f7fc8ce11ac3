"""The merge queue: what an integration costs beside its gate, and the same by hand with plain Git that syncs as well.

All items are ready before the first is merged. By hand means: make the merged commit without a checkout, check it out
for the gate, move the target, remove worktree and branch; as a person does it: check out, squash, commit, move, remove.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.place import fill, timed
from benchmarks.table import against_floor
from deespec import open_app
from deespec.backlog import edit
from deespec.backlog.start import start
from deespec.clock import Clock
from deespec.engine.worker import Crew, Orders
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App
    from deespec.engine.bench import Outcome

MOST = 3.0
FOLDERS = 200
TARGET = "integration"
AGENT = """\
echo "A line of $DEESPEC_ITEM." >> "part-${DEESPEC_ITEM#SBI-}/file-${DEESPEC_ITEM#SBI-}.txt"
echo "$DEESPEC_ITEM" > "$DEESPEC_ITEM.txt"
echo "DECISION: IMPLEMENTED"
"""
CONFIG = """\
[run]
implement = "program"
[workspace]
mode = "worktree"
[agents.program]
kind = "command"
command = ["/bin/sh", "{agent}"]
[[gates]]
name = "slow"
run = "sleep {gate_s}"
when = ["integrate"]
"""


@record
class Sizes:
    files: int
    items: int
    gate_s: float


SHORT = Sizes(files=2_000, items=5, gate_s=0.1)
FULL = Sizes(files=2_000, items=20, gate_s=1)


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    root = place.folder / "project"
    _make(root, sizes.files)
    with _backlog(place, root, sizes) as app:
        _make_ready(app, sizes.items)
        ends = _merge_all(app)
    gate = statistics.median(timed(lambda: subprocess.run(["sleep", str(sizes.gate_s)], check=True)) for _ in range(3))
    overhead = statistics.median(after - before for before, after in pairwise(ends)) - gate
    what = f"merge one of {sizes.items} items, {sizes.files} files, but its gate"
    for named, merge in (("the same git calls", _merge_alike), ("as people do it", _merge_as_people_do)):
        floor = statistics.median(_by_hand(place.folder / named.replace(" ", "-"), sizes, merge))
        yield against_floor(what, overhead, floor=floor, named=named, most=MOST)


# --- by the engine --------------------------------------------------------------------------------------------------


@contextmanager
def _backlog(place: Place, root: Path, sizes: Sizes) -> Iterator[App]:
    home = root / ".deespec"
    start(home, clock=Clock(), agents=())
    text = CONFIG.format(agent=place.script("at-once", AGENT), gate_s=sizes.gate_s)
    (home / "config.toml").write_text(text, encoding="utf-8")
    app = open_app(str(home))
    try:
        yield app
    finally:
        app.close()


def _make_ready(app: App, items: int) -> None:
    """Has all items worked on, each held as soon as only its merge is left."""

    def hold(outcome: Outcome) -> None:
        assert outcome.what == "implemented", outcome
        edit.hold(app.store, [outcome.claim.sbi.number], actor=app.person)

    fill(app, [{"title": f"Item {number}", "only_implement": True} for number in range(items)])
    Crew(app, Orders(drain=True), tell=hold).run()
    edit.unhold(app.store, range(1, items + 1), actor=app.person)


def _merge_all(app: App) -> list[float]:
    """When each was merged."""
    ends: list[float] = []

    def tell(outcome: Outcome) -> None:
        assert outcome.what == "merged", outcome
        ends.append(time.perf_counter())

    Crew(app, Orders(drain=True), tell=tell).run()
    return ends


# --- by hand --------------------------------------------------------------------------------------------------------


def _by_hand(folder: Path, sizes: Sizes, merge: Callable[[Path, Path, int], None]) -> list[float]:
    folder.mkdir()
    root = folder / "project"
    _make(root, sizes.files)
    _git(root, "branch", TARGET)
    for number in range(1, sizes.items + 1):
        own = folder / f"own-{number}"
        _git(root, "worktree", "add", "--quiet", "-b", f"item-{number}", str(own))
        with (own / f"part-{number}" / f"file-{number}.txt").open("a", encoding="utf-8") as file:
            file.write("A line.\n")
        (own / f"SBI-{number}.txt").write_text("A line.\n", encoding="utf-8")
        _git(own, "add", "--all")
        _git(own, "commit", "--quiet", "--message", f"Item {number}")
    gate = folder / "gate"
    _git(root, "worktree", "add", "--quiet", "--detach", str(gate), TARGET)
    os.sync()
    return [timed(partial(merge, root, gate, number)) for number in range(1, sizes.items + 1)]


def _merge_alike(root: Path, gate: Path, number: int) -> None:
    old = _git(root, "rev-parse", TARGET)
    tree = _git(root, "merge-tree", "--write-tree", old, f"item-{number}")
    new = _git(root, "commit-tree", tree, "-p", old, "-m", f"Item {number}")
    _git(gate, "checkout", "--quiet", "--force", "--detach", new)
    _git(gate, "clean", "-ffdxq")
    _git(root, "update-ref", f"refs/heads/{TARGET}", new, old)
    _remove(root, number)


def _merge_as_people_do(root: Path, gate: Path, number: int) -> None:
    old = _git(root, "rev-parse", TARGET)
    _git(gate, "checkout", "--quiet", "--detach", TARGET)
    _git(gate, "merge", "--quiet", "--squash", f"item-{number}")
    _git(gate, "commit", "--quiet", "--message", f"Item {number}")
    _git(root, "update-ref", f"refs/heads/{TARGET}", _git(gate, "rev-parse", "HEAD"), old)
    _remove(root, number)


def _remove(root: Path, number: int) -> None:
    _git(root, "worktree", "remove", str(root.parent / f"own-{number}"))
    _git(root, "branch", "--quiet", "-D", f"item-{number}")


def _make(root: Path, files: int) -> None:
    root.mkdir()
    for number in range(files):
        path = root / f"part-{number % FOLDERS}" / f"file-{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"A line of file {number}.\n" * 40, encoding="utf-8")
    _git(root, "init", "--quiet", "--initial-branch=main")
    for key, value in (("user.name", "A person"), ("user.email", "person@example.org")):
        _git(root, "config", key, value)
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", "The base")


def _git(root: Path, *args: str) -> str:
    command = ["git", "-c", "core.fsync=all", "-c", "gc.auto=0", *args]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
