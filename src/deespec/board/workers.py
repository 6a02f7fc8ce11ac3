"""The running `deespec run` processes of this backlog, with what only a look at them tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.records import record
from deespec.store.alive import is_alive

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.model.items import Worker

DEAD = "dead"


@record
class WorkerNow:
    worker: Worker
    state: str
    """running, finishing, or dead."""
    items: tuple[str, ...]
    """What it has in work."""


def workers_now(app: App) -> list[WorkerNow]:
    with app.store.read() as tx:
        workers, lines = tx.workers(), tx.running()
    home = str(app.settings.home)
    return [
        WorkerNow(
            worker=worker,
            state=_state(worker) if is_alive(home, worker.uid) else DEAD,
            items=tuple(line.id for line in lines if line.lease_worker == worker.uid),
        )
        for worker in workers
    ]


def _state(worker: Worker) -> str:
    """A worker that was asked to stop says so itself only with its next sign of life."""
    return "finishing" if worker.stop else worker.state
