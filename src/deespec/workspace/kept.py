"""What is kept of earlier turns beside the database: it tells which numbers and tokens have been given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.records import record
from deespec.workspace.git import Git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REFS = ("refs/deespec", "refs/heads/deespec")
_NAME = r"SBI-(\d+)(?:-\d+)?(?:-[0-9a-z]{6})?"
"""After a reset or an undo with a number, and with the end of the item's uid where the name was somebody else's."""
_TURN = re.compile(rf"refs/deespec/{_NAME}/turn-(\d+)\.(\d+)")
_LOGGED = re.compile(r"SBI-(\d+)/(\d+)\.(\d+)")
_BRANCH = re.compile(rf"refs/heads/deespec/{_NAME}")


@record
class KeptTurn:
    """A turn, or with turn and token 0 the branch of an item."""

    number: int
    """Of the SBI."""
    turn: int
    token: int


def kept_turns(root: Path, env: Mapping[str, str]) -> list[KeptTurn]:
    """Every turn and branch of items that Git knows of in this folder's repository; [] without Git."""
    git = Git(root, env)
    if not git.there():
        return []
    found = []
    for name in git.run("for-each-ref", "--format=%(refname)", *REFS).splitlines():
        if match := _TURN.fullmatch(name):
            found.append(KeptTurn(number=int(match[1]), turn=int(match[2]), token=int(match[3])))
        elif match := _BRANCH.fullmatch(name):
            found.append(KeptTurn(number=int(match[1]), turn=0, token=0))
    return found


def made_for(root: Path, env: Mapping[str, str], turn: KeptTurn) -> str | None:
    """The uid of the item that a kept turn was made for, by its trailer."""
    git, last = Git(root, env), f"turn-{turn.turn}.{turn.token}"
    names = git.run("for-each-ref", "--format=%(refname)", f"refs/deespec/SBI-{turn.number}*/{last}").splitlines()
    for ref in [name for name in names if (match := _TURN.fullmatch(name)) and int(match[1]) == turn.number]:
        found = git.run("log", "-1", "--format=%(trailers:key=Deespec-Item,valueonly)", ref).split()
        if found:
            return found[0]
    return None


def logged_turns(home: Path) -> list[KeptTurn]:
    """Every try at a turn whose output is still there."""
    folder = home / "turns"
    names = (str(path.relative_to(folder)) for path in folder.glob("SBI-*/*.*"))
    found = filter(None, map(_LOGGED.fullmatch, names))
    return [KeptTurn(number=int(one[1]), turn=int(one[2]), token=int(one[3])) for one in found]
