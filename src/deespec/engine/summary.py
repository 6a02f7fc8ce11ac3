"""What one run has come to: the facts, and the one sentence that tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.clock import iso, local
from deespec.model.lifecycle import IN_WORK, Status
from deespec.model.money import counted, usd
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Collection

    from deespec.engine.resting import Causes
    from deespec.store.figures import Spent

SAME_DAY_MS = 20 * 3_600_000
"""A longer run names the day on which it began."""
TOLD_MS = 1_000
"""Shorter waits are not worth a word."""


@record
class RunFacts:
    """Of this run alone: items that it has worked on, by where its last act left them, and its calls."""

    since_at: int
    until_at: int
    outcomes: dict[str, int]
    done: int
    decomposed: int
    """PBIs."""
    failed: int
    waiting: int
    """PARKED: they wait for a person."""
    begun: int
    """In work still; the next run goes on with them."""
    cancelled: int
    spent: Spent
    waited: dict[Causes, int]
    """Ms in which nothing of this run worked because of agents, by cause."""


def facts_of(
    last: Collection[Status],
    *,
    since_at: int,
    until_at: int,
    outcomes: dict[str, int],
    spent: Spent,
    waited: dict[Causes, int],
) -> RunFacts:
    """`last` are the statuses in which its last act left each item."""
    return RunFacts(
        since_at=since_at,
        until_at=until_at,
        outcomes=outcomes,
        done=_count(last, (Status.DONE,)),
        decomposed=_count(last, (Status.DECOMPOSED,)),
        failed=_count(last, (Status.FAILED,)),
        waiting=_count(last, (Status.PARKED,)),
        begun=_count(last, (Status.PENDING, *IN_WORK)),
        cancelled=_count(last, (Status.CANCELLED,)),
        spent=spent,
        waited=waited,
    )


def sentence(facts: RunFacts) -> str:
    """`Since 23:05: 31 done, 4 failed, 5 wait, 18.40 USD; waited 3 h 10 m for claude's limit.`"""
    long = facts.until_at - facts.since_at > SAME_DAY_MS
    since = local(facts.since_at)[:16] if long else local(facts.since_at)[11:16]
    counts = {
        "done": facts.done,
        "decomposed": facts.decomposed,
        "failed": facts.failed,
        "wait": facts.waiting,
        "begun": facts.begun,
        "cancelled": facts.cancelled,
    }
    told = [f"{count} {word}" for word, count in counts.items() if count] or ["nothing was done"]
    waits = sorted(facts.waited.items(), key=lambda one: -one[1])
    waited = [f"{span(ms)} for {_named(causes)}" for causes, ms in waits if ms >= TOLD_MS]
    rest = f"; waited {', '.join(waited)}" if waited else ""
    return f"Since {since}: {', '.join([*told, *_cost(facts.spent)])}{rest}."


def values_of(facts: RunFacts) -> dict[str, object]:
    """The same for programs."""
    spent = facts.spent
    return {
        "since": iso(facts.since_at),
        "until": iso(facts.until_at),
        "done": facts.done,
        "decomposed": facts.decomposed,
        "failed": facts.failed,
        "waiting": facts.waiting,
        "begun": facts.begun,
        "cancelled": facts.cancelled,
        "calls": spent.calls,
        "usd": None if spent.usd is None else round(spent.usd, 6),
        "tokens_in": spent.tokens_in,
        "tokens_cached": spent.tokens_cached,
        "tokens_out": spent.tokens_out,
        "unpriced_tokens": spent.unpriced_tokens,
        "subscription_tokens": spent.subscription_tokens,
        "waited": [
            {"agents": [agent for agent, _ in causes], "cause": causes[0][1], "ms": ms}
            for causes, ms in facts.waited.items()
        ],
    }


def span(ms: int) -> str:
    """`3 h 10 m`."""
    seconds = ms // 1000
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} m" if hours else f"{minutes} m"


def _cost(spent: Spent) -> list[str]:
    """Money, and tokens of which nobody knows what they cost or for which nobody pays by the call."""
    told = [usd(spent.usd)] if spent.usd else []
    if spent.unpriced_tokens:
        told.append(f"{counted(spent.unpriced_tokens)} tokens without a price")
    if spent.subscription_tokens:
        told.append(f"{counted(spent.subscription_tokens)} tokens on subscriptions")
    return told


def _named(causes: Causes) -> str:
    if any(word == "budget" for _, word in causes):
        return "the budget"
    word = "limit" if any(word == "limit" for _, word in causes) else "pause"
    owners = " and ".join(f"{agent}'s" for agent, _ in causes)
    return f"{owners} {word}"


def _count(last: Collection[Status], statuses: tuple[Status, ...]) -> int:
    return sum(status in statuses for status in last)
