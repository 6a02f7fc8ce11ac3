"""What running items say right now, for all threads of a board: read once for everybody who looks."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from deespec.board.live import Lives

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.live import Live
    from deespec.model.items import Line


class Watching:
    """One backlog's running items."""

    def __init__(self, app: App) -> None:
        self._lives = Lives(app)
        self._one_at_a_time = threading.Lock()

    def of(self, line: Line) -> Live | None:
        """None: nobody works on it."""
        with self._one_at_a_time:
            return self._lives.of(line)


@lru_cache(maxsize=1)
def watching(app: App) -> Watching:
    """The one of this backlog; when that is opened anew, another takes its place."""
    return Watching(app)
