"""A worker: as many slots as asked for, each taking one turn after the other, woken when something may have changed.

It is work-conserving: a slot that becomes free claims again at once; an idle slot is woken by any write of others.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from deespec.agents.leftovers import namespace, start_time
from deespec.engine import outbox
from deespec.engine.afterwards import after, tidy
from deespec.engine.bench import Bench, Outcome
from deespec.engine.pulse import Pulse, settle_in
from deespec.engine.ready import begin_apart
from deespec.engine.turn import run_turn
from deespec.engine.upkeep import Upkeep
from deespec.model.items import Worker
from deespec.model.wanted import Idle, Scope
from deespec.records import record
from deespec.store.alive import LifeLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.app import App
    from deespec.model.items import Claim

SIGNAL_LOOK_MS = 100
DRAIN_LOOK_MS = 1_000
"""How often a draining worker with nothing to do looks whether anything can still go on."""


@record
class Orders:
    """What this worker is to do."""

    slots: int = 1
    once: bool = False
    drain: bool = False
    for_ms: int | None = None
    scope: Scope = Scope()
    implement: tuple[str, ...] = ()
    usd: float | None = None
    """Stop taking work when this run has spent this much."""


class Crew:
    """One `deespec run`: the slots, their pulse, and the two ways to stop."""

    def __init__(
        self,
        app: App,
        orders: Orders,
        *,
        tell: Callable[[Outcome], None],
        tell_begin: Callable[[Claim], None] = lambda _: None,
        tell_stop: Callable[[str], None] = lambda _: None,
        tell_upkeep: Callable[[str], None] = lambda _: None,
        tell_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self.app = app
        self.orders = orders
        self.worker = _worker(app, orders.slots)
        self.pulse = Pulse(app, self.worker, on_stop=self.stop)
        self.upkeep = Upkeep(app, actor=f"worker {self.worker.name}", tell=tell_upkeep)
        self.bench = Bench(app, self.worker, self.pulse, scope=orders.scope, implement=orders.implement)
        self.failure: BaseException | None = None
        self.signals: list[int] = []
        """Those that came to the process. Their handler only adds to it: it may interrupt anything, even itself."""
        self.outcomes: dict[str, int] = {}
        self.spent_usd = 0.0
        self._tell = tell
        self._tell_begin = tell_begin
        self._tell_stop = tell_stop
        self._tell_upkeep = tell_upkeep
        self._tell_idle = tell_idle
        self._heeded = 0
        self._told_last = ""
        self._telling = threading.Lock()
        self._finishing = threading.Event()

    def run(self) -> None:
        """Works until it is told to stop, or until its orders are done. Raises what made it impossible to go on."""
        settle_in(self.app)
        for note in begin_apart(self.app):
            self._tell_upkeep(note)
        tidy(self.app)
        life = LifeLock(str(self.app.settings.home), self.worker.uid)
        try:
            with self.app.store.transaction() as tx:
                tx.add_worker(self.worker)
            self.pulse.start()
            self.upkeep.start()
            try:
                self._work()
            finally:
                self.upkeep.stop()
                self.pulse.stop()
                self.bench.checkouts.close()
                with self.app.store.transaction() as tx:
                    if not tx.tokens_of(self.worker.uid):  # else it died at work: whoever lives buries its claims
                        tx.remove_worker(self.worker)
                outbox.tidy(self.app.temporary, self.bench.backlog_uid)
        finally:
            life.release()
        if self.failure or self.pulse.failure:
            raise self.failure or self.pulse.failure or AssertionError

    def stop(self, how: str) -> None:
        """`finish`: take nothing new, let running turns end. `now`: stop the agents, give the items back."""
        self.pulse.state = "finishing"
        self._finishing.set()
        if how == "now":
            self.bench.stopping = "worker"
        self.pulse.nudge()

    @property
    def stopping(self) -> bool:
        return self._finishing.is_set()

    @property
    def signal(self) -> int:
        """The first signal that came; 0: none."""
        return self.signals[0] if self.signals else 0

    # --- slots ---

    def _work(self) -> None:
        threads = [
            threading.Thread(target=self._slot, name=f"slot-{number + 1}", daemon=True)
            for number in range(1 if self.orders.once else self.orders.slots)
        ]
        self._heed_signals()
        for thread in threads:
            thread.start()
        timer = threading.Timer((self.orders.for_ms or 0) / 1000, self.stop, args=("finish",))
        timer.daemon = True
        if self.orders.for_ms is not None:
            timer.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(SIGNAL_LOOK_MS / 1000)
                self._heed_signals()
        timer.cancel()

    def _heed_signals(self) -> None:
        """The first one: finish. Each further one: now."""
        while self._heeded < len(self.signals):
            how = "now" if self._heeded else "finish"
            self._heeded += 1
            self._tell_stop(how)
            self.stop(how)

    def _slot(self) -> None:
        try:
            with self.bench.ports.block():
                self._take_turns()
        except Exception as error:  # noqa: BLE001 - a slot's failure ends the worker, which raises it again
            self._fail(error)
        finally:
            self.app.store.close()
            self.pulse.nudge()

    def _take_turns(self) -> None:
        while not self.stopping:
            generation = self.pulse.generation
            outcome = run_turn(self.bench, begun=self._begun)
            if isinstance(outcome, Outcome):
                self._note(outcome)
                if told := after(self.app, outcome):
                    self._tell_once(told)
                if self.orders.once:
                    return
            elif self.orders.once and not outcome.again:
                return
            elif not outcome.again:
                self._rest(outcome, generation)

    def _rest(self, idle: Idle, generation: int) -> None:
        """Sleeps until something may have changed: a write, the end of a pause or back-off, a signal."""
        if self.orders.drain and self._drained(idle):
            self.stop("finish")
            return
        if idle.running:
            with self._telling:
                self._tell_idle()
        timeout_ms = DRAIN_LOOK_MS if self.orders.drain else 60_000
        if idle.next_at is not None:
            timeout_ms = max(1, min(timeout_ms, idle.next_at - self.app.clock.now_ms()))
        with self.pulse.changed:
            if self.pulse.generation == generation and not self.stopping:
                self.pulse.changed.wait(timeout_ms / 1000)

    def _drained(self, idle: Idle) -> bool:
        """Nothing in scope goes on without a person; or nothing runs anywhere, and no time will change that."""
        with self.app.store.read() as tx:
            if not tx.may_go_on(self.orders.scope):
                return True
        return idle.running == 0 and idle.next_at is None

    def _begun(self, claim: Claim) -> None:
        with self._telling:
            self._tell_begin(claim)

    def _tell_once(self, words: str) -> None:
        with self._telling:
            if words != self._told_last:
                self._tell_upkeep(words)
            self._told_last = words

    def _note(self, outcome: Outcome) -> None:
        with self._telling:
            self.outcomes[outcome.what] = self.outcomes.get(outcome.what, 0) + 1
            if outcome.turn is not None:
                self.spent_usd += outcome.turn.cost_usd or 0
            self._tell(outcome)
        if self.orders.usd is not None and self.spent_usd >= self.orders.usd:
            self.stop("finish")

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self.stop("now")


def _worker(app: App, slots: int) -> Worker:
    clock = app.clock
    uid = clock.uid()
    pid = os.getpid()
    return Worker(
        uid=uid,
        name=f"{app.host}-{pid}",
        host=app.host,
        pid=pid,
        pid_start=start_time(pid) or "",
        namespace=namespace(),
        boot=clock.boot_id(),
        slots=slots,
        started_at=clock.now_ms(),
        seen_at=clock.now_ms(),
    )
