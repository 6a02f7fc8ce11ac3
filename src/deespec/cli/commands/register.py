"""`register sbi|pbi|epic`: from options, Markdown files, standard input, or an editor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog.register import Order, Registered, Twice, register, rehearse
from deespec.backlog.to_know import of_item
from deespec.cli import options, output, shapes
from deespec.cli.agent_names import tell_unknown_agents
from deespec.cli.stdin import is_terminal, read_stdin
from deespec.errors import InvalidInput, UsageError
from deespec.labels import refuse_unknown
from deespec.model.items import Kind
from deespec.model.spec import MAX_FILE_BYTES, amended, new_item, parse_named, parse_spec
from deespec.text import clean
from deespec.workspace.branches import commit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deespec.cli.session import Session
    from deespec.model.spec import NewItem
    from deespec.store.items import Item


FILE_HELP = "A spec file; those of -f come first. -f specs/*.md registers them in that order."


def _command(kind: Kind) -> Callable[[Callable[..., Any]], click.Command]:
    """The options that all kinds take."""

    def make(body: Callable[..., Any]) -> click.Command:
        for option in reversed(
            (
                click.argument("files", nargs=-1, metavar="[FILE]..."),
                click.option("-f", "--file", "--from-file", "more", multiple=True, metavar="FILE", help=FILE_HELP),
                click.option("--stdin", is_flag=True, help="Read the spec from standard input."),
                click.option("--label", "-l", "label", multiple=True, metavar="L", help="May be given several times."),
                click.option("--labels", "label_list", metavar="A,B", hidden=True, help="The same, in one word."),
                click.option("--hold", is_flag=True, help="Register it held."),
                click.option("--key", metavar="K", help="A second call with K returns the first item."),
                click.option("--again", is_flag=True, help="Even if this file is registered already, unchanged."),
                click.option("--skip-registered", is_flag=True, help="Leave out files that are, and say which."),
                click.option("--quiet", "-q", is_flag=True, help="Print only the ids."),
                options.dry_run,
                options.as_json,
                options.session,
            )
        ):
            body = option(body)
        return click.command(name=kind.lower())(body)

    return make


@_command(Kind.SBI)
@options.fields
@click.option("--depends-on", multiple=True, metavar="ID", help="An SBI that must be DONE first.")
@click.option("--paths", "--path", multiple=True, metavar="GLOB", help="Files it may touch.")
@click.option("--check", "checks", multiple=True, metavar="CMD", help="A command that must succeed.")
def register_sbi(session: Session, **given: Any) -> int:
    """Register SBIs: from options, Markdown files with front matter, or standard input."""
    return _register(session, Kind.SBI, **given)


@_command(Kind.PBI)
@options.pbi_fields
def register_pbi(session: Session, **given: Any) -> int:
    """Register PBIs: from options, Markdown files with front matter, standard input, or your editor.

    Without front matter the heading that a file begins with is the title. Their status follows from their SBIs. Below
    an EPIC that is held they are held, too.
    """
    return _register(session, Kind.PBI, **given)


@_command(Kind.EPIC)
@options.group_fields
def register_epic(session: Session, **given: Any) -> int:
    """Register EPICs: from options, Markdown files with front matter, standard input, or your editor.

    Without front matter the heading that a file begins with is the title. Their status follows from what is below them.
    """
    return _register(session, Kind.EPIC, **given)


def _register(
    session: Session,
    kind: Kind,
    *,
    files: tuple[str, ...],
    more: tuple[str, ...],
    stdin: bool,
    label: tuple[str, ...],
    label_list: str | None,
    hold: bool,
    key: str | None,
    again: bool,
    skip_registered: bool,
    quiet: bool,
    dry_run: bool,
    as_json: bool,
    body: str | None,
    **fields: Any,
) -> int:
    app = session.app_for_writing()
    labels = (*label, *(one.strip() for one in (label_list or "").split(",") if one.strip()))
    fields |= {"labels": labels or None, "spec": body}
    given = {
        name: value for name, value in fields.items() if value not in (None, ()) and (value != "" or name == "title")
    }
    every = (*more, *files)
    if again and skip_registered:
        raise UsageError("--again and --skip-registered exclude each other.")
    twice = Twice.AGAIN if again else Twice.SKIP if skip_registered else Twice.REFUSE
    if key and len(every) > 1:
        raise UsageError("--key names one item, and there are several files.")
    if stdin and ("spec" in given or every):
        raise UsageError(f"Give the text once: {'--body' if 'spec' in given else 'files'} or --stdin.")
    if "title" in given and len(every) > 1:
        raise UsageError("--title names one item, and there are several files.")
    if every:
        orders = [_from_file(kind, file, given, hold=hold, key=key) for file in every]
    else:
        orders = [Order(kind=kind, new=_from_words(session, kind, given, stdin=stdin), hold=hold, key=key)]
    for order in orders:
        refuse_unknown(app.settings.home, order.new.labels, where=order.file)
    uids = [app.clock.uid() for _ in orders]
    if dry_run:
        done = rehearse(app.store, orders, uids=uids, owner=app.person, twice=twice)
    else:
        base = commit_of(app.settings.root, app.settings.base) if app.settings.workspace_mode == "worktree" else None
        done = register(app.store, orders, uids=uids, owner=app.person, twice=twice, base=base)
    tell_unknown_agents(session, (name for order in orders for name in (*order.new.agent, *order.new.reviewer)))
    if dry_run:
        return _rehearsed(orders, done, as_json=as_json)
    if not session.quiet:
        tell_what_to_know(one.item for one in done if one.fresh)
    _show(done, every, quiet=quiet or session.quiet, as_json=as_json)
    return 0


def _from_file(kind: Kind, file: str, given: dict[str, Any], *, hold: bool, key: str | None) -> Order:
    content = read_file(file)
    new = parse_named(content, kind=kind, file=file, title=given.get("title"))
    if given:
        new = amended(new, **given)
    return Order(kind=kind, new=new, file=file, source=os.path.realpath(file), content=content, hold=hold, key=key)


def read_file(path: str) -> bytes:
    """A spec file's content. Raises InvalidInput for what is no regular file or too large."""
    try:
        if not os.path.isfile(path):
            raise InvalidInput(f"{path} is not a file.", hint="Look at the path; globs are for the shell.")
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > MAX_FILE_BYTES:
        raise InvalidInput(f"{path} is larger than a spec may be (1 MiB).")
    return content


def _from_words(session: Session, kind: Kind, given: dict[str, Any], *, stdin: bool) -> NewItem:
    """From options; without a text in them from standard input, or an editor on a terminal."""
    if not stdin and ("title" in given or "spec" in given):
        return new_item(kind, **given)
    if not stdin and is_terminal():
        from deespec.cli.editor import edit, template

        written = edit(session, template(kind), instead=f"deespec register {kind.lower()} FILE")
        if written is None:
            raise InvalidInput("The editor was left without a change; nothing was registered.")
        new = parse_spec(written, kind=kind, file="the edited text", title=given.get("title"))
    else:
        new = parse_spec(read_stdin(), kind=kind, file="standard input", title=given.get("title"))
    return amended(new, **given) if given else new


def tell_what_to_know(items: Iterable[Item]) -> None:
    """Says on standard error what a person may not expect of these items; nothing is refused."""
    for item in items:
        for note in of_item(item):
            output.tell(note)


def _rehearsed(orders: list[Order], done: list[Registered], *, as_json: bool) -> int:
    if as_json:
        fresh = [order for order, one in zip(orders, done, strict=True) if one.fresh]
        output.emit(dry_run=True, items=[{"kind": one.kind, "title": one.new.title} for one in fresh])
        return 0
    for order, one in zip(orders, done, strict=True):
        named = f"  {clean(order.file)}" if order.file and len(orders) > 1 else ""
        title = clean(order.new.title)
        output.say(f"would register {order.kind} {title}{named}" if one.fresh else _known(one))
    return 0


def _show(done: list[Registered], files: tuple[str, ...], *, quiet: bool, as_json: bool) -> None:
    several = len(files) > 1
    if as_json:
        items = [{**shapes.item(one.item, {}), "fresh": one.fresh, "skipped": one.skipped} for one in done]
        if several:
            output.emit(items=items)
        else:
            output.emit(**items[0])
        return
    for at, one in enumerate(done):
        if quiet:
            output.say(one.item.id)
        elif one.fresh:
            named = f"  {clean(files[at])}" if several else ""
            output.say(f"✓ {one.item.id} registered successfully{named}")
        else:
            output.say(_known(one))


def _known(one: Registered) -> str:
    if one.skipped is not None:
        return f"✓ {one.item.id} was registered before from {clean(one.skipped)}; skipped"
    return f"✓ {one.item.id} was registered before with this key"
