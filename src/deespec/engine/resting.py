"""How long a run did nothing because of agents: the time in which none of its slots worked, and what was waited for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from deespec.model.wanted import Bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.model.items import AgentPause
    from deespec.model.wanted import Idle

Causes = tuple[tuple[str, str], ...]
"""(agent, word), the words being limit, pause and budget; several at once were waited for together."""


class Resting:
    """Shared by the slots of one worker. Times are ms of the clock that it is given, suspend included."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._working = 0
        self._causes: Causes = ()
        self._at = clock_ms()
        self._waited: dict[Causes, int] = {}

    def works(self) -> None:
        """A slot has taken something."""
        with self._lock:
            self._count()
            self._working += 1

    def ended(self) -> None:
        """It is done with that, however it came out."""
        with self._lock:
            self._count()
            self._working -= 1

    def rests(self, causes: Causes) -> None:
        """A slot found nothing to take, for these reasons."""
        with self._lock:
            self._count()
            self._causes = causes

    def waited(self) -> dict[Causes, int]:
        """Ms by cause, until now."""
        with self._lock:
            self._count()
            return dict(self._waited)

    def _count(self) -> None:
        now = self._clock_ms()
        if self._working == 0 and self._causes:
            self._waited[self._causes] = self._waited.get(self._causes, 0) + now - self._at
        self._at = now


def causes_of(idle: Idle, pauses: list[AgentPause]) -> Causes:
    """What keeps the agents for which items wait: their vendors' limits, a person or an error, or money."""
    by_person = {name for pause in pauses if pause.by_person for name in (pause.account, pause.agent)}
    found = []
    for agent, bar in idle.kept_by:
        if bar.why is Bar.PAUSED:
            found.append((agent, "limit" if bar.until_at is not None and agent not in by_person else "pause"))
        elif bar.why in (Bar.DAY, Bar.RUN):
            found.append((agent, "budget"))
    return tuple(found)
