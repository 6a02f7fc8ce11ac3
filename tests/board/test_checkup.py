"""Work that was acknowledged and is missing is found by what else knows of it: backups and the refs of turns."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from deespec.app import App
from deespec.backlog.register import Order, register
from deespec.backlog.start import start
from deespec.board.checkup import Checkup, check_up
from deespec.clock import Clock
from deespec.config import Settings
from deespec.model.items import Kind, Turn
from deespec.model.lifecycle import Step
from deespec.model.spec import new_item
from deespec.store.invariants import Severity
from deespec.store.upkeep.backup import back_up
from deespec.store.upkeep.copy import copy

BUSY_MS = 60_000


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A backlog of three items in a checkout, and nobody has it open."""
    root = tmp_path / "project"
    start(root / ".deespec", clock=Clock(), agents=["patch"])
    settings = Settings(home=root / ".deespec", root=root, child_env=tuple(os.environ.items()))
    made = App(settings, clock=Clock(), env={"XDG_STATE_HOME": str(tmp_path / "state")})
    add(made, 3)
    git(root, "init", "--quiet")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "--message", "begin")
    made.store.close()
    yield made
    made.close()


def add(app: App, count: int) -> None:
    orders = [Order(kind=Kind.SBI, new=new_item(Kind.SBI, title=f"Item {number}")) for number in range(count)]
    register(app.store, orders, uids=[Clock().uid() for _ in orders], owner="me")


def git(root: Path, *args: str, stdin: str = "") -> str:
    done = subprocess.run(["git", *args], cwd=root, input=stdin, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def database(app: App) -> str:
    return str(app.settings.home / "deespec.db")


def found(checkup: Checkup, part: str) -> list[tuple[Severity, str | None]]:
    [one] = [one for one in checkup.parts if one.name == part]
    return [(each.severity, each.remedy) for each in one.found]


def turn_ref(app: App, number: int, uid: str, *, turn: int = 1, token: int = 9) -> None:
    root = app.settings.root
    tree = git(root, "write-tree")
    message = f"SBI-{number} turn {turn}\n\nDeespec-Item: {uid}\n"
    commit = git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit-tree", tree, stdin=message)
    git(root, "update-ref", f"refs/deespec/SBI-{number}/turn-{turn}.{token}", commit)


def test_a_sound_backlog_has_every_part_and_no_finding(app: App) -> None:
    checkup = check_up(app)
    assert checkup.sound
    assert {"pages", "schema", "journal", "backups", "turn refs"} <= {part.name for part in checkup.parts}
    assert all(part.found == () for part in checkup.parts)


def test_what_a_backup_knows_and_the_database_does_not_is_lost(app: App, tmp_path: Path) -> None:
    shutil.copyfile(database(app), tmp_path / "earlier.db")
    add(app, 2)
    made = back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    app.store.close()
    shutil.copyfile(tmp_path / "earlier.db", database(app))
    checkup = check_up(app)
    assert not checkup.sound
    assert found(checkup, "backups") == [(Severity.LOST, f"deespec db restore {made.path}")]


def test_a_backup_that_is_behind_says_nothing(app: App) -> None:
    back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    add(app, 2)
    assert check_up(app).sound


def test_a_backup_that_cannot_be_read_is_a_note(app: App) -> None:
    made = back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    Path(made.path).write_bytes(b"spoiled")
    checkup = check_up(app)
    assert checkup.sound
    assert found(checkup, "backups") == [(Severity.NOTE, "deespec db backup")]


def test_a_turn_that_only_git_knows_is_lost(app: App) -> None:
    with app.store.read() as tx:
        uid = tx.sbi(2).uid
    turn_ref(app, 2, uid)
    checkup = check_up(app)
    assert not checkup.sound
    assert [severity for severity, _ in found(checkup, "turn refs")] == [Severity.LOST]


def test_turns_of_another_backlog_are_not_called_lost(app: App) -> None:
    turn_ref(app, 2, "01JDZZZZZZZZZZZZZZZZZZZZZZ")
    checkup = check_up(app)
    assert checkup.sound
    assert [severity for severity, _ in found(checkup, "turn refs")] == [Severity.NOTE]


def test_a_turn_that_was_cut_off_before_it_was_recorded_is_not_called_lost(app: App) -> None:
    with app.store.transaction() as tx:
        tx._next("token")
        uid = tx.sbi(1).uid
    turn_ref(app, 1, uid, token=1)
    assert check_up(app).sound


@pytest.mark.parametrize("content", [b"", b"spoiled" * 1_000])
def test_a_database_that_cannot_be_opened_is_told_with_a_remedy(app: App, content: bytes) -> None:
    Path(database(app)).write_bytes(content)
    checkup = check_up(app)
    assert not checkup.sound
    [(severity, remedy)] = found(checkup, "database")
    assert severity is Severity.DAMAGED
    assert remedy


def test_damage_names_the_newest_backup_as_the_way_back(app: App) -> None:
    made = back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    with open(database(app), "r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xa5" * 4096 * 30)
    checkup = check_up(app)
    assert not checkup.sound
    assert {remedy for part in checkup.parts for remedy in (one.remedy for one in part.found)} >= {
        f"deespec db restore {made.path}"
    }


def begun(app: App, number: int, *, turn: int = 1, token: int = 9) -> None:
    """What a worker makes below the home once it has a claim."""
    (app.settings.home / "turns" / f"SBI-{number}" / f"{turn}.{token}").mkdir(parents=True)


def test_a_turn_that_was_begun_with_a_claim_nobody_gave_is_lost_without_git_too(app: App) -> None:
    begun(app, 2)
    [(severity, _)] = found(check_up(app), "turn refs")
    assert severity is Severity.LOST


def test_a_turn_of_an_item_that_is_gone_with_the_log_is_lost(app: App) -> None:
    turn_ref(app, 7, "01JDZZZZZZZZZZZZZZZZZZZZZZ")
    begun(app, 7)
    [(severity, remedy)] = found(check_up(app), "turn refs")
    assert severity is Severity.LOST
    assert remedy is not None
    assert remedy.startswith("deespec db backup, then deespec db restore")


def test_that_remedy_helps(app: App) -> None:
    """Restoring goes on above every number that Git and the home know of."""
    begun(app, 7)
    made = back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    app.store.close()
    env = {"PATH": os.environ["PATH"], "HOME": str(app.state.parent), "XDG_STATE_HOME": str(app.state.parent)}
    command = [sys.executable, "-m", "deespec", "db", "restore", "--yes", made.path]
    subprocess.run(command, cwd=app.settings.root, env=env, check=True, capture_output=True)
    assert check_up(app).sound


def test_a_claim_that_was_given_again_after_a_loss_is_told(app: App) -> None:
    """Work went on, so the numbers have caught up; the turn that has the claim now is another item's."""
    turn_ref(app, 1, "any", token=1)
    begun(app, 1, token=1)
    with app.store.transaction() as tx:
        assert tx._next("token") == 1
        tx._insert(Turn(sbi=2, number=1, step=Step.IMPLEMENT, agent="", account="", outcome="implemented", token=1))
    assert found(check_up(app), "turn refs")[0][0] is Severity.LOST


def test_the_backup_that_knows_most_counts_whatever_its_clock_said(app: App, tmp_path: Path) -> None:
    shutil.copyfile(database(app), tmp_path / "earlier.db")
    folder = str(app.backups_folder)
    back_up(database(app), folder, clock=Clock(), busy_ms=BUSY_MS)
    add(app, 2)
    fuller = back_up(database(app), os.path.join(folder, "deespec-20010101T000000Z.db"), clock=Clock(), busy_ms=BUSY_MS)
    app.store.close()
    shutil.copyfile(tmp_path / "earlier.db", database(app))
    assert found(check_up(app), "backups") == [(Severity.LOST, f"deespec db restore {fuller.path}")]


def test_what_a_restore_replaced_is_no_way_back(app: App) -> None:
    folder = str(app.backups_folder)
    made = back_up(database(app), folder, clock=Clock(), busy_ms=BUSY_MS)
    add(app, 2)
    back_up(database(app), folder, clock=Clock(), busy_ms=BUSY_MS, special="replaced", verified=False)
    app.store.close()
    Path(database(app)).write_bytes(b"")
    assert found(check_up(app), "database") == [(Severity.DAMAGED, f"deespec db restore {made.path}")]


def test_a_history_that_went_another_way_than_the_backup_s_is_told(app: App, tmp_path: Path) -> None:
    shutil.copyfile(database(app), tmp_path / "earlier.db")
    add(app, 2)
    back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    app.store.close()
    shutil.copyfile(tmp_path / "earlier.db", database(app))
    with app.store.transaction() as tx:
        for _ in range(5):
            tx.note("somebody", "wrote")
    assert [severity for severity, _ in found(check_up(app), "backups")] == [Severity.LOST]


def test_backups_of_a_copy_with_its_own_home_say_nothing_of_the_original(app: App, tmp_path: Path) -> None:
    shutil.copytree(app.settings.root, tmp_path / "copy")
    settings = Settings(home=tmp_path / "copy" / ".deespec", root=tmp_path / "copy")
    other = App(settings, clock=Clock(), env={"XDG_STATE_HOME": str(tmp_path / "state")})
    back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    with other.store.transaction() as tx:
        assert tx.settle_in(other.store.identity(), actor="test")
    add(other, 5)
    back_up(database(other), str(other.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    other.close()
    assert other.backups_folder == app.backups_folder
    assert check_up(app).sound


def test_a_log_that_lost_its_database_is_told_with_the_way_back(app: App) -> None:
    made = back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    os.rename(database(app), f"{database(app)}-wal")
    [part] = check_up(app).parts
    assert "but still its deespec.db-wal, which holds what was written last" in part.found[0].text
    assert part.found[0].remedy == f"deespec db restore {made.path}"


def test_another_program_s_database_is_not_called_damaged(app: App) -> None:
    os.unlink(database(app))
    raw = apsw.Connection(database(app))
    raw.execute("CREATE TABLE notes (text TEXT)")
    raw.close()
    assert [severity for severity, _ in found(check_up(app), "database")] == [Severity.WRONG]


def test_a_log_that_somebody_left_is_not_moved_into_the_database(app: App, tmp_path: Path) -> None:
    back_up(database(app), str(app.backups_folder), clock=Clock(), busy_ms=BUSY_MS)
    add(app, 2)
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{database(app)}{suffix}", tmp_path / f"left.db{suffix}")
    app.store.close()
    for suffix in ("", "-wal"):
        shutil.copyfile(tmp_path / f"left.db{suffix}", f"{database(app)}{suffix}")
    before = [Path(f"{database(app)}{suffix}").read_bytes() for suffix in ("", "-wal")]
    assert check_up(app).sound
    assert [Path(f"{database(app)}{suffix}").read_bytes() for suffix in ("", "-wal")] == before


def test_a_backlog_that_has_moved_is_not_held_against_what_came_later(app: App, tmp_path: Path) -> None:
    copy(database(app), str(tmp_path / "new" / "deespec.db"), clock=Clock(), busy_ms=BUSY_MS, actor="me")
    begun(app, 2)
    checkup = check_up(app)
    assert checkup.sound
    assert found(checkup, "schema")[0][0] is Severity.NOTE
