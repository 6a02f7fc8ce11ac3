"""The sample project: its specs lead where they say, in any order that their needs allow."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from deespec.agents.base import AgentRequest
from deespec.agents.patch import PatchAgent, diff_blocks, file_patches
from deespec.config import AgentSettings
from deespec.model.items import Guard, Kind, Priority
from deespec.model.lifecycle import Step
from deespec.model.selection import inside, paths_overlap
from deespec.model.spec import NewItem, advice, parse_spec

SAMPLE = Path(__file__).parent.parent / "examples" / "calc"
FILES = (*sorted((SAMPLE / "specs").glob("*.md")), *sorted((SAMPLE / "late").glob("*.md")))
ITEMS = {
    f"SBI-{number}": parse_spec(file.read_bytes(), kind=Kind.SBI, file=file.name)
    for number, file in enumerate(FILES, start=1)
}
MET, BY = "SBI-2", "SBI-1"
"""The first begins before the second is merged, and is merged after it."""
TWO_PATCHES = "SBI-6"
HOPELESS = "SBI-8"
SUITE = "python3 -m unittest discover -s tests -q"
SEEDS = (1, 2, 3)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return shutil.copytree(SAMPLE, tmp_path / "calc", ignore=shutil.ignore_patterns("__pycache__"))


def passes(project: Path, *commands: str) -> bool:
    """Whether all of these succeed, run as the engine runs gates: by the shell, in the project."""
    env = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    runs = (
        subprocess.run(["/bin/sh", "-c", command], cwd=project, env=env, capture_output=True) for command in commands
    )
    return all(run.returncode == 0 for run in runs)


def apply(project: Path, diff: str) -> None:
    env = {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(project.parent)}
    subprocess.run(["git", "apply"], input=diff.encode(), cwd=project, env=env, check=True)


def shuffled(seed: int) -> list[str]:
    """All items in an order of merging that their needs allow."""
    chance, left, order = random.Random(seed), list(ITEMS), list[str]()
    while left:
        item = chance.choice([item for item in left if not _before(item) & set(left)])
        left.remove(item)
        order.append(item)
    return order


def _before(item: str) -> set[str]:
    return {*ITEMS[item].depends_on, *({BY} if item == MET else ())}


ORDERS = [list(ITEMS), *map(shuffled, SEEDS)]
"""As registered, and by chance."""


def merged_blocks(item: str) -> Sequence[str]:
    """The diffs that make of the target what it is after the item's merge."""
    blocks = diff_blocks(ITEMS[item].spec)
    return blocks[-1:] if item == MET else blocks


def own_blocks(item: str) -> Sequence[str]:
    """Those that it brings on its own branch, before any merge."""
    blocks = diff_blocks(ITEMS[item].spec)
    return blocks[:-1] if item == MET else blocks


# --- what the demonstration shows -----------------------------------------------------------------------------------


def test_there_are_eight_specs_and_a_late_one() -> None:
    assert [file.parent.name for file in FILES] == ["specs"] * 8 + ["late"]


def test_two_items_need_another() -> None:
    assert {item: spec.depends_on for item, spec in ITEMS.items() if spec.depends_on} == {
        "SBI-4": ("SBI-3",),
        "SBI-7": ("SBI-6",),
    }


def test_one_pair_of_items_without_a_need_conflicts_by_its_paths() -> None:
    pairs = [(one, two) for one in ITEMS for two in ITEMS if int(one[4:]) < int(two[4:])]
    free = [pair for pair in pairs if pair[0] not in ITEMS[pair[1]].depends_on]
    assert [pair for pair in free if paths_overlap(ITEMS[pair[0]].paths, ITEMS[pair[1]].paths)] == [("SBI-1", "SBI-2")]


def test_one_item_is_urgent_and_goes_first() -> None:
    assert [item for item, spec in ITEMS.items() if spec.priority is Priority.URGENT] == [MET]


def test_two_items_need_two_patches_one_brings_another_for_its_merge_and_the_rest_have_one() -> None:
    assert {item: len(diff_blocks(spec.spec)) for item, spec in ITEMS.items()} == {
        **dict.fromkeys(ITEMS, 1),
        MET: 3,
        TWO_PATCHES: 2,
        HOPELESS: 2,
    }


def test_one_title_is_japanese() -> None:
    assert [item for item, spec in ITEMS.items() if not spec.title.isascii()] == ["SBI-5"]


@pytest.mark.parametrize("item", ITEMS)
def test_our_own_advice_has_nothing_to_say(item: str) -> None:
    assert advice(ITEMS[item]) == []


# --- patches --------------------------------------------------------------------------------------------------------


def test_the_sample_is_green_before_anything_is_done(project: Path) -> None:
    assert passes(project, SUITE)


@pytest.mark.parametrize("item", ITEMS)
def test_a_patch_stays_within_the_paths_of_its_item(item: str) -> None:
    assert [name for name in _names(ITEMS[item]) if not inside(name, ITEMS[item].paths)] == []


@pytest.mark.parametrize("item", ITEMS)
def test_code_comes_before_its_tests(item: str) -> None:
    """Files are written in the order of the patch, and the gates of others may run in between."""
    for diff in diff_blocks(ITEMS[item].spec):
        names = [name for patch in file_patches(diff) for name in patch.names]
        assert names == sorted(names, key=lambda name: name.startswith("tests/"))


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_in_any_order_the_suite_stays_green_and_each_item_passes_its_checks(
    project: Path, order: Sequence[str]
) -> None:
    for item in order:
        for diff in merged_blocks(item):
            apply(project, diff)
            assert passes(project, SUITE), f"{item} breaks the suite"
        assert passes(project, *ITEMS[item].checks) is (item != HOPELESS), f"{item}: {ITEMS[item].checks}"
    assert passes(project, *(check for item in ITEMS if item != HOPELESS for check in ITEMS[item].checks))


@pytest.mark.parametrize("item", ITEMS)
def test_each_file_of_a_patch_may_be_there_alone_for_a_moment(project: Path, item: str) -> None:
    for need in (*ITEMS[item].depends_on, item):
        for diff in own_blocks(need):
            for patch in file_patches(diff):
                apply(project, patch.text)
                assert passes(project, SUITE), f"{patch.names} breaks the suite"


@pytest.mark.parametrize(("item", "passed"), [(TWO_PATCHES, [True, True, False]), (MET, [True, False])])
def test_the_first_of_two_patches_fails_only_the_items_own_check(project: Path, item: str, passed: list[bool]) -> None:
    first, second = own_blocks(item)
    apply(project, first)
    assert [passes(project, command) for command in (SUITE, *ITEMS[item].checks)] == passed
    apply(project, second)
    assert passes(project, SUITE, *ITEMS[item].checks)


def test_two_items_meet_when_they_are_merged_and_the_patch_agent_resolves_it(project: Path, tmp_path: Path) -> None:
    def git(*args: str, exits: int = 0) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgSign=false")
        done = subprocess.run(["git", *who, *args], cwd=project, capture_output=True, text=True)
        assert done.returncode == exits, done.stdout + done.stderr
        return done.stdout

    def commit(*diffs: str) -> None:
        for diff in diffs:
            apply(project, diff)
        git("add", "-A")
        git("commit", "-q", "-m", "x")

    git("init", "-q", "-b", "main")
    commit()
    git("switch", "-q", "-c", "own")
    commit(*own_blocks(MET))
    git("switch", "-q", "main")
    commit(*merged_blocks(BY))
    git("switch", "-q", "own")
    git("merge", "-q", "main", exits=1)
    assert git("diff", "--name-only", "--diff-filter=U").split() == ["calc/operators.py"]
    text = _play(MET, ITEMS[MET], project=project, folder=tmp_path / "turn", turn=2, step=Step.RESOLVE)
    assert text == "Patch 3 of 3 applied: calc/operators.py."
    assert passes(project, SUITE, *ITEMS[MET].checks, *ITEMS[BY].checks)


def test_the_patch_agent_plays_them_all(project: Path, tmp_path: Path) -> None:
    for item, spec in ITEMS.items():
        first = len(diff_blocks(spec.spec)) - len(merged_blocks(item))
        for turn, _ in enumerate(merged_blocks(item), start=first):
            text = _play(item, spec, project=project, folder=tmp_path / item, turn=turn)
            assert text.startswith(f"Patch {turn + 1} of "), f"{item}: {text}"
            assert " applied: " in text, f"{item}: {text}"
    assert passes(project, SUITE)


def test_the_hopeless_item_ends_after_two_turns() -> None:
    assert ITEMS[HOPELESS].max_turns == 2


def test_nothing_waits_for_the_hopeless_item() -> None:
    assert [item for item, spec in ITEMS.items() if HOPELESS in spec.depends_on] == []


def _names(item: NewItem) -> list[str]:
    return [name for diff in diff_blocks(item.spec) for patch in file_patches(diff) for name in patch.names]


def _play(item: str, spec: NewItem, *, project: Path, folder: Path, turn: int, step: Step = Step.IMPLEMENT) -> str:
    """What the patch agent reports of a turn."""
    request = AgentRequest(
        step=step,
        item=item,
        title=spec.title,
        spec=spec.spec,
        turn=turn + 1,
        round=turn,
        prompt="",
        workspace=project,
        folder=folder,
        env={"PATH": os.environ["PATH"]},
        session=None,
        turn_timeout_ms=60_000,
        idle_timeout_ms=None,
        guard_lock=folder / "lock",
        report_command=("deespec",),
    )
    return PatchAgent(AgentSettings(name="patch", kind="patch")).run(request, _Undisturbed()).text


class _Undisturbed:
    def started(self, guard: Guard) -> None:
        raise AssertionError("there is no guard to report")

    def deadline(self) -> int:
        return 0

    def tick(self) -> str | None:
        return None
