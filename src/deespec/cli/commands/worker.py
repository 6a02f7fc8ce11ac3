"""`worker list|stop`: the running `deespec run` processes of this backlog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.cli import options, output, shapes
from deespec.errors import NotFound, NotPossible, UsageError
from deespec.records import record
from deespec.store.alive import is_alive
from deespec.text import ago

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session
    from deespec.model.items import Worker

DEAD = "dead"


@record
class Seen:
    """A worker with what only a look at its process tells."""

    worker: Worker
    state: str
    """running, finishing, or dead."""
    items: tuple[str, ...]
    """What it has in work."""


@click.command(name="list")
@options.as_json
@options.session
def worker_list(session: Session, as_json: bool) -> int:
    """List the workers of this backlog, what they run, and whether they still live."""
    seen = _look(session)
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
    seen = _look(session)
    chosen = [one for one in seen if one.state != DEAD] if name is None else [_named(seen, name)]
    how = "now" if now else "finish"
    with app.store.transaction() as tx:
        for one in chosen:
            if one.worker.stop not in (how, "now"):
                tx.ask_to_stop(one.worker, how, actor=app.person)
    if as_json:
        output.emit(workers=[{"name": one.worker.name, "stop": how} for one in chosen])
        return 0
    for one in chosen:
        ending = "stops its agents now" if now else "takes nothing new and ends with its running turns"
        output.say(f"✓ {one.worker.name} {ending}")
    if not chosen:
        output.say("No worker is running.")
    return 0


def _look(session: Session) -> list[Seen]:
    app = session.app
    with app.store.read() as tx:
        workers, lines = tx.workers(), tx.running()
    home = str(app.settings.home)
    return [
        Seen(
            worker=worker,
            state=_state(worker) if is_alive(home, worker.uid) else DEAD,
            items=tuple(line.id for line in lines if line.lease_worker == worker.uid),
        )
        for worker in workers
    ]


def _state(worker: Worker) -> str:
    """A worker that was asked to stop says so itself only with its next sign of life."""
    return "finishing" if worker.stop else worker.state


def _named(seen: Sequence[Seen], name: str) -> Seen:
    found = next((one for one in seen if one.worker.name == name), None)
    if found is None:
        names = ", ".join(one.worker.name for one in seen)
        raise NotFound(f"There is no worker {name}.", hint=f"Workers: {names}" if names else "No worker is running.")
    if found.state == DEAD:
        raise NotPossible(f"The worker {name} is dead: nobody would hear it.", hint="deespec lock cleanup")
    return found


def _json(one: Seen) -> dict[str, object]:
    return {**shapes.worker(one.worker), "state": one.state, "items": list(one.items)}


def _colour(_: int, text: str) -> str | None:
    return "red" if text == DEAD else None
