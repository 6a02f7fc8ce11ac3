"""Projects of the Go deespec, made by SQL as its versions made them, with whatever is wrong with them."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import apsw

SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python 3.11 has it from 3.11.4 on; the archive is our own."""

SHOP = Path(__file__).parent / "data" / "shop.tar.gz"
EPICS = (
    "CREATE TABLE epics (id TEXT, title TEXT, description TEXT, status TEXT, current_step TEXT, "
    "estimated_story_points INTEGER, priority INTEGER DEFAULT 3, labels TEXT, assigned_agent TEXT, "
    "created_at DATETIME, updated_at DATETIME)"
)
PBIS = (
    "CREATE TABLE pbis (id TEXT, parent_epic_id TEXT, title TEXT, description TEXT, status TEXT, current_step TEXT, "
    "story_points INTEGER, priority INTEGER DEFAULT 3, labels TEXT, assigned_agent TEXT, acceptance_criteria TEXT, "
    "created_at DATETIME, updated_at DATETIME)"
)
SBIS = (
    "CREATE TABLE sbis (id TEXT, parent_pbi_id TEXT, title TEXT, description TEXT, status TEXT, current_step TEXT, "
    "estimated_hours REAL, priority INTEGER DEFAULT 3, labels TEXT, assigned_agent TEXT, file_paths TEXT, "
    "current_turn INTEGER DEFAULT 1, max_turns INTEGER DEFAULT 10, last_error TEXT, artifact_paths TEXT, "
    "created_at DATETIME, updated_at DATETIME)"
)
LOCKS = "CREATE TABLE {} (lock_id TEXT PRIMARY KEY, pid INTEGER, hostname TEXT, expires_at DATETIME)"
STEPS: dict[int, tuple[str, ...]] = {
    1: (EPICS, PBIS, SBIS, "CREATE TABLE epic_pbis (epic_id TEXT, pbi_id TEXT, position INTEGER)"),
    2: (LOCKS.format("run_locks"), LOCKS.format("state_locks")),
    3: (
        "CREATE TABLE labels (id INTEGER PRIMARY KEY, name TEXT, description TEXT, template_paths TEXT, "
        "content_hashes TEXT, parent_label_id INTEGER, color TEXT, priority INTEGER, is_active BOOLEAN)",
    ),
    4: ("ALTER TABLE sbis ADD sequence INTEGER", "ALTER TABLE sbis ADD registered_at DATETIME"),
    5: ("CREATE TABLE sbi_dependencies (sbi_id TEXT, depends_on_sbi_id TEXT)",),
    6: ("ALTER TABLE sbis ADD started_at DATETIME", "ALTER TABLE sbis ADD completed_at DATETIME"),
    7: (
        "CREATE TABLE sbi_exec_logs (id INTEGER PRIMARY KEY, sbi_id TEXT, turn INTEGER, step TEXT, decision TEXT, "
        "report_path TEXT, executed_at DATETIME)",
    ),
    8: ("ALTER TABLE sbis ADD only_implement BOOLEAN DEFAULT 0",),
}
"""What each schema version added."""


class GoProject:
    """A folder with a `.deespec` of the Go program."""

    def __init__(self, root: Path, *, schema: int = 8) -> None:
        self.root = root
        self.folder = root / ".deespec"
        self.folder.mkdir(parents=True)
        self.database = self.folder / "deespec.db"
        self.open = apsw.Connection(str(self.database))
        self.open.execute("PRAGMA journal_mode = WAL").fetchall()
        self.sql("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, applied_at DATETIME, description TEXT)")
        for version in range(1, schema + 1):
            for step in STEPS[version]:
                self.sql(step)
            self.sql("INSERT INTO schema_migrations VALUES (?, '2025-10-18 09:00:00', '')", version)

    def sql(self, text: str, *values: object) -> None:
        self.open.execute(text, values)  # type: ignore[arg-type]

    def put(self, table: str, **values: object) -> None:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self.sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())

    def sbi(self, number: int, **values: object) -> str:
        """A PENDING SBI; its id is a ULID that ends with its number."""
        old = ulid(number)
        given = {
            "id": old,
            "title": f"Item {number}",
            "description": f"Do {number}",
            "status": "PENDING",
            "priority": 0,
            "created_at": f"2025-10-18 10:{number // 60 % 60:02d}:{number % 60:02d}.123456789+00:00",
            "updated_at": "2025-10-19T08:00:00Z",
        }
        self.put("sbis", **{**given, **values})
        return str(values.get("id", old))

    def pbi(self, number: int, **values: object) -> str:
        old = ulid(1_000_000 + number)
        given = {"id": old, "title": f"Group {number}", "status": "pending", "priority": 0}
        self.put("pbis", **{**given, "created_at": "2025-10-18T09:00:00Z", **values})
        return old

    def need(self, sbi: str, need: str) -> None:
        self.put("sbi_dependencies", sbi_id=sbi, depends_on_sbi_id=need)

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def report(self, sbi: str, name: str, content: str) -> None:
        self.file(f"reports/sbi/{sbi}/{name}.md", content)

    def journal(self, *entries: dict[str, object], name: str = "var/journal.ndjson") -> None:
        self.file(name, "".join(json.dumps(entry) + "\n" for entry in entries))

    def settings(self, **values: object) -> None:
        self.file("setting.json", json.dumps(values))

    def close(self) -> Path:
        """Nobody has it open any more; the log is in the database."""
        self.open.close()
        return self.root

    def reopen(self) -> None:
        self.open = apsw.Connection(str(self.database))

    def left_behind(self) -> Path:
        """Nobody has it open any more, and the log still holds what was written last."""
        self.open.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        return self.close()


def ulid(number: int) -> str:
    return f"01K7{number:022d}"


def unpack_shop(to: Path) -> Path:
    with tarfile.open(SHOP) as archive:
        archive.extractall(to, **SAFELY)
    return to / "shop"


def state_of(folder: Path) -> dict[str, tuple[object, ...]]:
    """Every file with its bytes, mode and time."""
    found: dict[str, tuple[object, ...]] = {}
    for place, _, files in os.walk(folder):
        for name in files:
            path = Path(place, name)
            state = path.lstat()
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            found[str(path.relative_to(folder))] = (digest, state.st_mode, state.st_mtime_ns, state.st_ino)
    return found
