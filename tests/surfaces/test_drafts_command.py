"""`drafts`, `approve`, `reject`, `edit` and what `inbox` and `sbi show` say of drafts."""

from __future__ import annotations

import getpass
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from person import Person

from deespec.clock import Clock
from deespec.model.asking import Draft
from deespec.store.opener import FILE, open_store

OWNER = f"{getpass.getuser()}@"
ANSWER = "→ deespec drafts SBI-1/1, then deespec approve SBI-1/1 or deespec reject SBI-1/1 --reason"


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    made = Person(tmp_path, capsys, monkeypatch)
    (made.home / "labels").mkdir()
    (made.home / "labels" / "docs.md").write_text("How docs are written.\n")
    made("register", "pbi", "--title", "Group")
    made.add("First", "--parent", "PBI-1", "--label", "docs")
    return made


@pytest.fixture
def drafted(person: Person) -> Person:
    """Two drafts of SBI-1."""
    draft(person, 1, "Mend \x1b[8mREADME", file="README", line=3, severity="high")
    draft(person, 2, "Tidy up")
    return person


def draft(person: Person, number: int, title: str, **fields: object) -> None:
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        tx.add_draft(
            Draft(
                parent="SBI-1",
                number=number,
                title=title,
                spec=f"{title}.\n\nIn full.",
                turn=2,
                agent="critic",
                created_at=1_767_225_600_000 + number,
                updated_at=1_767_225_600_000 + number,
                **fields,
            )
        )
    store.close()


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    _, theirs = pty.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(theirs))


def editor(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """What the person's editor does to the file."""
    program = tmp_path / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(program))
    on_a_terminal(monkeypatch)


# --- looking --------------------------------------------------------------------------------------------------------


def test_a_list_tells_what_waits_and_what_was_decided(drafted: Person) -> None:
    drafted("reject", "SBI-1/2", "--reason", "Not worth it")
    assert drafted("drafts") == (
        "ID       STATUS  SEVERITY  WHERE     TITLE\n"
        "SBI-1/1  open    high      README:3  Mend �[8mREADME\n"
        "… and 1 decided (--all)\n"
    )
    assert "SBI-1/2  rejected  normal              Tidy up" in drafted("drafts", "sbi-1", "--all")
    assert drafted("drafts", "PBI-1") == "No draft waits for a decision.\n"


def test_nothing_is_said_in_a_sentence(person: Person) -> None:
    assert person("drafts") == "No draft waits for a decision.\n"
    assert person.json("drafts")["items"] == []
    assert "There is no SBI-9." in person.refusal("drafts", "SBI-9", exits=3)


def test_one_draft_is_shown_in_full(drafted: Person) -> None:
    shown = drafted("drafts", "SBI-1/2")
    assert shown.startswith("SBI-1/2  Tidy up\n\nstatus      open\nseverity    normal\nfound       ")
    assert "by critic, turn 2\n\nTidy up.\n\nIn full.\n\n→ deespec approve SBI-1/2, or deespec reject" in shown
    assert drafted.json("drafts", "SBI-1/2")["spec"] == "Tidy up.\n\nIn full."


def test_json_has_every_field(drafted: Person) -> None:
    assert drafted.json("drafts")["items"][0] == {
        "id": "SBI-1/1",
        "item": "SBI-1",
        "status": "open",
        "title": "Mend \x1b[8mREADME",
        "spec": "Mend \x1b[8mREADME.\n\nIn full.",
        "file": "README",
        "line": 3,
        "severity": "high",
        "turn": 2,
        "agent": "critic",
        "labels": [],
        "paths": [],
        "needs": [],
        "estimate_hours": None,
        "only_implement": False,
        "replaces": None,
        "edited": False,
        "hold": False,
        "reason": None,
        "registered": None,
        "decided_by": None,
        "decided_at": None,
        "created_at": "2026-01-01T00:00:00.001Z",
        "updated_at": "2026-01-01T00:00:00.001Z",
    }


def test_the_inbox_counts_open_drafts_and_says_what_helps(drafted: Person) -> None:
    drafted("config", "set", "run.implement", "claude")
    shown = drafted("inbox")
    assert shown.startswith("2 drafts wait for a decision\n  SBI-1/1  Mend �[8mREADME\n  SBI-1/2  Tidy up\n")
    assert ANSWER in shown
    assert [one["id"] for one in drafted.json("inbox")["drafts"]] == ["SBI-1/1", "SBI-1/2"]
    drafted("approve", "SBI-1/1", "SBI-1/2")
    assert drafted("inbox") == "Nothing waits for you.\n"


def test_an_item_shows_its_drafts(drafted: Person) -> None:
    drafted("approve", "SBI-1/2")
    assert "Drafts:\n  SBI-1/1 open: Mend �[8mREADME\n  SBI-1/2 approved as SBI-2: Tidy up\n" in drafted(
        "sbi", "show", "1"
    )
    assert [one["status"] for one in drafted.json("sbi", "show", "1")["drafts"]] == ["open", "approved"]


# --- deciding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["SBI-1/2", "sbi-1/2", " ＳＢＩ－１／２", "SBI 1/2", "sbi1/2"])
def test_a_draft_is_meant_in_any_case_and_width(drafted: Person, text: str) -> None:
    assert drafted("approve", text) == "✓ SBI-1/2 registered as SBI-2\n"


def test_a_draft_is_meant_by_its_item_s_uid(drafted: Person) -> None:
    uid = drafted.json("sbi", "show", "1")["uid"]
    assert drafted("approve", f"{uid.lower()}/2") == "✓ SBI-1/2 registered as SBI-2\n"


@pytest.mark.parametrize("text", ["SBI-1/", "SBI-1/x", "/1", "SBI-1/-1", "SBI-1/1/", "SBI-1/" + "1" * 30])
def test_what_names_no_draft_is_refused(drafted: Person, text: str) -> None:
    assert "is no draft" in drafted.refusal("approve", text, exits=2) or "not a valid" in drafted.err


@pytest.mark.parametrize("text", ["SBI-1/0", "SBI-1/3", "SBI-2/1"])
def test_what_is_not_there_is_named(drafted: Person, text: str) -> None:
    assert f"There is no draft {text}." in drafted.refusal("reject", text, "-m", "x", exits=3)


def test_an_approved_draft_is_an_item_beside_its_own(drafted: Person) -> None:
    done = drafted.json("approve", "SBI-1/2", "--hold")["items"]
    assert [(one["registered"], one["fresh"], one["status"]) for one in done] == [("SBI-2", True, "approved")]
    assert done[0]["decided_by"].startswith(OWNER)
    made = drafted.json("sbi", "show", "2")
    assert (made["title"], made["parent"], made["labels"], made["held"]) == ("Tidy up", "PBI-1", ["docs"], True)
    assert made["source"] == "SBI-1/2"
    assert "draft_approved" in drafted("sbi", "history", "1")


def test_approved_twice_it_says_what_it_is_and_does_nothing(drafted: Person) -> None:
    drafted("approve", "SBI-1/2")
    assert drafted("approve", "SBI-1/2", "SBI-1/2") == "SBI-1/2 is registered already as SBI-2.\n"
    assert drafted.json("approve", "SBI-1/2")["items"][0]["fresh"] is False
    assert len(drafted.json("sbi", "list")["items"]) == 2


def test_a_rejected_draft_keeps_its_reason(drafted: Person) -> None:
    assert drafted("reject", "SBI-1/2", "--reason", " Not worth it ") == "✓ SBI-1/2 rejected\n"
    assert drafted.json("drafts", "SBI-1/2")["reason"] == "Not worth it"
    assert f"SBI-1/2 was rejected by {OWNER}" in drafted.refusal("approve", "SBI-1/2", exits=4)
    assert f"SBI-1/2 was rejected by {OWNER}" in drafted.refusal("edit", "SBI-1/2", exits=4)
    assert drafted.json("reject", "SBI-1/1", "-m", "no")["items"][0]["status"] == "rejected"


def test_a_reason_is_needed(drafted: Person) -> None:
    assert "Missing option '--reason'" in drafted.refusal("reject", "SBI-1/2", exits=2)
    assert drafted.refusal("reject", "SBI-1/2", "--reason", " ", exits=2) == "The reason is empty.\n"


def test_an_approved_draft_cannot_be_rejected(drafted: Person) -> None:
    drafted("approve", "SBI-1/2")
    assert drafted.refusal("reject", "SBI-1/2", "-m", "no", exits=4) == (
        "SBI-1/2 is registered already as SBI-2.\n→ deespec sbi edit SBI-2, or deespec sbi cancel SBI-2\n"
    )


@pytest.mark.parametrize("words", [("approve", "SBI-1/1"), ("reject", "SBI-1/1", "-m", "no"), ("edit", "SBI-1/1")])
def test_agents_do_not_decide(drafted: Person, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    for name, value in (("HOME", str(drafted.home)), ("ITEM", "SBI-1"), ("TURN", "1"), ("CLAIM", "x")):
        monkeypatch.setenv(f"DEESPEC_{name}", value)
    assert "Not from inside a turn (SBI-1 turn 1)." in drafted.refusal(*words, exits=4)


# --- editing --------------------------------------------------------------------------------------------------------


def test_an_editor_changes_title_and_text(drafted: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(drafted, tmp_path, monkeypatch, 'sed -i "s/Tidy up/Tidy all up/g" "$1"')
    assert drafted("edit", "SBI-1/2") == "✓ SBI-1/2 changed: title, spec\n"
    drafted("approve", "SBI-1/2")
    assert drafted.json("sbi", "show", "2")["spec"] == "Tidy all up.\n\nIn full."


def test_an_editor_that_changes_nothing_changes_nothing(
    drafted: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(drafted, tmp_path, monkeypatch, "true")
    assert drafted("edit", "SBI-1/2") == "SBI-1/2 is like that already; nothing was changed.\n"


def test_the_text_can_come_from_a_file(drafted: Person, tmp_path: Path) -> None:
    file = tmp_path / "new.md"
    file.write_text("---\ntitle: Another\n---\nAnother text.\n")
    changed = drafted.json("edit", "SBI-1/2", "-f", str(file))
    assert (changed["title"], changed["spec"], changed["changed"]) == ("Another", "Another text.", ["title", "spec"])


def test_fields_of_a_finding_become_those_of_its_item(drafted: Person, tmp_path: Path) -> None:
    file = tmp_path / "new.md"
    file.write_text("---\ntitle: Another\npaths: [src]\ndepends_on: [sbi-1, SBI-1/1]\nestimate_hours: 2\n---\nText.\n")
    changed = drafted.json("edit", "SBI-1/2", "-f", str(file))["changed"]
    assert changed == ["title", "spec", "paths", "needs", "estimate_hours"]
    drafted("approve", "SBI-1")
    made = drafted.json("sbi", "show", "3")
    assert (made["paths"], made["depends_on"], made["labels"]) == (["src"], ["SBI-1", "SBI-2"], ["docs"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("labels: [x]", "SBI-1/2: there is no label x."),
        ("priority: high", "new.md:3: a draft has no key priority."),
        ("depends_on: SBI-1", "new.md:3: depends_on must be a list."),
        ("depends_on: [PBI-1]", 'new.md:3: depends_on takes drafts and SBIs, not "PBI-1".'),
        ("depends_on: [SBI-1/x]", 'new.md:3: depends_on takes drafts and SBIs, not "SBI-1/x".'),
        ("depends_on: [SBI-1/9]", "SBI-1/2 needs SBI-1/9, which is not there."),
        ("decision: approve", "new.md: this changes a draft; it decides nothing."),
        ("id: SBI-1/1", "new.md is SBI-1/1, not SBI-1/2."),
    ],
)
def test_what_a_draft_does_not_take_is_refused(drafted: Person, tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "new.md"
    file.write_text(f"---\ntitle: Another\n{line}\n---\nText.\n")
    assert drafted("edit", "SBI-1/2", "-f", str(file), exits=3 if "not there" in said else 2) == ""
    assert said in drafted.err
    assert drafted.json("drafts", "SBI-1/2")["title"] == "Tidy up"


def test_words_from_an_editor_are_never_lost(drafted: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(drafted, tmp_path, monkeypatch, "printf -- '---\\ntitel: x\\n---\\nMy words.\\n' > \"$1\"")
    said = drafted.refusal("edit", "SBI-1/2", exits=2)
    kept = Path(said.rpartition(" -f ")[2].strip())
    assert "your text is kept; mend it, then: deespec edit SBI-1/2 -f" in said
    assert "My words." in kept.read_text()


def test_fields_whose_fence_is_gone_do_not_become_the_text(
    drafted: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(drafted, tmp_path, monkeypatch, 'sed -i 1d "$1"')
    said = drafted.refusal("edit", "SBI-1/2", exits=2)
    assert ":1: the line --- that it began with is gone" in said
    assert Path(said.rpartition(" -f ")[2].strip()).read_text().startswith("title: ")
    assert drafted.json("drafts", "SBI-1/2")["title"] == "Tidy up"


def test_a_file_of_words_alone_changes_no_field(drafted: Person, tmp_path: Path) -> None:
    file = tmp_path / "draft.md"
    file.write_text("---\ntitle: Tidy up\nlabels: [docs]\nestimate_hours: 2\n---\nText.\n")
    drafted("edit", "SBI-1/2", "-f", str(file))
    file.write_text("# Tidy all up\n\nAll of it.\n")
    assert drafted("edit", "SBI-1/2", "-f", str(file)) == "✓ SBI-1/2 changed: title, spec\n"
    found = drafted.json("drafts", "SBI-1/2")
    assert (found["title"], found["labels"], found["estimate_hours"]) == ("Tidy all up", ["docs"], 2)


def test_needs_of_a_file_are_called_as_those_of_items(drafted: Person, tmp_path: Path) -> None:
    file = tmp_path / "draft.md"
    file.write_text("---\nneeds: [SBI-1]\n---\nText.\n")
    said = drafted.refusal("edit", "SBI-1/2", "-f", str(file), exits=2)
    assert said.endswith("a draft has no key needs.\n→ Did you mean depends_on?\n")


def test_a_draft_decided_while_the_editor_was_open_stays_as_decided(
    drafted: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve = f"cd {drafted.home.parent} && {sys.executable} -m deespec approve SBI-1/2 > /dev/null"
    editor(drafted, tmp_path, monkeypatch, f'echo more >> "$1"; {approve}')
    assert "SBI-1/2 is registered already as SBI-2." in drafted.refusal("edit", "SBI-1/2", exits=4)
    assert drafted.json("sbi", "show", "2")["spec"] == "Tidy up.\n\nIn full."


def test_items_have_an_editor_of_their_own(drafted: Person) -> None:
    assert drafted.refusal("edit", "sbi-1", exits=2) == "This is for drafts.\n→ deespec sbi edit SBI-1\n"


# --- answering ------------------------------------------------------------------------------------------------------


@pytest.fixture
def ask(person: Person) -> Callable[[], Person]:
    """Parks SBI-1 with a question."""

    def asked() -> Person:
        store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
        with store.transaction() as tx:
            tx.connection.fetch(
                "UPDATE sbi SET status = 'PARKED', stage = 'stopped', stopped_in = 'IMPLEMENTING', "
                "reason = 'question', question = 'Red or blue?', turn = 1",
                {},
            )
            tx.connection.fetch(
                "INSERT INTO question VALUES (1, 1, 'Red or blue?', 'redorblue', 'worker', 5, NULL, NULL, NULL)", {}
            )
        store.close()
        return person

    return asked


def test_an_answer_is_kept_with_its_question(ask: Callable[[], Person]) -> None:
    person = ask()
    assert person("answer", "1", "Blue,", "please") == "✓ SBI-1 goes on at the next claim\n"
    [one] = person.json("sbi", "show", "1")["questions"]
    assert one["answered_by"].startswith(OWNER)
    assert {name: one[name] for name in ("turn", "agent", "text", "asked_at", "answer")} == {
        "turn": 1,
        "agent": "worker",
        "text": "Red or blue?",
        "asked_at": "1970-01-01T00:00:00.005Z",
        "answer": "Blue, please",
    }
    assert person.json("sbi", "history", "1")["questions"] == [one]


def test_an_answer_comes_from_a_file_or_standard_input(
    ask: Callable[[], Person], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = ask()
    (tmp_path / "words").write_text("Blue\nor green.\n")
    assert person.json("answer", "1", "-f", str(tmp_path / "words"))["items"][0]["hint"] == "Blue\nor green."
    with (tmp_path / "words").open() as words:
        monkeypatch.setattr("sys.stdin", words)
        person("answer", "1", "--stdin")
    assert person.json("sbi", "show", "1")["questions"][0]["answer"] == "Blue\nor green.\n\nBlue\nor green."


@pytest.mark.parametrize("words", [("x", "-f", "y"), ("x", "--stdin"), ("-f", "y", "--stdin")])
def test_an_answer_is_given_once(ask: Callable[[], Person], words: tuple[str, ...]) -> None:
    said = ask().refusal("answer", "1", *words, exits=2)
    assert said == "Give the answer once: as text, with -f FILE or --stdin.\n"


def test_what_asks_nothing_is_not_answered(person: Person) -> None:
    assert "SBI-1 is PENDING: it asks nothing." in person.refusal("answer", "1", "Blue", exits=4)


def typed(person: Person, script: str, tmp_path: Path) -> tuple[int, str]:
    """`deespec answer 1` on a terminal, with an editor that does this."""
    program = tmp_path / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "deespec", "answer", "1"],
        stdin=slave,
        capture_output=True,
        text=True,
        cwd=person.home.parent,
        env={**os.environ, "EDITOR": str(program)},
        timeout=60,
    )
    os.close(master)
    os.close(slave)
    return done.returncode, done.stdout + done.stderr


def test_on_a_terminal_an_editor_opens_with_the_question(ask: Callable[[], Person], tmp_path: Path) -> None:
    person = ask()
    script = f'cp "$1" {tmp_path}/seen; {{ echo "# Blue"; cat {tmp_path}/seen; }} > "$1"'
    assert typed(person, script, tmp_path) == (0, "✓ SBI-1 goes on at the next claim\n")
    assert "SBI-1  First\n\nRed or blue?" in (tmp_path / "seen").read_text()
    assert person.json("sbi", "show", "1")["questions"][0]["answer"] == "# Blue"


def test_an_editor_that_is_left_without_a_word_answers_nothing(ask: Callable[[], Person], tmp_path: Path) -> None:
    person = ask()
    status, said = typed(person, "true", tmp_path)
    assert (status, "There is no answer; nothing was changed." in said) == (2, True)
    assert person.json("sbi", "show", "1")["questions"][0]["answer"] is None


# --- without a terminal, without words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "instead"),
    [(("edit", "SBI-1/2"), "deespec edit SBI-1/2 -f FILE"), (("sbi", "edit", "1"), "deespec sbi update SBI-1 -f FILE")],
)
def test_no_editor_is_started_without_a_terminal(
    drafted: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], instead: str
) -> None:
    editor(drafted, tmp_path, monkeypatch, f"touch {tmp_path}/started")
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        said = drafted.refusal(*command, exits=2)
    assert said == f"There is no terminal for an editor.\n→ {instead}\n"
    assert not (tmp_path / "started").exists()


def test_an_empty_answer_says_what_helps(ask: Callable[[], Person]) -> None:
    said = ask().refusal("answer", "1", " ", exits=2)
    assert said.startswith("The answer is empty; nothing was changed.")
    assert "deespec sbi retry SBI-1" in said
