"""`deespec export DIR`: the whole backlog as Markdown files, so that it can live in Git.

One snapshot is read while others write. What has not changed is not written; what an earlier export wrote and is no
longer there goes. Only one page of items is in memory at a time.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from deespec.backlog.exports import history, render
from deespec.backlog.exports.folder import (
    FORMAT,
    IGNORED,
    MANIFEST,
    MANIFEST_BYTES_MOST,
    PROGRESS,
    VERSION,
    as_json,
    files_of,
    opened,
    read_json,
)
from deespec.errors import InvalidInput, NotPossible
from deespec.labels import COPIES, FILE_BYTES_MOST, TEMPLATE_SUFFIXES, names_in
from deespec.labels import FOLDER as LABELS
from deespec.model.items import Kind
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deespec.backlog.exports.folder import Folder
    from deespec.store.base import Store, Transaction
    from deespec.store.items import Item

ATTRIBUTES = ".gitattributes"
TEMPLATES = "templates"
ATTRIBUTES_TEXT = b"# Texts are kept byte for byte.\n* -text -filter -ident\n"


@record
class Exported:
    """What an export has done."""

    path: Path
    counts: dict[str, int]
    written: int
    """Files that were written."""
    removed: int
    completes_cut_off: bool = False
    """An earlier export into this folder had been cut off."""


def export(store: Store, home: Path, path: Path, *, force: bool = False) -> Exported:
    """Brings the folder up to date with the backlog.

    Raises NotPossible for a folder that holds something else, unless `force`, and InvalidInput for one that cannot be.
    """
    _refuse_own(home, path)
    with opened(path) as folder:
        before = read_json(folder.read(MANIFEST, most=MANIFEST_BYTES_MOST), file=str(path / MANIFEST))
        cut_off = read_json(folder.read(PROGRESS, most=MANIFEST_BYTES_MOST), file=str(path / PROGRESS))
        if not force:
            _refuse_foreign(path, before or cut_off)
        known = {*files_of(before, file=MANIFEST), *files_of(cut_off, file=PROGRESS)}
        with store.read() as tx:
            return _bring(tx, home, folder, known, before, cut_off=cut_off is not None)


def _bring(
    tx: Transaction, home: Path, folder: Folder, known: set[str], before: dict[str, Any] | None, *, cut_off: bool
) -> Exported:
    labels = _label_files(home)
    files = sorted([*_files(tx), *labels])
    uid = tx.lineage()
    if before is not None and before.get("backlog") not in (uid, None):
        raise NotPossible(
            f"{folder.path} is the export of another backlog ({before['backlog']}).", hint="Name another folder."
        )
    left = sorted(known.difference(files))
    # Named before they are there: whoever is killed has written nothing that the next one does not know.
    started = {"format": FORMAT, "version": VERSION, "backlog": uid, "files": sorted(known.union(files))}
    folder.put(PROGRESS, as_json(started))
    folder.changed = 0
    counts: Counter[str] = Counter()
    for name, content, what in _contents(tx, labels):
        folder.put(name, content)
        counts[what] += 1
    counts["history"] = _put_history(tx, folder)
    written = folder.changed
    removed = sum(folder.remove(name) for name in left)
    done = {name: counts[name] for name in (*render.FOLDERS, "history")}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "backlog": uid,
        "counts": done,
        "counters": tx.whole().counters(),
        "files": files,
    }
    folder.put(MANIFEST, as_json(manifest))
    if folder.changed:
        os.sync()
    folder.tidy()
    folder.remove(PROGRESS)
    return Exported(path=folder.path, counts=done, written=written, removed=removed, completes_cut_off=cut_off)


def _label_files(home: Path) -> dict[str, Path]:
    """The files of labels, and the templates that were copied in for them, by what they are called in an export."""
    copies = home.joinpath(*COPIES.split("/")[1:])
    found = {f"{LABELS}/{file}": home / LABELS / file for file in names_in(home).values()}
    if copies.is_dir() and not copies.is_symlink():
        names = sorted(one.name for one in os.scandir(copies) if one.is_file(follow_symlinks=False))
        found |= {f"{TEMPLATES}/{name}": copies / name for name in names if name.endswith(TEMPLATE_SUFFIXES)}
    return found


def _files(tx: Transaction) -> Iterator[str]:
    yield ATTRIBUTES
    yield history.FILE
    whole = tx.whole()
    yield from (render.item_path(kind, number, title) for kind, number, title in whole.titles())
    yield from (render.draft_path(parent, number, title) for parent, number, title in whole.draft_titles())


def _contents(tx: Transaction, labels: dict[str, Path]) -> Iterator[tuple[str, bytes, str]]:
    """Name, content and folder of every file but the history."""
    yield ATTRIBUTES, ATTRIBUTES_TEXT, "others"
    whole = tx.whole()
    archived = whole.archived_items_at()
    groups: list[Item] = [*tx.epics(), *tx.pbis()]
    for group in groups:
        kind = group.id.partition("-")[0]
        path = render.item_path(kind, group.number, group.title)
        yield path, render.item_text(group, archived_at=archived.get(group.id)), kind.lower()
    for sbi in whole.every_sbi():
        path = render.item_path(Kind.SBI, sbi.number, sbi.title)
        at = None if sbi.decomposes else archived.get(sbi.id)
        yield path, render.item_text(sbi, archived_at=at), path.partition("/")[0]
    for draft in whole.every_draft():
        yield render.draft_path(draft.parent, draft.number, draft.title), render.draft_text(draft), "draft"
    for name, file in labels.items():
        yield name, _label(file), name.partition("/")[0]


def _label(path: Path) -> bytes:
    """As it is, whatever stands in it: an export loses nothing."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            content = file.read(FILE_BYTES_MOST + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", hint="deespec label check") from error
    if len(content) > FILE_BYTES_MOST:
        raise InvalidInput(f"{path} is larger than a label may be.", hint="deespec label check")
    return content


def _put_history(tx: Transaction, folder: Folder) -> int:
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for line in history.lines(tx):
            count += 1
            yield line

    folder.put_stream(history.FILE, counted())
    return count


def _refuse_own(home: Path, path: Path) -> None:
    own, there = os.path.realpath(home), os.path.realpath(path)
    if os.path.commonpath([own, there]) == own:
        raise InvalidInput(f"{path} is inside of the backlog's own folder.", hint="Name a folder beside it.")


def _refuse_foreign(path: Path, manifest: dict[str, Any] | None) -> None:
    if manifest is not None:
        if manifest.get("format") != FORMAT:
            raise NotPossible(f"{path / MANIFEST} is no export's.", hint="Name an empty folder.")
        if not isinstance(manifest.get("version"), int) or manifest["version"] > VERSION:
            raise NotPossible(f"{path} was exported by a newer deespec.", hint="pip install --upgrade deespec")
        return
    there = sorted(name for name in os.listdir(path) if name not in IGNORED)
    if there:
        raise NotPossible(
            f"{path} is not empty and no export: {', '.join(there[:3])}{' …' if len(there) > 3 else ''}.",
            hint="Name another folder; with --force files of the same names are replaced.",
        )
