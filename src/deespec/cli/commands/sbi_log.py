"""`sbi log`: what an item's agents and gates wrote, as it was kept below the home; a merge runs gates, too."""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.agents.call import STDERR_FILE, STDOUT_FILE
from deespec.agents.process import PROMPT_FILE
from deespec.cli import options, output
from deespec.errors import NotFound, UsageError
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.cli.session import Session
    from deespec.model.items import Turn

FOLLOW_MS = 200
READ_BYTES = 64 * 1024
FOLDERS = ("", "again")
"""Of one try: the call itself, and the second one in the same session that asks for the answer only."""
MERGE = "merge"
"""In place of a turn's number: what the gates printed when it was merged."""
_TRY = re.compile(rf"([0-9]{{1,9}}|{MERGE})\.([0-9]{{1,18}})")


@record
class Try:
    """One try at a turn or at a merge, and the folder in which its output is kept."""

    turn: int | None
    """None: a merge."""
    token: int
    folder: Path


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
    tries = _tries(app.settings.home, item)
    if listed:
        return _list(session, item, tries, turns, as_json=as_json)
    chosen = _merge(item, tries) if merge else _chosen(item, tries, turn)
    files = [Path(PROMPT_FILE)] if prompt else _files(chosen.folder)
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


def _tries(home: Path, item: str) -> list[Try]:
    """Oldest first. Tokens only grow, so the last one is the newest."""
    folder = home / "turns" / item
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = [(int(match[2]), match[1], name) for name in names if (match := _TRY.fullmatch(name))]
    return [
        Try(turn=None if what == MERGE else int(what), token=token, folder=folder / name)
        for token, what, name in sorted(found)
        if _is_own(folder / name)
    ]


def _chosen(item: str, tries: Sequence[Try], turn: int | None) -> Try:
    turns = [one for one in tries if one.turn is not None]
    fitting = [one for one in turns if turn in (None, one.turn)]
    if fitting:
        return fitting[-1]
    if turns:
        known = ", ".join(dict.fromkeys(str(one.turn) for one in turns))
        raise NotFound(f"Nothing is kept of turn {turn} of {item}.", hint=f"There is something of: {known}")
    raise NotFound(f"Nothing is kept of {item}: no agent has worked on it yet.", hint=f"deespec why {item}")


def _merge(item: str, tries: Sequence[Try]) -> Try:
    found = [one for one in tries if one.turn is None]
    if not found:
        hint = f"deespec sbi log {item} --list"
        raise NotFound(f"Nothing is kept of a merge of {item}: no gate has run for one.", hint=hint)
    return found[-1]


def _files(folder: Path) -> list[Path]:
    """What a try has kept, in the order in which it was written; relative to its folder."""
    gates = sorted(_names(folder / "gates"), key=lambda name: (len(name), name))
    parts = [Path(part) for part in FOLDERS] + [Path("gates", name) for name in gates]
    files = [part / name for part in parts for name in (STDOUT_FILE, STDERR_FILE)]
    return [file for file in files if _size(folder / file)]


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() and _is_own(path) else 0


def _is_own(path: Path) -> bool:
    """No link on the way: what an agent has put there must not lead out of the home."""
    return path.resolve() == path


def _list(session: Session, item: str, tries: Sequence[Try], turns: Sequence[Turn], *, as_json: bool) -> int:
    ended = {turn.token: turn for turn in turns}
    sizes = {one.token: sum(_size(one.folder / name) for name in _files(one.folder)) for one in tries}
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
        for data in _chunks(self.path, self.at):
            if self.title:
                output.tell(self.title)
                self.title = None
            self.at += len(data)
            sys.stdout.buffer.write(self._for_terminal(data) if sys.stdout.isatty() else data)
        sys.stdout.buffer.flush()
        return self.at - before

    def _for_terminal(self, data: bytes) -> bytes:
        return output.clean(self._decode(data), lines=True).encode(sys.stdout.encoding, errors="replace")


def _chunks(path: Path, start: int) -> Iterator[bytes]:
    """A file's content from `start` on; nothing if it is no ordinary file, which only a forger would put there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        file.seek(start)
        while data := file.read(READ_BYTES):
            yield data


def _text(path: Path) -> str:
    return b"".join(_chunks(path, 0)).decode(errors="replace")


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
        folder = next((one.folder for one in _tries(app.settings.home, item) if one.token == token), None)
        for name in _files(folder) if folder else ():
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
