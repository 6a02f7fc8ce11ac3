"""From a request to an answer: finds the words, asks the page in a thread, renders once for all who see the same."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import HTMLResponse, RedirectResponse, Response

from deespec.errors import DeespecError
from deespec.records import record, replace
from deespec.web import rendering
from deespec.web.guard import ADMITTED, SAFE, Admitted, Refused, cookies
from deespec.web.links import split_or_none
from deespec.web.page import Done, Page, PageRequest, Plain
from deespec.web.rendering import Frame, Html
from deespec.web.watching import Counted, Recent, Watching
from deespec.web.words import choose, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from deespec.app import App
    from deespec.clock import Clock
    from deespec.web.backlog import Backlog
    from deespec.web.live import Live
    from deespec.web.routes import PageRoute
    from deespec.web.serving import Serving
    from deespec.web.sessions import Sessions

TO_GO_BACK_TO = "private, no-cache"
"""Of a form that is shown again: a browser that goes back to it has only what it has kept."""
KEPT_MOST = 32
"""Rendered pages of the newest version."""
KEPT_MS = 1_000
"""Pages name times of day and durations, so even an unchanged one is rendered anew after this."""


@record
class Rendered:
    html: Html
    status: int
    at_ms: int


class Board:
    """What all requests of one running board share. Lives in the event loop."""

    def __init__(self, *, serving: Serving, sessions: Sessions, backlog: Backlog, live: Live, clock: Clock) -> None:
        self.serving = serving
        self.sessions = sessions
        self.backlog = backlog
        self.live = live
        self.clock = clock
        self.rendered = 0
        """Pages that were rendered so far."""
        self._watching = Watching()
        self._recent = Recent()
        self._counted = Counted()
        self._version = ""
        self._kept: OrderedDict[tuple[object, ...], asyncio.Task[Rendered | Plain]] = OrderedDict()

    # --- showing ---

    async def show(self, route: PageRoute, request: Request) -> Response:
        """The answer to a GET."""
        frame = self.frame_of(request)
        key = (frame, tuple(request.path_params.items()))
        task = self._kept_task(key)
        if task is None:
            self.rendered += 1
            task = asyncio.create_task(self._shown(route, request, frame))
            self._keep(key, task)
        try:
            found = await asyncio.shield(task)
        except DeespecError as error:
            return self.failed(request, error)
        if isinstance(found, Plain):
            return plain(found)
        return self.page(request, found.html, found.status)

    def _kept_task(self, key: tuple[object, ...]) -> asyncio.Task[Rendered | Plain] | None:
        if self._version != self.live.version:
            self._version = self.live.version
            self._kept.clear()
        for old in [old for old, task in self._kept.items() if task.done() and not self._is_new(task)]:
            del self._kept[old]
        return self._kept.get(key)

    def _keep(self, key: tuple[object, ...], task: asyncio.Task[Rendered | Plain]) -> None:
        """Files and errors are kept for those only who wait for the same."""

        def done(task: asyncio.Task[Rendered | Plain]) -> None:
            if self._kept.get(key) is task and not self._is_new(task):
                del self._kept[key]

        self._kept[key] = task
        task.add_done_callback(done)
        if len(self._kept) > KEPT_MOST:
            self._kept.popitem(last=False)

    def _is_new(self, task: asyncio.Task[Rendered | Plain]) -> bool:
        """A page that was rendered a moment ago."""
        if task.cancelled() or task.exception() is not None:
            return False
        found = task.result()
        return isinstance(found, Rendered) and self.clock.waking_ms() - found.at_ms < KEPT_MS

    async def _shown(self, route: PageRoute, request: Request, frame: Frame) -> Rendered | Plain:
        asked = self._asking(request)

        def show(app: App) -> Rendered | Plain:
            answer = route.answer(asked(app))
            if isinstance(answer, Plain):
                return answer
            assert isinstance(answer, Page), "a GET shows something"
            return self._rendered(app, answer, frame)

        return await self.backlog.ask(show, again=True, dear=route.dear)

    def _rendered(self, app: App, answer: Page, frame: Frame) -> Rendered:
        with app.store.read() as tx:
            moved_to = tx.moved_to()
            read_only = frame.read_only or moved_to is not None
            around = replace(frame, now_ms=tx.now, moved_to=moved_to, read_only=read_only)
        if frame.signed_in and not answer.template.startswith("_"):  # a part of a page has no head line
            around = replace(around, waiting=self._counted.of(app, frame.version))
        html = rendering.render(around, answer.template, title=answer.title, **answer.values)
        return Rendered(html=html, status=answer.status, at_ms=self.clock.waking_ms())

    async def warm(self, route: PageRoute) -> None:
        """Shows a page to nobody, so that the first who asks need not wait for what is made once."""

        def show(app: App) -> None:
            words = words_of("en")
            asked = PageRequest(app=app, path=route.path, words=words, watching=self._watching, recent=self._recent)
            answer = route.answer(asked)
            if isinstance(answer, Page):
                self._rendered(app, answer, Frame(language="en", theme="", here=route.path))

        with suppress(DeespecError):
            await self.backlog.ask(show, again=True)

    # --- changing ---

    async def change(self, route: PageRoute, request: Request) -> Response:
        """The answer to a POST: what was done is told on the page that the browser goes to then."""
        frame = self.frame_of(request)
        asked = self._asking(request)

        def act(app: App) -> Rendered | Done | Plain:
            answer = route.answer(asked(app))
            return self._rendered(app, answer, frame) if isinstance(answer, Page) else answer

        try:
            found = await self.backlog.ask(act, again=False)
        except DeespecError as error:
            return self.failed(request, error)
        finally:
            self.live.changed()
        if isinstance(found, Plain):
            return plain(found)
        if isinstance(found, Rendered):
            response = self.page(request, found.html, found.status)
            response.headers["Cache-Control"] = TO_GO_BACK_TO
            return response
        return self._done(request, found)

    def _done(self, request: Request, done: Done) -> Response:
        now_at = _own_path(request.headers.get("hx-current-url") or request.headers.get("referer") or "")
        came_from = now_at or _back(request) or "/"
        if is_htmx(request) and done.then in (None, now_at):
            return HTMLResponse(rendering.told_beside(self.frame_of(request).language, done.message))
        session = _admitted(request).session
        if session is not None:
            self.sessions.tell(session, done.message)
        to = _own_path(done.then or "") or came_from
        if is_htmx(request):
            return Response(status_code=200, headers={"HX-Redirect": to})
        return RedirectResponse(to, status_code=303)

    # --- what goes wrong ---

    def failed(self, request: Request, error: DeespecError) -> Response:
        """An error as a page of its own; in a page that is open already, as a message there."""
        frame = self.frame_of(request)
        headers = {}
        if isinstance(error, Refused) and error.after_s:
            headers["Retry-After"] = str(int(error.after_s) + 1)
        if is_htmx(request):
            if request.method == "GET":
                html = rendering.render(replace(frame, fragment=True), "_trouble.html", error=error).text
            else:
                html = rendering.told_beside(frame.language, error.message, failed=True, hint=error.hint)
            shown = request.method == "GET" and not isinstance(error, Refused)  # browsers complain of all but success
            return HTMLResponse(html, status_code=200 if shown else error.http_status, headers=headers)
        title = words_of(frame.language).say("That did not work")
        whole = rendering.render(frame, "error.html", title=title, error=error, status=error.http_status)
        response = self.page(request, whole, error.http_status)
        response.headers.update(headers)
        return response

    # --- parts ---

    def frame_of(self, request: Request) -> Frame:
        kept = cookies(request.headers)
        language = choose(
            request.query_params.get("lang"), kept.get("lang"), request.headers.get("accept-language", "")
        )
        theme = kept.get("theme", "")
        return Frame(
            language=language,
            theme=theme if theme in ("light", "dark") else "",
            here=_here(request) if _admitted(request).session is not None else "/",
            version=self.live.version,
            fragment=is_htmx(request),
            signed_in=_admitted(request).session is not None,
            read_only=self.serving.read_only,
            trouble=self.live.trouble,
        )

    def _asking(self, request: Request) -> Callable[[App], PageRequest]:
        """The request as the page gets it, once the App is known."""
        language = self.frame_of(request).language

        def asked(app: App) -> PageRequest:
            with app.store.read() as tx:
                is_sealed = tx.moved_to() is not None
            return PageRequest(
                app=app,
                path=request.url.path,
                words=words_of(language),
                watching=self._watching,
                recent=self._recent,
                parameters=tuple((name, str(value)) for name, value in request.path_params.items()),
                query=tuple(request.query_params.multi_items()),
                form=_admitted(request).form,
                read_only=self.serving.read_only or is_sealed,
            )

        return asked

    def page(self, request: Request, html: Html, status: int = 200) -> HTMLResponse:
        """Fills in what belongs to this session only: every page goes out through here."""
        session = _admitted(request).session
        messages = self.sessions.told(session) if session is not None and html.tells else []
        said = rendering.told(self.frame_of(request).language, messages) if messages else ""
        csrf = self.sessions.csrf(session) if session is not None else ""
        return HTMLResponse(html.filled(csrf=csrf, told=said), status_code=status)


def _here(request: Request) -> str:
    """Path and query of the page; for what a form was sent to, the page it came from."""
    if request.method not in SAFE:
        return _own_path(request.headers.get("referer") or "") or _back(request) or "/"
    return quote(request.url.path) + (f"?{request.url.query}" if request.url.query else "")


def is_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def plain(found: Plain) -> Response:
    headers = {}
    if found.save_as is not None:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.save_as, safe='')}"
    return Response(found.content, media_type=found.media_type, headers=headers)


def _admitted(request: Request) -> Admitted:
    found = request.scope.get(ADMITTED)
    return found if isinstance(found, Admitted) else Admitted(session=None)


def _back(request: Request) -> str | None:
    """The page that a form says it is on: the browser itself does not tell, as the policy asks it to."""
    return _own_path(dict(_admitted(request).form).get("back", ""))


def _own_path(url: str) -> str | None:
    """Path and query of a URL of this board; never leads away."""
    parts = split_or_none(url)
    if parts is None or not parts.path.startswith("/") or parts.path.startswith(("//", "/\\")) or not url.isprintable():
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")
