"""Claude Code: what it is told, how it is run and looked at, with a program that plays recordings back."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from calls import Watching, request
from claude_recordings import INDEX, RECORDED, fault, lines_of

from deespec.agents.base import Blame
from deespec.agents.claude import ClaudeAgent, argv, environment
from deespec.config import AgentSettings
from deespec.model.lifecycle import Step
from deespec.records import replace

SETTINGS = AgentSettings(name="claude", kind="claude")
SESSION = "22511f96-dc90-4d8a-928e-a10c8b88fbb1"

# --- what it is told --------------------------------------------------------------------------------------------------


def options(arguments: tuple[str, ...]) -> dict[str, list[str]]:
    """Each option with what follows it."""
    found: dict[str, list[str]] = {}
    for argument in arguments:
        if argument.startswith("-"):
            found[argument] = []
        elif found:
            found[next(reversed(found))].append(argument)
    return found


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        ("edit", {"--permission-mode": ["acceptEdits"], "--allowedTools": ["Bash(deespec:*)", "mcp__deespec"]}),
        ("edit+shell", {"--permission-mode": ["acceptEdits"], "--allowedTools": ["Bash", "mcp__deespec"]}),
        ("everything", {"--dangerously-skip-permissions": []}),
    ],
)
def test_permissions_become_options(permissions: str, expected: dict[str, list[str]], tmp_path: Path) -> None:
    found = options(argv(replace(SETTINGS, permissions=permissions), request(tmp_path)))
    names = ("--permission-mode", "--allowedTools", "--dangerously-skip-permissions")
    assert {name: found[name] for name in names if name in found} == expected


def test_a_budget_and_further_folders_are_handed_on(tmp_path: Path) -> None:
    plain = options(argv(SETTINGS, request(tmp_path)))
    assert "--max-budget-usd" not in plain
    asked = request(tmp_path, budget_usd=0.25, writable=(tmp_path / "outbox", tmp_path / "more"))
    found = options(argv(SETTINGS, asked))
    assert found["--max-budget-usd"] == ["0.2500"]
    assert found["--add-dir"][-2:] == [str(tmp_path / "outbox"), str(tmp_path / "more")]


def test_a_report_command_with_spaces_is_allowed_as_a_shell_spells_it(tmp_path: Path) -> None:
    command = ("/home/My Name/python3", "-m", "deespec")
    found = argv(replace(SETTINGS, permissions="edit"), request(tmp_path, report_command=command))
    assert f"Bash({shlex.join(command)}:*)" in found


def test_who_may_only_edit_may_run_the_gates_as_they_are(tmp_path: Path) -> None:
    gates = ("pytest -q", " make lint && make test\n", 'test -e "a b"', "pytest -q", "*", "")
    found = options(argv(replace(SETTINGS, permissions="edit"), request(tmp_path, gates=gates)))
    assert found["--allowedTools"] == [
        "Bash(deespec:*)",
        "Bash(pytest -q)",
        "Bash(make lint && make test)",
        'Bash(test -e "a b")',
        "mcp__deespec",
    ]


@pytest.mark.parametrize("permissions", ["edit+shell", "everything"])
def test_who_may_run_everything_needs_no_rule_for_gates(permissions: str, tmp_path: Path) -> None:
    found = argv(replace(SETTINGS, permissions=permissions), request(tmp_path, gates=("make check",)))
    assert not [word for word in found if "make check" in word]


def test_the_projects_own_settings_are_not_read(tmp_path: Path) -> None:
    assert options(argv(SETTINGS, request(tmp_path)))["--setting-sources"] == ["user"]


def test_settings_become_options_and_the_users_come_last(tmp_path: Path) -> None:
    chosen = replace(SETTINGS, command=("nice", "claude"), model="opus", effort="high", args=("--max-turns", "9"))
    found = argv(chosen, request(tmp_path, session=SESSION))
    assert found[:3] == ("nice", "claude", "-p")
    assert found[-2:] == ("--max-turns", "9")
    named = options(found)
    assert (named["--model"], named["--effort"], named["--resume"]) == (["opus"], ["high"], [SESSION])


def test_no_option_that_takes_a_list_stands_before_the_users(tmp_path: Path) -> None:
    assert argv(SETTINGS, request(tmp_path))[-3:] == ("--output-format", "stream-json", "--verbose")


def test_a_step_without_answers_asks_for_no_structure(tmp_path: Path) -> None:
    assert "--json-schema" not in argv(SETTINGS, request(tmp_path, step=Step.PREPARE))


@pytest.mark.parametrize(
    ("permissions", "is_root", "sandbox"),
    [("everything", True, "1"), ("everything", False, None), ("edit+shell", True, None)],
)
def test_root_says_sandbox_only_for_everything(permissions: str, is_root: bool, sandbox: str | None) -> None:
    found = environment(replace(SETTINGS, permissions=permissions), {"A": "1"}, is_root=is_root)
    assert found.get("IS_SANDBOX") == sandbox
    assert found["A"] == "1"


def test_the_users_environment_wins_over_our_wishes() -> None:
    assert environment(SETTINGS, {}, is_root=False)["CLAUDE_CODE_MAX_RETRIES"] == "2"
    given_one = environment(SETTINGS, {"CLAUDE_CODE_MAX_RETRIES": "7"}, is_root=False)
    assert given_one["CLAUDE_CODE_MAX_RETRIES"] == "7"


def test_a_prompt_that_the_client_would_run_as_its_command_is_our_bug(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="SBI-1"):
        ClaudeAgent(SETTINGS, child_env={}).run(request(tmp_path, prompt="/clear"), Watching())


# --- with a program that plays a recording back -----------------------------------------------------------------------


def player(folder: Path, body: str) -> AgentSettings:
    program = folder / "claude"
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
        ("2.1.330/structured_implement", None),
        ("2.1.330/unauthorised", (Blame.AGENT, "login")),
        ("2.1.330/bad_flag", (Blame.AGENT, "flags")),
        ("2.1.330/interrupted_waiting", (Blame.CALL, "crash")),
    ],
)
def test_a_played_recording_has_its_result(recording: str, expected: tuple[Blame, str] | None, tmp_path: Path) -> None:
    agent = ClaudeAgent(player(tmp_path, f"cat > prompt; {play(recording)}"), child_env={})
    result = agent.run(request(tmp_path), Watching())
    assert fault(result) == expected
    assert (tmp_path / "work" / "prompt").read_text() == "Do the work."


def test_a_last_line_without_its_end_counts(tmp_path: Path) -> None:
    last = lines_of("2.1.330/success")[-1].decode()
    agent = ClaudeAgent(player(tmp_path, f"printf %s {shlex.quote(last)}"), child_env={})
    assert fault(agent.run(request(tmp_path), Watching())) is None


def test_a_session_that_is_gone_is_left_for_a_fresh_one(tmp_path: Path) -> None:
    body = f"""printf '%s\\n' "$*" >> calls
case "$*" in *--resume*) {play("2.1.330/resume_unknown")};; *) {play("2.1.330/success")};; esac"""
    agent = ClaudeAgent(player(tmp_path, body), child_env={})
    result = agent.run(request(tmp_path, session=SESSION), Watching())
    assert fault(result) is None
    first, second = (tmp_path / "work" / "calls").read_text().splitlines()
    assert f"--resume {SESSION}" in first
    assert "--resume" not in second


def test_a_session_that_is_full_is_left_for_a_fresh_one(tmp_path: Path) -> None:
    body = f"""case "$*" in *--resume*) {play("2.1.330/prompt_too_long")};; *) {play("2.1.330/success")};; esac"""
    agent = ClaudeAgent(player(tmp_path, body), child_env={})
    assert fault(agent.run(request(tmp_path, session=SESSION), Watching())) is None


def test_a_fresh_session_is_tried_once(tmp_path: Path) -> None:
    agent = ClaudeAgent(player(tmp_path, f"echo x >> calls; {play('2.1.330/prompt_too_long')}"), child_env={})
    result = agent.run(request(tmp_path, session=SESSION), Watching())
    assert fault(result) == (Blame.CALL, "prompt_too_long")
    assert (tmp_path / "work" / "calls").read_text().split() == ["x", "x"]


def test_a_program_that_is_not_there_is_the_agents_fault(tmp_path: Path) -> None:
    agent = ClaudeAgent(replace(SETTINGS, command=(str(tmp_path / "none"),)), child_env={})
    assert fault(agent.run(request(tmp_path), Watching())) == (Blame.AGENT, "missing")


def test_a_call_that_has_used_its_tokens_is_ended(tmp_path: Path) -> None:
    message = {"id": "m1", "model": "m", "usage": {"input_tokens": 900, "output_tokens": 200}, "content": []}
    event = json.dumps({"type": "assistant", "message": message})
    section = player(tmp_path, f"cat > /dev/null; printf '%s\\n' {shlex.quote(event)}; exec sleep 60")
    result = ClaudeAgent(section, child_env={}).run(request(tmp_path, budget_tokens=1_000), Watching())
    assert fault(result) == (Blame.BUDGET, "budget")
    assert (result.usage.tokens_in, result.usage.tokens_out, result.usage.cost_usd) == (900, 200, None)


def test_what_it_was_refused_is_asked_of_a_person_where_that_is_wanted(tmp_path: Path) -> None:
    section = player(tmp_path, play("2.1.330/tool_denied"))
    assert ClaudeAgent(section, child_env={}).run(request(tmp_path), Watching()).answer is None
    asking = ClaudeAgent(replace(section, permission_requests="ask"), child_env={})
    answer = asking.run(request(tmp_path), Watching()).answer
    assert answer is not None
    assert (answer.kind, answer.source) == ("question", "asked")
    assert "Bash: pytest -q" in answer.text
    first, *_, last = answer.text.splitlines()
    assert first == "claude asked for leave that agents.claude.permissions = edit+shell does not give: Bash: pytest -q"
    assert last == (
        "An answer gives no leave. To give it: deespec config set agents.claude.permissions everything (then start "
        "deespec run again); or answer how it is to do without."
    )


def test_who_was_refused_nothing_asks_nothing(tmp_path: Path) -> None:
    section = replace(player(tmp_path, play("2.1.330/success")), permission_requests="ask")
    assert ClaudeAgent(section, child_env={}).run(request(tmp_path), Watching()).answer is None


# --- a look at it -----------------------------------------------------------------------------------------------------

VERSION = "case $1 in --version) echo '2.1.330 (Claude Code)'; exit 0;; esac\n"


def test_a_look_finds_version_and_login(tmp_path: Path) -> None:
    section = player(tmp_path, VERSION + """echo '{"loggedIn": true, "authMethod": "api_key"}'""")
    found = ClaudeAgent(section, child_env={}).look()
    assert (found.ready, found.version, found.program) == (True, "2.1.330", section.command[0])


def test_a_look_finds_that_nobody_is_logged_in(tmp_path: Path) -> None:
    section = player(tmp_path, VERSION + """echo '{"loggedIn": false}'; exit 1""")
    found = ClaudeAgent(section, child_env={}).look()
    assert not found.ready
    assert found.problem == "claude 2.1.330 is not logged in"


def test_a_client_that_cannot_say_whether_it_is_logged_in_is_tried(tmp_path: Path) -> None:
    section = player(tmp_path, VERSION + "echo 'error: unknown command auth' >&2; exit 1")
    assert ClaudeAgent(section, child_env={}).look().ready


def test_the_program_is_looked_for_on_the_childs_path(tmp_path: Path) -> None:
    player(tmp_path, VERSION + """echo '{"loggedIn": true}'""")
    assert ClaudeAgent(SETTINGS, child_env={"PATH": f"{tmp_path}:/usr/bin:/bin"}).look().ready
    found = ClaudeAgent(SETTINGS, child_env={"PATH": str(tmp_path / "work")}).look()
    assert (found.ready, found.problem) == (False, "claude is not on PATH")
    assert found.remedy


def test_a_program_that_fails_is_not_ready(tmp_path: Path) -> None:
    found = ClaudeAgent(player(tmp_path, "echo broken; exit 3"), child_env={}).look()
    assert not found.ready
    assert "broken" in (found.problem or "")
