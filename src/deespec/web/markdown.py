"""Markdown from people and agents as HTML that can do nothing: no HTML of its own, no images, plain links only."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from deespec.text import clean
from deespec.web.links import is_web_address, split_or_none

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

RENDERED_MOST = 60_000
"""Characters; longer texts are shown as they are."""
CELLS_MOST = 20_000
"""Lines times columns; rows that are too short are filled up, so a short text could become a huge table."""
BRACKETS_MOST = 2_000
"""For each that opens it is looked whether a link or an image begins there, over and over where none does."""
KEPT_CHARACTERS = 1_000_000
"""Of texts and what was made of them, so that they are not rendered again when their page is."""
TOP_HEADING = 3
"""The highest heading of a text within a page, whose own are above."""
LOWEST_HEADING = 6


def html_of(text: str) -> Markup:
    """What may be put into a page as it is."""
    cleaned = clean(text, lines=True)
    if len(cleaned) > RENDERED_MOST or cleaned.count("[") > BRACKETS_MOST:
        return Markup('<pre tabindex="0">') + escape(cleaned) + Markup("</pre>")
    return _KEPT.get(cleaned)


class _Kept:
    """What was rendered last, for all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: OrderedDict[str, Markup] = OrderedDict()
        self.characters = 0

    def get(self, text: str) -> Markup:
        with self._lock:
            if text in self._found:
                self._found.move_to_end(text)
                return self._found[text]
        made = _rendered(text)
        with self._lock:
            if text not in self._found:
                self._found[text] = made
                self.characters += len(text) + len(made)
            while self.characters > KEPT_CHARACTERS:
                old, html = self._found.popitem(last=False)
                self.characters -= len(old) + len(html)
        return made


_KEPT = _Kept()


def _rendered(text: str) -> Markup:
    lines = text.splitlines()
    columns = max((line.count("|") for line in lines), default=0)
    parser = _parser(tables=columns * len(lines) <= CELLS_MOST)
    env: EnvType = {}
    tokens = parser.parse(text, env)
    _set_headings(tokens)
    _align(tokens)
    return Markup(parser.renderer.render(tokens, parser.options, env))


@cache
def _parser(*, tables: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20})
    parser.enable(["strikethrough", *(["table"] if tables else [])]).disable(["html_block", "html_inline"])
    parser.validateLink = _may_be_linked  # type: ignore[method-assign]
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("code_block", _code)
    parser.add_render_rule("table_open", _table)
    parser.add_render_rule("table_close", _table_end)
    return parser


def _may_be_linked(url: str) -> bool:
    parts = split_or_none(url)
    return is_web_address(url) or (parts is not None and parts.scheme == "mailto")


def _set_headings(tokens: Sequence[Token]) -> None:
    """Below those of the page, and none more than one deeper than the one before it."""
    before = TOP_HEADING - 1
    used = sorted({token.tag for token in tokens if token.type == "heading_open"})
    for token in tokens:
        if token.type == "heading_open":
            before = min(TOP_HEADING + used.index(token.tag), before + 1, LOWEST_HEADING)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{before}"


def _align(tokens: Sequence[Token]) -> None:
    """Cells say by a class what they would say by a style, which the page's policy refuses."""
    for token in tokens:
        if token.type in ("th_open", "td_open") and (style := str(token.attrs.pop("style", ""))):
            token.attrSet("class", f"to-{style.rpartition(':')[2].strip()}")


def _image(_: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, ___: EnvType) -> str:
    """Only its words: an image would be fetched from wherever the text says."""
    return str(escape(tokens[index].content))


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    tokens[index].attrSet("rel", "noreferrer noopener nofollow")
    tokens[index].attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, env)


def _code(_: RendererHTML, tokens: Sequence[Token], index: int, __: OptionsDict, ___: EnvType) -> str:
    """Whoever has no mouse can scroll what is too wide."""
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'


def _table(_: RendererHTML, __: Sequence[Token], ___: int, ____: OptionsDict, _____: EnvType) -> str:
    return '<div class="scroll" tabindex="0"><table>\n'


def _table_end(_: RendererHTML, __: Sequence[Token], ___: int, ____: OptionsDict, _____: EnvType) -> str:
    return "</table></div>\n"
