"""The locked requirements are complete for every Python and platform, and do not say where packages come from."""

from __future__ import annotations

import itertools
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WANTED = {
    "base.txt": PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"],
    "dev.txt": re.findall(r"^\w.*$", (REQUIREMENTS / "dev.in").read_text(encoding="utf-8"), re.MULTILINE),
}
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))


def pinned(name: str) -> dict[str, str]:
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9-]*)==(\S+) \\$", text, re.MULTILINE))


@pytest.mark.parametrize("name", WANTED)
def test_every_direct_requirement_is_pinned_as_asked_for(name: str) -> None:
    pins = pinned(name)
    asked = [Requirement(text) for text in WANTED[name]]
    assert [str(one) for one in asked if not one.specifier.contains(pins.get(canonicalize_name(one.name), ""))] == []


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS, ids="-".join)
def test_what_the_pinned_packages_require_is_pinned(name: str, python: str, platform: tuple[str, str, str]) -> None:
    pins = pinned(name)
    environment = {name: str(value) for name, value in default_environment().items()}
    environment |= {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    environment |= dict(zip(("sys_platform", "platform_system", "platform_machine"), platform, strict=True))
    required = itertools.chain.from_iterable(metadata.requires(package) or () for package in pins)
    needed = [one for one in map(Requirement, required) if one.marker is None or one.marker.evaluate(environment)]
    assert [str(one) for one in needed if canonicalize_name(one.name) not in pins] == []


@pytest.mark.parametrize("name", WANTED)
def test_the_lock_holds_pins_hashes_and_reasons_only(name: str) -> None:
    known = re.compile(r"[a-z0-9-]+==[\w.+]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?|\s*#[^/]*( -r requirements/\S+)?")
    lines = (REQUIREMENTS / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not known.fullmatch(line)] == []


def test_developers_have_all_that_users_have() -> None:
    assert pinned("base.txt").items() <= pinned("dev.txt").items()


def test_developers_have_all_that_users_can_add() -> None:
    pins = pinned("dev.txt")
    extras = itertools.chain.from_iterable(PROJECT["project"]["optional-dependencies"].values())
    asked = [Requirement(text) for text in extras]
    assert [str(one) for one in asked if not one.specifier.contains(pins.get(canonicalize_name(one.name), ""))] == []
