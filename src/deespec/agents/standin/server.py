"""The stand-in for a model's server: it listens on 127.0.0.1, answers from scripts and counts. It costs nothing.

The first part of a request's path names the script. Requests that offer no tools are side questions of a client (a
title, a summary) and get a short answer; of a hang or a refusal they get their part.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

from deespec.agents.reading import Json, parse
from deespec.agents.standin import anthropic, chat, gemini, responses
from deespec.agents.standin.acting import parts_of, turn_of
from deespec.agents.standin.asked import Api, read
from deespec.agents.standin.message import Message, Wire
from deespec.agents.standin.refusals import body_of, headers_of, status_of
from deespec.agents.standin.scenarios import SCENARIOS
from deespec.agents.standin.script import Flow, Hang, Refuse, Say
from deespec.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from deespec.agents.standin.asked import Asked
    from deespec.agents.standin.message import Event
    from deespec.agents.standin.script import Quota, Script, Turn

BODY_BYTES = 64 * 1024 * 1024
KEPT = 200
"""Requests that are remembered."""
FLOW_MOST_S = 600
IDLE_S = 600
"""A connection on which nothing comes is given up."""
WIRES = {
    Api.ANTHROPIC: cast(Wire, anthropic),
    Api.CHAT: cast(Wire, chat),
    Api.RESPONSES: cast(Wire, responses),
    Api.GEMINI: cast(Wire, gemini),
}
COUNTED: Json = {"input_tokens": 1_234, "totalTokens": 1_234}
"""For who wants to know beforehand how many tokens a prompt has."""
MODELS: Json = {"object": "list", "data": [{"id": "standin", "object": "model", "type": "model"}], "has_more": False}


class Standin:
    """`with Standin() as server:` listens at a free port until the block ends; `server.url("tool")` is for clients."""

    def __init__(
        self, scripts: Mapping[str, Script] = SCENARIOS, *, quota: Quota | None = None, clock: Clock | None = None
    ) -> None:
        self.requests: deque[Asked] = deque(maxlen=KEPT)
        """Those that came with tools, in order."""
        self.followed: set[str] = set()
        """The scripts that requests have asked for, with tools or without."""
        self.asked = threading.Event()
        """One has come."""
        self.closing = threading.Event()
        self.in_flight = 0
        self.most_in_flight = 0
        self.refused = 0
        """How many the quota has refused."""
        self.outside: list[str] = []
        """Where clients wanted to go through it, as a proxy: `host:port`."""
        self.clock = clock or Clock()
        self._scripts = scripts
        self._quota = quota
        self._prompts = 0
        self._reset_at_s: int | None = None
        self._numbers = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="standin", daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, script: str) -> str:
        return f"{self.address}/{script}"

    def __enter__(self) -> Standin:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def turn(self, asked: Asked) -> Turn | None:
        """What this request gets; None: there is no such script."""
        script = self._scripts.get(asked.script)
        if script is None:
            return None
        with self._lock:
            self.followed.add(asked.script)
            if asked.tools:
                self.requests.append(asked)
            refusal = self._over_quota(asked)
        if asked.tools:
            self.asked.set()
        turn = refusal or turn_of(script, asked)
        return turn if asked.tools or isinstance(turn, Refuse | Hang) else (Say(text='{"title": "A side question"}'),)

    def message(self, turn: Turn, asked: Asked) -> Message:
        with self._lock:
            self._numbers += 1
            number = self._numbers
        parts = parts_of(turn, asked) if isinstance(turn, tuple) else ()
        return Message(number=number, model=asked.model, at_s=self.clock.now_ms() // 1000, parts=parts)

    def begin(self) -> None:
        with self._lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def _over_quota(self, asked: Asked) -> Refuse | None:
        """A limit that is reached stops no turn that has begun."""
        if self._quota is None or not asked.tools or asked.round:
            return None
        now = self.clock.now_ms()
        if self._reset_at_s is not None and now >= self._reset_at_s * 1000:
            self._prompts, self._reset_at_s = 0, None
        if self._prompts < self._quota.prompts:
            self._prompts += 1
            return None
        if self._reset_at_s is None:
            self._reset_at_s = -(-(now + self._quota.reset_ms) // 1000)
        self.refused += 1
        return Refuse(kind="usage_limit", reset_s=self._reset_at_s - now // 1000)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed in the middle of a request: that is nothing to tell anybody."""


def _handler(standin: Standin) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        server_of = standin

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    server_of: Standin

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        match self.command:
            case "HEAD":
                self._send(200, {})
            case "GET" if self._path().endswith("/models"):
                self._send(200, MODELS)
            case "CONNECT":  # a client that takes it for its proxy wants to leave the machine
                self.server_of.outside.append(self.path)
                self._send(403, _no_such(self.path))
            case "POST":
                self._take_request()
            case _:
                self._send(404, _no_such(self.path))

    do_HEAD = do_GET = do_CONNECT = do_POST = _serve

    def _take_request(self) -> None:
        body = parse(self._body())
        path = self._path()
        if path.endswith(("/count_tokens", ":countTokens")):
            self._send(200, COUNTED)
            return
        asked = read(path, {name.lower(): value for name, value in self.headers.items()}, body)
        turn = None if asked is None else self.server_of.turn(asked)
        if asked is None or turn is None:
            self._send(404, _no_such(self.path))
            return
        self.server_of.begin()
        try:
            self._answer(asked, turn)
        finally:
            self.server_of.end()

    def _answer(self, asked: Asked, turn: Turn) -> None:
        server = self.server_of
        if isinstance(turn, Refuse):
            now_s = server.clock.now_ms() // 1000
            headers = headers_of(turn, asked.api, now_s=now_s)
            self._send(status_of(turn, asked.api), body_of(turn, asked.api, now_s=now_s), headers)
        elif isinstance(turn, Hang):
            self._until_gone()
        else:
            wire, message = WIRES[asked.api], server.message(turn, asked)
            if isinstance(turn, Flow):
                self._flow(turn, wire, message)
            elif asked.stream:
                self._stream(wire.events(message), is_chat=asked.api is Api.CHAT)
            else:
                self._send(200, wire.whole(message))

    def _until_gone(self) -> None:
        """Says nothing until the client has gone, or the server ends."""
        self.close_connection = True
        self.connection.settimeout(0.1)
        while not self.server_of.closing.is_set():
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    return
                self.server_of.closing.wait(0.1)
            except TimeoutError:
                continue

    def _flow(self, flow: Flow, wire: Wire, message: Message) -> None:
        self._begin_stream()
        for event in wire.begin(message):
            self._event(event)
        most = FLOW_MOST_S * 1000 // flow.every_ms if flow.words is None else flow.words
        for number in range(most):
            if self.server_of.closing.wait(flow.every_ms / 1000):
                break
            self._event(wire.word(message, f"word{number} "))
        self.close_connection = True  # without the last chunk: the client sees that something is missing

    def _stream(self, events: Iterator[Event], *, is_chat: bool) -> None:
        self._begin_stream()
        for event in events:
            self._event(event)
        if is_chat:
            self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _event(self, event: Event) -> None:
        name, data = event
        head = f"event: {name}\n" if name else ""
        self._chunk(f"{head}data: {json.dumps(data)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _send(self, status: int, content: Json, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _path(self) -> str:
        """Without the query; clients that take it for a proxy put the whole address."""
        return self.path.partition("?")[0].removeprefix(self.server_of.address)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            data = b"".join(self._chunks())
        else:
            data = self.rfile.read(min(int(self.headers.get("content-length") or 0), BODY_BYTES))
        return gzip.decompress(data) if self.headers.get("content-encoding") == "gzip" else data

    def _chunks(self) -> Iterator[bytes]:
        left = BODY_BYTES
        while (size := int(self.rfile.readline().split(b";")[0], 16)) and size <= left:
            left -= size
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()


def _no_such(path: str) -> Json:
    return {"type": "error", "error": {"type": "not_found_error", "message": f"The stand-in knows no {path}."}}
