"""What the real Gemini CLI printed, one stream per situation; recorded/gemini/index.json says which and how it ended.

`stopped` means that it had to be killed; a `.chat` holds what it noted beside its stream. Recordings of its plain text
and one-object outputs are left out: the adapter never asks for them. Of long answers, the first pieces are kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calls import request

from deespec.agents.base import AgentResult, Blame
from deespec.agents.gemini import result_of
from deespec.agents.gemini_stream import Heard, Stream
from deespec.agents.process import Ended
from deespec.config import AgentSettings
from deespec.model.lifecycle import Step

RECORDED = Path(__file__).parent / "recorded" / "gemini"
INDEX: dict[str, dict[str, Any]] = json.loads((RECORDED / "index.json").read_text())
SETTINGS = AgentSettings(name="gemini", kind="gemini", model="gemini-2.5-pro")
NOW_MS = 1_795_402_920_000
"""Monday, 23 November 2026, 03:02 UTC: when it was recorded."""


def lines_of(recording: str) -> list[bytes]:
    return (RECORDED / f"{recording}.stdout").read_bytes().splitlines()


def notes_of(recording: str) -> list[bytes]:
    return (RECORDED / f"{recording}.chat").read_bytes().splitlines()


def hear(lines: list[bytes], *, notes: list[bytes] | None = None) -> Heard:
    stream = Stream()
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
    return result_of(SETTINGS, made, ended_of(recording), hear(lines_of(recording)), now_ms=NOW_MS)


def fault(result: AgentResult) -> tuple[Blame, str] | None:
    return None if result.error is None else (result.error.blame, result.error.code)
