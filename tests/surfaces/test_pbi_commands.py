"""`pbi plan|list|show|update|edit|delete|move|hold|unhold|cancel|history`, and `sbi move`, as a person types them."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest
from person import Person

from deespec.backlog.decompose import ask_in
from deespec.cli.commands import group_list
from deespec.cli.output import Style, width_of
from deespec.clock import Clock
from deespec.model.asking import Draft, DraftStatus
from deespec.model.items import Kind, Priority
from deespec.model.lifecycle import Event, GroupStatus, Status
from deespec.records import replace
from deespec.store.groups import GroupLine, Progress
from deespec.store.opener import FILE, open_store

UID = "01M850C36BEGCSA6E9PYE3H1FT"


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    made = Person(tmp_path, capsys, monkeypatch)
    (made.home / "labels").mkdir()
    for name in ("api", "web"):
        (made.home / "labels" / f"{name}.md").write_text("How it is done here.\n")
    return made


def written(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def with_editor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    """The editor does this with the file; a terminal is there."""
    program = tmp_path / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(program))
    monkeypatch.delenv("VISUAL", raising=False)
    _, theirs = pty.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(theirs))


def draft(person: Person, number: int = 1, **fields: object) -> None:
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        tx.add_draft(replace(Draft(parent="PBI-1", number=number, title=f"Draft {number}", spec="Text."), **fields))
    store.close()


def decomposed(person: Person, *events: Event, question: str | None = None) -> None:
    """The decomposition of PBI-1 after these events."""
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        one = ask_in(tx, tx.pbi(1), actor="me")
        for event in events:
            one = tx.move(one, event, actor="me", reason="question" if question else "proposal")
        if question:
            tx.save(one, replace(one, question=question))
    store.close()


# --- plan -----------------------------------------------------------------------------------------------------------


def test_a_pbi_is_planned_with_all_its_fields(person: Person) -> None:
    person("epic", "plan", "--title", "Large")
    fields = ["--story-points", "13", "--priority", "high", "--parent", "1", "-l", "api", "--accept", "It works."]
    person("pbi", "plan", "-t", "Log in", "-b", "With a password.", *fields, "--auto", "--min", "2", "--max", "4")
    shown = person.json("pbi", "show", "1")
    assert {name: shown[name] for name in ("title", "story_points", "priority", "parent", "labels", "auto")} == {
        "title": "Log in",
        "story_points": 13,
        "priority": "high",
        "parent": "EPIC-1",
        "labels": ["api"],
        "auto": True,
    }
    assert (shown["drafts_min"], shown["drafts_max"], shown["auto_approve"]) == (2, 4, False)
    assert shown["spec"] == "With a password.\n\n## Acceptance criteria\n\n- It works."
    assert shown["acceptance"] == ["It works."]


def test_a_file_gives_title_and_text_and_no_title_twice(person: Person) -> None:
    name = written("p.md", "\n# Log in\n\nWith a password.\n")
    assert person("pbi", "plan", name) == "✓ PBI-1 registered successfully\n"
    shown = person.json("pbi", "show", "1")
    assert (shown["title"], shown["spec"]) == ("Log in", "With a password.")
    assert "is registered already, unchanged, as PBI-1" in person.refusal("pbi", "plan", name, exits=4)
    assert person("pbi", "plan", name, "--again") == "✓ PBI-2 registered successfully\n"


def test_front_matter_has_every_key_of_a_pbi(person: Person) -> None:
    text = "---\ntitle: T\nstory_points: 0\nauto: true\nauto_approve: true\ndrafts_min: 1\ndrafts_max: 9\n---\nText.\n"
    person("register", "pbi", "-f", written("p.md", text))
    assert "without a person looking at it" in person.err
    shown = person.json("pbi", "show", "1")
    names = ("story_points", "auto", "auto_approve", "drafts_min", "drafts_max")
    assert [shown[name] for name in names] == [0, True, True, 1, 9]


def test_one_of_several_files_that_is_wrong_registers_none(person: Person) -> None:
    good, bad = written("a.md", "# A\n\nText.\n"), written("b.md", "---\ntitle: B\nstory_points: 14\n---\n")
    said = person.refusal("pbi", "plan", good, bad, exits=2)
    assert said == 'b.md:3: story_points must be a whole number from 0 to 13, not "14".\n'
    assert person.json("pbi", "list")["total"] == 0


def test_an_editor_begins_with_a_template(person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_editor(
        monkeypatch,
        tmp_path,
        "sed -i -e 's/^title:.*/title: Written there/' -e 's/^# story_points.*/story_points: 3/' $1",
    )
    person("pbi", "plan")
    shown = person.json("pbi", "show", "1")
    assert (shown["title"], shown["story_points"]) == ("Written there", 3)
    assert shown["acceptance"] == ["Given … when … then …"]


def test_a_key_and_a_dry_run_hold_for_pbis_too(person: Person) -> None:
    assert person("pbi", "plan", "-t", "One", "--dry-run") == "would register PBI One\n"
    person("pbi", "plan", "-t", "One", "--key", "k", "--hold")
    assert person.json("pbi", "plan", "-t", "Two", "--key", "k")["title"] == "One"
    assert person.json("pbi", "show", "1")["held"] is True


def test_to_approve_by_itself_it_must_be_decomposed_by_itself(person: Person) -> None:
    said = person.refusal("pbi", "plan", "-t", "One", "--auto-approve", exits=2)
    assert said == "--auto-approve is for what is decomposed by itself.\n→ Say --auto, too; or neither.\n"
    person("pbi", "plan", "-t", "One", "--auto", "--auto-approve")
    person("pbi", "update", "1", "--no-auto")
    assert person.json("pbi", "show", "1")["auto_approve"] is False


def test_what_is_registered_below_a_held_pbi_is_held(person: Person) -> None:
    person("pbi", "plan", "-t", "One", "--hold")
    person.add("Below", "--parent", "PBI-1")
    assert person.json("sbi", "show", "1")["held"] is True


# --- list -----------------------------------------------------------------------------------------------------------


def test_a_list_shows_progress_points_and_what_waits(person: Person) -> None:
    person("pbi", "plan", "-t", "One", "--story-points", "5", "--priority", "urgent")
    for title in ("First", "Second"):
        person.add(title, "--parent", "1")
    person("sbi", "cancel", "2")
    draft(person)
    person("pbi", "plan", "-t", "Two", "--hold")
    assert person("pbi", "list").splitlines() == [
        "ID     STATUS    DONE  PTS  PRIO    TITLE  BELOW",
        "PBI-1  PLANNING  0/1   5    urgent  One    1 draft, 1 PENDING, 1 CANCELLED",
        "PBI-2  PENDING                      Two    held",
    ]
    [one, two] = person.json("pbi", "list")["items"]
    assert (one["sbis"], one["progress"], one["drafts_waiting"]) == (
        {"PENDING": 1, "CANCELLED": 1},
        {"done": 0, "total": 1},
        1,
    )
    assert (one["counts"], one["decomposition"], two["held"]) == (one["sbis"], None, True)


def test_a_list_is_filtered_and_paged_with_a_true_total(person: Person) -> None:
    person("epic", "plan", "-t", "Large")
    for number in range(1, 6):
        person("pbi", "plan", "-t", f"Number {number}", *(["-l", "api", "--parent", "1"] if number % 2 else []))
    person.add("Below", "--parent", "PBI-3")

    def ids(*options: str) -> list[str]:
        return [one["id"] for one in person.json("pbi", "list", *options)["items"]]

    assert ids("--label", "api") == ids("--parent", "epic-1") == ["PBI-1", "PBI-3", "PBI-5"]
    assert ids("--status", "planned") == ["PBI-3"]
    assert ids("--text", "number 4") == ["PBI-4"]
    assert ids("--owner", "nobody") == []
    assert ids("--label", "ap") == []
    assert ids("--limit", "2", "--offset", "1") == ["PBI-2", "PBI-3"]
    assert person.json("pbi", "list", "--limit", "2", "--offset", "1")["total"] == 5
    assert person("pbi", "list", "--limit", "2").splitlines()[-1] == "… 2 of 5 shown (--limit, --offset)"
    assert "There is no EPIC-9" in person.refusal("pbi", "list", "--parent", "9", exits=3)
    assert "'DOING' is not one of" in person.refusal("pbi", "list", "--status", "DOING", exits=2)


def test_archived_ones_are_counted_and_not_listed(person: Person) -> None:
    person("pbi", "plan", "-t", "One")
    person.add("Below", "--parent", "1")
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        tx.move(tx.sbi(1), Event.FOUND_MERGED, actor="me")
    store.close()
    person("archive", "PBI-1")
    assert person("pbi", "list") == "… and 1 archived (deespec archive list)\n"
    assert person.json("pbi", "show", "1")["archived_at"] is not None


def line(number: int, title: str, **fields: object) -> GroupLine:
    blank = GroupLine(
        kind=Kind.PBI,
        number=number,
        uid=UID,
        title=title,
        status=GroupStatus.IN_PROGRESS,
        priority=Priority.NORMAL,
        parent=None,
        labels=(),
        story_points=None,
        auto=False,
        auto_approve=False,
        drafts_least=None,
        drafts_most=None,
        owner="me",
        held=False,
        registered_at=0,
        updated_at=0,
        decomposition=None,
        drafts=0,
    )
    return replace(blank, **fields)


def test_a_list_of_japanese_titles_is_aligned_within_80_columns() -> None:
    sbis = {Status.DONE: 3, Status.FAILED: 1, Status.IMPLEMENTING: 2, Status.PENDING: 12}
    progress = Progress(sbis=sbis, pbis={}, children=sbis)
    how = Style(width=80)
    lines = group_list._table(
        [
            line(7, "支払いをする画面を作る。二重に払われないこと", progress=progress, story_points=13),
            line(123, "Short", held=True, drafts=2, progress=progress),
        ],
        how,
        {},
    )
    assert all(width_of(one, 1) <= 80 for one in lines)
    assert lines[1].startswith("PBI-7    IN_PROGRESS  ░░░░░ 3/18  13   支払いをする画面を作る")
    assert "Short" in lines[2]
    columns = {width_of(one[: one.index(word)], 1) for one, word in zip(lines[1:], ("1 FAILED", "held"), strict=True)}
    assert len(columns) == 1


def test_a_bar_gives_way_where_there_is_no_room_for_it() -> None:
    found = [line(7, "A title of some length that is cut", progress=Progress(sbis={"DONE": 1}, pbis={}, children={}))]
    assert "█████ 1/1" in group_list._table(found, Style(width=80), {})[1]
    assert "█" not in group_list._table(found, Style(width=46), {})[1]
    assert "█" not in group_list._table(found, Style(width=None), {})[1]


# --- show -----------------------------------------------------------------------------------------------------------


def test_show_tells_what_is_below_and_what_waits(person: Person) -> None:
    person("pbi", "plan", "-t", "One", "-b", "Text.", "--accept", "It works.", "-l", "api", "-s", "5")
    person.add("Below", "--parent", "1")
    draft(person)
    shown = person("pbi", "show", "1").splitlines()
    assert shown[0] == "PBI-1  One"
    assert "status        PLANNING" in shown
    assert "progress      0 of 1 done, 1 PENDING" in shown
    assert "drafts        1 waits for a decision → deespec pbi drafts PBI-1" in shown
    assert "story points  5" in shown
    assert shown[-8:-3] == ["Text.", "", "## Acceptance criteria", "", "- It works."]
    assert shown[-2:] == ["ID     STATUS   TITLE", "SBI-1  PENDING  Below"]
    assert person.json("pbi", "show", "1")["children"] == [
        {"id": "SBI-1", "title": "Below", "status": "PENDING", "archived_at": None}
    ]


@pytest.mark.parametrize(
    ("events", "question", "words"),
    [
        ((), None, "asked for, waits for a worker"),
        ((Event.CLAIMED, Event.LIMIT_REACHED), None, "FAILED (proposal) → deespec pbi decompose PBI-1"),
        ((Event.CLAIMED, Event.NEEDS_PERSON), "Which one?", "waits for your answer → deespec answer PBI-1"),
        ((Event.CANCELLED,), None, "cancelled → deespec pbi decompose PBI-1"),
        ((Event.CLAIMED, Event.FOLDER_READY, Event.DECOMPOSED), None, "done 2"),
    ],
)
def test_show_tells_how_far_the_decomposition_is(
    person: Person, events: tuple[Event, ...], question: str | None, words: str
) -> None:
    person("pbi", "plan", "-t", "One")
    assert "never asked for → deespec pbi decompose PBI-1" in person("pbi", "show", "1")
    decomposed(person, *events, question=question)
    shown = person("pbi", "show", "1")
    assert f"decomposition {words}" in shown
    assert ("It asks:\n  Which one?" in shown) == bool(question)
    assert person.json("pbi", "show", "1")["decomposition"]["question"] == question


def test_a_pbi_that_waits_for_a_person_says_so_wherever_it_is_looked_at(person: Person) -> None:
    person("pbi", "plan", "-t", "One")
    decomposed(person, Event.CLAIMED, Event.NEEDS_PERSON, question="Which one?")
    assert person("pbi", "list").splitlines()[1].endswith("waits for an answer")
    assert person("status").splitlines()[1] == "PBIs: PARKED 1"
    assert person("pbi", "drafts", "1").endswith(
        'The decomposition of PBI-1 needs a person (question): Which one? → deespec answer PBI-1 "…"\n'
    )
    assert person("answer", "PBI-1", "Red") == (
        "✓ The decomposition of PBI-1 goes on → deespec run --workflows pbi,sbi or deespec pbi decompose PBI-1\n"
    )
    assert "waits for an answer" not in person("pbi", "list")
    assert "PBIs:" not in person("status")


def test_a_decomposition_that_failed_is_named_by_list_status_and_drafts(person: Person) -> None:
    person("pbi", "plan", "-t", "One")
    decomposed(person, Event.CLAIMED, Event.LIMIT_REACHED)
    assert person("pbi", "list").splitlines()[1].endswith("decomposition FAILED")
    assert person("status").splitlines()[1] == "PBIs: FAILED 1"
    assert "The decomposition of PBI-1 FAILED (proposal) → deespec pbi show PBI-1" in person("pbi", "drafts", "1")


def test_what_is_to_be_decomposed_by_itself_says_by_which_command(person: Person) -> None:
    told = "PBI-1 is decomposed by deespec run --workflows pbi,sbi or deespec pbi decompose PBI-1;"
    person("pbi", "plan", "-t", "One", "--auto")
    assert told in person.err
    person("pbi", "update", "1", "--priority", "high")
    assert told not in person.err
    person("pbi", "update", "1", "--no-auto")
    person("pbi", "update", "1", "--auto")
    assert told in person.err


def test_drafts_alone_are_pointed_to_once(person: Person) -> None:
    person("pbi", "plan", "-t", "One")
    draft(person)
    shown = person("status")
    assert "1 draft waits to be decided → deespec inbox\n" in shown
    assert shown.count("deespec inbox") == 1
    decomposed(person, Event.CLAIMED, Event.LIMIT_REACHED)
    shown = person("status")
    assert "1 draft waits to be decided\n" in shown
    assert shown.endswith("Something waits for you → deespec inbox\n")


def test_a_long_text_is_shown_in_full_only_when_asked_for_its_criteria_always(person: Person) -> None:
    text = "\n".join(f"Line {number}." for number in range(1, 31))
    person("pbi", "plan", "-t", "One", "-b", text, "--accept", "It works.")
    shown = person("pbi", "show", "1")
    assert "… 22 more lines: deespec pbi show PBI-1 --detail" in shown
    assert "Line 13." not in shown
    assert "Acceptance criteria:\n  - It works.\n" in shown
    assert "Line 30.\n\n## Acceptance criteria\n\n- It works.\n" in person("pbi", "show", "1", "-d")
    assert "Line 30." in person.json("pbi", "show", "1")["spec"]


@pytest.mark.parametrize("how", ["1", "pbi-1", "PBI-0001", "ＰＢＩ－１", "uid"])
def test_a_pbi_is_found_by_number_any_case_and_width_and_its_uid(person: Person, how: str) -> None:
    person("pbi", "plan", "-t", "One")
    uid = person.json("pbi", "show", "1")["uid"]
    assert person.json("pbi", "show", uid[:20] if how == "uid" else how)["id"] == "PBI-1"


@pytest.mark.parametrize(("given", "exits"), [("NOPE", 2), ("9", 3), ("SBI-1", 2), ("EPIC-1", 2)])
def test_what_is_no_pbi_is_said_to_be_none(person: Person, given: str, exits: int) -> None:
    person.add("An item")
    for command in ("show", "history", "edit", "delete", "hold", "cancel"):
        assert person.refusal("pbi", command, given, exits=exits)


def test_titles_cannot_drive_the_terminal(person: Person) -> None:
    person("register", "pbi", "-b", "# Red\x1b[31m\n\nText\x1b[2J.")
    assert "\x1b" not in person("pbi", "list") + person("pbi", "show", "1") + person("pbi", "history", "1")


# --- update, edit ---------------------------------------------------------------------------------------------------


def test_fields_are_changed_and_taken_away(person: Person) -> None:
    person("epic", "plan", "-t", "Large")
    person("pbi", "plan", "-t", "One", "-s", "3", "-l", "api")
    said = person("pbi", "update", "1", "-s", "5", "--add-label", "web", "--remove-label", "api", "--parent", "1")
    assert said == "✓ PBI-1 changed: labels, parent, story_points\n"
    shown = person.json("pbi", "show", "1")
    assert (shown["story_points"], shown["labels"], shown["parent"]) == (5, ["web"], "EPIC-1")
    person("pbi", "update", "1", "--clear", "parent", "--clear", "story_points", "--accept", "It works.")
    shown = person.json("pbi", "show", "1")
    assert (shown["story_points"], shown["parent"], shown["acceptance"]) == (None, None, ["It works."])
    assert person("pbi", "update", "1", "--accept", "It works.").endswith("nothing was changed.\n")


def test_a_title_is_changed_in_one_place_as_there_is_only_one(person: Person) -> None:
    person("pbi", "plan", written("p.md", "# Old\n\nText.\n"))
    person("pbi", "update", "1", "--title", "New")
    shown = person.json("pbi", "show", "1")
    assert (shown["title"], shown["spec"]) == ("New", "Text.")
    person("pbi", "update", "1", "-f", written("q.md", "# Newer\n\nOther.\n"))
    shown = person.json("pbi", "show", "1")
    assert (shown["title"], shown["spec"]) == ("Newer", "Other.")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "There is nothing to change."),
        (("--status", "done"), "deespec pbi update has no --status any more.\n→ deespec pbi show ID  (a PBI's status"),
        (("--story-points", "14"), "--story-points must be a whole number from 0 to 13, not 14."),
        (("--parent", "SBI-1"), "--parent takes EPICs, not SBI-1."),
        (("--title", ""), "--title is empty."),
        (("--min", "5", "--max", "4"), "--min is 5, --max only 4."),
        (("--min", "11", "--max", "10"), "--min is 11, --max only 10."),
    ],
)
def test_what_cannot_be_is_refused(person: Person, options: tuple[str, ...], words: str) -> None:
    person("pbi", "plan", "-t", "One")
    assert words in person.refusal("pbi", "update", "1", *options, exits=2)


def test_what_is_edited_is_all_that_changes(person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    person("pbi", "plan", "-t", "One", "-b", "Text.", "-s", "3")
    with_editor(monkeypatch, tmp_path, f"deespec --home {person.home} pbi update 1 -s 5; sed -i 's/^Text/Other/' $1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert person("pbi", "edit", "1") == "✓ PBI-1 changed: spec\n"
    shown = person.json("pbi", "show", "1")
    assert (shown["spec"], shown["story_points"]) == ("Other.", 5)


def test_what_somebody_else_changed_meanwhile_is_not_lost_and_neither_is_the_text(
    person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    person("pbi", "plan", "-t", "One", "-b", "Text.")
    with_editor(
        monkeypatch, tmp_path, f"deespec --home {person.home} pbi update 1 -b Theirs; sed -i 's/^Text/Mine/' $1"
    )
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert "Somebody else has changed PBI-1 meanwhile: spec." in person.refusal("pbi", "edit", "1", exits=4)
    assert person.json("pbi", "show", "1")["spec"] == "Theirs"
    [kept] = (person.home / "edited").iterdir()
    assert "Mine." in kept.read_text()


# --- move -----------------------------------------------------------------------------------------------------------


def test_items_are_moved_and_their_parents_follow(person: Person) -> None:
    person("epic", "plan", "-t", "Large")
    for title in ("One", "Two"):
        person("pbi", "plan", "-t", title)
    person.add("First", "--parent", "1")
    person.add("Second", "--parent", "1")
    assert person("sbi", "move", "1", "2", "--to", "2") == "✓ SBI-1 is below PBI-2 now\n✓ SBI-2 is below PBI-2 now\n"
    assert person("sbi", "move", "1", "--to", "pbi-2") == "SBI-1 is below PBI-2 already; nothing was changed.\n"
    assert person("pbi", "move", "2", "--to", "1") == "✓ PBI-2 is below EPIC-1 now\n"
    person("sbi", "move", "2", "--to", "EPIC-1")
    moved = person.json("sbi", "move", "1", "--to", "NONE")["items"]
    assert moved == [{"id": "SBI-1", "from": "PBI-2", "to": None, "held": False}]
    statuses = {one["id"]: one["status"] for kind in ("pbi", "epic") for one in person.json(kind, "list")["items"]}
    assert statuses == {"PBI-1": "PENDING", "PBI-2": "PENDING", "EPIC-1": "PLANNED"}
    person("db", "check")


@pytest.mark.parametrize(
    ("words", "exits", "said"),
    [
        (("sbi", "move", "1", "--to", "SBI-1"), 2, "The parent of SBI is PBI or EPIC, not SBI-1."),
        (("pbi", "move", "1", "--to", "PBI-1"), 2, "The parent of PBI is EPIC, not PBI-1."),
        (("sbi", "move", "1", "--to", "7"), 3, "There is no PBI-7."),
        (("sbi", "move", "1", "--to", " "), 2, "--to takes an ID, or none."),
        (("sbi", "move", "1"), 2, "Missing option '--to'."),
    ],
)
def test_a_move_to_what_is_no_parent_is_refused(person: Person, words: tuple[str, ...], exits: int, said: str) -> None:
    person("pbi", "plan", "-t", "One")
    person.add("First")
    assert said in person.refusal(*words, exits=exits)


def test_an_item_below_an_epic_can_be_edited_and_updated_like_any_other(person: Person) -> None:
    person("epic", "plan", "-t", "Large")
    person.add("First", "--parent", "EPIC-1")
    person("sbi", "update", "1", "--title", "Other")
    assert person.json("sbi", "show", "1")["parent"] == "EPIC-1"


# --- hold, unhold, cancel, delete -----------------------------------------------------------------------------------


@pytest.fixture
def family(person: Person) -> Person:
    """PBI-1 with two SBIs, of which another elsewhere needs the second, and a decomposition that is asked for."""
    person("pbi", "plan", "-t", "One")
    person.add("First", "--parent", "1")
    person.add("Second", "--parent", "1")
    person.add("Elsewhere", "--depends-on", "2")
    decomposed(person)
    return person


def test_elsewhere_than_on_a_terminal_it_shows_the_effect_and_needs_a_yes(family: Person) -> None:
    said = family.refusal("pbi", "cancel", "1", exits=2)
    assert said.splitlines() == [
        "2 SBIs: SBI-1, SBI-2",
        "1 decomposition: PBI-1",
        "blocked then: SBI-3",
        "PBI-1: cancel with all below it?",
        "→ Say --yes to do it, --dry-run to see what it would do.",
    ]
    assert family.json("sbi", "show", "1")["status"] == "PENDING"


@pytest.mark.parametrize("act", ["hold", "cancel"])
def test_a_dry_run_says_what_it_would_do_and_does_nothing(family: Person, act: str) -> None:
    assert "PBI-1 would be" in family("pbi", act, "1", "--dry-run")
    found = family.json("pbi", act, "1", "--dry-run")
    assert (found["dry_run"], found["sbis"]) == (True, ["SBI-1", "SBI-2"])
    shown = family.json("pbi", "show", "1")
    assert (shown["held"], shown["sbis"]) == (False, {"PENDING": 2})


def test_a_held_pbi_is_free_again_with_all_below_it(family: Person) -> None:
    family("pbi", "hold", "1", "--yes")
    assert [family.json("sbi", "show", number)["held"] for number in "123"] == [True, True, False]
    assert family.json("pbi", "show", "1")["decomposition"]["held"] is True
    assert "already; nothing was changed" in family("pbi", "hold", "1")
    family("pbi", "unhold", "1", "--yes")
    assert [family.json("sbi", "show", number)["held"] for number in "123"] == [False] * 3
    assert family.json("pbi", "show", "1")["decomposition"]["held"] is False


def test_a_cancelled_pbi_is_held_and_rolled_up(family: Person) -> None:
    found = family.json("pbi", "cancel", "1", "--yes", "-m", "Not needed")
    assert (found["groups"], found["sbis"], found["decompositions"]) == (["PBI-1"], ["SBI-1", "SBI-2"], ["PBI-1"])
    shown = family.json("pbi", "show", "1")
    assert (shown["status"], shown["held"], shown["decomposition"]["status"]) == ("PENDING", True, "CANCELLED")
    assert "Not needed" in family("sbi", "history", "1")
    assert "Not needed" in family("pbi", "history", "1")


def test_a_pbi_alone_is_held_without_a_question(person: Person) -> None:
    person("pbi", "plan", "-t", "One")
    assert person("pbi", "hold", "1") == "✓ PBI-1 held\n"
    assert person("pbi", "unhold", "1") == "✓ PBI-1 free\n"


def test_one_item_below_a_held_pbi_is_not_cancelled_without_a_yes(person: Person) -> None:
    person("pbi", "plan", "-t", "Shop")
    person("sbi", "register", "-t", "Cart", "--parent", "PBI-1")
    person("pbi", "hold", "1", "--yes")
    person("sbi", "unhold", "1")
    assert "cancel with all below it?" in person.refusal("pbi", "cancel", "1", exits=2)
    assert person.json("sbi", "show", "1")["status"] == "PENDING"


def test_a_pbi_is_deleted_only_with_what_is_below_it(family: Person) -> None:
    said = family.refusal("pbi", "delete", "1", "--yes", exits=4)
    assert said.startswith("PBI-1 has below it: SBI-1, SBI-2.\n→ deespec pbi delete PBI-1 --cascade")
    said = family.refusal("pbi", "delete", "1", "--cascade", "--yes", exits=4)
    assert said.startswith("PBI-1 cannot be deleted: SBI-2 is needed by SBI-3.\n")
    family("sbi", "update", "3", "--remove-need", "2")
    assert family("pbi", "delete", "1", "--cascade", "--dry-run") == "PBI-1, SBI-1, SBI-2 would be deleted\n"
    said = family.refusal("pbi", "delete", "1", "--cascade", exits=2)
    assert said.splitlines()[:2] == ["PBI-1", "2 SBIs: SBI-1, SBI-2"]
    assert family("pbi", "delete", "1", "--cascade", "--yes") == "✓ PBI-1, SBI-1, SBI-2 deleted\n"
    assert family.refusal("pbi", "show", "1", exits=3)
    family("db", "check")
    family("journal", "check")


def test_drafts_that_wait_are_named_before_they_go(person: Person) -> None:
    person("pbi", "plan", "-t", "One")
    draft(person)
    draft(person, 2, status=DraftStatus.REJECTED, decided_by="me", decided_at=1, reason="No.")
    said = person.refusal("pbi", "delete", "1", "--yes", exits=4)
    assert said.startswith("PBI-1 has drafts that nobody has decided: PBI-1/1.\n")
    person("pbi", "delete", "1", "--yes", "--cascade")
    assert person.json("drafts", "--all")["items"] == []


# --- history --------------------------------------------------------------------------------------------------------


def test_the_history_tells_who_did_what(person: Person) -> None:
    person("pbi", "plan", "-t", "One")
    person("pbi", "update", "1", "--title", "Two")
    person.add("Below", "--parent", "1")
    entries = person.json("pbi", "history", "1")["items"]
    assert [one["event"] for one in entries] == ["registered", "updated", "rolled_up"]
    assert (entries[-1]["from"], entries[-1]["to"]) == ("PENDING", "PLANNED")


def test_the_status_of_an_sbi_cannot_be_set_and_what_people_do_instead_is_said(person: Person) -> None:
    said = person.refusal("sbi", "update", "1", "--status", "done", exits=2)
    assert "hold, cancel, retry and reset are for people" in said


# --- names of the original ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("pbi", "plan", "--status", "done"),
        ("pbi", "update", "1", "-p", "1"),
        ("pbi", "edit", "1", "-t", "T"),
        ("pbi", "delete", "1", "--force"),
    ],
)
def test_options_of_the_original_name_their_successor(person: Person, words: tuple[str, ...]) -> None:
    assert "any more.\n→ deespec pbi" in person.refusal(*words, exits=2)
