"""Taking a merge back: a new commit on the target that reverts it, proven by the gates like any other.

It is a person's command, beside workers that may merge at the same time: recorded first, then the ref moves only from
where it was found, then the item is settled. What a command that died has left is completed or dropped by the next.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deespec.agents.base import AgentRequest
from deespec.agents.process import Program, run_process
from deespec.engine.calling import VENDOR_KEYS
from deespec.engine.itself import own_command
from deespec.engine.terms import Terms
from deespec.errors import NotPossible, WorkspaceError
from deespec.model.lifecycle import Status, Step
from deespec.model.work import Integration
from deespec.records import record
from deespec.workspace.furnish import furnish
from deespec.workspace.merging import Conflict
from deespec.workspace.worktree import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from deespec.agents.process import Ended
    from deespec.app import App
    from deespec.model.items import Guard, Sbi
    from deespec.store.base import Transaction
    from deespec.workspace.merging import Merged

STARTS_MOST = 20
GUARD_MS = 60_000
TAIL_CHARACTERS = 2_000
CHECKOUT = "undo"
"""The folder for its gates, beside those of workers."""
BY_HAND = "Take it back by hand on {base}; deespec run brings that into {target}."


@record
class Plan:
    """What an undo takes back, in this order: what builds on an item goes before it."""

    items: tuple[Sbi, ...]


def plan(app: App, number: int, *, with_dependents: bool) -> Plan:
    """Raises NotPossible for an item that was not merged here, and, with the list, if DONE items build on it."""
    if app.settings.workspace_mode != "worktree":
        hint = "Take it back with your own Git; deespec sbi diff shows what it was."
        raise NotPossible("Work is done in the project folder itself here: nothing was merged.", hint=hint)
    with app.store.read() as tx:
        items = _building_on(tx, number)
        for sbi in items:
            _must_be_merged(app, tx, sbi)
    others = [sbi.id for sbi in items if sbi.number != number]
    if others and not with_dependents:
        raise NotPossible(
            f"SBI-{number} is what {', '.join(others)} build on.",
            hint=f"deespec sbi undo SBI-{number} --with-dependents takes them back, too.",
        )
    return Plan(items=tuple(items))


def preview(app: App, plan: Plan) -> str:
    """The revert as a patch; of several items, one after the other. Raises NotPossible where it conflicts."""
    git, parts = app.repository.git, []
    for sbi in plan.items:
        merged = _reverted(app, sbi)
        parts.append(git.run("diff", "--no-color", "--no-ext-diff", "--stat", "-p", merged.old, merged.new))
    return "".join(parts)


def undo(app: App, plan: Plan, *, actor: str, tell: Callable[[str], None]) -> list[Sbi]:
    """Takes them back, each by a commit of its own. Raises NotPossible; what was taken back before that stays so."""
    with _alone(app):
        _complete(app, actor=actor)
        return [_undo_one(app, sbi, actor=actor, tell=tell) for sbi in plan.items]


def complete(app: App, *, actor: str) -> None:
    """Completes or drops what a command that died has left, unless one is at work."""
    with app.store.read() as tx:
        left = any(one.kind == "undo" for one in tx.integrations())
    if left:
        try:
            with _alone(app):
                _complete(app, actor=actor)
        except NotPossible:
            return


# --- one item -------------------------------------------------------------------------------------------------------


def _undo_one(app: App, sbi: Sbi, *, actor: str, tell: Callable[[str], None]) -> Sbi:
    for _ in range(STARTS_MOST):
        merged = _reverted(app, sbi)
        _must_pass(app, sbi, merged.new, tell)
        fence = app.target.fenced() or app.target.take_fence("undo")
        with app.store.transaction() as tx:
            _must_be_merged(app, tx, tx.sbi(sbi.number))
            tx.record_undo(
                Integration(
                    sbi=sbi.number, kind="undo", target=app.target.name, old=merged.old, new=merged.new, token=0
                )
            )
        moved = merged.new == merged.old or app.target.advance(merged, fence=fence)
        with app.store.transaction() as tx:
            if moved:
                return tx.undone(sbi.number, actor=actor)
            tx.forget_undo(sbi.number)
    raise NotPossible(f"{app.target.name} is moved again and again.", hint=f"deespec sbi undo {sbi.id}")


def _reverted(app: App, sbi: Sbi) -> Merged:
    with app.store.read() as tx:
        last = tx.merges(sbi.number)[-1]
    owner = Owner(item=sbi.id, uid=sbi.uid)
    found = app.target.reverted(last.old, last.new, owner=owner, subject=f"Undo {sbi.id}: {sbi.title}")
    if isinstance(found, Conflict):
        raise NotPossible(
            f"Taking {sbi.id} back conflicts with what was merged since, in {', '.join(found.files)}.",
            hint=BY_HAND.format(base=app.base, target=app.target.name),
        )
    return found


def _complete(app: App, *, actor: str) -> None:
    with app.store.read() as tx:
        left = [one for one in tx.integrations() if one.kind == "undo"]
    for one in left:
        is_moved = app.target.contains(one.new)
        with app.store.transaction() as tx:
            if is_moved:
                tx.undone(one.sbi, actor=actor)
            else:
                tx.forget_undo(one.sbi)


def _building_on(tx: Transaction, number: int) -> list[Sbi]:
    """This item and all DONE ones that need it, directly or not; the newest merge first."""
    found, waiting = {number: tx.sbi(number)}, [number]
    while waiting:
        for name in tx.dependents(waiting.pop()):
            other = int(name.partition("-")[2])
            if other not in found and (sbi := tx.sbi(other)).status is Status.DONE:
                found[other] = sbi
                waiting.append(other)
    newest = {one: max((merge.number for merge in tx.merges(one)), default=0) for one in found}
    return sorted(found.values(), key=lambda sbi: newest[sbi.number], reverse=True)


def _must_be_merged(app: App, tx: Transaction, sbi: Sbi) -> None:
    merges = tx.merges(sbi.number)
    if sbi.status is not Status.DONE:
        raise NotPossible(f"{sbi.id} is {sbi.status}: only DONE items can be taken back.")
    if tx.integration(sbi.number) is not None:
        raise NotPossible(f"{sbi.id} is being taken back.", hint="Look again in a moment.")
    if not merges or merges[-1].kind != "merge" or merges[-1].target != app.target.name:
        raise NotPossible(
            f"{sbi.id} was not merged into {app.target.name} by this backlog.",
            hint=BY_HAND.format(base=app.base, target=app.target.name),
        )


@contextmanager
def _alone(app: App) -> Iterator[None]:
    """One undo at a time. Raises NotPossible while another one works."""
    path = app.settings.home / "undo.lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise NotPossible("Another undo is at work.", hint="Look again in a moment.") from None
    finally:
        os.close(file)


# --- gates ----------------------------------------------------------------------------------------------------------


class _Watch:
    """Over a gate that runs for a person's command: it ends with the command."""

    def __init__(self, app: App) -> None:
        self.app = app

    def started(self, guard: Guard) -> None:
        pass

    def deadline(self) -> int:
        return self.app.clock.boot_ms() + GUARD_MS

    def tick(self) -> str | None:
        return None


def _must_pass(app: App, sbi: Sbi, commit: str, tell: Callable[[str], None]) -> None:
    """Runs the gates of merged work on the commit. Raises NotPossible if one fails."""
    settings = Terms(app).settings
    commands = [(gate.name, gate.run, gate.timeout_ms) for gate in settings.gates if "integrate" in gate.when]
    if not commands:
        return
    if settings.setup is not None:
        commands.insert(0, ("setup", settings.setup, settings.setup_timeout_ms))
    folder = app.target.checkout(commit, name=CHECKOUT)
    try:
        furnish(settings.root, folder, copy=settings.copy, link=settings.link)
        for name, command, timeout_ms in commands:
            tell(f"gate {name}: {command}")
            ended = _run(app, sbi, command, at=folder, timeout_ms=timeout_ms)
            if ended.error is not None:
                raise WorkspaceError(f"gate {name} could not be run: {ended.error}")
            if ended.exit_code != 0 or ended.stopped is not None:
                output = (ended.stdout_tail + ended.stderr_tail)[-TAIL_CHARACTERS:].strip()
                raise NotPossible(
                    f"gate {name} fails without {sbi.id}, so it was not taken back:\n{output}",
                    hint=BY_HAND.format(base=app.base, target=app.target.name),
                )
    finally:
        app.target.drop_checkout(CHECKOUT)


def _run(app: App, sbi: Sbi, command: str, *, at: Path, timeout_ms: int) -> Ended:
    home = app.settings.home
    folder = home / "turns" / sbi.id / "undo"
    for one in (folder, home / "guards"):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)
    request = AgentRequest(
        step=Step.INTEGRATE,
        item=sbi.id,
        title=sbi.title,
        spec="",
        turn=sbi.turn,
        round=0,
        prompt="",
        workspace=at,
        folder=folder,
        env={name: value for name, value in app.settings.child_env if name not in VENDOR_KEYS},
        session=None,
        turn_timeout_ms=timeout_ms,
        idle_timeout_ms=None,
        guard_lock=home / "guards" / f"undo-{os.getpid()}.lock",
        report_command=own_command(),
    )
    try:
        return run_process(Program(argv=("/bin/sh", "-c", command)), request, _Watch(app))
    finally:
        request.guard_lock.unlink(missing_ok=True)
