"""A file that a client adds lines to while it works."""

from __future__ import annotations

import os
from pathlib import Path

from deespec.agents.trail import READ_BYTES, READS_MOST, Trail

PATTERN = "*/note-*-abc.jsonl"


def noted(folder: Path, data: bytes) -> Path:
    path = folder / "2026" / "note-1-abc.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(data)
    return path


def test_lines_come_when_they_are_whole(tmp_path: Path) -> None:
    trail = Trail(tmp_path)
    assert [*trail.added(PATTERN)] == []
    noted(tmp_path, b"one\ntw")
    assert [*trail.added(PATTERN)] == [b"one"]
    noted(tmp_path, b"o\nthree\n")
    assert [*trail.added(PATTERN)] == [b"two", b"three"]
    assert [*trail.added(PATTERN)] == []


def test_what_was_there_before_is_skipped(tmp_path: Path) -> None:
    noted(tmp_path, b"old\n")
    trail = Trail(tmp_path)
    trail.skip(PATTERN)
    noted(tmp_path, b"new\n")
    assert [*trail.added(PATTERN)] == [b"new"]


def test_a_file_that_vanishes_says_nothing_more(tmp_path: Path) -> None:
    path = noted(tmp_path, b"one\n")
    trail = Trail(tmp_path)
    assert [*trail.added(PATTERN)] == [b"one"]
    path.unlink()
    assert [*trail.added(PATTERN)] == []


def test_no_folder_and_no_file_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "2026" / "note-1-abc.jsonl").mkdir(parents=True)
    assert [*Trail(tmp_path).added(PATTERN)] == []
    assert [*Trail(tmp_path / "none").added(PATTERN)] == []


def test_what_is_no_ordinary_file_any_more_is_not_waited_for(tmp_path: Path) -> None:
    path = noted(tmp_path, b"one\n")
    trail = Trail(tmp_path)
    assert [*trail.added(PATTERN)] == [b"one"]
    path.unlink()
    os.mkfifo(path)
    assert [*trail.added(PATTERN)] == []
    path.unlink()
    (tmp_path / "secret").write_bytes(b"one\ntwo\n")
    path.symlink_to(tmp_path / "secret")
    assert [*trail.added(PATTERN)] == []


def test_a_file_that_grows_as_it_is_read_is_read_on_the_next_time(tmp_path: Path) -> None:
    line = b"x" * (READ_BYTES - 1) + b"\n"
    path = noted(tmp_path, line)
    trail, seen = Trail(tmp_path), 0
    for _ in trail.added(PATTERN):
        seen += 1
        assert seen <= READS_MOST
        noted(tmp_path, line)
    assert seen == READS_MOST
    path.write_bytes(line * (READS_MOST + 1) + b"last\n")
    assert [*trail.added(PATTERN)] == [line[:-1], b"last"]
