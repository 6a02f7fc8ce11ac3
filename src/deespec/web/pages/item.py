"""One item with everything about it, while it is worked on and afterwards."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from zlib import crc32

from deespec.acts import acts_for
from deespec.backlog.edit import is_final
from deespec.board.item import look
from deespec.board.kept import tries_of
from deespec.board.log import GATES
from deespec.errors import InvalidInput, NotFound
from deespec.model.ids import number_in, number_of
from deespec.model.items import Kind
from deespec.model.lifecycle import Event, Status, Step
from deespec.model.spec import normalise_id
from deespec.records import record, replace
from deespec.text import clean, without_ansi
from deespec.web.gate_outputs import gates_of, names_of
from deespec.web.meanings import MEANINGS
from deespec.web.page import Plain, page
from deespec.web.pages import group
from deespec.web.pages.journal import Row, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.board.item import ItemView
    from deespec.board.kept import Try
    from deespec.board.live import Live
    from deespec.model.asking import Question
    from deespec.model.items import JournalEntry, Turn
    from deespec.store.base import Transaction
    from deespec.web.gate_outputs import GateOutput
    from deespec.web.page import Page, PageRequest

OPEN_MOST = 12
"""Turns shown with all they said, the newest; of others a line each."""
SPEC_CHARACTERS = 20_000
"""Of a longer spec the beginning; all of it is a page of text."""
REPORT_CHARACTERS = 12_000
OPEN_CHARACTERS = 24_000
"""That open turns say together; at least the newest is open."""
FINDING_CHARACTERS = 8_000
FINDINGS_MOST = 50
LINKED_MOST = 50
"""Items that it needs, or that need it."""
HISTORY_MOST = 40
FAILED_MOST = 10
"""Tries that failed, of those in this history."""
PARTS = ("now", "spec", "turns", "merges", "text")


@record
class Linked:
    """Another item, as a link to it says."""

    id: str
    title: str
    status: str


@record
class TurnView:
    turn: Turn
    question: Question | None
    open: bool
    """It is shown with all that was said."""
    gates: tuple[GateOutput, ...]
    has_changes: bool
    kept: bool
    """Its output is there."""

    @property
    def report(self) -> str:
        return without_ansi((self.turn.report or "")[:REPORT_CHARACTERS])

    @property
    def is_cut(self) -> bool:
        return len(self.turn.report or "") > REPORT_CHARACTERS

    @property
    def findings(self) -> list[tuple[str, str]]:
        """The first line of each, and the rest of it."""
        found = (without_ansi(one[:FINDING_CHARACTERS]).partition("\n") for one in self.turn.findings[:FINDINGS_MOST])
        return [(first, rest.strip("\n")) for first, _, rest in found]


def sbi_number(request: PageRequest) -> int:
    """The number of the SBI in the path. Raises NotFound."""
    found = item_id(request)
    if not found.startswith(Kind.SBI):
        raise NotFound(f"{found} is not an SBI.")
    return number_in(found)


def work_number(request: PageRequest) -> int:
    """The number of the work in the path: of an SBI, or of the decomposition of a PBI. Raises NotFound."""
    found = item_id(request)
    if found.startswith(Kind.EPIC):
        raise NotFound(f"{found} is neither an SBI nor a PBI.")
    return number_of(found)


def item_id(request: PageRequest) -> str:
    """The id in the path: `SBI-3`, `3`, `PBI-7`, a uid or the beginning of one. Raises NotFound."""
    asked = request.part("id")
    try:
        found = normalise_id(asked, Kind.SBI if asked.strip().isdigit() else None)
    except InvalidInput as error:
        raise NotFound(error.message) from error
    if "-" in found:
        return found
    with request.app.store.read() as tx:
        ids = tx.by_uid(found)
    if len(ids) != 1:
        raise NotFound(f"No item's uid begins with {clean(asked)}." if not ids else f"It could be {', '.join(ids)}.")
    return ids[0]


def show(request: PageRequest) -> Page | Plain:
    found = item_id(request)
    if not found.startswith(Kind.SBI):
        above = f"/{found.partition('-')[0].lower()}s/{found}"
        return group.show(replace(request, path=above, parameters=(("id", found),)))
    seen = look(request.app, number_in(found))
    part = request.choice("part", PARTS)
    if part == "text":
        return Plain(content="\n".join(clean(line, lines=True) for line in seen.sbi.spec.split("\n")))
    shown = f"_{part}.html" if part else "item.html"
    turn = request.number("turn", most=10**9) if request.text("turn") else None
    return page(shown, title=f"{seen.sbi.id} {clean(seen.sbi.title)}", item=_Item(request, seen, turn))


class _Item:
    """What the template asks for, read when it does: of an open page most is left as it is."""

    def __init__(self, request: PageRequest, seen: ItemView, opened: int | None) -> None:
        self._app, self._watching = request.app, request.watching
        self._opened = opened
        self.seen, self.sbi, self.line = seen, seen.sbi, seen.line
        self.acts = tuple(act for act in acts_for(seen.line) if act.name != "answer")

    @cached_property
    def asks(self) -> bool:
        """A person can answer it."""
        return any(act.name == "answer" for act in acts_for(self.line))

    @property
    def can_be_edited(self) -> bool:
        return not is_final(self.sbi)

    @property
    def meaning(self) -> str:
        """What its status says, in English."""
        return MEANINGS[self.sbi.status]

    @property
    def spec(self) -> str:
        return self.sbi.spec[:SPEC_CHARACTERS]

    @property
    def spec_is_cut(self) -> bool:
        return len(self.sbi.spec) > SPEC_CHARACTERS

    @property
    def spec_key(self) -> str:
        """Names this text: an open page leaves its own as it is while that is the same."""
        return f"spec-{crc32(self.sbi.spec.encode(errors='replace')):x}"

    @property
    def turns_key(self) -> str:
        turns = self.seen.turns
        answered = sum(1 for one in self.seen.questions if one.answer is not None)
        failed = self.failed_tries[0].seq if self.failed_tries else 0
        return f"turns-{len(turns)}-{turns[-1].token if turns else 0}-{len(self.seen.questions)}-{answered}-{failed}"

    @cached_property
    def live(self) -> Live | None:
        return self._watching.of(self._app, self.line)

    @property
    def doing(self) -> str:
        """The step that is being worked on; a merge is no turn, and nobody's."""
        return "merge" if self.sbi.step is Step.INTEGRATE else self.sbi.step or ""

    @cached_property
    def needs(self) -> list[Linked]:
        return self._linked(self.sbi.depends_on)

    @cached_property
    def dependents(self) -> list[Linked]:
        return self._linked(self.seen.dependents)

    @cached_property
    def turns(self) -> list[TurnView]:
        """The newest first."""
        turns = self.seen.turns
        questions = {one.turn: one for one in self.seen.questions}
        opened = {*_open(turns), self._opened}
        return [
            TurnView(
                turn=turn,
                question=questions.get(turn.number),
                open=turn.number in opened,
                gates=self._gates(turn) if turn.number in opened else (),
                has_changes=turn.tree is not None and turn.step is not Step.REVIEW,
                kept=turn.token in self._tries,
            )
            for turn in reversed(turns)
        ]

    @cached_property
    def merge_try(self) -> Try | None:
        """The newest one, if gates ran in it."""
        found = [one for one in self._tries.values() if one.turn is None]
        return found[-1] if found and (found[-1].folder / GATES).is_dir() else None

    @property
    def merge_key(self) -> str:
        """Names what its gates have printed: more comes while it runs."""
        assert self.merge_try is not None
        token = self.merge_try.token
        return f"merge-{token}-{'runs' if token == self.line.lease_token else 'over'}"

    @cached_property
    def merge_gates(self) -> list[GateOutput]:
        merged = self.sbi.status is Status.DONE and bool(self.seen.merges)
        return gates_of(self.merge_try, None, named=names_of(self._app, self.sbi.checks, "integrate"), merged=merged)

    def _gates(self, turn: Turn) -> tuple[GateOutput, ...]:
        named = names_of(self._app, self.sbi.checks, "implement")
        return tuple(gates_of(self._tries.get(turn.token), turn, named=named))

    @cached_property
    def failed_tries(self) -> list[JournalEntry]:
        """The newest first: calls of an agent from which no turn came."""
        failed = (Event.RELEASED, Event.LIMIT_REACHED)
        entries = (row.entry for row in self.history)
        return [one for one in entries if one.event in failed and one.error and one.agent][:FAILED_MOST]

    @cached_property
    def used(self) -> tuple[int, float] | None:
        """Tokens and dollars of all turns; None: nobody has said."""
        turns = self.seen.turns
        tokens = sum((one.tokens_in or 0) + (one.tokens_out or 0) for one in turns)
        dollars = sum(one.cost_usd or 0 for one in turns)
        return (tokens, dollars) if tokens or dollars else None

    @cached_property
    def history(self) -> list[Row]:
        """The newest first."""
        with self._app.store.read() as tx:
            return rows_of(tx.journal(item=self.sbi.id, limit=HISTORY_MOST, newest=True))

    @cached_property
    def _tries(self) -> dict[int, Try]:
        return {one.token: one for one in tries_of(self._app.settings.home, self.sbi.id)}

    def _linked(self, ids: Sequence[str]) -> list[Linked]:
        with self._app.store.read() as tx:
            return [_link(tx, one) for one in ids[:LINKED_MOST]]


def _open(turns: Sequence[Turn]) -> Iterator[int]:
    """The numbers of the newest turns, as many as there is room for."""
    room = OPEN_CHARACTERS
    for turn in turns[: -OPEN_MOST - 1 : -1]:
        if room <= 0:
            return
        yield turn.number
        said = (turn.report or "")[:REPORT_CHARACTERS]
        room -= len(said) + sum(len(one.text) for one in turn.remarks)


def _link(tx: Transaction, item_id: str) -> Linked:
    try:
        found = tx.sbi(number_in(item_id))
    except NotFound:
        return Linked(id=item_id, title="", status="")
    return Linked(id=item_id, title=found.title, status=found.status)
