"""Every other `deespec` on PATH: another version, or the Go program whose place this one takes."""

from __future__ import annotations

import json
import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.process import capture
from deespec.board.health.findings import Finding, ok, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "deespec"
LOOK_MS = 3_000
MOST = 10
BINARIES = (
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
)
"""How compiled programs begin (ELF, Mach-O). Ours is a script."""
KEPT = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""Of the environment: without HOME and DEESPEC_HOME it finds no backlog, whatever it is."""


def of_programs(env: Mapping[str, str], *, own: str, version: str) -> list[Finding]:
    """`own` is the file that runs now, `version` what it is."""
    found = _on_path(env.get("PATH", os.defpath))
    others = [path for path in found if os.path.realpath(path) != os.path.realpath(own)]
    if not others:
        return [ok("programs", f"no other deespec is on PATH (this is {version}, {own})")]
    first = bool(found) and found[0] == others[0]
    with ThreadPoolExecutor(max_workers=MOST) as threads:  # one that hangs makes none wait
        return list(
            threads.map(lambda path: _other(path, env, version, is_first=first and path == others[0]), others[:MOST])
        )


def _on_path(path: str) -> list[str]:
    """In order, each program once; what lies in the current folder is no installation, and is not to be started."""
    found: dict[str, str] = {}
    for folder in path.split(os.pathsep):
        program = os.path.join(folder, NAME)
        if os.path.isabs(program) and os.path.isfile(program) and os.access(program, os.X_OK):
            found.setdefault(os.path.realpath(program), program)
    return list(found.values())


def _other(path: str, env: Mapping[str, str], own: str, *, is_first: bool) -> Finding:
    why = "a shell that says deespec starts that one" if is_first else "another PATH would start that one"
    if _is_binary(path):
        why = f"{why}: it writes databases of its own and knows nothing of this backlog"
        fix = f"mv {shlex.quote(path)} {shlex.quote(path + '-go')}"
        return warning("programs", f"{path} is the Go program", why=why, fix=fix)
    version = _version(path, env)
    if version == own:
        return ok("programs", f"{path} is deespec {version}, too")
    what = f"{path} is deespec {version}, this is {own}" if version else f"{path} is no deespec that we know"
    fix = "pip install --upgrade deespec, there" if version else f"Remove it, or put this one first on PATH: {path}"
    return warning("programs", what, why=f"{why}; an older one refuses a newer backlog", fix=fix)


def _is_binary(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) in BINARIES
    except OSError:
        return False


def _version(path: str, env: Mapping[str, str]) -> str | None:
    """As it says itself, in a folder and an environment in which it finds no backlog."""
    bare = {name: env[name] for name in KEPT if name in env}
    code, said = capture([path, "version", "--json"], env=bare, timeout_ms=LOOK_MS, cwd=Path(os.sep))
    try:
        version = json.loads(said)["deespec"]
    except (ValueError, KeyError, TypeError):
        return None
    return version[:50] if code == 0 and isinstance(version, str) else None
