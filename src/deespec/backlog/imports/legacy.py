"""`import legacy`: a project of the Go program comes into a new or an existing backlog, or a new one takes its place.

The project is never changed. What comes in does so in one transaction; a new backlog is built beside, checked, and only
then given its name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deespec.backlog.imports.legacy_files import refuse_changed, refuse_in_use
from deespec.backlog.imports.legacy_place import alone, building, cut_off, made, take_place
from deespec.backlog.imports.legacy_plan import Plan, read_project
from deespec.backlog.imports.legacy_put import Put, put
from deespec.backlog.start import start, write_new
from deespec.config import AgentSettings, load_settings
from deespec.config_change import config_set
from deespec.config_home import is_home
from deespec.config_keys import IMPLIED
from deespec.errors import BadConfig, DeespecError, NotPossible, StoreCorrupt, StoreFull, WorkspaceError
from deespec.records import record, replace
from deespec.store.opener import FILE, open_store
from deespec.store.upkeep.foreign import is_ours

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deespec.backlog.imports.legacy_settings import Wanted
    from deespec.clock import Clock
    from deespec.store.base import Store

BUSY_MS = 30_000
IMPLEMENTER = "run.implement"


@record
class Brought:
    """What an import did, or would do."""

    plan: Plan
    home: Path
    items: tuple[str, ...]
    """The ids of those that are new, in the order of `fresh`."""
    fresh: tuple[str, ...]
    """Their uids."""
    entries: int = 0
    """Of the history."""
    settings: tuple[Wanted, ...] = ()
    """Those that were set."""
    labels: tuple[str, ...] = ()
    """The label files that were written."""
    notes: tuple[str, ...] = ()
    """Those of the plan, and what was found in the backlog."""
    kept: Path | None = None
    """Where the project is now, if a new backlog has taken its place."""


def read_into(source: Path, home: Path | None, *, env: Mapping[str, str], owner: str, command: str) -> Plan:
    """What the project would bring into the backlog `home`, or into a new one."""
    settings = load_settings(home, env, {}) if home else None
    agents = {*IMPLIED, *(one.name for one in settings.agents)} if settings else {*IMPLIED}
    plan = read_project(source, agents=agents, owner=owner, command=command)
    if settings is None:
        return plan
    # What nobody chose there is no reason to change what holds here.
    return replace(plan, settings=tuple(one for one in plan.settings if not one.usual))


def rehearse(plan: Plan, home: Path, store: Store | None) -> Brought:
    """What would come, found without changing anything."""
    known: dict[str, str] = {}
    if store is not None:
        with store.read() as tx:
            known = tx.known_uids(one.found.uid for one in plan.coming)
    fresh = tuple(one.found.uid for one in plan.coming if one.found.uid not in known)
    return Brought(
        plan=plan,
        home=home,
        items=(),
        fresh=fresh,
        entries=len(plan.past),
        settings=plan.settings,
        labels=tuple(one.path for one in plan.labels),
        notes=plan.notes,
    )


def into_existing(plan: Plan, home: Path, store: Store, *, actor: str, env: Mapping[str, str]) -> Brought:
    """All items in one transaction, then labels and settings; of a project that is here already, nothing."""
    with store.read() as tx:
        known = tx.known_uids(one.found.uid for one in plan.coming)
        complete = len(known) == len(plan.coming) and tx.was_imported(plan.mark)
    fresh = tuple(one.found.uid for one in plan.coming if one.found.uid not in known)
    if complete:
        return Brought(plan=plan, home=home, items=(), fresh=())
    with store.transaction() as tx:
        done = put(tx, plan, actor=actor)
    labels, settings, notes = _beside(plan, home, env=env)
    with store.transaction() as tx:
        tx.remember_import(plan.mark, str(plan.source))
    return _brought(plan, home, done, fresh, labels=labels, settings=settings, notes=notes)


def into_new(
    source: Path, home: Path, *, in_place: bool, actor: str, env: Mapping[str, str], clock: Clock, command: str
) -> Brought:
    """Builds the backlog beside its place, checks it, and gives it its name; the project's own folder makes room.

    Everything happens alone: what another import has done is seen before the project is read.
    """
    with made(home.parent), alone(home.parent):
        _refuse_done(source, home, in_place=in_place, command=command)
        plan = read_into(source, None, env=env, owner=actor, command=command)
        return _build(plan, home, in_place=in_place, actor=actor, env=env, clock=clock, command=command)


# --- below ----------------------------------------------------------------------------------------------------------


def _refuse_done(source: Path, home: Path, *, in_place: bool, command: str) -> None:
    """Raises NotPossible if another import has ended, or was cut off, since this one looked where to bring it."""
    if is_ours(str(source / FILE)):
        raise NotPossible(f"Another import has just brought {source} over.", hint=f"Look what there is: {command}")
    if not in_place and is_home(home):
        raise NotPossible(f"{home} has just been made by somebody else.", hint=f"To bring it in there: {command}")
    if cut_off(home.parent) is not None:
        raise NotPossible(
            f"An import in {home.parent} was cut off.", hint=f"deespec import legacy {home.parent} completes it."
        )


def _build(
    plan: Plan, home: Path, *, in_place: bool, actor: str, env: Mapping[str, str], clock: Clock, command: str
) -> Brought:
    def unchanged(source: Path) -> None:
        refuse_in_use(source, command=command)
        refuse_changed(source, plan.states, command=command)

    with building(home.parent, clock.uid()) as new:
        try:
            done = _fill(new, plan, actor=actor, clock=clock)
        except StoreFull as error:
            raise StoreFull(
                f"The disk that holds {home.parent} is full; nothing was changed.",
                hint=f"Free some space there (df -h {home.parent}), then: {command}",
            ) from error
        labels, settings, notes = _beside(plan, new, env=env)
        kept = take_place(new, home, over=plan.source if in_place else None, unchanged=unchanged)
    fresh = tuple(one.found.uid for one in plan.coming)
    return _brought(plan, home, done, fresh, labels=labels, settings=settings, notes=notes, kept=kept)


def _brought(
    plan: Plan,
    home: Path,
    done: Put,
    fresh: tuple[str, ...],
    *,
    labels: tuple[str, ...],
    settings: tuple[Wanted, ...],
    notes: tuple[str, ...],
    kept: Path | None = None,
) -> Brought:
    return Brought(
        plan=plan,
        home=home,
        items=done.items,
        fresh=fresh,
        entries=done.entries,
        settings=settings,
        labels=labels,
        notes=(*plan.notes, *notes),
        kept=kept,
    )


def _fill(new: Path, plan: Plan, *, actor: str, clock: Clock) -> Put:
    """Makes the backlog in its temporary place, and looks whether it is sound."""
    section = AgentSettings(name="claude", kind="claude", permissions="edit+shell")
    start(new, clock=clock, agents=["claude"], sections=[section])
    store = open_store(os.path.join(new, FILE), clock=clock, busy_ms=BUSY_MS)
    try:
        with store.transaction() as tx:
            done = put(tx, plan, actor=actor)
            tx.remember_import(plan.mark, str(plan.source))
        _check(store, plan, done)
    finally:
        store.close()
    return done


def _check(store: Store, plan: Plan, done: Put) -> None:
    """Raises StoreCorrupt unless everything is in it and all that must hold does."""
    with store.read() as tx:
        wrong = tx.orphans()
        there = sum(tx.counts().values()) + len(tx.pbis()) + len(tx.epics())
    if there != len(plan.coming) or len(done.items) != there:
        wrong.append(f"{there} of {len(plan.coming)} items are in it")
    if wrong:
        raise StoreCorrupt(
            f"The new backlog is not sound, so nothing was changed: {wrong[0]}.",
            hint="This is a bug of deespec: report it with what deespec import legacy --dry-run --json prints.",
        )


def _beside(
    plan: Plan, home: Path, *, env: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Wanted, ...], tuple[str, ...]]:
    """Writes labels and settings that the backlog has not got yet; what was written, and what was not."""
    labels, notes = [], []
    for label in plan.labels:
        path = home / label.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(f"{path.parent} cannot be made: {error.strerror}.") from error
        if write_new(path, label.text):
            labels.append(label.path)
        elif _content(path) != label.text:
            notes.append(f"{label.path} is here already with other words and was kept")
    settings = []
    for one in plan.settings:
        refused = _set(home, one, env)
        if refused is None:
            settings.append(one)
        elif refused:
            notes.append(refused)
    return tuple(labels), tuple(settings), tuple(notes)


def _set(home: Path, wanted: Wanted, env: Mapping[str, str]) -> str | None:
    """Sets one key unless the settings name a value already; None: done, else why not; empty: nobody need know."""
    settings = load_settings(home, {**env}, {})
    if dict(settings.sources).get(wanted.key, "default") != "default":
        if wanted.key == IMPLEMENTER:
            return ""
        return f"{wanted.key} is set here already and stays; the project has {wanted.value} ({wanted.why})"
    try:
        config_set(home, wanted.key, wanted.value, env=env)
    except BadConfig as error:
        return f"{wanted.key} = {wanted.value} was left out: {error.message}"
    except OSError as error:
        raise DeespecError(f"The settings in {home} cannot be written: {error.strerror}.") from error
    return None


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
