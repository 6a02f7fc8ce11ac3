"""The commands that are asked for most, without the weight of a command-line parser: status, list, report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from deespec.cli import output, shapes
from deespec.clock import local
from deespec.errors import InvalidInput, UsageError
from deespec.model.items import Kind
from deespec.model.lifecycle import ENDED, Status
from deespec.model.wanted import Scope
from deespec.records import record
from deespec.text import ago, clean

if TYPE_CHECKING:
    from deespec.board.snapshot import AgentNow, Overview, Snapshot
    from deespec.cli.session import Session
    from deespec.model.asking import Remark
    from deespec.model.items import Line

LIST_PAGE = 50
NO_WORKER = "no worker is running → deespec run"
INBOX = "Something waits for you → deespec inbox"
STATUS_LINES = 10
OPEN = tuple(status for status in Status if status not in ENDED)


# --- status ---------------------------------------------------------------------------------------------------------


def status(session: Session, *, as_json: bool) -> int:
    """Shows what runs, what waits and why, and what waits for a person."""
    from deespec.board.snapshot import overview, snapshot

    app = session.app
    if as_json:
        seen = snapshot(app)
        output.emit(
            counts=seen.counts,
            running=[shapes.running(line, seen.workers) for line in seen.running],
            waiting=[{"id": line.id, **shapes.waiting_json(why)} for line, why in seen.waiting],
            workers=[shapes.worker(one) for one in seen.workers],
            agents=[shapes.agent(one) for one in seen.agents],
            notices=[shapes.notice(one) for one in seen.notices],
            merge_queue=_merge_queue(seen),
            archived=seen.archived,
            store={"home": str(app.settings.home), "kind": "sqlite", "moved_to": seen.moved_to},
        )
        return 0
    short = overview(app, asked=STATUS_LINES)
    if short.moved_to:
        output.tell(f"This backlog has moved: it goes on in {clean(short.moved_to)}")
    for text in _status_lines(session, short):
        output.say(text)
    return 0


def _status_lines(session: Session, seen: Overview) -> list[str]:
    from deespec.board.snapshot import in_work

    how = session.style
    counts = seen.counts
    shown = {
        "PENDING": counts["PENDING"],
        "in work": in_work(counts),
        **{name: counts[name] for name in ("PARKED", "FAILED", "DONE", "CANCELLED")},
    }
    notes = {"in work": f" ({NO_WORKER})"} if shown["in work"] and not seen.workers else {}
    lines = [
        "   ".join(
            output.paint(f"{name} {count}", output.STATUS_COLOURS.get(name) if count else "dim", how)
            + notes.get(name, "")
            for name, count in shown.items()
        )
    ]
    lines += _stopped_pbis(seen)
    lines += _running_lines(session, seen)
    for notice in seen.notices:
        lines += ["", f"{notice.name.replace('_', ' ').capitalize()}: {clean(notice.text)}"]
        lines += [f"→ {clean(notice.remedy)}"] if notice.remedy else []
    lines += _person_lines(session, seen)
    next_step = _next_step(seen)
    if seen.drafts:
        where = "" if next_step == INBOX else " → deespec inbox"
        lines += ["", f"{seen.drafts} draft{'s wait' if seen.drafts > 1 else ' waits'} to be decided{where}"]
    lines += _waiting_lines(session, seen)
    lines += [text for agent in seen.agents for text in _pause_line(agent)]
    lines += ["", next_step]
    return lines


def _stopped_pbis(seen: Overview) -> list[str]:
    """The counts are of SBIs: PBIs whose decomposition has stopped are told beside them."""
    names = {"failed": Status.FAILED, "parked": Status.PARKED}
    stopped = [group for group in seen.groups if group.first.decomposes and group.reason in names]
    return [f"PBIs: {', '.join(f'{names[group.reason]} {group.count}' for group in stopped)}"] if stopped else []


def _running_lines(session: Session, seen: Overview) -> list[str]:
    if not seen.running:
        return []
    names = {worker.uid: worker.name for worker in seen.workers}
    now = session.app.clock.now_ms()
    rows = [
        (
            line.id,
            *_doing(line),
            ago(now - (line.lease_at or now)),
            names.get(line.lease_worker or "", "?"),
            line.title,
        )
        for line in seen.running
    ]
    head = ("RUNNING", "STEP", "TURN", "AGENT", "FOR", "WORKER", "TITLE")
    return ["", *output.table(head, rows, session.style)]


def _doing(line: Line) -> tuple[str, str, str]:
    """Step, turn and agent; a merge is no turn, and nobody's."""
    if line.status is Status.INTEGRATING:
        return "merge", "", ""
    return "decompose" if line.decomposes else line.step or "", str(line.turn + 1), line.lease_agent or ""


def _merge_queue(seen: Snapshot) -> dict[str, object]:
    """Who is being merged now, and who waits for that."""
    merging = next((line.id for line in seen.running if line.status is Status.INTEGRATING), None)
    return {"merging": merging, "waiting": [line.id for line, why in seen.waiting if why.reason == "merge_queue"]}


def _person_lines(session: Session, seen: Overview) -> list[str]:
    from deespec.board.snapshot import FOR_A_PERSON

    if not seen.asked:
        return []
    rows = [(line.id, line.title, why.text) for line, why in seen.asked]
    total = sum(group.count for group in seen.groups if group.reason in FOR_A_PERSON)
    more = [f"… and {total - len(rows)} more: deespec inbox"] if total > len(rows) else []
    return ["", *output.table(("FOR A PERSON", "TITLE", "WHY"), rows, session.style), *more]


def _waiting_lines(session: Session, seen: Overview) -> list[str]:
    from deespec.board.snapshot import FOR_A_PERSON

    rows = []
    for group in seen.groups:
        if group.reason not in FOR_A_PERSON:
            example = (
                group.why.text
                if group.reason == "slot" and not group.first.decomposes
                else f"{group.first.id} {group.why.text}"
            )
            rows.append((group.reason, str(group.count), example if group.count == 1 else f"{example} …"))
    if not rows:
        return []
    return ["", *output.table(("WAITING", "ITEMS", "WHY"), rows, session.style)]


def _pause_line(agent: AgentNow) -> list[str]:
    if agent.pause is None:
        return []
    until = f"until {local(agent.pause.until_at)}" if agent.pause.until_at else "until resumed"
    text = f"Agent {agent.name} is paused {until}: {clean(agent.pause.message)}"
    return ["", text if agent.pause.until_at else f"{text} → deespec agent resume {agent.name}"]


def _next_step(seen: Overview) -> str:
    from deespec.board.snapshot import FOR_A_PERSON

    if not sum(seen.counts.values()) and seen.archived and not (seen.groups or seen.running):
        return f"Nothing is left to do; {seen.archived} archived → deespec archive list"
    if not sum(seen.counts.values()) and not (seen.groups or seen.running or seen.drafts):
        return 'Nothing is registered yet → deespec register sbi --title "…"'
    waiting = [group for group in seen.groups if group.reason not in FOR_A_PERSON]
    if waiting and not seen.workers and all(group.first.decomposes for group in waiting):
        return f"{NO_WORKER[0].upper() + NO_WORKER[1:]} --workflows pbi,sbi"
    if waiting and not seen.workers:
        return NO_WORKER[0].upper() + NO_WORKER[1:]
    if seen.asked or seen.notices:
        return INBOX
    return "More: deespec sbi list, deespec why, deespec --help"


# --- list -----------------------------------------------------------------------------------------------------------


@record
class Listing:
    """What `sbi list` was asked for."""

    scope: Scope = Scope()
    statuses: tuple[str, ...] | None = None
    ready: bool | None = None
    everything: bool = False
    limit: int | None = None
    offset: int = 0


def sbi_list(session: Session, listing: Listing, *, as_json: bool) -> int:
    """Lists SBIs with what they wait for; the finished ones only when asked for."""
    from deespec.board.waiting import Situation

    app = session.app
    hides = not (listing.everything or listing.statuses or as_json)
    statuses = OPEN if hides else listing.statuses
    limit = listing.limit if listing.limit is not None else (-1 if as_json or listing.everything else LIST_PAGE)
    with app.store.read() as tx:
        page = tx.list_sbis(listing.scope, statuses=statuses, ready=listing.ready, limit=limit, offset=listing.offset)
        situation = Situation(app, tx)
        situation.look_at([line.number for line in page.lines])
        waiting = {line.number: situation.waiting(line) for line in page.lines}
        counts = tx.counts()
        archived = tx.archived_count(Kind.SBI) if listing.scope == Scope() and listing.ready is None else 0
    if as_json:
        output.emit(items=[shapes.line(line, waiting[line.number]) for line in page.lines], total=page.total)
        return 0
    rows = [
        (line.id, _state(line), line.priority, line.title, waiting[line.number][0].text if waiting[line.number] else "")
        for line in page.lines
    ]
    lines = output.table(
        ("ID", "STATUS", "PRIORITY", "TITLE", "WAITS"), rows, session.style, colour=output.status_colour, elastic=3
    )
    for text in lines:
        output.say(text)
    done = sum(counts.get(one, 0) for one in ENDED) if hides else 0
    _list_end(page.total, len(page.lines), listing, done=done, archived=archived)
    return 0


def _list_end(total: int, shown: int, listing: Listing, *, done: int, archived: int) -> None:
    if total > shown + listing.offset:
        output.say(f"… {shown} of {total} shown (--limit, --offset, --all)")
    if done:
        output.say(f"… and {done} done or cancelled (--all)")
    if archived:
        output.say(f"… and {archived} archived (deespec archive list)")
    if not total and not done and not archived:
        output.say('Nothing here → deespec register sbi --title "…"')


def _state(line: Line) -> str:
    if line.lease_token is not None:
        return "preparing" if line.status is Status.PICKED else line.status
    if line.held:
        return f"{line.status} held"
    if line.resume:
        return f"{line.status}, goes on"
    return f"{line.status} blocked" if line.waits_for == "need" and line.status is Status.PENDING else line.status


# --- report and review ----------------------------------------------------------------------------------------------


@record
class Handed:
    """What an agent's command was given."""

    kind: str
    text: str
    decision: str | None = None
    remarks: tuple[Remark, ...] = ()
    item: str | None = None
    turn: int | None = None


def hand_in(session: Session, handed: Handed, *, as_json: bool) -> int:
    """Hands an answer in: through the outbox inside a turn, to the store outside. Exit 0 means: stored."""
    from deespec.engine.report import hand_in_inside, hand_in_outside, inside
    from deespec.model.items import Answer

    answer = Answer(kind=handed.kind, text=handed.text, decision=handed.decision, remarks=handed.remarks)
    if inside(session.env):
        item = None if handed.item is None else session.item_id(handed.item, Kind.SBI)
        message = hand_in_inside(session.env, answer, item=item, turn=handed.turn)
    else:
        number = None if handed.item is None else session.number(handed.item)
        actor = session.app.person
        message = hand_in_outside(session.app.store, answer, item=number, turn=handed.turn, actor=actor)
    if as_json:
        output.emit(stored=True, kind=handed.kind, decision=handed.decision, findings=len(handed.remarks))
    elif not session.quiet:
        output.say(f"✓ {message}")
    return 0


def answer_text(*, file: str | None, stdin: bool, text: str | None) -> str:
    """The words of an answer: from an option, a file, or standard input."""
    given = [one for one in (file, text, "stdin" if stdin else None) if one is not None]
    if len(given) > 1:
        raise UsageError("Give the text once: --stdin, -f FILE or --text.")
    if text is not None:
        return text
    if file is not None and file != "-":
        return read_text(file)
    if stdin or file == "-":
        return decoded(sys.stdin.buffer.read(TEXT_BYTES + 1), "standard input")
    return ""


TEXT_BYTES = 1024 * 1024


def read_text(path: str) -> str:
    """A text file of at most 1 MiB. Raises InvalidInput, naming it, for anything else."""
    try:
        with open(path, "rb") as file:
            content = file.read(TEXT_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    return decoded(content, path)


def decoded(content: bytes, place: str) -> str:
    if len(content) > TEXT_BYTES:
        raise InvalidInput(f"{place} is larger than 1 MiB.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{place} is not UTF-8 (byte {error.start}).") from error
    if "\0" in text:
        raise InvalidInput(f"{place} holds a NUL byte: it is not text.")
    return text
