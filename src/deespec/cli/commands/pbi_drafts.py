"""`pbi drafts`: what a decomposition suggests, new against old, with every decision; and as files, there and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.board.decomposed import decomposed
from deespec.board.drafted import decision, state
from deespec.board.waiting import Situation
from deespec.cli import options, output, shapes
from deespec.cli.commands import draft_exchange
from deespec.cli.commands.decomposed import bounded
from deespec.cli.commands.draft_ids import is_draft
from deespec.cli.commands.drafts import show_draft
from deespec.errors import UsageError
from deespec.model.asking import UNDECIDED, DraftStatus
from deespec.model.ids import number_in
from deespec.model.items import Kind
from deespec.model.lifecycle import ENDED
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session
    from deespec.model.asking import Draft
    from deespec.store.base import Transaction


@click.command(name="drafts")
@options.one_id
@click.option("--all", "everything", is_flag=True, help="Decided and replaced ones, too.")
@click.option("--export", "to", metavar="DIR", help="Write one Markdown file a draft into this folder.")
@click.option("--import", "from_", metavar="DIR", help="Read edits and decisions back from such files, all or none.")
@click.option("--force", is_flag=True, help="With --export: overwrite files that say something else.")
@options.dry_run
@options.as_json
@options.session
def pbi_drafts(
    session: Session,
    *,
    item_id: str,
    everything: bool,
    to: str | None,
    from_: str | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Show the drafts of a PBI: new against old, and who decided what.

    With --import a file's front matter decides, too: `decision: approve`, or `decision: reject` and `reason: …`.
    """
    if to is not None or from_ is not None:
        session.app_for_writing()
    if to is not None and from_ is not None:
        raise UsageError("--export and --import exclude each other.")
    if is_draft(item_id):
        if to is not None or from_ is not None:
            raise UsageError("--export and --import are for all drafts of a PBI.")
        return show_draft(session, item_id, as_json=as_json)
    parent = session.item_id(item_id.removesuffix("/*"), Kind.PBI)
    with session.app.store.read() as tx:
        pbi = tx.pbi(number_in(parent))
        words = decomposed(tx, pbi, session.app.settings.home).words
        known = tx.drafts(parent, decided=True)
        state_now = _decomposition(session, tx, parent)
    shown = [one for one in known if everything or one.status in UNDECIDED]
    if to is not None:
        return draft_exchange.put(shown, Path(to), force=force, dry_run=dry_run, as_json=as_json)
    if from_ is not None:
        return draft_exchange.take_from(session, parent, Path(from_), dry_run=dry_run, as_json=as_json)
    if as_json:
        output.emit(
            id=parent, report=words or None, items=[shapes.draft(one) for one in shown], estimate_hours=_hours(shown)
        )
        return 0
    output.say(f"{parent}  {clean(pbi.title)}")
    output.say()
    if words:
        output.say(f"{bounded(words)}\n")
    _say_table(session, shown)
    _say_old(shown, known)
    _say_end(parent, shown, known, state_now)
    return 0


# --- below ----------------------------------------------------------------------------------------------------------


def _say_table(session: Session, shown: Sequence[Draft]) -> None:
    labelled = any(one.labels for one in shown)
    head = ("ID", "STATUS", "HOURS", "NEEDS", *(("LABELS",) if labelled else ()), "TITLE")
    rows = [
        (
            one.id,
            state(one),
            f"{one.estimate_hours:g}" if one.estimate_hours is not None else "",
            ", ".join(need.rpartition("/")[1] + need.rpartition("/")[2] for need in one.needs),
            *((", ".join(one.labels),) if labelled else ()),
            one.title,
        )
        for one in shown
    ]
    for text in output.table(head, rows, session.style, elastic=len(head) - 2):
        output.say(text)


def _say_old(shown: Sequence[Draft], known: Sequence[Draft]) -> None:
    """What stands in the place of what, and what was decided."""
    titles = {one.number: one.title for one in known}
    lines = []
    for one in shown:
        if one.replaces is not None:
            old = f"{one.parent}/{one.replaces} {clean(titles.get(one.replaces, ''))}"
            lines.append(f"{one.id} stands in the place of {old}")
        if decided := decision(one):
            lines.append(f"{one.id} {clean(decided)}")
        if one.edited and one.status in UNDECIDED:
            lines.append(f"{one.id} was edited by a person")
    if lines:
        output.say()
    for line in lines:
        output.say(line)


def _decomposition(session: Session, tx: Transaction, parent: str) -> str | None:
    """What a decomposition that has not ended does or waits for; None: there is none."""
    asked = tx.decomposition(number_in(parent))
    if asked is None or asked.status in ENDED:
        return None
    waiting = Situation(session.app, tx).waiting(tx.line(asked.number))
    if not waiting:
        return f"{parent} is being decomposed."
    why = waiting[0]
    said = f"The decomposition of {parent} {'' if asked.stopped and not asked.resume else 'waits: '}{why.text}"
    return clean(f"{said} → {why.remedy}" if why.remedy else said)


def _say_end(parent: str, shown: Sequence[Draft], known: Sequence[Draft], decomposition: str | None) -> None:
    if decomposition is not None:
        output.say(decomposition)
    if not known:
        if decomposition is None:
            output.say(f"Nothing is suggested yet → deespec pbi decompose {parent}")
        return
    if not shown:
        output.say("No draft waits for a decision.")
    opened = [one for one in shown if one.status is DraftStatus.OPEN]
    if shown:
        output.say()
        hours = _hours(shown)
        output.say(f"{len(shown)} shown, {len(opened)} open" + (f", {hours:g} h" if hours is not None else ""))
    if len(known) > len(shown):
        output.say(f"… and {len(known) - len(shown)} decided or replaced (--all)")
    if opened:
        first = next((one for one in opened if one.replaces is not None), opened[0])
        compared = ", with what it replaces" if first.replaces is not None else " in full"
        output.say(f"→ deespec drafts {first.id}{compared}; deespec approve {parent} approves all open ones")


def _hours(drafts: Sequence[Draft]) -> float | None:
    """Of all that are not rejected or replaced; None: none is estimated."""
    counted = [one for one in drafts if one.status not in (DraftStatus.REJECTED, DraftStatus.REPLACED)]
    known = [one.estimate_hours for one in counted if one.estimate_hours is not None]
    return sum(known) if known else None
