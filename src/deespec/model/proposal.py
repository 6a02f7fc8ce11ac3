"""What a decomposition hands in: the SBIs it suggests, as data, read from JSON that nobody has checked. Pure.

All that is wrong is said at once and in words for whoever has written it, as an agent gets one more try only. What is
wrong with drafts among each other and in this project, faults.py says.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from deespec.model.fields import FIELDS, MAX_NEEDS, Wrong
from deespec.model.headings import with_criteria
from deespec.model.items import Kind
from deespec.records import fields, record

if TYPE_CHECKING:
    from collections.abc import Iterator

PROPOSAL_FILE = "proposal.json"
"""In the folder of a turn what it has handed in; in its outbox where the agent is to write it."""
PROPOSAL_BYTES = 1 << 20
DRAFTS_READ = 100
"""Of one proposal; what is beyond is told, not read."""
REPORT_CHARACTERS = 20_000
CRITERIA_MOST = 50
CLAUSE_CHARACTERS = 2_000
"""Of each of given, when and then."""
CLAUSES = ("given", "when", "then")
EXAMPLE = (
    '{"report": "...", "drafts": [{"title": "...", "spec": "...", "acceptance": [{"given": "...", "when": "...", '
    '"then": "..."}], "estimate_hours": 3, "labels": [], "paths": ["src/a.py"], "needs": [], "only_implement": false, '
    '"replaces": null}]}'
)
HINT = f"A proposal is JSON like this: {EXAMPLE}"

_NEED_NUMBER = re.compile(r"(?:draft )?#?0*([1-9][0-9]{0,2})", re.IGNORECASE)
_NEED_DRAFT = re.compile(r"PBI-([0-9]{1,18})/([0-9]{1,9})", re.IGNORECASE)

Json = dict[str, object]


@record
class Proposed:
    """One suggested SBI, by the rules of fields.py."""

    title: str
    spec: str
    """The whole text, acceptance criteria included."""
    labels: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """What has to be DONE first: `3` is the third of the same proposal, `PBI-7/2` an earlier draft, `SBI-4` an item."""
    estimate_hours: float | None = None
    only_implement: bool = False
    replaces: int | None = None
    """The number of the earlier draft of the same PBI that it stands in the place of."""


@record
class Proposal:
    """As much of it as could be read."""

    report: str = ""
    """What the agent says about the whole."""
    drafts: tuple[Proposed, ...] = ()
    faults: tuple[str, ...] = ()
    """What could not be read, in words for whoever has written it."""


def parse_proposal(text: str) -> Proposal:
    """A proposal from JSON: an object with its drafts, or just the list of them. It never raises."""
    size = len(text.encode(errors="replace"))
    if size > PROPOSAL_BYTES:
        return Proposal(faults=(f"The proposal has {size:,} bytes; the limit is {PROPOSAL_BYTES:,}.",))
    try:
        found = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return Proposal(faults=(f"The proposal is not JSON: {error.msg} ({where}). {HINT}",))
    except (ValueError, RecursionError):
        return Proposal(faults=(f"The proposal is not JSON that can be read. {HINT}",))
    values: Json = {"drafts": found} if isinstance(found, list) else found if isinstance(found, dict) else {}
    drafts = values.get("drafts")
    if not isinstance(drafts, list):
        return Proposal(faults=(f"The proposal has no list of drafts. {HINT}",))
    read = [_draft(one, at) for at, one in enumerate(drafts[:DRAFTS_READ], 1)]
    faults = [fault for _, its in read for fault in its]
    if len(drafts) > DRAFTS_READ:
        faults.append(f"There are {len(drafts)} drafts; no more than {DRAFTS_READ} are read.")
    report = values.get("report")
    return Proposal(
        report=_shown(report)[:REPORT_CHARACTERS].strip() if isinstance(report, str) else "",
        drafts=tuple(one for one, _ in read),
        faults=tuple(faults),
    )


def report_of(proposal: Proposal) -> str:
    """What its turn has to say: the agent's words, and the titles below them."""
    titles = [f"{at}. {one.title}" for at, one in enumerate(proposal.drafts, 1)]
    return "\n\n".join(part for part in (proposal.report, "\n".join(titles)) if part) or "No drafts."


def own_words(report: str) -> str:
    """Of such a report the agent's words alone."""
    return f"\n\n{report}".rpartition("\n\n1. ")[0].strip()


def called(at: int, title: str) -> str:
    """How a draft of the proposal is named to whoever has written it."""
    short = " ".join(title.split())
    return f'Draft {at} ("{short[:60]}{"…" if len(short) > 60 else ""}")' if short else f"Draft {at}"


# --- one draft ------------------------------------------------------------------------------------------------------


class _Reader:
    """Reads the values of one draft, and keeps what is wrong with them."""

    def __init__(self, values: Json, at: int) -> None:
        self.values = values
        self.at = at
        self.faults: list[str] = []

    def wrong(self, what: str) -> None:
        title = self.values.get("title")
        self.faults.append(f"{called(self.at, _shown(title) if isinstance(title, str) else '')}: {what}")

    def text(self, name: str) -> str:
        """By the rule of the item's field of that name."""
        try:
            read = FIELDS[name].read(self.values.get(name) or "", Kind.SBI)
        except Wrong as wrong:
            self.wrong(f"{name} {wrong.what}.")
            return ""
        if not read:
            self.wrong(f"{name} is empty.")
        return str(read)

    def listed(self, name: str) -> list[object]:
        found = self.values.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            self.wrong(f'{name} must be a list, as ["one", "two"].')
            return []
        return found

    def names(self, name: str) -> tuple[str, ...]:
        """Each by the field's rule, so that all that are wrong are told."""
        found: dict[str, None] = {}
        for one in self.listed(name):
            try:
                found |= dict.fromkeys(FIELDS[name].read([one], Kind.SBI))
            except Wrong as wrong:
                self.wrong(f"{name} {wrong.what}.{f' {wrong.hint}' if wrong.hint else ''}")
        try:
            FIELDS[name].read(list(found), Kind.SBI)
        except Wrong as wrong:
            self.wrong(f"{name} {wrong.what}.")
            return ()
        return tuple(found)

    def truth(self, name: str) -> bool:
        found = self.values.get(name)
        if found is None or isinstance(found, bool):
            return bool(found)
        self.wrong(f"{name} must be true or false.")
        return False


def _draft(found: object, at: int) -> tuple[Proposed, list[str]]:
    if not isinstance(found, dict):
        return Proposed(title="", spec=""), [f"Draft {at} is no object. {HINT}"]
    reader = _Reader(found, at)
    read = Proposed(
        title=reader.text("title"),
        spec=_spec(reader),
        labels=reader.names("labels"),
        paths=reader.names("paths"),
        needs=_needs(reader),
        estimate_hours=_hours(reader),
        only_implement=reader.truth("only_implement"),
        replaces=_replaces(reader),
    )
    unknown = sorted(str(key)[:40] for key in found.keys() - fields(Proposed) - {"acceptance"})
    if reader.faults and unknown:  # alone they do no harm; else they may be what is missed
        reader.wrong(f"unknown keys: {', '.join(unknown[:10])}.")
    return read, reader.faults


def _spec(reader: _Reader) -> str:
    """The text with its acceptance criteria below."""
    text = reader.text("spec")
    criteria = list(_criteria(reader))
    return with_criteria(text, criteria) if text else ""


def _criteria(reader: _Reader) -> Iterator[str]:
    found = reader.listed("acceptance")
    if len(found) > CRITERIA_MOST:
        reader.wrong(f"acceptance has {len(found)} entries; the limit is {CRITERIA_MOST}.")
    for number, one in enumerate(found[:CRITERIA_MOST], 1):
        clauses = {name: one.get(name) for name in CLAUSES} if isinstance(one, dict) else {}
        texts = {name: " ".join(_shown(value).split()) for name, value in clauses.items() if isinstance(value, str)}
        if len(texts) < len(CLAUSES) or not all(texts.values()):
            reader.wrong(f'acceptance {number} must have words for each of "given", "when" and "then".')
        elif any(len(text) > CLAUSE_CHARACTERS for text in texts.values()):
            reader.wrong(f"acceptance {number} is too long: {CLAUSE_CHARACTERS:,} characters are enough for each part.")
        else:
            yield "\n".join(f"{name.capitalize()} {_without(name, text)}" for name, text in texts.items())


def _without(name: str, text: str) -> str:
    """Some write the word itself into its part."""
    return re.sub(rf"\A{name}[\s,:]+(?=\S)", "", text, count=1, flags=re.IGNORECASE)


def _needs(reader: _Reader) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for one in reader.listed("needs"):
        need = _need(one)
        if need is None:
            shown = f'"{_shown(one)[:40]}"' if isinstance(one, str) else "something else"
            reader.wrong(f'needs takes numbers of drafts ("2"), earlier drafts ("PBI-7/2") and SBIs, not {shown}.')
        else:
            found[need] = None
    if len(found) > MAX_NEEDS:
        reader.wrong(f"needs has {len(found)} entries; the limit is {MAX_NEEDS}.")
    return tuple(found)[:MAX_NEEDS]


def _need(found: object) -> str | None:
    if isinstance(found, bool) or not isinstance(found, int | str):
        return None
    text = str(found).strip() if isinstance(found, str) or 0 < found <= DRAFTS_READ else ""
    if number := _NEED_NUMBER.fullmatch(text):
        return number[1]
    if draft := _NEED_DRAFT.fullmatch(text):
        return f"PBI-{int(draft[1])}/{int(draft[2])}"
    try:
        [read] = FIELDS["depends_on"].read([text], Kind.SBI)
    except Wrong:
        return None
    return str(read) if read.startswith(Kind.SBI) else None


def _hours(reader: _Reader) -> float | None:
    found = reader.values.get("estimate_hours")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        reader.wrong("estimate_hours must be a number of hours.")
        return None
    try:
        return float(FIELDS["estimate_hours"].read(found, Kind.SBI))
    except Wrong as wrong:
        reader.wrong(f"estimate_hours {wrong.what}.")
        return None


def _replaces(reader: _Reader) -> int | None:
    """A number; some write the whole id."""
    found = reader.values.get("replaces")
    if isinstance(found, str):
        text = found.rpartition("/")[2].strip()
        found = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else found or None
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found < 10**9:
        reader.wrong("replaces must be the number of an earlier draft of this PBI, or null.")
        return None
    return found


def _shown(text: object) -> str:
    """What the store can hold and a terminal show."""
    plain = str(text).encode(errors="replace").decode()
    return "".join(one for one in plain if one in "\n\t" or (one.isprintable() or ord(one) > 159))
