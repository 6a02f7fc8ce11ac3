"""`stats` as people and programs get it, from a history whose times are known."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from person import Person

from deespec.model.lifecycle import Event
from deespec.model.money import Spend
from deespec.store.opener import FILE, open_store

if TYPE_CHECKING:
    from ledger import Ledger

MINUTE = 60_000
TEXT = """\
Figures from the beginning

items       2 DONE, 1 CANCELLED
turns       4, 2.0 for an item that is DONE
first pass  50 % (1 of 2) had no finding and a review that SUCCEEDED
lead time   median 1 h 40 min, 90 % within 1 h 41 min (registered to DONE)
cycle time  median 40 min, 90 % within 41 min (begun to DONE)
spent       18.40 USD; 3.2M tokens in (2.9M cached), 130k out; 5 calls
waited      2 h 0 min   in all, summed over items:
            2 h 0 min   without a worker

AGENT  CALLS  TURNS  ITEMS     IN  CACHED    OUT     USD
ann        2      2      1   2.0M    1.9M  20.0k   18.40
bob        1      1      1   1.2M    1.0M   100k       -
cod        1      1      1  30.0k       -  10.0k       ?
dan        1      0      1      -       -      -       -
total      5      4      3   3.2M    2.9M   130k  18.40+

40.0k tokens only: no price is set for gpt-5-codex → [[prices]] in config.toml
1.3M tokens were on subscriptions (7.00 USD as their clients count, not counted)
1 call of 5 said neither tokens nor cost
"""
ITEMS = """\
ITEM   CALLS  TURNS    IN  CACHED    OUT     USD  TITLE
SBI-1      2      2  2.0M    1.9M  20.0k   18.40  日本語のタイトル
SBI-2      2      2  1.2M    1.0M   110k       ?  Two
SBI-3      1      0     -       -      -       -  =cmd|' /C calc'!A0
total      5      4  3.2M    2.9M   130k  18.40+
"""
CSV = """\
item,calls,items,tokens_in,tokens_cached,tokens_out,usd,subscription_tokens,nominal_usd,unpriced_calls,unpriced_tokens,\
silent_calls,turns,done,title
SBI-1,2,1,2000000,1900000,20000,18.4,0,,0,0,0,2,,日本語のタイトル
SBI-2,2,1,1230000,1000000,110000,,1300000,7.0,1,40000,0,2,,Two
SBI-3,1,1,,,,,0,,0,0,1,0,,'=cmd|' /C calc'!A0
"""


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
    made = Person(tmp_path, capsys, monkeypatch)
    store = open_store(str(made.home / FILE), clock=ledger.clock, busy_ms=5_000)
    _live(type(ledger)(store, ledger.clock))
    store.close()
    return made


def _live(ledger: Ledger) -> None:
    """Two items DONE, the second after a finding, and one CANCELLED that an agent has looked at."""
    ledger.add("日本語のタイトル")
    ledger.clock.forward(60 * MINUTE)
    _turn(ledger, 0, Event.IMPLEMENTED, agent="ann", tokens_in=1_000_000, tokens_cached=900_000, cost_usd=10.4)
    _turn(
        ledger,
        40 * MINUTE,
        *(Event.SUCCEEDED, Event.MERGED),
        agent="ann",
        tokens_in=1_000_000,
        tokens_cached=1_000_000,
        tokens_out=20_000,
        cost_usd=8.0,
    )
    ledger.add("Two")
    ledger.clock.forward(60 * MINUTE)
    bob = {"tokens_in": 1_200_000, "tokens_cached": 1_000_000, "tokens_out": 100_000, "cost_usd": 7.0, "metered": False}
    _turn(ledger, 0, Event.FINDINGS, agent="bob", **bob)
    done = (Event.IMPLEMENTED_ONLY, Event.MERGED)
    _turn(ledger, 41 * MINUTE, *done, agent="cod", model="gpt-5-codex", tokens_in=30_000, tokens_out=10_000)
    ledger.add("=cmd|' /C calc'!A0")
    claim = ledger.begin()
    with ledger.store.transaction() as tx:
        tx.spent(Spend(token=claim.token, sbi=3, turn=1, step="implement", agent="dan", account="dan"))
    ledger.move(3, Event.CANCELLED)


def _turn(ledger: Ledger, ms: int, *events: Event, agent: str, **used: object) -> None:
    claim = ledger.begin()
    ledger.clock.forward(ms)
    outcome = "implemented" if Event.IMPLEMENTED_ONLY in events else ""
    metered = used.get("metered", True)
    facts = {"agent": agent, "account": agent, "model": used.get("model"), "metered": metered}
    ledger.settle(claim, *events, outcome=outcome, **facts)
    values = {"turn": claim.turn, "step": claim.step, "agent": agent, "account": agent, **used}
    with ledger.store.transaction() as tx:
        tx.spent(Spend(token=claim.token, sbi=claim.sbi.number, **values))


def test_people_get_what_came_out_what_it_took_and_what_the_sums_leave_out(person: Person) -> None:
    assert person("stats") == TEXT


def test_by_a_mark_only_what_was_spent_is_shown_and_titles_end_the_lines(person: Person) -> None:
    said = person("stats", "--by", "item")
    assert ITEMS in said
    assert "lead time" not in said


def test_csv_has_exact_values_and_no_cell_that_a_spreadsheet_would_run(person: Person) -> None:
    said = person("stats", "--by", "item", "--csv")
    assert said == CSV
    assert list(csv.reader(io.StringIO(said)))[-1][-1] == "'=cmd|' /C calc'!A0"


def test_programs_get_every_figure(person: Person) -> None:
    found = person.json("stats", "--by", "day")
    [day] = found["groups"]
    assert (day["key"], day["calls"], day["usd"], day["done"]) == ("2026-01-01", 5, 18.4, 2)
    assert found["total"]["unpriced_tokens"] == 40_000
    assert found["unpriced"] == [{"model": "gpt-5-codex", "agent": "cod", "priced_now": False}]
    assert found["ended"] == {"DONE": 2, "FAILED": 0, "CANCELLED": 1}
    assert found["outcomes"] == {"findings": 1, "implemented": 2, "succeeded": 1}
    assert found["first_pass"] == {"judged": 2, "passed": 1}
    assert found["turns_per_item"] == 2
    assert found["lead_ms"] == {"items": 2, "median": 100 * MINUTE, "p90": 101 * MINUTE}
    assert found["cycle_ms"] == {"items": 2, "median": 40 * MINUTE, "p90": 41 * MINUTE}
    assert {cause: ms for cause, ms in found["waited_ms"].items() if ms} == {"no_worker": 120 * MINUTE}


@pytest.mark.parametrize(
    ("since", "calls"),
    [("2026-01-01", 5), ("2026-01-01 01:30", 4), ("2026-01-01T03:00:00", 2), ("1h", 0), ("0.5 w", 0), ("9999999d", 5)],
)
def test_since_takes_a_date_or_how_long_ago(person: Person, since: str, calls: int) -> None:
    assert person.json("stats", "--since", since)["total"]["calls"] == calls


@pytest.mark.parametrize("since", ["yesterday", "7", "d", "-7d", "2026-02-30", "", "1e9d"])
def test_what_is_no_time_is_refused_with_what_would_be_one(person: Person, since: str) -> None:
    assert "Say how long ago, as 7d or 12h, or a date" in person.refusal("stats", "--since", since, exits=2)


@pytest.mark.parametrize("since", ["0d", "0 h", "2999-01-01"])
def test_what_is_not_over_is_refused(person: Person, since: str) -> None:
    said = person.refusal("stats", "--since", since, exits=2)
    assert f"--since '{since}' is not before now.\n→ Say how long ago" in said


def test_a_price_that_was_set_later_is_not_said_to_be_missing(person: Person) -> None:
    (person.home / "config.toml").write_text('[[prices]]\nmodel = "gpt-5*"\ninput = 1\noutput = 2\n')
    said = person("stats")
    assert "40.0k tokens only: the price of gpt-5-codex counts from when it was set\n" in said
    assert "no price is set" not in said


@pytest.mark.parametrize("args", [("stats", "--by"), ("run", "--budget-usd"), ("agent", "pause", "x", "--for")])
def test_an_option_without_its_value_leads_to_the_command_s_own_help(person: Person, args: tuple[str, ...]) -> None:
    *command, option = [word for word in args if word != "x"]
    said = person.refusal(*args, exits=2)
    assert said == f"Option '{option}' requires an argument.\n→ deespec {' '.join(command)} --help\n"


def test_csv_and_json_together_are_refused(person: Person) -> None:
    assert "either --csv or --json" in person.refusal("stats", "--csv", "--json", exits=2)


def test_where_no_agent_was_called_it_says_so(person: Person) -> None:
    assert "No agent was called in that time." in person("stats", "--since", "1h")
