"""Who may write the backlog: its owner, and nobody else. Files are looked at from outside, never opened."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
import sys
from typing import TYPE_CHECKING

from deespec.board.health.findings import Finding, broken, ok, several, warning
from deespec.config_home import CONFIG_NAME, DATABASE_NAME
from deespec.store.place import MODELESS, place_of

if TYPE_CHECKING:
    from pathlib import Path

OURS = (
    *(CONFIG_NAME, DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm", "write.lock"),
    *("workers", "turns", "guards", "prompts", "labels"),
)
"""What deespec itself works with in a home."""
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def of_permissions(home: Path) -> list[Finding]:
    there = _there(home)
    found = [*_links(there), *_owners(home, there), *_not_writable(there), *_open_to_others(home)]
    return found or [ok("permissions", "only you may write the backlog")]


def open_to_others(home: Path) -> list[Path]:
    """Files of a home that somebody else may write: the home first, which opens the way to all others."""
    return [path for path in _there(home) if _is_plain(path) and _others_write(path.lstat())]


def _there(home: Path) -> list[Path]:
    prompts = sorted((home / "prompts").glob("*.md")) if os.access(home, os.X_OK) else []
    return [path for path in (home, *(home / name for name in OURS), *prompts) if os.path.lexists(path)]


def _open_to_others(home: Path) -> list[Finding]:
    open_to = open_to_others(home)
    if not open_to:
        return []
    what = f"others may write {several([path.name for path in open_to])}"
    why = "whoever can write settings, prompts or the database can run commands as you"
    place = place_of(str(home))
    if place.kind in MODELESS:
        what = f"{place.kind} keeps no permissions: others may write the backlog"
        return [warning("permissions", what, why=why, fix="Mount it with the options uid=YOU,umask=077.")]
    fix = (
        f"chmod go-w {shlex.quote(str(open_to[0]))}" if len(open_to) == 1 else f"chmod -R go-w {shlex.quote(str(home))}"
    )
    return [warning("permissions", what, why=why, fix=fix, fixable=all(map(_mine, open_to)))]


def _others_write(found: os.stat_result) -> bool:
    if found.st_mode & stat.S_IWOTH:
        return True
    return bool(found.st_mode & stat.S_IWGRP) and not _is_private(found.st_gid, found.st_uid)


def _is_private(group: int, user: int) -> bool:
    """Whether the group has that user alone, as many systems give each user one."""
    try:
        found, own = grp.getgrgid(group), pwd.getpwuid(user)
    except KeyError:
        return False
    return found.gr_name == own.pw_name and own.pw_gid == group and set(found.gr_mem) <= {own.pw_name}


def _links(there: list[Path]) -> list[Finding]:
    """The home itself was resolved; below it nothing of ours is a link."""
    links = [path for path in there[1:] if path.is_symlink()]
    if not links:
        return []
    why = "SQLite finds its log beside the name it was given, so one database would have two logs; links are refused"
    fix = f"Put the file itself in place of the link: {links[0]} → {os.path.realpath(links[0])}"
    return [broken("links", f"{several([str(path) for path in links])}: a symbolic link", why=why, fix=fix)]


def _owners(home: Path, there: list[Path]) -> list[Finding]:
    user = os.geteuid()
    foreign = [path for path in there if path.lstat().st_uid != user]
    if not foreign:
        return []
    owner = _name(foreign[0].lstat().st_uid)
    if foreign[0] == home and user == 0:
        what = f"the backlog belongs to {owner}, and you are root"
        why = "files that root makes in it are closed to its owner, whose workers then stop"
        return [warning("owner", what, why=why, fix=f"sudo -u {shlex.quote(owner)} deespec …")]
    due = _name(user) if foreign[0] == home else _name(home.lstat().st_uid)
    what = f"{several([str(path) for path in foreign])}: owned by {owner}, you are {_name(user)}"
    why = "one user's files are closed to the other, and whoever owns them decides what you run"
    fix = f"sudo chown -R {shlex.quote(due)} {shlex.quote(str(home))}"
    return [warning("owner", what, why=why, fix=fix)]


def _not_writable(there: list[Path]) -> list[Finding]:
    closed = [path for path in there if not path.is_symlink() and not os.access(path, os.W_OK)]
    if not closed or os.statvfs(there[0]).f_flag & os.ST_RDONLY:  # of which the disk's check tells
        return []
    first = closed[0]
    what = f"{several([str(path) for path in closed])}: cannot be written"
    why = "nothing can be registered, claimed or reported"
    paths = shlex.join(str(path) for path in closed)
    fix = f"chmod u+w {paths}" if _mine(first) else f"sudo chown {shlex.quote(_name(os.geteuid()))} {paths}"
    if (_mine(first) or os.geteuid() == 0) and first.lstat().st_mode & stat.S_IWUSR:
        what = f"{several([str(path) for path in closed])}: marked as immutable"
        fix = f"sudo chattr -i {paths}" if sys.platform == "linux" else f"chflags nouchg {paths}"
    return [broken("permissions", what, why=why, fix=fix)]


def _is_plain(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _mine(path: Path) -> bool:
    return path.lstat().st_uid == os.geteuid()


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
