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
from deespec.engine.awake import Awake
from deespec.engine.bench import Bench, Outcome, wanted
from deespec.engine.budgets import told_after, told_waiting, unpriced
from deespec.engine.notifying import Notifier, told
from deespec.engine.pulse import Pulse, settle_in
from deespec.engine.ready import begin_apart
from deespec.engine.resting import Resting, causes_of
from deespec.engine.summary import facts_of, sentence, values_of
from deespec.engine.turn import run_turn
from deespec.engine.upkeep import Upkeep
from deespec.errors import DeespecError
from deespec.model.items import Worker
from deespec.model.money import usd
from deespec.model.wanted import Bar, Idle, Scope
from deespec.records import record
from deespec.store.alive import LifeLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.app import App
    from deespec.engine.resting import Causes
    from deespec.engine.summary import RunFacts
    from deespec.model.items import Claim
    from deespec.model.lifecycle import Status

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
    """What this run may cost; None: as budget.usd_per_run says."""


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
        self.worker = _worker(app, orders)
        actor = f"worker {self.worker.name}"
        self.notifier = Notifier(app, actor=actor, tell=self._tell_once)
        self.pulse = Pulse(app, self.worker, on_stop=self.stop, on_ended=self.notifier.buried)
        self.upkeep = Upkeep(app, actor=actor, tell=tell_upkeep)
        self.awake = Awake(app.settings)
        self.resting = Resting(app.clock.boot_ms)
        self.usd = orders.usd if orders.usd is not None else app.settings.usd_per_run or None
        self.bench = Bench(
            app,
            self.worker,
            self.pulse,
            scope=orders.scope,
            implement=orders.implement,
            usd_per_run=self.usd,
            tell=tell_upkeep,
        )
        self.failure: BaseException | None = None
        self.signals: list[int] = []
        """Those that came to the process. Their handler only adds to it: it may interrupt anything, even itself."""
        self.outcomes: dict[str, int] = {}
        self.out_of_money: str | None = None
        """Why it takes nothing new, if its own budget is the reason."""
        self._tell = tell
        self._tell_begin = tell_begin
        self._tell_stop = tell_stop
        self._tell_upkeep = tell_upkeep
        self._tell_idle = tell_idle
        self._heeded = 0
        self._told_last = ""
        self._waits_until: int | None = None
        """The end of the day whose budget is used up, once that is said."""
        known = (*(orders.implement or app.settings.implement), *app.settings.review, *self.bench.decompose)
        self._unpriced = {one.name for one in unpriced(app.settings, known)}
        """Agents of which people know that no budget counts them: told_before() has said it of these."""
        self._last: dict[int, Status] = {}
        """Where its last act left each item that it has worked on."""
        self._telling = threading.Lock()
        self._finishing = threading.Event()

    def run(self) -> None:
        """Works until it is told to stop, or until its orders are done. Raises what made it impossible to go on."""
        try:
            self._run()
        finally:
            self._tell_end()

    def _run(self) -> None:
        settle_in(self.app)
        for note in begin_apart(self.app):
            self._tell_upkeep(note)
        tidy(self.app)
        life = LifeLock(str(self.app.settings.home), self.worker.uid)
        try:
            with self.app.store.transaction() as tx:
                tx.add_worker(self.worker)
            self.notifier.start()
            self.pulse.start()
            self.upkeep.start()
            try:
                self._work()
            finally:
                self.awake.close()
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
    def _has_budget(self) -> bool:
        settings = self.app.settings
        return bool(self.usd is not None or settings.usd_per_day or settings.usd_per_item)

    @property
    def stopping(self) -> bool:
        return self._finishing.is_set()

    @property
    def spent_usd(self) -> float:
        """What the metered calls of this run have cost, those that came to nothing included."""
        with self.app.store.read() as tx:
            return tx.used_by_run(self.worker.uid).usd

    def facts(self) -> RunFacts:
        """What this run has come to so far."""
        with self.app.store.read() as tx:
            spent = tx.figures().spent_in_run(self.worker.uid)
        return facts_of(
            self._last.values(),
            since_at=self.worker.started_at,
            until_at=self.app.clock.now_ms(),
            outcomes=dict(self.outcomes),
            spent=spent,
            waited=self.resting.waited(),
        )

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
                self.awake.drop()
                self.resting.ended()
                self._note(outcome)
                self.notifier.heard(outcome)
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
        self.resting.rests(self._causes(idle))
        self.notifier.look()
        if self.orders.drain and not self._goes_on():
            self.stop("finish")
            return
        if idle.run_is_spent and self.usd is not None and not self._goes_on_for_nothing():
            self._runs_out(self.usd)
            return
        if self.orders.drain and idle.running == 0 and idle.next_at is None:
            self.stop("finish")
            return
        with self._telling:
            if idle.running:
                self._tell_idle()
            self._tell_waiting(idle)
        timeout_ms = DRAIN_LOOK_MS if self.orders.drain else 60_000
        if idle.next_at is not None:
            timeout_ms = max(1, min(timeout_ms, idle.next_at - self.app.clock.now_ms()))
        with self.pulse.changed:
            if self.pulse.generation == generation and not self.stopping:
                self.pulse.changed.wait(timeout_ms / 1000)

    def _tell_waiting(self, idle: Idle) -> None:
        """Once a day; each slot comes by here again and again."""
        day = next((bar.until_at for _, bar in idle.kept_by if bar.why is Bar.DAY), None)
        if day is not None and day != self._waits_until:
            self._waits_until = day
            self._tell_upkeep(told_waiting(self.app, until_at=day))

    def _causes(self, idle: Idle) -> Causes:
        if not idle.kept_by:
            return ()
        with self.app.store.read() as tx:
            return causes_of(idle, tx.pauses())

    def _runs_out(self, budget_usd: float) -> None:
        """Its own budget allows no call any more, and nothing of this run is left that would cost nothing."""
        spent = self.spent_usd
        with self._telling:
            if self.out_of_money is None:
                self.out_of_money = (
                    f"this run's budget of {usd(budget_usd)} allows no further call, {usd(spent)} are spent: "
                    "nothing new is taken → deespec run goes on"
                )
                self._tell_upkeep(self.out_of_money)
        self.stop("finish")

    def _goes_on(self) -> bool:
        """Whether anything in scope can go on without a person."""
        with self.app.store.read() as tx:
            return tx.may_go_on(self.orders.scope)

    def _goes_on_for_nothing(self) -> bool:
        """Whether anything in scope can go on without money and without a person."""
        asked = wanted(self.bench)
        with self.app.store.read() as tx:
            return tx.goes_on_for_nothing(asked)

    def _begun(self, claim: Claim) -> None:
        self.resting.works()
        self.awake.hold()
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
            if outcome.after is not None:
                self._last[outcome.after.number] = outcome.after.status
            self._tell(outcome)
            turn = outcome.turn if self._has_budget else None
            words = told_after(turn) if turn is not None else None
            if turn is not None and words is not None and turn.agent not in self._unpriced:
                self._unpriced.add(turn.agent)
                self._tell_upkeep(words)

    def _tell_end(self) -> None:
        """Whatever happened, those who are to hear of runs hear of the end of this one."""
        if not self.app.settings.notify:
            return
        try:
            facts = self.facts()
        except DeespecError:  # the store is gone, which is what the run ends with
            return
        failure = self.failure or self.pulse.failure
        reason = None if failure is None else str(failure)
        last = told("run_finished", sentence(facts), reason=reason, run=values_of(facts))
        self.notifier.finish(last, at_once=self.bench.stopping is not None)

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self.stop("now")


def _worker(app: App, orders: Orders) -> Worker:
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
        slots=orders.slots,
        workflows=orders.scope.workflows,
        started_at=clock.now_ms(),
        seen_at=clock.now_ms(),
    )
