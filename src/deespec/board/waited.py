"""What items have waited for, and how long, by the journal.

One pass over it in the order of time keeps for every item what bars it, and for all of them together how long there
was no worker, how long all slots were taken, and how long each account was paused. So each moment in which an item was
not worked on is counted once, for the first of these that held:

person        it was PARKED or FAILED, until somebody retried, answered, reset or cancelled it
held          from `held` to `unheld`
needs         it was to enter work, and one of the needs that it has now was not DONE
paths         from the first time that a claim refused it for its paths to its entry, as that entry says
again         it was given back until a time that the entry names: the back-off after a failed try, a pull request
no_worker     no worker was running
agent_paused  the account of the agent that took it then was paused, as far as the entries say until when
slot          all slots of all workers were taken
merge_queue   it was to be merged, and something else kept the queue
agent_limit   none of these, and the agent that took it then has a limit by the settings of now
other         none of these: no worker was told to do it, or a budget was used up, which the journal does not say

Entries of a version that did not say so yet name no slots, no ends of pauses and back-offs, and no paths: a worker
counts as one slot then, a pause lasts until `agent_resumed`, and the rest falls to what is left.
"""

from __future__ import annotations

import re
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING

from deespec.board.entries import slots_of
from deespec.clock import ms_of
from deespec.model.lifecycle import ENDED, STOPPED, Event, Status
from deespec.model.wanted import MERGE_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from deespec.store.figures import Happened, OpenItem

GLANCE_MS = 1_000
"""A shorter rest between two steps is the worker's own time, and nobody's waiting."""
BEGINS = frozenset(map(str, (Event.CLAIMED, Event.RESUMED)))
GOES_ON = frozenset(("retried", "answer"))
_STOPPED = frozenset(map(str, STOPPED))
_ENDED = frozenset(map(str, ENDED))
_ENTERS = frozenset((str(Status.PENDING), *_STOPPED))
_DONE, _RELEASED, _UNDONE = str(Status.DONE), str(Event.RELEASED), str(Event.UNDONE)
"""As plain text: the journal has hundreds of thousands of them."""
_UNTIL = re.compile(r"(?:^| )until (\S+Z)$")
_PATHS = re.compile(r"^paths since (\S+Z)$")


class Cause(StrEnum):
    PERSON = "person"
    HELD = "held"
    NEEDS = "needs"
    PATHS = "paths"
    AGAIN = "again"
    NO_WORKER = "no_worker"
    AGENT_PAUSED = "agent_paused"
    SLOT = "slot"
    MERGE_QUEUE = "merge_queue"
    AGENT_LIMIT = "agent_limit"
    OTHER = "other"


def waited(
    happened: Sequence[Happened],
    *,
    open_items: Mapping[int, OpenItem],
    needed_by: Iterable[tuple[int, int]],
    since: int,
    now: int,
    account: Callable[[str], str],
    limited: Callable[[str], bool],
    agent_of: Callable[[OpenItem], str],
) -> dict[Cause, int]:
    """Ms of waiting by cause, of all items together, from `since` to `now`.

    `account` says whose quota an agent uses, `limited` whether it has a limit, `agent_of` who is to take an open item.
    """
    sweep = _Sweep(
        needed_by,
        held=_held_from_the_start(happened, open_items),
        takers=_takers(happened),
        next_takers={number: agent_of(item) for number, item in open_items.items()},
        account=account,
        limited=limited,
    )
    for entry in _in_order(happened, open_items, since=since, now=now):
        sweep.take(entry)
    sweep.end(now)
    return {cause: ms for cause in Cause if (ms := sweep.waited[cause])}


def _in_order(
    happened: Sequence[Happened], open_items: Mapping[int, OpenItem], *, since: int, now: int
) -> list[Happened]:
    """The entries, and between them the moments that entries speak of. A clock that was set back does not turn time."""
    entries: list[Happened] = []
    moments: list[Happened] = [(min(since, now), "since", None, None, None, None, None)]
    latest = 0
    for entry in happened:
        at, event, sbi, _, agent, _, detail = entry
        entries.append(entry if at >= latest else (latest, *entry[1:]))
        latest = max(latest, at)
        if detail is None:
            continue
        if event in BEGINS and (found := _PATHS.search(detail)):
            moments.append((ms_of(found[1]), "refused", sbi, None, None, None, None))
        elif found := _UNTIL.search(detail):
            moments.append((ms_of(found[1]), "over", sbi, None, agent, None, None))
    for number, item in open_items.items():
        if item.refused_at is not None:
            moments.append((item.refused_at, "refused", number, None, None, None, None))
    entries += (moment for moment in moments if moment[0] <= now)
    entries.sort(key=itemgetter(0))
    return entries


class _Item:
    """What bars one item now, since when, and how the clocks of all stood then."""

    # fmt: off
    __slots__ = (
        "again", "begins", "held", "last", "marks", "paths", "person", "since", "status", "taker", "takers", "unmet",
        "working",
    )
    # fmt: on

    def __init__(self, *, held: bool, unmet: set[int] | None, takers: Iterator[str], last: str) -> None:
        self.status = ""
        self.working = self.person = self.paths = False
        self.begins = True
        """It is to enter work: needs and paths matter."""
        self.held = held
        self.unmet = unmet
        """None: it needs nothing."""
        self.takers = takers
        self.last = last
        """Who is to take it after all who did."""
        self.taker = next(takers, last)
        """Who takes it next."""
        self.again: int | None = None
        self.since = 0
        self.marks: _Marks = (0, 0, _NO_MS, _NO_MS)

    def bar(self) -> Cause | None:
        if self.person:
            return Cause.PERSON
        if self.held:
            return Cause.HELD
        if self.begins and self.unmet:
            return Cause.NEEDS
        if self.begins and self.paths:
            return Cause.PATHS
        return None if self.again is None else Cause.AGAIN


_Marks = tuple[int, int, dict[str, int], dict[str, int]]
"""Ms without a worker, with all slots taken, with an account paused, and with both, since the journal began."""
_NO_MS: dict[str, int] = {}
_NOBODY: Iterator[str] = iter(())
"""One for all items that have none: there are tens of thousands of them."""


class _Sweep:
    def __init__(
        self,
        needed_by: Iterable[tuple[int, int]],
        *,
        held: set[int],
        takers: Mapping[int, Sequence[str]],
        next_takers: Mapping[int, str],
        account: Callable[[str], str],
        limited: Callable[[str], bool],
    ) -> None:
        self.waited = dict.fromkeys(Cause, 0)
        self._account = account
        self._limited = limited
        self._at = 0
        self._items: dict[int, _Item] = {}
        self._needs: dict[int, set[int]] = {}
        self._needed_by: dict[int, list[int]] = {}
        for need, sbi in needed_by:
            self._needs.setdefault(sbi, set()).add(need)
            self._needed_by.setdefault(need, []).append(sbi)
        self._done: set[int] = set()
        self._held_first = held
        self._takers = takers
        self._next_takers = next_takers
        self._slots: dict[str, int] = {}
        self._all_slots = 0
        self._running = 0
        self._paused: dict[str, int | None] = {}
        self._no_worker = self._full = 0
        self._paused_ms: dict[str, int] = {}
        self._both_ms: dict[str, int] = {}

    def take(self, entry: Happened) -> None:
        at, event, sbi, to_status, agent, worker, detail = entry
        self._pass(at)
        if sbi is not None:
            self._take_item(sbi, event, to_status, detail)
        elif event == "since":
            self._begin_to_count()
        elif worker is not None and event == "worker_started":
            self._slots[worker] = slots_of(detail) or 1
            self._all_slots = sum(self._slots.values())
        elif worker is not None:
            self._slots.pop(worker, None)
            self._all_slots = sum(self._slots.values())
        elif agent is not None:
            self._take_pause(self._account(agent), event, detail)

    def end(self, now: int) -> None:
        """Counts what still waits."""
        self._pass(now)
        for item in self._items.values():
            self._count(item)

    # --- one entry ---

    def _take_item(self, sbi: int, event: str, to_status: str | None, detail: str | None) -> None:
        item = self._items.get(sbi)
        if item is None:
            item = self._items[sbi] = self._first_seen(sbi)
        else:
            self._count(item)
        if to_status is not None or event in BEGINS:
            self._move(item, event, to_status, detail)
            if sbi in self._needed_by:
                self._follow(sbi, to_status)
        elif event == "refused":
            item.paths = True
        elif event == "over":
            item.again = None if item.again is not None and item.again <= self._at else item.again
        elif event == "revoked":
            self._move(item, event, None, None)
        elif event == "deleted":
            item.status = str(Status.CANCELLED)
        else:
            item.held = event == "held"
        self._open(item)

    def _first_seen(self, sbi: int) -> _Item:
        needs = self._needs.get(sbi)
        return _Item(
            held=sbi in self._held_first,
            unmet=None if needs is None else needs - self._done,
            takers=iter(self._takers[sbi]) if sbi in self._takers else _NOBODY,
            last=self._next_takers.get(sbi, ""),
        )

    def _move(self, item: _Item, event: str, to_status: str | None, detail: str | None) -> None:
        if item.working:
            self._running -= 1
        item.status = status = to_status or item.status
        item.again = None
        item.paths = False
        item.person = status in _STOPPED and event not in GOES_ON
        item.begins = status in _ENTERS
        item.working = event in BEGINS
        if item.working:
            self._running += 1
            item.taker = next(item.takers, item.last)
        elif event == _RELEASED and (found := _UNTIL.search(detail or "")):
            item.again = ms_of(found[1])
        elif event == _UNDONE:
            item.held = True

    def _follow(self, sbi: int, to_status: str | None) -> None:
        """Whoever needs this item is free, or is not any more."""
        if to_status is None or (to_status == _DONE) == (sbi in self._done):
            return
        if to_status == _DONE:
            self._done.add(sbi)
        else:
            self._done.discard(sbi)
        for number in self._needed_by.get(sbi, ()):
            waiting = self._items.get(number)
            if waiting is None or waiting.unmet is None:
                continue
            self._count(waiting)
            (waiting.unmet.discard if to_status == _DONE else waiting.unmet.add)(sbi)
            self._open(waiting)

    def _take_pause(self, account: str, event: str, detail: str | None) -> None:
        if event == "agent_paused":
            found = _UNTIL.search(detail or "")
            self._paused[account] = ms_of(found[1]) if found else None
        elif event == "agent_resumed":
            self._paused.pop(account, None)
        elif (until := self._paused.get(account)) is not None and until <= self._at:
            del self._paused[account]

    def _begin_to_count(self) -> None:
        for item in self._items.values():
            self._open(item)
        self.waited = dict.fromkeys(Cause, 0)

    # --- the clocks ---

    def _pass(self, at: int) -> None:
        took = at - self._at
        self._at = at
        if took == 0:
            return
        if not self._slots:
            self._no_worker += took
            return
        full = self._running >= self._all_slots
        if full:
            self._full += took
        for account in self._paused:
            self._paused_ms[account] = self._paused_ms.get(account, 0) + took
            self._both_ms[account] = self._both_ms.get(account, 0) + (took if full else 0)

    def _open(self, item: _Item) -> None:
        item.since = self._at
        if self._paused_ms:
            item.marks = self._no_worker, self._full, dict(self._paused_ms), dict(self._both_ms)
        else:
            item.marks = self._no_worker, self._full, _NO_MS, _NO_MS

    def _count(self, item: _Item) -> None:
        """What it has waited since it was looked at last."""
        took = self._at - item.since
        if took == 0 or item.working or item.status in _ENDED:
            return
        cause = item.bar()
        if cause is not None:
            self.waited[cause] += took
            return
        account = self._account(item.taker)
        no_worker, full, paused_ms, both_ms = item.marks
        none = self._no_worker - no_worker
        paused = self._paused_ms.get(account, 0) - paused_ms.get(account, 0)
        taken = self._full - full - (self._both_ms.get(account, 0) - both_ms.get(account, 0))
        self.waited[Cause.NO_WORKER] += none
        self.waited[Cause.AGENT_PAUSED] += paused
        self.waited[Cause.SLOT] += taken
        rest = took - none - paused - taken
        if rest >= GLANCE_MS:
            self.waited[self._rest(item.taker)] += rest

    def _rest(self, taker: str) -> Cause:
        if taker == MERGE_QUEUE:
            return Cause.MERGE_QUEUE
        return Cause.AGENT_LIMIT if self._limited(taker) else Cause.OTHER


def _held_from_the_start(happened: Sequence[Happened], open_items: Mapping[int, OpenItem]) -> set[int]:
    """Those that were registered with a hold: of these the journal has only the end."""
    first: dict[int, str] = {}
    for entry in happened:
        if entry[1] in ("held", "unheld", _UNDONE) and entry[2] is not None:
            first.setdefault(entry[2], entry[1])
    still = {number for number, item in open_items.items() if item.held and number not in first}
    return still | {number for number, event in first.items() if event == "unheld"}


def _takers(happened: Sequence[Happened]) -> dict[int, list[str]]:
    """Who took each item, in order."""
    found: dict[int, list[str]] = {}
    for entry in happened:
        if entry[1] in BEGINS and entry[2] is not None:
            found.setdefault(entry[2], []).append(entry[4] or "")
    return found
