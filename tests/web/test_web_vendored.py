"""What the board brings of others is what it says it is."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import deespec.web

STATIC = Path(deespec.web.__file__).parent / "static"
VENDOR = STATIC / "vendor"


def test_each_file_is_the_one_that_was_taken() -> None:
    named = dict(re.findall(r"`([\w.-]+)` ([0-9a-f]{64})", (VENDOR / "README.md").read_text(encoding="utf-8")))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.min.*")}
    assert found == named


def test_each_comes_with_its_licence() -> None:
    assert sorted(path.name for path in VENDOR.glob("LICENSE-*.txt")) == ["LICENSE-htmx.txt", "LICENSE-pico.txt"]


def test_our_own_files_fetch_nothing_from_elsewhere() -> None:
    own = [path for path in STATIC.iterdir() if path.is_file()]
    elsewhere = {path.name: re.findall(r"(?:url\(|@import|https?:)[^\s]*", path.read_text("utf-8")) for path in own}
    assert {name: found for name, found in elsewhere.items() if found} == {
        "icon.svg": ['http://www.w3.org/2000/svg"']  # a name, not a place
    }
