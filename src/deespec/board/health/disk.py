"""Where the backlog lies: the kind of file system, and whether there is room to write, to back up and to compact."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, Level, broken, ok, size, warning
from deespec.config_home import DATABASE_NAME
from deespec.store.place import Verdict, place_of

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 1024 * 1024
FREE_WARNING_BYTES = 500 * MEBIBYTE
FREE_BROKEN_BYTES = 50 * MEBIBYTE
FREE_WARNING_FILES = 1_000
FREE_BROKEN_FILES = 10


def of_disk(home: Path) -> list[Finding]:
    return [_file_system(home), _read_only(home) or _space(home), *_files_left(home)]


def _file_system(home: Path) -> Finding:
    place = place_of(str(home))
    what = f"the backlog is on {place.kind}"
    fix = f"Stop every worker (deespec worker stop), then move {home.parent} to a local disk."
    if place.verdict is Verdict.REFUSED:
        return broken("file-system", what, why=place.why, fix=fix)
    if place.verdict is Verdict.DOUBTFUL:
        return warning("file-system", what, why=place.why, fix=fix)
    return ok("file-system", what if place.kind else "no network file system is known to hold the backlog")


def _read_only(home: Path) -> Finding | None:
    if not os.statvfs(home).f_flag & os.ST_RDONLY:
        return None
    why = "nothing can be registered, claimed or reported"
    return broken(
        "free-space", f"the disk of {home} is mounted read-only", why=why, fix=f"mount -o remount,rw {_mount(home)}"
    )


def _space(home: Path) -> Finding:
    found = os.statvfs(home)
    free, used = found.f_bavail * found.f_frsize, _used(home)
    what = f"{size(free)} free, the database takes {size(used)}"
    fix = f"Free some space on the disk of {home} (df -h {home})."
    if free < FREE_BROKEN_BYTES:
        return broken("free-space", what, why="a full disk stops all writing", fix=fix)
    if free < used:
        why = "a backup, a vacuum or a migration needs as much again"
        return warning("free-space", what, why=why, fix=fix)
    if free < FREE_WARNING_BYTES:
        return warning("free-space", what, why="a full disk stops all writing", fix=fix)
    return ok("free-space", what)


def _files_left(home: Path) -> list[Finding]:
    """Of those file systems that count files; others make them as they are needed."""
    found = os.statvfs(home)
    if not found.f_files or found.f_favail >= FREE_WARNING_FILES:
        return []
    what = f"the disk has room for {found.f_favail} more files"
    why = "each turn makes some, and without one nothing can be written although space is left"
    fix = f"Remove files nobody needs on the disk of {home} (df -i {home})."
    level = Level.BROKEN if found.f_favail < FREE_BROKEN_FILES else Level.WARNING
    return [Finding(level=level, id="free-files", what=what, why=why, fix=fix)]


def _used(home: Path) -> int:
    total = 0
    for suffix in ("", "-wal"):
        try:
            total += os.stat(home / f"{DATABASE_NAME}{suffix}").st_size
        except OSError:
            continue
    return total


def _mount(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if os.path.ismount(one))
