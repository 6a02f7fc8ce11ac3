"""What is wrong with a run of Claude Code, from what it said: tables of its words, read by one function. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, Blame
from deespec.agents.reading import clean

if TYPE_CHECKING:
    from deespec.agents.claude_stream import Heard, Result

MESSAGE_CHARS = 1_000

Verdict = tuple[Blame, str]

CAUSES: dict[str, Verdict] = {
    "usage_limit_reached": (Blame.ACCOUNT, "usage_limit"),
    "connection_failed": (Blame.CALL, "network"),
}
"""By `api_error` of the result (2.1.330)."""

WORDS: tuple[tuple[str, Verdict], ...] = (
    ("not logged in", (Blame.AGENT, "login")),  # 2.1.197, without any credentials: the only thing it says
    ("invalid api key", (Blame.AGENT, "login")),
    ("credit balance is too low", (Blame.AGENT, "billing")),
)
"""By the final text of a failed result, where no field tells."""

SERVER_ERROR: Verdict = (Blame.CALL, "server_error")
FAILED: Verdict = (Blame.CALL, "failed")
PROMPT_TOO_LONG: Verdict = (Blame.CALL, "prompt_too_long")

TERMINAL: dict[str, Verdict] = {
    "prompt_too_long": PROMPT_TOO_LONG,
    "blocking_limit": PROMPT_TOO_LONG,
    "rapid_refill_breaker": PROMPT_TOO_LONG,
    "max_turns": (Blame.CALL, "max_turns"),
    "budget_exhausted": (Blame.BUDGET, "budget"),
    "aborted_tools": (Blame.CALL, "aborted"),
    "aborted_streaming": (Blame.CALL, "aborted"),
}
"""By `terminal_reason` of the result. (2.1.197 says "completed" of most errors.)"""

SUBTYPES: dict[str, Verdict] = {
    "error_max_turns": (Blame.CALL, "max_turns"),
    "error_max_budget_usd": (Blame.BUDGET, "budget"),
}
"""By `subtype` of the result. (2.1.197 has no terminal_reason for a budget.)"""

STATUS: dict[int, Verdict] = {
    400: (Blame.CALL, "invalid_request"),
    401: (Blame.AGENT, "login"),
    402: (Blame.AGENT, "billing"),
    403: (Blame.AGENT, "login"),
    404: (Blame.AGENT, "model"),
    429: (Blame.ACCOUNT, "rate_limit"),
    529: (Blame.CALL, "overloaded"),
}
"""By `api_error_status` of the result."""

ERRORS: dict[str, Verdict] = {
    "authentication_failed": (Blame.AGENT, "login"),
    "oauth_org_not_allowed": (Blame.AGENT, "login"),
    "account_on_hold": (Blame.AGENT, "login"),
    "verification_required": (Blame.AGENT, "login"),
    "cloud_credential_error": (Blame.AGENT, "login"),
    "billing_error": (Blame.AGENT, "billing"),
    "model_not_found": (Blame.AGENT, "model"),
    "rate_limit": (Blame.ACCOUNT, "rate_limit"),
    "overloaded": (Blame.CALL, "overloaded"),
    "invalid_request": (Blame.CALL, "invalid_request"),
    "max_output_tokens": (Blame.CALL, "max_output_tokens"),
}
"""By `error` of the last message. 2.1.330 also says "unknown", and "server_error" of 500, 529 and timeouts."""

REFUSALS: tuple[tuple[str, Verdict], ...] = (
    ("error: unknown option", (Blame.AGENT, "flags")),  # 2.1.197, 2.1.330
    ("error: option '", (Blame.AGENT, "flags")),  # 2.1.330: a value that is none of the choices
    ("cannot be used with root/sudo privileges", (Blame.AGENT, "flags")),  # 2.1.197, 2.1.330
    ("error: when using --print", (Blame.AGENT, "flags")),  # 2.1.197: options that need each other
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
        blame, code = _verdict_of_silence(heard, stderr)
        return _error(blame, code, said or f"It ended without a result ({ending}).")
    if result.failed:
        blame, code = _verdict(heard, result)
        return _error(blame, code, result.text or said or code, reset_at=heard.reset_at)
    if not ended_well:
        return _error(Blame.CALL, "crash", said or f"It gave a result and then failed ({ending}).")
    if not result.text and heard.answer is None:
        return _error(Blame.CALL, "no_answer", "It ended without a word.")
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
    told = SERVER_ERROR if is_servers else _verdict_of(WORDS, result.text) or FAILED
    blame, code = next(filter(None, verdicts), told)
    return (blame, "usage_limit") if blame is Blame.ACCOUNT and heard.limited else (blame, code)


def _verdict_of_silence(heard: Heard, stderr: str) -> Verdict:
    refused = None if heard.began else _verdict_of(REFUSALS, stderr)
    return refused or (Blame.CALL, "crash")


def _verdict_of(table: tuple[tuple[str, Verdict], ...], text: str) -> Verdict | None:
    said = text.casefold()
    return next((verdict for words, verdict in table if words in said), None)


def _error(blame: Blame, code: str, message: str, *, reset_at: int | None = None) -> AgentError:
    until = reset_at if blame is Blame.ACCOUNT else None
    return AgentError(blame=blame, code=code, message=clean(message)[:MESSAGE_CHARS], reset_at=until)
