"""The figures page's charts and their numbers are of one history, and hostile titles stay text."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from deespec.app import App, open_app
from deespec.board import sheet
from deespec.board.history import Bucket, Day
from deespec.board.sheet import ROWS_MOST, Chart, Sheet, whole
from deespec.board.sheet_tables import count_names, labels, periods, time_names
from deespec.model.lifecycle import Event
from deespec.model.money import Spend

if TYPE_CHECKING:
    from ledger import Ledger

HOUR = 3_600_000
DAY = 24 * HOUR
DONE = (Event.IMPLEMENTED_ONLY, Event.MERGED)
HOSTILE = "</svg><script>alert(1)</script> \x1b[31m日本語"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def app(ledger: Ledger, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "config.toml").write_text(
        '[run]\nimplement = "ann"\n[agents.ann]\nkind = "command"\ncommand = "true"\n'
    )
    opened = open_app(str(tmp_path), clock=ledger.clock)
    yield opened
    opened.close()


def named(app: App, **changes: int) -> dict[str, Chart]:
    return {chart.name: chart for chart in whole(app, **changes).charts}


def facts(found: Sheet) -> dict[str, tuple[str, str]]:
    return {fact.name: (fact.value, fact.note) for fact in found.facts}


def live(ledger: Ledger, title: str = "A title") -> None:
    """One item DONE at the second turn, one FAILED, one that waits; 1.5 USD."""
    pbi = ledger.add_pbi(title)
    ledger.add(title, parent=pbi.id)
    ledger.add()
    ledger.clock.forward(HOUR)
    ledger.settle(ledger.begin(), Event.FINDINGS, findings=("gate test failed:\nno",))
    claim = ledger.begin()
    ledger.clock.forward(2 * HOUR)
    ledger.settle(claim, *DONE)
    with ledger.store.transaction() as tx:
        tx.spent(Spend(token=claim.token, sbi=1, turn=2, agent="ann", account="ann", tokens_in=1_000, cost_usd=1.5))
    ledger.clock.forward(DAY)
    ledger.settle(ledger.begin(), Event.FINDINGS, Event.LIMIT_REACHED, findings=("gate test failed:\nno",))
    ledger.add()


def test_every_chart_has_its_numbers_beside_it(ledger: Ledger, app: App) -> None:
    live(ledger)
    found = named(app)
    assert found["throughput"].head == ("Day", "DONE", "FAILED", "CANCELLED")
    assert found["throughput"].rows == (("2026-01-01", "1", "0", "0"), ("2026-01-02", "0", "1", "0"))
    assert found["flow"].head == ("Day", "DONE", "CANCELLED", "stopped", "in work", "waiting", "registered")
    assert found["flow"].rows == (
        ("2026-01-01", "1", "0", "0", "0", "1", "2"),
        ("2026-01-02", "1", "0", "1", "0", "1", "3"),
    )
    assert found["arrivals"].rows == (("2026-01-01", "2", "1"), ("2026-01-02", "1", "1"))
    assert found["lead"].rows == (("2–4 h", "1", "100 %"),)
    assert found["cycle"].rows == (("2–4 h", "1", "100 %"),)
    assert found["turns"].rows == (("2", "1", "100 %"),)
    assert found["first-pass"].rows == (("2026-01-01", "1", "0", "0 %"), ("2026-01-02", "1", "0", "0 %"))
    assert found["gates"].rows == (("gate test", "2", "0"),)
    assert found["waiting"].rows[0] == ("without a worker", "1 d 4 h")
    assert found["cost-item"].rows[0] == ("SBI-1", "A title", "2", "2", "1.0k", "-", "1.50 USD")
    assert found["cost-pbi"].rows[0][:2] == ("PBI-1", "A title")
    assert found["run"].rows == ()


def test_the_facts_at_the_top_are_those_of_the_figures(ledger: Ledger, app: App) -> None:
    live(ledger)
    assert facts(whole(app)) == {
        "DONE": ("1", "1 FAILED"),
        "First pass": ("0 %", "0 of 2"),
        "Turns per item": ("2.0", "of items that are DONE"),
        "Lead time": ("3 h 0 min", "median; 90 % within 3 h 0 min"),
        "Cycle time": ("2 h 0 min", "median; 90 % within 2 h 0 min"),
        "Spent": ("1.50 USD", "1.0k tokens"),
    }


def test_an_empty_backlog_has_a_whole_page_of_nothing(app: App) -> None:
    found = whole(app)
    assert facts(found)["DONE"] == ("0", "")
    assert all("Nothing yet" in chart.svg for chart in found.charts)
    assert len({chart.name for chart in found.charts}) == len(found.charts)


def test_hostile_titles_are_text_in_every_chart(ledger: Ledger, app: App) -> None:
    live(ledger, HOSTILE)
    for chart in whole(app).charts:
        root = ElementTree.fromstring(chart.svg)
        assert not [part for part in root.iter() if part.tag.endswith("script")]
        assert "\x1b" not in chart.svg
    assert "日本語" in named(app)["cost-item"].svg


def test_since_leaves_out_what_ended_before(ledger: Ledger, app: App) -> None:
    live(ledger)
    found = named(app, since=ledger.clock.wall - HOUR)
    assert found["throughput"].rows == (("2026-01-02", "0", "1", "0"),)
    assert found["flow"].rows == (("2026-01-02", "1", "0", "1", "0", "1", "3"),)
    assert found["lead"].rows == ()


def test_more_than_two_months_are_shown_by_weeks_from_mondays(ledger: Ledger, app: App) -> None:
    live(ledger)
    ledger.clock.forward(80 * DAY)
    found = named(app)["throughput"]
    assert found.head[0] == "Week from"
    assert [row[0] for row in found.rows][:3] == ["2026-01-01", "2026-01-05", "2026-01-12"]
    assert found.rows[0] == ("2026-01-01", "1", "1", "0")


def test_long_tables_are_cut_and_say_so(ledger: Ledger, app: App) -> None:
    ledger.add_many(ROWS_MOST + 3)
    for _ in range(ROWS_MOST + 3):
        ledger.finish()
    found = named(app)["cost-item"]
    assert (len(found.rows), found.rows_left_out) == (ROWS_MOST, 3)
    assert found.command == "deespec stats --by item --csv"
    later = named(app, since=ledger.clock.wall - DAY)["cost-item"]
    assert later.command == "deespec stats --since 2025-12-31T00:00 --by item --csv"


@pytest.mark.parametrize("name", ["history_of", "figures_of", "gantt_of"])
def test_nothing_is_computed_while_the_snapshot_is_open(
    name: str, ledger: Ledger, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(ledger)
    compute = getattr(sheet, name)

    def computes(*given: object) -> object:
        with app.store.read():  # transactions do not nest
            return compute(*given)

    monkeypatch.setattr(sheet, name, computes)
    assert whole(app).charts


def test_equal_words_of_the_journal_are_in_memory_once(ledger: Ledger, app: App) -> None:
    live(ledger)
    with app.store.read() as tx:
        texts = [value for row in tx.figures().happened() for value in row if isinstance(value, str)]
    assert len(texts) > len(set(texts)) == len({id(text) for text in texts})


def test_all_words_of_the_page_go_through_the_translator(ledger: Ledger, app: App) -> None:
    live(ledger)
    asked: set[str] = set()

    def words(text: str) -> str:
        asked.add(text)
        return f"«{text}»"

    found = whole(app, words=words)
    assert all(chart.title.startswith("«") and chart.part.startswith("«") for chart in found.charts)
    assert all(cell.startswith("«") for chart in found.charts for cell in chart.head if not cell.isupper())
    assert all(re.match("«|$", chart.note) for chart in found.charts)
    assert {"Throughput", "in work", "{tokens} tokens", "without a worker", "In all"} <= asked


def test_buckets_are_named_by_their_edges() -> None:
    minute = 60_000
    edges = [(0, minute), (30 * minute, HOUR), (HOUR, 2 * HOUR), (8 * HOUR, DAY), (4 * DAY, 7 * DAY), (28 * DAY, None)]
    found = [Bucket(low=low, high=high, count=1) for low, high in edges]
    assert time_names(found) == ["< 1 min", "30–60 min", "1–2 h", "8–24 h", "4–7 d", "≥ 4 w"]
    numbers = [Bucket(low=low, high=high, count=1) for low, high in [(0, 1), (2, 3), (6, 8), (21, None)]]
    assert count_names(numbers) == ["0", "2", "6–7", "≥ 21"]


def test_days_of_one_year_are_labelled_without_it() -> None:
    assert labels(["2026-01-31", "2026-02-01"]) == ["01-31", "02-01"]
    assert labels(["2025-12-31", "2026-01-01"]) == ["2025-12-31", "2026-01-01"]


def test_few_days_are_periods_of_their_own() -> None:
    days = [Day(name=f"2026-01-{number:02}", at=number) for number in range(1, 32)]
    assert [one.name for one in periods(days)] == [day.name for day in days]
