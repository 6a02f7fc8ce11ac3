"""What a call may cost, and what people should know of budgets before and while agents work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.registry import SAY_TOKENS, is_priced
from deespec.clock import midnight
from deespec.model.budget import CALL_LEAST_TOKENS, left_usd

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
    """What the day and the run have left for this call, beside the others that run."""
    if bench.settings.usd_per_day:
        spent = tx.used_since(midnight(bench.app.clock.now_ms()))
        others = bench.metered_among(line.lease_agent for line in tx.running()) - 1
        yield left_usd(bench.settings.usd_per_day, spent, others=others, priced=slot.priced)
    if bench.usd_per_run is not None:
        spent = tx.used_by_run(bench.worker.uid)
        own = (line.lease_agent for line in tx.running() if line.lease_worker == bench.worker.uid)
        yield left_usd(bench.usd_per_run, spent, others=bench.metered_among(own) - 1, priced=slot.priced)


# --- what people should know ----------------------------------------------------------------------------------------


def told_before(app: App, names: Iterable[str], *, usd_per_run: float | None) -> list[str]:
    """What no budget counts although it is metered, by agent; nothing where no budget is set."""
    settings = app.settings
    if not (settings.usd_per_item or settings.usd_per_day or usd_per_run is not None):
        return []
    sections = (section for name in dict.fromkeys(names) if (section := settings.agent(name)) is not None)
    return [*(words for one in sections if (words := _unpriced(one, settings))), *_half_priced(settings)]


def told_after(turn: Turn) -> str | None:
    """The same of a turn that has used tokens of a model whose price nobody knows."""
    if turn.cost_usd is not None or not turn.metered or not (turn.tokens_in or turn.tokens_out):
        return None
    return _no_price(turn.agent, turn.model)


def _unpriced(section: AgentSettings, settings: Settings) -> str | None:
    if section.billing != "metered" or section.kind not in SAY_TOKENS or is_priced(section, settings):
        return None
    return _no_price(section.name, section.model)


def _no_price(agent: str, model: str | None) -> str:
    words = f"{agent} reports tokens only and no price is set for {model or 'its model'}: budgets do not count it"
    return f"{words} → deespec config set prices.{model or 'MODEL'}.input USD, and .output"


def _half_priced(settings: Settings) -> list[str]:
    """Prices of which one half is missing: what it leaves out costs nothing then."""
    return [
        f"the price of {price.model} has no {missing}: such tokens count as free"
        f" → deespec config set prices.{price.model}.{missing} USD"
        for price in settings.prices
        for missing in ("input", "output")
        if not getattr(price, missing) and (price.input or price.output)
    ]
