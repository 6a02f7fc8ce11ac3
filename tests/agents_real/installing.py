"""The real clients: installed through npm from lock files into a cache of the repository, once for all tests.

`make test-agents` runs what needs them: installing takes a minute and hundreds of megabytes.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = Path(__file__).parent / "clients"
CACHE = ROOT / ".cache" / "agents"
INSTALL_S = 600
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "E403", "E503")
"""What npm says when there is no way to its registry; all else is an error of ours."""
LINUX_ONLY = ("opencode",)
"""Locks that hold the packages of this platform alone: `npm ci` wants all of them."""
CLIENTS = tuple(sorted(folder.name for folder in LOCKS.iterdir()))


@cache
def installed(name: str) -> Path:
    """The program of a client; skips where npm or its registry is out of reach."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder, program = CACHE / name, CACHE / name / "node_modules" / ".bin" / name
    lock = (LOCKS / name / "package-lock.json").read_bytes()
    stamp = folder / "installed.lock"
    if program.exists() and stamp.exists() and stamp.read_bytes() == lock:
        return program
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(LOCKS / name, folder)
    how = ["install", "--no-save"] if name in LINUX_ONLY else ["ci"]
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
    stamp.write_bytes(lock)
    return program
