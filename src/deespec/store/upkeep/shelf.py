"""Where a backlog's backups lie: a private folder named after its uid, outside the project, and who has used it."""

from __future__ import annotations

import json
import os

from deespec.errors import StoreCorrupt, StoreReadOnly
from deespec.store import sqlite
from deespec.store.opener import FILE
from deespec.store.origins import Marks
from deespec.store.translate import Translated
from deespec.store.upkeep.backup import BackupFile, backups_in
from deespec.store.upkeep.partial import Partial, publish
from deespec.store.upkeep.raw import file_in, opened, uid_in

GIVEN = "given.json"
HOMES = "homes"
"""A file in it: the homes that have used it, one a line, for a home that has lost its database."""


def shelf_of(database: str, state: str, *, busy_ms: int) -> str:
    """The folder for backups of this database, made if needed. Raises what makes the database unreadable."""
    path = sqlite.real_path(database)
    with Translated(path, busy_ms=busy_ms), opened(path, busy_ms=busy_ms) as raw:
        uid = uid_in(raw)
    if uid is None:
        raise StoreCorrupt(f"{path} does not say which backlog it is.", hint="deespec db check tells what is left.")
    return shelf(state, uid, home=os.path.dirname(path))


def shelf(state: str, uid: str, *, home: str) -> str:
    """The folder for backups of the backlog with this uid, which is this home's."""
    folder = os.path.join(state, uid)
    try:
        os.makedirs(state, exist_ok=True)
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
        if home not in _homes(folder):
            with open(os.path.join(folder, HOMES), "a", encoding="utf-8", errors="surrogateescape") as file:
                file.write(f"{home}\n")
    except OSError as error:
        raise StoreReadOnly(
            f"{folder} cannot be written: {error.strerror}.", hint="Set XDG_STATE_HOME, or name a file for the backup."
        ) from error
    return folder


def backups_for(state: str, home: str) -> list[BackupFile]:
    """All backups that this home has made in its life, newest first."""
    home = os.path.realpath(home)
    try:
        folders = [entry.path for entry in os.scandir(state) if home in _homes(entry.path)]
    except OSError:
        return []
    found = [one for folder in folders for one in backups_in(folder)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def made_here(path: str, home: str) -> bool:
    """False for a backup of a copy of this backlog that lives in a home of its own: both use the same folder."""
    others = [other for other in _homes(os.path.dirname(path)) if other != os.path.realpath(home)]
    file = file_in(path)
    return file is None or file not in map(_identity, others)


def note_given(folder: str, marks: Marks) -> None:
    """Remembers up to where a restored database goes on, in case that it is lost, too."""
    text = json.dumps({"seq": marks.seq, "counters": dict(marks.counters)})
    with Partial(folder) as partial:
        made = partial.file(GIVEN)
        with open(made, "w", encoding="utf-8") as file:
            file.write(text)
        publish(made, os.path.join(folder, GIVEN), over=True)


def given_by(folder: str) -> Marks:
    """What was noted last; nothing if that cannot be read."""
    try:
        with open(os.path.join(folder, GIVEN), encoding="utf-8") as file:
            found = json.load(file)
        return Marks(seq=int(found["seq"]), counters=tuple((name, int(n)) for name, n in found["counters"].items()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Marks()


def _identity(home: str) -> str | None:
    try:
        found = os.stat(os.path.join(home, FILE))
    except OSError:
        return None
    return f"{found.st_dev}:{found.st_ino}"


def _homes(folder: str) -> list[str]:
    try:
        with open(os.path.join(folder, HOMES), encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError:
        return []
