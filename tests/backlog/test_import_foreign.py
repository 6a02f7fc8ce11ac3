"""What Spec Kit, Task Master and beads have planned comes in; the files here are ours, in the shape of theirs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deespec.backlog.imports.beads import read_beads
from deespec.backlog.imports.foreign import ForeignPlan, State
from deespec.backlog.imports.foreign_put import Put, bring, rehearse
from deespec.backlog.imports.spec_kit import read_spec_kit
from deespec.backlog.imports.task_master import read_task_master
from deespec.errors import DeespecError
from deespec.labels import names_in
from deespec.model.items import Sbi
from ledger import Ledger

KILLED = """
import os, signal, sys
from pathlib import Path
from deespec.backlog.imports.beads import read_beads
from deespec.backlog.imports.foreign_put import bring
from deespec.clock import Clock
from deespec.store.opener import open_store

def watch(frame, event, arg):
    if event == "call" and frame.f_code.co_name == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)

store = open_store(sys.argv[1], clock=Clock(), busy_ms=5000)
plan = read_beads(Path(sys.argv[2]))
sys.setprofile(watch)
bring(store, Path(sys.argv[3]), plan, finished=False, actor="me", uid=Clock().uid)
"""
LOGIN = """---

description: "Tasks"
---

# Tasks: Log in

**Prerequisites**: plan.md

## Format: `[ID] [P?] [Story] Description`

- **[P]**: Can run in parallel

## Phase 1: Setup (Shared Infrastructure)

**Purpose**: Project initialization

- [X] T001 Create project structure
- [ ] T002 [P] Configure linting
- [ ] T003 [P] Configure CI

## Phase 2: Foundational (Blocking Prerequisites)

- [ ] T004 Setup database in src/db.py
  - with migrations

## Phase 3: User Story 1 - Log in (Priority: P1) 🎯 MVP

**Goal**: a person logs in

### Tests

- [ ] T005 [P] [US1] Contract test in tests/test_login.py
- [ ] T006 [US1] Implement (depends on T005)

## Phase 4: User Story 2 - Log out (Priority: P2)

- [ ] T007 [US2] Implement log out

## Phase 5: Polish

- [ ] T008 Docs

## Dependencies & Execution Order

- Setup first
<!-- - [ ] T009 a sample -->
```
- [ ] T010 in a fence
```
"""
TASKS: dict[str, Any] = {
    "master": {
        "tasks": [
            {"id": 1, "title": "Init", "status": "done", "dependencies": [], "priority": "high", "subtasks": []},
            {
                "id": 2,
                "title": "Auth",
                "description": "Say who you are.",
                "details": "With OAuth.",
                "testStrategy": "Try it.",
                "status": "pending",
                "dependencies": [1],
                "priority": "medium",
                "complexity": 7,
                "subtasks": [
                    {"id": 1, "title": "OAuth", "status": "in-progress", "dependencies": []},
                    {"id": 2, "title": "Session", "status": "pending", "dependencies": [1]},
                ],
            },
            {"id": 3, "title": "Deploy", "status": "pending", "dependencies": [2, 99], "priority": "low"},
        ],
        "metadata": {"created": "2025-01-01T00:00:00Z"},
    }
}
ISSUES: list[dict[str, Any]] = [
    {"id": "bd-1", "title": "Big", "description": "x", "status": "open", "priority": 1, "issue_type": "epic"},
    {
        "id": "bd-2",
        "title": "Feature",
        "design": "Draw it.",
        "acceptance_criteria": "It works.",
        "status": "in_progress",
        "priority": 0,
        "issue_type": "feature",
        "labels": ["ui", "UI", "a b"],
        "estimated_minutes": 90,
        "dependencies": [
            {"issue_id": "bd-2", "depends_on_id": "bd-1", "type": "parent-child"},
            {"issue_id": "bd-2", "depends_on_id": "bd-3", "type": "blocks"},
            {"issue_id": "bd-2", "depends_on_id": "bd-4", "type": "discovered-from"},
        ],
        "comments": [{"id": 1, "author": "ann", "text": "Soon?"}],
    },
    {"id": "bd-3", "title": "Bug", "status": "open", "priority": 4, "issue_type": "bug", "assignee": "bob"},
    {"id": "bd-4", "title": "Old", "status": "closed", "priority": 2, "issue_type": "task"},
    {"id": "bd-5", "title": "Gone", "status": "tombstone", "priority": 2, "issue_type": "task"},
]


@pytest.fixture
def spec_kit(tmp_path: Path) -> Path:
    folder = tmp_path / "specs" / "001-login"
    folder.mkdir(parents=True)
    (folder / "tasks.md").write_text(LOGIN, encoding="utf-8")
    return tmp_path


@pytest.fixture
def task_master(tmp_path: Path) -> Path:
    folder = tmp_path / ".taskmaster" / "tasks"
    folder.mkdir(parents=True)
    (folder / "tasks.json").write_text(json.dumps(TASKS))
    return tmp_path


@pytest.fixture
def beads(tmp_path: Path) -> Path:
    (tmp_path / ".beads").mkdir()
    (tmp_path / ".beads" / "issues.jsonl").write_text("\n".join(map(json.dumps, ISSUES)) + "\n")
    return tmp_path


def put(ledger: Ledger, tmp_path: Path, plan: ForeignPlan, *, finished: bool = False) -> Put:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return bring(ledger.store, home, plan, finished=finished, actor="me", uid=ledger.clock.uid)


def shown(ledger: Ledger) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """Parent and needs of each SBI, by title."""
    with ledger.store.read() as tx:
        items = {one.id: one for one in tx.whole().every_sbi()}
        groups = {one.id: one.title for one in (*tx.pbis(), *tx.epics())}
    return {
        one.title: (groups.get(one.parent or ""), tuple(items[need].title for need in one.depends_on))
        for one in items.values()
    }


def sbi(done: Put, called: str) -> Sbi:
    [found] = [one.item for one in done.arrived if one.foreign.called == called]
    assert isinstance(found, Sbi)
    return found


# --- Spec Kit ---------------------------------------------------------------------------------------------------------


def test_phases_of_spec_kit_become_pbis_and_their_order_needs(ledger: Ledger, tmp_path: Path, spec_kit: Path) -> None:
    done = put(ledger, tmp_path, read_spec_kit(spec_kit))
    setup, base = "Phase 1: Setup (Shared Infrastructure)", "Phase 2: Foundational (Blocking Prerequisites)"
    one, two = "Phase 3: User Story 1 - Log in (Priority: P1) 🎯 MVP", "Phase 4: User Story 2 - Log out (Priority: P2)"
    assert shown(ledger) == {
        "Configure linting": (setup, ()),
        "Configure CI": (setup, ()),
        "Setup database in src/db.py": (base, ("Configure linting", "Configure CI")),
        "Contract test in tests/test_login.py": (one, ("Setup database in src/db.py",)),
        "Implement (depends on T005)": (one, ("Contract test in tests/test_login.py",)),
        "Implement log out": (two, ("Setup database in src/db.py",)),
        "Docs": ("Phase 5: Polish", ("Implement (depends on T005)", "Implement log out")),
    }
    assert [one.called for one in done.left_out] == ["T001"]
    assert "with migrations" in sbi(done, "T004").spec
    assert (sbi(done, "T006").priority, sbi(done, "T007").priority) == ("high", "normal")
    with ledger.store.read() as tx:
        [epic] = tx.epics()
        assert epic.title == "Log in"
        assert "Setup first" in epic.spec
        assert "a person logs in" in tx.pbi(3).spec
    assert ledger.violations() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Tasks\n\nnothing", "holds no tasks"),
        ("## A\n- [ ] T001 one\n- [ ] T001 two", "tasks.md:3: T001 is there already, in line 2"),
        ("## A\n- [ ] T001 ", "tasks.md:2: T001 says nothing"),
    ],
)
def test_a_faulty_tasks_md_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "tasks.md").write_text(text)
    with pytest.raises(DeespecError) as refused:
        read_spec_kit(tmp_path)
    assert said in refused.value.message


# --- Task Master ------------------------------------------------------------------------------------------------------


def test_a_task_with_subtasks_becomes_a_pbi_and_who_needs_it_needs_all_of_them(
    ledger: Ledger, tmp_path: Path, task_master: Path
) -> None:
    done = put(ledger, tmp_path, read_task_master(task_master))
    assert shown(ledger) == {
        "OAuth": ("Auth", ()),
        "Session": ("Auth", ("OAuth",)),
        "Deploy": (None, ("OAuth", "Session")),
    }
    with ledger.store.read() as tx:
        text = tx.pbi(1).spec
    for words in ("Say who you are.", "## Details\n\nWith OAuth.", "## Test strategy\n\nTry it.", '"complexity": 7'):
        assert words in text
    assert "master 2: complexity has no counterpart and stands in its text" in done.notes
    assert any("99" in note for note in done.notes)
    assert [one.called for one in done.left_out] == ["master 1"]


def test_several_tags_become_epics(ledger: Ledger, tmp_path: Path, task_master: Path) -> None:
    file = task_master / ".taskmaster" / "tasks" / "tasks.json"
    file.write_text(json.dumps({**TASKS, "next": {"tasks": [{"id": 1, "title": "Later", "status": "pending"}]}}))
    put(ledger, tmp_path, read_task_master(file))
    with ledger.store.read() as tx:
        assert [epic.title for epic in tx.epics()] == ["master", "next"]
    assert shown(ledger)["Later"] == ("next", ())


@pytest.mark.parametrize(
    "content", ["[", "3", "{}", '{"tasks": [1]}', '{"tasks": [{"id": "x"}]}', '{"a": {"tasks": 1}}']
)
def test_what_is_no_tasks_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "tasks.json").write_text(content)
    with pytest.raises(DeespecError, match=r"tasks\.json"):
        read_task_master(tmp_path / "tasks.json")


# --- beads ------------------------------------------------------------------------------------------------------------


def test_issues_of_beads_come_with_their_ties_texts_and_labels(ledger: Ledger, tmp_path: Path, beads: Path) -> None:
    done = put(ledger, tmp_path, read_beads(beads))
    assert shown(ledger) == {"Feature": ("Big", ("Bug",)), "Bug": (None, ())}
    feature = sbi(done, "bd-2")
    assert (feature.priority, feature.estimate_hours, feature.held) == ("urgent", 1.5, True)
    assert feature.labels == ("ui", "a-b", "feature")
    for words in ("Draw it.", "## Acceptance criteria\n\nIt works.", "ann: Soon?", "- discovered-from: bd-4"):
        assert words in feature.spec
    assert '"assignee": "bob"' in sbi(done, "bd-3").spec
    assert done.labels == ("ui", "a-b", "feature", "bug")
    assert (tmp_path / "home" / "labels" / "a-b.md").is_file()
    assert "bd-5 was deleted there and was left out" in done.notes
    assert ledger.violations() == []


def test_a_circle_of_issues_is_opened_and_told(ledger: Ledger, tmp_path: Path) -> None:
    issues = [
        {"id": one, "title": one, "dependencies": [{"depends_on_id": other, "type": kind} for kind in ("blocks",)]}
        for one, other in (("a", "b"), ("b", "c"), ("c", "a"))
    ]
    issues += [
        {"id": one, "title": one, "dependencies": [{"depends_on_id": other, "type": "parent-child"}]}
        for one, other in (("x", "y"), ("y", "x"))
    ]
    (tmp_path / "i.jsonl").write_text("\n".join(map(json.dumps, issues)))
    done = put(ledger, tmp_path, read_beads(tmp_path / "i.jsonl"))
    assert len(done.arrived) == 5
    assert any("which needs it; that need was left out" in note for note in done.notes)
    assert ledger.violations() == []


def test_a_faulty_line_is_refused_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "i.jsonl").write_text('{"id": "a", "title": "a"}\n{"id": "a"}\n')
    with pytest.raises(DeespecError, match=r"i\.jsonl:2: a is there already, in line 1"):
        read_beads(tmp_path / "i.jsonl")


# --- all of them ------------------------------------------------------------------------------------------------------


def test_a_second_import_brings_only_what_is_new(ledger: Ledger, tmp_path: Path, beads: Path) -> None:
    put(ledger, tmp_path, read_beads(beads))
    before = ledger.events()
    again = put(ledger, tmp_path, read_beads(beads))
    assert (again.arrived, again.known) == ((), 3)
    assert ledger.events() == before
    new = {"id": "bd-9", "title": "New", "dependencies": [{"depends_on_id": "bd-2", "type": "blocks"}]}
    with (beads / ".beads" / "issues.jsonl").open("a") as file:
        file.write(json.dumps(new))
    assert [one.item.title for one in put(ledger, tmp_path, read_beads(beads)).arrived] == ["New"]
    assert shown(ledger)["New"] == (None, ("Feature",))


def test_what_is_done_there_comes_in_cancelled_if_it_is_asked_for(ledger: Ledger, tmp_path: Path, beads: Path) -> None:
    done = put(ledger, tmp_path, read_beads(beads), finished=True)
    old = sbi(done, "bd-4")
    assert (old.status, old.reason, old.held) == ("CANCELLED", "done before it came here", True)
    assert ledger.violations() == []


def test_a_group_of_which_all_is_done_is_left_out_with_it(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "tasks.md").write_text("# Tasks: A\n\n## Phase 1: B\n- [x] T001 one\n\n## Phase 2: C\n- [ ] T002 two\n")
    done = put(ledger, tmp_path, read_spec_kit(tmp_path))
    assert [one.called for one in done.left_out] == ["Phase 1", "T001"]


def test_an_open_group_of_which_all_is_closed_comes_in(ledger: Ledger, tmp_path: Path) -> None:
    above = [{"depends_on_id": "bd-1", "type": "parent-child"}]
    issues = [
        {"id": "bd-1", "title": "Epic", "status": "open", "issue_type": "epic"},
        {"id": "bd-2", "title": "Closed", "status": "closed", "dependencies": above},
    ]
    (tmp_path / "issues.jsonl").write_text("\n".join(map(json.dumps, issues)))
    done = put(ledger, tmp_path, read_beads(tmp_path))
    assert [(one.item.id, one.item.status) for one in done.arrived] == [("EPIC-1", "PENDING")]
    assert [(one.called, one.state) for one in done.left_out] == [("bd-2", State.DONE)]
    assert ledger.violations() == []


def test_a_tag_of_which_all_is_done_is_left_out_with_it(ledger: Ledger, tmp_path: Path) -> None:
    tags = {
        name: {"tasks": [{"id": 1, "title": "One", "status": status}]}
        for name, status in (("a", "done"), ("b", "pending"))
    }
    (tmp_path / "tasks.json").write_text(json.dumps(tags))
    done = put(ledger, tmp_path, read_task_master(tmp_path / "tasks.json"))
    assert {one.state for one in done.left_out} == {State.DONE}
    assert [one.item.id for one in done.arrived] == ["EPIC-1", "SBI-1"]


@pytest.mark.parametrize("name", ["create", "commit"])
def test_killed_at_the_labels_no_item_has_one_without_its_file(
    ledger: Ledger, tmp_path: Path, beads: Path, name: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-c", KILLED, str(ledger.store.path), str(beads), str(home), name]  # type: ignore[attr-defined]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert ledger.events() == []
    assert (home / "labels" / "ui.md").exists() == (name == "commit")
    put(ledger, tmp_path, read_beads(beads))
    with ledger.store.read() as tx:
        assert {label for one in tx.whole().every_sbi() for label in one.labels} == {*names_in(home)}


def test_a_label_that_can_have_no_file_is_left_out_and_told(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "i.jsonl").write_text(json.dumps({"id": "bd-1", "title": "One", "labels": ["𠀀" * 64, "//", "ui"]}))
    done = put(ledger, tmp_path, read_beads(tmp_path / "i.jsonl"))
    assert (sbi(done, "bd-1").labels, done.labels) == (("ui",), ("ui",))
    assert sum("was left out; no label of ours can be called so" in note for note in done.notes) == 2


def test_a_rehearsal_writes_neither_items_nor_labels(ledger: Ledger, tmp_path: Path, beads: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = rehearse(ledger.store, home, read_beads(beads), finished=False, actor="me", uid=ledger.clock.uid)
    assert len(done.arrived) == 3
    assert done.labels == ("ui", "a-b", "feature", "bug")
    assert ledger.events() == []
    assert list(home.iterdir()) == []
