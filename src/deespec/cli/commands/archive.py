"""`archive`, `archive list|restore`: finished items leave lists and counts, and come back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog import archive
from deespec.cli import options, output
from deespec.cli.views import LIST_PAGE
from deespec.clock import iso, local
from deespec.config_keys import UNITS_MS
from deespec.errors import UsageError
from deespec.model.wanted import Scope
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.backlog.archive import Choice
    from deespec.cli.session import Session
    from deespec.store.archiving import Archived

DAY_MS = 24 * UNITS_MS["h"]
AGES_MS = {**UNITS_MS, "d": DAY_MS, "w": 7 * DAY_MS}
MAX_AGE_MS = 36_500 * DAY_MS
NAMED = 10
"""So many ids are named in one answer; of more, how many of which kind."""


class Age(click.ParamType[int]):
    """A time such as 30d, 12h or 2w; in ms."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(rf"([0-9]{{1,9}}(?:\.[0-9]+)?)\s*({'|'.join(AGES_MS)})", str(value).strip())
        ms = float(found[1]) * AGES_MS[found[2]] if found else MAX_AGE_MS + 1
        if ms > MAX_AGE_MS:
            self.fail(f"{value!r} is not an age; say 30d, 12h or 2w", param, ctx)
        return round(ms)


@click.command(name="put")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--done", is_flag=True, help="All that is DONE or CANCELLED.")
@click.option("--older", type=Age(), metavar="AGE", help="Only what was finished longer ago: 30d, 12h, 2w.")
@options.dry_run
@options.as_json
@options.session
def archive_put(
    session: Session, *, ids: tuple[str, ...], done: bool, older: int | None, dry_run: bool, as_json: bool
) -> int:
    """Leave finished items out of lists and counts. They keep their history, and what needs them sees them DONE.

    A PBI or EPIC goes with the last of what is below it; named, it takes along all that is.
    """
    if not ids and not done:
        raise UsageError("Archive what?", hint="deespec archive --done, or deespec archive ID")
    app = session.app_for_writing()
    before = None if older is None else app.clock.now_ms() - older
    if ids:
        choice = archive.choose_named(app.store, _named(session, ids), before=before)
    else:
        choice = archive.choose_finished(app.store, before=before)
    if dry_run:
        return _would(session, [*choice.sbis, *choice.groups], "be archived", choice=choice, as_json=as_json)
    items = archive.archive(app.store, choice, actor=app.person)
    if as_json:
        output.emit(items=[{"id": item} for item in items], **_left(choice))
        return 0
    if items:
        output.say(f"✓ {_told(items)} archived → deespec archive restore --last brings {_them(items)} back")
    elif not choice.already:
        output.say("There is nothing to archive." if older is None else "Nothing was finished that long ago.")
    _say_left(choice)
    return 0


@click.command(name="list")
@click.option("--limit", type=click.IntRange(0, options.MANY), help="At most this many.")
@click.option("--offset", type=click.IntRange(0, options.MANY), default=0, help="Leave out this many first.")
@options.scope
@options.as_json
@options.session
def archive_list(session: Session, /, *, limit: int | None, offset: int, as_json: bool, **filters: Any) -> int:
    """List what is archived, the newest first."""
    scope = options.scope_of(session, **filters)
    most = limit if limit is not None else -1 if as_json else LIST_PAGE
    with session.app.store.read() as tx:
        items, total = tx.archived_items(scope, limit=most, offset=offset)
    if as_json:
        output.emit(items=[_shape(one) for one in items], total=total)
        return 0
    rows = [(one.id, one.status, _day(one.finished_at), _day(one.at), one.parent or "", one.title) for one in items]
    head = ("ID", "STATUS", "FINISHED", "ARCHIVED", "PARENT", "TITLE")
    for text in output.table(head, rows, session.style, colour=output.status_colour):
        output.say(text)
    if total > len(items) + offset:
        output.say(f"… {len(items)} of {total} shown (--limit, --offset)")
    if not total:
        output.say("Nothing is archived." if scope == Scope() else "Nothing of that is archived.")
    return 0


@click.command(name="restore")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--last", is_flag=True, help="What was archived last, by one command.")
@click.option("--all", "everything", is_flag=True, help="All of it.")
@options.dry_run
@options.as_json
@options.session
def archive_restore(
    session: Session, *, ids: tuple[str, ...], last: bool, everything: bool, dry_run: bool, as_json: bool
) -> int:
    """Bring archived items back into lists, a PBI or EPIC with all below it. What is above comes back, too."""
    if bool(ids) + last + everything != 1:
        raise UsageError("Restore what? Name items, or say --last or --all.", hint="deespec archive list")
    app = session.app_for_writing()
    absent: list[str] = []
    if ids:
        chosen, absent = archive.named_in_archive(app.store, _named(session, ids))
    else:
        with app.store.read() as tx:
            chosen = tx.archived_last() if last else tx.archived_all()
    if dry_run:
        return _would(session, chosen, "come back into lists", choice=archive.Choice(), as_json=as_json)
    items = archive.restore(app.store, chosen, actor=app.person)
    if as_json:
        output.emit(items=[{"id": item} for item in items], absent=absent)
        return 0
    if items:
        output.say(f"✓ {_told(items)} back in lists")
    for item in absent:
        output.say(f"{item} is not archived.")
    if not items and not absent:
        output.say("Nothing is archived.")
    return 0


# --- below ----------------------------------------------------------------------------------------------------------


def _named(session: Session, ids: Sequence[str]) -> list[str]:
    """Ids as the store knows them, each once; a bare number is an SBI's."""
    from deespec.model.items import Kind

    return [*dict.fromkeys(session.item_id(one, Kind.SBI if one.strip().isdigit() else None) for one in ids)]


def _would(session: Session, items: Sequence[str], what: str, *, choice: Choice, as_json: bool) -> int:
    with session.app.store.read() as tx:
        found = [tx.item(item) for item in items]
    if as_json:
        output.emit(dry_run=True, items=[{"id": one.id, "status": one.status} for one in found], **_left(choice))
        return 0
    for one in found:
        output.say(f"{one.id} ({one.status}) would {what}: {clean(one.title)}")
    if not found:
        output.say("Nothing would be done.")
    _say_left(choice)
    return 0


def _left(choice: Choice) -> dict[str, Any]:
    needed = [{"id": item, "needed_by": by} for item, by in choice.needed]
    return {"already": list(choice.already), "needed": needed}


def _say_left(choice: Choice) -> None:
    for item in choice.already:
        output.say(f"{item} is archived already.")
    for item, by in choice.needed[:NAMED]:
        output.say(f"{item} stays: it is CANCELLED, and {by} needs it → deespec why {by}")
    if len(choice.needed) > NAMED:
        output.say(f"… and {len(choice.needed) - NAMED} more CANCELLED ones that open items need")


def _told(items: Sequence[str]) -> str:
    if len(items) <= NAMED:
        return ", ".join(items)
    kinds = [item.partition("-")[0] for item in items]
    counts = {kind: kinds.count(kind) for kind in ("SBI", "PBI", "EPIC") if kind in kinds}
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items())


def _them(items: Sequence[str]) -> str:
    return "them" if len(items) > 1 else "it"


def _day(at: int | None) -> str:
    return local(at)[:10] if at is not None else ""


def _shape(one: Archived) -> dict[str, Any]:
    return {
        "id": one.id,
        "uid": one.uid,
        "kind": one.kind,
        "title": one.title,
        "status": one.status,
        "parent": one.parent,
        "finished_at": iso(one.finished_at),
        "archived_at": iso(one.at),
    }
