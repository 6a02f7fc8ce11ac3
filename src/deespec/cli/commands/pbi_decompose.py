"""`pbi decompose`: an agent cuts a PBI into drafts of SBIs, in this terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec import acts
from deespec.board.decomposed import decomposed
from deespec.cli import options, output, shapes
from deespec.cli.commands.decomposed import bounded, left_out_line
from deespec.cli.commands.run import drain_status, tell_end, work_off
from deespec.engine.prompt_preview import preview
from deespec.engine.worker import Orders
from deespec.errors import NotPossible
from deespec.model.asking import UNDECIDED
from deespec.model.ids import number_in
from deespec.model.items import Kind
from deespec.model.lifecycle import Status, Step
from deespec.model.wanted import Scope
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.cli.session import Session
    from deespec.model.asking import Draft
    from deespec.model.items import Sbi


@click.command(name="decompose")
@options.one_id
@click.option("--min", "least", type=int, metavar="N", help="So many SBIs at least (default: 2); kept with the PBI.")
@click.option("--max", "most", type=int, metavar="N", help="So many at most (default: 10).")
@options.agents("--agent", help="Who decomposes it (default: run.decompose, else run.implement).")
@click.option("--prompt-only", is_flag=True, help="Print what the agent would be told, and call nobody.")
@options.as_json
@options.session
def pbi_decompose(
    session: Session,
    *,
    item_id: str,
    least: int | None,
    most: int | None,
    agent: tuple[str, ...],
    prompt_only: bool,
    as_json: bool,
) -> int:
    """Have an agent suggest the SBIs of a PBI. They are drafts: nothing is registered before you approve it.

    Decomposed once more, new drafts stand beside the old ones, and every decision stays. Exit status 1: it FAILED;
    7: it waits for a person.
    """
    app = session.app_for_writing()
    item = session.item_id(item_id, Kind.PBI)
    number = number_in(item)
    if prompt_only:
        return _prompt(session, number, least, most, as_json=as_json)
    asked = acts.decompose(app, number, agent=agent, least=least, most=most)
    _tell_others(app, asked)
    session.quiet = session.quiet or as_json
    orders = Orders(
        drain=True, scope=Scope(numbers=(asked.number,), sbis=False, pbis=True), implement=agent or _names(app)
    )
    crew = work_off(session, orders, dirty=True, as_json=False)
    left = 0 if crew.signal else drain_status(crew, as_json=as_json)
    tell_end(session, crew, as_json=False)
    return _show(session, number, 128 + crew.signal if crew.signal else left, as_json=as_json)


def say_drafts(session: Session, item: str, drafts: Sequence[Draft], *, repeated: Sequence[Draft] = ()) -> None:
    """What was suggested, and how it is decided."""
    rows = [(one.id, _hours(one), one.title, ", ".join(one.needs)) for one in drafts]
    if rows:
        for text in output.table(("ID", "HOURS", "TITLE", "NEEDS"), rows, session.style, elastic=2):
            output.say(text)
    for one in repeated:
        output.say(left_out_line(one))
    if not drafts:
        output.say(f"No draft was added to {item} → deespec pbi drafts {item}")
        return
    first = drafts[0].id
    output.say(f"In full: deespec drafts {first}; all of them: deespec pbi drafts {item}")
    output.say(f"To decide: deespec approve {first}, or deespec reject {first} --reason …")


# --- below ----------------------------------------------------------------------------------------------------------


def _prompt(session: Session, number: int, least: int | None, most: int | None, *, as_json: bool) -> int:
    app = session.app
    with app.store.transaction() as tx:
        pbi = acts.with_bounds(tx, number, least, most, actor=app.person)
    text, told = preview(app, Step.DECOMPOSE, pbi.id, by_hand=True)
    if as_json:
        output.emit(id=pbi.id, step=Step.DECOMPOSE, prompt=text, warnings=list(told))
        return 0
    for words in told:
        output.tell(f"! {clean(words)}")
    output.say(clean(text.rstrip("\n"), lines=True))
    if not session.quiet:
        output.tell(f"Nobody was called. What comes of it: deespec pbi propose {pbi.id} -f FILE")
    return 0


def _names(app: App) -> tuple[str, ...]:
    return app.settings.decompose or app.settings.implement


def _tell_others(app: App, asked: Sbi) -> None:
    with app.store.read() as tx:
        line = tx.line(asked.number)
        names = {worker.uid: worker.name for worker in tx.workers()}
    if line.lease_worker is not None:
        who = names.get(line.lease_worker, "another worker")
        output.tell(f"{asked.id} is being decomposed by {line.lease_agent} of worker {who} already; this waits for it.")


def _show(session: Session, number: int, code: int, *, as_json: bool) -> int:
    with session.app.store.read() as tx:
        pbi, done = tx.pbi(number), tx.decomposition(number)
        drafts = tx.drafts(pbi.id, decided=True)
        seen = decomposed(tx, pbi, session.app.settings.home)
    if code == 0 and (done is None or done.status is not Status.DECOMPOSED):
        code = NotPossible.exit_status
        output.tell(f"{pbi.id} was not decomposed: somebody has {'cancelled' if done else 'deleted'} that meanwhile.")
    if as_json:
        output.emit(
            id=pbi.id,
            status=pbi.status,
            decomposition=done.status if done else None,
            reason=done.reason if done else None,
            question=done.question if done else None,
            report=seen.words or None,
            left_out=[one.id for one in seen.left_out],
            proposal=seen.faulty,
            drafts=[shapes.draft(one) for one in drafts],
        )
    elif code == 0:
        new = [one for one in drafts if one.turn is not None and one.turn == seen.turn]
        if seen.words:
            output.say(f"{bounded(seen.words)}\n")
        waiting = [one for one in new if one.status in UNDECIDED]
        for one in new:
            if one.registered:
                output.say(f"✓ {one.id} registered as {one.registered}: {clean(one.title)}")
        if waiting or not new:
            say_drafts(session, pbi.id, waiting, repeated=seen.left_out)
        else:
            for one in seen.left_out:
                output.say(left_out_line(one))
    elif done is not None and done.stopped and done.question:
        output.say(clean(done.question, lines=True))
        if seen.faulty:
            output.say(f"What it handed in: {seen.faulty}")
    return code


def _hours(draft: Draft) -> str:
    return f"{draft.estimate_hours:g}" if draft.estimate_hours is not None else ""
