"""`epic plan|list|show|update|edit|delete|hold|unhold|cancel|history`: the same as of PBIs, one level up."""

from __future__ import annotations

from pathlib import Path

import pytest
from person import Person


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, capsys, monkeypatch)


@pytest.fixture
def family(person: Person) -> Person:
    """EPIC-1 with two PBIs, of which the first has two SBIs, and an SBI of its own."""
    person("epic", "plan", "-t", "Sell online", "--accept", "People pay.")
    person("pbi", "plan", "-t", "Log in", "--parent", "1")
    person("pbi", "plan", "-t", "Pay", "--parent", "1")
    person.add("First", "--parent", "PBI-1")
    person.add("Second", "--parent", "PBI-1")
    person.add("Right below", "--parent", "EPIC-1")
    return person


def test_an_epic_is_planned_from_a_file(person: Person) -> None:
    Path("e.md").write_text("---\npriority: high\nacceptance: [It sells.]\n---\n# Sell online\n\nAll of it.\n")
    assert person("epic", "plan", "e.md") == "✓ EPIC-1 registered successfully\n"
    shown = person.json("epic", "show", "1")
    assert (shown["title"], shown["priority"]) == ("Sell online", "high")
    assert shown["spec"] == "All of it.\n\n## Acceptance criteria\n\n- It sells."


@pytest.mark.parametrize("line", ["story_points: 3", "parent: EPIC-2", "auto: true", "drafts_min: 3"])
def test_an_epic_has_no_fields_of_a_pbi(person: Person, line: str) -> None:
    Path("e.md").write_text(f"---\ntitle: Large\n{line}\n---\nText.\n")
    assert "EPICs have no" in person.refusal("epic", "plan", "e.md", exits=2)


def test_a_list_counts_all_that_is_below(family: Person) -> None:
    family("sbi", "cancel", "2")
    assert family("epic", "list").splitlines() == [
        "ID      STATUS   DONE  PBIS  TITLE        BELOW",
        "EPIC-1  PLANNED  0/2   0/2   Sell online  2 PENDING, 1 CANCELLED",
    ]
    [one] = family.json("epic", "list")["items"]
    assert one["sbis"] == {"PENDING": 2, "CANCELLED": 1}
    assert one["pbis"] == {"PLANNED": 1, "PENDING": 1}
    assert one["counts"] == {"PENDING": 2, "PLANNED": 1}
    assert one["progress"] == {"done": 0, "total": 2}


def test_show_tells_the_progress_of_each_pbi(family: Person) -> None:
    assert family("epic", "show", "1").splitlines()[-4:] == [
        "ID     STATUS   DONE  TITLE",
        "PBI-1  PLANNED  0/2   Log in",
        "PBI-2  PENDING        Pay",
        "SBI-3  PENDING        Right below",
    ]
    children = family.json("epic", "show", "1")["children"]
    assert [(one["id"], one.get("progress")) for one in children] == [
        ("PBI-1", {"done": 0, "total": 2}),
        ("PBI-2", {"done": 0, "total": 0}),
        ("SBI-3", None),
    ]


def test_a_cancel_reaches_everything_below(family: Person) -> None:
    assert family.refusal("epic", "cancel", "1", exits=2).splitlines()[:2] == [
        "2 PBIs: PBI-1, PBI-2",
        "3 SBIs: SBI-1, SBI-2, SBI-3",
    ]
    family("epic", "cancel", "1", "--yes")
    assert {family.json("sbi", "show", number)["status"] for number in "123"} == {"CANCELLED"}
    assert [family.json("pbi", "show", number)["held"] for number in "12"] == [True, True]
    family("pbi", "plan", "-t", "Registered later", "--parent", "1")
    assert family.json("pbi", "show", "3")["held"] is True
    family("epic", "unhold", "1", "--yes")
    assert [family.json("pbi", "show", number)["held"] for number in "123"] == [False] * 3


def test_an_epic_goes_with_all_below_it_or_not_at_all(family: Person) -> None:
    assert "EPIC-1 has below it: PBI-1, PBI-2, SBI-3." in family.refusal("epic", "delete", "1", "--yes", exits=4)
    family("epic", "delete", "1", "--yes", "--cascade")
    assert [family.json(kind, "list")["total"] for kind in ("epic", "pbi", "sbi")] == [0, 0, 0]
    family("db", "check")
    family("journal", "check")


def test_fields_are_changed_and_a_status_cannot_be_set(family: Person) -> None:
    assert family("epic", "update", "1", "--title", "Sell everywhere") == "✓ EPIC-1 changed: title\n"
    assert "deespec epic update has no --status any more." in family.refusal(
        "epic", "update", "1", "--status", "DONE", exits=2
    )
    assert [one["event"] for one in family.json("epic", "history", "1")["items"]][-1] == "updated"
