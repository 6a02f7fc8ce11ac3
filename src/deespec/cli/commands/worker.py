"""`worker list|stop`: the running `deespec run` processes of this backlog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec import acts
from deespec.board.told import stopping
from deespec.board.workers import DEAD, workers_now
from deespec.cli import options, output, shapes
from deespec.errors import UsageError
from deespec.text import ago

if TYPE_CHECKING:
    from deespec.board.workers import WorkerNow
    from deespec.cli.session import Session


@click.command(name="list")
@options.as_json
@options.session
def worker_list(session: Session, as_json: bool) -> int:
    """List the workers of this backlog, what they run, and whether they still live."""
    seen = workers_now(session.app)
    if as_json:
        output.emit(workers=[_json(one) for one in seen])
        return 0
    now = session.app.clock.now_ms()
    rows = [
        (
            one.worker.name,
            one.worker.host,
            str(one.worker.pid),
            f"{len(one.items)} of {one.worker.slots}",
            one.state,
            ago(now - one.worker.started_at),
            ", ".join(one.items),
        )
        for one in seen
    ]
    head = ("NAME", "HOST", "PID", "SLOTS", "STATE", "FOR", "RUNS")
    for text in output.table(head, rows, session.style, colour=_colour):
        output.say(text)
    if not seen:
        output.say("No worker is running → deespec run")
    if any(one.state == DEAD for one in seen):
        output.say("What a dead worker left is freed by → deespec lock cleanup")
    return 0


@click.command(name="stop")
@click.argument("name", required=False)
@click.option("--all", "everyone", is_flag=True, help="Every worker.")
@click.option("--now", is_flag=True, help="Stop its agents, too; their items can be resumed.")
@options.as_json
@options.session
def worker_stop(session: Session, name: str | None, everyone: bool, now: bool, as_json: bool) -> int:
    """Ask a worker to take nothing new and to end with its running turns, or with --now at once."""
    if bool(name) == everyone:
        raise UsageError("Name a worker, or say --all.", hint="deespec worker list")
    app = session.app_for_writing()
    names = acts.stop_workers(app, name, now=now)
    if as_json:
        output.emit(workers=[{"name": one, "stop": "now" if now else "finish"} for one in names])
        return 0
    for one in names:
        output.say(f"✓ {stopping(one, now=now)}")
    if not names:
        output.say("No worker is running.")
    return 0


def _json(one: WorkerNow) -> dict[str, object]:
    return {**shapes.worker(one.worker), "state": one.state, "items": list(one.items)}


def _colour(_: int, text: str) -> str | None:
    return "red" if text == DEAD else None
