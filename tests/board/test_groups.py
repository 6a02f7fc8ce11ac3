"""The short overview of `status` says the same as a look at every single item."""

from __future__ import annotations

import random

import pytest

from deespec.app import open_app
from deespec.backlog import edit
from deespec.backlog.register import Order, register
from deespec.backlog.start import start
from deespec.board.snapshot import FOR_A_PERSON, overview, snapshot
from deespec.clock import Clock
from deespec.model.items import AgentPause, Claim, Kind
from deespec.model.lifecycle import Event
from deespec.model.spec import new_item
from deespec.model.wanted import AgentSlot, Wanted

ITEMS = 40
ASKED = 3


@pytest.fixture
def app(tmp_path):
    home = tmp_path / ".deespec"
    home.mkdir()
    text = "".join(f'[agents.{name}]\nkind = "command"\ncommand = "true"\n' for name in ("one", "two"))
    (home / "config.toml").write_text('[run]\nimplement = ["one", "two"]\n' + text)
    start(home, clock=Clock(), agents=())
    opened = open_app(str(home))
    yield opened
    opened.close()


@pytest.mark.parametrize("seed", range(12))
def test_the_overview_counts_what_single_items_wait_for(app, seed):
    _live(app, random.Random(seed))
    every, short = snapshot(app), overview(app, asked=ASKED)
    reasons: dict[str, list[str]] = {}
    for line, why in every.waiting:
        reasons.setdefault(why.reason, []).append(line.id)
    assert [(group.reason, group.count, group.first.id) for group in short.groups] == [
        (reason, len(ids), ids[0]) for reason, ids in reasons.items()
    ]
    assert [line.id for line, _ in short.asked] == [
        line.id for line, why in every.waiting if why.reason in FOR_A_PERSON
    ][:ASKED]
    assert (short.counts, short.running) == (every.counts, every.running)


def test_an_empty_backlog_waits_for_nothing(app):
    assert overview(app, asked=ASKED).groups == ()


def _live(app, dice):
    """A backlog with a past: needs, paths, holds, items in work, ended, failed, retried, and an agent paused."""
    for number in range(1, ITEMS + 1):
        needs = {f"SBI-{dice.randrange(1, number)}" for _ in range(dice.choice((0, 0, 1, 2)))} if number > 1 else ()
        new = new_item(
            Kind.SBI,
            title=f"Item {number}",
            depends_on=tuple(needs),
            paths=dice.choice((("a/**",), ("b/**", "c/x"), ("a/b/*",), (f"own-{number}",), (f"own-{number}",))),
            agent=dice.choice(((), (), ("one",), ("two",))),
            priority=dice.choice(("normal", "urgent", "low")),
        )
        register(app.store, [Order(kind=Kind.SBI, new=new)], uids=[app.clock.uid()], owner="me")
    edit.hold(app.store, dice.sample(range(1, ITEMS + 1), 4), actor="me")
    claims = [claim for _ in range(dice.randrange(12)) if (claim := _claim(app)) is not None]
    for claim in claims:
        _end(app, claim, dice)
    stopped = [line.number for line, why in snapshot(app).waiting if why.reason in FOR_A_PERSON]
    edit.retry(app.store, stopped[:1], actor="me")
    if dice.random() < 0.5:
        with app.store.transaction() as tx:
            pause = AgentPause(account=app.account("one"), agent="one", reason="login", message="log in")
            tx.pause(pause, actor="me")


def _claim(app):
    slots = tuple(AgentSlot(name=name, account=app.account(name)) for name in ("one", "two"))
    wanted = Wanted(
        worker="w",
        actor="w",
        agents=slots,
        implement=("one", "two"),
        review=("one",),
        decompose=("one",),
        outboxes="",
        boot="boot",
        boot_ms=0,
        lease_ms=1,
        exclusive=True,
    )
    with app.store.transaction() as tx:
        found = tx.claim_next(wanted)
    return found if isinstance(found, Claim) else None


def _end(app, claim, dice):
    """Most ways in which a claim can end."""
    how = dice.choice(("keep", "release", "attempt", "park", "fail", "done", "cancel"))
    if how == "cancel":
        edit.cancel(app.store, [claim.sbi.number], actor="me")
    with app.store.transaction() as tx:
        if how == "release":
            tx.release(claim, actor="w", why="stopped")
        elif how == "attempt":
            tx.attempt_failed(claim, actor="w", error="x", max_attempts=3, delay_ms=60_000)
        elif how == "park":
            tx.park(claim, actor="w", reason="question", question="which?")
        elif how == "fail":
            tx.attempt_failed(claim, actor="w", error="x", max_attempts=1, delay_ms=0)
        elif how == "done":
            tx.free(claim.sbi.number)
            sbi = tx.move(tx.sbi(claim.sbi.number), Event.WORKSPACE_READY, actor="w")
            for event in (Event.IMPLEMENTED_ONLY, Event.MERGED):
                sbi = tx.move(sbi, event, actor="w")
