"""`why --paths`: who waits for whom because of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.board.barring import barring
from deespec.cli import output
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.barring import Bar, Barring, Holder
    from deespec.cli.session import Session
    from deespec.model.items import Line

SHOWN = 10
"""So many globs and items are named in one line; --json names all."""


def show(session: Session, *, as_json: bool) -> int:
    """What each item in work holds, and whom it keeps from entering work."""
    seen = barring(session.app)
    if as_json:
        output.emit(
            holders=[_holder_json(one) for one in seen.holders],
            undeclared={
                "setting": "exclusive" if seen.exclusive else "parallel",
                "items": [line.id for line in seen.undeclared],
            },
        )
        return 0
    if not seen.holders:
        output.say("No item is in work, so nobody waits because of files.")
    for one in seen.holders:
        for text in _lines(one, session, exclusive=seen.exclusive):
            output.say(text)
    for text in _undeclared(seen):
        output.say(text)
    return 0


def _lines(one: Holder, session: Session, *, exclusive: bool) -> list[str]:
    line, how = one.line, session.style
    doing = "next in turn: others make room for it" if one.is_next else line.status
    declared = _some(line.paths) or ("nothing, so it is worked on alone" if exclusive else "nothing")
    touched = "" if one.is_next else _some(one.touched) or "nothing yet"
    lines = [f"{output.paint(line.id, 'bold', how)}  {doing}  {clean(line.title)}", f"  declares     {declared}"]
    if touched:
        lines.append(f"  has changed  {touched}")
    lines += [f"  bars         {_bar(bar, one)}" for bar in one.bars[:SHOWN]]
    if len(one.bars) > SHOWN:
        lines.append(f"               … and {len(one.bars) - SHOWN} more (--json)")
    return lines if one.bars else [*lines, "  bars         nobody"]


def _bar(bar: Bar, holder: Holder) -> str:
    who = f"{bar.line.id}: "
    if bar.own is None:
        return f'{who}it names no paths → deespec sbi update {bar.line.id} --add-path "src/**"'
    own, other = clean(bar.own), clean(bar.other or "")
    if bar.other is None:
        return f"{who}{holder.line.id} is worked on alone"
    if bar.touched:
        return f"{who}its {own} meets {other}, which {holder.line.id} has changed"
    return f"{who}both declare {own}" if own == other else f"{who}its {own} meets {other}"


def _undeclared(seen: Barring) -> list[str]:
    lines = seen.undeclared
    if not lines:
        return []
    ids = _some([line.id for line in lines])
    one = len(lines) == 1
    head = f"{ids} {'names' if one else 'name'} no paths: with workspace.undeclared = "
    if seen.exclusive:
        each = "it is" if one else "each is"
        return [
            f'{head}"exclusive" {each} worked on alone',
            f'→ deespec sbi update {lines[0].id} --add-path "src/**"',
        ]
    return [
        f'{head}"parallel" {"it is" if one else "they are"} worked on beside all others',
    ]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return clean(", ".join(names[:SHOWN])) + more


# --- JSON -----------------------------------------------------------------------------------------------------------


def _holder_json(one: Holder) -> dict[str, Any]:
    return {
        **_line_json(one.line),
        "next": one.is_next,
        "paths": list(one.line.paths),
        "touched": list(one.touched),
        "bars": [
            {**_line_json(bar.line), "own": bar.own, "other": bar.other, "touched": bar.touched} for bar in one.bars
        ],
    }


def _line_json(line: Line) -> dict[str, Any]:
    return {"id": line.id, "title": line.title, "status": line.status}
