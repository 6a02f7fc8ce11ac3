"""The life of an item against the table of behaviour.md, section 3, written out here by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.errors import IllegalMove
from deespec.model.ids import decomposition_of, id_of, number_of
from deespec.model.items import Sbi
from deespec.model.lifecycle import (
    ENDED,
    IN_WORK,
    MOVES,
    STEPS,
    STOPPED,
    Event,
    GroupStatus,
    Status,
    Step,
    apply,
    can,
    mermaid,
    roll_up,
    step_of,
)
from deespec.records import replace

WHERE_IT_STOPPED = "REVIEWING"

EXPECTED = """
PENDING       claimed           PICKED
PENDING       cancelled         CANCELLED
PENDING       found_merged      DONE

PICKED        workspace_ready   IMPLEMENTING
PICKED        folder_ready      DECOMPOSING
PICKED        released          PICKED
PICKED        limit_reached     FAILED
PICKED        needs_person      PARKED
PICKED        cancelled         CANCELLED
PICKED        found_merged      DONE

IMPLEMENTING  implemented       REVIEWING
IMPLEMENTING  implemented_only  INTEGRATING
IMPLEMENTING  findings          IMPLEMENTING
IMPLEMENTING  asked_again       IMPLEMENTING
IMPLEMENTING  released          IMPLEMENTING
IMPLEMENTING  limit_reached     FAILED
IMPLEMENTING  needs_person      PARKED
IMPLEMENTING  cancelled         CANCELLED
IMPLEMENTING  found_merged      DONE

REVIEWING     succeeded         INTEGRATING
REVIEWING     needs_changes     IMPLEMENTING
REVIEWING     rejected          FAILED
REVIEWING     asked_again       REVIEWING
REVIEWING     released          REVIEWING
REVIEWING     limit_reached     FAILED
REVIEWING     needs_person      PARKED
REVIEWING     cancelled         CANCELLED
REVIEWING     found_merged      DONE

INTEGRATING   merged            DONE
INTEGRATING   conflicted        RESOLVING
INTEGRATING   needs_changes     IMPLEMENTING
INTEGRATING   released          INTEGRATING
INTEGRATING   limit_reached     FAILED
INTEGRATING   needs_person      PARKED
INTEGRATING   cancelled         CANCELLED
INTEGRATING   found_merged      DONE

RESOLVING     implemented       REVIEWING
RESOLVING     implemented_only  INTEGRATING
RESOLVING     findings          RESOLVING
RESOLVING     asked_again       RESOLVING
RESOLVING     released          RESOLVING
RESOLVING     limit_reached     FAILED
RESOLVING     needs_person      PARKED
RESOLVING     cancelled         CANCELLED
RESOLVING     found_merged      DONE

DECOMPOSING   decomposed        DECOMPOSED
DECOMPOSING   findings          DECOMPOSING
DECOMPOSING   asked_again       DECOMPOSING
DECOMPOSING   released          DECOMPOSING
DECOMPOSING   limit_reached     FAILED
DECOMPOSING   needs_person      PARKED
DECOMPOSING   cancelled         CANCELLED

FAILED        resumed           REVIEWING
FAILED        reset             PENDING
FAILED        cancelled         CANCELLED
FAILED        found_merged      DONE

PARKED        resumed           REVIEWING
PARKED        reset             PENDING
PARKED        cancelled         CANCELLED
PARKED        found_merged      DONE

CANCELLED     reset             PENDING
CANCELLED     found_merged      DONE
DECOMPOSED    reset             PENDING
DONE          undone            PENDING
"""
MOVED = {(Status(a), Event(b)): Status(c) for a, b, c in (row.split() for row in EXPECTED.splitlines() if row)}
PAIRS = [(status, event) for status in Status for event in Event]


def sbi(status: Status) -> Sbi:
    stopped_in = Status(WHERE_IT_STOPPED) if status in STOPPED else None
    return Sbi(number=7, uid="U", title="T", spec="S", status=status, stopped_in=stopped_in)


@pytest.mark.parametrize(("status", "event"), PAIRS, ids=str)
def test_every_pair_moves_as_the_contract_says_or_is_refused(status, event):
    expected = MOVED.get((status, event))
    assert can(status, event) == (expected is not None)
    if expected is None:
        with pytest.raises(IllegalMove, match=rf"SBI-7 is {status}: {event}"):
            apply(sbi(status), event, now=1)
    else:
        assert apply(sbi(status), event, now=1).status is expected


@pytest.mark.parametrize("start", Status)
def test_every_status_can_reach_an_end(start):
    reached, open_ends = {start}, [start]
    while open_ends:
        status = open_ends.pop()
        for at, event in MOVES:
            if at is status:
                to = apply(sbi(at), event, now=1).status
                open_ends += [to] if to not in reached else []
                reached.add(to)
    assert Status.DONE in reached
    assert Status.CANCELLED in reached


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_the_bookkeeping_holds_on_every_way_through_life(events):
    item, now = Sbi(number=1, uid="U", title="T", spec="S"), 0
    for event in events:
        now += 1
        if not can(item.status, event):
            continue
        item = apply(item, event, now=now)
        assert item.updated_at == now
        assert (item.finished_at is not None) == (item.status in (*ENDED, Status.FAILED))
        assert (item.stopped_in in IN_WORK) if item.status in STOPPED else True
        assert (item.started_at is not None) or item.status in (Status.PENDING, Status.CANCELLED)


def test_the_first_claim_sets_when_it_started_and_a_resumed_one_does_not():
    item = apply(sbi(Status.PENDING), Event.CLAIMED, now=5)
    for event in (Event.WORKSPACE_READY, Event.NEEDS_PERSON, Event.RESUMED):
        item = apply(item, event, now=9)
    assert (item.started_at, item.status) == (5, Status.IMPLEMENTING)


def test_a_stopped_item_remembers_where_and_why():
    item = apply(sbi(Status.REVIEWING), Event.LIMIT_REACHED, now=1, reason="turns")
    assert (item.stopped_in, item.reason) == (Status.REVIEWING, "turns")


def test_resuming_grants_turns_attempts_and_reviews_anew():
    item = replace(sbi(Status.FAILED), turn=8, attempts=3, reviews=2, not_before=99, resume=True, finished_at=1)
    item = apply(item, Event.RESUMED, now=2)
    assert (item.turns_used, item.attempts, item.reviews, item.not_before, item.resume) == (0, 0, 0, None, False)
    assert item.turn == 8


def test_an_item_that_does_not_know_where_it_stopped_is_not_resumed():
    with pytest.raises(IllegalMove, match="where it stopped"):
        apply(replace(sbi(Status.FAILED), stopped_in=None), Event.RESUMED, now=1)


def test_a_reset_forgets_the_work_and_keeps_the_number_of_turns():
    item = replace(sbi(Status.PARKED), turn=3, started_at=1, hint="try", manifest="m")
    item = apply(item, Event.RESET, now=2)
    assert (item.turn, item.turns_used, item.started_at, item.hint, item.manifest) == (3, 0, None, None, None)


def test_an_undone_item_waits_held():
    assert apply(sbi(Status.DONE), Event.UNDONE, now=1).held


def test_each_status_that_agents_or_the_engine_work_on_has_its_step():
    assert {status: step_of(status) for status in Status if step_of(status)} == STEPS
    assert step_of(Status.RESOLVING) is Step.RESOLVE
    assert not any(step_of(status) for status in (*STOPPED, *ENDED))


def test_in_work_stopped_ended_and_pending_are_all_there_is():
    assert sorted((*IN_WORK, *STOPPED, *ENDED, Status.PENDING)) == sorted(Status)


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        ("", "PENDING"),
        ("CANCELLED", "PENDING"),
        ("PENDING", "PLANNED"),
        ("PENDING CANCELLED", "PLANNED"),
        ("DONE", "DONE"),
        ("DONE CANCELLED", "DONE"),
        ("DONE PENDING", "IN_PROGRESS"),
        ("PICKED PENDING", "IN_PROGRESS"),
        ("INTEGRATING", "IN_PROGRESS"),
        ("PARKED", "IN_PROGRESS"),
        ("PARKED FAILED", "IN_PROGRESS"),
        ("FAILED", "FAILED"),
        ("FAILED DONE CANCELLED", "FAILED"),
        ("FAILED PENDING", "IN_PROGRESS"),
        ("PLANNED", "PLANNED"),
        ("PLANNED IN_PROGRESS", "IN_PROGRESS"),
    ],
)
def test_a_group_rolls_up_from_its_children(children, expected):
    assert roll_up(dict.fromkeys(children.split(), 2)) is GroupStatus(expected)


@pytest.mark.parametrize("status", [status for status in Status if status in (*IN_WORK, Status.PARKED)])
def test_a_pbi_is_planning_while_it_is_decomposed_and_nothing_is_begun(status):
    assert roll_up({}, decomposition=status) is GroupStatus.PLANNING
    assert roll_up({"PENDING": 2}, decomposition=status) is GroupStatus.PLANNING
    assert roll_up({"PENDING": 2, "DONE": 1}, decomposition=status) is GroupStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("children", "decomposition", "drafts", "expected"),
    [
        ("", "PENDING", 0, "PENDING"),
        ("", "DECOMPOSED", 0, "PENDING"),
        ("", "CANCELLED", 0, "PENDING"),
        ("", "FAILED", 0, "FAILED"),
        ("CANCELLED", "FAILED", 0, "FAILED"),
        ("PENDING", "FAILED", 0, "PLANNED"),
        ("DONE", "FAILED", 0, "DONE"),
        ("", "FAILED", 1, "PLANNING"),
        ("", "DECOMPOSED", 3, "PLANNING"),
        ("", None, 3, "PLANNING"),
        ("PENDING", "DECOMPOSED", 1, "PLANNING"),
        ("PENDING", "DECOMPOSED", 0, "PLANNED"),
        ("IMPLEMENTING", "DECOMPOSED", 1, "IN_PROGRESS"),
        ("DONE", "DECOMPOSED", 1, "IN_PROGRESS"),
        ("DONE", "DECOMPOSING", 0, "IN_PROGRESS"),
        ("DONE", "DECOMPOSED", 0, "DONE"),
        ("FAILED", "DECOMPOSED", 1, "IN_PROGRESS"),
        ("DONE", "PENDING", 0, "IN_PROGRESS"),
        ("FAILED CANCELLED", "PENDING", 0, "IN_PROGRESS"),
        ("PENDING", "PENDING", 0, "PLANNED"),
        ("CANCELLED", "PENDING", 0, "PENDING"),
        ("PLANNING", None, 0, "PLANNED"),
        ("PLANNING DONE", None, 0, "IN_PROGRESS"),
    ],
)
def test_a_pbi_rolls_up_from_its_decomposition_and_its_drafts_too(children, decomposition, drafts, expected):
    counts = dict.fromkeys(children.split(), 1)
    assert roll_up(counts, decomposition=decomposition, drafts=drafts) is GroupStatus(expected)


@pytest.mark.parametrize(
    ("children", "decomposition", "expected"),
    [
        ("", "FAILED", "PENDING"),
        ("PENDING", "FAILED", "PLANNED"),
        ("DONE", "FAILED", "IN_PROGRESS"),
        ("", "PARKED", "PLANNING"),
        ("DONE", "PARKED", "IN_PROGRESS"),
        ("DONE", "DECOMPOSED", "DONE"),
    ],
)
def test_a_pbi_whose_stopped_decomposition_is_to_go_on_is_neither_over_nor_begun_by_that(
    children, decomposition, expected
):
    counts = dict.fromkeys(children.split(), 1)
    assert roll_up(counts, decomposition=decomposition, resume=True) is GroupStatus(expected)


def test_a_decomposition_goes_by_the_id_of_its_pbi_and_lives_in_one_step():
    item = replace(sbi(Status.PENDING), number=decomposition_of(7))
    assert (item.id, item.decomposes, number_of(item.id)) == ("PBI-7", True, item.number)
    steps = [item.step]
    for event in (Event.CLAIMED, Event.FOLDER_READY, Event.DECOMPOSED):
        item = apply(item, event, now=1)
        steps.append(item.step)
    assert steps == [Step.DECOMPOSE, Step.PREPARE, Step.DECOMPOSE, None]
    assert (item.status, item.finished_at) == (Status.DECOMPOSED, 1)


def test_a_decomposition_that_is_asked_for_anew_grants_everything_anew():
    item = replace(sbi(Status.DECOMPOSED), number=decomposition_of(7), turn=3, attempts=2, finished_at=9)
    item = apply(item, Event.RESET, now=10)
    assert (item.status, item.turn, item.turns_used, item.attempts, item.finished_at) == (Status.PENDING, 3, 0, 0, None)


@given(st.integers(min_value=1, max_value=2**31 - 1))
def test_every_number_has_an_id_that_leads_back_to_it(number):
    assert number_of(id_of(number)) == number
    assert number_of(id_of(decomposition_of(number))) == decomposition_of(number) < 0


def test_a_status_that_nobody_has_does_not_count():
    assert roll_up({"DONE": 3, "FAILED": 0}) is GroupStatus.DONE


def test_the_diagram_shows_every_status():
    assert all(status in mermaid() for status in Status)
