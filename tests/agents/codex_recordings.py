"""What the real Codex printed, one stream per situation; recorded/codex/index.json says which and how it ended.

`stopped` means that it had to be killed; a `.rollout` holds what it noted beside its stream. Two recordings of its
plain text output are left out: the adapter never asks for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calls import request

from deespec.agents.base import AgentResult, Blame
from deespec.agents.codex import result_of
from deespec.agents.codex_stream import Heard, Stream
from deespec.agents.process import Ended
from deespec.config import AgentSettings
from deespec.model.lifecycle import Step

RECORDED = Path(__file__).parent / "recorded" / "codex"
INDEX: dict[str, dict[str, Any]] = json.loads((RECORDED / "index.json").read_text())
SETTINGS = AgentSettings(name="codex", kind="codex", model="gpt-5-codex")
NOW_MS = 1_795_402_920_000
"""Monday, 23 November 2026, 03:02 UTC: when it was recorded."""


def lines_of(recording: str) -> list[bytes]:
    return (RECORDED / f"{recording}.stdout").read_bytes().splitlines()


def notes_of(recording: str) -> list[bytes]:
    return (RECORDED / f"{recording}.rollout").read_bytes().splitlines()


def hear(lines: list[bytes], step: Step = Step.IMPLEMENT, *, notes: list[bytes] | None = None) -> Heard:
    stream = Stream(step)
    for line in lines:
        stream.feed(line)
    for note in notes or []:
        stream.feed_note(note)
    return stream.heard()


def ended_of(recording: str) -> Ended:
    how, stderr = INDEX[recording], RECORDED / f"{recording}.stderr"
    return Ended(
        exit_code=how.get("exit_code"),
        signal=how.get("signal"),
        stopped=how.get("stopped"),
        stderr_tail=stderr.read_text() if stderr.exists() else "",
    )


def replay(folder: Path, recording: str, step: Step = Step.IMPLEMENT, **changes: object) -> AgentResult:
    made = request(folder, step=step, **changes)
    return result_of(SETTINGS, made, ended_of(recording), hear(lines_of(recording), step), now_ms=NOW_MS)


def fault(result: AgentResult) -> tuple[Blame, str] | None:
    return None if result.error is None else (result.error.blame, result.error.code)
