"""What may still be spent: budgets are kept by reserving, for each call that runs, what the dearest so far has cost.

Pure. 0 is no budget, as in the settings. What a call has cost is known when it has ended.
"""

from __future__ import annotations

from deespec.model.money import raised, usd
from deespec.records import record

UNKNOWN_USD = 5.0
"""Reserved for a call as long as none has cost anything yet."""
CENT_MOST_USD = 1e-9
"""Sums of fractions differ by less."""
CALL_LEAST_USD = 0.01
CALL_LEAST_TOKENS = 1
"""What a call is given that was let in just before its budget ran out."""


@record
class Tally:
    """What the metered calls have used that count against a budget."""

    usd: float = 0.0
    dearest_usd: float = 0.0
    """The most that one of them has cost; 0: not known yet."""
    tokens: int = 0
    most_tokens: int = 0
    unknown: int = 0
    """Calls of which nobody knows what they have cost."""


@record
class ItemBudget:
    """What an item's metered calls may use since it was last granted a budget."""

    usd: float = 0
    tokens: int = 0

    def is_short(self, used: Tally) -> bool:
        """Whether the item cannot afford one more of its dearest calls."""
        return _is_short(self.usd, used.usd, used.dearest_usd) or _is_short(self.tokens, used.tokens, used.most_tokens)

    def question(self, used: Tally, item: str) -> str:
        """What the person is told who has to decide how it goes on."""
        if _is_short(self.usd, used.usd, used.dearest_usd):
            name, limit, more = "usd_per_item", usd(self.usd), more_usd(self.usd, used)
            spent = f"It has cost {usd(used.usd)}, its dearest call {usd(used.dearest_usd)}"
        else:
            more = str(max(2 * self.tokens, used.tokens + used.most_tokens))
            name, limit = "tokens_per_item", f"{self.tokens:,} tokens"
            spent = f"It has used {used.tokens:,} tokens, its largest call {used.most_tokens:,}"
        again = "pbi decompose" if item.startswith("PBI") else "sbi retry"
        return (
            f"{spent}; budget.{name} allows {limit}.\n"
            f"deespec {again} {item} grants it {limit} anew; deespec config set budget.{name} {more} allows more."
        )


def allows(budget_usd: float, spent: Tally, *, running: int, priced: bool) -> bool:
    """Whether one more call may begin beside so many metered ones that run. `priced`: what it costs will be known.

    As long as nobody knows what a call costs, the first one goes alone unless the budget has room for a guess.
    """
    if spent.usd >= budget_usd:
        return False
    if running == 0 and not spent.dearest_usd:
        return True
    return spent.usd + reserve(spent, priced=priced) * (running + 1) <= budget_usd + CENT_MOST_USD


def reserve(spent: Tally, *, priced: bool) -> float:
    """What is put aside for a call that runs."""
    return spent.dearest_usd or (UNKNOWN_USD if priced else 0.0)


def left_usd(budget_usd: float, spent: Tally, *, others: int, priced: bool) -> float:
    """What one call may cost beside so many others."""
    return max(CALL_LEAST_USD, budget_usd - spent.usd - reserve(spent, priced=priced) * others)


def more_usd(limit: float, used: Tally) -> str:
    """A limit, as a setting takes it, that allows one more of the dearest calls, and twice this one at least."""
    return raised(max(2 * limit, used.usd + used.dearest_usd))


def least(amounts: list[float]) -> float | None:
    return min(amounts, default=None)


def _is_short(limit: float, used: float, dearest: float) -> bool:
    return bool(limit) and (used >= limit or used + dearest > limit + CENT_MOST_USD)
