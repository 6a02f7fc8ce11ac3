"""Labels: files `labels/NAME.md` below the home, each a guideline for agents with what belongs to it. Hostile input.

In the name of a file `+` stands for the `/` and `=` for the `:` of a label, which can hold neither of the two; so each
label has one file and each file one label. Folders below `labels/` hold no labels.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import stat
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.config_home import HOME_NAME
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.fields import MAX_PATH_CHARACTERS, Wrong, is_control, label_name
from deespec.model.front_matter import FENCE, Entry, split
from deespec.records import record
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = "labels"
COPIES = f"{HOME_NAME}/{FOLDER}/templates"
"""Where templates from outside of the project are copied to."""
SUFFIX = ".md"
INTENT = "labels.rename"
"""Below the home; it is there while a label is renamed."""
SIGNS = str.maketrans({"/": "+", ":": "="})
_NAMED = str.maketrans({"+": "/", "=": ":"})

LABELS_MOST = 2_000
NAME_BYTES_MOST = 200
"""With its suffix it is the name of a file, of which file systems take 255 bytes."""
FILE_BYTES_MOST = 256 * 1024
TEMPLATES_MOST = 100
TEMPLATE_LINES_MOST = 1_000
PRIORITY_MOST = 1_000_000

EXCLUDED = ("*.secret.md", "settings.*.json", "tmp/**", ".git/**")
"""What never becomes part of a prompt; one with a `/` is of the whole path."""
TEMPLATE_SUFFIXES = (".md", ".markdown", ".mdc", ".txt")
PRIVATE_BUT = ("labels", "prompts")
"""Of the home, templates may be in these folders only."""
KEYS = ("description", "priority", "parent", "templates")
_IGNORED = ("color", "name", "title", "label", "labels")
"""Earlier versions took them for front matter, and nothing ever read them."""
_KEY = re.compile(rf"(?:{'|'.join(KEYS + _IGNORED)})[ \t]*:")


@record
class Label:
    """One `labels/NAME.md`."""

    name: str
    description: str = ""
    priority: int = 0
    """Guidelines stand in prompts by this, the highest first."""
    parent: str | None = None
    """The label whose guidelines it brings, too."""
    templates: tuple[str, ...] = ()
    """Further Markdown files of the project, relative to its root; what is below `.deespec/` is in the home."""
    text: str = ""
    """Its own guideline."""


@record
class Intent:
    """A rename that has begun and has not ended."""

    old: str
    new: str

    @property
    def command(self) -> str:
        return f"deespec label rename {self.old} {self.new}"


@record
class Shelf:
    """All labels of a home, and what is wrong with files that are none."""

    labels: Mapping[str, Label]
    faults: Mapping[str, InvalidInput]
    """By the name of the file."""


# --- reading --------------------------------------------------------------------------------------------------------


def shelf_of(home: Path) -> Shelf:
    """All labels that can be read, and the others by the names of their files. Raises InvalidInput for the folder."""
    labels: dict[str, Label] = {}
    faults: dict[str, InvalidInput] = {}
    for file in _files(home):
        try:
            name = name_of(file)
            if name in labels:
                raise InvalidInput(f"{home / FOLDER / file} is the label {name}, and so is another file.")
            labels[name] = parse(name, read_text(home / FOLDER / file), file=str(home / FOLDER / file))
        except InvalidInput as fault:
            faults[file] = fault
    return Shelf(labels=dict(sorted(labels.items())), faults=faults)


def read_label(home: Path, name: str) -> Label:
    """Raises NotFound, with a suggestion, and InvalidInput, naming file and line."""
    known = names_in(home)
    found = find(known, checked_name(name))
    if found is None:
        near = closest(name, known)
        raise NotFound(f"There is no label {name}.", hint=f"Did you mean {near}?" if near else "deespec label list")
    path = home / FOLDER / known[found]
    return parse(found, read_text(path), file=str(path))


def names_in(home: Path) -> dict[str, str]:
    """The labels with the names of their files, whether or not these can be read: nothing is opened."""
    found: dict[str, str] = {}
    for file in _files(home):
        with suppress(InvalidInput):
            found.setdefault(name_of(file), file)
    return found


def find(known: Iterable[str], name: str) -> str | None:
    """The label that is meant by this name: earlier versions kept the label `a/b` in the file `a-b.md`."""
    return next((one for one in (name, name.replace("/", "-")) if one in known), None)


def refuse_unknown(home: Path, names: Iterable[str], *, where: str | None = None) -> None:
    """Raises InvalidInput if one of these names is no label, with what was probably meant, and the file it is in."""
    wanted = tuple(names)
    known = names_in(home) if wanted else {}
    for name in wanted:
        if find(known, name) is None:
            checked_name(name)
            at = f"{where}: " if where else ""
            near, make = closest(name, known), f"deespec label register {name}"
            hint = f"Did you mean {near}? Or make it: {make}" if near else f"Make it: {make}"
            raise InvalidInput(f"{at}There is no label {name}.", hint=hint)


def _files(home: Path) -> list[str]:
    folder = home / FOLDER
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise InvalidInput(
                f"{folder} is no folder, or a link to one.", hint="Labels are files in it: move it away."
            )
        with os.scandir(folder) as entries:
            named = [one for one in entries if one.name.endswith(SUFFIX) and not one.name.startswith(".")]
            found = sorted(one.name for one in named if not one.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read: {error.strerror}.") from error
    if len(found) > LABELS_MOST:
        raise InvalidInput(f"{folder} holds {len(found):,} labels; the limit is {LABELS_MOST:,}.")
    return found


# --- names and files ------------------------------------------------------------------------------------------------


def path_of(home: Path, name: str) -> Path:
    """The file of the label with this name. Raises InvalidInput for what can be no label's."""
    return home / FOLDER / f"{checked_name(name).translate(SIGNS)}{SUFFIX}"


def name_of(file: str) -> str:
    """The label that a file of this name is. Raises InvalidInput for a name that no label's file has."""
    stem = unicodedata.normalize("NFC", file.removesuffix(SUFFIX))
    if "/" in stem or ":" in stem:
        raise InvalidInput(f"{FOLDER}/{file} is no name for a label.", hint="In file names `=` stands for a colon.")
    try:
        return checked_name(stem.translate(_NAMED))
    except InvalidInput as error:
        raise InvalidInput(f"{FOLDER}/{file} is no name for a label: {error.message}", hint=error.hint) from error


def checked_name(name: str) -> str:
    """The name as it is kept (NFC). Raises InvalidInput for what can be no label's."""
    try:
        found = label_name(name)
    except Wrong as wrong:
        raise InvalidInput(f"A label {wrong.what}.", hint=wrong.hint) from wrong
    if found[0] in "-./:" or found[-1] in "/:" or any(part in ("", "..") for part in re.split("[/:]", found)):
        hint = "It begins with a letter, a digit or _, and has words between its / and : signs."
        raise InvalidInput(f"{found} can be no label.", hint=hint)
    if len(found.encode()) > NAME_BYTES_MOST:
        raise InvalidInput(f"{found} is too long for a label: {NAME_BYTES_MOST} bytes are allowed.")
    return found


def intent_of(home: Path) -> Intent | None:
    """Raises NotPossible if it cannot be read."""
    path = home / INTENT
    if not os.path.lexists(path):
        return None
    try:
        found = json.loads(read_text(path))
        return Intent(old=str(found["old"]), new=str(found["new"]))
    except (InvalidInput, ValueError, KeyError, TypeError) as error:
        raise NotPossible(f"{path} cannot be read.", hint=f"rm {path}, then deespec label check") from error


# --- a file's text --------------------------------------------------------------------------------------------------


def parse(name: str, text: str, *, file: str) -> Label:
    """Raises InvalidInput, naming file and line."""
    if not _has_front_matter(text):
        return Label(name=name, text=text.strip())
    entries, body, _ = split(text, file)
    values: dict[str, object] = {}
    for entry in (one for one in entries if one.key not in _IGNORED):
        try:
            values[entry.key] = _value(entry)
        except Wrong as wrong:
            line = entry.lines[wrong.index] if wrong.index is not None and entry.lines else entry.line
            raise InvalidInput(f"{file}:{line}: {entry.key} {wrong.what}.", hint=wrong.hint) from wrong
    given = {key: value for key, value in values.items() if value is not None}
    return Label(name=name, text=body.strip(), **given)  # type: ignore[arg-type]


def text_of(label: Label) -> str:
    """The file's text, of which parse() makes the same label."""
    front = [f"description: {_quoted(label.description)}"] if label.description else []
    front += [f"priority: {label.priority}"] if label.priority else []
    front += [f"parent: {_quoted(label.parent)}"] if label.parent else []
    if label.templates:
        front += ["templates:", *(f"  - {_quoted(one)}" for one in label.templates)]
    head = [FENCE, *front, FENCE, ""] if front or label.text.startswith(FENCE) else []
    return "\n".join((*head, label.text)).rstrip() + "\n"


def checked_description(raw: object) -> str:
    """Raises Wrong."""
    if not isinstance(raw, str):
        raise Wrong("must be text")
    return _one_line(raw).strip()


def checked_template(raw: object) -> str:
    """Raises Wrong. Whether there is such a file, and whether it may be used, is told when it is read."""
    if not isinstance(raw, str) or not 1 <= len(raw) <= MAX_PATH_CHARACTERS:
        raise Wrong(f"takes paths of 1 to {MAX_PATH_CHARACTERS:,} characters")
    return os.path.normpath(_one_line(raw))


def _has_front_matter(text: str) -> bool:
    """Rules around words are words."""
    lines = text.split("\n")
    fences = [at for at, line in enumerate(lines) if line.rstrip() == FENCE]
    if len(fences) < 2 or fences[0] != 0:
        return False
    inside = [line for line in lines[1 : fences[1]] if line.strip()]
    return not inside or any(_KEY.match(line) for line in inside)


def _value(entry: Entry) -> object:
    raw = entry.value
    if entry.key not in KEYS:
        near = closest(entry.key, KEYS)
        raise Wrong("is no field of a label", hint=f"Did you mean {near}?" if near else f"Fields: {', '.join(KEYS)}")
    if raw is None:
        return None
    if entry.key == "description":
        return checked_description(raw)
    if entry.key == "parent":
        if not isinstance(raw, str):
            raise Wrong("takes one label")
        return checked_name(raw)
    if entry.key == "priority":
        return _priority(raw)
    return _templates((raw,) if isinstance(raw, str) else raw)


def _priority(raw: str | tuple[str, ...]) -> int:
    number = int(raw) if isinstance(raw, str) and re.fullmatch(r"[+-]?[0-9]{1,9}", raw) else None
    if number is None or abs(number) > PRIORITY_MOST:
        raise Wrong(f"must be a whole number from -{PRIORITY_MOST:,} to {PRIORITY_MOST:,}")
    return number


def _templates(raw: tuple[str, ...]) -> tuple[str, ...]:
    if len(raw) > TEMPLATES_MOST:
        raise Wrong(f"has {len(raw)} entries; the limit is {TEMPLATES_MOST}")
    found: dict[str, None] = {}
    for index, one in enumerate(raw):
        try:
            found[checked_template(one)] = None
        except Wrong as wrong:
            wrong.index = index
            raise
    return tuple(found)


def _one_line(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Wrong("is not valid UTF-8") from error
    if any(is_control(one) or one in "\ufeff\ufffe\uffff" for one in text):
        raise Wrong("must be one line without control characters")
    return unicodedata.normalize("NFC", text)


def _quoted(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)


# --- what prompts take ------------------------------------------------------------------------------------------------


def read_template(home: Path, root: Path, template: str) -> str:
    """The text of a label's template. Raises InvalidInput for what is not there, must not be used or is too long."""
    return not_too_long(read_text(template_path(home, root, template), as_=template).strip(), template)


def own_text(label: Label) -> str:
    """Its own guideline. Raises InvalidInput for what is excluded or too long."""
    refuse_excluded(f"{label.name}{SUFFIX}")
    return not_too_long(label.text, f"The text of {label.name}")


def not_too_long(text: str, shown: str) -> str:
    lines = text.count("\n") + 1
    if lines > TEMPLATE_LINES_MOST:
        raise InvalidInput(f"{shown} has {lines:,} lines; the limit is {TEMPLATE_LINES_MOST:,}.")
    return text


def refuse_excluded(template: str, *paths: str) -> None:
    """Raises InvalidInput if one of these paths to the same file is kept out of prompts."""
    pattern = next((found for one in (template, *paths) if (found := excluded(one))), None)
    if pattern:
        raise InvalidInput(f"{template} is excluded: no prompt takes {pattern}.")


def template_path(home: Path, root: Path, template: str) -> Path:
    """The file that a label's template is. Raises InvalidInput if it is outside of the project or excluded."""
    inside = template.removeprefix(f"{HOME_NAME}/")
    path = home / inside if inside != template else root / template
    real, top, own = (Path(os.path.realpath(one)) for one in (path, root, home))
    if real.is_relative_to(own):
        kept = real.relative_to(own).parts
        if len(kept) < 2 or kept[0] not in PRIVATE_BUT:
            raise InvalidInput(f"{template} is the backlog's own.", hint="Templates are files of the project.")
    elif os.path.isabs(template) or not real.is_relative_to(top):
        raise InvalidInput(f"{template} is outside of the project.", hint=f"Copy it to {COPIES}/ or into the project.")
    if not template.casefold().endswith(TEMPLATE_SUFFIXES):
        raise InvalidInput(f"{template} is no text: templates end with {', '.join(TEMPLATE_SUFFIXES)}.")
    refuse_excluded(template, *([str(real.relative_to(top))] if real.is_relative_to(top) else []))
    return path


def excluded(path: str) -> str | None:
    """The pattern that keeps this file out of prompts."""
    folded = path.casefold()
    name = os.path.basename(folded)
    return next((one for one in EXCLUDED if fnmatch.fnmatchcase(folded if "/" in one else name, one)), None)


def read_text(path: Path, *, as_: str | None = None) -> str:
    """A file of text, its lines ended by \\n. Raises InvalidInput, naming it as `as_`, for anything else."""
    shown = as_ or str(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise InvalidInput(f"{shown} is not there.") from None
    except OSError as error:
        what = "it is a link" if path.is_symlink() else error.strerror
        raise InvalidInput(f"{shown} cannot be read: {what}.") from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidInput(f"{shown} cannot be read: it is no file.")
        data = file.read(FILE_BYTES_MOST + 1)
    return decoded(data, shown)


def decoded(data: bytes, shown: str) -> str:
    """The same of what came another way."""
    if len(data) > FILE_BYTES_MOST:
        raise InvalidInput(f"{shown} is larger than {FILE_BYTES_MOST // 1024} KiB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{shown}:{line}: there are bytes that are not UTF-8.") from error
    if "\0" in text:
        raise InvalidInput(f"{shown}:{text[: text.index(chr(0))].count(chr(10)) + 1}: there is a NUL character.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
