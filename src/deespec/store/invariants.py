"""What must always hold in a backlog: one statement a theme, which finds what breaks it. Nobody checks by other code.

Told are severity, item and words, so that `db check`, `journal check` and `doctor` say the same of the same thing.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.model.lifecycle import roll_up
from deespec.model.selection import paths_overlap
from deespec.records import record
from deespec.store.unit import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

SLACK_MS = 86_400_000
"""So far ahead a time may lie before it is called wrong: time zones never matter, clocks do."""
STEP_BACK_MS = 60_000
"""Smaller steps back are a clock being set right."""


class Severity(StrEnum):
    """How bad it is; from the mildest to the worst."""

    NOTE = "note"
    WRONG = "wrong"
    """Inconsistent: the program may misbehave."""
    LOST = "lost"
    """Acknowledged work is missing."""
    DAMAGED = "damaged"
    """Pages cannot be read."""


@record
class Violation:
    severity: Severity
    text: str
    item: str | None = None
    remedy: str | None = None
    """What helps; None: what helps with everything of this severity."""


class Invariants(Unit):
    """All of it is asked of one snapshot."""

    __slots__ = ()

    def turns(self) -> list[Violation]:
        """The turns of each item, and whether lists and words can be read."""
        return [*self._told("check_turns"), *self._told("check_values")]

    def needs(self) -> list[Violation]:
        """Circles, ranks, and who waits for what."""
        found = [*self._circles(), *self._told("check_ranks"), *self._told("check_waits")]
        return [*found, *self._overlaps()]

    def groups(self) -> list[Violation]:
        """Parents, decompositions, the status that follows from what is below, and what is archived with what."""
        found = [*self._told("check_parents"), *self._told("check_decompositions"), *self._rolled_up()]
        return [*found, *self._told("check_archived")]

    def claims(self) -> list[Violation]:
        """Live claims, calls, answers that wait to be judged, costs, pauses, merges."""
        return [*self._told("check_claims"), *self._told("check_merges")]

    def counters(self) -> list[Violation]:
        """Numbers and tokens that would be given twice."""
        return self._told("check_counters")

    def times(self) -> list[Violation]:
        return self._told("check_times", now=self.now, slack=SLACK_MS, step=STEP_BACK_MS)

    def journal(self) -> list[Violation]:
        """The journal replayed and held against items and turns."""
        return self._told("check_journal")

    def everything(self) -> list[Violation]:
        parts = (self.turns, self.needs, self.groups, self.claims, self.counters, self.times, self.journal)
        return [one for part in parts for one in part()]

    # --- below ---

    def _told(self, name: str, **values: int) -> list[Violation]:
        return [
            Violation(severity=Severity(severity), item=item, text=text)
            for severity, item, text in self._all(name, **values)
        ]

    def _circles(self) -> Iterator[Violation]:
        """Peels off what needs nothing that is left; what then remains stands in circles or behind them."""
        needs: dict[int, set[int]] = {}
        needed_by: dict[int, list[int]] = {}
        for sbi, need in self._all("check_needs"):
            needs.setdefault(sbi, set()).add(need)
            needed_by.setdefault(need, []).append(sbi)
        free = [need for need in needed_by if need not in needs]
        for one in free:  # grows meanwhile
            for sbi in needed_by.get(one, ()):
                needs[sbi].discard(one)
                if not needs[sbi]:
                    free.append(sbi)
        seen: set[int] = set()
        for start in sorted(sbi for sbi, rest in needs.items() if rest):
            way = [start]
            while way[-1] not in seen and (onward := min(needs[way[-1]])) not in way:
                way.append(onward)
            if way[-1] not in seen:
                circle = [*way[way.index(onward) :], onward]
                text = f"these needs form a circle: {' → '.join(f'SBI-{number}' for number in circle)}"
                yield Violation(severity=Severity.WRONG, item=f"SBI-{circle[0]}", text=text)
            seen |= {*way}

    def _overlaps(self) -> Iterator[Violation]:
        for number, paths, other, others, touched in self._all("check_overlaps"):
            if not paths_overlap(json.loads(paths), (*json.loads(others), *json.loads(touched))):
                text = f"SBI-{number} waits for the paths of SBI-{other}, and they share none"
                yield Violation(severity=Severity.WRONG, item=f"SBI-{number}", text=text)

    def _rolled_up(self) -> Iterator[Violation]:
        counts: dict[tuple[str, str, str | None, int, int], dict[str, int]] = {}
        for *of_group, child, items in self._all("check_groups"):
            counts.setdefault(tuple(of_group), {})[child] = items
        for (group, status, decomposition, resume, drafts), children in counts.items():
            due = roll_up(children, decomposition=decomposition, resume=bool(resume), drafts=drafts)
            if status != due:
                below = ", ".join(f"{count} {child}" for child, count in children.items() if count)
                text = f"{group} is {status}, and what is below it makes it {due}: {below or 'nothing'}"
                yield Violation(severity=Severity.WRONG, item=group, text=text)
