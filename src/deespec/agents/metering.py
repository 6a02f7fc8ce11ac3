"""Ends a call that costs more than it was given, for clients that have no such option of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.money import cost_of

if TYPE_CHECKING:
    from deespec.agents.base import AgentRequest, Watch
    from deespec.model.items import Guard
    from deespec.model.money import Usage

BUDGET = "budget"
"""What tick() says then; process.error_of() knows it."""


class Metered:
    """The engine's watch over a call, with an eye on what the stream says was used so far."""

    def __init__(self, watch: Watch, request: AgentRequest) -> None:
        self._watch = watch
        self._request = request
        self._is_over = False

    def used(self, usage: Usage) -> None:
        """What this call has used until now, all in all."""
        limit_usd, limit_tokens = self._request.budget_usd, self._request.budget_tokens
        usd = cost_of(usage, self._request.prices)
        tokens = (usage.tokens_in or 0) + (usage.tokens_out or 0)
        self._is_over = (limit_usd is not None and usd is not None and usd >= limit_usd) or (
            limit_tokens is not None and tokens >= limit_tokens
        )

    def started(self, guard: Guard) -> None:
        self._watch.started(guard)

    def deadline(self) -> int:
        return self._watch.deadline()

    def tick(self) -> str | None:
        return self._watch.tick() or (BUDGET if self._is_over else None)
