"""Items of the Go program become ours: every field as ours may be, and a note for each that could not stay as it was.

Priorities: 0 normal, 1 high, 2 urgent; below 0 low. 3 and more, which only the schema's default wrote, is normal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.backlog.imports.legacy_files import named
from deespec.backlog.imports.legacy_values import agent_name, title_of
from deespec.model.fields import FIELDS, MAX_NAME_CHARACTERS, MAX_NEEDS, MAX_SPEC_BYTES, MAX_STORY_POINTS, Wrong
from deespec.model.items import Epic, Kind, Pbi, Priority, Sbi
from deespec.model.lifecycle import ENDED, Status, Step
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from deespec.backlog.imports.legacy_files import Notes
    from deespec.backlog.imports.legacy_history import OldTurn
    from deespec.backlog.imports.legacy_read import Found
    from deespec.store.items import Item

PRIORITIES = {0: Priority.NORMAL, 1: Priority.HIGH, 2: Priority.URGENT}
STATUSES = {
    "PENDING": Status.PENDING,
    "PICKED": Status.PENDING,
    "IMPLEMENTING": Status.PENDING,
    "REVIEWING": Status.PENDING,
    "DONE": Status.DONE,
    "FAILED": Status.FAILED,
}
"""What was in work begins anew, with the reports it has; `sbi reset` wrote them in lower case."""
BEGUN = ("PICKED", "IMPLEMENTING", "REVIEWING")
DEFAULT_MAX_TURNS = 10
"""Every item had it, and nothing asked for it."""
REASON_CHARACTERS = 500


@record
class Coming:
    """One item that is to come in; ids are uids until it has a number."""

    found: Found
    item: Item
    """Without number, needs and parent."""
    needs: tuple[str, ...] = ()
    parent: str | None = None
    turns: tuple[OldTurn, ...] = ()
    status: str = ""
    """The one it will have: that of a PBI or EPIC follows from what is below it."""


def make(
    found: Found, spec: str, turns: Sequence[OldTurn], *, agents: Collection[str], owner: str, notes: Notes
) -> Item:
    """The item as ours; `agents` are the names that may be worked with here."""
    title = title_of(found.title) or found.id or "An item without a title"
    called = f"{found.kind} {title!r}"
    if title != found.title.strip() and found.title.strip():
        notes.add(f"{called}: its title was made one line of 200 characters; all of it stands in its spec")
        spec = f"# {found.title.strip()}\n\n{spec}"
    registered = found.registered_at or found.updated_at or 0
    common = {
        "number": 0,
        "uid": found.uid,
        "title": title,
        "spec": _cut(spec.strip() or title, called, notes),
        "priority": _priority(found, called, notes),
        "labels": labels_of(found.labels, called, notes),
        "owner": owner,
        "registered_at": registered,
        "updated_at": max(found.updated_at or 0, registered),
    }
    if found.kind is Kind.EPIC:
        if found.points:
            notes.add(f"{called}: its {found.points} story points were left out; only PBIs have them here")
        return Epic(**common)  # type: ignore[arg-type]
    if found.kind is Kind.PBI:
        return Pbi(**common, story_points=_points(found, called, notes))  # type: ignore[arg-type]
    return _sbi(found, common, turns, agents=agents, called=called, notes=notes)


def _sbi(
    found: Found,
    common: dict[str, object],
    turns: Sequence[OldTurn],
    *,
    agents: Collection[str],
    called: str,
    notes: Notes,
) -> Sbi:
    status = STATUSES.get(found.status.upper())
    if status is None:
        notes.add(f"{called}: its status {found.status!r} is unknown; it comes in PENDING")
        status = Status.PENDING
    elif found.status.upper() in BEGUN:
        notes.add(f"{called} was {found.status.upper()}: it comes in PENDING and held, with its reports")
    if found.max_turns not in (None, DEFAULT_MAX_TURNS):
        notes.add(f"{called}: its max_turns {found.max_turns} was never used and was left out; run.max_turns counts")
    ended = status in ENDED or status is Status.FAILED
    last = found.completed_at or found.updated_at or found.registered_at or 0
    fresh = status is Status.PENDING and found.status.upper() not in BEGUN
    priority = common["priority"]
    assert isinstance(priority, Priority)
    return Sbi(
        **common,  # type: ignore[arg-type]
        status=status,
        rank=priority.rank,
        paths=_paths(found.paths, called, notes),
        agent=_agent(found, agents, called, notes),
        only_implement=found.only_implement,
        estimate_hours=found.hours if found.hours and 0 < found.hours <= 10_000 else None,
        held=status is Status.PENDING,
        turn=len(turns),
        turns_before=0 if ended else len(turns),
        turns_reset=len(turns) if fresh else 0,
        reason=_reason(found, turns) if status is Status.FAILED else None,
        stopped_in=_stopped_in(turns) if status is Status.FAILED else None,
        started_at=None if fresh else found.started_at,
        finished_at=last if ended else None,
    )


# --- fields ---------------------------------------------------------------------------------------------------------


def _cut(spec: str, called: str, notes: Notes) -> str:
    raw = spec.replace("\r\n", "\n").encode()
    if len(raw) <= MAX_SPEC_BYTES:
        return raw.decode()
    notes.add(f"{called}: its text has {len(raw):,} bytes and was cut to {MAX_SPEC_BYTES:,}")
    return raw[:MAX_SPEC_BYTES].decode(errors="ignore")


def _priority(found: Found, called: str, notes: Notes) -> Priority:
    number = found.priority or 0
    if number not in PRIORITIES and number != 3:
        notes.add(f"{called}: its priority {number} is none of 0, 1, 2; it became {'low' if number < 0 else 'normal'}")
    return Priority.LOW if number < 0 else PRIORITIES.get(number, Priority.NORMAL)


def _points(found: Found, called: str, notes: Notes) -> int | None:
    if found.points is not None and not 0 <= found.points <= MAX_STORY_POINTS:
        notes.add(f"{called}: its {found.points} story points were left out; here they are 0 to {MAX_STORY_POINTS}")
        return None
    return found.points or None


def labels_of(names: Sequence[str], called: str, notes: Notes) -> tuple[str, ...]:
    """Labels as ours are called: `:` between parts becomes `/`, what no name may hold becomes `-`."""
    made: dict[str, None] = {}
    for name in names:
        plain = label_name(name)
        if plain and plain != name:
            notes.add(f"the label {name!r} is called {plain!r} here")
        if plain:
            made[plain] = None
    kept = tuple(made)[:100]
    if len(made) > len(kept):
        notes.add(f"{called}: {len(made) - len(kept)} of its labels were left out; 100 is the most")
    return kept


def label_name(name: str) -> str:
    spelled = "".join(
        character if _allowed(character) else "-" for character in name.strip().replace(":", "/")[:MAX_NAME_CHARACTERS]
    )
    parts = (part.strip("-") for part in spelled.split("/"))
    return "/".join(part for part in parts if part.strip("-.")).lstrip("-.")


def _allowed(character: str) -> bool:
    try:
        FIELDS["labels"].read([character], Kind.SBI)
    except Wrong:
        return False
    return True


def _paths(paths: Sequence[str], called: str, notes: Notes) -> tuple[str, ...]:
    kept: dict[str, None] = {}
    refused = []
    for path in paths:
        try:
            for one in FIELDS["paths"].read([path], Kind.SBI):
                kept[one] = None
        except Wrong:
            refused.append(path)
    if refused or len(kept) > 200:
        left = [*refused, *list(kept)[200:]]
        notes.add(f"{called}: paths that no item may have here were left out: {named(left)}")
    return tuple(kept)[:200]


def _agent(found: Found, agents: Collection[str], called: str, notes: Notes) -> tuple[str, ...]:
    if not found.agent:
        return ()
    name = agent_name(found.agent)
    if name in agents:
        return (name,)
    notes.add(f"{called}: its agent {found.agent!r} is not set up here and was left out; run.implement counts")
    return ()


def _stopped_in(turns: Sequence[OldTurn]) -> Status:
    """A review that wanted changes was over: the implementer was next."""
    last = turns[-1].turn if turns else None
    reviewed = last is not None and last.step is Step.REVIEW and last.decision != "NEEDS_CHANGES"
    return Status.REVIEWING if reviewed else Status.IMPLEMENTING


def _reason(found: Found, turns: Sequence[OldTurn]) -> str:
    said = found.error or next((one.turn.error for one in reversed(turns) if one.turn.error), None)
    return " ".join((said or "it failed in the Go deespec").split())[:REASON_CHARACTERS]


# --- ties -----------------------------------------------------------------------------------------------------------


def needs_of(
    wanted: Sequence[tuple[str, str]], uids: Mapping[str, str], titles: Mapping[str, str], notes: Notes
) -> dict[str, tuple[str, ...]]:
    """What each SBI needs, by uid; without what is not there, itself, and what would close a circle."""
    needs: dict[str, dict[str, None]] = {}
    for old, need in wanted:
        if old not in uids:
            notes.add(f"a need of {old!r}, which is not in the project, was left out")
        elif need not in uids:
            notes.add(f"SBI {titles[old]!r} needed {need!r}, which is not in the project; that need was left out")
        elif old == need:
            notes.add(f"SBI {titles[old]!r} needed itself; that need was left out")
        else:
            needs.setdefault(uids[old], {})[uids[need]] = None
    called = {uid: titles[old] for old, uid in uids.items()}
    for one, other in closing(needs):
        del needs[one][other]
        notes.add(f"SBI {called[one]!r} needed {called[other]!r}, which needs it; that need was left out")
    for uid, many in needs.items():
        if len(many) > MAX_NEEDS:
            notes.add(f"SBI {called[uid]!r} needs {len(many)} others; {MAX_NEEDS} are kept, as more are not possible")
    return {uid: tuple(many)[:MAX_NEEDS] for uid, many in needs.items()}


def closing(needs: Mapping[str, Mapping[str, None]]) -> list[tuple[str, str]]:
    """The needs that close circles, found in one walk: those that lead back to where the walk came from."""
    found: list[tuple[str, str]] = []
    done: set[str] = set()
    for start in needs:
        if start in done:
            continue
        way = [(start, iter(needs[start]))]
        on_way = {start}
        while way:
            one, rest = way[-1]
            other = next(rest, None)
            if other is None:
                way.pop()
                on_way.discard(one)
                done.add(one)
            elif other in on_way:
                found.append((one, other))
            elif other not in done:
                on_way.add(other)
                way.append((other, iter(needs.get(other, {}))))
    return found
