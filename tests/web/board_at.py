"""A board that is really served, on a free port of loopback, and a browser that speaks plain HTTP with it."""

from __future__ import annotations

import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn

from deespec.app import App, open_app
from deespec.records import replace
from deespec.web import server
from deespec.web.serving import Serving

PATIENCE_S = 20


class Served:
    """One running board."""

    def __init__(self, home: Path, running: uvicorn.Server, served: server.Served, port: int) -> None:
        self.home = home
        self.running = running
        self.board = served.board
        self.port = port
        self.token = served.board.sessions.token

    @property
    def own(self) -> str:
        return f"127.0.0.1:{self.port}"

    def browser(self) -> Browser:
        """One that is signed in."""
        made = Browser(self)
        assert made.get(f"/?token={self.token}").status == 200
        return made


class Got:
    """An answer, read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()


class Browser:
    """Keeps its cookies, as a browser does."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Got:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Got:
        """What a form of the board itself would send, with its CSRF token."""
        headers.setdefault("Origin", f"http://{self.served.own}")
        body = urlencode({"csrf": self.csrf(), **fields})
        return self.ask("POST", path, body=body, headers=headers)

    def csrf(self) -> str:
        return self.served.board.sessions.csrf(self.session)

    @property
    def session(self) -> str:
        return self.cookies[f"deespec-{self.served.port}"]

    def ask(self, method: str, path: str, *, body: str | bytes | None = None, headers: dict[str, str]) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=PATIENCE_S)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection.request(method, path, body=body, headers=sent)
        got = Got(connection.getresponse())
        connection.close()
        for line in got.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return got


@contextmanager
def serving(home: Path, asked: Serving | None = None) -> Iterator[Served]:
    """Serves in a thread until the block ends."""

    def opened() -> App:
        return open_app(str(home))

    wanted = replace(asked or Serving(), port=0)
    at = server.listen(wanted)
    port = int(at.getsockname()[1])
    first = opened()
    served = server.make_app(opened, replace(wanted, port=port), clock=first.clock)
    first.close()
    ready = threading.Event()
    running = server.server_of(served, ready=ready.set)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [at]})
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield Served(home, running, served, port)
    finally:
        running.handle_exit(15, None)
        thread.join()


def soon(holds: Callable[[], Any], what: str) -> Any:
    """What `holds` answers, once it is true."""
    until = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


def raw(served: Served, request: bytes) -> str:
    """What is answered to these very bytes; nothing if the connection is just closed."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as one:
        one.sendall(request)
        found = b""
        while part := one.recv(65_536):
            found += part
            if re.search(rb"content-length: (\d+)", found) and b"\r\n\r\n" in found:
                break
    return found.decode(errors="replace")


class Stream:
    """An open stream of events."""

    def __init__(self, browser: Browser, seen: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", browser.served.port), timeout=PATIENCE_S)
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        head = f"GET /live?seen={seen} HTTP/1.1\r\nHost: {browser.served.own}\r\nCookie: {cookie}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._read = b""
        self.until(b": hello")

    def until(self, words: bytes) -> bytes:
        """Reads on until these words come; what came up to them."""
        late = time.monotonic() + PATIENCE_S
        while words not in self._read:
            assert time.monotonic() < late, f"waited in vain for {words!r}: {self._read!r}"
            part = self._socket.recv(4096)
            assert part, f"the stream ended before {words!r}: {self._read!r}"
            self._read += part
        found, _, self._read = self._read.partition(words)
        return found

    def ends(self) -> bool:
        """Whether the server ends it."""
        while part := self._socket.recv(4096):
            self._read += part
        return True

    def close(self) -> None:
        self._socket.close()
