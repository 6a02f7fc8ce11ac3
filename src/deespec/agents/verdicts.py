"""Whose errors there are, as every adapter calls them: a blame and a stable word. Pure.

Each adapter has tables of its client's own words, codes and exits; what these lead to is said once, here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, Blame
from deespec.agents.reading import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

MESSAGE_CHARS = 1_000
"""Of an error's message; the rest is in the turn's output."""

Verdict = tuple[Blame, str]

FAILED: Verdict = (Blame.CALL, "failed")
CRASH: Verdict = (Blame.CALL, "crash")
ABORTED: Verdict = (Blame.CALL, "aborted")
NETWORK: Verdict = (Blame.CALL, "network")
SERVER_ERROR: Verdict = (Blame.CALL, "server_error")
OVERLOADED: Verdict = (Blame.CALL, "overloaded")
INVALID: Verdict = (Blame.CALL, "invalid_request")
PROMPT_TOO_LONG: Verdict = (Blame.CALL, "prompt_too_long")
MAX_OUTPUT: Verdict = (Blame.CALL, "max_output_tokens")
MAX_TURNS: Verdict = (Blame.CALL, "max_turns")
NO_ANSWER: Verdict = (Blame.CALL, "no_answer")
RATE_LIMIT: Verdict = (Blame.ACCOUNT, "rate_limit")
USAGE_LIMIT: Verdict = (Blame.ACCOUNT, "usage_limit")
LOGIN: Verdict = (Blame.AGENT, "login")
BILLING: Verdict = (Blame.AGENT, "billing")
MODEL: Verdict = (Blame.AGENT, "model")
FLAGS: Verdict = (Blame.AGENT, "flags")
TRUST: Verdict = (Blame.AGENT, "trust")
BUDGET: Verdict = (Blame.BUDGET, "budget")

STATUS: dict[int, Verdict] = {
    400: INVALID,
    401: LOGIN,
    402: BILLING,
    403: LOGIN,
    404: MODEL,
    413: PROMPT_TOO_LONG,
    429: RATE_LIMIT,
    500: SERVER_ERROR,
    502: SERVER_ERROR,
    503: OVERLOADED,
    504: SERVER_ERROR,
    529: OVERLOADED,
}
"""By the HTTP status of a model's API, where nothing says it better."""


def first_in(words: Iterable[tuple[str, Verdict]], text: str) -> Verdict | None:
    """The verdict of the first words that the text holds; None: of none."""
    return next((verdict for part, verdict in words if part in text), None)


def failure(verdict: Verdict, message: str, *, reset_at: int | None = None) -> AgentError:
    """The error as the engine gets it; when a limit ends matters only where one was met."""
    blame, code = verdict
    until = reset_at if blame is Blame.ACCOUNT else None
    return AgentError(blame=blame, code=code, message=clean(message)[:MESSAGE_CHARS], reset_at=until)
