"""One item, a draft, the help: screens of text above the main one."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.message import Message

from deespec.board.item import look as look_at
from deespec.board.live import Follower
from deespec.diffs import patch_of
from deespec.errors import DeespecError
from deespec.model.ids import number_of
from deespec.text import width_of
from deespec.tui import pages
from deespec.tui.acting import Page
from deespec.tui.feed import opened
from deespec.tui.heads import acts_of, keys
from deespec.tui.lines import Piece, text, wrapped
from deespec.tui.painting import Plate, Rows

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from deespec.app import App
    from deespec.board.item import ItemView
    from deespec.board.live import Lines
    from deespec.board.log import Entry
    from deespec.model.asking import Draft
    from deespec.model.items import Line as Item
    from deespec.tui.lines import Look, Row

ENTRIES_MOST = 1_000
"""Of a log that goes on; the earlier ones are in `deespec sbi log`."""
LOG_S = 1.0
DIFF_LINES_MOST = 20_000


class Part(StrEnum):
    SPEC = "Spec"
    TURNS = "Turns"
    DIFF = "Diff"
    LOG = "Log"


class ItemRead(Message):
    """The item as it is."""

    def __init__(self, view: ItemView) -> None:
        super().__init__()
        self.view = view


class PatchRead(Message):
    """What its work changes."""

    def __init__(self, what: str, lines: list[str], *, turn: int) -> None:
        super().__init__()
        self.what, self.lines, self.turn = what, lines, turn


class LogRead(Message):
    """What has been said since."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines


class DraftRead(Message):
    """The draft as it is."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft


class NotRead(Message):
    """Why a part is not there."""

    def __init__(self, part: Part, error: DeespecError) -> None:
        super().__init__()
        self.part, self.error = part, error


class TextPage(Page):
    """A title, a text, the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,backspace", "leave", show=False),
    ]

    def compose(self) -> ComposeResult:
        look = self.program.look
        yield Plate(look, id="title")
        yield Plate(look, id="tabs")
        yield Rows(look, id="text")
        yield Plate(look, id="said")
        yield Plate(look, id="keys")

    def on_mount(self) -> None:
        self.query_one("#text", Rows).focus()
        self.load()
        self.draw()

    def on_rows_sized(self) -> None:
        self.draw()

    def action_leave(self) -> None:
        self.program.pop_screen()

    def subject(self) -> tuple[str, Item | None]:
        return "", None

    def load(self) -> None:
        """Has read what it shows."""

    def draw(self) -> None:
        """Shows it."""
        raise NotImplementedError


class HelpPage(TextPage):
    """All keys."""

    def draw(self) -> None:
        self.query_one("#title", Plate).show((Piece(text=" Keys ", style="alarm"),))
        self.query_one("#text", Rows).show(pages.help_rows())
        self.query_one("#keys", Plate).show(keys(("esc", "back"), ("↑ ↓", "scroll")))


class DraftPage(TextPage):
    """A suggestion, to be approved or rejected."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key
        self.found: Draft | DeespecError | None = None

    def subject(self) -> tuple[str, Item | None]:
        return self.key, None

    def load(self) -> None:
        self.run_worker(self._read, thread=True)

    def _read(self) -> None:
        parent, _, number = self.key.removeprefix("draft:").rpartition("/")
        try:
            with opened(self.program.opener) as app, app.store.read() as tx:
                self.post_message(DraftRead(tx.draft(parent, int(number))))
        except DeespecError as error:
            self.post_message(NotRead(Part.SPEC, error))

    def on_draft_read(self, event: DraftRead) -> None:
        self.found = event.draft
        self.draw()

    def on_not_read(self, event: NotRead) -> None:
        self.found = event.error
        self.draw()

    def draw(self) -> None:
        found, rows = self.found, self.query_one("#text", Rows)
        look = self.program.look_for(rows)
        title = self.key.removeprefix("draft:")
        if found is None:
            rows.show([text("…", "dim")])
        elif isinstance(found, DeespecError):
            rows.show(_problem(found, look))
        else:
            title = f"{found.id}  {found.title}"
            rows.show(pages.draft(found, look))
        self.query_one("#title", Plate).show((Piece(text=f" {title} ", style="alarm"),))
        self.query_one("#keys", Plate).show(keys(("esc", "back"), ("y", "approve"), ("n", "reject")))


class ItemPage(TextPage):
    """An item: its spec, its turns, its diff, its log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"part('{part.name}')", show=False) for number, part in enumerate(Part, 1)),
        Binding("tab,right,l", "next(1)", show=False),
        Binding("shift+tab,left", "next(-1)", show=False),
    ]

    def __init__(self, item_id: str) -> None:
        super().__init__()
        self.item_id = item_id
        self.part = Part.SPEC
        self.view: ItemView | None = None
        self.problems: dict[Part, DeespecError] = {}
        self.patch: tuple[str, list[str]] | None = None
        self.patch_turns = -1
        self.entries: list[Entry] = []
        self.log_at = ""
        self.log_ended = False
        self.left_out = False
        self._busy: set[Part] = set()

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(LOG_S, self._follow)

    def subject(self) -> tuple[str, Item | None]:
        return self.item_id, None if self.view is None else self.view.line

    # --- reading ---

    def load(self) -> None:
        """The item anew, and what else is shown of it."""
        self._read_in_thread(Part.SPEC)
        if self.part is Part.DIFF and self.view is not None and self.patch_turns != self.view.sbi.turn:
            self._read_in_thread(Part.DIFF)
        if self.part is Part.LOG:
            self._read_in_thread(Part.LOG)

    def _follow(self) -> None:
        if self.part is Part.LOG and not self.log_ended and self.is_current:
            self._read_in_thread(Part.LOG)

    def _read_in_thread(self, part: Part) -> None:
        if part not in self._busy:
            self._busy.add(part)
            self.run_worker(
                partial(self._read, part, self.log_at, -1 if self.view is None else self.view.sbi.turn), thread=True
            )

    def _read(self, part: Part, log_at: str, turn: int) -> None:
        try:
            with opened(self.program.opener) as app:
                self.post_message(_read(app, number_of(self.item_id), part, log_at, turn))
        except DeespecError as error:
            self.post_message(NotRead(part, error))

    def on_item_read(self, event: ItemRead) -> None:
        self.view = event.view
        self._has(Part.SPEC)

    def on_patch_read(self, event: PatchRead) -> None:
        self.patch, self.patch_turns = (event.what, event.lines), event.turn
        self._has(Part.DIFF)

    def on_log_read(self, event: LogRead) -> None:
        found = event.lines
        self.log_at, self.log_ended = found.at, found.ended
        entries = pages.joined([*self.entries, *found.entries])
        self.left_out = self.left_out or bool(found.skipped_bytes) or len(entries) > ENTRIES_MOST
        self.entries = entries[-ENTRIES_MOST:]
        self._has(Part.LOG)

    def on_not_read(self, event: NotRead) -> None:
        self._has(event.part)
        self.problems[event.part] = event.error
        self.draw()

    def _has(self, part: Part) -> None:
        self._busy.discard(part)
        self.problems.pop(part, None)
        self.draw()

    # --- showing ---

    def draw(self) -> None:
        view, rows = self.view, self.query_one("#text", Rows)
        title = f" {self.item_id} " if view is None else f" {self.item_id}  {view.sbi.title} "
        state = "" if view is None else _state(view)
        room = self.size.width - width_of(state, self.program.look().ambiguous_width) - 3
        self.query_one("#title", Plate).show(
            (Piece(text=title, style="alarm", width=max(room, 1)), Piece(text=f"  {state}", style="bold"))
        )
        tabs = [
            piece
            for number, part in enumerate(Part, 1)
            for piece in (
                Piece(text=f" {number} {part} ", style="selected" if part is self.part else ""),
                Piece(text=" "),
            )
        ]
        self.query_one("#tabs", Plate).show(tuple(tabs))
        rows.show(self._rows())
        item = None if view is None else view.line
        self.query_one("#keys", Plate).show(keys(("esc", "back"), ("?", "help"), *acts_of(item)))

    def _rows(self) -> list[Row]:
        look = self.program.look_for(self.query_one("#text", Rows))
        problem = self.problems.get(Part.SPEC) or self.problems.get(self.part)
        if problem is not None:
            return _problem(problem, look)
        if self.view is None:
            return [text("…", "dim")]
        match self.part:
            case Part.SPEC:
                return pages.spec(self.view, self.program.seen.root if self.program.seen else "", look)
            case Part.TURNS:
                return pages.turns(self.view, look)
            case Part.DIFF:
                return [text("…", "dim")] if self.patch is None else pages.diff(*self.patch, look)
            case _:
                return self._log_rows()

    def _log_rows(self) -> list[Row]:
        look = self.program.look_for(self.query_one("#text", Rows))
        if not self.entries:
            return [text(self._nothing_said(), "dim")]
        earlier = [text(f"Earlier: deespec sbi log {self.item_id}", "dim")] if self.left_out else []
        return [*earlier, *pages.log(self.entries, look)]

    def _nothing_said(self) -> str:
        """Why its log is empty."""
        assert self.view is not None, "an item that was not read has no log"
        if self.view.line.lease_token is not None:
            return "Nothing has been printed yet."
        if not self.log_ended:
            return "…"
        if self.log_at:
            return "Nothing was printed."
        return "Nothing is kept of its turns." if self.view.turns else "No agent has worked on it."

    # --- keys ---

    def action_part(self, name: str) -> None:
        self.part = Part[name]
        rows = self.query_one("#text", Rows)
        rows.follows = self.part is Part.LOG
        self.load()
        self.draw()
        rows.scroll_to(y=rows.max_scroll_y if rows.follows else 0, animate=False)

    def action_next(self, by: int) -> None:
        parts = list(Part)
        self.action_part(parts[(parts.index(self.part) + by) % len(parts)].name)


def _read(app: App, number: int, part: Part, log_at: str, turn: int) -> Message:
    match part:
        case Part.DIFF:
            patch = patch_of(app, number)
            lines = patch.text().splitlines()
            if len(lines) > DIFF_LINES_MOST:
                more = f"… and {len(lines) - DIFF_LINES_MOST} more lines: deespec sbi diff {patch.item}"
                lines = [*lines[:DIFF_LINES_MOST], more]
            change = patch.change
            return PatchRead(f"{change.what}: {change.old[:12]}..{change.new[:12]}", lines, turn=turn)
        case Part.LOG:
            return LogRead(Follower(app, number).after(log_at))
        case _:
            return ItemRead(look_at(app, number))


def _state(view: ItemView) -> str:
    line = view.line
    words = [str(line.status)] if not line.decomposes else [f"{line.status} (decomposition)"]
    words += ["held"] if line.held else []
    words += [f"{line.lease_agent} works on it"] if view.runs and line.lease_agent else []
    words += ["goes on"] if line.resume else []
    return ", ".join(words)


def _problem(error: DeespecError, look: Look) -> list[Row]:
    rows = list(wrapped(error.message, look, "yellow"))
    return [*rows, *wrapped(f"→ {error.hint}", look)] if error.hint else rows
