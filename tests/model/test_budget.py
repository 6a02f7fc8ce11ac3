"""Budgets: what is reserved for calls that run keeps the sum below its limit, in whatever order they end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.model.budget import UNKNOWN_USD, ItemBudget, Tally, allows, left_usd, more_usd, reserve

usd = st.floats(0.01, 20, allow_nan=False)


def tally(costs: list[float]) -> Tally:
    return Tally(usd=sum(costs), dearest_usd=max(costs, default=0.0))


def work_off(budget: float, costs: list[float], slots: int, draws: list[int]) -> list[float]:
    """What the calls have cost that were let in, each slot taking the next one as soon as it may."""
    waiting, running, ended = list(costs), [], []
    for draw in draws:
        while waiting and len(running) < slots and allows(budget, tally(ended), running=len(running), priced=True):
            running.append(waiting.pop(0))
        if not running:
            break
        ended.append(running.pop(draw % len(running)))
    return ended + running


@given(usd, usd, st.integers(1, 8), st.lists(st.integers(0, 7), min_size=60, max_size=60))
def test_calls_that_cost_the_same_never_pass_the_budget_but_by_the_first(
    budget: float, cost: float, slots: int, draws: list[int]
) -> None:
    spent = work_off(budget, [cost] * 50, slots, draws)
    first = max(1, int((budget + 1e-6) / UNKNOWN_USD))  # so many may begin before anybody knows what one costs
    assert sum(spent) <= max(budget, cost * min(first, slots)) + 1e-6


@given(usd, st.lists(usd, min_size=1, max_size=40), st.integers(1, 8), st.lists(st.integers(0, 7), min_size=60))
def test_whatever_calls_cost_the_budget_is_passed_by_no_more_than_those_that_ran_then(
    budget: float, costs: list[float], slots: int, draws: list[int]
) -> None:
    spent = work_off(budget, costs, slots, draws)
    assert sum(spent) <= budget + slots * max(costs)


@given(usd, st.lists(usd, max_size=10), st.integers(0, 8))
def test_what_is_refused_is_refused_beside_more_calls_too(budget: float, costs: list[float], running: int) -> None:
    spent = tally(costs)
    if running and not allows(budget, spent, running=running, priced=True):
        assert not allows(budget, spent, running=running + 1, priced=True)


@given(usd, st.lists(usd, max_size=10))
def test_nothing_is_refused_for_ever_that_has_money_left_and_has_cost_nothing_yet(
    budget: float, costs: list[float]
) -> None:
    assert allows(budget, tally([]), running=0, priced=True)
    assert allows(sum(costs) + max(costs, default=0.0) + 0.01, tally(costs), running=0, priced=True)


@given(usd, st.lists(usd, min_size=1, max_size=10), st.integers(0, 6))
def test_what_a_call_may_cost_leaves_the_others_what_is_reserved_for_them(
    budget: float, costs: list[float], others: int
) -> None:
    spent = tally(costs)
    if allows(budget, spent, running=others, priced=True):
        given_usd = left_usd(budget, spent, others=others, priced=True)
        assert given_usd >= spent.dearest_usd - 1e-6
        assert spent.usd + given_usd + others * reserve(spent, priced=True) <= budget + 0.01 + 1e-6


@pytest.mark.parametrize(
    ("budget", "costs", "running", "may"),
    [
        (1, [], 0, True),
        (1, [], 1, False),
        (10, [], 1, True),
        (10, [], 2, False),
        (1, [0.3], 1, True),
        (1, [0.3], 2, False),
        (0.9, [0.3, 0.3], 0, True),
        (1, [0.3, 0.3, 0.3], 0, False),
        (0, [], 0, False),
    ],
)
def test_the_dearest_call_so_far_or_a_guess_is_reserved_for_each_that_runs(
    budget: float, costs: list[float], running: int, may: bool
) -> None:
    assert allows(budget, tally(costs), running=running, priced=True) is may


def test_nothing_is_guessed_for_a_program_that_never_says_what_it_costs() -> None:
    assert allows(1, tally([]), running=7, priced=False)
    assert not allows(1, tally([0.3]), running=7, priced=False)


# --- an item's ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "used", "short"),
    [
        (ItemBudget(), Tally(usd=99, dearest_usd=99, tokens=10**9, most_tokens=10**9), False),
        (ItemBudget(usd=5), Tally(usd=2, dearest_usd=2), False),
        (ItemBudget(usd=5), Tally(usd=3, dearest_usd=3), True),
        (ItemBudget(usd=5), Tally(), False),
        (ItemBudget(tokens=100), Tally(tokens=40, most_tokens=40), False),
        (ItemBudget(tokens=100), Tally(tokens=100), True),
        (ItemBudget(tokens=100), Tally(tokens=60, most_tokens=60), True),
        (ItemBudget(usd=5, tokens=100), Tally(usd=1, dearest_usd=1, tokens=60, most_tokens=60), True),
    ],
)
def test_an_item_is_short_that_cannot_afford_its_dearest_call_once_more(
    budget: ItemBudget, used: Tally, short: bool
) -> None:
    assert budget.is_short(used) is short


def test_the_person_is_told_what_was_spent_and_how_it_goes_on() -> None:
    asked = ItemBudget(usd=5).question(Tally(usd=4.5, dearest_usd=2.25), "SBI-3")
    assert asked.splitlines()[0] == (
        "It has cost 4.50 USD, its dearest call 2.25 USD; budget.usd_per_item allows 5.00 USD."
    )
    assert "deespec sbi retry SBI-3" in asked
    assert "deespec config set budget.usd_per_item 10 allows" in asked
    asked = ItemBudget(tokens=1_000).question(Tally(tokens=1_200, most_tokens=700), "SBI-3")
    assert asked.splitlines()[0] == (
        "It has used 1,200 tokens, its largest call 700; budget.tokens_per_item allows 1,000 tokens."
    )


def test_small_amounts_are_told_in_figures_that_say_something() -> None:
    asked = ItemBudget(usd=0.005).question(Tally(usd=0.0063, dearest_usd=0.0063), "SBI-3")
    assert asked.splitlines()[0] == (
        "It has cost 0.0063 USD, its dearest call 0.0063 USD; budget.usd_per_item allows 0.005 USD."
    )
    assert "deespec config set budget.usd_per_item 0.013 allows more" in asked


@given(st.floats(1e-6, 1e5), st.floats(0, 1e5), st.floats(1e-6, 1e5))
def test_the_limit_that_is_suggested_allows_another_of_the_dearest_calls(
    limit: float, before: float, dearest: float
) -> None:
    used = Tally(usd=before + dearest, dearest_usd=dearest)
    more = more_usd(limit, used)
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", more), "as config set takes it"
    assert not ItemBudget(usd=float(more)).is_short(used)
    assert float(more) > limit


def test_the_limit_of_tokens_that_is_suggested_allows_another_call() -> None:
    used = Tally(tokens=9_000, most_tokens=9_000)
    assert "budget.tokens_per_item 18000 allows" in ItemBudget(tokens=1_000).question(used, "SBI-3")
