"""What a call may cost, and what people should know of budgets before and while agents work."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deespec.agents.registry import SAY_TOKENS, is_priced
from deespec.clock import local, midnight
from deespec.model.budget import CALL_LEAST_TOKENS, left_usd, more_usd
from deespec.model.money import half_priced, usd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.app import App
    from deespec.config import AgentSettings, Settings
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim, Turn
    from deespec.model.wanted import AgentSlot
    from deespec.store.base import Transaction


def budget_of(bench: Bench, claim: Claim) -> tuple[float | None, int | None]:
    """USD and tokens that this call may use at most: the least of what its item, the day and the run have left."""
    slot = next((one for one in bench.slots if one.name == claim.agent), None)
    if slot is None or not slot.metered:
        return None, None
    with bench.app.store.read() as tx:
        used = tx.used_by_item(claim.sbi.number)
        amounts = [*_shared(bench, tx, slot)]
    item = bench.item_budget
    if item.usd:
        amounts.append(left_usd(item.usd, used, others=0, priced=slot.priced))
    tokens = max(CALL_LEAST_TOKENS, item.tokens - used.tokens) if item.tokens else None
    return min(amounts, default=None), tokens


def _shared(bench: Bench, tx: Transaction, slot: AgentSlot) -> Iterable[float]:
    """What the day and the run have left for this call, beside the others that are still to pay."""
    calls = tx.calls_to_pay()
    if bench.settings.usd_per_day:
        spent = tx.used_since(midnight(bench.app.clock.now_ms()))
        others = bench.metered_among(agent for agent, _ in calls) - 1
        yield left_usd(bench.settings.usd_per_day, spent, others=others, priced=slot.priced)
    if bench.usd_per_run is not None:
        spent = tx.used_by_run(bench.worker.uid)
        own = (agent for agent, worker in calls if worker == bench.worker.uid)
        yield left_usd(bench.usd_per_run, spent, others=bench.metered_among(own) - 1, priced=slot.priced)


# --- what people should know ----------------------------------------------------------------------------------------


def told_before(app: App, names: Iterable[str], *, usd_per_run: float | None) -> list[str]:
    """What no budget counts although it is metered, by agent; nothing where no budget is set."""
    settings = app.settings
    if not (settings.usd_per_item or settings.usd_per_day or usd_per_run is not None):
        return []
    halves = (f"{what} → {fix}" for what, fix in half_priced(settings.prices))
    return [*(_no_price(one.name, one.model) for one in unpriced(settings, names)), *halves]


def unpriced(settings: Settings, names: Iterable[str]) -> list[AgentSettings]:
    """Of these agents, the metered ones that report tokens of which nobody knows what they cost."""
    sections = [section for name in dict.fromkeys(names) if (section := settings.agent(name)) is not None]
    metered = (one for one in sections if one.billing == "metered" and one.kind in SAY_TOKENS)
    return [one for one in metered if not is_priced(one, settings)]


def told_after(turn: Turn) -> str | None:
    """The same of a turn that has used tokens of a model whose price nobody knows."""
    if turn.cost_usd is not None or not turn.metered or not (turn.tokens_in or turn.tokens_out):
        return None
    return _no_price(turn.agent, turn.model)


def told_waiting(app: App, *, until_at: int) -> str:
    """That items wait for the next day's budget."""
    limit = app.settings.usd_per_day
    with app.store.read() as tx:
        more = more_usd(limit, tx.used_since(midnight(tx.now)))
    return (
        f"the budget of {usd(limit)} a day is used up until {local(until_at)[:16]}"
        f" → deespec config set budget.usd_per_day {more}, then deespec run anew"
    )


def _no_price(agent: str, model: str | None) -> str:
    """A model that nobody has named cannot be given a price."""
    words = f"{agent} reports tokens only and no price is set for {model or 'its model'}: budgets do not count it"
    if model is None:
        return f"{words} → deespec config set agents.{agent}.model NAME"
    return f"{words} → deespec config set {shlex.quote(f'prices.{model}.input')} USD, and .output"
