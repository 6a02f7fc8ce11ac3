"""What happens to the database while the board is open: it is said, others go on, and afterwards all is well again."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
from board_at import PATIENCE_S, Got, Served, soon

from deespec.config_home import CONFIG_NAME
from deespec.store.opener import FILE
from ledger import Ledger

HOLDS = """
import sys
from deespec.clock import Clock
from deespec.store.opener import open_store
store = open_store(sys.argv[1], clock=Clock(), busy_ms=20_000)
with store.transaction() as tx:
    tx.note("holder", "held")
    print("inside", flush=True)
    sys.stdin.readline()
"""
BARE_HOLDS = """
import sys, apsw
raw = apsw.Connection(sys.argv[1])
raw.execute("BEGIN IMMEDIATE")
print("inside", flush=True)
sys.stdin.readline()
"""
REGISTERING = 8


def command(home: Path, *args: str, exits: int = 0) -> str:
    words = [sys.executable, "-m", "deespec", "--home", str(home), *args]
    env = {"HOME": str(home.parent), "PATH": os.environ["PATH"]}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=PATIENCE_S * 3, check=False)
    assert done.returncode == exits, done.stdout + done.stderr
    return done.stdout


def told(page: str) -> str:
    """What an error page says."""
    found = re.search(r"<h1>.*?</h1>\s*<p>(.*?)</p>", page, re.DOTALL)
    assert found, page
    return unescape(found.group(1))


@pytest.fixture
def impatient(home: Path) -> None:
    """Writes wait for their turn for a second only."""
    (home / CONFIG_NAME).write_text('[store]\nbusy_timeout = "1s"\n', encoding="utf-8")


@pytest.mark.parametrize("program", [HOLDS, BARE_HOLDS])
def test_while_another_holds_the_database_pages_are_shown_and_changes_say_why_not(
    impatient: None, home: Path, people: Ledger, request: pytest.FixtureRequest, program: str
) -> None:
    item = people.add("To be held")
    served: Served = request.getfixturevalue("served")
    browser = served.browser()
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(home / FILE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "inside\n"
    got: list[Got] = []
    waiting = [
        threading.Thread(target=lambda: got.append(browser.post(f"/items/{item.id}/acts/hold", {}))) for _ in range(6)
    ]
    for one in waiting:
        one.start()
    while any(one.is_alive() for one in waiting):
        assert "To be held" in browser.get("/").text
        time.sleep(0.1)
    for one in waiting:
        one.join()
    assert {one.status for one in got} == {503}
    assert all(told(one.text).endswith("nothing was written.") for one in got), [told(one.text) for one in got]
    holder.communicate("\n", timeout=PATIENCE_S)
    assert browser.post(f"/items/{item.id}/acts/hold", {}).status == 303
    assert people.sbi(item).held


def test_a_backlog_that_goes_on_elsewhere_is_only_shown(served: Served, people: Ledger, tmp_path: Path) -> None:
    item = people.add("Still to be seen")
    people.store.close()
    browser = served.browser()
    assert f"/items/{item.id}/acts/hold" in browser.get("/").text
    there = tmp_path / "elsewhere"
    command(served.home, "db", "copy", "--to", str(there), "--yes")
    page = soon(lambda: (got := browser.get("/")).status == 200 and "goes on in" in got.text and got, "the banner").text
    assert str(there) in page
    assert "Still to be seen" in page
    assert "<form" not in page
    refused = browser.post(f"/items/{item.id}/acts/hold", {})
    assert refused.status == 503
    assert "moved to" in refused.text


def test_a_backup_that_is_put_back_is_shown(served: Served, people: Ledger, tmp_path: Path) -> None:
    people.add("Before the backup")
    file = str(tmp_path / "backup.db")
    command(served.home, "db", "backup", file)
    after = people.add("After the backup")
    people.store.close()
    browser = served.browser()
    assert after.title in browser.get("/").text
    command(served.home, "db", "restore", file, "--yes")
    page = soon(
        lambda: (got := browser.get("/")).status == 200 and after.title not in got.text and got.text, "the older state"
    )
    assert "Before the backup" in page
    command(served.home, "register", "sbi", "--title", "After the restore")
    soon(lambda: "After the restore" in browser.get("/").text, "what is written then")


def test_settings_that_cannot_be_read_are_said_until_they_can(served: Served, people: Ledger) -> None:
    people.add("Still here")
    browser = served.browser()
    assert browser.get("/").status == 200
    config = served.home / CONFIG_NAME
    config.write_text("[run\n", encoding="utf-8")
    broken = soon(lambda: (got := browser.get("/")).status != 200 and got, "the page to say it")
    assert CONFIG_NAME in broken.text
    assert broken.status < 500 or broken.status == 503
    config.write_text("[run]\n", encoding="utf-8")
    soon(lambda: (got := browser.get("/")).status == 200 and "Still here" in got.text, "the page to recover")


def test_eight_that_register_fail_in_nothing_beside_one_who_asks_without_pause(served: Served) -> None:
    browser = served.browser()
    over = threading.Event()
    asked: Counter[int] = Counter()

    def hammer() -> None:
        while not over.is_set():
            asked[browser.get("/").status] += 1

    hammering = [threading.Thread(target=hammer) for _ in range(4)]
    for one in hammering:
        one.start()
    words = [sys.executable, "-m", "deespec", "--home", str(served.home), "register", "sbi", "--title"]
    env = {"HOME": str(served.home.parent), "PATH": os.environ["PATH"]}
    pipe = subprocess.PIPE
    registering = [
        subprocess.Popen([*words, f"Item {number}"], env=env, stdout=pipe, stderr=pipe, text=True)
        for number in range(REGISTERING)
    ]
    said = [one.communicate(timeout=PATIENCE_S * 3) for one in registering]
    over.set()
    for thread in hammering:
        thread.join()
    assert [one.returncode for one in registering] == [0] * REGISTERING, said
    assert set(asked) <= {200, 429}
    page = soon(lambda: (got := served.browser().get("/")).status == 200 and got.text, "the page")
    assert all(f"Item {number}" in page for number in range(REGISTERING))


def test_a_disk_that_takes_nothing_is_said_and_the_board_goes_on(served: Served, people: Ledger) -> None:
    """The limit on the size of files is that of a disk, for this process."""
    item = people.add("Hold me")
    browser = served.browser()
    assert browser.get("/").status == 200
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = os.stat(served.home / f"{FILE}-wal").st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal, before[1]))
    try:
        full = browser.post(f"/items/{item.id}/acts/hold", {})
        shown = browser.get("/")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (full.status, shown.status) == (503, 200)
    assert "nothing was" in told(full.text)
    assert not people.sbi(item).held
    assert browser.post(f"/items/{item.id}/acts/hold", {}).status == 303
