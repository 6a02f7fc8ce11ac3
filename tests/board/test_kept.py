"""What tries have kept: found below the home only, whatever an agent has put there."""

from __future__ import annotations

from pathlib import Path

from deespec.board.kept import TRIES_MOST, tries_of


def test_tries_are_folders_in_the_order_of_their_tokens(tmp_path: Path) -> None:
    for name in ("2.30", "1.9", "merge.10", "x.1", "1"):
        (tmp_path / "turns/SBI-1" / name).mkdir(parents=True)
    found = [(one.turn, one.token, one.folder.name) for one in tries_of(tmp_path, "SBI-1")]
    assert found == [(1, 9, "1.9"), (None, 10, "merge.10"), (2, 30, "2.30")]


def test_of_a_great_many_only_the_newest_are_tries(tmp_path: Path) -> None:
    for number in range(1, TRIES_MOST + 4):
        (tmp_path / f"turns/SBI-1/1.{number}").mkdir(parents=True)
    found = [one.token for one in tries_of(tmp_path, "SBI-1")]
    assert found == list(range(4, TRIES_MOST + 4))


def test_no_link_is_a_try(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/1.1").mkdir(parents=True)
    (tmp_path / "turns/SBI-1").mkdir(parents=True)
    (tmp_path / "turns/SBI-1/1.1").symlink_to(tmp_path / "elsewhere/1.1")
    (tmp_path / "turns/SBI-1/1.2").write_text("a file", encoding="utf-8")
    (tmp_path / "turns/SBI-2").symlink_to(tmp_path / "elsewhere")
    assert tries_of(tmp_path, "SBI-1") == []
    assert tries_of(tmp_path, "SBI-2") == []
    assert tries_of(tmp_path, "SBI-3") == []
