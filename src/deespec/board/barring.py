"""Who waits for whom because of files: what each item in work holds, and the two globs that meet, for `why --paths`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.waiting import Situation
from deespec.model.lifecycle import Status
from deespec.model.selection import paths_overlap
from deespec.model.wanted import Scope
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.app import App
    from deespec.model.items import Line

ENTERING = (Status.PENDING, Status.PARKED, Status.FAILED)
"""What may enter work next: a stopped item only once a person has said so."""


@record
class Bar:
    """An item that another one keeps from entering work."""

    line: Line
    own: str | None
    """Its glob; None: it names no paths, and is worked on alone."""
    other: str | None
    """The other's, or a file that the other has changed; None: the other names no paths, and is worked on alone."""
    touched: bool = False
    """`other` was changed, and is not among what the other declares."""


@record
class Holder:
    """An item that holds files."""

    line: Line
    touched: tuple[str, ...]
    """Globs that name the files it has really changed."""
    bars: tuple[Bar, ...]
    is_next: bool = False
    """It is not in work; others make room for it."""


@record
class Barring:
    holders: tuple[Holder, ...]
    undeclared: tuple[Line, ...]
    """Open items that name no paths and are not in work."""
    exclusive: bool
    """They are worked on alone."""


def barring(app: App) -> Barring:
    """One consistent look at all items in work and all that may enter it."""
    with app.store.read() as tx:
        situation = Situation(app, tx)
        found = tx.list_sbis(Scope(), statuses=ENTERING).lines
        lines = [line for line in found if line.status is Status.PENDING or line.resume]
        held = [(tx.line(number), paths, touched) for number, paths, touched in situation.working]
        if situation.next is not None and situation.next not in [line.number for line, _, _ in held]:
            held.append((tx.line(situation.next), situation.next_paths, ()))
    exclusive = app.settings.undeclared == "exclusive"
    barred = [(line, set(situation.bars(line.number, line.paths))) for line in lines]
    holders = [
        Holder(
            line=one,
            touched=touched,
            bars=tuple(_bar(line, paths, touched, exclusive=exclusive) for line, by in barred if one.number in by),
            is_next=one.number == situation.next,
        )
        for one, paths, touched in held
    ]
    undeclared = tuple(line for line in lines if not line.paths)
    return Barring(holders=tuple(holders), undeclared=undeclared, exclusive=exclusive)


def _bar(line: Line, paths: Sequence[str], touched: Sequence[str], *, exclusive: bool) -> Bar:
    if exclusive and not line.paths:
        return Bar(line=line, own=None, other=None)
    pair = next(_meeting(line.paths, paths), None)
    if pair is not None:
        return Bar(line=line, own=pair[0], other=pair[1])
    pair = next(_meeting(line.paths, touched), None)
    if pair is not None:
        return Bar(line=line, own=pair[0], other=pair[1], touched=True)
    return Bar(line=line, own=line.paths[0], other=None)


def _meeting(own: Sequence[str], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The pairs that can name the same file; most globs are ruled out against all others at once."""
    for one in own:
        if paths_overlap((one,), others):
            yield from ((one, other) for other in others if paths_overlap((one,), (other,)))
