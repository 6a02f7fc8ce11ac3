"""A backlog on a real file, a clock that is moved by hand, and the acts that many tests need in one word."""

from __future__ import annotations

from collections.abc import Sequence

from deespec.backlog.decompose import ask_in
from deespec.backlog.register import Order, register
from deespec.clock import Clock
from deespec.model.budget import ItemBudget
from deespec.model.items import Claim, Kind, Pbi, Sbi, Turn
from deespec.model.lifecycle import Event, Status, Step
from deespec.model.money import Spend
from deespec.model.spec import NewItem
from deespec.model.wanted import AgentSlot, Idle, Scope, Wanted
from deespec.records import as_dict, replace
from deespec.store.base import Store

LEASE_MS = 60_000
ROUNDS_MOST = 1_000
"""So often a claim may say `again`; with 100 tests a round that is far more than any test here has items."""
PERSON = "person@test"
STOPS = (Event.LIMIT_REACHED, Event.NEEDS_PERSON, Event.REJECTED)
FREE = AgentSlot(name="ann", account="ann@test")
"""An agent without a limit."""


class FakeClock(Clock):
    """Stands still until it is moved; its clocks go together. Random numbers are counted up, so ids are in order."""

    def __init__(self) -> None:
        self.wall = 1_767_225_600_000
        self.boot = 5_000_000
        self.boots = 1
        self._drawn = 0

    def now_ms(self) -> int:
        return self.wall

    def boot_ms(self) -> int:
        return self.boot

    def waking_ms(self) -> int:
        return self.boot

    def boot_id(self) -> str:
        return f"boot {self.boots}"

    def random_bytes(self, count: int) -> bytes:
        self._drawn += 1
        return self._drawn.to_bytes(count, "big")

    def jitter(self, upper_ms: int) -> int:
        return 0

    def forward(self, ms: int) -> None:
        self.wall += ms
        self.boot += ms

    def reboot(self) -> None:
        self.boots += 1
        self.boot = 0


def spend_of(turn: Turn) -> Spend:
    """What the ledger gets of a turn."""
    values = as_dict(turn)
    call = ("token", "sbi", "step", "agent", "account", "model", "worker")
    names = (*call, "cost_usd", "metered", "tokens_in", "tokens_cached", "tokens_out")
    return Spend(turn=turn.number, **{name: values[name] for name in names})


class Ledger:
    """A backlog and what people, workers and agents do to it, without any of them."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock

    # --- people ---

    def add(self, title: str = "An item", *, hold: bool = False, key: str | None = None, **fields: object) -> Sbi:
        [item] = self.add_all([_new(Kind.SBI, title, fields)], hold=hold, key=key)
        assert isinstance(item, Sbi)
        return item

    def add_many(self, count: int, **fields: object) -> list[Sbi]:
        """So many alike, in one transaction."""
        added = self.add_all([_new(Kind.SBI, f"Item {number}", fields) for number in range(count)])
        return [item for item in added if isinstance(item, Sbi)]

    def add_pbi(self, title: str = "A group", **fields: object) -> Pbi:
        [item] = self.add_all([_new(Kind.PBI, title, fields)])
        assert isinstance(item, Pbi)
        return item

    def ask(self, pbi: Pbi, **changes: tuple[str, ...]) -> Sbi:
        """Has a PBI decomposed."""
        with self.store.transaction() as tx:
            return ask_in(tx, tx.pbi(pbi.number), actor=PERSON, **changes)

    def add_all(self, news: Sequence[NewItem], *, hold: bool = False, key: str | None = None) -> list[object]:
        orders = [Order(kind=new.kind, new=new, hold=hold, key=key) for new in news]
        done = register(self.store, orders, uids=[self.clock.uid() for _ in orders], owner=PERSON)
        return [one.item for one in done]

    def move(self, sbi: Sbi | int, event: Event) -> Sbi:
        with self.store.transaction() as tx:
            found = tx.sbi(_number(sbi))
            tx.revoke(found, actor=PERSON)
            return tx.move(found, event, actor=PERSON)

    def hold(self, sbi: Sbi | int, *, held: bool = True) -> None:
        with self.store.transaction() as tx:
            tx.set_held(tx.sbi(_number(sbi)), held=held, actor=PERSON)

    def retry(self, sbi: Sbi | int) -> None:
        with self.store.transaction() as tx:
            found = tx.sbi(_number(sbi))
            tx.save(found, replace(found, resume=True, not_before=None))

    def sbi(self, sbi: Sbi | int) -> Sbi:
        with self.store.read() as tx:
            return tx.sbi(_number(sbi))

    # --- workers ---

    def wanted(self, **changes: object) -> Wanted:
        """What a worker asks for that has one agent without a limit for everything."""
        asked = Wanted(
            worker="worker 1",
            actor="worker one",
            agents=(FREE,),
            implement=("ann",),
            review=("ann",),
            decompose=("ann",),
            outboxes="outboxes",
            boot=self.clock.boot_id(),
            boot_ms=self.clock.boot_ms(),
            lease_ms=LEASE_MS,
            exclusive=False,
        )
        return replace(asked, **changes)

    def claim(self, **changes: object) -> Claim | Idle:
        """What a worker gets that asks again as long as it is told to."""
        for _ in range(ROUNDS_MOST):
            with self.store.transaction() as tx:
                got = tx.claim_next(self.wanted(**changes))
            if not isinstance(got, Idle) or not got.again:
                return got
        raise AssertionError("told to ask again for ever")

    def take(self, **changes: object) -> Claim:
        got = self.claim(**changes)
        assert isinstance(got, Claim), f"nothing to take: {got}"
        return got

    def take_all(self, **changes: object) -> list[str]:
        """The ids of all that can be taken, in order."""
        taken = []
        while isinstance(got := self.claim(**changes), Claim):
            taken.append(got.sbi.id)
        return taken

    def begin(self, **changes: object) -> Claim:
        """Takes an item and prepares its workspace: the claim as it is at its first agent call."""
        claim = self.take(**changes)
        if claim.sbi.status is not Status.PICKED:
            return claim
        with self.store.transaction() as tx:
            sbi = tx.workspace_ready(claim, manifest="tree", actor=claim.worker)
        return replace(claim, sbi=sbi, step=sbi.step or Step.IMPLEMENT)

    def settle(
        self,
        claim: Claim,
        *events: Event,
        outcome: str = "",
        usd_per_item: float = 0,
        question: str | None = None,
        **facts: object,
    ) -> Sbi:
        """Ends the turn with these events."""
        steps = [(event, "because" if event in STOPS else None) for event in events]
        with self.store.transaction() as tx:
            turn = Turn(
                sbi=claim.sbi.number,
                number=claim.turn,
                step=claim.step,
                agent=claim.agent,
                account=claim.account,
                outcome=outcome or events[0],
                worker=claim.worker,
                token=claim.token,
                started_at=claim.claimed_at,
                finished_at=tx.now,
            )
            turn = replace(turn, **facts)
            tx.spent(spend_of(turn))
            budget = ItemBudget(usd=usd_per_item)
            sbi = tx.settle(claim, turn, steps, actor=claim.worker, question=question)
            return tx.keep_to_budget(sbi, budget, actor=claim.worker, turn=claim.turn)

    def implement(self, **changes: object) -> Sbi:
        """Takes the next item through its first turn: it is REVIEWING then."""
        return self.settle(self.begin(**changes), Event.IMPLEMENTED)

    def finish(self, **changes: object) -> Sbi:
        """Takes the next item to DONE."""
        return self.settle(self.begin(**changes), Event.IMPLEMENTED_ONLY, Event.MERGED)

    def decompose(self, event: Event | None) -> None:
        """Takes the next PBI that is to be decomposed to this end; None: nobody has begun."""
        if event is None:
            return
        claim = self.begin(scope=Scope(sbis=False, pbis=True))
        if event is Event.CANCELLED:
            self.settle(claim, Event.NEEDS_PERSON)
            self.move(claim.sbi, event)
        else:
            self.settle(claim, event)

    # --- looking ---

    def events(self, item: str | None = None) -> list[str]:
        with self.store.read() as tx:
            return [entry.event for entry in tx.journal(item=item)]

    def violations(self) -> list[str]:
        with self.store.read() as tx:
            return tx.orphans()


def _new(kind: Kind, title: str, fields: dict[str, object]) -> NewItem:
    return replace(NewItem(kind=kind, title=title, spec="Do it."), **fields)


def _number(sbi: Sbi | int) -> int:
    return sbi if isinstance(sbi, int) else sbi.number
