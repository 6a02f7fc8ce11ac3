"""Lines of the terminal: as wide as they are to be, whatever they say, and nothing of a text is lost."""

from __future__ import annotations

import pytest

from deespec.text import clean, width_of
from deespec.tui.lines import Look, Piece, Row, drawn, table, wrapped

TEXTS = (
    "plain",
    "電卓に平方根を追加する",
    "α→…①ー half 半角ｶﾅ",
    "e\u0301 👩‍👩‍👧 🇯🇵",
    "\x1b[31mred\x1b[0m\x07",
    "\u202eabc",
    "",
    "word " * 30,
)


@pytest.mark.parametrize("ambiguous_width", [1, 2])
@pytest.mark.parametrize("words", TEXTS)
def test_a_line_takes_just_its_columns(words: str, ambiguous_width: int) -> None:
    for width in range(1, 40):
        look = Look(width=width, ambiguous_width=ambiguous_width)
        for piece in (Piece(text=words), Piece(text=words, width=7), Piece(text=words, width=50)):
            shown = "".join(part for part, _ in drawn((piece, Piece(text="end")), look))
            assert width_of(shown, ambiguous_width) == width, (width, shown)
            assert not {"\x1b", "\x07", "\u202e"} & set(shown)


@pytest.mark.parametrize("ambiguous_width", [1, 2])
@pytest.mark.parametrize("words", TEXTS)
def test_a_text_is_broken_and_not_cut(words: str, ambiguous_width: int) -> None:
    for width in range(3, 40):
        rows = list(wrapped(words, Look(width=width, ambiguous_width=ambiguous_width)))
        parts = [row.text for row in rows]
        assert all(width_of(part, ambiguous_width) <= width for part in parts), (width, parts)
        assert "".join(parts).replace(" ", "") == clean(words).replace(" ", "")


def test_a_table_leaves_empty_columns_out_and_cuts_the_last_one() -> None:
    body = [("SBI-1", [Piece(text="SBI-1"), Piece(text=""), Piece(text="A title that is longer than its room")])]
    rows = table(("ID", "COST", "TITLE"), body, Look(width=20))
    assert ["".join(part for part, _ in drawn(row.lines[0], Look(width=20))) for row in rows] == [
        "ID     TITLE        ",
        "SBI-1  A title that…",
    ]
    assert [row.key for row in rows] == ["", "SBI-1"]


def test_what_lasts_is_told_as_of_the_moment_of_drawing() -> None:
    row = Row(lines=((Piece(text="", since_at=1_000),),), key="x")
    assert row.ticks
    assert drawn(row.lines[0], Look(width=4, now=6_000)) == [("5 s", ""), (" ", "")]
