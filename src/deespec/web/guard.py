"""Who may ask what: every request passes here first, and nothing behind it has to think of it.

In this order: how often, which host, which path, which method, who, then for changes from which page, with which
body, and with which CSRF token. Headers that keep a browser from being misled are put on every answer.
"""

from __future__ import annotations

import asyncio
import time
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders, QueryParams

from deespec.errors import DeespecError
from deespec.records import record
from deespec.web.links import split_or_none
from deespec.web.rates import (
    LOGINS_AT_ONCE,
    LOGINS_PER_S,
    REQUESTS_AT_ONCE,
    REQUESTS_PER_S,
    Rates,
)
from deespec.web.serving import Serving, is_own_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from deespec.web.sessions import Sessions

HEADERS_MOST_BYTES = 32 * 1024
PATH_MOST_BYTES = 8 * 1024
"""With the query."""
BODY_MOST_BYTES = 4 * 1024 * 1024
BODY_WITHIN_S = 20
FIELDS_MOST = 64
FORM = "application/x-www-form-urlencoded"
ADMITTED = "deespec.admitted"
"""Where in the scope of a request the next one finds who has been let in."""
SAFE = ("GET", "HEAD")
LOGIN = "/login"
SIGN_IN = "Open the URL with the token that deespec board has printed when it was started."
SEND_AGAIN = (
    "What you typed is not lost: open the URL that deespec board has printed when it was started last in another tab, "
    "then go back here and send the form again."
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@record
class Admitted:
    """A request that was let in."""

    session: str | None
    """None: it asks for something that needs none."""
    form: tuple[tuple[str, str], ...] = ()


class Refused(DeespecError):
    """The board does not do that."""

    code = "refused"

    def __init__(self, status: int, message: str, *, hint: str | None = None, after_s: float = 0) -> None:
        super().__init__(message, hint=hint)
        self.http_status = status
        self.after_s = after_s


def broken() -> Refused:
    return Refused(500, "The board made a mistake.", hint="Its terminal says which.")


class Guard:
    """The outermost application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        serving: Serving,
        sessions: Sessions,
        open_paths: frozenset[str],
        explain: Callable[[Scope, DeespecError], Response],
    ) -> None:
        self._app = app
        self._serving = serving
        self._sessions = sessions
        self._open_paths = open_paths
        """What is shown to everybody: the board's own files, and the form for the password."""
        self._explain = explain
        self._rates = Rates(per_s=REQUESTS_PER_S, at_once=REQUESTS_AT_ONCE)
        self._logins = Rates(per_s=LOGINS_PER_S, at_once=LOGINS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        assert scope["type"] == "http", "the server speaks HTTP only"
        sending = _with_headers(send)
        try:
            scope[ADMITTED] = await self._admit(scope, receive)
        except Refused as refused:
            await self._explain(scope, refused)(scope, receive, sending)
            return
        except Exception:
            await self._explain(scope, broken())(scope, receive, sending)
            raise  # the server says what it was
        await self._app(scope, receive, sending)

    async def _admit(self, scope: Scope, receive: Receive) -> Admitted:
        headers = Headers(scope=scope)
        session = self._session(headers)
        now_ms = time.monotonic_ns() // 1_000_000
        after_s = self._rates.take(session or _address(scope), now_ms)
        if after_s:
            raise Refused(429, "Too many requests.", hint="Ask again in a moment.", after_s=after_s)
        asked = len(scope.get("raw_path", b"")) + len(scope["query_string"])
        if asked > PATH_MOST_BYTES:
            raise Refused(414, "That address is too long.")
        if asked + sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_MOST_BYTES:
            raise Refused(431, "That is too much for the head of a request.")
        if len(headers.getlist("host")) != 1 or not is_own_host(self._serving, headers["host"]):
            hint = "Use the address that deespec board has printed, or start it with --host NAME."
            raise Refused(403, "This board is not served under that name.", hint=hint)
        path = _checked_path(scope)
        if scope["method"] not in (*SAFE, "POST"):
            raise Refused(405, "The board knows GET and POST only.")
        if session is None and path not in self._open_paths and not self._is_signing_in(scope, path):
            raise Refused(401, "You are not signed in.", hint=SIGN_IN if scope["method"] in SAFE else SEND_AGAIN)
        if scope["method"] in SAFE:
            return Admitted(session=session)
        self._check_origin(headers)
        if path == LOGIN and (after_s := self._logins.take(_address(scope), now_ms)):
            raise Refused(429, "Too many passwords.", hint="Wait a minute.", after_s=after_s)
        if self._serving.read_only and path != LOGIN:
            raise Refused(403, "This board only shows: it was started with --read-only.")
        form = await _form(headers, receive)
        if path != LOGIN:
            self._check_csrf(session, headers, form)
        return Admitted(session=session, form=form)

    def _is_signing_in(self, scope: Scope, path: str) -> bool:
        if path == "/":
            return scope["method"] in SAFE and "token" in QueryParams(scope["query_string"])
        return path == LOGIN and self._sessions.has_password

    def _session(self, headers: Headers) -> str | None:
        found = cookies(headers).get(self._sessions.cookie)
        return found if self._sessions.knows(found) else None

    def _check_origin(self, headers: Headers) -> None:
        """Browsers say from which page a form comes; who does not say it, also a program with a session, is refused."""
        origin = headers.get("origin")
        if origin is not None:
            parts = split_or_none(origin)
            same = parts is not None and parts.netloc.lower() == headers["host"].lower()
        else:
            same = headers.get("sec-fetch-site") in ("same-origin", "none")
        if not same or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "This form comes from another site.", hint="Open the board itself and do it there.")

    def _check_csrf(self, session: str | None, headers: Headers, form: tuple[tuple[str, str], ...]) -> None:
        given = headers.get("x-csrf-token") or dict(form).get("csrf", "")
        if session is None or not self._sessions.is_csrf(session, given):
            raise Refused(403, "This form is not one of this board's.", hint="Load the page again, and repeat it.")


def cookies(headers: Headers) -> dict[str, str]:
    """The cookies of a request; none if they cannot be read."""
    try:
        found: SimpleCookie = SimpleCookie("; ".join(headers.getlist("cookie")))
    except CookieError:
        return {}
    return {name: one.value for name, one in found.items()}


def _address(scope: Scope) -> str:
    return f"address {scope['client'][0] if scope.get('client') else ''}"


def _checked_path(scope: Scope) -> str:
    """The path; it must be written in the one plain way, so that nothing behind can read it otherwise."""
    raw = scope.get("raw_path", b"").split(b"?")[0].lower()
    path: str = scope["path"]
    odd = any(sign in raw for sign in (b"%2f", b"%5c", b"%00", b"%2e", b"//", b"\\", b"\0"))
    if odd or any(part in (".", "..") for part in path.split("/")) or not path.isprintable():
        raise Refused(404, "There is no such page.", hint="Begin at the board: /")
    return path


async def _form(headers: Headers, receive: Receive) -> tuple[tuple[str, str], ...]:
    """The fields of a form, bounded in size, number and time."""
    if headers.get("content-type", FORM).partition(";")[0].strip().lower() != FORM:
        raise Refused(415, f"The board reads forms only ({FORM}).")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_MOST_BYTES:
        raise Refused(413, f"That is more than {BODY_MOST_BYTES // 1024 // 1024} MiB.")
    try:
        body = await asyncio.wait_for(_body(receive), BODY_WITHIN_S)
    except TimeoutError:
        raise Refused(408, f"The form did not arrive within {BODY_WITHIN_S} s.") from None
    try:
        fields = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MOST, errors="strict", encoding="utf-8"
        )
    except ValueError:
        raise Refused(400, f"The form cannot be read: UTF-8, and at most {FIELDS_MOST} fields.") from None
    return tuple((name, value.replace("\r\n", "\n")) for name, value in fields)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The form ended early.")
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_MOST_BYTES:
            raise Refused(413, f"That is more than {BODY_MOST_BYTES // 1024 // 1024} MiB.")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
