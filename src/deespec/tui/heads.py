"""The lines above and below the views: what is true of the whole backlog, the tabs, the keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deespec.acts import acts_for
from deespec.board.draw.spark import spark
from deespec.board.snapshot import FOR_A_PERSON, in_work
from deespec.model.lifecycle import Status
from deespec.model.money import usd
from deespec.text import clean, width_of
from deespec.tui.lines import Piece
from deespec.tui.seen import View

if TYPE_CHECKING:
    from deespec.model.items import Line as Item
    from deespec.tui.lines import Line, Look
    from deespec.tui.seen import Seen

WIDE = 90
TITLES = {View.NOW: "Now", View.BOARD: "Board", View.INBOX: "Inbox", View.AGENTS: "Agents"}


def head(seen: Seen, look: Look) -> tuple[Line, ...]:
    """Which backlog, who works on it, what it cost today, what came out; then how many items are where."""
    short = seen.overview
    name = Piece(text=f" {clean(Path(seen.root).name)} ", style="alarm")
    facts = [_workers(seen), _money(seen), _throughput(seen, look)]
    line = [name, *(piece for fact in facts if fact for piece in (Piece(text="  "), *fact))]
    counts = short.counts
    person = counts[Status.PARKED] + counts[Status.FAILED]
    piles = [
        ("Waiting", counts[Status.PENDING], ""),
        ("In work", in_work(counts) - counts[Status.INTEGRATING], "cyan"),
        ("For you", person, "yellow"),
        ("Merging", counts[Status.INTEGRATING], "cyan"),
        ("Done", counts[Status.DONE], "green"),
        ("Cancelled", counts[Status.CANCELLED], "dim"),
        ("Archived", short.archived, "dim"),
    ]
    shown = [one for one in piles if one[1] or one[0] not in ("Cancelled", "Archived")]
    counted: list[Piece] = [Piece(text=" ")]
    for what, count, style in shown:
        counted.append(Piece(text=f"{what} {count}", style=style if count else "dim"))
        counted.append(Piece(text="   " if look.width >= WIDE else "  "))
    return tuple(line), tuple(counted)


def _workers(seen: Seen) -> tuple[Piece, ...]:
    workers = seen.overview.workers
    if not workers:
        return (Piece(text="no worker is running"),)
    slots = sum(worker.slots for worker in workers)
    many = "" if len(workers) == 1 else "s"
    return (Piece(text=f"{len(workers)} worker{many}, {len(seen.overview.running)}/{slots} slots busy"),)


def _money(seen: Seen) -> tuple[Piece, ...]:
    """As in the tables of `stats`: `+` is more, but nobody knows how much; `?`: nothing of it is known."""
    used, more = seen.spent.usd, "+" if seen.spent.unknown else ""
    if not used and not seen.usd_per_day:
        return ()
    if not seen.usd_per_day:
        return (Piece(text=f"today {usd(used)}{more}"),)
    over = used >= seen.usd_per_day
    spent = f"{usd(used).removesuffix(' USD')}{more}" if used else "?" if more else "0"
    words = f"today {spent} of {usd(seen.usd_per_day)}"
    return (Piece(text=words, style="red" if over else ""),)


def _throughput(seen: Seen, look: Look) -> tuple[Piece, ...]:
    total = sum(seen.done)
    if not total:
        return ()
    marks = spark(seen.done, ascii_only=look.ambiguous_width > 1)
    days = f" in {len(seen.done)} d" if look.width >= WIDE else ""
    return Piece(text=marks, style="green"), Piece(text=f" {total} done{days}")


def tabs(view: View, waiting: int, words: str, look: Look) -> Line:
    """The views by their keys; how much waits in the inbox, and the filter that is in force."""
    pieces: list[Piece] = []
    for number, (one, title) in enumerate(TITLES.items(), 1):
        mark = f" ({waiting})" if one is View.INBOX and waiting else ""
        pieces.append(Piece(text=f" {number} {title}{mark} ", style="selected" if one is view else ""))
        pieces.append(Piece(text=" "))
    if words:
        pieces += [Piece(text=" "), Piece(text=f"filter: {words}  (esc clears)", style="yellow")]
    used = sum(width_of(piece.text, look.ambiguous_width) for piece in pieces)
    hint = "" if words else "← → columns   / filter" if view is View.BOARD else "/ filter"
    return (*pieces, Piece(text=" " * max(0, look.width - used - len(hint) - 1)), Piece(text=hint, style="dim"))


def person_count(seen: Seen) -> int:
    """How much waits for a person, as far as the short look tells."""
    short = seen.overview
    stopped = sum(group.count for group in short.groups if group.reason in FOR_A_PERSON)
    paused = sum(1 for agent in short.agents if agent.pause is not None and agent.pause.until_at is None)
    return stopped + short.drafts + len(short.notices) + paused


def keys(*pairs: tuple[str, str]) -> Line:
    """`q quit  ? help`; those that come first stay when there is no room."""
    pieces: list[Piece] = [Piece(text=" ")]
    for key, what in pairs:
        pieces += [Piece(text=key, style="bold"), Piece(text=f" {what}  ", style="dim")]
    return tuple(pieces)


def acts_of(item: Item | None) -> list[tuple[str, str]]:
    """The keys of what can be done with an item now."""
    return [] if item is None else [(act.key, act.title.lower()) for act in acts_for(item)]


def keys_for(item: Item | None, key: str) -> Line:
    """What can be done with what the cursor stands on."""
    own: list[tuple[str, str]] = []
    if item is not None:
        own = [("enter", "open"), *acts_of(item)]
    elif key.startswith("draft:"):
        own = [("enter", "open"), ("y", "approve"), ("n", "reject")]
    elif key.startswith("agent:"):
        own = [("p", "pause or resume")]
    return keys(("q", "quit"), ("?", "help"), *own)
