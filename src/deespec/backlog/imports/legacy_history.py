"""What the Go program wrote down of the past: both journals, and the reports of agents, which become turns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from deespec.backlog.imports.legacy_files import JOURNAL_BYTES, named
from deespec.backlog.imports.legacy_values import agent_name, text, time_ms, whole
from deespec.model.items import Turn
from deespec.model.lifecycle import Event, Step
from deespec.model.reports import DECISIONS
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deespec.backlog.imports.legacy_files import Folder, Notes
    from deespec.backlog.imports.legacy_read import Found, Logged

JOURNALS = ("var/journal.ndjson", "journal.ndjson")
"""The run wrote the first, `sbi report` the second."""
LINE_CHARACTERS = 1 << 20
ENTRIES_MOST = 1_000_000
REPORT_CHARACTERS = 1 << 20
_REPORT = r"(implement|review|done|plan|test)_0*(\d{1,9})\.md"
_DECISION = r"(?im)^\W*DECISION\W*:\s*\**(SUCCEEDED|NEEDS_CHANGES|FAILED)\b"
WORKING = ("WIP", "IMPLEMENTING", "REVIEW", "REVIEWING")
"""The statuses of its journals in which an agent was called."""
STEPS = {"review": Step.REVIEW}
"""Files of all other names are an implementer's."""


@record
class Past:
    """One entry of its journals."""

    source: str
    """File and line."""
    sbi: str
    """The id there; empty: of no item."""
    at: int | None
    said: dict[str, Any]
    """The rest of the line, as it was."""

    @property
    def step(self) -> str:
        return text(self.said.get("step"))

    @property
    def error(self) -> str:
        return text(self.said.get("error"))

    @property
    def elapsed_ms(self) -> int:
        return max(0, whole(self.said.get("elapsed_ms")) or 0)

    @property
    def files(self) -> list[str]:
        """The names of the files it speaks of."""
        found = self.said.get("artifacts")
        return [one.rpartition("/")[2] for one in found if isinstance(one, str)] if isinstance(found, list) else []


# --- journals -------------------------------------------------------------------------------------------------------


def read_journals(folder: Folder, notes: Notes) -> list[Past]:
    """The entries of both, each in the order it was written; lines that cannot be read are counted."""
    found: list[Past] = []
    for name in JOURNALS:
        content = folder.text(name, most=JOURNAL_BYTES)
        if content is None:
            continue
        broken: list[str] = []
        for number, said in _objects(content):
            if said is None:
                broken.append(str(number))
            elif len(found) < ENTRIES_MOST:
                found.append(_past(f"{name}:{number}", said))
        if broken:
            notes.add(f"{name}: {len(broken)} lines cannot be read and were left out: {named(broken)}")
    if len(found) == ENTRIES_MOST:
        notes.add(f"the journals hold more than {ENTRIES_MOST:,} entries; the rest was left out")
    return found


def _objects(content: str) -> Iterable[tuple[int, dict[str, Any] | None]]:
    """Number and object of each line; None for what is no object. An early version wrote one list."""
    if content.lstrip().startswith("["):
        try:
            listed = json.loads(content)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list):
            yield from ((number, one if isinstance(one, dict) else None) for number, one in enumerate(listed, 1))
            return
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            yield number, _object(line)


def _object(line: str) -> dict[str, Any] | None:
    if len(line) > LINE_CHARACTERS:
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _past(source: str, said: dict[str, Any]) -> Past:
    rest = {key: value for key, value in said.items() if key not in ("timestamp", "ts", "sbi_id")}
    at = time_ms(said.get("timestamp", said.get("ts")))
    return Past(source=source, sbi=text(said.get("sbi_id")), at=at, said=rest)


# --- reports --------------------------------------------------------------------------------------------------------


Key = tuple[str, int]
"""Step and number of a report, as its file is called."""


@record
class OldTurn:
    turn: Turn
    """Its item and its token are still to be given."""
    source: str
    """The file, or the line of the journal, that tells of it."""


@record
class _Report:
    """One file of a report."""

    name: str
    path: str
    kind: str
    number: int


def read_turns(
    folder: Folder, found: Found, *, logs: Sequence[Logged], past: Sequence[Past], notes: Notes
) -> tuple[tuple[OldTurn, ...], int]:
    """The turns of an item, numbered from 1, with tokens still to be given; and how many files they came from.

    The runner kept a copy of its own of what the agent printed, under the next number of the same step: it belongs to
    the turn whose report it follows. The call that made an item FAILED is a turn, too, although it left no report.
    """
    reports = {(one.kind, one.number): one for one in _files(folder, found.id)}
    logged = {(one.step, one.turn): one for one in logs}
    copies = _copies(reports, logged)
    turns: list[OldTurn] = []
    for key in sorted(reports.keys() - copies, key=lambda one: (one[1], one[0])):
        after = (key[0], key[1] + 1)
        copy = reports[after] if after in copies else None
        turns.append(_turn(folder, found, reports[key], copy, logged=logged.get(key), past=past))
    gone = [f"{step}_{turn}.md" for step, turn in logged if (step, turn) not in reports]
    if gone:
        notes.add(f"{found.title!r}: the database lists reports whose files are not there: {named(gone)}")
    if found.status.upper() == "FAILED":
        turns += _failed_call(found, past)
    return tuple(_numbered(turns)), len(reports)


def _files(folder: Folder, old: str) -> list[_Report]:
    """Those below reports/, and those that earlier versions put beside the spec."""
    found: dict[str, _Report] = {}
    for place in (f"reports/sbi/{old}", f"specs/sbi/{old}"):
        for name in folder.names(place) if old else []:
            match = re.fullmatch(_REPORT, name)
            if match is not None and name not in found:
                found[name] = _Report(name=name, path=f"{place}/{name}", kind=match[1], number=int(match[2]))
    return list(found.values())


def _copies(reports: dict[Key, _Report], logged: dict[Key, Logged]) -> set[Key]:
    """The files in which the runner kept what belongs to the turn before. Of a row of files every other one is."""
    found: set[Key] = set()
    for kind, number in sorted(reports):
        before = (kind, number - 1)
        if (kind, number) not in logged and (before in logged or (before in reports and before not in found)):
            found.add((kind, number))
    return found


def _turn(
    folder: Folder, found: Found, report: _Report, copy: _Report | None, *, logged: Logged | None, past: Sequence[Past]
) -> OldTurn:
    words = text(folder.text(report.path)).strip()
    printed = text(folder.text(copy.path)).strip() if copy else ""
    if copy and printed and printed not in words:
        words = f"{words}\n\n---\n\nWhat the agent printed ({copy.name}):\n\n{printed}"
    names = {report.name} | ({copy.name} if copy else set())
    told = [one for one in past if names & {*one.files}]
    at = next((at for at in (logged and logged.at, *(one.at for one in told)) if at), None)
    finished = at or folder.changed_ms(report.path) or found.updated_at or found.registered_at or 0
    step = STEPS.get(report.kind, Step.IMPLEMENT)
    decision = _decision(words, logged=logged, told=told) if step is Step.REVIEW else None
    turn = Turn(
        sbi=0,
        number=report.number,
        step=step,
        agent=agent_name(found.agent),
        account="",
        outcome=_outcome(found, step, decision),
        decision=decision,
        report=words[:REPORT_CHARACTERS],
        started_at=finished - max((one.elapsed_ms for one in told), default=0),
        finished_at=finished,
    )
    return OldTurn(turn=turn, source=report.path)


def _decision(words: str, *, logged: Logged | None, told: Sequence[Past]) -> str | None:
    """What the reviewer decided: as recorded, else as the words say."""
    recorded = [logged.decision] if logged else []
    recorded += [text(one.said.get("decision")).upper() for one in told if one.step == "report_review"]
    found = next((one for one in recorded if one in DECISIONS), None)
    said = re.search(_DECISION, words)
    return found or (said[1].upper() if said else None)


def _outcome(found: Found, step: Step, decision: str | None) -> str:
    """In our words. Its FAILED sent an item back to the implementer, as NEEDS_CHANGES did."""
    if step is Step.IMPLEMENT:
        return Event.IMPLEMENTED_ONLY if found.only_implement else Event.IMPLEMENTED
    return Event.SUCCEEDED if decision == "SUCCEEDED" else Event.NEEDS_CHANGES


def _failed_call(found: Found, past: Sequence[Past]) -> list[OldTurn]:
    failed = [one for one in past if one.error and one.said.get("decision") != "FORCE_TERMINATED"]
    if not failed or text(failed[-1].said.get("status")).upper() != "FAILED":
        return []
    last = failed[-1]
    step = Step.REVIEW if _was_reviewing(past, last) else Step.IMPLEMENT
    at = last.at or found.completed_at or found.updated_at or 0
    turn = Turn(
        sbi=0,
        number=0,
        step=step,
        agent=agent_name(found.agent),
        account="",
        outcome=Event.LIMIT_REACHED,
        report=f"The call failed and left no report: {last.error.strip()}",
        error=last.error.strip(),
        started_at=at - last.elapsed_ms,
        finished_at=at,
    )
    return [OldTurn(turn=turn, source=last.source)]


def _was_reviewing(past: Sequence[Past], last: Past) -> bool:
    """Whether the call was a reviewer's: an entry names the status that comes after it, so the one before tells."""
    before = past[: past.index(last)]
    said = (text(one.said.get("status")).upper() for one in reversed(before))
    return next((status for status in said if status in WORKING), "").startswith("REVIEW")


def _numbered(turns: Sequence[OldTurn]) -> Iterable[OldTurn]:
    """From 1 without gaps; none ends before the one before it."""
    latest = 0
    for number, one in enumerate(turns, 1):
        latest = max(latest, one.turn.finished_at)
        began = min(one.turn.started_at, latest)
        yield replace(one, turn=replace(one.turn, number=number, started_at=began, finished_at=latest))
