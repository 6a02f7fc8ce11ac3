"""Clients without an adapter of their own, as programs of kind `command`: none of their runs is taken for an answer.

recorded/command/captures.json holds exit code and last words of aider, mini-swe-agent, Qwen Code and Copilot CLI,
driven by a stand-in model. Several say 0 after an API's error, or after a tool was refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deespec.agents.base import Blame
from deespec.agents.command import result_of
from deespec.agents.process import Ended
from deespec.model.lifecycle import Step

RUNS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "recorded" / "command" / "captures.json").read_text(encoding="utf-8")
)
STEPS = (Step.IMPLEMENT, Step.REVIEW, Step.RESOLVE)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_client_that_gives_no_answer_has_given_none(name: str, step: Step) -> None:
    run = RUNS[name]
    code = run["exit_code"]
    ended = Ended(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        stdout_tail=run["stdout"],
        stderr_tail=run["stderr"],
    )
    result = result_of(step, ended)
    assert result.answer is None
    found = None if result.error is None else (result.error.blame, result.error.code)
    assert found == ((Blame.CALL, "crash") if code else None)
