"""Merging what is accepted: one item at a time per target, on proven results, and exactly once (docs/adr/0011).

The base's new commits come first. The item's work is merged into the target's tip, the gates run on a checkout of just
that commit, the move is recorded, the ref moves, the item is settled. Whoever is killed in between leaves a record; the
next owner takes the fence, so that no predecessor can move the ref any more, and looks whether it has been moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.engine import gates, requesting
from deespec.engine.acted import Conflicted, GivenBack, Merged, Waits
from deespec.errors import WorkspaceError
from deespec.model.lifecycle import Step
from deespec.model.reports import CheckResult
from deespec.model.work import BROKEN_BASE, NOT_PUSHED, TARGET_TAKEN, Integration, Notice
from deespec.workspace.merging import LEAVE, TAKEN, Conflict, How
from deespec.workspace.remote import Behind, Remote, bring_in, clean_url
from deespec.workspace.worktree import Owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.engine.acted import Acted
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim
    from deespec.workspace.merging import Merged as Outcome

STARTS_MOST = 20
"""How often the target may be moved by somebody else meanwhile."""
PUSHES_MOST = 5
BROKEN_BASE_MS = 60_000
MEND = "Mend it on {base} and commit; deespec run goes on by itself."
BASE_CONFLICT = "base_conflict"


def integrate(bench: Bench, claim: Claim, observe: Callable[[str], None]) -> Acted:
    """Merges the claimed item's work. Raises LeaseLost, WorkspaceError."""
    if not bench.rules.integrates:
        return Merged()
    if bench.settings.integrate == "pr":
        return requesting.request(bench, claim, _work_of(bench, claim))
    app = bench.app
    folder = app.target.checked_out()
    if folder is not None:
        remedy = LEAVE.format(folder=folder)
        text = TAKEN.format(target=app.target.name, folder=folder)
        _tell(bench, Notice(name=TARGET_TAKEN, text=text, remedy=remedy, detail=folder))
        return Waits(why=text, reason=TARGET_TAKEN, delay_ms=BROKEN_BASE_MS)
    _untell(bench, TARGET_TAKEN)
    fence = app.target.take_fence(claim.text)
    observe("fenced")
    with app.store.read() as tx:
        recorded = tx.integration(claim.sbi.number)
    merging = _Merging(bench, claim, fence, observe)
    merging.fence_remote()
    if recorded is not None:
        if app.target.contains(recorded.new):
            merging.push()
            return Merged()
        with app.store.transaction() as tx:
            tx.forget_integration(claim)
    for _ in range(STARTS_MOST):
        merging.bring_base()
        acted = merging.bring(_work_of(bench, claim))
        if acted is not None:
            return acted
    return GivenBack(why=f"{app.target.name} was moved by others {STARTS_MOST} times", setback=False)


class _Merging:
    """One owner of the queue at work."""

    def __init__(self, bench: Bench, claim: Claim, fence: str, observe: Callable[[str], None]) -> None:
        self.bench = bench
        self.claim = claim
        self.fence = fence
        self.observe = observe
        self.target = bench.app.target
        self.remote: Remote | None = None
        """Where the target is pushed to, if that can be reached."""

    def bring_base(self) -> None:
        """Brings the base's new commits into the target, if they go with it and pass the gates; else tells a person."""
        base, target = self.bench.app.base, self.target
        found = target.with_base(base)
        if found is None:
            _untell(self.bench, BASE_CONFLICT)
            return
        tip = self.bench.app.repository.git.resolve(f"refs/heads/{base}") or ""
        if isinstance(found, Conflict):
            text = f"{base} and {target.name} conflict in {', '.join(found.files)}: new commits of {base} wait."
            remedy = f"git switch {base} && git merge {target.name}"
            _tell(self.bench, Notice(name=BASE_CONFLICT, text=text, remedy=remedy, detail=tip))
            return
        failed = self._failed_gate(found.new)
        if failed is not None:
            text = f"{failed.name} fails on the new commits of {base} ({tip[:12]}): they wait."
            _tell(self.bench, Notice(name=BROKEN_BASE, text=text, remedy=MEND.format(base=base), detail=failed.name))
        elif target.advance(found, fence=self.fence):
            _untell(self.bench, BASE_CONFLICT, BROKEN_BASE)

    def bring(self, commit: str) -> Acted | None:
        """Brings the item's work into the target. None: that was moved meanwhile."""
        sbi, target = self.claim.sbi, self.target
        owner, how = Owner(item=sbi.id, uid=sbi.uid), How(self.bench.settings.integrate)
        merged = target.merged(commit, owner, how=how, subject=f"{sbi.id}: {sbi.title}")
        if isinstance(merged, Conflict):
            words = f"It conflicts with {target.name} in: {', '.join(merged.files)}"
            return Conflicted(words=words, onto=target.tip() or commit)
        if merged.new == merged.old:
            return Merged()
        failed = self._failed_gate(merged.new, before=merged.old)
        self.observe("gated")
        if failed is None:
            _untell(self.bench, BROKEN_BASE)
        else:
            words = f"{failed.name} fails on the merged result:\n{failed.tail}"
            broken = broken_base(self.bench, self.claim, merged.old, failed)
            return broken or Conflicted(words=words, onto=merged.old)
        return self._move(merged)

    def _move(self, merged: Outcome) -> Acted | None:
        """Record, then move the ref; the settlement is the caller's."""
        sbi, target, store = self.claim.sbi, self.target, self.bench.app.store
        token = self.claim.token
        record = Integration(sbi=sbi.number, target=target.name, old=merged.old, new=merged.new, token=token)
        with store.transaction() as tx:
            tx.record_integration(self.claim, record)
        self.observe("recorded")
        if target.advance(merged, fence=self.fence):
            self.observe("moved")
            self.push()
            return Merged()
        with store.transaction() as tx:
            tx.forget_integration(self.claim)  # raises LeaseLost for whoever was overtaken
        if target.fenced() != self.fence:  # taken late, by one that had stood still: its claim is gone
            self.fence = target.take_fence(self.claim.text)
        return None

    def fence_remote(self) -> None:
        """Has the remote, if one is set, refuse whoever had the queue before, from before the merge on."""
        name = self.bench.settings.push
        if name is None:
            _untell(self.bench, NOT_PUSHED)
            return
        remote = Remote(self.bench.app.repository, name, dict(self.bench.settings.child_env))
        try:
            remote.take_fence(self.target.fence_ref, self.fence)
            self.remote = remote
        except WorkspaceError as error:
            self._not_pushed(name, error.message)

    def push(self) -> None:
        """Brings the target to the remote. Where that fails a person is told; the merge stands."""
        if self.remote is None:
            return
        try:
            problem = self._pushed(self.remote)
        except WorkspaceError as error:
            problem = error.message
        if problem is None:
            _untell(self.bench, NOT_PUSHED)
        else:
            self._not_pushed(self.remote.name, problem)

    def _not_pushed(self, name: str, problem: str) -> None:
        remedy = f"git push {name} {self.target.name}, or: deespec config unset workspace.push"
        text = f"{self.target.name} is not pushed to {clean_url(name)}: {problem}"
        _tell(self.bench, Notice(name=NOT_PUSHED, text=text, remedy=remedy, detail=problem))

    def _pushed(self, remote: Remote) -> str | None:
        """What keeps the target from being pushed; None: nothing."""
        target = self.target
        for _ in range(PUSHES_MOST):
            done = remote.push({target.ref: target.tip() or ""}, fence_ref=target.fence_ref, fence=self.fence)
            if not isinstance(done, Behind):
                return None  # what was overtaken is pushed by whoever has overtaken it
            found = bring_in(target, remote)
            if isinstance(found, Conflict):
                return f"it conflicts with what the remote has, in {', '.join(found.files)}."
            if found is None:
                continue
            failed = self._failed_gate(found.new)
            if failed is not None:
                return f"{failed.name} fails together with what the remote has."
            if not target.advance(found, fence=self.fence):
                return None
        return f"others have pushed there {PUSHES_MOST} times meanwhile."

    def _failed_gate(self, commit: str, *, before: str | None = None) -> CheckResult | None:
        """A gate that cannot be run any more, though it could `before`, has failed."""
        try:
            results = self.bench.checkouts.run_gates(self.claim, commit)
        except gates.CannotRun as error:
            if before is None or not self.bench.checkouts.can_run(self.claim, before, error.gate):
                raise
            return CheckResult(name=error.name, passed=False, tail=error.message)
        return next((one for one in results if not one.passed), None)


def broken_base(bench: Bench, claim: Claim, commit: str, failed: CheckResult) -> Waits | None:
    """Whether a gate that failed on an item's work fails on a commit without that, too: then the item waits.

    Of the item's own checks nothing follows: before its work they may well fail.
    """
    gate = gates.named(bench, failed.name)
    if gate is None:
        return None
    if bench.checkouts.passes(claim, commit, gate):
        _untell(bench, BROKEN_BASE)
        return None
    text = f"{failed.name} fails without any item's work, too, at {commit[:12]}."
    remedy = MEND.format(base=bench.app.base)
    _tell(bench, Notice(name=BROKEN_BASE, text=text, remedy=remedy, detail=gate.run))
    return Waits(why=f"the base is broken: {text}", reason=BROKEN_BASE, delay_ms=BROKEN_BASE_MS)


def _tell(bench: Bench, notice: Notice) -> None:
    with bench.app.store.transaction() as tx:
        tx.put_notice(notice, actor=bench.actor)


def _untell(bench: Bench, *names: str) -> None:
    with bench.app.store.read() as tx:
        known = {notice.name for notice in tx.notices()}
    if known & set(names):
        with bench.app.store.transaction() as tx:
            for name in names:
                tx.remove_notice(name)


def _work_of(bench: Bench, claim: Claim) -> str:
    """The commit that counts: of the newest turn that made something."""
    with bench.app.store.read() as tx:
        turns = [turn for turn in tx.turns(claim.sbi.number) if turn.number > claim.sbi.turns_reset]
    kept = [turn.tree for turn in turns if turn.tree is not None and turn.step is not Step.REVIEW]
    assert kept, f"{claim.sbi.id} is to be merged, and no turn of it has kept anything"
    return kept[-1]
