"""What `db check` tells: the database by itself, and what else knows of acknowledged work, held against it.

A log whose end is gone looks sound to SQLite: the work it held is simply not there. Backups remember, and so do the
refs of turns and the folders with what agents said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.config_home import DATABASE_NAME
from deespec.errors import DeespecError, ForeignDatabase, StoreBusy, StoreFull, StoreReadOnly, StoreUnusable
from deespec.records import record, replace
from deespec.store.invariants import Severity, Violation
from deespec.store.upkeep.backup import newest_entry, newest_seq
from deespec.store.upkeep.check import Part, check
from deespec.store.upkeep.shelf import backups_for, made_here
from deespec.workspace.kept import kept_turns, logged_turns, made_for

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.store.upkeep.backup import BackupFile
    from deespec.store.upkeep.check import Known
    from deespec.workspace.kept import KeptTurn

TOLD_MOST = 100
"""Turns that are named one by one: Git is asked about each."""
REMEDIES = {
    Severity.DAMAGED: "deespec db restore",
    Severity.LOST: "deespec db backup, and report what was found",
    Severity.WRONG: "deespec db backup, and report what was found",
}
ANEW = "deespec db backup, then deespec db restore with that file: numbers go on above all that were given"
"""What is gone stays gone, but nothing is given twice."""


@record
class Checkup:
    parts: tuple[Part, ...]

    @property
    def sound(self) -> bool:
        """Nothing is worse than a note."""
        return all(part.worst in (None, Severity.NOTE) for part in self.parts)


@record
class Best:
    """The backup that knows most."""

    path: str
    seq: int
    """The newest entry that its journal has had."""
    entry: tuple[int, int, str] | None
    """Number, time and event of the newest one that is still there."""


def check_up(app: App, *, quick: bool = False) -> Checkup:
    """Reads only, and tells of a database that cannot be opened, too."""
    home = str(app.settings.home)
    backups = [one for one in backups_for(str(app.state), home) if made_here(one.path, home)]
    best = _fullest(backups)
    try:
        checked = check(
            str(app.settings.home / DATABASE_NAME),
            clock=app.clock,
            busy_ms=app.settings.busy_timeout_ms,
            quick=quick,
            entry=best.entry[0] if best and best.entry else 0,
        )
    except (StoreFull, StoreReadOnly, StoreBusy):
        raise  # which says nothing of what is in it
    except StoreUnusable as error:
        return Checkup(parts=(_unopened(error, best),))
    parts = [*checked.parts]
    if checked.known is not None:
        parts += [_against_backups(checked.known, backups, best), _against_turns(app, checked.known, best)]
    return Checkup(parts=tuple(_with_remedies(part, best) for part in parts))


def _fullest(backups: list[BackupFile]) -> Best | None:
    """The one that knows most, whatever the clock said when it was made; what a restore replaced may be damaged."""
    whole = [one for one in backups if one.special != "replaced"] or backups
    found = [(newest_seq(one.path), one.path) for one in whole]
    seq, path = max(((seq, path) for seq, path in found if seq is not None), default=(0, ""))
    return Best(path=path, seq=seq, entry=newest_entry(path)) if path else None


def _unopened(error: StoreUnusable, best: Best | None) -> Part:
    """Another program's database is whole, only not ours; all else takes a backup."""
    if isinstance(error, ForeignDatabase) and error.__cause__ is None:
        foreign = Violation(severity=Severity.WRONG, text=error.message, remedy=error.hint)
        return Part(name="database", found=(foreign,))
    found = Violation(severity=Severity.DAMAGED, text=error.message, remedy=None if best else error.hint)
    return _with_remedies(Part(name="database", found=(found,)), best)


def _with_remedies(part: Part, best: Best | None) -> Part:
    remedies = dict(REMEDIES)
    if best is not None:
        remedies |= dict.fromkeys((Severity.DAMAGED, Severity.LOST), f"deespec db restore {best.path}")
    found = tuple(replace(one, remedy=one.remedy or remedies.get(one.severity)) for one in part.found)
    return replace(part, found=found)


def _against_backups(known: Known, backups: list[BackupFile], best: Best | None) -> Part:
    """None must know more than the database does, or something else."""
    if not backups:
        return Part(name="backups", note="none was made yet")
    newest = backups[0].path
    found: list[Violation] = []
    if newest_seq(newest) is None:
        spoiled = f"{newest} cannot be read"
        found.append(Violation(severity=Severity.NOTE, text=spoiled, remedy="deespec db backup"))
    if best is None:
        return Part(name="backups", found=tuple(found), note=f"{len(backups)} there")
    if best.seq > known.seq:
        text = f"{best.path} knows entry {best.seq} of the journal, and the database ends at {known.seq}"
        found.append(Violation(severity=Severity.LOST, text=text))
    elif best.entry is not None and known.entry not in (None, best.entry):  # None: an older state was restored
        text = f"entry {best.entry[0]} of the journal is not the one that {best.path} has: what was there was lost"
        found.append(Violation(severity=Severity.LOST, text=text))
    return Part(name="backups", found=tuple(found), note=f"{len(backups)} there, up to entry {best.seq:,}")


def _against_turns(app: App, known: Known, best: Best | None) -> Part:
    """Tries at turns, in Git and below the home, whose claims the database has never given, or for something else."""
    root, env = app.settings.root, dict(app.settings.child_env)
    logged = sorted(logged_turns(app.settings.home), key=lambda one: one.token)
    found: list[Violation] = []
    try:
        kept = [one for one in kept_turns(root, env) if one.token]
    except DeespecError as error:
        kept = []
        found.append(Violation(severity=Severity.NOTE, text=f"Git could not be asked: {error.message}"))
    remedy = None if best is not None and best.seq > known.seq else ANEW
    for one in [one for one in kept if _is_unknown(one, known)][:TOLD_MOST]:
        ours = one in logged or made_for(root, env, one) in known.uids
        found.append(_missing(one, remedy) if ours else _of_others(one))
    for one in [one for one in logged if _is_unknown(one, known) and one not in kept][:TOLD_MOST]:
        found.append(_begun(one, app, remedy))
    return Part(name="turn refs", found=tuple(found), note=f"{len(kept):,} in Git, {len(logged):,} below the home")


def _is_unknown(one: KeptTurn, known: Known) -> bool:
    return one.token > known.token or known.turns.get(one.token, (one.number, one.turn)) != (one.number, one.turn)


def _missing(one: KeptTurn, remedy: str | None) -> Violation:
    text = f"Git has turn {one.turn} of SBI-{one.number}, and the database does not know it: git show {_ref(one)}"
    return Violation(severity=Severity.LOST, item=f"SBI-{one.number}", text=text, remedy=remedy)


def _of_others(one: KeptTurn) -> Violation:
    text = f"{_ref(one)} is of an item that is not in this backlog: another one has worked in this repository"
    return Violation(severity=Severity.NOTE, text=text)


def _begun(one: KeptTurn, app: App, remedy: str | None) -> Violation:
    folder = app.settings.home / "turns" / f"SBI-{one.number}" / f"{one.turn}.{one.token}"
    text = f"turn {one.turn} of SBI-{one.number} was begun with claim {one.token}, which the database did not give it"
    return Violation(severity=Severity.LOST, item=f"SBI-{one.number}", text=f"{text}: {folder}", remedy=remedy)


def _ref(one: KeptTurn) -> str:
    return f"refs/deespec/SBI-{one.number}/turn-{one.turn}.{one.token}"
