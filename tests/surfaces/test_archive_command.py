"""`archive` and `archive list|restore` as a person uses them, and what other commands say of archived items."""

from __future__ import annotations

from pathlib import Path

import pytest
from person import Person

from deespec.app import open_app
from deespec.model.lifecycle import Event


class Finisher(Person):
    """Somebody whose items are DONE without any agent."""

    def done(self, title: str, *options: str) -> str:
        """The id of an item that is DONE."""
        item = self.add(title, *options)
        app = open_app(str(self.home))
        with app.store.transaction() as tx:
            sbi = tx.sbi(int(item[4:]))
            for event in (Event.CLAIMED, Event.WORKSPACE_READY, Event.IMPLEMENTED_ONLY, Event.MERGED):
                sbi = tx.move(sbi, event, actor="test")
        app.close()
        return item


@pytest.fixture
def backlog(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Finisher:
    return Finisher(tmp_path, capsys, monkeypatch)


# --- archiving ------------------------------------------------------------------------------------------------------


def test_finished_items_leave_the_lists_and_one_command_brings_them_back(backlog: Finisher) -> None:
    backlog.done("One")
    backlog.add("Two")
    assert backlog("archive", "--done") == "✓ SBI-1 archived → deespec archive restore --last brings it back\n"
    assert "SBI-1" not in backlog("sbi", "list", "--all")
    assert backlog("archive", "restore", "--last") == "✓ SBI-1 back in lists\n"
    assert "SBI-1" in backlog("sbi", "list", "--all")


def test_the_answer_as_json_names_all_of_them(backlog: Finisher) -> None:
    backlog.done("One")
    backlog.done("Two")
    assert backlog.json("archive", "SBI-1")["items"] == [{"id": "SBI-1"}]
    assert backlog.json("archive", "--done")["items"] == [{"id": "SBI-2"}]
    assert backlog.json("archive", "SBI-1")["already"] == ["SBI-1"]


@pytest.mark.parametrize("named", ["1", "sbi-1", "SBI-1"])
def test_an_item_can_be_named_as_everywhere(backlog: Finisher, named: str) -> None:
    backlog.done("One")
    assert "SBI-1 archived" in backlog("archive", named)


def test_many_are_counted_instead_of_named(backlog: Finisher) -> None:
    backlog("register", "pbi", "--title", "Group")
    for number in range(11):
        backlog.done(f"Item {number}", "--parent", "PBI-1")
    assert backlog("archive", "--done").startswith("✓ 11 SBIs, 1 PBI archived")


@pytest.mark.parametrize(
    ("age", "gone"), [("0s", True), ("1.5 h", False), ("12h", False), ("30d", False), ("2w", False)]
)
def test_an_age_leaves_out_what_was_finished_since(backlog: Finisher, age: str, gone: bool) -> None:
    backlog.done("One")
    said = backlog("archive", "--done", "--older", age)
    assert ("SBI-1 archived" in said) == gone
    assert gone or said == "Nothing was finished that long ago.\n"


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1y", "999999999w", "1e3d"])
def test_what_is_no_age_is_refused(backlog: Finisher, age: str) -> None:
    backlog("archive", "--done", f"--older={age}", exits=2)
    assert "is not an age; say 30d, 12h or 2w" in backlog.err


def test_what_is_not_finished_is_refused_with_its_state(backlog: Finisher) -> None:
    backlog.add("One")
    assert backlog("archive", "1", exits=4) == ""
    assert "SBI-1 is PENDING: only what is DONE or CANCELLED can be archived.\n→ deespec why SBI-1" in backlog.err


def test_an_unknown_item_is_not_found(backlog: Finisher) -> None:
    backlog("archive", "SBI-7", exits=3)
    backlog("archive", "restore", "PBI-7", exits=3)


@pytest.mark.parametrize("args", [(), ("--older", "1d"), ("--json",), ("restore",), ("restore", "1", "--all")])
def test_nothing_named_is_wrong_usage(backlog: Finisher, args: tuple[str, ...]) -> None:
    backlog("archive", *args, exits=2)


def test_a_rehearsal_archives_nothing(backlog: Finisher) -> None:
    backlog.done("One")
    assert backlog("archive", "--done", "--dry-run") == "SBI-1 (DONE) would be archived: One\n"
    assert backlog.json("archive", "1", "--dry-run")["items"] == [{"id": "SBI-1", "status": "DONE"}]
    assert backlog.json("archive", "list")["total"] == 0


def test_a_cancelled_item_that_is_needed_stays_and_is_named(backlog: Finisher) -> None:
    backlog.add("One")
    backlog.add("Two", "--depends-on", "1")
    backlog("sbi", "cancel", "1")
    said = backlog("archive", "--done")
    assert "SBI-1 stays: it is CANCELLED, and SBI-2 needs it → deespec why SBI-2" in said
    assert backlog.json("archive", "--done")["needed"] == [{"id": "SBI-1", "needed_by": "SBI-2"}]


def test_why_of_an_item_whose_need_is_archived_names_the_real_reason(backlog: Finisher) -> None:
    backlog.done("One")
    backlog.add("Two", "--depends-on", "1")
    backlog("archive", "--done")
    assert [one["reason"] for one in backlog.json("why", "2")["waiting"]] != ["need"]


def test_the_journal_names_the_person(backlog: Finisher) -> None:
    backlog.done("One")
    backlog("archive", "1")
    backlog("archive", "restore", "1")
    last = backlog.json("journal", "list", "--item", "SBI-1")["items"][-2:]
    app = open_app(str(backlog.home))
    person = app.person
    app.close()
    assert [(one["event"], one["actor"]) for one in last] == [("archived", person), ("unarchived", person)]


# --- the group's own command ----------------------------------------------------------------------------------------


def test_help_shows_both_ways(backlog: Finisher) -> None:
    said = backlog("archive", "--help")
    assert "deespec archive [OPTIONS] [ID]..." in said
    assert "--older" in said
    assert "restore" in said


def test_a_word_that_is_no_id_is_taken_for_a_command(backlog: Finisher) -> None:
    backlog("archive", "lst", exits=2)
    assert "Did you mean list?" in backlog.err


# --- the archive's list ---------------------------------------------------------------------------------------------


def test_the_archive_is_listed_with_true_totals(backlog: Finisher) -> None:
    backlog.labels("one", "two", "three")
    for title in ("One", "Two", "Three"):
        backlog.done(title, "--label", title.lower())
    backlog("archive", "--done")
    said = backlog("archive", "list", "--limit", "2")
    assert "SBI-2" in said
    assert "… 2 of 3 shown" in said
    [found] = backlog.json("archive", "list", "--label", "two")["items"]
    assert (found["id"], found["title"], found["status"]) == ("SBI-2", "Two", "DONE")
    assert found["archived_at"] >= found["finished_at"]


def test_an_empty_archive_says_so(backlog: Finisher) -> None:
    assert backlog("archive", "list") == "Nothing is archived.\n"
    assert backlog("archive", "restore", "--all") == "Nothing is archived.\n"
    backlog.add("One")
    assert backlog("archive", "restore", "1") == "SBI-1 is not archived.\n"


# --- what other commands say ----------------------------------------------------------------------------------------


@pytest.fixture
def archived(backlog: Finisher) -> Finisher:
    """SBI-1 in PBI-1 in EPIC-1, all archived."""
    backlog("register", "epic", "--title", "Theme")
    backlog("register", "pbi", "--title", "Group", "--parent", "EPIC-1")
    backlog.done("One", "--parent", "PBI-1", "--key", "k")
    backlog("archive", "--done")
    return backlog


def test_lists_say_how_many_are_archived(archived: Finisher) -> None:
    for words in (("sbi", "list"), ("sbi", "list", "--all"), ("pbi", "list"), ("epic", "list")):
        assert archived(*words) == "… and 1 archived (deespec archive list)\n"
        assert archived.json(*words) == {"schema": 1, "items": [], "total": 0}


def test_status_leaves_archived_items_out_and_counts_them_apart(archived: Finisher) -> None:
    found = archived.json("status")
    assert (sum(found["counts"].values()), found["archived"]) == (0, 1)
    assert "Nothing is left to do; 1 archived → deespec archive list" in archived("status")


@pytest.mark.parametrize(("kind", "item"), [("sbi", "SBI-1"), ("pbi", "PBI-1"), ("epic", "EPIC-1")])
def test_show_says_that_it_is_archived(archived: Finisher, kind: str, item: str) -> None:
    assert "\narchived " in archived(kind, "show", item)
    assert archived.json(kind, "show", item)["archived_at"] is not None
    archived("archive", "restore", "SBI-1")
    assert "archived" not in archived(kind, "show", item)
    assert archived.json(kind, "show", item)["archived_at"] is None


def test_the_journal_s_check_looks_at_archived_items_too(archived: Finisher) -> None:
    assert "agree with 3 items" in archived("journal", "check")


def test_history_and_why_go_on_working(archived: Finisher) -> None:
    assert archived.json("sbi", "history", "1")["items"][-1]["event"] == "archived"
    assert "SBI-1 is DONE" in archived("why", "1")


def test_registering_with_the_key_of_an_archived_item_finds_it(archived: Finisher) -> None:
    assert "SBI-1 was registered before" in archived("register", "sbi", "--title", "Again", "--key", "k")


def test_registering_a_file_of_an_archived_item_is_refused(backlog: Finisher) -> None:
    Path("spec.md").write_text("# One\n")
    backlog("register", "sbi", "spec.md")
    backlog("sbi", "cancel", "1")
    backlog("archive", "1")
    backlog("register", "sbi", "spec.md", exits=4)
    assert "as SBI-1" in backlog.err


def test_a_new_child_brings_the_group_back(archived: Finisher) -> None:
    archived.add("Two", "--parent", "PBI-1")
    assert [one["id"] for one in archived.json("pbi", "list")["items"]] == ["PBI-1"]
    assert [one["archived_at"] is None for one in archived.json("pbi", "show", "1")["children"]] == [False, True]


def test_reset_of_an_archived_item_brings_it_back(backlog: Finisher) -> None:
    backlog.add("One")
    backlog("sbi", "cancel", "1")
    backlog("archive", "1")
    backlog("sbi", "reset", "1", "--yes")
    assert [one["status"] for one in backlog.json("sbi", "list")["items"]] == ["PENDING"]
    assert backlog("journal", "check").startswith("✓")


def test_retry_of_an_archived_item_says_what_it_is(archived: Finisher) -> None:
    archived("sbi", "retry", "1", exits=4)
    assert "SBI-1 is DONE" in archived.err


def test_an_archived_item_that_was_cancelled_can_be_deleted(backlog: Finisher) -> None:
    backlog.add("One")
    backlog("sbi", "cancel", "1")
    backlog("archive", "1")
    backlog("sbi", "delete", "1", "--yes")
    assert backlog("archive", "list") == "Nothing is archived.\n"
    assert backlog("journal", "check").startswith("✓")
