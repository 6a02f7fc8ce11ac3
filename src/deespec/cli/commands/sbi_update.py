"""`sbi update`: fields by option, or all of them from a Markdown file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from deespec.backlog import edit
from deespec.backlog.register import digest
from deespec.cli import options, output, shapes
from deespec.cli.agent_names import tell_unknown_agents
from deespec.cli.commands.register import read_file, tell_what_to_know
from deespec.errors import NotFound, UsageError
from deespec.model.fields import FIELDS
from deespec.model.items import Kind, Pbi, Sbi
from deespec.model.spec import NewItem, amended, differences, draft_of, parse_spec, read_option
from deespec.records import record, replace

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
UNCLEARABLE = ("title", "spec", "priority", "only_implement", "auto", "auto_approve", "acceptance")


def _lists(kind: Kind) -> list[ListOption]:
    return [one for one in LISTS if kind in FIELDS[one.field].kinds]


def changes_of(kind: Kind) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options of `update` that stand beside the fields of this kind."""
    clearable = [field.key for field in FIELDS.values() if kind in field.kinds and field.name not in UNCLEARABLE]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            options.as_json,
            click.option("-f", "--file", type=click.Path(), metavar="FILE", help="Be as this spec file says, whole."),
            click.option("--clear", multiple=True, type=click.Choice(clearable), help="Forget this field."),
        ):
            command = option(command)
        for one in reversed(_lists(kind)):
            for names, field, words in (
                ((f"--remove-{one.one}",), f"remove_{one.field}", "One less."),
                ((f"--add-{one.one}",), f"add_{one.field}", "One more."),
                (one.names, one.field, f"{one.help}, in place of all before."),
            ):
                command = click.option(*names, field, multiple=True, metavar=one.metavar, help=words)(command)
        return command

    return decorate


@click.command(name="update")
@options.one_id
@options.fields
@changes_of(Kind.SBI)
@options.session
def sbi_update(session: Session, /, **given: Any) -> int:
    """Change fields of an SBI. They count from its next turn on.

    With -f the item becomes what registering the file would make of it; other options count on top.
    """
    return update(session, Kind.SBI, **given)


# --- shared with `sbi edit`, and with PBIs and EPICs ----------------------------------------------------------------


def update(session: Session, kind: Kind, *, item_id: str, file: str | None, as_json: bool, **given: Any) -> int:
    """Changes what the options say, of the item as it is then."""
    if file is None and all(value in (None, ()) for value in given.values()):
        raise UsageError("There is nothing to change.", hint=f"deespec {kind.lower()} update --help")
    session.app_for_writing()
    wanted = _wanted(session, kind, file, **given)
    tell_unknown_agents(session, (*given.get("agent", ()), *given.get("reviewer", ()), *_agents(wanted.new)))
    before, after = change(session, session.item_id(item_id, kind), lambda item: _changes(wanted, item))
    if not session.quiet and not (isinstance(after, Pbi) and _by_itself(before) == _by_itself(after)):
        tell_what_to_know([after])
    show(session, before, after, as_json=as_json)
    return 0


def change(session: Session, item_id: str, changes: Callable[[Item], dict[str, object]]) -> tuple[Item, Item]:
    """The item before and after."""
    app = session.app_for_writing()
    return edit.change(app.store, item_id, changes, home=app.settings.home, actor=app.person)


def with_ids(session: Session, new: NewItem) -> NewItem:
    """Needs and parent that were given by uid become ids."""
    parent = session.item_id(new.parent, None) if new.parent else None
    return replace(new, parent=parent, depends_on=_needs(session, new.depends_on))


def show(session: Session, before: Item, after: Item, *, as_json: bool) -> None:
    changed = sorted(FIELDS[name].key for name in differences(draft_of(before), draft_of(after)))
    if as_json:
        with session.app.store.read() as tx:
            counts = {} if isinstance(after, Sbi) else tx.child_counts(after.id)
        output.emit(**shapes.item(after, counts), changed=changed)
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


def _wanted(
    session: Session, kind: Kind, file: str | None, *, clear: tuple[str, ...], body: str | None, **given: Any
) -> Wanted:
    options = {
        name: option
        for one in _lists(kind)
        for name, option in (
            (one.field, one.names[0]),
            (f"add_{one.field}", f"--add-{one.one}"),
            (f"remove_{one.field}", f"--remove-{one.one}"),
        )
    }
    lists = {name: _read(session, kind, name, given.pop(name), option) for name, option in options.items()}
    single = {name: value for name, value in {**given, "spec": body}.items() if value not in (None, ())}
    if "parent" in single:
        single["parent"] = session.item_id(str(read_option("parent", given["parent"], kind=kind)), None)
    names = {field.key: field.name for field in FIELDS.values()}
    wanted = Wanted(clear=tuple(names[key] for key in clear), single=single, lists=lists)
    if file is None:
        return wanted
    content = read_file(file)
    new = with_ids(session, parse_spec(content, kind=kind, file=file))
    return replace(wanted, new=new, source=os.path.realpath(file), source_hash=digest(content))


def _read(session: Session, kind: Kind, name: str, values: tuple[str, ...], option: str) -> tuple[str, ...]:
    """The values as an item holds them. Raises InvalidInput for what the field does not take."""
    field = name.removeprefix("add_").removeprefix("remove_")
    if field == "depends_on":
        values = _needs(session, values)
    found = read_option(field, values, kind=kind, option=option)
    assert isinstance(found, tuple)
    return found


def _agents(new: NewItem | None) -> tuple[str, ...]:
    return (*new.agent, *new.reviewer) if new else ()


def _needs(session: Session, given: tuple[str, ...]) -> tuple[str, ...]:
    """As ids in the order in which an item holds them."""
    return tuple(f"SBI-{number}" for number in sorted({session.number(one) for one in given}))


def _changes(wanted: Wanted, item: Item) -> dict[str, object]:
    before = draft_of(item)
    after = replace(wanted.new or before, **{name: getattr(BLANK, name) for name in wanted.clear})
    lists = {one.field: _list(wanted, one, item.id, after) for one in _lists(before.kind)}
    return differences(before, amended(after, **wanted.single, **lists)) | _source(wanted, item)


def _list(wanted: Wanted, one: ListOption, item: str, draft: NewItem) -> tuple[str, ...]:
    kept = wanted.lists[one.field] or getattr(draft, one.field)
    gone = wanted.lists[f"remove_{one.field}"]
    missing = [value for value in gone if value not in kept]
    if missing:
        raise NotFound(f"{item} has no {one.one} {missing[0]}.", hint=f"It has: {', '.join(kept) or 'none'}")
    return tuple(value for value in (*kept, *wanted.lists[f"add_{one.field}"]) if value not in gone)


def _source(wanted: Wanted, item: Item) -> dict[str, object]:
    """The file is its source from now on, so that registering it once more is noticed; unless it has another."""
    if wanted.source is None or item.source not in (None, wanted.source):
        return {}
    found = {"source": wanted.source, "source_hash": wanted.source_hash}
    return {name: value for name, value in found.items() if getattr(item, name) != value}


def _by_itself(item: Item) -> tuple[bool, bool]:
    """Whether it is decomposed, and its drafts approved, without a person."""
    return isinstance(item, Pbi) and item.auto, isinstance(item, Pbi) and item.auto_approve
