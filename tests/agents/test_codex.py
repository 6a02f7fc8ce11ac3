"""Codex: what it is told, how it is run and looked at, with a program that plays recordings back."""

from __future__ import annotations

import json
import os
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from calls import Watching, request
from codex_recordings import INDEX, RECORDED, SETTINGS, fault, lines_of

from deespec.agents.base import Blame
from deespec.agents.codex import MARKS, SCHEMA_FILE, CodexAgent, argv, has_own_provider, strict, write_schema
from deespec.agents.registry import make
from deespec.agents.structured import schema_of
from deespec.clock import Clock
from deespec.config import AgentSettings, Price, Settings
from deespec.model.lifecycle import Step
from deespec.model.money import Usage
from deespec.records import replace

V = "0.169.0"
SESSION = "01a2065b-f9dd-77a1-a262-89393d30ccc9"


def adapter(section: AgentSettings, env: dict[str, str] | None = None) -> CodexAgent:
    return CodexAgent(section, child_env=env or {}, clock=Clock())


def values(arguments: tuple[str, ...], option: str) -> list[str]:
    """What follows each `option`."""
    return [value for name, value in pairwise(arguments) if name == option]


# --- what it is told --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("permissions", ["edit", "edit+shell"])
def test_its_sandbox_lets_it_write_in_the_workspace_and_the_added_folders(permissions: str, tmp_path: Path) -> None:
    made = request(tmp_path, writable=(tmp_path / "out box", tmp_path / "more"))
    found = argv(replace(SETTINGS, permissions=permissions), made, schema=None)
    assert values(found, "--sandbox") == ["workspace-write"]
    assert values(found, "--add-dir") == [str(tmp_path / "out box"), str(tmp_path / "more")]
    assert not [word for word in found if "dangerously" in word]


def test_only_who_may_do_everything_skips_the_sandbox(tmp_path: Path) -> None:
    made = request(tmp_path, writable=(tmp_path / "outbox",))
    found = argv(replace(SETTINGS, permissions="everything"), made, schema=None)
    assert "--dangerously-bypass-approvals-and-sandbox" in found
    assert "--sandbox" not in found


@pytest.mark.parametrize("step", [Step.IMPLEMENT, Step.REVIEW, Step.RESOLVE])
def test_every_step_keeps_the_path_and_may_report(step: Step, tmp_path: Path) -> None:
    found = argv(SETTINGS, request(tmp_path, step=step, writable=(tmp_path,)), schema=None)
    assert {"allow_login_shell=false", "features.unbounded_connection_retries=false"} <= {*values(found, "-c")}
    assert values(found, "--add-dir") == [str(tmp_path)]
    assert "--skip-git-repo-check" in found
    assert found[-2:] == ("--json", "-")


def test_settings_become_options_and_a_thread_comes_after_all_of_them(tmp_path: Path) -> None:
    chosen = replace(SETTINGS, command=("nice", "codex"), model="gpt-5", effort="high", args=("-i", "a.png"))
    found = argv(chosen, request(tmp_path, session=SESSION), schema=tmp_path / "s.json")
    assert found[:3] == ("nice", "codex", "exec")
    assert found[-6:] == ("-i", "a.png", "--json", "resume", SESSION, "-")
    assert values(found, "--model") == ["gpt-5"]
    assert values(found, "--output-schema") == [str(tmp_path / "s.json")]
    assert 'model_reasoning_effort="high"' in values(found, "-c")


def test_without_a_model_it_takes_its_own(tmp_path: Path) -> None:
    assert "--model" not in argv(replace(SETTINGS, model=None), request(tmp_path), schema=None)


@pytest.mark.parametrize("step", [Step.IMPLEMENT, Step.REVIEW, Step.RESOLVE])
def test_the_schema_lies_in_the_turns_folder(step: Step, tmp_path: Path) -> None:
    path = write_schema(request(tmp_path, step=step))
    assert path is not None
    assert path.parent == tmp_path / "turn"
    written = json.loads(path.read_text())
    assert written == strict(json.loads(schema_of(step) or ""))
    assert "minLength" not in path.read_text()
    assert written["required"] == list(written["properties"])


def test_the_schema_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "turn").mkdir()
    (tmp_path / "turn" / SCHEMA_FILE).symlink_to(tmp_path / "victim")
    path = write_schema(request(tmp_path))
    assert path is not None
    assert json.loads(path.read_text())["type"] == "object"
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_step_without_answers_has_no_schema(tmp_path: Path) -> None:
    assert write_schema(request(tmp_path, step=Step.PREPARE)) is None


def test_a_prompt_that_a_client_would_run_as_its_command_is_our_bug(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="SBI-1"):
        adapter(SETTINGS).run(request(tmp_path, prompt="/clear"), Watching())


def test_a_folder_that_cannot_be_written_is_this_calls_failure(tmp_path: Path) -> None:
    (tmp_path / "turn").write_text("a file")
    assert fault(adapter(SETTINGS).run(request(tmp_path), Watching())) == (Blame.CALL, "start")


def test_the_registry_makes_one(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, root=tmp_path, agents=(AgentSettings(name="mine", kind="codex"),))
    made = make("mine", settings)
    assert (made.name, made.kind) == ("mine", "codex")


# --- with a program that plays a recording back -----------------------------------------------------------------------


def player(folder: Path, body: str) -> AgentSettings:
    program = folder / "codex"
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
        ("tool_json", None),
        ("err_usage_limit", (Blame.ACCOUNT, "usage_limit")),
        ("bad_flag", (Blame.AGENT, "flags")),
        ("sig_hang_SIGINT", (Blame.CALL, "crash")),
    ],
)
def test_a_played_recording_has_its_result(recording: str, expected: tuple[Blame, str] | None, tmp_path: Path) -> None:
    section = player(tmp_path, f"cat > prompt; {play(recording)}")
    assert fault(adapter(section).run(request(tmp_path), Watching())) == expected
    assert (tmp_path / "work" / "prompt").read_text() == "Do the work."


def test_a_last_line_without_its_end_counts(tmp_path: Path) -> None:
    said = b"\n".join(line for line in lines_of(f"{V}/plain_json")).decode()
    section = player(tmp_path, f"printf %s {shlex.quote(said)}")
    assert fault(adapter(section).run(request(tmp_path), Watching())) is None


@pytest.mark.parametrize("recording", ["resume_unknown", "err_context"])
def test_a_thread_that_cannot_go_on_is_left_for_a_fresh_one(recording: str, tmp_path: Path) -> None:
    section = player(
        tmp_path,
        f"""printf '%s\\n' "$*" >> calls
case "$*" in *" resume "*) {play(recording)};; *) {play("plain_json")};; esac""",
    )
    made = request(tmp_path, session=SESSION, session_used=Usage(tokens_in=900, tokens_cached=100, tokens_out=10))
    result = adapter(section).run(made, Watching())
    assert fault(result) is None
    assert (result.usage.tokens_in, result.usage.tokens_out) == (1200, 50)
    first, second = (tmp_path / "work" / "calls").read_text().splitlines()
    assert f"resume {SESSION} -" in first
    assert "resume" not in second


def test_a_fresh_thread_is_tried_once(tmp_path: Path) -> None:
    section = player(tmp_path, f"echo x >> calls; {play('err_context')}")
    result = adapter(section).run(request(tmp_path, session=SESSION), Watching())
    assert fault(result) == (Blame.CALL, "prompt_too_long")
    assert (tmp_path / "work" / "calls").read_text().split() == ["x", "x"]


def test_without_a_thread_a_full_prompt_is_tried_once(tmp_path: Path) -> None:
    section = player(tmp_path, f"echo x >> calls; {play('err_context')}")
    assert fault(adapter(section).run(request(tmp_path), Watching())) == (Blame.CALL, "prompt_too_long")
    assert (tmp_path / "work" / "calls").read_text().split() == ["x"]


def test_a_client_that_waits_out_a_limit_is_stopped_and_the_account_is_to_blame(tmp_path: Path) -> None:
    recording = shlex.quote(str(RECORDED / V / "err_e429_long.stdout"))
    section = player(tmp_path, f"cat {recording}; exec sleep 600")
    result = adapter(section).run(request(tmp_path, idle_timeout_ms=300), Watching())
    assert fault(result) == (Blame.ACCOUNT, "rate_limit")


def test_the_stop_signal_is_the_one_that_ends_its_commands(tmp_path: Path) -> None:
    class Stopping(Watching):
        def tick(self) -> str | None:
            return "worker" if (tmp_path / "work" / "ready").exists() else None

    trap = "trap 'echo int > heard; exit 1' INT; trap 'echo term > heard; exit 1' TERM"
    section = player(tmp_path, f"{trap}\ntouch ready; while :; do sleep 0.05; done")
    assert fault(adapter(section).run(request(tmp_path), Stopping())) == (Blame.STOPPED, "worker")
    assert (tmp_path / "work" / "heard").read_text() == "int\n"


def noting(folder: Path, recording: str, body: str) -> AgentSettings:
    """Plays the beginning of a thread, notes what the recording's rollout holds, and goes on with `body`."""
    rollout = folder / "home" / "sessions" / "2026" / "11" / "23"
    rollout.mkdir(parents=True)
    notes = shlex.quote(str(RECORDED / V / f"{recording}.rollout"))
    begin = json.dumps({"type": "thread.started", "thread_id": SESSION})
    return player(folder, f"cat {notes} >> {rollout}/rollout-2026-{SESSION}.jsonl; echo '{begin}'; {body}")


def noted_request(folder: Path, **changes: object) -> dict[str, object]:
    env = {"PATH": os.environ["PATH"], "DEESPEC_CLAIM": f"{folder}-1", "CODEX_HOME": str(folder / "home")}
    return {"env": env, **changes}


@pytest.mark.parametrize(
    "limit",
    [
        {"budget_tokens": 3_000},
        {"budget_usd": 0.01, "prices": (Price(model="gpt-5-*", input=3.0, output=15.0),)},
    ],
)
def test_a_call_that_is_over_its_budget_is_ended_by_what_it_notes(limit: dict[str, object], tmp_path: Path) -> None:
    section = noting(tmp_path, "two_tools", "exec sleep 600")
    result = adapter(section).run(request(tmp_path, **noted_request(tmp_path, **limit)), Watching())
    assert fault(result) == (Blame.BUDGET, "budget")
    assert result.usage.tokens_in == 3600
    assert result.usage.model == "gpt-5-codex"


def test_a_failed_turn_says_what_it_has_used_and_when_the_limit_ends(tmp_path: Path) -> None:
    section = noting(tmp_path, "usage_limit", play("err_usage_limit"))
    error = adapter(section).run(request(tmp_path, **noted_request(tmp_path)), Watching()).error
    assert error is not None
    note = json.loads((RECORDED / V / "usage_limit.rollout").read_text())
    assert error.reset_at == note["payload"]["rate_limits"]["primary"]["resets_at"] * 1000


def test_what_a_thread_had_noted_before_is_not_this_calls(tmp_path: Path) -> None:
    rollout = tmp_path / "home" / "sessions" / "2026" / "11" / "23" / f"rollout-2026-{SESSION}.jsonl"
    rollout.parent.mkdir(parents=True)
    rollout.write_bytes((RECORDED / V / "two_tools.rollout").read_bytes())
    begin = json.dumps({"type": "thread.started", "thread_id": SESSION})
    section = player(tmp_path, f"echo '{begin}'; exit 1")
    result = adapter(section).run(request(tmp_path, **noted_request(tmp_path, session=SESSION)), Watching())
    assert result.usage.tokens_in is None


def test_empty_folders_that_its_sandbox_leaves_are_removed(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    (tmp_path / "work" / ".codex").mkdir(parents=True)
    outbox.mkdir()
    made = " ".join(f"{folder}/{name}" for folder in (".", outbox) for name in MARKS)
    section = player(tmp_path, f"mkdir -p {made}; touch .aws/kept; {play('plain_json')}")
    adapter(section).run(request(tmp_path, writable=(outbox,)), Watching())
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [".aws", ".codex"]
    assert [*outbox.iterdir()] == []


def test_a_program_that_is_not_there_is_the_agents_fault(tmp_path: Path) -> None:
    section = replace(SETTINGS, command=(str(tmp_path / "none"),))
    assert fault(adapter(section).run(request(tmp_path), Watching())) == (Blame.AGENT, "missing")


# --- a look at it -----------------------------------------------------------------------------------------------------

VERSION = "case $1 in --version) echo 'codex-cli 0.169.0'; exit 0;; esac\n"
NO_LOGIN = VERSION + "echo 'Not logged in' >&2; exit 1"


def test_a_look_finds_version_and_login(tmp_path: Path) -> None:
    section = player(tmp_path, VERSION + "echo 'Logged in using ChatGPT' >&2")
    found = adapter(section).look()
    assert (found.ready, found.version, found.program) == (True, "0.169.0", section.command[0])


def test_a_look_finds_that_nobody_is_logged_in(tmp_path: Path) -> None:
    found = adapter(player(tmp_path, NO_LOGIN), {"OPENAI_API_KEY": "x"}).look()
    assert not found.ready
    assert found.problem == "codex 0.169.0 is not logged in"
    assert "CODEX_API_KEY" in (found.remedy or "")


def test_a_key_of_its_own_needs_no_login(tmp_path: Path) -> None:
    assert adapter(player(tmp_path, NO_LOGIN), {"CODEX_API_KEY": "x"}).look().ready
    section = replace(player(tmp_path, NO_LOGIN), env=(("CODEX_API_KEY", "x"),))
    assert adapter(section).look().ready


@pytest.mark.parametrize(
    ("args", "config", "expected"),
    [
        (("-c", 'model_provider="mine"'), "", True),
        (("--oss",), "", True),
        ((), 'model_provider = "mine"', True),
        ((), 'model_provider = "openai"', False),
        ((), 'model = "gpt-5"', False),
        ((), "not [ toml", False),
    ],
)
def test_a_provider_of_ones_own_needs_no_login(
    args: tuple[str, ...], config: str, expected: bool, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text(config)
    section = replace(player(tmp_path, NO_LOGIN), args=args)
    assert has_own_provider(section, {"CODEX_HOME": str(tmp_path)}) is expected
    assert adapter(section, {"CODEX_HOME": str(tmp_path)}).look().ready is expected


def test_a_client_that_cannot_say_whether_it_is_logged_in_is_tried(tmp_path: Path) -> None:
    section = player(tmp_path, VERSION + "echo 'error: unrecognized subcommand' >&2; exit 2")
    assert adapter(section).look().ready


def test_a_program_that_is_not_on_the_path_is_not_ready(tmp_path: Path) -> None:
    found = adapter(replace(SETTINGS, command=()), {"PATH": str(tmp_path)}).look()
    assert (found.ready, found.problem) == (False, "codex is not on PATH")
    assert found.remedy
