"""`db checkpoint`: moves the log into the database, and names who holds it back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, output
from deespec.clock import iso, local
from deespec.store.holders import Doing
from deespec.store.opener import FILE
from deespec.store.upkeep.checkpoint import Mode, checkpoint
from deespec.text import ago, clean

if TYPE_CHECKING:
    from deespec.cli.session import Session
    from deespec.store.holders import Holder
    from deespec.store.upkeep.checkpoint import Checkpoint

WAIT_MS = 5_000


@click.command(name="checkpoint")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.PASSIVE.value,
    show_default=True,
    help="How far it goes; truncate also empties the file.",
)
@click.option(
    "--wait",
    type=options.Duration(),
    default=WAIT_MS,
    metavar="TIME",
    help="So long it tries again where others hold it back (default: 5 s).",
)
@options.as_json
@options.session
def db_checkpoint(session: Session, mode: str, wait: int, as_json: bool) -> int:
    """Move the log (-wal) into the database. SQLite does so by itself; this is for a log that has grown.

    passive moves what it can and waits for nobody; full moves all of it; restart lets the log begin anew; truncate
    empties its file. Others go on writing while these wait. Exit 1 if somebody held it back, who is named then.
    """
    app = session.app_for_writing()
    database = os.path.join(app.settings.home, FILE)
    done = checkpoint(database, Mode(mode), clock=app.clock, busy_ms=app.settings.busy_timeout_ms, wait_ms=wait)
    if as_json:
        output.emit(**_json(done))
    else:
        _show(done, app.clock.now_ms())
    return 0 if done.complete else 1


def _json(done: Checkpoint) -> dict[str, Any]:
    return {
        "mode": done.mode,
        "complete": done.complete,
        "frames": done.frames,
        "moved_frames": done.moved,
        "before_bytes": done.bytes_before,
        "after_bytes": done.bytes_after,
        "holders": [
            {"pid": one.pid, "what": one.what, "doing": one.doing, "since_at": iso(one.since_at)}
            for one in done.holders
        ],
    }


def _show(done: Checkpoint, now_ms: int) -> None:
    sizes = f"{done.bytes_before / 1e6:,.1f} MB"
    if done.bytes_after != done.bytes_before:
        sizes += f" → {done.bytes_after / 1e6:,.1f} MB"
    if done.complete:
        log = f"{done.frames} pages of log, all in the database" if done.frames else "the log is empty"
        output.say(f"✓ checkpoint {done.mode}: {log}; its file: {sizes}")
        return
    output.say(f"✗ checkpoint {done.mode}: {done.moved} of {done.frames} pages of log moved; its file: {sizes}")
    for one in done.holders:
        output.say(f"  {_words(one, now_ms)}")
    if not done.holders:
        output.say("  held back by a process that cannot be seen from here (another container or user)")
    pids = " ".join(dict.fromkeys(str(one.pid) for one in done.holders))
    end = f"Let it finish or end it (kill {pids}), then" if pids else "When it has ended"
    output.tell(f"→ {end}: deespec db checkpoint --mode truncate")


def _words(one: Holder, now_ms: int) -> str:
    verb = {
        Doing.READING: "holds it back by reading an old state",
        Doing.WRITING: "holds it back by writing",
        Doing.CHECKPOINTING: "moves the log itself",
    }[one.doing]
    since = "" if one.since_at is None else f"; started {local(one.since_at)} ({ago(now_ms - one.since_at)} ago)"
    return f"{clean(one.what)} {verb}{since}"
