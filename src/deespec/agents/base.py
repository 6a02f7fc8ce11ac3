"""What the engine asks of an agent and gets back. An agent's failure is a value, not an exception."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deespec.model.items import Answer, Guard
from deespec.model.lifecycle import Step
from deespec.model.money import Usage
from deespec.records import record

if TYPE_CHECKING:
    from deespec.config import Price


class Blame(StrEnum):
    """Whose error it is decides what happens next (behaviour: agent errors are classified)."""

    CALL = "call"
    """Crash, timeout, overload, network: an attempt, with back-off."""
    ACCOUNT = "account"
    """Rate or usage limit: paused for every worker until the reset time; no attempt."""
    AGENT = "agent"
    """Program missing, login, quota bought out, unknown model, refused flags: paused until it is resumed."""
    BUDGET = "budget"
    """It has cost what this call was given: no attempt; the item waits for a person, or for the next day's money."""
    STOPPED = "stopped"
    """The engine itself asked it to stop (a signal to the worker, a revoked claim)."""


@record
class AgentError:
    blame: Blame
    code: str
    """A stable word: missing, start, timeout, idle, crash, aborted, failed, no_answer, overloaded, server_error,
    network, invalid_request, prompt_too_long, max_turns, max_output_tokens, rate_limit, usage_limit, login, billing,
    model, flags, trust, budget."""
    message: str
    reset_at: int | None = None
    """Wall time in ms when an account's limit ends, if the vendor said so."""
    remedy: str | None = None
    """The command by which a person helps it, where one is known. Agents are not told of it."""


@record
class AgentResult:
    """How an agent's call ended."""

    error: AgentError | None = None
    answer: Answer | None = None
    """From its structured output or its final words. Answers by command arrive through the outbox instead. A question
    that the client itself has put (an ask tool, a permission that only a person can give) is one of kind `question`."""
    text: str = ""
    """Its final words."""
    session: str | None = None
    usage: Usage = Usage()
    denied: tuple[str, ...] = ()
    """Tools that were refused to it."""
    wanted: tuple[str, ...] = ()
    """What they were to do, in words, where the client says so: `Bash: make deploy`."""


@record
class AgentRequest:
    """One call. Everything an adapter may use; it reads no settings and no environment of its own."""

    step: Step
    item: str
    title: str
    spec: str
    turn: int
    round: int
    """How many implement turns of this item have ended before, since the last reset."""
    prompt: str
    workspace: Path
    folder: Path
    """A folder of this turn under the backlog's home; the raw output is kept here."""
    env: dict[str, str]
    """The complete environment of the child process."""
    session: str | None
    turn_timeout_ms: int
    idle_timeout_ms: int | None
    guard_lock: Path
    report_command: tuple[str, ...]
    """The argument list that starts this very deespec."""
    gates: tuple[str, ...] = ()
    """Shell commands that must succeed afterwards: what an agent may run that may run nothing else."""
    writable: tuple[Path, ...] = ()
    """Folders besides the workspace that it may write: the outbox of this turn, what the settings add."""
    session_used: Usage = Usage()
    """What `session` had used before this call, for clients that count from their session's start."""
    prices: tuple[Price, ...] = ()
    budget_usd: float | None = None
    """What this call may cost at most; None: no limit."""
    budget_tokens: int | None = None
    """How many tokens, in and out, it may use at most."""


class Watch(Protocol):
    """The engine's side of a running call."""

    def started(self, guard: Guard) -> None:
        """The guard process stands; called before the agent program runs."""

    def deadline(self) -> int:
        """Clock.boot_ms() at which the guard must have ended the agent unless this has moved on."""

    def tick(self) -> str | None:
        """Called at least every 0.1 s while the agent runs. Returns why the agent is to be stopped, or None."""


class Agent(Protocol):
    """One coding agent, set up by its section in the settings."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def look(self) -> Looked:
        """Is it installed and ready? Fast, no model call."""

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult: ...


class Login(StrEnum):
    IN = "in"
    OUT = "out"
    UNKNOWN = "unknown"
    """Only a call would tell."""


@record
class Looked:
    """What a look at an agent found."""

    ready: bool
    version: str | None = None
    program: str | None = None
    problem: str | None = None
    remedy: str | None = None
    login: Login | None = None
    """None: it needs none, or it is not there to be asked."""
