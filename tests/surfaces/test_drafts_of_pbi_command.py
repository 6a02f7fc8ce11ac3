"""`pbi drafts`, its files, `approve PBI-7` and the old names, as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from person import Person

from deespec.clock import Clock
from deespec.model.asking import Draft, DraftStatus
from deespec.records import replace
from deespec.store.opener import FILE, open_store


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    """A PBI: 1 was replaced by 4, 3 needs 2, 4 needs 3."""
    made = Person(tmp_path, capsys, monkeypatch)
    (made.home / "labels").mkdir()
    (made.home / "labels" / "go.md").write_text("How Go is written.\n")
    made("register", "pbi", "--title", "Shop", "--priority", "high")
    store = open_store(str(made.home / FILE), clock=Clock(), busy_ms=5_000)
    at = 1_767_225_600_000
    first = Draft(
        parent="PBI-1", number=1, title="Cart", spec="A cart.", agent="ann", turn=1, created_at=at, updated_at=at
    )
    with store.transaction() as tx:
        tx.add_draft(replace(first, status=DraftStatus.REPLACED))
        tx.add_draft(replace(first, number=2, title="Pay", spec="Paying.", estimate_hours=2.5, labels=("go",)))
        tx.add_draft(replace(first, number=3, title="注文", spec="Orders.", needs=("PBI-1/2",), estimate_hours=4.0))
        tx.add_draft(
            replace(first, number=4, title="Cart with sums", spec="A cart.\nSums.", replaces=1, needs=("PBI-1/3",))
        )
    store.close()
    return made


# --- looking --------------------------------------------------------------------------------------------------------


def test_the_drafts_of_a_pbi_are_shown_new_against_old(person: Person) -> None:
    assert person("pbi", "drafts", "1") == (
        "PBI-1  Shop\n\n"
        "ID       STATUS  HOURS  NEEDS  LABELS  TITLE\n"
        "PBI-1/2  open    2.5           go      Pay\n"
        "PBI-1/3  open    4      /2             注文\n"
        "PBI-1/4  open           /3             Cart with sums\n\n"
        "PBI-1/4 stands in the place of PBI-1/1 Cart\n\n"
        "3 shown, 3 open, 6.5 h\n"
        "… and 1 decided or replaced (--all)\n"
        "→ deespec drafts PBI-1/4, with what it replaces; deespec approve PBI-1 approves all open ones\n"
    )
    assert person.json("pbi", "drafts", "PBI-1")["estimate_hours"] == 6.5


def test_one_draft_is_shown_with_its_difference(person: Person) -> None:
    for words in (("drafts", "PBI-1/4"), ("pbi", "drafts", "PBI-1/4")):
        shown = person(*words)
        assert "needs       PBI-1/3\n" in shown
        assert "instead of  PBI-1/1  Cart\n" in shown
        assert "--- PBI-1/1\n+++ PBI-1/4\n@@ -1,3 +1,4 @@\n-Cart\n+Cart with sums\n \n A cart.\n+Sums.\n" in shown
    assert person.json("drafts", "PBI-1/4")["replaces"] == "PBI-1/1"


def test_decisions_are_told_with_who_and_why(person: Person) -> None:
    person("reject", "PBI-1/4", "-m", "too\x1b[8m big")
    shown = person("pbi", "drafts", "1", "--all")
    assert "PBI-1/4 rejected by " in shown
    assert ": too�[8m big\n" in shown


def test_a_pbi_without_drafts_says_how_to_get_some(person: Person) -> None:
    person("register", "pbi", "--title", "Other")
    assert person("pbi", "drafts", "2").endswith("Nothing is suggested yet → deespec pbi decompose PBI-2\n")
    assert "There is no PBI-9." in person.refusal("pbi", "drafts", "9", exits=3)


# --- deciding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("approve", "PBI-1"), ("approve", "pbi-1/*"), ("approve", "--all", "PBI-1"), ("pbi", "register", "1")]
)
def test_all_open_ones_of_a_pbi_are_approved_at_once(person: Person, words: tuple[str, ...]) -> None:
    assert person(*words) == (
        "✓ PBI-1/2 registered as SBI-1  Pay\n"
        "✓ PBI-1/3 registered as SBI-2  注文\n"
        "✓ PBI-1/4 registered as SBI-3  Cart with sums\n"
    )
    assert person.json("sbi", "show", "3")["depends_on"] == ["SBI-2"]
    assert "No draft of " in person(*words)


def test_one_that_waits_says_what_for_and_follows(person: Person) -> None:
    assert person("approve", "PBI-1/4", "--hold") == (
        "PBI-1/4 waits for PBI-1/3: deespec approve PBI-1/3; with what it needs: deespec approve PBI-1/4 --with-needs\n"
    )
    assert person.json("inbox")["drafts"][-1]["id"] == "PBI-1/3"
    assert person("approve", "PBI-1/2", "PBI-1/3") == (
        "✓ PBI-1/2 registered as SBI-1\n"
        "✓ PBI-1/3 registered as SBI-2\n"
        "✓ PBI-1/4 registered as SBI-3, held (what it needs is there)  Cart with sums\n"
    )


def test_needs_come_with_it_or_not_as_is_said(person: Person) -> None:
    said = person("approve", "PBI-1/3", "--with-needs")
    assert said == "✓ PBI-1/3 registered as SBI-2\n✓ PBI-1/2 registered as SBI-1\n"
    person("reject", "PBI-1/4", "-m", "no")
    assert "deespec approve --again PBI-1/4 takes that back." in person.refusal("approve", "PBI-1/4", exits=4)
    assert person("approve", "PBI-1/4", "--again", "--without-needs") == "✓ PBI-1/4 registered as SBI-3\n"
    assert "exclude each other" in person.refusal("approve", "PBI-1/4", "--with-needs", "--without-needs", exits=2)


def test_a_rejected_need_is_left_out_only_when_that_is_said(person: Person) -> None:
    person("approve", "PBI-1/3")
    assert person("reject", "PBI-1/2", "-m", "no") == (
        "✓ PBI-1/2 rejected\nPBI-1/3 is open again: it needs PBI-1/2, which was rejected  注文\n"
    )
    said = person.refusal("approve", "PBI-1/3", exits=4)
    assert "PBI-1/3 needs PBI-1/2, which was rejected by " in said
    assert "→ deespec approve PBI-1/3 --without-needs, or take the need away: deespec edit PBI-1/3, " in said
    assert "or approve it after all: deespec approve --again PBI-1/2 PBI-1/3\n" in said
    assert person("approve", "PBI-1/3", "--without-needs") == "✓ PBI-1/3 registered as SBI-1, without PBI-1/2\n"


def test_a_list_of_drafts_has_only_columns_that_say_something(person: Person) -> None:
    assert person("drafts") == (
        "ID       STATUS  HOURS  NEEDS    TITLE\n"
        "PBI-1/2  open    2.5             Pay\n"
        "PBI-1/3  open    4      PBI-1/2  注文\n"
        "PBI-1/4  open           PBI-1/3  Cart with sums\n"
        "… and 1 decided (--all)\n"
    )


def test_why_says_of_a_draft_that_it_is_one_and_how_it_is_decided(person: Person) -> None:
    assert person("why", "PBI-1/2") == (
        'PBI-1/2 is a draft, no item yet: open → deespec approve PBI-1/2, or deespec reject PBI-1/2 --reason "…"\n'
    )
    person("approve", "PBI-1/4")
    said = person("why", "pbi-1/4")
    assert "approved, and waits, by " in said
    assert said.endswith(" until PBI-1/3 is decided → deespec approve PBI-1/4 --with-needs\n")
    person("approve", "PBI-1/2")
    said = person("why", "PBI-1/2")
    assert said.startswith("PBI-1/2 is a draft: approved as SBI-1 by ")
    assert said.endswith(" → deespec why SBI-1\n")
    person("reject", "PBI-1/3", "-m", "no")
    assert person("why", "PBI-1/3").endswith(": no → deespec approve --again PBI-1/3\n")
    assert person.json("why", "PBI-1/3")["status"] == "rejected"
    assert "PBI-1/9" in person.refusal("why", "PBI-1/9", exits=3)


def test_all_is_for_items(person: Person) -> None:
    assert "--all is for all drafts of an item." in person.refusal("approve", "--all", "PBI-1/2", exits=2)


# --- files ----------------------------------------------------------------------------------------------------------


def changed(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_drafts_go_into_files_and_back(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "drafts"
    said = person("pbi", "drafts", "1", "--export", str(folder))
    names = ["PBI-1-2-pay.md", "PBI-1-3-注文.md", "PBI-1-4-cart-with-sums.md"]
    assert said.splitlines() == [str(folder / name) for name in names]
    assert person("pbi", "drafts", "1", "--export", str(folder)) == "3 there already\n"
    assert person("pbi", "drafts", "1", "--import", str(folder)) == "3 as they were\n"
    changed(folder / names[0], "# decision: approve  ", "decision: approve  ")
    changed(folder / names[1], "Orders.", "All orders.")
    changed(folder / names[2], "# decision: approve        # or reject, with a reason", "decision: reject\nreason: no")
    rehearsed = person("pbi", "drafts", "1", "--import", str(folder), "--dry-run")
    assert rehearsed.endswith("Nothing was done (--dry-run).\n")
    assert {one["status"] for one in person.json("drafts")["items"]} == {"open"}
    assert person("pbi", "drafts", "1", "--import", str(folder)) == (
        "✓ PBI-1/3 changed: spec\n✓ PBI-1/4 rejected  Cart with sums\n✓ PBI-1/2 registered as SBI-1  Pay\n"
    )
    assert person.json("drafts", "PBI-1/3")["spec"] == "All orders."
    assert person("pbi", "drafts", "1", "--import", str(folder)) == "3 as they were\n"


def test_a_changed_file_is_overwritten_only_by_force(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "drafts"
    person("pbi", "drafts", "1", "--export", str(folder))
    changed(folder / "PBI-1-2-pay.md", "Paying.", "Mine.")
    said = person.refusal("pbi", "drafts", "1", "--export", str(folder), exits=4)
    assert said.startswith(f"{folder} has PBI-1-2-pay.md, with another text.")
    assert "Mine." in (folder / "PBI-1-2-pay.md").read_text()
    person("pbi", "drafts", "1", "--export", str(folder), "--force")
    assert "Mine." not in (folder / "PBI-1-2-pay.md").read_text()


def test_a_link_in_the_folder_is_not_written_through(person: Person, tmp_path: Path) -> None:
    folder, secret = tmp_path / "drafts", tmp_path / "secret"
    folder.mkdir()
    secret.write_text("mine")
    (folder / "PBI-1-2-pay.md").symlink_to(secret)
    assert "with another text" in person.refusal("pbi", "drafts", "1", "--export", str(folder), exits=4)
    person("pbi", "drafts", "1", "--export", str(folder), "--force")
    assert secret.read_text() == "mine"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: PBI-1/2\n", "", "does not say which draft it is."),
        ("id: PBI-1/2\n", "id: PBI-2/2\n", "is of PBI-2, not of PBI-1."),
        ("id: PBI-1/2\n", "id: PBI-1/3\n", "and so is"),
        ("# decision: approve        # or reject, with a reason", "decision: reject", "without a reason."),
        ("# decision: approve        # or reject, with a reason", "decision: perhaps", "must be approve or reject."),
        ("title: Pay", "titel: Pay", "a draft has no key titel."),
    ],
)
def test_a_faulty_file_is_named_and_nothing_is_taken(
    person: Person, tmp_path: Path, old: str, new: str, said: str
) -> None:
    folder = tmp_path / "drafts"
    person("pbi", "drafts", "1", "--export", str(folder))
    changed(folder / "PBI-1-3-注文.md", "Orders.", "Else.")
    changed(folder / "PBI-1-2-pay.md", old, new)
    refused = person.refusal("pbi", "drafts", "1", "--import", str(folder), exits=2)
    assert said in refused
    assert str(folder) in refused
    assert person.json("drafts", "PBI-1/3")["spec"] == "Orders."


def test_a_folder_without_files_says_how_to_make_them(person: Person, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "is no folder." in person.refusal("pbi", "drafts", "1", "--import", str(tmp_path / "none"), exits=2)
    assert "has no Markdown file." in person.refusal("pbi", "drafts", "1", "--import", str(tmp_path / "empty"), exits=2)


@pytest.mark.parametrize(
    "words",
    [
        ("pbi", "drafts", "1", "--export", "out"),
        ("pbi", "drafts", "1", "--import", "out"),
        ("export", "out"),
        ("inbox", "-i"),
        ("inbox", "-i", "--json"),
    ],
    ids=" ".join,
)
def test_nothing_is_written_and_nobody_asked_from_inside_a_turn(
    person: Person, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    for name, value in (("DEESPEC_HOME", str(person.home)), ("DEESPEC_CLAIM", "1"), ("DEESPEC_ITEM", "SBI-1")):
        monkeypatch.setenv(name, value)
    assert "Not from inside a turn" in person.refusal(*words, exits=4)
    assert not Path("out").exists()
    assert "PBI-1/2" in person("pbi", "drafts", "1")


# --- deleting what others wait for ----------------------------------------------------------------------------------


def test_a_delete_says_which_drafts_elsewhere_are_open_again(person: Person) -> None:
    person("register", "pbi", "--title", "Other")
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        tx.add_draft(Draft(parent="PBI-2", number=1, title="Late", spec="Late.", needs=("PBI-1/2",)))
    store.close()
    person("approve", "PBI-2/1")
    line = "  open again: PBI-2/1: it needs PBI-1/2, which was deleted\n"
    shown = person("pbi", "delete", "1", "--cascade", "--dry-run")
    assert shown == f"PBI-1 would be deleted\n{line}"
    assert "PBI-2/1  waiting" in person("pbi", "drafts", "2")
    assert person("pbi", "delete", "1", "--cascade", "--yes") == f"✓ PBI-1 deleted\n{line}"
    assert "PBI-2/1  open" in person("pbi", "drafts", "2")


def test_a_delete_of_an_sbi_says_so_too(person: Person) -> None:
    person.add("Before")
    store = open_store(str(person.home / FILE), clock=Clock(), busy_ms=5_000)
    with store.transaction() as tx:
        tx.add_draft(Draft(parent="PBI-1", number=5, title="Late", spec="Late.", needs=("PBI-1/2", "SBI-1")))
    store.close()
    person("approve", "PBI-1/5")
    why = "it needs SBI-1, which was deleted"
    assert person("sbi", "delete", "1", "--dry-run").endswith(f"  open again: PBI-1/5: {why}\n")
    assert person.json("sbi", "delete", "1", "--yes")["reopened"] == [{"id": "PBI-1/5", "why": why}]
    assert "PBI-1/5  open" in person("pbi", "drafts", "1")


# --- as it was called -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["3", "sbi_3.md", "sbi_003_orders.md", ".deespec/specs/pbi/PBI-001/sbi_3.md", "PBI-1/3"]
)
def test_old_names_mean_the_same(person: Person, name: str) -> None:
    assert person("pbi", "sbi", "reject", "PBI-001", name, "--reason", "no") == "✓ PBI-1/3 rejected\n"


def test_the_old_commands_do_what_the_new_ones_do(person: Person, tmp_path: Path) -> None:
    assert "PBI-1/1  replaced" in person("pbi", "sbi", "list", "1")
    file = tmp_path / "new.md"
    file.write_text("---\ntitle: Paid\n---\nPaying.\n")
    assert person("pbi", "sbi", "edit", "1", "2", "-f", str(file)).startswith("✓ PBI-1/2 changed: title")
    assert person("pbi", "sbi", "approve", "1", "2") == "✓ PBI-1/2 registered as SBI-1\n"
    assert person("pbi", "sbi", "approve", "1").count("registered as") == 2
    assert '"x.md" is no draft of PBI-1.' in person.refusal("pbi", "sbi", "approve", "1", "x.md", exits=2)


def test_register_with_a_file_is_still_about_a_new_pbi(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "new.md"
    file.write_text("---\ntitle: New\n---\nText.\n")
    assert "PBI-2" in person("pbi", "register", str(file))
    assert "PBI-3" in person("pbi", "register", "--title", "Another")
    assert "approves its drafts" in person.refusal("pbi", "register", "1", "--title", "x", exits=2)
    assert "There is no PBI-9." in person.refusal("pbi", "register", "9", exits=3)
