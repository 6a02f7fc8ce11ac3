"""What is wrong with a run of opencode, from what it said: tables of its and the API's words. Pure.

It talks to any vendor's API, so the words are those of several.
"""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from deespec.agents.base import AgentError
from deespec.agents.reading import below, number, parse, time_ms, word
from deespec.agents.resets import reset_in
from deespec.agents.verdicts import (
    ABORTED,
    BILLING,
    CRASH,
    FAILED,
    FLAGS,
    INVALID,
    LOGIN,
    MAX_OUTPUT,
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
    from deespec.agents.opencode_stream import Fault, Heard
    from deespec.agents.process import Ended


NAMES: dict[str, Verdict] = {
    "ContextOverflowError": PROMPT_TOO_LONG,
    "MessageAbortedError": ABORTED,
    "MessageOutputLengthError": MAX_OUTPUT,
    "ProviderAuthError": LOGIN,
    "ProviderModelNotFoundError": MODEL,
}
"""By the error's name, where it says more than `APIError` and `UnknownError`."""

CODES: dict[str, Verdict] = {
    "authentication_error": LOGIN,
    "billing_error": BILLING,
    "context_length_exceeded": PROMPT_TOO_LONG,
    "insufficient_quota": BILLING,
    "invalid_api_key": LOGIN,
    "model_not_found": MODEL,
    "overloaded_error": OVERLOADED,
    "permission_error": LOGIN,
    "rate_limit_exceeded": RATE_LIMIT,
    "server_is_overloaded": OVERLOADED,
    "usage_limit_reached": USAGE_LIMIT,
    "CreditsError": BILLING,
    "FreeUsageLimitError": USAGE_LIMIT,
    "GoUsageLimitError": USAGE_LIMIT,
}
"""By `code` or `type` of the error in the API's answer."""


WORDS: tuple[tuple[str, Verdict], ...] = (
    ("usage limit", USAGE_LIMIT),
    ("quota", USAGE_LIMIT),
    ("credit balance", BILLING),
    ("rate limit", RATE_LIMIT),
    ("rate-limit", RATE_LIMIT),
    ("rate_limit", RATE_LIMIT),
    ("too many requests", RATE_LIMIT),
    ("overloaded", OVERLOADED),
    ("service unavailable", OVERLOADED),
    ("internal server error", SERVER_ERROR),
    ("internal error", SERVER_ERROR),
    ("cannot connect", NETWORK),
    ("unable to connect", NETWORK),
    ("connection", NETWORK),
    ("timed out", NETWORK),
)
"""By the words of an error, in small letters, where there is nothing else; the first that fits counts."""

REFUSALS: tuple[tuple[str, Verdict], ...] = (
    ("ProviderModelNotFoundError", MODEL),
    ("ProviderAuthError", LOGIN),
    ("ConfigInvalidError", FLAGS),
    ("ConfigJsonError", FLAGS),
    ("Configuration is invalid", FLAGS),
    ("opencode run [message..]", FLAGS),  # its usage: an option that it does not know, or a bad value of one
)
"""By the text on stderr, where it has said nothing better."""

HEADERS_AT = ("anthropic-ratelimit-unified-reset", "x-codex-primary-reset-at")
"""Headers of an answer that say when a limit ends, in seconds since 1970."""
LOGGED = re.compile(r'level=ERROR .*? error="((?:[^"\\]|\\.)*)"')
UNKNOWN_SESSION = "Session not found"
WAITING = "waiting"
TOO_LONG = "too_long"
OWN_STOPS = (WAITING, TOO_LONG, "idle_timeout", "turn_timeout")


def session_unusable(heard: Heard, stderr: str) -> bool:
    """The session cannot be resumed: the client does not know it, or it is full. Nothing was done in it."""
    unknown = heard.session is None and UNKNOWN_SESSION in stderr
    full = heard.overflows > 0 and not heard.finished and not heard.usage.tokens_out
    return unknown or full


def waited(heard: Heard, ended: Ended, *, now_ms: int) -> AgentError | None:
    """What is wrong with a run that was ended because it would not end: what it waited for, if it has said so."""
    if ended.stopped == TOO_LONG:
        message = heard.fault.message if heard.fault else "The conversation is too long for the model."
        return failure(PROMPT_TOO_LONG, f"Summed up again and again: {message}")
    if ended.stopped not in OWN_STOPS or heard.trouble is None:
        return None
    message = f"It waited for an API that refused it: {heard.trouble}"
    return failure(
        first_in(WORDS, heard.trouble.casefold()) or SERVER_ERROR, message, reset_at=reset_in(message, now_ms=now_ms)
    )


def error_in(heard: Heard, ended: Ended) -> AgentError | None:
    """What is wrong with a run that nobody stopped; None: it ended with final words."""
    ending = f"signal {ended.signal}" if ended.signal is not None else f"exit code {ended.exit_code}"
    said = ended.stderr_tail.strip()
    if heard.fault is not None:
        verdict = verdict_of(heard.fault)
        if verdict == FAILED:
            verdict = first_in(REFUSALS, said) or FAILED
        return failure(verdict, _message(heard.fault, said), reset_at=reset_at(heard.fault))
    ended_well = ended.exit_code == 0 or (heard.overflows > 0 and ended.exit_code == 1)
    if not ended_well:
        return failure(first_in(REFUSALS, said) or CRASH, _last(said) or f"It ended without a result ({ending}).")
    if heard.finished and heard.text:
        return None
    if heard.finished or heard.denied:
        return failure(NO_ANSWER, "It ended without a word.")
    return failure(CRASH, _last(said) or f"It ended in the middle of its work ({ending}).")


def verdict_of(fault: Fault) -> Verdict:
    """The most telling field decides."""
    body = below(parse(fault.body), "error")
    verdicts = (
        NAMES.get(fault.name),
        CODES.get(word(body, "code") or ""),
        CODES.get(word(body, "type") or ""),
        STATUS.get(fault.status or 0),
    )
    found = next(filter(None, verdicts), None)
    if found is not None:
        return found
    if fault.status is not None:
        return SERVER_ERROR if fault.status >= 500 else INVALID
    return NETWORK if fault.cause else first_in(WORDS, fault.message.casefold()) or FAILED


def reset_at(fault: Fault) -> int | None:
    """Wall time in ms at which the limit ends, if the API has said so."""
    headers = dict(fault.headers)
    body = below(parse(fault.body), "error")
    named = [number(body, "resets_at"), *(_seconds(headers.get(name)) for name in HEADERS_AT)]
    found = next((at for at in map(time_ms, named) if at is not None), None)
    if found is not None or fault.at_ms is None:
        return found
    wait_s = number(body, "resets_in_seconds") or _seconds(headers.get("retry-after"))
    if wait_s is not None:
        return time_ms(fault.at_ms / 1000 + wait_s)
    return _date(headers.get("retry-after"))


def _seconds(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if math.isfinite(found) and found >= 0 else None


def _date(text: str | None) -> int | None:
    try:
        return time_ms(parsedate_to_datetime(text or "").timestamp())
    except (ValueError, OverflowError):
        return None


def _message(fault: Fault, said: str) -> str:
    """`UnknownError` only points at the log, which is on stderr."""
    logged = LOGGED.findall(said) if fault.name == "UnknownError" else []
    return logged[-1] if logged else fault.message


def _last(said: str) -> str:
    return said.splitlines()[-1] if said else ""
