"""What an agent says over the Agent Client Protocol, as facts. Pure; no message, however broken, makes it fail.

The facts come from runs of six agents, kept in tests/agents/recorded/acp: they differ in how they say what they used,
and in whether an error is one of the protocol's, or words of the agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.output import LastWords
from deespec.agents.reading import Json, below, count, number, objects, word
from deespec.model.money import Usage
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable

NOTES_MOST = 50
TITLE_CHARACTERS = 200
CODEX = "codex"
COPILOT = "copilot"
OPENCODE = "opencode"
"""Agents that need a care of their own, in what they call themselves."""
OWN_NOTES = ("Info: Operation cancelled by user", "Info: Request failed due to a transient API error")
OWN_ERROR = "Error: "
"""How that agent begins what it says itself, among the words of its model."""


@record
class Failure:
    """A request that was answered with an error, or cannot be made."""

    stage: str
    """initialize, session, choice or prompt."""
    code: int | None
    message: str
    data: Json


@record
class Heard:
    """What an agent has said so far."""

    agent: str
    """Its own name for itself."""
    session: str | None
    failure: Failure | None
    stopped: str | None
    """Why its turn ended, by its word for it; None: it has not."""
    denied: tuple[str, ...]
    wanted: tuple[str, ...]
    """What it asked leave for and is to ask a person."""
    usage: Usage
    text: str
    """Its words since it last used a tool."""
    complaint: str | None
    """An error that it told among its words."""


class Stream:
    """Takes what is said in one call, in order."""

    def __init__(self, model: str | None, *, before: Usage) -> None:
        """`before` is what the session to be loaded had used."""
        self._before = before
        self._is_loaded = False
        self._agent = ""
        self._session: str | None = None
        self._failure: Failure | None = None
        self._is_prompted = False
        self._stopped: str | None = None
        self._denied: dict[str, None] = {}
        self._wanted: dict[str, None] = {}
        self._words = LastWords()
        self._message: str | None = None
        """Which the last words are of."""
        self._note = ""
        self._is_broken = False
        self._model = model
        self._tokens = Usage()
        self._summed = Usage()
        self._cost_usd: float | None = None
        self._takers: dict[str | None, Callable[[Json], None]] = {
            "agent_message_chunk": self._take_words,
            "tool_call": self._take_tool,
            "tool_call_update": self._take_tool,
            "usage_update": self._take_cost,
            "session_info_update": self._take_status,
        }

    @property
    def session(self) -> str | None:
        return self._session

    @property
    def wanted(self) -> bool:
        return bool(self._wanted)

    def take_agent(self, initialized: Json) -> None:
        self._agent = (word(below(initialized, "agentInfo"), "name") or "")[:TITLE_CHARACTERS]

    def take_session(self, session: str, model: str | None, *, is_loaded: bool) -> None:
        self._session = session
        self._is_loaded = is_loaded
        self._model = self._model or model

    def take_failure(self, stage: str, error: Json) -> None:
        self._failure = Failure(
            stage=stage,
            code=_code(error),
            message=(word(error, "message") or "").strip(),
            data=below(error, "data"),
        )

    def begin(self) -> None:
        """The prompt is given; what came before it is of an older call."""
        self._is_prompted = True

    def take_update(self, params: Json) -> None:
        update = below(params, "update")
        taker = self._takers.get(word(update, "sessionUpdate"))
        if taker is not None and self._is_prompted:
            taker(update)

    def take_end(self, response: Json) -> None:
        """The prompt's answer. Without a reason it is none."""
        self._stopped = word(response, "stopReason") or ""
        for said in (below(response, "usage"), below(response, "_meta", "quota", "token_count")):
            found = _usage(said)
            if found is not None:
                self._tokens = found
                break
        for used in objects(below(response, "_meta", "quota"), "model_usage"):
            self._model = word(used, "model") or self._model

    def take_request(self) -> None:
        """It has come to use a tool; some agents say that only by asking for leave."""
        self._words.clear()

    def deny(self, what: str) -> None:
        if len(self._denied) < NOTES_MOST:
            self._denied[what] = None

    def want(self, what: str) -> None:
        if len(self._wanted) < NOTES_MOST:
            self._wanted[what] = None

    def usage(self) -> Usage:
        """The cost is that of the process, but for one agent that counts from the session's start."""
        tokens = self._summed if self._tokens.tokens_in is None else self._tokens
        cost_usd = self._cost_usd or 0.0
        if self._is_loaded and self._is_a(OPENCODE):
            cost_usd = max(0.0, cost_usd - (self._before.cost_usd or 0.0))
        return replace(tokens, model=self._model, cost_usd=cost_usd or None)

    def heard(self) -> Heard:
        words = self._words.messages()
        complaint = (self._note or "It failed without a word.") if self._is_broken else None
        failed = self._is_a(COPILOT) and self._tokens.tokens_in is None  # it says what it used where all went well
        if failed and words and words[-1].startswith(OWN_ERROR):
            complaint = words.pop()
        return Heard(
            agent=self._agent,
            session=self._session,
            failure=self._failure,
            stopped=self._stopped,
            denied=tuple(self._denied),
            wanted=tuple(self._wanted),
            usage=self.usage(),
            text="\n\n".join(words).strip(),
            complaint=complaint,
        )

    def _is_a(self, name: str) -> bool:
        return name in self._agent.casefold()

    def _take_words(self, update: Json) -> None:
        self._take_used(below(update, "_meta", "usage"))
        text = word(below(update, "content"), "text")
        if not text or (self._is_a(COPILOT) and text.startswith(OWN_NOTES)):
            return
        message = word(update, "messageId")
        if self._is_a(CODEX) and message is None:
            self._note = text.strip()  # its own, not its model's
            return
        is_own = self._is_a(COPILOT) and text.startswith(OWN_ERROR)
        self._words.add(text, begins=is_own or message != self._message)
        self._message = message

    def _take_tool(self, _: Json) -> None:
        self._words.clear()

    def _take_status(self, update: Json) -> None:
        """Codex ends its turn as always after an error; only this tells."""
        status = word(below(update, "_meta", "codex", "threadStatus"), "type")
        if status is not None:
            self._is_broken = status == "systemError"

    def _take_cost(self, update: Json) -> None:
        cost = below(update, "cost")
        if (word(cost, "currency") or "USD") == "USD":
            self._cost_usd = max(number(cost, "amount") or 0.0, self._cost_usd or 0.0)

    def _take_used(self, said: Json) -> None:
        """What one request to the model used, from agents that do not say it at the end."""
        found = _usage(said)
        if found is not None:
            self._summed = Usage(
                tokens_in=(self._summed.tokens_in or 0) + (found.tokens_in or 0),
                tokens_cached=(self._summed.tokens_cached or 0) + (found.tokens_cached or 0),
                tokens_out=(self._summed.tokens_out or 0) + (found.tokens_out or 0),
            )


def _usage(said: Json) -> Usage | None:
    """In some counts input holds what came from the cache, in others not: the total tells."""
    tokens_in = _first(said, "inputTokens", "input_tokens")
    output = _first(said, "outputTokens", "output_tokens")
    if tokens_in is None or output is None:
        return None
    cached = _first(said, "cachedReadTokens", "cachedInputTokens") or 0
    aside = cached + (_first(said, "cachedWriteTokens", "cacheWriteInputTokens") or 0)
    total = _first(said, "totalTokens", "total_tokens")
    if total is not None and total >= tokens_in + aside + output:
        tokens_in += aside
    tokens_out = output if total is None else max(output, total - tokens_in)
    return Usage(tokens_in=tokens_in, tokens_cached=min(cached, tokens_in), tokens_out=tokens_out)


def _first(said: Json, *keys: str) -> int | None:
    return next((found for key in keys if (found := count(said, key)) is not None), None)


def _code(error: Json) -> int | None:
    found = error.get("code")
    return found if isinstance(found, int) and not isinstance(found, bool) else None
