"""Why an item waits: in words that name what bars it, and with the command that helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deespec.app import App, open_app
from deespec.backlog import edit
from deespec.backlog.register import Order, register
from deespec.backlog.start import start
from deespec.board.waiting import Situation, Waiting
from deespec.clock import Clock, next_midnight
from deespec.model.items import AgentPause, Claim, Kind, Priority, Worker
from deespec.model.money import Spend
from deespec.model.spec import new_item
from deespec.model.wanted import AgentSlot, Idle, Wanted
from deespec.records import replace
from deespec.store.alive import LifeLock

SETTINGS = """
[run]
implement = "one"
[budget]
usd_per_day = 10
[agents.one]
kind = "command"
command = "true"
limit = 2
billing = "metered"
[agents.free]
kind = "command"
command = "true"
billing = "subscription"
"""
DOCS = ("docs/**",)
PAGE = ("docs/page",)


class Scene:
    """A backlog, and one worker that lives as long as the scene."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.worker = Worker(
            uid=app.clock.uid(),
            name="here-1",
            host="here",
            pid=1,
            pid_start="1",
            namespace="1",
            boot="boot",
            slots=3,
            started_at=0,
            seen_at=0,
        )
        self.life = LifeLock(str(app.settings.home), self.worker.uid)
        with app.store.transaction() as tx:
            tx.add_worker(self.worker)

    def add(self, **fields: object) -> None:
        order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title="Item", **fields))
        register(self.app.store, [order], uids=[self.app.clock.uid()], owner="me")

    def claim(self, **changes: object) -> Claim | Idle:
        slots = tuple(AgentSlot(name=name, account=self.app.account(name)) for name in ("one", "free", "claude"))
        asked = Wanted(
            worker=self.worker.uid,
            actor="worker",
            agents=slots,
            implement=("one",),
            review=("one",),
            decompose=("one",),
            outboxes="",
            boot="boot",
            boot_ms=0,
            lease_ms=1,
            exclusive=True,
        )
        with self.app.store.transaction() as tx:
            return tx.claim_next(replace(asked, **changes))

    def take(self, **changes: object) -> Claim:
        claim = self.claim(**changes)
        assert isinstance(claim, Claim)
        return claim

    def give_back(self, claim: Claim) -> None:
        with self.app.store.transaction() as tx:
            tx.release(claim, actor="worker", why="stopped")

    def why(self, number: int) -> Waiting:
        with self.app.store.read() as tx:
            found = Situation(self.app, tx).waiting(tx.line(number))
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield from opened(tmp_path)


def opened(tmp_path: Path) -> Iterator[Scene]:
    home = tmp_path / ".deespec"
    home.mkdir()
    (home / "config.toml").write_text(SETTINGS)
    start(home, clock=Clock(), agents=())
    app = open_app(str(home))
    made = Scene(app)
    yield made
    if Path(made.life.path).exists():
        made.life.release()
    app.close()


# --- paths ----------------------------------------------------------------------------------------------------------


def test_an_item_waits_for_the_one_that_works_on_the_same_files(scene: Scene) -> None:
    scene.add(paths=DOCS)
    scene.take()
    scene.add(paths=PAGE)
    why = scene.why(2)
    assert (why.reason, why.by, why.text) == ("paths", ("SBI-1",), "works on the same files as SBI-1")


def test_a_held_item_that_bars_others_is_named_with_the_way_to_free_it(scene: Scene) -> None:
    scene.add(paths=DOCS)
    claim = scene.take()
    edit.hold(scene.app.store, [1], actor="me")
    scene.give_back(claim)
    scene.add(paths=PAGE)
    why = scene.why(2)
    assert (why.text, why.remedy) == ("works on the same files as SBI-1 (SBI-1 is held)", "deespec sbi unhold SBI-1")


def test_an_item_between_two_turns_is_named_as_such(scene: Scene) -> None:
    scene.add(paths=DOCS)
    scene.give_back(scene.take())
    scene.add(paths=PAGE)
    why = scene.why(2)
    assert why.text == "works on the same files as SBI-1 (SBI-1 is between two turns)"
    assert why.remedy == "deespec why SBI-1"


def test_an_item_without_paths_is_told_to_name_some(scene: Scene) -> None:
    scene.add(paths=DOCS)
    scene.take()
    scene.add()
    why = scene.why(2)
    assert why.text == "names no paths, so it is worked on alone, not beside SBI-1"
    assert why.remedy == 'deespec sbi update SBI-2 --add-path "src/**"'


def test_an_item_beside_one_without_paths_is_told_that_this_one_is_alone(scene: Scene) -> None:
    scene.add()
    scene.take()
    scene.add(paths=DOCS)
    why = scene.why(2)
    assert why.text == "cannot start beside SBI-1, which names no paths and so is worked on alone"
    assert why.remedy is None


def make_next(scene: Scene) -> None:
    """SBI-2 is next in turn, and SBI-3 makes room for it."""
    scene.add(paths=("docs/a/**",))
    scene.take()
    scene.add(paths=DOCS, priority=Priority.URGENT)
    scene.add(paths=PAGE)
    assert isinstance(scene.claim(), Idle)


def test_an_item_that_makes_room_names_whom_for_and_who_takes_that(scene: Scene) -> None:
    make_next(scene)
    why = scene.why(3)
    assert (why.reason, why.by, why.remedy) == ("paths", ("SBI-2",), "deespec why SBI-2")
    assert why.text == "makes room for SBI-2, which is next in turn (worker here-1 takes it)"


@pytest.mark.parametrize("how", ["died", "finishes", "pauses"])
def test_nothing_makes_room_for_an_item_that_nobody_takes(scene: Scene, how: str) -> None:
    make_next(scene)
    if how == "died":
        scene.life.release()
    with scene.app.store.transaction() as tx:
        if how == "finishes":
            tx.worker_seen(scene.worker.uid, "finishing")
        elif how == "pauses":
            account = scene.app.account("one")
            tx.pause(AgentPause(account=account, agent="one", reason="login", message="log in"), actor="me")
    assert scene.why(3).reason == ("agent_paused" if how == "pauses" else "slot")


# --- agents ---------------------------------------------------------------------------------------------------------


def test_an_agent_at_its_limit_names_the_setting(scene: Scene) -> None:
    for number in range(3):
        scene.add(paths=(f"{number}",))
    scene.take()
    scene.take()
    why = scene.why(3)
    assert (why.reason, why.remedy) == ("agent_limit", "deespec config set agents.one.limit 3")
    assert why.text == "agent one works on 2 items, its limit is 2; its next free call takes this one"


def test_an_agent_that_works_alone_in_a_folder_is_at_its_limit_with_one(scene: Scene) -> None:
    """The same that choosing goes by: claude has no limit in the settings, but none works beside another one."""
    for number in range(2):
        scene.add(paths=(f"{number}",), agent=("claude",))
    scene.take()
    why = scene.why(2)
    assert (why.reason, why.remedy) == ("agent_limit", "deespec sbi update SBI-2 --agent one")
    assert why.text == "agent claude works on 1 item, one at a time in a shared folder; this one follows"


def test_a_day_s_budget_that_is_spent_names_the_setting_and_the_time(scene: Scene) -> None:
    scene.add(paths=("a",))
    claim = scene.take()
    scene.add(paths=("b",))
    scene.add(paths=("c",), agent=("free",))
    with scene.app.store.transaction() as tx:
        tx.spent(Spend(token=claim.token, sbi=claim.sbi.number, cost_usd=6.0))
    why = scene.why(2)
    assert (why.reason, why.remedy) == ("budget", "deespec config set budget.usd_per_day 20")
    assert why.until_at == next_midnight(scene.app.clock.now_ms())
    assert "10.00 USD a day" in why.text
    assert scene.why(3).reason == "slot"


# --- slots ----------------------------------------------------------------------------------------------------------


def test_workers_that_only_finish_take_nothing_new(scene: Scene) -> None:
    scene.add()
    with scene.app.store.transaction() as tx:
        tx.worker_seen(scene.worker.uid, "finishing")
    why = scene.why(1)
    assert (why.reason, why.remedy) == ("slot", "deespec run")
    assert "takes anything new" in why.text


def test_an_account_that_is_tried_again_says_so(scene: Scene) -> None:
    for number in range(2):
        scene.add(paths=(f"{number}",))
    with scene.app.store.transaction() as tx:
        limit = AgentPause(account=scene.app.account("one"), agent="one", reason="rate_limit", message="", tries=1)
        tx.pause(replace(limit, until_at=tx.now), actor="me")
    scene.take()
    why = scene.why(2)
    assert (why.reason, why.by) == ("agent_paused", ("one",))
    assert why.text == "agent one's account was at its limit a moment ago: one call tries it, others follow"
    assert why.until_at is not None
