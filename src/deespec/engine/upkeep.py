"""A worker's care for the store, in a thread of its own so that no lease waits for it: the log, and a daily backup."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from typing import TYPE_CHECKING

from deespec.clock import local
from deespec.config_keys import HOUR_MS, MINUTE_MS
from deespec.engine.afterwards import land
from deespec.errors import DeespecError
from deespec.store.holders import Doing
from deespec.store.opener import FILE
from deespec.store.upkeep.backup import back_up, backups_in, prune
from deespec.store.upkeep.checkpoint import Mode, checkpoint, size_of, wal_health
from deespec.store.upkeep.shelf import made_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.app import App
    from deespec.store.upkeep.checkpoint import Checkpoint

LOOK_MS = MINUTE_MS
GLANCE_MS = 5_000
"""Between two glances at the size of the log's file."""
RESTART_BYTES = 16 * 1024 * 1024
"""SQLite begins to empty the log at 4 MiB: one of this size is held back, or written to without a pause."""
TRUNCATE_BYTES = 64 * 1024 * 1024
READERS_MS = 500
"""So long it tries again where those who read hold it back."""
TOLD_AGAIN_MS = HOUR_MS
FAILED_AGAIN_MS = 10 * MINUTE_MS
"""So long it leaves alone what has failed."""
HELD_BACK = "log_held_back"
RECENT_ENTRIES = 1_000
DAY_MS = 24 * HOUR_MS
FAILED = {
    "care_for_log": "The log could not be looked after",
    "back_up_if_due": "The daily backup failed",
    "land": "Merged work could not be landed",
}
"""What a person is told of a duty that fails."""
DAILY = "daily"
AUTO = "auto"
DAILY_KEPT = 7

log = logging.getLogger(__name__)


class Upkeep:
    """One for each worker. `tell` is given what a person should know."""

    def __init__(self, app: App, *, actor: str, tell: Callable[[str], None]) -> None:
        self.app = app
        self.actor = actor
        self.database = os.path.join(app.settings.home, FILE)
        self.log = f"{self.database}-wal"
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="upkeep", daemon=True)
        self._told_at = 0
        self._told_bytes = 0
        self._first_seen: dict[int, int] = {}
        """When each process was seen to hold the log back, by pid."""
        self._looked_at = 0
        self._seen_bytes = 0
        self._failed_at: dict[str, int] = {}
        """When a person was told last that a duty fails, by the duty's name."""
        self._not_before: dict[str, int] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """What is done at the start, then once a minute, and sooner when the log has grown fast."""
        self._looked_at = self.app.clock.waking_ms()
        self._each(self.care_for_log)
        if self.app.settings.backup == DAILY:
            self._each(self.back_up_if_due)
        if self.app.settings.land == AUTO and self.app.settings.workspace_mode == "worktree":
            self._each(self.land)

    def care_for_log(self) -> None:
        """Has a long log begun anew, and a very long one cut; says who prevents it."""
        length = self._seen_bytes = size_of(self.log)
        if length < RESTART_BYTES:
            self._first_seen.clear()
            return
        clock, busy_ms = self.app.clock, self.app.settings.busy_timeout_ms
        in_use = wal_health(self.database, clock=clock, busy_ms=busy_ms).live_bytes
        if in_use < RESTART_BYTES and length < TRUNCATE_BYTES:
            self._first_seen.clear()  # the file keeps its size when the log begins anew
            return
        mode = Mode.RESTART if length < TRUNCATE_BYTES else Mode.TRUNCATE
        done = checkpoint(self.database, mode, clock=clock, busy_ms=busy_ms, wait_ms=READERS_MS)
        only_writers = bool(done.holders) and all(one.doing is not Doing.READING for one in done.holders)
        if done.complete or in_use < RESTART_BYTES or only_writers:
            self._first_seen.clear()
        else:
            self._name_the_readers(done)

    def back_up_if_due(self) -> None:
        """Makes the day's backup, unless another worker is at it; removes the oldest daily ones."""
        with self.app.store.read() as tx:
            begun = tx.begun_at()
        if 0 <= self.app.clock.now_ms() - begun < DAY_MS:
            return
        folder = str(self.app.backups_folder)
        if not self._is_due(folder):
            return
        file = os.open(os.path.join(folder, "daily.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._is_due(folder):
                self._back_up(folder)
        except BlockingIOError:
            pass
        finally:
            os.close(file)

    # --- below ---

    def _live(self) -> None:
        try:
            self.look()
            while not self._over.wait(GLANCE_MS / 1000):
                grown = size_of(self.log) >= max(RESTART_BYTES, 2 * self._seen_bytes)
                if grown or self.app.clock.waking_ms() - self._looked_at >= LOOK_MS:
                    self.look()
        finally:
            self.app.store.close()

    def land(self) -> None:
        """Brings merged work to the base, if its checkout has become clean since."""
        told = land(self.app)
        if told and not told.startswith("not landed"):  # a worker has said so after the merge
            self._tell(told)

    def _each(self, duty: Callable[[], None]) -> None:
        """What cannot be done now is tried again; a person hears of it once a day, and work goes on."""
        name, now = duty.__name__, self.app.clock.now_ms()
        if now < self._not_before.get(name, now):
            return
        try:
            duty()
        except Exception as error:  # noqa: BLE001 - the worker does not end because of it
            log.info("upkeep failed", extra={"duty": name, "error": str(error)})
            self._not_before[name] = now + FAILED_AGAIN_MS
            if now - self._failed_at.get(name, -DAY_MS) < DAY_MS:
                return
            self._failed_at[name] = now
            what = FAILED.get(name, name)
            hint = f" → {error.hint}" if isinstance(error, DeespecError) and error.hint else ""
            self._tell(f"{what}: {error}{hint}")

    def _name_the_readers(self, done: Checkpoint) -> None:
        now = self.app.clock.now_ms()
        pids = {one.pid for one in done.holders}
        self._first_seen = {pid: self._first_seen.get(pid, now) for pid in pids}
        grown = done.bytes_after >= 2 * self._told_bytes
        if not grown and now - self._told_at < TOLD_AGAIN_MS:
            return
        self._told_at, self._told_bytes = now, done.bytes_after
        who = ", ".join(f"{one.what}, at least since {local(self._first_seen[one.pid])}" for one in done.holders)
        words = f"the log has {done.bytes_after / 1e6:,.0f} MB, held back by {who or 'a process that cannot be seen'}"
        if not self._is_noted(now):
            with self.app.store.transaction() as tx:
                tx.note(self.actor, HELD_BACK, detail=words)
        self._tell(f"{words[0].upper()}{words[1:]} → deespec db checkpoint --mode truncate, when it has ended")

    def _is_noted(self, now: int) -> bool:
        """Whether another worker has written of it, in this very look of all."""
        with self.app.store.read() as tx:
            recent = tx.journal(limit=RECENT_ENTRIES, newest=True)
        return any(entry.event == HELD_BACK and now - entry.at < LOOK_MS for entry in recent)

    def _is_due(self, folder: str) -> bool:
        """Whether a day has passed since the newest backup of this very backlog: a copy of it uses the same folder.

        Those from a time still to come were made before the clock was set back.
        """
        now, home = self.app.clock.now_ms(), str(self.app.settings.home)
        recent = [one for one in backups_in(folder) if 0 <= now - one.at < DAY_MS]
        return not any(made_here(one.path, home) for one in recent)

    def _back_up(self, folder: str) -> None:
        app = self.app
        made = back_up(self.database, folder, clock=app.clock, busy_ms=app.settings.busy_timeout_ms, special=DAILY)
        prune(folder, DAILY_KEPT, but=made.path, special=DAILY)
        with app.store.transaction() as tx:
            tx.note(self.actor, "backed_up", detail=f"{made.path}, {made.bytes} bytes, up to entry {made.seq}")
