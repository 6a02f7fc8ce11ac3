"""Streams of output: cut into lines, kept in files, bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.agents.output import (
    HEAD_BYTES,
    LAST_BYTES,
    LINE_BYTES,
    MESSAGES_MOST,
    READ_BYTES,
    WORDS_MOST,
    Kept,
    LastWords,
    Lines,
    Stream,
    make_folder,
)


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"x", b"\n"))))
def test_lines_are_the_same_however_they_arrive(pieces: list[bytes]) -> None:
    lines = Lines()
    got = [line for piece in pieces for line in lines.feed(piece)] + list(lines.rest())
    whole = b"".join(pieces).split(b"\n")
    assert got == (whole if whole[-1] else whole[:-1])


def test_a_line_over_the_limit_is_cut_and_the_next_one_is_whole() -> None:
    lines = Lines()
    piece = b"x" * (LINE_BYTES // 4)
    got = [len(line) for _ in range(6) for line in lines.feed(piece)]
    got += [len(line) for line in lines.feed(b"\nnext\n")]
    assert got == [LINE_BYTES, 4]


def test_little_output_is_kept_as_it_is(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "log")
    kept.add(b"x" * (HEAD_BYTES + LAST_BYTES))
    kept.close()
    assert (tmp_path / "log").read_bytes() == b"x" * (HEAD_BYTES + LAST_BYTES)


def test_of_much_output_the_first_and_the_last_are_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "log")
    kept.add(b"a" * HEAD_BYTES)
    for _ in range(5):
        kept.add(b"b" * LAST_BYTES)
    kept.add(b"c" * 10)
    kept.close()
    marker = b"\n[... %d bytes left out ...]\n" % (4 * LAST_BYTES + 10)
    assert (tmp_path / "log").read_bytes() == b"a" * HEAD_BYTES + marker + b"b" * (LAST_BYTES - 10) + b"c" * 10


def test_the_head_can_be_read_while_the_call_runs(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "log")
    kept.add(b"so far")
    assert (tmp_path / "log").read_bytes() == b"so far"
    kept.close()


def test_output_that_cannot_be_kept_is_still_handed_on(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "no-such-folder" / "log")
    kept.add(b"words")
    kept.close()
    assert kept.last(100) == b"words"


def test_a_pipe_that_somebody_outside_keeps_full_is_drained_to_a_limit(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    seen: list[int] = []

    def fill(line: bytes) -> None:
        seen.append(len(line))
        os.write(writes, b"x\n")

    stream = Stream(os.fdopen(reads, "rb", buffering=0), tmp_path / "log", fill)
    os.write(writes, b"x\n")
    stream.drain()
    stream.close()
    os.close(writes)
    assert not stream.ended
    assert 1 < len(seen) <= READ_BYTES


# --- what an agent has left in the way ------------------------------------------------------------------------------


def test_output_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "log").symlink_to(tmp_path / "victim")
    (tmp_path / "other log").hardlink_to(tmp_path / "victim")
    for name in ("log", "other log"):
        kept = Kept(tmp_path / name)
        kept.add(b"words")
        kept.close()
        assert (tmp_path / name).read_bytes() == b"words"
    assert (tmp_path / "victim").read_text() == "mine"


def test_what_cannot_be_removed_costs_the_file_only(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    kept = Kept(tmp_path / "log")
    kept.add(b"words")
    kept.close()
    assert kept.last(100) == b"words"


@pytest.mark.parametrize("name", ["turns", "turns/SBI-1", "turns/SBI-1/1.1"])
def test_a_link_is_not_taken_for_a_folder(name: str, tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home / name).parent.mkdir(parents=True)
    (home / name).symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError, match="in the way"):
        make_folder(home / "turns" / "SBI-1" / "1.1", below=home)
    assert not list(elsewhere.iterdir())


def test_a_folder_that_is_there_is_used_again(tmp_path: Path) -> None:
    for _ in range(2):
        make_folder(tmp_path / "turns" / "1.1", below=tmp_path)
    assert (tmp_path / "turns").stat().st_mode & 0o777 == 0o700


# --- words ----------------------------------------------------------------------------------------------------------


def test_messages_come_in_pieces() -> None:
    words = LastWords()
    for text, begins in (("a", False), ("b", False), ("c", True), ("d", False)):
        words.add(text, begins=begins)
    assert words.messages() == ["ab", "cd"]
    words.clear()
    assert words.messages() == []


def test_of_endless_words_the_last_are_kept() -> None:
    words = LastWords()
    piece = "x" * (WORDS_MOST // 4)
    for _ in range(20):
        words.add(piece)
        assert sum(map(len, words.messages())) <= 2 * WORDS_MOST
    words.add("the end")
    assert words.messages()[-1].endswith("xthe end")
    assert len(words.messages()[-1]) >= WORDS_MOST


def test_of_many_messages_the_last_are_kept() -> None:
    words = LastWords()
    for number in range(2 * MESSAGES_MOST):
        words.add(str(number), begins=True)
    assert words.messages() == [str(number) for number in range(MESSAGES_MOST, 2 * MESSAGES_MOST)]
    words.add("x" * WORDS_MOST, begins=True)
    assert len(words.messages()) == 1
