"""The page of one item: everything about it, none of it able to do anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from board_at import Browser, Served, serving, soon
from filled import asking, draft

from deespec.model.asking import Remark
from deespec.model.items import Sbi, Worker
from deespec.model.lifecycle import Event
from deespec.records import replace
from deespec.store.alive import LifeLock
from deespec.web.serving import Serving
from ledger import Ledger

HOSTILE = (
    "<script>alert(1)</script>\x1b[31mred\x1b[0m \x1b]8;;http://evil.example\x07click\x1b]8;;\x07 "
    "![i](https://evil.example/i.png) [l](javascript:alert(2)) [d](data:text/html,x) \u202eterces\u202c"
)


def keep(home: Path, token: int, name: str, text: bytes, *, turn: int | str = 1, item: str = "SBI-1") -> Path:
    """What a try has printed."""
    path = home / "turns" / item / f"{turn}.{token}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    return path


def worked_on(people: Ledger, turns: int) -> Sbi:
    """An item with so many turns: implemented and sent back, again and again."""
    sbi = people.add("Long work")
    for number in range(turns // 2):
        people.settle(people.begin(), Event.IMPLEMENTED, report=f"Report {number}.", tree="tree", tokens_in=1000)
        remark = Remark(text=f"Remark {number}", file="src/a.py", line=number + 1)
        people.settle(people.begin(), Event.NEEDS_CHANGES, report=f"Review {number}.", remarks=(remark,))
    return people.sbi(sbi)


def inert(text: str) -> bool:
    """Nothing of HOSTILE can do anything."""
    links = re.findall(r'(?:href|src)="([^"]*)"', text)
    return (
        "<script>alert" not in text
        and not any(sign in text for sign in "\x1b\x07\0\u202e")
        and not [link for link in links if link.startswith(("javascript:", "data:", "https://evil", "http://evil"))]
    )


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_it_says_what_the_item_is_and_why_it_waits(browser: Browser, people: Ledger) -> None:
    people.add("First", spec="# Goal\n\nMake it **so**.")
    people.add("Second", depends_on=("SBI-1",), labels=(), paths=("src/**",))
    first, second = browser.get("/items/SBI-1"), browser.get("/items/SBI-2")
    assert first.status == second.status == 200
    assert "<strong>so</strong>" in first.text
    assert "no agent can do it" in first.text
    assert "<code>deespec config set run.implement claude</code>" in first.text
    assert re.search(r"Needed by.*SBI-2.*PENDING.*Second", first.text, re.DOTALL)
    assert re.search(r"Needs.*SBI-1.*PENDING.*First", second.text, re.DOTALL)
    assert "needs SBI-1" in second.text
    assert "src/**" in second.text
    assert first.text.count("<h1") == 1


@pytest.mark.parametrize("asked", ["SBI-1", "sbi-1", "1", "{uid}", "{prefix}"])
def test_it_is_found_by_all_its_names(browser: Browser, people: Ledger, asked: str) -> None:
    sbi = people.add("The one")
    got = browser.get(f"/items/{asked.format(uid=sbi.uid, prefix=sbi.uid[:20].lower())}")
    assert got.status == 200
    assert '<span class="id">SBI-1</span> The one' in got.text


@pytest.mark.parametrize(
    "asked", ["SBI-77", "0", "SBI-99999999999999999999", "nothing", "..%2F..%2Fetc", "PBI-3", "EPIC-1"]
)
def test_what_is_not_there_is_not_found(browser: Browser, people: Ledger, asked: str) -> None:
    people.add("The one")
    for page in ("", "/diff", "/log"):
        assert browser.get(f"/items/{asked}{page}").status == 404


def test_a_pbi_shows_its_own_page(browser: Browser, people: Ledger) -> None:
    people.add_pbi("The group")
    assert "The group" in browser.get("/items/PBI-1").text


def test_an_archived_item_is_shown(browser: Browser, people: Ledger) -> None:
    sbi = people.add("Old")
    people.finish()
    with people.store.transaction() as tx:
        tx.archive([sbi.id], at=tx.now, actor="person")
    got = browser.get("/items/SBI-1")
    assert got.status == 200
    assert "archived" in got.text


def test_turns_tell_what_was_said(browser: Browser, people: Ledger) -> None:
    worked_on(people, 2)
    got = browser.get("/items/SBI-1")
    for words in ("Turn 1", "implement", "Report 0.", "1.0k tokens", "Review 0.", "must fix", "src/a.py:1", "Remark 0"):
        assert words in got.text
    assert 'href="/items/SBI-1/diff?turn=1"' in got.text
    assert 'href="/items/SBI-1/diff?turn=2"' not in got.text


def test_of_many_turns_the_newest_are_open(browser: Browser, people: Ledger) -> None:
    worked_on(people, 40)
    got = browser.get("/items/SBI-1")
    assert "Report 19." in got.text
    assert "Report 2." not in got.text
    assert "Report 2." in browser.get("/items/SBI-1?turn=5").text


def test_what_agents_say_is_inert(browser: Browser, people: Ledger, home: Path) -> None:
    people.add(f"Title {HOSTILE}"[:200].replace("\x1b", "").replace("\x07", ""), spec=HOSTILE)
    claim = people.begin()
    keep(home, claim.token, "gates/0/output.log", HOSTILE.encode() + b"\xff\0")
    people.settle(claim, Event.FINDINGS, report=HOSTILE, findings=(f"gate t failed:\n{HOSTILE}",), error=HOSTILE)
    claim = people.begin()
    people.settle(claim, Event.IMPLEMENTED)
    remark = Remark(text=HOSTILE, file=HOSTILE, line=1)
    people.settle(people.begin(), Event.NEEDS_CHANGES, report=HOSTILE, remarks=(remark,))
    with people.store.transaction() as tx:
        tx.keep_work(replace(tx.work(1), start="0" * 40, request="javascript:alert(3)", conflict=HOSTILE))
        tx.add_draft(replace(draft(1), parent="SBI-1", title=HOSTILE))
    got = browser.get("/items/SBI-1")
    assert got.status == 200
    assert inert(got.text)
    assert "red" in got.text


def test_gates_show_their_end_and_which_has_failed(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Gated")
    claim = people.begin()
    keep(home, claim.token, "gates/0/output.log", b"".join(b"line %d\n" % number for number in range(1000)))
    keep(home, claim.token, "gates/1/output.log", b"\x1b[31mlint: bad\x1b[0m\n")
    keep(home, claim.token, "gates/2/output.log", b"base is fine\n")
    people.settle(claim, Event.FINDINGS, findings=("gate lint failed:\n(exit 1)\nlint: bad",))
    text = browser.get("/items/SBI-1").text
    assert "line 999" in text
    assert "line 899" not in text
    assert "bytes before this are left out" in text
    [first, second, third] = re.findall(r'<summary><span class="verdict (.*?)</summary>', text, re.DOTALL)
    assert "passed" in first
    assert "failed" in second
    assert "lint" in second
    assert "passed" not in third
    assert "failed" not in third


def test_what_gates_said_to_a_merge_stays_on_an_open_page_and_is_fetched_anew_after_another(
    browser: Browser, people: Ledger, home: Path
) -> None:
    def shown(words: str, path: str, **headers: str) -> str:
        """The page as it is once it has these words."""

        def look() -> str:
            text = browser.get(path, **headers).text
            return text if words in text else ""

        return str(soon(look, words))

    people.add("Merged")
    for token in (7, 9):
        keep(home, token, "gates/0/output.log", b"words of %d\n" % token, turn="merge")
        page, words, key = "/items/SBI-1", f"words of {token}", f'id="merge-{token}-over"'
        whole, again = shown(words, page), shown(key, page, HX_Request="true")
        assert all(key in text and 'id="merges"' in text for text in (whole, again))
        assert 'hx-get="/items/SBI-1?part=merges"' in again
        assert shown(words, f"{page}?part=merges", HX_Request="true")


def test_its_history_says_what_the_journal_does(browser: Browser, people: Ledger) -> None:
    people.add("One")
    people.settle(people.begin(), Event.IMPLEMENTED)
    with people.store.transaction() as tx:
        tx.note("ann", "settings_changed", item="SBI-1", detail="a" * 64)

    def told(page: str) -> dict[str, list[str]]:
        rows = re.findall(r'<tr id="(entry-\d+)">(.*?)</tr>', browser.get(page).text, re.DOTALL)
        cells = {row: re.findall(r"<td[^>]*>(.*?)</td>", cells, re.DOTALL) for row, cells in rows}
        return {row: [one.strip() for one in found if one.strip()] for row, found in cells.items()}

    here, there = told("/items/SBI-1"), told("/journal?item=SBI-1")
    assert len(here) > 3
    assert here.keys() == there.keys()
    for row, cells in here.items():
        assert set(cells) <= {*there[row], "1"}
    assert not any("a" * 64 in cell for cells in here.values() for cell in cells)


def test_links_that_an_agent_has_put_there_are_not_followed(browser: Browser, people: Ledger, home: Path) -> None:
    people.add("Linked")
    claim = people.begin()
    keep(home, claim.token, "gates/0/output.log", b"own\n")
    (home.parent / "secret").write_text("the secret")
    (home / "turns/SBI-1" / f"1.{claim.token}/gates/1").mkdir()
    (home / "turns/SBI-1" / f"1.{claim.token}/gates/1/output.log").symlink_to(home.parent / "secret")
    people.settle(claim, Event.IMPLEMENTED)
    text = browser.get("/items/SBI-1").text
    assert "own" in text
    assert "the secret" not in text


def test_a_long_spec_is_cut_and_there_as_text(browser: Browser, people: Ledger) -> None:
    people.add("Long", spec="word \x07" * 100_000 + "the end")
    page, whole = browser.get("/items/SBI-1"), browser.get("/items/SBI-1?part=text")
    assert "the end" not in page.text
    assert "All of it, as text" in page.text
    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert whole.text.endswith("the end")
    assert "\x07" not in whole.text


# --- what can be done -------------------------------------------------------------------------------------------------


def test_a_question_is_answered_on_the_page(browser: Browser, people: Ledger) -> None:
    asking(people, "Which **one**?")
    page = browser.get("/items/SBI-1")
    assert "It asks" in page.text
    assert "Which <strong>one</strong>?" in page.text
    assert 'action="/items/SBI-1/acts/answer"' in page.text
    done = browser.post("/items/SBI-1/acts/answer", {"words": "The *second*.", "back": "/items/SBI-1"})
    assert done.status == 303
    after = browser.get("/items/SBI-1").text
    assert re.search(r"\w+@\S+ answered", after)
    assert "The <em>second</em>." in after
    assert 'action="/items/SBI-1/acts/answer"' not in after


def test_the_acts_are_those_that_are_possible(browser: Browser, people: Ledger) -> None:
    people.add("Free")
    text = browser.get("/items/SBI-1").text
    assert 'formaction="/items/SBI-1/acts/hold"' in text
    assert "/acts/unhold" not in text
    people.hold(1)
    held = browser.get("/items/SBI-1?again=1").text
    assert 'formaction="/items/SBI-1/acts/unhold"' in held
    assert "/acts/hold" not in held


def test_what_cannot_be_edited_any_more_is_not_offered_to_be(browser: Browser, people: Ledger) -> None:
    people.add("Open")
    people.add("Dropped")
    people.move(2, Event.CANCELLED)
    for item, offered in (("SBI-1", True), ("SBI-2", False)):
        assert (f'href="/items/{item}/edit"' in browser.get(f"/items/{item}").text) == offered
        assert (browser.get(f"/items/{item}/edit").status == 200) == offered


@pytest.mark.parametrize(
    ("act", "does", "leaves"),
    [
        ("SBI-1/acts/retry", "Retry SBI-1", "Back"),
        ("SBI-1/acts/reset", "Start SBI-1 again", "Back"),
        ("SBI-2/acts/cancel", "Cancel SBI-2", "Keep it"),
        ("SBI-2/acts/delete", "Delete SBI-2", "Keep it"),
    ],
)
def test_what_an_act_does_and_what_leaves_it_alone_are_told_apart(
    browser: Browser, people: Ledger, act: str, does: str, leaves: str
) -> None:
    asking(people)
    people.add("Free")
    text = browser.get(f"/items/{act}").text
    assert f'<button type="submit">{does}</button>' in text
    assert f'<a href="/items/{act.partition("/")[0]}">{leaves}</a>' in text


def test_the_button_that_cancels_names_the_item_in_japanese_too(browser: Browser, people: Ledger) -> None:
    people.add("Free")
    text = browser.get("/items/SBI-1/acts/cancel?lang=ja").text
    assert '<button type="submit">SBI-1 を取り消す</button>' in text
    assert ">そのまま残す</a>" in text


def test_who_may_only_read_gets_no_forms(home: Path, people: Ledger) -> None:
    asking(people)
    with serving(home, Serving(read_only=True)) as served:
        text = served.browser().get("/items/SBI-1").text
    assert "<form" not in text
    assert "deespec answer SBI-1" in text


# --- while it is open -------------------------------------------------------------------------------------------------


def test_an_open_page_is_not_sent_what_it_has(browser: Browser, people: Ledger) -> None:
    worked_on(people, 4)
    whole, again = browser.get("/items/SBI-1"), browser.get("/items/SBI-1", HX_Request="true")
    keys = re.findall(r'<div id="((?:spec|turns)-[^"]*)" hx-morph-skip', whole.text)
    assert len(keys) == 2
    assert re.findall(r'<div id="((?:spec|turns)-[^"]*)" hx-morph-skip', again.text) == keys
    assert "Report 1." not in again.text
    assert "Do it." not in again.text
    assert 'hx-get="/items/SBI-1?part=turns"' in again.text
    assert "Report 1." in browser.get("/items/SBI-1?part=turns", HX_Request="true").text


def test_a_new_turn_and_an_answer_change_what_is_fetched(browser: Browser, people: Ledger) -> None:
    def key(again: int) -> str:
        text = browser.get(f"/items/SBI-1?again={again}", HX_Request="true").text
        return re.findall(r'<div id="(turns-[^"]*)"', text)[0]

    asking(people)
    asked = key(1)
    with people.store.transaction() as tx:
        tx.answer_question(1, turn=1, answer="This one.", by="person")
    answered = key(2)
    people.retry(1)
    people.settle(people.begin(), Event.IMPLEMENTED)
    assert len({asked, answered, key(3)}) == 3


def test_what_runs_says_what_it_does_now(served: Served, people: Ledger, home: Path) -> None:
    people.add("Runs")
    claim = people.begin()
    lock = LifeLock(str(home), claim.worker)
    with people.store.transaction() as tx:
        tx.add_worker(worker(claim.worker))
    keep(home, claim.token, "output.log", f"first\nnow {HOSTILE}\n".encode())
    text = served.browser().get("/items/SBI-1").text
    lock.release()
    assert 'id="now"' in text
    assert "ann" in text
    assert "now &lt;script&gt;" in text
    assert inert(text)


def worker(uid: str) -> Worker:
    facts = {"host": "here", "pid": 1, "pid_start": "1", "namespace": "1", "boot": "boot 1", "slots": 1}
    return Worker(uid=uid, name="one", **facts)


# --- tries and gates --------------------------------------------------------------------------------------------------


def test_tries_that_failed_are_told_while_no_turn_has_ended(browser: Browser, people: Ledger) -> None:
    people.add("Hard")
    assert "No turn has ended yet." in browser.get("/items/SBI-1").text
    claim = people.begin()
    with people.store.transaction() as tx:
        tx.attempt_failed(claim, actor="worker", error="<b>exit 1</b>", max_attempts=1, delay_ms=0)
    soon(lambda: 'id="failed-tries"' in browser.get("/items/SBI-1").text, "the try")
    text = browser.get("/items/SBI-1").text
    assert "&lt;b&gt;exit 1&lt;/b&gt;" in text
    assert 'href="/items/SBI-1/log?turn=1"' in text
    assert "attempt 2" not in text


@pytest.mark.parametrize(
    ("names", "shown"), [("unit lint", ("gate unit", "gate lint")), ("unit", ("gate 1", "gate 2"))]
)
def test_gates_are_called_as_they_are_named_where_as_many_ran(
    people: Ledger, home: Path, names: str, shown: tuple[str, ...]
) -> None:
    (home / "config.toml").write_text("".join(f'[[gates]]\nname = "{one}"\nrun = "true"\n' for one in names.split()))
    people.add("Gated")
    claim = people.begin()
    people.settle(claim, Event.IMPLEMENTED, report="Done.", tree="tree")
    for number in range(2):
        keep(home, claim.token, f"gates/{number}/output.log", b"fine\n")
    with serving(home) as served:
        text = served.browser().get("/items/SBI-1").text
    for name in shown:
        assert f"</span> {name}</summary>" in text
