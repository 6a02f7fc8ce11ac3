"""What agents bring before people: questions with their answers, and drafts of new items with what was decided."""

from __future__ import annotations

from deespec.errors import NotFound
from deespec.model.asking import Draft, Question
from deespec.model.items import Kind
from deespec.records import record
from deespec.store.items import ItemVerbs
from deespec.store.rows import encode


@record
class DraftsBelow:
    drafts: tuple[Draft, ...]
    undecided: int
    """All of them, also those that are not among `drafts`."""
    decided: int


class AskingVerbs(ItemVerbs):
    __slots__ = ()

    # --- questions ---

    def questions(self, number: int) -> list[Question]:
        """All that was asked about an item, oldest first."""
        return self._records(Question, "question_list", sbi=number)

    def add_question(self, question: Question) -> None:
        self._insert(question)

    def answer_question(self, number: int, *, turn: int, answer: str, by: str) -> bool:
        """Answers what that turn asked; a second answer is added to the first. False: it asked nothing."""
        return bool(self._run("question_answer", sbi=number, turn=turn, answer=answer, by=by, now=self.now))

    # --- drafts ---

    def draft(self, parent: str, number: int) -> Draft:
        found = self._records(Draft, "draft_get", parent=parent, number=number)
        if not found:
            raise NotFound(f"There is no draft {parent}/{number}.", hint="deespec drafts --all")
        return found[0]

    def drafts(self, parent: str | None = None, *, decided: bool = False) -> list[Draft]:
        """The open ones, and with `decided` the others, too, oldest first; of one item or of all."""
        return self._records(Draft, "draft_list" if decided else "draft_open", parent=parent)

    def open_drafts(self) -> int:
        """How many nobody has decided."""
        count: int = self._value("draft_open_count")
        return count

    def drafts_below(self, group: str, *, limit: int) -> DraftsBelow:
        """Those of a PBI, or of all PBIs below an EPIC, the undecided first, each kind the oldest first."""
        totals = dict(self._all("draft_below_count", group=group))
        drafts = self._records(Draft, "draft_below", group=group, limit=limit)
        return DraftsBelow(drafts=tuple(drafts), undecided=totals.get(1, 0), decided=totals.get(0, 0))

    def next_draft(self, parent: str) -> int:
        """The number of this item's next draft."""
        number: int = self._value("draft_next", parent=parent)
        return number

    def add_draft(self, draft: Draft) -> None:
        self._insert(draft)
        self._follow(draft)

    def change_draft(self, draft: Draft) -> None:
        """Writes an undecided draft as it is to be: with other words, or decided."""
        changed = self._run("draft_change", **encode(draft))
        assert changed == 1, f"{draft.id} is decided"
        self._follow(draft)

    def reopen_draft(self, draft: Draft) -> Draft:
        """Takes the decision on a rejected or waiting draft back; the draft as it is then."""
        changed = self._run("draft_reopen", parent=draft.parent, number=draft.number, now=self.now)
        assert changed == 1, f"{draft.id} is {draft.status}"
        self._follow(draft)
        return self.draft(draft.parent, draft.number)

    def _follow(self, draft: Draft) -> None:
        if draft.parent.startswith(Kind.PBI) and self.exists(draft.parent):
            self.roll_up(draft.parent)
