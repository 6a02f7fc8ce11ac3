"""What people decide about a PBI or EPIC reaches everything below it, in one transaction, or nothing at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deespec.backlog import archive, edit, groups
from deespec.backlog.decompose import ask_in
from deespec.clock import Clock
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.asking import Draft
from deespec.model.items import Epic, Kind, Pbi, Sbi
from deespec.model.lifecycle import Event, GroupStatus, Status
from deespec.model.spec import NewItem
from deespec.model.wanted import Scope
from deespec.model.work import Integration
from deespec.store.opener import create_store, open_store
from ledger import PERSON, Ledger

LIMIT_S = 120
ONLY_PBIS = Scope(sbis=False, pbis=True)


def epic(ledger: Ledger, title: str = "Large") -> Epic:
    [made] = ledger.add_all([NewItem(kind=Kind.EPIC, title=title, spec="All of it.")])
    assert isinstance(made, Epic)
    return made


def group(ledger: Ledger, item_id: str) -> Pbi | Epic:
    with ledger.store.read() as tx:
        found = tx.item(item_id)
    assert not isinstance(found, Sbi)
    return found


def draft(ledger: Ledger, parent: str, number: int = 1) -> None:
    with ledger.store.transaction() as tx:
        tx.add_draft(Draft(parent=parent, number=number, title=f"Draft {number}", spec="Text."))


def ask(ledger: Ledger, number: int = 1) -> None:
    with ledger.store.transaction() as tx:
        ask_in(tx, tx.pbi(number), actor=PERSON)


def sound(ledger: Ledger) -> None:
    assert ledger.violations() == []
    with ledger.store.read() as tx:
        assert tx.contradictions() == []


# --- move -----------------------------------------------------------------------------------------------------------


def test_both_parents_of_what_is_moved_are_rolled_up(ledger: Ledger) -> None:
    ledger.add_pbi("From")
    ledger.add_pbi("To")
    ledger.add("An item", parent="PBI-1")
    [(before, now)] = groups.move(ledger.store, ["SBI-1"], to="PBI-2", actor=PERSON)
    assert isinstance(before, Sbi)
    assert isinstance(now, Sbi)
    assert (before.parent, now.parent) == ("PBI-1", "PBI-2")
    assert (group(ledger, "PBI-1").status, group(ledger, "PBI-2").status) == (GroupStatus.PENDING, GroupStatus.PLANNED)
    sound(ledger)


@pytest.mark.parametrize(
    ("ids", "to", "error"),
    [
        (["SBI-1", "SBI-2"], "SBI-1", InvalidInput),
        (["PBI-2", "PBI-1"], "PBI-2", InvalidInput),
        (["SBI-1", "EPIC-1"], None, InvalidInput),
        (["SBI-1"], "PBI-9", NotFound),
        (["SBI-1", "SBI-9"], None, NotFound),
    ],
)
def test_nothing_is_moved_if_one_cannot_be(
    ledger: Ledger, ids: list[str], to: str | None, error: type[Exception]
) -> None:
    epic(ledger)
    ledger.add_pbi("One")
    ledger.add_pbi("Two")
    ledger.add("First", parent="PBI-1")
    ledger.add("Second", parent="PBI-1")
    with pytest.raises(error):
        groups.move(ledger.store, ids, to=to, actor=PERSON)
    assert [ledger.sbi(number).parent for number in (1, 2)] == ["PBI-1", "PBI-1"]


def test_a_finished_item_can_be_moved_though_it_cannot_be_changed(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    ledger.add("Done")
    ledger.finish()
    groups.move(ledger.store, ["SBI-1"], to="PBI-1", actor=PERSON)
    assert group(ledger, "PBI-1").status is GroupStatus.DONE
    with pytest.raises(NotPossible):
        edit.update(ledger.store, "SBI-1", lambda _: {"title": "Other"}, actor=PERSON)
    sound(ledger)


def test_what_is_moved_below_an_archived_group_brings_it_back(ledger: Ledger) -> None:
    ledger.add_pbi("Archived")
    ledger.add("Done", parent="PBI-1")
    ledger.finish()
    archive.archive(ledger.store, archive.choose_named(ledger.store, ["PBI-1"], before=None), actor=PERSON)
    ledger.add("Open")
    groups.move(ledger.store, ["SBI-2"], to="PBI-1", actor=PERSON)
    with ledger.store.read() as tx:
        assert tx.archived_at("PBI-1") is None
        assert tx.archived_at("SBI-1") is not None
    sound(ledger)


def test_what_comes_below_a_held_one_is_held_with_all_below_it(ledger: Ledger) -> None:
    epic(ledger)
    groups.hold(ledger.store, "EPIC-1", actor=PERSON)
    ledger.add_pbi("Moved")
    ledger.add("Its item", parent="PBI-1")
    groups.move(ledger.store, ["PBI-1"], to="EPIC-1", actor=PERSON)
    ledger.add("Registered later", parent="PBI-1")
    ledger.add("Elsewhere")
    assert [ledger.sbi(number).held for number in (1, 2, 3)] == [True, True, False]
    assert group(ledger, "PBI-1").held
    assert ledger.take_all() == ["SBI-3"]


# --- hold -----------------------------------------------------------------------------------------------------------


def test_a_hold_reaches_items_and_decompositions_below_and_an_unhold_frees_them(ledger: Ledger) -> None:
    epic(ledger)
    ledger.add_pbi("One", parent="EPIC-1")
    ask(ledger)
    ledger.add("Below", parent="PBI-1")
    ledger.add("Right below", parent="EPIC-1")
    effect = groups.hold(ledger.store, "EPIC-1", actor=PERSON)
    assert (effect.groups, effect.sbis) == (("EPIC-1", "PBI-1"), ("SBI-1", "SBI-2"))
    assert ledger.take_all(scope=Scope(pbis=True)) == []
    groups.unhold(ledger.store, "EPIC-1", actor=PERSON)
    assert sorted(ledger.take_all(scope=Scope(pbis=True))) == ["PBI-1", "SBI-1", "SBI-2"]


def test_only_a_hold_at_once_stops_agents(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    ask(ledger)
    ledger.add("Below", parent="PBI-1")
    claims = [ledger.begin(), ledger.take(scope=ONLY_PBIS)]
    assert groups.hold(ledger.store, "PBI-1", actor=PERSON).stopped == ()
    with ledger.store.read() as tx:
        assert len(tx.running()) == 2
    effect = groups.hold(ledger.store, "PBI-1", actor=PERSON, now=True)
    assert (effect.groups, effect.sbis, effect.stopped) == ((), (), ("SBI-1", "PBI-1"))
    with ledger.store.read() as tx:
        assert tx.running() == []
        held = [tx.sbi(claim.sbi.number).held for claim in claims]
    assert held == [True, True]
    assert groups.hold(ledger.store, "PBI-1", actor=PERSON, now=True).stopped == ()
    sound(ledger)


def test_what_is_being_merged_is_not_stopped_by_a_hold_at_once(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    ledger.add("Merging", parent="PBI-1")
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.record_integration(claim, Integration(sbi=1, token=claim.token, target="t", old="a", new="b"))
        tx.set_held(tx.sbi(1), held=True, actor=PERSON)
    effect = groups.hold(ledger.store, "PBI-1", actor=PERSON, now=True)
    assert (effect.stopped, effect.left) == ((), (("SBI-1", "is being merged"),))
    with ledger.store.read() as tx:
        assert len(tx.running()) == 1


def test_an_act_on_the_group_alone_concerns_nothing_below_and_one_on_an_item_does(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    assert not groups.hold(ledger.store, "PBI-1", actor=PERSON).below
    ledger.add("Below", parent="PBI-1")
    edit.unhold(ledger.store, [1], actor=PERSON)
    assert groups.cancel(ledger.store, "PBI-1", actor=PERSON).below


# --- cancel ---------------------------------------------------------------------------------------------------------


def test_a_cancel_stops_all_that_is_not_over_and_leaves_what_is_done(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    ledger.add("Done", parent="PBI-1")
    ledger.finish()
    ledger.add("In work", parent="PBI-1")
    ledger.begin()
    ledger.add("Waiting", parent="PBI-1")
    ledger.add("Elsewhere", depends_on=("SBI-3",))
    ask(ledger)
    ledger.take(scope=ONLY_PBIS)
    effect = groups.cancel(ledger.store, "PBI-1", actor=PERSON)
    assert (effect.sbis, effect.decompositions, effect.stopped) == (
        ("SBI-2", "SBI-3"),
        ("PBI-1",),
        ("SBI-2", "PBI-1"),
    )
    assert (effect.left, effect.blocked) == ((("SBI-1", "is DONE"),), ("SBI-4",))
    assert [ledger.sbi(number).status for number in (1, 2, 3)] == [Status.DONE, Status.CANCELLED, Status.CANCELLED]
    now = group(ledger, "PBI-1")
    assert (now.status, now.held) == (GroupStatus.DONE, True)
    sound(ledger)
    with pytest.raises(NotPossible, match="nothing to cancel"):
        groups.cancel(ledger.store, "PBI-1", actor=PERSON)


def test_what_is_being_merged_is_left_and_named(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    ledger.add("Merging", parent="PBI-1")
    ledger.add("Waiting", parent="PBI-1")
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.record_integration(claim, Integration(sbi=1, token=claim.token, target="t", old="a", new="b"))
    effect = groups.cancel(ledger.store, "PBI-1", actor=PERSON)
    assert (effect.sbis, effect.left) == (("SBI-2",), (("SBI-1", "is being merged"),))
    assert ledger.sbi(1).status is Status.IMPLEMENTING


def test_nothing_is_decomposed_anew_after_a_cancel(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    ask(ledger)
    groups.cancel(ledger.store, "PBI-1", actor=PERSON)
    ask(ledger)
    assert ledger.take_all(scope=ONLY_PBIS) == []
    groups.unhold(ledger.store, "PBI-1", actor=PERSON)
    assert ledger.take_all(scope=ONLY_PBIS) == ["PBI-1"]


# --- delete ---------------------------------------------------------------------------------------------------------


def test_a_group_with_something_below_it_is_only_deleted_with_it(ledger: Ledger) -> None:
    epic(ledger)
    ledger.add_pbi("One", parent="EPIC-1")
    draft(ledger, "PBI-1")
    with pytest.raises(NotPossible, match="EPIC-1 has below it: PBI-1"):
        groups.delete(ledger.store, "EPIC-1", actor=PERSON)
    with pytest.raises(NotPossible, match="drafts that nobody has decided: PBI-1/1"):
        groups.delete(ledger.store, "PBI-1", actor=PERSON)
    groups.delete(ledger.store, "EPIC-1", actor=PERSON, cascade=True)
    with ledger.store.read() as tx:
        assert (tx.epics(), tx.pbis(), tx.drafts(decided=True)) == ([], [], [])
    sound(ledger)


def test_items_that_need_each_other_go_together(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    first = ledger.add("First", parent="PBI-1")
    ledger.add("Second", parent="PBI-1", depends_on=("SBI-1",))
    ledger.add("Third", depends_on=())
    ledger.move(first, Event.CANCELLED)
    groups.delete(ledger.store, "PBI-1", actor=PERSON, cascade=True)
    with ledger.store.read() as tx:
        assert [line.id for line in tx.list_sbis(Scope()).lines] == ["SBI-3"]
    sound(ledger)


def test_nothing_is_deleted_if_one_thing_cannot_be_and_all_of_those_are_named(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    ledger.add("In work", parent="PBI-1")
    ledger.begin()
    ledger.add("Needed", parent="PBI-1")
    ledger.add("Free", parent="PBI-1")
    ledger.add("Elsewhere", depends_on=("SBI-2",))
    ask(ledger)
    ledger.take(scope=ONLY_PBIS)
    with pytest.raises(NotPossible) as caught:
        groups.delete(ledger.store, "PBI-1", actor=PERSON, cascade=True)
    assert caught.value.message == (
        "PBI-1 cannot be deleted: PBI-1 is being decomposed, SBI-1 is IMPLEMENTING, SBI-2 is needed by SBI-4."
    )
    assert ledger.sbi(3).parent == "PBI-1"
    assert group(ledger, "PBI-1").id == "PBI-1"


def test_deleting_a_pbi_rolls_its_epic_up(ledger: Ledger) -> None:
    epic(ledger)
    ledger.add_pbi("One", parent="EPIC-1")
    assert group(ledger, "EPIC-1").status is GroupStatus.PLANNED
    groups.delete(ledger.store, "PBI-1", actor=PERSON)
    assert group(ledger, "EPIC-1").status is GroupStatus.PENDING


# --- fields ---------------------------------------------------------------------------------------------------------


def test_a_pbi_that_is_to_be_decomposed_by_itself_from_now_on_is_asked_for_unless_it_was(ledger: Ledger) -> None:
    ledger.add_pbi("One")
    edit.update(ledger.store, "PBI-1", lambda _: {"auto": True}, actor=PERSON)
    with ledger.store.read() as tx:
        assert tx.decomposition(1) is not None
    groups.cancel(ledger.store, "PBI-1", actor=PERSON)
    for auto in (False, True):
        edit.update(ledger.store, "PBI-1", lambda _, auto=auto: {"auto": auto}, actor=PERSON)
    assert ledger.events("PBI-1").count("decomposition_asked") == 1


def test_the_priority_of_a_pbi_is_not_that_of_its_items(ledger: Ledger) -> None:
    pbi = ledger.add_pbi("One")
    sbi = ledger.add("Below", parent="PBI-1")
    edit.update(ledger.store, "PBI-1", lambda _: {"priority": "urgent"}, actor=PERSON)
    assert ledger.sbi(sbi) == sbi
    assert group(ledger, pbi.id).priority == "urgent"


# --- at once --------------------------------------------------------------------------------------------------------

DECIDES = """
import sys
from deespec.backlog import groups
from deespec.backlog.register import Order, register
from deespec.clock import Clock
from deespec.errors import DeespecError
from deespec.model.items import Kind
from deespec.model.spec import NewItem
from deespec.store.opener import open_store
path, how, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
clock = Clock()
store = open_store(path, clock=clock, busy_ms=30_000)
print("ready", flush=True)
sys.stdin.readline()
done = 0
for number in range(1, count + 1):
    pbi, other = f"PBI-{number}", f"PBI-{count + number}"
    try:
        if how == "register":
            new = NewItem(kind=Kind.SBI, title="New", spec="Text.", parent=pbi)
            register(store, [Order(kind=Kind.SBI, new=new)], uids=[clock.uid()], owner=how)
        elif how == "delete":
            groups.delete(store, pbi, actor=how, cascade=True)
        elif how == "cancel":
            groups.cancel(store, pbi, actor=how)
        else:
            groups.move(store, [f"SBI-{number}"], to=other, actor=how)
        done += 1
    except DeespecError as error:
        print(how, number, type(error).__name__, flush=True)
print("done", done)
"""


def at_once(path: Path, count: int, *hows: str) -> list[str]:
    """What processes said that decided about the same PBIs, having begun together; all of it is sound afterwards."""
    create_store(str(path), clock=Clock(), busy_ms=30_000)
    store = open_store(str(path), clock=Clock(), busy_ms=30_000)
    ledger = Ledger(store, Clock())  # type: ignore[arg-type]
    epic(ledger)
    for _ in range(2 * count):
        ledger.add_pbi("One", parent="EPIC-1")
    for number in range(1, count + 1):
        ledger.add("An item", parent=f"PBI-{number}")
    pipe = subprocess.PIPE
    words = [[sys.executable, "-c", DECIDES, str(path), how, str(count)] for how in hows]
    started = [subprocess.Popen(one, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for one in words]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [one.communicate(timeout=LIMIT_S) for one in started]
    assert [one.returncode for one in started] == [0] * len(started), answers
    sound(ledger)
    with store.read() as tx:
        parents = {line.parent for line in tx.list_sbis(Scope()).lines}
        assert all(parent and tx.exists(parent) for parent in parents)
    store.close()
    return [line for out, _ in answers for line in out.splitlines()]


def test_processes_that_move_delete_and_register_at_once_leave_nothing_dangling(tmp_path: Path) -> None:
    said = at_once(tmp_path / "deespec.db", 8, "delete", "register", "move", "cancel")
    assert sum(line.startswith("done") for line in said) == 4
    assert "done 8" in said  # nothing keeps what nobody works on from being deleted


@pytest.mark.soak
def test_many_processes_that_decide_at_once_leave_nothing_dangling(tmp_path: Path) -> None:
    for round_ in range(20):
        at_once(tmp_path / f"{round_}.db", 25, "delete", "register", "move", "cancel", "register", "move")
