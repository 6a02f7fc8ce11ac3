"""What the graph of needs is made of: who needs whom, seen from everywhere, from an item, or from a group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.model.items import Line
from deespec.store.unit import Unit

if TYPE_CHECKING:
    from collections.abc import Collection

Need = tuple[int, int]
"""An item, and one that it needs."""
Known = tuple[int, str, float | None]
"""Number, status and estimate_hours of an item."""
Above = tuple[str, int, str, str, str | None]
"""Kind, number, title, status and parent of a PBI or EPIC."""


class GraphVerbs(Unit):
    __slots__ = ()

    def needs_of_open(self, *, everything: bool) -> list[Need]:
        """The needs of all open items; of finished ones that are not archived, too, if everything is wanted."""
        return self._all("graph_open", everything=int(everything))

    def needs_around(self, number: int) -> tuple[list[int], list[Need]]:
        """An item, all that it needs and all that needs it, over any number of steps; and the needs among them."""
        reached = [row[0] for row in self._all("graph_reach", number=number)]
        inside = set(reached)
        touching: list[Need] = self._all("graph_touching", numbers=json.dumps(reached))
        return reached, [one for one in touching if inside.issuperset(one)]

    def needs_below(self, group: str) -> tuple[dict[int, bool], list[Need]]:
        """The SBIs below a PBI or EPIC, and whether each is archived; their needs, and the needs for them."""
        members = {number: bool(archived) for number, archived in self._all("graph_below", parent=group)}
        return members, self._all("graph_touching", numbers=json.dumps(list(members)))

    def known(self, numbers: Collection[int]) -> list[Known]:
        return self._all("graph_known", numbers=json.dumps(sorted(numbers)))

    def lines(self, numbers: Collection[int]) -> list[Line]:
        """These items as lists show them, archived ones, too."""
        return self._records(Line, "graph_lines", numbers=json.dumps(sorted(numbers)))

    def groups_above(self, ids: Collection[str]) -> list[Above]:
        """These PBIs and EPICs, and the EPICs above these PBIs: EPICs first."""
        return self._all("graph_groups", ids=json.dumps(sorted(ids)))
