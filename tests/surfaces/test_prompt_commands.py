"""`prompt list|show|edit|reset|diff`: words of the project's own in the place of a built-in prompt, and back."""

from __future__ import annotations

import os
import pty
import re
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from person import Person

from deespec.board.health.findings import Level
from deespec.board.health.prompts import check_prompts
from deespec.cli.commands.prompt_look import complete_steps
from deespec.engine.prompt_rehearsal import rehearsal
from deespec.overrides import TEMPLATES, stamp_of

BUILTIN = (TEMPLATES / "implement.md").read_text(encoding="utf-8")
VERSION = int(re.findall(r"\d+", BUILTIN)[0])
OLD = BUILTIN.replace(f"implement {VERSION} #", f"implement {VERSION - 1} #")
Editor = Callable[[str], None]


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    made = Person(tmp_path, capsys, monkeypatch)
    (made.home / "config.toml").write_text('[workspace]\nmode = "shared"\n')
    return made


@pytest.fixture
def edits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Editor:
    """A person at a terminal, whose editor is a line of shell with the file as $1."""
    _, theirs = pty.openpty()
    monkeypatch.setattr("sys.stdin", os.fdopen(theirs, "r"))

    def settle(script: str) -> None:
        program = tmp_path / "editor"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("EDITOR", str(program))
        monkeypatch.delenv("VISUAL", raising=False)

    return settle


def own(person: Person, text: str, step: str = "implement") -> Path:
    folder = person.home / "prompts"
    folder.mkdir(exist_ok=True)
    path = folder / f"{step}.md"
    path.write_text(text, encoding="utf-8")
    return path


def row(person: Person, step: str = "implement") -> dict[str, object]:
    [found] = [one for one in person.json("prompt", "list")["items"] if one["step"] == step]
    return dict(found)


# --- list and show --------------------------------------------------------------------------------------------------


def test_the_list_names_each_step_with_its_version(person: Person) -> None:
    lines = person("prompt", "list").splitlines()
    assert [line.split()[0] for line in lines] == ["STEP", "decompose", "implement", "resolve", "review"]
    assert lines[2].split() == ["implement", str(VERSION), "-", "built-in"]


@pytest.mark.parametrize(
    ("text", "own_version", "state"),
    [
        (BUILTIN, str(VERSION), "own"),
        (OLD, str(VERSION - 1), "own, older than the built-in one → deespec prompt diff implement"),
        ("Do it.", "?", "own, made from an unknown one → deespec prompt diff implement"),
        (
            "{# deespec-prompt: review 9 #}",
            "review 9",
            "own, older than the built-in one → deespec prompt diff implement",
        ),
        (
            f"{BUILTIN}{{{{ nosuch }}}}",
            str(VERSION),
            f"cannot be used: line {BUILTIN.count(chr(10)) + 1}: asks for nosuch",
        ),
    ],
)
def test_the_list_says_what_state_each_is_in(person: Person, text: str, own_version: str, state: str) -> None:
    own(person, text)
    line = person("prompt", "list").splitlines()[2]
    assert re.split(r"\s{2,}", line)[2] == own_version
    assert state in line


def test_programs_are_told_versions_age_and_problem(person: Person) -> None:
    path = own(person, f"{OLD}{{% if %}}")
    found = row(person)
    assert (found["builtin"], found["own"], found["older"]) == (VERSION, str(path), True)
    assert found["made_from"] == {"step": "implement", "version": VERSION - 1}
    assert "Expected an expression" in str(found["problem"])
    assert row(person, "review")["own"] is None


def test_show_prints_the_prompt_and_where_something_is_not_there_yet(person: Person) -> None:
    person.add("Say hello", "--body", "Print it.\x1b[31m")
    out = person("prompt", "show", "implement", "1")
    assert "You work on **SBI-1: Say hello** (implement turn, turn 1)" in out
    assert "<outbox of the turn>/report.md" in out
    assert "\x1b" not in out
    found = person.json("prompt", "show", "review", "SBI-1")
    assert (found["step"], found["id"], found["warnings"]) == (
        "review",
        "SBI-1",
        ["The next step of SBI-1 is to implement."],
    )
    assert found["prompt"].startswith("You review ")


def test_what_is_to_be_known_of_a_shown_prompt_is_told_beside_it(person: Person) -> None:
    person.add("Say hello")
    out = person("prompt", "show", "review", "SBI-1")
    assert out.startswith("You review ")
    assert person.err == "! The next step of SBI-1 is to implement.\n"


@pytest.mark.parametrize(
    ("words", "exits", "told"),
    [
        (("implment", "SBI-1"), 2, "Did you mean implement?"),
        (("implement", "SBI-7"), 3, "SBI-7"),
        (("implement", "PBI-1"), 2, "PBI-1 is a PBI"),
        (("decompose", "SBI-1"), 2, "only those are decomposed"),
    ],
)
def test_what_cannot_be_shown_is_said_with_the_way_out(
    person: Person, words: tuple[str, ...], exits: int, told: str
) -> None:
    person("register", "pbi", "--title", "Group")
    person.add("One")
    assert told in person.refusal("prompt", "show", *words, exits=exits)


def test_the_shell_completes_steps() -> None:
    ctx, param = click.Context(click.Command("x")), click.Argument(["step"])
    assert complete_steps(ctx, param, "re") == ["resolve", "review"]


# --- edit -----------------------------------------------------------------------------------------------------------


def test_a_template_of_the_project_s_own_begins_as_a_copy_with_its_stamp(person: Person, edits: Editor) -> None:
    edits('cp "$1" seen; echo "Be kind." >> "$1"')
    assert "✓ " in person("prompt", "edit", "implement")
    assert Path("seen").read_text() == BUILTIN
    path = person.home / "prompts" / "implement.md"
    assert path.read_text() == f"{BUILTIN}Be kind.\n"
    assert stamp_of(path.read_text()) == stamp_of(BUILTIN)
    person.add("One")
    assert person("prompt", "show", "implement", "1").endswith("Be kind.\n")
    assert list((person.home / "edited").iterdir()) == []


def test_an_editor_that_is_left_without_a_change_makes_nothing(person: Person, edits: Editor) -> None:
    edits("true")
    assert person("prompt", "edit", "implement") == "implement: nothing was changed; the built-in prompt is used.\n"
    assert not (person.home / "prompts").exists()


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("{% if %}", "Expected an expression"),
        ("{{ nosuch }}", "asks for nosuch, which this prompt is not given"),
        ("{{ item.nosuch }}", "has no attribute 'nosuch'"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_refused_and_its_words_are_kept(
    person: Person, edits: Editor, added: str, told: str
) -> None:
    path = own(person, BUILTIN)
    edits(f'printf "%s" "{added}" >> "$1"')
    err = person.refusal("prompt", "edit", "implement", exits=2)
    assert f"The prompt implement cannot be rendered, line {BUILTIN.count(chr(10)) + 1}: " in err
    assert told in err
    assert path.read_text() == BUILTIN
    [kept] = (person.home / "edited").iterdir()
    assert kept.read_text() == f"{BUILTIN}{added}"
    assert f"mend it, then: deespec prompt edit implement -f {kept}" in err
    kept.write_text(f"{BUILTIN}Mended.\n")
    person("prompt", "edit", "implement", "-f", str(kept))
    assert path.read_text().endswith("Mended.\n")


def test_a_prompt_that_somebody_else_changes_meanwhile_is_not_overwritten(person: Person, edits: Editor) -> None:
    path = person.home / "prompts" / "implement.md"
    edits(f'mkdir -p "{path.parent}"; echo "Others." > "{path}"; echo Mine. >> "$1"')
    err = person.refusal("prompt", "edit", "implement", exits=4)
    assert "Somebody else has changed" in err
    assert path.read_text() == "Others.\n"
    assert "your text is kept" in err.lower()


def test_who_edits_an_old_one_is_told_so_until_it_has_the_stamp_of_today(person: Person, edits: Editor) -> None:
    own(person, OLD)
    edits('echo More. >> "$1"')
    person("prompt", "edit", "implement")
    stamp = str(stamp_of(BUILTIN))
    assert f"was made from implement {VERSION - 1}, and the built-in prompt is {stamp}" in person.err
    edits(f'sed -i "1s/.*/{{# deespec-prompt: {stamp} #}}/" "$1"')
    person("prompt", "edit", "implement")
    assert row(person)["older"] is False


def test_without_a_terminal_a_file_takes_the_editor_s_place(person: Person) -> None:
    assert "deespec prompt edit implement -f FILE" in person.refusal("prompt", "edit", "implement", exits=2)
    Path("mine.md").write_text(f"{BUILTIN}Mine.\n")
    found = person.json("prompt", "edit", "implement", "-f", "mine.md")
    assert (found["step"], found["changed"], found["problem"]) == ("implement", True, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (" \n", "A prompt with no words tells agents nothing."),
        ("hi", "The prompt review has neither the spec nor a command to answer with."),
        ("{{ item.spec }}\n\n    deespec sbi reviw --decision FAILED\n", "There is no command deespec sbi reviw."),
        ("{{ item.spec }}\n\n```sh\ndeespec sbi show --nosuch | head\n```\n", "No such option"),
    ],
)
def test_a_prompt_by_which_no_agent_could_work_is_refused(person: Person, text: str, told: str) -> None:
    Path("mine.md").write_text(text)
    assert told in person.refusal("prompt", "edit", "review", "-f", "mine.md", exits=2)
    assert row(person, "review")["own"] is None


@pytest.mark.parametrize(
    ("text", "missing"),
    [("{{ item.spec }}", "command to answer with"), ("    deespec sbi review --decision FAILED -f x | cat", "spec")],
)
def test_a_prompt_that_has_one_of_the_two_is_taken_with_a_word(person: Person, text: str, missing: str) -> None:
    Path("mine.md").write_text(f"{{# {stamp_of(BUILTIN)} #}}\n{text}")
    person("prompt", "edit", "review", "-f", "mine.md")
    assert f"! review has no {missing} any more\n" in person.err


@pytest.mark.parametrize("step", ["decompose", "implement", "resolve", "review"])
def test_each_built_in_prompt_with_words_more_is_taken(person: Person, step: str) -> None:
    Path("mine.md").write_text((TEMPLATES / f"{step}.md").read_text(encoding="utf-8") + "More.\n")
    assert person.json("prompt", "edit", step, "-f", "mine.md")["changed"] is True
    assert person.err == ""


def test_that_one_is_old_is_told_once(person: Person, edits: Editor) -> None:
    own(person, OLD)
    edits('echo More. >> "$1"')
    person("prompt", "edit", "implement")
    assert person.err.count("!") == 1
    Path("mine.md").write_text(f"{OLD}Mine.\n")
    person("prompt", "edit", "implement", "-f", "mine.md")
    assert person.err.count("!") == 1


def test_where_a_text_is_kept_is_told_letter_by_letter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(tmp_path / "My Work", capsys, monkeypatch)
    Path("mine.md").write_text("{{ nosuch }}")
    err = person.refusal("prompt", "edit", "review", "-f", "mine.md", exits=2)
    [kept] = (person.home / "edited").iterdir()
    assert f"→ Your text is kept; mend it, then: deespec prompt edit review -f {shlex.quote(str(kept))}\n" in err


def test_a_link_out_of_the_home_is_neither_edited_nor_followed(person: Person, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("A secret.")
    (person.home / "prompts").mkdir()
    (person.home / "prompts" / "implement.md").symlink_to(outside)
    Path("mine.md").write_text(BUILTIN)
    err = person.refusal("prompt", "edit", "implement", "-f", "mine.md", exits=2)
    assert "is a link that leads out of" in err
    assert outside.read_text() == "A secret."
    assert "A secret" not in person("prompt", "diff")
    person("prompt", "reset", "implement", "--yes")
    assert outside.read_text() == "A secret."
    assert row(person)["own"] is None


def test_nothing_is_edited_from_inside_a_turn(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine.md").write_text(f"{BUILTIN}Mine.\n")
    monkeypatch.setenv("DEESPEC_HOME", str(person.home))
    monkeypatch.setenv("DEESPEC_CLAIM", "e-1")
    monkeypatch.setenv("DEESPEC_ITEM", "SBI-1")
    for words in (("edit", "implement", "-f", "mine.md"), ("reset", "implement", "--yes")):
        assert "Not from inside a turn" in person.refusal("prompt", *words, exits=4)
    assert not (person.home / "prompts").exists()


# --- diff and reset -------------------------------------------------------------------------------------------------


def test_the_difference_to_the_built_in_prompt_is_shown_with_its_age(person: Person) -> None:
    path = own(person, OLD.replace("## The spec", "## What is wanted"))
    out = person("prompt", "diff")
    assert f"--- built-in implement.md\n+++ {path}\n" in out
    assert "\n-## The spec\n+## What is wanted\n" in out
    assert "what is new there is missing" in person.err
    [found] = person.json("prompt", "diff", "implement")["items"]
    assert found["older"] is True
    assert "+## What is wanted\n" in found["diff"]


def test_without_templates_of_one_s_own_there_is_no_difference(person: Person) -> None:
    assert person("prompt", "diff") == "The built-in prompts are used.\n"
    assert person("prompt", "diff", "review") == "review: the built-in prompt is used.\n"
    assert person.json("prompt", "diff")["items"] == []


def test_reset_shows_what_goes_and_keeps_a_copy(person: Person) -> None:
    path = own(person, f"{BUILTIN}Mine.\n")
    out = person("prompt", "reset", "implement", "--dry-run")
    assert "+Mine.\n" in out
    assert out.endswith(f"It would put {path} aside.\n")
    assert path.exists()
    assert "--yes" in person("prompt", "reset", "implement", exits=2) + person.err
    assert path.exists()
    out = person("prompt", "reset", "implement", "--yes")
    assert "+Mine.\n" in out
    assert not path.exists()
    [kept] = (person.home / "edited").iterdir()
    assert kept.read_text() == f"{BUILTIN}Mine.\n"
    assert str(kept) in out
    assert person("prompt", "reset", "implement", "--yes") == "implement: the built-in prompt is used already.\n"


def test_reset_tells_programs_what_went_and_where_it_is_kept(person: Person) -> None:
    own(person, f"{BUILTIN}Mine.\n")
    found = person.json("prompt", "reset", "implement", "--yes")
    assert (found["step"], found["reset"], found["dry_run"]) == ("implement", True, False)
    assert "+Mine.\n" in found["diff"]
    assert Path(found["kept"]).read_text().endswith("Mine.\n")
    assert person.json("prompt", "reset", "implement", "--yes")["reset"] is False


def test_the_check_of_doctor_names_the_command_that_shows_the_difference(person: Person) -> None:
    own(person, OLD)
    [found] = check_prompts(person.home, rehearsal(person.home))
    assert (found.level, found.fix) == (Level.WARNING, "deespec prompt diff implement")
