"""Adding, finding and changing EPICs, PBIs and SBIs; ranks and roll-ups follow in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.clock import iso
from deespec.errors import NotFound
from deespec.model.ids import decomposition_of, id_of, number_in
from deespec.model.items import Epic, Kind, Pbi, Sbi
from deespec.model.lifecycle import ENDED, Event, GroupStatus, Status, apply, roll_up
from deespec.records import replace
from deespec.store import rows
from deespec.store.archiving import ArchiveVerbs

if TYPE_CHECKING:
    from deespec.store.rows import Value

Item = Sbi | Pbi | Epic

RELEASE_STEP = 250
"""Waiters returned to the ready index in one transaction, so that none is longer than 20 ms."""


class ItemVerbs(ArchiveVerbs):
    __slots__ = ()

    # --- finding ---

    def sbi(self, number: int) -> Sbi:
        row = self._one("sbi_get", number=number)
        if row is None:
            raise self._no_such(number)
        return rows.decode(Sbi, row)

    def is_there(self, number: int) -> bool:
        """Whether there is an SBI, or a decomposition, of this number."""
        return self._value("sbi_exists", number=number) is not None

    def decomposition(self, pbi: int) -> Sbi | None:
        """The work of decomposing a PBI, if it was ever asked for."""
        row = self._one("sbi_get", number=decomposition_of(pbi))
        return None if row is None else rows.decode(Sbi, row)

    def pbi(self, number: int) -> Pbi:
        row = self._one("pbi_get", number=number)
        if row is None:
            raise NotFound(f"There is no PBI-{number}.", hint="deespec pbi list")
        return rows.decode(Pbi, row)

    def epic(self, number: int) -> Epic:
        row = self._one("epic_get", number=number)
        if row is None:
            raise NotFound(f"There is no EPIC-{number}.", hint="deespec epic list")
        return rows.decode(Epic, row)

    def item(self, item_id: str) -> Item:
        """The item with this id, as normalised (`SBI-12`)."""
        kind, _, number = item_id.partition("-")
        if kind == Kind.SBI:
            return self.sbi(int(number))
        return self.pbi(int(number)) if kind == Kind.PBI else self.epic(int(number))

    def exists(self, item_id: str) -> bool:
        kind, _, number = item_id.partition("-")
        return self._value(f"{kind.lower()}_exists", number=int(number)) is not None

    def by_uid(self, prefix: str) -> list[str]:
        """The ids of all items whose uid begins with `prefix` (Crockford letters, upper case)."""
        return [row[0] for row in self._all("uid_prefix", low=prefix, high=prefix + "~")]

    def by_key(self, kind: Kind, key: str) -> Item | None:
        number = self._value(f"{kind.lower()}_by_key", key=key)
        return None if number is None else self.item(f"{kind}-{number}")

    def by_source(self, kind: Kind, source: str, source_hash: str) -> str | None:
        """The id of the item that was registered from this file with this content."""
        number = self._value(f"{kind.lower()}_by_source", source=source, hash=source_hash)
        return None if number is None else f"{kind}-{number}"

    def registered_from(self, kind: Kind, source: str) -> list[str]:
        """The ids of all items that were registered from this file, whatever it held then."""
        return [f"{kind}-{row[0]}" for row in self._all("registered_from", kind=kind, source=source)]

    def dependents(self, number: int) -> list[str]:
        return [f"SBI-{row[0]}" for row in self._all("need_dependents", number=number)]

    def children(self, item_id: str) -> list[str]:
        return [row[0] for row in self._all("children", parent=item_id)]

    def _no_such(self, number: int) -> NotFound:
        item = id_of(number)
        if number > 0:
            return NotFound(f"There is no {item}.", hint="deespec sbi list --all")
        if not self.exists(item):
            return NotFound(f"There is no {item}.", hint="deespec pbi list")
        return NotFound(f"{item} was never decomposed.", hint=f"deespec pbi decompose {item}")

    # --- adding ---

    def next_number(self, kind: Kind) -> int:
        return self._next(kind.lower())

    def add(self, item: Item) -> None:
        """Inserts the item's own row; needs and parents are tied afterwards, so that files of one batch may name each
        other in any order."""
        self._insert(item)

    def tie(self, item: Item) -> None:
        """Ties a new item to its needs and its parent."""
        if isinstance(item, Sbi):
            self.set_needs(item.number, item.depends_on)
        parent = None if isinstance(item, Epic) else item.parent
        if parent:
            self.roll_up(parent)

    # --- changing ---

    def save(self, before: Sbi, after: Sbi) -> None:
        """Writes the changed item, and what follows for its needs, its parent and all that wait for it."""
        if _may_wait(before) and not _may_wait(after):
            self._run("sbi_entered", number=after.number)
            self._run("next_clear", number=str(after.number))
        self._update(after)
        if before.paths != after.paths:
            self.release_waiters(after.number, after.status)
        goes_on = after.decomposes and before.resume != after.resume
        if before.status is after.status and not goes_on:
            return
        if (before.in_work and not after.in_work) or after.status is Status.CANCELLED:
            self.release_waiters(after.number, after.status)
        if (before.status in ENDED) != (after.status in ENDED):
            self.rank_needs(after.number)
        if after.status is Status.PENDING:
            self._run("answers_forget", sbi=after.number)
        if after.parent:
            self.roll_up(after.parent)

    def save_group(self, item: Pbi | Epic) -> None:
        """Writes the changed item; the decomposition of a PBI goes by its text, priority, labels and hold."""
        self._update(item)
        if isinstance(item, Pbi):
            self._run("decomposition_follow", decomposition=decomposition_of(item.number), number=item.number)

    def move(
        self, sbi: Sbi, event: Event, *, actor: str, reason: str | None = None, error: str | None = None, **facts: Value
    ) -> Sbi:
        """Applies the event, stores the item and writes the journal. Raises IllegalMove."""
        moved = apply(sbi, event, now=self.now, reason=reason)
        if not _may_wait(moved) and (moved.resume or moved.waits_on is not None):
            moved = replace(moved, resume=False, waits_on=None, waits_for=None)
        if sbi.status in ENDED:
            self.unarchive([sbi.id], actor=actor)
        self.save(sbi, moved)
        facts.setdefault("turn", sbi.turn)
        facts.setdefault("step", sbi.step)
        if event is Event.RELEASED and moved.not_before is not None and moved.not_before > self.now:
            facts.setdefault("detail", f"until {iso(moved.not_before)}")
        if not sbi.decomposes:  # the statuses under a PBI's id are the PBI's own
            facts |= {"from_status": sbi.status, "to_status": moved.status}
        self.note(actor, event, item=sbi.id, error=error or reason, **facts)
        return moved

    def delete(self, item: Item) -> None:
        """Removes the item; a PBI with its decomposition, the turns of that, and its drafts. What they cost stays."""
        if isinstance(item, Pbi):
            decomposition = decomposition_of(item.number)
            self._run("drafts_forget", parent=item.id)
            self._run("turns_forget", sbi=decomposition)
            self._run("answers_forget", sbi=decomposition)
            self._run("sbi_delete", number=decomposition)
        if isinstance(item, Sbi):
            self.release_waiters(item.number, item.status)
            needs = item.depends_on
            self._run("need_clear", number=item.number)
            for need in needs:
                self._rank_from(number_in(need))
        self.forget_archived(item.id)
        self._run(f"{item.id.partition('-')[0].lower()}_delete", number=item.number)
        parent = None if isinstance(item, Epic) else item.parent
        if parent and self.exists(parent):
            self.roll_up(parent)

    # --- needs and ranks ---

    def set_needs(self, number: int, needs: tuple[str, ...]) -> None:
        """Replaces the item's needs; puts it behind the first that is not DONE."""
        old = [row[0] for row in self._all("need_of", number=number)]
        new = sorted({number_in(need) for need in needs})
        self._run("need_clear", number=number)
        self._each("need_add", ({"number": number, "needs": need} for need in new))
        self._run("sbi_wait_for_need", number=number)
        self.not_next(number)
        for need in {*old, *new}:
            self._rank_from(need)

    def needs_cycle(self, number: int) -> list[str] | None:
        """The way from this item back to itself along needs, if there is one."""
        if self._value("need_reaches_itself", number=number) is None:
            return None
        needed_by: dict[int, int] = {}
        found = [number]
        for one in found:  # grows meanwhile: breadth first, so the way is the shortest
            for need in (row[0] for row in self._all("need_of", number=one)):
                if need not in needed_by:
                    needed_by[need] = one
                    found.append(need)
            if number in needed_by:
                break
        way = [number, needed_by[number]]
        while way[-1] != number:
            way.append(needed_by[way[-1]])
        return [f"SBI-{part}" for part in reversed(way)]

    def rank_needs(self, number: int) -> None:
        """Ranks anew what this item needs, after its own rank has changed or it has ended."""
        self._run("need_rank", number=number)
        for row in self._all("need_of", number=number):
            self._rank_from(row[0])

    def rank(self, number: int) -> None:
        """Ranks this item and all it needs anew, after its priority has changed."""
        self._rank_from(number)

    def _rank_from(self, number: int) -> None:
        waiting = [number]
        while waiting:
            one = waiting.pop()
            if self._run("sbi_rank", number=one):
                self._run("need_rank", number=one)
                waiting += [row[0] for row in self._all("need_of", number=one)]

    # --- following changes ---

    def release_waiters(self, number: int, status: Status | None) -> None:
        """Returns items that waited for this one to the ready index, at most RELEASE_STEP of them now.

        Only DONE returns those that need it.
        """
        what = None if status is Status.DONE else "paths"
        if self._run("waiters_release", number=number, what=what, step=RELEASE_STEP) == RELEASE_STEP:
            self._run("releasing_add", number=number)

    def not_next(self, number: int) -> bool:
        """Nobody makes room for this item any more; whether anybody did."""
        if not self._run("next_clear", number=str(number)):
            return False
        self.release_waiters(number, None)
        return True

    def release_more(self) -> None:
        """One further step for an item whose waiters did not fit into its own transaction."""
        number = self._value("releasing_first")
        if number is None:
            return
        self._run("releasing_remove", number=number)
        status = self._value("sbi_status", number=number)
        self.release_waiters(number, None if status is None else Status(status))

    def roll_up(self, item_id: str) -> None:
        """Sets the status of a PBI or EPIC from its children, and goes on upward."""
        kind, _, number = item_id.partition("-")
        group = self.item(item_id)
        assert not isinstance(group, Sbi), f"{item_id} cannot have children"
        self.show_again(item_id)
        status = self.rolled_up(item_id)
        if status is group.status:
            return
        self.unarchive([item_id], actor="deespec")
        self._run(f"{kind.lower()}_status", number=int(number), status=status, now=self.now)
        self.note("deespec", "rolled_up", item=item_id, from_status=group.status, to_status=status)
        if isinstance(group, Pbi) and group.parent:
            self.roll_up(group.parent)

    def rolled_up(self, item_id: str) -> GroupStatus:
        """The status that a PBI or EPIC has by what is below it."""
        kind, _, number = item_id.partition("-")
        counts = dict(self._all("child_counts", parent=item_id))
        if kind != Kind.PBI:
            return roll_up(counts)
        row = self._one("planning", number=decomposition_of(int(number)), parent=item_id)
        decomposition, resume, drafts = row or (None, False, 0)
        return roll_up(counts, decomposition=decomposition, resume=bool(resume), drafts=drafts)

    def set_held(self, item: Item, *, held: bool, actor: str) -> None:
        if isinstance(item, Sbi):
            self._update(replace(item, held=held, updated_at=self.now))
            if held:
                self.not_next(item.number)
        else:
            self.save_group(replace(item, held=held, updated_at=self.now))
        self.note(actor, "held" if held else "unheld", item=item.id)


def _may_wait(sbi: Sbi) -> bool:
    """Whether it is among those that may be waiting to enter work."""
    return rows.stage(sbi.status, resume=sbi.resume) in ("pending", "resumable")
