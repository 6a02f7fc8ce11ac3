"""`journal list|export|check`: the history of everything that happened."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from deespec.board.entries import entry_json, moved, note_of
from deespec.cli import options, output
from deespec.clock import local
from deespec.errors import InvalidInput
from deespec.model.items import Kind
from deespec.model.lifecycle import Event
from deespec.suggest import closest
from deespec.text import clean, cut, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.app import App
    from deespec.cli.output import Style
    from deespec.cli.session import Session
    from deespec.model.items import JournalEntry

SHOWN = 50
PAGE = 1_000
"""Entries that `export` holds at a time."""
NOTE_COLUMNS = 24
"""So much room other columns make for the note."""
CUT = (("DECISION", 6), ("AGENT", 6), ("BY", 8), ("EVENT", 12))
"""In this order; and what is left of each at least."""
CUT_FURTHER = (("BY", 6), ("EVENT", 10))
LESS_IMPORTANT = ("DECISION", "AGENT", "BY")


@click.command(name="list")
@click.option("--item", metavar="ID", help="Only this SBI, PBI or EPIC.")
@click.option("--event", metavar="E", help="Only this kind of event, as merged.")
@click.option("--limit", type=click.IntRange(1, options.MANY), help=f"The newest so many (for people {SHOWN}).")
@options.as_json
@options.session
def journal_list(session: Session, item: str | None, event: str | None, limit: int | None, as_json: bool) -> int:
    """Show the newest entries, the last one at the end."""
    item_id = session.item_id(item, None) if item else None
    most = limit or (-1 if as_json else SHOWN)
    with session.app.store.read() as tx:
        entries = tx.journal(item=item_id, event=event, limit=most, newest=True)
        known = tx.journal_events() if event and not entries else []
        if item_id and not entries and not tx.journal(item=item_id, limit=1):
            tx.item(item_id)  # raises NotFound; the entries of a deleted item are there
    if event and not entries:
        _refuse_unknown(event, known)
    if as_json:
        output.emit(items=[entry_json(one) for one in entries])
        return 0
    for text in table_of(entries, session.style):
        output.say(text)
    if not entries:
        output.say("There are no such entries.")
    elif len(entries) == most:
        output.say(f"… the newest {most} (--limit; all of them: deespec journal export)")
    return 0


@click.command(name="export")
@click.option(
    "--after", type=click.IntRange(0, options.MANY), default=0, metavar="SEQ", help="Only entries after this one."
)
@click.option("-o", "--output", "file", type=click.Path(), metavar="FILE", help="Into a file, replaced in one step.")
@options.as_json
@options.session
def journal_export(session: Session, after: int, file: str | None, as_json: bool) -> int:
    """Write every entry as one line of JSON, oldest first, up to the newest one there is now."""
    entries = _pages(session.app, after)
    if file is None:
        for entry in entries:
            output.emit_line(entry_json(entry))
        return 0
    count = _write(file, entries, unique=session.app.clock.uid())
    if as_json:
        output.emit(file=os.path.realpath(file), entries=count)
    else:
        output.say(f"✓ {count} entries in {clean(file)}")
    return 0


@click.command(name="check")
@options.as_json
@options.session
def journal_check(session: Session, as_json: bool) -> int:
    """Replay the journal and hold it against the items and turns as they are; 1 if they differ."""
    with session.app.store.read() as tx:
        violations = [one.text for one in tx.contradictions()]
        entries = tx.journal_count()
        items = sum(tx.counts().values()) + len(tx.pbis()) + len(tx.epics())
        items += sum(tx.archived_count(kind) for kind in Kind)
    if as_json:
        output.emit(ok=not violations, entries=entries, items=items, violations=violations)
    elif violations:
        for text in violations:
            output.say(clean(text))
        output.say(f"✗ {len(violations)} contradictions between {entries} entries and {items} items")
    else:
        output.say(f"✓ {entries} entries agree with {items} items")
    return 1 if violations else 0


def table_of(entries: Sequence[JournalEntry], how: Style, *, but: str = "") -> list[str]:
    """Entries as people read them: without empty columns; on a narrow terminal shorter, and last of all with fewer."""
    rows = [_cells(entry) for entry in entries]
    if not rows:
        return []
    names = [name for name in rows[0] if name != but and any(row[name] for row in rows)]
    columns = {name: [name, *(row[name] for row in rows)] for name in names}
    for name, shorter in _SHORTER.items():
        if name in columns and _over(columns, NOTE_COLUMNS, how) > 0:
            columns[name][1:] = shorter(columns[name][1:])
    for steps, note in ((CUT, NOTE_COLUMNS), (CUT_FURTHER, output.NARROWEST)):
        for name, least in steps:
            if name in columns and (over := _over(columns, note, how)) > 0:
                width = max(least, _width(columns[name], how) - over)
                columns[name] = [cut(text, width, how.ambiguous_width) for text in columns[name]]
    for name in LESS_IMPORTANT:
        if name in columns and _over(columns, output.NARROWEST, how) > 0:
            del columns[name]
    head, *body = zip(*columns.values(), strict=True)
    return output.table(head, body, how)


def _over(columns: dict[str, list[str]], note: int, how: Style) -> int:
    """By how many columns of the terminal the table is too wide, if the note takes no more than `note`."""
    if how.width is None:
        return 0
    widths = {name: _width(cells, how) for name, cells in columns.items()}
    widths["NOTE"] = min(widths.get("NOTE", 0), note)
    return sum(widths.values()) + len(output.GAP) * (len(columns) - 1) - how.width


def _width(cells: Sequence[str], how: Style) -> int:
    return max(width_of(text, how.ambiguous_width) for text in cells)


def _reached(statuses: Sequence[str]) -> list[str]:
    """Only where each move led: where it began stands above."""
    return [text.rpartition(" → ")[2] for text in statuses]


def _names(actors: Sequence[str]) -> list[str]:
    """Workers by their names alone; of agents the item and turn stand beside it."""
    return ["agent" if text.startswith("agent ") else text.removeprefix("worker ") for text in actors]


def _times(moments: Sequence[str]) -> list[str]:
    """The time of day, or day and minute if they are of several days."""
    one_day = len({text[:10] for text in moments}) == 1
    return [text[11:] if one_day else text[5:16] for text in moments]


_SHORTER = {"STATUS": _reached, "BY": _names, "TIME": _times}
"""What says the same in fewer letters, in this order."""


def _cells(entry: JournalEntry) -> dict[str, str]:
    return {
        "TIME": local(entry.at),
        "ITEM": entry.item or "",
        "EVENT": entry.event,
        "STATUS": moved(entry),
        "TURN": str(entry.turn or ""),
        "BY": entry.actor,
        "AGENT": entry.agent or "",
        "DECISION": entry.decision or "",
        "NOTE": note_of(entry),
    }


def _refuse_unknown(event: str, known: Sequence[str]) -> None:
    """Raises InvalidInput for an event that neither this journal nor the life of items knows."""
    every = sorted({*known, *Event})
    if event not in every:
        near = closest(event, every)
        raise InvalidInput(
            f"No entry has the event {event}.", hint=f"Did you mean {near}?" if near else f"Events: {', '.join(every)}"
        )


def _pages(app: App, after: int) -> Iterator[JournalEntry]:
    """Page by page: nothing is held open while whoever reads takes his time."""
    with app.store.read() as tx:
        end = tx.journal_end()
    while after < end:
        with app.store.read() as tx:
            page = [entry for entry in tx.journal(after=after, limit=PAGE) if entry.seq <= end]
        if not page:
            return
        yield from page
        after = page[-1].seq


def _write(file: str, entries: Iterator[JournalEntry], *, unique: str) -> int:
    """Writes beside the file and moves it into place; the number of lines."""
    import json

    path = os.path.realpath(file)
    partial = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{unique}")
    count = 0
    try:
        with open(partial, "x", encoding="utf-8") as out:
            for entry in entries:
                out.write(json.dumps(entry_json(entry), ensure_ascii=False) + "\n")
                count += 1
            out.flush()
            os.fsync(out.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        if os.path.lexists(partial):
            os.unlink(partial)
    return count
