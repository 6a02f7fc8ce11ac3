"""What an export does to its folder: little, only its own, and whole even if it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deespec.backlog.exports.backlog import Exported, export
from deespec.backlog.exports.folder import MANIFEST, PROGRESS
from deespec.backlog.imports.backlog_read import read_export
from deespec.errors import InvalidInput, NotPossible
from ledger import Ledger

KILLED = """
import os, signal, sys
from pathlib import Path
from deespec.backlog.exports.backlog import export
from deespec.clock import Clock
from deespec.store.opener import open_store

left = int(sys.argv[3])

def hook(event, args):
    global left
    if event == "os.rename":
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
store = open_store(sys.argv[1], clock=Clock(), busy_ms=5000)
export(store, Path(sys.argv[1]).parent / "home", Path(sys.argv[2]))
"""


def go(ledger: Ledger, tmp_path: Path, *, force: bool = False) -> Exported:
    return export(ledger.store, tmp_path / "home", tmp_path / "out", force=force)


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_what_has_not_changed_is_not_written_again(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("One")
    ledger.add("Two")
    go(ledger, tmp_path)
    before = {one: one.stat().st_ino for one in (tmp_path / "out").rglob("*") if one.is_file()}
    done = go(ledger, tmp_path)
    assert (done.written, done.removed) == (0, 0)
    assert {one: one.stat().st_ino for one in (tmp_path / "out").rglob("*") if one.is_file()} == before


def test_an_item_that_is_gone_loses_its_file_and_no_other_goes(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("One")
    gone = ledger.add("Two")
    go(ledger, tmp_path)
    (tmp_path / "out" / "sbi" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "README.md").write_text("mine")
    with ledger.store.transaction() as tx:
        tx.delete(tx.sbi(gone.number))
        tx.note("me", "deleted", item=gone.id)
    assert go(ledger, tmp_path).removed == 1
    assert sorted(one.name for one in (tmp_path / "out" / "sbi").iterdir()) == ["SBI-000001-one.md", "notes.txt"]
    assert (tmp_path / "out" / "README.md").read_text() == "mine"


def test_a_folder_of_something_else_is_refused_and_stays_as_it_is(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("One")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.md").write_text("mine")
    with pytest.raises(NotPossible, match=r"is not empty and no export: thesis\.md"):
        go(ledger, tmp_path)
    assert files(tmp_path / "out") == {"thesis.md": b"mine"}
    go(ledger, tmp_path, force=True)
    assert files(tmp_path / "out")["thesis.md"] == b"mine"


def test_a_repository_without_files_counts_as_empty(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("One")
    (tmp_path / "out" / ".git").mkdir(parents=True)
    assert go(ledger, tmp_path).counts["sbi"] == 1


def test_the_export_of_another_backlog_is_not_overwritten(new_ledger: object, tmp_path: Path) -> None:
    one, other = new_ledger(), new_ledger()  # type: ignore[operator]
    one.add("One")
    other.clock.forward(1)
    go(one, tmp_path)
    before = files(tmp_path / "out")
    with other.store.transaction() as tx:
        tx.descend_from("01M8519TX4K9Z84B8XBEQH317X")
    with pytest.raises(NotPossible, match="the export of another backlog"):
        go(other, tmp_path)
    assert files(tmp_path / "out") == before


def test_a_link_in_the_folder_leads_nowhere(ledger: Ledger, tmp_path: Path) -> None:
    ledger.add("One")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    go(ledger, tmp_path)
    item = tmp_path / "out" / "sbi" / "SBI-000001-one.md"
    item.unlink()
    item.symlink_to(tmp_path / "precious" / "file")
    go(ledger, tmp_path)
    assert not item.is_symlink()
    for one in (tmp_path / "out" / "sbi").iterdir():
        one.unlink()
    (tmp_path / "out" / "sbi").rmdir()
    (tmp_path / "out" / "sbi").symlink_to(tmp_path / "precious")
    with pytest.raises(InvalidInput, match="is a link, or no folder"):
        go(ledger, tmp_path)
    assert files(tmp_path / "precious") == {"file": b"mine"}


@pytest.mark.parametrize("name", ["../precious/file", "/etc/passwd", "a/b/c", "sbi/..", ""])
def test_a_manifest_that_names_files_elsewhere_is_refused(ledger: Ledger, tmp_path: Path, name: str) -> None:
    ledger.add("One")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("mine")
    go(ledger, tmp_path)
    manifest = tmp_path / "out" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"history.ndjson"', f'"{name}"'))
    with pytest.raises(InvalidInput, match="which no export writes"):
        go(ledger, tmp_path)
    assert files(tmp_path / "precious") == {"file": b"mine"}


def test_nothing_is_exported_into_the_home_itself(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="inside of the backlog's own folder"):
        export(ledger.store, tmp_path / "home", tmp_path / "home" / "out")


def test_titles_that_no_file_system_takes_give_names_that_all_take(ledger: Ledger, tmp_path: Path) -> None:
    titles = ["CON", "a/b\\c:*?", "ログイン", "Ä" * 150, "..", "same", "SAME", "same"]
    for title in titles:
        ledger.add(title)
    go(ledger, tmp_path)
    names = [one.name for one in (tmp_path / "out" / "sbi").iterdir()]
    assert len({name.casefold() for name in names}) == len(titles)
    assert all(name.isascii() and len(name) < 80 and not {*name} & {*'/\\:*?"<>| '} for name in names)


def test_one_export_at_a_time_writes_to_a_folder(ledger: Ledger, tmp_path: Path) -> None:
    from deespec.backlog.exports.folder import opened

    ledger.add("One")
    with opened(tmp_path / "out"), pytest.raises(NotPossible, match="Another export is writing"):
        go(ledger, tmp_path)


@pytest.mark.parametrize("renames", [0, 1, 2, 4, 7, 8, 9])
def test_killed_at_any_file_it_is_told_to_be_incomplete_and_the_next_completes_it(
    ledger: Ledger, tmp_path: Path, path: str, renames: int
) -> None:
    for number in range(5):
        ledger.add(f"Item {number}", spec="before")
    go(ledger, tmp_path)
    gone = ledger.sbi(5)
    with ledger.store.transaction() as tx:
        tx.delete(gone)
        tx.note("me", "deleted", item=gone.id)
    ledger.add_many(3)
    command = [sys.executable, "-c", KILLED, path, str(tmp_path / "out"), str(renames)]
    ended = subprocess.run(command, capture_output=True, check=False, env={**os.environ})
    if renames > 6:
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr.decode()
    else:
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    if renames and ended.returncode:
        assert (tmp_path / "out" / PROGRESS).is_file()
        with pytest.raises(NotPossible, match="was cut off"):
            read_export(tmp_path / "out")
    go(ledger, tmp_path)
    done = files(tmp_path / "out")
    export(ledger.store, tmp_path / "home", tmp_path / "fresh")
    assert done == files(tmp_path / "fresh")
