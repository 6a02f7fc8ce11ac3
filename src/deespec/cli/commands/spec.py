"""`spec new|check`: a template, and what `register` would refuse, found without registering."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from deespec.backlog.register import Order, Twice, digest, rehearse
from deespec.cli import options, output
from deespec.cli.commands.register import read_file
from deespec.cli.editor import template
from deespec.errors import DeespecError, StoreUnusable
from deespec.labels import refuse_unknown
from deespec.model.items import Kind
from deespec.model.spec import advice, parse_named
from deespec.records import record, replace
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.cli.session import Session

KINDS = click.Choice([kind.lower() for kind in Kind], case_sensitive=False)


@click.command(name="new")
@click.option("--kind", type=KINDS, default="sbi", show_default=True, help="What it is a spec of.")
@options.as_json
def spec_new(kind: str, as_json: bool) -> int:
    """Print a template: deespec spec new > login.md"""
    text = template(Kind(kind.upper()))
    if as_json:
        output.emit(kind=kind.upper(), template=text)
    else:
        output.say(text.rstrip("\n"))
    return 0


@click.command(name="check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--kind", type=KINDS, default="sbi", show_default=True, help="What the files describe.")
@options.as_json
@options.session
def spec_check(session: Session, files: tuple[str, ...], kind: str, as_json: bool) -> int:
    """Say what `register` would refuse in these files, and what would make them better.

    Needs, parents and labels are looked up in the backlog; where there is none, only the files themselves are checked.
    Exit 2 if any file would be refused; one that is registered already, unchanged, is named and counted apart.
    """
    app = _backlog(session)
    checked = [_parsed(Kind(kind.upper()), file) for file in files]
    if app is not None:
        checked = _looked_up(app, checked)
    refused = sum(one.error is not None for one in checked)
    if as_json:
        output.emit(files=[_json(one) for one in checked], references_checked=app is not None)
    else:
        _show(checked, refused)
    return 2 if refused else 0


@record
class Checked:
    """What is known about one file."""

    file: str
    order: Order | None = None
    """None: it cannot be read."""
    error: DeespecError | None = None
    advice: tuple[str, ...] = ()
    registered_as: str | None = None
    """The item that this very file has made already."""


def _backlog(session: Session) -> App | None:
    """The backlog, if there is one that can be used."""
    try:
        app = session.app
        with app.store.read():
            return app
    except StoreUnusable as error:
        if not session.quiet:
            output.tell(f"{clean(error.message)} Needs, parents and labels were not looked up.")
        return None


def _parsed(kind: Kind, file: str) -> Checked:
    try:
        content = read_file(file)
        new = parse_named(content, kind=kind, file=file)
    except DeespecError as error:
        return Checked(file=file, error=error)
    order = Order(kind=kind, new=new, file=file, source=os.path.realpath(file), content=content)
    return Checked(file=file, order=order, advice=tuple(advice(new)))


# --- against the backlog --------------------------------------------------------------------------------------------


def _looked_up(app: App, checked: list[Checked]) -> list[Checked]:
    """With what the backlog has to say: the files of one call are registered together, so they may name each other."""
    orders = [one.order for one in checked if one.order is not None]
    errors = iter(_refusals(app, orders))
    found = []
    for one in checked:
        if one.order is None:
            found.append(one)
            continue
        more = (*one.advice, *_nowhere(app, one.order))
        found.append(replace(one, error=next(errors), advice=more, registered_as=_registered_as(app, one.order)))
    return found


def _refusals(app: App, orders: Sequence[Order]) -> list[DeespecError | None]:
    """Why each order would be refused. All at once if they are sound; else each is tried among those that are."""
    if _refusal(app, orders) is None:
        return [None] * len(orders)
    trial = [_without_references(order) for order in orders]
    errors = []
    for index, order in enumerate(orders):
        alone, trial[index] = trial[index], order
        errors.append(_refusal(app, trial))
        if errors[-1] is not None:
            trial[index] = alone
    return errors


def _refusal(app: App, orders: Sequence[Order]) -> DeespecError | None:
    try:
        for order in orders:
            refuse_unknown(app.settings.home, order.new.labels)
        rehearse(app.store, orders, uids=[app.clock.uid() for _ in orders], owner=app.person, twice=Twice.AGAIN)
    except StoreUnusable:
        raise
    except DeespecError as error:
        return error
    return None


def _without_references(order: Order) -> Order:
    return replace(order, new=replace(order.new, parent=None, depends_on=(), labels=()))


def _nowhere(app: App, order: Order) -> list[str]:
    """Globs whose folder is not there: a file may be one that is to be made, a folder seldom is."""
    folders = {glob: _fixed_folder(glob) for glob in order.new.paths}
    return [
        f"`paths` names {glob}, but there is no folder {folder} in {app.settings.root}."
        for glob, folder in folders.items()
        if not (app.settings.root / folder).is_dir()
    ]


def _fixed_folder(glob: str) -> str:
    """`src/auth` of `src/auth/**` and of `src/auth/login.py`."""
    parts = glob.split("/")[:-1]
    wild = next((at for at, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts))
    return "/".join(parts[:wild])


def _registered_as(app: App, order: Order) -> str | None:
    assert order.source is not None
    with app.store.read() as tx:
        return tx.by_source(order.kind, order.source, digest(order.content))


# --- showing --------------------------------------------------------------------------------------------------------


def _json(one: Checked) -> dict[str, object]:
    error = one.error
    return {
        "file": one.file,
        "ok": error is None,
        "error": error and error.message,
        "hint": error and error.hint,
        "registered_as": one.registered_as,
        "advice": list(one.advice),
    }


def _show(checked: list[Checked], refused: int) -> None:
    for one in checked:
        output.say(f"{'✗' if one.error else '✓'} {clean(one.file)}")
        if one.error is not None:
            output.say(f"  {clean(one.error.message)}")
        if one.error is not None and one.error.hint:
            output.say(f"  → {clean(one.error.hint)}")
        if one.registered_as:
            output.say(f"  It is registered already, unchanged, as {one.registered_as}.")
        for words in one.advice:
            output.say(f"  · {clean(words)}")
    known = sum(one.registered_as is not None and one.error is None for one in checked)
    if known:
        they = "1 is" if known == 1 else f"{known} are"
        one_of = "it" if known == 1 else "them"
        told = f"{they} registered already (register refuses {one_of} without --skip-registered or --again)"
        output.say(f"{_files(checked)}: {told}, {refused or 'none'} of the others would be refused")
    elif len(checked) > 1:
        output.say(f"{_files(checked)}, {refused or 'none'} would be refused")


def _files(checked: list[Checked]) -> str:
    return "1 file" if len(checked) == 1 else f"{len(checked)} files"
