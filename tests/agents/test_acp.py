"""Agents that speak the Agent Client Protocol, as real processes: a small one made with the protocol's own package."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from calls import Watching, alive, claim, request
from calls import python as written

from deespec.agents import acp
from deespec.agents.acp import AcpAgent, environment
from deespec.agents.base import AgentRequest, AgentResult, Blame
from deespec.agents.leftovers import tagged
from deespec.clock import Clock
from deespec.config import AgentSettings
from deespec.records import replace

PLAYER = str(Path(__file__).parent / "acp_agent.py")


def section(scene: str, argument: str = "", **changes: object) -> AgentSettings:
    made = AgentSettings(
        name="one", kind="acp", command=(sys.executable, PLAYER, scene, argument), permissions="edit+shell"
    )
    return replace(made, **changes)


def run(asked: AgentRequest, settings: AgentSettings, watch: Watching | None = None) -> AgentResult:
    result = AcpAgent(settings, child_env={}, clock=Clock()).run(asked, watch or Watching())
    assert [*tagged(claim(asked.folder.parent))] == [], "nothing is left of any call"
    return result


def play(folder: Path, scene: str, argument: str = "", **changes: object) -> AgentResult:
    return run(request(folder), section(scene, argument, **changes))


def notes(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "work" / "notes").read_text().splitlines()]


def fault(result: AgentResult) -> tuple[Blame, str] | None:
    return None if result.error is None else (result.error.blame, result.error.code)


# --- a turn -----------------------------------------------------------------------------------------------------------


def test_a_turn_ends_with_the_words_after_the_last_tool_and_what_was_used(tmp_path: Path) -> None:
    result = play(tmp_path, "answer")
    assert (result.error, result.text, result.session) == (None, "It is done.", "fresh-session")
    usage = result.usage
    assert (usage.model, usage.tokens_in, usage.tokens_cached, usage.tokens_out) == ("small", 130, 30, 20)


def test_it_works_in_the_workspace_and_gets_the_prompt(tmp_path: Path) -> None:
    play(tmp_path, "echo")
    assert notes(tmp_path) == [["started"], ["new", str(tmp_path / "work")], ["prompt", "Do the work."]]


def test_a_prompt_of_2_mb_arrives_whole(tmp_path: Path) -> None:
    prompt = "Grüße, 世界\n" * 130_000
    assert fault(run(request(tmp_path, prompt=prompt), section("echo"))) is None
    assert notes(tmp_path)[-1] == ["prompt", prompt]


def test_an_answer_of_9_mb_in_one_line_is_taken_whole(tmp_path: Path) -> None:
    result = play(tmp_path, "huge")
    assert (result.error, len(result.text)) == (None, 9 << 20)


def test_what_it_said_is_kept_and_its_prompt(tmp_path: Path) -> None:
    play(tmp_path, "answer")
    kept = {path.name: path.read_text() for path in (tmp_path / "turn").iterdir()}
    assert '"stopReason":"end_turn"' in kept["output.log"]
    assert kept["prompt.md"] == "Do the work."


def test_a_session_is_loaded_and_its_old_words_are_not_the_answer(tmp_path: Path) -> None:
    result = run(request(tmp_path, session="known-session"), section("echo"))
    assert (result.session, result.text) == ("known-session", "heard")
    assert notes(tmp_path)[1] == ["loaded", str(tmp_path / "work")]


def test_a_session_that_is_gone_is_left_for_a_fresh_one_of_the_same_process(tmp_path: Path) -> None:
    result = run(request(tmp_path, session="gone"), section("echo"))
    assert (result.error, result.session) == (None, "fresh-session")
    assert [words[0] for words in notes(tmp_path)] == ["started", "new", "prompt"]


def test_mode_and_model_are_set_before_the_prompt(tmp_path: Path) -> None:
    play(tmp_path, "echo", permissions="everything", model="large")
    assert [words for words in notes(tmp_path) if words[0] in ("mode", "model")] == [
        ["mode", "yolo"],
        ["model", "large"],
    ]
    assert notes(tmp_path)[-1][0] == "prompt"


def test_what_it_says_before_the_prompt_is_not_the_answer(tmp_path: Path) -> None:
    assert play(tmp_path, "echo", permissions="everything").text == "heard"


def test_garbage_and_unknown_messages_change_nothing(tmp_path: Path) -> None:
    result = play(tmp_path, "garbage")
    assert (result.error, result.text) == (None, "all the same")


def test_what_we_do_not_offer_is_refused_as_unknown(tmp_path: Path) -> None:
    assert play(tmp_path, "reach_out").text == "code -32601"


def test_an_agent_that_does_not_end_after_its_turn_has_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acp, "END_GRACE_MS", 200)
    assert fault(play(tmp_path, "linger")) is None


# --- what it may do ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "command", "chosen"),
    [
        ("edit", "rm -rf x", "id-reject_once"),
        ("edit", "make check", "id-allow_once"),
        ("edit", "deespec sbi report -f x", "id-allow_once"),
        ("edit+shell", "rm -rf x", "id-allow_once"),
        ("everything", "rm -rf x", "id-allow_once"),
    ],
)
def test_commands_are_allowed_by_the_permissions(permissions: str, command: str, chosen: str, tmp_path: Path) -> None:
    asked = request(tmp_path, gates=("make check",))
    result = run(asked, section("command", command, permissions=permissions))
    assert (result.error, result.text) == (None, chosen)
    assert result.denied == (("execute: rm -rf x",) if "reject" in chosen else ())


@pytest.mark.parametrize(("path", "chosen"), [("a.py", "id-allow_once"), ("/etc/passwd", "id-reject_once")])
def test_edits_are_allowed_in_the_workspace(path: str, chosen: str, tmp_path: Path) -> None:
    assert play(tmp_path, "edit", path, permissions="edit").text == chosen


def test_where_a_person_is_to_be_asked_the_turn_ends_with_a_question(tmp_path: Path) -> None:
    result = play(tmp_path, "command", "npm install", permissions="edit", permission_requests="ask")
    assert result.error is None
    assert result.answer is not None
    assert (result.answer.kind, result.answer.source) == ("question", "asked")
    assert "execute: npm install" in result.answer.text
    assert result.session == "fresh-session"
    assert ["chosen", "cancelled"] in notes(tmp_path)
    assert notes(tmp_path)[-1] == ["cancelled"], "it was told so first"


def test_root_says_sandbox_only_for_everything() -> None:
    free = environment(section("echo", permissions="everything"), {"A": "1"}, is_root=True)
    assert (free["IS_SANDBOX"], free["A"]) == ("1", "1")
    assert "IS_SANDBOX" not in environment(section("echo"), {}, is_root=True)
    assert (
        environment(section("echo"), {"GEMINI_CLI_NO_RELAUNCH": "false"}, is_root=False)["GEMINI_CLI_NO_RELAUNCH"]
        == "false"
    )


# --- how it ends otherwise --------------------------------------------------------------------------------------------


class Stopping(Watching):
    """Stops the call once this file is there."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def tick(self) -> str | None:
        return "revoked" if self._file.exists() else super().tick()


def test_a_stopped_agent_is_told_so_first(tmp_path: Path) -> None:
    result = run(request(tmp_path), section("hang"), Stopping(tmp_path / "work" / "hanging"))
    assert fault(result) == (Blame.STOPPED, "revoked")
    assert notes(tmp_path)[-1] == ["cancelled"]


def test_who_does_not_heed_it_gets_the_signal_and_then_the_kill(tmp_path: Path) -> None:
    result = run(request(tmp_path), section("deaf"), Stopping(tmp_path / "work" / "hanging"))
    assert fault(result) == (Blame.STOPPED, "revoked")
    assert ["cancelled"] in notes(tmp_path)


def test_a_command_in_a_session_of_its_own_does_not_outlive_the_call(tmp_path: Path) -> None:
    run(request(tmp_path), section("detach"), Stopping(tmp_path / "work" / "hanging"))
    assert not alive(int((tmp_path / "work" / "pid").read_text()))


def test_a_silent_agent_idles_out(tmp_path: Path) -> None:
    result = run(request(tmp_path, idle_timeout_ms=1_500), section("hang"))
    assert fault(result) == (Blame.CALL, "idle")
    assert result.session, "the work so far can be resumed"


def test_a_turn_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    assert fault(run(request(tmp_path, turn_timeout_ms=2_500), section("hang"))) == (Blame.CALL, "timeout")


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ("die", (Blame.CALL, "crash")),
        ("limited", (Blame.ACCOUNT, "usage_limit")),
        ("refuse", (Blame.CALL, "failed")),
        ("locked", (Blame.AGENT, "login")),
        ("old", (Blame.AGENT, "flags")),
    ],
)
def test_a_failure_is_blamed_on_who_can_change_it(scene: str, expected: tuple[Blame, str], tmp_path: Path) -> None:
    result = play(tmp_path, scene)
    assert fault(result) == expected
    assert result.error is not None
    assert result.error.message
    assert (result.answer, result.text) == (None, "")


def test_what_a_dying_agent_said_last_is_told(tmp_path: Path) -> None:
    error = play(tmp_path, "die").error
    assert error is not None
    assert error.message == "a bug of mine"


def test_a_program_that_does_not_speak_the_protocol_idles_out(tmp_path: Path) -> None:
    deaf = section("x", command=written("import time\ntime.sleep(600)").argv)
    assert fault(run(request(tmp_path, idle_timeout_ms=400), deaf)) == (Blame.CALL, "idle")


def test_a_program_that_ends_at_once_is_a_crash(tmp_path: Path) -> None:
    assert fault(run(request(tmp_path), section("x", command=("/bin/true",)))) == (Blame.CALL, "crash")


def test_a_program_that_is_not_there_is_the_agents_fault(tmp_path: Path) -> None:
    missing = section("x", command=(str(tmp_path / "none"),))
    assert fault(run(request(tmp_path), missing)) == (Blame.AGENT, "missing")


def test_a_call_that_uses_more_tokens_than_it_was_given_is_ended(tmp_path: Path) -> None:
    """Most agents say so at the end only; then the budget is passed by what one call uses."""
    telling = """
import json, sys
def tell(**fields): print(json.dumps({"jsonrpc": "2.0", **fields}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "initialize": tell(id=asked["id"], result={"protocolVersion": 1})
    if asked["method"] == "session/new": tell(id=asked["id"], result={"sessionId": "s"})
    if asked["method"] == "session/prompt":
        used = {"usage": {"inputTokens": 900, "outputTokens": 200}}
        words = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": ""}, "_meta": used}
        tell(method="session/update", params={"sessionId": "s", "update": words})
"""
    result = run(request(tmp_path, budget_tokens=1_000), section("x", command=written(telling).argv))
    assert fault(result) == (Blame.BUDGET, "budget")
    assert (result.usage.tokens_in, result.usage.tokens_out) == (900, 200)


def test_an_agent_that_does_not_read_does_not_keep_us_waiting(tmp_path: Path) -> None:
    asking = """
import json, sys
for number in range(20_000):
    print(json.dumps({"jsonrpc": "2.0", "id": number, "method": "fs/read_text_file", "params": {}}))
"""
    result = run(request(tmp_path), section("x", command=written(asking).argv))
    assert fault(result) == (Blame.CALL, "crash")


# --- a look at it -----------------------------------------------------------------------------------------------------


def look(settings: AgentSettings, **env: str) -> Any:
    return AcpAgent(settings, child_env=env, clock=Clock()).look()


def test_a_look_finds_the_program_and_its_version(tmp_path: Path) -> None:
    program = tmp_path / "agent"
    program.write_text("#!/bin/sh\n[ $1 = --version ] && echo 'agent 1.2.3'\n")
    program.chmod(0o755)
    found = look(section("x", command=(str(program), "--acp")))
    assert (found.ready, found.version, found.program) == (True, "1.2.3", str(program))


def test_a_program_that_does_not_say_its_version_has_that_of_its_package(tmp_path: Path) -> None:
    program = tmp_path / "dist" / "agent"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert look(section("x", command=(str(program),))).version is None
    (tmp_path / "package.json").write_text('{"version": "0.49.0"}')
    (tmp_path / "linked").symlink_to(program)
    assert look(section("x", command=(str(tmp_path / "linked"),))).version == "0.49.0"


def test_a_launchers_version_is_not_the_agents(tmp_path: Path) -> None:
    (tmp_path / "npx").write_text("#!/bin/sh\necho 11.0.0\n")
    (tmp_path / "npx").chmod(0o755)
    found = look(section("x", command=("npx", "agent")), PATH=str(tmp_path))
    assert (found.ready, found.version) == (True, None)


def test_an_agent_without_a_program_is_not_ready(tmp_path: Path) -> None:
    assert look(section("x", command=())).problem == "agent one has no command"
    found = look(section("x", command=("no-agent",)), PATH=str(tmp_path))
    assert (found.ready, found.problem) == (False, "no-agent is not on PATH")


def test_without_the_protocols_package_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acp, "PACKAGE", "no-such-package")
    found = look(section("echo"))
    assert (found.ready, found.remedy) == (False, "pip install 'deespec[acp]'")
    result = run(request(tmp_path), section("echo"))
    assert fault(result) == (Blame.AGENT, "missing")
    assert result.error is not None
    assert "pip install 'deespec[acp]'" in result.error.message


def test_the_package_is_loaded_for_calls_only() -> None:
    code = "import sys, deespec.agents.acp; print('acp' in sys.modules, 'pydantic' in sys.modules)"
    with os.popen(f"{sys.executable} -c {code!r}") as said:
        assert said.read().split() == ["False", "False"]
