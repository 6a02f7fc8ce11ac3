"""The views as rows: what runs and what waits, the inbox, the agents, the cards of the board. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.board.landable import in_words
from deespec.board.snapshot import FOR_A_PERSON
from deespec.clock import local
from deespec.model.lifecycle import Status
from deespec.model.money import counted, usd
from deespec.text import ago
from deespec.tui.lines import BLANK, Piece, Row, fitted, heading, table, text, wrapped
from deespec.tui.seen import CARDS_MOST, Pile, View

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deespec.board.inbox import Inbox
    from deespec.board.snapshot import AgentNow, Group
    from deespec.board.waiting import Waiting
    from deespec.model.items import Line
    from deespec.model.work import Notice
    from deespec.tui.lines import Look
    from deespec.tui.seen import Card, Column, Seen

FIRST = 5
"""Items that wait for a person, in the first view."""
WIDE = 110
COLOURS = {
    Status.DONE: "green",
    Status.FAILED: "red",
    Status.PARKED: "yellow",
    Status.CANCELLED: "dim",
    Status.PENDING: "",
}


def rows_of(view: View, seen: Seen, look: Look) -> list[Row]:
    """A view that is one list; the filter leaves rows with its words, and all headings."""
    match view:
        case View.NOW:
            rows = now(seen, look)
        case View.INBOX:
            rows = inbox_rows(seen.inbox, look) if seen.inbox is not None else [text("…", "dim")]
        case _:
            rows = agents(seen, look)
    words = seen.wish.words.casefold().split()
    if not words:
        return rows
    return [row for row in rows if not row.key or all(word.lstrip("#") in row.text.casefold() for word in words)]


# --- now --------------------------------------------------------------------------------------------------------------


def now(seen: Seen, look: Look) -> list[Row]:
    """One glance: what runs, what waits for a person, what waits for what else, and the next step."""
    parts = [_running(seen, look), _notices(seen.overview.notices, look), _asked(seen, look), _groups(seen, look)]
    parts.append([row for agent in seen.overview.agents for row in _paused(agent)])
    parts.append(_next_step(seen))
    rows: list[Row] = []
    for part in parts:
        if part:
            rows += [*([BLANK] if rows else []), *part]
    return rows


def _running(seen: Seen, look: Look) -> list[Row]:
    running = seen.overview.running
    if not running:
        return []
    names = {worker.uid: worker.name for worker in seen.overview.workers}
    wide = look.width >= WIDE
    head = ["IN WORK", "STEP", "TURN", "AGENT", "FOR", *(["TOKENS", "COST", "WORKER"] if wide else ["USED"]), "TITLE"]
    body = [(line.id, _run_cells(line, seen, names, wide=wide)) for line in running]
    rows = table(head, body, look)
    told: list[Row] = [rows[0]]
    for row, line in zip(rows[1:], running, strict=True):
        last = ((live := seen.lives.get(line.number)) is not None and live.last) or ""
        second = (Piece(text="  "), Piece(text=last or "(nothing said yet)", style="dim"))
        told.append(Row(lines=(*row.lines, second), key=row.key))
    return told


def _run_cells(line: Line, seen: Seen, names: dict[str, str], *, wide: bool) -> list[Piece]:
    step, turn, agent = doing(line)
    live = seen.lives.get(line.number)
    tokens = counted((live.tokens_in or 0) + (live.tokens_out or 0)) if live and _has_tokens(live) else ""
    cost = usd(live.usd) if live is not None and live.usd is not None else ""
    used = [tokens, cost, names.get(line.lease_worker or "", "?")] if wide else [cost or (tokens and f"{tokens} tok")]
    return [
        Piece(text=line.id, style="bold"),
        Piece(text=step, style="cyan"),
        Piece(text=turn),
        Piece(text=agent),
        Piece(text="", since_at=line.lease_at or seen.at),
        *(Piece(text=one) for one in used),
        Piece(text=line.title),
    ]


def _has_tokens(live: object) -> bool:
    return getattr(live, "tokens_in", None) is not None or getattr(live, "tokens_out", None) is not None


def doing(line: Line) -> tuple[str, str, str]:
    """Step, turn and agent; a merge is no turn, and nobody's."""
    if line.status is Status.INTEGRATING:
        return "merge", "", ""
    return "decompose" if line.decomposes else line.step or "", str(line.turn + 1), line.lease_agent or ""


def _asked(seen: Seen, look: Look) -> list[Row]:
    asked = seen.overview.asked
    total = sum(group.count for group in seen.overview.groups if group.reason in FOR_A_PERSON)
    most = max(FIRST, look.width // 10)
    body = [
        (line.id, [Piece(text=line.id, style="bold"), Piece(text=line.title), Piece(text=why.text, style="yellow")])
        for line, why in asked[:most]
    ]
    rows = _halved(("FOR YOU", "TITLE", "WHY"), body, look)
    if total > len(body):
        rows.append(text(f"… and {total - len(body)} more (press 3)", "dim", indent=2))
    if seen.overview.drafts:
        many = f"{seen.overview.drafts} drafts wait" if seen.overview.drafts > 1 else "1 draft waits"
        rows.append(text(f"{many} to be decided (press 3)"))
    return rows


def _halved(head: Sequence[str], body: list[tuple[str, list[Piece]]], look: Look) -> list[Row]:
    """A table whose title takes no more than a third of the width."""
    most = look.width // 3
    cut = [(key, [cells[0], _at_most(cells[1], most), *cells[2:]]) for key, cells in body]
    return table(head, cut, look)


def _at_most(piece: Piece, most: int) -> Piece:
    return Piece(text=fitted(piece.text, most, 1, fill=False), style=piece.style)


def _groups(seen: Seen, look: Look) -> list[Row]:
    """Why others wait: the reasons, how many, the first of each."""
    groups = [group for group in seen.overview.groups if group.reason not in FOR_A_PERSON]
    body = [
        (
            group.first.id,
            [
                Piece(text=group.reason.replace("_", " ")),
                Piece(text=str(group.count)),
                Piece(text=group.first.id, style="bold"),
                Piece(text=_example(group)),
            ],
        )
        for group in groups
    ]
    return table(("WAITS FOR", "ITEMS", "FIRST", "WHY"), body, look)


def _example(group: Group) -> str:
    remedy = f" → {group.why.remedy}" if group.why.remedy and group.count == 1 else ""
    return f"{group.why.text}{remedy}{' …' if group.count > 1 else ''}"


def _notices(notices: Iterable[Notice], look: Look) -> list[Row]:
    rows: list[Row] = []
    for notice in notices:
        rows += wrapped(f"! {notice.name.replace('_', ' ').capitalize()}: {notice.text}", look, "yellow")
        rows += [text(f"→ {notice.remedy}", indent=2)] if notice.remedy else []
    return rows


def _paused(agent: AgentNow) -> list[Row]:
    if agent.pause is None:
        return []
    until = f"until {local(agent.pause.until_at)}" if agent.pause.until_at else "until resumed (p)"
    line = (Piece(text=f"Agent {agent.name} is paused {until}: {agent.pause.message}", style="yellow"),)
    return [Row(lines=(line,), key=f"agent:{agent.name}")]


def _next_step(seen: Seen) -> list[Row]:
    """What brings it on, where nothing that is shown says so already."""
    short = seen.overview
    if not sum(short.counts.values()) and not (short.groups or short.running or short.drafts):
        if short.archived:
            return [text(f"Nothing is left to do; {short.archived} archived → deespec archive list")]
        return [text('Nothing is registered yet → deespec register sbi --title "…"')]
    waiting = [group for group in short.groups if group.reason not in FOR_A_PERSON]
    if waiting and not short.workers:
        more = " --workflows pbi,sbi" if all(group.first.decomposes for group in waiting) else ""
        return [text(f"No worker is running → deespec run{more}", "yellow")]
    if not (waiting or short.running or short.asked or short.drafts or short.notices):
        return [text("Nothing runs, and nothing waits.", "dim")]
    return []


# --- the inbox --------------------------------------------------------------------------------------------------------


def inbox_rows(found: Inbox, look: Look) -> list[Row]:
    """All that waits for a person, with what helps."""
    parts = [_notices(found.notices, look)]
    parts.append(_items("STOPPED", found.stopped))
    parts.append(_items("BARRED", found.barred))
    parts.append([row for agent in found.agents for row in _paused(agent)])
    drafts = [
        (f"draft:{one.id}", [Piece(text=one.id, style="bold"), Piece(text=one.severity), Piece(text=one.title)])
        for one in found.drafts
    ]
    parts.append(table(("DRAFT", "SEVERITY", "TITLE"), drafts, look))
    held = [(line.id, [Piece(text=line.id, style="bold"), Piece(text=line.title)]) for line in found.held]
    parts.append(table(("HELD", "TITLE"), held, look))
    if found.to_land is not None:
        parts.append(list(wrapped(in_words(found.to_land), look)))
    if found.land_problem:
        parts.append(list(wrapped(f"Whether there is work to land: {found.land_problem}", look, "yellow")))
    rows: list[Row] = []
    for part in parts:
        if part:
            rows += [*([BLANK] if rows else []), *part]
    return rows or [text("Nothing waits for you.", "dim")]


def _items(name: str, items: Sequence[tuple[Line, Waiting]]) -> list[Row]:
    """Each with why and the command that helps; the keys do the same here."""
    rows: list[Row] = [heading(name)] if items else []
    for line, why in items:
        first = (Piece(text=f"{line.id}  ", style="bold"), Piece(text=line.title))
        second = [Piece(text="  "), Piece(text=why.text, style="yellow")]
        third = ((Piece(text=f"  → {why.remedy}", style="dim"),),) if why.remedy else ()
        rows.append(Row(lines=(first, tuple(second), *third), key=line.id))
    return rows


# --- agents -----------------------------------------------------------------------------------------------------------


def agents(seen: Seen, look: Look) -> list[Row]:
    """Who can work, who does, and who rests; then the workers."""
    body = []
    for agent in seen.overview.agents:
        slots = f"{agent.running} of {agent.limit}" if agent.limit else str(agent.running)
        state = "ready" if agent.pause is None else "paused"
        body.append(
            (
                f"agent:{agent.name}",
                [
                    Piece(text=agent.name, style="bold"),
                    Piece(text=agent.kind),
                    Piece(text=slots),
                    Piece(text=state, style="yellow" if agent.pause else "green"),
                    Piece(text=agent.account),
                    Piece(text=_pause_words(agent), style="yellow"),
                ],
            )
        )
    rows = table(("AGENT", "KIND", "CALLS", "STATE", "ACCOUNT", "PAUSE"), body, look)
    rows = rows or [text("No agent is set up → deespec agent list", "yellow")]
    workers = [
        (
            "",
            [
                Piece(text=one.name, style="bold"),
                Piece(text=one.state),
                Piece(text=f"{sum(line.lease_worker == one.uid for line in seen.overview.running)} of {one.slots}"),
                Piece(text=str(one.pid)),
                Piece(text="", since_at=one.started_at),
                Piece(text=f"{one.workflows} on {one.host}"),
            ],
        )
        for one in seen.overview.workers
    ]
    rows += [BLANK, *table(("WORKER", "STATE", "SLOTS", "PID", "SINCE", "TAKES"), workers, look)]
    return rows if workers else [*rows, text("No worker is running → deespec run")]


def _pause_words(agent: AgentNow) -> str:
    if agent.pause is None:
        return ""
    until = f"until {local(agent.pause.until_at)}" if agent.pause.until_at else "until resumed"
    return f"{until}: {agent.pause.message}"


# --- the board --------------------------------------------------------------------------------------------------------


def cards(pile: Pile, column: Column, at: int) -> list[Row]:
    """The items of a column, two lines each."""
    rows = [_card(pile, card, at) for card in column.cards]
    if column.among is not None:
        rows.append(text(f"of the last {column.among:,}", "dim"))
    if column.total > len(column.cards):
        rows.append(text(f"… and {column.total - len(column.cards)} more (/)", "dim"))
    assert len(column.cards) <= CARDS_MOST
    return rows or [text("nothing", "dim", indent=2)]


def _card(pile: Pile, card: Card, at: int) -> Row:
    line = card.line
    first = [Piece(text=line.id, style="bold")]
    if line.lease_token is not None:
        step, turn, agent = doing(line)
        first += [Piece(text="  "), Piece(text="", since_at=line.lease_at or at)]
        first += [Piece(text=f"  {step}", style="cyan"), Piece(text=f" {turn} {agent}".rstrip())]
    elif pile is Pile.DONE:
        first.append(Piece(text=f" {ago(at - (line.finished_at or at))} ago", style="dim"))
    else:
        first.append(Piece(text=f" {_state(card)}", style=COLOURS.get(line.status, "")))
    return Row(lines=(tuple(first), (Piece(text=line.title),)), key=line.id)


def _state(card: Card) -> str:
    line, why = card.line, card.why
    if line.held:
        return "held"
    if line.stopped:
        return f"{line.status.lower()}{', goes on' if line.resume else f': {line.reason}' if line.reason else ''}"
    if why is None or why.reason == "slot":
        return "ready" if line.status is Status.PENDING else f"{line.status.lower()}, between turns"
    return f"{why.reason.replace('_', ' ')} {', '.join(why.by)}".strip()
