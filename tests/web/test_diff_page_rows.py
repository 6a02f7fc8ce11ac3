"""Patches of the real Git, read into rows: no line is lost, whatever files hold and however they are called."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deespec.web.differing import FilePatch, Hunk, parse

LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), max_size=8), max_size=12)
NAMES = (
    "plain.txt",
    "with space.txt",
    "tab\there.txt",
    'quote"s.txt',
    "back\\slash.txt",
    "名前.txt",
    "a b/b b.txt",
    "\x01.x",
)


def git(folder: Path, *args: str) -> str:
    settings_ = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "core.quotePath=false")
    done = subprocess.run(["git", *settings_, *args], cwd=folder, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.decode()


def side(hunks: tuple[Hunk, ...], name: str) -> list[str]:
    """The lines of one side, in the order of the rows."""
    cells = (getattr(row, name) for hunk in hunks for row in hunk.rows)
    return [cell.text for cell in cells if cell is not None]


def only(files: list[FilePatch]) -> FilePatch:
    [found] = files
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=LINES, new=LINES, ends=st.booleans())
def test_both_sides_of_the_rows_are_the_two_files(tmp_path: Path, old: list[str], new: list[str], ends: bool) -> None:
    texts = ["\n".join(lines) + ("\n" if ends and lines else "") for lines in (old, new)]
    for name, text in zip(("old", "new"), texts, strict=True):
        (tmp_path / name).write_bytes(text.encode())
    found = parse(git(tmp_path, "diff", "--no-index", "--no-color", "--text", "--unified=1000", "old", "new"))
    if texts[0] == texts[1]:
        assert found == []
        return
    hunks = only(found).hunks
    assert side(hunks, "old") == texts[0].removesuffix("\n").split("\n") * bool(texts[0])
    assert side(hunks, "new") == texts[1].removesuffix("\n").split("\n") * bool(texts[1])
    for name, text in zip(("old", "new"), texts, strict=True):
        cells = [cell for row in hunks[-1].rows if (cell := getattr(row, name)) is not None]
        assert [cell.no_newline for cell in cells] == [False] * (len(cells) - 1) + [not text.endswith("\n")] * bool(
            cells
        )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=LINES, new=LINES)
def test_both_views_have_the_same_lines(tmp_path: Path, old: list[str], new: list[str]) -> None:
    for name, lines in (("old", old), ("new", new)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), newline="")
    for one in parse(git(tmp_path, "diff", "--no-index", "--text", "--unified=1", "old", "new")):
        for hunk in one.hunks:
            runs = list(hunk.runs)
            removed = [cell for run in runs for cell in run.removed]
            added = [cell for run in runs for cell in run.added]
            assert removed == [row.old for row in hunk.rows if row.old is not None and not row.same]
            assert added == [row.new for row in hunk.rows if row.new is not None and not row.same]
            assert [row for run in runs for row in run.same] == [row for row in hunk.rows if row.same]


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            ["diff --git a/x b/x", "@@ -1,2 +1,2 @@ f", "@@ -1 +0,0 @@", "+a", "-b", " c", "", "\\ No", "--- a/x"]
        )
        | st.text(max_size=9)
    )
)
def test_no_text_makes_it_fail(lines: list[str]) -> None:
    parse("\n".join(lines))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["changed", "mode", "binary", "empty"])
def test_a_file_has_its_name_however_it_is_called(tmp_path: Path, name: str, how: str) -> None:
    git(tmp_path, "init", "--quiet")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if how != "empty":
        path.write_bytes(b"one\n")
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "-m", "first")
    if how == "mode":
        path.chmod(0o755)
    else:
        path.write_bytes({"changed": b"two\n", "binary": b"\0\1", "empty": b""}[how])
    git(tmp_path, "add", "--all")
    head = ("HEAD",) if how != "empty" else ("4b825dc642cb6eb9a060e54bf8d69288fbee4904",)
    found = only(parse(git(tmp_path, "diff", "--cached", *head)))
    assert found.new == name
    assert found.old == (None if how == "empty" else name)
    assert found.binary == (how == "binary")
    assert found.remoded == (how == "mode")


def test_a_renamed_file_has_both_names(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "old name.txt").write_text("a\n" * 20)
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "first")
    git(tmp_path, "mv", "old name.txt", 'new "name".txt')
    found = only(parse(git(tmp_path, "diff", "--cached", "--find-renames", "HEAD")))
    assert (found.old, found.new, found.renamed) == ("old name.txt", 'new "name".txt', True)


def test_lines_that_look_like_the_head_of_a_patch_are_lines(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x\n-- a/etc/passwd\n")
    (tmp_path / "new").write_text("x\n++ b/etc/passwd\n@@ -1 +1 @@\ndiff --git a/y b/y\n")
    found = only(parse(git(tmp_path, "diff", "--no-index", "old", "new")))
    assert side(found.hunks, "old") == ["x", "-- a/etc/passwd"]
    assert side(found.hunks, "new") == ["x", "++ b/etc/passwd", "@@ -1 +1 @@", "diff --git a/y b/y"]
    assert found.new == "new"


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("return value + 1", "return total + 1", ("value", "total")),
        ("total = count", "total = counter", ("count", "counter")),
        ("a = 1", "a = 1  # one", ("", "  # one")),
        ("entirely another", "XYZ", ("", "")),
        ("合計を出す", "合計を丸めて出す", ("", "丸めて")),
    ],
)
def test_what_differs_in_a_changed_line_is_marked_in_whole_words(old: str, new: str, marked: tuple[str, str]) -> None:
    patch = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{old}\n+{new}\n"
    [row] = only(parse(patch)).hunks[0].rows
    assert row.old is not None
    assert row.new is not None
    assert (row.old.marked, row.new.marked) == marked
    assert (row.old.text, row.new.text) == (old, new)


def test_of_a_long_file_only_the_rows_that_are_asked_for_are_read() -> None:
    lines = [f"{sign}{number}" for sign in "-+" for number in range(50)]
    patch = "\n".join(["diff --git a/x b/x", "--- a/x", "+++ b/x", "@@ -1,50 +1,50 @@", *lines])
    [one, other] = parse(f"{patch}\n{patch}\n", rows_most=10)
    for file in (one, other):
        assert side(file.hunks, "old") == [str(number) for number in range(10)]
        assert side(file.hunks, "new") == [str(number) for number in range(10)]


@given(
    st.text("ab_ .", max_size=8), st.text("ab_ .", max_size=8), st.text("ab_ .", max_size=8), st.text("b ", max_size=3)
)
def test_marks_hold_whole_words(head: str, one: str, other: str, tail: str) -> None:
    old, new = f"{head}{one}{tail}", f"{head}{other}{tail}"
    patch = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{old}\n+{new}\n"
    [row] = only(parse(patch)).hunks[0].rows
    assert row.old is not None
    assert row.new is not None
    assert (row.old.text, row.new.text) == (old, new)
    if row.old.marked or row.new.marked:
        before, after = row.old.before, row.old.after
        assert (before, after) == (row.new.before, row.new.after)
        for cell in (row.old, row.new):
            assert not re.search(r"\w$", before) or not re.match(r"\w", cell.marked + after)
            assert not re.match(r"\w", after) or not re.search(r"\w$", before + cell.marked)
