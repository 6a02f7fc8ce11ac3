"""Labels as files: names and files one to one, hostile files; what register, rename, delete and import leave behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.backlog.label_files import keep_intent
from deespec.backlog.label_import import import_labels, name_for, plan_import
from deespec.backlog.labels import (
    Carriers,
    attach,
    change_label,
    delete_label,
    detach,
    register_label,
    rename_label,
)
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.labels import (
    FILE_BYTES_MOST,
    INTENT,
    TEMPLATE_LINES_MOST,
    Intent,
    Label,
    checked_name,
    intent_of,
    name_of,
    names_in,
    own_text,
    parse,
    path_of,
    read_label,
    read_template,
    refuse_unknown,
    shelf_of,
    text_of,
)
from deespec.model.asking import Draft, DraftStatus
from deespec.records import replace

if TYPE_CHECKING:
    from ledger import Ledger

BY = "person@test"
NAMES = st.text("aAzé0バ-_./:ß", min_size=1, max_size=20)
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=40)


@pytest.fixture
def home(ledger: Ledger, tmp_path: Path) -> Path:
    found = tmp_path / "project" / ".deespec"
    (found / "labels").mkdir(parents=True)
    return found


def write(home: Path, file: str, text: str | bytes) -> Path:
    path = home / "labels" / file
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(call: object, *args: object, error: type[Exception] = InvalidInput, **named: object) -> str:
    with pytest.raises(error) as caught:
        call(*args, **named)  # type: ignore[operator]
    return str(caught.value)


# --- names and files ------------------------------------------------------------------------------------------------


@given(NAMES)
def test_a_name_and_its_file_are_one_to_one(raw: str) -> None:
    try:
        name = checked_name(raw)
    except InvalidInput:
        return
    path = path_of(Path("home"), name)
    assert path.parent == Path("home/labels")
    assert name_of(path.name) == name


@given(NAMES, NAMES)
def test_two_names_have_two_files(one: str, other: str) -> None:
    try:
        first, second = checked_name(one), checked_name(other)
    except InvalidInput:
        return
    assert (path_of(Path(), first) == path_of(Path(), second)) == (first == second)


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", "a/../b", "/a", "a/", "a//b", "a:", ":a", ".hidden", "-x", "a\n", "é" * 65]
)
def test_what_can_be_no_label_is_refused(name: str) -> None:
    refusal(checked_name, name)


def test_a_name_that_is_too_long_for_a_file_is_refused() -> None:
    assert "200 bytes are allowed" in refusal(checked_name, "𠀀" * 60)


def test_a_composed_name_and_a_decomposed_one_are_the_same() -> None:
    assert path_of(Path(), "cafe\u0301") == path_of(Path(), "café")


@pytest.mark.parametrize("file", ["a:b.md", "a b.md", "-a.md", "a++b.md"])
def test_a_file_of_another_name_is_told(home: Path, file: str) -> None:
    write(home, file, "x")
    assert list(shelf_of(home).faults) == [file]
    assert names_in(home) == {}


# --- a file's text --------------------------------------------------------------------------------------------------


@given(
    st.builds(
        Label,
        name=st.just("a"),
        description=WORDS.map(str.strip),
        priority=st.integers(-1_000_000, 1_000_000),
        parent=st.sampled_from([None, "b/c", "バグ"]),
        templates=st.lists(st.sampled_from(["docs/a b.md", "x: y.md", '"q".md', "日本.md"]), unique=True).map(tuple),
        text=WORDS.map(str.strip) | st.sampled_from(["---\nrules\n---", "---\npriority: 3\n---\nx", "# Head\n\nText."]),
    )
)
def test_what_is_written_is_read_again(label: Label) -> None:
    try:
        read = parse("a", text_of(label), file="a.md")
    except InvalidInput as error:
        said = error.message
        assert "control characters" in said or "does not allow" in said
        return
    assert read == replace(label, description=unicodedata.normalize("NFC", label.description))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("---\npriority: high\n---\n", "a.md:2: priority must be a whole number"),
        ("---\ndescription: x\nparrent: b\n---\n", "a.md:3: parrent is no field of a label."),
        ("---\nparent: a//b\n---\n", "a//b can be no label."),
        ("---\ndescription: a: b\n---\n", "a.md:2: the front matter is not valid YAML"),
        ("---\ntemplates:\n  - ok.md\n  - ''\n---\n", "a.md:4: templates takes paths"),
        (b"ok\n\xff\n", "a.md:2: there are bytes that are not UTF-8."),
        (b"ok\n\n\0", "a.md:3: there is a NUL character."),
        (b"x" * (FILE_BYTES_MOST + 1), "a.md is larger than 256 KiB."),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_hides_no_other(home: Path, text: str | bytes, said: str) -> None:
    write(home, "a.md", text)
    write(home, "b.md", "Fine.")
    assert said in refusal(read_label, home, "a")
    shelf = shelf_of(home)
    assert (list(shelf.labels), list(shelf.faults)) == (["b"], ["a.md"])


def test_links_pipes_and_folders_are_no_labels(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (home / "labels" / "link.md").symlink_to(tmp_path / "secret")
    os.mkfifo(home / "labels" / "pipe.md")
    (home / "labels" / "folder.md").mkdir()
    (home / "labels" / "inactive").mkdir()
    assert "it is a link" in refusal(read_label, home, "link")
    assert "it is no file" in refusal(read_label, home, "pipe")
    assert "folder" not in names_in(home)


def test_a_linked_folder_of_labels_is_refused(home: Path, tmp_path: Path) -> None:
    (home / "labels").rmdir()
    (home / "labels").symlink_to(tmp_path)
    assert "is no folder, or a link to one" in refusal(names_in, home)


def test_what_earlier_versions_took_for_front_matter_still_is(home: Path) -> None:
    write(home, "a.md", '---\ndescription: "old"\ncolor: "#ff0000"\ntitle: A\n---\n\nWords.\n')
    write(home, "b.md", "---\nNever log secrets.\n---\nUse TLS.\n")
    assert read_label(home, "a") == Label(name="a", description="old", text="Words.")
    assert read_label(home, "b").text == "---\nNever log secrets.\n---\nUse TLS."


def test_a_label_with_a_slash_is_found_in_the_file_of_earlier_versions(home: Path) -> None:
    write(home, "web-css.md", "Old.")
    refuse_unknown(home, ["web/css"])
    assert read_label(home, "web/css").name == "web-css"
    write(home, "web+css.md", "New.")
    assert read_label(home, "web/css").text == "New."


def test_an_unknown_label_is_refused_with_what_was_meant(home: Path) -> None:
    write(home, "backend.md", "")
    with pytest.raises(InvalidInput) as caught:
        refuse_unknown(home, ["backend", "backedn"])
    assert caught.value.hint == "Did you mean backend? Or make it: deespec label register backedn"


# --- templates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("no.md", "no.md is not there."),
        ("../out.md", "../out.md is outside of the project."),
        ("/etc/passwd", "outside of the project"),
        ("link.md", "outside of the project"),
        ("tmp/a.md", "no prompt takes tmp/**."),
        ("x.secret.md", "no prompt takes *.secret.md."),
        ("X.Secret.MD", "no prompt takes *.secret.md."),
        ("run.sh", "templates end with"),
        (".deespec/deespec.db", "is the backlog's own."),
        (".deespec/labels/../deespec.db", "is the backlog's own."),
        ("long.md", "has 1,001 lines; the limit is 1,000."),
    ],
)
def test_a_template_that_must_not_be_used_is_named(home: Path, tmp_path: Path, template: str, said: str) -> None:
    root = home.parent
    (tmp_path / "out.md").write_text("x")
    (root / "link.md").symlink_to(tmp_path / "out.md")
    (root / "tmp").mkdir()
    for name in ("tmp/a.md", "x.secret.md", "X.Secret.MD", "run.sh"):
        (root / name).write_text("x")
    (root / "long.md").write_text("x\n" * (TEMPLATE_LINES_MOST + 1))
    assert said in refusal(read_template, home, root, template)


def test_a_template_of_just_the_most_lines_is_taken(home: Path) -> None:
    (home.parent / "a.md").write_text("x\n" * TEMPLATE_LINES_MOST)
    assert read_template(home, home.parent, "a.md").count("\n") == TEMPLATE_LINES_MOST - 1


# --- registering and changing ---------------------------------------------------------------------------------------


def test_a_name_is_taken_once_and_case_makes_no_other(ledger: Ledger, home: Path) -> None:
    register_label(ledger.store, home, Label(name="Web", text="x"))
    for name in ("Web", "web"):
        assert "There is a label Web already." in refusal(
            register_label, ledger.store, home, Label(name=name), error=NotPossible
        )


def test_labels_form_no_circle(ledger: Ledger, home: Path) -> None:
    register_label(ledger.store, home, Label(name="a"))
    register_label(ledger.store, home, Label(name="b", parent="a"))
    register_label(ledger.store, home, Label(name="c", parent="b"))
    said = refusal(change_label, ledger.store, home, "a", lambda one: replace(one, parent="c"))
    assert said == "a would be above itself: a → c → b → a."
    assert "There is no label z." in refusal(register_label, ledger.store, home, Label(name="d", parent="z"))
    assert read_label(home, "a").parent is None


def test_a_change_keeps_the_rest_and_leaves_nothing_behind(ledger: Ledger, home: Path) -> None:
    register_label(ledger.store, home, Label(name="a", description="d", text="t"))
    change_label(ledger.store, home, "a", lambda one: replace(one, priority=3))
    assert read_label(home, "a") == Label(name="a", description="d", priority=3, text="t")
    assert [path.name for path in home.iterdir() if path.name.startswith(".label")] == []
    assert os.listdir(home / "labels") == ["a.md"]


# --- items ----------------------------------------------------------------------------------------------------------


def carried(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    with ledger.store.read() as tx:
        return {one.id: one.labels for one in tx.labelled()}


def test_attach_and_detach_change_all_or_none(ledger: Ledger, home: Path) -> None:
    write(home, "a.md", "")
    ledger.add(), ledger.add()
    assert attach(ledger.store, home, "a", ["SBI-1", "SBI-2"], actor=BY) == ["SBI-1", "SBI-2"]
    assert attach(ledger.store, home, "a", ["SBI-1"], actor=BY) == []
    refusal(detach, ledger.store, home, "a", ["SBI-1", "SBI-9"], actor=BY, error=NotFound)
    assert carried(ledger) == {"SBI-1": ("a",), "SBI-2": ("a",)}
    refusal(attach, ledger.store, home, "b", ["SBI-1"], actor=BY)
    assert detach(ledger.store, home, "a", ["SBI-2"], actor=BY) == ["SBI-2"]
    assert carried(ledger) == {"SBI-1": ("a",)}


def test_a_label_has_one_name_on_an_item_however_it_is_spelt(ledger: Ledger, home: Path) -> None:
    write(home, "web-css.md", "Old.")
    ledger.add(labels=("web/css",)), ledger.add()
    assert attach(ledger.store, home, "web-css", ["SBI-1"], actor=BY) == []
    assert attach(ledger.store, home, "web/css", ["SBI-2"], actor=BY) == ["SBI-2"]
    assert carried(ledger) == {"SBI-1": ("web/css",), "SBI-2": ("web-css",)}
    assert detach(ledger.store, home, "web-css", ["SBI-1"], actor=BY) == ["SBI-1"]
    assert detach(ledger.store, home, "web/css", ["SBI-2"], actor=BY) == ["SBI-2"]


def test_a_label_is_not_given_while_it_is_deleted(ledger: Ledger, home: Path) -> None:
    """Whether there is such a label is looked at under the write lock, and its file goes under it."""
    write(home, "a.md", "x")
    ledger.add()
    refused: list[str] = []

    def give() -> None:
        try:
            attach(ledger.store, home, "a", ["SBI-1"], actor=BY)
        except InvalidInput as error:
            refused.append(error.message)

    with ThreadPoolExecutor(1) as other:
        with ledger.store.transaction():
            giving = other.submit(give)
            assert wait([giving], timeout=0.2).not_done
            (home / "labels" / "a.md").unlink()
        giving.result()
    assert (refused, carried(ledger)) == (["There is no label a."], {})


def labelled_everywhere(ledger: Ledger, home: Path) -> None:
    """An SBI, a PBI with a decomposition, and drafts carry `old`; a label is below it."""
    write(home, "old.md", "---\ndescription: it\n---\nWords.\n")
    write(home, "below.md", "---\nparent: old\n---\n")
    pbi = ledger.add_pbi(labels=("x", "old"))
    ledger.add(labels=("old", "new-er", "old2"))
    with ledger.store.transaction() as tx:
        for number, labels in enumerate((("old",), ("other",)), 1):
            tx.add_draft(Draft(parent=pbi.id, number=number, title=f"D{number}", spec="s", labels=labels))


def test_a_rename_reaches_items_groups_drafts_and_labels(ledger: Ledger, home: Path) -> None:
    labelled_everywhere(ledger, home)
    assert rename_label(ledger.store, home, "old", "new", actor=BY) == ("PBI-1", "SBI-1", "PBI-1/1")
    assert carried(ledger) == {
        "PBI-1": ("x", "new"),
        "SBI-1": ("new", "new-er", "old2"),
        "PBI-1/1": ("new",),
        "PBI-1/2": ("other",),
    }
    assert sorted(os.listdir(home / "labels")) == ["below.md", "new.md"]
    assert read_label(home, "below").parent == "new"
    assert read_label(home, "new").text == "Words."
    assert intent_of(home) is None


def test_an_item_that_has_both_names_has_one_then(ledger: Ledger, home: Path) -> None:
    write(home, "old.md", "x")
    ledger.add(labels=("old", "new"))
    rename_label(ledger.store, home, "old", "new", actor=BY)
    assert carried(ledger) == {"SBI-1": ("new",)}


def test_a_rename_that_was_cut_off_goes_on_by_either_spelling(ledger: Ledger, home: Path) -> None:
    write(home, "web-css.md", "Old.")
    ledger.add(labels=("web/css",))
    keep_intent(home, Intent(old="web-css", new="css"))
    refusal(rename_label, ledger.store, home, "web/js", "css", actor=BY, error=NotPossible)
    assert rename_label(ledger.store, home, "web/css", "css", actor=BY) == ("SBI-1",)
    assert (carried(ledger), list(names_in(home)), intent_of(home)) == ({"SBI-1": ("css",)}, ["css"], None)


def test_a_rename_counts_what_the_list_counts(ledger: Ledger, home: Path) -> None:
    labelled_everywhere(ledger, home)
    with ledger.store.transaction() as tx:
        [draft] = [one for one in tx.drafts("PBI-1") if one.number == 1]
        tx.change_draft(replace(draft, status=DraftStatus.REJECTED, decided_at=1))
    assert rename_label(ledger.store, home, "old", "new", actor=BY) == ("PBI-1", "SBI-1")


def test_a_rename_to_a_label_that_is_there_is_refused_and_leaves_no_trace(ledger: Ledger, home: Path) -> None:
    write(home, "old.md", "x")
    write(home, "new.md", "x")
    refusal(rename_label, ledger.store, home, "old", "new", actor=BY, error=NotPossible)
    refusal(rename_label, ledger.store, home, "none", "other", actor=BY, error=NotFound)
    assert intent_of(home) is None
    assert sorted(os.listdir(home / "labels")) == ["new.md", "old.md"]


DYING = """
import os, signal, sys
from pathlib import Path
from deespec.backlog.labels import rename_label
from deespec.clock import Clock
from deespec.store.opener import open_store

home, file, last, armed, seen = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), False, 0

def count(event, args):
    global seen
    if armed and event in ("os.link", "os.rename", "os.remove"):
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
store = open_store(file, clock=Clock(), busy_ms=30_000)
with store.read():
    armed = True
rename_label(store, home, "old", "new", actor="person@test")
"""


def test_a_rename_that_is_killed_anywhere_is_completed_by_the_same_call(ledger: Ledger, home: Path, path: str) -> None:
    """Before each link, rename and removal of a file; between two of them lies the commit."""
    deaths = 0
    for last in range(1, 30):
        for left in [*home.glob("labels/*.md"), *home.glob(INTENT)]:
            left.unlink()
        write(home, "old.md", "Words.\n")
        write(home, "below.md", "---\nparent: old\n---\n")
        sbi = ledger.add(labels=("old",))
        command = [sys.executable, "-c", DYING, str(home), path, str(last)]
        code = subprocess.run(command, check=False).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        deaths += 1
        if intent_of(home) is not None:
            refusal(rename_label, ledger.store, home, "old", "third", actor=BY, error=NotPossible)
            rename_label(ledger.store, home, "old", "new", actor=BY)
        elif "old" in names_in(home):  # before anything of it was done
            rename_label(ledger.store, home, "old", "new", actor=BY)
        assert carried(ledger)[sbi.id] == ("new",)
        assert sorted(names_in(home)) == ["below", "new"]
        assert (read_label(home, "below").parent, read_label(home, "new").text) == ("new", "Words.")
        assert intent_of(home) is None
    assert deaths == 6


# --- deleting -------------------------------------------------------------------------------------------------------


def test_a_label_that_is_carried_is_deleted_only_when_told_how(ledger: Ledger, home: Path) -> None:
    labelled_everywhere(ledger, home)
    said = refusal(
        delete_label, ledger.store, home, home.parent, "old", actor=BY, carriers=Carriers.REFUSE, error=NotPossible
    )
    assert said == "old is carried by PBI-1, SBI-1, PBI-1/1."
    before = carried(ledger)
    found = delete_label(ledger.store, home, home.parent, "old", actor=BY, carriers=Carriers.DETACH, dry_run=True)
    assert (found.carriers, found.children) == (("PBI-1", "SBI-1", "PBI-1/1"), ("below",))
    assert carried(ledger) == before
    delete_label(ledger.store, home, home.parent, "old", actor=BY, carriers=Carriers.DETACH)
    assert carried(ledger) == {"PBI-1": ("x",), "SBI-1": ("new-er", "old2"), "PBI-1/2": ("other",)}
    assert sorted(os.listdir(home / "labels")) == ["below.md"]
    assert read_label(home, "below").parent is None


def test_force_leaves_the_items_as_they_are(ledger: Ledger, home: Path) -> None:
    write(home, "a.md", "x")
    ledger.add(labels=("a",))
    delete_label(ledger.store, home, home.parent, "a", actor=BY, carriers=Carriers.KEEP)
    assert (carried(ledger), names_in(home)) == ({"SBI-1": ("a",)}, {})


# --- what prompts take of a label itself ------------------------------------------------------------------------------


def test_the_own_text_of_a_label_has_the_limits_of_templates(home: Path) -> None:
    assert own_text(Label(name="a", text="x\n" * 999 + "x")).count("\n") == 999
    assert refusal(own_text, Label(name="a", text="x\n" * 1_000 + "x")) == (
        "The text of a has 1,001 lines; the limit is 1,000."
    )
    assert refusal(own_text, Label(name="a.secret")) == "a.secret.md is excluded: no prompt takes *.secret.md."


# --- importing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "prefix", "name"),
    [
        ("API Design.md", False, "api-design"),
        ("Web_Front/My Rules.md", True, "web-front:my-rules"),
        ("Web/x.md", False, "x"),
        ("a+b (1).md", False, "a-b--1"),
    ],
)
def test_a_file_is_named_as_the_original_named_it(file: str, prefix: bool, name: str) -> None:
    assert name_for(file, prefix=prefix) == name


def test_an_import_takes_files_of_the_project_as_templates_and_copies_others(
    ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    root, other = home.parent, tmp_path / "other"
    for folder in (root / "rules" / "web", other):
        folder.mkdir(parents=True)
    for path in ("A b.md", "web/c.md", "web/d.secret.md"):
        (root / "rules" / path).write_text("Rules.\n")
    (root / "rules" / "long.md").write_text("x\n" * 1_001)
    (root / "rules" / "link.md").symlink_to(other)
    (other / "out.md").write_text("---\npriority: 7\n---\nCopied.\n")

    plan = plan_import(home, root, root / "rules", recursive=True, prefix=True, force=False)
    assert names_in(home) == {}
    assert {one.file: one.label.name if one.label else one.why for one in plan} == {
        "A b.md": "a-b",
        "long.md": "it has 1,001 lines; the limit is 1,000",
        "web/c.md": "web:c",
        "web/d.secret.md": "it is excluded: *.secret.md",
    }
    import_labels(ledger.store, home, plan)
    assert read_label(home, "web:c").templates == ("rules/web/c.md",)
    import_labels(ledger.store, home, plan_import(home, root, other, recursive=False, prefix=False, force=False))
    assert read_label(home, "out") == Label(name="out", priority=7, text="Copied.")


def test_an_import_leaves_what_is_there_unless_forced(ledger: Ledger, home: Path, tmp_path: Path) -> None:
    write(home, "out.md", "---\npriority: 5\n---\nMine.")
    other = tmp_path / "other"
    other.mkdir()
    (other / "out.md").write_text("Theirs.")
    [left] = plan_import(home, home.parent, other, recursive=False, prefix=False, force=False)
    assert (left.label, left.why) == (None, "There is a label out already")
    import_labels(ledger.store, home, plan_import(home, home.parent, other, recursive=False, prefix=False, force=True))
    assert read_label(home, "out") == Label(name="out", priority=5, text="Theirs.")


def test_an_import_takes_front_matter_over_what_the_label_said_and_no_parent_that_is_none(
    ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    write(home, "out.md", "---\ndescription: mine\npriority: 5\n---\nMine.")
    other = tmp_path / "other"
    other.mkdir()
    (other / "out.md").write_text("---\ndescription: theirs\npriority: 7\nparent: top\n---\nTheirs.")
    (other / "top.md").write_text("Top.")
    (other / "lost.md").write_text("---\nparent: nobody\n---\nx")
    plan = plan_import(home, home.parent, other, recursive=False, prefix=False, force=True)
    assert [one.why for one in import_labels(ledger.store, home, plan)] == ["its parent nobody is no label", "", ""]
    assert read_label(home, "out") == Label(name="out", description="theirs", priority=7, parent="top", text="Theirs.")


def test_an_import_of_new_labels_waits_for_no_lock(ledger: Ledger, home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("x")
    plan = plan_import(home, home.parent, tmp_path, recursive=False, prefix=False, force=False)
    with ThreadPoolExecutor(1) as other, ledger.store.transaction():
        other.submit(import_labels, ledger.store, home, plan).result(timeout=60)
    assert list(names_in(home)) == ["a"]
