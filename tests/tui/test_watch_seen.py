"""What the board of `watch` loads: of what is done that which was done last, whatever its number."""

from __future__ import annotations

import pytest
from desk import ANN, Desk, Viewer, look

from deespec.tui import seen
from deespec.tui.seen import Looker, Pile, View, Wish


def finish(desk: Desk, *numbers: int) -> None:
    """In this order."""
    for number in numbers:
        desk.hold(number, held=False)
        desk.clock.forward(1_000)
        desk.finish(worker=desk.worker, agents=(ANN,))


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("", ["SBI-1", "SBI-5", "SBI-4"]),
        ("done", ["SBI-1", "SBI-5", "SBI-4"]),
        ("item", ["SBI-1", "SBI-5", "SBI-4"]),
        ("item 2", ["SBI-3"]),
    ],
)
def test_of_what_is_done_the_last_is_shown_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, words: str, shown: list[str]
) -> None:
    monkeypatch.setattr(seen, "CARDS_MOST", 3)
    desk.hire()
    for number in range(5):
        desk.add(f"Item {number}", hold=True)
    finish(desk, 2, 3, 4, 5, 1)
    column = Looker(desk.app).look(Wish(view=View.BOARD, words=words)).columns[Pile.DONE]
    assert [card.line.id for card in column.cards] == shown
    assert column.among is None


def test_where_a_filter_finds_too_much_to_be_put_in_order_it_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "CARDS_MOST", 2)
    monkeypatch.setattr(seen, "SIFTED_MOST", 3)
    desk.hire()
    for number in range(5):
        desk.add(f"Item {number}", hold=True)
    finish(desk, 5, 4, 3, 2, 1)

    async def act(viewer: Viewer) -> None:
        await viewer.press("2", "slash")
        await viewer.type("item")
        await viewer.press("enter", "right", "right", "right", "right")
        await viewer.sees("of the last 3", "Item 2", "Item 3", "and 3 more", without="Item 0")

    look(desk.watch(), act, (120, 40))
