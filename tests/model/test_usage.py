"""Prices of tokens, and amounts in words."""

from __future__ import annotations

import pytest

from deespec.config import Price
from deespec.model.money import Usage, cost_of, half_priced, raised, usd

ANY = Price(model="*", input=1.0, output=2.0)
GPT = Price(model="gpt-*", input=10.0, output=20.0)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00 USD"),
        (0.05, "0.05 USD"),
        (0.0063, "0.0063 USD"),
        (0.005, "0.005 USD"),
        (0.0999, "0.10 USD"),
        (0.000001, "0.000001 USD"),
        (1e-12, "0.00 USD"),
        (0.3, "0.30 USD"),
        (5, "5.00 USD"),
        (1234.5, "1,234.50 USD"),
    ],
)
def test_an_amount_says_cents_and_of_less_two_figures(amount: float, text: str) -> None:
    assert usd(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.000001, "0.000001"), (0.0126, "0.013"), (0.3, "0.3"), (10, "10"), (18.4, "19"), (1234, "1300")],
)
def test_a_limit_is_raised_to_two_figures(amount: float, text: str) -> None:
    assert raised(amount) == text


@pytest.mark.parametrize(
    ("model", "prices", "cost"),
    [
        (None, (GPT, ANY), 3.0),
        (None, (GPT,), None),
        ("gpt-5", (GPT, ANY), 30.0),
        ("other", (GPT, ANY), 3.0),
        ("other", (GPT,), None),
    ],
)
def test_a_model_that_nobody_names_has_the_price_of_any(
    model: str | None, prices: tuple[Price, ...], cost: float | None
) -> None:
    assert cost_of(Usage(model=model, tokens_in=1_000_000, tokens_out=1_000_000), prices) == cost


def test_a_price_with_one_half_says_what_sets_the_other() -> None:
    prices = (Price(model="gpt-*", input=1), Price(model="b", output=1), Price(model="free"), ANY)
    assert half_priced(prices) == [
        ("the price of gpt-* has no output: such tokens count as free", "deespec config set 'prices.gpt-*.output' USD"),
        ("the price of b has no input: such tokens count as free", "deespec config set prices.b.input USD"),
    ]
