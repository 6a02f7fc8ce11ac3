"""What of an item's change is shown at once: files are listed first, with their sizes, and only small ones are asked of
Git as a patch. The name of a file in a URL is looked for in that list; it never reaches the file system.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from deespec.diffs import patch_of
from deespec.errors import DeespecError, NotFound, NotPossible
from deespec.records import record, replace
from deespec.text import clean
from deespec.web.differing import parse
from deespec.workspace.git import Git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deespec.app import App
    from deespec.diffs import Patch
    from deespec.web.differing import FilePatch, Hunk

NAMED_MOST = 1_000
"""Files in the list; of more, how many there are."""
FILES_MOST = 60
"""Shown with their lines."""
LINES_MOST = 2_000
SHARE_LINES = 600
"""Of these for one file, so that a long one leaves room for the others."""
CHARACTERS_MOST = 400_000
FILE_LINES_MOST = 10_000
"""Of a file that is asked for by its name."""
FILE_CHARACTERS_MOST = 2_000_000
BYTES_MOST = 512 * 1024
"""Of a file, before and after: of a larger one only its name is shown."""
FILE_BYTES_MOST = 4 * 1024 * 1024
SAVED_BYTES_MOST = 32 * 1024 * 1024
"""Of all files before and after: a larger patch is left to the command."""
ROW_CHARACTERS = 2_000
"""Of a longer line the rest is left out."""


@record
class Changed:
    """One file of a change."""

    name: str
    """As it is shown."""
    names: tuple[str, ...]
    """As Git has them: of a renamed file the old one and the new one."""
    added: int | None
    """None: it is binary."""
    removed: int | None
    bytes: int
    """Before and after, the larger of both."""
    oids: tuple[str, ...]

    @property
    def lines(self) -> int:
        return (self.added or 0) + (self.removed or 0)


@record
class Shown:
    """One file with as many of its lines as there is room for."""

    changed: Changed
    patch: FilePatch | None
    """None: it was left out."""
    hunks: tuple[Hunk, ...] = ()
    cut: bool = False
    too_large: bool = False

    @property
    def anchor(self) -> str:
        return f"file-{quote(self.changed.name, safe='')}"


class Changes:
    """What an item's work, or one turn of it, has changed. Git is asked when it is needed."""

    def __init__(self, app: App, number: int, *, turn: int | None, file: str) -> None:
        self._app, self._number, self._turn, self._file = app, number, turn, file

    @cached_property
    def problem(self) -> DeespecError | None:
        """Why there is nothing to be shown."""
        try:
            if self._asked is None and self._file:
                return NotFound(f"{clean(self._file)} is not one of the changed files.")
        except DeespecError as error:
            return error
        return None

    @cached_property
    def patch(self) -> Patch:
        return patch_of(self._app, self._number, turn=self._turn)

    @cached_property
    def files(self) -> list[Changed]:
        """All of them, in Git's order."""
        listed = list(_listed(self.patch.text("--raw", "--numstat", "--no-abbrev", "-z")))
        oids = {oid for one in listed for oid in one.oids}
        sizes = _sizes(self.patch.git, sorted(oids))
        return [replace(one, bytes=max((sizes.get(oid, 0) for oid in one.oids), default=0)) for one in listed]

    @property
    def named(self) -> list[Changed]:
        return self.files[:NAMED_MOST]

    @property
    def file(self) -> str | None:
        """The one that was asked for."""
        return self._file or None

    @cached_property
    def added(self) -> int:
        return sum(one.added or 0 for one in self.files)

    @cached_property
    def removed(self) -> int:
        return sum(one.removed or 0 for one in self.files)

    @cached_property
    def shown(self) -> list[Shown]:
        """The files of the page, with the lines that fit."""
        if self._asked is not None:
            room = _Room(FILE_LINES_MOST, FILE_CHARACTERS_MOST, share=FILE_LINES_MOST)
            return self._fitting([self._asked], room, FILE_BYTES_MOST)
        room = _Room(LINES_MOST, CHARACTERS_MOST, share=SHARE_LINES)
        return self._fitting(self.files[:FILES_MOST], room, BYTES_MOST)

    def whole(self) -> str:
        """The patch as `git apply` takes it. Raises NotPossible."""
        if sum(one.bytes for one in self.files) > SAVED_BYTES_MOST:
            item = self.patch.item
            raise NotPossible("This change is too large for a page.", hint=f"deespec sbi diff {item} > {item}.patch")
        return self.patch.text("-p", "--binary")

    @cached_property
    def _asked(self) -> Changed | None:
        return next((one for one in self.files if one.name == self._file), None)

    def _fitting(self, files: list[Changed], room: _Room, most_bytes: int) -> list[Shown]:
        wanted: list[Changed] = []
        lines = room.lines
        for one in files:
            if one.bytes <= most_bytes and (lines > 0 or not one.lines):
                wanted.append(one)
                lines -= min(one.lines, room.share)
        parsed = self._parsed(wanted, most_bytes, rows_most=room.share + 1)
        return [
            _shown(one, parsed.get(one.name), room, too_large=one.bytes > most_bytes and one.added is not None)
            for one in files
        ]

    def _parsed(self, wanted: list[Changed], most_bytes: int, *, rows_most: int) -> dict[str, FilePatch]:
        """Their patches by name. Git itself takes larger files for binary ones."""
        if not wanted:
            return {}
        git = self.patch.git
        settings = (*git.settings, f"core.bigFileThreshold={most_bytes}")
        bounded = Git(git.root, git.env, inherits=git.inherits, settings=settings)
        only = tuple(dict.fromkeys(name for one in wanted for name in one.names))
        found: dict[str, FilePatch] = {}
        text = shown_as(replace(self.patch, git=bounded, only=only).text("-p"))
        for one in parse(text, rows_most=rows_most):
            before = found.get(one.name)
            found[one.name] = _both(before, one) if before else one
        return found


class _Room:
    """What still fits on the page."""

    def __init__(self, lines: int, characters: int, *, share: int) -> None:
        self.lines, self.characters, self.share = lines, characters, share
        self._of_this = 0

    def begin(self) -> None:
        """Another file follows."""
        self._of_this = min(self.share, self.lines)

    def take(self, hunk: Hunk) -> Hunk | None:
        """As much of it as fits; None: nothing."""
        count = 0
        for row in hunk.rows:
            if self._of_this <= 0 or self.characters <= 0:
                break
            count += 1
            self.lines -= 1
            self._of_this -= 1
            sides = (row.new,) if row.same else (row.old, row.new)
            self.characters -= sum(min(ROW_CHARACTERS, len(side.text)) for side in sides if side is not None)
        if count == len(hunk.rows):
            return hunk
        return replace(hunk, rows=hunk.rows[:count]) if count else None


def _shown(one: Changed, patch: FilePatch | None, room: _Room, *, too_large: bool) -> Shown:
    if patch is None:
        return Shown(changed=one, patch=None, cut=True, too_large=too_large)
    hunks = []
    room.begin()
    for hunk in patch.hunks:
        taken = room.take(hunk)
        if taken is not None:
            hunks.append(taken)
        if taken is not hunk:
            return Shown(changed=one, patch=patch, hunks=tuple(hunks), cut=True)
    return Shown(changed=one, patch=patch, hunks=tuple(hunks))


def _both(gone: FilePatch, come: FilePatch) -> FilePatch:
    """A file in whose place there is a link now, or the other way round: Git tells of it in two parts."""
    return replace(come, old=gone.old, old_mode=gone.old_mode, hunks=gone.hunks + come.hunks)


def shown_as(text: str) -> str:
    """Text of Git, which keeps bytes that are no UTF-8, as it can be put into a page; other line ends are seen."""
    return text.encode(errors="surrogateescape").decode(errors="replace").replace("\r\n", "␍\n")


def _listed(out: str) -> Iterator[Changed]:
    """From `--raw --numstat -z`: first what became of each file, then its lines in the same order."""
    words = iter(out.split("\0"))
    raw: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    for word in words:
        if not word.startswith(":"):
            yield from _counted(word, words, raw)
            return
        _, _, old, new, what = word.split(" ", 4)
        names = tuple(next(words) for _ in range(2 if what[0] in "RC" else 1))
        raw.append((names, tuple(oid for oid in (old, new) if oid.strip("0"))))


def _counted(
    first: str, words: Iterator[str], raw: Iterable[tuple[tuple[str, ...], tuple[str, ...]]]
) -> Iterator[Changed]:
    word = first
    for names, oids in raw:
        added, removed, name = word.split("\t", 2)
        if not name:
            next(words), next(words)
        word = next(words, "")
        yield Changed(
            name=shown_as(names[-1]),
            names=names,
            added=int(added) if added.isdigit() else None,
            removed=int(removed) if removed.isdigit() else None,
            bytes=0,
            oids=oids,
        )


def _sizes(git: Git, oids: list[str]) -> dict[str, int]:
    """Bytes by blob; a submodule has none here."""
    if not oids:
        return {}
    out = git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin="\n".join(oids) + "\n")
    pairs = (line.split(" ") for line in out.splitlines())
    return {oid: int(size) for oid, size in pairs if size.isdigit()}
