"""What an attacker has tried: programs without a session, texts of agents, other people of the same machine."""

from __future__ import annotations

import re
import socket
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from board_at import PATIENCE_S, Browser, Served, serving, soon
from test_board_command import start

from deespec.web import rendering
from deespec.web.guard import PATH_MOST_BYTES
from deespec.web.rendering import Frame, render
from deespec.web.server import CONNECTIONS_MOST
from deespec.web.serving import Serving
from ledger import Ledger

PASSWORD = "correct horse battery"
NO_URLS = ("http://[", "//[", "http://[::1")


def test_no_mark_of_a_page_is_ever_shown(home: Path) -> None:
    with serving(home, Serving(password=PASSWORD)) as served:
        stranger, browser = Browser(served), served.browser()
        origin = {"Origin": f"http://{served.own}"}
        found = [
            stranger.get("/login"),
            stranger.ask("POST", "/login", body="password=wrong", headers=origin),
            stranger.get("/"),
            stranger.get(f"/?token={served.token}"),
            browser.get("/"),
            browser.get("/nothing"),
            browser.get("/nothing", HX_Request="true"),
        ]
    assert [got.text for got in found if re.search(r"(told|csrf)-[0-9a-f]{8}", got.text)] == []


def test_a_text_with_the_marks_of_an_earlier_page_is_only_text() -> None:
    frame = Frame(language="en", theme="", here="/login")
    earlier = render(frame, "login.html", title="", wrong=False)
    later = render(frame, "login.html", title=f"{earlier.csrf} {earlier.told}", wrong=False)
    shown = later.filled(csrf="SECRET", told="TOLD")
    assert f"{earlier.csrf} {earlier.told}" in shown
    assert "SECRET" not in shown
    assert shown.count("TOLD") == 1


def test_what_is_told_cannot_ask_for_the_token() -> None:
    page = render(Frame(language="en", theme="", here="/"), "login.html", title="", wrong=False)
    assert "SECRET" not in page.filled(csrf="SECRET", told=page.csrf)


@pytest.mark.parametrize("url", NO_URLS)
@pytest.mark.parametrize("name", ["Referer", "HX_Current_URL"])
def test_what_is_no_url_breaks_no_form(browser: Browser, people: Ledger, url: str, name: str) -> None:
    item = people.add()
    got = browser.post(f"/items/{item.id}/acts/hold", {"back": url}, **{name: url})
    assert (got.status, got.headers["location"]) == (303, "/")
    assert people.sbi(item).held


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_url_is_another_site(browser: Browser, people: Ledger, url: str) -> None:
    item = people.add()
    assert browser.post(f"/items/{item.id}/acts/hold", {}, Origin=url).status == 403
    assert Browser(browser.served).ask("POST", "/x", body="", headers={"Referer": url}).status == 401
    assert not people.sbi(item).held


@pytest.mark.parametrize("url", [*NO_URLS, "https:/\\evil", "javascript:alert(1)", "https:evil"])
def test_a_link_leads_to_the_web_or_nowhere(url: str) -> None:
    assert rendering.environment("en").from_string("{{ url|outside }}").render(url=url) == "#"


def test_a_mistake_has_its_page_and_its_headers(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(_: str) -> None:
        raise ZeroDivisionError

    browser = served.browser()
    monkeypatch.setattr(served.board.backlog, "ask", mistaken)
    inside = browser.get("/items")
    monkeypatch.setattr(served.board.sessions, "knows", mistaken)
    before = browser.get("/items")
    for got in (inside, before):
        assert got.status == 500
        assert "The board made a mistake." in got.text
        assert got.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_long_address_does_not_come_back(served: Served, browser: Browser) -> None:
    path = "/" + "x" * (PATH_MOST_BYTES - 20)
    got = Browser(served).get(path)
    assert got.status == 401
    assert "xxxx" not in got.text
    for asked in (path + "x" * 20, f"/items?text={path}xxxxxxxxxx"):
        assert Browser(served).get(asked).status == 414
        got = browser.get(asked)
        assert got.status == 414
        assert len(got.text) < 4 * PATH_MOST_BYTES


def test_who_holds_all_connections_keeps_nobody_out(browser: Browser) -> None:
    held = []
    for number in range(CONNECTIONS_MOST + 20):
        one = socket.create_connection(("127.0.0.1", browser.served.port), timeout=PATIENCE_S)
        one.sendall(b"GET / HTTP/1.1\r\nX-a: " if number % 2 else b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        held.append(one)
    found = [browser.get("/").status for _ in range(5)]
    for one in held:
        one.close()
    assert found == [200] * 5


def test_its_own_address_of_loopback_is_one_of_its_names(home: Path) -> None:
    with (
        serving(home, Serving(address="127.0.0.2")) as served,
        socket.create_connection(("127.0.0.2", served.port), timeout=PATIENCE_S) as one,
    ):
        one.sendall(f"GET /static/icon.svg HTTP/1.1\r\nHost: 127.0.0.2:{served.port}\r\n\r\n".encode())
        assert one.recv(20).startswith(b"HTTP/1.1 200")


def test_the_token_is_in_no_list_of_processes(home: Path, tmp_path: Path) -> None:
    programs, seen = tmp_path / "programs", tmp_path / "seen"
    programs.mkdir()
    (tmp_path / "temporary").mkdir()
    browser = programs / "xdg-open"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}.new && mv {seen}.new {seen}\n', encoding="utf-8")
    browser.chmod(0o755)
    env = {"PATH": f"{programs}:/usr/bin:/bin", "TMPDIR": str(tmp_path / "temporary")}
    process = start(home, "--open", **env)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        token = url.partition("?token=")[2]
        opened = soon(lambda: seen.exists() and seen.read_text(encoding="utf-8").strip(), "the browser")
        page = Path(unquote(urlsplit(opened).path))
        assert token
        assert token not in opened
        assert f'content="0; url={url}"' in page.read_text(encoding="utf-8")
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert list((tmp_path / "temporary").iterdir()) == []
