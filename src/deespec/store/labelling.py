"""Who carries which label, and changing that for all of them at once."""

from __future__ import annotations

import json

from deespec.model.ids import id_of
from deespec.records import record
from deespec.store.items import ItemVerbs


@record
class Labelled:
    """An item, a draft, or the decomposition of a PBI, which goes by its labels."""

    kind: str
    """sbi, pbi, epic or draft."""
    number: int
    parent: str | None
    """Of a draft."""
    labels: tuple[str, ...]

    @property
    def id(self) -> str:
        if self.kind == "draft":
            return f"{self.parent}/{self.number}"
        return id_of(self.number) if self.kind == "sbi" else f"{self.kind.upper()}-{self.number}"


class LabellingVerbs(ItemVerbs):
    __slots__ = ()

    def labelled(self, label: str | None = None) -> list[Labelled]:
        """Items and undecided drafts that carry this label, or any."""
        return [one for one in self._labelled(label, decided=False) if one.number > 0]

    def relabel(self, label: str, instead: str | None) -> None:
        """Puts another label, or none, in its place wherever it is, decided drafts included."""
        for one in self._labelled(label, decided=True):
            other = dict.fromkeys(instead if name == label else name for name in one.labels)
            labels = json.dumps([name for name in other if name is not None], ensure_ascii=False)
            self._run(f"relabel_{one.kind}", number=one.number, parent=one.parent, labels=labels, now=self.now)

    def _labelled(self, label: str | None, *, decided: bool) -> list[Labelled]:
        word = None if label is None else json.dumps(label, ensure_ascii=False)
        return [
            Labelled(kind=kind, number=number, parent=parent, labels=tuple(json.loads(labels)))
            for kind, number, parent, labels in self._all("labelled", label=word, decided=int(decided))
        ]
