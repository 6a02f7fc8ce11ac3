"""What must hold in a backlog at any time, and what must hold when nothing can go on any more."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from deespec.model.lifecycle import ENDED, IN_WORK, STOPPED, Status
from deespec.model.selection import paths_overlap

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.model.items import Line, Sbi
    from deespec.store.base import Transaction


def check(app: App, *, exclusive: bool) -> None:
    """Between any two steps."""
    with app.store.read() as tx:
        assert tx.orphans() == []
        count = sum(tx.counts().values())
        items = {number: tx.sbi(number) for number in range(1, count + 1)}
        lines = {number: tx.line(number) for number in items}
        _check_paths(items, exclusive=exclusive)
        _check_limits(app, tx, items)
        for line in lines.values():
            _check_wait(tx, items, line)
        _check_ranks(items)


def check_end(app: App) -> None:
    """Nothing can go on: everything has ended, or there is somebody or something that it waits for."""
    with app.store.read() as tx:
        items = {number: tx.sbi(number) for number in range(1, sum(tx.counts().values()) + 1)}
        assert tx.running() == []
    stuck = {number for number, sbi in items.items() if sbi.held or (sbi.status in STOPPED and not sbi.resume)}
    stuck |= {number for number, sbi in items.items() if sbi.status is Status.CANCELLED}
    while True:  # whatever needs something that is stuck is stuck
        more = {
            number
            for number, sbi in items.items()
            if not sbi.in_work and sbi.status is not Status.DONE and {int(need[4:]) for need in sbi.depends_on} & stuck
        }
        if more <= stuck:
            break
        stuck |= more
    left = [
        f"{sbi.id} {sbi.status}"
        for number, sbi in items.items()
        if sbi.status is not Status.DONE and number not in stuck
    ]
    assert left == [], f"held up for no reason: {left}"


def _check_paths(items: dict[int, Sbi], *, exclusive: bool) -> None:
    """No two items in work may touch the same files."""
    for one, other in combinations([sbi for sbi in items.values() if sbi.status in IN_WORK], 2):
        undeclared = not one.paths or not other.paths
        overlap = exclusive if undeclared else paths_overlap(one.paths, other.paths)
        assert not overlap, f"{one.id} and {other.id} are in work, and overlap"


def _check_limits(app: App, tx: Transaction, items: dict[int, Sbi]) -> None:
    used = tx.accounts_in_use()
    for agent in app.settings.agents:
        assert not agent.limit or used.get(app.account(agent.name), 0) <= agent.limit, f"{agent.name}: {used}"
    for sbi in items.values():
        assert sbi.attempts <= app.settings.max_attempts, f"{sbi.id}: {sbi.attempts} attempts"
        # A person may lower the limit below what was used; the next turn is the last then.
        most = max(sbi.max_turns or 0, app.settings.max_turns)
        questions = sum(turn.outcome == "question" for turn in tx.turns(sbi.number))
        assert sbi.turns_used <= most + questions, f"{sbi.id}: {sbi.turns_used} turns"


def _check_wait(tx: Transaction, items: dict[int, Sbi], line: Line) -> None:
    """Whoever waits for an item is in fact barred by it; otherwise nothing would ever wake it."""
    if line.waits_on is None:
        return
    bar = items[line.waits_on]
    if line.waits_for == "need":
        assert bar.id in items[line.number].depends_on, f"{line.id} waits for {bar.id}, which it does not need"
        assert bar.status is not Status.DONE, f"{line.id} waits for {bar.id}, which is DONE"
    else:
        barred = bar.in_work or tx.next_in_turn() == bar.number
        assert barred, f"{line.id} makes room for {bar.id}, which is {bar.status}"


def _check_ranks(items: dict[int, Sbi]) -> None:
    """An open item counts with the highest priority among all that need it."""
    ranks = {number: sbi.priority.rank for number, sbi in items.items()}
    for _ in items:
        for number, sbi in items.items():
            if sbi.status not in ENDED:
                for need in (int(name[4:]) for name in sbi.depends_on):
                    ranks[need] = min(ranks[need], ranks[number])
    wrong = {sbi.id: (sbi.rank, ranks[number]) for number, sbi in items.items() if sbi.rank != ranks[number]}
    assert {one: pair for one, pair in wrong.items() if items[int(one[4:])].status not in ENDED} == {}
