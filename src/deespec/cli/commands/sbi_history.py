"""`sbi history`: what the journal tells of one item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.board.entries import entry_json
from deespec.cli import options, output, shapes
from deespec.cli.commands.journal import table_of

if TYPE_CHECKING:
    from deespec.cli.session import Session


@click.command(name="history")
@options.one_id
@options.as_json
@options.session
def sbi_history(session: Session, item_id: str, as_json: bool) -> int:
    """Show everything that happened to an item, oldest first."""
    number = session.number(item_id)
    with session.app.store.read() as tx:
        sbi = tx.sbi(number)
        entries = tx.journal(item=sbi.id)
        questions = tx.questions(number)
    if as_json:
        items, asked = [entry_json(one) for one in entries], [shapes.question(one) for one in questions]
        output.emit(id=sbi.id, items=items, questions=asked)
        return 0
    for text in table_of(entries, session.style, but="ITEM"):
        output.say(text)
    return 0
