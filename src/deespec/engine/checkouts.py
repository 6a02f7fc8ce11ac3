"""Folders with exactly the files of one commit, for gates: one for each worker, made anew for each commit."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deespec.engine import gates
from deespec.workspace.furnish import furnish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.config import Gate
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim
    from deespec.model.reports import CheckResult


class Checkouts:
    """Shared by the slots of one worker, which take turns."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._one_at_a_time = threading.Lock()
        self._passed: set[tuple[str, str]] = set()

    @contextmanager
    def of(self, claim: Claim, commit: str) -> Iterator[Path]:
        """The folder, with what Git ignores but work needs. Raises WorkspaceError."""
        bench = self.bench
        with self._one_at_a_time:
            folder = bench.app.target.checkout(commit, name=bench.worker.uid)
            furnish(bench.app.settings.root, folder, copy=bench.settings.copy, link=bench.settings.link)
            gates.set_up(bench, claim, at=folder)
            yield folder

    def close(self) -> None:
        """Removes the folder, if there is one."""
        name = self.bench.worker.uid
        if (self.bench.app.settings.home / "checkouts" / name).exists():
            self.bench.app.target.drop_checkout(name)

    def run_gates(self, claim: Claim, commit: str) -> tuple[CheckResult, ...]:
        """The gates of merged work on this commit, until one fails."""
        if not gates.gates_of(self.bench, claim, "integrate"):
            return ()
        with self.of(claim, commit) as folder:
            return gates.run_all(self.bench, claim, at=folder, when="integrate")

    def passes(self, claim: Claim, commit: str, gate: Gate) -> bool:
        """Whether this gate passes on a commit. Only that it does is remembered: what made it fail may be over."""
        key = (commit, gate.run)
        if key in self._passed:
            return True
        with self.of(claim, commit) as folder:
            passed = gates.run_one(self.bench, claim, gate, at=folder).passed
        if passed:
            self._passed.add(key)
        return passed

    def can_run(self, claim: Claim, commit: str, gate: Gate) -> bool:
        """Whether this gate can be run on a commit at all."""
        try:
            self.passes(claim, commit, gate)
        except gates.CannotRun:
            return False
        return True
