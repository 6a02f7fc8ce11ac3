"""Which guidelines a prompt gets: of the item and all above it, in order, each once, and no more than fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deespec.config import Settings
from deespec.engine.guidelines import Guidelines, guidelines_of
from deespec.labels import Label, path_of, text_of
from deespec.model.items import Kind
from deespec.model.spec import new_item

if TYPE_CHECKING:
    from ledger import Ledger

NAMES = ("a", "b", "c/d", "e:f")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "project" / ".deespec"
    (found / "labels").mkdir(parents=True)
    return found


def put(home: Path, label: Label) -> None:
    path_of(home, label.name).write_text(text_of(label))


def of(ledger: Ledger, home: Path, item: str, *, max_kb: int = 64) -> Guidelines:
    with ledger.store.read() as tx:
        return guidelines_of(Settings(home=home, root=home.parent, max_kb=max_kb), tx, tx.item(item))


def names(found: Guidelines) -> list[str]:
    return [one.label for one in found.texts]


def test_labels_of_the_pbi_the_epic_and_their_parents_count_too(ledger: Ledger, home: Path) -> None:
    for name, parent in (
        ("epic", None),
        ("pbi", "above"),
        ("sbi", None),
        ("above", "top"),
        ("top", None),
        ("no", None),
    ):
        put(home, Label(name=name, parent=parent, text=f"Of {name}."))
    ledger.add_all([new_item(Kind.EPIC, title="E", labels=("epic",))])
    pbi = ledger.add_pbi(labels=("pbi",), parent="EPIC-1")
    ledger.add(labels=("sbi", "pbi"), parent="PBI-1")
    asked = ledger.ask(pbi)
    assert names(of(ledger, home, "SBI-1")) == ["above", "epic", "pbi", "sbi", "top"]
    assert names(of(ledger, home, "PBI-1")) == ["above", "epic", "pbi", "top"]
    with ledger.store.read() as tx:
        found = guidelines_of(Settings(home=home, root=home.parent), tx, tx.sbi(asked.number))
    assert names(found) == ["above", "epic", "pbi", "top"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    priorities=st.lists(st.integers(-2, 2), min_size=4, max_size=4),
    parents=st.lists(st.sampled_from((None, *NAMES)), min_size=4, max_size=4),
    carried=st.lists(st.sampled_from(NAMES), unique=True),
)
def test_each_label_and_each_template_is_there_once_in_order_of_priority_then_name(
    ledger: Ledger, home: Path, priorities: list[int], parents: list[str | None], carried: list[str]
) -> None:
    (home.parent / "shared.md").write_text("Shared words.")
    labels = {
        name: Label(name=name, priority=priority, parent=parent, templates=("shared.md",), text=f"Of {name}.")
        for name, priority, parent in zip(NAMES, priorities, parents, strict=True)
    }
    for label in labels.values():
        put(home, label)
    due: set[str] = set()
    for name in carried:
        above: str | None = name
        while above is not None and above not in due:
            due.add(above)
            above = labels[above].parent
    found = of(ledger, home, ledger.add(labels=tuple(carried)).id)
    assert names(found) == sorted(due, key=lambda name: (-labels[name].priority, name))
    words = "\n".join(one.text for one in found.texts)
    assert words.count("Shared words.") == bool(due)
    assert all(words.count(f"Of {name}.") == 1 for name in due)
    assert found.left_out == ()


def test_what_has_no_room_is_left_out_as_a_whole_and_named(ledger: Ledger, home: Path) -> None:
    (home.parent / "long.md").write_text("x" * 900)
    put(home, Label(name="first", priority=9, text="y" * 200, templates=("long.md",)))
    put(home, Label(name="second", text="z" * 823))
    put(home, Label(name="third", text="ü"))
    ledger.add(labels=("first", "second", "third"))
    found = of(ledger, home, "SBI-1", max_kb=1)
    assert [one.text for one in found.texts] == ["y" * 200, "z" * 823]
    assert found.left_out == ("first: long.md (no room in 1 KiB)", "third (no room in 1 KiB)")


def test_files_that_cannot_be_used_are_left_out_and_named(ledger: Ledger, home: Path) -> None:
    put(home, Label(name="good", text="Good.", templates=("no.md", "x.secret.md", "../out.md")))
    (home / "labels" / "bad.md").write_text("---\npriority: high\n---\n")
    ledger.add(labels=("good", "bad", "nobody-made-it"))
    found = of(ledger, home, "SBI-1")
    assert [one.text for one in found.texts] == ["Good."]
    assert [one.partition(" (")[0].partition(":")[0] for one in found.left_out] == ["bad", "good", "good", "good"]
    assert "labels/bad.md:2: priority must be a whole number" in found.left_out[0]
    assert "no.md is not there" in found.left_out[1]


def test_a_changed_file_counts_at_once(ledger: Ledger, home: Path) -> None:
    put(home, Label(name="a", text="Old."))
    ledger.add(labels=("a",))
    assert of(ledger, home, "SBI-1").texts[0].text == "Old."
    put(home, Label(name="a", text="New.", description="front matter"))
    assert of(ledger, home, "SBI-1").texts[0].text == "New."


def test_without_labels_no_file_is_needed(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add()
    assert of(ledger, tmp_path / "nowhere", "SBI-1") == Guidelines()
