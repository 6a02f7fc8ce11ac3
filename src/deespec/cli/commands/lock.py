"""`lock list|info|release|cleanup`: named locks, and the claims of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, output, shapes
from deespec.clock import iso, local
from deespec.engine.pulse import bury_the_dead
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.ids import id_of
from deespec.model.items import Kind
from deespec.model.spec import normalise_id
from deespec.records import record
from deespec.store.alive import is_alive
from deespec.text import ago, clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.cli.session import Session
    from deespec.model.items import Call, Line, Worker
    from deespec.model.locks import Lock


@record
class Held:
    """A claim with what stands in other tables."""

    line: Line
    worker: Worker | None
    expires_at: int | None
    """Wall time; None: the lease is of another boot."""
    shape: dict[str, Any]


@click.command(name="list")
@options.as_json
@options.session
def lock_list(session: Session, as_json: bool) -> int:
    """List named locks and the claims of workers: owner, host, age, lease."""
    locks, claims = _look(session.app)
    if as_json:
        output.emit(locks=[_lock_json(session.app, one) for one in locks], claims=[one.shape for one in claims])
        return 0
    for text in (*_lock_lines(session, locks), *([""] if locks and claims else []), *_claim_lines(session, claims)):
        output.say(text)
    if not locks and not claims:
        output.say("No locks are held, nothing is claimed.")
    return 0


@click.command(name="info")
@click.argument("name", metavar="NAME|ID")
@options.as_json
@options.session
def lock_info(session: Session, name: str, as_json: bool) -> int:
    """Show one named lock, or the claim on one item, in full."""
    locks, claims = _look(session.app)
    lock = next((one for one in locks if one.name == name), None)
    shape = _lock_json(session.app, lock) if lock else _claim_named(session, claims, name, locks).shape
    if as_json:
        output.emit(**shape)
        return 0
    for key, value in shape.items():
        if value is not None:
            output.say(f"{key:12} {clean(str(value))}")
    return 0


@click.command(name="release")
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if it is somebody else's and not expired.")
@options.as_json
@options.session
def lock_release(session: Session, name: str, force: bool, as_json: bool) -> int:
    """Free a named lock. A claim on an item is freed by `sbi hold ID --now`."""
    app = session.app_for_writing()
    with app.store.transaction() as tx:
        lock = tx.lock(name)
        if lock is None:
            raise _not_held(name, tx.locks())
        ours = lock.owner.split(" ")[0] == app.person
        if not (force or ours or _expired(app, lock)):
            raise NotPossible(
                f"{name} is held by {lock.owner} (pid {lock.pid} on {lock.host}) until {local(lock.expires_at)}.",
                hint="--force frees it all the same.",
            )
        tx.lock_break(lock, actor=app.person)
    if as_json:
        output.emit(name=name, released=True, owner=lock.owner)
    else:
        output.say(f"✓ {clean(name)} is free; {clean(lock.owner)} held it")
    return 0


@click.command(name="cleanup")
@options.as_json
@options.session
def lock_cleanup(session: Session, as_json: bool) -> int:
    """Free expired locks, and the claims of dead workers. Running workers do the same all the time."""
    app = session.app_for_writing()
    home = str(app.settings.home)
    with app.store.read() as tx:
        dead = [worker.name for worker in tx.workers() if not is_alive(home, worker.uid)]
    with app.store.light_transaction() as tx:
        locks = tx.locks_cleanup(boot=app.clock.boot_id(), boot_ms=app.clock.boot_ms())
    claims = bury_the_dead(app)
    if as_json:
        output.emit(locks=locks, claims=claims, workers=dead)
        return 0
    counts = {"expired lock": locks, "claim": claims, "dead worker": len(dead)}
    cleaned = ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count)
    output.say(
        f"✓ cleaned up: {cleaned}" if cleaned else "Nothing to clean up: no lock has expired, no worker is dead."
    )
    return 0


# --- looking --------------------------------------------------------------------------------------------------------


def _look(app: App) -> tuple[list[Lock], list[Held]]:
    with app.store.read() as tx:
        locks, lines, calls, workers, ends = tx.locks(), tx.running(), tx.calls(), tx.workers(), tx.lease_ends()
    return locks, [_held(app, line, calls, workers, ends[line.number]) for line in lines]


def _held(app: App, line: Line, calls: Sequence[Call], workers: Sequence[Worker], end: tuple[int, str]) -> Held:
    worker = next((one for one in workers if one.uid == line.lease_worker), None)
    until, boot = end
    left = until - app.clock.boot_ms() if boot == app.clock.boot_id() else None
    expires_at = None if left is None else app.clock.now_ms() + left
    shape = shapes.claim(line, calls, workers)
    shape |= {"host": worker.host if worker else None, "expires_at": iso(expires_at)}
    return Held(line=line, worker=worker, expires_at=expires_at, shape=shape)


def _expired(app: App, lock: Lock) -> bool:
    return lock.boot != app.clock.boot_id() or lock.expires_boot <= app.clock.boot_ms()


def _claim_named(session: Session, claims: Sequence[Held], name: str, locks: Sequence[Lock]) -> Held:
    try:
        item = id_of(session.work(name))
    except InvalidInput:
        raise _not_held(name, locks) from None
    found = next((one for one in claims if one.line.id == item), None)
    if found is None:
        raise NotFound(f"Nobody has a claim on {item}.", hint=f"deespec why {item}")
    return found


def _not_held(name: str, locks: Sequence[Lock]) -> NotFound:
    held = ", ".join(one.name for one in locks)
    hint = f"Held: {held}" if held else "No named lock is held."
    try:
        item = normalise_id(name, Kind.SBI)
    except InvalidInput:
        return NotFound(f"Nobody holds a lock {name}.", hint=hint)
    return NotFound(f"Nobody holds a lock {name}.", hint=f"A claim is freed by: deespec sbi hold {item} --now")


# --- showing --------------------------------------------------------------------------------------------------------


def _lock_json(app: App, lock: Lock) -> dict[str, Any]:
    return {**shapes.lock(lock), "expired": _expired(app, lock)}


def _lock_lines(session: Session, locks: Sequence[Lock]) -> list[str]:
    now = session.app.clock.now_ms()
    rows = [
        (
            one.name,
            one.owner,
            one.host,
            str(one.pid),
            ago(now - one.acquired_at),
            "expired" if _expired(session.app, one) else ago(one.expires_at - now),
        )
        for one in locks
    ]
    return output.table(("LOCK", "OWNER", "HOST", "PID", "FOR", "LEASE"), rows, session.style)


def _claim_lines(session: Session, claims: Sequence[Held]) -> list[str]:
    now = session.app.clock.now_ms()
    rows = [
        (
            one.line.id,
            one.line.step or "",
            one.line.lease_agent or "",
            one.worker.name if one.worker else "gone",
            one.worker.host if one.worker else "",
            ago(now - (one.line.lease_at or now)),
            "over" if one.expires_at is None or one.expires_at <= now else ago(one.expires_at - now),
        )
        for one in claims
    ]
    return output.table(("CLAIM", "STEP", "AGENT", "WORKER", "HOST", "FOR", "LEASE"), rows, session.style)
