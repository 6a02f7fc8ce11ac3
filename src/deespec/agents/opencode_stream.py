"""What opencode prints (`run --format json`, and its log on stderr), as facts. Pure; no line makes it fail.

The facts come from runs of opencode 1.18.33, kept in tests/agents/recorded/opencode. No event says that it is done: a
step ends with the reason `stop`, and then the program ends. An error event need not be the last: a conversation that
has outgrown its model is summed up and goes on, which looks like a finished step of its own. What it waits out (a
limit, an overloaded server) it tells nobody but its log.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.agents.reading import below, clean, count, number, parse, word
from deespec.model.money import Usage, since, together
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.agents.reading import Json

SESSION = re.compile(r"ses_[0-9A-Za-z]{8,64}")
OVERFLOW = "ContextOverflowError"
REFUSED = ("The user rejected permission", "The user has specified a rule which prevents")
"""How a tool's error begins when its permission was not given."""
ASKED = re.compile(r"permission requested: (?P<what>.{1,2000}); auto-rejecting\s*$")
TROUBLE = re.compile(r'message="stream error".* small=false .*error\.error="(?P<what>(?:[^"\\]|\\.)*)')
WANTED_MOST = 50


@record
class Fault:
    """An error event."""

    at_ms: int | None
    name: str
    message: str
    status: int | None
    """HTTP status of the API's error."""
    headers: tuple[tuple[str, str], ...]
    """Of the API's answer, names in small letters."""
    body: str
    cause: str
    """The system's word for a lost connection."""


@record
class Heard:
    """What a run has said so far."""

    session: str | None
    fault: Fault | None
    finished: bool
    """Its last step ended with nothing left to do."""
    overflows: int
    """How often its conversation was too long for the model."""
    trouble: str | None
    """What the API refused its last request with, by its log; it may try again."""
    denied: tuple[str, ...]
    wanted: tuple[str, ...]
    """What it asked leave for and did not get, in its words."""
    usage: Usage
    text: str


class Stream:
    """Takes the lines of one run, in order."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._fault: Fault | None = None
        self._finished = False
        self._overflows = 0
        self._trouble: str | None = None
        self._denied: dict[str, None] = {}
        self._wanted: dict[str, None] = {}
        self._texts: dict[str, str] = {}
        self._steps: dict[str, Usage] = {}
        self._used = Usage()
        """Their sum."""
        self._takers: dict[str | None, Callable[[Json], None]] = {
            "step_start": self._take_start,
            "text": self._take_text,
            "tool_use": self._take_tool,
            "step_finish": self._take_finish,
            "error": self._take_error,
        }

    def feed(self, line: bytes) -> bool:
        """Takes a line of stdout. It is never known to be the last."""
        event = parse(line)
        taker = self._takers.get(word(event, "type"))
        if taker is not None:
            self._trouble = None
            session = word(event, "sessionID")
            if session and SESSION.fullmatch(session):
                self._session = session
            taker(event)
        return False

    def feed_log(self, line: bytes) -> None:
        """Takes a line of stderr."""
        text = clean(line.decode(errors="replace"))
        if asked := ASKED.search(text):
            if len(self._wanted) < WANTED_MOST:
                self._wanted[asked["what"]] = None
        elif trouble := TROUBLE.search(text):
            self._trouble = trouble["what"]

    @property
    def trouble(self) -> str | None:
        return self._trouble

    @property
    def overflows(self) -> int:
        return self._overflows

    def usage(self) -> Usage:
        """Of the steps that have ended; the call that finds a title for the session is not told."""
        # It counts with 0 for models that it has no price of, so that 0 is not known to be one.
        return replace(self._used, cost_usd=self._used.cost_usd or None)

    def heard(self) -> Heard:
        return Heard(
            session=self._session,
            fault=self._fault,
            finished=self._finished,
            overflows=self._overflows,
            trouble=self._trouble,
            denied=tuple(self._denied),
            wanted=tuple(self._wanted),
            usage=self.usage(),
            text="\n\n".join(text for text in self._texts.values() if text),
        )

    def _take_start(self, _: Json) -> None:
        self._finished = False

    def _take_text(self, event: Json) -> None:
        part = below(event, "part")
        if part.get("synthetic") is True:
            self._go_on(part)
        elif (text := word(part, "text")) is not None:
            self._texts[word(part, "id") or str(len(self._texts))] = text.strip()

    def _go_on(self, part: Json) -> None:
        """What the client says to the model itself. After it has summed up, all before is over."""
        if below(part, "metadata").get("compaction_continue") is True:
            self._texts.clear()
            self._finished = False
            if self._fault is not None and self._fault.name == OVERFLOW:
                self._fault = None

    def _take_tool(self, event: Json) -> None:
        part = below(event, "part")
        state = below(part, "state")
        self._texts.clear()
        self._finished = False
        if word(state, "status") == "error" and (word(state, "error") or "").startswith(REFUSED):
            self._denied[word(part, "tool") or "tool"] = None

    def _take_finish(self, event: Json) -> None:
        part = below(event, "part")
        key, used = word(part, "id") or str(len(self._steps)), _usage(part)
        before = self._steps.get(key, Usage())
        if used != before:
            cost_usd = (self._used.cost_usd or 0.0) - (before.cost_usd or 0.0) + (used.cost_usd or 0.0)
            self._used = replace(together(since(self._used, before), used), cost_usd=cost_usd)
            self._steps[key] = used
        self._finished = word(part, "reason") == "stop"

    def _take_error(self, event: Json) -> None:
        error = below(event, "error")
        data = below(error, "data")
        name = word(error, "name") or "error"
        self._finished = False
        self._texts.clear()
        self._overflows += name == OVERFLOW
        headers = below(data, "responseHeaders")
        self._fault = Fault(
            at_ms=count(event, "timestamp"),
            name=name,
            message=(word(data, "message") or name).strip(),
            status=count(data, "statusCode"),
            headers=tuple(sorted((clean(key).lower(), word(headers, key) or "") for key in headers)),
            body=word(data, "responseBody") or "",
            cause=word(below(data, "metadata"), "code") or "",
        )


def _usage(part: Json) -> Usage:
    """Input is counted without what came from the cache or went into it, output without reasoning where it says so."""
    tokens = below(part, "tokens")
    cache = below(tokens, "cache")
    cached = count(cache, "read") or 0
    tokens_in = (count(tokens, "input") or 0) + cached + (count(cache, "write") or 0)
    output = count(tokens, "output") or 0
    total = count(tokens, "total")
    tokens_out = output + (count(tokens, "reasoning") or 0) if total is None else max(output, total - tokens_in)
    return Usage(tokens_in=tokens_in, tokens_cached=cached, tokens_out=tokens_out, cost_usd=number(part, "cost"))
