"""What six real agents said over the Agent Client Protocol; recorded/acp/index.json says how each conversation ended.

The recordings hold what was said to a client, without the numbers of its requests; they are played to a conversation of
ours, which gets its answers to what it asks, and nothing to what that client did not ask.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from calls import request

from deespec.agents.acp import META, result_of
from deespec.agents.acp_policy import Policy
from deespec.agents.acp_stream import Heard, Stream
from deespec.agents.acp_talk import Conversation
from deespec.agents.base import AgentResult, Blame
from deespec.agents.process import Ended
from deespec.config import AgentSettings
from deespec.model.money import Usage

RECORDED = Path(__file__).parent / "recorded" / "acp"
INDEX: dict[str, dict[str, Any]] = json.loads((RECORDED / "index.json").read_text())
SETTINGS = AgentSettings(name="one", kind="acp", command=("agent",), permissions="edit+shell")
NOW_MS = 1_795_403_000_000

REQUESTS = {"initialize": "initialize", "new_session": "session/new", "prompt_response": "session/prompt"}
"""Of the recordings' answers, the requests."""


class Playing:
    """A conversation, and the other side of it as JSON."""

    def __init__(self, folder: Path, settings: AgentSettings = SETTINGS, **changes: object) -> None:
        self.request = request(folder, **changes)
        self.settings = settings
        self.stream = Stream(settings.model, before=Usage())
        policy = Policy(permissions=settings.permissions, workspace=self.request.workspace)
        self.talk = Conversation(settings, self.request, policy=policy, stream=self.stream, meta=META)
        self.said: list[dict[str, Any]] = []
        self.is_over = False
        self.talk.begin(self.hear)

    def hear(self, data: bytes) -> None:
        self.said += [json.loads(line) for line in data.splitlines()]

    def tell(self, **fields: object) -> None:
        self.feed(json.dumps({"jsonrpc": "2.0", **fields}).encode())

    def feed(self, line: bytes) -> None:
        self.is_over = self.talk.take(line) or self.is_over

    def number_of(self, method: str) -> int | None:
        """Of our last request of this kind."""
        return next((said["id"] for said in reversed(self.said) if said.get("method") == method), None)

    def methods(self) -> list[str]:
        return [said["method"] for said in self.said if "method" in said]

    def answer_choices(self) -> None:
        """What we set before the prompt, the recorded client may not have."""
        while self.said[-1].get("method", "").startswith("session/set_"):
            self.tell(id=self.said[-1]["id"], result={})

    def result(self, ended: Ended) -> AgentResult:
        return result_of(self.settings, self.request, ended, self.heard(), now_ms=NOW_MS)

    def heard(self) -> Heard:
        return self.stream.heard()


def messages_of(recording: str) -> list[dict[str, Any]]:
    """What was said, in order; the last of them the answer to the prompt, if there was one."""
    lines = (RECORDED / f"{recording}.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    found = [one for one in found if one["kind"] != "set_mode"]
    session = next((one["data"]["sessionId"] for one in found if one["kind"] == "new_session"), "")
    for one in found:
        one["session"] = session
    if INDEX[recording]["end"] == "error":
        found.append({"kind": "prompt_response", "session": session, "error": INDEX[recording]["error"]})
    return found


def as_line(playing: Playing, message: dict[str, Any]) -> bytes:
    kind, data, session = message["kind"], message.get("data"), message["session"]
    if kind in REQUESTS:
        number = playing.number_of(REQUESTS[kind])
        answer = {"error": message["error"]} if "error" in message else {"result": data}
        return json.dumps({"jsonrpc": "2.0", "id": number, **answer}).encode()
    if kind == "session_update":
        params = {"sessionId": session, "update": data}
        return json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}).encode()
    if kind == "request_permission":
        params = {"sessionId": session, **data}
        return json.dumps(
            {"jsonrpc": "2.0", "id": 7, "method": "session/request_permission", "params": params}
        ).encode()
    return json.dumps({"jsonrpc": "2.0", "method": "_note", "params": {}}).encode()


def played(folder: Path, recording: str, settings: AgentSettings = SETTINGS) -> Playing:
    playing = Playing(folder, settings)
    for message in messages_of(recording):
        playing.feed(as_line(playing, message))
        playing.answer_choices()
    return playing


def ended_of(recording: str) -> Ended:
    index = INDEX[recording]
    stopped = "idle_timeout" if index["end"] == "silent" else None
    return Ended(exit_code=index["exit_code"], signal=index["signal"], stopped=stopped)


def replay(folder: Path, recording: str, settings: AgentSettings = SETTINGS) -> AgentResult:
    return played(folder, recording, settings).result(ended_of(recording))


def fault(result: AgentResult) -> tuple[Blame, str] | None:
    return None if result.error is None else (result.error.blame, result.error.code)
