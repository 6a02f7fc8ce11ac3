"""How large a database is, what fills it, how it grows, and what is really in force in it. It only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw

from deespec.model.ids import id_of
from deespec.records import record
from deespec.store import sqlite
from deespec.store.translate import Translated
from deespec.store.upkeep.checkpoint import size_of
from deespec.store.upkeep.raw import fetch, opened, quoted, seq_of, value

if TYPE_CHECKING:
    from deespec.clock import Clock

DAY_MS = 86_400_000
LARGEST = 5
SETTINGS = (
    "journal_mode",
    "synchronous",
    "foreign_keys",
    "busy_timeout",
    "wal_autocheckpoint",
    "cache_size",
    "mmap_size",
    "page_size",
    "fullfsync",
    "checkpoint_fullfsync",
    "auto_vacuum",
    "encoding",
)
SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
COMPILED = ("THREADSAFE", "ENABLE_DBSTAT_VTAB", "ENABLE_STAT4", "DEFAULT_WAL_SYNCHRONOUS")


@record
class Table:
    name: str
    rows: int
    bytes: int
    """With its indexes."""


@record
class Size:
    """What a table takes up."""

    bytes: int
    unused: int
    jumps: int


@record
class Grown:
    """What was added in some days up to now."""

    days: int
    items: int
    turns: int
    entries: int


@record
class Stats:
    database_bytes: int
    wal_bytes: int
    shm_bytes: int
    pages: int
    free_pages: int
    unused_bytes: int
    """Within pages in use: what a vacuum could save beside the free pages."""
    jumps: int
    """Pages that do not follow the one before them in their table or index."""
    wal_frames: int
    wal_moved: int
    """Of the frames are in the database already."""
    tables: tuple[Table, ...]
    grown: tuple[Grown, ...]
    largest: tuple[tuple[str, int], ...]
    """The items with most text, spec and turns together, in bytes."""
    first_at: int | None
    """Of the oldest entry of the journal."""
    newest_at: int | None
    seq: int
    in_force: tuple[tuple[str, str], ...]
    library: str
    compiled: tuple[str, ...]


def stats(database: str, *, clock: Clock, busy_ms: int) -> Stats:
    """Raises StoreUnusable and the like for what cannot be opened."""
    path = sqlite.real_path(database)
    # A connection like all others, so that what is told to be in force is so.
    connection = sqlite.open_connection(path, busy_ms=busy_ms, durable=True)
    try:
        settings = tuple((name, _setting(connection.raw, name)) for name in SETTINGS)
    finally:
        connection.close_as_it_is()  # the last one who closes would empty the log that is to be told of
    with Translated(path, busy_ms=busy_ms), opened(path, busy_ms=busy_ms) as raw:
        raw.execute("PRAGMA query_only = ON")
        fetch(raw, "SELECT 1 FROM sqlite_schema LIMIT 1")
        _, frames, moved = fetch(raw, "PRAGMA wal_checkpoint(NOOP)")[0]
        raw.execute("BEGIN")
        try:
            sizes = _sizes(raw)
            first, newest = fetch(raw, "SELECT min(at), max(at) FROM journal")[0]
            return Stats(
                database_bytes=size_of(path),
                wal_bytes=size_of(f"{path}-wal"),
                shm_bytes=size_of(f"{path}-shm"),
                pages=value(raw, "PRAGMA page_count"),
                free_pages=value(raw, "PRAGMA freelist_count"),
                unused_bytes=sum(one.unused for one in sizes.values()),
                jumps=sum(one.jumps for one in sizes.values()),
                wal_frames=max(0, frames),
                wal_moved=max(0, moved),
                tables=_tables(raw, sizes),
                grown=tuple(_grown(raw, days, clock.now_ms()) for days in (7, 30)),
                largest=_largest(raw),
                first_at=first,
                newest_at=newest,
                seq=seq_of(raw),
                in_force=settings,
                library=f"{apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})",
                compiled=tuple(one for one in apsw.compile_options if one.partition("=")[0] in COMPILED),
            )
        finally:
            raw.execute("ROLLBACK")


def _setting(raw: apsw.Connection, name: str) -> str:
    found = value(raw, f"PRAGMA {name}")
    return SYNCHRONOUS[found] if name == "synchronous" else str(found)


def _sizes(raw: apsw.Connection) -> dict[str, Size]:
    """Of each table, its indexes counted with it; empty where SQLite cannot tell (sqlite.org/dbstat.html)."""
    sql = """
        SELECT s.tbl_name, sum(d.pgsize), sum(d.unused), sum(d.jumps)
        FROM (
            SELECT name, pgsize, unused, pageno <> 1 + lag(pageno) OVER (PARTITION BY name ORDER BY path) AS jumps
            FROM dbstat
        ) AS d
        JOIN sqlite_schema AS s USING (name) GROUP BY s.tbl_name
    """
    try:
        found = fetch(raw, sql)
    except apsw.SQLError:
        return {}
    return {name: Size(bytes=used, unused=unused, jumps=jumps or 0) for name, used, unused, jumps in found}


def _tables(raw: apsw.Connection, sizes: dict[str, Size]) -> tuple[Table, ...]:
    listed = fetch(raw, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    found = [
        Table(
            name=name,
            rows=value(raw, f"SELECT count(*) FROM {quoted(name)}"),
            bytes=sizes[name].bytes if name in sizes else 0,
        )
        for (name,) in listed
    ]
    return tuple(sorted(found, key=lambda one: (-one.bytes, one.name)))


def _grown(raw: apsw.Connection, days: int, now_ms: int) -> Grown:
    since = now_ms - days * DAY_MS
    return Grown(
        days=days,
        items=value(raw, "SELECT count(*) FROM sbi WHERE registered_at >= ? AND number > 0", since),
        turns=value(raw, "SELECT count(*) FROM turn WHERE finished_at >= ?", since),
        entries=value(raw, "SELECT count(*) FROM journal WHERE at >= ?", since),
    )


def _largest(raw: apsw.Connection) -> tuple[tuple[str, int], ...]:
    sql = """
        SELECT s.number, octet_length(s.spec) + coalesce(t.bytes, 0) AS bytes
        FROM sbi AS s LEFT JOIN (
            SELECT sbi, sum(coalesce(octet_length(report), 0) + octet_length(findings)) AS bytes FROM turn GROUP BY sbi
        ) AS t ON t.sbi = s.number
        ORDER BY bytes DESC, s.number LIMIT ?
    """
    return tuple((id_of(number), size) for number, size in fetch(raw, sql, LARGEST))
