"""What a person does with the keys of `deespec watch`: the same acts as the commands, asked back, refused in words."""

from __future__ import annotations

import shutil

import pytest
from desk import Desk, Viewer, look
from textual.events import Key

from deespec.app import App
from deespec.backlog import edit
from deespec.model.asking import DraftStatus
from deespec.model.lifecycle import Status
from deespec.store.opener import create_store
from deespec.tui.app import Watch

HOSTILE = "[red]a[/] [@click=app.quit]b[/] \x1b[31mc \x1b]0;d\x07 \u202ee \x9b2Jf"


def test_h_holds_and_u_lets_go(desk: Desk) -> None:
    desk.add("An item")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1")
        await viewer.press("h")
        await viewer.sees("SBI-1 held")
        assert desk.sbi(1).held
        await viewer.sees("u unhold")
        await viewer.press("u")
        await viewer.sees("SBI-1 free")
        assert not desk.sbi(1).held

    look(desk.watch(), act)


def test_cancelling_asks_first_and_keeps_the_reason(desk: Desk) -> None:
    desk.add("An item")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1")
        await viewer.press("c")
        await viewer.sees("SBI-1: cancel?", "y yes")
        await viewer.picture("dialog-80x24")
        await viewer.press("n")
        await viewer.sees("h hold")
        assert desk.sbi(1).status is Status.PENDING
        await viewer.press("c")
        await viewer.sees("SBI-1: cancel?")
        await viewer.press("y")
        await viewer.sees("Why, for the history")
        await viewer.type("not needed")
        await viewer.press("enter")
        await viewer.sees("SBI-1 cancelled", "Cancelled 1")
        with desk.store.read() as tx:
            assert [one.error for one in tx.journal(item="SBI-1") if one.event == "cancelled"] == ["not needed"]

    look(desk.watch(), act)


def test_a_question_is_answered_below_its_words(desk: Desk) -> None:
    desk.hire()
    desk.add("An item")
    desk.asks("Red or blue?")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("Red or blue?")
        await viewer.press("a")
        await viewer.sees("SBI-1 asks: Red or blue?", "enter says it")
        await viewer.picture("answer-80x24")
        await viewer.press("enter")
        await viewer.sees("Nothing was said")
        await viewer.press("a")
        await viewer.sees("enter says it")
        await viewer.type("blue")
        await viewer.press("enter")
        await viewer.sees("SBI-1 goes on at the next claim")
        assert (desk.sbi(1).resume, desk.sbi(1).hint) == (True, "blue")

    look(desk.watch(), act)


def test_what_is_not_possible_says_so_and_what_is(desk: Desk) -> None:
    desk.add("An item")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1")
        await viewer.press("r")
        await viewer.sees("SBI-1 is PENDING: retry is not possible now.", "Possible: h hold, c cancel")
        await viewer.press("p")
        await viewer.sees("put the cursor on an agent first")

    look(desk.watch(), act)


def test_keys_that_were_typed_before_a_question_was_there_do_nothing(desk: Desk) -> None:
    desk.add("An item")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1")
        for key in ("c", "a", "h", "D"):  # at once, as a terminal hands them over that was slow
            viewer.program.post_message(Key(key, key))
        await viewer.sees("SBI-1: cancel?")
        await viewer.press("n")
        await viewer.sees("h hold", without="y yes")
        assert (desk.sbi(1).status, desk.sbi(1).held) == (Status.PENDING, False)

    look(desk.watch(), act)


def test_drafts_are_opened_approved_and_rejected_with_a_reason(desk: Desk) -> None:
    desk.add("An item")
    desk.draft("SBI-1", "First")
    desk.draft("SBI-1", "Second")

    async def act(viewer: Viewer) -> None:
        await viewer.press("3")
        await viewer.sees("SBI-1/1", "SBI-1/2")
        await viewer.press("enter")
        await viewer.sees("SBI-1/1  First", "Do this.", "y approve")
        await viewer.picture("draft-80x24")
        await viewer.press("y")
        await viewer.sees("registered as SBI-2")
        await viewer.press("escape")
        await viewer.sees("SBI-1/2", without="SBI-1/1")
        await viewer.press("n")
        await viewer.sees("Reject SBI-1/2. Why:")
        await viewer.type("no")
        await viewer.press("enter")
        await viewer.sees("SBI-1/2 rejected")
        with desk.store.read() as tx:
            found = [(one.status, one.reason) for one in tx.drafts(decided=True)]
        assert found == [(DraftStatus.APPROVED, None), (DraftStatus.REJECTED, "no")]

    look(desk.watch(), act)


def test_p_pauses_an_agent_and_lets_it_go_on(desk: Desk) -> None:
    async def act(viewer: Viewer) -> None:
        await viewer.press("4")
        await viewer.sees("ann")
        await viewer.press("p")
        await viewer.sees("ann is paused", "until resumed")
        await viewer.press("p")
        await viewer.sees("ann goes on", without="until resumed")

    look(desk.watch(), act)


def test_the_filter_finds_by_title_label_and_status_as_one_types(desk: Desk) -> None:
    desk.add("Alpha", labels=())
    desk.add("Beta")
    desk.add("Gamma", hold=True)

    async def act(viewer: Viewer) -> None:
        await viewer.press("2")
        await viewer.sees("Alpha", "Beta", "Gamma")
        await viewer.press("slash")
        await viewer.type("bet")
        await viewer.sees("Beta", "filter: bet", "Waiting 1", without="Alpha")
        await viewer.press("enter", "escape")
        await viewer.sees("Alpha", "Beta", without="filter:")
        await viewer.press("slash")
        await viewer.type("done")
        await viewer.sees("Waiting 0", without="Beta")
        await viewer.press("escape", "slash")
        await viewer.type("SBI-3")
        await viewer.sees("Gamma", without="Beta")

    look(desk.watch(), act)


def test_g_goes_to_an_item_and_says_if_there_is_none(desk: Desk) -> None:
    desk.add("Alpha")

    async def act(viewer: Viewer) -> None:
        for typed, answer in (("1", "SBI-1  Alpha"), ("SBI-9", "SBI-9"), ("EPIC-1", "is no id of an SBI or PBI")):
            await viewer.press("g")
            await viewer.sees("Go to which item?")
            await viewer.type(typed)
            await viewer.press("enter")
            await viewer.sees(answer, without="Go to which")
            await viewer.press("escape")
            await viewer.sees("1 Now")

    look(desk.watch(), act)


def test_an_answer_that_is_given_too_late_is_none_to_the_next_question(desk: Desk) -> None:
    desk.hire()
    desk.add("An item")
    desk.asks("Red or blue?")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("Red or blue?")
        await viewer.press("a")
        await viewer.sees("enter says it")
        edit.answer(desk.store, 1, "green", actor="somebody")
        desk.asks("Delete everything?")
        await viewer.type("blue")
        await viewer.press("enter")
        await viewer.sees("SBI-1 asks something else by now")
        assert not desk.sbi(1).resume

    look(desk.watch(), act)


def test_what_another_process_writes_appears_and_the_cursor_stays(desk: Desk) -> None:
    desk.hire()
    desk.add("First")
    desk.asks("One?")
    desk.add("Second")
    desk.asks("Two?")

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1", "SBI-2")
        await viewer.press("down")
        await viewer.sees("▸ SBI-2")
        desk.hold(1)
        desk.add("Third")
        await viewer.sees("SBI-3", "▸ SBI-2")

    look(desk.watch(), act)


def test_how_long_something_lasts_goes_on_without_a_write(desk: Desk) -> None:
    desk.hire()
    desk.add("An item")
    desk.work()

    async def act(viewer: Viewer) -> None:
        await viewer.sees("0 s")
        desk.clock.forward(42_000)
        await viewer.sees("42 s")

    look(desk.watch(), act)


def test_hostile_text_does_nothing(desk: Desk) -> None:
    desk.hire()
    desk.add(HOSTILE.replace("\x1b", "").replace("\x07", "").replace("\x9b", ""))
    desk.asks(HOSTILE)
    desk.add("Runs")
    desk.work(says=f"{HOSTILE}\n")

    async def act(viewer: Viewer) -> None:
        shown = await viewer.sees("[red]a[/] [@click=app.quit]b[/]")
        await viewer.press("3", "enter")
        shown += await viewer.sees("It asks", "[@click=app.quit]b")
        await viewer.press("4", "escape", "1")
        await viewer.sees("FOR YOU")
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)
        lines = viewer.program.screen._compositor.render_strips(viewer.program.size)
        styles = [style for line in lines for _, style, _ in line if style is not None]
        assert not any(style.meta.get("@click") for style in styles)

    look(desk.watch(), act)


def test_a_database_that_was_replaced_is_told_and_opened_again(desk: Desk) -> None:
    desk.add("Before")
    database = desk.home / "deespec.db"

    async def act(viewer: Viewer) -> None:
        await viewer.sees("SBI-1")
        desk.app.close()
        for name in ("deespec.db", "deespec.db-wal", "deespec.db-shm"):
            (desk.home / name).unlink(missing_ok=True)
        viewer.program.feed.ask()
        await viewer.sees("! ", "There is no database", "it goes on by itself", "SBI-1")
        create_store(str(database), clock=desk.clock, busy_ms=5_000)
        await viewer.sees("Nothing is registered yet", without="There is no database")

    look(desk.watch(), act)


def test_a_home_that_is_gone_is_told_where_nothing_was_seen_yet(desk: Desk) -> None:
    desk.app.close()
    shutil.rmtree(desk.home)

    async def act(viewer: Viewer) -> None:
        await viewer.sees("! ")

    look(desk.watch(), act)


def test_a_bug_ends_it_and_the_command_gets_to_know(desk: Desk) -> None:
    def opener() -> App:
        raise RuntimeError("a bug")

    program = Watch(opener, clock=desk.clock)

    async def act(viewer: Viewer) -> None:
        while viewer.program.failure is None:
            await viewer.pilot.pause(0.01)

    with pytest.raises(RuntimeError, match="a bug"):
        look(program, act)
    assert str(program.failure) == "a bug"
