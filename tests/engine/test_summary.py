"""A run ends with one sentence, made of what it has done, what that has cost, and what it waited for."""

from __future__ import annotations

import json
import re

import pytest
from workshop import HandClock, Workshop, steps

from deespec.backlog import edit
from deespec.clock import from_local
from deespec.engine.resting import Resting
from deespec.engine.summary import RunFacts, sentence, span
from deespec.engine.worker import Crew, Orders
from deespec.model.items import AgentPause
from deespec.records import replace
from deespec.store.figures import Spent

BEGAN = from_local("2026-01-31 23:05") or 0
HOUR = 3_600_000
FACTS = RunFacts(
    since_at=BEGAN,
    until_at=BEGAN + 8 * HOUR,
    outcomes={},
    done=31,
    decomposed=0,
    failed=4,
    waiting=5,
    begun=0,
    cancelled=0,
    spent=Spent(usd=18.4),
    waited={(("claude", "limit"),): 3 * HOUR + 10 * 60_000},
)
DOES = """
[[rules]]
step = "implement"
files = { "a.txt" = "a" }
answer = { type = "implement", text = "Done." }
[[rules]]
step = "review"
answer = { type = "review", decision = "SUCCEEDED", text = "Good." }
"""
LIMITED = """
[[rules]]
step = "implement"
times = 1
error = { blame = "account", code = "rate_limit", message = "Too many.", reset_after_ms = 1500 }
"""


def test_the_sentence_is_the_one_that_people_know() -> None:
    told = "Since 23:05: 31 done, 4 failed, 5 wait, 18.40 USD; waited 3 h 10 m for claude's limit."
    assert sentence(FACTS) == told


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (replace(FACTS, done=0, failed=0, waiting=0, spent=Spent(), waited={}), "Since 23:05: nothing was done."),
        (replace(FACTS, decomposed=2), "Since 23:05: 31 done, 2 decomposed, 4 failed"),
        (replace(FACTS, until_at=BEGAN + 21 * HOUR), "Since 2026-01-31 23:05: 31 done"),
        (replace(FACTS, begun=2, cancelled=1), "5 wait, 2 begun, 1 cancelled, 18.40 USD"),
        (replace(FACTS, spent=Spent(unpriced_tokens=240_000)), "5 wait, 240k tokens without a price;"),
        (
            replace(FACTS, spent=Spent(usd=0.5, subscription_tokens=1_200_000)),
            "0.50 USD, 1.2M tokens on subscriptions;",
        ),
        (
            replace(FACTS, waited={(("claude", "limit"), ("codex", "limit")): 60_000, (("x", "budget"),): HOUR}),
            "; waited 1 h 0 m for the budget, 1 m for claude's and codex's limit.",
        ),
        (replace(FACTS, waited={(("claude", "limit"),): 999}), "18.40 USD."),
        (replace(FACTS, waited={(("claude", "pause"),): 5_000}), "; waited 5 s for claude's pause."),
    ],
)
def test_it_says_no_more_than_there_is_to_say(facts: RunFacts, told: str) -> None:
    assert told in sentence(facts)


@pytest.mark.parametrize(
    ("ms", "told"), [(0, "0 s"), (59_999, "59 s"), (60_000, "1 m"), (HOUR - 1, "59 m"), (25 * HOUR, "25 h 0 m")]
)
def test_a_span_has_at_most_two_units(ms: int, told: str) -> None:
    assert span(ms) == told


def test_only_time_in_which_nothing_works_was_waited() -> None:
    clock = HandClock()
    resting = Resting(clock.now_ms)
    limit, pause = (("a", "limit"),), (("a", "limit"), ("b", "pause"))
    for act, ms in (
        (lambda: None, 1),  # nothing is known to bar anything yet
        (lambda: resting.rests(limit), 10),
        (resting.works, 100),  # another slot has work
        (lambda: resting.rests(limit), 100),
        (resting.ended, 10),
        (lambda: resting.rests(pause), 1_000),
        (lambda: resting.rests(()), 10_000),
    ):
        act()
        clock.forward(ms)
    assert resting.waited() == {limit: 20, pause: 1_000}


def test_a_run_knows_what_became_of_its_items_and_what_its_calls_have_cost(project: Workshop) -> None:
    project.agent(steps(review='test $DEESPEC_ITEM = SBI-2 && echo "DECISION: FAILED" || echo "DECISION: SUCCEEDED"'))
    project.register()
    project.drain()
    project.register()
    project.register()
    edit.hold(project.app.store, [3], actor="person")
    crew = Crew(project.app, Orders(drain=True), tell=lambda _: None)
    crew.run()
    facts = crew.facts()
    assert (facts.done, facts.failed, facts.waiting, facts.begun) == (0, 1, 0, 0)
    assert (facts.spent.calls, facts.spent.silent_calls, facts.outcomes) == (2, 2, {"implemented": 1, "rejected": 1})


def test_a_run_that_waited_for_a_limit_says_for_whose_and_how_long(project: Workshop) -> None:
    project.scripted(LIMITED + DOES)
    project.register()
    crew = Crew(project.app, Orders(drain=True), tell=lambda _: None)
    crew.run()
    [(causes, ms)] = crew.facts().waited.items()
    assert causes == (("actor", "limit"),)
    assert ms >= 1_000
    assert re.search(r": 1 done; waited \d+ s for actor's limit\.$", sentence(crew.facts()))


def test_a_pause_by_a_person_is_no_limit(project: Workshop) -> None:
    project.scripted(DOES)
    project.register()
    with project.app.store.transaction() as tx:
        account = project.app.account("actor")
        until = tx.now + 1_500
        pause = AgentPause(account=account, agent="actor", reason="p", message="p", until_at=until, by_person=True)
        tx.pause(pause, actor="person")
    crew = Crew(project.app, Orders(drain=True), tell=lambda _: None)
    crew.run()
    assert list(crew.facts().waited) == [(("actor", "pause"),)]


def test_programs_get_the_same_facts_as_the_last_event(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    _, out, _ = project.command("run", "--drain", "--json")
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["done"], last["failed"], last["calls"]) == ("summary", 1, 0, 2)
    assert (last["outcomes"], last["backlog"]) == ({"implemented": 1, "succeeded": 1}, {"DONE": 1})


def test_the_sentence_is_the_last_line_below_what_waits(project: Workshop) -> None:
    project.agent(steps(review='echo "DECISION: FAILED"'))
    project.register()
    status, _, err = project.command("run", "--drain")
    *_, waits, backlog, last = err.splitlines()
    assert (status, backlog) == (1, "The backlog: 1 FAILED.")
    assert waits.startswith("SBI-1 FAILED")
    assert re.fullmatch(r"Since \d\d:\d\d: 1 failed\.", last)
