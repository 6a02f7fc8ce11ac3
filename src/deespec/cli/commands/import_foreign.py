"""`import spec-kit`, `import task-master`, `import beads`: what other tools have planned comes in, open items held."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog.imports.foreign import State
from deespec.backlog.imports.foreign_put import Put, bring, rehearse
from deespec.cli import options, output
from deespec.cli.commands.import_backlog import held_lines
from deespec.model.items import Epic
from deespec.text import clean
from deespec.workspace.branches import commit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deespec.backlog.imports.foreign import ForeignPlan
    from deespec.cli.session import Session

SHOWN = 30


def _command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    def make(body: Callable[..., Any]) -> click.Command:
        for option in reversed(
            (
                click.argument("path", metavar="PATH", type=click.Path(path_type=Path)),
                click.option("--with-done", is_flag=True, help="What is done there, too: it comes in CANCELLED."),
                options.dry_run,
                options.as_json,
                options.session,
            )
        ):
            body = option(body)
        return click.command(name=name)(body)

    return make


@_command("spec-kit")
def import_spec_kit(session: Session, path: Path, **given: bool) -> int:
    """Bring in what Spec Kit has planned: PATH is a tasks.md, its folder, or the project's.

    A feature becomes an EPIC, a phase a PBI, a task an SBI. What is open comes in held; what an earlier import brought
    stays as it is.
    """
    from deespec.backlog.imports.spec_kit import read_spec_kit

    return _import(session, read_spec_kit, path, **given)


@_command("task-master")
def import_task_master(session: Session, path: Path, **given: bool) -> int:
    """Bring in what Task Master has planned: PATH is a tasks.json, or the project's folder.

    A task with subtasks becomes a PBI, all others become SBIs. What is open comes in held; what an earlier import
    brought stays as it is.
    """
    from deespec.backlog.imports.task_master import read_task_master

    return _import(session, read_task_master, path, **given)


@_command("beads")
def import_beads(session: Session, path: Path, **given: bool) -> int:
    """Bring in the issues of beads: PATH is its JSONL file, or the project's folder.

    An epic becomes an EPIC, an issue with children a PBI, all others become SBIs. What is open comes in held; what an
    earlier import brought stays as it is.
    """
    from deespec.backlog.imports.beads import read_beads

    return _import(session, read_beads, path, **given)


def _import(
    session: Session,
    read: Callable[[Path], ForeignPlan],
    path: Path,
    *,
    with_done: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    app = session.app_for_writing()
    plan = read(path)
    home = app.settings.home
    if dry_run:
        done = rehearse(app.store, home, plan, finished=with_done, actor=app.person, uid=app.clock.uid)
    else:
        base = commit_of(app.settings.root, app.settings.base) if app.settings.workspace_mode == "worktree" else None
        done = bring(app.store, home, plan, finished=with_done, actor=app.person, uid=app.clock.uid, base=base)
    if as_json:
        output.emit(dry_run=dry_run, **_shape(plan, done, dry_run=dry_run))
        return 0
    for line in _lines(session, done, dry_run=dry_run):
        output.say(line)
    return 0


def _lines(session: Session, done: Put, *, dry_run: bool) -> Iterator[str]:
    counts = Counter((one.item.id.partition("-")[0], str(one.item.status)) for one in done.arrived)
    rows = [(kind, status, str(count)) for (kind, status), count in counts.items()]
    yield from output.table(("KIND", "STATUS", "ITEMS"), rows, session.style, colour=output.status_colour)
    if done.labels:
        what = "would be made" if dry_run else "were made, empty"
        yield f"labels that {what}: {', '.join(clean(one) for one in done.labels)}"
    for note in done.notes[:SHOWN]:
        yield f"  note: {clean(note)}"
    if len(done.notes) > SHOWN:
        yield f"  … and {len(done.notes) - SHOWN} more notes (--json shows all)"
    if done.left_out:
        states = Counter(one.state for one in done.left_out)
        parts = [f"{states[state]} {state}" for state in State if states[state]]
        yield f"left out: {', '.join(parts)} (--with-done brings them in, CANCELLED)"
    if done.known:
        yield f"{_counted(done.known)} here already from an earlier import, and {_stay(done.known)}"
    if dry_run:
        yield "Nothing was changed."
        return
    yield f"✓ {_counted(len(done.arrived))} imported"
    yield from held_lines(one.item for one in done.arrived)


def _stay(items: int) -> str:
    return "stays as it is" if items == 1 else "stay as they are"


def _counted(items: int) -> str:
    return "1 item" if items == 1 else f"{items} items"


def _shape(plan: ForeignPlan, done: Put, *, dry_run: bool) -> dict[str, Any]:
    return {
        "tool": plan.tool,
        "items": [
            {
                "id": None if dry_run else one.item.id,
                "was": one.foreign.called,
                "key": one.foreign.key,
                "kind": one.foreign.kind,
                "title": one.item.title,
                "status": str(one.item.status),
                "held": one.item.held,
                "parent": None if isinstance(one.item, Epic) or dry_run else one.item.parent,
            }
            for one in done.arrived
        ],
        "known": done.known,
        "left_out": [
            {"was": one.called, "key": one.key, "title": one.title, "state": str(one.state)} for one in done.left_out
        ],
        "labels": list(done.labels),
        "notes": list(done.notes),
    }
