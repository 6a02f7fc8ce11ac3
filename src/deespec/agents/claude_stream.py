"""What Claude Code prints (stream-json), as facts. Pure; no line, however broken, makes it fail.

The facts come from runs of Claude Code 2.1.197 and 2.1.330, kept in tests/agents/recorded/claude. Three of them shape
this file. A `result` event need not be the last one: if something still runs in the background, the client goes on when
that ends, and prints another. An API's error comes as a `result` with subtype "success" and is_error true. And 2.1.330
counts cost and tokens on over resumed sessions, so that only `model_usage_since_last_result` says what this call cost.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from deespec.agents.base import Usage
from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.model.reports import DECISIONS, KINDS, accepts
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, object]

RESET_MS = (1_000_000_000_000, 10_000_000_000_000)
"""Reset times from 2001 to 2286: anything else is no time in seconds."""
NUMBER_MOST = 10**15
"""More than any count, cost or time in seconds can be."""
SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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
        self._model: str | None = None
        self._spent = Spent()
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
        event = _parse(line)
        kind = _word(event, "type")
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
            usage=Usage(
                model=self._model,
                tokens_in=self._spent.tokens_in,
                tokens_out=self._spent.tokens_out,
                cost_usd=self._spent.cost_usd,
            ),
            answer=self._answer,
            result=self._result,
        )

    def _take_system(self, event: Json) -> None:
        match _word(event, "subtype"):
            case "init":
                self._began = True
                self._model = self._model or _word(event, "model")
                self._take_session(event)
            case "permission_denied":
                self._deny(event)
            case "background_tasks_changed":
                self._in_background = bool(event.get("tasks"))

    def _take_message(self, event: Json) -> None:
        if event.get("parent_tool_use_id") is not None:
            return  # a helper's: its errors are told to the agent, who may get on without it
        self._error = _word(event, "error")
        model = _word(_object(event, "message"), "model")
        if model != SYNTHETIC:
            self._model = model or self._model

    def _take_limit(self, event: Json) -> None:
        """Also comes as a warning, and when a limit is over: the last one counts."""
        info = _object(event, "rate_limit_info")
        self._limited = _word(info, "status") == "rejected"
        seconds = _number(info, "resetsAt") or 0
        reset_at = int(seconds * 1000)
        self._reset_at = reset_at if self._limited and RESET_MS[0] < reset_at < RESET_MS[1] else None

    def _take_result(self, event: Json) -> None:
        self._take_session(event)
        for denial in _objects(event, "permission_denials"):
            self._deny(denial)
        self._spent.add(event)
        answer = answer_of(self._step, event.get("structured_output"))
        self._answer = answer or self._answer
        errors = [clean(text) for text in _list(event, "errors") if isinstance(text, str)]
        said = answer.text if answer else (_word(event, "result") or "")
        self._text = said.strip() or self._text
        failed = event.get("is_error") is not False or _word(event, "subtype") != "success"
        status = _number(event, "api_error_status")
        self._result = Result(
            failed=failed,
            text=("\n".join(errors) or said.strip()) if failed else self._text,
            subtype=_word(event, "subtype"),
            terminal=_word(event, "terminal_reason"),
            status=None if status is None else int(status),
            cause=_word(event, "api_error"),
        )

    def _take_session(self, event: Json) -> None:
        session = _word(event, "session_id")
        if session and SESSION.fullmatch(session):
            self._session = session

    def _deny(self, event: Json) -> None:
        if tool := _word(event, "tool_name"):
            self._denied[tool] = None


class Spent:
    """Tokens and cost of this call alone, helpers included; None: not said."""

    def __init__(self) -> None:
        self.tokens_in: int | None = None
        self.tokens_out: int | None = None
        self.cost_usd: float | None = None

    def add(self, result: Json) -> None:
        """2.1.330 says what came since the last result; the totals of 2.1.197 begin with each process."""
        if isinstance(result.get("model_usage_since_last_result"), dict):
            tokens_in, tokens_out, cost = _sum(_object(result, "model_usage_since_last_result"))
            self.tokens_in = (self.tokens_in or 0) + tokens_in
            self.tokens_out = (self.tokens_out or 0) + tokens_out
            self.cost_usd = (self.cost_usd or 0.0) + cost
        elif isinstance(result.get("modelUsage"), dict):
            self.tokens_in, self.tokens_out, _ = _sum(_object(result, "modelUsage"))
            self.cost_usd = _number(result, "total_cost_usd")


def _sum(by_model: Json) -> tuple[int, int, float]:
    tokens_in, tokens_out, cost = 0.0, 0.0, 0.0
    for model in by_model:
        used = _object(by_model, model)
        for key in ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"):
            tokens_in += _number(used, key) or 0
        tokens_out += _number(used, "outputTokens") or 0
        cost += _number(used, "costUSD") or 0
    return int(tokens_in), int(tokens_out), cost


def schema_of(step: Step) -> str | None:
    """The JSON Schema of a step's structured answer; None: the step has none."""
    if step not in KINDS:
        return None
    field, words = _choice(step)
    properties = {field: {"type": "string", "enum": words}, "report": {"type": "string", "minLength": 1}}
    return json.dumps({"type": "object", "properties": properties, "required": [field, "report"]})


def answer_of(step: Step, found: object) -> Answer | None:
    """The answer in a structured output, if it is one. The client has checked it, but it is not ours."""
    if step not in KINDS or not isinstance(found, dict):
        return None
    word, report = _word(found, _choice(step)[0]), _word(found, "report")
    if word is None or report is None:
        return None
    if step is Step.REVIEW:
        answer = Answer(kind="review", decision=word, text=report, source="structured")
    else:
        answer = Answer(kind=word, text=report, source="structured")
    return answer if accepts(step, answer) is None else None


def _choice(step: Step) -> tuple[str, tuple[str, ...]]:
    """What a structured answer has to name, and the words for it."""
    return ("decision", DECISIONS) if step is Step.REVIEW else ("type", KINDS[step])


# --- reading what is not ours -----------------------------------------------------------------------------------------


def _parse(line: bytes) -> Json:
    """A line that is no JSON object says nothing: clients print warnings among their events."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def clean(text: str) -> str:
    """Without half characters and NUL, which a database refuses."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _word(event: Json, key: str) -> str | None:
    found = event.get(key)
    return clean(found) if isinstance(found, str) else None


def _number(event: Json, key: str) -> float | None:
    """Only what can be counted with: JSON allows NaN and 1e308, and Python takes true for 1."""
    found = event.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return found if 0 <= found < NUMBER_MOST else None


def _list(event: Json, key: str) -> list[object]:
    found = event.get(key)
    return found if isinstance(found, list) else []


def _object(event: Json, key: str) -> Json:
    found = event.get(key)
    return found if isinstance(found, dict) else {}


def _objects(event: Json, key: str) -> Iterator[Json]:
    return (found for found in _list(event, key) if isinstance(found, dict))
