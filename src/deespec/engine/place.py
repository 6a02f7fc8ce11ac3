"""Where a turn's work is done: in the project's own folder, or in the item's worktree."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from deespec.engine import gates
from deespec.engine.acted import Needed
from deespec.engine.detached import DetachedFolder, beginning
from deespec.errors import WorkspaceError
from deespec.model.ids import number_in
from deespec.model.lifecycle import Status, Step
from deespec.model.selection import inside
from deespec.records import replace
from deespec.workspace.furnish import adopt, furnish
from deespec.workspace.merging import Conflict
from deespec.workspace.worktree import Owner, Worktree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deespec.app import App
    from deespec.engine.bench import Bench, Outcome
    from deespec.model.items import Claim
    from deespec.model.reports import Evidence
    from deespec.model.work import Work

DRIFT_LOOKED = 500
DRIFT_SHOWN = 20
DRIFT_MARK = "\x1e"
TOUCHED_MOST = 200
"""Files that an item is remembered to have changed; of more, the folders."""
GLOB_SIGNS = str.maketrans("*?[]", "????")


class Place(Protocol):
    """What the engine asks of either."""

    @property
    def folder(self) -> Path: ...

    @property
    def work(self) -> Work | None: ...

    @property
    def variables(self) -> dict[str, str]:
        """What an agent's environment says of it."""

    def prepare(self) -> Needed | None:
        """Makes it ready to work in. Raises WorkspaceError."""

    def begin(self) -> str:
        """Names the state at the start of a turn that has not begun yet, and brings the folder into it."""

    def look(self, begun: str, *, alone: bool) -> tuple[Evidence, str]:
        """What was changed since a turn's start, and the state now."""

    def findings(self, evidence: Evidence) -> tuple[str, ...]:
        """What only this place can find wrong, in words for the next turn."""

    def keep(self, begun: str, state: str) -> str:
        """Makes a state reachable for good; its name for the turn's record."""

    def diff(self, begun: str, state: str, files: tuple[str, ...]) -> str:
        """The change as a patch for reviewers."""

    def tidy(self, what: str) -> tuple[str, ...]:
        """Takes back what a reviewer or a gate has changed, where that can be told; the files."""

    def catch_up(self) -> None:
        """Takes in what the base has gained since, where that goes without a conflict."""

    def drift(self) -> tuple[str, ...]:
        """Commits since the item was registered that have changed files under its paths."""


def place_of(bench: Bench, claim: Claim) -> Place:
    if not bench.apart:
        return SharedFolder(bench, claim)
    return DetachedFolder(bench, claim) if claim.sbi.decomposes else OwnFolder(bench, claim)


class SharedFolder:
    """The project's folder, which all items share: nothing is taken back there, as it may be another's."""

    def __init__(self, bench: Bench, claim: Claim) -> None:
        self.workspace = bench.app.workspace
        self.store = bench.app.store
        self.claim = claim
        self.folder = bench.app.settings.root
        self.work: Work | None = None
        self.variables: dict[str, str] = {}
        self.head: str | None = None
        """The commit that was checked out when this claim began."""

    def prepare(self) -> Needed | None:
        git = self.workspace.git
        self.head = git.head() if git is not None else None
        with self.store.read() as tx:
            work = tx.work(self.claim.sbi.number)
        if work.start is None:
            return None
        question = (
            f"Its work is in a worktree ({work.name}), and workspace.mode is shared now. Set it to worktree again, "
        )
        return Needed(reason="workspace", question=f"{question}or begin anew here: deespec sbi reset {work.name}")

    def begin(self) -> str:
        return self.workspace.state()

    def look(self, begun: str, *, alone: bool) -> tuple[Evidence, str]:
        return self.workspace.evidence(begun, alone=alone)

    def findings(self, evidence: Evidence) -> tuple[str, ...]:
        return ()

    def keep(self, begun: str, state: str) -> str:
        sbi = self.claim.sbi
        return self.workspace.keep(state, item=sbi.id, uid=sbi.uid, turn=self.claim.turn, token=self.claim.token)

    def diff(self, begun: str, state: str, files: tuple[str, ...]) -> str:
        return self.workspace.diff(begun, state, files)

    def tidy(self, what: str) -> tuple[str, ...]:
        return ()

    def catch_up(self) -> None:
        return None

    def drift(self) -> tuple[str, ...]:
        return ()


class OwnFolder:
    """The item's worktree."""

    def __init__(self, bench: Bench, claim: Claim) -> None:
        self.bench = bench
        self.claim = claim
        with bench.app.store.read() as tx:
            self.work: Work = tx.work(claim.sbi.number)
            self.turns = [turn for turn in tx.turns(claim.sbi.number) if turn.number > claim.sbi.turns_reset]
        kept = [turn.tree for turn in self.turns if turn.tree is not None]
        self.kept = kept[-1] if kept else None
        """The commit that holds what counts of the work so far."""
        self.tree = worktree(bench.app, claim.sbi.id, claim.sbi.uid, self.work.name, may_write=self._must_own)
        self.folder = self.tree.folder

    @property
    def variables(self) -> dict[str, str]:
        return self.tree.environment()

    @property
    def start(self) -> str:
        assert self.work.start is not None
        return self.work.start

    def prepare(self) -> Needed | None:
        if self.work.start is None:
            found = self._beginning()
            if isinstance(found, Needed):
                return found
            self._remember(replace(self.work, start=found))
        if self.tree.prepare(self.kept or self.start):
            settings = self.bench.settings
            furnish(settings.root, self.folder, copy=settings.copy, link=settings.link)
            if settings.setup is not None:
                gates.set_up(self.bench, self.claim, at=self.folder)
                adopt(self.tree.git, self.folder)
                self.tree.put_back_tracked()  # what it makes of them, it makes again in the gates' checkout
            self.tree.ready()
        if self.claim.step is Step.REVIEW:
            self.tidy("before")
        return None

    def begin(self) -> str:
        if self.claim.step is Step.RESOLVE and self.work.onto is not None:
            self.tree.rescue(name=self._name("before"))
            is_request = self.bench.settings.integrate == "pr"
            target = self.work.onto if is_request else self.bench.app.target.tip() or self.work.onto
            self.tree.take_in(target)
            self._remember(replace(self.work, onto=target))
        return self.tree.tip()

    def look(self, begun: str, *, alone: bool) -> tuple[Evidence, str]:
        evidence, state = self.tree.evidence(begun, start=self.work.onto or self.start)
        if self.work.onto is not None:  # what the others have done since the turn's start is none of its doing
            evidence = replace(evidence, changed=evidence.whole or ())
        return evidence, state

    def findings(self, evidence: Evidence) -> tuple[str, ...]:
        if self.claim.step is not Step.RESOLVE:
            return ()
        marked = self.tree.markers(evidence.whole or ())
        return (f"Conflict markers are left in: {', '.join(marked)}",) if marked else ()

    def keep(self, begun: str, state: str) -> str:
        """The state becomes a commit on the item's branch; what was merged in by a resolve turn is its parent, too."""
        onto = self.work.onto
        commit = self.tree.keep(state, turn=self.claim.turn, token=self.claim.token, start=begun, onto=onto)
        start = onto or self.start
        touched = _touched(self.bench.app.repository.git.differing(start, commit))
        self.work = replace(self.work, start=start, onto=None, touched=touched)
        self.kept = commit
        return commit

    def diff(self, begun: str, state: str, files: tuple[str, ...]) -> str:
        """All of the item's work, whichever turn it was done in."""
        return self.tree.diff(self.work.onto or self.start, state, files)

    def tidy(self, what: str) -> tuple[str, ...]:
        changed = self.tree.restore(name=self._name(what), to=self.kept)
        if changed:  # what was copied or linked may have gone with that
            settings = self.bench.settings
            furnish(settings.root, self.folder, copy=settings.copy, link=settings.link)
        return changed

    def catch_up(self) -> None:
        app = self.bench.app
        fresh = app.target.fresh_start(app.base)
        if fresh != self.work.start and self.tree.merge_clean(fresh):
            self._remember(replace(self.work, start=fresh, onto=self.work.onto and fresh))

    def drift(self) -> tuple[str, ...]:
        return drift_since(self.bench.app, self.work, self.claim.sbi.paths, ends=(self.start,))

    # --- below ---

    def _beginning(self) -> str | Needed:
        """The commit that its branch begins at: with `none`, the work of what it needs, which is nowhere else."""
        app = self.bench.app
        base = beginning(self.bench)
        if self.bench.settings.integrate != "none":
            return base
        with app.store.read() as tx:
            numbers = [number_in(need) for need in self.claim.sbi.depends_on]
            kept = [[turn.tree for turn in tx.turns(number) if turn.tree is not None] for number in numbers]
        for tip in [trees[-1] for trees in kept if trees]:
            merged = app.target.together(base, tip)
            if isinstance(merged, Conflict):
                files = ", ".join(merged.files)
                return Needed(reason="needs", question=f"What it needs does not go together: {files}.")
            base = merged
        return base

    def _must_own(self) -> None:
        with self.bench.app.store.read() as tx:
            tx.must_own(self.claim)

    def _remember(self, work: Work) -> None:
        with self.bench.app.store.transaction() as tx:
            tx.must_own(self.claim)
            tx.keep_work(work)
        self.work = work

    def _name(self, what: str) -> str:
        return f"{what}-{self.claim.turn}.{self.claim.token}"


def rescue(bench: Bench, claim: Claim, outcome: Outcome) -> None:
    """Keeps what a cancelled item's agent has left, under a ref: nobody comes back for it."""
    sbi = outcome.after
    if not bench.apart or sbi is None or sbi.status is not Status.CANCELLED:
        return
    with bench.app.store.read() as tx:
        tree = worktree(bench.app, sbi.id, sbi.uid, tx.work(sbi.number).name)
    if tree.folder.is_dir():
        with suppress(WorkspaceError):
            tree.rescue(name=f"cut-{claim.turn}.{claim.token}")


def worktree(app: App, item: str, uid: str, name: str, *, may_write: Callable[[], None] = lambda: None) -> Worktree:
    """`may_write` raises for whoever has lost the item."""
    folder = app.settings.home / "worktrees" / name
    return Worktree(app.repository, folder, Owner(item=item, uid=uid, name=name), may_write=may_write)


def drift_since(app: App, work: Work, paths: tuple[str, ...], *, ends: tuple[str, ...]) -> tuple[str, ...]:
    """The newest commits below these ends, and not below the one at which it was registered, that concern its paths."""
    if work.registered is None or not paths or ends == (work.registered,):
        return ()
    words = ("log", "--no-merges", "--name-only", "-z", f"-{DRIFT_LOOKED}", f"--format={DRIFT_MARK}%h %s")
    code, text, _ = app.repository.git.call(*words, f"^{work.registered}", *ends)
    if code != 0:  # the commit is not there any more, as after a rebase of the base
        return ()
    commits = [part.split("\0") for part in text.split(DRIFT_MARK)[1:]]
    touching = [one[0] for one in commits if any(inside(name.strip("\n"), paths) for name in one[1:] if name)]
    return tuple(touching[:DRIFT_SHOWN])


def _touched(files: list[str]) -> tuple[str, ...]:
    """As globs, of which any sign in a file's own name stands for any character."""
    names = [file.translate(GLOB_SIGNS) for file in files]
    if len(names) > TOUCHED_MOST:
        names = sorted({f"{name.partition('/')[0]}/**" if "/" in name else name for name in names})
    return tuple(names[:TOUCHED_MOST]) if len(names) <= TOUCHED_MOST else ("**",)
