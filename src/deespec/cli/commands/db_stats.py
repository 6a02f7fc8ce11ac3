"""`db stats`: sizes, rows, growth, and the settings that are really in force."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, output
from deespec.clock import iso, local
from deespec.records import as_dict
from deespec.store.opener import FILE
from deespec.store.upkeep.shelf import backups_for
from deespec.store.upkeep.stats import stats
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.output import Style
    from deespec.cli.session import Session
    from deespec.store.upkeep.backup import BackupFile
    from deespec.store.upkeep.stats import Grown, Stats

SHOWN_TABLES = 8
SHOWN_ITEMS = 3


@click.command(name="stats")
@options.as_json
@options.session
def db_stats(session: Session, as_json: bool) -> int:
    """Show how large the database is, what fills it, how it grows, and what is in force on a connection.

    It only reads, while others work.
    """
    app = session.app
    settings = app.settings
    found = stats(os.path.join(settings.home, FILE), clock=app.clock, busy_ms=settings.busy_timeout_ms)
    backups = backups_for(str(app.state), str(settings.home))
    if as_json:
        output.emit(**_json(found, backups))
    else:
        for line in _lines(found, backups, session.style):
            output.say(line)
    return 0


def _json(found: Stats, backups: list[BackupFile]) -> dict[str, Any]:
    return {
        "database_bytes": found.database_bytes,
        "wal_bytes": found.wal_bytes,
        "shm_bytes": found.shm_bytes,
        "pages": found.pages,
        "free_pages": found.free_pages,
        "unused_bytes": found.unused_bytes,
        "fragmented_pages": found.jumps,
        "bytes_per_item": _per_item(found),
        "wal_frames": found.wal_frames,
        "wal_moved_frames": found.wal_moved,
        "tables": [as_dict(one) for one in found.tables],
        "growth": [as_dict(one) for one in found.grown],
        "largest": [{"id": item, "text_bytes": size} for item, size in found.largest],
        "first_entry_at": iso(found.first_at),
        "newest_entry_at": iso(found.newest_at),
        "seq": found.seq,
        "in_force": dict(found.in_force),
        "sqlite": found.library,
        "compiled_with": list(found.compiled),
        "backups": len(backups),
        "backups_bytes": sum(one.bytes for one in backups),
        "newest_backup": {"path": backups[0].path, "made_at": iso(backups[0].at)} if backups else None,
    }


def _lines(found: Stats, backups: list[BackupFile], how: Style) -> list[str]:
    entries = f"up to entry {found.seq:,}"
    each = _per_item(found)
    if found.first_at is not None and found.newest_at is not None:
        entries += f", from {local(found.first_at)} to {local(found.newest_at)}"
    facts = [
        (
            "database",
            f"{_size(found.database_bytes)}; {found.pages:,} pages, {found.free_pages:,} of them free"
            + (f"; {_size(each)} an item" if each else ""),
        ),
        ("unused", f"{_size(found.unused_bytes)} within pages that are in use; {_share(found)} of them out of order"),
        ("log", f"{_size(found.wal_bytes)}; {found.wal_frames:,} pages, {found.wal_moved:,} of them moved"),
        ("journal", entries),
        *((f"{one.days} days", _growth(one)) for one in found.grown),
        ("largest", ", ".join(f"{item} {_size(size)}" for item, size in found.largest[:SHOWN_ITEMS]) or "no items"),
        ("backups", _backups(backups)),
        ("SQLite", found.library),
    ]
    lines = [f"{name:<10}{text}" for name, text in facts]
    rows = [(one.name, f"{one.rows:,}", _size(one.bytes)) for one in found.tables[:SHOWN_TABLES] if one.rows]
    lines += ["", *output.table(("TABLE", "ROWS", "SIZE"), rows, how)]
    return [*lines, "", "in force  " + ", ".join(f"{name} {text}" for name, text in found.in_force)]


def _growth(one: Grown) -> str:
    counted = {"items": one.items, "turns": one.turns, "entries": one.entries}
    return ", ".join(f"{what} {count:,} ({count / one.days:,.1f} a day)" for what, count in counted.items())


def _backups(backups: list[BackupFile]) -> str:
    if not backups:
        return "none → deespec db backup"
    newest = backups[0]
    return f"{len(backups)}, the newest of {local(newest.at)} in {clean(os.path.dirname(newest.path))}"


def _share(found: Stats) -> str:
    """How much of the pages in use jumps."""
    used = found.pages - found.free_pages
    return f"{found.jumps / used:.0%}" if used else "0%"


def _per_item(found: Stats) -> int | None:
    items = next((one.rows for one in found.tables if one.name == "sbi"), 0)
    return found.database_bytes // items if items else None


def _size(count: int) -> str:
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"
