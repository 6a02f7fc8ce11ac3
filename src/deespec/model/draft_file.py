"""A draft as a Markdown file with front matter, as people edit it, and back. Fields are read as those of items."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from deespec.errors import InvalidInput
from deespec.model.asking import DraftStatus
from deespec.model.fields import FIELDS, MAX_NEEDS, Wrong, read_id
from deespec.model.front_matter import FENCE, Plain, split
from deespec.model.headings import title_of, without_title
from deespec.model.items import Kind
from deespec.model.spec import MAX_FILE_BYTES, NewItem, render
from deespec.records import fields, record, replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from deespec.model.asking import Draft
    from deespec.model.front_matter import Entry

MAX_REASON_CHARACTERS = 4_000
MAX_DRAFT_DIGITS = 9
SAFE_TITLE_CHARACTERS = 40
DECISIONS = ("approve", "reject")
STAMP_CHARACTERS = 12


@record
class Written:
    """What somebody has written of a draft, and perhaps decided."""

    title: str
    spec: str
    labels: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    estimate_hours: float | None = None
    only_implement: bool = False
    id: str | None = None
    decision: str | None = None
    reason: str | None = None
    seen: str | None = None
    """The stamp of the draft that the file was made of."""


def file_name(draft: Draft) -> str:
    """`PBI-7-3-a-title.md`: of the title only what every file system takes."""
    plain = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFC", draft.title)).strip("-_").lower()
    return f"{draft.parent}-{draft.number}{f'-{plain[:SAFE_TITLE_CHARACTERS]}' if plain else ''}".rstrip("-") + ".md"


def render_draft(draft: Draft, *, decided: bool = False) -> str:
    """The file that parse_draft reads as this draft; with `decided` it has its id, a stamp, and takes a decision."""
    item = NewItem(
        kind=Kind.SBI,
        title=draft.title,
        spec=draft.spec,
        labels=draft.labels,
        paths=draft.paths,
        depends_on=draft.needs,
        estimate_hours=draft.estimate_hours,
        only_implement=draft.only_implement,
    )
    head, end, text = render(item).partition("\n---\n")
    keys = [line.partition(":")[0] for line in head.split("\n")]
    lines = [head.replace("---", f"---\nid: {draft.id}\nseen: {stamp(draft)}", 1) if decided else head]
    lines += [f"# {name}:{example}" for name, example in _EXAMPLES.items() if name not in keys]
    if decided:
        lines += _decision_lines(draft)
    return "\n".join(lines) + end + text


_EXAMPLES = {
    "labels": " [backend]",
    "paths": ' ["src/**"]',
    "depends_on": " [PBI-1/2, SBI-1]",
    "estimate_hours": " 2",
    "only_implement": " true",
}


def _decision_lines(draft: Draft) -> list[str]:
    if draft.status is DraftStatus.OPEN:
        return ["# decision: approve        # or reject, with a reason", '# reason: "…"']
    by = f" by {draft.decided_by}" if draft.decided_by else ""
    registered = f" as {draft.registered}" if draft.registered else ""
    return [f"# status: {draft.status}{registered}{by}".replace("\n", " ")]


def changed_by(draft: Draft, written: Written) -> Draft:
    """The draft with what was written; what reads the same as before is as it was."""
    before = parse_draft(render_draft(draft), draft.id)
    names = [name for name in fields(Written) if name in fields(type(draft)) and name not in ("id", "reason")]
    return replace(draft, **{n: getattr(written, n) for n in names if getattr(written, n) != getattr(before, n)})


def stamp(draft: Draft) -> str:
    """Tells whether a draft is still what a file was made of."""
    import hashlib  # only here: it is slow to load

    return hashlib.sha256(render_draft(draft).encode()).hexdigest()[:STAMP_CHARACTERS]


def has_front_matter(text: str) -> bool:
    """Whether it begins with one, complete or not."""
    return text.removeprefix("\ufeff").partition("\n")[0].rstrip() == FENCE


def parse_draft(text: str, file: str) -> Written:
    """What a Markdown file says of a draft. Raises InvalidInput: `file:LINE: what`, with a suggestion."""
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_FILE_BYTES:
        raise InvalidInput(f"{file} has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}.")
    entries, body, first_line = split(text.removeprefix("\ufeff").replace("\r\n", "\n"), file)
    values: dict[str, Any] = {}
    for entry in entries:
        values |= _read(entry, file)
    try:
        spec = FIELDS["spec"].read(body, Kind.SBI)
    except Wrong as wrong:
        raise InvalidInput(f"{file}:{first_line}: the text {wrong.what}.", hint=wrong.hint) from wrong
    title = values.pop("title", None)
    if not title:
        title = title_of(spec)
        spec = without_title(spec, title)
    if not title:
        raise InvalidInput(f"{file} has neither title nor text.", hint="Give it at least a title.")
    if values.get("decision") == "reject" and not values.get("reason"):
        raise InvalidInput(f"{file}: it is to be rejected without a reason.", hint='Add a line: reason: "…"')
    return Written(title=title, spec=spec or title, **values)


def read_field(name: str, raw: object) -> object:
    """A field's value as a form gives it. Raises InvalidInput."""
    key = "depends_on" if name == "needs" else name
    reader = _of_item("spec") if name == "spec" else _READERS[key]
    try:
        return reader(Plain(raw) if isinstance(raw, str) else raw)
    except Wrong as wrong:
        called = "the text" if name == "spec" else key
        raise InvalidInput(f"{called} {wrong.what}.", hint=wrong.hint) from wrong


# --- below ----------------------------------------------------------------------------------------------------------


def _read(entry: Entry, file: str) -> dict[str, Any]:
    reader = _READERS.get(entry.key)
    if reader is None:
        from deespec.suggest import closest

        near = "depends_on" if entry.key == "needs" else closest(entry.key, list(_READERS))
        hint = f"Did you mean {near}?" if near else f"Keys: {', '.join(_READERS)}"
        raise InvalidInput(f"{file}:{entry.line}: a draft has no key {entry.key}.", hint=hint)
    if entry.value is None:
        return {}
    try:
        value = reader(entry.value)
    except Wrong as wrong:
        line = entry.line if wrong.index is None else entry.lines[wrong.index]
        raise InvalidInput(f"{file}:{line}: {entry.key} {wrong.what}.", hint=wrong.hint) from wrong
    return {"needs" if entry.key == "depends_on" else entry.key: value}


def _of_item(name: str) -> Callable[[Any], Any]:
    return lambda raw: FIELDS[name].read(raw, Kind.SBI)


def _needs(raw: Any) -> tuple[str, ...]:
    if not isinstance(raw, tuple):
        raise Wrong("must be a list", hint="Write [PBI-7/2, SBI-4].")
    if len(raw) > MAX_NEEDS:
        raise Wrong(f"has {len(raw)} entries; the limit is {MAX_NEEDS}")
    found: dict[str, None] = {}
    for index, one in enumerate(raw):
        try:
            found[read_need(one)] = None
        except Wrong as wrong:
            wrong.index = index
            raise
    return tuple(found)


def read_need(text: str) -> str:
    """`PBI-7/2` or `SBI-4`, from any case and width. Raises Wrong."""
    plain = unicodedata.normalize("NFKC", text).strip()
    item, slash, number = plain.rpartition("/")
    if not slash:
        found = read_id(plain, None)
        if not found.startswith(Kind.SBI):
            raise Wrong(f'takes drafts and SBIs, not "{text}"', hint="Write PBI-7/2 or SBI-4.")
        return found
    if not (number.isascii() and number.isdigit() and 0 < len(number) <= MAX_DRAFT_DIGITS and int(number)):
        raise Wrong(f'takes drafts and SBIs, not "{text}"', hint="Write PBI-7/2 or SBI-4.")
    parent = read_id(item, None)
    if "-" not in parent:
        raise Wrong(f'takes drafts and SBIs, not "{text}"', hint="Write PBI-7/2 or SBI-4.")
    return f"{parent}/{int(number)}"


def _decision(raw: Any) -> str:
    text = str(raw).strip().lower() if isinstance(raw, str) else ""
    if text not in DECISIONS:
        raise Wrong("must be approve or reject")
    return text


def _reason(raw: Any) -> str:
    text = str(raw).strip() if isinstance(raw, str) else ""
    if not text or len(text) > MAX_REASON_CHARACTERS:
        raise Wrong(f"takes text of 1 to {MAX_REASON_CHARACTERS:,} characters")
    return text


def _id(raw: Any) -> str:
    if not isinstance(raw, str) or "/" not in raw:
        raise Wrong("must be a draft's, as PBI-7/2")
    return read_need(raw)


_READERS: dict[str, Callable[[Any], Any]] = {
    "title": _of_item("title"),
    "labels": _of_item("labels"),
    "paths": _of_item("paths"),
    "depends_on": _needs,
    "estimate_hours": _of_item("estimate_hours"),
    "only_implement": _of_item("only_implement"),
    "id": _id,
    "decision": _decision,
    "reason": _reason,
    "seen": str,
}
