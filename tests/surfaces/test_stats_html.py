"""`stats --html` writes one page that needs nothing else, and never over what is no such page."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from person import Person

from deespec.clock import Clock
from deespec.model.lifecycle import Event
from deespec.store.opener import FILE, open_store
from ledger import FakeClock, Ledger

DAY = 86_400_000
HOSTILE = "</td></svg><script>alert(1)</script><img src=x onerror=alert(1)> 日本語"
VOID = {"meta", "link", "br", "img", "input", "hr"}


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def person(
    tmp_path: Path, ledger: Ledger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, utc: None
) -> Person:
    """Two items, one DONE some days ago, one that an agent's gate has sent back."""
    made = Person(tmp_path, capsys, monkeypatch)
    store = open_store(str(made.home / FILE), clock=ledger.clock, busy_ms=5_000)
    own = type(ledger)(store, ledger.clock)
    own.add(HOSTILE)
    own.finish()
    own.clock.forward(2 * DAY)
    own.add()
    own.settle(own.begin(), Event.FINDINGS, findings=(f"gate {HOSTILE} failed:\n",))
    store.close()
    return made


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps what there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_is_whole_and_needs_nothing_else(person: Person) -> None:
    said = person("stats", "--html", "figures.html")
    assert re.fullmatch(r"figures\.html: the figures as one page, \d+ KB\n", said)
    text = Path("figures.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.all("html") == [{"lang": "en"}]
    assert not page.all("script") + page.all("link") + page.all("img")
    assert not [attrs for _, attrs in page.tags if {"src", "href", "style", "onerror"} & attrs.keys()]
    assert "@import" not in text
    assert set(re.findall(r"https?://[^\"]*", text)) == {"http://www.w3.org/2000/svg"}
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(svg)


def test_the_page_can_be_read_by_its_structure(person: Person) -> None:
    page = Page(person("stats", "--html", "-"))
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert len(page.all("table")) == len(page.all("caption"))
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row"}
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    refers = {one for _, attrs in page.tags for one in (attrs.get("aria-labelledby") or "").split()}
    assert refers <= set(ids)


def test_standard_output_is_the_page_and_nothing_else(person: Person) -> None:
    said = person("stats", "--html", "-")
    assert said.startswith("<!doctype html>")
    assert said.rstrip().endswith("</html>")
    assert "日本語" in said
    assert list(Path().glob("*")) == [Path(".deespec")]


def test_since_is_the_page_s_span(person: Person) -> None:
    assert "From the beginning to" in person("stats", "--html", "-")
    assert "2026-01-02 00:00 to" in person("stats", "--html", "-", "--since", "2026-01-02")


def test_a_page_of_before_is_written_over_and_keeps_its_mode(person: Person) -> None:
    person("stats", "--html", "figures.html")
    os.chmod("figures.html", 0o600)
    before = os.stat("figures.html").st_ino
    person("stats", "--html", "figures.html", "--since", "2026-01-02")
    assert "2026-01-02 00:00 to" in Path("figures.html").read_text(encoding="utf-8")
    assert os.stat("figures.html").st_mode & 0o777 == 0o600
    assert os.stat("figures.html").st_ino != before
    assert [path.name for path in Path().iterdir()].count("figures.html") == len([*Path().glob("*figures*")]) == 1


@pytest.mark.parametrize("content", ["", "notes of mine", "<!doctype html><title>mine</title>"])
def test_what_is_no_such_page_is_kept_unless_a_person_forces_it(person: Person, content: str) -> None:
    file = Path("mine.html")
    file.write_text(content)
    said = person.refusal("stats", "--html", "mine.html", exits=4)
    assert said == "mine.html is there and no page of figures.\n→ --force writes over it.\n"
    assert file.read_text() == content
    person("stats", "--html", "mine.html", "--force")
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_link_stays_one_and_the_file_behind_it_is_written(person: Person) -> None:
    Path("behind").mkdir()
    Path("link.html").symlink_to("behind/page.html")
    person("stats", "--html", "link.html")
    assert Path("link.html").is_symlink()
    assert Path("behind/page.html").is_file()


@pytest.mark.parametrize("file", ["nowhere/figures.html", ".", "pipe"])
def test_what_cannot_be_written_is_said(person: Person, file: str) -> None:
    os.mkfifo("pipe")
    said = person.refusal("stats", "--html", file, exits=2)
    assert said.startswith((f"{file} cannot be written: ", f"{file} is no file."))


@pytest.mark.parametrize("others", [("--csv",), ("--by", "item"), ("--csv", "--by", "day")])
def test_the_page_goes_without_what_it_holds(person: Person, others: tuple[str, ...]) -> None:
    said = person.refusal("stats", "--html", "x.html", *others, exits=2)
    assert said == "--html goes without --csv, --json and --by: the page has all of it.\n"
    assert not Path("x.html").exists()


def test_force_alone_is_refused(person: Person) -> None:
    assert person.refusal("stats", "--force", exits=2) == "--force goes with --html.\n"


def test_programs_get_days_and_distributions_beside_the_figures(person: Person) -> None:
    found = person.json("stats")
    first, third = found["days"][0], found["days"][2]
    assert (first["day"], first["registered"], first["begun"], first["done"]) == ("2026-01-01", 1, 1, 1)
    assert third["stood"] == {"waiting": 0, "in_work": 1, "stopped": 0, "done": 1, "cancelled": 0}
    assert found["turns_histogram"] == [{"from": 1, "below": 2, "items": 1}]
    assert found["lead_histogram"] == found["cycle_histogram"] == [{"from": 0, "below": 60_000, "items": 1}]
    assert found["gate_failures"] == [{"name": f"gate {HOSTILE}", "turns": 1, "merges": 0}]
    assert found["run"] is None


def test_people_see_the_last_days_as_a_row_of_blocks(person: Person) -> None:
    assert "by day" not in person("stats")
    clock = FakeClock()
    clock.wall = Clock().now_ms() - DAY
    store = open_store(str(person.home / FILE), clock=clock, busy_ms=5_000)
    yesterday = Ledger(store, clock)
    yesterday.finish()
    store.close()
    said = person("stats")
    assert re.search(r"^by day      ▁{27,28}█▁{1,2}  1 DONE in the last 30 days, today last$", said, re.MULTILINE)
    assert "by day" not in person("stats", "--since", "60d")
