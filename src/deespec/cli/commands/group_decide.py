"""`pbi hold|unhold|cancel|delete`, and the same of `epic`: what people decide about all that is below one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.backlog import groups
from deespec.board.told import NAMED_MOST, effects, named
from deespec.cli import options, output
from deespec.model.items import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deespec.backlog.groups import Effect, Family
    from deespec.cli.session import Session

NOW = click.option("--now", is_flag=True, help="Stop running agents, too; no attempt is used.")
REASON = click.option("--reason", "-m", help="Why, for the history.")
CASCADE = click.option("--cascade", is_flag=True, help="With all that is below it, or nothing.")


def _asking(body: Callable[..., Any]) -> Callable[..., Any]:
    for option in (options.session, options.as_json, options.dry_run, options.yes, options.one_id):
        body = option(body)
    return body


@click.command(name="hold")
@_asking
@NOW
def pbi_hold(session: Session, /, **given: Any) -> int:
    """Keep a PBI from being decomposed, and all SBIs below it from being taken.

    Items in work end their turn first, unless --now. What is registered below it later is held, too, drafts included,
    until `pbi unhold`.
    """
    return _hold(session, Kind.PBI, **given)


@click.command(name="hold")
@_asking
@NOW
def epic_hold(session: Session, /, **given: Any) -> int:
    """Keep everything below an EPIC from being decomposed or taken.

    Items in work end their turn first, unless --now. What is registered below it later is held, too, until
    `epic unhold`.
    """
    return _hold(session, Kind.EPIC, **given)


@click.command(name="unhold")
@_asking
def pbi_unhold(session: Session, /, **given: Any) -> int:
    """Let a held PBI and all SBIs below it be worked on, those that were held one by one, too."""
    return _unhold(session, Kind.PBI, **given)


@click.command(name="unhold")
@_asking
def epic_unhold(session: Session, /, **given: Any) -> int:
    """Let everything below an EPIC be worked on, what was held one by one, too."""
    return _unhold(session, Kind.EPIC, **given)


@click.command(name="cancel")
@_asking
@REASON
def pbi_cancel(session: Session, /, **given: Any) -> int:
    """Cancel all SBIs below a PBI that are not DONE, and its decomposition; running agents are stopped.

    The PBI is held then, so that nothing is decomposed or taken anew: `pbi unhold` frees it, `sbi reset` brings items
    back. Drafts stay for you to decide; items that are being merged are left.
    """
    return _cancel(session, Kind.PBI, **given)


@click.command(name="cancel")
@_asking
@REASON
def epic_cancel(session: Session, /, **given: Any) -> int:
    """Cancel everything below an EPIC that is not DONE, and the decompositions of its PBIs; running agents are stopped.

    The EPIC and its PBIs are held then: `epic unhold` frees them, `sbi reset` brings items back. Drafts stay for you to
    decide; items that are being merged are left.
    """
    return _cancel(session, Kind.EPIC, **given)


@click.command(name="delete")
@_asking
@CASCADE
def pbi_delete(session: Session, /, **given: Any) -> int:
    """Delete a PBI that has nothing below it and no drafts that wait.

    With --cascade its SBIs and drafts go, too: only if each SBI is PENDING or CANCELLED, was never worked on, and is
    needed by none elsewhere.
    """
    return _delete(session, Kind.PBI, **given)


@click.command(name="delete")
@_asking
@CASCADE
def epic_delete(session: Session, /, **given: Any) -> int:
    """Delete an EPIC that has nothing below it.

    With --cascade its PBIs and SBIs go, too, with their drafts: only if each SBI is PENDING or CANCELLED, was never
    worked on, and is needed by none elsewhere.
    """
    return _delete(session, Kind.EPIC, **given)


# --- doing it -------------------------------------------------------------------------------------------------------


def _hold(session: Session, kind: Kind, *, item_id: str, now: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    app = session.app_for_writing()
    one = session.item_id(item_id, kind)
    with app.store.read() as tx:
        effect = groups.to_hold(tx, one, now=now)
    if not dry_run:
        _confirm(session, one, effect, "hold", yes=yes)
        effect = groups.hold(app.store, one, actor=app.person, now=now)
    return _tell(one, effect, "held", dry_run=dry_run, as_json=as_json)


def _unhold(session: Session, kind: Kind, *, item_id: str, yes: bool, dry_run: bool, as_json: bool) -> int:
    app = session.app_for_writing()
    one = session.item_id(item_id, kind)
    with app.store.read() as tx:
        effect = groups.to_unhold(tx, one)
    if not dry_run:
        _confirm(session, one, effect, "unhold", yes=yes)
        effect = groups.unhold(app.store, one, actor=app.person)
    return _tell(one, effect, "free", dry_run=dry_run, as_json=as_json)


def _cancel(
    session: Session, kind: Kind, *, item_id: str, reason: str | None, yes: bool, dry_run: bool, as_json: bool
) -> int:
    app = session.app_for_writing()
    one = session.item_id(item_id, kind)
    with app.store.read() as tx:
        effect = groups.to_cancel(tx, one)
    if not dry_run:
        _confirm(session, one, effect, "cancel", yes=yes)
        effect = groups.cancel(app.store, one, actor=app.person, reason=reason)
    return _tell(one, effect, "cancelled", dry_run=dry_run, as_json=as_json)


def _delete(
    session: Session, kind: Kind, *, item_id: str, cascade: bool, yes: bool, dry_run: bool, as_json: bool
) -> int:
    app = session.app_for_writing()
    one = session.item_id(item_id, kind)
    with app.store.read() as tx:
        gone = groups.to_delete(tx, one, cascade=cascade)
        drafts = sum(len(tx.drafts(group.id)) for group in gone.groups)
    if not dry_run:
        lines = [f"{_count(len(gone.sbis), 'SBI')}: {named([each.id for each in gone.sbis])}"] if gone.sbis else []
        lines += [_count(drafts, "undecided draft")] if drafts else []
        lines += _reopened_lines(gone)
        _ask(session, [str(named([each.id for each in gone.groups])), *lines], f"{one}: delete for good?", yes=yes)
        gone = groups.delete(app.store, one, actor=app.person, cascade=cascade)
    return _tell_gone(gone, dry_run=dry_run, as_json=as_json)


# --- asking and telling ---------------------------------------------------------------------------------------------


def _confirm(session: Session, item_id: str, effect: Effect, verb: str, *, yes: bool) -> None:
    """Asks if more than the item itself is concerned."""
    if effect.below or effect.stopped:
        _ask(session, [str(one) for one in effects(item_id, effect)], f"{item_id}: {verb} with all below it?", yes=yes)


def _ask(session: Session, lines: Sequence[str], question: str, *, yes: bool) -> None:
    if not yes:
        for line in lines:
            output.tell(line)
    session.confirm(question, yes=yes)


def _tell(item_id: str, effect: Effect, what: str, *, dry_run: bool, as_json: bool) -> int:
    if as_json:
        output.emit(
            id=item_id,
            dry_run=dry_run,
            groups=list(effect.groups),
            sbis=list(effect.sbis),
            decompositions=list(effect.decompositions),
            stopped=list(effect.stopped),
            left=[{"id": one, "why": why} for one, why in effect.left],
            blocked=list(effect.blocked),
        )
        return 0
    if not (effect.groups or effect.sbis or effect.decompositions or effect.stopped):
        output.say(f"{item_id} is like that already; nothing was changed.")
    else:
        output.say(f"{item_id} would be {what}" if dry_run else f"✓ {item_id} {what}")
    for line in effects(item_id, effect):
        output.say(f"  {line}")
    return 0


def _tell_gone(gone: Family, *, dry_run: bool, as_json: bool) -> int:
    ids = [one.id for one in (*gone.groups, *gone.sbis)]
    if as_json:
        reopened = [{"id": one, "why": why} for one, why in gone.reopened]
        output.emit(dry_run=dry_run, items=[{"id": one} for one in ids], reopened=reopened)
        return 0
    output.say(f"{named(ids)} would be deleted" if dry_run else f"✓ {named(ids)} deleted")
    for line in _reopened_lines(gone):
        output.say(f"  {line}")
    return 0


def _reopened_lines(gone: Family) -> list[str]:
    more = len(gone.reopened) - NAMED_MOST
    lines = [f"open again: {one}: {why}" for one, why in gone.reopened[:NAMED_MOST]]
    return [*lines, f"open again: {more} more"] if more > 0 else lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
