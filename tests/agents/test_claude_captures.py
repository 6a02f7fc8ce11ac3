"""Every run of Claude Code 2.1.197 that was recorded is taken for what it was, and no damage makes a success of one.

recorded/claude/captures.json holds the events of all of them, without the lists of tools; a run that was recorded as
`json` has its last event only, as text nothing. They were driven by a stand-in model.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from calls import request
from claude_recordings import hear
from hypothesis import given, settings
from hypothesis import strategies as st

from deespec.agents.base import AgentResult, Blame
from deespec.agents.claude import result_of
from deespec.agents.process import Ended
from deespec.model.lifecycle import Step

RUNS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "recorded" / "claude" / "captures.json").read_text(encoding="utf-8")
)
CRASH = (Blame.CALL, "crash")
LOGIN = (Blame.AGENT, "login")
FLAGS = (Blame.AGENT, "flags")
LIMIT = (Blame.ACCOUNT, "rate_limit")
OVERLOADED = (Blame.CALL, "overloaded")
SERVER = (Blame.CALL, "server_error")
UNKNOWN_SESSION = (Blame.CALL, "failed")
TOO_LONG = (Blame.CALL, "prompt_too_long")
FAULTS = {
    "bad_flag": FLAGS,
    "stream_no_verbose": FLAGS,
    "root_no_is_sandbox": FLAGS,
    "bad_model": (Blame.AGENT, "model"),
    "err_e404": (Blame.AGENT, "model"),
    "err_e401_oauth": LOGIN,
    "no_auth": LOGIN,
    "err_e401_json": CRASH,  # it was still trying when it was killed
    "err_e401_text": CRASH,
    "err_e400": (Blame.CALL, "invalid_request"),
    "err_context": TOO_LONG,
    "stdin_9m": TOO_LONG,
    "err_cut": SERVER,
    "err_e500": SERVER,
    "hang_api_timeout_5s": SERVER,
    "err_e429": LIMIT,
    "err_e429_json": LIMIT,
    "err_e429_long": LIMIT,
    "err_usage_limit": LIMIT,
    "err_e429_text": CRASH,  # text output carries no event
    "err_overload": OVERLOADED,
    "err_overload_maxretries0": OVERLOADED,
    "err_overload_fallback": OVERLOADED,
    "err_instream_overload": OVERLOADED,
    "budget": (Blame.BUDGET, "budget"),
    "max_turns_1": (Blame.CALL, "max_turns"),
    "max_turns_3": (Blame.CALL, "max_turns"),
    "resume_unknown": UNKNOWN_SESSION,
    "resume_other_cwd": UNKNOWN_SESSION,
    "empty_stdin": CRASH,
    "no_prompt": CRASH,
    "sig_endless_SIGINT": CRASH,  # exit code 0
    "sig_endless_SIGTERM": CRASH,
    "sig_hang_SIGINT": CRASH,  # exit code 0
    "sig_slowtool_SIGINT": (Blame.CALL, "aborted"),
    "sig_slowtool_SIGKILL": CRASH,
    "sig_slowtool_SIGTERM": CRASH,
    "sig_slowtool_group_SIGINT": (Blame.CALL, "aborted"),  # exit code 0
    "sig_slowtool_group_SIGTERM": CRASH,
    "sig_slowtool_json_SIGTERM": CRASH,
}
DENIED = {
    "allow_report_arg_default",
    "allow_report_file_default",
    "allow_report_only_allow_prefix",
    "allow_report_only_default",
    "allow_report_only_dontask_allow_prefix",
    "allow_report_pipe_default",
    "outside_acceptedits",
    "perm_acceptedits_bash",
    "perm_default_json",
    "perm_dontask",
    "perm_plan",
}
"""Runs in which a tool was refused: exit code 0, and a result that says success."""


def ended(run: dict[str, Any]) -> Ended:
    code = run["exit_code"]
    return Ended(
        exit_code=code if code >= 0 else None, signal=-code if code < 0 else None, stderr_tail=run.get("stderr", "")
    )


def judged(folder: Path, run: dict[str, Any], lines: list[bytes]) -> AgentResult:
    return result_of(request(folder), ended(run), hear(lines, Step.IMPLEMENT))


def lines_of(name: str) -> list[bytes]:
    return [line.encode() for line in RUNS[name]["stdout"]]


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_recorded_run_is_taken_for_what_it_was(name: str, tmp_path: Path) -> None:
    result = judged(tmp_path, RUNS[name], lines_of(name))
    found = None if result.error is None else (result.error.blame, result.error.code)
    assert found == FAULTS.get(name)
    assert result.denied == (("Bash",) if name in DENIED else ())
    if found is None:
        assert result.text
        assert result.session
        assert result.usage.cost_usd
        assert (result.usage.tokens_in or 0) >= 1200


def test_the_table_names_recorded_runs_only() -> None:
    assert FAULTS.keys() <= RUNS.keys()
    assert RUNS.keys() >= DENIED


@pytest.mark.parametrize("name", sorted(name for name in RUNS if name.startswith(("err_", "sig_", "max_turns"))))
def test_the_order_of_keys_and_fields_nobody_knows_do_not_matter(name: str, tmp_path: Path) -> None:
    def turned(line: bytes) -> bytes:
        try:
            event = json.loads(line)
        except ValueError:
            return line
        return json.dumps({"zz_new": {"type": "result"}, **dict(reversed(event.items()))}).encode()

    plain = judged(tmp_path, RUNS[name], lines_of(name))
    assert judged(tmp_path, RUNS[name], [turned(line) for line in lines_of(name)]) == plain


def damaged(lines: list[bytes], seed: int) -> list[bytes]:
    """The stream cut, doubled, out of order, and with broken bytes."""
    dice = random.Random(seed)
    found = list(lines)
    for _ in range(dice.randint(1, 6)):
        if not found:
            break
        at = dice.randrange(len(found))
        match dice.randrange(6):
            case 0:
                del found[at:]
            case 1:
                found.insert(at, found[at])
            case 2:
                dice.shuffle(found)
            case 3:
                found[at] = found[at][: dice.randrange(len(found[at]) + 1)]
            case 4:
                spot = dice.randrange(len(found[at]) + 1)
                found[at] = found[at][:spot] + dice.randbytes(3) + found[at][spot:]
            case _:
                del found[at]
    return found


@given(name=st.sampled_from(sorted(RUNS)), seed=st.integers(0, 2**32))
@settings(max_examples=400)
def test_damage_makes_no_crash_and_no_success_of_a_failure(
    name: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = damaged(lines_of(name), seed)
    result = judged(tmp_path_factory.getbasetemp(), RUNS[name], lines)
    if result.error is None:
        assert RUNS[name]["exit_code"] == 0, "a success although the program failed"
        finals = [event for line in lines if (event := read(line)).get("type") == "result"]
        assert finals, "a success without a final event"
        assert any(event.get("is_error") is False and event.get("subtype") == "success" for event in finals)
        assert result.text or result.answer


def read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
