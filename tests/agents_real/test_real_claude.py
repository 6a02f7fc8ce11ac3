"""What the adapter knows of Claude Code and `agent check` does not ask: by the real client against the stand-in."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from calls import Watching, request
from installing import installed

from deespec.agents.base import AgentRequest, AgentResult, Blame
from deespec.agents.claude import ClaudeAgent
from deespec.agents.standin.clients import towards
from deespec.agents.standin.script import Hang, Say, Script, Use
from deespec.agents.standin.server import Standin
from deespec.config import AgentSettings
from deespec.model.lifecycle import Step
from deespec.records import replace

pytestmark = pytest.mark.real


def settings(**changes: object) -> AgentSettings:
    made = AgentSettings(name="claude", kind="claude", command=(str(installed("claude")),))
    return replace(made, model="sonnet", **changes)


def serving(*script: object) -> Standin:
    """A stand-in with one script; acts are turns by themselves."""
    steps: Script = tuple((turn,) for turn in script)  # type: ignore[misc]
    return Standin({"s": steps})


def asked(folder: Path, server: Standin, **changes: object) -> AgentRequest:
    made = request(folder, **changes)
    env = dict(towards(settings(), server.url("s"), folder / "client").env)
    return replace(made, env={"HOME": str(folder), **env, **made.env})


def call(section: AgentSettings, made: AgentRequest, watch: Watching | None = None) -> AgentResult:
    return ClaudeAgent(section, child_env={}).run(made, watch or Watching())


def reporter(folder: Path) -> tuple[str, ...]:
    """A report command whose path has to be quoted; it notes what it was told."""
    program = folder / "my tools (x)" / "deespec"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$DEESPEC_CLAIM $*" >> reported\n')
    program.chmod(0o755)
    return (str(program),)


def sent(server: Standin) -> str:
    return json.dumps([asked.body for asked in server.requests])


@pytest.mark.parametrize("step", [Step.IMPLEMENT, Step.RESOLVE])
def test_its_structured_answer_is_taken(step: Step, tmp_path: Path) -> None:
    with serving(Use(tool="StructuredOutput", arguments={"type": "nothing", "report": "It adds."})) as server:
        answer = call(settings(), asked(tmp_path, server, step=step)).answer
    assert answer is not None
    assert (answer.kind, answer.text, answer.source) == ("nothing", "It adds.", "structured")


def test_its_verdict_is_taken(tmp_path: Path) -> None:
    with serving(
        Use(tool="StructuredOutput", arguments={"decision": "FAILED", "report": "No.", "findings": []})
    ) as server:
        answer = call(settings(), asked(tmp_path, server, step=Step.REVIEW)).answer
    assert answer is not None
    assert (answer.kind, answer.decision) == ("review", "FAILED")


def test_it_can_report_and_nothing_else_when_it_may_only_edit(tmp_path: Path) -> None:
    command = reporter(tmp_path)
    report = f"{shlex.join(command)} sbi report --type implement -f report.md"
    script = (
        Use(tool="Write", arguments={"file_path": str(tmp_path / "work" / "report.md"), "content": "It adds."}),
        Use(tool="Bash", arguments={"command": report}),
        Use(tool="Bash", arguments={"command": 'python3 -c \'open("escaped", "w")\''}),
        Use(tool="Write", arguments={"file_path": str(tmp_path / "outside"), "content": "x"}),
        Say(text="Done."),
    )
    with serving(*script) as server:
        made = asked(tmp_path, server, report_command=command)
        result = call(settings(permissions="edit"), made)
    assert result.error is None
    assert (tmp_path / "work" / "report.md").read_text().strip() == "It adds."
    reported = (tmp_path / "work" / "reported").read_text()
    assert reported == f"{made.env['DEESPEC_CLAIM']} sbi report --type implement -f report.md\n"
    assert not (tmp_path / "work" / "escaped").exists()
    assert not (tmp_path / "outside").exists()
    assert result.denied == ("Bash", "Write")


def test_it_can_run_the_gates_and_no_part_of_them_when_it_may_only_edit(tmp_path: Path) -> None:
    gates = ("./gate -k 'a or (b)'", "./lint && ./gate all")
    commands = (*gates, "./lint", "./gate all", "./gate -k 'a or (b)' more", f"{gates[0]}; ./lint")
    with serving(*(Use(tool="Bash", arguments={"command": one}) for one in commands), Say(text="Done.")) as server:
        made = asked(tmp_path, server, gates=gates)
        for name in ("gate", "lint"):
            (made.workspace / name).write_text('#!/bin/sh\necho "$0 $*" >> ran\n')
            (made.workspace / name).chmod(0o755)
        result = call(settings(permissions="edit"), made)
    assert (result.error, result.denied) == (None, ("Bash",))
    assert (tmp_path / "work" / "ran").read_text() == "./gate -k a or (b)\n./lint \n./gate all\n"


@pytest.mark.parametrize("permissions", ["edit+shell", "everything"])
def test_it_runs_commands_when_it_may(permissions: str, tmp_path: Path) -> None:
    with serving(Use(tool="Bash", arguments={"command": "echo $((6 * 7)) > made"}), Say(text="Done.")) as server:
        result = call(settings(permissions=permissions), asked(tmp_path, server))
    assert (result.error, result.denied) == (None, ())
    assert (tmp_path / "work" / "made").read_text() == "42\n"


def test_a_repository_is_read_but_not_obeyed(tmp_path: Path) -> None:
    with serving(Use(tool="Bash", arguments={"command": "echo seen=$SMUGGLED"}), Say(text="Done.")) as server:
        made = asked(tmp_path, server)
        (made.workspace / "CLAUDE.md").write_text("Numbers are added from the left.\n")
        (made.workspace / ".claude").mkdir()
        hook = {"hooks": [{"type": "command", "command": "touch hooked"}]}
        project = {"hooks": {"SessionStart": [hook], "PreToolUse": [hook]}, "env": {"SMUGGLED": "yes"}}
        (made.workspace / ".claude" / "settings.json").write_text(json.dumps(project))
        started = {"command": "sh", "args": ["-c", "touch started"]}
        (made.workspace / ".mcp.json").write_text(json.dumps({"mcpServers": {"bad": started}}))
        assert call(settings(), made).error is None
    assert "Numbers are added from the left." in sent(server)
    assert "seen=yes" not in sent(server)
    assert not (made.workspace / "hooked").exists()
    assert not (made.workspace / "started").exists()


@pytest.mark.parametrize("tool", ["Monitor", "ScheduleWakeup", "EnterWorktree", "CronCreate"])
def test_tools_that_outlast_a_call_or_leave_its_folder_are_not_offered(tool: str, tmp_path: Path) -> None:
    with serving(Say(text="Done.")) as server:
        call(settings(), asked(tmp_path, server))
    assert tool not in [*server.requests[0].tools]


def test_nothing_runs_on_in_the_background(tmp_path: Path) -> None:
    with serving(Say(text="Done.")) as server:
        call(settings(), asked(tmp_path, server))
    parameters = server.requests[0].tools["Bash"]
    assert parameters
    assert "run_in_background" not in json.dumps(parameters)


def test_a_server_that_says_nothing_ends_with_the_turns_time(tmp_path: Path) -> None:
    with Standin({"s": (Hang(),)}) as server:
        result = call(settings(), asked(tmp_path, server, turn_timeout_ms=2_500))
    assert result.error is not None
    assert result.error.blame is Blame.CALL
    assert result.session, "its session can be resumed"


def test_the_engine_can_stop_it_in_a_command_and_learns_what_it_cost(tmp_path: Path) -> None:
    class Revoking(Watching):
        def tick(self) -> str | None:
            return "revoked" if (tmp_path / "work" / "begun").exists() else None

    with serving(Use(tool="Bash", arguments={"command": "touch begun; sleep 600"}), Say(text="Done.")) as server:
        result = call(settings(), asked(tmp_path, server), Revoking())
    assert result.error is not None
    assert (result.error.blame, result.error.code) == (Blame.STOPPED, "revoked")
    assert result.usage.cost_usd


def test_a_session_goes_on_and_each_call_is_charged_once(tmp_path: Path) -> None:
    with serving(Say(text="First.")) as server:
        first = call(settings(), asked(tmp_path, server, step=Step.PREPARE))
        second = call(settings(), asked(tmp_path, server, step=Step.PREPARE, session=first.session, prompt="Go on."))
        history = json.dumps(server.requests[-1].body)
    assert second.session == first.session
    assert second.usage == first.usage
    assert "Do the work." in history
    assert "Go on." in history


def test_a_session_that_is_not_known_is_replaced_by_a_fresh_one(tmp_path: Path) -> None:
    unknown = "22511f96-dc90-4d8a-928e-a10c8b88fbb1"
    with serving(Say(text="It adds.")) as server:
        result = call(settings(), asked(tmp_path, server, session=unknown))
    assert (result.error, result.text) == (None, "It adds.")
    assert result.session != unknown


def test_an_option_that_it_does_not_know_is_the_agents_fault(tmp_path: Path) -> None:
    with serving(Say(text="It adds.")) as server:
        error = call(settings(args=("--no-such-option",)), asked(tmp_path, server)).error
    assert error is not None
    assert (error.blame, error.code) == (Blame.AGENT, "flags")


@pytest.mark.parametrize(("key", "ready"), [("none", True), ("", False)])
def test_a_look_tells_version_and_login(key: str, ready: bool, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ANTHROPIC_API_KEY": key}
    found = ClaudeAgent(settings(), child_env=env).look()
    assert found.version
    assert (found.ready, found.problem) == (ready, None if ready else f"claude {found.version} is not logged in")
