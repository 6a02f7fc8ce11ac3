"""`label register|import`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog.label_files import copied_template
from deespec.backlog.label_import import import_labels, plan_import
from deespec.backlog.labels import refuse_parent, refuse_taken, register_label
from deespec.cli import options, output
from deespec.cli.commands.label_look import shape
from deespec.cli.stdin import read_stdin
from deespec.config_home import HOME_NAME
from deespec.errors import InvalidInput, UsageError
from deespec.labels import (
    FOLDER,
    PRIORITY_MOST,
    Label,
    checked_description,
    checked_name,
    decoded,
    names_in,
    own_text,
    parse,
    read_template,
    read_text,
    refuse_excluded,
)
from deespec.model.fields import Wrong, trimmed
from deespec.records import fields as fields_of
from deespec.records import record, replace
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deespec.app import App
    from deespec.backlog.label_import import Coming
    from deespec.cli.session import Session

copy = click.option("--copy", is_flag=True, help="Copy files from outside of the project without asking.")


def fields(command: Callable[..., Any]) -> Callable[..., Any]:
    """What `register` and `update` take beside a name."""
    for option in reversed(
        (
            click.option("--description", "-d", metavar="WORDS", help="What it is for, in a line."),
            click.option(
                "--priority",
                type=click.IntRange(-PRIORITY_MOST, PRIORITY_MOST),
                help="Guidelines stand in prompts by this, the highest first.",
            ),
            click.option("--parent", metavar="LABEL", help="The label whose guidelines it brings, too."),
            click.option("--body", "-b", metavar="WORDS", help="Its own guideline, as Markdown."),
            click.option("-f", "--file", metavar="FILE", help="Its own guideline, from a file."),
            click.option("--stdin", is_flag=True, help="Its own guideline, from standard input."),
        )
    ):
        command = option(command)
    return command


@click.command(name="register")
@click.argument("name")
@click.argument("templates", nargs=-1, metavar="[TEMPLATE]...")
@fields
@copy
@options.yes
@options.dry_run
@options.as_json
@options.session
def label_register(
    session: Session,
    /,
    name: str,
    templates: tuple[str, ...],
    *,
    copy: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Register a label: a name that items carry, with guidelines for whoever works on them.

    Its guideline is its own text, and that of TEMPLATEs: files of Markdown in the project, which stay where they are.
    Files from elsewhere are copied below `.deespec/labels/`, after a question.
    """
    app = session.app_for_writing()
    home = app.settings.home
    label = changed(session, Label(name=checked_name(name)), **given)
    refuse_taken(names_in(home), label.name)
    refuse_parent(home, label)
    more = taken_in(session, templates, copy=copy or yes, dry_run=dry_run)
    label = replace(label, templates=tuple(dict.fromkeys((*label.templates, *more))))
    if not dry_run:
        register_label(app.store, home, label)
    if as_json:
        output.emit(**shape(app, label), text=label.text, dry_run=dry_run)
    else:
        output.say(f"would register label {label.name}" if dry_run else f"✓ label {label.name} registered")
        if not dry_run and not label.text and not label.templates and not session.quiet:
            output.tell(f"It says nothing yet → deespec label update {label.name} -f FILE")
    return 0


@click.command(name="import")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("-r", "--recursive", is_flag=True, help="With all folders below it.")
@click.option("--prefix-from-dir", is_flag=True, help="`web/api.md` is the label web:api.")
@click.option("--force", is_flag=True, help="Give labels that are there already the words of these files.")
@copy
@options.yes
@options.dry_run
@options.as_json
@options.session
def label_import(
    session: Session,
    folder: str,
    *,
    recursive: bool,
    prefix_from_dir: bool,
    force: bool,
    copy: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Make a label of each Markdown file in DIR.

    Files of the project stay where they are and are the labels' templates; others are copied, after a question.
    """
    app = session.app_for_writing()
    home, root = app.settings.home, app.settings.root
    coming = plan_import(home, root, Path(folder), recursive=recursive, prefix=prefix_from_dir, force=force)
    outside = [one for one in coming if one.label is not None and one.outside]
    if not dry_run:
        if outside:
            what = f"{len(outside)} file{'s are' if len(outside) > 1 else ' is'} outside of the project"
            session.confirm(f"{what}: copy to {home / FOLDER}?", yes=copy or yes)
        coming = import_labels(app.store, home, coming)
    if as_json:
        output.emit(dry_run=dry_run, files=[_file_json(one) for one in coming])
        return 0
    for one in coming:
        output.say(_told(one, dry_run=dry_run))
    made = sum(one.label is not None for one in coming)
    does = "would be imported" if dry_run else "imported"
    output.say(f"{made} label{'' if made == 1 else 's'} {does}, {len(coming) - made} left out")
    return 0


# --- shared with `label update` -------------------------------------------------------------------------------------


@record
class Place:
    """A template as a person named it, and as labels have it."""

    given: Path
    template: str | None
    """None: it is outside of the project."""


def changed(session: Session, label: Label, **given: Any) -> Label:
    """The label with what the options of fields() say. Raises InvalidInput for words that no prompt would take."""
    label = replace(label, **said(session, label.name, **given))
    own_text(label)
    return label


def said(
    session: Session,
    name: str,
    *,
    description: str | None,
    priority: int | None,
    parent: str | None,
    body: str | None,
    file: str | None,
    stdin: bool,
) -> dict[str, Any]:
    """The fields of which the options say something. Front matter of a file counts, but less than they."""
    found: dict[str, Any] = {}
    if sum((body is not None, file is not None, stdin)) > 1:
        raise UsageError("--body, --file and --stdin exclude each other.")
    if file is not None:
        inside = _place(session.app, file).template
        refuse_excluded(file, *([inside] if inside else []))
        found = _words(name, read_text(Path(file)), file)
    elif stdin:
        found = _words(name, decoded(read_stdin(), "standard input"), "standard input")
    elif body is not None:
        found = {"text": trimmed(body).strip()}
    if description is not None:
        try:
            found["description"] = checked_description(description)
        except Wrong as wrong:
            raise InvalidInput(f"--description {wrong.what}.") from wrong
    if priority is not None:
        found["priority"] = priority
    return found if parent is None else {**found, "parent": checked_name(parent)}


def taken_in(session: Session, given: Sequence[str], *, copy: bool, dry_run: bool) -> tuple[str, ...]:
    """These templates as labels have them; what is outside of the project is copied, after a question."""
    app = session.app
    places = [_place(app, one) for one in dict.fromkeys(given)]
    outside = [one for one in places if one.template is None]
    texts = {one.given: read_text(one.given) for one in outside}
    for one in places:
        if one.template is not None:
            read_template(app.settings.home, app.settings.root, one.template)  # raises InvalidInput
    if outside and not dry_run:
        names = ", ".join(str(one.given) for one in outside)
        session.confirm(f"{names}: outside of the project. Copy to {app.settings.home / FOLDER}?", yes=copy)
    found = dict.fromkeys(
        one.template or (str(one.given) if dry_run else _copied(app, one.given, texts[one.given])) for one in places
    )
    return tuple(found)


def _copied(app: App, path: Path, text: str) -> str:
    template = copied_template(app.settings.home, app.settings.root, text, path.name)
    read_template(app.settings.home, app.settings.root, template)  # raises InvalidInput
    return template


def _place(app: App, given: str) -> Place:
    path = Path(os.path.realpath(given))
    home, root = app.settings.home, Path(os.path.realpath(app.settings.root))
    if path.is_relative_to(home):
        return Place(given=path, template=f"{HOME_NAME}/{path.relative_to(home)}")
    return Place(given=path, template=str(path.relative_to(root)) if path.is_relative_to(root) else None)


def _words(name: str, text: str, file: str) -> dict[str, Any]:
    """What a file says: its text, even if that is empty, and of the front matter what is there."""
    label = parse(name, text, file=file)
    given = {key: value for key in fields_of(Label) if key != "name" and (value := getattr(label, key))}
    return {**given, "text": label.text}


# --- showing --------------------------------------------------------------------------------------------------------


def _file_json(one: Coming) -> dict[str, object]:
    name = one.label.name if one.label else None
    return {
        "file": one.file,
        "label": name,
        "copied": one.outside,
        "replaced": one.replaces,
        "left_out": one.why or None,
    }


def _told(one: Coming, *, dry_run: bool) -> str:
    file = clean(one.file)
    if one.label is None:
        return f"· {file} left out: {clean(one.why)}"
    how = ", ".join((*(["copied"] if one.outside else []), *(["replaces what it said"] if one.replaces else [])))
    return f"{'→' if dry_run else '✓'} {file} → {one.label.name}{f' ({how})' if how else ''}"
