"""Budgets: what is spent stays below them, whoever works; what cannot go on waits for a person, and nothing is lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from workshop import Workshop, eventually

from deespec.backlog import edit
from deespec.clock import local, next_midnight
from deespec.engine.worker import Crew, Orders
from deespec.model.lifecycle import Status

COSTS = """
[[rules]]
step = "implement"
item = "SBI-{number}"
files = {{ "{number}.txt" = "work" }}
answer = {{ type = "implement", text = "Done." }}
sleep_ms = {sleep_ms}
usage = {{ model = "m", tokens_in = 900, tokens_out = 100, cost_usd = {usd} }}
"""
REVIEWS = """
[[rules]]
step = "review"
answer = {{ type = "review", decision = "SUCCEEDED" }}
sleep_ms = {sleep_ms}
usage = {{ model = "m", tokens_in = 900, tokens_out = 100, cost_usd = {usd} }}
"""


def costly(count: int, *, usd: float = 0.3, sleep_ms: int = 0) -> str:
    """Two turns for each of so many items, at so much a turn."""
    implements = (COSTS.format(number=number + 1, usd=usd, sleep_ms=sleep_ms) for number in range(count))
    return "".join((*implements, REVIEWS.format(usd=usd, sleep_ms=sleep_ms)))


def fill(project: Workshop, count: int, **fields: object) -> None:
    for number in range(count):
        project.register(paths=(f"{number + 1}.txt",), **fields)


def spent(project: Workshop) -> float:
    with project.app.store.read() as tx:
        return round(tx.used_since(0).usd, 6)


@pytest.fixture
def costs(project: Workshop) -> Workshop:
    """Six items of two turns each, at 0.30 USD a turn: 3.60 USD in all."""
    project.scripted(costly(6, sleep_ms=20))
    fill(project, 6)
    return project


# --- a run's --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 6])
def test_a_run_of_1_usd_with_turns_of_30_cents_never_passes_1_20(costs: Workshop, slots: int) -> None:
    crew = Crew(costs.app, Orders(slots=slots, usd=1.0), tell=lambda _: None)
    crew.run()
    assert spent(costs) == pytest.approx(0.9) == crew.spent_usd
    assert "this run's budget of 1.00 USD allows no further call, 0.90 USD are spent" in (crew.out_of_money or "")


def test_the_next_run_goes_on_where_the_money_of_the_one_before_ended(costs: Workshop) -> None:
    costs.settle("budget", usd_per_run=1)
    runs = 0
    while costs.unfinished():
        costs.drain(slots=6)
        runs += 1
        assert spent(costs) <= runs * 1.2
    assert spent(costs) == pytest.approx(3.6)
    assert all(costs.sbi(number).attempts == 0 for number in range(1, 7))


def test_calls_that_came_to_nothing_count_against_the_run(project: Workshop) -> None:
    failing = '[[rules]]\nerror = { blame = "call", code = "crash" }\nusage = { cost_usd = 0.4 }\n'
    project.scripted(failing)
    fill(project, 3)
    assert len(project.drain(usd=1.0)) == 2
    assert spent(project) == pytest.approx(0.8)


def test_agents_that_a_subscription_pays_work_on_when_the_run_s_money_is_spent(costs: Workshop) -> None:
    costs.scripted(costly(6), name="free", billing="subscription")
    costs.settle("run", implement=["actor", "free"], review=["free"])
    costs.drain(usd=0.5)
    assert costs.unfinished() == 0
    assert spent(costs) == pytest.approx(0.3)


@pytest.mark.parametrize("drain", [True, False])
def test_a_run_whose_money_is_spent_waits_for_what_costs_nothing(project: Workshop, *, drain: bool) -> None:
    project.scripted(costly(1))
    crashes_once = '[[rules]]\ntimes = 1\nerror = { blame = "call", code = "crash" }\n'
    project.scripted(crashes_once + REVIEWS.format(usd=0.3, sleep_ms=0), name="free", billing="subscription")
    project.settle("run", review=["free"], retry_delay="1s")
    fill(project, 1)
    Crew(project.app, Orders(usd=0.3, drain=drain, for_ms=30_000), tell=lambda _: None).run()
    assert project.unfinished() == 0


def test_an_agent_that_never_says_what_it_costs_is_not_held_back_by_a_guess(project: Workshop) -> None:
    project.agent(
        'echo x >> "$DEESPEC_ITEM.txt"; case $DEESPEC_STEP in review) echo "DECISION: SUCCEEDED";; *) '
        'echo "DECISION: IMPLEMENTED";; esac'
    )
    for number in range(3):
        project.register(paths=(f"SBI-{number + 1}.txt",))
    project.drain(slots=3, usd=0.5)
    assert project.unfinished() == 0


def test_the_budget_of_a_run_is_said_in_the_terminal_and_waiting_items_exit_7(costs: Workshop) -> None:
    status, _, told = costs.command("run", "--drain", "--budget-usd", "1")
    assert status == 7
    assert "budget of metered agents: 1.00 USD for this run" in told
    assert "allows no further call, 0.90 USD are spent" in told
    assert "SBI-6 this run's budget is used up → deespec run\n" in told
    assert "no worker is running" not in told


@pytest.mark.parametrize("amount", ["abc", "-1", "nan", "1e9"])
def test_a_budget_that_is_no_amount_is_refused_in_words(costs: Workshop, amount: str) -> None:
    status, _, told = costs.command("run", "--once", "--budget-usd", amount)
    assert status == 2
    assert f"takes a number from 0 to 1,000,000, not '{amount}'" in told


# --- the day's ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 6])
def test_a_day_of_1_usd_never_passes_it_and_waits_for_the_next(costs: Workshop, slots: int) -> None:
    costs.settle("budget", usd_per_day=1)
    with costs.working(slots=slots):
        assert eventually(lambda: spent(costs) >= 0.9)
        status, out, _ = costs.command("why", "--json")
        assert status == 0
        assert '"budget"' in out
    assert spent(costs) == pytest.approx(0.9)


def test_a_run_that_waits_for_the_next_day_s_money_says_so_once(costs: Workshop) -> None:
    costs.settle("budget", usd_per_day=0.5)
    told: list[str] = []
    crew = Crew(costs.app, Orders(slots=3, for_ms=600_000), tell=lambda _: None, tell_upkeep=told.append)
    thread = threading.Thread(target=crew.run)
    thread.start()
    try:
        assert eventually(lambda: told)
        costs.register()  # wakes its slots, which find nothing again
        assert eventually(lambda: crew.pulse.generation > 1)
    finally:
        crew.stop("finish")
        thread.join()
    end = local(next_midnight(costs.app.clock.now_ms()))[:16]
    assert told == [
        f"the budget of 0.50 USD a day is used up until {end}"
        " → deespec config set budget.usd_per_day 1, then deespec run anew"
    ]


def test_two_workers_share_the_day_s_money(costs: Workshop) -> None:
    costs.settle("budget", usd_per_day=2)
    with costs.working(slots=3), costs.working(slots=3):
        assert eventually(lambda: spent(costs) > 1.7)
    assert spent(costs) <= 2.0


def test_a_killed_run_leaves_what_was_spent_and_the_next_keeps_to_it(costs: Workshop) -> None:
    costs.settle("budget", usd_per_day=1)
    costs.write_config()
    with costs.process("run", "--parallel", "3"):  # which kills it
        assert eventually(lambda: spent(costs) > 0)
    before = spent(costs)
    with costs.working(slots=3):
        assert eventually(lambda: spent(costs) >= 0.9)
    assert before <= spent(costs) <= 1.0


# --- an item's ------------------------------------------------------------------------------------------------------


def test_an_item_that_cannot_afford_another_turn_waits_for_a_person(costs: Workshop) -> None:
    costs.settle("budget", usd_per_item=0.5)
    costs.turn()
    sbi = costs.sbi()
    assert (sbi.status, sbi.reason, sbi.turn) == (Status.PARKED, "budget", 1)
    assert (sbi.question or "").startswith("It has cost 0.30 USD, its dearest call 0.30 USD; budget")


def test_tokens_of_an_item_are_limited_as_well(costs: Workshop) -> None:
    costs.settle("budget", tokens_per_item=1_500)
    costs.turn()
    assert (costs.sbi().status, costs.sbi().reason) == (Status.PARKED, "budget")
    assert "1,000 tokens" in (costs.sbi().question or "")


def test_retry_grants_the_budget_anew_and_no_more(costs: Workshop) -> None:
    costs.settle("budget", usd_per_item=0.5)
    costs.turn()
    edit.retry(costs.app.store, [1], actor="person")
    costs.turn()
    assert (costs.sbi().status, costs.sbi().turn) == (Status.DONE, 2)


def test_attempts_that_failed_count_and_end_in_front_of_a_person(project: Workshop) -> None:
    project.scripted('[[rules]]\nerror = { blame = "call", code = "crash" }\nusage = { cost_usd = 0.4 }\n')
    project.settle("budget", usd_per_item=1)
    project.settle("run", max_attempts=50)
    fill(project, 1)
    assert [project.took() for _ in range(2)] == ["attempt failed"] * 2
    assert (project.sbi().status, project.sbi().reason) == (Status.PARKED, "budget")
    edit.retry(project.app.store, [1], actor="person")
    project.drain()
    assert spent(project) == pytest.approx(1.6)


def test_an_accepted_item_is_merged_whatever_it_has_cost(costs: Workshop) -> None:
    costs.settle("workspace", mode="worktree")
    costs.settle("budget", usd_per_item=0.65)
    costs.commit(".gitignore", ".deespec\n")
    costs.drain()
    assert costs.unfinished() == 0


def test_agents_that_a_subscription_pays_count_against_no_item(project: Workshop) -> None:
    project.scripted(costly(1), billing="subscription")
    project.settle("budget", usd_per_item=0.1, tokens_per_item=10, usd_per_day=0.1, usd_per_run=0.1)
    fill(project, 1)
    project.drain()
    assert project.unfinished() == 0
    assert spent(project) == 0


def test_an_item_whose_money_is_spent_is_reviewed_by_an_agent_that_costs_nothing(costs: Workshop) -> None:
    costs.scripted(costly(6), name="free", billing="subscription")
    costs.settle("run", review=["free"])
    costs.settle("budget", usd_per_item=0.5)
    costs.drain()
    assert costs.unfinished() == 0


# --- a call's -------------------------------------------------------------------------------------------------------


def test_a_call_is_given_what_its_item_has_left_and_ends_there(project: Workshop) -> None:
    project.scripted(costly(1, usd=9))
    project.settle("budget", usd_per_item=2)
    fill(project, 1)
    assert [outcome.what for outcome in project.drain()] == ["parked"]
    sbi = project.sbi()
    assert (sbi.status, sbi.reason, sbi.attempts, sbi.turn) == (Status.PARKED, "budget", 0, 0)
    assert spent(project) == 2


def test_a_call_that_the_day_s_money_ended_uses_no_attempt_and_waits(project: Workshop) -> None:
    project.scripted(costly(1, usd=9))
    project.settle("budget", usd_per_day=2)
    fill(project, 1)
    assert project.took() == "given back"
    assert (project.sbi().status, project.sbi().attempts) == (Status.IMPLEMENTING, 0)
    assert project.took() == "nothing"
    assert spent(project) == 2


def test_a_client_that_ends_for_its_budget_and_never_says_what_it_cost_uses_attempts(project: Workshop) -> None:
    project.scripted('[[rules]]\nerror = { blame = "budget", code = "budget" }\n')
    project.settle("budget", usd_per_day=2)
    fill(project, 1)
    assert [outcome.what for outcome in project.drain()] == ["attempt failed"] * 3


# --- prices ---------------------------------------------------------------------------------------------------------


def test_tokens_without_a_price_are_said_at_the_start_and_a_price_makes_them_count(project: Workshop) -> None:
    project.scripted(costly(1))
    project.settle("agents.codex", model="gpt-5-codex", command=["true"])
    project.settle("run", implement=["actor", "codex"])
    project.settle("budget", usd_per_day=5)
    fill(project, 1)
    project.write_config()
    words = (
        "codex reports tokens only and no price is set for gpt-5-codex: budgets do not count it"
        " → deespec config set prices.gpt-5-codex.input"
    )
    assert words in project.command("run", "--once")[2]
    assert project.command("config", "set", "prices.gpt-5-codex.input", "1.25")[0] == 0
    told = project.command("run", "--once")[2]
    assert words not in told
    assert "the price of gpt-5-codex has no output" in told


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ({}, "deespec config set agents.codex.model NAME"),
        ({"model": "gpt-5-codex"}, "deespec config set prices.gpt-5-codex.input USD, and .output"),
    ],
)
def test_what_no_budget_counts_is_said_once_in_a_run(
    project: Workshop, tmp_path: Path, model: dict[str, str], remedy: str
) -> None:
    project.settle("agents.codex", command=["sh", str(codex(tmp_path))], **model)
    project.settle("run", implement=["codex"])
    project.settle("budget", usd_per_day=5)
    fill(project, 2, only_implement=True)
    project.write_config()
    told = project.command("run", "--drain")[2]
    assert project.unfinished() == 0, told
    assert [line.partition(" → ")[2] for line in told.splitlines() if "budgets do not count it" in line] == [remedy]


def test_a_model_that_only_the_run_shows_is_named_then(project: Workshop, tmp_path: Path) -> None:
    project.settle("agents.codex", command=["sh", str(codex(tmp_path, model="gpt-9"))])
    project.settle("run", implement=["codex"])
    project.settle("budget", usd_per_day=5)
    project.listed("prices", model="gpt-5", input=1, output=2)
    fill(project, 2, only_implement=True)
    project.write_config()
    told = project.command("run", "--drain")[2]
    lines = [line for line in told.splitlines() if "budgets do not count it" in line]
    assert lines == [
        "! codex reports tokens only and no price is set for gpt-9: budgets do not count it"
        " → deespec config set prices.gpt-9.input USD, and .output"
    ]


def test_codex_is_counted_by_the_model_that_it_notes(project: Workshop, tmp_path: Path) -> None:
    project.settle("agents.codex", command=["sh", str(codex(tmp_path, model="gpt-9"))])
    project.settle("run", implement=["codex"])
    project.listed("prices", model="gpt-9", input=100, output=1000)
    fill(project, 1, only_implement=True)
    project.drain()
    assert spent(project) == pytest.approx(0.2)


def codex(folder: Path, *, model: str | None = None) -> Path:
    """A program that answers as Codex does, 1,000 tokens in and 100 out a turn; its thread's file names the model."""
    note = {"type": "turn_context", "payload": {"model": model}}
    thread = "01a20949-9bd7-7f21-9bd8-7b9c45053852"
    said = [
        {"type": "thread.started", "thread_id": thread},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "Done.\nDECISION: IMPLEMENTED"}},
        {"type": "turn.completed", "usage": {"input_tokens": 1_000, "output_tokens": 100}},
    ]
    lines = "\n".join(json.dumps(one) for one in said)
    sessions = '"${CODEX_HOME:-$HOME/.codex}/sessions/2026/11/23"'
    noting = (
        f"mkdir -p {sessions}; echo '{json.dumps(note)}' > {sessions}/rollout-2026-{thread}.jsonl" if model else ":"
    )
    program = folder / "codex.sh"
    version = "case $1 in --version) echo codex-cli 0.169.0; exit;; login) exit;; esac"
    program.write_text(f"{version}\n{noting}\necho work > ${{DEESPEC_ITEM#SBI-}}.txt\ncat <<'END'\n{lines}\nEND\n")
    return program


def test_tokens_of_a_turn_cost_what_the_price_of_their_model_says(project: Workshop) -> None:
    rules = costly(1).replace(", cost_usd = 0.3", "")
    project.scripted(rules)
    project.listed("prices", model="m*", input=1000, output=2000)
    fill(project, 1)
    project.turn()
    assert project.turns()[0].cost_usd == pytest.approx(1.1)
