"""Why an item does not start: every condition of choosing work, in words, with the remedy. One source for all views."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deespec.clock import local, midnight, next_midnight
from deespec.model.asking import NEEDS_WORDS, first_line
from deespec.model.budget import more_usd
from deespec.model.lifecycle import ENDED, Status
from deespec.model.money import usd
from deespec.model.selection import paths_conflict, paths_overlap
from deespec.model.wanted import WAIT_MOST_MS, Bar, Barred, Scope
from deespec.model.work import BROKEN_BASE, PULL_REQUEST, TARGET_TAKEN
from deespec.records import record
from deespec.store.alive import is_alive
from deespec.store.free_agents import FreeAgents, Money

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.app import App
    from deespec.model.items import AgentPause, Line, Worker
    from deespec.store.base import Transaction

"""Words that an item shows which is given back until later (engine/acted.py, Waits)."""


@record
class Waiting:
    """One condition that is not met."""

    reason: str
    """need, paths, agent_limit, agent_paused, slot, merge_queue, held, budget, backoff, broken_base, pull_request,
    parked or failed."""
    text: str
    """For people, to follow the item's id and `waits:`."""
    by: tuple[str, ...] = ()
    until_at: int | None = None
    remedy: str | None = None
    person: bool = False
    """The item itself waits for a person: nothing that runs will bring it on. (Agents that do are listed as such.)"""


class Situation:
    """What all conditions are tested against, read once."""

    def __init__(self, app: App, tx: Transaction, *, run_is_spent: bool = False) -> None:
        """`run_is_spent`: the run that asks has ended because its own budget is used up."""
        self.app = app
        self._run_is_spent = run_is_spent
        self._tx = tx
        self.now = tx.now
        home = str(app.settings.home)
        self.workers: list[Worker] = [worker for worker in tx.workers() if is_alive(home, worker.uid)]
        self._alive = {worker.uid for worker in self.workers}
        self.pauses: list[AgentPause] = tx.pauses()
        today, tomorrow = midnight(self.now), next_midnight(self.now)
        money = Money(usd_per_day=app.settings.usd_per_day, day_began_at=today, day_ends_at=tomorrow)
        self.agents = FreeAgents(tx, app.agent_slots(), money)
        """Who may be given a call, as choosing sees it."""
        self.working = tx.working_paths()
        self.taker = self._taker()
        """Who would take the item that others make room for; without such a worker nobody needs to."""
        self.next = tx.next_in_turn() if self.taker else None
        self.next_paths = tx.sbi(self.next).paths if self.next is not None else ()
        self._working_lines: dict[int, Line] = {}
        self._needs: dict[int, list[tuple[int, str]]] = {}
        self._merging: tuple[Line, ...] | None = None

    def look_at(self, numbers: Sequence[int]) -> None:
        """Reads the needs of these items at once, so that judging many of them does not take a query each."""
        self._needs |= self._tx.unmet_needs(numbers)

    def waiting(self, line: Line) -> list[Waiting]:
        """Why this item is not being worked on; empty for one that is, or that has ended."""
        if self.runs(line) or line.status in ENDED:
            return []
        if line.lease_token is not None:
            return [Waiting(reason="slot", text="its worker died; the next one takes it up", remedy=_run(line))]
        found = list(self._conditions(line))
        return found or [self._slot(line)]

    @property
    def paths_matter(self) -> bool:
        """Whether anything is there that could bar an item by its paths."""
        return bool(self.working) or self.next is not None

    def bars(self, number: int, paths: tuple[str, ...]) -> list[int]:
        """The items for which this one would have to wait if it could start otherwise, by its paths."""
        found = [held[0] for held in self.working if held[0] != number and self._conflict(paths, *held[1:])]
        if self.next not in (None, number) and self._conflict(paths, self.next_paths, ()):
            found.append(self.next or 0)
        return found

    def runs(self, line: Line) -> bool:
        """Whether a living worker has a claim on it."""
        return line.lease_worker in self._alive

    def _taker(self) -> Worker | None:
        uid, pairs = self._tx.next_taker() or ("", ())
        takes_work = any(not self.agents.is_paused(*pair) for pair in pairs)
        return next((one for one in self.workers if one.uid == uid and one.state == "running" and takes_work), None)

    def _conditions(self, line: Line) -> Iterator[Waiting]:
        if line.stopped and not line.resume:
            yield _stopped(line)
            return
        if line.held:
            yield Waiting(reason="held", text="is held", remedy=f"deespec {_kind(line)} unhold {line.id}")
        if (line.status is Status.PENDING or line.stopped) and not line.decomposes:
            yield from self._entry(line)
        if line.not_before is not None and self.now < line.not_before <= self.now + WAIT_MOST_MS:
            yield self._put_off(line, line.not_before)
        yield from self._agent(line)

    def _entry(self, line: Line) -> Iterator[Waiting]:
        if line.number not in self._needs:
            self.look_at([line.number])
        needs = self._needs[line.number]
        if needs:
            yield self._need(line, needs)
        bars = self.bars(line.number, line.paths)
        if bars:
            yield self._paths(line, bars)

    def _paths(self, line: Line, bars: list[int]) -> Waiting:
        by = tuple(f"SBI-{number}" for number in bars)
        if bars == [self.next] and self.taker is not None:
            text = f"makes room for {by[0]}, which is next in turn (worker {self.taker.name} takes it)"
            return Waiting(reason="paths", text=text, by=by, remedy=f"deespec why {by[0]}")
        names, remedy = ", ".join(by), ""
        first = self._in_work(next(number for number in bars if number != self.next))
        if not line.paths:
            text = f"names no paths, so it is worked on alone, not beside {names}"
            remedy = f'deespec sbi update {line.id} --add-path "src/**"'
        elif not first.paths and self.app.settings.undeclared == "exclusive":
            text = f"cannot start beside {first.id}, which names no paths and so is worked on alone"
        elif not (first.paths and paths_overlap(line.paths, first.paths)):
            text = f"would work on files that {first.id} has changed already"
        else:
            text = f"works on the same files as {names}"
        if not self.runs(first):
            text += f" ({first.id} {'is held' if first.held else 'is between two turns'})"
            remedy = f"deespec sbi unhold {first.id}" if first.held else f"deespec why {first.id}"
        return Waiting(reason="paths", text=text, by=by, remedy=remedy or None)

    def _in_work(self, number: int) -> Line:
        if number not in self._working_lines:
            self._working_lines[number] = self._tx.line(number)
        return self._working_lines[number]

    def _need(self, line: Line, needs: list[tuple[int, str]]) -> Waiting:
        by = tuple(f"SBI-{number}" for number, _ in needs)
        bad = [(number, status) for number, status in needs if status in (Status.FAILED, Status.CANCELLED)]
        if not bad:
            return Waiting(reason="need", text=f"needs {', '.join(by)}", by=by)
        number, status = bad[0]
        why = self._tx.sbi(number).reason
        culprit = f"SBI-{number}"
        again = "retry" if status == Status.FAILED else "reset"
        return Waiting(
            reason="need",
            text=f"needs {culprit}, which {_verb(status)}{f' ({why})' if why else ''}",
            by=by,
            person=status == Status.CANCELLED,
            remedy=f"deespec sbi {again} {culprit}, or deespec sbi update {line.id} --remove-need {culprit}",
        )

    def _agent(self, line: Line) -> Iterator[Waiting]:
        if Status.INTEGRATING in (line.status, line.stopped_in):
            yield from self._queue(line)
            return
        names = self._names(line)
        known = [name for name in names if self.app.settings.agent(name) is not None]
        if not known:
            named = ", ".join(names) or "none is set up"
            ready = next((one.name for one in self.app.settings.agents), "claude")
            key = "decompose" if line.decomposes and self.app.settings.decompose else "implement"
            remedy = f"deespec config set run.{key} {ready}"
            if line.decomposes and line.agent:
                remedy = f"deespec pbi decompose {line.id} --agent {ready}"
            elif line.agent or line.reviewer:
                make = f'deespec config set agents.{names[0]}.command "PROGRAM …"'
                remedy = f"deespec sbi update {line.id} --clear agent, or {make}"
            text = f"no agent can do it ({named})"
            yield Waiting(reason="agent_paused", text=text, by=names, remedy=remedy, person=True)
            return
        barred = [self._barred(name, line) for name in known]
        if all(one is not None for one in barred) and barred[0] is not None:
            yield barred[0]

    def _put_off(self, line: Line, until: int) -> Waiting:
        """Until a time that was set when it was given back."""
        if line.reason == PULL_REQUEST:
            url = self._tx.work(line.number).request
            text = f"its pull request is open{f': {url}' if url else ''}; looked at again at {local(until)}"
            remedy = f"merge it, or: deespec sbi cancel {line.id}"
            return Waiting(reason=PULL_REQUEST, text=text, until_at=until, remedy=remedy)
        if line.reason in (BROKEN_BASE, TARGET_TAKEN):
            told = next((one for one in self._tx.notices() if one.name == line.reason), None)
            what = "the base is broken" if line.reason == BROKEN_BASE else "somebody works on the target"
            text = f"{what}{f': {told.text.rstrip(chr(46))}' if told else ''}; next try at {local(until)}"
            return Waiting(reason=line.reason, text=text, until_at=until, remedy=told.remedy if told else None)
        text = f"an earlier try failed; tried again at {local(until)}"
        by = (line.reason,) if line.reason else ()
        return Waiting(reason="backoff", text=text, until_at=until, by=by)

    def _queue(self, line: Line) -> Iterator[Waiting]:
        """Behind the one that is being merged; without one, whoever is first is taken by the next free slot."""
        merging = next((one for one in self.merging() if self.runs(one)), None)
        if merging is None:
            return
        before = [
            one
            for one in self.merging()
            if one.lease_token is None and not one.held and (one.rank, one.number) < (line.rank, line.number)
        ]
        more = f", and {len(before)} more {'are' if len(before) > 1 else 'is'} before it" if before else ""
        text = f"is in the merge queue: {merging.id} is being merged{more}"
        by = (merging.id, *(one.id for one in before))
        yield Waiting(reason="merge_queue", text=text, by=by, remedy=f"deespec why {merging.id}")

    def merging(self) -> tuple[Line, ...]:
        """The merge queue: all that is to be merged into the target, in order of registration."""
        if self._merging is None:
            found = self._tx.list_sbis(Scope(), statuses=(Status.INTEGRATING,)).lines
            self._merging = found
        return self._merging

    def _names(self, line: Line) -> tuple[str, ...]:
        settings = self.app.settings
        if Status.REVIEWING in (line.status, line.stopped_in):
            return line.reviewer or settings.review or settings.implement
        return line.agent or (line.decomposes and settings.decompose) or settings.implement

    def pause_of(self, name: str) -> AgentPause | None:
        """The pause in force that this agent has to wait for, its own or its account's: the one that lasts longest."""
        account = self.app.account(name)
        own = [one for one in self.pauses if one.account == account and one.only_agent in ("", name)]
        return max(own, key=lambda one: (one.until_at is None, one.until_at or 0), default=None)

    def running(self, name: str) -> int:
        """Calls of this agent that run."""
        return self.agents.used[self.app.account(name), name]

    def _barred(self, name: str, line: Line) -> Waiting | None:
        slot = self.agents.slots.get(name)
        bar = self.agents.barred(slot) if slot is not None else None
        if bar is None:
            return None
        if bar.why is Bar.PAUSED and (pause := self.pause_of(name)) is not None:
            until = f" until {local(pause.until_at)}" if pause.until_at else ""
            remedy = None if pause.until_at else f"deespec agent resume {name}"
            text = f"agent {name} is paused{until}: {pause.message}"
            return Waiting(reason="agent_paused", text=text, by=(name,), until_at=pause.until_at, remedy=remedy)
        if bar.why is Bar.PROBED:
            text = f"agent {name}'s account was at its limit a moment ago: one call tries it, others follow"
            return Waiting(reason="agent_paused", text=text, by=(name,), until_at=bar.until_at)
        if bar.why is Bar.DAY:
            limit = self.app.settings.usd_per_day
            text = f"the budget of {usd(limit)} a day does not allow another turn of {name} today"
            more = more_usd(limit, self._tx.used_since(midnight(self.now)))
            remedy = f"deespec config set budget.usd_per_day {more}"
            return Waiting(reason="budget", text=text, by=(name,), until_at=bar.until_at, remedy=remedy)
        return self._at_limit(name, line, bar)

    def _at_limit(self, name: str, line: Line, bar: Barred) -> Waiting:
        calls = f"{bar.used} item{'s' if bar.used > 1 else ''}"
        if bar.why is Bar.LIMIT:
            text = f"agent {name} works on {calls}, its limit is {bar.limit}; its next free call takes this one"
            remedy: str | None = f"deespec config set agents.{name}.limit {bar.limit + 1}"
        elif bar.why is Bar.ACCOUNT_LIMIT:
            account = self.app.account(name)
            who = ", ".join(sorted(agent for (one, agent), used in self.agents.used.items() if one == account and used))
            text = f"account {account} works on {calls} ({who}), its limit is {bar.limit}; the next free call takes it"
            remedy = f"deespec config set {shlex.quote(f'accounts.{account}.limit')} {bar.limit + 1}"
        else:
            text, remedy = self._alone(name, line, calls)
        return Waiting(reason="agent_limit", text=text, by=(name,), remedy=remedy)

    def _alone(self, name: str, line: Line, calls: str) -> tuple[str, str | None]:
        """Of clients only one works in a shared folder: who does now, and whom the item could be given to instead."""
        slots = self.agents.slots
        running = (agent for (_, agent), used in self.agents.used.items() if used)
        busy = [agent for agent in running if agent in slots and slots[agent].alone]
        who = name if name in busy or not busy else busy[0]
        others = (one for one in slots.values() if not one.alone and one.name not in self._names(line))
        known = {one.name for one in self.app.settings.agents}
        option = "--reviewer" if Status.REVIEWING in (line.status, line.stopped_in) else "--agent"
        give = f"deespec pbi decompose {line.id}" if line.decomposes else f"deespec sbi update {line.id}"
        found = (f"{give} {option} {one.name}" for one in others if one.name in known)
        remedy = next(found, None)
        return f"agent {who} works on {calls}, one at a time in a shared folder; this one follows", remedy

    def _slot(self, line: Line) -> Waiting:
        kind = _kind(line)
        workers = [one for one in self.workers if kind in one.workflows.split(",")]
        if self._run_is_spent or not self.workers:
            text = "this run's budget is used up" if self._run_is_spent else "no worker is running"
            return Waiting(reason="slot", text=text, remedy=_run(line))
        if not workers:
            return Waiting(reason="slot", text=f"no worker runs the {kind} workflow", remedy=_run(line))
        if all(one.state == "finishing" for one in workers):
            text = "no running worker takes anything new: they finish their turns and end"
            return Waiting(reason="slot", text=text, remedy=_run(line))
        return Waiting(reason="slot", text="a worker's next free slot takes it in its turn")

    def _conflict(self, own: tuple[str, ...], others: tuple[str, ...], touched: tuple[str, ...]) -> bool:
        return paths_conflict(own, others, touched, exclusive=self.app.settings.undeclared == "exclusive")


def _stopped(line: Line) -> Waiting:
    asked = f": {first_line(line.question)}" if line.question and line.question.strip() else ""
    if line.status is Status.FAILED:
        return Waiting(
            reason="failed",
            text=f"FAILED ({line.reason or 'no reason given'}){asked}",
            by=(line.reason,) if line.reason else (),
            remedy=f"deespec {_kind(line)} show {line.id}, then {again(line)}",
            person=True,
        )
    remedy = f'deespec answer {line.id} "…"' if line.reason in NEEDS_WORDS else again(line)
    return Waiting(
        reason="parked",
        text=f"needs a person ({line.reason}){asked}",
        by=(line.reason,) if line.reason else (),
        remedy=remedy,
        person=True,
    )


def again(line: Line) -> str:
    """The command that brings on what has stopped."""
    return f"deespec pbi decompose {line.id}" if line.decomposes else f"deespec sbi retry {line.id}"


def _kind(line: Line) -> str:
    return "pbi" if line.decomposes else "sbi"


def _run(line: Line) -> str:
    if not line.decomposes:
        return "deespec run"
    return f"deespec run --workflows pbi,sbi, or deespec pbi decompose {line.id}"


def _verb(status: str) -> str:
    return "FAILED" if status == Status.FAILED else "was CANCELLED"
