"""`answer`: what an agent has asked is answered, and its item goes on where it asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from deespec.backlog import edit
from deespec.cli import editor, options, output, shapes, views
from deespec.cli.commands.sbi_edit import kept
from deespec.cli.stdin import is_terminal, read_stdin
from deespec.errors import NotPossible, UsageError
from deespec.model.ids import id_of
from deespec.model.lifecycle import Status
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.cli.session import Session
    from deespec.model.items import Sbi

CUT = "------ what it asks; nothing from this line on is part of your answer ------"


@click.command(name="answer")
@options.one_id
@click.argument("text", nargs=-1)
@click.option("-f", "--file", metavar="FILE", help="The answer, from a file.")
@click.option("--stdin", is_flag=True, help="The answer, from standard input.")
@options.as_json
@options.session
def answer(
    session: Session, *, item_id: str, text: tuple[str, ...], file: str | None, stdin: bool, as_json: bool
) -> int:
    """Answer what a PARKED item asks; it goes on in the same session and workspace. PBI-7 is its decomposition.

    On a terminal without an answer your editor opens. An item that is PARKED for another reason gets your words as a
    hint and goes on, as with sbi retry -m. What was answered once is not asked again.
    """
    app = session.app_for_writing()
    if sum((bool(text), file is not None, stdin)) > 1:
        raise UsageError("Give the answer once: as text, with -f FILE or --stdin.")
    number = session.work(item_id)
    if text:
        return _answer(session, number, " ".join(text), as_json=as_json)
    if file is not None and file != "-":
        return _answer(session, number, views.read_text(file), as_json=as_json)
    if stdin or file == "-" or not is_terminal():
        return _answer(session, number, views.decoded(read_stdin(), "standard input"), as_json=as_json)
    with app.store.read() as tx:
        sbi = tx.sbi(number)
    if sbi.status is not Status.PARKED:
        raise NotPossible(f"{edit.name_of(sbi)} is {sbi.status}: it asks nothing.", hint=edit.show(sbi.id))
    words = _edited(session, sbi)
    with kept(session, sbi.id, words, then=f"deespec answer {sbi.id} -f"):
        return _answer(session, number, words, as_json=as_json)


def _edited(session: Session, sbi: Sbi) -> str:
    question = clean((sbi.question or "").strip(), lines=True)
    below = f"\n\n{CUT}\n{sbi.id}  {clean(sbi.title)}\n\n{question}\n"
    found = editor.edit(session, below, instead=f'deespec answer {sbi.id} "…"')
    words = (found or "").partition(CUT)[0].strip()
    if not words:
        raise UsageError("There is no answer; nothing was changed.", hint=f'deespec answer {sbi.id} "…"')
    return words


def _answer(session: Session, number: int, words: str, *, as_json: bool) -> int:
    if not words.strip():
        item = id_of(number)
        again = f"deespec sbi retry {item}" if number > 0 else f"deespec pbi decompose {item}"
        hint = f'deespec answer {item} "…", or to go on without one: {again}'
        raise UsageError("The answer is empty; nothing was changed.", hint=hint)
    app = session.app
    done = edit.answer(app.store, number, words.strip(), actor=app.person)
    if as_json:
        output.emit(items=[shapes.decomposition(done) if done.decomposes else shapes.sbi(done)])
    else:
        output.say(f"✓ {edit.name_of(done)} goes on{_when(done)}")
    return 0


def _when(done: Sbi) -> str:
    if not done.decomposes:
        return " at the next claim"
    return f" → deespec run --workflows pbi,sbi or deespec pbi decompose {done.id}"
