"""Why an item does not start: every condition of choosing work, in words, with the remedy. One source for all views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.clock import local
from deespec.model.lifecycle import Status
from deespec.model.selection import paths_overlap
from deespec.records import record
from deespec.store.alive import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.app import App
    from deespec.model.items import AgentPause, Line, Worker
    from deespec.store.base import Transaction


@record
class Waiting:
    """One condition that is not met."""

    reason: str
    """need, paths, agent_limit, agent_paused, slot, held, budget, backoff, parked or failed."""
    text: str
    """For people, to follow the item's id and `waits:`."""
    by: tuple[str, ...] = ()
    until_at: int | None = None
    remedy: str | None = None


class Situation:
    """What all conditions are tested against, read once."""

    def __init__(self, app: App, tx: Transaction) -> None:
        self.app = app
        self.now = tx.now
        home = str(app.settings.home)
        self.workers: list[Worker] = [worker for worker in tx.workers() if is_alive(home, worker.uid)]
        self._alive = {worker.uid for worker in self.workers}
        self.pauses: dict[str, AgentPause] = {pause.account: pause for pause in tx.pauses()}
        self.used = tx.accounts_in_use()
        self.working = tx.working_paths()
        self.next = tx.next_in_turn()
        self.next_paths = tx.sbi(self.next).paths if self.next is not None else ()
        self._needs: dict[int, list[tuple[int, str]]] = {}
        self._tx = tx

    def look_at(self, numbers: Sequence[int]) -> None:
        """Reads the needs of these items at once, so that judging many of them does not take a query each."""
        self._needs |= self._tx.unmet_needs(numbers)

    def waiting(self, line: Line) -> list[Waiting]:
        """Why this item is not being worked on; empty for one that is, or that has ended."""
        if self.runs(line) or line.status in (Status.DONE, Status.CANCELLED):
            return []
        if line.lease_token is not None:
            return [Waiting(reason="slot", text="its worker died; the next one takes it up", remedy="deespec run")]
        found = list(self._conditions(line))
        return found or [self._slot()]

    @property
    def paths_matter(self) -> bool:
        """Whether anything is there that could bar an item by its paths."""
        return bool(self.working) or self.next is not None

    def bars(self, number: int, paths: tuple[str, ...]) -> list[int]:
        """The items for which this one would have to wait if it could start otherwise, by its paths."""
        found = [other for other, theirs in self.working if other != number and self._conflict(paths, theirs)]
        if self.next not in (None, number) and self._conflict(paths, self.next_paths):
            found.append(self.next or 0)
        return found

    def runs(self, line: Line) -> bool:
        """Whether a living worker has a claim on it."""
        return line.lease_worker in self._alive

    def _conditions(self, line: Line) -> Iterator[Waiting]:
        if line.stopped and not line.resume:
            yield _stopped(line)
            return
        if line.held:
            yield Waiting(reason="held", text="is held", remedy=f"deespec sbi unhold {line.id}")
        if line.status is Status.PENDING or line.stopped:
            yield from self._entry(line)
        if line.not_before is not None and line.not_before > self.now:
            yield Waiting(
                reason="backoff",
                text=f"an earlier try failed; tried again at {local(line.not_before)}",
                until_at=line.not_before,
                by=(line.reason,) if line.reason else (),
            )
        yield from self._agent(line)

    def _entry(self, line: Line) -> Iterator[Waiting]:
        if line.number not in self._needs:
            self.look_at([line.number])
        needs = self._needs[line.number]
        if needs:
            yield self._need(line, needs)
        bars = self.bars(line.number, line.paths)
        if bars:
            by = tuple(f"SBI-{number}" for number in bars)
            yield Waiting(reason="paths", text=f"works on the same files as {', '.join(by)}", by=by)

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
            remedy=f"deespec sbi {again} {culprit}, or deespec sbi update {line.id} --remove-need {culprit}",
        )

    def _agent(self, line: Line) -> Iterator[Waiting]:
        names = self._names(line)
        known = [name for name in names if self.app.settings.agent(name) is not None]
        if not known:
            named = ", ".join(names) or "none is set up"
            remedy = "deespec config set run.implement claude"
            if line.agent or line.reviewer:
                remedy = f"deespec sbi update {line.id} --clear agent, or add a section [agents.{names[0]}]"
            yield Waiting(reason="agent_paused", text=f"no agent can do it ({named})", by=names, remedy=remedy)
            return
        barred = [self._barred(name) for name in known]
        if all(one is not None for one in barred) and barred[0] is not None:
            yield barred[0]

    def _names(self, line: Line) -> tuple[str, ...]:
        settings = self.app.settings
        if Status.REVIEWING in (line.status, line.stopped_in):
            return line.reviewer or settings.review or settings.implement
        return line.agent or settings.implement

    def _barred(self, name: str) -> Waiting | None:
        account = self.app.account(name)
        pause = self.pauses.get(account)
        if pause is not None:
            until = f" until {local(pause.until_at)}" if pause.until_at else ""
            remedy = None if pause.until_at else f"deespec agent resume {name}"
            text = f"agent {name} is paused{until}: {pause.message}"
            return Waiting(reason="agent_paused", text=text, by=(name,), until_at=pause.until_at, remedy=remedy)
        section = self.app.settings.agent(name)
        used = self.used.get(account, 0)
        if section is not None and section.limit and used >= section.limit:
            text = f"agent {name} works on {used} items, its limit is {section.limit}"
            return Waiting(reason="agent_limit", text=text, by=(name,))
        return None

    def _slot(self) -> Waiting:
        if not self.workers:
            return Waiting(reason="slot", text="no worker is running", remedy="deespec run")
        return Waiting(reason="slot", text="a worker's next free slot takes it in its turn")

    def _conflict(self, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        if not one or not other:
            return self.app.settings.undeclared == "exclusive"
        return paths_overlap(one, other)


def _stopped(line: Line) -> Waiting:
    asked = f": {line.question.strip().splitlines()[0]}" if line.question and line.question.strip() else ""
    if line.status is Status.FAILED:
        return Waiting(
            reason="failed",
            text=f"FAILED ({line.reason or 'no reason given'}){asked}",
            by=(line.reason,) if line.reason else (),
            remedy=f"deespec sbi show {line.id}, then deespec sbi retry {line.id}",
        )
    remedy = f'deespec answer {line.id} "…"' if line.reason == "question" else f"deespec sbi retry {line.id}"
    return Waiting(
        reason="parked",
        text=f"needs a person ({line.reason}){asked}",
        by=(line.reason,) if line.reason else (),
        remedy=remedy,
    )


def _verb(status: str) -> str:
    return "FAILED" if status == Status.FAILED else "was CANCELLED"
