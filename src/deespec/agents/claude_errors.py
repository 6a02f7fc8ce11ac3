"""What is wrong with a run of Claude Code, from what it said: tables of its words, read by one function. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, Blame
from deespec.agents.verdicts import (
    ABORTED,
    BILLING,
    BUDGET,
    CRASH,
    FAILED,
    FLAGS,
    INVALID,
    LOGIN,
    MAX_OUTPUT,
    MAX_TURNS,
    MESSAGE_CHARS,
    MODEL,
    NETWORK,
    NO_ANSWER,
    OVERLOADED,
    PROMPT_TOO_LONG,
    RATE_LIMIT,
    SERVER_ERROR,
    STATUS,
    USAGE_LIMIT,
    Verdict,
    failure,
    first_in,
)

if TYPE_CHECKING:
    from deespec.agents.claude_stream import Heard, Result


CAUSES: dict[str, Verdict] = {
    "usage_limit_reached": USAGE_LIMIT,
    "connection_failed": NETWORK,
}
"""By `api_error` of the result (2.1.330)."""

WORDS: tuple[tuple[str, Verdict], ...] = (
    ("not logged in", LOGIN),  # 2.1.197, without any credentials: the only thing it says
    ("invalid api key", LOGIN),
    ("credit balance is too low", BILLING),
)
"""By the final text of a failed result, where no field tells."""

SERVERS_LIMIT = "not your usage limit"
"""2.1.330 says so of a limit that its server has for everybody; it has the fields of a limit of the plan."""


TERMINAL: dict[str, Verdict] = {
    "prompt_too_long": PROMPT_TOO_LONG,
    "blocking_limit": PROMPT_TOO_LONG,
    "rapid_refill_breaker": PROMPT_TOO_LONG,
    "max_turns": MAX_TURNS,
    "budget_exhausted": BUDGET,
    "aborted_tools": ABORTED,
    "aborted_streaming": ABORTED,
}
"""By `terminal_reason` of the result. (2.1.197 says "completed" of most errors.)"""

SUBTYPES: dict[str, Verdict] = {
    "error_max_turns": MAX_TURNS,
    "error_max_budget_usd": BUDGET,
}
"""By `subtype` of the result. (2.1.197 has no terminal_reason for a budget.)"""


ERRORS: dict[str, Verdict] = {
    "authentication_failed": LOGIN,
    "oauth_org_not_allowed": LOGIN,
    "account_on_hold": LOGIN,
    "verification_required": LOGIN,
    "cloud_credential_error": LOGIN,
    "billing_error": BILLING,
    "model_not_found": MODEL,
    "rate_limit": RATE_LIMIT,
    "overloaded": OVERLOADED,
    "invalid_request": INVALID,
    "max_output_tokens": MAX_OUTPUT,
}
"""By `error` of the last message. 2.1.330 also says "unknown", and "server_error" of 500, 529 and timeouts."""

REFUSALS: tuple[tuple[str, Verdict], ...] = (
    ("error: unknown option", FLAGS),  # 2.1.197, 2.1.330
    ("error: option '", FLAGS),  # 2.1.330: a value that is none of the choices
    ("cannot be used with root/sudo privileges", FLAGS),  # 2.1.197, 2.1.330
    ("error: when using --print", FLAGS),  # 2.1.197: options that need each other
)
"""By the text on stderr: the only thing there is when the client refuses to start."""


def session_unusable(heard: Heard) -> bool:
    """The session cannot be resumed: the client does not know it, or it is full. Nothing was done in it."""
    result = heard.result
    if result is None or not result.failed:
        return False
    unknown = not heard.began and result.subtype == "error_during_execution"
    full = TERMINAL.get(result.terminal or "") == PROMPT_TOO_LONG and not heard.usage.tokens_out
    return unknown or full


def error_in(heard: Heard, *, ending: str, ended_well: bool, stderr: str) -> AgentError | None:
    """What is wrong with a run that nobody stopped; None: it ended with final words.

    `ending` tells people how the program ended.
    """
    result, said = heard.result, stderr.strip()[-MESSAGE_CHARS:]
    if result is None:
        return failure(_verdict_of_silence(heard, stderr), said or f"It ended without a result ({ending}).")
    if result.failed:
        verdict = _verdict(heard, result)
        return failure(verdict, result.text or said or verdict[1], reset_at=heard.reset_at)
    if not ended_well:
        return failure(CRASH, said or f"It gave a result and then failed ({ending}).")
    if not result.text and heard.answer is None:
        return failure(NO_ANSWER, "It ended without a word.")
    return None


def _verdict(heard: Heard, result: Result) -> Verdict:
    """The most telling field decides."""
    verdicts = (
        CAUSES.get(result.cause or ""),
        TERMINAL.get(result.terminal or ""),
        SUBTYPES.get(result.subtype or ""),
        ERRORS.get(heard.error or ""),
        STATUS.get(result.status or 0),
    )
    is_servers = heard.error == "server_error" or (result.status or 0) >= 500
    told = SERVER_ERROR if is_servers else first_in(WORDS, result.text.casefold()) or FAILED
    found = next(filter(None, verdicts), told)
    if found[0] is Blame.ACCOUNT and SERVERS_LIMIT in result.text.casefold():
        return RATE_LIMIT
    return USAGE_LIMIT if found[0] is Blame.ACCOUNT and heard.limited else found


def _verdict_of_silence(heard: Heard, stderr: str) -> Verdict:
    refused = None if heard.began else first_in(REFUSALS, stderr.casefold())
    return refused or CRASH
