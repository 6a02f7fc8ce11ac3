"""opencode: what it is told, how it is run and looked at, with a program that plays recordings back."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from calls import Watching, request
from opencode_recordings import INDEX, RECORDED, SETTINGS, fault

from deespec.agents import opencode
from deespec.agents.base import Blame
from deespec.agents.opencode import OpencodeAgent, argv, environment, permissions
from deespec.clock import Clock
from deespec.config import AgentSettings
from deespec.records import replace

SESSION = "ses_df9a18209ffeMVBBGmBwq7XssD"

# --- what it is told --------------------------------------------------------------------------------------------------


def test_settings_become_options_and_the_users_come_last(tmp_path: Path) -> None:
    chosen = replace(SETTINGS, command=("nice", "opencode"), effort="high", args=("--agent", "mine"))
    found = argv(chosen, request(tmp_path, session=SESSION))
    assert found[:4] == ("nice", "opencode", "run", "--format")
    assert found[-8:] == (
        *("--model", "stub/stub-model", "--variant", "high"),
        *("--session", SESSION, "--agent", "mine"),
    )


@pytest.mark.parametrize(("granted", "expected"), [("edit", False), ("edit+shell", False), ("everything", True)])
def test_only_everything_is_approved_unseen(granted: str, expected: bool, tmp_path: Path) -> None:
    found = argv(replace(SETTINGS, permissions=granted), request(tmp_path))
    assert ("--auto" in found) is expected


def test_who_may_only_edit_may_run_the_report_command_and_the_gates_as_they_are(tmp_path: Path) -> None:
    gates = ("pytest -q", " make lint && make test | tee 'a;b'\n", "pytest -q", "* x", "")
    asked = request(tmp_path, gates=gates, report_command=("/home/My Name/python3", "-m", "deespec"))
    found = permissions(replace(SETTINGS, permissions="edit"), asked)
    assert found["bash"] == {
        "*": "ask",
        "'/home/My Name/python3' -m deespec *": "allow",
        "pytest -q": "allow",
        "make lint && make test | tee 'a;b'": "allow",
        "make lint": "allow",
        "make test": "allow",
        "tee 'a;b'": "allow",
    }
    assert (found["edit"], found["webfetch"]) == ("allow", "ask")


def test_a_rule_for_all_comes_before_those_that_make_exceptions(tmp_path: Path) -> None:
    """The client lets the last one count."""
    found = permissions(replace(SETTINGS, permissions="edit"), request(tmp_path))["bash"]
    assert isinstance(found, dict)
    assert next(iter(found)) == "*"


def test_who_may_use_the_shell_needs_no_rule_for_gates(tmp_path: Path) -> None:
    found = permissions(replace(SETTINGS, permissions="edit+shell"), request(tmp_path, gates=("make check",)))
    assert (found["bash"], found["edit"]) == ("allow", "allow")
    assert "make check" not in json.dumps(found)


@pytest.mark.parametrize("granted", ["edit", "edit+shell"])
def test_added_folders_may_be_written_in(granted: str, tmp_path: Path) -> None:
    found = permissions(replace(SETTINGS, permissions=granted), request(tmp_path, writable=(Path("/srv/out"),)))
    assert found["external_directory"] == {"/srv/out/*": "allow"}


@pytest.mark.parametrize("granted", ["edit", "edit+shell", "everything"])
def test_nobody_is_there_to_ask(granted: str, tmp_path: Path) -> None:
    assert permissions(replace(SETTINGS, permissions=granted), request(tmp_path))["question"] == "deny"


def told(settings: AgentSettings, folder: Path, **env: str) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
    """The child's environment, with the configuration and the permissions in it."""
    asked = request(folder)
    found = environment(settings, replace(asked, env=asked.env | env))
    return found, json.loads(found["OPENCODE_CONFIG_CONTENT"]), json.loads(found["OPENCODE_PERMISSION"])


def test_the_projects_own_configuration_is_not_read(tmp_path: Path) -> None:
    found, _, _ = told(SETTINGS, tmp_path)
    assert found["OPENCODE_DISABLE_PROJECT_CONFIG"] == "1"
    assert (found["OPENCODE_DISABLE_AUTOUPDATE"], found["OPENCODE_DISABLE_SHARE"]) == ("1", "1")


def test_the_users_environment_wins_over_our_wishes(tmp_path: Path) -> None:
    found, _, _ = told(SETTINGS, tmp_path, OPENCODE_DISABLE_LSP_DOWNLOAD="0")
    assert found["OPENCODE_DISABLE_LSP_DOWNLOAD"] == "0"


def test_the_projects_instructions_come_back(tmp_path: Path) -> None:
    asked = request(tmp_path)
    (asked.workspace / "CLAUDE.md").write_text("x")
    assert told(SETTINGS, tmp_path)[1]["instructions"] == [str(asked.workspace / "CLAUDE.md")]
    (asked.workspace / "AGENTS.md").symlink_to("CLAUDE.md")
    assert told(SETTINGS, tmp_path)[1]["instructions"] == [str(asked.workspace / "AGENTS.md")]


def test_instructions_that_lead_out_of_the_workspace_are_not_the_projects(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (request(tmp_path).workspace / "AGENTS.md").symlink_to(tmp_path / "secret")
    assert told(SETTINGS, tmp_path)[1]["instructions"] == []


def test_the_users_own_configuration_is_kept(tmp_path: Path) -> None:
    given = {"provider": {"a": {}}, "instructions": ["one.md"], "experimental": {"batch_tool": True}}
    _, config, _ = told(SETTINGS, tmp_path, OPENCODE_CONFIG_CONTENT=json.dumps(given))
    assert config == {
        "provider": {"a": {}},
        "instructions": ["one.md"],
        "experimental": {"batch_tool": True, "continue_loop_on_deny": True},
    }


def test_a_configuration_that_cannot_be_read_stays_as_it_is(tmp_path: Path) -> None:
    asked = request(tmp_path)
    found = environment(SETTINGS, replace(asked, env={"OPENCODE_CONFIG_CONTENT": "{} // mine"}))
    assert found["OPENCODE_CONFIG_CONTENT"] == "{} // mine"


def test_the_settings_permissions_go_over_the_users(tmp_path: Path) -> None:
    given = json.dumps({"bash": "deny", "skill": "deny"})
    _, _, found = told(replace(SETTINGS, permissions="edit+shell"), tmp_path, OPENCODE_PERMISSION=given)
    assert (found["bash"], found["skill"]) == ("allow", "deny")


def test_it_goes_on_when_it_is_refused_unless_a_person_is_to_be_asked(tmp_path: Path) -> None:
    assert told(SETTINGS, tmp_path)[1]["experimental"]["continue_loop_on_deny"] is True
    asking = replace(SETTINGS, permission_requests="ask")
    assert told(asking, tmp_path)[1]["experimental"]["continue_loop_on_deny"] is False


# --- with a program that plays a recording back -----------------------------------------------------------------------


def agent(settings: AgentSettings, **env: str) -> OpencodeAgent:
    return OpencodeAgent(settings, child_env=env, clock=Clock())


def player(folder: Path, body: str) -> AgentSettings:
    program = folder / "opencode"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return replace(SETTINGS, command=(str(program),))


def play(recording: str) -> str:
    stderr = RECORDED / f"{recording}.stderr"
    second = f"cat {shlex.quote(str(stderr))} >&2; " if stderr.exists() else ""
    first = f"cat {shlex.quote(str(RECORDED / f'{recording}.stdout'))}; "
    return f"{first}{second}exit {INDEX[recording]['exit_code']}"


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        ("tool_json", None),
        ("err_e401", (Blame.AGENT, "login")),
        ("logged_bad_model", (Blame.AGENT, "model")),
        ("bad_flag", (Blame.AGENT, "flags")),
    ],
)
def test_a_played_recording_has_its_result(recording: str, expected: tuple[Blame, str] | None, tmp_path: Path) -> None:
    section = player(tmp_path, f"cat > prompt; {play(recording)}")
    result = agent(section).run(request(tmp_path), Watching())
    assert fault(result) == expected
    assert (tmp_path / "work" / "prompt").read_text() == "Do the work."


def test_a_session_that_is_gone_is_left_for_a_fresh_one(tmp_path: Path) -> None:
    body = f"""printf '%s\\n' "$*" >> calls
case "$*" in *--session*) {play("resume_unknown")};; *) {play("plain_json")};; esac"""
    result = agent(player(tmp_path, body)).run(request(tmp_path, session=SESSION), Watching())
    assert fault(result) is None
    first, second = (tmp_path / "work" / "calls").read_text().splitlines()
    assert f"--session {SESSION}" in first
    assert "--session" not in second


def test_a_client_that_only_waits_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencode, "WAIT_MS", 100)
    log = shlex.quote(str(RECORDED / "logged_waiting.stderr"))

    class Patient(Watching):
        def tick(self) -> str | None:
            super().tick()
            return "revoked" if len(self.ticked) > 200 else None

    result = agent(player(tmp_path, f"cat {log} >&2; exec sleep 600")).run(request(tmp_path), Patient())
    assert fault(result) == (Blame.ACCOUNT, "rate_limit")


def test_a_conversation_that_is_summed_up_without_end_is_ended_and_left(tmp_path: Path) -> None:
    again = shlex.quote(str(RECORDED / "err_context.stdout"))
    result = agent(player(tmp_path, f"echo x >> calls; cat {again}; exec sleep 600")).run(
        request(tmp_path, session=SESSION), Watching()
    )
    assert fault(result) == (Blame.CALL, "prompt_too_long")


def test_a_call_that_costs_more_than_it_was_given_is_ended(tmp_path: Path) -> None:
    events = shlex.quote(str(RECORDED / "tool_json.stdout"))
    section = player(tmp_path, f"cat {events}; exec sleep 600")
    result = agent(section).run(request(tmp_path, budget_usd=0.005), Watching())
    assert fault(result) == (Blame.BUDGET, "budget")
    assert result.usage.cost_usd == pytest.approx(0.00762)


def test_a_program_that_is_not_there_is_the_agents_fault(tmp_path: Path) -> None:
    section = replace(SETTINGS, command=(str(tmp_path / "none"),))
    assert fault(agent(section).run(request(tmp_path), Watching())) == (Blame.AGENT, "missing")


# --- a look at it -----------------------------------------------------------------------------------------------------

VERSION = "case $1 in --version) echo 1.18.33; exit 0;; esac\n"


def test_a_look_finds_the_version(tmp_path: Path) -> None:
    section = player(tmp_path, VERSION + "echo stub/stub-model")
    found = agent(section).look()
    assert (found.ready, found.version, found.program) == (True, "1.18.33", section.command[0])


def test_a_look_finds_that_there_is_no_login_for_the_models_provider(tmp_path: Path) -> None:
    section = player(tmp_path, VERSION + 'echo "Error: Provider not found: $2" >&2; exit 1')
    found = agent(section).look()
    assert not found.ready
    assert found.problem == "opencode 1.18.33 has no login for stub"
    assert found.remedy


def test_a_client_that_cannot_say_whether_it_is_logged_in_is_tried(tmp_path: Path) -> None:
    assert agent(player(tmp_path, VERSION + "echo 'unknown command' >&2; exit 1")).look().ready


def test_a_client_that_is_not_there_is_not_ready(tmp_path: Path) -> None:
    found = agent(SETTINGS, PATH=str(tmp_path)).look()
    assert (found.ready, found.problem) == (False, "opencode is not on PATH")
