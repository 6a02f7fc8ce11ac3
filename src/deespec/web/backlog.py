"""How requests get at the backlog: a few threads, each with its own connections, over one App that can be reopened.

The event loop never reads or writes the store. When the database was replaced, restored or has come back, whoever
meets that opens the backlog anew; what only reads is then tried once more.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from deespec.config_home import CONFIG_NAME
from deespec.errors import DeespecError, StoreBusy, StoreFull, StoreReadOnly, StoreSealed, StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deespec.app import App

    Acts = queue.Queue[Callable[[], None] | None]

T = TypeVar("T")
READERS = 4
WRITERS = 2
"""They wait when somebody else holds the database; whoever only reads is answered meanwhile."""
DEAR = 1
"""Charts and diffs: whatever they take, all other pages have their readers."""
WAITING_MOST = 200
"""Acts that wait for a thread; beyond them a request is told that the board is busy."""
CACHE_KIB = 512
"""Of each connection. The kernel has the database's pages as well, and a cache is empty after another's write."""
STILL_OURS = (StoreBusy, StoreFull, StoreReadOnly, StoreSealed)
"""Errors of a database that is still the one that was opened."""


class Backlog:
    """The one backlog that a board shows."""

    def __init__(self, open_app: Callable[[], App]) -> None:
        self._open_app = open_app
        self._app: App | None = None
        self._settings: tuple[Path, tuple[int, int]] | None = None
        self._opening = threading.Lock()
        self._reads: Acts = queue.Queue(WAITING_MOST)
        self._writes: Acts = queue.Queue(WAITING_MOST)
        self._dear: Acts = queue.Queue(WAITING_MOST)
        self._queues = [self._reads] * READERS + [self._writes] * WRITERS + [self._dear] * DEAR
        """That of each thread."""
        self._threads = [
            threading.Thread(target=self._work, args=(acts,), name=f"board-{number}", daemon=True)
            for number, acts in enumerate(self._queues)
        ]
        for thread in self._threads:
            thread.start()

    async def ask(self, act: Callable[[App], T], *, again: bool, dear: bool = False) -> T:
        """What the act answers, done in one of the threads. `again`: it only reads, so it may be done twice. `dear`:
        it may take long, so it waits for others of that kind."""
        done: Future[T] = Future()

        def carry_out() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(self.do(act, again=again))
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked
                done.set_exception(error)

        try:
            (self._dear if dear else self._reads if again else self._writes).put_nowait(carry_out)
        except queue.Full:
            raise StoreBusy("Too many requests wait for this board.", hint="Try again in a moment.") from None
        return await asyncio.wrap_future(done)

    def do(self, act: Callable[[App], T], *, again: bool) -> T:
        """The same in this thread."""
        app = self._current()
        try:
            return act(app)
        except StoreUnusable as error:
            if isinstance(error, STILL_OURS):
                raise
            self._forget(app)
            if not again:
                raise
        return act(self._current())

    def close(self) -> None:
        """Ends the threads; each closes its connections."""
        for acts in self._queues:
            acts.put(None)
        for thread in self._threads:
            thread.join()

    def close_thread(self) -> None:
        """Closes this thread's connections."""
        app = self._app
        if app is not None:
            with suppress(DeespecError):
                app.store.close()

    def _work(self, acts: Acts) -> None:
        while (act := acts.get()) is not None:
            act()
        self.close_thread()

    def _current(self) -> App:
        with self._opening:
            if self._app is None or self._settings_changed():
                self._app = self._open_app()
                self._app.store.cache_kib = CACHE_KIB
                self._settings = _settings_of(self._app)
            return self._app

    def _settings_changed(self) -> bool:
        return self._settings is not None and _state(self._settings[0]) != self._settings[1]

    def _forget(self, app: App) -> None:
        with self._opening:
            if self._app is app:
                self._app = None


def _settings_of(app: App) -> tuple[Path, tuple[int, int]]:
    path = app.settings.home / CONFIG_NAME
    return path, _state(path)


def _state(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
