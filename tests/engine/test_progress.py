"""What `run` says while it works: when a turn begins, how it ended, and what a person can do about it."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest
from workshop import WAITS, Workshop, eventually, steps

from deespec.backlog import edit
from deespec.engine import outbox
from deespec.engine.failing import STOPPED
from deespec.model.lifecycle import Status

SLEEPS = 'touch "$SEEN/begun"\nsleep 600\n'


def lines(project: Workshop, *args: str) -> list[str]:
    """What a drain says about turns."""
    return [line for line in project.command("run", "--drain", *args)[2].splitlines() if line[:2] in ("▸ ", "✓ ", "✗ ")]


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    found = next((line for line in process.stdout if words in line), None)
    assert found is not None, f"it never said {words!r}"
    return found.rstrip("\n")


def test_a_line_tells_when_a_turn_begins_and_one_how_it_ended(project: Workshop) -> None:
    project.agent(steps())
    project.register("A title")
    assert lines(project) == [
        "▸ SBI-1 implement 1 by worker  A title",
        "✓ SBI-1 implement 1 implemented → REVIEWING  (0 s)",
        "▸ SBI-1 review 2 by worker  A title",
        "✓ SBI-1 review 2 succeeded → DONE  (0 s)",
    ]


def test_the_beginning_is_told_while_the_agent_still_works(project: Workshop) -> None:
    project.agent(steps(WAITS))
    project.register("A title")
    with project.process("run") as process:
        assert wait_for(process, "▸") == "▸ SBI-1 implement 1 by worker  A title"
        assert project.sbi().turn == 0
        (project.seen / "go").touch()


def test_a_failed_attempt_is_told_with_the_next_one(project: Workshop) -> None:
    project.agent("exit 3")
    project.settle("run", retry_delay="1 s", max_attempts=2)
    project.register("A title")
    told = lines(project)
    assert told[1].startswith("✗ SBI-1 implement 1 attempt failed → IMPLEMENTING: crash: ")
    assert told[1].endswith("Tried again in 1 s.")
    assert told[2] == "▸ SBI-1 implement 1 by worker, attempt 2  A title"
    assert told[3].startswith("✗ SBI-1 implement 1 attempt failed → FAILED (attempts): crash: ")


def test_programs_get_an_event_when_a_turn_begins(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    status, out, err = project.command("run", "--drain", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    begun = [(one["item"], one["step"], one["turn"], one["agent"]) for one in events if one["event"] == "claimed"]
    assert (status, err) == (0, "")
    assert begun == [("SBI-1", "implement", 1, "worker"), ("SBI-1", "review", 2, "worker")]


def test_a_quiet_run_says_nothing(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    project.write_config()
    status, out, err = project.command("-q", "run", "--drain")
    assert (status, out, err) == (0, "", "")


# --- what was cut off -----------------------------------------------------------------------------------------------


def test_a_stopped_turn_tells_what_becomes_of_it(project: Workshop) -> None:
    project.agent(SLEEPS)
    project.register()
    with project.process("run") as process:
        assert eventually(lambda: project.saw("begun") is not None)
        process.send_signal(signal.SIGINT)
        wait_for(process, "once more stops them")
        process.send_signal(signal.SIGINT)
        assert wait_for(process, "✗") == f"✗ SBI-1 implement 1 stopped → IMPLEMENTING: {STOPPED}"
    assert project.journal()[-1].error == STOPPED
    assert project.sbi().reason is None


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("cancel", "taken away → CANCELLED: it was cancelled (not wanted); its agent was stopped"),
        ("hold", "taken away → IMPLEMENTING: it was held at once; its agent was stopped, no attempt was used → "),
        ("reset", "taken away → "),
    ],
)
def test_a_turn_that_was_taken_away_tells_by_whom_and_what_next(project: Workshop, how: str, words: str) -> None:
    project.agent(f'if test -e "$SEEN/begun"; then exit 1; fi\n{SLEEPS}')
    project.register()
    with project.process("run") as process:
        assert eventually(lambda: project.saw("begun") is not None)
        if how == "hold":
            edit.hold(project.app.store, [1], actor="person", now=True)
        else:
            edit.cancel(project.app.store, [1], actor="person", reason="not wanted")
        if how == "reset":
            edit.reset(project.app.store, [1], actor="person")
        assert words in wait_for(process, "taken away")


# --- what is left ---------------------------------------------------------------------------------------------------


def test_the_folder_of_the_outboxes_goes_with_the_last_worker(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    project.drain()
    folder = project.folder / "tmp"
    assert [len(list(folder.glob(pattern))) for pattern in ("*", "*/*")] == [1, 0]


def test_an_outbox_is_made_though_another_worker_removed_the_folder_meanwhile(project: Workshop) -> None:
    folder = outbox.folder(project.app.temporary, "UID")
    outbox.tidy(project.app.temporary, "UID")
    outbox.make(f"{folder}/7")
    assert outbox.folder(project.app.temporary, "UID") == folder


def test_a_folder_with_an_outbox_stays(project: Workshop) -> None:
    folder = outbox.folder(project.app.temporary, "UID")
    outbox.make(f"{folder}/7")
    outbox.tidy(project.app.temporary, "UID")
    outbox.folder(project.app.temporary, "UID")
    assert outbox.path_of(project.app.temporary, "UID") == folder


# --- what people read about items -----------------------------------------------------------------------------------


def fail(project: Workshop) -> None:
    project.agent("exit 1")
    project.settle("run", max_attempts=1)
    project.register()
    project.drain()
    assert project.sbi().status is Status.FAILED


def test_a_retried_item_says_that_it_goes_on(project: Workshop) -> None:
    fail(project)
    assert project.command("sbi", "retry", "1")[1] == "✓ SBI-1 goes on at the next claim\n"
    assert "FAILED, goes on " in project.command("sbi", "list")[1]
    assert "FAILED (attempts), goes on at the next claim" in project.command("sbi", "show", "1")[1]
    assert json.loads(project.command("sbi", "show", "1", "--json")[1])["resume"] is True
    assert json.loads(project.command("sbi", "list", "--json")[1])["items"][0]["resume"] is True
    assert "inbox" not in project.command("status")[1]


def test_a_drain_that_leaves_only_a_retried_item_waits_rather_than_failed(project: Workshop) -> None:
    fail(project)
    project.register("Held", paths=("x",))
    edit.retry(project.app.store, [1], actor="person")
    edit.hold(project.app.store, [1, 2], actor="person")
    assert project.command("run", "--drain")[0] == 7


def test_status_says_that_nobody_works_on_what_is_in_work(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    assert project.took() == "implemented"
    assert "in work 1 (no worker is running → deespec run)" in project.command("status")[1]
    with project.working():
        assert eventually(lambda: project.unfinished() == 0)
        assert "no worker" not in project.command("status")[1]


def test_why_tells_of_a_running_item_that_it_is_held(project: Workshop) -> None:
    project.agent(SLEEPS)
    project.register()
    with project.working():
        assert eventually(lambda: project.saw("begun") is not None)
        assert project.command("why", "1")[1] == "SBI-1 is being worked on by worker: it waits for nothing.\n"
        edit.hold(project.app.store, [1], actor="person")
        told = project.command("why", "1")[1]
        assert told == (
            "SBI-1 is being worked on by worker; it is held, so nothing follows this turn → deespec sbi unhold SBI-1; "
            "to stop it at once: deespec sbi hold --now SBI-1\n"
        )
        found = json.loads(project.command("why", "1", "--json")[1])
        assert (found["held"], found["running"]["agent"], found["waiting"]) == (True, "worker", [])


# --- limits that can never do ---------------------------------------------------------------------------------------


def test_a_retry_with_too_few_turns_is_refused_with_the_number(project: Workshop) -> None:
    fail(project)
    status, _, err = project.command("sbi", "retry", "1", "--turns", "1")
    assert status == 4
    assert err.splitlines() == [
        "SBI-1 needs 2 turns at least, implement and review, and is to have 1: it would be FAILED again.",
        "→ deespec sbi update SBI-1 --max-turns 2, then again",
    ]
    assert project.sbi().resume is False
    assert project.command("sbi", "retry", "1", "--turns", "2")[0] == 0


def test_one_turn_is_enough_where_no_review_follows(project: Workshop) -> None:
    project.agent("exit 1")
    project.settle("run", max_attempts=1)
    project.register(only_implement=True)
    project.drain()
    assert project.command("sbi", "retry", "1", "--turns", "1")[0] == 0


def test_one_turn_is_enough_for_a_review(project: Workshop) -> None:
    project.agent(steps(review="exit 1"))
    project.settle("run", max_attempts=1)
    project.register()
    project.drain()
    assert project.sbi().stopped_in is Status.REVIEWING
    assert project.command("sbi", "retry", "1", "--turns", "1")[0] == 0


def test_an_item_that_can_never_be_done_is_noted_when_it_is_registered(project: Workshop) -> None:
    project.agent(steps())
    project.write_config()
    note = "Note: SBI-1 will be FAILED: implement and review take 2 turns, its max_turns is 1"
    status, _, err = project.command("register", "sbi", "--title", "A", "--max-turns", "1")
    assert (status, err.startswith(note)) == (0, True)
    assert project.command("sbi", "update", "1", "--max-turns", "2")[2] == ""
    assert project.command("sbi", "update", "1", "--max-turns", "1")[2].startswith(note)
    assert project.command("register", "sbi", "--title", "B", "--max-turns", "1", "--only-implement")[2] == ""
