"""The drafts of a PBI as Markdown files in a folder, and what people have written there read back."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from deespec.backlog.draft_files import Wish, rehearse, take
from deespec.cli import output, views
from deespec.cli.commands.draft_ids import decider
from deespec.cli.commands.draft_views import decided_json, say_decided
from deespec.errors import InvalidInput, NotPossible
from deespec.model.draft_file import file_name, parse_draft, render_draft

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from deespec.backlog.draft_files import Came, Result
    from deespec.cli.session import Session
    from deespec.model.asking import Draft

FILES_MOST = 1_000


def put(drafts: Sequence[Draft], folder: Path, *, force: bool, dry_run: bool, as_json: bool) -> int:
    """Writes a file for each draft; one that says something else only if forced. All or none is refused."""
    texts = {folder / file_name(one): render_draft(one, decided=True) for one in drafts}
    fresh = [path for path, text in texts.items() if not _has(path, text)]
    changed = [path for path in fresh if os.path.lexists(path)]
    if changed and not force:
        names = ", ".join(path.name for path in changed[:3])
        raise NotPossible(
            f"{folder} has {names}{', …' if len(changed) > 3 else ''}, with another text.",
            hint="--import takes what was written there; --force overwrites it.",
        )
    if not dry_run:
        _write({path: texts[path] for path in fresh}, folder)
    if as_json:
        output.emit(dry_run=dry_run, files=[str(path) for path in texts], written=[str(path) for path in fresh])
        return 0
    for path in fresh:
        output.say(f"{path}" if not dry_run else f"{path} would be written")
    if not texts:
        output.say("No draft waits for a decision (--all for the others, too).")
    elif len(fresh) < len(texts):
        output.say(f"{len(texts) - len(fresh)} there already")
    return 0


def take_from(session: Session, parent: str, folder: Path, *, dry_run: bool, as_json: bool) -> int:
    """Does what the files of a folder say, all or none."""
    wishes = _read(parent, folder)
    by = decider(session)
    result = rehearse(session.app.store, wishes, by) if dry_run else take(session.app.store, wishes, by)
    if as_json:
        output.emit(
            dry_run=dry_run,
            files=[{"file": one.file, "id": one.draft, "changed": list(one.changed)} for one in result.files],
            items=[decided_json(one) for one in result.decided],
        )
        return 0
    _say(result, dry_run=dry_run)
    return 0


# --- below ----------------------------------------------------------------------------------------------------------


def _has(path: Path, text: str) -> bool:
    try:
        return path.is_file() and not path.is_symlink() and path.read_bytes() == text.encode()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def _write(texts: dict[Path, str], folder: Path) -> None:
    """Each by a rename, so that no link is followed and no file is half."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            handle, made = tempfile.mkstemp(dir=folder, prefix=".deespec-")
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
            os.chmod(made, 0o644)
            os.replace(made, path)
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}.") from error


def _read(parent: str, folder: Path) -> list[Wish]:
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is no folder.", hint=f"deespec pbi drafts {parent} --export {folder} makes it.")
    paths = sorted(path for path in folder.glob("*.md") if path.is_file() and not path.is_symlink())
    if not paths:
        raise InvalidInput(f"{folder} has no Markdown file.", hint=f"deespec pbi drafts {parent} --export {folder}")
    if len(paths) > FILES_MOST:
        raise InvalidInput(f"{folder} has {len(paths)} files; the limit is {FILES_MOST:,}.")
    wishes: dict[str, Wish] = {}
    for path in paths:
        written = parse_draft(views.read_text(str(path)), str(path))
        if written.id is None:
            raise InvalidInput(f"{path} does not say which draft it is.", hint=f"Add a line: id: {parent}/1")
        if written.id in wishes:
            raise InvalidInput(f"{path} is {written.id}, and so is {wishes[written.id].file}.", hint="Remove one.")
        item, _, number = written.id.rpartition("/")
        if item != parent:
            raise InvalidInput(f"{path} is of {item}, not of {parent}.", hint=f"deespec pbi drafts {item} --import …")
        wishes[written.id] = Wish(file=str(path), id=(item, int(number)), written=written)
    return list(wishes.values())


def _say(result: Result, *, dry_run: bool) -> None:
    for one in result.files:
        if one.changed:
            output.say(f"✓ {one.draft} changed: {', '.join(one.changed)}")
    say_decided(result.decided, titles=True)
    idle = [one for one in result.files if not _acts(one)]
    if idle:
        output.say(f"{len(idle)} as {'it was' if len(idle) == 1 else 'they were'}")
    if dry_run:
        output.say("Nothing was done (--dry-run).")


def _acts(one: Came) -> bool:
    return bool(one.changed or one.decision)
