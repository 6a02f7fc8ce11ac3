"""What tests need from npm: installed from lock files into a cache of the repository, once for all tests."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parent.parent / ".cache"
INSTALL_S = 600
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "E403", "E503")
"""What npm says when there is no way to its registry; all else is an error of ours."""


def fetched(locked: Path, name: str, *, how: Sequence[str] = ("ci",)) -> Path:
    """The `node_modules` of what the lock in this folder names; skips where npm or its registry is out of reach."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = CACHE / name
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name.replace('/', '-')}.lock").open("w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)  # tests run side by side
        stamp, lock = folder / "installed.lock", (locked / "package-lock.json").read_bytes()
        if not (stamp.exists() and stamp.read_bytes() == lock):
            _install(npm, locked, folder, how)
            stamp.write_bytes(lock)
    return folder / "node_modules"


def _install(npm: str, locked: Path, folder: Path, how: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(locked, folder)
    done = subprocess.run(
        [npm, *how, "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
    )
    said = done.stdout + done.stderr
    if done.returncode and any(word in said for word in UNREACHABLE):
        pytest.skip(f"npm cannot reach its registry: {said.strip().splitlines()[0]}")
    assert done.returncode == 0, said
