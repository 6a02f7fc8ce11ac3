"""Any program as an agent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from calls import Watching, request

from deespec.agents.base import Agent, AgentResult, Blame
from deespec.agents.command import CommandAgent
from deespec.config import AgentSettings
from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.records import replace

PATH = os.environ["PATH"]


def agent(root: Path, *command: str, **changes: object) -> CommandAgent:
    settings = replace(AgentSettings(name="mine", kind="command", command=command), **changes)
    return CommandAgent(settings, root=root, child_env={"PATH": PATH})


def run(root: Path, code: str, *, step: Step = Step.IMPLEMENT, prompt: str = "") -> AgentResult:
    made: Agent = agent(root, "/bin/sh", "-c", code)
    return made.run(request(root, step=step, prompt=prompt), Watching())


def script(path: Path, text: str = "#!/bin/sh\necho from the script\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_it_answers_with_its_last_line(tmp_path: Path) -> None:
    result = run(tmp_path, "echo I wrote it.; echo DECISION: IMPLEMENTED")
    assert result.error is None
    assert result.answer == Answer(kind="implement", text="I wrote it.", source="text")


def test_it_may_leave_the_answer_to_the_report_command(tmp_path: Path) -> None:
    assert run(tmp_path, "echo done") == AgentResult(text="done")


def test_it_gets_the_prompt_on_stdin(tmp_path: Path) -> None:
    assert run(tmp_path, "cat", prompt="Write a poem.").text == "Write a poem."


def test_the_settings_arguments_follow_the_command(tmp_path: Path) -> None:
    made = agent(tmp_path, "echo", "first", args=("second", "third"))
    assert made.run(request(tmp_path), Watching()).text == "first second third"


def test_an_exit_code_is_an_error_of_this_call_with_what_it_said(tmp_path: Path) -> None:
    result = run(tmp_path, "echo DECISION: IMPLEMENTED; echo no space >&2; exit 3")
    assert result.answer is None
    assert result.error is not None
    assert (result.error.blame, result.error.code) == (Blame.CALL, "crash")
    assert result.error.message == "It ended with exit code 3: no space"


def test_a_signal_is_an_error_of_this_call(tmp_path: Path) -> None:
    result = run(tmp_path, "kill -SEGV $$")
    assert result.error is not None
    assert (result.error.code, result.error.message) == ("crash", "It ended with signal 11.")


def test_being_stopped_is_nobodys_error(tmp_path: Path) -> None:
    watch = Watching()
    watch.reason = "revoked"
    result = agent(tmp_path, "sleep", "600").run(request(tmp_path), watch)
    assert result.error is not None
    assert (result.error.blame, result.error.code) == (Blame.STOPPED, "revoked")


def test_a_missing_program_is_the_agents_error(tmp_path: Path) -> None:
    result = agent(tmp_path, "no-such-program").run(request(tmp_path), Watching())
    assert result.error is not None
    assert (result.error.blame, result.error.code) == (Blame.AGENT, "missing")


def test_a_path_is_relative_to_the_root_and_not_to_the_workspace(tmp_path: Path) -> None:
    script(tmp_path / "tools" / "agent.sh")
    made = agent(tmp_path, "tools/agent.sh")
    assert made.look().ready
    assert made.run(request(tmp_path), Watching()).text == "from the script"


def test_a_look_finds_a_program_on_the_path_of_the_child(tmp_path: Path) -> None:
    program = script(tmp_path / "bin" / "own-agent")
    made = agent(tmp_path, "own-agent", env=(("PATH", str(program.parent)),))
    assert made.look().program == str(program)


@pytest.mark.parametrize("command", ["no-such-program", "/no/such/program", "not-executable.sh"])
def test_a_look_says_what_is_missing_and_what_to_do(tmp_path: Path, command: str) -> None:
    script(tmp_path / "not-executable.sh").chmod(0o644)
    looked = agent(tmp_path, command).look()
    assert not looked.ready
    assert looked.problem is not None
    assert command in looked.problem
    assert looked.remedy == "Install it, or change [agents.mine] command."


def test_without_a_command_there_is_nothing_to_start(tmp_path: Path) -> None:
    made = agent(tmp_path)
    result = made.run(request(tmp_path), Watching())
    assert not made.look().ready
    assert result.error is not None
    assert result.error.blame is Blame.AGENT
