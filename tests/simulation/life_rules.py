"""What must always hold, judged from the bare rows of the database and by no code of the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import apsw

from deespec.model.ids import id_of
from deespec.model.lifecycle import roll_up
from deespec.model.wanted import WAIT_MOST_MS
from deespec.store import claims, free_agents

if TYPE_CHECKING:
    from deespec.model.items import Claim
    from deespec.model.wanted import AgentSlot, Idle, Scope

PATHS = {
    "src/**": {1, 2, 3},
    "src/a/**": {1, 2},
    "src/a/one.py": {1},
    "src/b.py": {3},
    "docs/**": {4, 5},
    "docs/*.md": {4},
    "tests/test_?.py": {6},
    "tests/test_a.py": {6},
    "README.md": {7},
    "Makefile": {8},
}
"""The globs that items declare, each with the files it names; so that overlap is known without any matching."""
RANKS = {"urgent": 0, "high": 1, "normal": 2, "low": 3}
STAGES = ("working", "resumable", "pending", "asked")
"""In the order in which they are served."""


class Row:
    """One row, its columns as attributes."""

    def __init__(self, names: list[str], values: tuple[Any, ...]) -> None:
        self.__dict__ = dict(zip(names, values, strict=True))

    def __getattr__(self, name: str) -> Any:  # for type checkers and readers; rows have what their table has
        raise AttributeError(name)


class Seen:
    """Everything in the database at one moment."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        connection.execute("BEGIN")
        self.tables = {name: self._rows(f"SELECT * FROM {name}") for name in TABLES}
        self.tables["journal"] = self._rows("SELECT count(*) AS entries, max(seq) AS last FROM journal")
        connection.execute("COMMIT")
        self.items: dict[int, Row] = {row.number: row for row in self._as_rows("sbi")}
        for row in self.items.values():
            row.paths, row.agent, row.reviewer = (json.loads(text) for text in (row.paths, row.agent, row.reviewer))
        self.needs: dict[int, set[int]] = {number: set() for number in self.items}
        for need in self._as_rows("need"):
            self.needs[need.sbi].add(need.needs)
        self.releasing = {row.number for row in self._as_rows("releasing")}
        self.next = next((int(row.value) for row in self._as_rows("meta") if row.name == "next"), None)
        self.turns = [(row.sbi, row.number, row.token) for row in self._as_rows("turn")]
        self.answers = {(row.sbi, row.turn) for row in self._as_rows("answer")}
        self.groups = {f"PBI-{row.number}": row.status for row in self._as_rows("pbi")}
        self.pauses = list(self._as_rows("agent_pause"))
        self.counters = {row.name: row.value for row in self._as_rows("counter")}
        self.undecided = [row.parent for row in self._as_rows("draft") if row.status in ("open", "waiting")]
        self.workers = {row.uid for row in self._as_rows("worker")}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and self.tables == other.tables

    __hash__ = None  # type: ignore[assignment]

    def _rows(self, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        cursor = self._connection.execute(query)
        try:
            names = [column[0] for column in cursor.get_description()]
        except apsw.ExecutionCompleteError:
            return [], []
        return names, cursor.fetchall()

    def _as_rows(self, table: str) -> Iterator[Row]:
        names, found = self.tables[table]
        return (Row(names, values) for values in found)

    # --- what follows from it ---

    @property
    def leases(self) -> dict[int, Row]:
        """The claimed items by the token of their claim."""
        return {row.lease_token: row for row in self.items.values() if row.lease_token is not None}

    @property
    def in_work(self) -> list[Row]:
        return [row for row in self.items.values() if row.stage == "working"]

    def unmet(self, number: int) -> list[int]:
        return sorted(need for need in self.needs[number] if self.items[need].status != "DONE")

    def used(self, account: str, agent: str | None = None) -> int:
        leases = [row for row in self.leases.values() if row.lease_account == account]
        return sum(agent in (None, row.lease_agent) for row in leases)

    def probed(self, account: str, now: int) -> bool:
        """Whether a call tries an account that was at a limit, and is not known to have gone well."""
        over = [row for row in self.pauses if row.account == account and not row.only_agent and not row.by_person]
        since = next((row.until_at for row in over if row.until_at is not None and row.until_at <= now), None)
        if since is None:
            return False
        began = [one.lease_at for one in self.leases.values() if one.lease_account == account and one.lease_at >= since]
        return bool(began) and now < min(began) + free_agents.PROBE_MS


TABLES = (
    *("sbi", "need", "releasing", "meta", "turn", "answer", "pbi", "agent_pause", "agent_strike"),
    *("worker", "call", "counter", "draft"),
)


class Rules:
    """How this backlog is set up, and what follows for every moment, every start and every rest."""

    def __init__(
        self,
        *,
        exclusive: bool,
        implement: tuple[str, ...],
        review: tuple[str, ...],
        decompose: tuple[str, ...],
        slots: tuple[AgentSlot, ...],
        max_turns: int,
        max_attempts: int,
    ) -> None:
        self.exclusive = exclusive
        self.implement = implement
        self.review = review
        self.decompose = decompose
        self.slots = {slot.name: slot for slot in slots}
        self.max_turns = max_turns
        self.max_attempts = max_attempts

    # --- every moment ---

    def always(self, seen: Seen) -> None:
        for row in seen.items.values():
            self._item(seen, row)
        by_item: dict[int, list[int]] = {number: [] for number in seen.items}
        for number, turn, _ in seen.turns:
            by_item[number].append(turn)
        for number, turns in by_item.items():
            assert sorted(turns) == list(range(1, seen.items[number].turn + 1)), f"{id_of(number)} has turns {turns}"
        tokens = [token for _, _, token in seen.turns]
        assert len(set(tokens)) == len(tokens), "one claim has ended two turns"
        for number, turn in seen.answers:
            assert seen.items[number].status != "PENDING", f"{id_of(number)} keeps an answer of before its reset"
            assert turn == seen.items[number].turn + 1, f"{id_of(number)} keeps an answer of turn {turn}"
        for slot in self.slots.values():
            own, of_all = seen.used(slot.account, slot.name), seen.used(slot.account)
            assert own <= (slot.limit or 99), f"{slot.name} works {own} times"
            assert of_all <= (slot.account_limit or 99), f"{slot.account} is used {of_all} times"
        for group, status in seen.groups.items():
            below = [row.status for row in seen.items.values() if row.parent == group and row.number > 0]
            decomposition, resume = next(
                ((row.status, row.resume) for row in seen.items.values() if row.number < 0 and row.parent == group),
                (None, 0),
            )
            drafts = seen.undecided.count(group)
            counts = {one: below.count(one) for one in below}
            due = roll_up(counts, decomposition=decomposition, resume=bool(resume), drafts=drafts)
            assert status == due, f"{group} is {status} with {below}, {drafts} drafts, {decomposition}"

    def _item(self, seen: Seen, row: Row) -> None:
        name = id_of(row.number)
        assert row.lease_token is None or row.stage == "working", f"{name} is {row.status} and claimed"
        assert row.attempts <= self.max_attempts, f"{name} has had {row.attempts} attempts"
        if row.stage == "working":
            used, most = row.turn - row.turns_before, row.max_turns or self.max_turns
            assert used < most, f"{name} has used {used} of {most} turns and goes on"
        if row.stage != "ended":
            assert row.rank == self._rank(seen, row.number), f"{name} counts as {row.rank}"
        if row.waits_on is None or row.waits_on in seen.releasing:
            return
        other = seen.items.get(row.waits_on)
        assert other is not None, f"{name} waits for SBI-{row.waits_on}, which is gone"
        if row.waits_for == "need":
            assert other.number in seen.needs[row.number], f"{name} waits for SBI-{other.number} and does not need it"
            assert other.status != "DONE", f"{name} waits for SBI-{other.number}, which is DONE"
        else:
            barring = other.stage == "working" or other.number == seen.next
            assert barring, f"{name} waits for the paths of SBI-{other.number}, which is {other.status}"

    def _rank(self, seen: Seen, number: int) -> int:
        """Of all open items that need this one, transitively, and itself: the most urgent."""
        found = [number]
        for one in found:
            dependents = (other for other, needs in seen.needs.items() if one in needs)
            found += [o for o in dependents if o not in found and seen.items[o].stage != "ended"]
        return min(RANKS[seen.items[one].priority] for one in found)

    # --- a start ---

    def may_start(self, before: Seen, claim: Claim, *, now: int) -> None:
        """Judges a claim by what was there just before it, and by what it has left waiting."""
        row = before.items[claim.sbi.number]
        name = id_of(row.number)
        assert row.lease_token is None, f"{name} was claimed already"
        assert not row.held, f"{name} is held"
        assert claim.turn == row.turn + 1, f"{name} is claimed for turn {claim.turn} after {row.turn}"
        assert row.stage in STAGES, f"{name} is {row.status}"
        names = self._names(row)
        assert claim.agent in names, f"{name} was given to {claim.agent}"
        free = [one for one in names if self._free(before, one, now)]
        assert free[:1] == [claim.agent], f"{name} was given to {claim.agent}, free were {free}"
        if row.stage == "working":
            assert _is_due(row.not_before, now), f"{name} was to wait"
            return
        assert not before.unmet(row.number), f"{name} has begun and needs {before.unmet(row.number)}"
        barred = [other.number for other in before.in_work if self.conflict(row, other)]
        assert not barred, f"{name} has begun beside {barred}"

    def was_first(self, before: Seen, after: Seen, claim: Claim, *, now: int, scope: Scope) -> None:
        """No item that comes before it could have been taken."""
        if before.releasing or after.releasing:
            return
        taken = before.items[claim.sbi.number]
        nexts = {before.next, after.next} | ({taken.number} if self._may_be_next(before, taken, now) else set())
        takeable = self._takeable(before, now, scope, nexts)
        short = {row.number for row in after.items.values() if row.reason == "budget"}  # found out when it came up
        better = [row for row in takeable if self._place(row) < self._place(taken) and row.number not in short]
        passed = [id_of(row.number) for row in better]
        assert not passed, f"{claim.sbi.id} was taken before {passed}"

    # --- a rest ---

    def may_rest(self, seen: Seen, idle: Idle, *, now: int, scope: Scope) -> None:
        """Nothing that may start is left lying."""
        left = [id_of(row.number) for row in self._takeable(seen, now, scope, {seen.next})]
        assert not left, f"idle, and {left} could be taken"
        assert idle.running == len(seen.leases)

    def _takeable(self, seen: Seen, now: int, scope: Scope, nexts: set[int | None]) -> list[Row]:
        working = seen.in_work
        reserved = [seen.items[number] for number in nexts if number in seen.items]
        reserved = [
            row for row in reserved if row.stage in STAGES[1:] and not row.held and self._expected(seen, row, now)
        ]
        found = []
        for row in seen.items.values():
            if row.lease_token is not None or row.held or row.stage not in STAGES:
                continue
            if scope.label is not None and scope.label not in json.loads(row.labels):
                continue
            if not (scope.pbis if row.number < 0 else scope.sbis):
                continue
            if not any(self._free(seen, one, now) for one in self._names(row)):
                continue
            if row.stage == "working":
                free = _is_due(row.not_before, now)
            else:
                barring = [*working, *reserved]
                conflicts = any(self.conflict(row, other) for other in barring if other is not row)
                free = not seen.unmet(row.number) and not conflicts
            if free:
                found.append(row)
        return found

    # --- the end ---

    def is_settled(self, seen: Seen) -> None:
        """Everything has come to an end or to a person, or needs something that has."""
        for row in seen.items.values():
            name = id_of(row.number)
            assert row.stage != "working", f"{name} is still {row.status}"
            if row.stage in STAGES:
                culprits = self._culprits(seen, row.number, set())
                assert culprits, f"{name} is {row.status}, waits on {row.waits_on}, and nothing bars it"

    def _culprits(self, seen: Seen, number: int, met: set[int]) -> set[int]:
        """What it needs, transitively, and will not be DONE by itself."""
        found: set[int] = set()
        for need in seen.unmet(number):
            if need in met:
                continue
            met.add(need)
            row = seen.items[need]
            found |= {need} if row.stage in ("stopped", "ended") else self._culprits(seen, need, met)
        return found

    # --- below ---

    def conflict(self, one: Row, other: Row) -> bool:
        if one.number < 0 or other.number < 0:
            return False
        if not one.paths or not other.paths:
            return self.exclusive
        return any(PATHS[a] & PATHS[b] for a in one.paths for b in other.paths)

    def _names(self, row: Row) -> tuple[str, ...]:
        if "REVIEWING" in (row.status, row.stopped_in):
            return tuple(row.reviewer) or self.review
        return tuple(row.agent) or (self.decompose if row.number < 0 else self.implement)

    def _free(self, seen: Seen, name: str, now: int) -> bool:
        slot = self.slots[name]
        below = slot.limit == 0 or seen.used(slot.account, name) < slot.limit
        of_all = slot.account_limit == 0 or seen.used(slot.account) < slot.account_limit
        return self._open(seen, name, now) and below and of_all and not seen.probed(slot.account, now)

    def _open(self, seen: Seen, name: str, now: int) -> bool:
        account = self.slots[name].account
        own = [row.until_at for row in seen.pauses if row.account == account and row.only_agent in ("", name)]
        return all(until is not None and until <= now for until in own)

    def _expected(self, seen: Seen, row: Row, now: int) -> bool:
        return any(self._open(seen, name, now) for name in self._names(row))

    @staticmethod
    def _may_be_next(seen: Seen, row: Row, now: int) -> bool:
        """Whether it was refused so often or so long that others make room for it."""
        if row.refused_at is None:
            return False
        often = row.refused_starts <= seen.counters.get("starts", 0) - claims.NEXT_AFTER_STARTS
        return row.rank == 0 or often or row.refused_at <= now - claims.NEXT_AFTER_MS

    @staticmethod
    def _place(row: Row) -> tuple[int, int, int]:
        return min(STAGES.index(row.stage), STAGES.index("pending")), row.rank, row.number


def _is_due(not_before: int | None, now: int) -> bool:
    """No wait is so long: what lies further ahead is from before the clock was set back."""
    return not_before is None or not now < not_before <= now + WAIT_MOST_MS
