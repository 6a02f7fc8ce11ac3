"""Text without what drives a terminal or turns its direction: character by character, however it is done."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.text import clean

TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
EVERY = "".join(map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1))))


def by_character(text: str, *, lines: bool) -> str:
    """What `clean` is to answer."""
    keep = "\n\t" if lines else ""
    return "".join(
        one if one in keep or not (ord(one) < 32 or 127 <= ord(one) < 160) else "�"
        for one in (text if lines else text.replace("\n", " "))
        if one not in TURNING
    )


@pytest.mark.parametrize("lines", [False, True])
def test_every_character_is_kept_or_not(lines: bool) -> None:
    assert clean(EVERY, lines=lines) == by_character(EVERY, lines=lines)


@given(
    text=st.text(st.sampled_from("a é日\n\t\r\x00\x1b\x7f\x9b\u202e\u2069\u2028\ufeff\U000e0001")), lines=st.booleans()
)
def test_it_is_the_same_in_any_text(text: str, lines: bool) -> None:
    assert clean(text, lines=lines) == by_character(text, lines=lines)
