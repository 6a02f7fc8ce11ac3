"""What is wrong with a call over the Agent Client Protocol, by tables of each agent's words. Pure.

The protocol has one code for a missing login and none for the rest, so each agent says it in its own way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, Blame
from deespec.agents.reading import below, count, parse, word
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
    from deespec.agents.acp_stream import Failure, Heard
    from deespec.agents.process import Ended
    from deespec.agents.reading import Json


AUTHENTICATION_REQUIRED = -32000
"""The protocol's own code."""

KINDS: dict[str, Verdict] = {
    # claude-agent-acp: data.errorKind
    "authentication_failed": LOGIN,
    "oauth_org_not_allowed": LOGIN,
    "billing_error": BILLING,
    "rate_limit": RATE_LIMIT,
    "overloaded": OVERLOADED,
    "invalid_request": INVALID,
    "model_not_found": MODEL,
    "max_output_tokens": MAX_OUTPUT,
    # codex-acp: data.codexErrorInfo
    "usageLimitExceeded": USAGE_LIMIT,
    "serverOverloaded": OVERLOADED,
    "contextWindowExceeded": PROMPT_TOO_LONG,
    "unauthorized": LOGIN,
    "badRequest": INVALID,
    "httpConnectionFailed": NETWORK,
    "responseStreamConnectionFailed": NETWORK,
    "responseStreamDisconnected": NETWORK,
    # opencode: data.errorName
    "ProviderAuthError": LOGIN,
    "ProviderModelNotFoundError": MODEL,
    "ContextOverflowError": PROMPT_TOO_LONG,
    "MessageOutputLengthError": MAX_OUTPUT,
}
"""By the word for the error in its data."""
KIND_KEYS = ("errorKind", "codexErrorInfo", "errorName")

WORDS: tuple[tuple[str, Verdict], ...] = (
    ("usage limit", USAGE_LIMIT),
    ("hit your limit", USAGE_LIMIT),
    ("exhausted your daily quota", USAGE_LIMIT),
    ("credit balance", BILLING),
    ("current quota", BILLING),
    ("quota exceeded", BILLING),
    ("insufficient_quota", BILLING),
    ("rate limit", RATE_LIMIT),
    ("too many requests", RATE_LIMIT),
    ("resource_exhausted", RATE_LIMIT),
    ("authentication", LOGIN),
    ("api key", LOGIN),
    ("api-key", LOGIN),
    ("unauthenticated", LOGIN),
    ("not logged in", LOGIN),
    ("prompt is too long", PROMPT_TOO_LONG),
    ("context window", PROMPT_TOO_LONG),
    ("model not found", MODEL),
    ("model_not_found", MODEL),
    ("overloaded", OVERLOADED),
    ("at capacity", OVERLOADED),
    ("internal server error", SERVER_ERROR),
    ("high demand", SERVER_ERROR),
    ("stream disconnected", NETWORK),
    ("network error", NETWORK),
    ("terminated", NETWORK),
    ("fetch failed", NETWORK),
    ("connection", NETWORK),
    ("timed out", NETWORK),
)
"""By the words of the error, in small letters; the first that fits counts."""

STATUS_IN = re.compile(
    r"(?:\(|HTTP |status:? |^(?:Internal error: )?(?:Error: )?|\"code\": ?)(?P<status>[45]\d\d)\b", re.IGNORECASE
)
NO_MODEL = re.compile(
    r"^(?:internal error: )?(?:404 )?model: |\bmodels?\b.{0,200}\b(?:does not exist|is not found)\b", re.DOTALL
)

STAGES: dict[str, Verdict] = {"choice": FLAGS, "initialize": FLAGS}
"""Before the prompt: what it was started with, or told to be, is wrong."""
STOPS: dict[str, Verdict] = {
    "refusal": FAILED,
    "max_tokens": MAX_OUTPUT,
    "max_turn_requests": MAX_TURNS,
    "cancelled": ABORTED,
}
"""By the reason that a turn ended for; all but `end_turn` are none to be content with."""
SAID = {
    "refusal": "The model refused to go on.",
    "max_tokens": "The model's answer was cut off at its longest.",
    "max_turn_requests": "It made as many requests to the model as it may.",
    "cancelled": "Its turn was cancelled.",
}


def error_in(heard: Heard, ended: Ended, *, now_ms: int) -> AgentError | None:
    """What is wrong with a call that nobody stopped; None: its turn ended with final words.

    How the program ended does not matter once its turn has: many must be killed.
    """
    if heard.failure is not None:
        return _error(verdict_of(heard.failure), _message(heard.failure), now_ms=now_ms)
    if heard.stopped is None:
        ending = f"signal {ended.signal}" if ended.signal is not None else f"exit code {ended.exit_code}"
        said = ended.stderr_tail.strip()[-MESSAGE_CHARS:]
        return _error(CRASH, said or f"It ended before its turn did ({ending}).", now_ms=now_ms)
    if heard.stopped != "end_turn":
        said = SAID.get(heard.stopped, f"Its turn ended for a reason unknown here: {heard.stopped[:80]}.")
        return _error(STOPS.get(heard.stopped, FAILED), said, now_ms=now_ms)
    if heard.complaint is not None:
        return _error(_verdict_of_words(heard.complaint) or FAILED, heard.complaint, now_ms=now_ms)
    if not heard.text:
        return _error(NO_ANSWER, "It ended without a word.", now_ms=now_ms)
    return None


def verdict_of(failure: Failure) -> Verdict:
    """The most telling field decides; a plan's limit is told from others by its words only."""
    said = _verdict_of_words(_message(failure))
    if failure.code == AUTHENTICATION_REQUIRED:
        return LOGIN
    found = _verdict_of_data(failure.data) or STATUS.get(failure.code or 0)
    if found in (None, SERVER_ERROR, INVALID) or (found[0] is Blame.ACCOUNT and said in (USAGE_LIMIT, BILLING)):
        found = said or found
    if failure.stage == "choice" and failure.code is None:
        return MODEL if "model" in failure.message else FLAGS
    return found or STAGES.get(failure.stage, FAILED)


def _verdict_of_data(data: Json) -> Verdict | None:
    for key in KIND_KEYS:
        for kind in (word(data, key) or "", *below(data, key)):
            if kind in KINDS:
                status = count(below(data, key, kind), "httpStatusCode")
                return STATUS.get(status or 0) or KINDS[kind]
    return STATUS.get(count(data, "status") or 0)


def _verdict_of_words(text: str) -> Verdict | None:
    small = text.casefold()
    found = first_in(WORDS, small)
    if found is None and NO_MODEL.search(small):
        return MODEL
    if found is None and (status := STATUS_IN.search(text)):
        found = STATUS.get(int(status["status"]))
    return found


def _message(failure: Failure) -> str:
    """An error that the API has given as JSON, in its own words; details where the message has none."""
    given = word(below(parse(failure.message), "error"), "message")
    details = word(failure.data, "details") or word(failure.data, "message")
    if given or not details or details in failure.message:
        return given or failure.message or "It failed without a word."
    return f"{failure.message}: {details}"


def _error(verdict: Verdict, message: str, *, now_ms: int) -> AgentError:
    return failure(verdict, message, reset_at=reset_in(message[:MESSAGE_CHARS], now_ms=now_ms))
