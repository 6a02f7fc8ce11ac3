"""A fortnight of a made-up project, so that pictures have something to show: a webshop whose backlog agents work off.

The past is written through the store as workers would have written it, at the times they would have; the present is a
real `deespec run` with an agent that takes its time.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deespec import open_app
from deespec.backlog.start import start
from deespec.clock import Clock
from deespec.model.asking import Draft, Remark
from deespec.model.items import AgentPause, Worker
from deespec.model.lifecycle import Event, Status
from deespec.model.wanted import AgentSlot, Idle, Scope
from deespec.records import replace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from ledger import Ledger

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.model.items import Claim

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAYS = 14
SEED = 7
USD_A_TURN = (0.08, 0.9)
CONFIG = """\
[run]
implement = ["claude", "codex"]
review = "codex"
parallel = 3
[budget]
usd_per_item = 5
usd_per_day = 50
[agents.claude]
kind = "command"
command = {agent}
limit = 2
[agents.codex]
kind = "command"
command = {agent}
[agents.gemini]
kind = "command"
command = {agent}
[[gates]]
name = "tests"
run = "true"
"""
AGENT = """\
import os, sys, time
step, item = os.environ["DEESPEC_STEP"], os.environ["DEESPEC_ITEM"]
said = [
    "I read the spec and the code that it concerns.",
    "The limit has to hold for each account, so the counter belongs beside the session, not the request.",
    "Running the tests that touch it: 41 passed.",
    "Writing the case for two clients that come at the same moment.",
]
for number in range(400):
    print(said[number % len(said)], flush=True)
    time.sleep(3)
"""
PAST = (
    ("Show prices with tax in the basket", 1, ("frontend",)),
    ("Keep the basket when a session ends", 1, ("backend",)),
    ("Search finds words without accents", 2, ("backend", "search")),
    ("Password reset by e-mail", 2, ("security",)),
    ("画像の遅延読み込み", 1, ("frontend",)),
    ("Orders can be cancelled within an hour", 3, ("backend",)),
    ("Order history as CSV", 1, ("backend",)),
    ("Log in with a passkey", 3, ("security", "backend")),
    ("Lock accounts after five failures", 2, ("security",)),
    ("Product pages without layout shift", 1, ("frontend",)),
    ("Stock counts never fall below zero", 2, ("backend",)),
    ("Refunds reach the ledger once", 2, ("backend", "payments")),
    ("検索結果を日本語の読みで並べる", 1, ("search",)),
    ("Vouchers with an end date", 1, ("payments",)),
    ("Deliveries on a map", 2, ("frontend",)),
    ("Invoices as PDF", 1, ("payments",)),
    ("Retry payments that time out", 2, ("payments",)),
    ("Sitemap with all languages", 1, ("search",)),
    ("Newsletter double opt-in", 1, ("backend",)),
    ("Images in modern formats", 1, ("frontend",)),
)
"""Title, rounds of implement and review, labels."""
NOW = (
    ("Rate-limit the login endpoint", "high", ("security", "backend"), ("src/auth/**",)),
    ("Audit log of admin actions", "normal", ("security",), ("src/admin/**",)),
    ("Checkout in one page", "normal", ("frontend",), ("web/checkout/**",)),
    ("Session tokens rotate", "normal", ("security",), ("src/auth/tokens/**",)),
    ("Keyboard paths through checkout", "normal", ("frontend",), ("web/checkout/a11y/**",)),
    ("Search suggests while typing", "low", ("search", "frontend"), ("src/search/**",)),
    ("在庫切れ商品の入荷通知", "normal", ("backend",), ("src/stock/**",)),
    ("Export orders to accounting", "low", ("payments",), ("src/export/**",)),
)
"""Title, priority, labels, paths; what is open now, the first ones being worked on."""
SPEC = """\
After five failures within a minute, further tries from the same account are answered with 429.

## Acceptance criteria

- **Given** five failed logins within 60 s, **when** a sixth comes, **then** the answer is `429` with `Retry-After`.
- **Given** a success, **when** it is followed by failures, **then** counting begins anew.

```python
def allowed(account: str, now: float) -> bool: ...
```

| case | answer |
|---|---|
| below the limit | 401 |
| above it | 429 |
"""


class PastClock(Clock):
    """Time as the story tells it."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def now_ms(self) -> int:
        return self.at_ms

    def forward(self, ms: int) -> None:
        self.at_ms += ms


def tell(root: Path) -> None:
    """Makes the project with its past in this empty folder."""
    home = root / ".deespec"
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("-c", "user.name=Kim", "-c", "user.email=kim@localhost", "commit", "--quiet", "--allow-empty", "-m", "Shop"),
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    agent = root.parent / "agent.py"
    agent.write_text(AGENT, encoding="utf-8")
    home.mkdir()
    command = f'["{sys.executable}", "{agent}"]'
    (home / "config.toml").write_text(CONFIG.format(agent=command), encoding="utf-8")
    for label in ("backend", "frontend", "payments", "search", "security"):
        (home / "labels").mkdir(exist_ok=True)
        (home / "labels" / f"{label}.md").write_text(f"---\ndescription: What concerns {label}\n---\nBe careful.\n")
    start(home, clock=Clock(), agents=())
    clock = PastClock(Clock().now_ms() - DAYS * DAY_MS)
    app = open_app(str(home), clock=clock)
    _past(app, Ledger(app.store, clock), clock)  # type: ignore[arg-type]
    _present(app, Ledger(app.store, clock), clock)  # type: ignore[arg-type]
    app.close()


def _past(app: App, ledger: Ledger, clock: PastClock) -> None:
    dice = random.Random(SEED)
    ledger.add_pbi("Customers can trust their accounts", spec="Whoever logs in is who they say they are.\n")
    ledger.add_pbi("A checkout that nobody leaves", spec="From basket to order on one page.\n")
    worker = _worker(app, clock)
    for title, rounds, labels in PAST:
        parent = "PBI-1" if "security" in labels else "PBI-2" if "frontend" in labels else None
        ledger.add(title, labels=labels, parent=parent, spec=SPEC)
        clock.forward(int(dice.uniform(0.2, 2) * HOUR_MS))
        for number in range(rounds):
            _turn(ledger, clock, worker, dice, Event.IMPLEMENTED)
            last = number == rounds - 1
            _turn(ledger, clock, worker, dice, *((Event.SUCCEEDED, Event.MERGED) if last else (Event.NEEDS_CHANGES,)))
        clock.forward(int(dice.uniform(2, 14) * HOUR_MS))
    with app.store.transaction() as tx:
        tx.remove_worker(worker)


def _worker(app: App, clock: PastClock) -> Worker:
    worker = Worker(
        uid=clock.uid(),
        name=f"mill-{clock.now_ms() // DAY_MS % 90}",
        host=app.host,
        pid=1,
        pid_start="1",
        namespace="1",
        boot=clock.boot_id(),
        slots=3,
        started_at=clock.now_ms(),
        seen_at=clock.now_ms(),
    )
    with app.store.transaction() as tx:
        tx.add_worker(worker)
    return worker


def _turn(ledger: Ledger, clock: PastClock, worker: Worker, dice: random.Random, *events: Event) -> None:
    names = ("claude", "codex")
    wanted = {
        "worker": worker.uid,
        "actor": f"worker {worker.name}",
        "agents": tuple(AgentSlot(name=name, account=name) for name in names),
        "implement": (dice.choice(names),),
        "review": ("codex",),
        "scope": Scope(),
    }
    claim = ledger.claim(**wanted)
    assert not isinstance(claim, Idle), claim
    claim = _ready(ledger, claim)
    clock.forward(int(dice.uniform(2, 40) * 60_000))
    asked = Event.NEEDS_CHANGES in events
    remark = Remark(text="Two clients at once both get through.", file="src/auth/limit.py", line=41)
    said = "The counter is kept beside the session; the tests show the sixth try answered with 429."
    ledger.settle(
        claim,
        *events,
        report="**NEEDS_CHANGES**: see the finding." if asked else said,
        remarks=(remark,) if asked else (),
        cost_usd=round(dice.uniform(*USD_A_TURN), 2),
        tokens_in=dice.randrange(20_000, 300_000),
        tokens_out=dice.randrange(2_000, 20_000),
        model="large",
    )


def _ready(ledger: Ledger, claim: Claim) -> Claim:
    if claim.sbi.status is not Status.PICKED:
        return claim
    with ledger.store.transaction() as tx:
        sbi = tx.workspace_ready(claim, manifest="tree", actor=claim.worker)
    return replace(claim, sbi=sbi, step=sbi.step or claim.step)


def _present(app: App, ledger: Ledger, clock: PastClock) -> None:
    clock.at_ms = Clock().now_ms() - 3 * HOUR_MS
    worker = _worker(app, clock)
    dice = random.Random(SEED + 1)
    ledger.add("Gift cards", labels=("payments",), spec=SPEC)
    _stop(ledger, clock, worker, Event.NEEDS_PERSON, "Should a gift card be usable in several parts, or only at once?")
    ledger.add("Delete accounts on request", labels=("security",), parent="PBI-1", spec=SPEC)
    for _ in range(2):
        _turn(ledger, clock, worker, dice, Event.IMPLEMENTED)
        _turn(ledger, clock, worker, dice, Event.NEEDS_CHANGES)
    _stop(ledger, clock, worker, Event.LIMIT_REACHED, None)
    with app.store.transaction() as tx:
        tx.remove_worker(worker)
        tx.pause(
            AgentPause(
                account=app.account("gemini"),
                agent="gemini",
                reason="limit",
                message="usage limit reached",
                until_at=Clock().now_ms() + 2 * HOUR_MS,
                only_agent="gemini",
            ),
            actor="deespec",
        )
    for at, (title, priority, labels, paths) in enumerate(NOW):
        parent = "PBI-1" if "security" in labels else "PBI-2" if "frontend" in labels else None
        needs = (f"SBI-{len(PAST) + 3}",) if at == 3 else ()
        ledger.add(title, labels=labels, paths=paths, parent=parent, priority=priority, depends_on=needs, spec=SPEC)
    with app.store.transaction() as tx:
        for at, title in enumerate(("One address form for all countries", "Say why a card was declined"), start=1):
            draft = Draft(parent="PBI-2", number=at, title=title, spec=SPEC, agent="claude", created_at=clock.now_ms())
            tx.add_draft(draft)


def _stop(ledger: Ledger, clock: PastClock, worker: Worker, event: Event, question: str | None) -> None:
    slots = tuple(AgentSlot(name=name, account=name) for name in ("claude", "codex"))
    claim = ledger.claim(
        worker=worker.uid, actor=f"worker {worker.name}", agents=slots, implement=("claude",), review=("codex",)
    )
    assert not isinstance(claim, Idle), claim
    claim = _ready(ledger, claim)
    clock.forward(9 * 60_000)
    ledger.settle(claim, event, question=question, report=question, cost_usd=0.31, tokens_in=88_000, tokens_out=4_200)
    with ledger.store.transaction() as tx:
        found = tx.sbi(claim.sbi.number)
        tx.save(found, replace(found, reason="question" if question else "turns", question=question))
