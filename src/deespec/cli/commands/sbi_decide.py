"""`sbi retry|reset|cancel|hold|unhold|delete`: what people decide about items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.backlog import edit
from deespec.backlog.drafts import losing
from deespec.cli import options, output, shapes
from deespec.cli.agent_names import tell_unknown_agents
from deespec.errors import NotPossible, UsageError
from deespec.model.lifecycle import Event, Status, can
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.cli.session import Session
    from deespec.model.items import Sbi


AT_ONCE = 250
"""Items changed in one transaction, so that none is longer than 20 ms."""
SHOWN_MOST = 20
"""Of more items, only how many they are is said."""


@click.command(name="retry")
@options.ids
@click.option("--turns", "max_turns", type=click.IntRange(1, 1000), help="Its limit of turns from now on.")
@options.agents("--agent", help="Who goes on with it.")
@click.option("-m", "--hint", help="What its next prompt says from you.")
@options.as_json
@options.session
def sbi_retry(
    session: Session,
    *,
    ids: Sequence[str],
    max_turns: int | None,
    agent: tuple[str, ...],
    hint: str | None,
    as_json: bool,
) -> int:
    """Let FAILED or PARKED items go on where they stopped, in the same workspace, findings kept."""
    app = session.app_for_writing()
    numbers = [session.number(one) for one in ids]
    tell_unknown_agents(session, agent)
    done = edit.retry(app.store, numbers, actor=app.person, hint=hint, max_turns=max_turns, agent=agent)
    return _show(done, "goes on at the next claim", as_json=as_json)


@click.command(name="reset")
@options.ids
@options.yes
@options.dry_run
@options.as_json
@options.session
def sbi_reset(session: Session, ids: Sequence[str], yes: bool, dry_run: bool, as_json: bool) -> int:
    """Start FAILED, PARKED or CANCELLED items again from the beginning. Turns and reports stay in the history."""
    app = session.app_for_writing()
    items = _items(session, ids)
    _refuse(items, Event.RESET)
    if dry_run:
        return _would(items, "be PENDING again, from the start", as_json=as_json)
    session.confirm(f"{_names(items)}: start again from the beginning?", yes=yes)
    return _show(edit.reset(app.store, [one.number for one in items], actor=app.person), "reset", as_json=as_json)


@click.command(name="cancel")
@options.ids
@click.option("--reason", "-m", help="Why, for the history.")
@options.yes
@options.dry_run
@options.as_json
@options.session
def sbi_cancel(
    session: Session, *, ids: Sequence[str], reason: str | None, yes: bool, dry_run: bool, as_json: bool
) -> int:
    """Cancel items. A running agent is stopped; what it did stays in the folder and in the history."""
    app = session.app_for_writing()
    items = _items(session, ids)
    _refuse(items, Event.CANCELLED)
    if dry_run:
        return _would(items, "be CANCELLED", as_json=as_json)
    working = [one for one in items if one.in_work]
    if working:
        session.confirm(f"{_names(working)}: in work. Stop and cancel?", yes=yes)
    numbers = [one.number for one in items]
    return _show(edit.cancel(app.store, numbers, actor=app.person, reason=reason), "cancelled", as_json=as_json)


@click.command(name="hold")
@options.ids
@click.option("--now", is_flag=True, help="Stop a running agent, too; no attempt is used.")
@options.as_json
@options.session
def sbi_hold(session: Session, ids: Sequence[str], now: bool, as_json: bool) -> int:
    """Keep items from being taken. One in work ends its turn first, unless --now."""
    app = session.app_for_writing()
    done = edit.hold(app.store, [session.number(one) for one in ids], actor=app.person, now=now)
    return _show(done, "held", as_json=as_json)


@click.command(name="unhold")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "everything", is_flag=True, help="All that are held.")
@options.as_json
@options.session
def sbi_unhold(session: Session, ids: Sequence[str], everything: bool, as_json: bool) -> int:
    """Let held items be taken."""
    if bool(ids) == everything:
        raise UsageError("Unhold what? Name items, or say --all.", hint="deespec sbi list")
    app = session.app_for_writing()
    if not everything:
        done = edit.unhold(app.store, [session.number(one) for one in ids], actor=app.person)
        return _show(done, "free", as_json=as_json)
    with app.store.read() as tx:
        numbers = tx.held()
    done = [one for some in _batched(numbers) for one in edit.unhold(app.store, some, actor=app.person)]
    if as_json or len(done) <= SHOWN_MOST:
        return _show(done, "free", as_json=as_json)
    output.say(f"✓ {len(done)} items free")
    return 0


@click.command(name="delete")
@options.ids
@options.yes
@options.dry_run
@options.as_json
@options.session
def sbi_delete(session: Session, ids: Sequence[str], yes: bool, dry_run: bool, as_json: bool) -> int:
    """Delete PENDING or CANCELLED items that nothing needs and no agent has worked on."""
    app = session.app_for_writing()
    items = _items(session, ids)
    with app.store.read() as tx:
        for one in items:
            edit.refuse_delete(tx, one)
        reopened = losing(tx, [one.id for one in items])
    if dry_run:
        return _would(items, "be deleted", reopened=reopened, as_json=as_json)
    session.confirm(f"{_names(items)}: delete for good?", yes=yes)
    reopened = tuple(found for one in items for found in edit.delete(app.store, one.id, actor=app.person))
    return _show(items, "deleted", reopened=reopened, as_json=as_json)


# --- below ----------------------------------------------------------------------------------------------------------


def _batched(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Parts of a size that does not keep others waiting."""
    return (numbers[at : at + AT_ONCE] for at in range(0, len(numbers), AT_ONCE))


def _items(session: Session, ids: Sequence[str]) -> list[Sbi]:
    numbers = dict.fromkeys(session.number(one) for one in ids)
    with session.app.store.read() as tx:
        return [tx.sbi(number) for number in numbers]


def _refuse(items: Sequence[Sbi], event: Event) -> None:
    for one in items:
        if not can(one.status, event):
            allowed = ", ".join(status for status in Status if can(status, event))
            raise NotPossible(f"{one.id} is {one.status}; only {allowed} can be {event}.")


def _names(items: Sequence[Sbi]) -> str:
    return ", ".join(one.id for one in items)


def _would(items: Sequence[Sbi], what: str, *, reopened: Sequence[tuple[str, str]] | None = None, as_json: bool) -> int:
    if as_json:
        output.emit(dry_run=True, items=[{"id": one.id, "status": one.status} for one in items], **_reopened(reopened))
        return 0
    for one in items:
        output.say(f"{one.id} ({one.status}) would {what}: {clean(one.title)}")
    _say_reopened(reopened or ())
    return 0


def _show(items: Sequence[Sbi], what: str, *, reopened: Sequence[tuple[str, str]] | None = None, as_json: bool) -> int:
    if as_json:
        output.emit(items=[shapes.sbi(one) for one in items], **_reopened(reopened))
        return 0
    for one in items:
        output.say(f"✓ {one.id} {what}")
    _say_reopened(reopened or ())
    return 0


def _reopened(found: Sequence[tuple[str, str]] | None) -> dict[str, object]:
    return {} if found is None else {"reopened": [{"id": one, "why": why} for one, why in found]}


def _say_reopened(found: Sequence[tuple[str, str]]) -> None:
    for one, why in found:
        output.say(f"  open again: {one}: {why}")
