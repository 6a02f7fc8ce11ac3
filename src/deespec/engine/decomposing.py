"""A proposal, held against the project and what is known of its PBI, and the drafts that it becomes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.agents.output import make_folder, write_new
from deespec.engine.acted import Answered
from deespec.engine.calling import agent_actor, turn_folder
from deespec.errors import InvalidInput, NotFound, NotPossible, WorkspaceError
from deespec.labels import names_in
from deespec.model.drafting import against
from deespec.model.faults import DRAFTS_LEAST, DRAFTS_MOST, Known, faults_of
from deespec.model.ids import number_in
from deespec.model.lifecycle import Step
from deespec.model.proposal import DRAFTS_READ, PROPOSAL_FILE, parse_proposal, report_of
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deespec.app import App
    from deespec.engine.bench import Bench
    from deespec.model.drafting import Taken
    from deespec.model.items import Answer, Claim, Pbi, Turn
    from deespec.model.proposal import Proposal
    from deespec.model.reports import Evidence
    from deespec.store.base import Transaction

WROTE = "It changed files. A decomposition changes none, so that does not count:"
FORBIDDEN = "Files of the backlog itself were changed; put them back:"
FILES_SHOWN = 20


@record
class Origin:
    """Who proposes, and in which turn of the decomposition; None: a person, outside of any."""

    agent: str
    actor: str
    turn: int | None = None


class NotApproved(Exception):
    """The drafts of a turn cannot be registered without a person; nothing of its settlement may stay."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def look(bench: Bench, claim: Claim, answer: Answer, evidence: Evidence, files: Sequence[str]) -> Answered:
    """What is wrong with the proposal of a turn, and with what it did beside. `files`: those of the project."""
    noted = tuple(path for path in evidence.changed if path not in evidence.forbidden)
    notes = (f"{WROTE} {_some(noted)}",) if noted and evidence.alone else ()
    if answer.kind == "question":
        return Answered(sbi=claim.sbi, answer=answer, result=None, notes=notes)
    home = bench.app.settings.home
    folder = turn_folder(home, claim)
    make_folder(folder, below=home)
    write_new(folder / PROPOSAL_FILE, answer.text.encode(errors="replace"))
    proposal = parse_proposal(answer.text)
    with bench.app.store.read() as tx:
        tx.must_own(claim)
        found = faults_in(bench.app, tx, pbi_of(tx, claim), proposal, files)
    if evidence.forbidden:
        found = (f"{FORBIDDEN} {_some(evidence.forbidden)}", *found)
    return Answered(
        sbi=claim.sbi,
        answer=answer,
        result=None,
        findings=found,
        notes=notes,
        report=report_of(proposal),
        proposed=() if found else proposal.drafts,
    )


def faults_in(app: App, tx: Transaction, pbi: Pbi, proposal: Proposal, files: Sequence[str]) -> tuple[str, ...]:
    """All that is wrong with it, in words; empty: its drafts can be added."""
    least, most = bounds_of(pbi)
    needs = {need for one in proposal.drafts for need in one.needs if need.startswith("SBI-")}
    known = Known(
        parent=pbi.id,
        least=least,
        most=most,
        labels=tuple(names_in(app.settings.home)),
        files=files,
        drafts=tx.drafts(pbi.id, decided=True),
        items=frozenset(need for need in needs if _can_be_needed(tx, need)),
    )
    if not proposal.drafts and proposal.faults:
        return proposal.faults
    return (*proposal.faults, *faults_of(proposal.drafts, known))


def add_drafts(tx: Transaction, pbi: Pbi, proposal: Proposal | Answered, origin: Origin) -> Taken:
    """Writes what a proposal comes to, against the drafts that are there now."""
    proposed = proposal.proposed if isinstance(proposal, Answered) else proposal.drafts
    known = tx.drafts(pbi.id, decided=True)
    taken = against(known, proposed, parent=pbi.id, turn=origin.turn, agent=origin.agent, now=tx.now)
    step = None if origin.turn is None else Step.DECOMPOSE
    for draft in taken.replaced:
        tx.change_draft(draft)
    for draft in taken.added:
        tx.add_draft(draft)
        detail = f"{draft.id} {draft.title}"
        tx.note(origin.actor, "draft_made", item=pbi.id, turn=origin.turn, step=step, detail=detail)
    for draft in taken.known:
        detail = f"{draft.id} {draft.status}"
        tx.note(origin.actor, "draft_repeated", item=pbi.id, turn=origin.turn, step=step, detail=detail)
    return taken


def settle_drafts(
    bench: Bench, tx: Transaction, claim: Claim, acted: Answered, turn: Turn, *, not_approved: str = ""
) -> None:
    """The drafts of a turn that decomposed, registered at once where the PBI says so: unless it was edited
    meanwhile, as they are made of what it said before, or for what `not_approved` says. Raises NotApproved."""
    pbi = pbi_of(tx, claim)
    taken = add_drafts(tx, pbi, acted, Origin(agent=turn.agent, actor=agent_actor(claim), turn=turn.number))
    if not pbi.auto_approve:
        return
    why = "the PBI was edited meanwhile" if turn.spec_changed else acted.doubt or not_approved
    if why:
        detail = f"none was approved: {why}"
        tx.note("deespec", "not_approved", item=pbi.id, turn=turn.number, step=turn.step, detail=detail)
        return
    try:
        bench.app.approve_drafts(tx, [(one.parent, one.number) for one in (*taken.added, *taken.known)])
    except (InvalidInput, NotPossible, NotFound) as error:
        raise NotApproved(error.message) from error


def bounds_of(pbi: Pbi) -> tuple[int, int]:
    """How many drafts its decomposition is to have, at least and at most."""
    least, most = pbi.drafts_least, pbi.drafts_most
    if least is None:
        least = min(DRAFTS_LEAST, most) if most is not None else DRAFTS_LEAST
    return least, min(max(most or DRAFTS_MOST, least), DRAFTS_READ)


def pbi_of(tx: Transaction, claim: Claim) -> Pbi:
    return tx.pbi(number_in(claim.sbi.id))


def files_of(app: App) -> tuple[str, ...]:
    """The project's files as the next decomposition would find them."""
    if app.settings.workspace_mode == "worktree":
        try:
            return files_at(app, app.target.fresh_start(app.base))
        except WorkspaceError:  # nothing has been begun here yet
            pass
    return own_files(app)


def own_files(app: App) -> tuple[str, ...]:
    """Those in the project's own folder."""
    return tuple(name for name in app.workspace.files() if not name.startswith(".deespec/"))


def files_at(app: App, commit: str) -> tuple[str, ...]:
    listed = app.repository.git.run("ls-tree", "-r", "-z", "--name-only", commit)
    return tuple(name for name in listed.split("\0") if name and not name.startswith(".deespec/"))


def last_proposal(home: Path, item: str, turn: Turn) -> str | None:
    """What a turn has handed in, for one that has to mend it without remembering it."""
    path = home / "turns" / item / f"{turn.number}.{turn.token}" / PROPOSAL_FILE
    try:
        return json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False, indent=1)
    except (OSError, ValueError, RecursionError):
        return None


def _can_be_needed(tx: Transaction, need: str) -> bool:
    return tx.exists(need) and tx.sbi(number_in(need)).status != "CANCELLED"


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:FILES_SHOWN])
    return shown if len(paths) <= FILES_SHOWN else f"{shown} and {len(paths) - FILES_SHOWN} more"
