"""`pbi propose`: the drafts of a PBI as JSON. Inside a turn an agent's answer, outside of it a person's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.agents.decision import proposal_in
from deespec.cli import options, output, views
from deespec.engine.outbox import keep_refused
from deespec.engine.report import hand_in_inside, inside
from deespec.errors import InvalidInput, NotPossible, UsageError
from deespec.model.ids import number_in
from deespec.model.items import Answer, Kind
from deespec.model.proposal import HINT, parse_proposal

if TYPE_CHECKING:
    from deespec.cli.session import Session
    from deespec.model.proposal import Proposal


@click.command(name="propose")
@click.argument("item_id", required=False, metavar="[ID]")
@click.option("-f", "--file", metavar="FILE", help="The proposal, from a file.")
@click.option("--stdin", is_flag=True, help="The proposal, from standard input.")
@options.as_json
@options.session
def pbi_propose(session: Session, *, item_id: str | None, file: str | None, stdin: bool, as_json: bool) -> int:
    """Hand in the SBIs that a PBI is to be decomposed into, as JSON; they become drafts to decide about.

    Inside a turn it is the answer. Outside of it, it is for what `pbi decompose --prompt-only` was given to.
    """
    text = views.answer_text(file=file, stdin=stdin, text=None)
    if not text.strip():
        raise UsageError("There is no proposal.", hint="Give it with -f FILE or --stdin.")
    text = proposal_in(text)
    proposal = parse_proposal(text)
    if proposal.faults:
        if inside(session.env):
            keep_refused(session.env["DEESPEC_OUTBOX"], Answer(kind="propose", text=text))
        _refuse(proposal.faults)
    if inside(session.env):
        item = None if item_id is None else session.item_id(item_id, Kind.PBI)
        message = hand_in_inside(session.env, Answer(kind="propose", text=text), item=item, turn=None)
        if as_json:
            output.emit(stored=True, kind="propose", drafts=len(proposal.drafts))
        elif not session.quiet:
            output.say(f"✓ {message}")
        return 0
    if item_id is None:
        raise UsageError("Outside a turn, the PBI is needed.", hint="deespec pbi propose PBI-7 -f FILE")
    return _by_person(session, session.item_id(item_id, Kind.PBI), proposal, as_json=as_json)


def _by_person(session: Session, item: str, proposal: Proposal, *, as_json: bool) -> int:
    from deespec.cli import shapes
    from deespec.cli.commands.pbi_decompose import say_drafts
    from deespec.engine.decomposing import Origin, add_drafts, faults_in, files_of

    app = session.app_for_writing()
    number = number_in(item)
    with app.store.read() as tx:
        tx.pbi(number)  # raises NotFound
    files = files_of(app)
    with app.store.transaction() as tx:
        pbi = tx.pbi(number)
        known = tx.decomposition(number)
        if known is not None and known.in_work:
            raise NotPossible(f"{pbi.id} is being decomposed; its drafts come with that.", hint="deespec status")
        faults = faults_in(app, tx, pbi, proposal, files)
        if faults:
            _refuse(faults)
        taken = add_drafts(tx, pbi, proposal, Origin(agent="", actor=app.person))
    if as_json:
        output.emit(
            id=pbi.id,
            added=[shapes.draft(one) for one in taken.added],
            replaced=[one.id for one in taken.replaced],
            repeated=[one.id for one in taken.known],
        )
    else:
        say_drafts(session, pbi.id, taken.added, repeated=taken.known)
    return 0


def _refuse(faults: tuple[str, ...]) -> None:
    """Raises InvalidInput, with all of them."""
    hint = HINT if HINT in faults[0] else "Mend it and hand it in again: nothing was stored."
    raise InvalidInput("\n".join(fault.replace(f" {HINT}", "") for fault in faults), hint=hint)
