"""What calls use and cost: tokens, prices, and the ledger's rows. Pure."""

from __future__ import annotations

import math
import shlex
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from deespec.records import record

if TYPE_CHECKING:
    from deespec.config import Price

PER = 1_000_000
"""Prices are for so many tokens."""
ANY = "*"
"""The price of a model that nobody knows, too."""
DECIMALS_MOST = 9
TOKENS_MOST = 10**12
USD_MOST = 1e9
"""What a client may say that one claim has used: sums of these stay numbers."""


@record
class Usage:
    """What a call has used; None: the client has not said."""

    model: str | None = None
    tokens_in: int | None = None
    """All input tokens, cached ones included."""
    tokens_cached: int | None = None
    """Of these, how many were read from the vendor's cache."""
    tokens_out: int | None = None
    """All output tokens, those of reasoning included."""
    cost_usd: float | None = None


@record
class Spend:
    """One row of the ledger: what the calls of one claim have used, whatever came of them."""

    token: int
    sbi: int
    turn: int = 0
    """The turn that they were a try at; 0: recorded before that was kept."""
    step: str = ""
    agent: str = ""
    account: str = ""
    model: str | None = None
    session: str | None = None
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    metered: bool = True
    """It counts against the budgets."""
    at: int = 0
    worker: str = ""
    """The uid of the worker whose call it was; budgets of runs go by it."""


def together(one: Usage, other: Usage) -> Usage:
    """What two calls have used; a field that neither has said stays None."""
    return Usage(
        model=other.model or one.model,
        tokens_in=_sum(one.tokens_in, other.tokens_in),
        tokens_cached=_sum(one.tokens_cached, other.tokens_cached),
        tokens_out=_sum(one.tokens_out, other.tokens_out),
        cost_usd=one.cost_usd if other.cost_usd is None else other.cost_usd + (one.cost_usd or 0.0),
    )


def bounded(usage: Usage) -> Usage:
    """The same, no number of it larger than any real call has."""

    def least(tokens: int | None) -> int | None:
        return None if tokens is None else min(tokens, TOKENS_MOST)

    return Usage(
        model=usage.model,
        tokens_in=least(usage.tokens_in),
        tokens_cached=least(usage.tokens_cached),
        tokens_out=least(usage.tokens_out),
        cost_usd=None if usage.cost_usd is None or math.isnan(usage.cost_usd) else min(usage.cost_usd, USD_MOST),
    )


def since(total: Usage, before: Usage) -> Usage:
    """What was used since `before`, of clients that count from their session's start. Never less than nothing."""

    def rest(now: int | None, then: int | None) -> int | None:
        if now is None:
            return None
        return now - (then or 0) if now >= (then or 0) else now  # the client has begun to count anew

    return Usage(
        model=total.model,
        tokens_in=rest(total.tokens_in, before.tokens_in),
        tokens_cached=rest(total.tokens_cached, before.tokens_cached),
        tokens_out=rest(total.tokens_out, before.tokens_out),
        cost_usd=total.cost_usd,
    )


def cost_of(usage: Usage, prices: tuple[Price, ...]) -> float | None:
    """USD: what the client says, else by the first price whose model fits; None: nobody knows."""
    if usage.cost_usd is not None:
        return usage.cost_usd
    price = price_of(usage.model, prices)
    if price is None or (usage.tokens_in is None and usage.tokens_out is None):
        return None
    tokens_in = usage.tokens_in or 0
    cached = min(usage.tokens_cached or 0, tokens_in)
    each_cached = price.input if price.cached is None else price.cached
    spent = (tokens_in - cached) * price.input + cached * each_cached + (usage.tokens_out or 0) * price.output
    return min(spent / PER, USD_MOST)


def price_of(model: str | None, prices: tuple[Price, ...]) -> Price | None:
    """That of this very name, else the first whose glob fits; of a model that nobody knows, that of any."""
    if model is None:
        return next((price for price in prices if price.model == ANY), None)
    named = next((price for price in prices if price.model == model), None)
    return named or next((price for price in prices if fnmatchcase(model, price.model)), None)


def half_priced(prices: tuple[Price, ...]) -> list[tuple[str, str]]:
    """Prices of which one half is missing, and what sets it: what it leaves out costs nothing until then."""
    return [
        (
            f"the price of {price.model} has no {missing}: such tokens count as free",
            f"deespec config set {shlex.quote(f'prices.{price.model}.{missing}')} USD",
        )
        for price in prices
        for missing in ("input", "output")
        if not getattr(price, missing) and (price.input or price.output or price.cached)
    ]


# --- in words -------------------------------------------------------------------------------------------------------


def usd(amount: float) -> str:
    """`0.30 USD`, `0.0063 USD`: cents, and of less than ten of them two figures that say something."""
    decimals = 2 if amount < 10**-DECIMALS_MOST else min(DECIMALS_MOST, max(2, 1 - _magnitude(amount)))
    whole, _, part = f"{amount:,.{decimals}f}".partition(".")
    return f"{whole}.{part.rstrip('0'):0<2} USD"


def raised(amount: float) -> str:
    """This amount or little more, in two figures, as a setting takes it."""
    decimals = 1 - _magnitude(amount)
    unit = 10.0**-decimals
    text = f"{math.ceil(amount / unit - 1e-6) * unit:.{max(0, decimals)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def counted(tokens: int) -> str:
    """`1.2M`: as many figures as people read."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if tokens >= size:
            return f"{tokens / size:.1f}{letter}" if tokens < 100 * size else f"{tokens // size}{letter}"
    return str(tokens)


def _magnitude(amount: float) -> int:
    """0 for 1 to 10, -1 for 0.1 to 1."""
    return math.floor(math.log10(amount))


def _sum(one: int | None, other: int | None) -> int | None:
    return one if other is None else other + (one or 0)
