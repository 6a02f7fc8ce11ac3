"""Full disks, closed folders, damage: the command says what it is and what helps, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from faults import (
    AS_ANYBODY,
    REFUSED,
    back_up,
    database,
    deespec,
    did,
    leave_a_log,
    leave_a_long_log,
    make_older,
    read_only_disk,
    refused,
    register,
    restore,
    small_disk,
    spoil_page,
    titles,
    value,
    verdicts,
    write_over,
)
from scene import Scene

from deespec.backlog import edit

NOBODY = 65534
LONG = 150_000
"""Characters of a spec: a few of these fill a small disk."""


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """With settings, one item, and nothing open."""
    scene.write_config()
    assert register(scene, "first") == "SBI-1"
    return scene


def register_until_refused(scene: Scene, before: tuple[str, ...]) -> tuple[list[str], str]:
    """The titles that were acknowledged, and the message that ended it."""
    (scene.folder / "spec.md").write_text("x" * LONG)
    acknowledged = []
    while True:
        title = f"number {len(acknowledged)}"
        words = ("register", "sbi", str(scene.folder / "spec.md"), "--title", title, "--hold", "--again")
        said = deespec(scene, *words, before=before)
        if said.status:
            assert said.status == REFUSED, said
            return acknowledged, said.err
        acknowledged.append(title)


# --- no room --------------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_while_items_are_registered_loses_none(scene: Scene) -> None:
    with small_disk(scene, scene.home, size="1500k") as disk:
        acknowledged, message = register_until_refused(scene, disk.before)
        assert f"The disk that holds {database(scene)} is full; nothing was written.\n→ Free some space" in message
        disk.mount_again("size=4m")
        assert register(scene, "later", disk.before)
        assert titles(scene, disk.before) == ["first", *acknowledged, "later"]
        assert "sound" in did(scene, "db", "check", before=disk.before)


def test_a_limit_that_is_met_while_items_are_registered_loses_none(scene: Scene) -> None:
    limit = os.path.getsize(database(scene)) + 2 * LONG
    acknowledged, message = register_until_refused(scene, ("prlimit", f"--fsize={limit}", "--"))
    assert f"Reading or writing {database(scene)} failed: disk I/O error; nothing was acknowledged.\n→" in message
    assert "ulimit -f" in message
    assert register(scene, "later")
    assert titles(scene) == ["first", *acknowledged, "later"]
    assert verdicts(scene) == {}


def test_a_disk_that_is_full_to_the_last_byte_is_called_full(scene: Scene) -> None:
    with small_disk(scene, scene.home, size="1m") as disk:
        disk.fill()
        for words in ("status", "archive list", "register sbi --title more", "run --once", "db check", "db backup"):
            message = refused(scene, *words.split(), before=disk.before)
            assert f"The disk that holds {database(scene)} is full; nothing was written.\n→ Free some space" in message
        disk.make_room()
        assert titles(scene, disk.before) == ["first"]


def test_a_full_disk_is_no_damage_and_the_last_backup_comes_back_when_there_is_room(scene: Scene) -> None:
    kept = back_up(scene)
    register(scene, "after it")
    with small_disk(scene, scene.home, size="1m") as disk:
        disk.fill()
        assert "where 0.0 MB are free" in refused(scene, "db", "restore", kept, "--yes", before=disk.before)
        disk.make_room()
        assert titles(scene, disk.before) == ["first", "after it"]
        did(scene, "db", "restore", kept, "--yes", before=disk.before)
        assert titles(scene, disk.before) == ["first"]


def test_a_migration_on_a_full_disk_is_taken_back_and_goes_on_when_there_is_room(scene: Scene) -> None:
    make_older(scene)
    with small_disk(scene, scene.home, size="1m") as disk:
        disk.fill(but=48 * 1024)
        message = refused(scene, "db", "migrate", before=disk.before)
        assert "It was taken back whole; the schema is still 1. A backup from before it is /" in message
        assert "has schema 1, and this deespec needs" in refused(scene, "status", before=disk.before)
        disk.make_room()
        did(scene, "db", "migrate", before=disk.before)
        assert titles(scene, disk.before) == ["Old"]
        assert "sound" in did(scene, "db", "check", before=disk.before)


def test_a_migration_that_meets_a_limit_is_taken_back_and_goes_on_without_it(scene: Scene) -> None:
    """The backup before it is smaller than the limit, the log is not."""
    make_older(scene)
    leave_a_long_log(database(scene))
    message = refused(scene, "db", "migrate", before=("prlimit", "--fsize=500000", "--"))
    assert (
        "failed: disk I/O error. It was taken back whole; the schema is still 1. A backup from before it is" in message
    )
    did(scene, "db", "migrate")
    assert titles(scene) == ["Old"]
    assert verdicts(scene) == {}


def test_a_backup_to_a_full_disk_leaves_nothing_there(scene: Scene) -> None:
    there = scene.folder / "backups"
    there.mkdir()
    with small_disk(scene, there, size="100k") as disk:
        message = refused(scene, "db", "backup", str(there), before=disk.before)
        assert "The copy needs 0.3 MB in" in message
        assert list(disk.at.iterdir()) == []


def test_a_backup_that_meets_a_limit_leaves_nothing(scene: Scene) -> None:
    there = scene.folder / "backups"
    there.mkdir()
    message = refused(scene, "db", "backup", str(there), before=("prlimit", "--fsize=100000", "--"))
    assert f"Copying to {there} failed: disk I/O error; nothing was left there.\n→" in message
    assert list(there.iterdir()) == []


# --- closed ---------------------------------------------------------------------------------------------------------


def closed_folder(home: Path) -> None:
    home.chmod(0o555)


def closed_file(home: Path) -> None:
    (home / "deespec.db").chmod(0o444)


def another_s(home: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder to another user")
    for path in (home, *home.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    home.chmod(0o755)


CLOSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "folder": (closed_folder, "cannot be written: you may not write {home}.\n→ chmod -R u+rwX {home}"),
    "file": (closed_file, "cannot be written: you may not write {home}/deespec.db.\n→ chmod -R u+rwX {home}"),
    "other user": (another_s, "cannot be written: {home} belongs to nobody, and you are "),
}


@pytest.mark.parametrize("how", CLOSED)
def test_what_is_closed_is_named_with_what_opens_it(scene: Scene, how: str) -> None:
    close, message = CLOSED[how]
    close(scene.home)
    for words in (("register", "sbi", "--title", "more"), ("run", "--once"), ("db", "migrate")):
        said = deespec(scene, *words, before=AS_ANYBODY)
        if words[0] == "db" and said.status == 0:
            continue  # it had nothing to write
        assert said.status == REFUSED, said
        assert message.format(home=scene.home) in said.err
    scene.home.chmod(0o755)
    for path in (scene.home, *scene.home.iterdir()):
        os.chown(path, os.geteuid(), os.getegid())
    (scene.home / "deespec.db").chmod(0o600)
    shown = did(scene, "sbi", "list", "--json")
    assert "first" in shown


def test_a_file_that_may_only_be_read_is_read_and_backed_up(scene: Scene) -> None:
    closed_file(scene.home)
    assert titles(scene, AS_ANYBODY) == ["first"]
    did(scene, "db", "backup", before=AS_ANYBODY)


def test_a_home_that_nobody_may_look_into_is_told(scene: Scene) -> None:
    scene.home.chmod(0)
    assert f"{scene.home} cannot be read.\n→ " in refused(scene, "status", before=AS_ANYBODY)
    scene.home.chmod(0o755)


def test_a_home_that_is_mounted_read_only_is_told(scene: Scene) -> None:
    with read_only_disk(scene, scene.root) as disk:
        for words in (("register", "sbi", "--title", "more"), ("status",), ("run", "--once"), ("db", "backup")):
            message = refused(scene, *words, before=disk.before)
            assert f"cannot be written: {scene.home} is mounted read-only.\n→ mount -o remount,rw " in message
    assert titles(scene) == ["first"]


def test_beside_the_database_a_read_only_disk_is_no_bug_either(scene: Scene) -> None:
    back_up(scene)  # which leaves the log and its index there, so that reading is possible
    with read_only_disk(scene, scene.root) as disk:
        did(scene, "status", before=disk.before)
        assert "Read-only file system.\n→ deespec doctor" in refused(scene, "run", "--once", before=disk.before)


# --- damage ---------------------------------------------------------------------------------------------------------


def cut(size: int) -> Callable[[str], None]:
    return lambda path: os.truncate(path, size)


def halve(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // PAGE_PAIR * PAGE_PAIR // 2)


PAGE_PAIR = 8_192


def root_of(name: str) -> Callable[[str], None]:
    return lambda path: spoil_page(path, value(path, f"SELECT rootpage FROM sqlite_schema WHERE name = '{name}'"))


def spoil_freelist(path: str) -> None:
    with open(path, "rb") as file:
        trunk = int.from_bytes(file.read(36)[32:36], "big")
    assert trunk, "the freelist is empty"
    spoil_page(path, trunk)


DAMAGED = "is damaged: database disk image is malformed.\n→ deespec db check tells what is left; deespec db restore"
NO_DATABASE = "is not a database.\n→ deespec db restore FILE"
DAMAGE: dict[str, tuple[Callable[[str], None], str | None]] = {
    "cut in half": (halve, DAMAGED),
    "cut inside a page": (cut(5_000), DAMAGED),
    "cut inside its header": (cut(50), DAMAGED),
    "cut to nothing": (cut(0), "is empty.\n→ deespec db restore brings a backup back; deespec init"),
    "header overwritten": (lambda path: write_over(path, 0, b"\xff" * 100), NO_DATABASE),
    "header of zeros": (lambda path: write_over(path, 0, bytes(100)), NO_DATABASE),
    "page of a table": (root_of("sbi"), DAMAGED),
    "page of the journal": (root_of("journal"), DAMAGED),
    "page of an index": (root_of("sbi_source"), None),
    "page of the freelist": (spoil_freelist, None),
    "removed": (os.unlink, "There is no database {path}.\n→ deespec init creates it; deespec db restore"),
}


ONLY_SOAK = (
    "cut inside a page",
    "cut inside its header",
    "header of zeros",
    "page of the journal",
    "a page overwritten",
)
"""They differ little from the others."""


def shortened(names: Iterable[str]) -> list[object]:
    return [pytest.param(name, marks=pytest.mark.soak if name in ONLY_SOAK else ()) for name in names]


@pytest.mark.parametrize("how", shortened(DAMAGE))
def test_damage_is_named_and_the_last_backup_comes_back(scene: Scene, how: str) -> None:
    scene.register("second", spec="x" * LONG)
    edit.delete(scene.app.store, "SBI-2", actor="me")  # which leaves a freelist
    scene.register("third")
    kept = back_up(scene)
    scene.app.close()
    path = database(scene)
    assert not os.path.exists(f"{path}-wal")
    damage, message = DAMAGE[how]
    damage(path)
    if message is not None:
        assert message.format(path=path) in refused(scene, "register", "sbi", "--title", "more")
    assert "damaged" in verdicts(scene).values()
    assert deespec(scene, "db", "backup").status == REFUSED
    restore(scene, kept)
    assert verdicts(scene) == {}
    assert titles(scene) == ["first", "third"]
    assert int(register(scene, "later")[4:]) > 3


def test_an_emptied_database_keeps_its_log_whatever_is_tried(scene: Scene) -> None:
    leave_a_log(scene, 5)
    path = database(scene)
    os.truncate(path, 0)
    log = Path(f"{path}-wal").read_bytes()
    for words in (("status",), ("register", "sbi", "--title", "more"), ("init", "--agent", "patch"), ("run", "--once")):
        said = deespec(scene, *words)
        assert said.status == REFUSED, words
        assert f"{path} is empty" in said.err
    assert Path(f"{path}-wal").read_bytes() == log


# --- the log, while nobody has it open ------------------------------------------------------------------------------


def another_backlog_s(scene: Scene, path: str) -> None:
    """The log of a backlog that has more in it than ours."""
    folder = scene.folder / "another"
    folder.mkdir()
    other = Scene(folder)
    other.write_config()
    leave_a_log(other, 60)
    os.unlink(f"{path}-shm")
    shutil.copy(f"{database(other)}-wal", f"{path}-wal")


LOGS: dict[str, Callable[[Scene, str], None]] = {
    "cut in half": lambda _, path: os.truncate(f"{path}-wal", os.path.getsize(f"{path}-wal") // 2),
    "header overwritten": lambda _, path: write_over(f"{path}-wal", 0, b"\xff" * 32),
    "a page overwritten": lambda _, path: write_over(f"{path}-wal", 50_000, b"\xff" * 5_000),
    "removed": lambda _, path: os.unlink(f"{path}-wal"),
    "another backlog's": another_backlog_s,
}


@pytest.mark.parametrize("how", shortened(LOGS))
def test_what_a_log_has_lost_is_found_by_the_last_backup_and_comes_back_from_it(scene: Scene, how: str) -> None:
    acknowledged = leave_a_log(scene, 20)
    kept = back_up(scene)
    LOGS[how](scene, database(scene))
    assert deespec(scene, "register", "sbi", "--title", "more").status in (0, 5)
    assert set(verdicts(scene).values()) & {"lost", "damaged"}
    restore(scene, kept)
    assert verdicts(scene) == {}
    listed = titles(scene)
    assert len(listed) >= 1 + len(acknowledged)
    assert int(register(scene, "later")[4:]) > 1 + len(acknowledged)


def test_a_log_whose_index_is_gone_is_read_whole(scene: Scene) -> None:
    acknowledged = leave_a_log(scene, 20)
    os.unlink(f"{database(scene)}-shm")
    assert len(titles(scene)) - len(acknowledged) in (1, 2)  # one may have been stored and not acknowledged any more
    assert verdicts(scene) == {}


# --- the guide ------------------------------------------------------------------------------------------------------

GUIDE = Path(__file__).parents[2] / "docs" / "wal-mode.md"
TOLD = (
    "The disk that holds …/deespec.db is full; nothing was written.",
    "Reading or writing …/deespec.db failed: disk I/O error; nothing was acknowledged.",
    "cannot be written: you may not write …",
    "cannot be written: … belongs to ",
    "cannot be written: … is mounted read-only.",
    "…: Read-only file system.",
    "… cannot be read.",
    "The copy needs 0.3 MB in …",
    "Copying to … failed: disk I/O error; nothing was left there.",
    "It was taken back whole; the schema is still 1.",
    ", stopped) has been writing to this backlog for more than ",
    "or a file beside it was replaced or removed while it was in use; nothing was written.",
    "No backlog here.",
    "…/deespec.db is damaged: database disk image is malformed.",
    "…/deespec.db is not a database.",
    "…/deespec.db is empty.",
    "There is no database …/deespec.db.",
    "is empty, but still its deespec.db-wal",
)
"""What these tests have met, here and in test_faults_at_work.py; a path is `…`."""


@pytest.mark.parametrize("message", TOLD)
def test_the_guide_tells_of_each_message(message: str) -> None:
    assert message in GUIDE.read_text(encoding="utf-8")
