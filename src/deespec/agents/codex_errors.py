"""What is wrong with a run of Codex, from what it said: its words are all there is, no codes. Tables of them. Pure.

The words are those of Codex 0.169.0; of the API's own, those that it hands on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.base import AgentError
from deespec.agents.reading import below, parse, word
from deespec.agents.resets import reset_in
from deespec.agents.verdicts import (
    BILLING,
    CRASH,
    FAILED,
    FLAGS,
    INVALID,
    LOGIN,
    MESSAGE_CHARS,
    MODEL,
    NETWORK,
    NO_ANSWER,
    OVERLOADED,
    PROMPT_TOO_LONG,
    RATE_LIMIT,
    SERVER_ERROR,
    STATUS,
    TRUST,
    USAGE_LIMIT,
    Verdict,
    failure,
    first_in,
)

if TYPE_CHECKING:
    from deespec.agents.codex_stream import Heard
    from deespec.agents.process import Ended

APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"


CODES: dict[str, Verdict] = {
    "insufficient_quota": BILLING,
    "billing_hard_limit_reached": BILLING,
    "organization_spend_limit_exceeded": BILLING,
    "context_length_exceeded": PROMPT_TOO_LONG,
    "input_too_large": PROMPT_TOO_LONG,
    "model_not_found": MODEL,
    "invalid_api_key": LOGIN,
    "rate_limit_exceeded": RATE_LIMIT,
    "usage_limit_reached": USAGE_LIMIT,
    "server_is_overloaded": OVERLOADED,
}
"""By `code` or `type` of an API's error that the client hands on as it is."""

WORDS: tuple[tuple[str, Verdict], ...] = (
    ("hit your usage limit", USAGE_LIMIT),
    ("quota exceeded. check your plan", BILLING),
    ("to use codex with your chatgpt plan, upgrade", BILLING),
    ("spend limit", BILLING),
    ("credit balance is too low", BILLING),
    ("ran out of room in the model's context window", PROMPT_TOO_LONG),
    ("input exceeds the maximum length", PROMPT_TOO_LONG),
    ("selected model is at capacity", OVERLOADED),
    ("currently experiencing high demand", SERVER_ERROR),
    ("missing environment variable", LOGIN),
    ("not logged in", LOGIN),
    ("sign in again", LOGIN),
    ("rate limit", RATE_LIMIT),
)
"""By the client's words, in lower case and with plain apostrophes; the first that fits counts."""

STATUS_IN = re.compile(r"\b(?:unexpected|last) status:? (\d{3})\b")
NO_MODEL = re.compile(r"^model: |\bmodel\b.{0,200}\b(?:does not exist|is not supported|not found)\b", re.DOTALL)
CUT_OFF = ("stream disconnected", "connection failed", "error sending request", "network error")

REFUSALS: tuple[tuple[str, Verdict], ...] = (
    ("error: unexpected argument", FLAGS),
    ("error: invalid value", FLAGS),
    ("cannot be used ", FLAGS),
    ("Unknown feature flag", FLAGS),
    ("Error loading config.toml", FLAGS),
    ("Not inside a trusted directory", TRUST),
    ("Input exceeds the maximum length", PROMPT_TOO_LONG),
)
"""By the text on stderr: the only thing there is when the client refuses to start."""
NOISE = ("Reading prompt from stdin...", "Reading additional input from stdin...")
USAGE_ERROR = 2
"""Its exit code for arguments that it does not know."""


def session_unusable(heard: Heard, stderr: str) -> bool:
    """The thread cannot be resumed: the client does not know it, or it is full. Nothing was done in it."""
    unknown = heard.session is None and "thread/resume failed" in stderr
    full = heard.failure is not None and verdict_of(heard.failure) == PROMPT_TOO_LONG and not heard.acted
    return unknown or full


def waited(heard: Heard, *, now_ms: int) -> AgentError | None:
    """What is wrong with a run that was stopped because it took too long: what it waited for, if it has said so."""
    if heard.trouble is None:
        return None
    blame, code = verdict_of(heard.trouble)
    if (blame, code) == FAILED:
        return None
    return _error(heard, (blame, code), f"It waited without an end: {heard.trouble}", now_ms=now_ms)


def error_in(heard: Heard, ended: Ended, *, now_ms: int) -> AgentError | None:
    """What is wrong with a run that nobody stopped; None: it ended with final words."""
    ending = f"signal {ended.signal}" if ended.signal is not None else f"exit code {ended.exit_code}"
    said = _said(ended.stderr_tail)
    failure = heard.failure or (heard.trouble if not heard.ended else None)
    if failure is not None:
        return _error(heard, verdict_of(failure), _message(failure), now_ms=now_ms)
    if not heard.ended:
        message = said or f"It ended without a result ({ending})."
        return _error(heard, _verdict_of_silence(ended), message, now_ms=now_ms)
    if ended.exit_code != 0 and not ended.hung:
        return _error(heard, CRASH, said or f"It ended its turn and then failed ({ending}).", now_ms=now_ms)
    if not heard.text:
        return _error(heard, NO_ANSWER, "It ended without a word.", now_ms=now_ms)
    return None


def verdict_of(failure: str) -> Verdict:
    """The most telling part of its words decides."""
    handed_on = below(parse(failure), "error")
    for key in ("code", "type"):
        verdict = CODES.get(word(handed_on, key) or "")
        if verdict is not None:
            return verdict
    text = failure.replace(APOSTROPHE, "'").casefold()
    if verdict := first_in(WORDS, text):
        return verdict
    if NO_MODEL.search(text):
        return MODEL
    status = STATUS_IN.search(text)
    if status is not None:
        return STATUS.get(int(status[1]), SERVER_ERROR if int(status[1]) >= 500 else INVALID)
    if any(part in text for part in CUT_OFF):
        return NETWORK
    return INVALID if handed_on else FAILED


def _verdict_of_silence(ended: Ended) -> Verdict:
    return first_in(REFUSALS, ended.stderr_tail) or (FLAGS if ended.exit_code == USAGE_ERROR else CRASH)


def _said(stderr: str) -> str:
    """What the client has said beside its stream, without what it always says."""
    lines = (line for line in stderr.splitlines() if line not in NOISE)
    return "\n".join(lines).strip()[-MESSAGE_CHARS:]


def _message(failure: str) -> str:
    """An error that the API has given as JSON, in its own words."""
    return word(below(parse(failure), "error"), "message") or failure


def _error(heard: Heard, verdict: Verdict, message: str, *, now_ms: int) -> AgentError:
    return failure(verdict, message, reset_at=heard.reset_at or reset_in(message[:MESSAGE_CHARS], now_ms=now_ms))
