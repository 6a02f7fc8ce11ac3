"""Two people decide about the same drafts at the same moment, each from a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deespec.clock import Clock
from deespec.model.asking import Draft, DraftStatus
from deespec.store.base import Store
from deespec.store.opener import create_store, open_store

LIMIT_S = 120
DECIDES = """
import sys
from deespec.backlog import drafts
from deespec.clock import Clock
from deespec.errors import NotPossible
from deespec.store.opener import open_store
path, how, count, name = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
clock = Clock()
store = open_store(path, clock=clock, busy_ms=30_000)
print("ready", flush=True)
sys.stdin.readline()
for number in range(1, count + 1):
    try:
        if how == "approve":
            by = drafts.Decider(owner=name, uid=clock.uid)
            [done] = drafts.approve(store, [("SBI-1", number)], by)
            print(number, "fresh" if done.fresh else "known", done.draft.registered)
        else:
            drafts.reject(store, [("SBI-1", number)], reason="no", owner=name)
            print(number, "rejected", "-")
    except NotPossible:
        print(number, "refused", "-")
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    made = str(tmp_path / "deespec.db")
    create_store(made, clock=Clock(), busy_ms=30_000)
    return made


def drafted(path: str, count: int) -> Store:
    store = open_store(path, clock=Clock(), busy_ms=30_000)
    with store.transaction() as tx:
        for number in range(1, count + 1):
            tx.add_draft(Draft(parent="SBI-1", number=number, title=f"Draft {number}", spec="Text."))
    return store


def decided(path: str, count: int, *hows: str) -> list[list[list[str]]]:
    """What each of the processes said of each draft, having begun together."""
    pipe = subprocess.PIPE
    words = [[path, how, str(count), f"person {number}"] for number, how in enumerate(hows)]
    started = [
        subprocess.Popen([sys.executable, "-c", DECIDES, *one], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for one in words
    ]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    answers = [one.communicate(timeout=LIMIT_S) for one in started]
    assert [one.returncode for one in started] == [0] * len(started), answers
    return [[line.split() for line in out.splitlines()] for out, _ in answers]


def race(path: str, *, drafts: int, approvers: int) -> None:
    store = drafted(path, drafts)
    told = decided(path, drafts, *["approve"] * approvers)
    for number in range(drafts):
        own = [one[number] for one in told]
        assert sorted(how for _, how, _ in own) == ["fresh"] + ["known"] * (approvers - 1)
        assert len({item for *_, item in own}) == 1
    with store.read() as tx:
        assert sum(tx.counts().values()) == drafts
        assert len({one.registered for one in tx.drafts(decided=True)}) == drafts
        assert sum(entry.event == "draft_approved" for entry in tx.journal()) == drafts
    store.close()


def test_two_approvers_of_the_same_drafts_make_one_item_of_each(path: str) -> None:
    race(path, drafts=20, approvers=2)


@pytest.mark.soak
def test_eight_approvers_of_the_same_drafts_make_one_item_of_each(path: str) -> None:
    race(path, drafts=500, approvers=8)


def test_whoever_comes_second_cannot_undo_what_the_first_decided(path: str) -> None:
    store = drafted(path, 20)
    approver, rejecter = decided(path, 20, "approve", "reject")
    with store.read() as tx:
        found = tx.drafts(decided=True)
        items = sum(tx.counts().values())
    store.close()
    for one, (_, first, _), (_, second, _) in zip(found, approver, rejecter, strict=True):
        expected = ("fresh", "refused") if one.status is DraftStatus.APPROVED else ("refused", "rejected")
        assert (first, second) == expected
    assert items == sum(one.status is DraftStatus.APPROVED for one in found)
