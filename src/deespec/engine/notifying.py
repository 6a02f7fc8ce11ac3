"""Tells a person's own program what waits for them and how runs end: `[notify] command`, one JSON object a call.

A thread of its own reads what this worker has written to the journal and starts the program, one call after the other,
each bounded in time and killed with its session; nothing waits for it and no turn fails by it. An entry is told at most
once, by the worker whose transaction made it: one that is killed in that moment tells nothing of it. `deespec inbox` is
what counts.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from deespec.agents.secrets import is_foreign_secret
from deespec.clock import iso
from deespec.errors import DeespecError
from deespec.model.asking import NEEDS_WORDS
from deespec.model.ids import id_of, number_of
from deespec.model.lifecycle import Event, Status
from deespec.workspace.program import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.app import App
    from deespec.engine.bench import Outcome
    from deespec.model.items import JournalEntry
    from deespec.store.base import Transaction

SCHEMA = 1
TIMEOUT_S = 30.0
FLUSH_S = 30.0
"""At the end of a run, for all that is not told yet."""
FLUSH_NOW_S = 5.0
"""The same for a run that was stopped at once."""
QUIET_S = 2.0
"""So long the end of a run may be held up without a word."""
QUEUE_MOST = 100
"""Events that wait to be told; of more the oldest are left out."""
TEXT_CHARACTERS = 4_000
STOPS = (Event.NEEDS_PERSON, Event.LIMIT_REACHED, Event.REJECTED)
EVENTS = (*STOPS, "agent_paused", "notice")
Told = dict[str, object]

log = logging.getLogger(__name__)


class Notifier:
    """One for each worker. `tell` hears once that the program does not work."""

    def __init__(self, app: App, *, actor: str, tell: Callable[[str], None]) -> None:
        self.app = app
        self.actor = actor
        self._tell = tell
        self._argv = app.settings.notify
        self._after = 0
        self._heard: deque[tuple[str, int | None]] = deque(maxlen=QUEUE_MOST)
        """(item, turn that may have brought drafts), or (item, None) for one that was ended for a dead worker."""
        self._due: deque[Told] = deque(maxlen=QUEUE_MOST)
        self._last: Told | None = None
        self._wake = threading.Event()
        self._over = threading.Event()
        self._until_ms: int | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._live, name="notify", daemon=True)

    def start(self) -> None:
        if self._argv:
            with self.app.store.read() as tx:
                self._after = tx.journal_end()
            self._thread.start()

    def look(self) -> None:
        """Something of this worker's may be in the journal."""
        self._wake.set()

    def heard(self, outcome: Outcome) -> None:
        """A turn has ended."""
        if outcome.turn is not None:
            self._heard.append((outcome.claim.sbi.id, outcome.turn.number))
        self._wake.set()

    def buried(self, number: int) -> None:
        """This worker has ended a claim of a dead one, and the item with it."""
        self._heard.append((id_of(number), None))
        self._wake.set()

    def finish(self, last: Told, *, at_once: bool) -> None:
        """Tells what is left and at last this, within a bounded time."""
        if not self._thread.is_alive():
            return
        self._last = last
        flush_s = FLUSH_NOW_S if at_once else FLUSH_S
        self._until_ms = self.app.clock.waking_ms() + round(flush_s * 1000)
        self._over.set()
        self._wake.set()
        self._thread.join(QUIET_S)
        if self._thread.is_alive():
            self._tell(f"waiting for notify.command (at most {flush_s:.3g} s)")
        self._thread.join(flush_s + 1 - QUIET_S)

    # --- the thread ---

    def _live(self) -> None:
        try:
            while not self._over.is_set():
                self._wake.wait()
                self._wake.clear()
                self._collect()
                while self._due:
                    self._call(self._due.popleft())
                    self._collect()
            self._collect()
            for one in (*self._due, *([self._last] if self._last else [])):
                self._call(one)
        except Exception as error:  # noqa: BLE001 - what is to be told waits in the inbox; the work goes on
            self._complain(str(error))
        finally:
            self.app.store.close()

    def _collect(self) -> None:
        """Puts into words what has come since the last look."""
        with self.app.store.read() as tx:
            entries = tx.journal_of(self.actor, EVENTS, after=self._after)
            for entry in entries:
                self._due.extend(_of_entry(tx, entry))
                self._after = entry.seq
            while self._heard:
                item, turn = self._heard.popleft()
                self._due.extend(_stopped(tx, item) if turn is None else _drafts(tx, item, turn))

    def _call(self, told: Told) -> None:
        began = self.app.clock.waking_ms()

        def may_take_s() -> float:
            """The end of the run bounds a call that has begun before, too."""
            return TIMEOUT_S if self._until_ms is None else min(TIMEOUT_S, (self._until_ms - began) / 1000)

        if may_take_s() <= 0:
            log.info("not told", extra={"event": told["event"]})
            return
        settings = self.app.settings
        made = {"schema": SCHEMA, "home": str(settings.home), "worker": self.actor.removeprefix("worker "), **told}
        made.setdefault("at", iso(self.app.clock.now_ms()))
        env = {name: value for name, value in settings.child_env if not is_foreign_secret(name, None)}
        text = json.dumps(made, ensure_ascii=False).encode(errors="replace")
        try:
            code, out, err = run_program(self._argv, folder=settings.root, env=env, stdin=text, may_take_s=may_take_s)
        except DeespecError as error:
            self._complain(error.message.rstrip("."))
            return
        log.info("told", extra={"event": told["event"], "exit": code, "output": (out + err)[-TEXT_CHARACTERS:]})
        if code != 0:
            said = " ".join((err or out).split())[-200:]
            self._complain(f"{self._argv[0]} ended with {code}{f': {said}' if said else ''}")

    def _complain(self, why: str) -> None:
        log.info("notify failed", extra={"error": why})
        if not self._failed:
            self._failed = True
            self._tell(f"notify.command: {why}; nobody may hear what waits → deespec inbox")


# --- what is told ---------------------------------------------------------------------------------------------------


def told(event: str, title: str, *, at: int | None = None, **facts: object) -> Told:
    """One event with every key, null where it has nothing to say."""
    values: Told = dict.fromkeys(("item", "turn", "draft", "agent", "notice", "reason", "question", "remedy", "run"))
    shown = {name: value[:TEXT_CHARACTERS] if isinstance(value, str) else value for name, value in facts.items()}
    return {"event": event, "title": title, **({} if at is None else {"at": iso(at)}), **values, **shown}


def _of_entry(tx: Transaction, entry: JournalEntry) -> Iterator[Told]:
    if entry.event in STOPS and entry.item is not None:
        yield from _stopped(tx, entry.item, at=entry.at)
    elif entry.event == "agent_paused":
        yield from _paused(tx, entry)
    elif entry.event == "notice":
        for one in tx.notices():
            if one.name == entry.detail:
                title = one.name.replace("_", " ")
                yield told("notice", title, at=entry.at, notice=one.name, question=one.text, remedy=one.remedy)


def _stopped(tx: Transaction, item: str, *, at: int | None = None) -> Iterator[Told]:
    """An item that waits for a person, if it still does."""
    number = number_of(item)
    if not tx.is_there(number) or not (sbi := tx.sbi(number)).stopped or sbi.resume:
        return
    again = f"deespec pbi decompose {sbi.id}" if sbi.decomposes else f"deespec sbi retry {sbi.id}"
    facts = {"item": sbi.id, "turn": sbi.turn, "reason": sbi.reason, "question": sbi.question}
    if sbi.status is Status.FAILED:
        show = f"deespec {'pbi' if sbi.decomposes else 'sbi'} show {sbi.id}"
        remedy = f"{show}, then {again}"
        yield told("failed", sbi.title, at=at, **facts, remedy=remedy)
    else:
        remedy = f'deespec answer {sbi.id} "…"' if sbi.reason in NEEDS_WORDS else again
        yield told("parked", sbi.title, at=at, **facts, remedy=remedy)


def _paused(tx: Transaction, entry: JournalEntry) -> Iterator[Told]:
    """An agent that goes on only when a person says so; one that waits for a time needs nobody."""
    for one in tx.pauses():
        if one.agent == entry.agent and one.until_at is None:
            facts = {"agent": one.agent, "reason": one.reason, "question": one.message}
            remedy = f"deespec agent resume {one.agent}"
            yield told("agent_paused", f"agent {one.agent} is paused", at=entry.at, **facts, remedy=remedy)
            return


def _drafts(tx: Transaction, item: str, turn: int) -> Iterator[Told]:
    """What a review has found elsewhere, one by one; what a decomposition suggests belongs together."""
    if number_of(item) < 0:
        yield from _suggested(tx, item, turn)
        return
    for one in tx.drafts(item):
        if one.turn == turn:
            remedy = f"deespec approve {one.id}, or deespec reject {one.id}"
            facts = {"item": item, "turn": turn, "draft": one.id, "agent": one.agent, "question": one.spec}
            yield told("draft", one.title, at=one.created_at, **facts, remedy=remedy)


def _suggested(tx: Transaction, item: str, turn: int) -> Iterator[Told]:
    found = [one for one in tx.drafts(item) if one.turn == turn]
    if found:
        title = f"{len(found)} draft{'s' if len(found) > 1 else ''} of {item} to decide"
        facts = {"item": item, "turn": turn, "agent": found[0].agent, "question": "\n".join(one.title for one in found)}
        yield told("drafts", title, at=found[0].created_at, **facts, remedy=f"deespec pbi drafts {item}")
