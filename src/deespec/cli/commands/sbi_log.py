"""`sbi log`: what an item's agents and gates wrote, as it was kept below the home; a merge runs gates, too."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.agents.process import PROMPT_FILE
from deespec.board.kept import MERGE, chunks, files_of, newest_try, size_of, tries_of
from deespec.cli import options, output
from deespec.errors import NotFound, UsageError
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.kept import Try
    from deespec.cli.session import Session
    from deespec.model.items import Turn

FOLLOW_MS = 200


@click.command(name="log")
@options.one_id
@click.option("--turn", type=click.IntRange(min=1), help="The newest try at this turn (default: the newest of all).")
@click.option("--merge", is_flag=True, help="What the gates printed when it was merged, or was to be.")
@click.option("--list", "listed", is_flag=True, help="List the tries and how much each has kept.")
@click.option("--prompt", is_flag=True, help="What the agent was asked, in place of what it wrote.")
@click.option("--follow", "-f", is_flag=True, help="Go on while the item is being worked on.")
@options.as_json
@options.session
def sbi_log(
    session: Session,
    *,
    item_id: str,
    turn: int | None,
    merge: bool,
    listed: bool,
    prompt: bool,
    follow: bool,
    as_json: bool,
) -> int:
    """Print the raw output of an item's agents and gates."""
    if follow and (as_json or prompt or listed or turn or merge):
        raise UsageError("--follow goes with no other option.")
    if merge and (turn or prompt):
        raise UsageError("--merge goes with neither --turn nor --prompt: no agent is asked.")
    number = session.number(item_id)
    app = session.app
    with app.store.read() as tx:
        item = tx.sbi(number).id
        turns = tx.turns(number)
    if follow:
        return _follow(session, number, item)
    tries = tries_of(app.settings.home, item)
    if listed:
        return _list(session, item, tries, turns, as_json=as_json)
    chosen = _merge(item, tries) if merge else newest_try(item, tries, turn)
    files = [Path(PROMPT_FILE)] if prompt else files_of(chosen.folder)
    if as_json:
        shown = [{"name": str(name), "text": _text(chosen.folder / name)} for name in files]
        output.emit(id=item, turn=chosen.turn, merge=merge, token=chosen.token, folder=str(chosen.folder), files=shown)
        return 0
    written = sum(_Printer(chosen.folder, name, titled=len(files) > 1).go_on() for name in files)
    if not written and not session.quiet:
        what = "prompt" if prompt else "output"
        where = "The merge" if merge else f"Turn {chosen.turn}"
        output.tell(f"{where} of {item} kept no {what} (deespec sbi log {item} --list)")
    if turn is None and tries[-1].turn is None and not (merge or session.quiet):
        output.tell(f"What the gates printed at its merge: deespec sbi log {item} --merge")
    return 0


# --- what there is --------------------------------------------------------------------------------------------------


def _merge(item: str, tries: Sequence[Try]) -> Try:
    found = [one for one in tries if one.turn is None]
    if not found:
        hint = f"deespec sbi log {item} --list"
        raise NotFound(f"Nothing is kept of a merge of {item}: no gate has run for one.", hint=hint)
    return found[-1]


def _list(session: Session, item: str, tries: Sequence[Try], turns: Sequence[Turn], *, as_json: bool) -> int:
    ended = {turn.token: turn for turn in turns}
    sizes = {one.token: sum(size_of(one.folder / name) for name in files_of(one.folder)) for one in tries}
    if as_json:
        items = [
            {
                "turn": one.turn,
                "merge": one.turn is None,
                "token": one.token,
                "outcome": ended[one.token].outcome if one.token in ended else None,
                "bytes": sizes[one.token],
                "folder": str(one.folder),
            }
            for one in tries
        ]
        output.emit(id=item, items=items)
        return 0
    rows = [_row(session, one, ended.get(one.token), sizes[one.token]) for one in tries]
    for text in output.table(("TURN", "STEP", "AGENT", "OUTCOME", "KEPT", "FOLDER"), rows, session.style):
        output.say(text)
    if not tries:
        output.say(f"Nothing is kept of {item}: no agent has worked on it yet.")
    return 0


def _row(session: Session, one: Try, turn: Turn | None, size: int) -> tuple[str, ...]:
    kept = f"{size / 1024:,.0f} KiB" if size >= 1024 else f"{size} bytes"
    folder = str(one.folder.relative_to(session.app.settings.home))
    if one.turn is None:
        return ("", MERGE, "", "", kept, folder)
    if turn is None:
        return (str(one.turn), "", "", "no outcome", kept, folder)
    return (str(one.turn), turn.step, turn.agent, turn.outcome, kept, folder)


# --- printing -------------------------------------------------------------------------------------------------------


class _Printer:
    """Prints one file, as far as it has been written: raw into a pipe, without control characters on a terminal."""

    def __init__(self, folder: Path, name: Path, *, titled: bool) -> None:
        self.path = folder / name
        self.title = f"==> {name} <==" if titled else None
        self.at = 0
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode

    def go_on(self) -> int:
        """Prints what is new; the number of bytes."""
        before = self.at
        for data in chunks(self.path, self.at):
            if self.title:
                output.tell(self.title)
                self.title = None
            self.at += len(data)
            sys.stdout.buffer.write(self._for_terminal(data) if sys.stdout.isatty() else data)
        sys.stdout.buffer.flush()
        return self.at - before

    def _for_terminal(self, data: bytes) -> bytes:
        return clean(self._decode(data), lines=True).encode(sys.stdout.encoding, errors="replace")


def _text(path: Path) -> str:
    return b"".join(chunks(path, 0)).decode(errors="replace")


# --- following ------------------------------------------------------------------------------------------------------


def _follow(session: Session, number: int, item: str) -> int:
    """Prints what the claim that runs now keeps, until it ends."""
    app = session.app
    token = _token(session, number)
    if token is None:
        raise NotFound(f"{item} is not being worked on.", hint=f"deespec sbi log {item}, or deespec why {item}")
    printers: dict[Path, _Printer] = {}
    running = True
    while running:
        running = _token(session, number) == token  # looked at before reading, so that the last words are not missed
        folder = next((one.folder for one in tries_of(app.settings.home, item) if one.token == token), None)
        for name in files_of(folder) if folder else ():
            if name not in printers:
                assert folder is not None
                printers[name] = _Printer(folder, name, titled=True)
            printers[name].go_on()
        if running:
            app.store.wait(FOLLOW_MS)
    return 0


def _token(session: Session, number: int) -> int | None:
    with session.app.store.read() as tx:
        return tx.line(number).lease_token
