"""Deciding about drafts, killed in the middle of any write: all of the step or nothing, and no item twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scene import HERE

from deespec.backlog import drafts as deciding
from deespec.backlog.register import Order, register
from deespec.clock import Clock
from deespec.model.asking import Draft, DraftStatus
from deespec.model.items import Kind
from deespec.model.spec import NewItem
from deespec.store.opener import create_store, open_store

BUSY_MS = 5_000
PATIENCE_S = 60
CHAIN = 4
SOME = 9
"""Points of death that are tried where not all are."""
WHOLE = {number: f"SBI-{number}" for number in range(1, CHAIN + 1)}


def planned(folder: Path, *, waiting: bool) -> str:
    """A PBI with drafts that each need the one before; with `waiting` all but the first are approved."""
    folder.mkdir()
    path = str(folder / "deespec.db")
    create_store(path, clock=Clock(), busy_ms=BUSY_MS)
    store = open_store(path, clock=Clock(), busy_ms=BUSY_MS)
    order = Order(kind=Kind.PBI, new=NewItem(kind=Kind.PBI, title="Group", spec="Text."))
    register(store, [order], uids=[Clock().uid()], owner="ann@here")
    with store.transaction() as tx:
        for number in range(1, CHAIN + 1):
            needs = (f"PBI-1/{number - 1}",) if number > 1 else ()
            tx.add_draft(Draft(parent="PBI-1", number=number, title=f"Draft {number}", spec="x" * 20_000, needs=needs))
    by = deciding.Decider(owner="ann@here", uid=Clock().uid)
    if waiting:
        deciding.approve(store, [("PBI-1", number) for number in range(2, CHAIN + 1)], by)
    store.close()
    return path


def act(path: str, at: int, what: str) -> list[str]:
    """What it said before it died at that write, or came to its end."""
    command = [sys.executable, str(HERE / "dying_approve.py"), path, str(at), what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == (-signal.SIGKILL if at else 0), done.stderr
    return done.stdout.split()


def states(path: str) -> dict[int, str]:
    """What has become of each draft; the backlog is sound."""
    store = open_store(path, clock=Clock(), busy_ms=BUSY_MS)
    with store.read() as tx:
        assert tx.orphans() == []
        found = {one.number: one.registered or str(one.status) for one in tx.drafts("PBI-1", decided=True)}
        items = [entry.item for entry in tx.journal(event="registered") if (entry.item or "").startswith("SBI")]
        assert sorted(items) == sorted(one for one in found.values() if one.startswith("SBI"))
        assert sum(tx.counts().values()) == len(items)
    store.close()
    return found


def points(total: int, most: int | None) -> list[int]:
    """Which writes are died at: all, or some from the first to the last."""
    if most is None or total <= most:
        return list(range(1, total + 1))
    return sorted({1 + round(at * (total - 1) / (most - 1)) for at in range(most)})


def dies(tmp_path: Path, what: str, most: int | None, *, waiting: bool) -> list[tuple[str, list[str]]]:
    """Backlogs after a death at each of the points, with what was said before it."""
    total = int(act(planned(tmp_path / "whole", waiting=waiting), 0, what)[-1])
    assert total > CHAIN
    dead = []
    for at in points(total, most):
        path = planned(tmp_path / str(at), waiting=waiting)
        dead.append((path, act(path, at, what)))
    return dead


def approving_dies(tmp_path: Path, most: int | None) -> None:
    before = {1: "open"} | dict.fromkeys(range(2, CHAIN + 1), str(DraftStatus.WAITING))
    for path, said in dies(tmp_path, "approve", most, waiting=True):
        found = states(path)
        assert found == WHOLE if "approved" in said else found in (before, WHOLE)
        act(path, 0, "approve")
        assert states(path) == WHOLE


def test_approving_what_a_chain_waits_for_registers_all_of_it_or_nothing(tmp_path: Path) -> None:
    approving_dies(tmp_path, SOME)


@pytest.mark.soak
def test_approving_registers_all_or_nothing_at_whatever_write_it_is_killed(tmp_path: Path) -> None:
    approving_dies(tmp_path, None)


def rejecting_dies(tmp_path: Path, most: int | None) -> None:
    before = {1: "open", 2: "waiting", 3: "waiting", 4: "waiting"}
    after = {1: "rejected", 2: "open", 3: "waiting", 4: "waiting"}
    for path, said in dies(tmp_path, "reject", most, waiting=True):
        found = states(path)
        assert found == after if "rejected" in said else found in (before, after)


def test_rejecting_opens_what_waits_or_does_nothing(tmp_path: Path) -> None:
    rejecting_dies(tmp_path, SOME)


@pytest.mark.soak
def test_rejecting_does_all_or_nothing_at_whatever_write_it_is_killed(tmp_path: Path) -> None:
    rejecting_dies(tmp_path, None)


def one_by_one_dies(tmp_path: Path, most: int | None) -> None:
    for path, said in dies(tmp_path, "one_by_one", most, waiting=False):
        found = states(path)
        assert all(found[int(number)] != "open" for number in said)
        act(path, 0, "one_by_one")
        assert states(path) == WHOLE


def test_approvals_one_by_one_are_taken_up_where_they_were_killed(tmp_path: Path) -> None:
    one_by_one_dies(tmp_path, SOME)


@pytest.mark.soak
def test_approvals_one_by_one_are_taken_up_at_whatever_write_they_were_killed(tmp_path: Path) -> None:
    one_by_one_dies(tmp_path, None)
