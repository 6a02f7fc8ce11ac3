"""Gemini CLI: what it is told, how it is run and looked at, with a program that plays recordings back."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from calls import Watching, request
from gemini_recordings import INDEX, RECORDED, SETTINGS, fault, lines_of

from deespec.agents.base import Blame
from deespec.agents.gemini import AT_NOTE, POLICY_FILE, GeminiAgent, argv, has_login, without_at_paths, write_policy
from deespec.agents.gemini_policy import rules_for
from deespec.agents.registry import make
from deespec.clock import Clock
from deespec.config import AgentSettings, Settings
from deespec.model.lifecycle import Step
from deespec.records import replace

V = "0.61.0"
SESSION = "650b5d31-341c-426c-a95d-e30a6744f0ee"


def adapter(section: AgentSettings, env: dict[str, str] | None = None) -> GeminiAgent:
    return GeminiAgent(section, child_env=env or {}, clock=Clock())


def values(arguments: tuple[str, ...], option: str) -> list[str]:
    """What follows each `option`."""
    return [value for name, value in pairwise(arguments) if name == option]


# --- what it is told --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permissions", ["edit", "edit+shell"])
@pytest.mark.parametrize("step", [Step.IMPLEMENT, Step.REVIEW, Step.RESOLVE])
def test_who_may_not_do_everything_gets_rules(permissions: str, step: Step, tmp_path: Path) -> None:
    section, made = replace(SETTINGS, permissions=permissions), request(tmp_path, step=step)
    found = argv(section, made)
    assert values(found, "--approval-mode") == ["auto_edit"]
    assert values(found, "--policy") == [str(tmp_path / "turn" / POLICY_FILE)]
    assert "--yolo" not in found
    write_policy(permissions, made)
    assert tomllib.loads((tmp_path / "turn" / POLICY_FILE).read_text())["rule"]


def test_rules_are_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "turn").mkdir()
    (tmp_path / "turn" / POLICY_FILE).symlink_to(tmp_path / "victim")
    write_policy("edit", request(tmp_path))
    assert tomllib.loads((tmp_path / "turn" / POLICY_FILE).read_text())["rule"]
    assert (tmp_path / "victim").read_text() == "mine"


def test_only_who_may_do_everything_skips_all_checks(tmp_path: Path) -> None:
    found = argv(replace(SETTINGS, permissions="everything"), request(tmp_path))
    assert "--yolo" in found
    assert not {"--policy", "--approval-mode"} & {*found}
    write_policy("everything", request(tmp_path))
    assert not (tmp_path / "turn").exists()


def test_settings_become_options_and_the_users_come_last(tmp_path: Path) -> None:
    chosen = replace(SETTINGS, command=("nice", "gemini"), model="gemini-3-pro", args=("--extensions", "none"))
    found = argv(chosen, request(tmp_path, session=SESSION, writable=(tmp_path / "a", tmp_path / "b")))
    assert found[:2] == ("nice", "gemini")
    assert found[-4:] == ("--output-format", "stream-json", "--extensions", "none")
    assert values(found, "--model") == ["gemini-3-pro"]
    assert values(found, "--resume") == [SESSION]
    assert values(found, "--include-directories") == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert "--skip-trust" in found


def test_a_path_with_a_comma_is_not_taken_for_two(tmp_path: Path) -> None:
    folder = tmp_path / "a,b"
    folder.mkdir()
    made = request(folder, writable=(folder / "outbox",))
    found = argv(SETTINGS, made)
    for option, path in (("--include-directories", folder / "outbox"), ("--policy", folder / "turn" / POLICY_FILE)):
        (value,) = values(found, option)
        assert "," not in value
        assert os.path.normpath(os.path.realpath(made.workspace) + "/" + value) == os.path.realpath(path)


def test_no_launcher_stands_between_and_the_users_environment_wins(tmp_path: Path) -> None:
    section = player(tmp_path, "echo $GEMINI_CLI_NO_RELAUNCH >> seen")
    made = request(tmp_path)
    adapter(section).run(made, Watching())
    adapter(section).run(replace(made, env={**made.env, "GEMINI_CLI_NO_RELAUNCH": "no"}), Watching())
    assert (tmp_path / "work" / "seen").read_text().split() == ["true", "no"]


def test_a_prompt_that_the_client_would_run_as_its_command_is_our_bug(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="SBI-1"):
        adapter(SETTINGS).run(request(tmp_path, prompt="/clear"), Watching())


def test_a_folder_that_cannot_be_written_is_this_calls_failure(tmp_path: Path) -> None:
    (tmp_path / "turn").write_text("a file")
    assert fault(adapter(SETTINGS).run(request(tmp_path), Watching())) == (Blame.CALL, "start")


def test_the_registry_makes_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, root=tmp_path, agents=(AgentSettings(name="mine", kind="gemini"),))
    made = make("mine", settings)
    assert (made.name, made.kind) == ("mine", "gemini")


CLIENTS_AT = re.compile(
    r'(?<!\\)@(?:(?:"(?:[^"]*)")|(?:\\.|[^ \t\n\r,;!?()\[\]{}.]|\.(?!$|[ \t\n\r])))+'  # the client's own pattern
)


@pytest.mark.parametrize(
    "prompt",
    ["@README.md", "see @src/a.py, a@b.com", "@dataclass\nclass A", 'say @"my file"', "@.env", "@\\ x", "(@a)", "@@a"],
)
def test_no_at_sign_of_a_prompt_brings_in_a_file(prompt: str) -> None:
    told = without_at_paths(prompt)
    assert CLIENTS_AT.search(prompt)
    assert CLIENTS_AT.search(told) is None
    assert told.endswith(AT_NOTE)
    assert told.removesuffix(AT_NOTE).replace("\\@", "@") == prompt


@pytest.mark.parametrize("prompt", ["", "no sign", "at @ sign", "a@", "x @, y"])
def test_a_prompt_that_brings_in_nothing_is_left_as_it_is(prompt: str) -> None:
    assert without_at_paths(prompt) == prompt


# --- the rules for shell commands -------------------------------------------------------------------------------------


def allows(rules: str, command: str) -> bool:
    """As the client takes rules: a prefix ends at a space or a quote, a pattern is one over the arguments as JSON."""
    arguments = json.dumps({"command": command, "description": "x"}, ensure_ascii=False, separators=(",", ":"))

    def fits(rule: dict[str, Any]) -> bool:
        if "commandPrefix" in rule:
            begin = re.escape(json.dumps(rule["commandPrefix"], ensure_ascii=False)[:-1])
            return re.search(f'"command":{begin}' + r'(?:[\s"]|\\")', arguments) is not None
        return re.search('"command":"' + rule["commandRegex"], arguments) is not None

    found = [rule for rule in tomllib.loads(rules)["rule"] if rule["toolName"] == "run_shell_command" and fits(rule)]
    return any(rule["decision"] == "allow" for rule in found)


GATES = (
    "pytest -q",
    " make lint && make test\n",
    'test -e "a; b" || echo \'x && y\'; grep -E "ü\\.(a|b)*$" x | wc -l',
    "for f in a b; do cat $f; done",
    "pytest -q",
    "",
)


@pytest.mark.parametrize(
    "command",
    [
        "deespec sbi report --stdin <<'X'\n{}\nX",
        "pytest -q",
        "make lint && make test",
        "make lint",
        "make test",
        'test -e "a; b"',
        "echo 'x && y'",
        'grep -E "ü\\.(a|b)*$" x',
        "wc -l",
    ],
)
def test_who_may_only_edit_may_report_and_run_gates_and_their_parts(command: str) -> None:
    assert allows(rules_for(("deespec",), GATES), command)


@pytest.mark.parametrize(
    "command", ["deespecial", "rm x", "pytest", "pytest -q x", "make", "make lint; rm x", "ls", "b", "x && deespec"]
)
def test_nothing_else_is_allowed(command: str) -> None:
    assert not allows(rules_for(("deespec",), GATES), command)


def test_a_report_command_with_spaces_is_allowed_as_a_shell_spells_it() -> None:
    command = ("/home/My Name/python3", "-m", "deespec")
    rules = rules_for(command, ())
    assert allows(rules, f"{shlex.join(command)} sbi report")
    assert not allows(rules, "/home/My Name/python3 -m other")


def test_what_no_rule_can_say_is_left_out() -> None:
    rules = rules_for(("deespec",), ("a\x7fb", "bell \a", "half \ud800", "x" * 3_000, "make"))
    assert allows(rules, "make")
    rules.encode()
    assert len(tomllib.loads(rules)["rule"]) == 3


def test_who_may_only_edit_reads_no_web() -> None:
    rules = tomllib.loads(rules_for(("deespec",), ()))["rule"]
    assert {"toolName": "web_fetch", "decision": "deny", "priority": 500} in rules


# --- with a program that plays a recording back -----------------------------------------------------------------------


def player(folder: Path, body: str) -> AgentSettings:
    program = folder / "gemini"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return replace(SETTINGS, command=(str(program),))


def play(recording: str) -> str:
    stderr = RECORDED / V / f"{recording}.stderr"
    second = f"cat {shlex.quote(str(stderr))} >&2; " if stderr.exists() else ""
    first = f"cat {shlex.quote(str(RECORDED / V / f'{recording}.stdout'))}; "
    return f"{first}{second}exit {INDEX[f'{V}/{recording}']['exit_code']}"


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        ("tool_stream", None),
        ("err_usage_limit", (Blame.ACCOUNT, "usage_limit")),
        ("no_trust", (Blame.AGENT, "trust")),
        ("norelaunch_sig_hang_SIGTERM", (Blame.CALL, "crash")),
    ],
)
def test_a_played_recording_has_its_result(recording: str, expected: tuple[Blame, str] | None, tmp_path: Path) -> None:
    section = player(tmp_path, f"cat > prompt; {play(recording)}")
    assert fault(adapter(section).run(request(tmp_path), Watching())) == expected
    assert (tmp_path / "work" / "prompt").read_text() == "Do the work."


def test_a_last_line_without_its_end_counts(tmp_path: Path) -> None:
    said = b"\n".join(line for line in lines_of(f"{V}/tool_stream")).decode()
    section = player(tmp_path, f"printf %s {shlex.quote(said)}")
    assert fault(adapter(section).run(request(tmp_path), Watching())) is None


@pytest.mark.parametrize("recording", ["resume_unknown", "resume_other_cwd", "prompt_over_context", "err_context"])
def test_a_session_that_cannot_go_on_is_left_for_a_fresh_one(recording: str, tmp_path: Path) -> None:
    section = player(
        tmp_path,
        f"""printf '%s\\n' "$*" >> calls
case "$*" in *--resume*) {play(recording)};; *) {play("tool_stream")};; esac""",
    )
    assert fault(adapter(section).run(request(tmp_path, session=SESSION), Watching())) is None
    first, second = (tmp_path / "work" / "calls").read_text().splitlines()
    assert f"--resume {SESSION}" in first
    assert "--resume" not in second


def test_a_fresh_session_is_tried_once(tmp_path: Path) -> None:
    section = player(tmp_path, f"echo x >> calls; {play('resume_unknown')}")
    result = adapter(section).run(request(tmp_path, session=SESSION), Watching())
    assert fault(result) == (Blame.CALL, "invalid_request")
    assert (tmp_path / "work" / "calls").read_text().split() == ["x", "x"]


def test_a_client_that_tries_again_without_an_end_is_stopped_and_the_account_is_to_blame(tmp_path: Path) -> None:
    out, err = (shlex.quote(str(RECORDED / V / f"err_e429_long.{name}")) for name in ("stdout", "stderr"))
    section = player(tmp_path, f"cat {out}; cat {err} >&2; exec sleep 600")
    result = adapter(section).run(request(tmp_path, idle_timeout_ms=300), Watching())
    assert fault(result) == (Blame.ACCOUNT, "rate_limit")


def test_a_call_that_is_over_its_budget_is_ended_by_what_it_notes(tmp_path: Path) -> None:
    chats = tmp_path / "home" / ".gemini" / "tmp" / "work" / "chats"
    chats.mkdir(parents=True)
    notes = shlex.quote(str(RECORDED / V / "two_tools.chat"))
    begin = json.dumps({"type": "init", "session_id": SESSION, "model": "gemini-2.5-pro"})
    section = player(
        tmp_path, f"cat {notes} > {chats}/session-2026-{SESSION[:8]}.jsonl; echo '{begin}'; exec sleep 600"
    )
    made = request(tmp_path, budget_tokens=2_000)
    result = adapter(section).run(replace(made, env={**made.env, "HOME": str(tmp_path / "home")}), Watching())
    assert fault(result) == (Blame.BUDGET, "budget")
    assert (result.usage.tokens_in, result.usage.model) == (2400, "gemini-2.5-pro")


def test_a_program_that_is_not_there_is_the_agents_fault(tmp_path: Path) -> None:
    section = replace(SETTINGS, command=(str(tmp_path / "none"),))
    assert fault(adapter(section).run(request(tmp_path), Watching())) == (Blame.AGENT, "missing")


# --- a look at it -----------------------------------------------------------------------------------------------------


def test_a_look_finds_version_and_key(tmp_path: Path) -> None:
    section = player(tmp_path, "echo 0.61.0")
    found = adapter(section, {"GEMINI_API_KEY": "x", "HOME": str(tmp_path)}).look()
    assert (found.ready, found.version, found.program) == (True, "0.61.0", section.command[0])


def test_a_look_finds_that_nobody_is_logged_in(tmp_path: Path) -> None:
    found = adapter(player(tmp_path, "echo 0.61.0"), {"HOME": str(tmp_path)}).look()
    assert not found.ready
    assert found.problem == "gemini 0.61.0 is not logged in"
    assert "GEMINI_API_KEY" in (found.remedy or "")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("settings.json", '{"security":{"auth":{"selectedType":"oauth-personal"}}}', True),
        ("settings.json", '{"ui":{"theme":"x"}}', False),
        ("oauth_creds.json", "{}", True),
        (".env", "GEMINI_API_KEY=x", True),
        ("other.json", "{}", False),
    ],
)
def test_a_file_of_a_login_is_one(name: str, text: str, expected: bool, tmp_path: Path) -> None:
    folder = tmp_path / ".gemini"
    folder.mkdir()
    (folder / name).write_text(text)
    assert has_login({"HOME": str(tmp_path)}) is expected
    assert has_login({"HOME": "/none", "GEMINI_CLI_HOME": str(tmp_path)}) is expected


def test_a_program_that_is_not_on_the_path_is_not_ready(tmp_path: Path) -> None:
    found = adapter(replace(SETTINGS, command=()), {"PATH": str(tmp_path)}).look()
    assert (found.ready, found.problem) == (False, "gemini is not on PATH")
    assert found.remedy
