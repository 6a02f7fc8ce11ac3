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
from deespec.agents.secrets import is_foreign_secret
from deespec.engine.itself import own_command
from deespec.engine.terms import Terms
from deespec.errors import NotPossible, WorkspaceError
from deespec.model.ids import number_in
from deespec.model.lifecycle import Status, Step
from deespec.model.work import NOT_PUSHED, Integration, Notice
from deespec.records import record
from deespec.workspace.furnish import furnish
from deespec.workspace.merging import LEAVE, TAKEN, Conflict
from deespec.workspace.remote import clean_url
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
        raise NotPossible(
            "Work is done in the project folder itself here: nothing was merged that could be taken back."
        )
    with app.store.read() as tx:
        items = _building_on(tx, number)
        for sbi in items:
            _must_be_merged(app, tx, sbi)
    others = [sbi.id for sbi in items if sbi.number != number]
    if others and not with_dependents:
        raise NotPossible(
            f"{', '.join(others)} {'builds' if len(others) == 1 else 'build'} on SBI-{number}.",
            hint=f"deespec sbi undo SBI-{number} --with-dependents takes them back, too.",
        )
    return Plan(items=tuple(items))


def preview(app: App, plan: Plan) -> str:
    """The revert as a patch; of several items, one after the other. Raises NotPossible where it conflicts."""
    git = app.repository.git
    pairs = _reverts(app, plan.items)
    words = ("diff", "--no-color", "--no-ext-diff", "--stat", "-p")
    return "".join(git.run(*words, merged.old, merged.new) for merged in pairs)


def undo(app: App, plan: Plan, *, actor: str, tell: Callable[[str], None]) -> list[Sbi]:
    """Takes them back, each by a commit of its own: all of them, or none. Raises NotPossible.

    Only if others move the target meanwhile, and what is left conflicts with that, may some be taken back; it says so.
    """
    done: list[Sbi] = []
    with _alone(app):
        _complete(app, actor=actor)
        _must_be_free(app)
        allowed = {sbi.number for sbi in plan.items}
        for _ in range(STARTS_MOST):
            left = plan.items[len(done) :]
            if not left:
                _note_push(app, actor=actor)
                return done
            try:
                reverts = _reverts(app, left)
                for sbi, merged in zip(left, reverts, strict=True):
                    _must_pass(app, sbi, merged.new, tell)
            except NotPossible as error:
                if not done:
                    raise
                names = ", ".join(sbi.id for sbi in done)
                raise NotPossible(f"{names}: taken back. {error.message}", hint=error.hint) from error
            for sbi, merged in zip(left, reverts, strict=True):
                moved = _undo_one(app, sbi, merged, allowed, actor=actor)
                if moved is None:
                    break
                done.append(moved)
    raise NotPossible(f"{app.target.name} is moved again and again.", hint=f"deespec sbi undo {plan.items[-1].id}")


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


def _undo_one(app: App, sbi: Sbi, merged: Merged, allowed: set[int], *, actor: str) -> Sbi | None:
    """None: the target was moved meanwhile."""
    fence = app.target.fenced() or app.target.take_fence("undo")
    with app.store.transaction() as tx:
        _must_be_merged(app, tx, tx.sbi(sbi.number))
        others = [one.id for one in _building_on(tx, sbi.number) if one.number not in allowed]
        if others:
            raise NotPossible(f"{', '.join(others)}, which builds on {sbi.id}, was merged meanwhile.")
        name = app.target.name
        tx.record_undo(Integration(sbi=sbi.number, kind="undo", target=name, old=merged.old, new=merged.new, token=0))
    moved = merged.new == merged.old or app.target.advance(merged, fence=fence)
    with app.store.transaction() as tx:
        if moved:
            return tx.undone(sbi.number, actor=actor)
        tx.forget_undo(sbi.number)
        return None


def _reverts(app: App, items: tuple[Sbi, ...]) -> list[Merged]:
    """What the target becomes with one after the other taken back. Raises NotPossible where one conflicts."""
    found: list[Merged] = []
    for sbi in items:
        found.append(_reverted(app, sbi, onto=found[-1].new if found else None))
    return found


def _reverted(app: App, sbi: Sbi, *, onto: str | None) -> Merged:
    with app.store.read() as tx:
        last = tx.merges(sbi.number)[-1]
    owner, subject = Owner(item=sbi.id, uid=sbi.uid), f"Undo {sbi.id}: {sbi.title}"
    found = app.target.reverted(last.old, last.new, owner=owner, subject=subject, onto=onto)
    if isinstance(found, Conflict):
        raise NotPossible(
            f"Taking {sbi.id} back conflicts with what was merged since, in {', '.join(found.files)}.",
            hint=BY_HAND.format(base=app.base, target=app.target.name),
        )
    return found


def _must_be_free(app: App) -> None:
    """Raises NotPossible while somebody has the target checked out."""
    folder = app.target.checked_out()
    if folder is not None:
        raise NotPossible(TAKEN.format(target=app.target.name, folder=folder), hint=LEAVE.format(folder=folder))


def _note_push(app: App, *, actor: str) -> None:
    """The queue pushes after each merge; what was taken back goes with the next, or by hand."""
    remote = app.settings.push
    if remote is not None:
        text = f"{app.target.name} is not pushed to {clean_url(remote)} since an item was taken back."
        with app.store.transaction() as tx:
            notice = Notice(name=NOT_PUSHED, text=text, remedy=f"git push {remote} {app.target.name}", detail="undo")
            tx.put_notice(notice, actor=actor)


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
            other = number_in(name)
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
    if not merges and app.settings.integrate == "none":
        raise NotPossible(f"{sbi.id} was merged nowhere: its work is on the branch deespec/{tx.work(sbi.number).name}.")
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
        env={name: value for name, value in app.settings.child_env if not is_foreign_secret(name, None)},
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
