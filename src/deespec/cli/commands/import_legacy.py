"""`import legacy`: a project of the Go deespec comes over."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deespec.app import App
from deespec.backlog.imports.legacy import Brought, into_existing, into_new, read_into, rehearse
from deespec.backlog.imports.legacy_place import Source, alone, complete, cut_off, find_source
from deespec.backlog.start import start
from deespec.cli import options, output
from deespec.clock import Clock
from deespec.config import load_settings
from deespec.config_home import HOME_NAME, find_home, is_home
from deespec.errors import InsideTurn, NoHome
from deespec.model.items import Sbi
from deespec.records import record
from deespec.store.opener import FILE
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.backlog.imports.legacy_items import Coming
    from deespec.cli.session import Session

NOTES_SHOWN = 20
ALIKE_SHOWN = 3
PLACES = ("HOME", "XDG_CONFIG_HOME")
"""What of the environment says where settings are."""


@record
class Target:
    """The backlog that a project is to come into."""

    home: Path
    there: bool
    """It is a backlog already."""
    in_place: bool = False
    """The project is in its place."""


@click.command(name="legacy")
@click.argument("path", type=click.Path(path_type=Path))
@options.dry_run
@options.as_json
@options.session
def import_legacy(session: Session, path: Path, dry_run: bool, as_json: bool) -> int:
    """Bring a project of the Go deespec over: items, needs, reports, history, labels, settings.

    PATH is its folder, or its .deespec; nothing in it is changed. Where the backlog would be that very .deespec, a new
    one takes its place, and the old one is called .deespec-go from then on. What is open comes in held. What is here
    already is not brought again.
    """
    given = path.absolute()
    project = given.parent if given.name.startswith(HOME_NAME) else given
    ready = cut_off(project)
    if ready is not None:
        return _complete(session, ready, project / HOME_NAME, dry_run=dry_run, as_json=as_json)
    source = find_source(given)
    target = _target(session, source)
    app = _app(session, target)
    command = f"deespec import legacy {path}"
    env = {name: session.env[name] for name in PLACES if name in session.env}
    if not target.there and not dry_run:
        done = into_new(
            source.folder,
            target.home,
            in_place=target.in_place,
            actor=app.person,
            env=env,
            clock=app.clock,
            command=command,
        )
    else:
        done = _look_or_bring(app, source, target, dry_run=dry_run, env=env, command=command)
    if as_json:
        output.emit(dry_run=dry_run, in_place=target.in_place, **_shape(done))
        return 0
    _show(session, done, target, dry_run=dry_run)
    return 0


def _look_or_bring(
    app: App, source: Source, target: Target, *, dry_run: bool, env: dict[str, str], command: str
) -> Brought:
    """Into a backlog that is there; or only looked at, wherever it would go."""
    home = target.home if target.there else None
    plan = read_into(source.folder, home, env=env, owner=app.person, command=command)
    has_database = os.path.lexists(target.home / FILE)
    if dry_run:
        return rehearse(plan, target.home, app.store if target.there and has_database else None)
    if not has_database:
        start(target.home, clock=app.clock, agents=["claude"])
    return into_existing(plan, target.home, app.store, actor=app.person, env=env)


# --- where to -------------------------------------------------------------------------------------------------------


def _target(session: Session, source: Source) -> Target:
    """The backlog that a command called here would use; none yet: a new one in this folder."""
    here = Path.cwd() / HOME_NAME
    named = session.home or session.env.get("DEESPEC_HOME")
    if source.taken and not named:
        return Target(home=source.folder.parent / HOME_NAME, there=True)
    if not named and here.is_dir() and here.resolve() == source.folder:
        return Target(home=source.folder, there=False, in_place=True)
    try:
        found = find_home(session.home, session.env, Path.cwd())
    except NoHome:
        found = Path(named).expanduser().resolve() if named else here
    if found == source.folder:
        return Target(home=found, there=False, in_place=True)
    return Target(home=found, there=is_home(found))


def _app(session: Session, target: Target) -> App:
    """The backlog, not opened yet. Raises InsideTurn from inside one of its turns."""
    turn = session.turn
    if turn is not None and os.path.realpath(session.env.get("DEESPEC_HOME", "")) == str(target.home):
        raise InsideTurn(f"Not from inside a turn ({turn}). Say it in your report.")
    settings = load_settings(target.home, session.env, {})
    return App(settings, clock=Clock(), env=session.env)


def _complete(session: Session, ready: Path, home: Path, *, dry_run: bool, as_json: bool) -> int:
    if not dry_run:
        with alone(home.parent):
            if cut_off(home.parent) is not None:
                complete(ready, home)
    if as_json:
        output.emit(dry_run=dry_run, completed=True, home=str(home))
        return 0
    what = "would be completed" if dry_run else "is complete now"
    output.say(f"✓ an import was cut off when all was done but its last step: {clean(str(home))} {what}")
    if not session.quiet and not dry_run:
        output.say("Next: deespec status; held items start with deespec sbi unhold --all")
    return 0


# --- what is shown --------------------------------------------------------------------------------------------------


def _show(session: Session, done: Brought, target: Target, *, dry_run: bool) -> None:
    fresh = _fresh(done)
    known = len(done.plan.coming) - len(fresh)
    home = clean(str(done.home))
    if not fresh and known and not done.settings and not done.labels and not dry_run:
        output.say(f"✓ all {known} items of {clean(str(done.plan.source))} are in {home} already: nothing changed")
        return
    counts = Counter((one.found.kind, one.status) for one in fresh)
    rows = [(kind, status, str(count)) for (kind, status), count in counts.items()]
    style = output.style(no_color=session.no_color, env_no_color="NO_COLOR" in session.env, quiet=session.quiet)
    for text in output.table(("KIND", "STATUS", "ITEMS"), rows, style, colour=output.status_colour):
        output.say(text)
    for text in _lines(done, fresh):
        output.say(text)
    shown = _few_alike(done.notes)[:NOTES_SHOWN]
    for note in shown:
        output.say(f"  note: {clean(note)}")
    if len(done.notes) > len(shown):
        output.say(f"  … and {len(done.notes) - len(shown)} more notes (--json shows all)")
    if known:
        output.say(f"{known} items are here already and stay as they are")
    if dry_run:
        how = "a new backlog would take its place" if target.in_place else "it would come into"
        output.say(f"Nothing was changed: {how}{'' if target.in_place else f' {home}'}.")
        return
    output.say(f"✓ {_counted(len(fresh))} in {home}")
    if done.kept is not None:
        output.say(f"  the old folder is {clean(str(done.kept))}, as it was")
        if os.path.lexists(done.home.parent / ".git"):
            output.say(f"  Git sees it as new: add {done.kept.name}/ to .gitignore, or move it away")
    held = sum(isinstance(one.item, Sbi) and one.item.held for one in fresh)
    if held:
        output.say(f"{_counted(held)} held. Start {'it' if held == 1 else 'them'}: deespec sbi unhold --all")
    else:
        output.say("Next: deespec status")


def _lines(done: Brought, fresh: list[Coming]) -> Iterator[str]:
    plan = done.plan
    needs = sum(len(one.needs) for one in fresh)
    turns = sum(len(one.turns) for one in fresh)
    yield f"needs {needs} · turns {turns} from {plan.reports} reports · history {done.entries} entries"
    if done.labels:
        yield f"labels: {', '.join(clean(one) for one in done.labels)}"
    for one in done.settings:
        yield f"{one.key} = {one.value}  ({clean(one.why)})"


def _counted(items: int) -> str:
    return "1 item" if items == 1 else f"{items} items"


def _few_alike(notes: Sequence[str]) -> list[str]:
    """Of notes that differ in names and numbers only, the first few: one of another kind must not drown."""
    seen: Counter[str] = Counter()
    kept = []
    for note in notes:
        kind = re.sub(r"'.*?'|\".*?\"|\d+", "", note)
        seen[kind] += 1
        if seen[kind] <= ALIKE_SHOWN:
            kept.append(note)
    return kept


def _fresh(done: Brought) -> list[Coming]:
    new = {*done.fresh}
    return [one for one in done.plan.coming if one.found.uid in new]


def _shape(done: Brought) -> dict[str, Any]:
    fresh = _fresh(done)
    ids = [*done.items, *([None] * (len(fresh) - len(done.items)))]
    counts = Counter((one.found.kind, one.status) for one in fresh)
    held = [isinstance(one.item, Sbi) and one.item.held for one in fresh]
    return {
        "home": str(done.home),
        "source": str(done.plan.source),
        "kept": None if done.kept is None else str(done.kept),
        "source_schema": done.plan.schema,
        "items": [
            {
                "id": item_id,
                "uid": one.found.uid,
                "kind": one.found.kind,
                "title": one.item.title,
                "status": one.status,
                "held": is_held,
            }
            for item_id, one, is_held in zip(ids, fresh, held, strict=True)
        ],
        "counts": [{"kind": kind, "status": status, "items": count} for (kind, status), count in counts.items()],
        "known": len(done.plan.coming) - len(fresh),
        "held": sum(held),
        "needs": sum(len(one.needs) for one in fresh),
        "turns": sum(len(one.turns) for one in fresh),
        "reports": done.plan.reports,
        "history": done.entries,
        "labels": list(done.labels),
        "settings": [{"key": one.key, "value": one.value, "why": one.why} for one in done.settings],
        "notes": list(done.notes),
    }
