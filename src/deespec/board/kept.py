"""What agents and gates wrote, as it is kept below the home: one folder a try. Only ordinary files of ours are read."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.call import STDERR_FILE, STDOUT_FILE
from deespec.errors import NotFound
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

READ_BYTES = 64 * 1024
TRIES_MOST = 1_000
"""Of one item. An agent can make as many folders as it likes."""
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


def tries_of(home: Path, item: str) -> list[Try]:
    """The newest ones, oldest first. Tokens only grow, so the last one is the newest."""
    folder = home / "turns" / item
    found = [(int(match[2]), match[1], name) for name in _folders(folder) if (match := _TRY.fullmatch(name))]
    return [
        Try(turn=None if what == MERGE else int(what), token=token, folder=folder / name)
        for token, what, name in sorted(found)[-TRIES_MOST:]
    ]


def newest_try(item: str, tries: Sequence[Try], turn: int | None) -> Try:
    """The newest at this turn, or at any. Raises NotFound."""
    turns = [one for one in tries if one.turn is not None]
    fitting = [one for one in turns if turn in (None, one.turn)]
    if fitting:
        return fitting[-1]
    if turns:
        known = ", ".join(dict.fromkeys(str(one.turn) for one in turns))
        raise NotFound(f"Nothing is kept of turn {turn} of {item}.", hint=f"There is something of: {known}")
    raise NotFound(f"Nothing is kept of {item}: no agent has worked on it yet.", hint=f"deespec why {item}")


def begins_at(tries: Sequence[Try], running: int | None) -> Try | None:
    """The try at which the log of these begins: the newest if that is the claim `running`, else the newest of which
    something is kept; a merge whose gates print nothing does not hide what was said before it."""
    if not tries or tries[-1].token == running:
        return tries[-1] if tries else None
    return next((one for one in reversed(tries) if files_of(one.folder)), tries[-1])


def files_of(folder: Path) -> list[Path]:
    """What a try has kept, in the order in which it was written; relative to its folder."""
    gates = sorted(_names(folder / "gates"), key=lambda name: (len(name), name))
    parts = [Path(part) for part in FOLDERS] + [Path("gates", name) for name in gates]
    files = [part / name for part in parts for name in (STDOUT_FILE, STDERR_FILE)]
    return [file for file in files if size_of(folder / file)]


def size_of(path: Path) -> int:
    """Bytes; 0 for what is no file, or a link."""
    return path.stat().st_size if path.is_file() and _is_own(path) else 0


def chunks(path: Path, start: int) -> Iterator[bytes]:
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


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _folders(folder: Path) -> list[str]:
    """Names of the folders in it; no link is one, and none is found where a link leads."""
    if not _is_own(folder):
        return []
    try:
        with os.scandir(folder) as found:
            return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _is_own(path: Path) -> bool:
    """No link on the way: what an agent has put there must not lead out of the home."""
    return path.resolve() == path
