"""The main screen: what is true of the whole, then one of four views."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Input

from deespec.errors import DeespecError
from deespec.model.items import Kind
from deespec.model.spec import normalise_id
from deespec.records import replace
from deespec.tui import heads, views
from deespec.tui.acting import Page
from deespec.tui.dialogs import Words
from deespec.tui.item import DraftPage
from deespec.tui.lines import Piece, text, wrapped
from deespec.tui.painting import GUTTER, Plate, Rows
from deespec.tui.seen import Column, Pile, View, Wish

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from deespec.model.items import Line as Item
    from deespec.tui.lines import Line, Look

COLUMN_LEAST = 24
"""Of the board; what has no room is one key to the right."""
TICK_S = 1.0
BANNER_LINES = 3


class Main(Page):
    """Header, tabs, a view, the filter, the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"view('{view.name}')", show=False) for number, view in enumerate(View, 1)),
        Binding("right,l,tab", "column(1)", show=False),
        Binding("left,shift+tab", "column(-1)", show=False),
        Binding("slash", "filter", show=False),
        Binding("g", "go", show=False),
        Binding("escape", "clear", show=False),
        Binding("q", "app.quit", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.view = View.NOW
        self.words = ""
        self.piles = list(Pile)
        self.pile = Pile.WAITING
        self._first = 0
        """The first column of the board that is shown."""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        look = self.program.look
        yield Plate(look, id="head")
        yield Plate(look, id="tabs")
        yield Plate(look, id="banner")
        yield Rows(look, id=View.NOW)
        with Horizontal(id=View.BOARD):
            for pile in self.piles:
                yield Rows(look, id=pile.name)
        yield Rows(look, id=View.INBOX)
        yield Rows(look, id=View.AGENTS)
        yield Input(id="filter", compact=True, placeholder="words of the title, an id, #label, a status")
        yield Plate(look, id="said")
        yield Plate(look, id="keys")

    def on_mount(self) -> None:
        self._timer = self.set_interval(TICK_S, self._tick, pause=True)
        field = self.query_one("#filter", Input)
        field.cursor_blink = False
        field.display = False
        self._arrange()
        self.query_one(f"#{View.NOW}", Rows).show([text("…", "dim")])

    def on_resize(self, _: events.Resize) -> None:
        self._arrange()

    def on_rows_sized(self) -> None:
        self.show()

    # --- showing ---

    @property
    def rows(self) -> Rows:
        """The list that has the keys."""
        name = self.pile.name if self.view is View.BOARD else self.view
        return self.query_one(f"#{name}", Rows)

    def subject(self) -> tuple[str, Item | None]:
        key = self.rows.key
        seen = self.program.seen
        return key, None if seen is None else seen.lines.get(key)

    @property
    def stands(self) -> bool:
        """Its parts are there: what was seen may come before that, or when the program ends."""
        return bool(self.query("#keys"))

    def show(self) -> None:
        """Draws what was seen last."""
        seen = self.program.seen
        if seen is None or not self.stands:
            return
        look = self.program.look()
        self.query_one("#head", Plate).show(*heads.head(seen, look))
        self._show_tabs()
        self._show_banner()
        if self.view is View.BOARD:
            for pile in self.piles:
                column = seen.columns.get(pile, Column(cards=(), total=0))
                name = f" {pile} {column.total} "
                style = "heading"
                rows = self.query_one(f"#{pile.name}", Rows)
                rows.show(views.cards(pile, column, seen.at), head=(Piece(text=name, style=style),))
        else:
            rows = self.rows
            rows.show(views.rows_of(self.view, seen, self._inside(rows)))
        self._show_keys()
        self._tick_or_rest()

    def _inside(self, rows: Rows) -> Look:
        look = self.program.look_for(rows)
        return replace(look, width=max(1, look.width - GUTTER))

    def show_trouble(self) -> None:
        if self.stands:
            self._show_banner()

    def _show_tabs(self) -> None:
        seen = self.program.seen
        waiting = heads.person_count(seen) if seen is not None else 0
        self.query_one("#tabs", Plate).show(heads.tabs(self.view, waiting, self.words, self.program.look()))

    def _show_banner(self) -> None:
        trouble, seen = self.program.trouble, self.program.seen
        lines: list[str] = []
        if trouble is not None:
            lines = [f"! {trouble.message}", *([f"→ {trouble.hint}"] if trouble.hint else [])]
            lines += ["What you see is as it was before; it goes on by itself."] if seen is not None else []
        elif seen is not None and seen.overview.moved_to:
            lines = [f"! This backlog has moved: it goes on in {seen.overview.moved_to}"]
        look = self.program.look()
        rows = [row.lines[0] for line in lines for row in wrapped(line, look, "alarm")]
        self.query_one("#banner", Plate).show(*(self._filled(line) for line in rows[: BANNER_LINES + 1]))

    def _filled(self, line: Line) -> Line:
        return (Piece(text=line[0].text, style="alarm", width=self.size.width),)

    def _show_keys(self) -> None:
        key, item = self.subject()
        self.query_one("#keys", Plate).show(heads.keys_for(item, key))

    def on_rows_moved(self) -> None:
        self._show_keys()

    # --- ticking ---

    def _tick(self) -> None:
        for rows in self.query(Rows):
            if rows.display:
                rows.tick()

    def _tick_or_rest(self) -> None:
        """Nothing wakes up once a second where nothing lasts."""
        if self._timer is not None:
            ticks = any(row.ticks for rows in self.query(Rows) if rows.display for row in rows.rows)
            (self._timer.resume if ticks else self._timer.pause)()

    # --- views ---

    def action_view(self, name: str) -> None:
        self.view = View[name]
        self._arrange()
        self.show()
        self.program.feed.ask(Wish(view=self.view, words=self.words))

    def action_column(self, by: int) -> None:
        """The column beside it; elsewhere the view beside it."""
        if self.view is View.BOARD:
            at = self.piles.index(self.pile) + by
            self.pile = self.piles[max(0, min(len(self.piles) - 1, at))]
            self._arrange()
            self._show_keys()
            return
        every = list(View)
        self.action_view(every[(every.index(self.view) + by) % len(every)].name)

    def _arrange(self) -> None:
        """Shows the view, of the board as many columns as have room, the chosen one among them."""
        for view in View:
            self.query_one(f"#{view}").display = view is self.view
        room = max(1, min(len(self.piles), self.app.size.width // COLUMN_LEAST))
        at = self.piles.index(self.pile)
        self._first = max(at - room + 1, min(self._first, at, len(self.piles) - room))
        for number, pile in enumerate(self.piles):
            self.query_one(f"#{pile.name}").display = self._first <= number < self._first + room
        if not self.query_one("#filter", Input).has_focus:
            self.rows.focus()

    def on_rows_opened(self, event: Rows.Opened) -> None:
        if event.key.startswith("draft:"):
            self.program.push_screen(DraftPage(event.key))
        elif not event.key.startswith("agent:"):
            self.program.open_item(event.key)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A click on another column."""
        self.pile = next((pile for pile in self.piles if pile.name == event.widget.id), self.pile)

    # --- finding ---

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.words = event.value
        self._show_tabs()
        self.program.feed.ask(Wish(view=self.view, words=self.words))

    def on_input_submitted(self) -> None:
        self._close_filter()

    def action_clear(self) -> None:
        field = self.query_one("#filter", Input)
        field.value = ""
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self.rows.focus()

    def action_go(self) -> None:
        question = Words(
            self.program.look, "Go to which item? 12, SBI-12 or PBI-3:", hint="enter opens it   esc leaves"
        )
        self.program.push_screen(question, self._go)

    def _go(self, words: str | None) -> None:
        if not words or not words.strip():
            return
        try:
            found = normalise_id(words, Kind.SBI if words.strip().isdigit() else None)
            if not found.startswith((Kind.SBI, Kind.PBI)) or "-" not in found:
                raise DeespecError(f"{words} is no id of an SBI or PBI.")
        except DeespecError as error:
            self.tell(error.message, good=False)
            return
        self.program.open_item(found)
