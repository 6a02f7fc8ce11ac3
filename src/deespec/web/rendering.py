"""From a page to HTML: templates that escape everything, in the reader's language, with what every page has."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from deespec.clock import iso, local
from deespec.model.money import counted, usd
from deespec.records import record
from deespec.text import ago, clean
from deespec.web.links import is_web_address, page_of
from deespec.web.markdown import html_of
from deespec.web.meanings import DRAFTS, MEANINGS
from deespec.web.words import LANGUAGES, NAMES, words_of

if TYPE_CHECKING:
    from deespec.errors import DeespecError

TEMPLATES = Path(__file__).parent / "templates"
MARK_BYTES = 16
NAV = (
    ("/", "Board"),
    ("/inbox", "Inbox"),
    ("/register", "New"),
    ("/items", "Items"),
    ("/pbis", "PBIs"),
    ("/epics", "EPICs"),
    ("/agents", "Agents"),
    ("/journal", "Journal"),
    ("/figures", "Figures"),
    ("/graph", "Graph"),
)
"""The pages of the head line: path and English name. Names are translated in ja.toml like all texts."""


@record
class Frame:
    """What is around a page: the same for all who see it in this language and these colours."""

    language: str
    theme: str
    """light, dark, or empty for the one of the browser."""
    here: str
    """Path and query of the page."""
    version: str = ""
    now_ms: int = 0
    fragment: bool = False
    """Only what changes: the page is open already."""
    signed_in: bool = True
    read_only: bool = False
    waiting: int = 0
    """Entries of the inbox."""
    trouble: DeespecError | None = None
    moved_to: str | None = None


@record
class Html:
    """A page that many may see, with marks in the places of what only one session may.

    The marks are drawn when its texts are written already, so none can hold one, and they are never shown.
    """

    text: str
    csrf: str
    told: str

    @property
    def tells(self) -> bool:
        return self.told in self.text

    def filled(self, *, csrf: str, told: str) -> str:
        return self.text.replace(self.csrf, csrf).replace(self.told, told)


def render(frame: Frame, template: str, /, **values: object) -> Html:
    found = environment(frame.language).get_template(template)
    path = frame.here.partition("?")[0]
    csrf, told = (f"{name}-{secrets.token_hex(MARK_BYTES)}" for name in ("csrf", "told"))
    text = found.render(
        layout="fragment.html" if frame.fragment else "base.html",
        frame=frame,
        languages=[(name, NAMES[name]) for name in LANGUAGES],
        nav=[(to, name, to == path or (to != "/" and path.startswith(f"{to}/"))) for to, name in NAV],
        csrf=csrf,
        csrf_field=Markup('<input type="hidden" name="csrf" value="{}">').format(csrf),
        told=told,
        **values,
    )
    return Html(text=text, csrf=csrf, told=told)


def told(language: str, messages: list[str]) -> str:
    """What was done, as it is put into a page."""
    return _told(language, messages, failed=False, hint=None, partial=False)


def told_beside(language: str, message: str, *, failed: bool = False, hint: str | None = None) -> str:
    """What was done or was not, for a page that is open already."""
    return _told(language, [message], failed=failed, hint=hint, partial=True)


def _told(language: str, messages: list[str], **values: object) -> str:
    return environment(language).get_template("_told.html").render(messages=messages, **values)


@cache
def environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_harmless,
    )
    made.policies["ext.i18n.trimmed"] = True
    words = words_of(language)
    made.install_gettext_callables(words.say, words.say_many, newstyle=True)  # type: ignore[attr-defined]
    # What Jinja has made of these marks all that passes through them as harmless, and messages quote what was asked.
    made.globals |= {"gettext": words.say, "_": words.say, "ngettext": words.say_many}
    made.globals["english"] = Markup("" if language == "en" else ' lang="en"')  # for what the program itself says
    made.filters |= {
        "ago": ago if language == "en" else lambda ms: _in_japanese(ago(ms)),
        "local": local,
        "iso": iso,
        "usd": usd,
        "counted": counted,
        "markdown": html_of,
        "outside": _outside,
        "page_of": page_of,
        "meaning": lambda status: words.say(MEANINGS.get(status, "")),
        "drafted": lambda status: words.say(DRAFTS[status]),
    }
    return made


def _in_japanese(duration: str) -> str:
    """As board.js says it, too."""
    units = {"s": "秒", "min": "分", "h": "時間", "d": "日"}
    return " ".join(units.get(part, part) for part in duration.split(" "))


def _harmless(value: object) -> object:
    """Everything that templates put out passes here: no control characters, no signs that turn the direction."""
    return clean(value, lines=True) if type(value) is str else value


def _outside(url: str) -> str:
    """A URL from outside, for `href`; nothing but a web address gets through."""
    return url if is_web_address(url) else "#"
