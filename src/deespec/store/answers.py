"""What agents hand in: stored for the running turn and no other, judged once, later by whoever owns the turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import StaleAnswer
from deespec.model.ids import id_of
from deespec.store.items import ItemVerbs
from deespec.store.rows import encode

if TYPE_CHECKING:
    from deespec.model.items import Answer


class AnswerVerbs(ItemVerbs):
    __slots__ = ()

    def store_answer(self, *, sbi: int, turn: int, token: int, answer: Answer, actor: str) -> None:
        """Stores the answer of the call that owns the turn; a later one replaces it, the same one changes nothing.

        Raises StaleAnswer if the token does not own the item's current turn any more.
        """
        row = self._one("answer_owner", number=sbi)
        if row is None or row[0] != token or row[1] + 1 != turn:
            raise StaleAnswer(f"{id_of(sbi)} turn {turn} is not running under this claim: the answer was not taken.")
        values = encode(answer)
        if self._run("answer_put", sbi=sbi, turn=turn, token=token, at=self.now, **values):
            self.note(actor, "answered", item=id_of(sbi), turn=turn, decision=answer.decision, detail=answer.kind)

    def adopt_answer(self, *, sbi: int, turn: int, token: int, answer: Answer) -> None:
        """Stores an answer that a new owner found in its predecessor's outbox, unless the turn has one already."""
        row = self._one("answer_owner", number=sbi)
        if row is None or row[0] != token or row[1] + 1 != turn:
            raise StaleAnswer(f"{id_of(sbi)} turn {turn} has another owner.")
        values = encode(answer)
        self._run("answer_adopt", sbi=sbi, turn=turn, token=token, at=self.now, **values)

    def running_token(self, sbi: int, turn: int) -> int:
        """The token under which this very turn runs now; raises StaleAnswer if it does not."""
        row = self._one("answer_owner", number=sbi)
        if row is None or row[0] is None or row[1] + 1 != turn:
            item = id_of(sbi)
            show = f"deespec {item.partition('-')[0].lower()} show {item}"
            raise StaleAnswer(f"{item} turn {turn} is not running.", hint=f"{show} tells where it is.")
        token: int = row[0]
        return token
