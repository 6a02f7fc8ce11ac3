"""`gc`: what is over in Git and beside it, shown, then freed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.board.health.findings import size
from deespec.cli import options, output
from deespec.engine.cleaning import Kind, Piece, carry_out, plan
from deespec.errors import NotPossible
from deespec.model.lifecycle import Status
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session

ONCE = {Kind.WORKTREE: "worktree", Kind.BRANCH: "branch", Kind.ASIDE: "put aside"}
WOULD = "WOULD BE FREED"
Told = list[tuple[Piece, str]]
"""What was to be freed, and why it was not."""


@click.command()
@click.option(
    "--cancelled",
    multiple=True,
    metavar="ID",
    help="Free what alone holds this item's given-up work, too: of a cancelled one all, of others what was before "
    "their last reset. May be given several times.",
)
@options.yes
@options.dry_run
@options.as_json
@options.session
def gc(session: Session, *, cancelled: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool) -> int:
    """Free worktrees, branches and refs of items that are over, and checkouts of workers that have ended.

    Nothing goes that is not merged, and nothing that is being worked on. What was not committed in a worktree is put
    under a ref below refs/deespec first. What stays is listed with the reason.
    """
    app = session.app_for_writing()
    numbers = _given_up(session, cancelled)
    pieces = plan(app, cancelled=numbers)
    free = [one for one in pieces if one.frees]
    kept = [one for one in pieces if not one.frees]
    if dry_run or not free:
        return _show(session, [(one, "") for one in free], kept, dry_run=dry_run, as_json=as_json)
    if not (as_json or yes):
        _say(session, WOULD, free)
    session.confirm(f"Free {_told(free)}?", yes=yes)
    done = list(carry_out(app, pieces, cancelled=numbers))
    return _show(session, done, kept, dry_run=False, as_json=as_json, head="FREED" if yes else None)


def _given_up(session: Session, ids: Sequence[str]) -> set[int]:
    numbers = {session.number(one) for one in ids}
    with session.app.store.read() as tx:
        for number in numbers:
            sbi, generation = tx.sbi(number), tx.work(number).generation
            if sbi.status is not Status.CANCELLED and generation == 1:
                hint = f"deespec sbi cancel {sbi.id}"
                raise NotPossible(f"{sbi.id} is {sbi.status}, and has never been given up.", hint=hint)
    return numbers


def _show(
    session: Session, done: Told, kept: list[Piece], *, dry_run: bool, as_json: bool, head: str | None = WOULD
) -> int:
    """Without a head, what was freed has been listed before."""
    freed = [one for one, why in done if not why]
    left = [(one, why) for one, why in done if why]
    if as_json:
        output.emit(
            dry_run=dry_run,
            freed=[_json(one) for one in freed],
            kept=[_json(one) for one in kept] + [{**_json(one), "why": why} for one, why in left],
            bytes=sum(one.size_bytes for one in freed),
        )
        return 1 if left else 0
    if head is not None:
        _say(session, head, freed)
    _say(session, "KEPT", [*kept, *(_kept(one, why) for one, why in left)])
    for text in dict.fromkeys(one.remedy for one in kept if one.remedy):
        output.say(f"→ {clean(text)}")
    if not done:
        output.say("There is nothing to free.")
    elif dry_run:
        output.say(f"{_told(freed)} would be freed → deespec gc")
    else:
        output.say(f"✓ {_told(freed)} freed" if freed else "Nothing was freed.")
    return 1 if left else 0


def _kept(one: Piece, why: str) -> Piece:
    from deespec.records import replace

    return replace(one, why=why)


def _say(session: Session, head: str, pieces: Sequence[Piece]) -> None:
    """A line for each name and reason, so that worktree, branch and refs of an item stand together."""
    groups: dict[tuple[str, str, str], list[Piece]] = {}
    for one in pieces:
        groups.setdefault((one.name, one.status, one.why), []).append(one)
    rows = [
        (name, status.lower(), _what(members), size(total) if (total := _bytes(members)) else "", why)
        for (name, status, why), members in groups.items()
    ]
    for text in output.table((head, "STATUS", "WHAT", "SIZE", "WHY"), rows, session.style):
        output.say(text)
    if rows:
        output.say()


def _what(pieces: Sequence[Piece]) -> str:
    return ", ".join(_count(one) for one in pieces)


def _count(one: Piece) -> str:
    if one.kind is Kind.REFS:
        return f"{len(one.places)} ref{'s' if len(one.places) > 1 else ''}"
    return ONCE.get(one.kind, str(one.kind))


def _told(pieces: Sequence[Piece]) -> str:
    """`2 worktrees, 1 branch and 9 refs, 3.4 MiB`."""
    counts = {kind: sum(len(one.places) for one in pieces if one.kind is kind) for kind in Kind}
    one = {Kind.REFS: "ref", Kind.ASIDE: "folder put aside"}
    several = {Kind.BRANCH: "branches", Kind.REFS: "refs", Kind.ASIDE: "folders put aside"}
    words = [
        f"{count} {one.get(kind, str(kind)) if count == 1 else several.get(kind, f'{kind}s')}"
        for kind, count in counts.items()
        if count
    ]
    text = ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + (words[-1] if words else "nothing")
    total = _bytes(pieces)
    return f"{text}, {size(total)}" if total else text


def _bytes(pieces: Sequence[Piece]) -> int:
    return sum(one.size_bytes for one in pieces)


def _json(one: Piece) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "item": one.item,
        "status": one.status or None,
        "places": list(one.places),
        "bytes": one.size_bytes,
        "why": one.why,
        "remedy": one.remedy,
    }
