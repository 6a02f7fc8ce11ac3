"""A worker keeps its slots busy, wakes when there is work, stops in two steps, and tells by its exit how it went."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from workshop import ACCEPTS, IMPLEMENTS, WAITS, Workshop, eventually, processes_with, steps

from deespec.engine.worker import Crew, Orders
from deespec.errors import StoreFull
from deespec.model.lifecycle import Status
from deespec.store.base import Transaction
from deespec.store.sqlite import SqliteStore

SLOW_ONE = f'if test $DEESPEC_ITEM = SBI-1; then touch "$SEEN/begun"; {WAITS}; fi\n{IMPLEMENTS}'
WAITS_EACH = f'touch "$SEEN/begun"; {WAITS}\n{IMPLEMENTS}'


def begun(project: Workshop) -> bool:
    return project.saw("begun") is not None


def last_seen(project: Workshop) -> list[int]:
    with project.app.store.read() as tx:
        return [worker.seen_at for worker in tx.workers()]


def own_paths(project: Workshop, count: int) -> None:
    """Items that may be worked on side by side."""
    for number in range(1, count + 1):
        project.register(paths=(f"SBI-{number}.txt",))


# --- slots ----------------------------------------------------------------------------------------------------------


def test_two_slots_go_on_while_the_third_has_a_slow_agent(project: Workshop) -> None:
    project.agent(steps(SLOW_ONE))
    own_paths(project, 7)
    with project.working(slots=3):
        assert eventually(lambda: project.unfinished() == 1)
        assert project.sbi(1).status is Status.IMPLEMENTING
        (project.seen / "go").touch()
        assert eventually(lambda: project.unfinished() == 0)


def test_no_more_items_run_than_there_are_slots(project: Workshop) -> None:
    project.agent(steps(f'touch "$SEEN/$DEESPEC_ITEM"; {WAITS}\n{IMPLEMENTS}'))
    own_paths(project, 4)
    with project.working(slots=2):
        assert eventually(lambda: len(list(project.seen.iterdir())) == 2)
        with project.app.store.read() as tx:
            assert len(tx.running()) == 2
        (project.seen / "go").touch()
        assert eventually(lambda: project.unfinished() == 0)


def test_no_more_calls_run_than_an_agent_s_limit(project: Workshop) -> None:
    enters = 'mkdir "$SEEN/inside" || touch "$SEEN/two-at-once"; sleep 0.05; rmdir "$SEEN/inside"\n'
    project.agent(steps(enters + IMPLEMENTS, enters + ACCEPTS), limit=1)
    own_paths(project, 3)
    project.drain(slots=3)
    assert project.unfinished() == 0
    assert project.saw("two-at-once") is None


def test_an_item_that_another_process_registers_is_begun_at_once(project: Workshop) -> None:
    project.agent(steps())
    with project.working():
        for number in (1, 2):
            assert project.command("register", "sbi", "--title", "New")[0] == 0
            assert eventually(lambda number=number: project.events(number)[-1] == "merged")
    waited = [project.journal(number)[1].at - project.journal(number)[0].at for number in (1, 2)]
    assert max(waited) < 2_000


def test_items_that_need_each_other_follow_at_once(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    project.register(depends_on=("SBI-1",))
    project.register(depends_on=("SBI-2",))
    assert [outcome.claim.sbi.number for outcome in project.drain(slots=3)] == [1, 1, 2, 2, 3, 3]


def test_a_turn_whose_folder_cannot_be_made_does_not_stop_the_others(project: Workshop) -> None:
    project.agent(steps())
    own_paths(project, 2)
    (project.home / "turns").mkdir()
    (project.home / "turns" / "SBI-1").write_text("in the way")
    project.drain()
    assert project.sbi(2).status is Status.DONE
    assert (project.sbi(1).status, project.sbi(1).reason) == (Status.PARKED, "workspace")


def test_a_worker_leaves_nothing_behind(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    project.drain()
    with project.app.store.read() as tx:
        assert (tx.workers(), tx.calls_of(1), tx.running()) == ([], [], [])
    for name in ("workers", "guards"):
        assert list((project.home / name).iterdir()) == []
    assert not list((project.folder / "tmp").glob("*/*/*"))


def test_a_budget_of_the_run_ends_it(project: Workshop) -> None:
    project.agent(steps())
    own_paths(project, 2)
    assert project.drain(usd=0.0) == []


def test_after_its_time_it_takes_nothing_new(project: Workshop) -> None:
    project.agent(steps(WAITS_EACH))
    own_paths(project, 2)
    crew = Crew(project.app, Orders(for_ms=300), tell=lambda _: None)
    thread = threading.Thread(target=crew.run)
    thread.start()
    assert eventually(lambda: crew.stopping)
    (project.seen / "go").touch()
    thread.join()
    assert (project.sbi(1).turn, project.sbi(2).status) == (1, Status.PENDING)


class Filling(SqliteStore):
    """A store whose disk is full for one transaction, when it is told so."""

    full = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        if self.full:
            self.full = False
            raise StoreFull
        with super().transaction() as tx:
            yield tx


def test_what_a_failed_worker_could_not_settle_is_free_at_once(project: Workshop) -> None:
    """Not only when its lease of a minute is over."""
    project.agent(steps(WAITS_EACH))
    project.register()
    store = Filling(str(project.home / "deespec.db"), clock=project.app.clock, busy_ms=1_000)
    project.app.store = store
    crew = Crew(project.app, Orders(), tell=lambda _: None)
    with ThreadPoolExecutor() as pool:
        ended = pool.submit(crew.run)
        assert eventually(lambda: begun(project))
        store.full = True
        (project.seen / "go").touch()
        assert isinstance(ended.exception(), StoreFull)
    assert project.sbi().attempts == 0
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]
    assert [entry.error for entry in project.journal() if entry.error] == ["worker died"]


# --- exit codes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "status"),
    [(steps(), 0), (steps('echo "DECISION: QUESTION (which?)"'), 0), ("exit 1", 1), ("echo hello", 1)],
)
def test_run_once_tells_whether_the_turn_had_an_outcome(project: Workshop, script: str, status: int) -> None:
    project.agent(script)
    project.register()
    assert project.command("run", "--once")[0] == status


def test_run_once_with_nothing_to_do_says_so(project: Workshop) -> None:
    project.agent(steps())
    project.write_config()
    assert project.command("run", "--once")[0] == 6


def test_run_drain_ends_with_all_done(project: Workshop) -> None:
    project.agent(steps())
    own_paths(project, 2)
    status, _, err = project.command("run", "--drain", "--parallel", "2")
    assert status == 0
    *_, backlog, last = err.splitlines()
    assert backlog == "The backlog: 2 DONE."
    assert re.fullmatch(r"Since \d\d:\d\d: 2 done\.", last)


def test_run_drain_tells_that_something_failed(project: Workshop) -> None:
    project.agent(steps(review='echo "DECISION: FAILED"'))
    project.register()
    assert project.command("run", "--drain")[0] == 1


def test_run_drain_tells_that_something_waits_and_for_what(project: Workshop) -> None:
    project.agent(steps('echo "DECISION: QUESTION (red or blue?)"'))
    project.register()
    project.register(depends_on=("SBI-1",))
    status, _, err = project.command("run", "--drain")
    assert status == 7
    assert "SBI-1 needs a person (question): red or blue?" in err
    assert "SBI-2 needs SBI-1" in err


def test_failed_comes_before_waiting(project: Workshop) -> None:
    project.agent(
        steps(f"if test $DEESPEC_ITEM = SBI-1; then {ASKS}; else {IMPLEMENTS}; fi", 'echo "DECISION: FAILED"')
    )
    own_paths(project, 2)
    assert project.command("run", "--drain")[0] == 1


ASKS = 'echo "DECISION: QUESTION (which?)"'


# --- signals --------------------------------------------------------------------------------------------------------


def ended(process: subprocess.Popen[str]) -> int:
    return process.wait(30)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_the_first_signal_lets_the_running_turn_end(project: Workshop, number: signal.Signals, status: int) -> None:
    project.agent(steps(WAITS_EACH))
    own_paths(project, 2)
    with project.process("run") as process:
        assert eventually(lambda: begun(project))
        process.send_signal(number)
        assert process.stdout is not None
        assert any("Finishing the running turns" in line for line in process.stdout)
        (project.seen / "go").touch()
        assert ended(process) == status
    assert (project.sbi(1).status, project.sbi(1).turn, project.sbi(1).attempts) == (Status.REVIEWING, 1, 0)
    assert project.sbi(2).status is Status.PENDING


def test_the_second_signal_stops_the_agents_and_uses_no_attempt(project: Workshop) -> None:
    project.agent('trap "" TERM INT\nsetsid sleep 600 &\ntouch "$SEEN/begun"\nsleep 600\n')
    project.register()
    with project.process("run") as process:
        assert eventually(lambda: begun(project))
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert any("Finishing the running turns" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert ended(process) == 130
    assert not processes_with("DEESPEC_HOME", str(project.home))
    sbi = project.sbi()
    assert (sbi.status, sbi.turn, sbi.attempts, sbi.not_before) == (Status.IMPLEMENTING, 0, 0, None)
    with project.app.store.read() as tx:
        assert (tx.running(), tx.workers(), tx.calls_of(1)) == ([], [], [])


def test_a_stop_while_gates_run_keeps_the_answer_for_the_next_worker(project: Workshop) -> None:
    project.agent(steps(f'echo call >> "$SEEN/calls"\n{IMPLEMENTS}'))
    project.gate(f"touch {project.seen}/begun; test -e {project.seen}/go || sleep 600", name="tests")
    project.register()
    with project.process("run") as process:
        assert eventually(lambda: begun(project))
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert any("Finishing the running turns" in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 143
    (project.seen / "go").touch()
    assert project.took() == "implemented"
    assert (project.saw("calls"), project.sbi().attempts) == ("call\n", 0)


def test_what_stops_it_from_outside_is_asked_in_the_store(project: Workshop) -> None:
    project.agent(steps(WAITS_EACH))
    own_paths(project, 2)
    with project.working() as crew:
        assert eventually(lambda: begun(project))
        with project.app.store.transaction() as tx:
            tx.ask_to_stop(crew.worker, "finish", actor="person")
        assert eventually(lambda: crew.stopping)
        (project.seen / "go").touch()
        assert eventually(lambda: project.sbi(1).turn == 1)
    assert project.sbi(2).status is Status.PENDING


def test_a_worker_whose_database_was_replaced_ends_and_says_so(project: Workshop) -> None:
    project.agent(steps())
    project.settle("run", lease="2 s")
    project.write_config()
    with project.process("run") as process:
        for _ in range(2):
            seen = last_seen(project)
            assert eventually(lambda seen=seen: last_seen(project) != seen)
        database = project.home / "deespec.db"
        copy = project.folder / "copy.db"
        copy.write_bytes(database.read_bytes())
        os.replace(copy, database)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 5
    assert "was replaced or removed" in out
