"""A worker that kills itself at the n-th passing of one point of a turn: `python dying_worker.py POINT N`."""

from __future__ import annotations

import os
import signal
import sys

from deespec.app import open_app
from deespec.engine.bench import Outcome
from deespec.engine.turn import run_turn
from deespec.engine.worker import Crew, Orders
from deespec.store.alive import LifeLock


def main(point: str, times: int) -> None:
    passed = 0

    def observe(here: str) -> None:
        nonlocal passed
        passed += here == point
        if passed == times:
            os.kill(os.getpid(), signal.SIGKILL)

    app = open_app()
    crew = Crew(app, Orders(), tell=lambda _: None)
    LifeLock(str(app.settings.home), crew.worker.uid)
    with app.store.transaction() as tx:
        tx.add_worker(crew.worker)
    crew.pulse.start()
    while isinstance(run_turn(crew.bench, observe=observe), Outcome):
        pass
    sys.exit("There was nothing left to do, and I am still alive.")


main(sys.argv[1], int(sys.argv[2]))
