"""The thread that looks: it sleeps in `store.wait` until somebody writes, and hands what it saw to the screen."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deespec.errors import DeespecError
from deespec.records import record
from deespec.tui.seen import Looker, Wish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.app import App
    from deespec.tui.seen import Seen

    Opener = Callable[[], App]

LEAST_S = 0.25
"""Between two looks."""
SHARE = 20
"""A look is followed by so many times its own length without another, unless a person asks."""
RUNS_MS = 1_000
"""While an agent works, its last words are looked at that often."""
RESTS_MS = 30_000
"""Pauses and back-offs end without a write."""
AGAIN_S = 1.0
"""After a failure."""


@record
class Trouble:
    """The backlog cannot be read now."""

    message: str
    hint: str | None


class Feed:
    """Looks until it is ended. A database that was replaced or moved is opened anew."""

    def __init__(
        self, opener: Opener, tell: Callable[[Seen | Trouble], None], fail: Callable[[Exception], None]
    ) -> None:
        self._opener = opener
        self._tell = tell
        self._fail = fail
        self._wish = Wish()
        self._wake = threading.Event()
        self._asked = False
        self._over = False
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._over = True
        self._wake.set()

    def ask(self, wish: Wish | None = None) -> None:
        """Looks at once, and from now on at this."""
        self._wish = wish or self._wish
        self._asked = True
        self._wake.set()

    # --- in the thread ---

    def _run(self) -> None:
        while not self._over:
            try:
                with opened(self._opener) as app:
                    self._look_on(app)
            except DeespecError as error:
                self._tell(Trouble(message=error.message, hint=error.hint))
                self._wake.wait(AGAIN_S)
                self._wake.clear()
            except Exception as error:  # noqa: BLE001 - a bug ends the program, in the thread that owns the screen
                self._fail(error)
                return

    def _look_on(self, app: App) -> None:
        """Until it is over, or the settings have changed."""
        looker = Looker(app)
        settings = _stamp(app)
        while not self._over and _stamp(app) == settings:
            self._wake.clear()
            self._asked = False
            began = app.clock.boot_ms()
            seen = looker.look(self._wish)
            took_s = (app.clock.boot_ms() - began) / 1000
            self._tell(seen)
            if not self._asked:
                self._wake.wait(max(LEAST_S - took_s, took_s * SHARE))
            if not self._wake.is_set():
                app.store.wait(RUNS_MS if seen.overview.running else RESTS_MS, self._wake)


def _stamp(app: App) -> int:
    """Of the settings in the home, which may be changed at any time."""
    try:
        return (app.settings.home / "config.toml").stat().st_mtime_ns
    except OSError:
        return 0


@contextmanager
def opened(opener: Opener) -> Iterator[App]:
    """The backlog for one thread and one act: whatever was replaced before does not matter."""
    app = opener()
    try:
        yield app
    finally:
        app.close()
