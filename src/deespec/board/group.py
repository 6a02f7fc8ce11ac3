"""One PBI or EPIC with what is below it, from one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.decomposed import Decomposed, decomposed
from deespec.board.waiting import Situation
from deespec.errors import NotFound
from deespec.model.ids import decomposition_of
from deespec.model.items import Kind, Pbi, Sbi
from deespec.model.wanted import Scope
from deespec.records import record

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.waiting import Waiting
    from deespec.model.asking import Question
    from deespec.model.items import Epic, Line
    from deespec.store.asking import DraftsBelow
    from deespec.store.base import Transaction
    from deespec.store.groups import GroupLine, Progress

DRAFTS_MOST = 200


@record
class Child:
    line: Line
    why: Waiting | None
    """Why nobody works on it."""


@record
class Cutting:
    """The decomposition of a PBI."""

    line: Line
    runs: bool
    """A living worker has a claim on it."""
    why: Waiting | None
    """Why nobody works on it."""
    questions: tuple[Question, ...]
    came: Decomposed
    finished_at: int | None


@record
class GroupView:
    one: Pbi | Epic
    progress: Progress
    pbis: tuple[GroupLine, ...]
    """Right below it."""
    pbis_total: int
    sbis: tuple[Child, ...]
    """Those below its PBIs, too."""
    sbis_total: int
    drafts: DraftsBelow
    """Its own, and those of all PBIs below it, decided ones, too."""
    cutting: Cutting | None
    """None: nobody has asked for it."""
    archived_at: int | None


def look(app: App, item_id: str, *, most: int, offset: int = 0) -> GroupView:
    """At most so many of those below it, of each kind. Raises NotFound."""
    with app.store.read() as tx:
        one = tx.item(item_id)
        if isinstance(one, Sbi):
            raise NotFound(f"{item_id} is an SBI.")
        situation = Situation(app, tx)
        below = Scope(parent=one.id)
        pbis, pbis_total = ([], 0) if isinstance(one, Pbi) else tx.list_groups(Kind.PBI, below, limit=most)
        page = tx.list_sbis(below, limit=most, offset=offset)
        situation.look_at([line.number for line in page.lines])
        return GroupView(
            one=one,
            progress=tx.progress([one.id])[one.id],
            pbis=tuple(pbis),
            pbis_total=pbis_total,
            sbis=tuple(Child(line=line, why=_why(situation, line)) for line in page.lines),
            sbis_total=page.total,
            drafts=tx.drafts_below(one.id, limit=DRAFTS_MOST),
            cutting=_cutting(app, tx, situation, one) if isinstance(one, Pbi) else None,
            archived_at=tx.archived_at(one.id),
        )


def _cutting(app: App, tx: Transaction, situation: Situation, pbi: Pbi) -> Cutting | None:
    asked = tx.decomposition(pbi.number)
    if asked is None:
        return None
    line = tx.line(asked.number)
    return Cutting(
        line=line,
        runs=situation.runs(line),
        why=_why(situation, line),
        questions=tuple(tx.questions(decomposition_of(pbi.number))),
        came=decomposed(tx, pbi, app.settings.home),
        finished_at=asked.finished_at,
    )


def _why(situation: Situation, line: Line) -> Waiting | None:
    found = situation.waiting(line)
    return found[0] if found else None
