"""What is remembered of an item's side in Git: a row for each item that has one."""

from __future__ import annotations

from deespec.model.work import Integration, Work
from deespec.store.unit import Unit


class WorkVerbs(Unit):
    __slots__ = ()

    def work(self, number: int) -> Work:
        found = self._records(Work, "work_get", sbi=number)
        return found[0] if found else Work(sbi=number)

    def works(self) -> list[Work]:
        """Of all items that have one."""
        return self._records(Work, "work_list")

    def keep_work(self, work: Work) -> None:
        self._run("work_remove", sbi=work.sbi)
        self._insert(work)

    def integration(self, number: int) -> Integration | None:
        """The recorded move of the target for this item that is not settled."""
        found = self._records(Integration, "integration_get", sbi=number)
        return found[0] if found else None

    def integrations(self) -> list[Integration]:
        """Of all items."""
        return self._records(Integration, "integration_list")
