"""The things a backlog holds, as frozen records: one shape for row, domain and JSON."""

from __future__ import annotations

from enum import StrEnum

from deespec.model.asking import Remark
from deespec.model.ids import id_of
from deespec.model.lifecycle import IN_WORK, STOPPED, GroupStatus, Status, Step, step_of
from deespec.records import record


class Kind(StrEnum):
    EPIC = "EPIC"
    PBI = "PBI"
    SBI = "SBI"


class Priority(StrEnum):
    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}


@record
class Sbi:
    """A spec backlog item: the unit an agent works on; or the decomposition of a PBI. Times are ms since 1970 UTC."""

    number: int
    uid: str
    title: str
    spec: str
    status: Status = Status.PENDING
    priority: Priority = Priority.NORMAL
    rank: int = 2
    """The rank it counts with: its own priority's, or that of the most urgent item that needs it."""
    parent: str | None = None
    labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    reviewer: tuple[str, ...] = ()
    only_implement: bool = False
    estimate_hours: float | None = None
    max_turns: int | None = None
    checks: tuple[str, ...] = ()
    owner: str = ""
    key: str | None = None
    source: str | None = None
    source_hash: str | None = None
    held: bool = False
    turn: int = 0
    """Turns that ended with an outcome."""
    turns_before: int = 0
    """Turns of it that do not count against max_turns: those before the last retry or reset."""
    turns_reset: int = 0
    """Turns that ended before the last reset: the work they did does not count any more."""
    attempts: int = 0
    """Tries at the current turn that ended without an outcome."""
    setbacks: int = 0
    """Times in a row that its workspace could not be prepared or looked at."""
    reviews: int = 0
    """Rounds of NEEDS_CHANGES since the last retry or reset."""
    reason: str | None = None
    """Why it stopped where it is: one word (turns, attempts, question ...), or what the reviewer said."""
    question: str | None = None
    stopped_in: Status | None = None
    resume: bool = False
    """FAILED or PARKED, and a person has said: go on."""
    hint: str | None = None
    """What a person said with retry or answer; the next prompt carries it."""
    manifest: str | None = None
    """The state of the workspace at the current turn's start: a Git tree id, or the hash of a manifest file."""
    not_before: int | None = None
    """Wall time before which it is not taken (back-off)."""
    waits_on: int | None = None
    """The number of the item that bars it; then it is not in the ready index."""
    waits_for: str | None = None
    """`need` or `paths`."""
    registered_at: int = 0
    updated_at: int = 0
    started_at: int | None = None
    finished_at: int | None = None

    @property
    def id(self) -> str:
        return id_of(self.number)

    @property
    def decomposes(self) -> bool:
        """It is no SBI, but the decomposition of the PBI that its id names."""
        return self.number < 0

    @property
    def step(self) -> Step | None:
        return step_of(self.status, decomposes=self.decomposes)

    @property
    def in_work(self) -> bool:
        return self.status in IN_WORK

    @property
    def stopped(self) -> bool:
        return self.status in STOPPED

    @property
    def turns_used(self) -> int:
        return self.turn - self.turns_before

    @property
    def turns_needed(self) -> int:
        """The fewest turns from here to DONE: who implements also needs a review, unless the item asks for none."""
        return 1 if self.only_implement or self.decomposes or Status.REVIEWING in (self.status, self.stopped_in) else 2


@record
class Line:
    """An SBI as lists show it: without its text, with who works on it."""

    number: int
    uid: str
    title: str
    status: Status
    priority: Priority
    rank: int
    parent: str | None
    labels: tuple[str, ...]
    held: bool
    turn: int
    attempts: int
    reason: str | None
    question: str | None
    stopped_in: Status | None
    resume: bool
    waits_on: int | None
    waits_for: str | None
    not_before: int | None
    agent: tuple[str, ...]
    reviewer: tuple[str, ...]
    paths: tuple[str, ...]
    owner: str
    updated_at: int
    finished_at: int | None
    lease_worker: str | None
    lease_agent: str | None
    lease_account: str | None
    lease_token: int | None
    lease_at: int | None

    @property
    def id(self) -> str:
        return id_of(self.number)

    @property
    def decomposes(self) -> bool:
        """It is no SBI, but the decomposition of the PBI that its id names."""
        return self.number < 0

    @property
    def step(self) -> Step | None:
        return step_of(self.status, decomposes=self.decomposes)

    @property
    def stopped(self) -> bool:
        return self.status in STOPPED


@record
class Pbi:
    """A product backlog item: planned, decomposed into SBIs; its status follows from them."""

    number: int
    uid: str
    title: str
    spec: str
    status: GroupStatus = GroupStatus.PENDING
    priority: Priority = Priority.NORMAL
    parent: str | None = None
    labels: tuple[str, ...] = ()
    story_points: int | None = None
    auto: bool = False
    """It is decomposed by `run` without being asked for."""
    auto_approve: bool = False
    """What its decomposition suggests is registered without a person."""
    drafts_least: int | None = None
    """How many SBIs a decomposition is to suggest; None: the default."""
    drafts_most: int | None = None
    owner: str = ""
    key: str | None = None
    source: str | None = None
    source_hash: str | None = None
    held: bool = False
    registered_at: int = 0
    updated_at: int = 0

    @property
    def id(self) -> str:
        return f"PBI-{self.number}"


@record
class Epic:
    """A large theme above PBIs; its status follows from them."""

    number: int
    uid: str
    title: str
    spec: str
    status: GroupStatus = GroupStatus.PENDING
    priority: Priority = Priority.NORMAL
    labels: tuple[str, ...] = ()
    owner: str = ""
    key: str | None = None
    source: str | None = None
    source_hash: str | None = None
    held: bool = False
    registered_at: int = 0
    updated_at: int = 0

    @property
    def id(self) -> str:
        return f"EPIC-{self.number}"


@record
class Guard:
    """Identity of the process that stands over one agent call (correctness: who is alive)."""

    pid: int
    start: str
    """Start time as the kernel counts it (field 22 of /proc/PID/stat), raw."""
    namespace: str
    """The inode of its PID namespace: a pid means nothing in another one."""
    lock: str
    """The file it holds locked until no descendant is left."""


@record
class Call:
    """An agent call whose processes may still be there: what a new owner must clear before it starts anything."""

    token: int
    sbi: int
    worker: str
    boot: str
    outbox: str
    guard: Guard | None = None


@record
class Answer:
    """What an agent handed in for one turn: a fact that the engine judges."""

    kind: str
    """implement, resolve, nothing, question, review, or propose, whose text is the drafts as JSON."""
    text: str = ""
    decision: str | None = None
    """SUCCEEDED, NEEDS_CHANGES or FAILED, of a review."""
    source: str = "command"
    """How it came: command, structured or text; asked: a question for leave that the agent's client has put."""
    remarks: tuple[Remark, ...] = ()
    """Of a review: what it found, one by one."""


@record
class Claim:
    """The right to work on an item now."""

    sbi: Sbi
    token: int
    epoch: str
    step: Step
    turn: int
    """The number of the turn that this claim is a try at."""
    agent: str
    account: str
    worker: str
    claimed_at: int
    lease_until: int
    """On the clock of Clock.boot_ms()."""
    outbox: str
    answer: Answer | None = None
    """Stored for this turn by a predecessor and not yet judged."""
    leftovers: tuple[Call, ...] = ()
    """Calls of earlier owners that are not known to have ended."""
    alone: bool = True
    """No other item was in work when it was claimed."""

    @property
    def text(self) -> str:
        """What the agent's environment carries as DEESPEC_CLAIM."""
        return claim_text(self.epoch, self.token)


def claim_text(epoch: str, token: int) -> str:
    return f"{epoch}-{token}"


@record
class Turn:
    """One agent call that ended with an outcome."""

    sbi: int
    number: int
    step: Step
    agent: str
    account: str
    outcome: str
    decision: str | None = None
    report: str | None = None
    findings: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    """Of a review: what it found, one by one."""
    error: str | None = None
    worker: str = ""
    token: int = 0
    attempt: int = 1
    session: str | None = None
    model: str | None = None
    cost_usd: float | None = None
    metered: bool = True
    """Its cost counts against budgets."""
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None
    tree: str | None = None
    """The commit or manifest that holds the workspace after this turn."""
    spec_changed: bool = False
    """The spec that it worked by was edited while it ran."""
    started_at: int = 0
    finished_at: int = 0


@record
class Worker:
    """A running `deespec run`."""

    uid: str
    name: str
    host: str
    pid: int
    pid_start: str
    namespace: str
    boot: str
    slots: int
    state: str = "running"
    """running, or finishing after the first signal."""
    stop: str | None = None
    """What `worker stop` asked for: finish or now."""
    workflows: str = "sbi"  # of what it takes: sbi, pbi, or pbi,sbi
    started_at: int = 0
    seen_at: int = 0


@record
class AgentPause:
    """An account or one of its agents that takes no work for a while, or until a person says so."""

    account: str
    agent: str
    """Whose call it came of, or whom a person named."""
    reason: str
    message: str
    until_at: int | None = None
    since_at: int = 0
    by_person: bool = False
    tries: int = 0
    """Limits that the account has met in a row, without a success between: each pause is longer than the one before."""
    only_agent: str = ""
    """The one agent that it is for; empty: all agents of the account."""


@record
class JournalEntry:
    """One thing that happened, written in the transaction of the change."""

    seq: int
    at: int
    actor: str
    item: str | None
    event: str
    from_status: str | None = None
    to_status: str | None = None
    turn: int | None = None
    step: str | None = None
    agent: str | None = None
    decision: str | None = None
    elapsed_ms: int | None = None
    error: str | None = None
    detail: str | None = None
    """JSON with what else belongs to this kind of event."""
