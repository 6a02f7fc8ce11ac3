"""What a turn has left behind that it should not have, and that cannot be laid to its agent for certain: notes.

They send nothing back. The reviewer's prompt has them, and people see them with the turn. What an agent does outside of
the project, and what it sends over the network, nothing here can see.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.config_home import CONFIG_NAME
from deespec.engine.place import SharedFolder
from deespec.errors import WorkspaceError
from deespec.model.lifecycle import Event
from deespec.model.selection import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.engine.acted import Answered
    from deespec.engine.bench import Bench
    from deespec.engine.place import Place
    from deespec.model.items import Claim, Sbi
    from deespec.model.reports import Evidence
    from deespec.store.base import Transaction
    from deespec.workspace.git import Git

SHOWN_MOST = 10
MOVES_LOOKED = 50
"""Newest moves of HEAD that are looked at."""
WORDS_MOST = 200
TOUCHED = "Changed in the backlog's home meanwhile, by whom is not known"
ENTRIES_LOOKED = 500
REPORT_FILE = re.compile(
    r"(implement(ation|ed)?|review|resolve|report|sbi|summary|plan|progress)"
    r"([-_ ]*(report|summary|plan|notes|complete|sbi))?([-_ ]*\d+)*\.md",
    re.IGNORECASE,
)
"""Names under which agents leave words about their work."""


def notes_of(bench: Bench, claim: Claim, place: Place, evidence: Evidence) -> tuple[str, ...]:
    """In words for the reviewer and for people; what cannot be looked at is left out."""
    found = [
        *_told("It looks like a report in a file of the project", _reports(bench, claim, evidence)),
        *_told(TOUCHED, own_files(bench, claim)),
    ]
    with suppress(WorkspaceError):
        if bench.apart:
            found += _told("Branches and tags with this work, which deespec has not made", _refs(bench, place))
        elif isinstance(place, SharedFolder) and (git := bench.app.workspace.git) is not None:
            found += _told("HEAD was moved while this turn ran, by whom is not known", _moves(git, place.head))
    return tuple(found)


def elsewhere(bench: Bench, claim: Claim) -> tuple[str, ...]:
    """Files of the project's own checkout changed since the claim: an agent may have taken it for its folder."""
    if not bench.apart:
        return ()
    root = bench.app.settings.root
    try:
        told = bench.app.repository.git.run("ls-files", "-mo", "--exclude-standard", "-z")
    except WorkspaceError:
        return ()
    names = [name for name in told.split("\0") if name and not name.startswith(".deespec/")]
    return tuple(name for name in names if _since(root / name, claim))


def _told(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - SHOWN_MOST} more" if len(names) > SHOWN_MOST else ""
    return [f"{what}: {', '.join(names[:SHOWN_MOST])}{more}"]


def _reports(bench: Bench, claim: Claim, evidence: Evidence) -> list[str]:
    names = [name for name in evidence.changed if _is_report(name, claim.sbi) and name not in evidence.forbidden]
    begun = claim.sbi.manifest
    git = bench.app.repository.git if bench.apart else bench.app.workspace.git
    if not names or begun is None or git is None:
        return names
    options = ("--full-tree",) if bench.apart else ()
    code, out, _ = git.call("ls-tree", "--name-only", "-z", *options, begun, "--", *names)
    there = set(out.split("\0")) if code == 0 else set()
    return [name for name in names if name not in there]


def _is_report(name: str, sbi: Sbi) -> bool:
    """Unless the item asks for a file of that name."""
    last = name.rpartition("/")[2]
    if REPORT_FILE.fullmatch(last) is None or last.casefold() in f"{sbi.title}\n{sbi.spec}".casefold():
        return False
    return not any(not glob.endswith("*") and inside(name, (glob,)) for glob in sbi.paths)


def spec_changed(tx: Transaction, claim: Claim, acted: Answered) -> bool:
    """Whether the words that the turn worked by are not those of now. An answer that was stored under an earlier claim
    was given to what the item said when the turn began."""
    now = tx.sbi(claim.sbi.number)
    if (now.title, now.spec) != (claim.sbi.title, claim.sbi.spec):
        return True
    if acted.result is not None:
        return False
    entries = tx.journal(item=claim.sbi.id, newest=True, limit=ENTRIES_LOOKED)
    begun = [one.seq for one in entries if one.turn == claim.turn and one.event in (Event.CLAIMED, Event.RESUMED)]
    edits = [one for one in entries if one.event == "updated" and one.seq > min(begun, default=0)]
    return any({"title", "spec"} & set((one.detail or "").split(", ")) for one in edits)


def beside(bench: Bench, claim: Claim, touched: list[str]) -> tuple[str, ...]:
    """Of a turn that is to change no file at all: what was changed outside of its folder while it ran. `touched`: in
    the home."""
    own = list(elsewhere(bench, claim))
    return (
        *_told(TOUCHED, touched),
        *_told("Changed in the project's own folder meanwhile, by whom is not known", own),
    )


def own_files(bench: Bench, claim: Claim) -> list[str]:
    """In the shared folder they are part of the evidence; but an item's folder has another copy of them."""
    if not bench.apart:
        return []
    home = bench.app.settings.home
    return [str(path.relative_to(home)) for path in _settings_of(home) if _since(path, claim)]


def _settings_of(home: Path) -> Iterator[Path]:
    yield home / CONFIG_NAME
    for folder in ("prompts", "labels"):
        with suppress(OSError):
            yield from sorted((home / folder).rglob("*.md"))


def _refs(bench: Bench, place: Place) -> list[str]:
    """Those that contain the commit with which the item's branch begins: no work of anybody else does."""
    assert place.work is not None
    git = bench.app.repository.git
    begin = git.resolve(f"refs/deespec/{place.work.name}/begin")
    if begin is None:
        return []
    kinds = ("refs/heads", "refs/tags", "refs/remotes")
    refs = git.run("for-each-ref", f"--contains={begin}", "--format=%(refname)", *kinds).split("\n")
    target = bench.settings.target
    return [ref for ref in refs if ref and "/deespec/" not in ref and not ref.endswith(f"/{target}")]


def _moves(git: Git, before: str | None) -> list[str]:
    """In the words by which Git remembers them, oldest first."""
    if before is None or git.head() == before:
        return []
    code, out, _ = git.call("log", "-g", f"-{MOVES_LOOKED}", "--format=%H%x00%gs", "HEAD")
    moves = [line.partition("\0") for line in out.splitlines()] if code == 0 else []
    since = takewhile(lambda move: move[0] != before, moves)
    return [told[:WORDS_MOST] for _, _, told in since][::-1] or ["it is another commit now"]


def _since(path: Path, claim: Claim) -> bool:
    """By the time of its last change of any kind, which no program can set back."""
    try:
        return os.lstat(path).st_ctime_ns // 1_000_000 >= claim.claimed_at
    except OSError:
        return False
