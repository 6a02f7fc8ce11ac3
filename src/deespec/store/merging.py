"""What is remembered of an item's side in Git, and the three steps of a merge: record, move the ref, settle.

The ref moves outside of any transaction. So it is recorded first, and whoever claims the item next looks whether the
target has the recorded commit: only then, and then only, the settlement is what is left to do (docs/adr/0011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.model.items import Sbi
from deespec.model.lifecycle import Event
from deespec.model.work import BROKEN_BASE, Integration, Merge, Notice, Work
from deespec.records import replace
from deespec.store.settling import SettleVerbs

if TYPE_CHECKING:
    from deespec.model.items import Claim


class MergeVerbs(SettleVerbs):
    __slots__ = ()

    def begins_anew(self, number: int) -> None:
        """After a reset or an undo: the next claim makes another folder and branch; the old ones stay as they are."""
        work = self.work(number)
        if work.start is not None:
            fresh = Work(sbi=number, generation=work.generation + 1, registered=work.registered)
            self.keep_work(fresh)

    # --- merging ---

    def merges(self, number: int | None = None) -> list[Merge]:
        """Of one item, or of all, oldest first."""
        return self._records(Merge, "merge_list", sbi=number)

    def record_integration(self, claim: Claim, integration: Integration) -> None:
        """(A) From here on the item can only be merged, until it is known that it was not. Raises LeaseLost."""
        self.owned(claim)
        self._insert(replace(integration, at=self.now))

    def forget_integration(self, claim: Claim) -> None:
        """What was recorded has not happened and will not. Raises LeaseLost."""
        self.owned(claim)
        self._run("integration_remove", sbi=claim.sbi.number)

    def merged(self, claim: Claim, *, actor: str) -> Sbi:
        """(C) The target has the item's work: DONE. Raises LeaseLost."""
        sbi = self.owned(claim)
        self._ends(claim)
        detail = self._merge_done(sbi.number)
        work = self.work(sbi.number)
        self.keep_work(replace(work, onto=None, conflict=None, restarts=0, touched=()))
        quiet = replace(sbi, attempts=0, setbacks=0, not_before=None)
        return self.move(quiet, Event.MERGED, actor=actor, turn=sbi.turn, detail=detail)

    def conflicted(self, claim: Claim, *, actor: str, words: str, onto: str, max_turns: int) -> Sbi:
        """It cannot be merged as it is: an agent resolves it, if it has a turn left. Raises LeaseLost."""
        sbi = self.owned(claim)
        self._ends(claim)
        self.keep_work(replace(self.work(sbi.number), onto=onto, conflict=words, restarts=0))
        quiet = replace(sbi, attempts=0, setbacks=0, not_before=None, manifest=None)
        moved = self.move(quiet, Event.CONFLICTED, actor=actor, turn=sbi.turn, error=words.splitlines()[0])
        if sbi.turns_used >= (sbi.max_turns or max_turns):
            moved = self.move(moved, Event.LIMIT_REACHED, actor=actor, reason="turns", turn=sbi.turn)
        return moved

    def changes_wanted(self, claim: Claim, *, actor: str, words: str, taken: str, max_turns: int) -> Sbi:
        """Whoever looks at its pull request wants it changed: the next turn gets their words. Raises LeaseLost."""
        sbi = self.owned(claim)
        self._ends(claim)
        self.keep_work(replace(self.work(sbi.number), taken=taken))
        quiet = replace(sbi, attempts=0, setbacks=0, not_before=None, manifest=None, hint=words)
        moved = self.move(quiet, Event.NEEDS_CHANGES, actor=actor, turn=sbi.turn)
        if sbi.turns_used >= (sbi.max_turns or max_turns):
            moved = self.move(moved, Event.LIMIT_REACHED, actor=actor, reason="turns", turn=sbi.turn)
        return moved

    def waits(self, claim: Claim, *, actor: str, why: str, reason: str, until: int) -> Sbi:
        """Nothing can be done for it before that time; no attempt is used. Raises LeaseLost."""
        sbi = self.owned(claim)
        self._ends(claim)
        later = replace(sbi, setbacks=0, not_before=until)
        facts: dict[str, Any] = {"turn": claim.turn, "agent": claim.agent}
        return self.move(later, Event.RELEASED, actor=actor, reason=reason, error=why, **facts)

    def waits_for_base(self) -> bool:
        """Whether an item does because the base was broken."""
        return self._value("base_waits", reason=BROKEN_BASE) is not None

    def base_has_moved(self) -> None:
        """It may be mended: those items are tried again at once."""
        self._run("base_moved", reason=BROKEN_BASE)

    # --- taking a merge back ---

    def record_undo(self, integration: Integration) -> None:
        """(A) of an undo, by a person's command."""
        self._insert(replace(integration, at=self.now))

    def forget_undo(self, number: int) -> None:
        """It has not happened and will not."""
        self._run("integration_remove", sbi=number)

    def undone(self, number: int, *, actor: str) -> Sbi:
        """(C) The target has the commit that takes the item's work back: PENDING, and held."""
        sbi = self.sbi(number)
        detail = self._merge_done(number)
        moved = self.move(sbi, Event.UNDONE, actor=actor, detail=detail)
        self.begins_anew(number)
        self.set_needs(number, moved.depends_on)
        return self.sbi(number)

    def found_merged(self, number: int, *, target: str, old: str, new: str, actor: str) -> Sbi:
        """The target has a commit for an item that this database does not know to be merged."""
        sbi = self.sbi(number)
        self.free(number)
        self._run("merge_add", sbi=number, kind="merge", target=target, old=old, new=new, at=self.now)
        return self.move(sbi, Event.FOUND_MERGED, actor=actor, detail=new)

    # --- what belongs to no item ---

    def notices(self) -> list[Notice]:
        return self._records(Notice, "notice_list")

    def put_notice(self, notice: Notice, *, actor: str) -> bool:
        """False: that was said already, of the same thing."""
        known = next((one for one in self.notices() if one.name == notice.name), None)
        if known is not None and known.detail == notice.detail:
            return False
        self._run("notice_remove", name=notice.name)
        self._insert(replace(notice, at=self.now))
        self.note(actor, "notice", error=notice.text, detail=notice.name)
        return True

    def remove_notice(self, name: str) -> None:
        self._run("notice_remove", name=name)

    # --- below ---

    def _ends(self, claim: Claim) -> None:
        self.free(claim.sbi.number)
        self._run("call_remove", token=claim.token)

    def _merge_done(self, number: int) -> str | None:
        """Turns the recorded move into one that was made; the commit."""
        found = self.integration(number)
        if found is None:
            return None
        values: dict[str, Any] = {"sbi": number, "kind": found.kind, "target": found.target}
        self._run("merge_add", old=found.old, new=found.new, at=self.now, **values)
        self._run("integration_remove", sbi=number)
        return found.new
