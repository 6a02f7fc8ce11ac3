"""`check` finds what is broken about decompositions and drafts of PBIs, and names them by the PBI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from test_check import by_hand, run, worse

from deespec.model.asking import Draft, DraftStatus
from deespec.model.ids import decomposition_of
from deespec.model.lifecycle import Event
from deespec.model.wanted import Scope
from deespec.records import replace
from deespec.store.invariants import Severity
from deespec.store.opener import open_store

if TYPE_CHECKING:
    from ledger import Ledger

ONLY = Scope(sbis=False, pbis=True)
N = decomposition_of(1)


@pytest.fixture
def planned(ledger: Ledger) -> Ledger:
    """A PBI with two turns of decomposition and a draft, another that is decomposed now, a third that waits."""
    for _ in range(3):
        ledger.ask(ledger.add_pbi())
    ledger.settle(ledger.begin(scope=ONLY), Event.FINDINGS)
    claim = ledger.begin(scope=ONLY)
    with ledger.store.transaction() as tx:
        made = {"spec": "", "turn": 2, "agent": "ann", "created_at": tx.now, "updated_at": tx.now}
        tx.add_draft(Draft(parent="PBI-1", number=1, title="T", paths=("a/**",), needs=("SBI-4",), **made))
    ledger.settle(claim, Event.DECOMPOSED)
    ledger.take(scope=ONLY)
    ledger.store.close()
    return ledger


def test_a_backlog_with_decompositions_is_sound(planned: Ledger, path: str) -> None:
    checked = run(path)
    assert worse(checked) == []
    assert checked.parts[4].note.startswith("0 SBIs, 2 turns")


BROKEN = {
    "a PBI that is gone": ("DELETE FROM pbi WHERE number = 3", "groups", "PBI-3", "PBI-3 is not there, and its decomp"),
    "another uid": (f"UPDATE sbi SET uid = 'other' WHERE number = {N}", "groups", "PBI-1", "has the uid other"),
    "another parent": (
        f"UPDATE sbi SET parent = 'PBI-3' WHERE number = {N}",
        "groups",
        "PBI-1",
        "has the parent PBI-3",
    ),
    "no parent": (f"UPDATE sbi SET parent = NULL WHERE number = {N}", "groups", "PBI-1", "has the parent none"),
    "another title": (f"UPDATE sbi SET title = 'X' WHERE number = {N}", "groups", "PBI-1", "another title, text"),
    "a hold of its own": (f"UPDATE sbi SET held = 1 WHERE number = {N}", "groups", "PBI-1", "priority or hold"),
    "a status of an SBI": (
        f"UPDATE sbi SET status = 'REVIEWING' WHERE number = {N + 1}",
        "pages",
        "PBI-2",
        "breaks a rule",
    ),
    "a stage of an SBI": (
        f"UPDATE sbi SET stage = 'pending' WHERE number = {N + 2}",
        "pages",
        "PBI-3",
        "breaks a rule",
    ),
    "a draft nobody counts": (
        "DELETE FROM draft",
        "groups",
        "PBI-1",
        "PBI-1 is PLANNING, and what is below it makes it P",
    ),
    "a turn that is gone": (f"DELETE FROM turn WHERE sbi = {N} AND number = 2", "turns", "PBI-1", "has ended 2 turns"),
    "a turn the journal knows": (f"DELETE FROM turn WHERE sbi = {N}", "journal", "PBI-1", "has ended turn 1 in the"),
    "a turn it does not": (
        f"UPDATE turn SET sbi = {N + 2} WHERE sbi = {N}",
        "journal",
        "PBI-3",
        "PBI-3 has turn 1, which",
    ),
    "a step": (
        f"UPDATE turn SET step = 'x' WHERE sbi = {N}",
        "turns",
        "PBI-1",
        "PBI-1 turn 1 was a step that does not",
    ),
    "a call": (f"DELETE FROM call WHERE sbi = {N + 1}", "claims", "PBI-2", "PBI-2 has the live claim 3, whose call is"),
    "labels": (f"UPDATE sbi SET labels = '[1]' WHERE number = {N}", "turns", "PBI-1", "PBI-1 labels cannot be read"),
    "a draft's paths": ("UPDATE draft SET paths = '{'", "turns", "PBI-1", "PBI-1 draft 1 paths cannot be read"),
    "a rank": (f"UPDATE sbi SET rank = 0 WHERE number = {N}", "needs", "PBI-1", "PBI-1 has rank 0"),
    "bytes": (f"UPDATE sbi SET title = CAST(x'ff' AS TEXT) WHERE number = {N}", "texts", "PBI-1", "the title of PBI-1"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_found_and_named_by_the_pbi(
    planned: Ledger, path: str, broken: tuple[str, str, str, str]
) -> None:
    statement, part, item, word = broken
    by_hand(path, statement)
    found = worse(run(path))
    assert any((name, one.item) == (part, item) and word in one.text for name, one in found), found


NEEDS = {
    "a draft that is not there": ("PBI-9/1", "UPDATE draft SET needs = '[\"PBI-9/1\"]' WHERE number = 3"),
    "a rejected draft": (
        "PBI-1/2",
        "UPDATE draft SET status = 'rejected', reason = 'no', decided_at = 1 WHERE number = 2",
    ),
    "a registered one that is gone": (
        "PBI-1/2",
        "UPDATE draft SET status = 'approved', registered = 'SBI-9', decided_at = 1 WHERE number = 2",
    ),
    "an SBI that is not there": ("SBI-9", "UPDATE draft SET needs = '[\"SBI-9\"]' WHERE number = 3"),
}


@pytest.mark.parametrize(("need", "statement"), NEEDS.values(), ids=NEEDS.keys())
def test_a_draft_that_waits_for_what_never_comes_is_found(
    planned: Ledger, path: str, need: str, statement: str
) -> None:
    made = Draft(parent="PBI-1", number=2, title="T", spec="")
    store = open_store(path, clock=planned.clock, busy_ms=5_000)
    with store.transaction() as tx:
        tx.add_draft(made)
        waiting = replace(made, number=3, status=DraftStatus.WAITING, decided_by="me", decided_at=1)
        tx.add_draft(replace(waiting, needs=("PBI-1/2",)))
    store.close()
    assert worse(run(path)) == []
    by_hand(path, statement)
    [(part, told)] = worse(run(path))
    words = f"the draft PBI-1/3 waits, and needs {need}, which is neither an undecided draft nor an item"
    assert (part, told.item, told.text) == ("groups", "PBI-1", words)


def test_a_draft_whose_pbi_is_gone_is_a_note(planned: Ledger, path: str) -> None:
    by_hand(path, "DELETE FROM pbi WHERE number = 1", f"DELETE FROM sbi WHERE number = {N}")
    [told] = [one for part in run(path).parts for one in part.found if "draft" in one.text]
    assert (told.severity, told.text) == (Severity.NOTE, "PBI-1 is not there, and its draft PBI-1/1 is")
