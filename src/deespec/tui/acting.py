"""What a person does with keys: the acts of acts.py, asked back where they cannot be undone, done in a thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.message import Message
from textual.screen import Screen

from deespec import acts
from deespec.acts import ACTS, Says
from deespec.board.told import decided
from deespec.errors import DeespecError
from deespec.records import replace
from deespec.tui.dialogs import Sure, Words
from deespec.tui.feed import opened
from deespec.tui.lines import wrapped
from deespec.tui.painting import Plate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events

    from deespec.acts import Act
    from deespec.app import App
    from deespec.backlog.drafts import Decided
    from deespec.model.items import Line as Item
    from deespec.tui.app import Watch

SENDS = "enter says it   esc leaves it"


class Told(Message):
    """What came of an act."""

    def __init__(self, words: str, *, good: bool) -> None:
        super().__init__()
        self.words = words
        self.good = good


class Page(Screen[None]):
    """A screen with a subject, whose keys act on that."""

    @property
    def program(self) -> Watch:
        return cast("Watch", self.app)

    def subject(self) -> tuple[str, Item | None]:
        """The key of what the cursor stands on, and the item if it is one."""
        raise NotImplementedError

    def tell(self, words: str, *, good: bool = True) -> None:
        look = self.program.look()
        rows = wrapped(words, replace(look, width=max(1, look.width - 1)), "" if good else "yellow", indent=1)
        self.query_one("#said", Plate).show(*(row.lines[0] for row in rows))

    def on_told(self, event: Told) -> None:
        self.tell(event.words, good=event.good)
        self.program.feed.ask()

    def on_key(self, event: events.Key) -> None:
        if self.program.screen is not self:  # typed before the screen above was there: it was not meant for this
            return
        self.query_one("#said", Plate).show()
        key, item = self.subject()
        act = next((act for act in ACTS if act.key == event.character), None)
        if act is not None:
            event.stop()
            self._begin(act, item)
        elif event.character in ("y", "n") and key.startswith("draft:"):
            event.stop()
            self._decide(key.removeprefix("draft:"), approve=event.character == "y")
        elif event.character == "p":
            event.stop()
            self._pause_or_resume(key)

    # --- items ---

    def _begin(self, act: Act, item: Item | None) -> None:
        if item is None:
            self.tell(f"{act.title}: put the cursor on an item first.", good=False)
            return
        if not act.possible(item):
            self.tell(_impossible(act, item), good=False)
            return
        question = act.asks(item)
        if question is None:
            self._words(act, item)
            return
        sure = partial(self._answered, act, item)
        self.program.push_screen(Sure(self.program.look, str(question)), sure)

    def _answered(self, act: Act, item: Item, answer: str | None) -> None:
        if answer is not None:
            self._words(act, item)

    def _words(self, act: Act, item: Item) -> None:
        if act.says is Says.NOTHING:
            self._carry_out(act, item, None)
            return
        asked = f"{item.id} asks: {item.question}\n\n" if item.question and act.says is Says.MUST else ""
        hint = SENDS if act.says is Says.MUST else f"{SENDS}   (enter alone: without words)"
        question = f"{asked}{act.title} {item.id}. {act.words}:"
        self.program.push_screen(Words(self.program.look, question, hint=hint), partial(self._said, act, item))

    def _said(self, act: Act, item: Item, words: str | None) -> None:
        if words is not None:
            self._carry_out(act, item, words)

    def _carry_out(self, act: Act, item: Item, words: str | None) -> None:
        self.do(lambda app: str(acts.carry_out(app, act.name, item.number, words=words, turn=item.turn)))

    # --- drafts and agents ---

    def _decide(self, draft: str, *, approve: bool) -> None:
        parent, _, number = draft.rpartition("/")
        which = (parent, int(number))
        if approve:
            self.do(lambda app: _decided(acts.approve(app, [which])))
            return

        def reject(reason: str | None) -> None:
            if reason is not None:
                self.do(lambda app: _decided(acts.reject(app, [which], reason=reason)))

        question = Words(self.program.look, f"Reject {draft}. Why:", hint=SENDS)
        self.program.push_screen(question, reject)

    def _pause_or_resume(self, key: str) -> None:
        if not key.startswith("agent:"):
            self.tell("Pause: put the cursor on an agent first (4).", good=False)
            return
        name = key.removeprefix("agent:")
        self.do(lambda app: _turn_round(app, name))

    # --- doing ---

    def do(self, act: Callable[[App], str]) -> None:
        """In a thread, on a connection of its own."""
        self.run_worker(partial(self._do, act), thread=True)

    def _do(self, act: Callable[[App], str]) -> None:
        try:
            with opened(self.program.opener) as app:
                told = Told(act(app), good=True)
        except DeespecError as error:
            told = Told(f"{error.message}\n→ {error.hint}" if error.hint else error.message, good=False)
        self.post_message(told)


def _turn_round(app: App, name: str) -> str:
    if acts.resume_agent(app, name):
        return f"{name} goes on"
    acts.pause_agent(app, name)
    return f"{name} is paused: turns that run end as usual (p lets it go on)"


def _impossible(act: Act, item: Item) -> str:
    possible = ", ".join(f"{one.key} {one.title.lower()}" for one in acts.acts_for(item)) or "nothing"
    return f"{acts.impossible(act, item)}\nPossible: {possible}"


def _decided(found: Sequence[Decided]) -> str:
    return "\n".join(str(decided(one)) for one in found)
