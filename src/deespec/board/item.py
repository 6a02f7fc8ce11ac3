"""One SBI with everything that belongs to it, from one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.places import place_of
from deespec.board.waiting import Situation
from deespec.records import record

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.places import ItemPlace
    from deespec.board.waiting import Waiting
    from deespec.model.asking import Draft, Question
    from deespec.model.items import Line, Sbi, Turn
    from deespec.model.work import Merge, Work


@record
class ItemView:
    sbi: Sbi
    line: Line
    waiting: tuple[Waiting, ...]
    """What bars it, the first condition first; nothing while it runs or when it has ended."""
    runs: bool
    """A living worker has a claim on it."""
    turns: tuple[Turn, ...]
    dependents: tuple[str, ...]
    work: Work
    merges: tuple[Merge, ...]
    questions: tuple[Question, ...]
    drafts: tuple[Draft, ...]
    """What its reviewers suggest, decided or not."""
    place: ItemPlace
    archived_at: int | None


def look(app: App, number: int) -> ItemView:
    """Raises NotFound."""
    with app.store.read() as tx:
        sbi, line, work = tx.sbi(number), tx.line(number), tx.work(number)
        situation = Situation(app, tx)
        return ItemView(
            sbi=sbi,
            line=line,
            waiting=tuple(situation.waiting(line)),
            runs=situation.runs(line),
            turns=tuple(tx.turns(number)),
            dependents=tuple(tx.dependents(number)),
            work=work,
            merges=tuple(tx.merges(number)),
            questions=tuple(tx.questions(number)),
            drafts=tuple(tx.drafts(sbi.id, decided=True)),
            place=place_of(app, work, uid=sbi.uid),
            archived_at=tx.archived_at(sbi.id),
        )
