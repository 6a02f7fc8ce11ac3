"""Who is let in, and what is refused: real requests to a real board."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from board_at import Browser, Served, raw, serving

from deespec.web.guard import BODY_MOST_BYTES, FIELDS_MOST
from deespec.web.rates import REQUESTS_AT_ONCE
from deespec.web.serving import Serving
from ledger import Ledger

# --- the session ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/?token=wrong", "/?token=", "/live", "/items/SBI-1", "/preferences", "/nothing"]
)
def test_without_a_session_nothing_is_shown(served: Served, path: str) -> None:
    got = Browser(served).get(path)
    assert got.status == 401
    assert "deespec board" in got.text


def test_the_token_opens_a_session_that_is_not_the_token(served: Served) -> None:
    browser = Browser(served)
    got = browser.get(f"/?token={served.token}")
    [cookie] = got.headers.get_all("set-cookie") or []
    assert got.status == 200
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert served.token not in cookie
    assert 'content="0; url=/"' in got.text
    assert browser.get("/").status == 200


def test_a_session_that_was_made_up_is_none(served: Served) -> None:
    assert Browser(served).get("/", Cookie=f"deespec-{served.port}=made-up").status == 401


def test_static_files_need_no_session(served: Served) -> None:
    got = Browser(served).get("/static/board.css")
    assert got.status == 200
    assert got.headers["content-type"] == "text/css; charset=utf-8"


# --- the host and the page it comes from ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost:1", "", "["]
)
def test_under_another_name_it_does_not_answer(browser: Browser, host: str) -> None:
    got = browser.get("/", Host=host.format(port=browser.served.port))
    assert got.status == 403
    assert "kanban" not in got.text


def test_two_hosts_are_none(browser: Browser) -> None:
    own = browser.served.own
    answer = raw(browser.served, f"GET / HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\n\r\n".encode())
    assert answer.startswith(("HTTP/1.1 403", "HTTP/1.1 400"))


def test_its_own_names_are_known(browser: Browser) -> None:
    assert browser.get("/", Host=f"localhost:{browser.served.port}").status == 200


def test_a_name_that_was_given_is_known_too(home: Path) -> None:
    with serving(home, Serving(hosts=("board.example.org",))) as served:
        browser = served.browser()
        assert browser.get("/", Host="board.example.org").status == 200
        assert browser.get("/", Host="evil.example.org").status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://{own}", "Sec_Fetch_Site": "cross-site"},
        {},
    ],
)
def test_a_form_from_elsewhere_changes_nothing(browser: Browser, people: Ledger, headers: dict[str, str]) -> None:
    item = people.add()
    sent = {name: value.format(own=browser.served.own) for name, value in headers.items()}
    got = browser.ask("POST", f"/items/{item.id}/acts/hold", body=f"csrf={browser.csrf()}", headers=sent)
    assert got.status == 403
    assert not people.sbi(item).held


@pytest.mark.parametrize("csrf", ["", "wrong", "é"])
def test_a_form_without_its_csrf_token_changes_nothing(browser: Browser, people: Ledger, csrf: str) -> None:
    item = people.add()
    assert browser.post(f"/items/{item.id}/acts/hold", {"csrf": csrf}).status == 403
    assert not people.sbi(item).held


def test_the_csrf_token_of_another_session_is_none(served: Served, people: Ledger) -> None:
    item = people.add()
    one, other = served.browser(), served.browser()
    assert one.post(f"/items/{item.id}/acts/hold", {"csrf": other.csrf()}).status == 403
    assert not people.sbi(item).held


def test_a_form_of_its_own_changes_things(browser: Browser, people: Ledger) -> None:
    item = people.add()
    got = browser.post(f"/items/{item.id}/acts/hold", {"back": "/"})
    assert (got.status, got.headers["location"]) == (303, "/")
    assert people.sbi(item).held
    assert f"{item.id} held" in browser.get("/").text
    assert f"{item.id} held" not in browser.get("/").text, "told once"


@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "http://evil.example", "javascript:alert(1)"])
def test_no_form_leads_away_from_the_board(browser: Browser, people: Ledger, back: str) -> None:
    item = people.add()
    got = browser.post(f"/items/{item.id}/acts/hold", {"back": back})
    assert got.headers["location"] == "/"
    assert browser.get(f"/preferences?lang=ja&back={back}").headers["location"] == "/"


def test_a_board_that_only_shows_changes_nothing(home: Path, people: Ledger) -> None:
    item = people.add()
    with serving(home, Serving(read_only=True)) as served:
        browser = served.browser()
        assert browser.post(f"/items/{item.id}/acts/hold", {}).status == 403
        assert "<form" not in browser.get("/").text
    assert not people.sbi(item).held


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e%2fserver.py",
        "/static/..%5cserver.py",
        "/static/..\\server.py",
        "/static//etc/passwd",
        "/static/board.css%00",
        "/static/board.css/",
        "/static/",
        "/static/vendor",
        "//",
        "/items/SBI-1%2f..%2f..",
        "/nothing",
    ],
)
def test_a_path_that_is_not_in_the_table_is_not_found(browser: Browser, path: str) -> None:
    own = browser.served.own
    cookie = f"deespec-{browser.served.port}={browser.session}"
    request = f"GET {path} HTTP/1.1\r\nHost: {own}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    assert raw(browser.served, request.encode()).startswith("HTTP/1.1 404")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
def test_other_methods_are_refused(browser: Browser, method: str) -> None:
    assert browser.ask(method, "/", headers={"Origin": f"http://{browser.served.own}"}).status == 405


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_a_body_that_says_it_is_too_long_is_not_read(browser: Browser) -> None:
    own = browser.served.own
    cookie = f"deespec-{browser.served.port}={browser.session}"
    head = f"POST /items/SBI-1/acts/hold HTTP/1.1\r\nHost: {own}\r\nCookie: {cookie}\r\nOrigin: http://{own}\r\n"
    length = f"Content-Length: {BODY_MOST_BYTES + 1}\r\n\r\n"
    assert raw(browser.served, (head + length).encode()).startswith("HTTP/1.1 413")


def test_a_body_that_hides_its_length_is_read_up_to_the_limit(browser: Browser) -> None:
    def parts() -> object:
        for _ in range(5):
            yield b"a" * (1024 * 1024)

    headers = {"Origin": f"http://{browser.served.own}"}
    got = browser.ask("POST", "/items/SBI-1/acts/hold", body=parts(), headers=headers)  # type: ignore[arg-type]
    assert got.status == 413


def test_a_form_with_too_many_fields_is_refused(browser: Browser) -> None:
    fields = {f"f{number}": "" for number in range(FIELDS_MOST)}
    assert browser.post("/items/SBI-1/acts/hold", fields).status == 400


def test_only_forms_are_read(browser: Browser) -> None:
    assert browser.post("/items/SBI-1/acts/hold", {}, Content_Type="application/json").status == 415


@pytest.mark.parametrize("end", ["", "\r\n\r\n"])
def test_headers_without_measure_are_refused(served: Served, end: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {served.own}\r\nX: {'x' * 40_000}{end}"
    assert raw(served, request.encode()).startswith(("HTTP/1.1 400", "HTTP/1.1 431"))


# --- how often --------------------------------------------------------------------------------------------------------


def test_who_asks_without_pause_is_told_to_wait(browser: Browser) -> None:
    found = [browser.get("/static/icon.svg") for _ in range(3 * REQUESTS_AT_ONCE)]
    refused = [got for got in found if got.status == 429]
    assert refused, "150 requests in less than two seconds"
    assert all(int(got.headers["retry-after"]) >= 1 for got in refused)


def test_others_are_not_kept_waiting_by_one_who_asks_without_pause(served: Served) -> None:
    one, other = served.browser(), served.browser()
    while one.get("/static/icon.svg").status != 429:
        pass
    assert other.get("/").status == 200


# --- the password -----------------------------------------------------------------------------------------------------

PASSWORD = "correct horse battery"


def test_a_password_lets_in(home: Path) -> None:
    with serving(home, Serving(password=PASSWORD)) as served:
        browser = Browser(served)
        origin = {"Origin": f"http://{served.own}"}
        assert browser.get("/login").status == 200
        assert browser.ask("POST", "/login", body="password=wrong", headers=origin).status == 401
        assert browser.get("/").status == 401
        assert browser.ask("POST", "/login", body=f"password={PASSWORD}", headers=origin).status == 200
        assert browser.get("/").status == 200


def test_passwords_cannot_be_tried_for_long(home: Path) -> None:
    with serving(home, Serving(password=PASSWORD)) as served:
        origin = {"Origin": f"http://{served.own}"}
        found = [Browser(served).ask("POST", "/login", body="password=wrong", headers=origin).status for _ in range(8)]
    assert found == [401] * 5 + [429] * 3


def test_without_a_password_there_is_nothing_to_try(served: Served) -> None:
    assert Browser(served).get("/login").status == 401


# --- what a browser is told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/board.js", "/?token=wrong"])
def test_every_answer_forbids_what_the_board_does_not_need(browser: Browser, path: str) -> None:
    headers = browser.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


def test_pages_are_kept_by_nobody(browser: Browser) -> None:
    assert browser.get("/").headers["cache-control"] == "no-store"


def test_a_title_full_of_mischief_is_shown_as_it_is(browser: Browser, people: Ledger) -> None:
    people.add('<script>alert("1")</script> \u202egpj.exe')
    text = browser.get("/").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; gpj.exe" in text


def test_numbers_of_any_length_are_refused_and_nothing_breaks(browser: Browser, people: Ledger) -> None:
    people.add("An item")
    for path in ("/items", "/pbis", "/journal"):
        name = "before" if path == "/journal" else "page"
        for number in ("000000000001999999999999999999", "9" * 200, "²", "-1"):
            assert browser.get(f"{path}?{urlencode({name: number})}").status == 400
    answer = {"do": "answer", "item": "SBI-1", "words": "This.", "turn": "9" * 5_000}
    assert browser.post("/inbox", answer).status < 500
    assert browser.post("/items/SBI-1/acts/hold", {"turn": "9" * 5_000}).status < 500


def test_who_sends_a_form_to_a_board_that_was_restarted_is_told_how_to_keep_the_words(served: Served) -> None:
    origin = {"Origin": f"http://{served.own}"}
    got = Browser(served).ask("POST", "/register", body="title=One", headers=origin)
    assert got.status == 401
    assert "What you typed is not lost" in got.text
    assert (
        "入力した内容は失われていません"
        in Browser(served).ask("POST", "/register", body="title=One", headers=origin | {"Accept-Language": "ja"}).text
    )


def test_a_form_that_is_shown_again_can_be_gone_back_to(browser: Browser) -> None:
    """Browsers do not ask for it again; what they may not keep is lost then."""
    got = browser.post("/register?kind=sbi", {"title": "One", "parent": "nobody"})
    assert (got.status, got.headers["cache-control"]) == (422, "private, no-cache")
    assert browser.get("/register").headers["cache-control"] == "no-store"
