"""What the real opencode printed, one run per situation; recorded/opencode/index.json says how each ended.

Left out are the runs of `opencode export` and `opencode session list`, which are no calls of an agent. `logged_*` are
runs with the log on stderr, as the adapter asks for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calls import request

from deespec.agents.base import AgentResult, Blame
from deespec.agents.opencode import result_of
from deespec.agents.opencode_stream import Heard, Stream
from deespec.agents.process import Ended
from deespec.config import AgentSettings
from deespec.records import replace

RECORDED = Path(__file__).parent / "recorded" / "opencode"
INDEX: dict[str, dict[str, Any]] = json.loads((RECORDED / "index.json").read_text())
SETTINGS = AgentSettings(name="opencode", kind="opencode", model="stub/stub-model")
NOW_MS = 1_795_403_000_000


def lines_of(recording: str) -> list[bytes]:
    return (RECORDED / f"{recording}.stdout").read_bytes().splitlines()


def log_of(recording: str) -> list[bytes]:
    path = RECORDED / f"{recording}.stderr"
    return path.read_bytes().splitlines() if path.exists() else []


def hear(lines: list[bytes], log: list[bytes] | None = None) -> Heard:
    stream = Stream()
    for line in lines:
        stream.feed(line)
    for line in log or []:
        stream.feed_log(line)
    return stream.heard()


def ended_of(recording: str, **changes: object) -> Ended:
    told = b"\n".join(log_of(recording)).decode()
    return replace(Ended(**INDEX[recording], stderr_tail=told), **changes)


def replay(folder: Path, recording: str, settings: AgentSettings = SETTINGS, **changes: object) -> AgentResult:
    heard = hear(lines_of(recording), log_of(recording))
    return result_of(settings, request(folder), ended_of(recording, **changes), heard, now_ms=NOW_MS)


def fault(result: AgentResult) -> tuple[Blame, str] | None:
    return None if result.error is None else (result.error.blame, result.error.code)
