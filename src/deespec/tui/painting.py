"""The widgets: a list with a cursor, and a plate of fixed lines. Both draw pieces of text and know no markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from deespec.records import replace
from deespec.tui.lines import Look, Row, drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.binding import BindingType

    from deespec.tui.lines import Line

STYLES = {
    "": Style(),
    "bold": Style(bold=True),
    "dim": Style(dim=True),
    "heading": Style(bold=True, color="cyan"),
    "red": Style(color="red"),
    "yellow": Style(color="yellow"),
    "green": Style(color="green"),
    "cyan": Style(color="cyan"),
    "selected": Style(reverse=True),
    "alarm": Style(reverse=True, bold=True),
}
GUTTER = 2
MARK = "▸ "


def strip(line: Line, look: Look, *, base: Style, over: str | None = None) -> Strip:
    """The line as Textual takes it; its width is ours, whatever Textual thinks of its characters."""
    segments = [Segment(words, base + STYLES[over or style]) for words, style in drawn(line, look)]
    return Strip(segments, look.width)


class Plate(Widget):
    """Some fixed lines; without any it takes no place."""

    def __init__(self, look: Callable[[], Look], *, id: str) -> None:
        super().__init__(id=id)
        self.look = look
        self.lines: tuple[Line, ...] = ()

    def show(self, *lines: Line) -> None:
        if lines == self.lines:
            return
        self.lines = lines
        self.styles.height = len(lines)
        self.display = bool(lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        line = self.lines[y] if y < len(self.lines) else ()
        return strip(line, replace(self.look(), width=self.size.width), base=self.rich_style)


class Rows(ScrollView, can_focus=True):
    """A list of rows, or a text if none of them can be selected. The cursor stays on what it stands for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
        Binding("pageup,b", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home", "end(-1)", show=False),
        Binding("end", "end(1)", show=False),
        Binding("enter", "open", show=False),
    ]

    class Opened(Message):
        """Enter was pressed on this."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """The cursor stands on something else."""

    class Sized(Message):
        """It has another width now: what it shows was made for the one before."""

    def __init__(self, look: Callable[[], Look], *, id: str) -> None:
        super().__init__(id=id)
        self.look = look
        self.head: Line | None = None
        """Stays on top."""
        self.rows: tuple[Row, ...] = ()
        self.follows = False
        """The end stays in sight."""
        self._lines: list[tuple[int, Line]] = []
        """Each with the number of its row."""
        self._at = 0
        """The row that the cursor stands on."""

    @property
    def key(self) -> str:
        """What the cursor stands on; empty: nothing."""
        return self.rows[self._at].key if self._at < len(self.rows) else ""

    @property
    def selectable(self) -> bool:
        return any(row.key for row in self.rows)

    def show(self, rows: Sequence[Row], *, head: Line | None = None) -> None:
        """Shows these; the cursor stays where it was, by key, else by place."""
        before, rows = self.key, tuple(rows)
        if rows == self.rows and head == self.head:
            return
        self.rows, self.head = rows, head
        self._lines = [(at, line) for at, row in enumerate(rows) for line in row.lines]
        same = next((at for at, row in enumerate(rows) if row.key and row.key == before), None)
        self._at = same if same is not None else self._nearest(min(self._at, max(0, len(rows) - 1)))
        self.virtual_size = Size(self._width, len(self._lines) + self._top)
        if self.follows:
            self.scroll_end(animate=False)
        self.refresh()
        if self.key != before:
            self.post_message(self.Moved())

    def select(self, key: str) -> bool:
        """Puts the cursor there, if it is shown."""
        found = next((at for at, row in enumerate(self.rows) if row.key == key), None)
        if found is not None:
            self._go(found)
        return found is not None

    def tick(self) -> None:
        """Draws the lines anew that show how long something has lasted, and no others."""
        top = self.scroll_offset.y
        for y in range(self._top, self.size.height):
            place = top + y - self._top
            if place < len(self._lines) and any(one.since_at is not None for one in self._lines[place][1]):
                self.refresh(Region(0, y, self.size.width, 1))

    # --- drawing ---

    @property
    def _width(self) -> int:
        """Without a scrollbar."""
        return self.scrollable_content_region.width

    @property
    def _top(self) -> int:
        return 0 if self.head is None else 1

    def render_line(self, y: int) -> Strip:
        look = replace(self.look(), width=self._width)
        base = self.rich_style
        if y < self._top:
            return strip(self.head or (), look, base=base, over="selected" if self.has_focus else None)
        place = y - self._top + self.scroll_offset.y
        if place >= len(self._lines):
            return Strip.blank(look.width, base)
        at, line = self._lines[place]
        if not self.selectable:
            return strip(line, look, base=base)
        on = at == self._at and bool(self.rows[at].key)
        first = place == 0 or self._lines[place - 1][0] != at
        marked = strip(line, replace(look, width=look.width - GUTTER), base=base, over=self._over(on and first))
        mark = Segment((MARK if look.ambiguous_width == 1 else "> ") if on and first else " " * GUTTER, base)
        return Strip([mark, *marked], look.width)

    def _over(self, on: bool) -> str | None:
        return "selected" if on and self.has_focus else None

    def on_focus(self, _: events.Focus) -> None:
        self.refresh()

    def on_blur(self, _: events.Blur) -> None:
        self.refresh()

    def on_resize(self, _: events.Resize) -> None:
        self.virtual_size = Size(self._width, len(self._lines) + self._top)
        self.post_message(self.Sized())

    def on_click(self, event: events.Click) -> None:
        place = event.y - self._top + self.scroll_offset.y
        if 0 <= place < len(self._lines) and self.rows[self._lines[place][0]].key:
            again = self._lines[place][0] == self._at
            self._go(self._lines[place][0])
            if again:
                self.action_open()

    # --- moving ---

    def action_step(self, by: int) -> None:
        if not self.selectable:
            self._scroll(by)
            return
        at = self._at + by
        while 0 <= at < len(self.rows) and not self.rows[at].key:
            at += by
        if 0 <= at < len(self.rows):
            self._go(at)
        else:
            self._scroll(by)  # headings above the first, notes below the last

    def action_page(self, by: int) -> None:
        page = max(1, self.size.height - self._top - 1)
        if not self.selectable:
            self._scroll(by * page)
            return
        lines = [at for at, _ in self._lines]
        place = lines.index(self._at) + by * page if self._at in lines else 0
        self._go(self._nearest(lines[max(0, min(len(lines) - 1, place))]))

    def action_end(self, by: int) -> None:
        if not self.selectable:
            self._scroll(by * (len(self._lines) + 1))
            return
        self._go(self._nearest(0 if by < 0 else len(self.rows) - 1))
        if by < 0:
            self.scroll_to(y=0, animate=False)

    def action_open(self) -> None:
        if self.key:
            self.post_message(self.Opened(self.key))

    def _scroll(self, by: int) -> None:
        self.follows = self.follows and by > 0
        self.scroll_to(y=self.scroll_offset.y + by, animate=False)

    def _nearest(self, at: int) -> int:
        """The nearest row that can be selected; below first."""
        below = (one for one in range(at, len(self.rows)) if self.rows[one].key)
        above = (one for one in range(min(at, len(self.rows)) - 1, -1, -1) if self.rows[one].key)
        return next(below, next(above, at))

    def _go(self, at: int) -> None:
        if at != self._at:
            self._at = at
            self.post_message(self.Moved())
        places = [place for place, (row, _) in enumerate(self._lines) if row == at]
        room = max(1, self.size.height - self._top)
        top = self.scroll_offset.y
        if places and places[0] < top:
            self.scroll_to(y=places[0], animate=False)
        elif places and places[-1] >= top + room:
            self.scroll_to(y=places[-1] - room + 1, animate=False)
        self.refresh()
