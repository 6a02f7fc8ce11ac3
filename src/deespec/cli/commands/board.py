"""`board`: the backlog in a browser, live."""

from __future__ import annotations

import stat
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.cli import options, output
from deespec.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from deespec.app import App
    from deespec.cli.session import Session
    from deespec.web.serving import Serving

PASSWORD_LEAST = 12
"""Characters. Guesses are slow: five, then one every ten seconds."""


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="The port; 7433, or a free one if that is taken. 0: any free one."
)
@click.option("--listen", metavar="ADDRESS", help="Another address than 127.0.0.1; needs --password-file and --host.")
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="A name under which browsers may ask for it.")
@click.option(
    "--password-file", type=click.Path(path_type=Path), help="A file whose first line lets in, beside the URL's token."
)
@click.option("--read-only", is_flag=True, help="Show everything, change nothing.")
@click.option("--open", "in_browser", is_flag=True, help="Open it in your browser.")
@options.as_json
@options.session
def board(
    session: Session,
    *,
    port: int | None,
    listen: str | None,
    hosts: tuple[str, ...],
    password_file: Path | None,
    read_only: bool,
    in_browser: bool,
    as_json: bool,
) -> int:
    """Serve the backlog as pages that keep themselves up to date, until Ctrl-C.

    Only this machine can reach it, and only with the URL that it prints: the token in it is new each time. The pages
    do what the commands do, with the same checks; nothing is loaded from elsewhere.

    For other machines put a reverse proxy with TLS in front of it, and tell it the name that browsers use: deespec
    board --password-file FILE --host board.example.org. Without one, --listen ADDRESS makes it reachable in clear.
    """
    _check_installed()
    from deespec.web.server import make_app, one_heap, serve
    from deespec.web.serving import LOOPBACK, PORT, Serving, in_url, is_loopback

    app = session.app if read_only else session.app_for_writing()
    password = _password(password_file) if password_file is not None else None
    address = listen or LOOPBACK
    if not is_loopback(address):
        _check_open(address, password=password, hosts=hosts)
    asked = Serving(
        address=address, port=PORT if port is None else port, hosts=hosts, password=password, read_only=read_only
    )
    at, serving = _listen(asked, may_differ=port is None)
    one_heap()
    served = make_app(_opener(session, app), serving, clock=app.clock)
    session.close()
    name = in_url(address) if is_loopback(address) else hosts[0]
    url = f"http://{name}:{serving.port}/?token={served.board.sessions.token}"

    with ExitStack() as ending:

        def ready() -> None:
            _announce(url, as_json=as_json)
            if in_browser and click.launch(ending.enter_context(_leading_to(url)).as_uri()):
                output.tell("No browser could be opened.")

        came = serve(served, at, ready=ready)
    return 128 + came if came else 0


def _check_installed() -> None:
    try:
        import deespec.web.server  # noqa: F401
    except ImportError as error:
        if (error.name or "").startswith("deespec"):
            raise
        words = "deespec board needs starlette, uvicorn and markdown-it-py."
        raise UsageError(words, hint="pip install 'deespec[web]'") from error


def _check_open(address: str, *, password: str | None, hosts: tuple[str, ...]) -> None:
    """What others can reach must be kept from them, and be asked for by a name."""
    if password is None:
        words = f"Others can reach {address}: it needs a password."
        raise UsageError(words, hint="Write one into a file that only you can read: --password-file FILE")
    if not hosts:
        words = "The names under which browsers ask for it must be known (DNS rebinding)."
        raise UsageError(words, hint="deespec board --listen ADDRESS --password-file FILE --host NAME")
    output.tell(f"Everything that goes to {address} can be read on the way: TLS belongs in front.")
    output.tell("Better: no --listen, and a reverse proxy with TLS on this machine that passes Host on.")


def _password(file: Path) -> str:
    """The first line of a file that only its owner can read."""
    try:
        mode = file.stat().st_mode
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read as a password file: {error}.") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidInput(f"Others can read {file}.", hint=f"chmod 600 {file}")
    found = lines[0].strip() if lines else ""
    if len(found) < PASSWORD_LEAST:
        raise InvalidInput(f"The password in {file} has fewer than {PASSWORD_LEAST} characters.")
    return found


def _listen(asked: Serving, *, may_differ: bool) -> tuple[socket.socket, Serving]:
    """The socket; another port than the usual one if that is taken and nobody has asked for it."""
    from deespec.records import replace
    from deespec.web.server import listen

    try:
        at = listen(asked)
    except UsageError:
        if not may_differ:
            raise
        at = listen(replace(asked, port=0))
        output.tell(f"Port {asked.port} is taken; this one has {at.getsockname()[1]}.")
    return at, replace(asked, port=int(at.getsockname()[1]))


def _opener(session: Session, app: App) -> Callable[[], App]:
    """Opens the same backlog again, wherever the program is called from by then."""
    from deespec.app import open_app

    home, overrides = str(app.settings.home), dict(session.overrides)
    return lambda: open_app(home, overrides=overrides)


@contextmanager
def _leading_to(url: str) -> Iterator[Path]:
    """A page that goes on to the URL, as long as the board is there: others see what programs are started with."""
    from html import escape
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="deespec-") as folder:  # only its owner can enter it
        page = Path(folder, "board.html")
        page.touch(mode=0o600)
        page.write_text(
            '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>deespec</title>'
            f'<meta http-equiv="refresh" content="0; url={escape(url)}"><a href="{escape(url)}">deespec</a>\n',
            encoding="utf-8",
        )
        yield page


def _announce(url: str, *, as_json: bool) -> None:
    if as_json:
        output.emit(url=url)
    else:
        output.say(url)
        output.tell("The board is there until Ctrl-C. Whoever has this URL can do all that you can.")
    sys.stdout.flush()
