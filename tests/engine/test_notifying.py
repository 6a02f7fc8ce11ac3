"""A person's program hears what waits and how runs end: each once, beside the work, which never fails by it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from workshop import Workshop, eventually, processes_with, steps

from deespec.engine import notifying
from deespec.engine.worker import Crew, Orders

ASKS = 'deespec sbi report --type question --text "Which colour?"'
KEYS = {
    *("schema", "event", "title", "at", "home", "worker", "item", "turn", "draft", "agent", "notice", "reason"),
    *("question", "remedy", "run"),
}
FINDS = """
deespec sbi review --decision SUCCEEDED --text Good. --findings /dev/stdin <<END
[{"text": "An old mistake elsewhere.", "file": "old.py", "must_fix": true, "in_scope": false}]
END
"""


@pytest.fixture
def heard(project: Workshop) -> Heard:
    return Heard(project)


class Heard:
    """The program of a person, which keeps what it hears."""

    def __init__(self, project: Workshop) -> None:
        self.project = project
        self.file = project.folder / "heard"
        self.does("")

    def does(self, more: str) -> None:
        """It keeps what it hears, and then does this."""
        program = self.project.folder / "bin" / "hear"
        program.write_text(f'#!/bin/sh\n{{ cat; echo; }} >> "{self.file}"\n{more}\n')
        program.chmod(0o755)
        self.project.settle("notify", command=["hear"])

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def events(self) -> list[str]:
        return [one["event"] for one in self.all()]


def drained(project: Workshop, **orders: Any) -> list[str]:
    """What the worker told its person of upkeep."""
    told: list[str] = []
    Crew(project.app, Orders(drain=True, **orders), tell=lambda _: None, tell_upkeep=told.append).run()
    return told


def test_a_question_is_told_with_the_command_that_answers_it_and_then_the_end_of_the_run(
    project: Workshop, heard: Heard
) -> None:
    project.agent(ASKS)
    project.register("日本語 \N{BELL}")
    drained(project)
    parked, finished = heard.all()
    assert set(parked) == set(finished) == KEYS
    assert (parked["schema"], parked["event"], parked["item"], parked["turn"]) == (1, "parked", "SBI-1", 1)
    assert (parked["title"], parked["question"]) == ("日本語 \N{BELL}", "Which colour?")
    assert (parked["remedy"], parked["home"]) == ('deespec answer SBI-1 "…"', str(project.home))
    assert (finished["event"], finished["run"]["waiting"]) == ("run_finished", 1)
    assert finished["title"].endswith(": 1 wait.")


def test_an_item_that_failed_is_told(project: Workshop, heard: Heard) -> None:
    project.agent(steps(review='echo "DECISION: FAILED"'))
    project.register()
    drained(project)
    assert heard.events() == ["failed", "run_finished"]
    assert heard.all()[0]["reason"] == "review"


def test_a_run_without_anything_for_a_person_tells_only_its_end(project: Workshop, heard: Heard) -> None:
    project.agent(steps())
    project.register()
    drained(project)
    assert heard.events() == ["run_finished"]


def test_what_was_told_is_not_told_again_by_the_next_run(project: Workshop, heard: Heard) -> None:
    project.agent(ASKS)
    project.register()
    drained(project)
    drained(project)
    assert heard.events() == ["parked", "run_finished", "run_finished"]


def test_an_agent_that_needs_a_person_is_told_once_and_one_at_a_limit_is_not(project: Workshop, heard: Heard) -> None:
    limit = 'blame = "account", code = "rate_limit", message = "Later.", reset_after_ms = 10'
    login = 'blame = "agent", code = "login", message = "Log in."'
    project.scripted(f"[[rules]]\ntimes = 1\nerror = {{ {limit} }}\n[[rules]]\nerror = {{ {login} }}\n")
    project.settle("workspace", undeclared="parallel")
    for _ in range(3):
        project.register()
    drained(project, slots=3)
    assert heard.events() == ["agent_paused", "run_finished"]
    paused = heard.all()[0]
    assert (paused["agent"], paused["question"]) == ("actor", "Log in.")
    assert paused["remedy"] == "deespec agent resume actor"


def test_drafts_of_a_review_are_told_with_the_commands_that_decide_them(project: Workshop, heard: Heard) -> None:
    project.agent(steps(review=FINDS))
    project.register()
    drained(project)
    assert heard.events() == ["draft", "run_finished"]
    draft = heard.all()[0]
    assert (draft["draft"], draft["item"], draft["title"]) == ("SBI-1/1", "SBI-1", "An old mistake elsewhere.")
    assert "deespec approve SBI-1/1" in draft["remedy"]


def test_an_item_that_killed_its_workers_is_told_by_the_one_that_buries_it(project: Workshop, heard: Heard) -> None:
    project.agent('touch "$SEEN/begun"; sleep 60')
    project.settle("run", max_attempts=1)
    project.register()
    with project.process("run") as worker:
        assert eventually(lambda: project.saw("begun") is not None)
        worker.kill()
        worker.wait()
    assert heard.events() == []
    drained(project)
    assert heard.events() == ["failed", "run_finished"]
    assert heard.all()[0]["reason"] == "attempts"


def test_the_program_sees_no_secret_and_nothing_of_ours(
    project: Workshop, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.env |= {"ANTHROPIC_API_KEY": "secret", "DEESPEC_RUN_PARALLEL": "1", "OWN": "seen"}
    heard.does(f'env > "{heard.file}.env"')
    project.agent(steps())
    project.write_config()
    assert project.command("run", "--drain")[0] == 0
    env = Path(f"{heard.file}.env").read_text()
    assert "OWN=seen" in env
    assert "secret" not in env
    assert "DEESPEC" not in env


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("exit 3", "hear ended with 3"),
        ('echo "no such user" >&2; exit 1', "hear ended with 1: no such user"),
    ],
)
def test_a_program_that_fails_is_told_once_and_no_turn_fails(
    project: Workshop, heard: Heard, program: str, words: str
) -> None:
    heard.does(program)
    project.agent(steps(review='echo "DECISION: FAILED"'))
    project.register()
    told = drained(project)
    assert told == [f"notify.command: {words}; nobody may hear what waits → deespec inbox"]
    assert heard.events() == ["failed", "run_finished"]


def test_a_program_that_is_not_there_is_told_and_no_turn_fails(project: Workshop) -> None:
    project.settle("notify", command=["no-such-program"])
    project.agent(steps())
    project.register()
    assert drained(project) == [
        "notify.command: no-such-program cannot be run: No such file or directory; "
        "nobody may hear what waits → deespec inbox"
    ]
    assert project.sbi().status == "DONE"


def test_a_program_that_hangs_holds_up_no_turn_and_ends_with_all_it_has_started(
    project: Workshop, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "TIMEOUT_S", 1.0)
    project.env["HANGS"] = "1"
    heard.does("sleep 60 & sleep 60; wait")
    project.agent(steps(review='test $DEESPEC_ITEM = SBI-1 && echo "DECISION: FAILED" || echo "DECISION: SUCCEEDED"'))
    project.register()
    project.register()
    told = drained(project)
    assert project.sbi(2).status == "DONE"
    assert told == ["notify.command: hear took more than 1 s; nobody may hear what waits → deespec inbox"]
    assert not processes_with("HANGS")


def test_what_cannot_be_told_in_time_does_not_hold_up_the_end(
    project: Workshop, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "FLUSH_S", 0.5)
    monkeypatch.setattr(notifying, "QUIET_S", 0.1)
    project.env["HANGS"] = "1"
    heard.does("sleep 60")
    project.agent(steps(review='echo "DECISION: FAILED"'))
    for _ in range(3):
        project.register()
    told = drained(project)
    assert told[0] == "waiting for notify.command (at most 0.5 s)"
    assert not processes_with("HANGS")
    assert "run_finished" not in heard.events()


def test_without_a_command_nothing_is_started(project: Workshop) -> None:
    project.agent(ASKS)
    project.register()
    crew = Crew(project.app, Orders(drain=True), tell=lambda _: None)
    crew.run()
    assert not crew.notifier._thread.ident


def test_the_end_of_a_run_that_cannot_go_on_is_told_with_the_reason(project: Workshop, heard: Heard) -> None:
    project.agent(steps())
    project.write_config()
    broken = Crew(project.app, Orders(drain=True), tell=lambda _: None, tell_idle=lambda: None)
    project.register()
    broken._tell = _breaks
    with pytest.raises(ValueError, match="broken"):
        broken.run()
    assert heard.all()[-1]["event"] == "run_finished"
    assert heard.all()[-1]["reason"] == "broken"


def _breaks(_: object) -> None:
    raise ValueError("broken")
