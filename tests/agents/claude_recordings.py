"""What the real Claude Code printed, one stream per situation and version; recorded/claude/index.json says which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calls import request

from deespec.agents.base import AgentResult, Blame
from deespec.agents.claude import result_of
from deespec.agents.claude_stream import Heard, Stream
from deespec.agents.process import Ended
from deespec.model.lifecycle import Step

RECORDED = Path(__file__).parent / "recorded" / "claude"
INDEX: dict[str, dict[str, Any]] = json.loads((RECORDED / "index.json").read_text())


def lines_of(recording: str) -> list[bytes]:
    return (RECORDED / f"{recording}.stdout").read_bytes().splitlines()


def hear(lines: list[bytes], step: Step = Step.IMPLEMENT) -> Heard:
    stream = Stream(step)
    for line in lines:
        stream.feed(line)
    return stream.heard()


def ended_of(recording: str) -> Ended:
    stderr = RECORDED / f"{recording}.stderr"
    return Ended(exit_code=INDEX[recording]["exit_code"], stderr_tail=stderr.read_text() if stderr.exists() else "")


def replay(folder: Path, recording: str, step: Step = Step.IMPLEMENT) -> AgentResult:
    return result_of(request(folder, step=step), ended_of(recording), hear(lines_of(recording), step))


def fault(result: AgentResult) -> tuple[Blame, str] | None:
    return None if result.error is None else (result.error.blame, result.error.code)
