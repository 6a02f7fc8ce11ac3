"""A stand-in for the model's server: it answers Anthropic's Messages API from a script, as server-sent events.

Learnt by driving the real client against it; only what that client needs is here. A request that offers no tools is a
side question of the client (a title, a summary) and does not use up the script; the script's last turn repeats.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from deespec.records import record

USAGE = {"input_tokens": 1000, "cache_read_input_tokens": 200, "cache_creation_input_tokens": 0, "output_tokens": 50}


@record
class Say:
    text: str


@record
class Use:
    """Calls one of the client's tools."""

    tool: str
    arguments: dict[str, str]


@record
class Refuse:
    status: int
    kind: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


@record
class Hang:
    """Takes the request and says nothing more."""


Turn = Say | Use | Refuse | Hang


class Standin:
    """`with Standin(Use(...), Say(...)) as server:` listens at `server.url`, a free port of 127.0.0.1."""

    def __init__(self, *script: Turn) -> None:
        self.requests: list[dict[str, Any]] = []
        """The bodies that came with tools, in order."""
        self.asked = threading.Event()
        """A request came."""
        self.closing = threading.Event()
        self._script = list(script)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Standin:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def next_turn(self, body: dict[str, Any]) -> Turn:
        if not body.get("tools"):
            return Say(text="{}")
        with self._lock:
            self.requests.append(body)
            self.asked.set()
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]


def _handler(standin: Standin) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if not self.path.partition("?")[0].endswith("/v1/messages"):
                self._send(404, _error("not_found_error", self.path))
                return
            match standin.next_turn(body):
                case Refuse() as refusal:
                    self._send(refusal.status, _error(refusal.kind, refusal.message), dict(refusal.headers))
                case Hang():
                    standin.closing.wait()
                    self.close_connection = True
                case Say() | Use() as turn:
                    self._send(
                        200, _stream(turn, body["model"], len(standin.requests)), {"content-type": "text/event-stream"}
                    )

        def do_HEAD(self) -> None:
            self._send(200, b"")

        def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"content-type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    return Handler


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


def _stream(turn: Say | Use, model: str, number: int) -> bytes:
    """The events of one message with one block."""
    if isinstance(turn, Say):
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": turn.text}
        reason = "end_turn"
    else:
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": turn.tool, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(turn.arguments)}
        reason = "tool_use"
    message = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "usage": USAGE,
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": USAGE},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
