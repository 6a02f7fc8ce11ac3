"""A run as bars in the lanes of its slots: which step by the pattern, what came of it by the shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.draw.scale import Frame, time_axis
from deespec.board.draw.svg import (
    LETTER_PX,
    columns,
    fill,
    n,
    nothing,
    patterns,
    picture,
    safe,
    say,
    series,
    text,
)
from deespec.clock import local
from deespec.model.lifecycle import Event, Step
from deespec.records import record
from deespec.text import ago, clean, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.board.draw.svg import Words
    from deespec.board.gantt import Bar, Gantt, Group

STEPS = (Step.IMPLEMENT, Step.REVIEW, Step.RESOLVE, Step.INTEGRATE, Step.DECOMPOSE)
"""Each is the series of its place."""
BACK = frozenset(
    (Event.FINDINGS, Event.NEEDS_CHANGES, Event.ASKED_AGAIN, Event.CONFLICTED, Event.REJECTED, Event.NEEDS_PERSON)
)
"""It ended, and somebody has to do more than go on."""
NOTHING = frozenset((Event.RELEASED, Event.LIMIT_REACHED, Event.CANCELLED, "revoked"))
LANE_PX = 20
BAR_PX = LANE_PX - 4
HEAD_PX = 22
GAP_PX = 8
TOLD_MOST = 120
"""With no more bars than this each has its facts at hand; with more a step's bars are one shape."""
LANES_MOST = 64
LETTERS_MOST = 26


def gantt(name: str, title: str, found: Gantt, *, words: Words = say) -> str:
    """Groups of lanes below each other, one axis of time for all of them."""
    if not any(group.bars for group in found.groups):
        return nothing(name, title, words)
    shown, lanes = [], 0
    for group in reversed(found.groups):
        if lanes and lanes + group.slots > LANES_MOST:
            break
        shown.append(group)
        lanes += min(group.slots, LANES_MOST)
    shown.reverse()
    height = sum(_height(group) for group in shown)
    frame = Frame(left=14, top=24, bottom=24 + height)
    told = sum(len(group.bars) for group in shown) <= TOLD_MOST
    parts = [
        patterns(name, range(len(STEPS))),
        _legend(name, shown, words),
        time_axis(frame, found.since_at, found.until_at),
    ]
    on = _Sheet(name=name, frame=frame, found=found, words=words)
    y = frame.top
    for group in shown:
        parts.append(_head(group, frame, y, words))
        parts.append(_lanes(on, group, y + HEAD_PX))
        parts.append((_told if told else _merged)(on, group, y + HEAD_PX))
        y += _height(group)
    rest = len(found.groups) - len(shown)
    if rest:
        more = words("{count} earlier workers are left out.").format(count=rest)
        parts.append(text(frame.left, frame.bottom + 46, more, quiet=True))
    desc = "; ".join(_sentence(group, words) for group in shown)
    return picture(name, title, f"{desc}.", height=frame.bottom + 36 + 16 * bool(rest), parts=parts)


def _height(group: Group) -> int:
    return HEAD_PX + min(group.slots, LANES_MOST) * LANE_PX + GAP_PX


def _legend(name: str, groups: Sequence[Group], words: Words) -> str:
    there = {bar.step for group in groups for bar in group.bars}
    found, x = [], 14.0
    for number, step in enumerate(STEPS):
        if step in there:
            word = words(str(step))
            swatch = f'<rect x="{n(x)}" y="3" width="14" height="10" {fill(name, number)}/>'
            found.append(series(number, swatch) + text(x + 19, 12, word))
            x += 19 + columns(word) * LETTER_PX + 16
    word = words("sent back")
    found.append(f'<path d="M{n(x + 2)} 2v12" stroke="currentColor" stroke-width="3"/>{text(x + 8, 12, word)}')
    x += 8 + columns(word) * LETTER_PX + 16
    hollow = f'<rect x="{n(x)}" y="3" width="14" height="10" {_HOLLOW}/>'
    found.append(hollow + text(x + 19, 12, words("came to nothing")))
    return "".join(found)


_HOLLOW = 'fill="none" stroke="currentColor" stroke-width="1" stroke-dasharray="3 2"'


def _sentence(group: Group, words: Words) -> str:
    used = words("{percent} % of {slots} slots used").format(
        percent=f"{100 * group.utilisation:.0f}", slots=group.slots
    )
    return f"{cut(clean(group.worker), LETTERS_MOST, 1)}: {used}, {ago(group.end_at - group.start_at)}"


def _head(group: Group, frame: Frame, y: float, words: Words) -> str:
    sentence = _sentence(group, words)
    if group.runs:
        sentence += f" · {words('runs now')}"
    return text(frame.left, y + 15, sentence, bold=True)


@record
class _Sheet:
    """What every bar is drawn on."""

    name: str
    frame: Frame
    found: Gantt
    words: Words

    def span(self, start: int, end: int) -> tuple[float, float]:
        """Where it begins and how wide it is, within the picture."""
        since, until = self.found.since_at, self.found.until_at
        each = self.frame.width / max(1, until - since)
        x, right = (self.frame.left + each * (min(max(at, since), until) - since) for at in (start, end))
        return x, max(1.0, right - x)


def _lanes(on: _Sheet, group: Group, y: float) -> str:
    """The time in which the worker was there, one strip a slot."""
    x, wide = on.span(group.start_at, group.end_at)
    strips = "".join(_box(x, y + lane * LANE_PX + 2, wide) for lane in range(min(group.slots, LANES_MOST)))
    return f'<path d="{strips}" fill="currentColor" fill-opacity=".06"/>'


def _box(x: float, y: float, wide: float) -> str:
    return f"M{n(x)} {n(y)}h{n(wide)}v{BAR_PX}h{n(-wide)}z"


def _told(on: _Sheet, group: Group, y: float) -> str:
    return "".join(_bar(on, bar, y + bar.lane * LANE_PX + 2) for bar in group.bars if bar.lane < LANES_MOST)


def _bar(on: _Sheet, bar: Bar, y: float) -> str:
    x, wide = on.span(bar.start_at, bar.end_at)
    number = _number(bar)
    shape = _HOLLOW if bar.outcome in NOTHING else fill(on.name, number)
    inside = f'<rect x="{n(x)}" y="{n(y)}" width="{n(wide)}" height="{BAR_PX}" {shape}/>'
    if bar.outcome in BACK:
        inside += f'<path d="M{n(x + wide - 1.5)} {n(y - 2)}v{BAR_PX + 4}" stroke="currentColor" stroke-width="3"/>'
    drawn = series(number, f"<title>{safe(_facts(bar, on.words))}</title>{inside}")
    label = len(bar.item) * LETTER_PX
    if wide < label + 12:
        return drawn
    plate = f'<rect x="{n(x + 2)}" y="{n(y + 2)}" width="{n(label + 5)}" height="{BAR_PX - 4}" rx="2" fill="#fff"/>'
    return f'{drawn}{plate}<text x="{n(x + 4)}" y="{n(y + 12)}" fill="#111">{safe(bar.item)}</text>'


def _facts(bar: Bar, words: Words) -> str:
    turn = f" {words('turn')} {bar.turn}" if bar.turn else ""
    outcome = words("runs now") if bar.outcome is None else bar.outcome
    took = ago(bar.end_at - bar.start_at)
    return f"{bar.item}{turn}: {bar.step} {bar.agent} → {outcome}, {local(bar.start_at)[11:19]}, {took}"


def _merged(on: _Sheet, group: Group, y: float) -> str:
    """One shape for all bars of a step, one for those that came to nothing, one for the ends of what was sent back."""
    shapes: dict[int, list[str]] = {}
    backs = []
    for bar in group.bars:
        if bar.lane < LANES_MOST:
            x, wide = on.span(bar.start_at, bar.end_at)
            above = y + bar.lane * LANE_PX + 2
            shapes.setdefault(-1 if bar.outcome in NOTHING else _number(bar), []).append(_box(x, above, wide))
            if bar.outcome in BACK:
                backs.append(f"M{n(x + wide - 1)} {n(above - 2)}v{BAR_PX + 4}")
    drawn = [
        f'<path d="{"".join(paths)}" {_HOLLOW}/>'
        if number < 0
        else series(number, f'<path d="{"".join(paths)}" {fill(on.name, number)}/>')
        for number, paths in sorted(shapes.items())
    ]
    return "".join([*drawn, f'<path d="{"".join(backs)}" stroke="currentColor" stroke-width="2"/>'])


def _number(bar: Bar) -> int:
    """The series of its step; what is of no step, the last."""
    return STEPS.index(Step(bar.step)) if bar.step in STEPS else len(STEPS)
