"""`demo` as a stranger starts it: real processes, and a story that ends as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_S = 300
REPEATED = 20


def _play(folder: Path, *options: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("DEESPEC_", "GIT_"))}
    env |= {"TMPDIR": str(folder), "HOME": str(folder), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "deespec", "demo", *options], env=env, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_tells_of_a_conflict_and_a_failure_and_ends_on_green_tests(tmp_path: Path) -> None:
    told = _play(tmp_path).splitlines()
    assert len(told) <= 55, "it fits on one screen"
    assert [line for line in told if "onflict" in line and line[0] in "✗✓" and "turn 4" not in line][:1] == [
        "✗ SBI-2  It conflicts with deespec/integration in: calc/operators.py"
    ]
    assert "✓ SBI-2  turn 4: conflict resolved; gates passed, and on to another review" in told
    merged = [found[1] for line in told if (found := re.match(r"✓ (SBI-\d)  merged: ", line))]
    assert sorted(merged) == ["SBI-1", "SBI-2", "SBI-3", "SBI-4", "SBI-5", "SBI-6", "SBI-7", "SBI-9"]
    assert merged[-1] == "SBI-2"
    assert "✗ SBI-8  FAILED after turn 2: no more are allowed to it" in told
    assert any(line.startswith("✓ landed 8 commits on main: ") for line in told)
    assert told[told.index('$ python3 -m calc "2 ^ 5 % 24"') + 1] == "8"
    assert list(tmp_path.glob("deespec-demo-*")) == []


def test_an_idea_becomes_merged_code_and_its_pbi_and_epic_are_done_by_themselves(tmp_path: Path) -> None:
    told = _play(tmp_path, "--planning").splitlines()
    assert len(told) <= 70, "it is short"
    merged = [found[1] for line in told if (found := re.match(r"✓ (SBI-\d)  merged: ", line))]
    assert sorted(merged) == ["SBI-1", "SBI-2", "SBI-3"]
    rolled = [line for line in told if re.match(r"✓ (PBI|EPIC)-1  is ", line)]
    assert rolled[-2:] == ["✓ PBI-1  is DONE", "✓ EPIC-1  is DONE"]
    assert told[told.index("$ python3 -m todo") + 1] == "1 Buy milk"
    assert list(tmp_path.glob("deespec-demo-*")) == []


@pytest.mark.soak
def test_the_demo_ends_the_same_way_however_its_processes_meet(tmp_path: Path) -> None:
    for number in range(REPEATED):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert "conflicts with deespec/integration in: calc/operators.py" in _play(folder)
