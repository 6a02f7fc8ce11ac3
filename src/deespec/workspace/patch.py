"""A change as text for a reviewer: first which files and how much, then as many whole files as fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deespec.workspace.git import Git

PATCH_LENGTH = 200_000
STAT_FILES = 500
OMITTED_FILES = 200
BLOB_BYTES = 20_000_000
"""What one call of Git may have to read; a larger file is left out unread."""
BATCH_FILES = 500

_FORM = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/")


def bounded_patch(git: Git, one: str, other: str, files: Sequence[str]) -> str:
    """The change of these files; empty without any."""
    if not files:
        return ""
    parts, room = [_stat(git, one, other, set(files))], PATCH_LENGTH
    omitted: list[str] = []
    for batch, is_readable in _batches(_sizes(git, one, other, files)):
        whole = _split(git.run("diff", *_FORM, "-p", one, other, "--", *batch)) if is_readable and room > 0 else []
        if len(whole) != len(batch):  # a name that the patch's own lines do not tell apart, or nothing was read
            whole, omitted = [], omitted + batch
        for name, text in zip(batch, whole, strict=False):
            if len(text) > room:
                omitted.append(name)
            else:
                parts.append(text)
                room -= len(text)
    if omitted:
        parts.append(f"… left out, as it is too long: {_some(omitted, OMITTED_FILES)}\n")
    return "\n".join(parts)


def _stat(git: Git, one: str, other: str, wanted: set[str]) -> str:
    lines, added, deleted = [], 0, 0
    for entry in git.run("diff-tree", "-r", "-z", "--no-renames", "--numstat", one, other).split("\0"):
        plus, _, rest = entry.partition("\t")
        minus, _, name = rest.partition("\t")
        if name not in wanted:
            continue
        if plus == "-":
            lines.append(f" {name} | binary")
        else:
            added, deleted = added + int(plus), deleted + int(minus)
            lines.append(f" {name} | +{plus} -{minus}")
    if len(lines) > STAT_FILES:
        lines = [*lines[:STAT_FILES], f" … and {len(lines) - STAT_FILES} more files"]
    return "\n".join([*lines, f" {len(wanted)} files changed, {added} lines added, {deleted} removed", ""])


def _sizes(git: Git, one: str, other: str, files: Sequence[str]) -> list[tuple[str, int]]:
    """Of both versions together, in the order of a diff."""
    wanted = set(files)
    words = git.run("diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", one, other).split("\0")
    found = [(name, kinds.split(" ")) for kinds, name in zip(words[::2], words[1::2], strict=False) if name in wanted]
    ids = [object_id for _, kinds in found for object_id in kinds[2:4]]
    asked = git.run("cat-file", "--batch-check=%(objectsize)", stdin="".join(f"{one}\n" for one in ids)).splitlines()
    sizes = [int(line) if line.isdigit() else 0 for line in asked]
    return [(name, sum(sizes[2 * index : 2 * index + 2])) for index, (name, _) in enumerate(found)]


def _batches(sizes: Sequence[tuple[str, int]]) -> Iterator[tuple[list[str], bool]]:
    """What one call of Git shows, and whether it should."""
    batch: list[str] = []
    total = 0
    for name, size in sizes:
        if size > BLOB_BYTES:
            yield [name], False
            continue
        if batch and (total + size > BLOB_BYTES or len(batch) == BATCH_FILES):
            yield batch, True
            batch, total = [], 0
        batch.append(name)
        total += size
    if batch:
        yield batch, True


def _split(patch: str) -> list[str]:
    """Each file's part; no line of a file's content begins like this."""
    return [part for part in re.split(r"^(?=diff --git )", patch, flags=re.MULTILINE) if part]


def _some(names: Sequence[str], most: int) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
