"""Upkeep that is killed: the database is whole, old or new, and the same command completes what was begun."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from scene import HERE, Scene
from workshop import PATIENCE_S, eventually

from deespec.app import App
from deespec.backlog.register import Order, register
from deespec.clock import Clock
from deespec.config import load_settings
from deespec.model.items import Kind
from deespec.model.spec import new_item
from deespec.store import migrate
from deespec.store.opener import create_store, open_store
from deespec.store.upkeep.backup import back_up, backups_in, verify
from deespec.store.upkeep.shelf import shelf_of

BUSY_MS = 60_000
SOME = 12
"""So many points of death in the short tests, spread over all of them."""


class Yard:
    """A backlog of three items, a backup of its first two, and room for more."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.database = str(self.home / "deespec.db")
        self.state = str(folder / "state")
        self.kept = str(folder / "before.db")
        create_store(self.database, clock=Clock(), busy_ms=BUSY_MS)
        self.register("One", "Two")
        self.backup = back_up(self.database, str(folder / "two.db"), clock=Clock(), busy_ms=BUSY_MS).path
        self.register("Three")
        self.shelf = shelf_of(self.database, self.state, busy_ms=BUSY_MS)

    def register(self, *titles: str) -> None:
        store = open_store(self.database, clock=Clock(), busy_ms=BUSY_MS)
        orders = [Order(kind=Kind.SBI, new=new_item(Kind.SBI, title=title)) for title in titles]
        register(store, orders, uids=[Clock().uid() for _ in orders], owner="me")
        store.close()

    def titles(self) -> list[str]:
        """Of all items, as whoever comes next finds them; the database is whole."""
        store = open_store(self.database, clock=Clock(), busy_ms=BUSY_MS)
        with store.read() as tx:
            numbers = range(1, tx._value("counter_get", name="sbi") + 1)
            found = [tx.sbi(number).title for number in numbers if tx.exists(f"SBI-{number}")]
            assert tx.orphans() == []
        store.close()
        raw = apsw.Connection(self.database)
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert raw.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        raw.close()
        return found


def act(at: int, *words: str) -> list[str]:
    """What it said; with `at` it has died there."""
    command = [sys.executable, str(HERE / "dying_upkeep.py"), str(at), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == (-signal.SIGKILL if at else 0), done.stderr
    return done.stdout.splitlines()


def points(total: int, most: int | None) -> list[int]:
    return (
        list(range(1, total + 1)) if most is None else sorted({1 + (total - 1) * n // (most - 1) for n in range(most)})
    )


def left_in(folder: str | Path) -> list[str]:
    return [name for name in os.listdir(folder) if "partial" in name]


# --- commit ---------------------------------------------------------------------------------------------------------


class Logged(Yard):
    """The same, and a copy of it with a log can be made: as if the last process that used it had been killed."""

    def with_log(self, folder: Path) -> Logged:
        made = object.__new__(Logged)
        made.home = folder
        made.database = str(folder / "deespec.db")
        shutil.copytree(self.home, folder)
        hold = open_store(made.database, clock=Clock(), busy_ms=BUSY_MS)
        with hold.transaction() as tx:
            tx.note("me", "wrote", detail="x" * 60_000)
        (folder / "aside").mkdir()
        for suffix in ("", "-wal"):
            subprocess.run(["cp", f"{made.database}{suffix}", str(folder / "aside")], check=True)
        hold.close()
        for one in (folder / "aside").iterdir():
            one.replace(folder / one.name)
        return made


def commit_dies(tmp_path: Path, most: int | None) -> None:
    """With a log that is there already, so that the last close moves it into the database."""
    model = Logged(tmp_path)
    total = int(act(0, "commit", model.with_log(tmp_path / "probe").database)[-1])
    assert total > SOME
    for at in points(total, most):
        yard = model.with_log(tmp_path / f"dies-{at}")
        acknowledged = act(at, "commit", yard.database)
        titles = yard.titles()
        assert titles[:3] == ["One", "Two", "Three"]
        assert titles[3:] in (acknowledged, [*acknowledged, f"More {len(acknowledged)}"]), f"step {at}"
        yard.register("Later")
        assert yard.titles() == [*titles, "Later"]


def test_a_process_that_is_killed_in_a_commit_or_its_last_close_loses_nothing(tmp_path: Path) -> None:
    commit_dies(tmp_path, SOME)


@pytest.mark.soak
def test_a_process_that_is_killed_at_any_step_of_commits_loses_nothing(tmp_path: Path) -> None:
    commit_dies(tmp_path, None)


# --- backup ---------------------------------------------------------------------------------------------------------


def backup_dies(tmp_path: Path, most: int | None) -> None:
    yard = Yard(tmp_path)
    total = int(act(0, "backup", yard.database, yard.shelf)[-1])
    assert total > SOME
    for at in points(total, most):
        act(at, "backup", yard.database, yard.shelf)
        for one in backups_in(yard.shelf):
            verify(one.path, called=f"left at step {at}")
        assert yard.titles() == ["One", "Two", "Three"]
    act(0, "backup", yard.database, yard.shelf)
    assert left_in(yard.shelf) == []


def test_a_backup_that_is_killed_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    backup_dies(tmp_path, SOME)


@pytest.mark.soak
def test_a_backup_that_is_killed_at_any_step_leaves_no_file_that_looks_like_one(tmp_path: Path) -> None:
    backup_dies(tmp_path, None)


# --- restore --------------------------------------------------------------------------------------------------------


def spoil(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(b"\xff" * 100)


def lose(path: str) -> None:
    os.rename(path, f"{path}-lost")
    Path(f"{path}-wal").write_bytes(b"what was acknowledged last")


DAMAGE = {"sound": lambda path: None, "spoiled": spoil, "lost": lose}


def restore_dies(tmp_path: Path, kind: str, most: int | None) -> None:
    """Each time on a fresh copy: what one death leaves is not what the next one meets."""
    (tmp_path / "model").mkdir()
    model = Yard(tmp_path / "model")
    DAMAGE[kind](model.database)

    def fresh(name: str) -> Yard:
        shutil.copytree(tmp_path / "model", tmp_path / name)
        made = object.__new__(Yard)
        made.home = tmp_path / name / "home"
        made.database, made.state = str(made.home / "deespec.db"), str(tmp_path / name / "state")
        return made

    probe = fresh("probe")
    total = int(act(0, "restore", probe.database, model.backup, probe.state)[-1])
    assert total > SOME
    for at in points(total, most):
        yard = fresh(f"dies-{at}")
        act(at, "restore", yard.database, model.backup, yard.state)
        if kind == "sound" or at == total:
            assert yard.titles() in (["One", "Two", "Three"], ["One", "Two"]), f"step {at}"
        act(0, "restore", yard.database, model.backup, yard.state)
        assert yard.titles() == ["One", "Two"], f"step {at}"
        assert left_in(yard.home) == []
        yard.register("Later")
        assert yard.titles() == ["One", "Two", "Later"]
        shutil.rmtree(tmp_path / f"dies-{at}")


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_restore_that_is_killed_is_whole_or_completed_by_the_same_command(tmp_path: Path, kind: str) -> None:
    restore_dies(tmp_path, kind, SOME)


@pytest.mark.soak
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_restore_that_is_killed_at_any_step_is_completed_by_the_same_command(tmp_path: Path, kind: str) -> None:
    restore_dies(tmp_path, kind, None)


# --- migrate --------------------------------------------------------------------------------------------------------


def migrate_dies(tmp_path: Path, most: int | None) -> None:
    steps = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, steps)
    newest = migrate.migrations()[-1][0]
    (steps / f"{newest + 1:04}_a.sql").write_text("CREATE TABLE added (a); UPDATE sbi SET spec = spec || 'x';")
    (steps / f"{newest + 2:04}_b.sql").write_text("INSERT INTO added SELECT number FROM sbi;")
    (tmp_path / "model").mkdir()
    model = Yard(tmp_path / "model")

    def fresh(name: str) -> tuple[str, str]:
        shutil.copytree(model.home, tmp_path / name)
        (tmp_path / name / "kept").mkdir()
        return str(tmp_path / name / "deespec.db"), str(tmp_path / name / "kept")

    def looks(database: str) -> tuple[int, int]:
        raw = apsw.Connection(database)
        [(schema,)] = raw.execute("PRAGMA user_version").fetchall()
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        there = raw.execute("SELECT name FROM sqlite_schema WHERE name = 'added'").fetchall()
        rows = raw.execute("SELECT count(*) FROM added").fetchall()[0][0] if there else -1
        raw.close()
        return int(str(schema)) - newest, int(str(rows))

    probe = fresh("probe")
    total = int(act(0, "migrate", *probe, str(steps))[-1])
    for at in points(total, most):
        database, kept = fresh(f"dies-{at}")
        act(at, "migrate", database, kept, str(steps))
        assert looks(database) in ((0, -1), (1, 0), (2, 3)), f"step {at}"
        act(0, "migrate", database, kept, str(steps))
        assert looks(database) == (2, 3)
        assert left_in(kept) == []


def test_a_migration_that_is_killed_is_at_one_of_its_steps_and_goes_on_from_there(tmp_path: Path) -> None:
    migrate_dies(tmp_path, SOME)


@pytest.mark.soak
def test_a_migration_that_is_killed_at_any_write_goes_on_from_there(tmp_path: Path) -> None:
    migrate_dies(tmp_path, None)


# --- a project that was copied --------------------------------------------------------------------------------------


def run(copy: Path, scene: Scene, *words: str) -> None:
    """A command in the copy."""
    command = [sys.executable, "-m", "deespec", *words]
    done = subprocess.run(command, cwd=copy, env=scene.env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [("run", "--once"), ("lock", "cleanup")], ids=["run", "cleanup"])
def test_nothing_done_in_a_copied_project_touches_the_original_s_agents(scene: Scene, words: tuple[str, ...]) -> None:
    """Its claims, tokens, outboxes and workers look like ours, and it runs on this very machine."""
    (scene.seen / "wait").touch()
    scene.register("In work")
    scene.register("Waits")
    with scene.worker() as original:
        [agent] = scene.wait_for("waiting")
        before = scene.processes()
        copy = copied(scene)
        run(copy, scene, *words)
        assert original.poll() is None
        assert {*before} <= {*scene.processes()}
        look_into(copy, scene, turns=int(words[0] == "run"))
        (scene.seen / "wait").unlink()
        assert eventually(lambda: any(note.claim == agent.claim for note in scene.notes("acknowledged")))
        assert eventually(lambda: scene.unfinished() == 0)


def copied(scene: Scene) -> Path:
    """The project as `cp -a` copies it; its agents write elsewhere, and wait for nothing."""
    copy = scene.folder / "copy"
    subprocess.run(["cp", "-a", str(scene.root), str(copy)], check=True)
    config = copy / ".deespec" / "config.toml"
    config.write_text(config.read_text().replace(str(scene.seen), str(scene.folder / "seen-in-the-copy")))
    (scene.folder / "seen-in-the-copy").mkdir()
    return copy


def look_into(copy: Path, scene: Scene, *, turns: int) -> None:
    app = App(load_settings(copy / ".deespec", scene.env, {}), clock=Clock(), env=scene.env)
    with app.store.read() as tx:
        assert [entry.detail for entry in tx.journal(event="moved")] == [f"to file {app.store.identity()}"]
        assert [turn.attempt for turn in tx.turns(1)] == [1] * turns, "no attempt was used"
        assert tx.sbi(1).attempts == 0
        assert tx.orphans() == []
        assert (tx.workers(), tx.running(), tx.calls()) == ([], [], [])
    app.close()
