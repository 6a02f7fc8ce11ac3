"""Opening: what is not ours is never written, what cannot work is refused with its reason, and creating is safe."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from deespec.clock import Clock
from deespec.errors import DeespecError, ForeignDatabase, SchemaTooNew, StoreReadOnly, StoreUnusable
from deespec.store import place, sqlite
from deespec.store.base import Store
from deespec.store.opener import create_store, open_store

NOBODY = 65534
LIMIT_S = 60


def read(path: str) -> None:
    opened = open_store(path, clock=Clock(), busy_ms=1_000)
    try:
        with opened.read() as tx:
            tx.counts()
    finally:
        opened.close()


def write(path: str) -> None:
    opened = open_store(path, clock=Clock(), busy_ms=1_000)
    try:
        with opened.transaction() as tx:
            tx.note("test", "wrote")
    finally:
        opened.close()


def create(path: str) -> None:
    create_store(path, clock=Clock(), busy_ms=1_000)


WAYS_IN = pytest.mark.parametrize("way_in", [read, write, create])


def other_database(path: str, *statements: str) -> None:
    """A database of another program that has died, so that its newest rows are in its log alone."""
    raw = apsw.Connection(path)
    raw.execute("PRAGMA journal_mode = WAL").fetchall()
    raw.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    for statement in statements:
        raw.execute(statement)
    raw.close()


def contents(path: str) -> list[bytes]:
    return [Path(path + suffix).read_bytes() for suffix in ("", "-wal")]


# --- what is not ours -----------------------------------------------------------------------------------------------


@WAYS_IN
@pytest.mark.parametrize("mark", ["PRAGMA application_id = 305419896", "PRAGMA application_id = 0"])
def test_a_database_of_another_program_is_never_written(path: str, way_in: Callable[[str], None], mark: str) -> None:
    other_database(path, mark, "CREATE TABLE other (a)", "INSERT INTO other VALUES (1)")
    before = contents(path)
    with pytest.raises(ForeignDatabase, match="belongs to another program"):
        way_in(path)
    assert contents(path) == before


@WAYS_IN
def test_a_project_of_the_go_program_is_known_and_told_what_to_do(path: str, way_in: Callable[[str], None]) -> None:
    other_database(
        path,
        "CREATE TABLE sbis (id TEXT PRIMARY KEY, title TEXT NOT NULL)",
        "CREATE TABLE pbis (id TEXT PRIMARY KEY, title TEXT NOT NULL)",
        "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, description TEXT)",
        "INSERT INTO schema_migrations VALUES (1, 'Initial schema'), (8, 'Add only_implement flag')",
    )
    before = contents(path)
    with pytest.raises(ForeignDatabase) as refused:
        way_in(path)
    assert contents(path) == before
    assert refused.value.exit_status == 5
    assert refused.value.message == (
        "This is a project of the Go deespec (schema 8). Bring it over: deespec import legacy ."
    )


@WAYS_IN
def test_a_file_that_is_no_database_is_left_as_it_is(path: str, way_in: Callable[[str], None]) -> None:
    Path(path).write_bytes(b"These are notes.\n" * 500)
    with pytest.raises(ForeignDatabase, match="is not a database"):
        way_in(path)
    assert Path(path).read_bytes() == b"These are notes.\n" * 500


# --- what cannot work -----------------------------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_not_made_by_opening_it(path: str) -> None:
    with pytest.raises(StoreUnusable, match="There is no database"):
        write(path)
    assert not os.path.exists(path)


def test_an_empty_file_is_refused_and_init_makes_a_backlog_of_it(path: str) -> None:
    Path(path).touch()
    with pytest.raises(StoreUnusable, match="is empty"):
        write(path)
    create(path)
    write(path)


@WAYS_IN
def test_a_newer_schema_is_refused_and_not_touched(store: Store, path: str, way_in: Callable[[str], None]) -> None:
    store.close()
    other_database(path, "PRAGMA user_version = 99")
    before = contents(path)
    with pytest.raises(SchemaTooNew, match="schema 99"):
        way_in(path)
    assert contents(path) == before


@pytest.mark.parametrize("kind", ["transaction", "light_transaction"])
def test_a_running_process_stops_writing_when_the_schema_becomes_newer(store: Store, path: str, kind: str) -> None:
    begin = getattr(store, kind)
    with begin() as tx:
        tx.note("test", "before")
    raw = apsw.Connection(path)
    raw.execute("PRAGMA user_version = 99")
    with pytest.raises(SchemaTooNew), begin() as tx:
        tx.note("test", "after")
    assert raw.execute("SELECT event FROM journal").fetchall() == [("before",)]
    raw.close()


def test_an_older_schema_is_refused_with_the_way_to_bring_it_up_to_date(store: Store, path: str) -> None:
    store.close()
    other_database(path, "PRAGMA user_version = 0")
    with pytest.raises(StoreUnusable, match="has schema 0"):
        write(path)


def test_without_its_log_a_database_is_refused(store: Store, path: str) -> None:
    store.close()
    raw = apsw.Connection(path)
    raw.execute("PRAGMA journal_mode = DELETE").fetchall()
    raw.close()
    with pytest.raises(StoreUnusable) as refused:
        write(path)
    assert refused.value.message == "WAL mode not enabled, got: delete"


@pytest.mark.parametrize("version", ["3.44.6", "3.44.7", "3.50.7", "3.51.3", "3.51.10", "3.54.1", "4.0.0"])
def test_a_repaired_library_is_taken(version: str) -> None:
    sqlite.check_library(version)


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.45.0", "3.50.6", "3.51.2"])
def test_a_library_that_can_lose_data_is_refused(version: str) -> None:
    with pytest.raises(StoreUnusable, match=f"SQLite {version}"):
        sqlite.check_library(version)


MOUNTS = r"""
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 21 0:35 / /srv rw - nfs4 server:/srv rw
41 40 0:36 / /srv/ann/local rw shared:1 - xfs /dev/vdb rw
42 21 0:37 / /mnt/my\040disk rw - cifs //server/share rw
43 21 0:38 / /mnt/é rw - fuse.sshfs host:/ rw
44 21 0:39 / /mnt rw - tmpfs none rw
""".strip()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"),
        ("/srvs/bob", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/ann", "nfs4"),
        ("/srv/ann/local/project/.deespec", "xfs"),
        ("/mnt/my disk/project", "cifs"),
        ("/mnt/é/project", "fuse.sshfs"),
        ("/mnt/other", "tmpfs"),
    ],
)
def test_the_innermost_mount_tells_the_file_system(folder: str, kind: str) -> None:
    assert place.file_system(folder, place.parse_mounts(MOUNTS)) == kind


def test_network_file_systems_are_known() -> None:
    assert {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"} <= place.REFUSED.keys()


def test_a_local_disk_is_not_refused(tmp_path: Path) -> None:
    place.refuse_network(str(tmp_path))


# --- paths and permissions ------------------------------------------------------------------------------------------


def test_a_backlog_behind_a_linked_folder_is_opened(store: Store, path: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(os.path.dirname(path))
    write(str(link / "deespec.db"))


def test_a_database_that_is_itself_a_link_is_refused(store: Store, path: str, tmp_path: Path) -> None:
    link = tmp_path / "other.db"
    link.symlink_to(path)
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        write(str(link))


def test_nobody_else_can_read_a_backlog(path: str) -> None:
    create(path)
    opened = open_store(path, clock=Clock(), busy_ms=1_000)
    with opened.transaction() as tx:
        tx.note("test", "wrote")
    modes = [stat.S_IMODE(os.stat(path + suffix).st_mode) for suffix in ("", "-wal", "-shm")]
    opened.close()
    assert modes == [0o600] * 3


@pytest.fixture
def shown() -> Iterator[Path]:
    """A folder that any user can look into."""
    made = Path(tempfile.mkdtemp(prefix="deespec-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


AS_NOBODY = """
import os, sys
import deespec.store.sqlite  # now: later this user may not read the libraries any more
from deespec.clock import Clock
from deespec.errors import DeespecError
from deespec.store.opener import open_store
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
store = open_store(sys.argv[1], clock=Clock(), busy_ms=1_000)
for begin in (store.read, store.transaction):
    try:
        with begin() as tx:
            print(tx.counts())
    except DeespecError as error:
        print(type(error).__name__, error.exit_status)
"""


def as_nobody(path: Path) -> list[str]:
    """What a user who may not write there reads, and what happens when he writes."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(path), str(NOBODY)], capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_read_only_backlog_that_nobody_has_open_is_refused(shown: Path) -> None:
    path = shown / "deespec.db"
    create(str(path))
    path.chmod(0o444)
    shown.chmod(0o555)
    assert as_nobody(path) == ["StoreReadOnly 5", "StoreReadOnly 5"]


def test_a_read_only_backlog_that_is_open_elsewhere_can_be_read(shown: Path) -> None:
    path = shown / "deespec.db"
    create(str(path))
    opened = open_store(str(path), clock=Clock(), busy_ms=1_000)
    with opened.transaction() as tx:
        tx.note("test", "wrote")
    for file in shown.iterdir():
        file.chmod(0o444)
    shown.chmod(0o555)
    assert as_nobody(path) == ["{}", "StoreReadOnly 5"]
    opened.close()


def test_a_backlog_of_another_user_is_refused(shown: Path) -> None:
    path = shown / "deespec.db"
    create(str(path))
    assert as_nobody(path) == ["StoreReadOnly 5", "StoreReadOnly 5"]


# --- creating -------------------------------------------------------------------------------------------------------


def test_creating_twice_does_nothing_the_second_time(path: str) -> None:
    made = [create_store(path, clock=Clock(), busy_ms=1_000) for _ in range(2)]
    assert made == [True, False]


def test_each_backlog_has_an_identity_of_its_own(tmp_path: Path) -> None:
    uids = []
    for name in ("one.db", "two.db"):
        create(str(tmp_path / name))
        opened = open_store(str(tmp_path / name), clock=Clock(), busy_ms=1_000)
        with opened.read() as tx:
            uids.append((tx.backlog_uid(), tx.epoch()))
        opened.close()
    assert not set(uids[0]) & set(uids[1])


@pytest.mark.parametrize("done", ["PRAGMA application_id = {id}", "PRAGMA journal_mode = WAL"])
def test_a_creation_that_was_cut_off_is_completed(path: str, done: str) -> None:
    raw = apsw.Connection(path)
    raw.execute(f"PRAGMA application_id = {sqlite.APPLICATION_ID}")
    raw.execute(done.format(id=sqlite.APPLICATION_ID)).fetchall()
    raw.close()
    with pytest.raises(StoreUnusable, match="has schema 0"):
        write(path)
    create(path)
    write(path)


def test_creating_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreReadOnly, match=r"write\.lock"):
        create(str(tmp_path / "missing" / "deespec.db"))


def test_every_refusal_ends_with_status_five() -> None:
    assert {error.exit_status for error in subclasses(StoreUnusable)} == {5}


def subclasses(cls: type[DeespecError]) -> list[type[DeespecError]]:
    return [cls, *(below for one in cls.__subclasses__() for below in subclasses(one))]
