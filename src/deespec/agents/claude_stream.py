"""What Claude Code prints (stream-json), as facts. Pure; no line, however broken, makes it fail.

The facts come from runs of Claude Code 2.1.197 and 2.1.330, kept in tests/agents/recorded/claude. Three of them shape
this file. A `result` event need not be the last one: if something still runs in the background, the client goes on when
that ends, and prints another. An API's error comes as a `result` with subtype "success" and is_error true. And 2.1.330
counts cost and tokens on over resumed sessions, so that only `model_usage_since_last_result` says what this call cost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.reading import below, clean, count, listed, number, objects, parse, time_ms, word
from deespec.agents.structured import answer_of
from deespec.model.money import Usage
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.agents.reading import Json
    from deespec.model.items import Answer
    from deespec.model.lifecycle import Step
SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WANTED_CHARACTERS = 500
"""Of a refused command, for the person who is to decide about it."""
SYNTHETIC = "<synthetic>"
"""The model of messages that the client makes up itself, for instance about an error."""


@record
class Result:
    """The last `result` event."""

    failed: bool
    text: str
    subtype: str | None
    terminal: str | None
    status: int | None
    """HTTP status of the API's error."""
    cause: str | None
    """A finer word for the API's error (2.1.330): usage_limit_reached, connection_failed ..."""


@record
class Heard:
    """What a stream has said so far."""

    session: str | None
    began: bool
    """The session was opened; without that, nothing was asked of a model."""
    error: str | None
    """The client's word for what is wrong with its last message."""
    limited: bool
    """A limit of the account's plan refuses requests."""
    reset_at: int | None
    denied: tuple[str, ...]
    wanted: tuple[str, ...]
    """What the refused tools were to do, in words for a person."""
    usage: Usage
    answer: Answer | None
    result: Result | None


class Stream:
    """Takes the lines of one run, in order."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._session: str | None = None
        self._began = False
        self._error: str | None = None
        self._limited = False
        self._reset_at: int | None = None
        self._denied: dict[str, None] = {}
        self._wanted: dict[str, None] = {}
        self._model: str | None = None
        self._spent = Spent()
        self._so_far = SoFar()
        self._answer: Answer | None = None
        self._text = ""
        self._result: Result | None = None
        self._in_background = False
        self._takers: dict[str | None, Callable[[Json], None]] = {
            "system": self._take_system,
            "assistant": self._take_message,
            "rate_limit_event": self._take_limit,
            "result": self._take_result,
        }

    def feed(self, line: bytes) -> bool:
        """Takes one line. True: it was the last event, the client has nothing more to do."""
        event = parse(line)
        kind = word(event, "type")
        taker = self._takers.get(kind)
        if taker is None:
            return False
        taker(event)
        return kind == "result" and not self._in_background

    def heard(self) -> Heard:
        return Heard(
            session=self._session,
            began=self._began,
            error=self._error,
            limited=self._limited,
            reset_at=self._reset_at,
            denied=tuple(self._denied),
            wanted=tuple(self._wanted),
            usage=self.usage(),
            answer=self._answer,
            result=self._result,
        )

    def usage(self) -> Usage:
        """What this call has used: as its result says, and before that as its messages do, which name no cost."""
        told = self._spent if self._spent.tokens_in is not None else self._so_far
        return Usage(
            model=self._model,
            tokens_in=told.tokens_in,
            tokens_cached=told.tokens_cached,
            tokens_out=told.tokens_out,
            cost_usd=self._spent.cost_usd,
        )

    def _take_system(self, event: Json) -> None:
        match word(event, "subtype"):
            case "init":
                self._began = True
                self._model = self._model or word(event, "model")
                self._take_session(event)
            case "permission_denied":
                self._deny(event)
            case "background_tasks_changed":
                self._in_background = bool(event.get("tasks"))

    def _take_message(self, event: Json) -> None:
        self._so_far.add(below(event, "message"))
        if event.get("parent_tool_use_id") is not None:
            return  # a helper's: its errors are told to the agent, who may get on without it
        self._error = word(event, "error")
        model = word(below(event, "message"), "model")
        if model != SYNTHETIC:
            self._model = model or self._model

    def _take_limit(self, event: Json) -> None:
        """Also comes as a warning, and when a limit is over: the last one counts."""
        info = below(event, "rate_limit_info")
        self._limited = word(info, "status") == "rejected"
        self._reset_at = time_ms(number(info, "resetsAt")) if self._limited else None

    def _take_result(self, event: Json) -> None:
        self._take_session(event)
        for denial in objects(event, "permission_denials"):
            self._deny(denial)
        self._spent.add(event)
        answer = answer_of(self._step, event.get("structured_output"))
        self._answer = answer or self._answer
        errors = [clean(text) for text in listed(event, "errors") if isinstance(text, str)]
        said = answer.text if answer else (word(event, "result") or "")
        self._text = said.strip() or self._text
        failed = event.get("is_error") is not False or word(event, "subtype") != "success"
        self._result = Result(
            failed=failed,
            text=("\n".join(errors) or said.strip()) if failed else self._text,
            subtype=word(event, "subtype"),
            terminal=word(event, "terminal_reason"),
            status=count(event, "api_error_status"),
            cause=word(event, "api_error"),
        )

    def _take_session(self, event: Json) -> None:
        session = word(event, "session_id")
        if session and SESSION.fullmatch(session):
            self._session = session

    def _deny(self, event: Json) -> None:
        if tool := word(event, "tool_name"):
            self._denied[tool] = None
            asked = below(event, "tool_input")
            aim = word(asked, "command") or word(asked, "file_path") or word(asked, "url")
            if aim:
                self._wanted[f"{tool}: {aim[:WANTED_CHARACTERS]}"] = None


class Spent:
    """Tokens and cost of this call alone, helpers included; None: not said."""

    def __init__(self) -> None:
        self.tokens_in: int | None = None
        self.tokens_cached: int | None = None
        self.tokens_out: int | None = None
        self.cost_usd: float | None = None

    def add(self, result: Json) -> None:
        """2.1.330 says what came since the last result; the totals of 2.1.197 begin with each process."""
        if isinstance(result.get("model_usage_since_last_result"), dict):
            tokens_in, cached, tokens_out, cost = _sum(below(result, "model_usage_since_last_result"))
            self.tokens_in = (self.tokens_in or 0) + tokens_in
            self.tokens_cached = (self.tokens_cached or 0) + cached
            self.tokens_out = (self.tokens_out or 0) + tokens_out
            self.cost_usd = (self.cost_usd or 0.0) + cost
        elif isinstance(result.get("modelUsage"), dict):
            self.tokens_in, self.tokens_cached, self.tokens_out, _ = _sum(below(result, "modelUsage"))
            self.cost_usd = number(result, "total_cost_usd")


class SoFar:
    """Tokens as the messages name them; a message comes in several events, each with all of it so far."""

    def __init__(self) -> None:
        self.tokens_in: int | None = None
        self.tokens_cached: int | None = None
        self.tokens_out: int | None = None
        self._by_message: dict[str, tuple[int, int, int]] = {}

    def add(self, message: Json) -> None:
        name, used = word(message, "id"), below(message, "usage")
        if name is None or not used:
            return
        read = count(used, "cache_read_input_tokens") or 0
        written = count(used, "cache_creation_input_tokens") or 0
        now = ((count(used, "input_tokens") or 0) + read + written, read, count(used, "output_tokens") or 0)
        before = self._by_message.get(name, (0, 0, 0))
        self._by_message[name] = now
        self.tokens_in = (self.tokens_in or 0) + now[0] - before[0]
        self.tokens_cached = (self.tokens_cached or 0) + now[1] - before[1]
        self.tokens_out = (self.tokens_out or 0) + now[2] - before[2]


def _sum(by_model: Json) -> tuple[int, int, int, float]:
    """Tokens in, of these from the cache, tokens out, USD."""
    tokens_in, cached, tokens_out, cost = 0.0, 0.0, 0.0, 0.0
    for model in by_model:
        used = below(by_model, model)
        for key in ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"):
            tokens_in += number(used, key) or 0
        cached += number(used, "cacheReadInputTokens") or 0
        tokens_out += number(used, "outputTokens") or 0
        cost += number(used, "costUSD") or 0
    return int(tokens_in), int(cached), int(tokens_out), cost
