"""A program's output without what drives a terminal: as it would have been left there, in time that grows with it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deespec.text import without_ansi

ESC, BEL, ST = "\x1b", "\x07", "\x1b\\"


@pytest.mark.parametrize(
    ("printed", "left"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("日本語 é ✓", "日本語 é ✓"),
        (f"{ESC}[1;31mred{ESC}[0m", "red"),
        (f"{ESC}[38:2::255:0:0mred{ESC}[m", "red"),
        (f"a{ESC}[2Kb{ESC}[?25lc{ESC}[1 qd", "abcd"),
        (f"{ESC}]0;evil title{BEL}text", "text"),
        (f"{ESC}]0;evil title{ST}text", "text"),
        (f"{ESC}]8;;http://evil/{ST}link{ESC}]8;;{ST} after", "link after"),
        (f"{ESC}]52;c;ZXZpbA=={BEL}x", "x"),
        (f"{ESC}P1$r0m{ST}x{ESC}_apc{ST}y{ESC}^pm{ST}z{ESC}Xsos{ST}!", "xyz!"),
        (f"{ESC}(B{ESC}7{ESC}=x{ESC}#8{ESC}cy", "xy"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x9d0;title\x9ctext \x90q\x9c\x98s\x9c\x9ep\x9c\x9fa\x9c.", "text ."),
        (f"cut {ESC}[31", "cut "),
        (f"cut {ESC}", "cut "),
        (f"cut {ESC}]0;never ended\nnext line", "cut \nnext line"),
        (f"{ESC}[31{ESC}[1mtwice", "twice"),
        (f"{ESC}]0;given up\x18text", "text"),
        ("10 %\r 50 %\r100 %", "100 %"),
        ("done\r\nnext\r\n", "done\nnext\n"),
        ("50 %\r", "50 %"),
        (f"\r{ESC}[2K10 %\r{ESC}[2K99 %\r{ESC}[2K", "99 %"),
        ("b\bbo\bol\bld\bd", "bold"),
        ("_\bu_\bn", "un"),
        ("|\b/\b-\b\\\b", "\\"),
        ("\b\bx", "x"),
        ("a\0b\x0bc\x0cd\x7fe\x85f", "abcdef"),
    ],
)
def test_only_what_a_terminal_would_show_is_left(printed: str, left: str) -> None:
    assert without_ansi(printed) == left


CONTROLS = st.sampled_from([*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), *"[]()P;0m?\\"])


@settings(max_examples=300)
@given(st.text(alphabet=CONTROLS | st.characters(), max_size=60))
def test_nothing_that_drives_a_terminal_is_left_of_any_text(printed: str) -> None:
    left = without_ansi(printed)
    assert not {one for one in left if (ord(one) < 32 or 127 <= ord(one) < 160) and one not in "\n\t"}
    assert without_ansi(left) == left


def steps(text: str) -> int:
    """Calls and lines of Python that the text takes: a count, not a time."""
    counted = 0

    def count(frame: object, event: str, arg: object) -> object:
        nonlocal counted
        counted += 1
        return count

    sys.settrace(count)
    try:
        without_ansi(text)
    finally:
        sys.settrace(None)
    return counted


@pytest.mark.parametrize("piece", ["\b", "a\b", "\r", "a\r", f"{ESC}[", f"{ESC}]", "\x9b1;", f"{ESC}[1;\n", "\t\x00"])
def test_the_work_grows_no_faster_than_the_text(piece: str) -> None:
    assert steps(piece * 2_000) <= 12 * steps(piece * 200) + 100


HOSTILE = [f"{ESC}[" + "0" * 200_000, f"{ESC}[" + " " * 200_000, f"{ESC}]" + "a" * 200_000, (ESC + "[") * 100_000]


@pytest.mark.parametrize("text", [*HOSTILE, (f"{ESC}]x" * 70_000), f"{ESC}[0" * 70_000 + "\n", "\x1bP" * 100_000])
def test_sequences_without_an_end_leave_nothing(text: str) -> None:
    assert without_ansi(text).strip() == ""
