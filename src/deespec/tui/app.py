"""`deespec watch`: the program on the terminal. It draws what the feed has seen, and owns no state of the backlog."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.filter import NoColor
from textual.message import Message
from textual.worker import WorkerFailed

from deespec.records import replace
from deespec.tui.feed import Feed, Trouble
from deespec.tui.item import HelpPage, ItemPage, TextPage
from deespec.tui.lines import Look
from deespec.tui.main import Main

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType
    from textual.filter import LineFilter
    from textual.screen import Screen
    from textual.widget import Widget

    from deespec.clock import Clock
    from deespec.tui.feed import Opener
    from deespec.tui.seen import Seen

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class HasSeen(Message):
    """The feed has looked."""

    def __init__(self, seen: Seen | Trouble) -> None:
        super().__init__()
        self.seen = seen


class HasFailed(Message):
    """The feed has met a bug."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Watch(App[None]):
    """The whole of it: a main screen, and pages above it."""

    CSS_PATH = "watch.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", show=False),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, opener: Opener, *, clock: Clock, no_color: bool = False) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.opener = opener
        self.clock = clock
        self.seen: Seen | None = None
        self.trouble: Trouble | None = None
        self.failure: Exception | None = None
        """What ended it, if it was not the person."""
        self.main = Main()
        self.feed = Feed(opener, tell=self._has_seen, fail=self._has_failed)
        self._plain = [NoColor()] if no_color else []

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._plain]

    def look(self) -> Look:
        """What drawing goes by now."""
        ambiguous = self.seen.ambiguous_width if self.seen is not None else 1
        return Look(width=self.size.width, ambiguous_width=ambiguous, now=self.clock.now_ms())

    def look_for(self, widget: Widget) -> Look:
        """The same for the room inside a widget."""
        return replace(self.look(), width=max(1, widget.scrollable_content_region.width))

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            with suppress(RuntimeError, ValueError):  # not in a test's thread
                loop.add_signal_handler(number, self.exit)
        self.feed.start()

    def on_unmount(self) -> None:
        self.feed.end()

    # --- from the feed's thread ---

    def _has_seen(self, seen: Seen | Trouble) -> None:
        with suppress(RuntimeError):  # it is closing
            self.post_message(HasSeen(seen))

    def _has_failed(self, error: Exception) -> None:
        with suppress(RuntimeError):
            self.post_message(HasFailed(error))

    # --- in the loop ---

    def on_has_seen(self, event: HasSeen) -> None:
        if isinstance(event.seen, Trouble):
            self.trouble = event.seen
            self.main.show_trouble()
            return
        self.seen, self.trouble = event.seen, None
        self.main.show()
        for screen in self.screen_stack:
            if isinstance(screen, TextPage):
                screen.load()

    def on_has_failed(self, event: HasFailed) -> None:
        raise event.error

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpPage):
            self.push_screen(HelpPage())

    def open_item(self, item_id: str) -> None:
        self.push_screen(ItemPage(item_id))

    def _handle_exception(self, error: Exception) -> None:
        """Ends without a traceback over the person's terminal: the command says in two lines what it was."""
        self.failure = error.error if isinstance(error, WorkerFailed) and isinstance(error.error, Exception) else error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()
