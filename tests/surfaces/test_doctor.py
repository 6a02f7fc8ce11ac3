"""`doctor`: each finding by its real condition, a sound backlog, and what `--fix` does and leaves alone."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

import deespec
from deespec.agents.leftovers import namespace, start_time
from deespec.app import open_app
from deespec.board.health import library, programs, upkeep
from deespec.cli.main import run
from deespec.clock import Clock
from deespec.engine import outbox
from deespec.model.items import Worker
from deespec.store.alive import LifeLock
from deespec.store.opener import FILE, create_store
from deespec.store.upkeep.partial import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.app import App

DAY_S = 86_400
CONFIG = """\
[run]
implement = "patch"

[[gates]]
name = "tests"
run = "true"
"""
NEEDED = ("git", "sh", "sleep", "true", "cat")
OF_THE_MACHINE = {"file-system", "free-space", "free-files"}
"""What a sound backlog may be warned of where the tests run in a container or on a full disk."""


class Clinic:
    """A backlog with everything in order, and its doctor."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.home = folder / ".deespec"
        self.bin = folder.parent / "bin"
        self.temporary = folder.parent / "tmp"
        self.err = ""
        self._capsys = capsys

    def __call__(self, *args: str, exits: int = 0) -> str:
        status = run(args or ("doctor",))
        out, self.err = self._capsys.readouterr()
        assert status == exits, f"exit {status}: {out}{self.err}"
        assert "Traceback" not in self.err
        return out

    def json(self, *args: str, exits: int | None = None) -> dict[str, Any]:
        status = run(("doctor", *args, "--json"))
        out, self.err = self._capsys.readouterr()
        assert exits is None or status == exits, f"exit {status}: {out}{self.err}"
        found: dict[str, Any] = json.loads(out)
        return found

    def all(self, id: str) -> list[dict[str, Any]]:
        return [one for one in self.json()["findings"] if one["id"] == id]

    def one(self, id: str) -> dict[str, Any]:
        [found] = self.all(id)
        return found

    def wrong(self) -> set[str]:
        """The ids of everything that is not well."""
        return {one["id"] for one in self.json()["findings"] if one["level"] != "ok"} - OF_THE_MACHINE

    def done(self, *args: str) -> list[dict[str, Any]]:
        done: list[dict[str, Any]] = self.json("--fix", *args)["done"]
        return done

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def configure(self, text: str) -> None:
        (self.home / "config.toml").write_text(text)

    def git(self, *args: str, exits: int = 0) -> str:
        told = subprocess.run(["git", *args], cwd=self.folder, capture_output=True, text=True)
        assert told.returncode == exits, told.stderr
        return told.stdout


@pytest.fixture
def clinic(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinic:
    for name in [name for name in os.environ if name.startswith(("DEESPEC_", "GIT_"))]:
        monkeypatch.delenv(name)
    made = Clinic(tmp_path / "プロジェクト", capsys)
    for path in (made.home, made.bin, made.temporary, tmp_path / "user"):
        path.mkdir(parents=True)
    for program in NEEDED:
        (made.bin / program).symlink_to(shutil.which(program) or pytest.skip(f"no {program} here"))
    for name, value in (("HOME", tmp_path / "user"), ("PATH", made.bin), ("TMPDIR", made.temporary)):
        monkeypatch.setenv(name, str(value))
    for name, value in (
        ("AUTHOR_NAME", "A"),
        ("AUTHOR_EMAIL", "a@b"),
        ("COMMITTER_NAME", "A"),
        ("COMMITTER_EMAIL", "a@b"),
    ):
        monkeypatch.setenv(f"GIT_{name}", value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(made.folder)
    made.home.chmod(0o755)
    create_store(str(made.home / FILE), clock=Clock(), busy_ms=5_000)
    made.configure(CONFIG)
    made.git("init", "-q", "-b", "main")
    made.git("commit", "-q", "--allow-empty", "-m", "one")
    return made


@pytest.fixture
def app(clinic: Clinic) -> Iterator[App]:
    """The same backlog for what no command can do."""
    opened = open_app(str(clinic.home))
    yield opened
    opened.close()


class LaterClock(Clock):
    def now_ms(self) -> int:
        return super().now_ms() + 3_600_000


def age(path: Path, seconds: int) -> None:
    then = Clock().now_ms() // 1000 - seconds
    os.utime(path, (then, then))


def enlist(app: App, name: str, **changes: object) -> Worker:
    """A worker on the list."""
    clock = app.clock
    facts: dict[str, Any] = {"pid": 1, "pid_start": "0", "namespace": "0", "boot": clock.boot_id(), **changes}
    worker = Worker(uid=clock.uid(), name=name, host=app.host, slots=1, started_at=1, seen_at=1, **facts)
    with app.store.transaction() as tx:
        tx.add_worker(worker)
    return worker


def mounted(kind: str, folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own, where this user may mount one."""
    folder.mkdir(exist_ok=True)
    mount = shutil.which("mount", path="/bin:/sbin:/usr/bin:/usr/sbin")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root can mount")
    told = subprocess.run([mount, "-t", kind, *options, "none", str(folder)], capture_output=True, text=True)
    if told.returncode != 0:
        pytest.skip(f"no {kind} can be mounted here: {told.stderr}")
    yield folder
    subprocess.run([mount.replace("mount", "umount"), "-l", str(folder)], check=True)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    yield from mounted("tmpfs", tmp_path / "memory", "-o", "size=120m,nr_inodes=60")


@pytest.fixture
def layers(tmp_path: Path) -> Iterator[Path]:
    for name in ("lower", "upper", "work"):
        (tmp_path / name).mkdir()
    where = ",".join(f"{name}dir={tmp_path / name}" for name in ("lower", "upper", "work"))
    yield from mounted("overlay", tmp_path / "merged", "-o", where)


def backlog_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backlog on another disk, made by another process, so that none of its files is open here."""
    home = folder / "project" / ".deespec"
    home.mkdir(parents=True)
    made = "import sys; from deespec.clock import Clock; from deespec.store.opener import create_store; "
    made += "create_store(sys.argv[1], clock=Clock(), busy_ms=5_000)"
    subprocess.run([sys.executable, "-c", made, str(home / FILE)], check=True)
    (home / "config.toml").write_text(CONFIG)
    monkeypatch.chdir(home.parent)
    return home


# --- what it says in general ----------------------------------------------------------------------------------------


def test_a_sound_backlog_has_nothing_wrong(clinic: Clinic) -> None:
    assert clinic.wrong() == set()
    assert "checks: " in clinic()


@pytest.mark.parametrize(("options", "exits"), [((), 0), (("--strict",), 2)])
def test_warnings_are_no_failure_unless_strict(clinic: Clinic, options: tuple[str, ...], exits: int) -> None:
    clinic.configure(CONFIG.partition("[[")[0])
    assert "! no gate is set: DONE will mean reviewed, not tested" in clinic("doctor", *options, exits=exits)


@pytest.mark.parametrize("options", [(), ("--strict",)])
def test_what_is_broken_is_a_failure(clinic: Clinic, options: tuple[str, ...]) -> None:
    (clinic.home / FILE).unlink()
    clinic("doctor", *options, exits=1)


def test_every_finding_has_all_fields_and_what_is_not_well_has_reason_and_remedy(clinic: Clinic, app: App) -> None:
    enlist(app, "dead one")
    clinic.configure("[run]\nimplement = 'absent'\n[agents.absent]\nkind = 'command'\ncommand = ['no-such']\n")
    found = clinic.json()["findings"]
    assert {tuple(one) for one in found} == {("level", "id", "theme", "what", "why", "fix", "fixable")}
    assert [one for one in found if (one["level"] == "ok") is bool(one["fix"])] == []
    assert [one for one in found if (one["level"] == "ok") is bool(one["why"])] == []
    assert {one["id"] for one in found if one["level"] != "ok"} >= {"workers", "agent-absent", "agents", "gates"}


def test_every_finding_is_counted_and_what_can_be_mended_is_offered(clinic: Clinic, app: App) -> None:
    enlist(app, "dead one")
    count = len(clinic.json()["findings"])
    assert clinic().endswith(f"\n{count} checks: 1 warning; 1 can be mended: deespec doctor --fix\n")


def test_the_doctor_changes_nothing(clinic: Clinic, app: App) -> None:
    enlist(app, "dead one")
    (clinic.home / FILE).chmod(0o666)
    before = clinic("journal", "export"), sorted(os.listdir(clinic.home))
    clinic()
    assert (clinic("journal", "export"), sorted(os.listdir(clinic.home))) == before
    assert stat.S_IMODE((clinic.home / FILE).stat().st_mode) == 0o666


def test_without_a_backlog_the_doctor_says_how_to_start_one(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert clinic("doctor", exits=5) == ""
    assert clinic.err == "No backlog here.\n→ Start one: deespec init\n"


def test_names_from_files_cannot_drive_the_reader_s_terminal(clinic: Clinic) -> None:
    (clinic.home / "prompts").mkdir()
    (clinic.home / "prompts" / "\x1b[31mred.md").write_text("x")
    assert "\x1b" not in clinic()


# --- the library, and the sqlite3 command -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.40.1", "warning"),
        ("3.44.5", "warning"),
        ("3.44.6", "ok"),
        ("3.50.7", "ok"),
        ("3.51.2", "warning"),
        ("3.51.3", "ok"),
        ("3.52.0", "warning"),
        ("3.53.0", "ok"),
    ],
)
def test_a_sqlite3_command_with_the_wal_reset_race_is_named(clinic: Clinic, version: str, level: str) -> None:
    clinic.program("sqlite3", f"echo '{version} 2022-12-28 14:03:47 df5c253c0b3dd249'")
    found = clinic.one("sqlite-command")
    assert (found["level"], version in found["what"]) == (level, True)


def test_the_reason_against_an_old_sqlite3_is_the_race(clinic: Clinic) -> None:
    clinic.program("sqlite3", "echo 3.40.1")
    assert "lose committed data" in clinic.one("sqlite-command")["why"]
    assert "walresetbug" in clinic.one("sqlite-command")["why"]


@pytest.mark.parametrize("script", ["echo hello", "exit 1", "sleep 60"], ids=["strange", "failing", "hanging"])
def test_a_sqlite3_command_that_does_not_say_what_it_is_is_named(
    clinic: Clinic, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "LOOK_MS", 200)
    clinic.program("sqlite3", script)
    assert clinic.one("sqlite-command")["level"] == "warning"


def test_there_need_not_be_a_sqlite3_command(clinic: Clinic) -> None:
    assert clinic.all("sqlite-command") == []


# --- the place ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clinic")
def test_a_backlog_in_memory_is_gone_with_the_next_restart(
    clinic: Clinic, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog_in(memory, monkeypatch)
    found = clinic.one("file-system")
    assert (found["level"], found["what"]) == ("warning", "the backlog is on tmpfs")


def test_a_backlog_on_an_overlay_is_not_locked_for_those_below(
    clinic: Clinic, layers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog_in(layers, monkeypatch)
    found = clinic.one("file-system")
    assert (found["level"], "is not locked out" in found["why"]) == ("warning", True)


def test_a_disk_that_is_almost_full_is_broken(clinic: Clinic, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backlog_in(memory, monkeypatch)
    with (memory / "big").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 80 << 20)
    assert clinic.one("free-space")["level"] == "broken"


def test_room_for_less_than_a_second_copy_is_worth_a_warning(
    clinic: Clinic, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = backlog_in(memory, monkeypatch)
    raw = apsw.Connection(str(home / FILE))
    raw.execute("CREATE TABLE ballast (b)")
    for _ in range(8):
        raw.execute("INSERT INTO ballast VALUES (zeroblob(8 << 20))")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.execute("DROP TABLE ballast")
    raw.close()
    found = clinic.one("free-space")
    assert (found["level"], "needs as much again" in found["why"]) == ("warning", True)


def test_a_disk_without_room_for_more_files_is_named(
    clinic: Clinic, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog_in(memory, monkeypatch)
    assert clinic.one("free-files")["level"] == "warning"
    while os.statvfs(memory).f_favail > 3:
        (memory / f"{os.statvfs(memory).f_favail}").touch()
    assert clinic.one("free-files")["level"] == "broken"


def test_a_disk_that_is_mounted_read_only_is_broken(
    clinic: Clinic, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog_in(memory, monkeypatch)
    mount = shutil.which("mount", path="/bin:/sbin:/usr/bin:/usr/sbin")
    subprocess.run([str(mount), "-o", "remount,ro", str(memory)], check=True)
    found = clinic.one("free-space")
    assert (found["level"], "mounted read-only" in found["what"]) == ("broken", True)
    assert clinic.json("--fix")["done"] == []


# --- permissions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", FILE, "config.toml", "prompts", "prompts/implement.md"])
def test_what_others_may_write_is_named_and_closed(clinic: Clinic, name: str) -> None:
    (clinic.home / "prompts").mkdir()
    builtin = Path(deespec.__file__).parent / "engine" / "templates" / "implement.md"
    shutil.copy(builtin, clinic.home / "prompts")
    target = clinic.home / name
    before = stat.S_IMODE(target.stat().st_mode)
    target.chmod(before | 0o002)
    assert clinic.one("permissions")["fixable"]
    assert clinic.done()[0]["what"] == f"chmod go-w {target}"
    assert stat.S_IMODE(target.stat().st_mode) == before
    assert clinic.wrong() == set()


def test_a_group_of_the_user_alone_may_write(clinic: Clinic) -> None:
    os.chown(clinic.home, -1, os.getgid())
    (clinic.home / FILE).chmod(0o660)
    import grp
    import pwd

    private = grp.getgrgid(os.getgid()).gr_name == pwd.getpwuid(os.getuid()).pw_name
    assert clinic.one("permissions")["level"] == ("ok" if private else "warning")


def test_what_cannot_be_written_is_broken(clinic: Clinic) -> None:
    config = clinic.home / "config.toml"
    chattr = shutil.which("chattr", path="/bin:/sbin:/usr/bin:/usr/sbin")
    if os.geteuid() != 0:
        config.chmod(0o444)
        assert clinic.one("permissions")["fix"] == f"chmod u+w {shlex.quote(str(config))}"
        return
    if chattr is None or subprocess.run([chattr, "+i", str(config)], capture_output=True).returncode != 0:
        pytest.skip("nothing can be marked immutable here")
    try:
        assert clinic.one("permissions")["fix"] == f"sudo chattr -i {shlex.quote(str(config))}"
    finally:
        subprocess.run([chattr, "-i", str(config)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(("name", "fix"), [("", "sudo -u"), (FILE, "sudo chown -R")])
def test_another_user_s_files_are_named(clinic: Clinic, name: str, fix: str) -> None:
    os.chown(clinic.home / name, 65534, -1)
    found = clinic.one("owner")
    assert (found["level"], found["fix"].startswith(fix)) == ("warning", True)


def test_a_link_in_place_of_the_database_is_broken(clinic: Clinic) -> None:
    (clinic.home / FILE).rename(clinic.folder / "elsewhere.db")
    (clinic.home / FILE).symlink_to(clinic.folder / "elsewhere.db")
    assert clinic.one("links")["level"] == "broken"


# --- the database ---------------------------------------------------------------------------------------------------


def test_the_doctor_measures_what_the_database_really_does(clinic: Clinic) -> None:
    assert "journal mode wal, synchronous FULL, foreign keys on" in clinic.one("settings-in-force")["what"]


def cut(path: Path) -> None:
    os.truncate(path, 20_000)


def damage_header(path: Path) -> None:
    path.write_bytes(b"x" * 50 + path.read_bytes()[50:])


@pytest.mark.parametrize(
    ("harm", "id"),
    [
        (Path.unlink, "database"),
        (lambda path: path.write_bytes(b""), "database"),
        (lambda path: path.write_bytes(b"no database at all"), "foreign-database"),
        (cut, "database"),
        (damage_header, "foreign-database"),
    ],
    ids=["missing", "empty", "garbage", "cut off", "header"],
)
def test_a_database_that_cannot_be_read_is_broken_and_all_else_is_looked_at(
    clinic: Clinic, harm: Callable[[Path], object], id: str
) -> None:
    harm(clinic.home / FILE)
    found = clinic.json(exits=1)["findings"]
    assert [one["id"] for one in found if one["level"] == "broken"] == [id]
    assert {"settings", "git", "agent-patch", "programs"} <= {one["id"] for one in found}
    assert clinic.json("--fix", exits=1)["done"] == []


def test_a_log_without_its_database_must_not_be_thrown_away(clinic: Clinic) -> None:
    (clinic.home / FILE).rename(clinic.home / "moved.db")
    (clinic.home / f"{FILE}-wal").touch()
    assert f"Put {FILE} back there" in clinic.one("database-files")["fix"]


@pytest.mark.parametrize(("schema", "remedy"), [(999, "pip install --upgrade deespec"), (1, "deespec db migrate")])
def test_another_schema_is_named_with_its_remedy(clinic: Clinic, schema: int, remedy: str) -> None:
    raw = apsw.Connection(str(clinic.home / FILE))
    raw.execute(f"PRAGMA user_version = {schema}")
    raw.close()
    [found] = [one for one in clinic.json(exits=1)["findings"] if one["level"] == "broken"]
    assert (found["id"], remedy in found["fix"]) == ("schema", True)


def test_a_project_of_the_go_program_is_to_be_imported(clinic: Clinic) -> None:
    (clinic.home / FILE).unlink()
    raw = apsw.Connection(str(clinic.home / FILE))
    raw.execute("CREATE TABLE sbis (id); CREATE TABLE pbis (id)")
    raw.close()
    before = (clinic.home / FILE).read_bytes()
    assert clinic.one("foreign-database")["fix"] == "deespec import legacy ."
    assert (clinic.home / FILE).read_bytes() == before


def test_a_contradiction_between_journal_and_items_is_broken(clinic: Clinic) -> None:
    clinic("register", "sbi", "--title", "One")
    raw = apsw.Connection(str(clinic.home / FILE))
    raw.execute("UPDATE journal SET to_status = 'DONE' WHERE item = 'SBI-1'")
    raw.close()
    found = clinic.one("journal")
    assert (found["level"], "SBI-1" in found["what"]) == ("broken", True)


def test_a_clock_behind_what_was_written_is_named(clinic: Clinic, app: App) -> None:
    later = open_app(str(clinic.home), clock=LaterClock())
    with later.store.transaction() as tx:
        tx.note("test", "wrote")
    later.close()
    assert clinic.one("clock")["level"] == "warning"


GROW = """
import os, sys, apsw
raw = apsw.Connection(sys.argv[1])
raw.execute("CREATE TABLE ballast (b); INSERT INTO ballast VALUES (zeroblob(2 << 20)); DROP TABLE ballast")
"""
READ = """
import sys, apsw
raw = apsw.Connection(sys.argv[1])
raw.execute("BEGIN; SELECT count(*) FROM sbi")
print("reading", flush=True)
sys.stdin.read()
"""


def test_a_log_that_a_reader_holds_back_is_named_with_the_reader(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "WAL_LARGE_BYTES", 1 << 20)
    database = str(clinic.home / FILE)
    reader = subprocess.Popen(
        [sys.executable, "-c", READ, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    subprocess.run([sys.executable, "-c", GROW, database], check=True)
    found = clinic.one("wal-size")
    reader.communicate()
    assert (found["level"], found["fixable"]) == ("warning", False)
    if Path("/proc/locks").exists():
        assert f"(pid {reader.pid}), since " in found["what"]


def test_a_log_that_was_left_long_is_named_and_emptied(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "WAL_LARGE_BYTES", 1 << 20)
    subprocess.run([sys.executable, "-c", f"{GROW}os._exit(0)", str(clinic.home / FILE)], check=True)
    assert (clinic.home / f"{FILE}-wal").stat().st_size > 1 << 20
    found = clinic.json("--fix")
    assert [one["id"] for one in found["done"]] == ["wal-size"]
    assert [one["level"] for one in found["findings"] if one["id"] == "wal-size"] == ["ok"]


def test_the_newest_backup_is_told(clinic: Clinic) -> None:
    assert "no backup was made yet" in clinic.one("backup")["what"]
    clinic("db", "backup")
    assert str(clinic.folder.parent / "state") in clinic.one("backup")["what"]


def test_what_a_restore_put_aside_is_named_and_left_alone(clinic: Clinic) -> None:
    aside = clinic.home / "replaced-20260101T000000Z"
    aside.mkdir()
    (aside / FILE).touch()
    found = clinic.one("replaced")
    assert (found["level"], found["fixable"]) == ("warning", False)
    assert clinic.done() == []
    assert (aside / FILE).exists()


# --- workers, locks, leftovers --------------------------------------------------------------------------------------


def test_a_dead_worker_is_named_and_buried(clinic: Clinic, app: App) -> None:
    enlist(app, "dead one")
    found = clinic.one("workers")
    assert (found["level"], found["what"], found["fix"]) == ("warning", "dead: dead one", "deespec lock cleanup")
    assert [one["id"] for one in clinic.done()] == ["workers"]
    assert clinic.wrong() == set()


def test_a_living_worker_is_left_alone(clinic: Clinic, app: App) -> None:
    worker = enlist(app, "alive", pid=os.getpid(), pid_start=start_time(os.getpid()) or "", namespace=namespace())
    life = LifeLock(str(clinic.home), worker.uid)
    age(Path(life.path), DAY_S)
    assert clinic.one("workers")["what"] == "1 running, none is dead"
    assert clinic.done() == []
    assert Path(life.path).exists()
    life.release()


def test_a_claim_of_another_boot_is_named(clinic: Clinic, app: App) -> None:
    clinic("register", "sbi", "--title", "One")
    raw = apsw.Connection(str(clinic.home / FILE))
    raw.execute(
        "UPDATE sbi SET status = 'IMPLEMENTING', stage = 'working', lease_token = 1, lease_worker = 'w',"
        " lease_until = 1, lease_boot = 'another', lease_agent = 'patch', lease_account = 'a', lease_at = 1"
    )
    raw.close()
    assert "SBI-1" in clinic.one("workers")["what"]


def test_an_expired_lock_is_named_and_freed_and_one_that_holds_is_not(clinic: Clinic, app: App) -> None:
    app.locks.acquire("deploy", ttl_ms=1)
    app.locks.acquire("publish", ttl_ms=60_000)
    app.store.wait(20)
    assert clinic.one("locks")["what"] == "expired: deploy"
    assert [one["id"] for one in clinic.done()] == ["locks"]
    with app.store.read() as tx:
        assert [lock.name for lock in tx.locks()] == ["publish"]


def test_in_a_copy_the_workers_are_those_of_the_original(
    clinic: Clinic, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enlist(app, "of the original")
    app.store.close()
    shutil.copytree(clinic.folder, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    assert clinic.one("copied")["level"] == "warning"
    assert clinic.all("workers") == []
    assert clinic.done() == []


def test_a_database_that_was_put_back_beside_its_living_worker_is_no_copy(clinic: Clinic, app: App) -> None:
    life = LifeLock(str(clinic.home), enlist(app, "alive").uid)
    app.store.close()
    shutil.copy(clinic.home / FILE, clinic.folder / "same.db")
    (clinic.folder / "same.db").replace(clinic.home / FILE)
    assert (clinic.all("copied"), clinic.one("workers")["level"]) == ([], "ok")
    life.release()


def made_outbox(app: App, token: int) -> Path:
    with app.store.read() as tx:
        folder = Path(outbox.folder(app.temporary, tx.backlog_uid())) / str(token)
    folder.mkdir()
    (folder / "answer-1.json").write_text("{}")
    return folder


def claimed_token(clinic: Clinic) -> int:
    """The token of a claim that is over."""
    clinic("register", "sbi", "--title", "One")
    raw = apsw.Connection(str(clinic.home / FILE))
    raw.execute("INSERT OR REPLACE INTO counter (name, value) VALUES ('token', 5)")
    raw.close()
    return 5


@pytest.mark.parametrize(("days", "goes"), [(2, True), (0, False)], ids=["old", "fresh"])
def test_an_outbox_of_a_turn_that_is_long_over_goes(clinic: Clinic, app: App, days: int, goes: bool) -> None:
    folder = made_outbox(app, claimed_token(clinic))
    age(folder, days * DAY_S)
    assert clinic.one("leftovers")["level"] == ("warning" if goes else "ok")
    clinic.done()
    assert folder.exists() is not goes


def test_an_outbox_whose_call_may_still_run_stays(clinic: Clinic, app: App) -> None:
    folder = made_outbox(app, claimed_token(clinic))
    age(folder, 2 * DAY_S)
    raw = apsw.Connection(str(clinic.home / FILE))
    raw.execute("INSERT INTO call (token, sbi, worker, boot, outbox) VALUES (5, 1, 'w', 'b', ?)", (str(folder),))
    raw.close()
    assert clinic.one("leftovers")["level"] == "ok"
    clinic.done()
    assert folder.exists()


def test_an_outbox_of_a_claim_that_was_never_given_out_stays(clinic: Clinic, app: App) -> None:
    folder = made_outbox(app, claimed_token(clinic) + 1)
    age(folder, 2 * DAY_S)
    clinic.done()
    assert folder.exists()


@pytest.mark.parametrize("folder", ["workers", "guards"])
@pytest.mark.parametrize(("seconds", "goes"), [(DAY_S, True), (0, False)], ids=["old", "fresh"])
def test_a_lock_file_of_the_dead_goes(clinic: Clinic, folder: str, seconds: int, goes: bool) -> None:
    path = clinic.home / folder / ("01ARZ3NDEKTSV4RRFFQ69G5FAV" if folder == "workers" else "3.lock")
    path.parent.mkdir(mode=0o700)
    path.touch()
    age(path, seconds)
    assert clinic.one("leftovers")["level"] == ("warning" if goes else "ok")
    clinic.done()
    assert path.exists() is not goes


def test_a_lock_file_that_somebody_holds_stays(clinic: Clinic) -> None:
    life = LifeLock(str(clinic.home), "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    age(Path(life.path), DAY_S)
    assert clinic.one("leftovers")["level"] == "ok"
    life.release()


def test_the_lock_file_of_a_dead_worker_goes_with_its_burial(clinic: Clinic, app: App) -> None:
    worker = enlist(app, "dead one")
    path = clinic.home / "workers" / worker.uid
    path.parent.mkdir(mode=0o700)
    path.touch()
    age(path, DAY_S)
    assert clinic.wrong() == {"workers"}
    assert [one["id"] for one in clinic.done()] == ["workers"]
    assert not path.exists()


def test_an_unfinished_backup_of_a_dead_process_goes(clinic: Clinic) -> None:
    partial = clinic.home / f"{PREFIX}abc"
    partial.mkdir(mode=0o700)
    (partial / "copy.db").touch()
    age(partial, DAY_S)
    assert clinic.one("leftovers")["level"] == "warning"
    assert [one["what"] for one in clinic.done()] == [f"removed {partial}"]
    assert not partial.exists()


# --- --fix ----------------------------------------------------------------------------------------------------------


def everything_in(clinic: Clinic) -> dict[Path, tuple[int, int]]:
    """Time and mode of each file but those that SQLite makes when somebody looks."""
    looked = {clinic.home, *clinic.home.glob(f"{FILE}-*")}
    found = {path: path.stat() for path in clinic.folder.rglob("*") if path not in looked}
    return {path: (one.st_mtime_ns, one.st_mode) for path, one in found.items()}


def test_fix_leaves_everything_alone_that_is_well(clinic: Clinic, app: App) -> None:
    clinic("register", "sbi", "--title", "One")
    app.store.close()
    before = everything_in(clinic)
    events = clinic("journal", "export")
    assert clinic.done() == []
    assert "Nothing to fix" in clinic("doctor", "--fix")
    assert everything_in(clinic) == before
    assert clinic("journal", "export") == events


def test_a_dry_run_says_the_same_and_does_nothing(clinic: Clinic, app: App) -> None:
    enlist(app, "dead one")
    (clinic.home / FILE).chmod(0o666)
    would = clinic.done("--dry-run")
    assert [one["id"] for one in would] == ["permissions", "workers"]
    assert clinic.wrong() == {"permissions", "workers"}
    assert f"→ chmod go-w {clinic.home / FILE}" in clinic("doctor", "--fix", "--dry-run")
    assert [one["id"] for one in clinic.done()] == ["permissions", "workers"]
    assert clinic.wrong() == set()


def test_a_dry_run_of_nothing_is_refused(clinic: Clinic) -> None:
    assert clinic("doctor", "--dry-run", exits=2) == ""
    assert "doctor --fix --dry-run" in clinic.err


def test_fix_is_refused_from_inside_a_turn(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOME", str(clinic.home)), ("CLAIM", "x-1"), ("ITEM", "SBI-1"), ("TURN", "1")):
        monkeypatch.setenv(f"DEESPEC_{name}", value)
    clinic("doctor", "--fix", exits=4)
    clinic("doctor")


def test_fix_exits_by_what_it_finds_afterwards(clinic: Clinic) -> None:
    (clinic.home / FILE).chmod(0o666)
    clinic("doctor", "--fix", "--strict", exits=2 if OF_THE_MACHINE & {one["id"] for one in warnings_of(clinic)} else 0)


def warnings_of(clinic: Clinic) -> list[dict[str, Any]]:
    return [one for one in clinic.json()["findings"] if one["level"] == "warning"]


# --- settings, environment, gates -----------------------------------------------------------------------------------


def test_settings_that_are_not_valid_are_broken_and_the_store_is_looked_at_all_the_same(clinic: Clinic) -> None:
    clinic.configure("garbage")
    assert clinic.one("settings")["level"] == "broken"
    assert clinic.one("journal")["level"] == "ok"


def test_settings_that_cannot_be_read_are_broken(clinic: Clinic) -> None:
    (clinic.home / "config.toml").unlink()
    (clinic.home / "config.toml").mkdir()
    assert clinic.one("settings")["level"] == "broken"


def test_a_variable_that_sets_nothing_is_named_with_the_nearest_one(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEESPEC_RUN_PARALEL", "3")
    monkeypatch.setenv("DEESPEC_RUN_MAX_TURNS", "3")
    assert "did you mean DEESPEC_RUN_PARALLEL?" in clinic.one("environment")["what"]


def test_user_settings_that_others_may_write_are_named(clinic: Clinic, tmp_path: Path) -> None:
    path = tmp_path / "user" / ".config" / "deespec" / "config.toml"
    path.parent.mkdir(parents=True)
    path.touch()
    path.chmod(0o666)
    assert clinic.wrong() == {"settings"}


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("true", None),
        ("cd . && true", None),
        ("A=1 B='2 3' sh -c 'no-such'", None),
        ("./check.sh", None),
        ("if true; then true; fi", None),
        ("for x in a b; do true; done", None),
        ("[ -f check.sh ] && ! true || (true)", None),
        ("true | cat > /dev/null", None),
        ("$TOOL --x", None),
        ("no-such-program -q", "no-such-program is not on PATH"),
        ("true && no-such-program", "no-such-program is not on PATH"),
        ("A=1 no-such-program", "no-such-program is not on PATH"),
        ("cd sub && ./in-sub.sh", None),
        ("./missing.sh", "./missing.sh is not in"),
        ("if true", "the shell does not understand"),
    ],
)
def test_a_gate_s_programs_are_looked_for_and_not_run(clinic: Clinic, command: str, problem: str | None) -> None:
    (clinic.folder / "check.sh").write_text("#!/bin/sh\ntouch ran\n")
    (clinic.folder / "check.sh").chmod(0o755)
    clinic.configure(f'[run]\nimplement = "patch"\n[[gates]]\nname = "g"\nrun = """{command}"""\n')
    found = clinic.one("gates")
    assert found["level"] == ("warning" if problem else "ok")
    assert (problem or "can be run: g") in found["what"]
    assert not (clinic.folder / "ran").exists()


# --- agents, Git ----------------------------------------------------------------------------------------------------


def test_an_agent_that_is_missing_is_broken_where_no_other_implements(clinic: Clinic) -> None:
    clinic.configure('[run]\nimplement = "x"\n[agents.x]\nkind = "command"\ncommand = ["no-such"]\n')
    assert clinic.one("agents")["level"] == "broken"
    assert clinic.one("agent-x")["level"] == "warning"


def test_an_agent_that_is_not_ready_is_a_warning_where_another_implements(clinic: Clinic) -> None:
    clinic.configure(f'{CONFIG.replace("patch", "x,patch")}[agents.x]\nkind = "command"\ncommand = ["no-such"]\n')
    assert clinic.wrong() == {"agent-x"}


def test_an_agent_that_is_paused_is_not_called_ready(clinic: Clinic) -> None:
    clinic("agent", "pause", "patch", "-m", "tea")
    found = clinic.one("agent-patch")
    assert (found["level"], found["what"]) == ("warning", "agent patch is paused until resumed: tea")
    assert found["fix"] == "deespec agent resume patch"
    clinic("agent", "resume", "patch")
    assert clinic.one("agent-patch")["level"] == "ok"


@pytest.mark.parametrize(
    ("settings", "what", "fix"),
    [
        (
            '[notify]\ncommand = ["no-such"]\n',
            "notify.command: no-such is not on PATH",
            "Install no-such, or: deespec config unset notify.command",
        ),
        (
            '[agents.patch]\nadd_dirs = ["/no/such"]\n',
            "agents.patch.add_dirs: no folder /no/such",
            "Make it, or: deespec config unset agents.patch.add_dirs",
        ),
        (
            '[agents.patch]\npermission_requests = "ask"\n',
            'agents.patch.permission_requests = "ask" does nothing for kind patch',
            "deespec config unset agents.patch.permission_requests",
        ),
        (
            '[[accounts]]\nname = "team"\nlimit = 2\n',
            "no agent uses [[accounts]] team",
            'Say account = "team" in the sections of its agents, or remove it from the settings.',
        ),
    ],
    ids=["program", "folder", "leave", "account"],
)
def test_what_is_set_in_vain_is_named_with_the_way_out(clinic: Clinic, settings: str, what: str, fix: str) -> None:
    clinic.configure(f"{CONFIG}\n{settings}")
    (found,) = [one for one in clinic.json()["findings"] if one["what"] == what]
    assert (found["level"], found["fix"]) == ("warning", fix)


def test_what_is_set_and_is_there_is_no_warning(clinic: Clinic) -> None:
    (clinic.folder / "more").mkdir()
    given = '[notify]\ncommand = ["cat"]\n[agents.patch]\nadd_dirs = ["more"]\naccount = "team"\n'
    clinic.configure(f'{CONFIG}\n{given}[[accounts]]\nname = "team"\nlimit = 2\n')
    assert clinic.wrong() == set()


def test_without_any_agent_nothing_can_be_worked_on(clinic: Clinic) -> None:
    clinic.configure('[[gates]]\nrun = "true"\n')
    assert clinic.one("agents")["fix"] == "deespec config set run.implement claude"


def test_a_folder_without_git_is_named(clinic: Clinic) -> None:
    shutil.rmtree(clinic.folder / ".git")
    assert clinic.one("git")["fix"].startswith("git init ")


def test_git_that_is_not_installed_is_named(clinic: Clinic) -> None:
    (clinic.bin / "git").unlink()
    assert clinic.one("git")["what"] == "Git is not installed"


def test_git_that_does_not_work_is_named(clinic: Clinic) -> None:
    (clinic.bin / "git").unlink()
    clinic.program("git", "echo broken; exit 3")
    assert clinic.one("git")["level"] == "warning"


def test_a_checkout_without_a_commit_is_named(clinic: Clinic) -> None:
    shutil.rmtree(clinic.folder / ".git")
    clinic.git("init", "-q")
    assert "no commit yet" in clinic.one("git")["what"]


def test_a_checkout_on_no_branch_is_named(clinic: Clinic) -> None:
    clinic.git("checkout", "-q", "--detach")
    assert "detached" in clinic.one("git")["what"]


@pytest.mark.parametrize("act", ["merge", "rebase", "cherry-pick"])
def test_a_checkout_in_the_middle_of_something_is_named_with_the_way_out(clinic: Clinic, act: str) -> None:
    for branch in ("other", "main"):
        clinic.git("checkout", "-q", *(["-b"] if branch == "other" else []), branch)
        (clinic.folder / "a").write_text(branch)
        clinic.git("add", "a")
        clinic.git("commit", "-q", "-m", branch)
    told = subprocess.run(["git", act, "other"], cwd=clinic.folder, capture_output=True)
    assert told.returncode != 0
    found = clinic.one("git")
    assert f"in the middle of a {act}" in found["what"]
    assert found["fix"].endswith(f" {act} --abort")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_is_named_with_git_s_own_remedy(clinic: Clinic) -> None:
    for path in (clinic.folder, clinic.folder / ".git"):
        os.chown(path, 65534, -1)
    assert "safe.directory" in clinic.one("git")["fix"]


def test_a_workspace_that_is_not_there_is_broken(clinic: Clinic) -> None:
    clinic.configure(f'{CONFIG}[workspace]\nroot = "gone"\n')
    assert clinic.one("workspace")["level"] == "broken"


# --- prompts --------------------------------------------------------------------------------------------------------

TEMPLATES = Path(deespec.__file__).parent / "engine" / "templates"


@pytest.mark.parametrize("name", [path.name for path in sorted(TEMPLATES.iterdir())])
def test_a_copy_of_a_built_in_prompt_is_as_new_as_that(clinic: Clinic, name: str) -> None:
    (clinic.home / "prompts").mkdir()
    shutil.copy(TEMPLATES / name, clinic.home / "prompts")
    assert clinic.one("prompts")["level"] == "ok"


@pytest.mark.parametrize(
    ("name", "text", "level", "what"),
    [
        ("review.md", "{# deespec-prompt: review 0 #}\nJudge.", "warning", "was made from review 0"),
        ("review.md", "Judge {{ item.id }}.", "warning", "does not say which built-in prompt"),
        ("review.md", "{# deespec-prompt: review 999 #}\nJudge.", "ok", ""),
        ("review.md", "{# deespec-prompt: implement 1 #}\nJudge.", "warning", "was made from implement 1"),
        ("review.md", "{# deespec-prompt: review 1 #}\n{{ itme }}", "broken", "review.md:2: asks for itme"),
        ("review.md", "{% if %}", "broken", "review.md:1: "),
        ("review.md", "{{ item | nosuch }}", "broken", "nosuch"),
        ("reviw.md", "Judge.", "warning", "did you mean review.md?"),
    ],
)
def test_a_prompt_that_is_old_or_wrong_is_named(clinic: Clinic, name: str, text: str, level: str, what: str) -> None:
    (clinic.home / "prompts").mkdir()
    (clinic.home / "prompts" / name).write_text(text)
    found = clinic.one("prompts")
    assert (found["level"], what in found["what"]) == (level, True)


def test_a_prompt_that_is_not_text_is_broken(clinic: Clinic) -> None:
    (clinic.home / "prompts").mkdir()
    (clinic.home / "prompts" / "review.md").write_bytes(b"\xff\xfe")
    assert clinic.one("prompts")["level"] == "broken"


def test_a_prompt_has_no_parts_in_other_files(clinic: Clinic) -> None:
    (clinic.home / "prompts").mkdir()
    (clinic.home / "prompts" / "house.md").write_text("House rules.")
    builtin = Path(deespec.__file__).parent / "engine" / "templates" / "review.md"
    stamp = builtin.read_text(encoding="utf-8").splitlines()[0]
    (clinic.home / "prompts" / "review.md").write_text(f"{stamp}{{% include 'house.md' %}}")
    found = {one["level"]: one["what"] for one in clinic.all("prompts")}
    assert "review.md:1: include is not for templates of prompts" in found["broken"]
    assert "house.md is never used" in found["warning"]


# --- other programs of that name ------------------------------------------------------------------------------------


def test_the_go_program_is_known_without_being_started(clinic: Clinic) -> None:
    (clinic.bin / "deespec").write_bytes(b"\x7fELF and more")
    (clinic.bin / "deespec").chmod(0o755)
    found = clinic.one("programs")
    assert found["what"] == f"{clinic.bin / 'deespec'} is the Go program"
    assert found["fix"].startswith("mv ")


def test_another_version_is_named(clinic: Clinic) -> None:
    path = clinic.program("deespec", """echo '{"schema": 1, "deespec": "0.0.7"}'""")
    assert clinic.one("programs")["what"] == f"{path} is deespec 0.0.7, this is {deespec.__version__}"


def test_the_same_version_elsewhere_is_well(clinic: Clinic) -> None:
    clinic.program("deespec", f"""echo '{{"schema": 1, "deespec": "{deespec.__version__}"}}'""")
    assert clinic.one("programs")["level"] == "ok"


@pytest.mark.parametrize("script", ["echo hello", "exit 1", "sleep 60"], ids=["strange", "failing", "hanging"])
def test_a_stranger_of_that_name_is_named(clinic: Clinic, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "LOOK_MS", 200)
    clinic.program("deespec", script)
    assert "no deespec that we know" in clinic.one("programs")["what"]


def test_another_program_sees_no_backlog_of_ours(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEESPEC_HOME", str(clinic.home))
    seen = clinic.folder / "seen"
    clinic.program("deespec", f'echo "$PWD $HOME $DEESPEC_HOME" > {seen}')
    clinic.json()
    assert seen.read_text().split() == ["/"]


def test_a_program_in_the_current_folder_is_not_started(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f".:{clinic.bin}")
    (clinic.folder / "deespec").write_text("#!/bin/sh\ntouch ran\n")
    (clinic.folder / "deespec").chmod(0o755)
    assert clinic.one("programs")["level"] == "ok"
    assert not (clinic.folder / "ran").exists()


def test_this_very_program_is_no_other(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = Path(sys.executable).parent
    if not (beside / "deespec").exists():
        pytest.skip("deespec is not installed as a command")
    monkeypatch.setenv("PATH", f"{clinic.bin}:{beside}")
    assert clinic.one("programs")["what"].startswith("no other deespec")
