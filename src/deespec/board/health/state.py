"""What is in the database: whether it opens, what is in force, whether it agrees with itself, and with the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, broken, ok, several, warning
from deespec.clock import local
from deespec.config_keys import MAX_LEASE_MS
from deespec.errors import ForeignDatabase, SchemaTooNew, SchemaTooOld, StoreCorrupt, StoreUnusable
from deespec.model.ids import id_of
from deespec.records import record
from deespec.store.alive import is_alive

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.model.items import Call, Line, Worker
    from deespec.model.locks import Lock
    from deespec.store.views import InForce

CLOCK_SLACK_MS = 120_000
"""Clocks that are set by the network step by less."""


@record
class State:
    """One look at everything that checks need from the store."""

    in_force: InForce
    entries: int
    newest_at: int
    """Wall time of the last thing that happened; 0: nothing has."""
    workers: tuple[Worker, ...]
    running: tuple[Line, ...]
    stale: tuple[str, ...]
    """Items whose claim has outlived its lease or its boot."""
    lease_ends: tuple[int, ...]
    """Of the claims of this boot, on Clock.boot_ms()."""
    calls: tuple[Call, ...]
    locks: tuple[Lock, ...]
    moved_to: str | None
    """The home that the backlog has moved to by `db copy`."""
    moved: bool
    """The database was copied or moved, and has not begun a life of its own."""


def look(app: App) -> State:
    """Raises StoreUnusable."""
    clock = app.clock
    home, boot, identity = str(app.settings.home), clock.boot_id(), app.store.identity()
    with app.store.read() as tx:
        newest = tx.journal(limit=1, newest=True)
        workers = tx.workers()
        return State(
            in_force=tx.in_force(),
            entries=tx.journal_count(),
            newest_at=max((0, *(one.at for one in newest), *(one.seen_at for one in workers))),
            workers=tuple(workers),
            running=tuple(tx.running()),
            stale=tuple(id_of(one) for one, _ in tx.dead_claims(dead_workers=[], boot=boot, boot_ms=clock.boot_ms())),
            lease_ends=tuple(end for end, of_boot in tx.lease_ends().values() if of_boot == boot),
            calls=tuple(tx.calls()),
            locks=tuple(tx.locks()),
            moved_to=tx.moved_to(),
            moved=tx.is_moved(identity) and not any(is_alive(home, one.uid) for one in workers),
        )


def of_opening(error: StoreUnusable) -> Finding:
    """Why it cannot be looked at, or not to its end."""
    what, fix = error.message.rstrip("."), error.hint or "deespec db check"
    match error:
        case ForeignDatabase():
            why = "deespec writes its own databases only"
            return broken("foreign-database", what, why=why, fix=error.hint or "deespec import legacy .")
        case SchemaTooNew():
            return broken("schema", what, why="an older program would damage it", fix=fix)
        case SchemaTooOld():
            why = "nothing can be read or written until it is brought up to date; a backup is made before"
            return broken("schema", what, why=why, fix="deespec db migrate")
        case StoreCorrupt():
            why = "what is on the damaged pages cannot be read; a backup is put in its place, and this one is kept"
            return broken("database", what, why=why, fix="deespec db restore")
    why = "nothing can be read or written until that is mended; nothing was changed"
    return broken("database", what, why=why, fix=fix)


def of_state(app: App, state: State) -> list[Finding]:
    return [*_sealed(state), _in_force(state.in_force), *_clock(app, state)]


def _sealed(state: State) -> list[Finding]:
    if state.moved_to is None:
        return []
    why = "db copy has sealed it: it can be read here, and every write is refused"
    return [warning("sealed", "this backlog has moved", why=why, fix=f"deespec --home {state.moved_to} status")]


def of_workers(app: App, state: State) -> list[Finding]:
    """In a copy, claims and workers are those of the original, and are left alone."""
    if state.moved:
        what = "this backlog was copied or moved, and nobody has worked with it since"
        why = "its claims and workers are those of the original, whose agents must not be ended from here"
        return [warning("copied", what, why=why, fix="deespec run")]
    return [*_workers(app, state), *_locks(app, state)]


def of_invariants(app: App) -> Finding:
    """Raises StoreUnusable where the database cannot be read to its end."""
    with app.store.read() as tx:
        violations, entries = tx.orphans(), tx.journal_count()
    if not violations:
        return ok("journal", f"{entries} journal entries agree with the items")
    why = "the program may misbehave, or acknowledged work is missing"
    return broken("journal", several(violations), why=why, fix="deespec db check")


def _in_force(now: InForce) -> Finding:
    """As measured on a connection like all others, not as it was asked for."""
    wanted = {"journal mode": ("wal", now.journal_mode), "synchronous": ("FULL", now.synchronous)}
    wanted |= {"foreign keys": ("on", "on" if now.foreign_keys else "off")}
    wrong = [f"{name} is {found}, not {want}" for name, (want, found) in wanted.items() if found != want]
    if wrong:
        why = "another program has changed the database; what is acknowledged may not be durable"
        return broken("settings-in-force", ", ".join(wrong), why=why, fix="deespec db check")
    words = ", ".join(f"{name} {found}" for name, (_, found) in wanted.items())
    return ok("settings-in-force", f"{words}, schema {now.schema}, id {now.application_id:#x}")


def _clock(app: App, state: State) -> list[Finding]:
    now, boot = app.clock.now_ms(), app.clock.boot_ms()
    found = []
    if state.newest_at > now + CLOCK_SLACK_MS:
        what = f"the clock says {local(now)}, and the backlog was written at {local(state.newest_at)}"
        why = "times in lists and daily budgets are wrong until the clock is right"
        found.append(warning("clock", what, why=why, fix="timedatectl set-ntp true"))
    ahead = [end for end in state.lease_ends if end > boot + MAX_LEASE_MS]
    if ahead:
        what = f"{len(ahead)} leases end later than any lease may: the time since boot went backwards"
        why = "a machine that went back to an older state may have two owners of one item"
        found.append(warning("clock", what, why=why, fix="deespec worker list"))
    return found or [ok("clock", "the clock goes forward")]


# --- workers, claims, locks -----------------------------------------------------------------------------------------


def _workers(app: App, state: State) -> list[Finding]:
    home = str(app.settings.home)
    dead = [one for one in state.workers if not is_alive(home, one.uid)]
    if not dead and not state.stale:
        alive = len(state.workers)
        return [ok("workers", f"{alive} running, none is dead" if alive else "none is running, none is dead")]
    held = [line.id for line in state.running if line.lease_worker in {one.uid for one in dead}]
    items = list(dict.fromkeys((*held, *state.stale)))
    names = f"dead: {several([one.name for one in dead])}" if dead else "leases that are over"
    what = f"{names}{f', with {several(items)} in work' if items else ''}"
    why = "their items wait until another worker or this command frees them"
    return [warning("workers", what, why=why, fix="deespec lock cleanup", fixable=True)]


def _locks(app: App, state: State) -> list[Finding]:
    boot, now = app.clock.boot_id(), app.clock.boot_ms()
    expired = [one.name for one in state.locks if one.boot != boot or one.expires_boot <= now]
    if expired:
        why = "whoever held them has died or has forgotten them"
        return [warning("locks", f"expired: {several(expired)}", why=why, fix="deespec lock cleanup", fixable=True)]
    return [ok("locks", "no named lock has expired")]
