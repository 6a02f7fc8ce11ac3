"""One of the processes of the theme `writes`: `python -m benchmarks.writer HOME register|note COUNT`.

Writes once, says `ready`, waits for a line on standard input, writes COUNT times, and prints its times as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from deespec import open_app
from deespec.backlog.register import Order, register
from deespec.errors import DeespecError
from deespec.model.items import Kind
from deespec.model.spec import new_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.app import App


def main() -> None:
    home, what, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    app = open_app(home)
    work = {"register": _register, "note": _note}[what](app)
    work()  # opens the database and reads the statements
    print("ready", flush=True)
    sys.stdin.readline()
    whole, inside, failed = [], [], 0
    for _ in range(count):
        began = time.perf_counter()
        try:
            inside.append(work())
        except DeespecError as error:
            failed += 1
            print(error, file=sys.stderr)
        whole.append(time.perf_counter() - began)
    print(json.dumps({"whole": whole, "inside": [one for one in inside if one is not None], "failed": failed}))
    app.close()


def _register(app: App) -> Callable[[], float | None]:
    def once() -> None:
        order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title="One of many"))
        register(app.store, [order], uids=[app.clock.uid()], owner=app.person)

    return once


def _note(app: App) -> Callable[[], float | None]:
    """The smallest durable write; the time from its turn in the queue to its end is the time inside the lock."""

    def once() -> float:
        with app.store.transaction() as tx:
            began = time.perf_counter()
            tx.note(app.person, "benchmark")
        return time.perf_counter() - began

    return once


if __name__ == "__main__":
    main()
