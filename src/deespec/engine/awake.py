"""Keeps the machine from falling asleep while agents work, where the system lets a user do that.

Linux: `systemd-inhibit` holds its lock as long as the `cat` that it runs reads a pipe from us. macOS: `caffeinate`
watches our pid. Both end with the worker, however it ends, and neither asks for rights: where the lock is refused or
the program is missing, work goes on as if nothing had been said.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from typing import TYPE_CHECKING

from deespec.workspace.program import Beside

if TYPE_CHECKING:
    from deespec.config import Settings

LINGER_S = 10.0
"""After the last claim: the next one mostly follows at once."""
INHIBIT = (
    *("systemd-inhibit", "--what=idle:sleep", "--who=deespec", "--why=Coding agents are at work", "--mode=block"),
    "cat",
)

log = logging.getLogger(__name__)


class Awake:
    """Shared by the slots of one worker."""

    def __init__(self, settings: Settings) -> None:
        self._env = {name: value for name, value in settings.child_env if name in _PASSED}
        self._lock = threading.Lock()
        self._claims = 0
        self._beside: Beside | None = None
        self._timer: threading.Timer | None = None
        self._argv = _argv(self._env.get("PATH")) if settings.keep_awake == "auto" else None

    def hold(self) -> None:
        """A claim runs from now on."""
        with self._lock:
            self._claims += 1
            self._cancel()
            if self._beside is not None and not self._beside.runs():
                self._give_up("it was refused")
            elif self._beside is None and self._argv is not None:
                self._begin(self._argv)

    def drop(self) -> None:
        """It has ended."""
        with self._lock:
            self._claims -= 1
            if self._claims == 0 and self._beside is not None:
                self._cancel()
                self._timer = threading.Timer(LINGER_S, self._linger_over)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        with self._lock:
            self._cancel()
            self._let_go()

    # --- below ---

    def _begin(self, argv: tuple[str, ...]) -> None:
        try:
            self._beside = Beside(argv, env=self._env)
        except OSError as error:
            self._give_up(error.strerror or str(error))

    def _give_up(self, why: str) -> None:
        log.debug("the machine may fall asleep", extra={"reason": why})
        self._argv = None
        self._let_go()

    def _linger_over(self) -> None:
        with self._lock:
            if self._claims == 0:
                self._let_go()

    def _let_go(self) -> None:
        if self._beside is not None:
            self._beside.end()
            self._beside = None

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_PASSED = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "LANG")


def _argv(path: str | None) -> tuple[str, ...] | None:
    wanted = ("caffeinate", "-i", "-w", str(os.getpid())) if sys.platform == "darwin" else INHIBIT
    program = shutil.which(wanted[0], path=path)
    return None if program is None else (program, *wanted[1:])
