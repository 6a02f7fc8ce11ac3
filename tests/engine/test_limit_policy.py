"""One policy for the limits of all vendors: an account rests until the time it names or for longer each time, is tried
by one call, and never has more calls than it may."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workshop import PATIENCE_S, HandClock, Workshop, eventually, steps

from deespec.app import App
from deespec.config import load_settings
from deespec.engine.failing import PAUSE_JITTER_MS, PAUSE_LONGEST_MS, PAUSE_MOST_MS, pause_ends
from deespec.model.items import AgentPause

MINUTE_MS = 60_000
CLIENT = Path(__file__).with_name("limited_client.py")
WORKS = """
[[rules]]
step = "implement"
answer = { type = "nothing", text = "It is so already." }
[[rules]]
answer = { type = "review", decision = "SUCCEEDED" }
"""
UNNAMED = """
[[rules]]
times = {times}
error = {{ blame = "account", code = "rate_limit", message = "Too many requests" }}
"""
ERROR = '[[rules]]\nerror = {{ blame = "{blame}", code = "{code}", message = "It is so." }}\n'


class Hand(HandClock):
    """Moved by hand; jitter is what the test says."""

    share = 0.0

    def jitter(self, upper_ms: int) -> int:
        return int(upper_ms * self.share)


def by_hand(project: Workshop) -> Hand:
    """The project's app, on a clock that stands still."""
    project.write_config()
    clock = Hand()
    project._app = App(load_settings(project.home, project.env, {}), clock=clock, env=project.env)
    return clock


def pauses(project: Workshop) -> list[AgentPause]:
    with project.app.store.read() as tx:
        return tx.pauses()


# --- how long -------------------------------------------------------------------------------------------------------


def test_pauses_without_a_named_end_grow_from_a_minute_to_an_hour() -> None:
    waits = [pause_ends(0, None, met, jitter=lambda _: 0) // MINUTE_MS for met in range(9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(st.integers(0, 10**6), st.one_of(st.none(), st.integers(1, 10**12)), st.floats(0, 1))
def test_every_pause_has_an_end_within_a_day_and_none_has_passed(met: int, named: int | None, share: float) -> None:
    now = 10**12
    until = pause_ends(now, None if named is None else now + named, met, jitter=lambda upper: int(upper * share))
    assert now < until <= now + max(PAUSE_MOST_MS, PAUSE_LONGEST_MS * 6 // 5) + PAUSE_JITTER_MS
    if named is not None and named < PAUSE_MOST_MS:
        assert until >= now + named


def test_a_named_time_counts_but_is_not_asked_for_again_and_again() -> None:
    assert pause_ends(1_000, 1_300, 0, jitter=lambda _: 0) == 1_300
    assert [pause_ends(0, 300, met, jitter=lambda _: 0) for met in (1, 2, 3, 99)] == [1_000, 2_000, 4_000, 60_000]


def test_an_account_that_meets_limit_after_limit_rests_for_longer_each_time_until_it_works(project: Workshop) -> None:
    project.scripted(UNNAMED.format(times=3) + WORKS + UNNAMED.format(times=1))
    clock = by_hand(project)
    project.register()
    rests = []
    for _ in range(3):
        assert project.took() == "paused"
        [pause] = pauses(project)
        rests.append(((pause.until_at or 0) - clock.now_ms()) // MINUTE_MS)
        assert project.took() == "nothing"
        clock.forward(rests[-1] * MINUTE_MS)
    assert rests == [1, 2, 4]
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]
    assert project.sbi().attempts == 0
    with project.app.store.read() as tx:
        assert tx.last_limit(project.app.account("actor")) == (0, None)


# --- trying it ------------------------------------------------------------------------------------------------------


def test_when_a_pause_is_over_one_call_tries_the_account_and_the_others_follow_it(project: Workshop) -> None:
    """In real processes; a vendor lets three calls through and names a time. Two workers of three slots, limit 2."""
    vendor = {"SEEN": str(project.seen), "THROUGH": "3", "CLOSED_S": "1", "CALL_MS": "400"}
    project.settle("agents.claude", command=[sys.executable, str(CLIENT)], env=vendor, limit=2)
    project.settle("run", implement="claude")
    project.settle("workspace", mode="worktree")
    for number in range(8):
        project.register(paths=(f"SBI-{number + 1}.txt",), only_implement=True)
    project.write_config()
    run = ("run", "--drain", "--parallel", "3")
    with project.process(*run) as one, project.process(*run) as two:
        assert (one.wait(PATIENCE_S), two.wait(PATIENCE_S)) == (0, 0)
    assert project.unfinished() == 0
    calls = sorted(map(json.loads, (project.seen / "calls.jsonl").read_text().splitlines()), key=lambda c: c["began"])
    moments = sorted([(call["began"], 1) for call in calls] + [(call["ended"], -1) for call in calls])
    in_flight = [sum(change for _, change in moments[: at + 1]) for at in range(len(moments))]
    assert max(in_flight) <= 2, "more calls in flight than the limit"
    limited = [call for call in calls if call["limited"]]
    assert 1 <= len(limited) <= 2, "only calls that were begun before it was known may meet the limit"
    after = [call for call in calls if call["began"] > limited[-1]["ended"]]
    assert all(call["began"] >= after[0]["ended"] for call in after[1:]), "one call tries the account first"
    for number in range(1, 9):
        assert (project.sbi(number).attempts, len(project.turns(number))) == (0, 1)


def test_the_second_agent_takes_over_at_once_and_the_first_is_not_asked_again(project: Workshop) -> None:
    project.scripted(UNNAMED.format(times=9))
    project.scripted(WORKS, name="second")
    project.settle("run", implement=["actor", "second"])
    for _ in range(2):
        project.register()
    outcomes = project.drain()
    assert [outcome.what for outcome in outcomes] == ["paused", *["implemented", "succeeded"] * 2]
    assert [pause.agent for pause in pauses(project)] == ["actor"]


@pytest.mark.parametrize("code", ["overloaded", "network"])
def test_overload_and_network_are_attempts_with_back_off(project: Workshop, code: str) -> None:
    project.scripted(ERROR.format(blame="call", code=code))
    project.settle("run", retry_delay="10 s")
    clock = by_hand(project)
    project.register()
    waits = []
    for _ in range(2):
        assert project.took() == "attempt failed"
        waits.append((project.sbi().not_before or 0) - clock.now_ms())
        assert project.took() == "nothing"
        clock.forward(waits[-1])
    assert waits == [10_000, 20_000]
    assert pauses(project) == []


# --- whose error it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "shared"), [("login", True), ("billing", True), ("model", False), ("flags", False)])
def test_what_is_of_the_account_pauses_all_its_agents_and_else_only_the_one(
    project: Workshop, code: str, shared: bool
) -> None:
    project.scripted(ERROR.format(blame="agent", code=code), account="team")
    project.scripted(WORKS, name="second", account="team")
    project.settle("run", implement=["actor", "second"])
    project.register()
    project.register()
    whats = [outcome.what for outcome in project.drain()]
    assert whats == (["paused"] if shared else ["paused", *["implemented", "succeeded"] * 2])
    [pause] = pauses(project)
    assert (pause.until_at, pause.only_agent) == (None, "" if shared else "actor")
    _, inbox, _ = project.command("inbox")
    assert inbox.count("is paused") == 1
    assert "deespec agent resume actor" in inbox


def test_resuming_any_agent_of_an_account_continues_all_of_it(project: Workshop) -> None:
    project.scripted(f"{ERROR.format(blame='agent', code='login')}times = 1\n{WORKS}", account="team")
    project.scripted(WORKS, name="second", account="team")
    project.settle("run", implement=["actor", "second"])
    project.register()
    project.drain()
    assert project.command("agent", "resume", "second")[0] == 0
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]
    assert project.turns()[0].agent == "actor"


def test_the_same_error_on_three_items_pauses_the_agent_and_not_its_account(project: Workshop) -> None:
    project.agent("exit 1", account="team")
    project.agent(steps(), name="second", account="team")
    project.settle("run", implement=["worker"], retry_delay="10 min")
    for number in range(4):
        project.register(paths=(f"SBI-{number + 1}.txt",))
    assert [project.took() for _ in range(3)] == ["attempt failed", "attempt failed", "paused"]
    [pause] = pauses(project)
    assert (pause.only_agent, pause.account) == ("worker", "team")
    assert project.took(implement=("second",)) == "implemented"


def test_an_agent_is_paused_by_hand_and_with_its_account(project: Workshop) -> None:
    project.scripted(WORKS, account="team")
    project.scripted(WORKS, name="second", account="team")
    project.settle("run", implement=["actor", "second"])
    project.register()
    assert project.command("agent", "pause", "actor")[0] == 0
    assert project.turn().claim.agent == "second"  # type: ignore[union-attr]
    status, told, _ = project.command("agent", "pause", "actor", "--account")
    assert (status, "with all agents of account team" in told) == (0, True)
    assert project.took() == "nothing"
    assert project.command("agent", "resume", "actor")[0] == 0
    assert project.took() == "succeeded"


# --- limits ---------------------------------------------------------------------------------------------------------


def test_an_account_s_limit_holds_for_all_its_agents_over_two_workers(project: Workshop) -> None:
    busy = 'echo . >> "$SEEN/busy.$DEESPEC_ITEM"; while ! test -e "$SEEN/go"; do sleep 0.02; done'
    for name in ("worker", "second"):
        project.agent(f"{busy}\n{steps()}", name=name, account="team")
    project.settle("run", implement=["worker"])
    project.listed("accounts", name="team", limit=2)
    for number in range(4):
        project.register(paths=(f"SBI-{number + 1}.txt",), agent=(("worker", "second")[number % 2],))
    with project.working(slots=2) as one, project.working(slots=2) as two:
        assert eventually(lambda: len(list(project.seen.glob("busy.*"))) == 2)
        _, why, _ = project.command("why", "SBI-3")
        assert "account team works on 2 items (second, worker), its limit is 2" in why
        assert "deespec config set accounts.team.limit 3" in why
        assert one.pulse.running() + two.pulse.running() == 2
        (project.seen / "go").touch()
        assert eventually(lambda: project.unfinished() == 0)


def test_an_item_of_an_agent_that_needs_no_section_is_not_left_lying(project: Workshop) -> None:
    project.scripted(WORKS)
    project.register(agent=("patch",))
    outcome = project.turn()
    assert outcome is not None
    assert outcome.claim.agent == "patch"
