"""A generated backlog goes through export and import and is equal: its records, and the bytes of a second export."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from generated import Seeds, fill, records_of, seeds_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from deespec.backlog.exports.backlog import export
from deespec.backlog.imports.backlog import bring
from deespec.backlog.imports.backlog_read import read_export
from ledger import Ledger

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
IN_A_TEST = 1_000
NUMBERS = st.integers(0, 2**32)
TEXTS = st.lists(st.text(max_size=60), min_size=1, max_size=20)


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (one for one in folder.rglob("*") if one.is_file() and ".git" not in one.parts)
    return {str(one.relative_to(folder)): one.read_bytes() for one in files}


def go_round(new_ledger: Callable[[], Ledger], at: Path, count: int, seeds: Seeds) -> None:
    there, here = new_ledger(), new_ledger()
    home, second = at / "home", at / "second-home"
    fill(there, home, count, seeds)
    export(there.store, home, at / "one")
    came = bring(here.store, second, read_export(at / "one"), as_is=True, actor="me@here")
    assert len(came.brought.came) >= count
    assert records_of(here) == records_of(there)
    export(here.store, second, at / "two")
    one, two = bytes_of(at / "one"), bytes_of(at / "two")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
    assert here.violations() == []


@given(number=NUMBERS, texts=TEXTS)
@settings(max_examples=3, suppress_health_check=SLOW, phases=[Phase.generate])
def test_a_thousand_generated_items_are_equal_afterwards(
    new_ledger: Callable[[], Ledger], tmp_path_factory: pytest.TempPathFactory, number: int, texts: list[str]
) -> None:
    go_round(new_ledger, tmp_path_factory.mktemp("round"), IN_A_TEST, seeds_of(number, texts))


@given(number=NUMBERS, texts=TEXTS)
@settings(max_examples=12, suppress_health_check=SLOW, phases=[Phase.generate])
def test_small_backlogs_of_every_shape_are_equal_afterwards(
    new_ledger: Callable[[], Ledger], tmp_path_factory: pytest.TempPathFactory, number: int, texts: list[str]
) -> None:
    at = tmp_path_factory.mktemp("round")
    go_round(new_ledger, at, 15, seeds_of(number, texts))
    held = new_ledger()
    bring(held.store, at / "third-home", read_export(at / "one"), as_is=False, actor="me@here")
    assert held.violations() == []


@pytest.mark.parametrize("autocrlf", ["true", "input", "false"])
def test_a_clone_is_byte_for_byte_what_was_committed(
    new_ledger: Callable[[], Ledger], tmp_path: Path, autocrlf: str
) -> None:
    there, here = new_ledger(), new_ledger()
    there.add("Ends of lines", spec="one\r\ntwo\rthree\n  four\t\n\n---\ntitle: no\n---")
    there.add("Plain", spec="a\nb")
    export(there.store, tmp_path / "home", tmp_path / "one")
    git = ["git", "-c", f"core.autocrlf={autocrlf}", "-c", "user.name=a", "-c", "user.email=a@b"]
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *step], cwd=tmp_path / "one", check=True, capture_output=True)
    subprocess.run([*git, "clone", "-q", "one", "two"], cwd=tmp_path, check=True, capture_output=True)
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "one")
    bring(here.store, tmp_path / "home2", read_export(tmp_path / "two"), as_is=True, actor="me@here")
    assert records_of(here) == records_of(there)


def test_files_whose_lines_were_made_crlf_are_read_as_they_were(
    new_ledger: Callable[[], Ledger], tmp_path: Path
) -> None:
    there, here = new_ledger(), new_ledger()
    there.add("An item", spec="one\ntwo")
    export(there.store, tmp_path / "home", tmp_path / "one")
    for file in (tmp_path / "one").rglob("*.md"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    bring(here.store, tmp_path / "home2", read_export(tmp_path / "one"), as_is=True, actor="me@here")
    assert here.sbi(1).spec == "one\ntwo"
