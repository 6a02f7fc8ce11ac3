"""`sbi update`: fields by option, or all of them from a Markdown file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog import edit
from deespec.backlog.register import digest
from deespec.cli import options, output, shapes
from deespec.cli.agent_names import tell_unknown_agents
from deespec.cli.commands.register import read_file, tell_too_few_turns
from deespec.errors import NotFound, UsageError
from deespec.model.items import Kind, Sbi
from deespec.model.spec import NewItem, amended, draft_of, parse_spec, read_option
from deespec.records import fields, record, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.cli.session import Session
    from deespec.store.items import Item

BLANK = NewItem(kind=Kind.SBI, title="", spec="")


@record
class ListOption:
    """A field that holds a list: set as a whole, or by one value more or less."""

    field: str
    names: tuple[str, ...]
    one: str
    metavar: str
    help: str


LISTS = (
    ListOption(field="labels", names=("--label", "-l"), one="label", metavar="L", help="Its labels"),
    ListOption(field="depends_on", names=("--depends-on", "--need"), one="need", metavar="ID", help="What it needs"),
    ListOption(field="paths", names=("--paths", "--path"), one="path", metavar="GLOB", help="Files it may touch"),
    ListOption(field="checks", names=("--check",), one="check", metavar="CMD", help="Commands that must succeed"),
)
CLEARABLE = ("parent", "labels", "depends_on", "paths", "agent", "reviewer", "estimate_hours", "max_turns", "checks")


def _lists(command: Callable[..., Any]) -> Callable[..., Any]:
    for one in reversed(LISTS):
        for names, field, words in (
            ((f"--remove-{one.one}",), f"remove_{one.field}", "One less."),
            ((f"--add-{one.one}",), f"add_{one.field}", "One more."),
            (one.names, one.field, f"{one.help}, in place of all before."),
        ):
            command = click.option(*names, field, multiple=True, metavar=one.metavar, help=words)(command)
    return command


@click.command(name="update")
@options.one_id
@options.fields
@_lists
@click.option("--clear", multiple=True, type=click.Choice(CLEARABLE), help="Forget this field.")
@click.option("-f", "--file", type=click.Path(), metavar="FILE", help="Be as this spec file says, in all fields.")
@options.as_json
@options.session
def sbi_update(session: Session, /, *, item_id: str, file: str | None, as_json: bool, **given: Any) -> int:
    """Change fields of an SBI. They count from its next turn on.

    With -f the item becomes what registering the file would make of it; other options count on top.
    """
    if file is None and all(value in (None, ()) for value in given.values()):
        raise UsageError("There is nothing to change.", hint="deespec sbi update --help")
    session.app_for_writing()
    wanted = _wanted(session, file, **given)
    tell_unknown_agents(session, (*given["agent"], *given["reviewer"], *_agents(wanted.new)))
    before, after = change(session, session.item_id(item_id, Kind.SBI), lambda item: _changes(wanted, item))
    if not session.quiet:
        tell_too_few_turns([after])
    show(before, after, as_json=as_json)
    return 0


# --- shared with `sbi edit` -----------------------------------------------------------------------------------------


def change(session: Session, item_id: str, changes: Callable[[Sbi], dict[str, object]]) -> tuple[Sbi, Sbi]:
    """The item before and after."""
    seen: list[Sbi] = []

    def remember(item: Item) -> dict[str, object]:
        assert isinstance(item, Sbi)
        seen.append(item)
        return changes(item)

    app = session.app_for_writing()
    after = edit.update(app.store, item_id, remember, actor=app.person)
    assert isinstance(after, Sbi)
    return seen[0], after


def differences(before: NewItem, after: NewItem) -> dict[str, object]:
    """The fields of the second that are not as in the first."""
    return {name: getattr(after, name) for name in fields(type(after)) if getattr(after, name) != getattr(before, name)}


def with_ids(session: Session, new: NewItem) -> NewItem:
    """Needs and parent that were given by uid become ids."""
    parent = session.item_id(new.parent, Kind.PBI) if new.parent else None
    return replace(new, parent=parent, depends_on=_needs(session, new.depends_on))


def show(before: Sbi, after: Sbi, *, as_json: bool) -> None:
    changed = sorted(differences(draft_of(before), draft_of(after)))
    if as_json:
        output.emit(**shapes.sbi(after), changed=changed)
    elif changed:
        output.say(f"✓ {after.id} changed: {', '.join(changed)}")
    else:
        output.say(f"{after.id} is like that already; nothing was changed.")


# --- what the options ask for ---------------------------------------------------------------------------------------


@record
class Wanted:
    """The options, read and resolved; what they change depends on the item."""

    clear: tuple[str, ...]
    single: dict[str, object]
    """Fields that hold one value, and agent and reviewer."""
    lists: dict[str, tuple[str, ...]]
    """By field, `add_` and `remove_` before it."""
    new: NewItem | None = None
    source: str | None = None
    source_hash: str | None = None


def _wanted(session: Session, file: str | None, *, clear: tuple[str, ...], body: str | None, **given: Any) -> Wanted:
    options = {
        name: option
        for one in LISTS
        for name, option in (
            (one.field, one.names[0]),
            (f"add_{one.field}", f"--add-{one.one}"),
            (f"remove_{one.field}", f"--remove-{one.one}"),
        )
    }
    lists = {name: _read(session, name, given.pop(name), option) for name, option in options.items()}
    single = {name: value for name, value in {**given, "spec": body}.items() if value not in (None, ())}
    if "parent" in single:
        single["parent"] = session.item_id(given["parent"], Kind.PBI)
    wanted = Wanted(clear=clear, single=single, lists=lists)
    if file is None:
        return wanted
    content = read_file(file)
    new = with_ids(session, parse_spec(content, kind=Kind.SBI, file=file))
    return replace(wanted, new=new, source=os.path.realpath(file), source_hash=digest(content))


def _read(session: Session, name: str, values: tuple[str, ...], option: str) -> tuple[str, ...]:
    """The values as an item holds them. Raises InvalidInput for what the field does not take."""
    field = name.removeprefix("add_").removeprefix("remove_")
    if field == "depends_on":
        values = _needs(session, values)
    found = read_option(field, values, kind=Kind.SBI, option=option)
    assert isinstance(found, tuple)
    return found


def _agents(new: NewItem | None) -> tuple[str, ...]:
    return (*new.agent, *new.reviewer) if new else ()


def _needs(session: Session, given: tuple[str, ...]) -> tuple[str, ...]:
    """As ids in the order in which an item holds them."""
    return tuple(f"SBI-{number}" for number in sorted({session.number(one) for one in given}))


def _changes(wanted: Wanted, item: Sbi) -> dict[str, object]:
    before = draft_of(item)
    after = replace(wanted.new or before, **{name: getattr(BLANK, name) for name in wanted.clear})
    lists = {one.field: _list(wanted, one, item.id, after) for one in LISTS}
    return differences(before, amended(after, **wanted.single, **lists)) | _source(wanted, item)


def _list(wanted: Wanted, one: ListOption, item: str, draft: NewItem) -> tuple[str, ...]:
    kept = wanted.lists[one.field] or getattr(draft, one.field)
    gone = wanted.lists[f"remove_{one.field}"]
    missing = [value for value in gone if value not in kept]
    if missing:
        raise NotFound(f"{item} has no {one.one} {missing[0]}.", hint=f"It has: {', '.join(kept) or 'none'}")
    return tuple(value for value in (*kept, *wanted.lists[f"add_{one.field}"]) if value not in gone)


def _source(wanted: Wanted, item: Sbi) -> dict[str, object]:
    """The file is its source from now on, so that registering it once more is noticed; unless it has another."""
    if wanted.source is None or item.source not in (None, wanted.source):
        return {}
    found = {"source": wanted.source, "source_hash": wanted.source_hash}
    return {name: value for name, value in found.items() if getattr(item, name) != value}
