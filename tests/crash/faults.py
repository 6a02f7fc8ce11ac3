"""Faults done to a backlog from outside, and the installed command as its user meets them."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from scene import HERE, Scene
from workshop import PATIENCE_S

from deespec.clock import Clock
from deespec.records import record
from deespec.store.migrate import create, migrations

COMMAND = str(Path(sys.executable).parent / "deespec")
REFUSED = 5
PAGE = 4_096
AS_ANYBODY = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--") if os.geteuid() == 0 else ()
"""Before a command: root without its privileges may do what any user may."""


# --- the command ----------------------------------------------------------------------------------------------------


@record
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str


def deespec(scene: Scene, *words: str, before: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Said:
    """Runs the installed command in the project. `before`: words to start it with, like `prlimit`."""
    command = [*before, COMMAND, *words]
    all_env = {**scene.env, **(env or {})}
    done = subprocess.run(
        command,
        cwd=scene.root,
        env=all_env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 4,
    )
    said = Said(status=done.returncode, out=done.stdout, err=done.stderr)
    for never in ("Traceback", "has a bug", "database is locked"):
        assert never not in said.err, said.err
    return said


def did(scene: Scene, *words: str, before: Sequence[str] = (), env: Mapping[str, str] | None = None) -> str:
    """What a command said that went well."""
    said = deespec(scene, *words, before=before, env=env)
    assert said.status == 0, said
    return said.out.strip()


def refused(scene: Scene, *words: str, before: Sequence[str] = ()) -> str:
    """The message of a command that cannot do it, what it advises included; nothing is said elsewhere."""
    said = deespec(scene, *words, before=before)
    assert said.status == REFUSED, said
    assert said.err.splitlines()[-1].startswith("→"), said.err
    return said.err


def titles(scene: Scene, before: Sequence[str] = ()) -> list[str]:
    return [one["title"] for one in json.loads(did(scene, "sbi", "list", "--json", before=before))["items"]]


def register(scene: Scene, title: str, before: Sequence[str] = ()) -> str:
    """Its id, once it is acknowledged."""
    return did(scene, "register", "sbi", "--title", title, "--hold", "--quiet", before=before)


def back_up(scene: Scene) -> str:
    path: str = json.loads(did(scene, "db", "backup", "--json"))["path"]
    return path


def restore(scene: Scene, backup: str) -> None:
    did(scene, "db", "restore", backup, "--yes")


def verdicts(scene: Scene) -> dict[str, str]:
    """What `db check` says of each of its questions that it does not call sound."""
    said = deespec(scene, "db", "check", "--json")
    found = json.loads(said.out)
    assert said.status == (0 if found["sound"] else 1), said
    return {one["name"]: one["verdict"] for one in found["checks"] if one["verdict"] != "sound"}


# --- the database ---------------------------------------------------------------------------------------------------


def database(scene: Scene) -> str:
    return str(scene.home / "deespec.db")


def write_over(path: str, offset: int, data: bytes) -> None:
    """Nobody has it open, and neither has this process."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def spoil_page(path: str, number: int) -> None:
    write_over(path, (number - 1) * PAGE, b"\xa5" * PAGE)


def value(path: str, sql: str) -> int:
    raw = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(str(raw.execute(sql).fetchall()[0][0]))
    finally:
        raw.close()


def leave_a_log(scene: Scene, count: int) -> list[str]:
    """Registers so many items in a process that is then killed: they are in the log alone. All that it acknowledged."""
    command = [sys.executable, str(HERE / "registrar.py"), "1000"]
    with subprocess.Popen(command, cwd=scene.root, env=scene.env, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        ids = [one.stdout.readline().strip() for _ in range(count)]
        one.kill()
        ids += one.stdout.read().split()
    assert one.returncode == -signal.SIGKILL
    assert all(ids)
    return ids


def make_older(scene: Scene) -> None:
    """The same home with a database of the first schema and one item, as an earlier deespec would have left it."""
    os.unlink(database(scene))
    steps = scene.folder / "steps"
    steps.mkdir()
    shutil.copy(migrations()[0][1], steps)
    create(database(scene), clock=Clock(), busy_ms=1_000, folder=str(steps))
    raw = apsw.Connection(database(scene))
    texts = ("title", "spec", "labels", "paths", "agent", "reviewer", "checks", "owner")
    numbers = ("only_implement", "turn", "turns_before", "turns_reset", "attempts", "setbacks", "reviews", "resume")
    raw.execute(
        f"INSERT INTO sbi (number, uid, status, stage, priority, rank, held, registered_at, updated_at,"
        f" {', '.join(numbers)}, {', '.join(texts)}) VALUES (1, 'U', 'PENDING', 'pending', 'low', 3, 1, 1, 1,"
        f" {', '.join('0' for _ in numbers)}, 'Old', 'S', '[]', '[]', '[]', '[]', '[]', 'me')"
    )
    raw.execute("INSERT INTO counter (name, value) VALUES ('sbi', 1) ON CONFLICT DO UPDATE SET value = 1")
    raw.execute(
        "INSERT INTO journal (at, actor, item, event, to_status) VALUES (1, 'me', 'SBI-1', 'registered', 'PENDING')"
    )
    raw.close()


def leave_a_long_log(path: str) -> None:
    """Of about 1 MB, beside a database that stays small."""
    raw = apsw.Connection(path)
    raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    raw.wal_autocheckpoint(0)
    for letter in "abcdef":
        raw.execute("UPDATE sbi SET spec = ?", (letter * 150_000,))
    raw.execute("UPDATE sbi SET spec = 'S'")
    raw.close()


# --- disks ----------------------------------------------------------------------------------------------------------


@functools.cache
def may_mount() -> bool:
    """Whether this user may have disks of its own, in a mount namespace of a process of the test's."""
    try:
        return subprocess.run(["unshare", "-m", "true"], capture_output=True, timeout=PATIENCE_S).returncode == 0
    except OSError:
        return False


class Disk:
    """A mount that only those see who are started with `before`; it goes with the process that holds it."""

    def __init__(self, scene: Scene, holder: subprocess.Popen[str], at: Path) -> None:
        self.at = Path(f"/proc/{holder.pid}/root{at}")
        """The same folder, seen from here."""
        self._enter = ("nsenter", "--target", str(holder.pid), "--mount")
        self.before = (*self._enter, "sh", "-c", 'cd "$0" && exec "$@"', str(scene.root))
        self._place = str(at)

    def mount_again(self, options: str) -> None:
        subprocess.run([*self._enter, "mount", "-o", f"remount,{options}", self._place], check=True)

    def fill(self, *, but: int = 0) -> None:
        """To the last byte, or all but so many."""
        with open(self.at / "ballast", "ab", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(PAGE))
                except OSError:
                    break
            file.truncate(file.tell() - but)

    def make_room(self) -> None:
        os.unlink(self.at / "ballast")


@contextmanager
def small_disk(scene: Scene, at: Path, *, size: str) -> Iterator[Disk]:
    """A disk of this size in the place of a folder, with what is in that."""
    if not may_mount():
        pytest.skip("this user may not mount a small disk")
    script = (
        'mount -t tmpfs -o "size=$1" none "$2" && cp -a "$0/." "$2" && mount --move "$2" "$0" && echo up && exec cat'
    )
    with _mounted(scene, script, at, size) as disk:
        yield disk


@contextmanager
def read_only_disk(scene: Scene, at: Path) -> Iterator[Disk]:
    if not may_mount():
        pytest.skip("this user may not mount a disk read-only")
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && echo up && exec cat'
    with _mounted(scene, script, at, "") as disk:
        yield disk


@contextmanager
def _mounted(scene: Scene, script: str, at: Path, size: str) -> Iterator[Disk]:
    scratch = scene.folder / "scratch"
    scratch.mkdir()
    command = ["unshare", "-m", "sh", "-c", script, str(at), size, str(scratch)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "up\n"
        yield Disk(scene, holder, at)
        holder.stdin.close()


# --- clocks ---------------------------------------------------------------------------------------------------------

OTHER_TIME = """
import time

def moved(real, unit):
    def now():
        with open({file!r}) as file:
            return real() + int(file.read()) * unit
    return now

time.time_ns = moved(time.time_ns, 10**9)
time.time = moved(time.time, 1)
"""
"""Read by each Python at its start. (libfaketime 0.9.10 lets every sleep fail where the clock since boot is real.)"""


class SetClock:
    """The wall clock of every command of the scene; the time since boot goes on as it is."""

    def __init__(self, scene: Scene) -> None:
        self._file = scene.folder / "clock"
        self.set()
        library = scene.folder / "other-time"
        library.mkdir()
        (library / "sitecustomize.py").write_text(OTHER_TIME.format(file=str(self._file)))
        scene.env["PYTHONPATH"] = f"{library}{os.pathsep}{scene.env['PYTHONPATH']}"

    def set(self, *, hours: int = 0) -> None:
        """So many hours from the real time."""
        written = self._file.with_suffix(".new")
        written.write_text(str(hours * 3_600))
        written.replace(self._file)


# --- claims ---------------------------------------------------------------------------------------------------------


def multiply_claims(path: str, count: int, *, boot: str) -> None:
    """As many items as there is one claimed now, all claimed by the same worker, in the same words."""
    raw = apsw.Connection(path)
    raw.execute("PRAGMA foreign_keys = ON")
    with raw:
        [(number, token)] = raw.execute("SELECT number, lease_token FROM sbi WHERE lease_token IS NOT NULL").fetchall()
        raw.execute("UPDATE sbi SET lease_boot = ?", (boot,))
        for table, own in (
            ("sbi", {"number": "number + n", "uid": "uid || n", "lease_token": "lease_token + n"}),
            ("call", {"token": "token + n", "sbi": "sbi + n"}),
            ("journal", {"item": "'SBI-' || (? + n)"}),
        ):
            _multiply(raw, table, own, count=count, number=int(str(number)))
        raw.execute("UPDATE counter SET value = ? WHERE name = 'sbi'", (int(str(number)) + count,))
        raw.execute("UPDATE counter SET value = ? WHERE name = 'token'", (int(str(token)) + count,))
    raw.close()


def _multiply(raw: apsw.Connection, table: str, own: Mapping[str, str], *, count: int, number: int) -> None:
    key = {"sbi": "number = ?1", "call": "sbi = ?1", "journal": "item = 'SBI-' || ?1"}[table]
    columns = [str(row[1]) for row in raw.execute(f"PRAGMA table_info({table})").fetchall() if row[1] != "seq"]
    values = ", ".join(own.get(name, name).replace("?", "?1") for name in columns)
    series = "WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ?2)"
    order = " ORDER BY n, seq" if table == "journal" else ""
    rows = f"SELECT {values} FROM {table}, series WHERE {key}{order}"
    raw.execute(f"INSERT INTO {table} ({', '.join(columns)}) {series} {rows}", (number, count))


# --- who waits ------------------------------------------------------------------------------------------------------


def waits_in_queue(pid: int) -> bool:
    """Whether this process waits for a lock of a file; the kernel tells of it behind an arrow."""
    lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return any(parts[1] == "->" and int(parts[5]) == pid for parts in map(str.split, lines))
