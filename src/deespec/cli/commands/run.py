"""`run` and `sbi run`: work the backlog off in this terminal."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from deespec.app import AUTO_APPROVE
from deespec.board.barring import barring
from deespec.board.entries import entry_json
from deespec.board.landable import to_land_in_words
from deespec.cli import options, output
from deespec.cli.commands.run_beside import drafts_in_scope, tell_left_out
from deespec.engine.budgets import told_before
from deespec.engine.ready import decomposers, look_at_agents, look_at_workspace
from deespec.engine.summary import sentence, values_of
from deespec.engine.terms import Terms
from deespec.engine.worker import Crew, Orders
from deespec.errors import DeespecError, InvalidInput, NotPossible
from deespec.model.lifecycle import ENDED, Status, Step
from deespec.model.money import usd
from deespec.model.wanted import Scope
from deespec.text import ago, clean

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.waiting import Waiting
    from deespec.cli.session import Session
    from deespec.config import Settings
    from deespec.engine.bench import Outcome
    from deespec.model.items import Claim, Line

NOTHING_TO_DO = 6
SOMETHING_WAITS = 7
WITH_PERMISSIONS = ("claude",)
"""Kinds whose permissions the settings can narrow; programs of kind `command` do what they do."""
ERRORS = ("attempt failed", "paused", "given back", "lost", "stopped")
ATTENTION = ("conflict", "waits", "changes wanted", "parked", "findings", "needs_changes", "question", "asked_again")
WORDS = {"lost": "taken away", "paused": "put off"}


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--parallel", "-p", type=click.IntRange(1, 64), help="Items at the same time (default: run.parallel).")
@options.agents("--agent", help="Who implements items that name nobody.")
@click.option("--once", is_flag=True, help="One turn, then stop: 0 an outcome, 1 an agent's error, 6 nothing to do.")
@click.option("--drain", is_flag=True, help="Stop when nothing can go on without a person: 0 all DONE, 1, or 7.")
@click.option("--for", "for_ms", type=options.Duration(), metavar="DURATION", help="Take nothing new after this time.")
@click.option(
    "--budget-usd",
    type=options.Amount(),
    metavar="X",
    help="What metered agents may cost in this run (default: budget.usd_per_run).",
)
@options.workflows
@click.option("--dirty", is_flag=True, help="Work in a checkout with changes that are not this backlog's.")
@options.scope
@options.as_json
@options.session
def run(
    session: Session,
    /,
    *,
    ids: tuple[str, ...],
    parallel: int | None,
    agent: tuple[str, ...],
    once: bool,
    drain: bool,
    for_ms: int | None,
    budget_usd: float | None,
    workflows: tuple[str, ...],
    dirty: bool,
    as_json: bool,
    **scope: Any,
) -> int:
    """Take items and have agents work on them until a signal, or as --once and --drain say.

    The first Ctrl-C lets running turns end and takes nothing new; the second stops the agents and gives the items back.
    """
    app = session.app_for_writing()
    orders = Orders(
        slots=1 if once else parallel or app.settings.parallel,
        once=once,
        drain=drain,
        for_ms=for_ms,
        scope=options.scope_of(session, ids=ids, workflows=workflows, **scope),
        implement=agent,
        usd=budget_usd,
    )
    silent = session.quiet or as_json
    if not silent:
        tell_left_out(app, orders)
    crew = work_off(session, orders, dirty=dirty, as_json=as_json)
    left = drain_status(crew, as_json=as_json) if drain and not crew.signal else 0
    drafts = drafts_in_scope(crew)
    for parent, count in drafts.items() if not as_json and (drain or not silent) else ():
        output.tell(f"{count} draft{'s wait' if count > 1 else ' waits'} → deespec pbi drafts {parent}")
    if drain and drafts and not crew.signal:
        left = left or SOMETHING_WAITS
    tell_end(session, crew, as_json=as_json)
    if once:
        if not (crew.outcomes or crew.signal or silent):
            output.tell("There was nothing to do → deespec why")
        return _once_status(crew)
    return 128 + crew.signal if crew.signal else left


@click.command(name="run")
@options.one_id
@options.agents("--agent", help="Who implements it, if it names nobody.")
@click.option("--dirty", is_flag=True, help="Work in a checkout with changes that are not this backlog's.")
@options.as_json
@options.session
def sbi_run(session: Session, *, item_id: str, agent: tuple[str, ...], dirty: bool, as_json: bool) -> int:
    """Work on one item now, in this terminal, until it cannot go on without a person."""
    app = session.app_for_writing()
    number = session.number(item_id)
    with app.store.read() as tx:
        sbi = tx.sbi(number)
    if sbi.status in ENDED or (sbi.stopped and not sbi.resume):
        again = {Status.DONE: None, Status.CANCELLED: "reset"}.get(sbi.status, "retry")
        raise NotPossible(f"{sbi.id} is {sbi.status}.", hint=f"deespec sbi {again} {sbi.id}" if again else None)
    orders = Orders(drain=True, scope=Scope(numbers=(number,)), implement=agent)
    crew = work_off(session, orders, dirty=dirty, as_json=as_json)
    left = 0 if crew.signal else drain_status(crew, as_json=as_json)
    tell_end(session, crew, as_json=as_json)
    return 128 + crew.signal if crew.signal else left


# --- working --------------------------------------------------------------------------------------------------------


def work_off(session: Session, orders: Orders, *, dirty: bool, as_json: bool) -> Crew:
    app = session.app
    for name in orders.implement:
        if app.settings.agent(name) is None:
            raise InvalidInput(f"There is no agent {name}.", hint="deespec agent list")
    looked = look_at_agents(app, orders.implement, orders.scope)
    look_at_workspace(app, dirty=dirty)
    if not session.quiet and not as_json:
        for text in (*looked, *_terms(app, orders), *_budgets(app, orders)):
            output.tell(text)
    silent = session.quiet or as_json  # the journal's events tell programs
    crew = Crew(
        app,
        orders,
        tell=_ignore if silent else _Teller(app).tell,
        tell_begin=_ignore if silent else _tell_begin,
        tell_stop=_tell_stop,
        tell_upkeep=_ignore if silent else _tell_upkeep,
        tell_idle=_Empty(app, silent=silent).tell,
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda came, _: crew.signals.append(came))
    journal_from = _journal_end(app) if as_json else 0
    follower = _Follower(app, journal_from) if as_json else None
    if follower:
        follower.start()
    try:
        crew.run()
    finally:
        if follower:
            follower.stop()
        app.workspace.tidy(now_ms=app.clock.now_ms())
    return crew


def _terms(app: App, orders: Orders) -> list[str]:
    """What a person should know before agents begin."""
    settings = Terms(app).settings
    names_of_gates = ", ".join(gate.name for gate in settings.gates)
    gates = f"gates: {names_of_gates}" if names_of_gates else "no gates: DONE will mean reviewed, not tested"
    names = _names(orders, settings)
    sections = [section for name in names if (section := settings.agent(name))]
    permissions = {one.name: one.permissions for one in sections if one.kind in WITH_PERMISSIONS}
    allowed = "".join(f"; {name} may {what}" for name, what in permissions.items())
    few = "; only items with only_implement can be DONE in one turn" if settings.max_turns == 1 else ""
    decomposes = (
        [f"PBIs are decomposed by {', '.join(decomposers(app, orders.implement))}{allowed}"]
        if orders.scope.pbis
        else []
    )
    if not orders.scope.sbis:
        return decomposes
    return [
        *decomposes,
        f"{orders.slots} slot{'s' if orders.slots > 1 else ''} in {settings.root} ({_where(app)}){allowed}",
        f"limits: {_count(settings.max_turns, 'turn')}, {_count(settings.max_attempts, 'attempt')}{few}; {gates}",
    ]


def _names(orders: Orders, settings: Settings) -> tuple[str, ...]:
    """Agents that work on what this run takes, reviewers aside."""
    implement = orders.implement or settings.implement
    decompose = (orders.implement or settings.decompose or implement) if orders.scope.pbis else ()
    return tuple(dict.fromkeys((*(implement if orders.scope.sbis else ()), *decompose)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _budgets(app: App, orders: Orders) -> list[str]:
    """What may be spent, and what of it cannot be counted; nothing where no budget is set."""
    settings = app.settings
    of_run = orders.usd if orders.usd is not None else settings.usd_per_run or None
    amounts = {"an item": settings.usd_per_item or None, "a day": settings.usd_per_day or None, "this run": of_run}
    set_here = [f"{usd(amount)} for {what}" for what, amount in amounts.items() if amount is not None]
    names = (*_names(orders, settings), *settings.review)
    told = told_before(app, names, usd_per_run=of_run)
    return [*([f"budget of metered agents: {', '.join(set_here)}"] if set_here else []), *told]


def _where(app: App) -> str:
    settings = app.settings
    if settings.workspace_mode != "worktree":
        return "shared"
    merged = "stays on its branch" if settings.integrate == "none" else f"is merged into {settings.target}"
    return f"a worktree for each item, begun from {app.base}; what is accepted {merged}"


def _ignore(_: object) -> None:
    pass


def _tell_begin(claim: Claim) -> None:
    if claim.step is Step.INTEGRATE:
        output.tell(f"▸ {claim.sbi.id} merge  {clean(claim.sbi.title)}")
        return
    again = f", attempt {claim.sbi.attempts + 1}" if claim.sbi.attempts else ""
    output.tell(f"▸ {_turn(claim)} by {claim.agent}{again}  {clean(claim.sbi.title)}")


def _tell(outcome: Outcome) -> None:
    claim, after, turn = outcome.claim, outcome.after, outcome.turn
    status = f" → {after.status}" if after is not None and after.status != Status.DECOMPOSED else ""
    if after is not None and after.reason and after.status in (Status.FAILED, Status.PARKED):
        status += f" ({after.reason})"
    took = f"  ({ago(turn.finished_at - turn.started_at)})" if turn is not None else ""
    found = turn.findings[0].splitlines()[0].rstrip(":") if turn is not None and turn.findings else None
    error = f": {clean(said)}" if (said := outcome.error or found) else ""
    if after is not None and after.in_work and after.not_before is not None and after.not_before > after.updated_at:
        error += f"{'' if error.endswith('.') else '.'} Tried again in {ago(after.not_before - after.updated_at)}."
    failed = outcome.what in ERRORS or (after is not None and after.status is Status.FAILED)
    mark = "✗" if failed else "!" if outcome.what in ATTENTION else "✓"
    output.tell(f"{mark} {_turn(claim)} {WORDS.get(outcome.what, outcome.what)}{status}{took}{error}")


class _Teller:
    """Tells how turns ended, and what came of a decomposition that nobody needs to look at."""

    def __init__(self, app: App) -> None:
        self.app = app

    def tell(self, outcome: Outcome) -> None:
        _tell(outcome)
        after = outcome.after
        if after is None or after.status is not Status.DECOMPOSED:
            return
        with self.app.store.read() as tx:
            drafts = tx.drafts(after.id, decided=True)
        made = [one.registered for one in drafts if one.turn == after.turn and one.decided_by == AUTO_APPROVE]
        if ids := [one for one in made if one]:
            output.tell(f"  registered without a person (auto_approve): {', '.join(ids)}")


def _turn(claim: Claim) -> str:
    if claim.step is Step.INTEGRATE:
        return f"{claim.sbi.id} merge"
    step = ("decompose" if claim.sbi.decomposes else "implement") if claim.step is Step.PREPARE else claim.step
    return f"{claim.sbi.id} {step} {claim.turn}"


def tell_end(session: Session, crew: Crew, *, as_json: bool) -> None:
    """What the run came to: for people its last line, for programs its last event."""
    facts = crew.facts()
    with session.app.store.read() as tx:
        counts = tx.counts()
    if as_json:
        spent = round(facts.spent.usd or 0.0, 6)
        told = {"event": "summary", "outcomes": crew.outcomes, "spent_usd": spent, **values_of(facts)}
        output.emit_line({**told, "backlog": counts})
    elif not session.quiet:
        if crew.orders.scope.sbis:
            state = ", ".join(f"{count} {status}" for status, count in counts.items())
            output.tell(f"The backlog: {state or 'empty'}.")
        output.tell(sentence(facts))
        if crew.orders.scope.sbis and (words := to_land_in_words(session.app)):
            output.tell(clean(words))


def _tell_stop(how: str) -> None:
    """The first signal lets running turns end, the second stops them. Both leave everything resumable."""
    output.tell("Finishing the running turns; once more stops them." if how == "finish" else "Stopping the agents.")


def _tell_upkeep(words: str) -> None:
    output.tell(f"! {clean(words)}")


class _Empty:
    """Says once that slots stay empty because items without paths are worked on alone."""

    def __init__(self, app: App, *, silent: bool) -> None:
        self.app = app
        self.told = silent or app.settings.undeclared != "exclusive"

    def tell(self) -> None:
        if self.told:
            return
        seen = barring(self.app)
        alone = {one.line.id for holder in seen.holders for one in holder.bars if one.own is None or one.other is None}
        if alone:
            self.told = True
            words = "an item without paths is worked on alone (workspace.undeclared = exclusive)"
            output.tell(f"! slots stay empty, {len(alone)} item(s) wait: {words} → deespec why --paths")


class _Follower:
    """Prints what the journal gains, one event a line, as it comes."""

    def __init__(self, app: App, after: int) -> None:
        self.app = app
        self.after = after
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.over.set()
        self.thread.join()

    def _follow(self) -> None:
        try:
            while not self.over.is_set():
                self._print_new()
                self.app.store.wait(1_000, self.over)
            self._print_new()
        except DeespecError as error:
            output.tell(error.message)
        finally:
            self.app.store.close()

    def _print_new(self) -> None:
        with self.app.store.read() as tx:
            entries = tx.journal(after=self.after)
        for entry in entries:
            output.emit_line(entry_json(entry))
            self.after = entry.seq


def _journal_end(app: App) -> int:
    with app.store.read() as tx:
        return tx.journal_end()


# --- exit codes -----------------------------------------------------------------------------------------------------


def _once_status(crew: Crew) -> int:
    if crew.signal:
        return 128 + crew.signal
    if not crew.outcomes:
        return NOTHING_TO_DO
    return 1 if any(what in ERRORS for what in crew.outcomes) else 0


def drain_status(crew: Crew, *, as_json: bool) -> int:
    """0: everything in scope DONE (or cancelled); 1: something FAILED; 7: something waits, listed as by `why`."""
    from deespec.board.waiting import Situation

    with crew.app.store.read() as tx:
        situation = Situation(crew.app, tx, run_is_spent=crew.out_of_money is not None)
        lines = tx.list_sbis(
            crew.orders.scope, statuses=tuple(status for status in Status if status not in ENDED)
        ).lines
        waiting: list[tuple[Line, list[Waiting]]] = [(line, situation.waiting(line)) for line in lines]
    if not as_json:
        for line, reasons in waiting:
            for why in reasons:
                output.tell(f"{line.id} {clean(why.text)}" + (f" → {why.remedy}" if why.remedy else ""))
    if any(line.status is Status.FAILED and not line.resume for line, _ in waiting):
        return 1
    return SOMETHING_WAITS if waiting else 0
