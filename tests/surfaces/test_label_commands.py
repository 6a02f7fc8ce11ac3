"""`label …` as a person uses it, and what other commands say of labels that are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from person import Person

from deespec.clock import Clock
from deespec.model.asking import Draft
from deespec.store.opener import FILE, open_store


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    made = Person(tmp_path, capsys, monkeypatch)
    (made.home.parent / "docs").mkdir()
    (made.home.parent / "docs" / "api.md").write_text("# API\n\nUse nouns.\n")
    return made


def test_a_label_is_registered_with_a_template_and_shown(person: Person) -> None:
    said = person(
        "label", "register", "backend", "docs/api.md", "-d", "Server side", "--priority", "5", "-b", "Be kind."
    )
    assert said == "✓ label backend registered\n"
    person.add("One", "-l", "backend")
    shown = person.json("label", "show", "backend")
    assert (shown["priority"], shown["templates"], shown["carriers"]) == (5, ["docs/api.md"], ["SBI-1"])
    [listed] = person.json("label", "list")["labels"]
    assert (listed["name"], listed["carriers"]) == ("backend", 1)
    assert "Use nouns." in person("label", "templates", "backend")
    assert person("label", "check") == "✓ 1 label: all is well\n"


def test_a_dry_run_registers_nothing(person: Person) -> None:
    assert person("label", "register", "a", "--dry-run") == "would register label a\n"
    assert person.json("label", "list")["labels"] == []


def test_of_several_processes_that_register_one_name_one_wins(person: Person) -> None:
    command = [sys.executable, "-m", "deespec", "label", "register", "same", "--body"]
    started = [
        subprocess.Popen([*command, f"of {number}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for number in range(4)
    ]
    assert sorted(one.wait() for one in started) == [0, 4, 4, 4]
    assert person.json("label", "show", "same")["text"].startswith("of ")


def test_a_template_from_elsewhere_is_copied_on_consent_only(person: Person, tmp_path: Path) -> None:
    (tmp_path / "out.md").write_text("Theirs.\n")
    said = person.refusal("label", "register", "a", str(tmp_path / "out.md"), exits=2)
    assert "outside of the project" in said
    person("label", "register", "a", str(tmp_path / "out.md"), "--copy")
    assert person.json("label", "show", "a")["templates"] == [".deespec/labels/templates/out.md"]
    assert person.json("label", "templates", "a")["texts"][0]["text"] == "Theirs."
    person("label", "delete", "a", "--yes")
    assert list((person.home / "labels" / "templates").iterdir()) == []


def test_a_template_that_is_not_there_is_refused(person: Person) -> None:
    assert person.refusal("label", "register", "a", "docs/no.md", exits=2).startswith("docs/no.md is not there.")


def test_update_changes_what_is_named_and_nothing_else(person: Person) -> None:
    person("label", "register", "a", "-d", "old", "-b", "Words.")
    assert person("label", "update", "a", "-d", "new", "--add-template", "docs/api.md") == (
        "✓ label a changed: description, templates\n"
    )
    assert person.json("label", "show", "a")["text"] == "Words."
    changed = person.json("label", "update", "a", "--clear", "text", "--remove-template", "docs/api.md")
    assert (changed["changed"], changed["description"]) == (["templates", "text"], "new")
    assert "nothing was changed" in person("label", "update", "a", "-d", "new")
    assert "There is nothing to change." in person.refusal("label", "update", "a", exits=2)
    assert "a has no template x.md." in person.refusal("label", "update", "a", "--remove-template", "x.md", exits=3)


def test_a_priority_can_be_set_back_to_0(person: Person) -> None:
    person("label", "register", "a", "--priority", "3")
    assert person.json("label", "update", "a", "--priority", "0")["priority"] == 0


@pytest.mark.parametrize(
    ("words", "field"), [(("-b", ""), "text"), (("-f", "empty.md"), "text"), (("-d", ""), "description")]
)
def test_what_is_given_empty_is_emptied(person: Person, words: tuple[str, ...], field: str) -> None:
    Path("empty.md").write_text("")
    person("label", "register", "a", "-d", "old", "-b", "Words.")
    assert person.json("label", "update", "a", *words)["changed"] == [field]
    assert person.json("label", "show", "a")[field] == ""


@pytest.mark.parametrize("verb", ["register", "update"])
def test_a_text_that_is_not_utf8_is_refused_by_name(person: Person, verb: str) -> None:
    person.labels("there")
    name = "there" if verb == "update" else "bad"
    command = [sys.executable, "-m", "deespec", "label", verb, name, "--stdin"]
    done = subprocess.run(command, input=b"a\n\xff\xfe", capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode().splitlines()[0]) == (
        2,
        "standard input:2: there are bytes that are not UTF-8.",
    )


@pytest.mark.parametrize(("file", "lines", "told"), [("x.secret.md", 1, "*.secret.md"), ("long.md", 1_500, "1,000")])
def test_the_own_text_of_a_label_is_refused_like_a_template(person: Person, file: str, lines: int, told: str) -> None:
    Path(file).write_text("x\n" * lines)
    person.labels("a")
    for verb, name in (("register", "b"), ("update", "a")):
        assert told in person.refusal("label", verb, name, "-f", file, exits=2)
    assert person.json("label", "list")["labels"][0]["name"] == "a"
    (person.home / "labels" / "a.md").write_text("x\n" * 1_500)
    assert "a: The text of a has 1,500 lines; the limit is 1,000." in person("label", "check", exits=1)
    person.add("One", "-l", "a")
    assert "Guidelines left out of this prompt: The text of a has 1,500 lines" in person(
        "prompt", "show", "implement", "1"
    )


def test_a_label_is_shown_with_all_that_carry_it_however_it_is_spelt(person: Person) -> None:
    (person.home / "labels").mkdir()
    (person.home / "labels" / "web-css.md").write_text("x")
    person.add("One", "-l", "web/css")
    assert person.json("label", "show", "web-css")["carriers"] == ["SBI-1"]


@pytest.mark.parametrize(
    "words", [("show",), ("templates",), ("update", "-d", "x"), ("delete", "--yes"), ("rename", "other")]
)
def test_a_label_that_is_none_is_not_found_and_no_other_is_made(person: Person, words: tuple[str, ...]) -> None:
    person.labels("backend")
    verb, *rest = words
    assert person.refusal("label", verb, "nope", *rest, exits=3) == "There is no label nope.\n→ deespec label list\n"
    assert "→ Did you mean backend?\n" in person.refusal("label", verb, "backedn", *rest, exits=3)


def test_a_rehearsed_deletion_tells_its_whole_effect(person: Person) -> None:
    person("label", "register", "a", "-b", "x")
    person("label", "register", "b", "--parent", "a")
    person("register", "pbi", "--title", "P", "-l", "a")
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        tx.add_draft(Draft(parent="PBI-1", number=1, title="D", spec="s", labels=("a",)))
    store.close()
    assert person("label", "delete", "a", "--detach", "--dry-run") == (
        "would delete label a\n  it is taken away from 1 item and 1 draft\n  label b has no parent then\n"
    )
    found = person.json("label", "rename", "a", "c")
    assert (found["items"], found["drafts"]) == (1, 1)


def test_rename_and_delete_say_what_became_of_the_items(person: Person) -> None:
    person.labels("a")
    person.add("One", "-l", "a")
    assert person("label", "rename", "a", "b") == "✓ label a is b now, in 1 item\n"
    assert person.json("sbi", "show", "1")["labels"] == ["b"]
    assert person.refusal("label", "delete", "b", "--yes", exits=4).startswith("b is carried by SBI-1.")
    assert person("label", "delete", "b", "--detach", "--dry-run") == (
        "would delete label b\n  it is taken away from 1 item\n"
    )
    assert "--yes" in person.refusal("label", "delete", "b", "--detach", exits=2)
    person("label", "delete", "b", "--detach", "--yes")
    assert person.json("sbi", "show", "1")["labels"] == []


def test_attach_and_detach_take_items_of_every_kind(person: Person) -> None:
    person.labels("a")
    person.add("One")
    person("register", "pbi", "--title", "P")
    assert person("label", "attach", "a", "SBI-1", "PBI-1") == ("✓ SBI-1 carries a now\n✓ PBI-1 carries a now\n")
    assert "SBI-1 carries a anyway" in person("label", "attach", "a", "SBI-1")
    assert person.json("label", "detach", "a", "PBI-1")["items"] == [{"id": "PBI-1", "changed": True}]


def test_import_says_what_it_took_and_what_not(person: Person) -> None:
    (person.home.parent / "docs" / "x.secret.md").write_text("x")
    assert "→ api.md → api" in person("label", "import", "docs", "--dry-run")
    said = person("label", "import", "docs")
    assert said.endswith("1 label imported, 1 left out\n")
    assert "x.secret.md left out: it is excluded: *.secret.md" in said
    assert person.json("label", "import", "docs")["files"][0]["left_out"] == "There is a label api already"


def test_an_import_from_elsewhere_needs_consent(person: Person, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.md").write_text("x")
    person.refusal("label", "import", str(tmp_path / "rules"), exits=2)
    assert person.json("label", "list")["labels"] == []
    person("label", "import", str(tmp_path / "rules"), "--copy")
    assert person.json("label", "show", "a")["text"] == "x"


# --- check ----------------------------------------------------------------------------------------------------------


def told(person: Person, exits: int) -> str:
    return person("label", "check", exits=exits)


def test_check_tells_what_a_label_cannot_bring(person: Person) -> None:
    labels = person.home / "labels"
    person("label", "register", "gone", "docs/api.md")
    person("label", "register", "top")
    (person.home.parent / "docs" / "api.md").unlink()
    (labels / "a.md").write_text("---\nparent: b\n---\n")
    (labels / "b.md").write_text("---\nparent: a\n---\n")
    (labels / "c.md").write_text("---\nparent: nobody\n---\n")
    (labels / "d.md").write_text("---\npriority: x\n---\n")
    (person.home / "labels.rename").write_text('{"old": "top", "new": "new"}')
    said = told(person, 1)
    for words in (
        "gone: docs/api.md is not there.",
        "labels are in a circle: a → b → a",
        "c: its parent nobody is no label",
        "d.md:2: priority must be a whole number",
        "→ deespec label rename top new",
    ):
        assert words in said
    assert said.count("circle") == 1
    assert "docs/api.md is not there" in person("doctor", exits=1)


def test_check_names_labels_that_say_nothing(person: Person) -> None:
    Path("docs/empty.md").write_text("\n")
    person.labels("a")
    person("label", "register", "b", "docs/empty.md")
    person("label", "register", "c", "docs/api.md")
    person("label", "register", "d", "--parent", "c")
    assert "! a, b: no text\n" in told(person, 0)


def test_check_warns_of_what_works_all_the_same(person: Person) -> None:
    person("label", "register", "big", "-b", "x" * 3_000)
    (person.home / "labels" / "Big.md").write_text("y")
    (person.home / "config.toml").write_text("[prompt]\nmax_kb = 1\n")
    person.add("One", "-l", "big")
    (person.home / "labels" / "big.md").rename(person.home / "labels" / "other.md")
    said = told(person, 0)
    assert "other takes 3 KiB, and all labels of a prompt together 1 KiB" in said
    assert "big is no label, and carried by SBI-1" in said
    (person.home / "labels" / "OTHER.md").write_text("y")
    assert "OTHER and other differ in case only" in told(person, 0)


# --- items with labels that are none --------------------------------------------------------------------------------


def test_only_adding_an_unknown_label_is_refused(person: Person) -> None:
    person.labels("backend", "web")
    person.add("One", "-l", "backend")
    (person.home / "labels" / "backend.md").unlink()
    person("sbi", "update", "1", "--add-label", "web", "--priority", "high")
    assert person.json("sbi", "show", "1")["labels"] == ["backend", "web"]
    assert person.refusal("sbi", "update", "1", "--add-label", "wbe", exits=2) == (
        "There is no label wbe.\n→ Did you mean web? Or make it: deespec label register wbe\n"
    )


def test_register_and_spec_check_refuse_alike(person: Person) -> None:
    Path("one.md").write_text("---\ntitle: One\nlabels: [nobody]\n---\nText that says what is to be done here.\n")
    hint = "→ Make it: deespec label register nobody"
    for kind in ("sbi", "pbi", "epic"):
        assert hint in person.refusal("register", kind, "--title", "T", "-l", "nobody", exits=2)
    assert "one.md: There is no label nobody." in person.refusal("register", "sbi", "one.md", "--dry-run", exits=2)
    assert hint in person("spec", "check", "one.md", exits=2)
    assert person.json("sbi", "list")["total"] == 0
