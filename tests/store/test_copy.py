"""A backlog that is copied elsewhere goes on there, whole, and only there."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from children import STORE, child, ended, heard

from deespec.clock import Clock
from deespec.errors import InvalidInput, LeaseLost, NotPossible, StoreSealed
from deespec.model.lifecycle import Status
from deespec.store.alive import LifeLock
from deespec.store.opener import open_store
from deespec.store.upkeep.backup import back_up
from deespec.store.upkeep.copy import Copied, copy, database_of, refuse

if TYPE_CHECKING:
    from deespec.store.base import Store
    from ledger import Ledger

BUSY_MS = 60_000


@pytest.fixture
def target(tmp_path: Path) -> str:
    return str(tmp_path / "elsewhere" / ".deespec" / "deespec.db")


def run(path: str, target: str) -> Copied:
    return copy(path, target, actor="me", clock=Clock(), busy_ms=BUSY_MS)


def opened(path: str) -> Store:
    return open_store(path, clock=Clock(), busy_ms=BUSY_MS)


def test_the_copy_has_it_all_and_goes_on(ledger: Ledger, path: str, target: str) -> None:
    one = ledger.add("One")
    ledger.add("Two", depends_on=(one.id,))
    done = run(path, target)
    assert (done.path, done.items) == (target, 2)
    copied = opened(target)
    with copied.read() as tx:
        assert [(tx.sbi(n).title, tx.sbi(n).uid) for n in (1, 2)] == [
            (ledger.sbi(n).title, ledger.sbi(n).uid) for n in (1, 2)
        ]
        assert tx.sbi(2).depends_on == (one.id,)
        assert tx.orphans() == []
        assert tx.moved_to() is None
    with copied.transaction() as tx:
        tx.note("me", "goes on")
    copied.close()


def test_the_source_is_read_only_from_then_on_and_says_where_it_went(ledger: Ledger, path: str, target: str) -> None:
    ledger.add("One")
    run(path, target)
    with pytest.raises(StoreSealed, match="elsewhere"):
        ledger.add("Two")
    with ledger.store.read() as tx:
        assert tx.sbi(1).title == "One"
        assert tx.moved_to() == os.path.dirname(target)
    later = opened(path)
    with later.read() as tx:
        assert tx.counts() == {"PENDING": 1}
    with pytest.raises(StoreSealed), later.light_transaction():
        pass
    later.close()


def test_a_process_that_has_it_open_hears_of_it_at_its_next_write(ledger: Ledger, path: str, target: str) -> None:
    program = STORE + (
        "\nwith store.transaction() as tx: tx.note('a', 'before')\nprint('open', flush=True)\nsys.stdin.readline()\n"
        "try:\n    with store.transaction() as tx: tx.note('a', 'after')\n"
        "except Exception as error: print(error.code, error.exit_status)\n"
    )
    with child(program, path) as one:
        assert heard(one) == "open"
        run(path, target)
        assert ended(one, "go\n") == ["store_sealed 5"]


WRITES_ON = (
    STORE
    + """
from deespec.errors import StoreSealed
count = 0
try:
    while True:
        with store.transaction() as tx:
            tx.note(sys.argv[2], "wrote")
        count += 1
        if count == 3:
            print("writing", flush=True)
except StoreSealed as error:
    print(count, error.message)
"""
)


def test_what_was_acknowledged_up_to_the_seal_is_in_the_copy(ledger: Ledger, path: str, target: str) -> None:
    with ExitStack() as stack:
        writers = [stack.enter_context(child(WRITES_ON, path, f"writer {number}")) for number in range(8)]
        assert [heard(one) for one in writers] == ["writing"] * 8
        run(path, target)
        said = [ended(one)[-1].partition(" ") for one in writers]
    assert all(os.path.dirname(target) in words for _, _, words in said)
    copied = opened(target)
    with copied.read() as tx:
        assert len(tx.journal(event="wrote")) == sum(int(count) for count, _, _ in said)
    copied.close()


def test_a_folder_with_other_things_in_it_is_left_alone(ledger: Ledger, path: str, tmp_path: Path) -> None:
    """The .gitignore that goes along would hide them from Git."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "main.py").touch()
    with pytest.raises(NotPossible, match="other files"):
        run(path, str(tmp_path / "project" / "deespec.db"))
    assert os.listdir(tmp_path / "project") == ["main.py"]
    ledger.add("still writable")


def test_a_checkout_that_has_the_settings_already_keeps_its_own(
    ledger: Ledger, path: str, target: str, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("[run]\n")
    Path(target).parent.mkdir(parents=True)
    Path(target).with_name("config.toml").write_text("[ui]\n")
    run(path, target)
    assert Path(target).with_name("config.toml").read_text() == "[ui]\n"


def test_it_cannot_go_into_what_goes_along(ledger: Ledger, path: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="inside"):
        run(path, str(tmp_path / "prompts" / "new" / "deespec.db"))


def test_claims_are_void_in_the_copy_and_their_items_stay_where_they_were(
    ledger: Ledger, path: str, target: str
) -> None:
    ledger.add("One")
    claim = ledger.begin()
    run(path, target)
    copied = opened(target)
    with copied.transaction() as tx:
        assert tx.sbi(1).status is Status.IMPLEMENTING
        assert tx.running() == []
        with pytest.raises(LeaseLost):
            tx.must_own(claim)
    copied.close()


def test_it_is_refused_while_workers_live(ledger: Ledger, path: str, target: str, tmp_path: Path) -> None:
    life = LifeLock(str(tmp_path), "a-worker")
    with pytest.raises(NotPossible, match="Workers"):
        run(path, target)
    life.release()
    assert not os.path.exists(os.path.dirname(target))


def test_a_backlog_that_is_there_is_never_replaced(ledger: Ledger, path: str, target: str) -> None:
    os.makedirs(os.path.dirname(target))
    back_up(path, target, clock=Clock(), busy_ms=BUSY_MS)
    with pytest.raises(NotPossible, match="already"):
        run(path, target)
    ledger.add("still writable")


def test_a_copy_that_has_gone_on_is_not_taken_for_an_incomplete_one(ledger: Ledger, path: str, target: str) -> None:
    run(path, target)
    with pytest.raises(NotPossible, match="already"):
        run(path, target)


def test_what_has_moved_cannot_move_a_second_time(ledger: Ledger, path: str, target: str, tmp_path: Path) -> None:
    run(path, target)
    with pytest.raises(StoreSealed):
        run(path, str(tmp_path / "third" / "deespec.db"))
    assert not (tmp_path / "third").exists()


def test_settings_prompts_and_labels_go_along_but_no_links(
    ledger: Ledger, path: str, target: str, tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("[run]\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "security.md").write_text("Be careful.\n")
    (tmp_path / "prompts").symlink_to("/etc")
    run(path, target)
    home = Path(target).parent
    assert (home / "config.toml").read_text() == "[run]\n"
    assert (home / "labels" / "security.md").read_text() == "Be careful.\n"
    assert not os.path.lexists(home / "prompts")


@pytest.mark.parametrize("form", ["{home}", "{home}/deespec.db", "sqlite://{home}", "sqlite://{home}/deespec.db"])
def test_a_target_is_named_by_its_folder_or_its_database(form: str, tmp_path: Path) -> None:
    assert database_of(form.format(home=tmp_path)) == str(tmp_path / "deespec.db")


@pytest.mark.parametrize("url", ["postgresql://host/db", "mysql://x", "sqlite://relative"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        database_of(url)


def test_a_backlog_is_not_copied_onto_itself(ledger: Ledger, path: str) -> None:
    with pytest.raises(InvalidInput, match="itself"):
        refuse(path, path, names={})
