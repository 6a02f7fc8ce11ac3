"""Reading for those who look: lists with true totals, counts, what runs, turns. Nothing here writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.model.items import Epic, Line, Pbi, Turn
from deespec.model.wanted import WAIT_MOST_MS, Scope
from deespec.records import record
from deespec.store import rows
from deespec.store.archiving import Archived
from deespec.store.claims import ClaimVerbs, call_from, scope_values
from deespec.store.invariants import Invariants, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.model.items import Call
    from deespec.model.lifecycle import Status
    from deespec.model.wanted import Part
    from deespec.store.figures import FigureVerbs
    from deespec.store.invariants import Violation


@record
class Page:
    """One page of a list, and how many there are in all."""

    lines: tuple[Line, ...]
    total: int
    hidden: int = 0
    """Finished ones that the list left out."""


@record
class Alike:
    """Items in which nothing differs that choosing looks at, but perhaps their paths."""

    first: int
    count: int
    key: tuple[int, str]
    paths: tuple[str, ...] | None
    """None: their paths do not matter now."""


@record
class InForce:
    """What the database itself says about how it works."""

    journal_mode: str
    synchronous: str
    foreign_keys: bool
    fullfsync: bool
    application_id: int
    schema: int


class ViewVerbs(ClaimVerbs):
    __slots__ = ()

    def counts(self) -> dict[str, int]:
        """The number of SBIs by status."""
        return dict(self._all("counts"))

    def list_sbis(
        self,
        scope: Scope,
        *,
        statuses: tuple[str, ...] | None = None,
        ready: bool | None = None,
        limit: int = -1,
        offset: int = 0,
    ) -> Page:
        """SBIs in order of registration. `ready`: True only what waits for nothing, False only what is barred."""
        values = {
            **scope_values(scope),
            "statuses": None if statuses is None else json.dumps(statuses),
            "ready": None if ready is None else int(ready),
        }
        lines = self._records(Line, "list_page", **values, limit=limit, offset=offset)
        total = len(lines)
        if offset or (limit >= 0 and total == limit):
            everything = scope == Scope() and ready is None
            total = self._counted(statuses) if everything else self._value("list_total", **values)
        return Page(lines=tuple(lines), total=total)

    def part_counts(self) -> dict[str, int]:
        """The number of open items by the part of the board they are in, decompositions of PBIs among them."""
        return dict(self._all("part_counts"))

    def part_first(self, part: Part, *, limit: int) -> list[Line]:
        """What is in this part: items with a claim, then the others in the order in which they are taken."""
        return self._records(Line, "part_first", part=part, limit=limit)

    def stopped_or_barred(self) -> list[Line]:
        """Open items for which a person may be needed: stopped, held, or in need of what FAILED or was CANCELLED."""
        return self._records(Line, "stopped_or_barred")

    def ended_newest(self, status: Status, *, limit: int) -> list[Line]:
        """The SBIs that came to this end last, the newest first, without those that are archived."""
        return self._records(Line, "ended_newest", status=status, limit=limit)

    def archived_items(self, scope: Scope, *, limit: int = -1, offset: int = 0) -> tuple[list[Archived], int]:
        """What lists leave out, the newest act first; and how many there are in all."""
        values = scope_values(scope)
        items = self._records(Archived, "archived_page", **values, limit=limit, offset=offset)
        return items, self._value("archived_total", **values)

    def _counted(self, statuses: tuple[str, ...] | None) -> int:
        """The same from the index of statuses, without a look at any item."""
        return sum(count for status, count in self.counts().items() if statuses is None or status in statuses)

    def line(self, number: int) -> Line:
        return rows.decode(Line, self._one("line_get", number=self.sbi(number).number) or ())

    def running(self) -> list[Line]:
        """Items with a claim, longest first."""
        return self._records(Line, "running")

    def calls(self) -> list[Call]:
        """Agent calls that are not known to have ended."""
        return [call_from(row) for row in self._all("call_all")]

    def pbis(self) -> list[Pbi]:
        return self._records(Pbi, "pbi_list")

    def epics(self) -> list[Epic]:
        return self._records(Epic, "epic_list")

    def turns(self, number: int) -> list[Turn]:
        """An item's turns, oldest first."""
        return self._records(Turn, "turns", number=number)

    def unmet_needs(self, numbers: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
        """(number, status) of the needs that are not DONE, for each of these items."""
        found: dict[int, list[tuple[int, str]]] = {number: [] for number in numbers}
        for number, need, status in self._all("needs_unmet", numbers=json.dumps(numbers)):
            found[number].append((need, status))
        return found

    def waiting_alike(self, *, by_paths: bool, next_in_turn: int | None) -> list[Alike]:
        """Open items without a claim, in sets of those that choosing treats alike, in order of their first ones."""
        found = self._all(
            "waiting_alike", by_paths=int(by_paths), next=next_in_turn, now=self.now, wait_most=WAIT_MOST_MS
        )
        return [
            Alike(first=first, count=count, key=(state, agents), paths=None if tested is None else _paths(tested))
            for first, count, state, agents, tested in found
        ]

    def next_in_turn(self) -> int | None:
        """The item that others make room for."""
        row = self._one("next_get")
        return None if row is None else row[0]

    def next_taker(self) -> tuple[str, list[tuple[str, str]]] | None:
        """The uid of the worker that would take it, and the agents with which it could, each after its account."""
        row = self._one("next_get")
        return None if row is None else (row[-3], [(account, agent) for account, agent in json.loads(row[-2])])

    def others_worked_since(self, item: str, turn: int) -> bool:
        """Whether anything happened to another item since the first try at this turn."""
        return self._value("others_claimed", item=item, turn=turn) is not None

    def settings_digest(self) -> str | None:
        """The SHA-256 of config.toml as a person set it last by command."""
        found: str | None = self._value("settings_digest")
        return found

    def cut_off_paths(self) -> list[tuple[str, ...]]:
        """The declared paths of items in work whose turn has begun and not ended: what they left is in the folder."""
        return [tuple(json.loads(row[0])) for row in self._all("cut_off_paths")]

    def last_tree(self) -> str | None:
        """The state of the workspace that the newest turn left."""
        tree: str | None = self._value("last_tree")
        return tree

    def begun_at(self) -> int:
        """When this backlog was made; wall time."""
        return int(self._value("meta_get", name="created_at"))

    def moved_to(self) -> str | None:
        """The home that this backlog has moved to, so that it is only read here."""
        found: str | None = self._value("meta_get", name="moved_to")
        return found

    def held(self) -> list[int]:
        """The SBIs that a person keeps from being taken."""
        return [row[0] for row in self._all("held")]

    def backlog_uid(self) -> str:
        uid: str = self._value("meta_get", name="uid")
        return uid

    def last_token(self) -> int:
        """Of the newest claim; 0: there was none yet."""
        return self._value("counter_get", name="token") or 0

    def child_counts(self, item_id: str) -> dict[str, int]:
        return dict(self._all("child_counts", parent=item_id))

    def orphans(self) -> list[str]:
        """Violations of what must always hold, in words; empty in a sound backlog."""
        return [one.text for one in self._invariants().everything() if one.severity is not Severity.NOTE]

    def contradictions(self) -> list[Violation]:
        """Where the journal, replayed, differs from items and turns as they are."""
        return self._invariants().journal()

    def figures(self) -> FigureVerbs:
        """What the figures are made of, as of this snapshot."""
        from deespec.store.figures import FigureVerbs

        return FigureVerbs(self.connection, now=self.now, clock=self.clock)

    def _invariants(self) -> Invariants:
        return Invariants(self.connection, now=self.now, clock=self.clock)

    def in_force(self) -> InForce:
        """The settings of this very connection, as the database reports them."""
        mode, synchronous, keys, fullfsync, application, schema = self._all("settings_in_force")[0]
        return InForce(
            journal_mode=mode,
            synchronous=synchronous,
            foreign_keys=bool(keys),
            fullfsync=bool(fullfsync),
            application_id=application,
            schema=schema,
        )


def _paths(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
