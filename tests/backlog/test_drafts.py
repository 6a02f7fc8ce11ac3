"""Drafts of a PBI: what approving, rejecting and editing makes of them and of those that need them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deespec.backlog import drafts as deciding
from deespec.backlog import edit, groups
from deespec.backlog.draft_files import Wish, rehearse, take
from deespec.backlog.drafts import Decided, Decider, Needs
from deespec.clock import Clock
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.asking import Draft, DraftStatus
from deespec.model.draft_file import parse_draft, render_draft
from deespec.model.lifecycle import GroupStatus
from deespec.records import replace
from deespec.store.opener import open_store
from ledger import Ledger

if TYPE_CHECKING:
    from ledger import Ledger

S = DraftStatus
RACERS = 4
LIMIT_S = 120


class Desk:
    """A PBI with drafts, and a person who decides about them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.store = ledger.store
        self.pbi = ledger.add_pbi("Group", priority="high")

    @property
    def by(self) -> Decider:
        return Decider(owner="ann@here", uid=self.ledger.clock.uid, labels=frozenset({"go"}))

    def draft(self, number: int, *needs: str | int, **fields: object) -> None:
        ids = tuple(f"PBI-1/{need}" if isinstance(need, int) else need for need in needs)
        made = Draft(parent="PBI-1", number=number, title=f"Draft {number}", spec="Text.", needs=ids, created_at=number)
        with self.store.transaction() as tx:
            tx.add_draft(replace(made, **fields))

    def approve(
        self, *numbers: int, needs: Needs = Needs.WAIT, hold: bool = False, again: bool = False
    ) -> list[Decided]:
        ids = [("PBI-1", number) for number in numbers]
        return deciding.approve(self.store, ids, self.by, needs=needs, hold=hold, again=again)

    def reject(self, *numbers: int) -> list[Decided]:
        return deciding.reject(self.store, [("PBI-1", one) for one in numbers], reason="no", owner="bob@here")

    def now(self, number: int) -> Draft:
        with self.store.read() as tx:
            return tx.draft("PBI-1", number)

    def states(self) -> dict[int, str]:
        with self.store.read() as tx:
            return {one.number: one.registered or one.status for one in tx.drafts("PBI-1", decided=True)}

    def needs(self, sbi: int) -> tuple[str, ...]:
        return self.ledger.sbi(sbi).depends_on

    def status(self) -> GroupStatus:
        with self.store.read() as tx:
            assert tx.orphans() == []
            return tx.pbi(1).status


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)


# --- what goes ------------------------------------------------------------------------------------------------------


def test_what_waits_for_drafts_of_a_deleted_pbi_is_open_again(desk: Desk) -> None:
    other = desk.ledger.add_pbi("Other")
    desk.draft(1)
    desk.draft(2, 1)
    desk.draft(1, 2, parent=other.id)
    desk.draft(2, "PBI-2/1", parent=other.id)
    desk.approve(2)
    deciding.approve(desk.store, [("PBI-2", 1), ("PBI-2", 2)], desk.by)
    told = (("PBI-2/1", "it needs PBI-1/2, which was deleted"),)
    with desk.store.read() as tx:
        assert groups.to_delete(tx, "PBI-1", cascade=True).reopened == told
        assert tx.draft("PBI-2", 1).status is S.WAITING
    assert groups.delete(desk.store, "PBI-1", actor="ann@here", cascade=True).reopened == told
    with desk.store.read() as tx:
        assert [one.status for one in tx.drafts("PBI-2")] == [S.OPEN, S.WAITING]
        assert tx.orphans() == []
        [entry] = [one for one in tx.journal(item="PBI-2") if one.event == "draft_reopened"]
    assert entry.detail == "PBI-2/1: it needs PBI-1/2, which was deleted"


@pytest.mark.parametrize("need", ["SBI-1", 1])
def test_what_waits_and_needs_a_deleted_sbi_is_open_again(desk: Desk, need: str | int) -> None:
    desk.draft(1)
    desk.approve(1)
    desk.draft(2)
    desk.draft(3, 2, need)
    desk.draft(4, 2)
    desk.approve(3, 4)
    told = (("PBI-1/3", "it needs SBI-1, which was deleted"),)
    assert edit.delete(desk.store, "SBI-1", actor="ann@here") == told
    assert desk.states() == {1: "SBI-1", 2: S.OPEN, 3: S.OPEN, 4: S.WAITING}
    assert desk.status() is GroupStatus.PLANNING


# --- registered ---------------------------------------------------------------------------------------------------


def test_an_approved_draft_is_a_child_of_its_pbi_with_all_it_says(desk: Desk) -> None:
    desk.draft(1, labels=("go",), paths=("src/**",), estimate_hours=2.5, only_implement=True)
    [done] = desk.approve(1)
    made = desk.ledger.sbi(1)
    assert (made.title, made.spec, made.parent, made.priority, made.source) == (
        "Draft 1",
        "Text.",
        "PBI-1",
        "high",
        "PBI-1/1",
    )
    assert (made.labels, made.paths, made.estimate_hours, made.only_implement) == (("go",), ("src/**",), 2.5, True)
    assert (made.owner, made.held) == ("ann@here", False)
    assert (done.draft.decided_by, done.draft.registered, done.fresh) == ("ann@here", "SBI-1", True)
    assert desk.status() is GroupStatus.PLANNED
    assert "draft_approved" in desk.ledger.events("PBI-1")


def test_needs_become_those_of_the_items(desk: Desk) -> None:
    desk.ledger.add("Before")
    desk.draft(1)
    desk.draft(2, 1, "SBI-1")
    desk.approve(1)
    desk.approve(2)
    assert desk.needs(3) == ("SBI-1", "SBI-2")


def test_several_are_registered_in_the_order_of_their_needs_whatever_that_of_the_names(desk: Desk) -> None:
    desk.draft(1, 2)
    desk.draft(2, 3)
    desk.draft(3)
    done = desk.approve(1, 2, 3)
    assert [one.draft.registered for one in done] == ["SBI-3", "SBI-2", "SBI-1"]
    assert (desk.needs(3), desk.needs(2), desk.needs(1)) == (("SBI-2",), ("SBI-1",), ())


def test_one_that_needs_an_undecided_one_waits_and_is_registered_with_it(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.draft(3, 2)
    [waiting] = desk.approve(3, hold=True)
    assert (waiting.draft.status, waiting.waits_for) == (S.WAITING, ("PBI-1/2",))
    [second] = desk.approve(2)
    assert (second.draft.status, second.waits_for, desk.status()) == (S.WAITING, ("PBI-1/1",), GroupStatus.PLANNING)
    done = desk.approve(1)
    assert [(one.draft.number, one.draft.registered, one.held) for one in done] == [
        (1, "SBI-1", False),
        (2, "SBI-2", False),
        (3, "SBI-3", True),
    ]
    assert desk.ledger.sbi(3).held
    assert desk.needs(3) == ("SBI-2",)
    assert desk.status() is GroupStatus.PLANNED


def test_who_approved_first_owns_what_is_registered_later(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.approve(2)
    deciding.approve(desk.store, [("PBI-1", 1)], replace(desk.by, owner="bob@here"))
    assert [desk.ledger.sbi(number).owner for number in (1, 2)] == ["bob@here", "ann@here"]
    assert desk.now(2).decided_by == "ann@here"


def test_with_its_needs_all_of_them_are_registered(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.draft(3, 2)
    done = desk.approve(3, needs=Needs.WITH, hold=True)
    assert [one.draft.number for one in done] == [3, 1, 2]
    assert desk.states() == {1: "SBI-1", 2: "SBI-2", 3: "SBI-3"}
    assert all(desk.ledger.sbi(number).held for number in (1, 2, 3))


def test_without_its_needs_one_is_registered_at_once(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2)
    desk.draft(3, 1, 2)
    desk.approve(1)
    desk.approve(3)
    [done] = desk.approve(3, needs=Needs.WITHOUT)
    assert (done.without, desk.needs(2), desk.states()[2]) == (("PBI-1/2",), ("SBI-1",), "open")


def test_in_a_held_pbi_it_is_registered_held(desk: Desk) -> None:
    desk.draft(1)
    with desk.store.transaction() as tx:
        tx.set_held(tx.pbi(1), held=True, actor="ann")
    assert desk.approve(1)[0].held
    assert desk.ledger.sbi(1).held


def test_approved_twice_it_is_one_item(desk: Desk) -> None:
    desk.draft(1)
    desk.approve(1, 1)
    assert [one.fresh for one in desk.approve(1)] == [False]
    assert desk.states() == {1: "SBI-1"}


def test_waiting_twice_changes_nothing(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.approve(2)
    before = desk.ledger.events()
    assert [(one.fresh, one.waits_for) for one in desk.approve(2)] == [(False, ("PBI-1/1",))]
    assert desk.ledger.events() == before


# --- refused --------------------------------------------------------------------------------------------------------


def test_a_need_that_was_rejected_is_told_and_left_out_only_when_that_is_said(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.reject(1)
    with pytest.raises(NotPossible, match="PBI-1/2 needs PBI-1/1, which was rejected by bob@here: no"):
        desk.approve(2)
    [done] = desk.approve(2, needs=Needs.WITHOUT)
    assert (done.draft.registered, done.without, desk.needs(1)) == ("SBI-1", ("PBI-1/1",), ())


def test_a_need_that_is_not_there_any_more_is_told(desk: Desk) -> None:
    desk.draft(1, "SBI-9")
    with pytest.raises(NotPossible, match="PBI-1/1 needs SBI-9, which is not there any more"):
        desk.approve(1)


def test_a_circle_is_refused_and_nobody_waits_for_ever(desk: Desk) -> None:
    desk.draft(1, 2)
    desk.draft(2, 3)
    desk.draft(3, 2)
    for needs in (Needs.WAIT, Needs.WITH):
        with pytest.raises(NotPossible, match="would wait for ever: PBI-1/2 → PBI-1/3 → PBI-1/2"):
            desk.approve(1, needs=needs)
    assert desk.states() == {1: "open", 2: "open", 3: "open"}
    desk.approve(3, needs=Needs.WITHOUT)
    desk.approve(1, 2)
    assert desk.states() == {1: "SBI-3", 2: "SBI-2", 3: "SBI-1"}


def test_a_label_that_was_deleted_meanwhile_is_named(desk: Desk) -> None:
    desk.draft(1, labels=("gone",))
    with pytest.raises(InvalidInput, match="PBI-1/1: there is no label gone"):
        desk.approve(1)
    assert desk.states() == {1: "open"}


def test_one_that_follows_and_cannot_be_registered_any_more_is_open_again(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1, labels=("go",))
    desk.approve(2)
    done = deciding.approve(desk.store, [("PBI-1", 1)], replace(desk.by, labels=frozenset()))
    assert [(one.draft.number, one.draft.status, one.why) for one in done] == [
        (1, S.APPROVED, ""),
        (2, S.OPEN, "there is no label go"),
    ]
    assert desk.states() == {1: "SBI-1", 2: "open"}


def test_all_or_none_of_several(desk: Desk) -> None:
    desk.draft(1)
    with pytest.raises(NotFound):
        desk.approve(1, 2)
    with pytest.raises(NotFound):
        desk.reject(1, 2)
    assert desk.states() == {1: "open"}


# --- rejected, replaced, changed --------------------------------------------------------------------------------------


def test_rejecting_opens_what_waits_for_it_again(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.draft(3, 2)
    desk.approve(2, 3)
    done = desk.reject(1)
    assert [(one.draft.number, one.draft.status) for one in done] == [(1, S.REJECTED), (2, S.OPEN)]
    assert desk.states() == {1: "rejected", 2: "open", 3: "waiting"}
    assert desk.now(2).decided_by is None
    assert "draft_reopened" in desk.ledger.events("PBI-1")


def test_a_waiting_one_can_be_rejected(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.approve(2)
    desk.reject(2)
    desk.approve(1)
    assert desk.states() == {1: "SBI-1", 2: "rejected"}


def test_a_rejected_one_is_approved_when_that_is_said_again(desk: Desk) -> None:
    desk.draft(1)
    desk.reject(1)
    with pytest.raises(NotPossible, match="was rejected by bob@here: no"):
        desk.approve(1)
    desk.approve(1, again=True)
    assert (desk.states(), desk.now(1).reason) == ({1: "SBI-1"}, None)


def test_a_need_on_a_replaced_one_is_one_on_what_stands_in_its_place(desk: Desk) -> None:
    desk.draft(1, status=S.REPLACED)
    desk.draft(2, 1)
    desk.draft(3, replaces=1)
    with pytest.raises(NotPossible, match="PBI-1/1 was replaced by PBI-1/3"):
        desk.approve(1)
    assert desk.approve(2)[0].waits_for == ("PBI-1/3",)
    desk.approve(3)
    assert (desk.states()[2], desk.needs(2)) == ("SBI-2", ("SBI-1",))


def test_who_has_another_need_taken_away_is_registered_at_once(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.draft(3, 2)
    desk.approve(2, 3)
    seen = desk.now(2)
    done = deciding.rewrite(desk.store, seen, replace(seen, needs=()), desk.by)
    assert [one.draft.registered for one in done] == ["SBI-1", "SBI-2"]
    assert desk.now(2).edited


@pytest.mark.parametrize(
    ("needs", "error", "said"),
    [
        (("PBI-1/2",), InvalidInput, "PBI-1/1 → PBI-1/2 → PBI-1/1"),
        (("PBI-1/1",), InvalidInput, "cannot need itself"),
        (("PBI-1/9",), NotFound, "needs PBI-1/9, which is not there"),
        (("PBI-9/1",), NotFound, "needs PBI-9/1, which is not there"),
        (("SBI-9",), NotFound, "needs SBI-9, which is not there"),
        (("PBI-1/3",), InvalidInput, "PBI-1/3, which was rejected"),
    ],
)
def test_a_need_that_cannot_be_is_not_written(desk: Desk, needs: tuple[str, ...], error: type, said: str) -> None:
    desk.draft(1)
    desk.draft(2, 1)
    desk.draft(3)
    desk.reject(3)
    seen = desk.now(1)
    with pytest.raises(error, match=said):
        deciding.rewrite(desk.store, seen, replace(seen, needs=needs), desk.by)
    assert desk.now(1) == seen


def test_what_somebody_else_has_changed_is_not_overwritten(desk: Desk) -> None:
    desk.draft(1)
    seen = desk.now(1)
    deciding.rewrite(desk.store, seen, replace(seen, estimate_hours=3.0), desk.by)
    with pytest.raises(NotPossible, match="Somebody else has changed PBI-1/1 meanwhile"):
        deciding.rewrite(desk.store, seen, replace(seen, title="Mine"), desk.by)


# --- by itself --------------------------------------------------------------------------------------------------------


def test_what_nothing_is_wrong_with_is_approved_without_a_person(desk: Desk) -> None:
    desk.draft(1, labels=("gone",))
    desk.draft(2, 1)
    desk.draft(3)
    desk.draft(4, 3)
    desk.draft(5, 5, "SBI-9")
    desk.draft(6, 7)
    desk.draft(7, 6)
    with desk.store.transaction() as tx:
        deciding.approve_willing_in(
            tx, [(one.parent, one.number) for one in tx.drafts("PBI-1")], replace(desk.by, owner="deespec")
        )
    assert desk.states() == {1: "open", 2: "waiting", 3: "SBI-1", 4: "SBI-2", 5: "open", 6: "open", 7: "open"}


# --- files ------------------------------------------------------------------------------------------------------------


def wish(draft: Draft, *changes: tuple[str, str]) -> Wish:
    text = render_draft(draft, decided=True)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return Wish(file="f.md", id=(draft.parent, draft.number), written=parse_draft(text, "f.md"))


APPROVE = ("# decision: approve        # or reject, with a reason", "decision: approve")
REJECT = ("# decision: approve        # or reject, with a reason", "decision: reject\nreason: not now")


def test_files_edit_and_decide_in_one_step(desk: Desk) -> None:
    desk.draft(1, 2)
    desk.draft(2)
    desk.draft(3)
    wishes = [wish(desk.now(1), APPROVE, ("Text.", "Else.")), wish(desk.now(2), APPROVE), wish(desk.now(3), REJECT)]
    before = desk.states()
    assert [one.draft.number for one in rehearse(desk.store, wishes, desk.by).decided] == [3, 1, 2]
    assert desk.states() == before
    result = take(desk.store, wishes, desk.by)
    assert [one.changed for one in result.files] == [("spec",), (), ()]
    assert desk.states() == {1: "SBI-2", 2: "SBI-1", 3: "rejected"}
    assert (desk.ledger.sbi(2).spec, desk.now(3).reason) == ("Else.", "not now")
    assert take(desk.store, wishes, desk.by).decided == ()


def test_a_file_whose_draft_was_changed_meanwhile_is_refused_with_all_others(desk: Desk) -> None:
    desk.draft(1)
    desk.draft(2)
    wishes = [wish(desk.now(2), APPROVE), wish(desk.now(1), ("Text.", "Mine."))]
    seen = desk.now(1)
    deciding.rewrite(desk.store, seen, replace(seen, spec="Theirs."), desk.by)
    with pytest.raises(NotPossible) as refused:
        take(desk.store, wishes, desk.by)
    assert refused.value.message == "f.md: PBI-1/1 was changed since this file was written."
    assert desk.states() == {1: "open", 2: "open"}


# --- many processes ---------------------------------------------------------------------------------------------------

DECIDES = """
import sys
from deespec.backlog import drafts
from deespec.clock import Clock
from deespec.store.opener import open_store
path, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clock = Clock()
store = open_store(path, clock=clock, busy_ms=30_000)
print("ready", flush=True)
sys.stdin.readline()
for at in range(count):
    number = (first + at) % count + 1
    drafts.approve(store, [("PBI-1", number)], drafts.Decider(owner="p", uid=clock.uid))
"""


def race(path: Path, *, count: int, racers: int) -> None:
    """Drafts that each need the one before, approved from different ends at once."""
    pipe = subprocess.PIPE
    words = [[str(path), str(number * count // racers), str(count)] for number in range(racers)]
    started = [
        subprocess.Popen([sys.executable, "-c", DECIDES, *one], stdin=pipe, stdout=pipe, text=True) for one in words
    ]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in started:
        one.communicate("go\n", timeout=LIMIT_S)
    assert [one.returncode for one in started] == [0] * racers
    store = open_store(str(path), clock=Clock(), busy_ms=30_000)
    with store.read() as tx:
        found = tx.drafts("PBI-1", decided=True)
        assert len({one.registered for one in found}) == count
        assert sum(tx.counts().values()) == count
        for one in found[1:]:
            before = found[one.number - 2].registered
            assert tx.item(one.registered or "").depends_on == (before,)  # type: ignore[union-attr]
        assert tx.orphans() == []
    store.close()


def chained(desk: Desk, count: int) -> None:
    desk.draft(1)
    for number in range(2, count + 1):
        desk.draft(number, number - 1)


def test_many_who_approve_a_chain_from_all_ends_make_one_item_of_each(desk: Desk, path: str) -> None:
    chained(desk, 12)
    race(Path(path), count=12, racers=RACERS)


@pytest.mark.soak
def test_very_many_who_approve_a_long_chain_make_one_item_of_each(desk: Desk, path: str) -> None:
    chained(desk, 100)
    race(Path(path), count=100, racers=8)
