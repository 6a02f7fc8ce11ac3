"""What is wrong with a run of Gemini CLI, from what it said: tables of its words and codes. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.base import AgentError
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
    PROMPT_TOO_LONG,
    RATE_LIMIT,
    STATUS,
    TRUST,
    USAGE_LIMIT,
    Verdict,
    failure,
    first_in,
)

if TYPE_CHECKING:
    from deespec.agents.gemini_stream import Heard, Result
    from deespec.agents.process import Ended


KINDS: dict[str, Verdict] = {
    "FatalTurnLimitedError": MAX_TURNS,
    "FatalAuthenticationError": LOGIN,
    "FatalInputError": INVALID,
    "FatalConfigError": FLAGS,
    "FatalSandboxError": FLAGS,
    "FatalUntrustedWorkspaceError": TRUST,
    "FatalCancellationError": ABORTED,
}
"""By `error.type` of the result."""

WORDS: tuple[tuple[str, Verdict], ...] = (
    ("api key not valid", LOGIN),  # the API says so with status 400
    ("api_key_invalid", LOGIN),
    ("api key expired", LOGIN),
    ("exhausted your daily quota", USAGE_LIMIT),
    ("exhausted your capacity", USAGE_LIMIT),
    ("quota will reset", USAGE_LIMIT),
    ("limit: 0", BILLING),  # a model that the plan does not have
    ("credit balance is too low", BILLING),
    ("billing account", BILLING),
    ("prompt is too long", PROMPT_TOO_LONG),
    ("exceeds the maximum number of tokens", PROMPT_TOO_LONG),
    ("exceeded the token limit", MAX_OUTPUT),
    ("is not found for api version", MODEL),
    ("[api error: terminated]", NETWORK),
    ("fetch failed", NETWORK),
    ("reached max session turns", MAX_TURNS),
    ("maximum session turns exceeded", MAX_TURNS),
    ("no final response text", NO_ANSWER),
    ("returned an empty response", NO_ANSWER),
)
"""By the client's words, in lower case; the first that fits counts."""
IN_BRACKETS = re.compile(r"^\[API Error: (?P<words>.*?)\]$", re.MULTILINE | re.DOTALL)
NO_MODEL = "ModelNotFoundError"
"""The name of an error on stderr; the client ends with 1 then."""

EXITS: dict[int, Verdict] = {status % 256: verdict for status, verdict in STATUS.items()}
"""An API's status as an exit code."""
OWN_EXITS: dict[int, Verdict] = {
    41: LOGIN,
    42: INVALID,
    44: FLAGS,  # no sandbox
    52: FLAGS,  # settings that cannot be read
    53: MAX_TURNS,
    55: TRUST,
}
"""The client's own exit codes."""
NO_SESSION = 42

REFUSALS = ("Unknown argument", "Invalid values:", "Not enough arguments", "FatalSandboxError")
"""On stderr, when the client refuses its arguments (exit code 1)."""
NOISE = ("Warning: ", "YOLO mode", "Ripgrep is not available", "[STARTUP]", "Approval mode overridden")
"""Beginnings of lines on stderr that tell nothing."""
TRY = re.compile(r"^Attempt \d+ failed(?: with status (?P<status>\d{3}))?[.:]? ?(?P<words>.*)$", re.MULTILINE)
"""On stderr, for each try that is to be repeated."""


def session_unusable(heard: Heard, ended: Ended) -> bool:
    """The session cannot be resumed: not known, not in this folder, or full. Nothing was done in it."""
    unknown = not heard.began and ended.exit_code == NO_SESSION
    error = error_in(heard, ended, now_ms=0)
    full = error is not None and (error.blame, error.code) == PROMPT_TOO_LONG and not heard.acted
    return unknown or full


def waited(heard: Heard, ended: Ended, *, now_ms: int) -> AgentError | None:
    """What is wrong with a run that was stopped because it took too long: what it waited for, if it has said so."""
    tries = [*TRY.finditer(ended.stderr_tail)]
    if not tries or not heard.awaits_model:
        return None
    status, words = tries[-1]["status"], tries[-1]["words"]
    verdict = (
        STATUS.get(int(status or 0))
        or first_in(WORDS, words.casefold())
        or (RATE_LIMIT if _tells_of_limit(words) else None)
    )
    return verdict and _error(verdict, f"It tried again without an end: {words}", now_ms=now_ms)


def error_in(heard: Heard, ended: Ended, *, now_ms: int) -> AgentError | None:
    """What is wrong with a run that nobody stopped; None: it ended with final words."""
    ending = f"signal {ended.signal}" if ended.signal is not None else f"exit code {ended.exit_code}"
    result, said = heard.result, _said(ended.stderr_tail)
    if result is None:
        return _error(_verdict_of_silence(ended), said or f"It ended without a result ({ending}).", now_ms=now_ms)
    if result.failed:
        return _error(_verdict(result, ended), _message(result) or said or "It failed.", now_ms=now_ms)
    if ended.exit_code != 0 and not ended.hung:
        return _error(CRASH, said or f"It gave a result and then failed ({ending}).", now_ms=now_ms)
    if heard.text:
        return None
    if heard.usage.tokens_in == 0:
        message = "It ended without asking the model: the prompt may be larger than the model's context."
        return _error(PROMPT_TOO_LONG, message, now_ms=now_ms)
    return _error(NO_ANSWER, "It ended without a word.", now_ms=now_ms)


def _verdict(result: Result, ended: Ended) -> Verdict:
    """The most telling thing decides."""
    exit_code = ended.exit_code or 0
    handed_on = _handed_on(result.message)
    verdicts = (
        KINDS.get(result.kind or ""),
        first_in(WORDS, result.message.casefold()),
        MODEL if NO_MODEL in ended.stderr_tail and exit_code == 1 else None,
        STATUS.get(count(handed_on, "code") or 0),
        EXITS.get(exit_code),
        OWN_EXITS.get(exit_code),
    )
    return next(filter(None, verdicts), FAILED)


def _verdict_of_silence(ended: Ended) -> Verdict:
    if any(text in ended.stderr_tail for text in REFUSALS):
        return FLAGS
    return OWN_EXITS.get(ended.exit_code or 0, CRASH)


def _tells_of_limit(words: str) -> bool:
    text = words.casefold()
    return "rate limit" in text or "quota" in text or "retry after" in text


def _handed_on(message: str) -> dict[str, object]:
    """The API's error, where the client hands it on as JSON in its own words."""
    return below(parse(message[message.find("{") : message.rfind("}") + 1]), "error")


def _said(stderr: str) -> str:
    """What the client has said beside its stream, without what it always says."""
    lines = (line for line in stderr.splitlines() if not line.startswith(NOISE))
    return "\n".join(lines).strip()[-MESSAGE_CHARS:]


def _message(result: Result) -> str:
    """The error in plain words, where it comes as JSON or in brackets."""
    bracketed = IN_BRACKETS.search(result.message)
    return word(_handed_on(result.message), "message") or (bracketed["words"] if bracketed else result.message)


def _error(verdict: Verdict, message: str, *, now_ms: int) -> AgentError:
    return failure(verdict, message, reset_at=reset_in(message[:MESSAGE_CHARS], now_ms=now_ms))
