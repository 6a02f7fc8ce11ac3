"""Questions to the person, at the bottom of the screen: yes or no, and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from deespec.tui.lines import Look, Piece, wrapped
from deespec.tui.painting import Plate

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

QUESTION_LINES = 10


class Dialog(ModalScreen[str | None]):
    """A question over the whole width; Escape is no answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, look: Callable[[], Look], question: str, hint: str) -> None:
        super().__init__()
        self.look = look
        self.question = question
        self.hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Plate(self.look, id="rule")
            yield Plate(self.look, id="question")
            yield from self.field()
            yield Plate(self.look, id="hint")

    def field(self) -> ComposeResult:
        yield from ()

    def on_mount(self) -> None:
        self.fill(self.app.size.width)

    def on_resize(self, event: events.Resize) -> None:
        self.fill(event.size.width)

    def fill(self, width: int) -> None:
        look = self.look()
        rows = list(wrapped(self.question, Look(width=width - 2, ambiguous_width=look.ambiguous_width), indent=1))
        shown = [row.lines[0] for row in rows[:QUESTION_LINES]]
        if len(rows) > QUESTION_LINES:
            shown.append((Piece(text=f" … {len(rows) - QUESTION_LINES} more lines: enter on the item shows them"),))
        self.query_one("#rule", Plate).show((Piece(text=" " * width, style="selected"),))
        self.query_one("#question", Plate).show(*shown)
        self.query_one("#hint", Plate).show((Piece(text=f" {self.hint}", style="dim"),))

    def action_leave(self) -> None:
        self.dismiss(None)


class Sure(Dialog):
    """Yes or no."""

    def __init__(self, look: Callable[[], Look], question: str) -> None:
        super().__init__(look, question, "y yes   n no")

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in ("y", "Y"):
            self.dismiss("y")
        elif event.key in ("n", "N", "q", "escape"):
            self.dismiss(None)


class Words(Dialog):
    """A line of words, perhaps an empty one."""

    def __init__(self, look: Callable[[], Look], question: str, *, hint: str) -> None:
        super().__init__(look, question, hint)

    def field(self) -> ComposeResult:
        field = Input(id="words", compact=True)
        field.cursor_blink = False
        yield field

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)
