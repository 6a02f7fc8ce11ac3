"""What makes pages live: one thread waits for writes, and tells every open stream that something has changed.

A stream is only told the newest version, never a queue of changes, so a slow reader costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from typing import TYPE_CHECKING

from deespec.board.passing import passing
from deespec.errors import DeespecError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from deespec.app import App
    from deespec.board.passing import Passing
    from deespec.web.backlog import Backlog

log = logging.getLogger(__name__)

STREAMS_MOST = 100
TOGETHER_S = 0.1
"""Writes that follow each other so closely are told as one."""
FETCHES_PER_S = 40
"""So often all open pages together come for what is new: fewer than one session may ask, if they are all its own."""
LOOK_MS = 1_000
"""So often it is looked at what changes although nobody writes: a worker has died, a pause is over, files were
replaced."""
AGAIN_S = 0.3
"""After how long a backlog that could not be used is tried again."""
KEEP_ALIVE_S = 15


class Live:
    """The version of what is shown, and the streams that wait for the next one."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._boot = secrets.token_hex(4)
        self._count = 0
        self._streams: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = threading.Event()
        self._passing: Passing | None = None
        """As of the last look."""
        self._thread = threading.Thread(target=self._watch, name="board-live", daemon=True)
        self.trouble: DeespecError | None = None
        """Why the backlog cannot be used now."""

    @property
    def version(self) -> str:
        """Names a state of the backlog, as this run of the board has seen it."""
        return f"{self._boot}.{self._count}"

    def start(self) -> None:
        """Begins to wait, in a thread of its own. To be called in the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def end(self) -> None:
        """Ends all streams, and the waiting. From any thread, and from a signal handler."""
        self._ending.set()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def join(self) -> None:
        if self._thread.is_alive():
            self._thread.join()

    def changed(self) -> None:
        """Tells every stream. In the event loop."""
        self._count += 1
        self._wake()

    @property
    def is_full(self) -> bool:
        return len(self._streams) >= STREAMS_MOST

    async def stream(self, seen: str) -> AsyncIterator[bytes]:
        """Server-sent events for one page that shows the version `seen`."""
        event = asyncio.Event()
        self._streams.add(event)
        try:
            yield b": hello\n\n"
            while not self._ending.is_set():
                if seen != self.version:
                    seen = self.version
                    yield f"event: news\nid: {seen}\ndata: {seen}\n\n".encode()
                try:
                    await asyncio.wait_for(event.wait(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                event.clear()
        finally:
            self._streams.discard(event)

    def _wake(self) -> None:
        for event in self._streams:
            event.set()

    # --- the thread ---

    def _watch(self) -> None:
        while not self._ending.is_set():
            try:
                changed = self._backlog.do(self._wait, again=False)
                recovered, self.trouble = self.trouble is not None, None
            except DeespecError as error:
                changed = self.trouble is None or self.trouble.message != error.message
                recovered, self.trouble = False, error
                self._ending.wait(AGAIN_S)
            except Exception:
                log.exception("waiting for changes failed")
                changed = recovered = False
                self._ending.wait(AGAIN_S)
            if (changed or recovered) and self._loop is not None and not self._ending.is_set():
                self._loop.call_soon_threadsafe(self.changed)
                self._ending.wait(max(TOGETHER_S, len(self._streams) / FETCHES_PER_S))
        self._backlog.close_thread()

    def _wait(self, app: App) -> bool:
        if self._passing is None:
            self._passing = self._look(app)
        written = app.store.wait(0 if self.trouble is not None else LOOK_MS, wake=self._ending)
        before, self._passing = self._passing, self._look(app)
        return written or before != self._passing

    def _look(self, app: App) -> Passing:
        with app.store.read() as tx:
            return passing(app, tx)
