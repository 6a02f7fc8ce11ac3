"""Many processes at work on one backlog: started, let go at once, stopped, and what they have to say."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.place import quantile
from benchmarks.table import number_text
from deespec.records import record

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

    from benchmarks.place import Place
    from deespec.app import App

ROOT = Path(__file__).parents[1]


@record
class Group:
    """Processes that do the same; the acts stand in `child`."""

    act: str
    processes: int
    count: int = 0
    """So many acts each; 0: until they are stopped."""
    every_ms: int = 0
    """At most one act in this time."""


@record
class Done:
    """What a group's processes together have to say. Times are in seconds, in order of the acts within a process."""

    failed: int
    began: tuple[float, ...]
    """On the clock of `time.perf_counter`, which is that of this process, too."""
    took: tuple[float, ...]
    """Waiting included."""
    inside: tuple[float, ...]
    """Inside the write lock; empty where that is not measured."""
    moved: tuple[bool, ...]
    """Whether something was moved from the log into the database meanwhile."""

    @property
    def per_s(self) -> float:
        ended = max(began + took for began, took in zip(self.began, self.took, strict=True))
        return len(self.took) / (ended - min(self.began))


class Crowd:
    def __init__(self, groups: Sequence[Group], processes: Sequence[list[subprocess.Popen[str]]]) -> None:
        self.groups = groups
        self.processes = processes

    def go(self) -> None:
        for one in chain.from_iterable(self.processes):
            _say(one, "go")

    def end(self) -> list[Done]:
        """Awaits those who have a number of acts, then stops the others; a `Done` for each group."""
        found: dict[int, Done] = {}
        for index in sorted(range(len(self.groups)), key=lambda index: self.groups[index].count == 0):
            for one in self.processes[index] if self.groups[index].count == 0 else ():
                _say(one, "stop")
            found[index] = _done([json.loads(one.communicate()[0]) for one in self.processes[index]])
        return [found[index] for index in range(len(self.groups))]


@contextmanager
def crowd(place: Place, app: App, *groups: Group) -> Iterator[Crowd]:
    """All of them started and ready."""
    with ExitStack() as children:
        started = []
        for group in groups:
            words = (str(app.settings.home), group.act, str(group.count), str(group.every_ms))
            argv = (sys.executable, "-m", "benchmarks.child", *words)
            started.append([children.enter_context(place.child(*argv, cwd=ROOT)) for _ in range(group.processes)])
        for one in chain.from_iterable(started):
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n", "a process broke"
        yield Crowd(groups, started)


def figures(times: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """What is told of many times in seconds."""
    return (("p50_s", quantile(times, 0.5)), ("p99_s", quantile(times, 0.99)), ("longest_s", max(times)))


def in_words(times: Sequence[float]) -> str:
    """The same in one short line."""
    return f"p50/p99/max {'/'.join(number_text(1000 * value) for _, value in figures(times))} ms"


def _say(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()


def _done(found: Sequence[dict[str, Any]]) -> Done:
    acts = [act for one in found for act in one["acts"]]
    began, took, inside, moved = zip(*acts, strict=True) if acts else ((), (), (), ())
    return Done(
        failed=sum(one["failed"] for one in found),
        began=began,
        took=took,
        inside=tuple(time for time in inside if time is not None),
        moved=moved,
    )
