"""What a page is asked and what it answers. How to write one: see pages/__init__.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import InvalidInput, NotFound
from deespec.model.ids import number_of
from deespec.model.items import Kind
from deespec.model.spec import normalise_id
from deespec.records import record
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deespec.app import App
    from deespec.web.watching import Recent, Watching
    from deespec.web.words import Words

TEXT_MOST = 200
"""Characters of a word in a URL."""
FIELD_MOST = 1024 * 1024
"""Characters of a field: what a spec may have."""
PAGES_MOST = 100_000
NUMBER_DIGITS = 9
"""Of the number of an item, a draft or a turn."""


@record
class PageRequest:
    """One request, let in and read. What it asks for is still to be judged: everything in it may be hostile."""

    app: App
    path: str
    words: Words
    watching: Watching
    recent: Recent
    """Only for routes that are dear."""
    parameters: tuple[tuple[str, str], ...] = ()
    """The parts of the path that the route names."""
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = ()
    read_only: bool = False

    def say(self, text: str, /, **values: object) -> str:
        """The text in the reader's language."""
        return self.words.say(text, **values)

    # --- the path ---

    def part(self, name: str) -> str:
        """A part of the path that the route names."""
        return dict(self.parameters)[name]

    def id(self, name: str = "id") -> str:
        """The id in the path, as the backlog writes it. Raises NotFound for what cannot be one."""
        try:
            found = normalise_id(self.part(name), None)
        except InvalidInput as error:
            raise NotFound(error.message) from error
        if "-" not in found:
            raise NotFound(f"There is no item {self.part(name)}.")
        return found

    def work(self, name: str = "id") -> int:
        """The number of the work in the path: of an SBI, or of the decomposition of a PBI."""
        found = self.id(name)
        if found.startswith(Kind.EPIC):
            raise NotFound(f"{found} is neither an SBI nor a PBI.")
        return number_of(found)

    # --- the query ---

    def text(self, name: str, *, most: int = TEXT_MOST) -> str:
        """A word of the query, empty if it is not there."""
        found = next((value for key, value in self.query if key == name), "")
        return _bounded(found, name, most)

    def choice(self, name: str, allowed: Iterable[str]) -> str | None:
        """A word of the query that must be one of these; None if it is not there."""
        found = self.text(name)
        if not found:
            return None
        if found not in allowed:
            raise InvalidInput(f"{name} cannot be {clean(found)!r}.", hint=f"One of: {', '.join(allowed)}")
        return found

    def number(self, name: str, *, default: int = 1, most: int = PAGES_MOST) -> int:
        """A whole number from 1 in the query."""
        found = self.text(name)
        if not found:
            return default
        value = whole(found, digits=len(str(most)))
        if value is None or not 1 <= value <= most:
            raise InvalidInput(f"{name} must be a number from 1 to {most}.")
        return value

    # --- the form ---

    def field(self, name: str, *, most: int = FIELD_MOST) -> str:
        """A field of the form, empty if it is not there; a box that is ticked says what its `value` is."""
        return _bounded(next((value for key, value in self.form if key == name), ""), name, most)

    def whole(self, name: str) -> int | None:
        """A whole number from 0 in a field of the form; None: it holds none."""
        return whole(self.field(name))

    def fields(self, name: str, *, most: int = TEXT_MOST) -> tuple[str, ...]:
        """All fields with this name."""
        return tuple(_bounded(value, name, most) for key, value in self.form if key == name)


@record
class Page:
    """A page to be shown, or shown anew."""

    template: str
    title: str
    values: dict[str, object]
    """What the template reads, by name."""
    status: int = 200
    """A form with faults in it is shown again with 422."""


def page(template: str, /, *, title: str, status: int = 200, **values: object) -> Page:
    return Page(template=template, title=title, values=values, status=status)


@record
class Done:
    """A change was made: what to tell, and the page to go to; none: the one from which it came."""

    message: str
    then: str | None = None


@record
class Plain:
    """Something that is no page: a drawing, a log, a file to save."""

    content: str | bytes
    media_type: str = "text/plain; charset=utf-8"
    save_as: str | None = None
    """The name under which a browser saves it instead of showing it."""


Answer = Page | Done | Plain


def whole(text: str, *, digits: int = NUMBER_DIGITS) -> int | None:
    """The whole number from 0 that a text is; None: it is none, or has more digits than that."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def _bounded(text: str, name: str, most: int) -> str:
    if len(text) > most:
        raise InvalidInput(f"{name} is longer than {most} characters.")
    return text
