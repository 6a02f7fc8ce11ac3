"""The graph of needs: what belongs to it, what holds everything up, and what is left out when there is too much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deespec.app import App, open_app
from deespec.board.graph import Graph, graph
from deespec.errors import NotFound
from deespec.model.items import Epic, Kind, Worker
from deespec.model.lifecycle import Event, Status
from deespec.model.spec import NewItem
from deespec.store.alive import LifeLock

if TYPE_CHECKING:
    from ledger import Ledger

SETTINGS = '[run]\nimplement = "ann"\n[agents.ann]\nkind = "command"\ncommand = "true"\n'
Add = Callable[..., str]


@pytest.fixture
def app(ledger: Ledger, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "config.toml").write_text(SETTINGS)
    opened = open_app(str(tmp_path), clock=ledger.clock)
    yield opened
    opened.close()


@pytest.fixture
def add(ledger: Ledger) -> Add:
    """Registers an SBI with these needs; its id."""

    def act(*needs: str, **fields: object) -> str:
        return ledger.add(f"After {', '.join(needs) or 'nothing'}", depends_on=needs, **fields).id

    return act


def ids(found: Graph) -> list[str]:
    return [node.id for node in found.nodes]


def edges(found: Graph) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in found.edges}


# --- what belongs to it ---------------------------------------------------------------------------------------------


def test_of_everything_there_are_the_open_items_with_needs_and_what_they_needed(
    app: App, add: Add, ledger: Ledger
) -> None:
    done = add()
    ledger.finish()
    older = add(done)
    ledger.finish()
    middle, last = add(older), add("SBI-3")
    add()
    found = graph(app)
    assert ids(found) == [older, middle, last]
    assert edges(found) == {(older, middle), (middle, last)}
    assert [edge.met for edge in found.edges] == [True, False]
    assert (found.alone, found.left_out) == (1, 0)


def test_with_everything_finished_ones_that_are_not_archived_are_there_too(app: App, add: Add, ledger: Ledger) -> None:
    first = add()
    ledger.finish()
    second = add(first)
    ledger.finish()
    assert ids(graph(app)) == []
    assert ids(graph(app, everything=True)) == [first, second]
    with ledger.store.transaction() as tx:
        tx.archive([first, second], at=tx.now, actor="person")
    assert ids(graph(app, everything=True)) == []


def test_of_an_sbi_there_is_all_that_it_needs_and_all_that_needs_it(app: App, add: Add) -> None:
    far, other = add(), add()
    near, beside = add(far), add(far)
    asked = add(near)
    freed = add(asked, other)
    last = add(freed)
    add(beside)
    found = graph(app, item=asked)
    assert ids(found) == [far, near, asked, freed, last]
    assert edges(found) == {(far, near), (near, asked), (asked, freed), (freed, last)}
    assert [node.id for node in found.nodes if node.asked] == [asked]


def test_of_a_pbi_there_is_all_below_it_and_what_crosses_its_border(app: App, add: Add, ledger: Ledger) -> None:
    pbi = ledger.add_pbi("Ours").id
    before, ours = add(), add("SBI-1", parent=pbi)
    alone, after = add(parent=pbi), add(ours)
    add(after)
    found = graph(app, item=pbi)
    assert set(ids(found)) == {before, ours, alone, after}
    assert {node.id for node in found.nodes if node.outside} == {before, after}
    assert [(group.id, group.title) for group in found.groups] == [(pbi, "Ours")]


def test_of_an_epic_there_is_what_is_below_its_pbis(app: App, add: Add, ledger: Ledger) -> None:
    [epic] = ledger.add_all([NewItem(kind=Kind.EPIC, title="All", spec="")])
    assert isinstance(epic, Epic)
    pbi = ledger.add_pbi("Part", parent=epic.id).id
    near, far = add(parent=epic.id), add(parent=pbi)
    found = graph(app, item=epic.id)
    assert ids(found) == [near, far]
    assert [(group.id, group.parent) for group in found.groups] == [(epic.id, None), (pbi, epic.id)]


@pytest.mark.parametrize("item", ["SBI-9", "PBI-9", "EPIC-9"])
def test_of_what_is_not_there_there_is_no_graph(app: App, item: str) -> None:
    with pytest.raises(NotFound):
        graph(app, item=item)


# --- how items stand ------------------------------------------------------------------------------------------------


def test_each_item_says_who_works_on_it_or_what_it_waits_for(app: App, add: Add, ledger: Ledger) -> None:
    runs, waits, held = add(), add("SBI-1"), add("SBI-2")
    ledger.hold(3)
    uid = ledger.clock.uid()
    life = LifeLock(str(app.settings.home), uid)
    with ledger.store.transaction() as tx:
        boot = ledger.clock.boot_id()
        tx.add_worker(Worker(uid=uid, name="w", host="h", pid=1, pid_start="1", namespace="", boot=boot, slots=1))
    ledger.begin(worker=uid)
    found = {node.id: node for node in graph(app).nodes}
    life.release()
    assert (found[runs].status, found[runs].agent, found[runs].waiting) == (Status.IMPLEMENTING, "ann", None)
    assert found[waits].waiting is not None
    assert (found[waits].waiting.reason, found[waits].waiting.by) == ("need", (runs,))
    assert found[held].held


# --- what holds everything up ---------------------------------------------------------------------------------------


def test_the_longest_chain_goes_by_the_number_of_items_where_nothing_is_estimated(app: App, add: Add) -> None:
    add(), add("SBI-1"), add("SBI-2"), add(), add("SBI-4")
    found = graph(app)
    assert (found.chain, found.chain_hours) == (("SBI-1", "SBI-2", "SBI-3"), None)
    assert {(edge.source, edge.target) for edge in found.edges if edge.critical} == {
        ("SBI-1", "SBI-2"),
        ("SBI-2", "SBI-3"),
    }
    assert [node.id for node in found.nodes if node.critical] == ["SBI-1", "SBI-2", "SBI-3"]


def test_estimates_count_more_than_the_number_and_the_median_stands_for_those_without(app: App, add: Add) -> None:
    add(estimate_hours=1), add("SBI-1", estimate_hours=1), add("SBI-2", estimate_hours=1)
    add(estimate_hours=8), add("SBI-4")
    found = graph(app)
    assert (found.chain, found.chain_hours) == (("SBI-4", "SBI-5"), 9.0)
    add(estimate_hours=5), add("SBI-6", estimate_hours=5)
    assert (graph(app).chain, graph(app).chain_hours) == (("SBI-4", "SBI-5"), 11.0)


def test_what_is_done_holds_nothing_up(app: App, add: Add, ledger: Ledger) -> None:
    add()
    ledger.finish()
    add("SBI-1"), add("SBI-2")
    assert graph(app).chain == ("SBI-2", "SBI-3")
    ledger.finish()
    assert graph(app).chain == ()


def test_a_failed_item_is_part_of_what_holds_everything_up(app: App, add: Add, ledger: Ledger) -> None:
    add(), add("SBI-1")
    ledger.settle(ledger.begin(), Event.LIMIT_REACHED)
    assert graph(app).chain == ("SBI-1", "SBI-2")


def test_a_circle_in_damaged_data_is_shown_and_does_not_hang(app: App, add: Add, ledger: Ledger) -> None:
    add(), add("SBI-1"), add("SBI-2"), add("SBI-3")
    with ledger.store.transaction() as tx:
        tx.connection.fetch("INSERT INTO need (sbi, needs, rank) VALUES (1, 3, 2)", {})
    for found in (graph(app), graph(app, item="SBI-2")):
        assert set(ids(found)) == {"SBI-1", "SBI-2", "SBI-3", "SBI-4"}
        assert ("SBI-3", "SBI-1") in edges(found)
        assert len(set(found.chain)) == len(found.chain)


# --- too much -------------------------------------------------------------------------------------------------------


def test_of_too_many_the_longest_chain_is_shown_first_with_what_is_next_to_it(app: App, add: Add) -> None:
    for number in range(1, 13, 2):
        add(), add(f"SBI-{number}")
    add(), add("SBI-13"), add("SBI-14"), add("SBI-14")
    found = graph(app, most=4)
    assert set(ids(found)) == {"SBI-13", "SBI-14", "SBI-15", "SBI-16"}
    assert (found.left_out, found.alone) == (12, 0)


def test_around_an_item_the_nearest_are_shown(app: App, add: Add) -> None:
    add()
    for number in range(1, 10):
        add(f"SBI-{number}")
    found = graph(app, item="SBI-5", most=3)
    assert (ids(found), found.left_out) == (["SBI-4", "SBI-5", "SBI-6"], 7)
    assert ids(graph(app, item="SBI-5", most=None)) == [f"SBI-{number}" for number in range(1, 11)]


def test_of_those_equally_near_open_ones_are_shown_before_finished_ones(app: App, add: Add, ledger: Ledger) -> None:
    done = add()
    ledger.finish()
    open_one = add()
    asked = add(done, open_one)
    assert set(ids(graph(app, item=asked, most=2))) == {open_one, asked}


def test_of_a_group_open_items_are_shown_before_finished_ones(app: App, add: Add, ledger: Ledger) -> None:
    pbi = ledger.add_pbi().id
    add(parent=pbi)
    ledger.finish()
    still = add(parent=pbi)
    assert ids(graph(app, item=pbi, most=1)) == [still]
