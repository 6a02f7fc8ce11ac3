"""An export is read from its folder, whole, before anything is written. Hostile input; no link is followed."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from deespec.backlog.exports import history
from deespec.backlog.exports.backlog import TEMPLATES
from deespec.backlog.exports.folder import (
    FORMAT,
    MANIFEST,
    MANIFEST_BYTES_MOST,
    PROGRESS,
    VERSION,
    files_of,
    read_json,
)
from deespec.backlog.exports.keys import uid
from deespec.backlog.imports.backlog_files import (
    FILE_BYTES_MOST,
    Filed,
    FiledDraft,
    read_decomposition,
    read_draft,
    read_item,
)
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.labels import FILE_BYTES_MOST as LABEL_BYTES_MOST
from deespec.labels import FOLDER as LABELS
from deespec.labels import TEMPLATE_SUFFIXES, name_of
from deespec.model.fields import Wrong
from deespec.model.items import Kind, Pbi, Sbi
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

SUFFIX = ".md"


@record
class Whole:
    """All that an export has, but its history, which may be longer than the memory."""

    path: Path
    backlog: str
    items: tuple[Filed, ...]
    """EPICs, PBIs, SBIs, each by number; then the decompositions."""
    drafts: tuple[FiledDraft, ...]
    labels: dict[str, str]
    """The content of each label's file, and of the copies of templates, by path below the folder of labels."""
    counters: dict[str, int]
    """The newest number of each kind that was given there."""


def read_export(path: Path) -> Whole:
    """Raises NotFound for what is no export, NotPossible for an incomplete one, InvalidInput for a faulty one."""
    manifest = _manifest(path)
    items = [
        read_item(kind, content, file=file)
        for kind in (Kind.EPIC, Kind.PBI, Kind.SBI)
        for file, content in _files(path, kind.lower())
    ]
    _refuse_twice(items)
    pbis = {one.item.id: one.item for one in items if isinstance(one.item, Pbi)}
    decompositions = [read_decomposition(content, pbis, file=file) for file, content in _files(path, "decomposition")]
    drafts = [read_draft(content, file=file) for file, content in _files(path, "draft")]
    _refuse_twice_drafted(drafts)
    items.sort(key=lambda one: (isinstance(one.item, Sbi), isinstance(one.item, Pbi), one.item.number))
    labels = {os.path.basename(file): _text(content, file) for file, content in _files(path, LABELS)}
    for file in labels:
        name_of(file)
    copies = _files(path, TEMPLATES, TEMPLATE_SUFFIXES)
    labels |= {f"{TEMPLATES}/{os.path.basename(file)}": _text(content, file) for file, content in copies}
    counters = manifest.get("counters")
    given = counters if isinstance(counters, dict) else {}
    return Whole(
        path=path,
        backlog=_backlog(manifest, str(path / MANIFEST)),
        items=(*items, *decompositions),
        drafts=tuple(drafts),
        labels=labels,
        counters={
            kind: given[kind]
            for kind in ("epic", "pbi", "sbi")
            if isinstance(given.get(kind), int) and 0 <= given[kind] < 2**39
        },
    )


def history_of(path: Path) -> BinaryIO | None:
    """The open history; None: there is none."""
    file = path / history.FILE
    try:
        return _open(file)
    except FileNotFoundError:
        return None


def _manifest(path: Path) -> dict[str, object]:
    file = path / MANIFEST
    if not path.is_dir():
        raise NotFound(f"{path} is no folder.", hint="Name the folder that deespec export has written.")
    if os.path.lexists(path / PROGRESS):
        raise NotPossible(f"The export in {path} was cut off.", hint=f"deespec export {path} completes it.")
    if not os.path.lexists(file):
        raise NotFound(f"{path} is no export of a backlog.", hint="Name the folder that deespec export has written.")
    found = read_json(_content(file, MANIFEST_BYTES_MOST), file=str(file)) or {}
    version = found.get("version")
    if found.get("format") != FORMAT or not isinstance(version, int):
        raise InvalidInput(f"{file} is no export's.")
    if version > VERSION:
        raise NotPossible(f"{path} was exported by a newer deespec.", hint="pip install --upgrade deespec")
    missing = [name for name in files_of(found, file=str(file)) if not os.path.lexists(path / name)]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise NotPossible(
            f"{path / missing[0]} is named by {MANIFEST}, and is not there{more}.",
            hint=f"Bring it back, or take its line out of {file}.",
        )
    return found


def _backlog(manifest: dict[str, object], file: str) -> str:
    try:
        return uid(manifest.get("backlog"))
    except Wrong as wrong:
        raise InvalidInput(f"{file}: backlog {wrong.what}.") from wrong


def _text(content: bytes, file: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{file}:{line}: this is not UTF-8 text.") from error


def _files(path: Path, folder: str, suffixes: tuple[str, ...] = (SUFFIX,)) -> Iterator[tuple[str, bytes]]:
    """Path and content of the Markdown files in a folder, by name."""
    there = path / folder
    if not os.path.lexists(there):
        return
    if not stat.S_ISDIR(there.lstat().st_mode):
        raise InvalidInput(f"{there} is no folder, or a link to one.")
    most = LABEL_BYTES_MOST if folder in (LABELS, TEMPLATES) else FILE_BYTES_MOST
    for name in sorted(os.listdir(there)):
        if name.endswith(suffixes) and not name.startswith("."):
            yield str(there / name), _content(there / name, most)


def _content(file: Path, most: int) -> bytes:
    with _open(file) as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise InvalidInput(f"{file} is larger than {most:,} bytes.")
    return content


def _open(file: Path) -> BinaryIO:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        what = "it is a link" if file.is_symlink() else error.strerror
        raise InvalidInput(f"{file} cannot be read: {what}.") from error
    opened = open(descriptor, "rb")  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        opened.close()
        raise InvalidInput(f"{file} cannot be read: it is no file.")
    return opened


def _refuse_twice(items: list[Filed]) -> None:
    seen: dict[str, str] = {}
    for one in items:
        for what in (one.item.id, one.item.uid):
            before = seen.setdefault(what, one.file)
            if before is not one.file:
                raise InvalidInput(f"{one.file} and {before} both say that they are {what}.")


def _refuse_twice_drafted(drafts: list[FiledDraft]) -> None:
    seen: dict[str, str] = {}
    for one in drafts:
        before = seen.setdefault(one.draft.id, one.file)
        if before is not one.file:
            raise InvalidInput(f"{one.file} and {before} both say that they are {one.draft.id}.")
