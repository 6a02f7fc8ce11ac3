"""A guard starts from byte code, but only from that of its very source."""

from __future__ import annotations

import os
import py_compile
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from deespec.agents import guard
from deespec.agents.guard_file import guard_file


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the guard with byte code of its own."""
    path = tmp_path / "guard.py"
    path.write_bytes(Path(guard.__file__).read_bytes())
    py_compile.compile(str(path), doraise=True)
    monkeypatch.setattr(guard, "__file__", str(path))
    guard_file.cache_clear()
    yield path
    guard_file.cache_clear()


def test_byte_code_of_this_source_is_taken(source: Path) -> None:
    assert guard_file() == cache_from_source(str(source))


def test_byte_code_of_an_older_source_is_not_taken(source: Path) -> None:
    os.utime(source, (1, 1))
    assert guard_file() == str(source)


def test_byte_code_of_a_source_of_another_size_is_not_taken(source: Path) -> None:
    before = source.stat()
    with source.open("a") as file:
        file.write("\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert guard_file() == str(source)


def test_without_byte_code_the_source_is_taken(source: Path) -> None:
    Path(cache_from_source(str(source))).unlink()
    assert guard_file() == str(source)
