"""The import contracts hold, and each of them catches what it is there for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deespec.config_keys import KINDS

ROOT = Path(__file__).parent.parent
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}


def test_the_contracts_hold() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("layers", "board/snapshot.py", "import deespec.app"),
        ("layers", "mcp/server.py", "import deespec.cli.output"),
        ("layers", "backlog/register.py", "import deespec.engine.turn"),
        ("layers", "model/reports.py", "import deespec.store.rows"),
        ("layers", "errors.py", "import deespec.config_keys"),
        ("layers", "config.py", "import deespec.model.items"),
        ("layers", "jobs.py", '"""A new module without a place."""'),
        ("acyclic", "store/rows.py", "import deespec.store.unit"),
        ("pure-model", "model/items.py", "import os"),
        ("pure-model", "model/reports.py", "import threading"),
        ("pure-model", "model/lifecycle.py", "import deespec.clock"),
        ("pure-model", "model/spec.py", "import deespec.config"),
        ("pure-model", "records.py", "import logging"),
        ("drivers", "cli/output.py", "import apsw"),
        ("drivers", "engine/turn.py", "import psycopg"),
        ("stores", "store/views.py", "import deespec.store.sqlite"),
        ("stores", "backlog/edit.py", "import deespec.store.sqlite"),
        ("one-sqlite", "store/sqlite.py", "import sqlite3"),
        ("processes", "engine/gates.py", "import subprocess"),
        ("adapters", "agents/patch.py", "import deespec.agents.scripted"),
        ("adapter-parts", "agents/command.py", "import deespec.agents.claude_stream"),
    ],
)
def test_a_planted_violation_is_caught(tmp_path: Path, contract: str, file: str, line: str) -> None:
    planted = copy_of_the_program(tmp_path) / file
    text = planted.read_text(encoding="utf-8") if planted.exists() else ""
    planted.write_text(f"{text}\n{line}\n", encoding="utf-8")
    result = lint_imports(tmp_path)
    assert result.returncode == 1, result.stdout
    assert f"{CONTRACTS[contract]['name']} BROKEN" in result.stdout


def test_every_adapter_stands_in_the_contract_that_keeps_them_apart() -> None:
    assert {f"deespec.agents.{kind}" for kind in KINDS} == set(CONTRACTS["adapters"]["modules"])


def copy_of_the_program(folder: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "src/deespec", folder / "src/deespec", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "src/deespec"


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the linter as `make lint` does, on the program in this folder."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
