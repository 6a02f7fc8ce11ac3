"""Streams of output: cut into lines, kept in files, bounded."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deespec.agents.output import HEAD_BYTES, LAST_BYTES, LINE_BYTES, READ_BYTES, Kept, Lines, Stream


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
