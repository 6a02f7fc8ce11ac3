"""What a prompt says of the language of reports, and what of a label's file agents are told."""

from __future__ import annotations

import re

import pytest
from workshop import Workshop, steps

from deespec.engine.prompt_values import language_of


def prompts(project: Workshop) -> list[str]:
    project.agent(steps())
    project.register(labels=("security",))
    project.drain()
    return [project.prompt(turn=turn.number) for turn in project.turns()]


def test_reports_are_asked_for_in_the_language_that_is_set(project: Workshop) -> None:
    project.settle("run", language="ja")
    implement, review = prompts(project)
    assert "Write your report, or your question, in Japanese (日本語)." in implement
    assert "Write your reasons, and what you have found, in Japanese (日本語)." in review


def test_no_language_is_named_where_none_is_set(project: Workshop) -> None:
    assert [prompt for prompt in prompts(project) if re.search("Write your .* in [A-Z]", prompt)] == []


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("en", "English"),
        ("JA", "Japanese (日本語)"),
        ("pt-BR", "Portuguese (português), as pt-BR"),
        ("gsw", "gsw"),
        ("tlh-x", "tlh-x"),
        (None, None),
        ("", None),
    ],
)
def test_a_language_is_named_in_words_where_they_are_known(tag: str | None, words: str | None) -> None:
    assert language_of(tag) == words


def test_the_front_matter_of_a_label_is_not_for_agents(project: Workshop) -> None:
    (project.home / "labels").mkdir()
    guide = "---\ndescription: Rules\npriority: 10\n---\n\nCheck every input.\n\n---\n\nEvery one.\n"
    (project.home / "labels" / "security.md").write_text(guide, encoding="utf-8")
    implement = prompts(project)[0]
    assert "priority: 10" not in implement
    assert "Check every input.\n\n---\n\nEvery one." in implement
