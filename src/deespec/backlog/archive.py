"""Archiving finished items and bringing them back: in steps, so that nobody is held up, each step whole in itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.clock import local
from deespec.errors import NotPossible
from deespec.model.items import Sbi
from deespec.model.lifecycle import ENDED, GroupStatus
from deespec.model.wanted import Scope
from deespec.records import record
from deespec.store.archiving import ARCHIVE_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.model.items import Line
    from deespec.store.base import Store, Transaction

GROUP_STEP = 25
"""Groups in one transaction: each is held against all that is below it."""


@record
class Choice:
    """What an act would archive, and what it would not."""

    sbis: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """Of which nothing would be left in lists then."""
    already: tuple[str, ...] = ()
    """Named, and in the archive before."""
    needed: tuple[tuple[str, str], ...] = ()
    """CANCELLED items that stay, each with an open one that needs it: somebody has to decide."""


def choose_finished(store: Store, *, before: int | None) -> Choice:
    """All that has ended, no later than `before` (wall time, ms)."""
    with store.read() as tx:
        needed = tx.cancelled_needed()
        numbers = [number for number in tx.archivable(before=before) if number not in needed]
        return Choice(
            sbis=tuple(f"SBI-{number}" for number in numbers),
            groups=tuple(tx.archivable_groups(numbers)),
            needed=tuple((f"SBI-{number}", f"SBI-{other}") for number, other in needed.items()),
        )


def choose_named(store: Store, ids: Sequence[str], *, before: int | None) -> Choice:
    """These items, and all below them.

    Raises NotFound, and NotPossible for what is not finished, has ended after `before`, or is CANCELLED and needed.
    """
    with store.read() as tx:
        already = tuple(item for item in ids if tx.archived_at(item) is not None)
        numbers = [line.number for item in ids for line in _lines(tx, item)]
        free = set(tx.archivable(before=before)) - set(tx.cancelled_needed())
        barred = next((number for number in numbers if number not in free), None)
        if barred is not None:
            raise _refusal(tx, tx.line(barred), before)
        numbers = sorted(set(numbers))
        return Choice(
            sbis=tuple(f"SBI-{number}" for number in numbers),
            groups=tuple(tx.archivable_groups(numbers)),
            already=already,
        )


def archive(store: Store, choice: Choice, *, actor: str) -> list[str]:
    """Archives what was chosen and is still finished, in steps; the ids. Killed in between, what is done is done."""
    done: list[str] = []
    at = 0
    for part in _parts(choice):
        with store.transaction() as tx:
            at = at or tx.now
            done += tx.archive(part, at=at, actor=actor)
    return done


def named_in_archive(store: Store, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is archived of these items and all below them; and which of them have nothing there. Raises NotFound."""
    with store.read() as tx:
        found = {item: tx.archived_below(tx.item(item).id) for item in ids}
    return [*dict.fromkeys(one for below in found.values() for one in below)], [item for item in ids if not found[item]]


def restore(store: Store, items: Sequence[str], *, actor: str) -> list[str]:
    """Brings these items back, in steps, and with them what is above them; the ids of all that came back."""
    done: list[str] = []
    for part in _steps(items, ARCHIVE_STEP):
        with store.transaction() as tx:
            done += tx.unarchive(part, actor=actor)
    return done


# --- below ----------------------------------------------------------------------------------------------------------


def _lines(tx: Transaction, item_id: str) -> tuple[Line, ...]:
    """The SBIs that are not archived yet of an item and all below it. Raises NotPossible for a group with open ones."""
    item = tx.item(item_id)
    if isinstance(item, Sbi):
        return tx.list_sbis(Scope(numbers=(item.number,))).lines
    if item.status is not GroupStatus.DONE:
        hint = f"deespec {item_id.partition('-')[0].lower()} show {item_id}"
        raise NotPossible(f"{item_id} is {item.status}: a group is archived when it is DONE.", hint=hint)
    return tx.list_sbis(Scope(parent=item_id)).lines


def _refusal(tx: Transaction, line: Line, before: int | None) -> NotPossible:
    if line.status not in ENDED:
        return NotPossible(
            f"{line.id} is {line.status}: only what is DONE or CANCELLED can be archived.",
            hint=f"deespec why {line.id}",
        )
    if before is not None and line.finished_at is not None and line.finished_at > before:
        return NotPossible(
            f"{line.id} was finished {local(line.finished_at)}, later than --older says.",
            hint=f"deespec archive {line.id} archives it all the same.",
        )
    by = f"SBI-{tx.cancelled_needed()[line.number]}"
    return NotPossible(
        f"{line.id} is CANCELLED, and {by} still needs it.",
        hint=f"deespec sbi reset {line.id}, or deespec sbi update {by} --remove-need {line.id}",
    )


def _parts(choice: Choice) -> Iterator[Sequence[str]]:
    """Steps of one kind each, from below: a group needs all below it archived."""
    yield from _steps(choice.sbis, ARCHIVE_STEP)
    for kind in ("PBI-", "EPIC-"):
        yield from _steps([item for item in choice.groups if item.startswith(kind)], GROUP_STEP)


def _steps(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
