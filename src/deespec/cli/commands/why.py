"""`why`: which condition bars an item, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.drafted import decision, state
from deespec.board.waiting import Situation, Waiting
from deespec.cli import options, output, shapes
from deespec.cli.commands import why_paths
from deespec.cli.commands.draft_ids import draft_id, is_draft
from deespec.cli.views import OPEN
from deespec.errors import UsageError
from deespec.model.asking import DraftStatus
from deespec.model.ids import pbi_of
from deespec.model.lifecycle import ENDED
from deespec.model.wanted import Scope
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session
    from deespec.model.items import Line, Turn
    from deespec.store.base import Transaction

SHOWN_TURNS = 2


@click.command()
@click.argument("item_id", required=False, metavar="[ID]")
@click.option("--paths", is_flag=True, help="Who waits for whom because of files: what each holds, and what meets it.")
@options.as_json
@options.session
def why(session: Session, *, item_id: str | None, paths: bool, as_json: bool) -> int:
    """Test every condition for starting an item, and name the remedy; without ID one line per reason."""
    if paths and item_id is not None:
        raise UsageError("--paths shows all items; it goes with no ID.", hint="deespec why --paths")
    if paths:
        return why_paths.show(session, as_json=as_json)
    if item_id is None:
        return _all(session, as_json=as_json)
    if is_draft(item_id):
        return _of_draft(session, item_id, as_json=as_json)
    app = session.app
    number = session.work(item_id)
    with app.store.read() as tx:
        if number < 0 and ((known := tx.decomposition(tx.pbi(pbi_of(number)).number)) is None or known.status in ENDED):
            return _of_group(tx, pbi_of(number), as_json=as_json)
        line = tx.line(number)
        situation = Situation(app, tx)
        waiting, workers = situation.waiting(line), situation.workers
        turns = tx.turns(number)
    if as_json:
        held, running = line.held, shapes.running(line, workers) if line.lease_token is not None else None
        output.emit(
            id=line.id, status=line.status, held=held, running=running, waiting=[shapes.why(one) for one in waiting]
        )
        return 0
    if not waiting:
        output.say(_goes_on(line))
    for one in waiting:
        output.say(_text(line, one))
    if waiting and waiting[0].reason in ("failed", "parked"):
        _say_turns(turns[-SHOWN_TURNS:])
    return 0


def _of_draft(session: Session, text: str, *, as_json: bool) -> int:
    """A draft is no item: what was decided about it, or how it is decided."""
    with session.app.store.read() as tx:
        draft = tx.draft(*draft_id(session, text))
    if as_json:
        output.emit(id=draft.id, status=draft.status, held=draft.hold, running=None, waiting=[])
        return 0
    ways = {
        DraftStatus.OPEN: f'deespec approve {draft.id}, or deespec reject {draft.id} --reason "…"',
        DraftStatus.WAITING: f"deespec approve {draft.id} --with-needs",
        DraftStatus.APPROVED: f"deespec why {draft.registered}",
        DraftStatus.REJECTED: f"deespec approve --again {draft.id}",
    }
    words = decision(draft) or state(draft)
    waits = f" until {', '.join(draft.needs)} is decided" if draft.status is DraftStatus.WAITING else ""
    way = ways.get(draft.status, f"deespec pbi drafts {draft.parent}")
    kind = "a draft" if draft.registered else "a draft, no item yet"
    output.say(f"{draft.id} is {kind}: {clean(words)}{waits} → {way}")
    return 0


def _of_group(tx: Transaction, number: int, *, as_json: bool) -> int:
    """A PBI that is not to be decomposed now: what of it waits for a person, if anything does."""
    pbi, drafts = tx.pbi(number), tx.drafts(f"PBI-{number}")
    if as_json:
        output.emit(id=pbi.id, status=pbi.status, held=pbi.held, running=None, waiting=[])
        return 0
    if drafts:
        words = "1 draft waits" if len(drafts) == 1 else f"{len(drafts)} drafts wait"
        output.say(f"{pbi.id} is {pbi.status}: {words} to be decided → deespec pbi drafts {pbi.id}")
    elif tx.children(pbi.id):
        output.say(f"{pbi.id} is {pbi.status}; what is below it: deespec pbi show {pbi.id}")
    else:
        output.say(f"{pbi.id} is {pbi.status}: nothing is below it → deespec pbi decompose {pbi.id}")
    return 0


def _goes_on(line: Line) -> str:
    if line.lease_token is None:
        return f"{line.id} is {line.status}: it waits for nothing."
    works = f"{line.id} is being worked on by {line.lease_agent}"
    if not line.held:
        return f"{works}: it waits for nothing."
    kind = "pbi" if line.decomposes else "sbi"
    free, stop = f"deespec {kind} unhold {line.id}", f"deespec {kind} hold --now {line.id}"
    return f"{works}; it is held, so nothing follows this turn → {free}; to stop it at once: {stop}"


def _say_turns(turns: list[Turn]) -> None:
    """What the last turns found, newest first: the reason behind `turns` or `review_rounds`."""
    for turn in reversed(turns):
        output.say(f"Turn {turn.number} ({turn.step} by {turn.agent}): {turn.outcome}")
        for words in turn.findings or ((turn.report,) if turn.report else ()):
            output.say("  " + clean(words.strip(), lines=True).replace("\n", "\n  "))


def _all(session: Session, *, as_json: bool) -> int:
    app = session.app
    with app.store.read() as tx:
        situation = Situation(app, tx)
        lines = tx.list_sbis(Scope(pbis=True), statuses=OPEN).lines
        found = [(line, one) for line in lines for one in situation.waiting(line)[:1]]
    groups: dict[tuple[str, bool], list[tuple[Line, Waiting]]] = {}
    for line, one in found:
        groups.setdefault((one.reason, line.decomposes), []).append((line, one))
    if as_json:
        reasons = [
            {"reason": reason, "items": [line.id for line, _ in members], **shapes.why(members[0][1])}
            for (reason, _), members in groups.items()
        ]
        output.emit(waiting=reasons)
        return 0
    if not groups:
        output.say("Nothing waits.")
    for (reason, _), members in groups.items():
        line, one = members[0]
        count = f"{len(members)} item{'s' if len(members) > 1 else ''}"
        output.say(f"{reason}: {count}. {_text(line, one)}")
    if lines and not situation.workers and "slot" not in {reason for reason, _ in groups}:
        both = " --workflows pbi,sbi" if all(line.decomposes for line in lines) else ""
        output.say(f"No worker is running → deespec run{both}")
    return 0


def _text(line: Line, one: Waiting) -> str:
    words = clean(one.text)
    remedy = f" → {one.remedy}" if one.remedy else ""
    return f"{line.id} waits: {words}{remedy}"
