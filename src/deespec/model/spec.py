"""Markdown with front matter <-> a new item. What each field takes is in the table of fields.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.errors import InvalidInput
from deespec.model.fields import (
    FIELDS,
    MAX_SPEC_BYTES,
    Field,
    Wrong,
    read_id,
    read_named,
)
from deespec.model.front_matter import MAX_FRONT_MATTER_CHARACTERS, Plain, split
from deespec.model.headings import title_of, with_criteria, without_title
from deespec.model.items import Kind, Priority
from deespec.model.selection import names_everything
from deespec.records import fields, record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from deespec.model.front_matter import Entry
    from deespec.model.items import Epic, Pbi, Sbi

MAX_FILE_BYTES = MAX_SPEC_BYTES + 4 * MAX_FRONT_MATTER_CHARACTERS
SHORT_SPEC_CHARACTERS = 80
LARGE_ESTIMATE_HOURS = 16
IN_TEXT = ("spec", "acceptance")
"""Fields that a file holds below its front matter."""

_CRITERIA = r"(?i)accept|criteri|done when|- \[[ x]\]|受け?入れ|完了条件"
_PLAIN_YAML = r"[^\W\d_][\w./-]*(?: [\w./-]+)*"
_NO_PLAIN_YAML = ("null", "true", "false", "yes", "no", "on", "off")


@record
class NewItem:
    """What somebody wants registered, by the rules of fields.py. Needs and parent may still be uids."""

    kind: Kind
    title: str
    spec: str
    parent: str | None = None
    priority: Priority = Priority.NORMAL
    labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    reviewer: tuple[str, ...] = ()
    only_implement: bool = False
    estimate_hours: float | None = None
    max_turns: int | None = None
    checks: tuple[str, ...] = ()
    story_points: int | None = None
    auto: bool = False
    auto_approve: bool = False
    drafts_least: int | None = None
    drafts_most: int | None = None


# --- in -------------------------------------------------------------------------------------------------------------


def parse_spec(text: bytes | str, *, kind: Kind, file: str, title: object = None) -> NewItem:
    """The item that a Markdown file describes. Raises InvalidInput: `file:LINE: what`, with a suggestion.

    `title`: what an option says, so that nothing of the text has to stand for it.
    """
    return _parsed(text, kind, file, lambda field, raw: field.read(raw, kind), title=title)


def parse_named(text: bytes | str, *, kind: Kind, file: str, title: object = None) -> NewItem:
    """The same of a file whose needs and parent may be called by their files: FileName stands for those."""
    return _parsed(text, kind, file, lambda field, raw: read_named(field, raw, kind), title=title)


def _parsed(
    text: bytes | str, kind: Kind, file: str, read: Callable[[Field, object], object], *, title: object
) -> NewItem:
    entries, body, first_line = split(_decoded(text, file), file)
    values: dict[str, object] = {} if title is None else {"title": read_option("title", title, kind=kind)}
    for entry in entries:
        field = _field_of(entry, kind, file)
        if entry.value is None:
            continue
        try:
            values[field.name] = read(field, entry.value)
        except Wrong as wrong:
            line = entry.line if wrong.index is None else entry.lines[wrong.index]
            raise InvalidInput(f"{file}:{line}: {field.key} {wrong.what}.", hint=wrong.hint) from wrong
    try:
        values["spec"] = FIELDS["spec"].read(body, kind)
    except Wrong as wrong:
        raise InvalidInput(f"{file}:{first_line}: the text {wrong.what}.", hint=wrong.hint) from wrong
    return _item(kind, values, missing=f"{file} has neither title nor text.", place=f"{file}: ")


def new_item(kind: Kind, **options: object) -> NewItem:
    """The same from options of the command line, named like the fields; None is not given."""
    return _item(kind, _read_options(kind, options), missing="There is neither a title nor a text.", given=options)


def amended(item: NewItem, **options: object) -> NewItem:
    """The item with some fields as the options say; acceptance criteria are added to its text."""
    values = _read_options(item.kind, options)
    criteria = values.pop("acceptance", ())
    if values.get("auto") is False:
        values.setdefault("auto_approve", False)
    changed = replace(item, **values)
    # An empty text, and one that only said the title, goes by the title; so does the heading of what was registered
    # when that stayed in the text.
    below = without_title("" if changed.spec == item.title else changed.spec, item.title)
    assert isinstance(criteria, tuple)
    spec = with_criteria(below if changed.title != item.title or criteria else changed.spec, criteria)
    return _consistent(replace(changed, spec=spec or changed.title), given=values)


def read_option(name: str, raw: object, *, kind: Kind, option: str | None = None) -> object:
    """A field's value as its option gives it. Raises InvalidInput, naming the option (by default the field's own)."""
    field = FIELDS[name]
    try:
        return field.read(Plain(raw) if isinstance(raw, str) else raw, kind)
    except Wrong as wrong:
        raise InvalidInput(f"{option or field.option} {wrong.what}.", hint=wrong.hint) from wrong


def normalise_id(text: str, kind: Kind | None = None) -> str:
    """`SBI-12` from any case and width, with `kind` from the bare number; a uid, or the beginning of one, in capitals.

    Raises InvalidInput for anything else, and for an ID of another kind.
    """
    try:
        return read_id(text, kind)
    except Wrong as wrong:
        name = f"{kind} ID" if kind else "ID"
        raise InvalidInput(f'"{text}" is not a valid {name}.', hint=wrong.hint) from wrong


def _decoded(text: bytes | str, file: str) -> str:
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_FILE_BYTES:
        raise InvalidInput(f"{file} has {len(data):,} bytes; the limit for a spec is {MAX_SPEC_BYTES:,}.")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{file}:{line}: this is not UTF-8 text.", hint="Save the file as UTF-8.") from error
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise InvalidInput(f"{file}:{line}: there is a NUL character.", hint="A spec is a text file.")
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _field_of(entry: Entry, kind: Kind, file: str) -> Field:
    field = next((one for one in FIELDS.values() if one.key == entry.key), None)
    if field and field.name == "spec":
        raise InvalidInput(f"{file}:{entry.line}: spec is no key.", hint="The spec is the text below the front matter.")
    if field and kind in field.kinds:
        return field
    if field:
        raise InvalidInput(f"{file}:{entry.line}: {_not_for(kind, field, field.key)}")
    from deespec.suggest import closest

    known = [field.key for field in FIELDS.values() if kind in field.kinds and field.name != "spec"]
    near = closest(entry.key, known)
    hint = f"Did you mean {near}?" if near else f"Keys: {', '.join(known)}"
    raise InvalidInput(f"{file}:{entry.line}: there is no key {entry.key}.", hint=hint)


def _not_for(kind: Kind, field: Field, called: str) -> str:
    return f"{kind}s have no {called}, only {' and '.join(f'{other}s' for other in field.kinds)} have."


def _read_options(kind: Kind, options: dict[str, object]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, raw in options.items():
        field = FIELDS[name]
        if raw is None:
            continue
        if kind not in field.kinds:
            raise InvalidInput(_not_for(kind, field, field.option))
        values[name] = read_option(name, raw, kind=kind)
    return values


def _item(
    kind: Kind, values: dict[str, object], *, missing: str, place: str = "", given: Collection[str] = ()
) -> NewItem:
    """With a title and no text the title is the spec; with a text and no title its heading is the title.

    A heading that became the title leaves the text, if the text begins with it: no title stands in two places.
    """
    spec, title, criteria = values.pop("spec", ""), values.get("title"), values.pop("acceptance", ())
    assert isinstance(spec, str)
    assert isinstance(criteria, tuple)
    if not title:
        title = title_of(spec)
        spec = without_title(spec, title)
    if not title:
        raise InvalidInput(missing, hint="Give it at least a title.")
    spec = with_criteria(spec, criteria) or title
    new = replace(NewItem(kind=kind, title="", spec=""), **{**values, "title": title, "spec": spec})
    return _consistent(new, place=place, given=given)


def _consistent(item: NewItem, *, place: str = "", given: Collection[str] = ()) -> NewItem:
    """Raises InvalidInput where one field contradicts another. `given`: those that are called as options."""

    def called(name: str) -> str:
        return FIELDS[name].option if name in given else FIELDS[name].key

    if item.auto_approve and not item.auto:
        what, other = ("--auto-approve", "--auto") if "auto_approve" in given else ("auto_approve", "auto")
        hint = f"Say {other}, too; or neither."
        raise InvalidInput(f"{place}{what} is for what is decomposed by itself.", hint=hint)
    least, most = item.drafts_least, item.drafts_most
    if least is not None and most is not None and least > most:
        raise InvalidInput(
            f"{place}{called('drafts_least')} is {least}, {called('drafts_most')} only {most}.",
            hint="Let the first be smaller.",
        )
    return item


# --- out ------------------------------------------------------------------------------------------------------------


def render(item: NewItem) -> str:
    """The Markdown file that parse_spec reads as this item."""
    blank = NewItem(kind=item.kind, title="", spec="")
    lines = [
        f"{field.key}: {yaml_of(getattr(item, name))}"
        for name, field in FIELDS.items()
        if name not in IN_TEXT and getattr(item, name) != getattr(blank, name)
    ]
    return "\n".join(["---", *lines, "---", item.spec]) + "\n"


def draft_of(item: Sbi | Pbi | Epic) -> NewItem:
    """What a person may change of a registered item."""
    kind = Kind(item.id.partition("-")[0])
    shared = set(fields(NewItem)) & set(fields(type(item)))
    return NewItem(kind=kind, **{name: getattr(item, name) for name in shared})


def differences(before: NewItem, after: NewItem) -> dict[str, object]:
    """The fields of the second that are not as in the first."""
    return {name: getattr(after, name) for name in fields(NewItem) if getattr(after, name) != getattr(before, name)}


def yaml_of(value: object) -> str:
    """A value of front matter, on one line; split() reads it as the same value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        plain = re.fullmatch(_PLAIN_YAML, value) and value.isprintable() and value.lower() not in _NO_PLAIN_YAML
        return value if plain else f'"{"".join(map(_yaml_character, value))}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(yaml_of, value))}]"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _yaml_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


# --- advice ---------------------------------------------------------------------------------------------------------


def advice(item: NewItem) -> list[str]:
    """What would make this item easier for an agent; nothing of it is refused."""
    return list(_advice(item))


def _advice(item: NewItem) -> Iterator[str]:
    if item.spec == item.title:
        yield "There is no text beyond the title: say what is to be different afterwards."
    elif len(item.spec) < SHORT_SPEC_CHARACTERS:
        yield "The text is very short: say what is to be different afterwards."
    if not re.search(_CRITERIA, item.spec) and not item.checks:
        checks = ", or add `checks`" if item.kind is Kind.SBI else " (--accept, or a section of that name)"
        yield f"No acceptance criteria: say how a reviewer sees that it is done{checks}."
    if item.kind is Kind.SBI:
        yield from _advice_for_work(item)


def _advice_for_work(item: NewItem) -> Iterator[str]:
    if not item.paths:
        yield "No `paths`: in a shared folder this item is worked on alone."
    if any(names_everything(glob) for glob in item.paths):
        yield "`paths` names everything: no other item is worked on at the same time."
    if item.only_implement and not item.checks:
        yield "`only_implement` without `checks`: only the gates look at the result."
    if item.estimate_hours is not None and item.estimate_hours > LARGE_ESTIMATE_HOURS:
        yield f"Estimated at more than {LARGE_ESTIMATE_HOURS} hours: smaller items are easier to review."
