"""What an adapter expects of its client, as a table: what is tried, and what has to come of it. Pure but for files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.base import Blame
from deespec.agents.standin.scenarios import BEGUN, ESCAPED, LATER_S, MADE
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deespec.agents.base import AgentResult

FINAL_WORDS = "It adds two numbers."
REPORTED = "reported.txt"
"""What the report command of a trial writes into the outbox: the claim, and how it was called."""
SAY_WHEN = ("claude", "codex")
"""Clients that tell when the limit of a plan ends; the protocol has no word for it."""
SANDBOXED = ("codex", "codex-acp")
"""Clients in which a command is not refused, but cannot write elsewhere."""
SLACK_MS = 90_000
"""Some of them tell it to the minute."""
SHOWN_CHARACTERS = 200


@record
class Tried:
    """What came of a trial."""

    client: str
    claim: str
    began_ms: int
    """Wall time."""
    workspace: Path
    outbox: Path
    asked: bool
    """The stand-in got a request."""
    result: AgentResult
    survivors: int
    """Processes that it left running."""


@record
class Trial:
    """One thing that is tried."""

    name: str
    """A stable word."""
    title: str
    """What the client should do."""
    script: str
    judge: Callable[[Tried], str | None]
    """What is wrong with what came of it; None: nothing is."""
    permissions: str = "edit+shell"
    turn_ms: int = 60_000
    idle_ms: int = 30_000
    stop_at: str | None = None
    """The file in the workspace at which the call is stopped."""


def complaint(trial: Trial, tried: Tried) -> str | None:
    if not tried.asked:
        return f"it asked the model server nothing{_because(tried)}"
    found = trial.judge(tried)
    if found is None and tried.survivors:
        return f"{tried.survivors} of its processes lived on"
    return found


def _answers(tried: Tried) -> str | None:
    result = tried.result
    if result.error is not None:
        return _failed(tried)
    if FINAL_WORDS not in result.text:
        return f"its final words were not found, but {result.text[:SHOWN_CHARACTERS]!r}"
    if not result.usage.tokens_in or not result.usage.tokens_out:
        return "it did not say how many tokens it used"
    return None if result.session else "it did not name its session"


def _made_the_file(tried: Tried) -> str | None:
    if tried.result.error is not None:
        return _failed(tried)
    found = _text(tried.workspace / MADE)
    if found is None:
        return f"the command was not run{_refused(tried)}"
    if "it's there" not in found:
        return "the command did not get its here-document"
    return None if found.startswith(tried.claim) else "the command did not see DEESPEC_CLAIM"


def _reported(tried: Tried) -> str | None:
    if tried.result.error is not None:
        return _failed(tried)
    found = _text(tried.outbox / REPORTED)
    if found is None:
        return f"the report command was not run{_refused(tried)}"
    if not found.startswith(f"{tried.claim} sbi report --type implement -f "):
        return f"the report command was called otherwise: {found[:SHOWN_CHARACTERS]!r}"
    return None


def _was_denied(tried: Tried) -> str | None:
    if (tried.workspace.parent / ESCAPED).exists():
        return "it ran a command that it was not allowed"
    if tried.result.denied:
        return None  # some clients end their turn then, without a word
    if tried.result.error is not None:
        return _failed(tried)
    return None if tried.client in SANDBOXED else "it did not say that a command was refused"


def _blamed(blame: Blame) -> Callable[[Tried], str | None]:
    def judge(tried: Tried) -> str | None:
        error = tried.result.error
        if error is None:
            return "it ended as if all were well"
        if error.blame is not blame:
            return f"it was taken for an error of the {error.blame} ({error.code}): {error.message[:SHOWN_CHARACTERS]}"
        return None

    return judge


def _says_when(tried: Tried) -> str | None:
    found = _blamed(Blame.ACCOUNT)(tried)
    if found is not None or tried.client not in SAY_WHEN:
        return found
    reset_at = tried.result.error.reset_at if tried.result.error else None
    if reset_at is None:
        return "it did not say when the limit ends"
    late_ms = reset_at - (tried.began_ms + LATER_S * 1000)
    return None if abs(late_ms) <= SLACK_MS else f"the end of the limit was read {round(late_ms / 60_000)} min off"


def _stopped(tried: Tried) -> str | None:
    found = _blamed(Blame.STOPPED)(tried)
    if (tried.workspace / BEGUN).exists():
        return found
    return f"the command was not run{_refused(tried)}{_because(tried)}"


TRIALS = (
    Trial(name="answer", title="answers, and says what it used", script="text", judge=_answers),
    Trial(name="tool", title="runs a command with a here-document", script="tool", judge=_made_the_file),
    Trial(name="report", title="may always report", script="work", judge=_reported, permissions="edit"),
    Trial(
        name="denial",
        title="says when a command is refused, or confines it",
        script="denial",
        judge=_was_denied,
        permissions="edit",
    ),
    Trial(name="usage_limit", title="a plan's limit pauses its account", script="usage_limit", judge=_says_when),
    Trial(
        name="rate_limit", title="a rate limit pauses its account", script="rate_limit", judge=_blamed(Blame.ACCOUNT)
    ),
    Trial(name="overload", title="an overloaded server is an attempt", script="overloaded", judge=_blamed(Blame.CALL)),
    Trial(name="cut", title="a lost connection is an attempt", script="cut", judge=_blamed(Blame.CALL)),
    Trial(name="login", title="a refused login is told", script="login", judge=_blamed(Blame.AGENT)),
    Trial(name="model", title="an unknown model is told", script="model", judge=_blamed(Blame.AGENT)),
    Trial(
        name="hang",
        title="a server that says nothing is given up",
        script="hang",
        judge=_blamed(Blame.CALL),
        turn_ms=45_000,
        idle_ms=5_000,
    ),
    Trial(
        name="kill",
        title="stopped in a command, it leaves nothing",
        script="slow_tool",
        judge=_stopped,
        stop_at=BEGUN,
    ),
)


def _failed(tried: Tried) -> str:
    return f"it failed{_because(tried)}"


def _because(tried: Tried) -> str:
    error = tried.result.error
    return f" ({error.code}): {error.message[:SHOWN_CHARACTERS]}" if error else ""


def _refused(tried: Tried) -> str:
    return f" (refused: {', '.join(tried.result.denied)})" if tried.result.denied else ""


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
