"""Each name that an item has had in Git, with what may become of it: a reset or an undo begins another one."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.errors import NotFound
from deespec.model.lifecycle import Status, Step
from deespec.records import record
from deespec.workspace.survey import Holding, Sort

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from deespec.app import App
    from deespec.model.items import Sbi
    from deespec.model.work import Merge, Work

_NAME = re.compile(r"SBI-(\d{1,15})(-\d{1,9})?")


class Verdict(StrEnum):
    """What may go."""

    STAYS = "stays"
    SIDE = "side"
    """Folder and branch: refs hold their commits."""
    ALL = "all"
    """The refs as well."""


@record
class Life:
    """One name of an item."""

    name: str
    """Of its folder."""
    sbi: Sbi
    verdict: Verdict
    why: str
    remedy: str | None = None
    folder: Holding | None = None
    branch: str | None = None
    refs: tuple[str, ...] = ()
    ref_names: tuple[str, ...] = ()
    """What branch and refs may be called."""


@record
class _Known:
    """An item as one transaction saw it."""

    sbi: Sbi
    work: Work
    merges: tuple[Merge, ...]
    last: str | None
    """The commit of its newest kept turn."""
    is_busy: bool


def lives_of(app: App, found: Sequence[Holding], *, given_up: Collection[int]) -> dict[str, Life]:
    """By name of the folder. What belongs to no item of this backlog is left out."""
    items: dict[int, _Known] = {}
    sides: dict[str, list[Holding]] = {}
    with app.store.read() as tx:
        for one in found:
            number = _number(one)
            if number is None:
                continue
            if number not in items:
                try:
                    sbi = tx.sbi(number)
                except NotFound:
                    continue
                kept = [turn.tree for turn in tx.turns(number) if turn.tree and turn.step is not Step.REVIEW]
                busy = tx.line(number).lease_token is not None or tx.integration(number) is not None
                items[number] = _Known(
                    sbi=sbi,
                    work=tx.work(number),
                    merges=tuple(tx.merges(number)),
                    last=kept[-1] if kept else None,
                    is_busy=busy,
                )
            if one.sort is Sort.WORKTREE or one.uid == items[number].sbi.uid:
                sides.setdefault(_life_name(one, items[number].sbi.uid), []).append(one)
    merged = _merged(app, [one for one in items.values() if one.sbi.status is Status.DONE])
    lives: dict[str, Life] = {}
    for name, parts in sides.items():
        known = items[_number(parts[0]) or 0]
        if not any(one.sort is not Sort.WORKTREE for one in parts):
            continue  # no ref of this item begins the name: the folder is another's
        lives[name] = _life(name, known, parts, merged=merged, given_up=given_up, target=app.settings.target)
    return lives


def _life(
    name: str,
    known: _Known,
    parts: Sequence[Holding],
    *,
    merged: Collection[int],
    given_up: Collection[int],
    target: str,
) -> Life:
    sbi = known.sbi
    verdict, why, remedy = _judge(name, known, merged=merged, given_up=given_up, target=target)
    refs = tuple(one.place for one in parts if one.sort is Sort.REF)
    return Life(
        name=name,
        sbi=sbi,
        verdict=verdict,
        why=why,
        remedy=remedy,
        folder=next((one for one in parts if one.sort is Sort.WORKTREE), None),
        branch=next((one.place for one in parts if one.sort is Sort.BRANCH), None),
        refs=refs,
        ref_names=(name, f"{name}-{sbi.uid[-6:].lower()}"),
    )


def _judge(
    name: str, known: _Known, *, merged: Collection[int], given_up: Collection[int], target: str
) -> tuple[Verdict, str, str | None]:
    sbi = known.sbi
    if known.is_busy:
        return Verdict.STAYS, "it is being worked on", None
    if name != known.work.name:
        verdict = Verdict.ALL if sbi.number in given_up else Verdict.SIDE
        return verdict, "given up when it began again", None
    if sbi.status is Status.CANCELLED:
        return Verdict.ALL if sbi.number in given_up else Verdict.SIDE, "cancelled", None
    if sbi.status is not Status.DONE:
        return Verdict.STAYS, "it goes on there", f"deespec why {sbi.id}"
    if sbi.number in merged:
        return Verdict.ALL, f"merged into {target}", None
    why = f"DONE, but neither {target} nor a branch of yours has its commits"
    return Verdict.STAYS, why, f"deespec sbi diff {sbi.id}"


def _merged(app: App, done: Sequence[_Known]) -> set[int]:
    """Those whose work is in the target, or in a branch of a person's or of a remote."""
    git = app.repository.git
    wanted = {one.sbi.number: _result(one) for one in done}
    ids = "".join(f"{commit}\n" for commit in wanted.values() if commit)
    there = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=ids) if ids else ""
    known = {line.split(" ")[0] for line in there.splitlines() if line.endswith(" commit")}
    if not known or app.target.tip() is None:
        return set()
    said = "".join(f"{commit}\n" for commit in known)
    outside = set(git.run("rev-list", "--stdin", stdin=f"{said}^{app.target.ref}\n").split())
    found = {number for number, commit in wanted.items() if commit in known and commit not in outside}
    for one in done:
        commit = wanted[one.sbi.number]
        if commit in known and one.sbi.number not in found and commit and _is_elsewhere(app, commit):
            found.add(one.sbi.number)
    return found


def _result(known: _Known) -> str | None:
    """The commit that stands for its work."""
    last = known.merges[-1] if known.merges else None
    return last.new if last is not None and last.kind == "merge" else known.last


def _is_elsewhere(app: App, commit: str) -> bool:
    refs = ("refs/heads", "refs/remotes", "refs/tags", "refs/deespec/remote")
    names = app.repository.git.run("for-each-ref", "--format=%(refname)", f"--contains={commit}", *refs).split()
    return any(not name.startswith("refs/heads/deespec/") for name in names)


def _number(one: Holding) -> int | None:
    found = _NAME.match(one.name)
    return int(found[1]) if found and one.sort in (Sort.WORKTREE, Sort.BRANCH, Sort.REF) else None


def _life_name(one: Holding, uid: str) -> str:
    return one.name.removesuffix(f"-{uid[-6:].lower()}")
