"""A worker's pulse: one thread that renews leases, notices what was revoked, buries the dead, and wakes idle slots."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.leftovers import clear_leftovers
from deespec.model.items import claim_text
from deespec.store.alive import is_alive, life_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.app import App
    from deespec.clock import Clock
    from deespec.model.items import Guard, Worker

BEAT_MS = 1_000
RENEWALS_PER_LEASE = 4
LATE_MS = 20_000
"""A beat that comes this late was frozen (a suspended laptop): it renews first and takes nothing over for a while.
Of a lease shorter than a minute a third is late enough, or two beats."""
NO_TAKEOVER_MS = 30_000
"""Time for the others, who froze with it, to renew theirs; half a lease where that is less."""
GUARD_MARGIN_MS = 10_000
"""The guard ends the agent this long before the lease ends, so that a new owner never meets it; at most a quarter."""
SWEEP_MS = 1_000
"""For the processes of the dead, which their guards have usually ended by themselves."""
RETRY_MOST_MS = 10 * 60_000
BURIED_AT_ONCE = 25
BURYING_MS = 8
"""Claims buried in one transaction, and how long it may take: others want to write meanwhile."""


class Pulse:
    """Shared by the slots of one worker. `tokens` are the claims that run here; `revoked` those taken away."""

    def __init__(
        self,
        app: App,
        worker: Worker,
        *,
        on_stop: Callable[[str], None],
        on_ended: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.app = app
        self.worker = worker
        self.changed = threading.Condition()
        self.generation = 0
        self.deadline_ms = 0
        """Until when guards may let their agents run, on Clock.boot_ms()."""
        self.state = self._told = "running"
        self.failure: Exception | None = None
        self._on_stop = on_stop
        self._on_ended = on_ended
        self._running: set[int] = set()
        self._revoked: set[int] = set()
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="pulse", daemon=True)
        lease_ms = app.settings.lease_ms
        self._renew_every_ms = lease_ms // RENEWALS_PER_LEASE
        self._beat_ms = min(BEAT_MS, self._renew_every_ms)
        self._late_ms = min(LATE_MS, max(lease_ms // 3, 2 * self._beat_ms))
        self._no_takeover_ms = min(NO_TAKEOVER_MS, lease_ms // 2)
        self._last_beat = app.clock.boot_ms()
        self._no_takeover_until = 0
        self._renewed = 0

    def start(self) -> None:
        """First what the dead left behind, then the thread."""
        self._renew()
        self._bury()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def hold(self, token: int) -> None:
        """This claim runs here from now on."""
        with self._guard:
            self._running.add(token)

    def drop(self, token: int) -> None:
        with self._guard:
            self._running.discard(token)
            self._revoked.discard(token)

    def is_revoked(self, token: int) -> bool:
        with self._guard:
            return token in self._revoked

    def running(self) -> int:
        with self._guard:
            return len(self._running)

    def nudge(self) -> None:
        """Something may be possible now that was not: wakes the slots."""
        with self.changed:
            self.generation += 1
            self.changed.notify_all()

    def beat(self, *, changed: bool) -> None:
        """What is done every second, and whenever somebody has written (`changed`)."""
        now = self.app.clock.boot_ms()
        if now - self._last_beat > self._late_ms:
            self._renew()
            self._no_takeover_until = now + self._no_takeover_ms
        elif now - self._renewed >= self._renew_every_ms or self.state != self._told:
            self._renew()
        self._last_beat = now
        if changed:
            self._notice_revoked()
            self.nudge()
        self._bury()

    # --- below: the thread ---

    def _live(self) -> None:
        try:
            while not self._over.is_set():
                changed = self.app.store.wait(self._beat_ms, self._wake)
                if self._over.is_set():
                    break
                self.beat(changed=changed)
        except Exception as error:  # noqa: BLE001 - without a pulse the leases run out: the worker ends and raises it
            self.failure = error
            self._on_stop("now")
        finally:
            self.app.store.close()
            self.nudge()

    def _renew(self) -> None:
        until = self.app.clock.boot_ms() + self.app.settings.lease_ms
        with self.app.store.light_transaction() as tx:
            tx.renew(worker=self.worker.uid, until=until, boot=self.worker.boot)
            self._told = self.state
            word = tx.worker_seen(self.worker.uid, self._told)
        self._renewed = self.app.clock.boot_ms()
        self.deadline_ms = until - min(GUARD_MARGIN_MS, self.app.settings.lease_ms // 4)
        if word:
            self._on_stop(word)

    def _notice_revoked(self) -> None:
        with self._guard:
            running = set(self._running)  # before the look: a slot may claim during it, and that is no revocation
        with self.app.store.read() as tx:
            mine = tx.tokens_of(self.worker.uid)
            word = next((one.stop for one in tx.workers() if one.uid == self.worker.uid), None)
        with self._guard:
            self._revoked |= (running - mine) & self._running
        if word:
            self._on_stop(word)

    def _bury(self) -> None:
        if self.app.clock.boot_ms() >= self._no_takeover_until and bury_the_dead(
            self.app, but=self.worker.uid, most_ms=self._beat_ms, ended=self._on_ended
        ):
            self.nudge()


# --- who is alive ---------------------------------------------------------------------------------------------------


def settle_in(app: App) -> bool:
    """Lets a copied project begin a life of its own, before anything is done for the workers that it was copied with.

    They live on in the original, with claims that look like ours: nothing of them is ended here. Where one of them
    lives on this very home, it is no copy but the same folder, reached another way.
    """
    home, identity = str(app.settings.home), app.store.identity()
    with app.store.read() as tx:
        if not tx.is_moved(identity):
            return False
        uids = [worker.uid for worker in tx.workers()]
    if any(is_alive(home, uid) for uid in uids):
        return False
    with app.store.transaction() as tx:
        settled = tx.settle_in(identity, actor="deespec")
    for uid in uids:
        Path(life_path(home, uid)).unlink(missing_ok=True)
    return settled


def bury_the_dead(
    app: App, *, but: str = "", most_ms: int | None = None, ended: Callable[[int], None] = lambda _: None
) -> int:
    """Ends the claims of workers that died and leases that ran out; the number of claims.

    `ended` hears of items that used their last attempt by it. Within about `most_ms`, if that is given: whoever has
    leases to renew comes back for the rest.
    """
    clock, settings = app.clock, app.settings
    home, boot = str(settings.home), clock.boot_id()
    if settle_in(app):
        return 0
    with app.store.read() as tx:
        others = [worker for worker in tx.workers() if worker.uid != but]
        dead = [worker.uid for worker in others if not is_alive(home, worker.uid)]
        claims = tx.dead_claims(dead_workers=dead, boot=boot, boot_ms=clock.boot_ms())
    if not dead and not claims:
        return 0
    until = None if most_ms is None else clock.waking_ms() + most_ms
    left: list[tuple[Guard | None, str]] = []
    numbers = [number for number, _ in reversed(claims)]
    buried = 0
    while numbers and (until is None or clock.waking_ms() < until):
        buried += _bury_some(app, numbers, dead, left, ended)
    if not numbers:
        _forget(app, dead)
    _sweep(left, clock)
    return buried


def _forget(app: App, dead: list[str]) -> None:
    home = str(app.settings.home)
    with app.store.transaction() as tx:
        for uid in dead:
            tx.forget_worker(uid)
    for uid in dead:
        try:
            os.unlink(life_path(home, uid))
        except FileNotFoundError:
            pass


def _bury_some(
    app: App,
    numbers: list[int],
    dead: list[str],
    left: list[tuple[Guard | None, str]],
    ended: Callable[[int], None],
) -> int:
    """One short transaction: takes numbers off the list, and adds what their claims may have left running."""
    clock, settings = app.clock, app.settings
    buried = 0
    stopped = []
    with app.store.transaction() as tx:
        began = clock.waking_ms()
        for _ in range(min(len(numbers), BURIED_AT_ONCE)):
            number = numbers.pop()
            why = tx.why_dead(number, dead_workers=dead, boot=clock.boot_id(), boot_ms=clock.boot_ms())
            if why is None:
                continue
            tries = tx.sbi(number).attempts
            delay = back_off(tries, base_ms=settings.retry_delay_ms, jitter=clock.jitter) if tries else 0
            if tx.bury(number, why=why, max_attempts=settings.max_attempts, delay_ms=delay).stopped:
                stopped.append(number)
            left += [(call.guard, claim_text(tx.epoch(), call.token)) for call in tx.calls_of(number)]
            buried += 1
            if clock.waking_ms() - began >= BURYING_MS:
                break
    for number in stopped:
        ended(number)
    return buried


def _sweep(left: list[tuple[Guard | None, str]], clock: Clock) -> None:
    """Ends what the dead left running. A next owner does so, too, before he begins; but there may be none for long."""
    until = clock.waking_ms() + SWEEP_MS
    for guard, claim in left:
        if clock.waking_ms() > until:
            return
        clear_leftovers(guard, claim, timeout_ms=max(0, until - clock.waking_ms()), clock=clock)


def back_off(tries: int, *, base_ms: int, jitter: Callable[[int], int]) -> int:
    """How long to wait after the n-th try (from 1): base, doubling, at most RETRY_MOST_MS, up to a fifth of jitter."""
    delay = int(min(base_ms * 2 ** max(0, tries - 1), RETRY_MOST_MS))
    return delay + jitter(delay // 5)
