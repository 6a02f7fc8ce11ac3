"""`inbox -i`: one after the other all that waits for a person, with the keys that decide it.

Each decision is a command of its own and durable when its line is said; leaving takes nothing back.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from typing import TYPE_CHECKING

from deespec.cli import output
from deespec.errors import DeespecError
from deespec.records import record
from deespec.text import clean, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INTERRUPTED = 130
SHOWN_LEAST = 4
AROUND_TEXT = 12
"""Lines of a screen that are not the text: heading, facts, keys, what is typed."""


class LeftError(Exception):
    """The person has ended the input."""


@record
class Act:
    """What a key does."""

    key: str
    name: str
    do: Callable[[], bool]
    """True: that is decided, and the next comes; False: it was only looked at."""


@record
class Stop:
    """One thing that waits for a person."""

    name: str
    show: Callable[[], None]
    gone: Callable[[], str | None]
    """What has become of it meanwhile; None: it waits still."""
    acts: tuple[Act, ...] = ()


def walk(stops: Sequence[Stop]) -> int:
    """Goes through them until the last, or until the person leaves."""
    decided: set[int] = set()
    try:
        _through(stops, decided)
    except LeftError:
        output.say()
        _say_end(len(decided), len(stops))
        return 0
    except KeyboardInterrupt:
        output.say()
        _say_end(len(decided), len(stops))
        return INTERRUPTED
    _say_end(len(decided), len(stops))
    return 0


def ask(prompt: str) -> str:
    """What a person types in a line. Raises LeftError at the end of the input."""
    sys.stdout.write(f"{prompt} ")
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        raise LeftError
    return line.strip()


def agreed(question: str) -> bool:
    return _key(ask(f"{question} [y/N]")) in ("y", "yes", "はい")


def say_start(text: str) -> None:
    """As much of a text as a screen takes."""
    lines = clean(text.strip(), lines=True).splitlines()
    width, height = shutil.get_terminal_size()
    room, used = max(SHOWN_LEAST, height - AROUND_TEXT), 0
    for at, line in enumerate(lines):
        used += 1 + width_of(line, 1) // max(width, 1)
        if used > room and at:
            output.say(f"… {len(lines) - at} more lines (f)")
            return
        output.say(line)


# --- below ----------------------------------------------------------------------------------------------------------


def _through(stops: Sequence[Stop], decided: set[int]) -> None:
    at, step = 0, 1
    while at < len(stops):
        if at < 0:
            output.say("This is the first.")
            at, step = 0, 1
        if at in decided and step < 0 and any(one not in decided for one in range(at)):
            at -= 1
            continue
        if at in decided:
            at, step = at + 1, 1
            continue
        gone = stops[at].gone()
        if gone is not None:
            output.say(f"({at + 1}/{len(stops)}) {clean(gone)}")
            decided.add(at)
            at, step = at + 1, 1
            continue
        output.say()
        output.say(f"({at + 1}/{len(stops)}) {clean(stops[at].name)}")
        stops[at].show()
        step = _decide(stops[at])
        if step == 0:
            decided.add(at)
            step = 1
        at += step


def _decide(stop: Stop) -> int:
    """0: decided; 1: on to the next; -1: back."""
    keys = _keys([*((act.key, act.name) for act in stop.acts), ("s", "skip"), ("b", "back"), ("q", "quit")])
    while True:
        key = _key(ask(f"{keys}\n>"))
        if key in ("q", "quit"):
            raise LeftError
        if key in ("s", "skip", "b", "back"):
            return 1 if key[0] == "s" else -1
        act = next((act for act in stop.acts if key in (act.key, act.name)), None)
        if act is None:
            output.say("Type one of the letters, then Enter." if not key else f'"{clean(key)}" is none of them.')
            continue
        gone = stop.gone()
        if gone is not None:
            output.say(clean(gone))
            return 0
        if _done(act):
            return 0


def _keys(named: Sequence[tuple[str, str]]) -> str:
    """`[a] approve  [r] reject`, in lines that a screen takes."""
    width = shutil.get_terminal_size().columns
    lines = [""]
    for one in (f"[{key}] {name}" for key, name in named):
        longer = f"{lines[-1]}{output.GAP if lines[-1] else ''}{one}"
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(one)
    return "\n".join(lines)


def _done(act: Act) -> bool:
    """What a command refuses is told, and the person may try again."""
    try:
        return act.do()
    except DeespecError as error:
        output.say(clean(error.message, lines=True))
        if error.hint:
            output.say(f"→ {clean(error.hint, lines=True)}")
        return False


def _key(text: str) -> str:
    """In any case and width: `ａ` is a, too."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _say_end(decided: int, total: int) -> None:
    left = total - decided
    rest = f"{left} left → deespec inbox" if left else "nothing is left."
    output.say(f"{decided} decided, and that stays; {rest}")
