"""What runs, as people watch it: the last line, what was used so far, and a log that follows, from real files."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import planner
import pytest
from workshop import ACCEPTS, IMPLEMENTS, WAITS, Workshop, eventually, steps

from deespec.agents.output import HEAD_BYTES, LAST_BYTES
from deespec.agents.spoken import Source
from deespec.board import live, log
from deespec.board.kept import begins_at, tries_of
from deespec.board.live import Follower, Live, Lives
from deespec.board.log import Entry, Position
from deespec.errors import NotFound
from deespec.model.items import Line
from deespec.model.money import Spend, Usage
from deespec.records import replace

SPEAKS = f'printf "\\033[32mI look.\\033[0m\\n"; printf "10 %%\\r50 %%"; {WAITS}; echo; {IMPLEMENTS}'
THREAD = "01a20658-e246-79b2-8171-f36c3366d68f"


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def line_of(shop: Workshop, number: int = 1) -> Line:
    with shop.app.store.read() as tx:
        return tx.line(number)


def texts(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.text for entry in entries]


class Claimed:
    """An item as if this agent worked on it, and its try's folder."""

    def __init__(self, shop: Workshop, kind: str, *, token: int = 7, turn: int = 1) -> None:
        shop.agent("true", kind=kind, model="a-model")
        self.shop = shop
        self.item = shop.register()
        self.line = replace(line_of(shop), lease_token=token, lease_agent="worker")
        self.folder = shop.home / "turns" / self.item.id / f"{turn}.{token}"
        self.folder.mkdir(parents=True)
        self.lives = Lives(shop.app)

    def look(self) -> Live:
        found = self.lives.of(self.line)
        assert found is not None
        return found

    def print(self, *events: dict[str, object] | str, file: str = "output.log") -> None:
        path = self.folder / file
        path.parent.mkdir(exist_ok=True, parents=True)
        with path.open("a") as written:
            written.writelines((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in events)

    def says(self, *events: dict[str, object] | str) -> str:
        self.print(*events)
        return self.look().last


def message(name: str, *blocks: dict[str, object], tokens_in: int = 10, tokens_out: int = 5) -> dict[str, object]:
    used = {"input_tokens": tokens_in, "output_tokens": tokens_out, "cache_read_input_tokens": 100}
    return {"type": "assistant", "message": {"id": name, "content": list(blocks), "usage": used}}


def words(text: str) -> dict[str, object]:
    return {"type": "text", "text": text}


def runs(command: str) -> dict[str, object]:
    return {"type": "tool_use", "name": "Bash", "input": {"command": command}}


# --- all that run -----------------------------------------------------------------------------------------------------


def test_nobody_works_on_it_and_nothing_is_told(shop: Workshop) -> None:
    shop.register()
    assert Lives(shop.app).of(line_of(shop)) is None


def test_before_the_agent_has_said_anything_there_is_nothing_to_tell(shop: Workshop) -> None:
    assert Claimed(shop, "claude").look() == Live()


def test_the_last_line_is_what_the_agent_says_or_does_not_what_its_tools_print(shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    assert one.says(message("m1", words("I look at it.\n\nFirst the **tests**:\n```"))) == "First the **tests**:"
    assert one.says(message("m2", runs("pytest -q"))) == "$ pytest -q"
    result = {"type": "tool_result", "content": "3 passed"}
    assert one.says({"type": "user", "message": {"content": [result]}}) == "$ pytest -q"
    assert one.look().source is Source.TOOL


def test_files_are_named_as_the_project_does(shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    for folder in (shop.root, shop.home / "worktrees" / "SBI-1"):
        asked = {"file_path": str(folder / "src" / "a.py")}
        assert one.says(message("m1", {"type": "tool_use", "name": "Edit", "input": asked})) == "edit src/a.py"


def test_a_message_in_pieces_is_one_line_also_where_a_look_comes_between(shop: Workshop) -> None:
    one = Claimed(shop, "gemini")
    piece = {"type": "message", "role": "assistant", "delta": True}
    assert one.says({**piece, "content": "I change"}) == "I change"
    assert one.says({**piece, "content": " two fi"}, {**piece, "content": "les.\n"}) == "I change two files."


def test_what_was_used_so_far_grows_with_the_messages_and_is_priced(shop: Workshop) -> None:
    shop.listed("prices", model="a-*", input=1.0, cached=0.1, output=10.0)
    one = Claimed(shop, "claude")
    one.print({"type": "system", "subtype": "init", "model": "a-model"}, message("m1", words("One")))
    found = one.look()
    assert (found.tokens_in, found.tokens_cached, found.tokens_out) == (110, 100, 5)
    assert found.usd == pytest.approx((10 * 1.0 + 100 * 0.1 + 5 * 10.0) / 1e6)
    one.print(message("m1", words("One"), tokens_out=6), message("m2", words("Two")))
    found = one.look()
    assert (found.tokens_in, found.tokens_cached, found.tokens_out) == (220, 200, 11)


def test_of_a_client_that_says_it_at_the_end_nothing_is_told_before(shop: Workshop) -> None:
    one = Claimed(shop, "codex")
    with shop.app.store.transaction() as tx:
        tx.spent(Spend(token=3, sbi=1, turn=1, session=THREAD, tokens_in=1000, tokens_cached=0, tokens_out=100))
    one.print({"type": "thread.started", "thread_id": THREAD})
    assert one.look().tokens_in is None
    one.print({"type": "turn.completed", "usage": {"input_tokens": 1500, "output_tokens": 130}})
    assert (one.look().tokens_in, one.look().tokens_out) == (500, 30)


def test_what_could_not_be_counted_at_a_bad_moment_is_counted_later(shop: Workshop) -> None:
    one = Claimed(shop, "codex")
    with shop.app.store.transaction() as tx:
        tx.spent(Spend(token=3, sbi=1, turn=1, session=THREAD, tokens_in=1000, tokens_cached=0, tokens_out=100))
    one.print({"type": "thread.started", "thread_id": THREAD})
    with shop.app.store.read(), pytest.raises(AssertionError, match="do not nest"):
        one.look()
    one.print({"type": "turn.completed", "usage": {"input_tokens": 1500, "output_tokens": 130}})
    assert (one.look().tokens_in, one.look().tokens_out) == (500, 30)


def test_the_second_call_of_a_try_is_counted_with_the_first(shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    one.print(message("m1", words("One")))
    one.print(message("m2", words("Two")), file="again/output.log")
    assert (one.look().tokens_in, one.look().last) == (220, "Two")


def test_a_client_that_was_started_anew_is_counted_anew(shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    one.print(message("m1", words("One")), message("m2", words("Two")))
    assert one.look().tokens_in == 220
    os.unlink(one.folder / "output.log")
    one.print(message("m3", words("Three")))
    assert (one.look().tokens_in, one.look().last) == (110, "Three")


def test_a_client_s_log_on_its_stderr_does_not_hide_what_it_says(shop: Workshop) -> None:
    one = Claimed(shop, "opencode")
    one.print("INFO starting", file="stderr.log")
    assert one.look().last == "INFO starting"
    one.print({"type": "text", "part": {"text": "I begin."}})
    assert one.look().last == "I begin."
    one.print("INFO more", file="stderr.log")
    assert one.look().last == "I begin."


def test_a_gate_s_last_line_is_shown_while_it_runs(shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    one.print(message("m1", words("Done.")))
    one.print("collecting ... \x1b[1m3 items", file="gates/1/output.log")
    assert (one.look().last, one.look().source) == ("collecting ... 3 items", Source.NOTE)


def test_when_nothing_has_come_no_file_is_read(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Claimed(shop, "claude")
    one.print(message("m1", words("One")))
    before = one.look()
    monkeypatch.setattr(live, "read_bytes", None)
    assert one.look() == before


def test_a_long_output_is_read_in_steps_and_counted_when_all_is_read(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK_BYTES", 1000)
    one = Claimed(shop, "claude")
    one.print(*(message(f"m{number}", words(f"Word {number}")) for number in range(30)))
    looks = [one.look()]
    while looks[-1].tokens_in is None:
        looks.append(one.look())
        assert len(looks) < 50
    assert len(looks) > 3
    assert (looks[-1].tokens_in, looks[-1].last) == (3300, "Word 29")


def test_of_an_output_that_nobody_could_read_in_time_the_end_is_read_and_nothing_is_counted(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "JUMP_BYTES", 20_000)
    monkeypatch.setattr(live, "TAIL_BYTES", 1_000)
    one = Claimed(shop, "claude")
    one.print(*(message(f"m{number}", words("x" * 100)) for number in range(200)), message("m", words("The end")))
    assert (one.look().last, one.look().tokens_in) == ("The end", None)
    one.print(message("n", words("More")))
    assert (one.look().last, one.look().tokens_in) == ("More", None)


@pytest.mark.parametrize("size", [HEAD_BYTES, HEAD_BYTES + LAST_BYTES + 1])
def test_what_is_not_kept_is_not_counted(size: int, shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    one.print(message("m1", words("One")))
    (one.folder / "output.log").write_bytes((one.folder / "output.log").read_bytes().ljust(size, b"\n"))
    for _ in range(12):
        found = one.look()
    assert (found.last, found.tokens_in) == ("One", None)


def test_items_that_are_asked_for_no_more_are_forgotten(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "ITEMS_MOST", 3)
    one = Claimed(shop, "claude")
    for token in range(100, 120):
        one.lives.of(replace(one.line, lease_token=token))
    assert len(one.lives._watched) == 3


def test_what_is_no_file_of_ours_is_neither_opened_nor_waited_for(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    secret = shop.folder / "secret"
    secret.write_text("secret\n")
    (one.folder / "output.log").symlink_to(secret)
    os.mkfifo(one.folder / "stderr.log")
    (one.folder / "gates").symlink_to(shop.folder)
    assert one.look() == Live()
    (one.folder / "again").mkdir()
    (one.folder / "again" / "output.log").write_bytes(b"\x00\xff\xfe\x1b]0;x\x07 binary " + bytes(range(256)) + b"\n")
    found = one.look().last
    assert found
    assert all(character.isprintable() for character in found)


# --- following --------------------------------------------------------------------------------------------------------


def follow(shop: Workshop, number: int = 1, **options: object) -> Follower:
    return Follower(shop.app, number, **options)  # type: ignore[arg-type]


def test_a_real_run_is_followed_line_by_line_over_turns_and_gates_to_its_end(shop: Workshop) -> None:
    shop.agent(steps(SPEAKS, ACCEPTS))
    shop.gate("echo 'gate says hello'", name="hello")
    shop.register()
    lives = Lives(shop.app)
    found: list[Entry] = []

    def has(text: str) -> bool:
        got = follower.more()
        found.extend(got.entries)
        return any(entry.text == text for entry in found)

    with shop.process("run", "--drain"):
        assert eventually(lambda: line_of(shop).lease_token is not None)
        follower = follow(shop)
        assert eventually(lambda: has("I look."))
        assert not follower.more().ended
        assert eventually(lambda: (now := lives.of(line_of(shop))) is not None and now.last == "50 %")
        assert "50 %" not in [entry.text for entry in found]  # its line is not ended yet
        (shop.seen / "go").touch()
        assert eventually(lambda: has("DECISION: SUCCEEDED")), found
        assert eventually(lambda: follower.more().ended)
    assert [(entry.text, entry.turn, entry.part) for entry in found] == [
        ("I look.", 1, ""),
        ("50 %", 1, ""),
        ("DECISION: IMPLEMENTED", 1, ""),
        ("gate says hello", 1, "gate 1"),
        ("Good.", 2, ""),
        ("DECISION: SUCCEEDED", 2, ""),
    ]
    assert lives.of(line_of(shop)) is None


def test_any_server_goes_on_after_a_position_that_another_has_given(shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    one.print(message("m1", words("One")))
    first = follow(shop).after("")
    assert texts(first.entries) == ["One"]
    one.print(message("m2", words("Two")))
    one.print("aside", file="stderr.log")
    second = follow(shop).after(first.at)
    assert texts(second.entries) == ["Two", "aside"]
    third = follow(shop).after(second.at)
    assert (third.entries, third.at) == ((), second.at)
    assert texts(follow(shop).after("").entries) == ["One", "Two", "aside"]


@pytest.mark.parametrize(
    "position",
    [
        *(
            "x",
            "7",
            "7:0:../../secret=0",
            "7:0:gates/../../secret=0",
            "-1:0:",
            "7:0:output.log=-5",
            "9" * 50,
            "7:0:a=1," * 50,
        ),
        *(
            "7:0:" + "a=1" * 5000,
            "7:0:" + "1=1" * 30 + "!",
            "7:99999999999:",
            "٧:0:",
            "7:0:output.log=1\n",
            "\0",
            "12:0:",
        ),
    ],
)
def test_a_position_that_is_none_is_the_beginning_and_opens_nothing_else(position: str, shop: Workshop) -> None:
    one = Claimed(shop, "command")
    (shop.home / "secret").write_text("secret\n")
    one.print("said")
    assert texts(follow(shop).after(position).entries) == ["said"]


def test_an_offset_that_is_beyond_the_file_is_that_of_a_client_that_was_started_anew(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    one.print("said")
    assert texts(follow(shop).after("7:0:output.log=999999").entries) == ["said"]


def test_positions_survive_being_written_down() -> None:
    one = Position(token=12, last=99, offsets=(("output.log", 5), ("gates/a=b,c:日本 %/output.log", 7)))
    assert Position.of(str(one)) == one
    assert str(one).isascii()


def test_a_message_in_pieces_goes_on_where_the_last_look_ended(shop: Workshop) -> None:
    one = Claimed(shop, "gemini")
    piece = {"type": "message", "role": "assistant", "delta": True}
    one.print({**piece, "content": "I "}, {**piece, "content": "change"})
    shop.app.settings.agent("worker")
    first = follow(shop).after("")
    one.print({**piece, "content": " it."})
    second = follow(shop).after(first.at)
    assert [(entry.text, entry.goes_on) for entry in (*first.entries, *second.entries)] == [
        ("I change", False),
        (" it.", True),
    ]


def test_a_tool_that_is_told_again_is_shown_once(shop: Workshop) -> None:
    one = Claimed(shop, "acp")
    call = {"sessionUpdate": "tool_call", "kind": "execute", "title": "sh", "rawInput": {"command": "make"}}
    told = {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": call}}
    one.print(told, told)
    first = follow(shop).after("")
    one.print(told)
    assert texts(first.entries) == ["$ make"]
    assert follow(shop).after(first.at).entries == ()


def test_raw_lines_are_as_they_were_printed_but_for_what_drives_a_terminal(shop: Workshop) -> None:
    one = Claimed(shop, "claude")
    one.print(message("m1", words("One")), "\x1b[31mred")
    found = texts(follow(shop, raw=True).more().entries)
    assert found == [json.dumps(message("m1", words("One"))), "red"]


def test_of_a_long_log_the_end_is_shown_and_how_much_was_before(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    one.print(*(f"line {number}" for number in range(100_000)))
    follower, found = follow(shop), []
    first = follower.more()
    size = (one.folder / "output.log").stat().st_size
    assert first.skipped_bytes == size - log.BATCH_BYTES
    assert len(first.entries) == log.ENTRIES_MOST
    assert not first.ended
    lines = first
    while not lines.ended:
        found += texts(lines.entries)
        lines = follower.more()
    found += texts(lines.entries)
    assert found == [f"line {number}" for number in range(100_000 - len(found), 100_000)]


def test_more_than_is_kept_while_it_runs_is_said_once(shop: Workshop) -> None:
    shop.agent(f'yes word | head -c {HEAD_BYTES + 100}; echo; touch "$SEEN/all"; {WAITS}; echo end')
    shop.register()
    with shop.working(once=True):
        assert eventually(lambda: shop.saw("all") is not None)
        follower = follow(shop)
        found: list[str] = []
        assert eventually(lambda: found.extend(texts(follower.more().entries)) or log.TOO_LONG in found)
        assert follower.more().entries == ()
        (shop.seen / "go").touch()
        assert eventually(lambda: found.extend(texts(follower.more().entries)) or "end" in found)
    assert found.count(log.TOO_LONG) == 1


def test_one_turn_of_several_is_shown_by_its_number(shop: Workshop) -> None:
    one = Claimed(shop, "command", token=7, turn=1)
    one.print("first")
    for name, text in (("1.8", "again the first"), ("2.9", "second"), ("merge.10", "merged")):
        (one.folder.parent / name).mkdir()
        (one.folder.parent / name / "output.log").write_text(text + "\n")
    found = follow(shop, turn=1).more()
    assert (texts(found.entries), found.ended) == (["again the first"], True)
    assert texts(follow(shop, turn=2).more().entries) == ["second"]
    assert [(entry.text, entry.turn) for entry in follow(shop).more().entries] == [("merged", None)]
    with pytest.raises(NotFound, match="Nothing is kept of turn 3"):
        follow(shop, turn=3).more()


def test_a_decomposition_is_followed_as_any_item_is(shop: Workshop) -> None:
    shop.agent(f"echo 'I read the code.'; {planner.says(planner.TWO)}")
    planner.plan(shop)
    assert planner.took(shop) == "decomposed"
    found = follow(shop, planner.work(shop).number).more()
    assert (texts(found.entries)[0], found.ended) == ("I read the code.", True)


def test_any_number_of_tries_that_said_nothing_lie_before_the_one_that_did(shop: Workshop) -> None:
    shop.register()
    tries = shop.home / "turns" / "SBI-1"
    for token in range(1, sys.getrecursionlimit() + 2):
        (tries / f"1.{token}").mkdir(parents=True)
    (tries / f"1.{token}" / "output.log").write_text("at last\n")
    found = follow(shop).after("1:0:")
    assert (texts(found.entries), found.ended) == (["at last"], True)


def test_a_log_begins_at_the_newest_try_that_has_kept_something(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    one.print("said")
    for name in ("1.8", "merge.9"):
        (one.folder.parent / name).mkdir()
        (one.folder.parent / name / "output.log").touch()
    for turn in (None, 1):
        follower = follow(shop, turn=turn)
        assert texts(follower.more().entries) == ["said"]
        found = follower.more()
        assert (found.entries, found.ended) == ((), True)


def test_the_log_of_a_try_that_runs_begins_there_before_it_has_said_anything(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    one.print("said")
    newest = one.folder.with_name("1.8")
    newest.mkdir()
    assert begins_at(tries_of(shop.home, one.item.id), 8).folder == newest
    assert begins_at(tries_of(shop.home, one.item.id), 99).folder == one.folder
    assert begins_at([], 8) is None


def test_of_an_item_that_nobody_has_worked_on_nothing_is_shown_and_it_has_ended(shop: Workshop) -> None:
    shop.register()
    found = follow(shop).more()
    assert (found.entries, found.ended, found.at) == ((), True, "")
    with pytest.raises(NotFound):
        follow(shop, 99)


def test_a_try_that_is_cleaned_away_meanwhile_is_left_for_the_newest(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    one.print("said")
    at = follow(shop).more().at
    one.folder.rename(one.folder.with_name("2.8"))
    assert texts(follow(shop).after(at).entries) == ["said"]


def test_a_line_without_end_is_shown_in_pieces_and_costs_no_more_than_it_may(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    (one.folder / "output.log").write_bytes(b"x" * (log.LINE_BYTES * 2))
    follower, found = follow(shop), []
    while (got := follower.more()).entries:
        found += got.entries
        assert len(found) < 10
    assert found
    assert all(len(entry.text) <= 500 for entry in found)


def test_what_is_no_file_of_ours_is_not_followed(shop: Workshop) -> None:
    one = Claimed(shop, "command")
    (shop.home / "secret").write_text("secret\n")
    (one.folder / "output.log").symlink_to(shop.home / "secret")
    os.mkfifo(one.folder / "stderr.log")
    (one.folder.parent / "2.9").symlink_to(shop.home)
    assert follow(shop).more().entries == ()


def test_usage_that_nobody_has_said_is_none() -> None:
    assert (Live().tokens_in, Usage().tokens_in) == (None, None)
