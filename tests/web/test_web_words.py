"""Everything that the board says is there in Japanese, and nothing more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2.ext import extract_from_ast
from jinja2.nodes import Template

import deespec.web
from deespec import acts
from deespec.acts import ACTS
from deespec.board import told
from deespec.board.workers import DEAD
from deespec.model.asking import DraftStatus, Severity
from deespec.model.items import Priority
from deespec.model.lifecycle import Step
from deespec.web import rendering
from deespec.web.meanings import DRAFTS, MEANINGS
from deespec.web.pages import agents, group
from deespec.web.words import choose, words_of

WEB = Path(deespec.web.__file__).parent
SAID_BELOW = (Path(str(acts.__file__)), Path(str(told.__file__)))
"""What is not the web's own and is said on its pages."""
LOOKED_UP = {
    *(act.title for act in ACTS),
    *(act.words for act in ACTS if act.words),
    *(name for _, name in rendering.NAV),
    *MEANINGS.values(),
    *DRAFTS.values(),
    *Priority,
    *Severity,
    *Step,
    "merge",
    *group.ACTS.values(),
    *group.QUESTIONS.values(),
    *agents.PAUSES.values(),
    *agents.STANDINGS.values(),
    *("running", "finishing", DEAD),
}
"""Texts that templates find under a name."""
PLACES = re.compile(r"%\(\w+\)s")


def said() -> set[str]:
    """Every English text: of templates, of `say(...)`, of titles that are fields of records, all that has places."""
    environment = rendering.environment("en")
    found = set(LOOKED_UP)
    for path in rendering.TEMPLATES.glob("*.html"):
        tree = environment.parse(path.read_text(encoding="utf-8"))
        found |= set(_in_template(tree))
    for path in (*WEB.rglob("*.py"), *SAID_BELOW):
        found |= set(_in_python(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _in_template(tree: Template) -> Iterator[str]:
    for _, _, texts in extract_from_ast(tree):
        yield from (text for text in ((texts,) if isinstance(texts, str) else texts or ()) if text is not None)


def _in_python(tree: ast.AST) -> list[str]:
    """What is said by `say("…")` or `Said(text="…")`, and `title="…"` of records that templates translate."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            found += [node.value] if PLACES.search(node.value) else []
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "say" and node.args and isinstance(node.args[0], ast.Constant):
            found.append(str(node.args[0].value))
        if name == "part" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            found.append(str(node.args[1].value))
        wanted = {"Column": "title", "Said": "text"}.get(name)
        found += [str(k.value.value) for k in node.keywords if k.arg == wanted and isinstance(k.value, ast.Constant)]
    return [text for text in found if text]


def test_everything_is_said_in_japanese() -> None:
    table = words_of("ja")._table
    assert sorted(text for text in said() if text not in table) == []


def test_what_becomes_of_a_draft_has_a_word_of_its_own() -> None:
    """It is told apart from an item that is open, in both languages."""
    assert sorted(DRAFTS) == sorted(DraftStatus)
    for language in ("en", "ja"):
        words = words_of(language)
        said = {words.say(text) for text in DRAFTS.values()}
        assert len(said) == len(DraftStatus)
        assert words.say("open") not in said


@pytest.mark.parametrize(("one", "other"), [("Retry", "Resume"), ("Journal", "History"), ("Findings", "Remarks")])
def test_two_things_have_two_names(one: str, other: str) -> None:
    assert words_of("ja").say(one) != words_of("ja").say(other)


def test_what_an_act_has_done_is_said_in_the_reader_s_language() -> None:
    ids = [f"SBI-{number}" for number in range(1, told.NAMED_MOST + 3)]
    words = words_of("ja")
    assert told.Said(text="%(id)s held", values={"id": "SBI-6"}).by(words.say) == "SBI-6 を保留にしました"
    both = told.Said(text="blocked then: %(ids)s", values={"ids": told.named(ids)})
    assert str(both).endswith("SBI-20 and 2 more")
    assert both.by(words.say).endswith("SBI-20 ほか 2 件")


def test_places_in_a_text_are_kept() -> None:
    wrong = {
        english: japanese
        for english, japanese in words_of("ja")._table.items()
        if sorted(PLACES.findall(english)) != sorted(PLACES.findall(japanese))
    }
    assert wrong == {}


def test_a_header_that_makes_no_sense_means_english() -> None:
    assert choose(None, None, ";;q=,=;q=x,ja;q=no," * 50) == "en"
