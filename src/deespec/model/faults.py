"""What is wrong with the drafts of a proposal, among each other and in this project: all of it, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.asking import Draft, DraftStatus, question_key
from deespec.model.drafting import meant, successors
from deespec.model.headings import criteria_of
from deespec.model.proposal import called
from deespec.model.spec import LARGE_ESTIMATE_HOURS
from deespec.records import record
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from deespec.model.proposal import Proposed

DRAFTS_LEAST = 2
DRAFTS_MOST = 10
"""How many SBIs a decomposition is to suggest where nobody has said another number."""
FAULTS_MOST = 50
"""Told of one proposal."""
FOLDERS_MOST = 20_000
"""Among which one is looked for that was perhaps meant."""
KEPT = (DraftStatus.APPROVED, DraftStatus.WAITING)
GLOB_SIGNS = frozenset("*?[")


@record
class Known:
    """What the proposal is held against."""

    parent: str
    """The PBI: PBI-7."""
    least: int = DRAFTS_LEAST
    most: int = DRAFTS_MOST
    labels: Collection[str] = ()
    files: Collection[str] = ()
    """Of the project, as Git names them; none: every path is plausible."""
    drafts: Sequence[Draft] = ()
    """All earlier ones of this PBI."""
    items: Collection[str] = ()
    """The SBIs that can be needed, of those that are named."""


def faults_of(proposed: Sequence[Proposed], known: Known) -> tuple[str, ...]:
    """What is wrong, in words for whoever made the proposal; empty: nothing."""
    found = [*_count(proposed, known), *_twice(proposed)]
    top = {name.partition("/")[0] for name in known.files if "/" in name}
    if all(name.startswith(".") for name in top):  # in a project without folders none is missing
        top = set()
    for at, one in enumerate(proposed, 1):
        words = (*_own(one), *_labels(one, known), *_paths(one, known, top), *_needs(one, at, proposed, known))
        found += [f"{called(at, one.title)}: {what}" for what in (*words, *_replaces(one, known))]
    circle = _circle(proposed, known)
    if circle:
        found.append(f"These need each other in a circle: {' → '.join(circle)}. Leave one of these needs out.")
    more = len(found) - FAULTS_MOST
    return tuple(found) if more <= 0 else (*found[:FAULTS_MOST], f"And {more} more.")


# --- the proposal as a whole ----------------------------------------------------------------------------------------


def _count(proposed: Sequence[Proposed], known: Known) -> Iterator[str]:
    """What is approved already counts, too: a second decomposition may only have little to add."""
    kept = sum(draft.status in KEPT for draft in known.drafts)
    wanted = f"{known.least} to {known.most}" if known.least < known.most else f"just {known.most}"
    if len(proposed) > known.most or len(proposed) + kept < known.least:
        number = f"{len(proposed)} draft{'' if len(proposed) == 1 else 's'}" if proposed else "no draft"
        yield f"The proposal has {number}; {wanted} are wanted."


def _twice(proposed: Sequence[Proposed]) -> Iterator[str]:
    titles: dict[str, int] = {}
    places: dict[int, int] = {}
    for at, one in enumerate(proposed, 1):
        first = titles.setdefault(question_key(one.title), at)
        if first != at and one.title:
            yield f"Drafts {first} and {at} have the same title."
        if one.replaces is not None and (first := places.setdefault(one.replaces, at)) != at:
            yield f"Drafts {first} and {at} both replace draft {one.replaces}."


def _circle(proposed: Sequence[Proposed], known: Known) -> list[str]:
    """The way from one draft back to itself along needs, if there is one; earlier drafts count, as they will stand."""
    ids = _ids(proposed, known)
    heirs = successors(known.drafts)
    edges = {one.id: [last for need in one.needs for last in heirs.get(need, (need,))] for one in known.drafts}
    stay = {one.id for one in known.drafts if one.status is not DraftStatus.OPEN or one.edited}
    for one, name in zip(proposed, ids, strict=True):
        if name not in stay:
            needs = [(ids[int(need) - 1],) if _is_number(need, ids) else heirs.get(need, (need,)) for need in one.needs]
            edges[name] = [need for some in needs for need in some if need != name]
    names = {name: f"draft {at}" for at, name in enumerate(ids, 1)}
    return [names.get(one, one) for one in _way_back(edges)]


def _ids(proposed: Sequence[Proposed], known: Known) -> list[str]:
    """Of each proposed one the earlier draft that it repeats or replaces, or a name of its own."""
    found = [meant(one, known.drafts) for one in proposed]
    return [f"#{at}" if one is None else one.id for at, one in enumerate(found, 1)]


def _way_back(edges: Mapping[str, Sequence[str]]) -> list[str]:
    """By depth, without recursion: hostile proposals are deep."""
    over: set[str] = set()
    for start in edges:
        way: dict[str, Iterator[str]] = {start: iter(edges[start])} if start not in over else {}
        while way:
            last = next(reversed(way))
            after = next((one for one in way[last] if one in edges and one not in over), None)
            if after is None:
                over.add(last)
                del way[last]
            elif after in way:
                names = list(way)
                return [*names[names.index(after) :], after]
            else:
                way[after] = iter(edges[after])
    return []


# --- one draft ------------------------------------------------------------------------------------------------------


def _own(one: Proposed) -> Iterator[str]:
    if not criteria_of(one.spec):
        yield "it has no acceptance criteria: say with given, when and then how one sees that it is done."
    if one.estimate_hours is None:
        yield "estimate_hours is missing."
    elif one.estimate_hours <= 0:
        yield "estimate_hours must be more than 0."
    elif one.estimate_hours > LARGE_ESTIMATE_HOURS:
        yield f"it is too large with {one.estimate_hours:g} hours; split it: {LARGE_ESTIMATE_HOURS} are the limit."


def _labels(one: Proposed, known: Known) -> Iterator[str]:
    for label in one.labels:
        if label not in known.labels:
            near = closest(label, known.labels)
            others = "use those that you were told of, or none." if known.labels else "this project has none."
            meant = f"did you mean {near}?" if near else others
            yield f"there is no label {label}; {meant}"


def _paths(one: Proposed, known: Known, top: Collection[str]) -> Iterator[str]:
    for path in one.paths if top else ():
        first, slash, _ = path.partition("/")
        if not slash or GLOB_SIGNS & set(first) or first in top or f"{first}/" in one.spec:
            continue
        folders = {name.rpartition("/")[0] for name in list(known.files)[:FOLDERS_MOST] if "/" in name}
        near = closest(path.rpartition("/")[0], folders) or closest(first, top)
        meant = f" Did you mean {near}/?" if near else ""
        new = f"If this work makes it, name {first}/ in the spec."
        yield f"paths has {path}, and there is no folder {first}.{meant} {new}"


def _needs(one: Proposed, at: int, proposed: Sequence[Proposed], known: Known) -> Iterator[str]:
    drafts = {draft.id: draft for draft in known.drafts}
    ids = _ids(proposed, known)
    heirs = successors(known.drafts)
    for need in one.needs:
        if need == str(at):
            yield "it needs itself."
            continue
        if need.isdigit() and not _is_number(need, ids):
            yield f"it needs draft {need}, and there are {len(proposed)}."
            continue
        name = ids[int(need) - 1] if need.isdigit() else need
        found = [drafts[each] for each in heirs.get(name, (name,)) if each in drafts]
        rejected = [each.id for each in found if each.status is DraftStatus.REJECTED]
        if rejected:
            yield f"it needs {rejected[0]}, which was rejected."
        elif "/" in name and name not in drafts:
            yield f"it needs {name}, and {known.parent} has no such draft."
        elif name.startswith("SBI-") and name not in known.items:
            yield f"it needs {name}, which is not there or was cancelled."


def _replaces(one: Proposed, known: Known) -> Iterator[str]:
    if one.replaces is None:
        return
    draft = next((draft for draft in known.drafts if draft.number == one.replaces), None)
    if draft is None:
        yield f"it replaces {one.replaces}, and {known.parent} has no such draft."
    elif draft.status is not DraftStatus.OPEN:
        yield f"it replaces {draft.id}, which is {draft.status}: leave that as it is."


def _is_number(need: str, ids: Sequence[str]) -> bool:
    """Whether it names a draft of the same proposal."""
    return need.isascii() and need.isdigit() and 1 <= int(need) <= len(ids)
