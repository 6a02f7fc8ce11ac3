"""What Gemini CLI prints (-o stream-json), as facts. Pure; no line, however broken, makes it fail.

The facts come from runs of Gemini CLI 0.61.0, kept in tests/agents/recorded/gemini. Its exit code is 0 also when it was
ended by a signal, or has asked no model because the prompt is larger than the context; then there is no result, or no
token was used. It does not wait until all that it prints is taken: of a very short call with a very long prompt, which
it prints too, the result can be missing. What was used, it says in the result only; the file that it keeps of the
session has it after each answer of the model.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.output import LastWords
from deespec.agents.reading import Json, below, count, parse, word
from deespec.model.money import Usage, since, together
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
REFUSED = frozenset(("policy_violation", "tool_not_registered"))
"""`error.type` of tool results."""
REFUSED_WORDS = (
    "requires user confirmation",
    "denied by policy",
    "Blocked: command substitution detected",  # comes as a success
)


@record
class Result:
    """The `result` event."""

    failed: bool
    kind: str | None
    """The client's name for the error; mostly "unknown"."""
    message: str


@record
class Heard:
    """What a stream has said so far."""

    session: str | None
    began: bool
    acted: bool
    """It has used a tool."""
    awaits_model: bool
    """The next word is the model's, not a tool's."""
    denied: tuple[str, ...]
    usage: Usage
    """Of this call."""
    text: str
    result: Result | None


class Stream:
    """Takes the lines of one run, in order."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._began = False
        self._acted = False
        self._awaits_model = False
        self._denied: dict[str, None] = {}
        self._tools: dict[str, str] = {}
        """Names by the ids of calls."""
        self._model: str | None = None
        self._usage = Usage()
        self._noted: dict[str, Usage] = {}
        """By message of the session's file; one is noted again when its tools have ended."""
        self._noted_all = Usage()
        """Their sum."""
        self._words = LastWords()
        self._complaint = ""
        self._result: Result | None = None
        self._takers: dict[str | None, Callable[[Json], None]] = {
            "init": self._take_init,
            "message": self._take_message,
            "tool_use": self._take_use,
            "tool_result": self._take_tool_result,
            "error": self._take_error,
            "result": self._take_result,
        }

    def feed(self, line: bytes) -> bool:
        """Takes one line. True: it was the last event, the client has nothing more to do."""
        event = parse(line)
        kind = word(event, "type")
        taker = self._takers.get(kind)
        if taker is not None:
            taker(event)
        return kind == "result"

    def feed_note(self, line: bytes) -> None:
        """Takes one line of the session's file."""
        if b'"tokens"' not in line:
            return
        note = parse(line)
        used, key = below(note, "tokens"), word(note, "id")
        if word(note, "type") == "gemini" and key is not None and used:
            usage = Usage(
                tokens_in=count(used, "input") or 0,
                tokens_cached=count(used, "cached") or 0,
                tokens_out=(count(used, "output") or 0) + (count(used, "thoughts") or 0),
            )
            self._noted_all = together(since(self._noted_all, self._noted.get(key, Usage())), usage)
            self._noted[key] = usage

    def heard(self) -> Heard:
        return Heard(
            session=self._session,
            began=self._began,
            acted=self._acted,
            awaits_model=self._awaits_model,
            denied=tuple(self._denied),
            usage=self.usage,
            text="".join(self._words.messages()).strip(),
            result=self._result,
        )

    @property
    def session(self) -> str | None:
        return self._session

    @property
    def usage(self) -> Usage:
        """By the result; before there is one, by what was noted."""
        usage = self._noted_all if self._usage.tokens_in is None else self._usage
        return replace(usage, model=self._model)

    def _take_init(self, event: Json) -> None:
        self._began = self._awaits_model = True
        self._model = word(event, "model") or self._model
        session = word(event, "session_id")
        if session and SESSION.fullmatch(session):
            self._session = session

    def _take_message(self, event: Json) -> None:
        if word(event, "role") == "assistant":
            self._words.add(word(event, "content") or "")

    def _take_use(self, event: Json) -> None:
        self._acted, self._awaits_model = True, False
        tool, key = word(event, "tool_name"), word(event, "tool_id")
        if tool is not None and key is not None:
            self._tools[key] = tool

    def _take_tool_result(self, event: Json) -> None:
        self._awaits_model = True
        self._words.clear()
        error = below(event, "error")
        said = f"{word(event, 'output') or ''} {word(error, 'message') or ''}"
        if word(error, "type") in REFUSED or any(part in said for part in REFUSED_WORDS):
            self._denied[self._tools.get(word(event, "tool_id") or "", "tool")] = None

    def _take_error(self, event: Json) -> None:
        """What is wrong with the model's answer comes so, and the result does not say it. There are warnings, too."""
        if word(event, "severity") == "error":
            self._complaint = word(event, "message") or ""

    def _take_result(self, event: Json) -> None:
        error = below(event, "error")
        self._result = Result(
            failed=word(event, "status") != "success" or bool(self._complaint),
            kind=word(error, "type"),
            message=word(error, "message") or self._complaint,
        )
        stats = below(event, "stats")
        tokens_in, tokens_out = count(stats, "input_tokens"), count(stats, "output_tokens")
        if tokens_in is None or tokens_out is None:
            return
        # The total has what the model thought, which the output has not.
        thought = (count(stats, "total_tokens") or 0) - tokens_in - tokens_out
        self._usage = Usage(
            tokens_in=tokens_in, tokens_cached=count(stats, "cached"), tokens_out=tokens_out + max(0, thought)
        )
