"""Where a PBI is decomposed: a checkout of what its items would begin from, to read. What is written there is nobody's.

Its path is the same in each turn, as clients find their sessions by it; its files are made anew (docs/adr/0016).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from deespec.engine.decomposing import files_at
from deespec.engine.requesting import remote_of
from deespec.errors import WorkspaceError
from deespec.model.ids import number_in
from deespec.model.lifecycle import ENDED, Status
from deespec.model.reports import Evidence
from deespec.workspace import registration

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.engine.acted import Needed
    from deespec.engine.bench import Bench, Outcome
    from deespec.model.items import Claim
    from deespec.model.work import Work
    from deespec.store.base import Transaction

NAME = re.compile(r"PBI-[1-9][0-9]*")
"""Of such a folder."""


class DetachedFolder:
    """The checkout of one decomposition, behind the protocol of a Place."""

    def __init__(self, bench: Bench, claim: Claim) -> None:
        self.bench = bench
        self.claim = claim
        self.folder: Path = bench.app.target.checkouts / claim.sbi.id
        self.work: Work | None = None
        self.variables: dict[str, str] = {}
        self.commit = ""

    def prepare(self) -> Needed | None:
        self.commit = beginning(self.bench)
        self.bench.app.target.checkout(self.commit, name=self.folder.name)
        return None

    def begin(self) -> str:
        return self.commit

    def look(self, begun: str, *, alone: bool) -> tuple[Evidence, str]:
        """Only told: it is taken back before the next turn."""
        repository = self.bench.app.repository
        private = registration.private_folder(repository.common, self.folder)
        try:
            if private is None:
                raise WorkspaceError("It is no worktree any more.")
            git = repository.git.pinned(self.folder, private)
            listed = git.run("status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal")
        except (WorkspaceError, OSError):  # it has made a ruin of the folder, which is nobody's
            return Evidence(changed=(".",)), begun
        return Evidence(changed=tuple(entry[3:] for entry in listed.split("\0") if entry)), begun

    def files(self) -> tuple[str, ...]:
        return files_at(self.bench.app, self.commit)

    def findings(self, evidence: Evidence) -> tuple[str, ...]:
        return ()

    def keep(self, begun: str, state: str) -> str:
        return state

    def diff(self, begun: str, state: str, files: tuple[str, ...]) -> str:
        return ""

    def tidy(self, what: str) -> tuple[str, ...]:
        return ()

    def catch_up(self) -> None:
        return None

    def drift(self) -> tuple[str, ...]:
        return ()


def beginning(bench: Bench) -> str:
    """The commit that an item would begin at that needs nothing."""
    app = bench.app
    if bench.settings.integrate == "pr":
        tip = remote_of(bench).fetch(app.base)
        return tip or app.target.fresh_start(app.base)
    return app.target.fresh_start(app.base)


def leave(bench: Bench, claim: Claim, outcome: Outcome) -> None:
    """Removes the folder of a decomposition that is over or waits for a person: nothing in it is anybody's."""
    if not (claim.sbi.decomposes and bench.apart):
        return
    if outcome.what == "lost" or outcome.after is None or outcome.after.in_work:
        return
    with suppress(WorkspaceError):
        bench.app.target.drop_checkout(claim.sbi.id)


def is_left(tx: Transaction, name: str) -> bool:
    """Whether this folder is one of a decomposition that is over."""
    if not NAME.fullmatch(name):
        return False
    found = tx.decomposition(number_in(name))
    return found is None or found.status in (*ENDED, Status.FAILED)
