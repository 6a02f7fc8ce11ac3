"""`pbi list`, `epic list`: how far what is below them has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.board.below import open_counts, stopped_below
from deespec.cli import options, output, shapes
from deespec.cli.views import LIST_PAGE
from deespec.model.items import Kind, Priority
from deespec.model.lifecycle import GroupStatus
from deespec.model.wanted import Scope
from deespec.records import replace
from deespec.text import width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deespec.cli.session import Session
    from deespec.store.groups import GroupLine, Progress

BAR_CELLS = 5


def _list_options(body: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            click.option(
                "--status",
                "statuses",
                multiple=True,
                type=click.Choice([status.value for status in GroupStatus], case_sensitive=False),
                help="Only those with this status; may be given several times.",
            ),
            click.option("--limit", type=click.IntRange(0, options.MANY), help="At most this many."),
            click.option(
                "--offset", type=click.IntRange(0, options.MANY), default=0, help="Leave out this many first."
            ),
            click.option("--label", "-l", metavar="L", help="Only those with this label."),
            click.option("--text", metavar="T", help="Only those with this in their title."),
            click.option("--owner", metavar="WHO", help="Only those that WHO registered (user@host)."),
        )
    ):
        body = option(body)
    return body


@click.command(name="list")
@_list_options
@click.option("--parent", metavar="EPIC-N", help="Only those below this EPIC.")
@options.as_json
@options.session
def pbi_list(session: Session, /, **given: Any) -> int:
    """List PBIs in order of registration: how many of their SBIs are done, what the others are, drafts that wait."""
    return _list(session, Kind.PBI, **given)


@click.command(name="list")
@_list_options
@options.as_json
@options.session
def epic_list(session: Session, /, **given: Any) -> int:
    """List EPICs in order of registration: how many of the PBIs and SBIs below them are done, what the others are."""
    return _list(session, Kind.EPIC, parent=None, **given)


def _list(
    session: Session,
    kind: Kind,
    *,
    statuses: tuple[str, ...],
    limit: int | None,
    offset: int,
    as_json: bool,
    parent: str | None,
    label: str | None,
    text: str | None,
    owner: str | None,
) -> int:
    above = session.item_id(parent, Kind.EPIC) if parent else None
    scope = Scope(label=label, parent=above, text=text, owner=owner)
    most = limit if limit is not None else -1 if as_json else LIST_PAGE
    wanted = tuple(status.upper() for status in statuses) or None
    with session.app.store.read() as tx:
        if scope.parent:
            tx.item(scope.parent)  # raises NotFound
        found, total = tx.list_groups(kind, scope, statuses=wanted, limit=most, offset=offset)
        stopped = stopped_below(tx, found)
        archived = tx.archived_count(kind) if scope == Scope() and wanted is None else 0
    if as_json:
        output.emit(items=[shapes.group_line(one) for one in found], total=total)
        return 0
    for line in _table(found, session.style, stopped):
        output.say(line)
    if total > len(found) + offset:
        output.say(f"… {len(found)} of {total} shown (--limit, --offset)")
    if archived:
        output.say(f"… and {archived} archived (deespec archive list)")
    elif not total:
        words = "Nothing here" if scope == Scope() and wanted is None else "Nothing of that"
        output.say(f'{words} → deespec {kind.lower()} plan --title "…"')
    return 0


def _table(found: Sequence[GroupLine], how: output.Style, stopped: Mapping[str, str]) -> list[str]:
    """With a bar on a terminal, if the line is wide enough for it."""
    plain = replace(how, colour=False)
    fits = how.width is not None and all(
        width_of(line, how.ambiguous_width) <= how.width for line in _rows(found, plain, stopped, cells=BAR_CELLS)
    )
    return _rows(found, how, stopped, cells=BAR_CELLS if fits else 0)


def _rows(found: Sequence[GroupLine], how: output.Style, stopped: Mapping[str, str], *, cells: int) -> list[str]:
    columns: dict[str, list[str]] = {
        "ID": [one.id for one in found],
        "STATUS": [one.status for one in found],
        "DONE": [progress_text(one.progress, cells=cells) for one in found],
        "PBIS": [_pbis(one.progress) for one in found],
        "PTS": ["" if one.story_points is None else str(one.story_points) for one in found],
        "PRIO": ["" if one.priority is Priority.NORMAL else one.priority for one in found],
        "TITLE": [one.title for one in found],
        "BELOW": [_state(one, stopped.get(one.id)) for one in found],
    }
    optional = ("PBIS", "PTS", "PRIO")
    shown = {name: texts for name, texts in columns.items() if name not in optional or any(texts)}
    body = list(zip(*shown.values(), strict=True))
    elastic = list(shown).index("TITLE")
    return output.table(tuple(shown), body, how, colour=output.status_colour, elastic=elastic)


def _pbis(progress: Progress) -> str:
    open_or_done = sum(progress.pbis.values())
    return f"{progress.pbis.get(GroupStatus.DONE, 0)}/{open_or_done}" if open_or_done else ""


def _state(one: GroupLine, stopped: str | None) -> str:
    parts = [*(["held"] if one.held else []), *([stopped] if stopped else [])]
    if one.drafts:
        parts.append(f"{one.drafts} draft{'' if one.drafts == 1 else 's'}")
    return ", ".join([*parts, *open_texts(one.progress.sbis)])


# --- shared with `show` ---------------------------------------------------------------------------------------------


def progress_text(progress: Progress, *, cells: int) -> str:
    """`3/5`, after a bar of so many cells."""
    if not progress.total:
        return ""
    figures = f"{progress.done}/{progress.total}"
    full = progress.done * cells // progress.total
    return f"{'█' * full}{'░' * (cells - full)} {figures}" if cells else figures


def open_texts(counts: Mapping[str, int]) -> list[str]:
    """`1 FAILED`, `2 in work`, `3 PENDING`."""
    return [f"{count} {name}" for name, count in open_counts(counts).items()]
