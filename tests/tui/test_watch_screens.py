"""Every screen of `deespec watch` as a picture, and what it says in words."""

from __future__ import annotations

import pytest
from desk import Desk, Viewer, look

from deespec.model.lifecycle import Event

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """Something of everything."""
    desk.hire()
    desk.add("Add a square root")
    desk.finish(worker=desk.worker)
    desk.clock.forward(60_000)
    desk.add("Which rounding is right?")
    desk.asks("Shall halves go up or to the even number?")
    desk.add("Parse negative numbers", paths=("src/parse/**",))
    desk.work(says="reading src/parse.py\nrunning the tests: 14 passed\n")
    desk.clock.forward(95_000)
    desk.add("電卓に平方根を追加する、そして試験を書く", paths=("src/root/**",))
    desk.work(says="設計を読んでいます\n")
    desk.add("Print results with separators", paths=("src/parse/print.py",), labels=("ui",))
    desk.add("Needs the parser", depends_on=("SBI-3",))
    desk.add("Later", hold=True)
    desk.draft("SBI-1", "Say what happens with the root of -1")
    desk.clock.forward(65_000)
    return desk


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_first_view_tells_at_one_glance_what_runs_waits_and_is_stuck(busy: Desk, size: tuple[int, int]) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.sees("2/3 slots busy", "running the tests: 14 passed", "2 min", "Shall halves", "paths", "held")
        await viewer.picture(f"now-{size[0]}x{size[1]}")

    look(busy.watch(), act, size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_board_has_a_column_for_each_pile_as_far_as_there_is_room(busy: Desk, size: tuple[int, int]) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.press("2")
        await viewer.sees("Waiting 3", "need SBI-3", "held")
        await viewer.picture(f"board-{size[0]}x{size[1]}")

    look(busy.watch(), act, size)


def test_columns_that_have_no_room_come_with_the_arrow_keys(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.press("2")
        await viewer.sees("need SBI-3", without="Add a square root")
        await viewer.press("right", "right", "right", "right")
        await viewer.sees("Add a square root", without="need SBI-3")

    look(busy.watch(), act)


def test_the_inbox_shows_all_that_waits_for_a_person(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.press("3")
        await viewer.sees("Shall halves go up", "SBI-1/1", "HELD")
        await viewer.picture("inbox-80x24")

    look(busy.watch(), act)


def test_agents_and_workers_are_listed(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.press("4")
        await viewer.sees("2 of 2", "here-1", "bob")
        await viewer.picture("agents-80x24")

    look(busy.watch(), act)


def test_an_item_opens_with_its_spec_its_turns_its_diff_and_its_log(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-3")
        await viewer.press("enter")
        await viewer.sees("SBI-3  Parse negative numbers", "src/parse/**", "Do it.")
        await viewer.picture("item-spec-80x24")
        await viewer.press("2")
        await viewer.sees("No turn has ended yet.")
        await viewer.press("3")
        await viewer.sees("is not in", "Git")
        await viewer.press("4")
        await viewer.sees("reading src/parse.py", "running the tests: 14 passed")
        await viewer.picture("item-log-80x24")
        await viewer.press("escape")
        await viewer.sees("IN WORK")

    look(busy.watch(), act)


def test_turns_are_told_the_newest_first_with_reports_and_findings(desk: Desk) -> None:
    desk.add("An item")
    desk.settle(desk.begin(), Event.IMPLEMENTED, report="I did it.", cost_usd=0.25, tokens_in=12_000)
    desk.settle(desk.begin(), Event.NEEDS_CHANGES, decision="NEEDS_CHANGES", report="No.", findings=("no test",))

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1")
        await viewer.press("enter", "2")
        shown = await viewer.sees("I did it.", "✗ finding: no test", "12.0k tokens, 0.25 USD")
        assert shown.index("Turn 2: review") < shown.index("Turn 1: implement")
        await viewer.picture("item-turns-80x24")

    look(desk.watch(), act)


def test_the_log_of_a_running_item_follows(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-3")
        await viewer.press("enter", "4")
        await viewer.sees("14 passed")
        [log] = (busy.home / "turns" / "SBI-3").glob("*/output.log")
        with log.open("a") as file:
            file.write("and now the next step\n")
        await viewer.sees("and now the next step")

    look(busy.watch(), act)


def test_a_merge_that_printed_nothing_does_not_hide_what_was_said_before(desk: Desk) -> None:
    desk.add("An item")
    claim = desk.begin()
    for name, says in ((f"1.{claim.token}", "I did it.\n"), (f"merge.{claim.token + 1}", "")):
        folder = desk.home / "turns" / "SBI-1" / name
        folder.mkdir(parents=True)
        (folder / "output.log").write_text(says)
    desk.settle(claim, Event.IMPLEMENTED)

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1")
        await viewer.press("enter", "4")
        await viewer.sees("I did it.")

    look(desk.watch(), act)


def test_an_empty_log_says_why(desk: Desk) -> None:
    """Whether nobody has worked on it, or nothing is kept of those who have, or nothing came of them."""
    for title in ("Worked on", "Left as it is", "Silent"):
        desk.add(title)
    desk.settle(desk.begin(), Event.NEEDS_PERSON, report="I did it.")
    (desk.home / "turns" / "SBI-3" / "1.9").mkdir(parents=True)

    async def act(viewer: Viewer) -> None:
        for item, why in (
            ("SBI-1", "Nothing is kept of its turns."),
            ("SBI-2", "No agent has worked on it."),
            ("SBI-3", "Nothing was printed."),
        ):
            await viewer.press("g")
            await viewer.type(item)
            await viewer.press("enter")
            await viewer.sees(f"{item}  ")
            await viewer.press("4")
            await viewer.sees(why)
            await viewer.press("escape")

    look(desk.watch(), act)


def test_the_help_lists_every_act_with_its_key(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.press("question_mark")
        await viewer.sees("hold and stop its agent", "start again", "#label")
        await viewer.picture("help-120x60")

    look(busy.watch(), act, (120, 60))


def test_a_new_backlog_says_how_to_begin(desk: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.sees("Nothing is registered yet → deespec register sbi")
        await viewer.picture("empty-80x24")

    look(desk.watch(), act)


def test_without_colours_no_colour_is_sent_and_nothing_is_lost(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        shown = await viewer.sees("2/3 slots busy", "▸ SBI-3", "14 passed")
        screen = viewer.program.screen
        colours = set()
        for strip in screen._compositor.render_strips(screen.size):
            for one in viewer.program.get_line_filters():
                strip = strip.apply_filter(one, screen.background_colors[1])  # noqa: PLW2901
            styles = [style for _, style, _ in strip if style is not None]
            colours |= {colour.name for style in styles for colour in (style.color, style.bgcolor) if colour}
        assert colours <= {"default"}
        await viewer.picture("now-80x24-no-color")
        assert "For you 1" in shown

    look(busy.watch(no_color=True), act)


def test_wide_characters_keep_the_columns_straight(desk: Desk) -> None:
    desk.hire()
    for title in (
        "電卓に平方根を追加する、そして試験を書く、とても長い題名",
        "A plain title that is as long as the other",
    ):
        desk.add(title, depends_on=())
        desk.asks("どちらですか？ 上か下か")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1", "SBI-2", "どちら")
        await viewer.picture("now-80x24-japanese")

    look(desk.watch(), act)


def test_a_smaller_terminal_is_drawn_anew(busy: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.sees("WORKER")
        await viewer.pilot.resize_terminal(60, 15)
        shown = await viewer.sees("IN WORK", without="WORKER")
        assert max(map(len, shown.splitlines())) <= 60

    look(busy.watch(), act, (120, 40))
