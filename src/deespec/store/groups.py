"""PBIs and EPICs as lists show them: how far what is below them has come. Nothing here writes."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from deespec.model.ids import DECOMPOSITIONS_FROM
from deespec.model.items import Kind, Priority
from deespec.model.lifecycle import GroupStatus, Status
from deespec.records import fields, record, replace
from deespec.store.claims import scope_values
from deespec.store.journal import JournalVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deespec.model.wanted import Scope


@record
class Progress:
    """What is below a PBI or EPIC, by status."""

    sbis: Mapping[str, int]
    """Those below the PBIs of an EPIC, too."""
    pbis: Mapping[str, int]
    children: Mapping[str, int]
    """Only what is right below it, of both kinds."""

    @property
    def done(self) -> int:
        return self.sbis.get(Status.DONE, 0)

    @property
    def total(self) -> int:
        """Of the SBIs that are not cancelled."""
        return sum(count for status, count in self.sbis.items() if status != Status.CANCELLED)


@record
class GroupLine:
    """A PBI or EPIC without its text."""

    kind: Kind
    number: int
    uid: str
    title: str
    status: GroupStatus
    priority: Priority
    parent: str | None
    labels: tuple[str, ...]
    story_points: int | None
    auto: bool
    auto_approve: bool
    drafts_least: int | None
    drafts_most: int | None
    owner: str
    held: bool
    registered_at: int
    updated_at: int
    decomposition: Status | None
    """The status of a PBI's decomposition; None: it was never asked for."""
    drafts: int
    """That nobody has decided, of itself and of the PBIs below it."""
    progress: Progress = Progress(sbis={}, pbis={}, children={})

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.number}"


class GroupVerbs(JournalVerbs):
    __slots__ = ()

    def list_groups(
        self,
        kind: Kind,
        scope: Scope,
        *,
        statuses: tuple[str, ...] | None = None,
        limit: int = -1,
        offset: int = 0,
    ) -> tuple[list[GroupLine], int]:
        """Those that are not archived, in order of registration; and how many there are in all."""
        values = {
            **scope_values(scope),
            "kind": kind,
            "statuses": None if statuses is None else json.dumps(statuses),
        }
        found = self._all("group_page", **values, decompositions=DECOMPOSITIONS_FROM, limit=limit, offset=offset)
        lines = [_line(row) for row in found]
        below = self.progress([one.id for one in lines])
        total = self._value("group_total", **values) if offset or len(lines) == limit else len(lines)
        return [replace(one, progress=below[one.id]) for one in lines], total

    def progress(self, ids: Sequence[str]) -> dict[str, Progress]:
        """How far each of these PBIs and EPICs has come."""
        below: dict[tuple[str, str], dict[str, int]] = {}
        children: dict[str, Counter[str]] = {one: Counter() for one in ids}
        for top, kind, status, count, near in self._all("group_below", ids=json.dumps(ids)):
            below.setdefault((top, kind), {})[status] = count
            children[top] += Counter({status: near})
        return {
            one: Progress(
                sbis=below.get((one, Kind.SBI), {}), pbis=below.get((one, Kind.PBI), {}), children=dict(children[one])
            )
            for one in ids
        }


def _line(row: tuple[object, ...]) -> GroupLine:
    values = dict(zip(fields(GroupLine), row, strict=False))
    decomposition = values["decomposition"]
    values |= {
        "kind": Kind(str(values["kind"])),
        "status": GroupStatus(str(values["status"])),
        "priority": Priority(str(values["priority"])),
        "labels": tuple(json.loads(str(values["labels"]))),
        "decomposition": None if decomposition is None else Status(str(decomposition)),
        **{name: bool(values[name]) for name in ("auto", "auto_approve", "held")},
    }
    return GroupLine(**values)  # type: ignore[arg-type]
