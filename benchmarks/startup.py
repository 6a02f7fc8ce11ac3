"""Short commands as whole processes, beside `python -c pass`: agents and prompts call them all the time."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.place import alternating, fill
from benchmarks.table import against_floor
from deespec.engine import outbox
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.place import Place
    from benchmarks.table import Row
    from deespec.app import App

LOOK_S = 0.001
"""Between two looks into the outbox, where a worker's are 50 ms apart: the command is measured, not the worker."""


@record
class Sizes:
    items: int
    times: int
    """Runs of each command, of which the median counts."""


SHORT = Sizes(items=1_000, times=9)
FULL = Sizes(items=10_000, times=41)

COMMANDS: dict[tuple[str, ...], float] = {
    ("status",): 7,
    ("sbi", "list"): 7,
    ("sbi", "report", "--type", "implement", "--text", "Done."): 7,
    ("register", "sbi", "--title", "x"): 9,
}
"""Each with its bar."""


def measure(place: Place, sizes: Sizes) -> Iterator[Row]:
    with place.backlog("startup") as app:
        fill(app, [_fields(index) for index in range(1, sizes.items + 1)])
        with _turn(app, place.folder / "outbox") as turn:
            outside = dict(place.env)
            calls = [partial(_run, (sys.executable, "-c", "pass"), outside, app)]
            for words in COMMANDS:
                env = {**outside, **turn} if "report" in words else outside
                calls.append(partial(_run, (*place.command(), *words), env, app))
            alternating(2, *calls)  # byte code and caches
            floor, *taken = [statistics.median(own) for own in alternating(sizes.times, *calls)]
    for (words, most), took in zip(COMMANDS.items(), taken, strict=True):
        name = f"{' '.join(words[:2])}, {sizes.items} items"
        yield against_floor(name, took, floor=floor, named="python -c pass", most=most)


def _fields(index: int) -> dict[str, object]:
    """Every second item waits for the one before it."""
    needs = (f"SBI-{index - 1}",) if index % 2 == 0 else ()
    return {"title": f"Item {index}", "spec": "Do it well.\n" * 20, "paths": (f"part-{index}/**",), "depends_on": needs}


def _run(argv: tuple[str, ...], env: Mapping[str, str], app: App) -> None:
    subprocess.run(argv, env=dict(env), cwd=app.settings.root, stdout=subprocess.DEVNULL, check=True)


@contextmanager
def _turn(app: App, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a turn, and somebody who gives receipts for its answers at once."""
    folder.mkdir()
    over = threading.Event()

    def collect() -> None:
        taken: dict[str, str] = {}
        while not over.wait(LOOK_S):
            outbox.collect(str(folder), taken, lambda answer: None)
            while taken:  # a real outbox ends with its turn; this one must not fill up
                (folder / f"answer-{taken.popitem()[0]}.json").unlink()

    worker = threading.Thread(target=collect)
    worker.start()
    try:
        yield {
            "DEESPEC_HOME": str(app.settings.home),
            "DEESPEC_ITEM": "SBI-1",
            "DEESPEC_STEP": "implement",
            "DEESPEC_TURN": "1",
            "DEESPEC_CLAIM": "benchmark-1",
            "DEESPEC_OUTBOX": str(folder),
        }
    finally:
        over.set()
        worker.join()
