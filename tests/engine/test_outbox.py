"""The outbox is written by agents: whatever lies in it, it is bounded, it is refused politely, and nothing stops."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from workshop import Workshop, steps

from deespec.cli.views import TEXT_BYTES
from deespec.clock import Clock
from deespec.engine import outbox
from deespec.engine.worker import Crew, Orders
from deespec.errors import NoReceipt, StaleAnswer, StoreUnusable
from deespec.model.asking import Remark
from deespec.model.items import Answer
from deespec.model.remarks import REMARKS_MOST, TEXT_CHARACTERS

GOOD = json.dumps({"kind": "implement", "text": "Done.", "decision": None})


class Shelf:
    """An outbox and what was stored from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stored: list[Answer] = []
        self.taken: dict[str, str] = {}

    def put(self, content: str, name: str = "1") -> Path:
        path = self.path / f"answer-{name}.json"
        path.write_text(content)
        return path

    def collect(self) -> None:
        outbox.collect(str(self.path), self.taken, self.stored.append)

    def receipt(self, name: str = "1") -> dict[str, object]:
        found: dict[str, object] = json.loads((self.path / f"receipt-{name}.json").read_text())
        return found


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_an_answer_is_stored_and_receipted(shelf: Shelf) -> None:
    shelf.put(GOOD)
    shelf.collect()
    assert shelf.stored == [Answer(kind="implement", text="Done.")]
    assert shelf.receipt() == {"stored": True, "message": "Stored.", "code": "", "exit_status": 0}


def test_answers_are_taken_in_order(shelf: Shelf) -> None:
    for name in ("3", "1", "2"):
        shelf.put(json.dumps({"kind": "implement", "text": name}), name)
    shelf.collect()
    assert [answer.text for answer in shelf.stored] == ["1", "2", "3"]


def test_an_answer_is_taken_once_even_if_its_receipt_is_removed(shelf: Shelf) -> None:
    shelf.put(GOOD)
    shelf.collect()
    (shelf.path / "receipt-1.json").unlink()
    shelf.collect()
    assert len(shelf.stored) == 1


def test_an_error_of_the_store_becomes_a_receipt(shelf: Shelf) -> None:
    def refuse(_: Answer) -> str | None:
        raise StaleAnswer("SBI-1 turn 1 is over.")

    shelf.put(GOOD)
    outbox.collect(str(shelf.path), shelf.taken, refuse)
    assert shelf.receipt() == {
        "stored": False,
        "message": "SBI-1 turn 1 is over.",
        "code": "stale_answer",
        "exit_status": 4,
    }


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        '{"kind": 1}',
        '{"text": "no kind"}',
        '{"kind": "implement", "text": ["a"]}',
        '{"kind": "review", "decision": 5}',
        '{"kind": "implement", "text": "half \\ud800 a pair"}',
        '{"kind": "implement", "text": "a \\u0000"}',
        '{"kind": "implement", "decision": "\\udfff"}',
        "[" * 1_000_000,
        '{"text": ' * 100_000,
        json.dumps({"kind": "implement", "text": "x" * outbox.ANSWER_BYTES}),
        '{"kind": "review", "findings": {}}',
        '{"kind": "review", "findings": "all"}',
        '{"kind": "review", "findings": [5]}',
        '{"kind": "review", "findings": [{"text": "half \\ud800 a pair"}]}',
        '{"kind": "review", "findings": [{"text": "a", "file": "\\u0000"}]}',
        '{"kind": "review", "findings": [{"text": "a", "line": 1e400}]}',
        '{"kind": "review", "findings": [{"text": "a", "line": ' + "9" * 5_000 + "}]}",
        json.dumps({"kind": "review", "findings": [{"text": "a"}] * 51}),
        '{"kind": "review", "findings": ' + "[" * 100_000,
    ],
)
def test_what_is_no_answer_is_refused(shelf: Shelf, content: str) -> None:
    shelf.put(content)
    shelf.collect()
    assert shelf.stored == []
    assert (shelf.receipt()["code"], shelf.receipt()["exit_status"]) == ("invalid_input", 2)
    assert outbox.read_answers(str(shelf.path)) == []


def test_a_link_is_refused(shelf: Shelf, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(GOOD)
    (shelf.path / "answer-1.json").symlink_to(secret)
    shelf.collect()
    assert (shelf.stored, shelf.receipt()["stored"]) == ([], False)


def test_a_pipe_is_refused_and_holds_nobody_up(shelf: Shelf) -> None:
    os.mkfifo(shelf.path / "answer-1.json")
    shelf.collect()
    assert (shelf.stored, shelf.receipt()["stored"]) == ([], False)


def test_folders_are_refused_and_leave_no_open_files(shelf: Shelf) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        (shelf.path / f"answer-{number}.json").mkdir()
    shelf.collect()
    assert (shelf.stored, len(os.listdir("/proc/self/fd"))) == ([], before)


def test_a_flood_is_taken_up_to_its_limit(shelf: Shelf) -> None:
    for number in range(outbox.ANSWERS_MOST * 3):
        shelf.put(GOOD, f"{number:05}")
    shelf.collect()
    shelf.collect()
    assert len(shelf.stored) == outbox.ANSWERS_MOST
    assert len(outbox.read_answers(str(shelf.path))) == outbox.ANSWERS_MOST


def test_a_name_that_leaves_no_room_for_a_receipt_stops_nothing(shelf: Shelf) -> None:
    longest = "z" * (255 - len("answer-.json"))
    shelf.put(GOOD, longest)
    shelf.put(GOOD, "1")
    shelf.collect()
    assert len(shelf.stored) == 2
    assert shelf.receipt()["stored"] is True


@pytest.mark.parametrize("name", ["receipt-1.json", ".partial-receipt-1.json"])
def test_something_in_the_way_of_a_receipt_stops_nothing(shelf: Shelf, name: str) -> None:
    (shelf.path / name).mkdir()
    shelf.put(GOOD)
    shelf.collect()
    shelf.collect()
    assert len(shelf.stored) == 1


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Shelf]:
    """An outbox on a disk of its own without room for a receipt, but for the answer that lies there."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        shelf = Shelf(disk)
        shelf.put(GOOD)
        fill(disk)
        yield shelf
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))


def test_a_receipt_for_which_there_was_no_room_is_written_when_there_is(full: Shelf) -> None:
    full.collect()
    assert (len(full.stored), list(full.path.glob("*receipt*"))) == (1, [])
    (full.path / "filler").unlink()
    full.collect()
    assert (len(full.stored), full.receipt()["stored"]) == (1, True)


def test_the_agent_hears_that_its_answer_is_stored_when_there_is_room_again(full: Shelf) -> None:
    clock = QuickClock()
    (full.path / "filler").write_bytes(b"")

    def pause(seconds: float) -> None:
        if clock.ms == 0:
            fill(full.path)
        elif clock.ms > 1_000:
            (full.path / "filler").unlink(missing_ok=True)
        full.collect()
        clock.pause(seconds)

    assert outbox.hand_in(str(full.path), Answer(kind="implement"), clock=clock, pause=pause).stored
    assert clock.ms > 1_000


def test_an_outbox_that_was_removed_is_empty(shelf: Shelf) -> None:
    shelf.path.rmdir()
    shelf.collect()
    assert outbox.read_answers(str(shelf.path)) == []


def test_an_agent_that_floods_its_outbox_ends_its_turn_like_others(project: Workshop) -> None:
    flood = """
        for n in $(seq 300); do echo "[[[[[" > "$DEESPEC_OUTBOX/answer-$n.json"; done
        ln -s /etc/passwd "$DEESPEC_OUTBOX/answer-0.json"
        head -c 5000000 /dev/zero > "$DEESPEC_OUTBOX/answer-00.json"
        mkdir "$DEESPEC_OUTBOX/receipt-1.json"
        sleep 0.3
        rm -rf "$DEESPEC_OUTBOX"
        echo more > more.txt; echo "DECISION: IMPLEMENTED"
    """
    project.agent(steps(flood))
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]


# --- the agent's side -----------------------------------------------------------------------------------------------


class QuickClock(Clock):
    """One on which every pause takes as long as it says, and no longer."""

    def __init__(self) -> None:
        self.ms = 0

    def waking_ms(self) -> int:
        return self.ms

    def pause(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


def test_without_a_receipt_the_agent_hears_so_after_ten_seconds(tmp_path: Path) -> None:
    clock = QuickClock()
    with pytest.raises(NoReceipt):
        outbox.hand_in(str(tmp_path), Answer(kind="implement"), clock=clock, pause=clock.pause)
    assert 10_000 <= clock.ms < 11_000


def test_an_outbox_that_is_gone_is_no_receipt(tmp_path: Path) -> None:
    clock = QuickClock()
    with pytest.raises(NoReceipt, match="cannot be written"):
        outbox.hand_in(str(tmp_path / "gone"), Answer(kind="implement"), clock=clock, pause=clock.pause)


def test_the_largest_findings_fit_beside_the_largest_words(shelf: Shelf) -> None:
    remarks = (Remark(text="🎉" * (TEXT_CHARACTERS // 2) + '"' * (TEXT_CHARACTERS // 2)),) * REMARKS_MOST
    answer = Answer(kind="review", decision="FAILED", text="\n" * TEXT_BYTES, remarks=remarks)
    clock = QuickClock()
    receipt = outbox.hand_in(str(shelf.path), answer, clock=clock, pause=lambda _: shelf.collect())
    assert (receipt.stored, shelf.stored) == (True, [answer])


def test_what_is_handed_in_arrives_as_it_is(shelf: Shelf) -> None:
    remarks = (Remark(text='日本語 \\ "\n\tend', file="a b", line=3), Remark(text="x", must_fix=False, in_scope=False))
    answer = Answer(kind="review", decision="NEEDS_CHANGES", text='日本語 🎉 \\ " \n\t end', remarks=remarks)
    clock = QuickClock()

    def pause(_: float) -> None:
        shelf.collect()

    receipt = outbox.hand_in(str(shelf.path), answer, clock=clock, pause=pause)
    assert (receipt.stored, shelf.stored) == (True, [answer])


# --- where it lies --------------------------------------------------------------------------------------------------


def test_the_folder_of_all_outboxes_is_private(tmp_path: Path) -> None:
    made = outbox.folder(str(tmp_path), "UID")
    assert outbox.folder(str(tmp_path), "UID") == made
    assert stat.S_IMODE(os.stat(made).st_mode) == stat.S_IMODE(os.stat(os.path.dirname(made)).st_mode) == 0o700


def test_a_folder_that_others_may_read_is_refused(tmp_path: Path) -> None:
    os.chmod(outbox.folder(str(tmp_path), "UID"), 0o750)
    with pytest.raises(StoreUnusable, match="not a private folder"):
        outbox.folder(str(tmp_path), "UID")


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / f"deespec-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnusable, match="not a private folder"):
        outbox.folder(str(tmp_path), "UID")


def test_a_temporary_folder_that_was_tidied_up_is_made_anew(project: Workshop) -> None:
    bench = Crew(project.app, Orders(), tell=lambda _: None).bench
    made = Path(bench.outboxes)
    shutil.rmtree(made.parent)
    assert Path(bench.outboxes) == made
    assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(made.parent.stat().st_mode) == 0o700
