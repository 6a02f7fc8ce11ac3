"""What all threads of a board share: what running items say now, and what was dear to make. Read once for all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar, cast

from deespec.board.inbox import entries
from deespec.board.live import Lives

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.app import App
    from deespec.board.live import Live
    from deespec.model.items import Line

T = TypeVar("T")
RECENT_MOST = 8
COUNTED_MS = 5_000
"""What waits to be landed changes without a write."""


class Watching:
    """The running items of the backlog that is open now."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._one_at_a_time = threading.Lock()

    def of(self, app: App, line: Line) -> Live | None:
        """None: nobody works on it. To be asked outside of `store.read()`, as it may read there itself."""
        with self._one_at_a_time:
            if app is not self._app:
                self._app, self._lives = app, Lives(app)
            return self._lives.of(line)


class Counted:
    """How much is in the inbox: counted once for all pages of one version."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._version = ""
        self._at = self._total = 0
        self._one_at_a_time = threading.Lock()

    def of(self, app: App, version: str) -> int:
        """To be asked outside of `store.read()`."""
        with self._one_at_a_time:
            now = app.clock.boot_ms()
            is_known = app is self._app and version == self._version
            if not (is_known and 0 <= now - self._at < COUNTED_MS):
                self._total = entries(app)
                self._app, self._version, self._at = app, version, now
            return self._total


class Recent:
    """What is shown a second time while it is new. For the one thread that makes what is dear."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], tuple[int, object]] = {}

    def get(self, key: tuple[str, ...], make: Callable[[], T], *, now: Callable[[], int], for_ms: int) -> T:
        known = self._kept.pop(key, None)
        if known is None or now() - known[0] >= for_ms:
            made = make()
            known = now(), made
        self._kept[key] = known
        while len(self._kept) > RECENT_MOST:
            del self._kept[next(iter(self._kept))]
        return cast("T", known[1])
