"""`export`, `import`, and files that name one another, as a person uses them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from person import Person


@pytest.fixture
def me(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, capsys, monkeypatch)


def spec(name: str, title: str, *front: str) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("\n".join(["---", f"title: {title}", *front, "---", "Do it.\n"]))
    return name


# --- files that name one another --------------------------------------------------------------------------------------


def test_needs_are_called_by_files_of_the_same_call_in_any_order(me: Person) -> None:
    files = [
        spec("specs/a.md", "A", "depends_on: [b.md, sub/c]"),
        spec("specs/b.md", "B", "depends_on: [sub/c.md]"),
        spec("specs/sub/c.md", "C"),
    ]
    items = me.json("register", "sbi", *files)["items"]
    assert [one["depends_on"] for one in items] == [["SBI-2", "SBI-3"], ["SBI-3"], []]


def test_needs_and_parents_are_called_by_files_that_were_registered_before(me: Person) -> None:
    me("register", "pbi", spec("specs/group.md", "Group"))
    me("register", "sbi", spec("specs/a.md", "A"))
    item = me.json("register", "sbi", spec("specs/b.md", "B", "depends_on: [a]", "parent: group.md"))
    assert (item["depends_on"], item["parent"]) == (["SBI-1"], "PBI-1")


def test_a_file_that_is_not_there_is_named_with_line_and_suggestion_and_nothing_is_registered(me: Person) -> None:
    files = [spec("login.md", "A"), spec("b.md", "B", "depends_on: [loginn]")]
    said = me.refusal("register", "sbi", *files, exits=3)
    assert said == 'b.md:3: depends_on: "loginn" is no ID, and no file that is registered.\n→ Did you mean login.md?\n'
    assert me.json("sbi", "list", "--all")["items"] == []


def test_a_circle_is_named_by_its_files(me: Person) -> None:
    files = [spec("a.md", "A", "depends_on: [b]"), spec("b.md", "B", "depends_on: [a]")]
    said = me.refusal("register", "sbi", *files, exits=2)
    assert "circle: a.md → b.md → a.md." in said or "circle: b.md → a.md → b.md." in said
    assert me.json("sbi", "list", "--all")["items"] == []


def test_files_are_registered_as_they_are_given_those_of_f_first(me: Person) -> None:
    files = [spec(f"specs/{name}.md", name.upper()) for name in "abcd"]
    assert me("register", "sbi", "-f", *files, "--dry-run").splitlines() == [
        f"would register SBI {file[6].upper()}  {file}" for file in files
    ]
    assert me("register", "sbi", files[3], "-f", files[0], "-f", files[1], files[2]).splitlines() == [
        f"✓ SBI-{number} registered successfully  {files[at]}" for number, at in enumerate((0, 1, 3, 2), 1)
    ]


def test_a_file_that_became_two_items_is_no_name(me: Person) -> None:
    file = spec("a.md", "A")
    me("register", "sbi", file)
    me("register", "sbi", file, "--again")
    said = me.refusal("register", "sbi", spec("b.md", "B", "depends_on: [a]"), exits=2)
    assert 'b.md:3: depends_on: "a" was registered as SBI-1, SBI-2.' in said


def test_spec_check_understands_names_of_files(me: Person) -> None:
    good = [spec("a.md", "A", "depends_on: [b]"), spec("b.md", "B")]
    assert "none would be refused" in me("spec", "check", *good)
    assert "c.md:3" in me("spec", "check", *good, spec("c.md", "C", "depends_on: [x]"), exits=2)


def test_spec_check_counts_and_names_what_is_registered_already(me: Person) -> None:
    files = [spec("a.md", "A"), spec("b.md", "B")]
    me("register", "sbi", "a.md")
    said = me("spec", "check", *files)
    assert "✓ a.md\n  It is registered already, unchanged, as SBI-1.\n" in said
    last = "2 files: 1 is registered already (register refuses it without --skip-registered or --again), "
    assert said.endswith(f"{last}none of the others would be refused\n")
    assert [one["registered_as"] for one in me.json("spec", "check", *files)["files"]] == ["SBI-1", None]
    assert "SBI-1" in me.refusal("register", "sbi", *files, exits=4)


def test_standard_input_has_no_folder_to_see_names_from(
    me: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "in").write_text("---\ntitle: A\ndepends_on: [b]\n---\nx\n")
    with (tmp_path / "in").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert 'depends_on takes IDs, not "b"' in me.refusal("register", "sbi", "--stdin", exits=2)


# --- export and import ------------------------------------------------------------------------------------------------


def test_a_backlog_goes_out_and_comes_into_another_one(me: Person) -> None:
    me("register", "pbi", "--title", "Group")
    me.add("One", "--parent", "PBI-1")
    me.add("Two", "--depends-on", "SBI-1")
    assert me("export", "out").splitlines()[0] == "✓ 1 PBI, 2 SBIs in out"
    assert "nothing has changed" in me("export", "out")
    assert me.json("export", "out")["written"] == 0
    shutil.rmtree(me.home)
    me("init")
    said = me("import", "backlog", "out", "--dry-run")
    assert said.endswith("Nothing was changed.\n")
    said = me("import", "backlog", "out")
    assert "✓ 3 items imported" in said
    assert said.endswith("\n2 SBIs held. Start them: deespec sbi unhold --all\n")
    assert "all 3 items are here already: nothing changed" in me("import", "backlog", "out")
    assert me.json("sbi", "show", "SBI-2")["depends_on"] == ["SBI-1"]
    assert me("db", "check").endswith("sound\n")


def test_what_is_held_is_counted_by_kind_and_each_kind_has_its_command(me: Person) -> None:
    for title in ("Group", "Other"):
        me("register", "pbi", "--title", title, "--auto")
    me.add("One")
    me.add("Ended", "--hold")
    me("sbi", "cancel", "SBI-2", "--yes")
    me("export", "out")
    shutil.rmtree(me.home)
    me("init")
    said = me("import", "backlog", "out").splitlines()
    assert said[-2:] == [
        "1 SBI held. Start it: deespec sbi unhold --all",
        "2 PBIs held (PBI-1, PBI-2). Free each: deespec pbi unhold PBI-1",
    ]
    assert me("sbi", "unhold", "--all") == "✓ SBI-1 free\n"
    me("pbi", "unhold", "PBI-1", "--yes")
    assert not me.json("pbi", "show", "PBI-1")["held"]


def test_templates_of_labels_that_do_not_come_along_are_told(me: Person) -> None:
    Path("rules.md").write_text("Rules.")
    me("label", "register", "ui", "rules.md")
    me("export", "out")
    shutil.rmtree(me.home)
    me("init")
    assert "note:" not in me("import", "backlog", "out", "--dry-run")
    Path("rules.md").unlink()
    said = "note: the label ui brings a template that no prompt can have: rules.md is not there."
    assert said in me("import", "backlog", "out", "--dry-run")
    assert said in me("import", "backlog", "out")


def test_an_export_says_that_it_completes_one_that_was_cut_off(me: Person) -> None:
    me.add("One")
    assert me.json("export", "out")["completes_cut_off"] is False
    Path("out/export-in-progress.json").write_text("{}")
    assert me.json("export", "out")["completes_cut_off"] is True


def test_what_became_of_numbers_is_told(me: Person) -> None:
    me.add("One")
    me("export", "out")
    shutil.rmtree(me.home)
    me("init")
    me.add("Mine")
    said = me("import", "backlog", "out")
    assert "note: SBI-1 is SBI-2 here" in said
    assert me.json("import", "backlog", "out")["known"] == 1


def test_what_is_no_export_is_refused(me: Person) -> None:
    assert "is no folder" in me.refusal("import", "backlog", "nowhere", exits=3)
    Path("empty").mkdir()
    assert "is no export of a backlog" in me.refusal("import", "backlog", "empty", exits=3)
    Path("full").mkdir()
    Path("full/x").write_text("x")
    assert "is not empty and no export: x." in me.refusal("export", "full", exits=4)


# --- other tools ------------------------------------------------------------------------------------------------------


def test_issues_of_beads_come_in_held_and_only_once(me: Person) -> None:
    Path("i.jsonl").write_text(json.dumps({"id": "bd-1", "title": "One", "status": "open", "labels": ["ui"]}) + "\n")
    assert me("import", "beads", "i.jsonl", "--dry-run").endswith("Nothing was changed.\n")
    said = me("import", "beads", "i.jsonl")
    assert "labels that were made, empty: ui" in said
    assert "1 SBI held. Start it: deespec sbi unhold --all" in said
    found = me.json("import", "beads", "i.jsonl")
    assert (found["items"], found["known"]) == ([], 1)
    assert "ui" in me("label", "list")


def test_what_is_left_out_is_counted_by_what_became_of_it_there(me: Person) -> None:
    tasks = [{"id": at, "title": "T", "status": status} for at, status in enumerate(("done", "cancelled", "done"), 1)]
    Path("tasks.json").write_text(json.dumps({"tasks": tasks}))
    said = me("import", "task-master", "tasks.json")
    assert "left out: 2 done, 1 dropped (--with-done brings them in, CANCELLED)" in said
    said = me("import", "task-master", "tasks.json", "--with-done")
    assert "3 items imported" in said
    assert "held" not in said


def test_tasks_of_spec_kit_and_task_master_come_in(me: Person) -> None:
    Path("tasks.md").write_text("# Tasks: A\n\n## Phase 1: B\n- [ ] T001 one\n")
    Path("tasks.json").write_text(json.dumps({"tasks": [{"id": 1, "title": "two", "status": "pending"}]}))
    assert me.json("import", "spec-kit", "tasks.md")["items"][-1]["key"].endswith("T001")
    assert me.json("import", "task-master", "tasks.json")["items"][0]["id"] == "SBI-2"
