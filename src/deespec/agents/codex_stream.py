"""What Codex prints (exec --json), as facts. Pure; no line, however broken, makes it fail.

The facts come from runs of Codex 0.169.0, kept in tests/agents/recorded/codex. An `error` event is not the end: while
the client tries again, it prints one for each try; and an item of type error is a remark. The stream says what a turn
has used only when it has succeeded. What the client notes meanwhile in its rollout file says it after each answer of
the model, when a limit of the account's plan ends, and of each turn by which model; the stream never names that. Stream
and file count from the beginning of the thread.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.reading import Json, below, count, number, parse, time_ms, word
from deespec.agents.structured import answer_of
from deespec.model.money import Usage
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.model.items import Answer
    from deespec.model.lifecycle import Step

SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WORDS = frozenset(("agent_message", "error", "reasoning", "todo_list"))
"""Items that change nothing outside the session."""
NOTES = (b'"token_count"', b'"turn_context"')
FULL_PERCENT = 100.0
WINDOWS = ("primary", "secondary", "individual_limit")


@record
class Heard:
    """What a stream has said so far."""

    session: str | None
    acted: bool
    """It has done something with its tools."""
    ended: bool
    """The turn has ended well."""
    failure: str | None
    """Why the turn has failed, in the client's words."""
    trouble: str | None
    """The last event was this error: the client is trying again, or waiting."""
    reset_at: int | None
    """When the fullest limit of the plan ends, if one is used up."""
    denied: tuple[str, ...]
    usage: Usage
    """Since the thread began."""
    answer: Answer | None
    text: str


class Stream:
    """Takes the lines of one run, in order."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._session: str | None = None
        self._acted = False
        self._ended = False
        self._failure: str | None = None
        self._trouble: str | None = None
        self._reset_at: int | None = None
        self._denied: dict[str, None] = {}
        self._usage = Usage()
        self._model: str | None = None
        self._text = ""
        self._takers: dict[str | None, Callable[[Json], None]] = {
            "thread.started": self._take_thread,
            "item.started": self._take_item,
            "item.completed": self._take_item,
            "turn.started": self._take_turn,
            "turn.completed": self._take_end,
            "turn.failed": self._take_failure,
            "error": self._take_error,
        }

    def feed(self, line: bytes) -> bool:
        """Takes one line. True: it was the last event, the client has nothing more to do."""
        event = parse(line)
        kind = word(event, "type")
        if kind is not None:
            self._trouble = None
        taker = self._takers.get(kind)
        if taker is not None:
            taker(event)
        return kind in ("turn.completed", "turn.failed")

    def feed_note(self, line: bytes) -> None:
        """Takes one line of the rollout file."""
        if not any(kind in line for kind in NOTES):
            return
        entry = parse(line)
        note = below(entry, "payload")
        if word(entry, "type") == "turn_context":
            self._model = word(note, "model") or self._model
        elif word(note, "type") == "token_count":
            self._usage = _usage(below(note, "info", "total_token_usage")) or self._usage
            self._reset_at = _reset_at(below(note, "rate_limits"))

    def heard(self) -> Heard:
        answer = answer_of(self._step, self._text)
        return Heard(
            session=self._session,
            acted=self._acted,
            ended=self._ended,
            failure=self._failure,
            trouble=self._trouble,
            reset_at=self._reset_at,
            denied=tuple(self._denied),
            usage=self.usage,
            answer=answer,
            text=answer.text if answer else self._text,
        )

    @property
    def session(self) -> str | None:
        return self._session

    @property
    def usage(self) -> Usage:
        return replace(self._usage, model=self._model)

    def _take_thread(self, event: Json) -> None:
        session = word(event, "thread_id")
        if session and SESSION.fullmatch(session):
            self._session = session

    def _take_turn(self, _: Json) -> None:
        self._ended, self._failure = False, None

    def _take_item(self, event: Json) -> None:
        item = below(event, "item")
        kind = word(item, "type")
        if kind == "agent_message":
            self._text = (word(item, "text") or "").strip() or self._text
        if kind is not None and kind not in WORDS:
            self._acted = True
            if word(item, "status") == "declined":
                self._denied[kind] = None

    def _take_end(self, event: Json) -> None:
        self._ended, self._failure = True, None
        self._usage = _usage(below(event, "usage")) or self._usage

    def _take_failure(self, event: Json) -> None:
        self._ended, self._failure = False, word(below(event, "error"), "message") or "The turn failed."

    def _take_error(self, event: Json) -> None:
        self._trouble = word(event, "message")


def _usage(used: Json) -> Usage | None:
    """Input tokens include those from the cache, output tokens those of reasoning."""
    tokens_in, tokens_out = count(used, "input_tokens"), count(used, "output_tokens")
    if tokens_in is None and tokens_out is None:
        return None
    return Usage(tokens_in=tokens_in, tokens_cached=count(used, "cached_input_tokens"), tokens_out=tokens_out)


def _reset_at(limits: Json) -> int | None:
    """When the last of the used-up windows begins anew."""
    windows = [below(limits, name) for name in WINDOWS]
    full = (one for one in windows if (number(one, "used_percent") or 0) >= FULL_PERCENT)
    return max((end for end in (time_ms(number(one, "resets_at")) for one in full) if end is not None), default=None)
