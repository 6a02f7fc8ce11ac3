"""`land`: merged work comes to the branch that people work on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, output
from deespec.errors import NotPossible, WorkspaceError
from deespec.text import clean
from deespec.workspace.landing import Landing, check, finish, plan
from deespec.workspace.landing import land as land_it

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.cli.session import Session

ID_CHARACTERS = 12
"""Of a commit's id."""
SHOWN = 30
"""Items that people are shown."""


@click.command()
@options.dry_run
@options.as_json
@options.session
def land(session: Session, dry_run: bool, as_json: bool) -> int:
    """Bring merged work to the branch you work on: forward only, and your checkout of it follows.

    Nothing that you have changed, staged, or have in the way is overwritten: then it refuses and names the files. One
    that was cut off is finished first.
    """
    app = session.app if dry_run else session.app_for_writing()
    if app.settings.workspace_mode != "worktree":
        raise NotPossible("Work is done in the project folder itself here: there is nothing to land.")
    done = None if dry_run else finish(app.repository)
    if done is not None:
        _note(app, done, "finished after it was cut off")
    landing = _planned(app)
    if dry_run:
        _rehearse(app, landing, as_json=as_json)
    elif landing.new != landing.old:
        land_it(app.repository, landing)
        _note(app, landing, _count(landing))
    if as_json:
        output.emit(**_json(app, landing, done, dry_run=dry_run))
    else:
        _show(app, landing, done, dry_run=dry_run)
    return 0


def _rehearse(app: App, landing: Landing, *, as_json: bool) -> None:
    """Raises what would stop it, after it has been said what it would bring."""
    try:
        check(app.repository, landing)
    except WorkspaceError:
        if not as_json:
            _show(app, landing, None, dry_run=True)
        raise


def _planned(app: App) -> Landing:
    """What landing would do; nothing, where nothing was merged yet."""
    base = app.base
    if app.target.tip() is None:
        commit = app.repository.git.resolve(f"refs/heads/{base}")
        if commit is not None:
            return Landing(base=base, old=commit, new=commit)
    return plan(app.repository, base, app.target.ref)


def _note(app: App, landing: Landing, what: str) -> None:
    items = ", ".join(landing.items[:SHOWN])
    detail = f"{landing.base} {_way(landing)}, {what}" + (f": {items}" if items else "")
    with app.store.transaction() as tx:
        tx.note(app.person, "landed", detail=detail)


def _json(app: App, landing: Landing, done: Landing | None, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "landed": landing.new != landing.old and not dry_run,
        "base": landing.base,
        "target": app.settings.target,
        "from": landing.old,
        "to": landing.new,
        "checkout": landing.checkout,
        "commits": landing.commits,
        "items": list(landing.items),
        "submodules": list(landing.submodules),
        "finished": None if done is None else {"from": done.old, "to": done.new},
    }


def _show(app: App, landing: Landing, done: Landing | None, *, dry_run: bool) -> None:
    if done is not None:
        output.say(f"✓ finished a landing that was cut off: {done.base} {_way(done)}")
    if landing.new == landing.old:
        if done is None:
            output.say(f"Nothing to land: {landing.base} has all that is merged into {app.settings.target}.")
        return
    output.say(f"{'Would land' if dry_run else '✓ landed'} {_count(landing)} on {landing.base}: {_way(landing)}")
    for title in landing.items[:SHOWN]:
        output.say(f"  {clean(title)}")
    if len(landing.items) > SHOWN:
        output.say(f"  … and {len(landing.items) - SHOWN} more")
    if landing.checkout is not None:
        output.say(f"  {'with the files of' if dry_run else 'checked out in'} {clean(landing.checkout)}")
    if landing.submodules and landing.checkout is not None:
        output.tell(f"→ Submodules follow by: git -C {clean(landing.checkout)} submodule update")


def _count(landing: Landing) -> str:
    return f"{landing.commits} {'commit' if landing.commits == 1 else 'commits'}"


def _way(landing: Landing) -> str:
    return f"{landing.old[:ID_CHARACTERS]}..{landing.new[:ID_CHARACTERS]}"
