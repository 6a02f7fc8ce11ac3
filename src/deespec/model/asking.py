"""What agents bring before people: remarks of a review, questions, and drafts of new items. Pure."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

from deespec.records import record

NEEDS_WORDS = ("question", "stuck")
"""Reasons for which an item is parked that only a person's words help."""


MARKS_AT_END = " .!?…。"
"""In NFKC, which makes plain ones of the wide ones."""


class Severity(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@record
class Remark:
    """One thing that a reviewer has found."""

    text: str
    file: str | None = None
    line: int | None = None
    severity: str = Severity.NORMAL
    must_fix: bool = True
    """Without that the work is not accepted."""
    in_scope: bool = True
    """It concerns what this item is about; else it becomes a draft of another item."""

    @property
    def blocking(self) -> bool:
        """Whether the work is sent back for it."""
        return self.must_fix and self.in_scope

    @property
    def place(self) -> str:
        return place(self.file, self.line)


@record
class Question:
    """What an agent asked, and what a person answered."""

    sbi: int
    turn: int
    text: str
    key: str
    """Equal for questions that are asked in the same words; see question_key()."""
    agent: str
    asked_at: int
    answer: str | None = None
    answered_by: str | None = None
    answered_at: int | None = None


class DraftStatus(StrEnum):
    OPEN = "open"
    WAITING = "waiting"
    """Approved, and registered as soon as the drafts that it needs are."""
    APPROVED = "approved"
    REJECTED = "rejected"
    REPLACED = "replaced"
    """A later decomposition has suggested another in its place."""


UNDECIDED = (DraftStatus.OPEN, DraftStatus.WAITING)


@record
class Draft:
    """What an agent suggests as a new item, and a person decides."""

    parent: str
    """The item it comes from: SBI-12 (a finding of its review), or PBI-7 (its decomposition)."""
    number: int
    """1.. per parent."""
    title: str
    spec: str
    status: DraftStatus = DraftStatus.OPEN
    file: str | None = None
    line: int | None = None
    severity: str = Severity.NORMAL
    turn: int | None = None
    """Of the parent, in which it was found; None: a person proposed it outside of any."""
    agent: str = ""
    labels: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Drafts (`PBI-7/2`) and SBIs that have to be DONE first."""
    estimate_hours: float | None = None
    only_implement: bool = False
    replaces: int | None = None
    """The number of the earlier draft of the same PBI that it stands against."""
    edited: bool = False
    """A person has given it other words: no later decomposition takes its place."""
    hold: bool = False
    """Of a waiting one: it is to be registered held."""
    reason: str | None = None
    """Why it was rejected."""
    registered: str | None = None
    """The item that it became."""
    decided_by: str | None = None
    decided_at: int | None = None
    created_at: int = 0
    updated_at: int = 0

    @property
    def id(self) -> str:
        return f"{self.parent}/{self.number}"

    @property
    def place(self) -> str:
        return place(self.file, self.line)


def place(file: str | None, line: int | None) -> str:
    """`src/a.py:12`; empty where no file is named."""
    return f"{file}:{line}" if file and line else file or ""


def question_key(text: str) -> str:
    """The words as they are: only width, case, white space and the mark at the end make no other question of them."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.split()).rstrip(MARKS_AT_END) or plain.strip()


def first_line(text: str) -> str:
    """What a text says in a line: one that only announces a list has the first of it behind it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[0].endswith(":"):
        return lines[0] if lines else ""
    others = sum(line.startswith("- ") for line in lines[2:])
    return f"{lines[0]} {lines[1].removeprefix('- ')}{f' (and {others} more)' if others else ''}"


def answer_to(key: str, asked: tuple[Question, ...]) -> Question | None:
    """The newest of these questions that asks just that and has an answer."""
    return next((one for one in reversed(asked) if one.key == key and one.answer is not None), None)
