"""Where people stumbled: items that are not there, narrow terminals, files registered twice, names of options."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from person import Person

from deespec.cli.commands.journal import table_of
from deespec.cli.output import Style
from deespec.model.items import JournalEntry
from deespec.text import width_of

CONFIG = """\
[run]
implement = "claude"

[agents.reader]
kind = "command"
command = "reader"
"""


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, capsys, monkeypatch)


def spec(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


# --- the journal ----------------------------------------------------------------------------------------------------


def test_the_journal_of_an_item_that_is_not_there_is_not_found(person: Person) -> None:
    assert person.refusal("journal", "list", "--item", "SBI-99", exits=3).startswith("There is no SBI-99.\n")


def test_the_journal_of_a_deleted_item_is_still_told(person: Person) -> None:
    person.add("One")
    person("sbi", "delete", "1", "--yes")
    assert "deleted" in person("journal", "list", "--item", "SBI-1")
    assert person("journal", "list", "--item", "SBI-1", "--event", "cancelled") == "There are no such entries.\n"


DAY_MS = 86_400_000
ENTRIES = (
    JournalEntry(seq=1, at=0, actor="somebody@a-long-host-name", item="SBI-1", event="registered", detail="A title"),
    JournalEntry(
        seq=2,
        at=1_000,
        actor="worker machine-12345",
        item="SBI-1",
        event="workspace_ready",
        from_status="IMPLEMENTING",
        to_status="INTEGRATING",
        turn=12,
        agent="claude",
        decision="NEEDS_CHANGES",
        error="The agent ended with exit status 1: it could not read the file.",
    ),
)


@pytest.mark.parametrize("later", [0, 1, 400], ids=["one day", "two days", "two years"])
@pytest.mark.parametrize("width", [80, 90, 100, 120])
def test_a_history_fits_into_a_terminal_with_all_its_columns(width: int, later: int) -> None:
    how = Style(width=width)
    entries = [*ENTRIES, JournalEntry(seq=3, at=later * DAY_MS, actor="agent SBI-1/12", item="SBI-1", event="answered")]
    lines = table_of(entries, how, but="ITEM")
    assert max(width_of(line, how.ambiguous_width) for line in lines) <= width
    assert len(lines[0].split()) == 8
    assert "INTEGRATING" in lines[2]


def test_a_history_is_shortened_only_where_it_must_be() -> None:
    assert table_of(ENTRIES, Style(width=200), but="ITEM") == table_of(ENTRIES, Style(), but="ITEM")
    shown = "\n".join(table_of(ENTRIES, Style(), but="ITEM"))
    assert "IMPLEMENTING → INTEGRATING" in shown
    assert "it could not read the file." in shown


@pytest.mark.parametrize("width", [20, 40, 60])
def test_on_the_narrowest_terminal_what_happened_is_still_told(width: int) -> None:
    assert "registered" in "\n".join(table_of(ENTRIES, Style(width=width)))


def test_no_entry_makes_no_table() -> None:
    assert table_of([], Style(width=80)) == []


# --- files that are registered already ------------------------------------------------------------------------------


@pytest.fixture
def two_files(person: Person) -> Person:
    """a.md is SBI-1, b.md is not registered."""
    spec("a.md", "# A\n")
    spec("b.md", "# B\n")
    person("register", "sbi", "a.md")
    return person


def test_the_refusal_of_a_file_names_the_remedies(two_files: Person) -> None:
    said = two_files.refusal("register", "sbi", "a.md", "b.md", exits=4)
    assert "a.md is registered already, unchanged, as SBI-1." in said
    assert "--skip-registered leaves such files out, --again registers them once more." in said
    assert two_files.json("sbi", "list")["total"] == 1


def test_registered_files_can_be_skipped(two_files: Person) -> None:
    said = two_files("register", "sbi", "a.md", "b.md", "--skip-registered")
    assert said == "✓ SBI-1 was registered before from a.md; skipped\n✓ SBI-2 registered successfully  b.md\n"


def test_a_program_hears_which_files_were_skipped(two_files: Person) -> None:
    items = two_files.json("register", "sbi", "a.md", "b.md", "--skip-registered")["items"]
    assert [(one["id"], one["fresh"], one["skipped"]) for one in items] == [
        ("SBI-1", False, "a.md"),
        ("SBI-2", True, None),
    ]


def test_a_rehearsal_skips_them_too(two_files: Person) -> None:
    said = two_files("register", "sbi", "a.md", "b.md", "--skip-registered", "--dry-run")
    assert said == "✓ SBI-1 was registered before from a.md; skipped\nwould register SBI B  b.md\n"
    words = ("register", "sbi", "a.md", "b.md", "--skip-registered", "--dry-run")
    assert [one["title"] for one in two_files.json(*words)["items"]] == ["B"]
    assert two_files.json("sbi", "list")["total"] == 1


def test_with_an_error_nothing_is_registered_all_the_same(two_files: Person) -> None:
    spec("c.md", "---\ndepends_on: [SBI-9]\n---\n# C\n")
    two_files.refusal("register", "sbi", "a.md", "b.md", "c.md", "--skip-registered", exits=3)
    assert two_files.json("sbi", "list")["total"] == 1


def test_a_changed_file_is_not_skipped(two_files: Person) -> None:
    spec("a.md", "# A, changed\n")
    assert "SBI-2 registered" in two_files("register", "sbi", "a.md", "--skip-registered")


def test_skipping_and_once_more_exclude_each_other(two_files: Person) -> None:
    two_files.refusal("register", "sbi", "a.md", "--again", "--skip-registered", exits=2)


# --- what is wrong is called as it was given ------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["", "  "])
@pytest.mark.parametrize("kind", ["sbi", "pbi", "epic"])
def test_an_empty_title_is_called_empty(person: Person, kind: str, title: str) -> None:
    assert person.refusal("register", kind, "--title", title, exits=2).startswith("--title is empty.")


def test_an_empty_title_beside_a_file_is_called_empty(two_files: Person) -> None:
    assert two_files.refusal("register", "sbi", "b.md", "--title", "", exits=2).startswith("--title is empty.")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--depends-on", "PBI-1"), "--depends-on takes SBIs, not PBI-1."),
        (("--path", "/etc"), '--paths has "/etc", which is absolute.'),
        (("--body", "a\0"), "--body holds a NUL character."),
        (("--label", "a b"), '--label has the name "a b"; letters, digits and - _ . / : are allowed.'),
    ],
)
def test_a_wrong_option_of_register_is_called_by_its_name(person: Person, args: tuple[str, ...], said: str) -> None:
    assert person.refusal("register", "sbi", "--title", "T", *args, exits=2).startswith(said)


@pytest.mark.parametrize(
    ("option", "called"),
    [("--path", "--paths"), ("--add-path", "--add-path"), ("--remove-path", "--remove-path")],
)
def test_a_wrong_option_of_update_is_called_by_its_name(person: Person, option: str, called: str) -> None:
    person.add("One")
    said = person.refusal("sbi", "update", "1", option, "/etc", exits=2)
    assert said.startswith(f'{called} has "/etc", which is absolute.')


def test_a_wrong_key_of_a_file_is_called_by_its_name(person: Person) -> None:
    spec("a.md", "---\ndepends_on: [PBI-1]\n---\n# A\n")
    assert person.refusal("register", "sbi", "a.md", exits=2).startswith("a.md:2: depends_on takes SBIs, not PBI-1.")


def test_a_circle_made_by_an_option_names_the_command_that_opens_it(person: Person) -> None:
    person.add("One")
    person.add("Two", "--depends-on", "1")
    said = person.refusal("sbi", "update", "1", "--depends-on", "2", exits=2)
    assert "SBI-1 → SBI-2 → SBI-1" in said
    assert "deespec sbi update SBI-2 --remove-need SBI-1" in said


# --- agents that nobody here has set up -----------------------------------------------------------------------------

NOTE = (
    "Note: no agent raeder is set up here (reader, claude, codex, gemini, opencode, patch are). Did you mean reader?\n"
)


@pytest.fixture
def with_reader(person: Person) -> Person:
    (person.home / "config.toml").write_text(CONFIG)
    return person


@pytest.mark.parametrize("option", ["--agent", "--reviewer"])
def test_an_unknown_agent_is_accepted_with_a_word(with_reader: Person, option: str) -> None:
    assert with_reader("register", "sbi", "--title", "One", option, "raeder") == "✓ SBI-1 registered successfully\n"
    assert with_reader.err == NOTE
    with_reader("sbi", "update", "1", option, "reader")
    assert with_reader.err == ""
    with_reader("sbi", "update", "1", option, "raeder")
    assert with_reader.err == NOTE


def test_an_unknown_agent_in_a_file_gets_a_word(with_reader: Person) -> None:
    with_reader("register", "sbi", spec("a.md", "---\nreviewer: [reader, raeder]\n---\n# A\n"))
    assert with_reader.err == NOTE
    with_reader("sbi", "update", "1", "-f", spec("a.md", "---\nagent: raeder\n---\n# A\n"))
    assert with_reader.err == NOTE


@pytest.mark.parametrize("name", ["reader", "claude", "patch"])
def test_a_known_agent_gets_none(with_reader: Person, name: str) -> None:
    with_reader.add("One", "--agent", name)
    assert with_reader.err == ""


def test_the_quiet_hear_nothing_of_it(with_reader: Person) -> None:
    with_reader("-q", "register", "sbi", "--title", "One", "--agent", "raeder")
    assert with_reader.err == ""


# --- agents -----------------------------------------------------------------------------------------------------------


def test_several_agents_may_be_given_with_commas_between(person: Person) -> None:
    item = person.add("First", "--agent", "claude,codex")
    assert person.json("sbi", "show", item)["agent"] == ["claude", "codex"]
    person("sbi", "update", item, "--agent", "codex, gemini", "--reviewer", "claude")
    assert person.json("sbi", "show", item)["agent"] == ["codex", "gemini"]
    file = spec("second.md", "---\ntitle: Second\nagent: claude, codex\n---\nText.\n")
    person("register", "sbi", file)
    assert person.json("sbi", "show", "2")["agent"] == ["claude", "codex"]


def test_the_inbox_has_what_only_a_person_can_bring_on(person: Person) -> None:
    person("config", "set", "run.implement", "claude")
    person.add("First", "--agent", "ghost")
    person.add("Second", "--hold")
    person.add("Third")
    shown = person("inbox")
    assert "SBI-1  First\n  PENDING: no agent can do it (ghost)\n  → deespec sbi update SBI-1 --clear agent" in shown
    assert "1 held: SBI-2 → deespec sbi unhold SBI-2" in shown
    assert "SBI-3" not in shown
    found = person.json("inbox")
    assert ([one["id"] for one in found["items"]], found["held"]) == (["SBI-1"], ["SBI-2"])


def test_what_needs_a_cancelled_item_waits_for_a_person(person: Person) -> None:
    person("config", "set", "run.implement", "claude")
    person.add("First")
    person.add("Second", "--depends-on", "SBI-1")
    assert person("inbox") == "Nothing waits for you.\n"
    person("sbi", "cancel", "1")
    assert "SBI-2  Second\n  PENDING: needs SBI-1, which was CANCELLED" in person("inbox")


def test_of_many_items_for_the_same_agent_that_is_not_there_the_first_are_named(person: Person) -> None:
    for number in range(12):
        person.add(f"Item {number}", "--agent", "ghost")
    shown = person("inbox")
    assert "… and 2 more → deespec why" in shown
    assert "SBI-11" not in shown


@pytest.mark.parametrize("options", [("--stdin",), ("-f", "one.md")])
def test_a_text_of_one_line_is_kept_beside_a_title(
    person: Person, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    Path("one.md").write_text("The body says which zone.\n")
    with open("one.md", encoding="utf-8") as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        person("register", "sbi", "--title", "Use UTC", *options)
    assert person.json("sbi", "show", "SBI-1")["spec"] == "The body says which zone."


def test_a_text_given_twice_is_refused(person: Person) -> None:
    assert "Give the text once" in person.refusal("register", "sbi", "--body", "B", "--stdin", exits=2)


@pytest.mark.parametrize("name", ["cancel", "hold", "retry"])
def test_a_command_that_items_have_is_named_where_it_is(person: Person, name: str) -> None:
    assert f"→ deespec sbi {name} ID" in person.refusal(name, "SBI-1", exits=2)
