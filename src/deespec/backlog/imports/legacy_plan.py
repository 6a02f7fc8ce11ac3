"""All that a project of the Go program would bring, read and made ours, before anything is written."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.backlog.imports.legacy_files import Folder, Notes, States, copy_database, refuse_changed, states
from deespec.backlog.imports.legacy_history import Past, read_journals, read_turns
from deespec.backlog.imports.legacy_items import Coming, make, needs_of
from deespec.backlog.imports.legacy_labels import LabelFile, label_files
from deespec.backlog.imports.legacy_old import is_project, read_files
from deespec.backlog.imports.legacy_read import read_database
from deespec.backlog.imports.legacy_settings import Wanted, settings_of
from deespec.backlog.imports.legacy_texts import text_of
from deespec.errors import NotFound
from deespec.model.items import Kind
from deespec.model.lifecycle import roll_up
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from deespec.backlog.imports.legacy_history import OldTurn
    from deespec.backlog.imports.legacy_read import Found, Logged, Project

ARCHIVES = "archives"
GROUP_STATUSES = {"planed": "PLANNED", "completed": "DONE"}
"""Where it wrote another word than ours."""


@record
class Plan:
    source: Path
    mark: str
    """Names the project among others, wherever its folder is."""
    states: States
    """Of its database, as it was read."""
    schema: int | None
    """Of its database; None: it had none."""
    coming: tuple[Coming, ...]
    """EPICs, PBIs, SBIs, each in the order of their registration."""
    past: tuple[Past, ...]
    labels: tuple[LabelFile, ...]
    settings: tuple[Wanted, ...]
    reports: int
    """Files of reports that were found."""
    notes: tuple[str, ...]


def read_project(source: Path, *, agents: Collection[str], owner: str, command: str) -> Plan:
    """Reads the project whose `.deespec` is `source`, changing nothing of it.

    `agents` may be named by items, `command` is what to say once nobody has its database open any more. Raises
    NotFound if it is none, NotPossible while it is in use, StoreCorrupt if its database cannot be read.
    """
    notes = Notes()
    folder = Folder(path=source, notes=notes)
    if not is_project(folder):
        raise NotFound(f"There is no project of the Go deespec in {source}.", hint="Name the folder that it is in.")
    before = states(source)
    with tempfile.TemporaryDirectory(prefix="deespec-import-") as private:
        copy = copy_database(source, Path(private), command=command)
        project = read_database(copy, called=str(source / "deespec.db"), notes=notes) if copy else None
    refuse_changed(source, before, command=command)
    if project is None:
        project = read_files(folder, notes)
    if archived := len(folder.names(ARCHIVES)):
        notes.add(f"{ARCHIVES}: what it holds ({archived} files or folders) was left out; only the backlog comes over")
    past = read_journals(folder, notes)
    coming, reports = _coming(project, folder, past, agents=agents, owner=owner, notes=notes)
    outside = Folder(path=source.parent, notes=notes)
    return Plan(
        source=source,
        mark=project.mark,
        states=before,
        schema=project.schema,
        coming=coming,
        past=tuple(past),
        labels=label_files(project.labels, outside, home=source.name, notes=notes),
        settings=settings_of(folder, notes),
        reports=reports,
        notes=notes.told(),
    )


def _coming(
    project: Project, folder: Folder, past: Sequence[Past], *, agents: Collection[str], owner: str, notes: Notes
) -> tuple[tuple[Coming, ...], int]:
    logs: dict[str, list[Logged]] = defaultdict(list)
    for log in project.logs:
        logs[log.sbi].append(log)
    told: dict[str, list[Past]] = defaultdict(list)
    for entry in past:
        told[entry.sbi].append(entry)
    uids = _uids(project.items)
    sbis = [one for one in project.items if one.kind is Kind.SBI]
    below = _titles_below(sbis)
    needs = needs_of(project.needs, uids[Kind.SBI], {one.id: one.title for one in reversed(sbis)}, notes)
    coming, reports = [], 0
    for found in project.items:
        written = text_of(folder, found, children=below.get(found.id, ()), notes=notes)
        turns: tuple[OldTurn, ...] = ()
        files = 0
        if found.kind is Kind.SBI:
            turns, files = read_turns(folder, found, logs=logs[found.id], past=told[found.id], notes=notes)
        reports += files + written.reports
        item = make(found, written.spec, turns, agents=agents, owner=owner, notes=notes)
        parent = _parent(found, uids, notes)
        coming.append(Coming(found=found, item=item, needs=needs.get(found.uid, ()), parent=parent, turns=turns))
    return tuple(_with_status(coming, notes)), reports


def _uids(items: Sequence[Found]) -> dict[Kind, dict[str, str]]:
    """The uid of each id, by kind; of two with one id, that of the first."""
    found: dict[Kind, dict[str, str]] = {kind: {} for kind in Kind}
    for one in items:
        found[one.kind].setdefault(one.id, one.uid)
    return found


def _titles_below(sbis: Sequence[Found]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for one in sbis:
        if one.parent:
            found[one.parent].add(one.title.strip())
    return found


def _parent(found: Found, uids: Mapping[Kind, Mapping[str, str]], notes: Notes) -> str | None:
    """The uid of what is above it: a PBI for SBIs, an EPIC for both."""
    if not found.parent:
        return None
    above = uids[Kind.EPIC].get(found.parent)
    if found.kind is Kind.SBI:
        above = uids[Kind.PBI].get(found.parent, above)
    if above is None:
        called = f"{found.kind} {found.title!r}"
        notes.add(f"{called} was below {found.parent!r}, which is not in the project; it has no parent")
    return above


def _with_status(coming: Sequence[Coming], notes: Notes) -> list[Coming]:
    """The status of a group follows from what is below it; says where it was another."""
    below: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    due: dict[str, str] = {}
    for kind in (Kind.SBI, Kind.PBI, Kind.EPIC):
        for one in coming:
            if one.found.kind is not kind:
                continue
            uid, was = one.found.uid, one.found.status
            due[uid] = one.item.status if kind is Kind.SBI else roll_up(below[uid])
            below[one.parent][due[uid]] += 1
            if kind is not Kind.SBI and GROUP_STATUSES.get(was.lower(), was.upper()) != due[uid]:
                called = f"{kind} {one.item.title!r}"
                notes.add(f"{called} was {was}; here its status follows from what is below it: {due[uid]}")
    return [replace(one, status=due[one.found.uid]) for one in coming]
