"""The board as a server: the pages behind their guard, and how it begins and ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from deespec.errors import DeespecError, UsageError
from deespec.records import record
from deespec.web import rendering
from deespec.web.answering import Board
from deespec.web.backlog import Backlog
from deespec.web.guard import ADMITTED, HEADERS_MOST_BYTES, LOGIN, SAFE, Guard, Refused, broken
from deespec.web.live import Live
from deespec.web.routes import PAGES
from deespec.web.serving import in_url
from deespec.web.sessions import Sessions
from deespec.web.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import FrameType

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

    from deespec.app import App
    from deespec.clock import Clock
    from deespec.web.routes import PageRoute
    from deespec.web.serving import Serving

STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
CONNECTIONS_MOST = 300
CROWDED = 200
"""From so many on whoever asks for nothing makes room; more streams than that are never open."""
IDLE_S = 20
HEAD_WITHIN_S = 10
"""For the first line and the headers of a request."""
ENDS_WITHIN_S = 3
YEAR_S = 31_536_000
M_ARENA_MAX = -8
"""Of mallopt(3)."""


@record
class Served:
    """One board, ready to be run."""

    app: Guard
    board: Board


def one_heap() -> None:
    """All threads that begin after this get their memory from one place, where the C library knows how.

    glibc gives each a heap of its own and keeps in it what the thread needed at its most: 10 MB of a board's memory.
    """
    with suppress(ImportError, AttributeError):
        import ctypes

        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def make_app(open_app: Callable[[], App], serving: Serving, *, clock: Clock) -> Served:
    """The board over the backlog that `open_app` opens; it can be opened again and again."""
    sessions = Sessions(port=serving.port, password=serving.password)
    backlog = Backlog(open_app)
    live = Live(backlog)
    board = Board(serving=serving, sessions=sessions, backlog=backlog, live=live, clock=clock)
    files = _static_files()
    routes = [
        *(Route(path, _file(content, kind), methods=["GET"]) for path, (content, kind) in files.items()),
        Route("/live", _live(board), methods=["GET"]),
        Route("/preferences", _preferences, methods=["GET"]),
        Route(LOGIN, _login(board), methods=["GET", "POST"]),
        *(Route(one.path, _endpoint(board, one), methods=[one.method]) for one in PAGES),
    ]
    inner = Starlette(routes=routes, lifespan=_lifespan(board), exception_handlers=_handlers(board))
    inner.router.redirect_slashes = False
    guard = Guard(
        inner,
        serving=serving,
        sessions=sessions,
        open_paths=frozenset(files),
        explain=lambda scope, error: board.failed(Request(scope), error),
    )
    return Served(app=guard, board=board)


def listen(serving: Serving) -> socket.socket:
    """The socket on which it will be served. Raises UsageError where that is not possible."""
    family = socket.AF_INET6 if ":" in serving.address else socket.AF_INET
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((serving.address, serving.port))
        made.listen()  # whoever reads the URL may come before the server is ready
    except OSError as error:
        made.close()
        where = f"{in_url(serving.address)}:{serving.port}"
        raise UsageError(f"{where} cannot be listened on: {error.strerror}.", hint="deespec board --port N") from error
    return made


def serve(served: Served, at: socket.socket, *, ready: Callable[[], None]) -> int:
    """Serves until a signal comes; its number. `ready` is called once the first request would be answered."""
    server = server_of(served, ready=ready)
    server.run(sockets=[at])
    return server.came


def server_of(served: Served, *, ready: Callable[[], None]) -> _Server:
    config = uvicorn.Config(
        served.app,
        http=_Connection,
        ws="none",
        lifespan="on",
        loop="asyncio",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MOST,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=ENDS_WITHIN_S,
        h11_max_incomplete_event_size=HEADERS_MOST_BYTES,
    )
    return _Server(config, served.board, ready)


class _Connection(H11Protocol):
    """Closes when the head of a request takes too long: who sends a byte now and then holds no place for ever."""

    _late: asyncio.TimerHandle | None = None
    _quiet_since: float = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._quiet_since = self.loop.time()
        self._expect()
        if len(self.connections) > CROWDED:
            self._make_room()

    def _make_room(self) -> None:
        """Closes the connection that has asked for nothing for longest: who holds many keeps nobody out."""
        quiet = [one for one in self.connections if isinstance(one, _Connection) and one.is_quiet]
        if quiet:
            oldest = min(quiet, key=lambda one: one._quiet_since)
            oldest.transport.abort()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is to be answered on it, or on its way still."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        is_answered = cycle is None or cycle.response_complete
        return is_answered and not self.transport.get_write_buffer_size() and not self.transport.is_closing()

    def on_response_complete(self) -> None:
        self._quiet_since = self.loop.time()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = cast("RequestResponseCycle | None", self.cycle)
        is_answered = cycle is not None and cycle.response_complete
        if self.conn.their_state is not h11.IDLE and not is_answered:
            self._came()
        elif self._late is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._late = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)

    def _came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class _Server(uvicorn.Server):
    """Ends its open streams when it is to end, and leaves what a signal means to the command."""

    def __init__(self, config: uvicorn.Config, board: Board, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._board = board
        self._ready = ready
        self.came = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the library's signature
        self.came = sig
        self.should_exit = True
        self._board.live.end()


def _lifespan(board: Board) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        board.live.start()
        warming = asyncio.create_task(board.warm(PAGES[0]))
        try:
            yield
        finally:
            warming.cancel()
            board.live.end()
            board.live.join()
            board.backlog.close()

    return living


# --- what is no page --------------------------------------------------------------------------------------------------


def _endpoint(board: Board, page: PageRoute) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if page.method == "POST":
            return await board.change(page, request)
        if page.path == "/" and "token" in request.query_params:
            return _signed_in(board, request, board.sessions.by_token(request.query_params["token"]))
        return await board.show(page, request)

    return answer


def _login(board: Board) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if not board.sessions.has_password:
            raise Refused(404, "There is no such page.", hint="Begin at the board: /")
        if request.method in SAFE:
            return board.page(request, rendering.render(board.frame_of(request), "login.html", title="", wrong=False))
        given = dict(request.scope[ADMITTED].form).get("password", "")
        session = board.sessions.by_password(given)
        if session is None:
            html = rendering.render(board.frame_of(request), "login.html", title="", wrong=True)
            return board.page(request, html, 401)
        return _signed_in(board, request, session)

    return answer


def _signed_in(board: Board, request: Request, session: str | None) -> Response:
    """Gives the browser its session. The page that it gets goes on by itself: after a redirect from another site's
    link the new cookie would not be sent."""
    if session is None:
        hint = "Open the URL that deespec board has printed when it was started last."
        return board.failed(request, Refused(401, "That is not the token of this board.", hint=hint))
    response = board.page(request, rendering.render(board.frame_of(request), "signed_in.html", title=""))
    response.headers["Referrer-Policy"] = "no-referrer"
    secure = request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(board.sessions.cookie, session, httponly=True, samesite="strict", secure=secure, path="/")
    return response


def _live(board: Board) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if board.live.is_full:
            raise Refused(503, "Too many pages are open.", hint="Close some of them.", after_s=10)
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(board.live.stream(seen), media_type="text/event-stream", headers=headers)

    return answer


async def _preferences(request: Request) -> Response:
    """Keeps a choice of language or colours, and goes back."""
    back = request.query_params.get("back", "/")
    if not back.startswith("/") or back.startswith(("//", "/\\")) or not back.isprintable():
        back = "/"
    response = RedirectResponse(back, status_code=303)
    for name, allowed in (("lang", LANGUAGES), ("theme", ("light", "dark", "auto"))):
        if (chosen := request.query_params.get(name)) in allowed:
            response.set_cookie(name, chosen or "", max_age=YEAR_S, httponly=True, samesite="strict", path="/")
    return response


def _static_files() -> dict[str, tuple[bytes, str]]:
    """Path in the URL to content and type: no URL ever becomes the name of a file."""
    return {
        f"/static/{path.relative_to(STATIC).as_posix()}": (path.read_bytes(), TYPES[path.suffix])
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in TYPES
    }


def _file(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    return answer


def _handlers(board: Board) -> dict[object, Callable[[Request, Exception], Awaitable[Response]]]:
    async def missing(request: Request, _: Exception) -> Response:
        return board.failed(request, Refused(404, "There is no such page.", hint="Begin at the board: /"))

    async def wrong_method(request: Request, _: Exception) -> Response:
        return board.failed(request, Refused(405, "That page takes no such request."))

    async def said(request: Request, error: Exception) -> Response:
        assert isinstance(error, DeespecError), "registered for these"
        return board.failed(request, error)

    async def mistaken(request: Request, _: Exception) -> Response:
        return board.failed(request, broken())

    return {404: missing, 405: wrong_method, DeespecError: said, Exception: mistaken}
