"""What an item has changed: side by side or in one column, and as a file to save."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from deespec.model.lifecycle import Step
from deespec.records import record
from deespec.web.page import Plain, page
from deespec.web.pages.item import sbi_number
from deespec.web.patches import ROW_CHARACTERS, Changes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.model.items import Turn
    from deespec.web.page import Page, PageRequest

VIEWS = ("split", "unified")
NAME_CHARACTERS = 8_192
"""Of a file in the URL."""
TURNS_LINKED = 50
"""The newest ones."""


@record
class Links:
    """Where else one can go from here; what is not named stays as it is."""

    here: str
    turn: int | None
    view: str
    file: str

    def to(self, *, part: str | None = None, **changes: object) -> str:
        values = {"turn": self.turn, "view": self.view, "file": self.file, **changes, "part": part}
        values["view"] = None if values["view"] == VIEWS[0] else values["view"]
        query = urlencode({name: value for name, value in values.items() if value}, errors="replace")
        return f"{self.here}?{query}" if query else self.here


def show(request: PageRequest) -> Page | Plain:
    number = sbi_number(request)
    turn = request.number("turn", most=10**9) if request.text("turn") else None
    view = request.choice("view", VIEWS) or VIEWS[0]
    file = request.text("file", most=NAME_CHARACTERS)
    with request.app.store.read() as tx:
        sbi, turns, merges = tx.sbi(number), tx.turns(number), tx.merges(number)
    changes = Changes(request.app, number, turn=turn, file=file)
    part = request.choice("part", ("patch", "files"))
    if part == "patch":
        name = f"{sbi.id}-turn-{turn}" if turn else sbi.id
        return Plain(content=changes.whole().encode(errors="surrogateescape"), save_as=f"{name}.patch")
    title = request.say("%(id)s: changes", id=sbi.id)
    return page(
        "_diff.html" if part == "files" else "diff.html",
        title=title,
        sbi=sbi,
        turn=turn,
        view=view,
        changes=changes,
        key=f"changes-{len(turns)}-{len(merges)}-{sbi.status}",
        links=Links(here=f"/items/{sbi.id}/diff", turn=turn, view=view, file=file),
        turns=_with_work(turns)[-TURNS_LINKED:],
        row_characters=ROW_CHARACTERS,
    )


def _with_work(turns: Sequence[Turn]) -> list[int]:
    return [turn.number for turn in turns if turn.tree is not None and turn.step is not Step.REVIEW]
