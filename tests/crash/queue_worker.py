"""A worker that dies, freezes or waits at the n-th passing of one point: `python queue_worker.py HOW POINT N`.

Where it waits it makes the file `$SEEN/waits`, and goes on when there is `$SEEN/go`. It prints what each turn came to,
and works until nothing can go on without a person.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from deespec.app import App, open_app
from deespec.engine.bench import Outcome
from deespec.engine.ready import begin_apart
from deespec.engine.turn import run_turn
from deespec.engine.worker import Crew, Orders
from deespec.model.wanted import Scope
from deespec.store.alive import LifeLock

SEEN = os.environ["SEEN"]
IDLE_S = 0.05


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def wait() -> None:
    with open(f"{SEEN}/waits", "w", encoding="ascii"):
        pass
    while not os.path.exists(f"{SEEN}/go"):
        time.sleep(IDLE_S)


ACTS = {"die": die, "freeze": freeze, "wait": wait}


def may_go_on(app: App) -> bool:
    with app.store.read() as tx:
        return tx.may_go_on(Scope())


def main(how: str, point: str, times: int) -> None:
    passed = 0

    def observe(here: str) -> None:
        nonlocal passed
        if here == point:
            passed += 1
            if passed == times:
                ACTS[how]()

    app = open_app()
    crew = Crew(app, Orders(), tell=lambda _: None)
    begin_apart(app)
    life = LifeLock(str(app.settings.home), crew.worker.uid)
    with app.store.transaction() as tx:
        tx.add_worker(crew.worker)
    crew.pulse.start()
    while may_go_on(app):
        outcome = run_turn(crew.bench, observe=observe)
        if isinstance(outcome, Outcome):
            print(outcome.what, flush=True)
        elif not outcome.again:
            time.sleep(IDLE_S)
    crew.pulse.stop()
    if how == "die":
        sys.exit("There was nothing left to do, and I am still alive.")
    life.release()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
