"""Everything that the board says is there in Japanese, and nothing more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2.ext import extract_from_ast
from jinja2.nodes import Template

import deespec.web
from deespec.acts import ACTS
from deespec.model.items import Priority
from deespec.model.lifecycle import Step
from deespec.web import rendering
from deespec.web.meanings import MEANINGS
from deespec.web.words import choose, words_of

WEB = Path(deespec.web.__file__).parent
PLACES = re.compile(r"%\(\w+\)s")


def said() -> set[str]:
    """Every English text: of templates, of `say(...)`, and of titles that are fields of records."""
    environment = rendering.environment("en")
    found = {text for act in ACTS for text in (act.title, act.words) if text} | {name for _, name in rendering.NAV}
    found |= {*MEANINGS.values(), *Priority, *Step}
    for path in rendering.TEMPLATES.glob("*.html"):
        tree = environment.parse(path.read_text(encoding="utf-8"))
        found |= set(_in_template(tree))
    for path in WEB.rglob("*.py"):
        found |= set(_in_python(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _in_template(tree: Template) -> Iterator[str]:
    for _, _, texts in extract_from_ast(tree):
        yield from (text for text in ((texts,) if isinstance(texts, str) else texts or ()) if text is not None)


def _in_python(tree: ast.AST) -> list[str]:
    """What is said by `say("…")`, and `title="…"` of records that templates translate."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "say" and node.args and isinstance(node.args[0], ast.Constant):
            found.append(str(node.args[0].value))
        if name == "part" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            found.append(str(node.args[1].value))
        if name == "Column":
            found += [
                str(k.value.value) for k in node.keywords if k.arg == "title" and isinstance(k.value, ast.Constant)
            ]
    return [text for text in found if text]


def test_everything_is_said_in_japanese() -> None:
    table = words_of("ja")._table
    assert sorted(text for text in said() if text not in table) == []


def test_places_in_a_text_are_kept() -> None:
    wrong = {
        english: japanese
        for english, japanese in words_of("ja")._table.items()
        if sorted(PLACES.findall(english)) != sorted(PLACES.findall(japanese))
    }
    assert wrong == {}


def test_a_header_that_makes_no_sense_means_english() -> None:
    assert choose(None, None, ";;q=,=;q=x,ja;q=no," * 50) == "en"
