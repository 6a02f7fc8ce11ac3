"""SVG as text: escaped, without styles or scripts, in colours that the page may change and patterns that need none.

A series is drawn in `currentColor` below an element whose class (s1 to s6) names it: a page's style sheet sets `color`
for these classes, and where none does, the presentation attribute holds. Texts and axes are in the colour of the text
around the picture.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from deespec.text import clean, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Words = Callable[[str], str]

WIDTH = 720
TEXT_PX = 11
LETTER_PX = 6.1
"""A column of text of that size, by and large; signs of two columns take two."""
COLOURS = ("#2f6fd0", "#c26a12", "#1f8a70", "#8a5cc2", "#c8433f", "#7a818b")
"""Each is readable on white and on black."""
PATTERNS = (
    "",
    '<path d="M0 0V6" stroke="currentColor" stroke-width="2.4"/>',
    '<circle cx="3" cy="3" r="1.4" fill="currentColor"/>',
    '<path d="M0 0V6M0 0H6" stroke="currentColor" stroke-width="1.3"/>',
    '<path d="M0 0H6" stroke="currentColor" stroke-width="1.6"/>',
    "",
)
"""What a series is filled with beside its colour, one a series; the first is full, the last is pale."""
TILTED = (1, 3)
PALE = 0.22


def say(text: str) -> str:
    return text


def safe(text: object) -> str:
    """Fit for SVG wherever it stands, and without what XML may not hold."""
    return escape(
        "".join(one for one in clean(str(text)) if not ("\ud800" <= one <= "\udfff" or one in "\ufffe\uffff"))
    )


def n(value: float) -> str:
    """A coordinate, as short as it is exact enough."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text not in ("-0.0", "0.0") else "0"


def picture(name: str, title: str, desc: str, *, height: float, parts: Iterable[str], width: float = WIDTH) -> str:
    """The whole; `name` is its own on a page, as the ids in it begin with it."""
    own = safe(name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {n(width)} {n(height)}" width="100%" '
        f'role="img" aria-labelledby="{own}-title {own}-desc" font-size="{TEXT_PX}" fill="currentColor">'
        f'<title id="{own}-title">{safe(title)}</title><desc id="{own}-desc">{safe(desc)}</desc>{"".join(parts)}</svg>'
    )


def text(x: float, y: float, words: object, *, anchor: str = "start", quiet: bool = False, bold: bool = False) -> str:
    more = f' text-anchor="{anchor}"' if anchor != "start" else ""
    more += ' opacity=".72"' if quiet else ""
    more += ' font-weight="600"' if bold else ""
    return f'<text x="{n(x)}" y="{n(y)}"{more}>{safe(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, *, strong: bool = False) -> str:
    opacity = ".55" if strong else ".16"
    return f'<path d="M{n(x1)} {n(y1)}L{n(x2)} {n(y2)}" stroke="currentColor" stroke-opacity="{opacity}"/>'


def series(number: int, inside: str) -> str:
    """What belongs to the series of this number, from 0."""
    at = number % len(COLOURS)
    return f'<g class="s{at + 1}" color="{COLOURS[at]}">{inside}</g>'


def fill(name: str, number: int) -> str:
    """The attributes that fill a shape of this series."""
    at = number % len(PATTERNS)
    if PATTERNS[at]:
        return f'fill="url(#{safe(name)}-p{at})" stroke="currentColor" stroke-width=".8"'
    if at:
        return f'fill="currentColor" fill-opacity="{PALE}" stroke="currentColor" stroke-width=".8"'
    return 'fill="currentColor"'


def patterns(name: str, numbers: Iterable[int]) -> str:
    """What fill() refers to, for these series."""
    found = []
    for at in sorted({number % len(PATTERNS) for number in numbers}):
        if PATTERNS[at]:
            tilted = ' patternTransform="rotate(45)"' if at in TILTED else ""
            back = f'<rect width="6" height="6" fill="currentColor" fill-opacity="{PALE}"/>'
            head = f'<pattern id="{safe(name)}-p{at}" width="6" height="6" patternUnits="userSpaceOnUse"{tilted}>'
            found.append(series(at, f"{head}{back}{PATTERNS[at]}</pattern>"))
    return f"<defs>{''.join(found)}</defs>" if found else ""


def legend(name: str, labels: Iterable[tuple[str, int]], *, x: float, y: float) -> str:
    """Words, each beside a swatch of the series whose number stands with it."""
    parts = []
    for label, number in labels:
        parts.append(series(number, f'<rect x="{n(x)}" y="{n(y - 9)}" width="14" height="10" {fill(name, number)}/>'))
        parts.append(text(x + 19, y, label))
        x += 19 + columns(label) * LETTER_PX + 18
    return "".join(parts)


def columns(words: str) -> int:
    """How wide a text is, in letters."""
    return width_of(clean(words), 1)


def nothing(name: str, title: str, words: Words) -> str:
    """In the place of a chart that has nothing to show."""
    told = words("Nothing yet in this time.")
    return picture(name, title, told, height=44, parts=[text(0, 26, told, quiet=True)])
