"""What a person can do, as one table for surfaces with keys and buttons; each act is one call of the backlog.

The command line has a command for each of these, with more options; both call the same functions.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.backlog import drafts, edit, groups
from deespec.backlog.decompose import ask_in
from deespec.backlog.drafts import Needs
from deespec.board.agents import must_be_there
from deespec.board.told import Said
from deespec.board.workers import DEAD, workers_now
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.items import AgentPause, Pbi
from deespec.model.lifecycle import ENDED, Event, Status, can
from deespec.model.spec import amended, draft_of
from deespec.records import record
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deespec.app import App
    from deespec.backlog.drafts import Decided, DraftId
    from deespec.backlog.groups import Effect
    from deespec.board.workers import WorkerNow
    from deespec.model.items import Line, Sbi
    from deespec.store.base import Transaction

WORDS_MOST = 100_000
"""Characters of what a person says with an act."""


class Says(StrEnum):
    """Whether words of the person belong to an act."""

    NOTHING = "nothing"
    MAY = "may"
    MUST = "must"


@record
class Deed:
    """One act on one item."""

    number: int
    words: str | None
    """Without blanks around them; None: none were said."""
    turn: int | None
    """Of the item as the person saw it; None: whatever it is."""


@record
class Act:
    """What can be done with an item."""

    name: str
    title: str
    """As a button says it beside the item."""
    names: str
    """As a button says it that must be told from others: with `%(id)s` for the item."""
    key: str
    """On a keyboard, where there is one to be pressed."""
    possible: Callable[[Line], bool]
    do: Callable[[App, Deed], object]
    done: str
    """What to tell then, with `%(id)s` for the item."""
    says: Says = Says.NOTHING
    words: str = ""
    """What the words are for."""
    asks: Callable[[Line], Said | None] = lambda _: None
    """What is to be confirmed first, if it is."""


# --- SBIs, and the decompositions of PBIs -----------------------------------------------------------------------------


def _holdable(line: Line) -> bool:
    return not (line.held or line.decomposes or line.status in ENDED)


def _running(line: Line) -> bool:
    return line.lease_token is not None


def _stopped(line: Line) -> bool:
    return line.stopped and not line.resume


def _asked(line: Line, text: str) -> Said:
    return Said(text=text, values={"id": line.id})


def _deletable(line: Line) -> bool:
    return line.status in (Status.PENDING, Status.CANCELLED) and not (line.turn or line.decomposes or _running(line))


ACTS: tuple[Act, ...] = (
    Act(
        name="answer",
        title="Answer",
        names="Answer %(id)s",
        key="a",
        possible=lambda line: line.status is Status.PARKED and not line.resume,
        do=lambda app, one: edit.answer(app.store, one.number, one.words or "", actor=app.person, turn=one.turn),
        done="%(id)s goes on at the next claim",
        says=Says.MUST,
        words="Your answer, or what its next prompt is to say from you",
    ),
    Act(
        name="retry",
        title="Retry",
        names="Retry %(id)s",
        key="r",
        possible=_stopped,
        do=lambda app, one: edit.retry(app.store, [one.number], actor=app.person, hint=one.words),
        done="%(id)s goes on at the next claim",
        says=Says.MAY,
        words="What its next prompt says from you",
    ),
    Act(
        name="hold",
        title="Hold",
        names="Hold %(id)s",
        key="h",
        possible=_holdable,
        do=lambda app, one: edit.hold(app.store, [one.number], actor=app.person),
        done="%(id)s held",
    ),
    Act(
        name="hold_now",
        title="Hold and stop its agent",
        names="Hold %(id)s and stop its agent",
        key="H",
        possible=lambda line: _running(line) and not (line.decomposes or line.status in ENDED),
        do=lambda app, one: edit.hold(app.store, [one.number], actor=app.person, now=True),
        done="%(id)s held",
        asks=lambda line: _asked(line, "%(id)s: stop its agent now? No attempt is used."),
    ),
    Act(
        name="unhold",
        title="Unhold",
        names="Unhold %(id)s",
        key="u",
        possible=lambda line: line.held and not line.decomposes,
        do=lambda app, one: edit.unhold(app.store, [one.number], actor=app.person),
        done="%(id)s free",
    ),
    Act(
        name="reset",
        title="Start again",
        names="Start %(id)s again",
        key="R",
        possible=lambda line: can(line.status, Event.RESET) and not line.decomposes,
        do=lambda app, one: edit.reset(app.store, [one.number], actor=app.person),
        done="%(id)s reset",
        asks=lambda line: _asked(line, "%(id)s: start again from the beginning?"),
    ),
    Act(
        name="cancel",
        title="Cancel",
        names="Cancel %(id)s",
        key="c",
        possible=lambda line: can(line.status, Event.CANCELLED) and not line.decomposes,
        do=lambda app, one: edit.cancel(app.store, [one.number], actor=app.person, reason=one.words),
        done="%(id)s cancelled",
        says=Says.MAY,
        words="Why, for the history",
        asks=lambda line: _asked(line, "%(id)s: stop its agent and cancel?" if _running(line) else "%(id)s: cancel?"),
    ),
    Act(
        name="delete",
        title="Delete",
        names="Delete %(id)s",
        key="D",
        possible=_deletable,
        do=lambda app, one: edit.delete(app.store, f"SBI-{one.number}", actor=app.person),
        done="%(id)s deleted",
        asks=lambda line: _asked(line, "%(id)s: delete for good?"),
    ),
)


def acts_for(line: Line) -> tuple[Act, ...]:
    """What is possible with the item as it is now."""
    return tuple(act for act in ACTS if act.possible(line))


def carry_out(app: App, name: str, number: int, *, words: str | None = None, turn: int | None = None) -> Said:
    """Does it, and says so. `turn`: as the item was when the person looked: an answer counts only for what was asked.

    Raises NotFound, InvalidInput for words that are missing, NotPossible as things are now.
    """
    act = next((one for one in ACTS if one.name == name), None)
    if act is None:
        raise NotFound(f"There is no act {clean(name)[:40]}.", hint=f"Acts: {', '.join(one.name for one in ACTS)}")
    with app.store.read() as tx:
        line = tx.line(number)
    said = said_with(act.says, words, what=act.words)
    overtaken = name == "answer" and turn is not None and line.stopped  # what it says then is more than this
    if not (overtaken or act.possible(line)):
        raise NotPossible(impossible(act, line))
    act.do(app, Deed(number=number, words=said, turn=turn))
    return Said(text=act.done, values={"id": line.id})


def impossible(act: Act, line: Line) -> str:
    """That it cannot be done with the item as it is."""
    held, running = " and held" if line.held else "", ", being worked on" if _running(line) else ""
    return f"{line.id} is {line.status}{held}{running}: {act.title.lower()} is not possible now."


def said_with(says: Says, words: str | None, *, what: str) -> str | None:
    """The words without blanks around them; None: there are none. Raises InvalidInput."""
    said = (words or "").replace("\r\n", "\n").strip()
    if says is Says.MUST and not said:
        raise InvalidInput(f"Nothing was said ({what[:1].lower()}{what[1:]}); nothing was changed.")
    if len(said) > WORDS_MOST:
        raise InvalidInput(f"That is longer than {WORDS_MOST:,} characters.")
    if "\0" in said:
        raise InvalidInput("That holds a NUL character: it is not text.")
    return said or None


# --- PBIs and EPICs, with all below them ------------------------------------------------------------------------------


def group_acts(status: str, *, held: bool) -> tuple[str, ...]:
    """The names of what can be done with a PBI or EPIC: hold or unhold, cancel."""
    return ("unhold",) if held else (("hold", "cancel") if status not in ENDED else ())


def rehearse_group(app: App, name: str, item_id: str) -> Effect:
    """What the act would concern. Raises NotFound."""
    with app.store.read() as tx:
        match name:
            case "hold":
                return groups.to_hold(tx, item_id, now=False)
            case "unhold":
                return groups.to_unhold(tx, item_id)
            case "cancel":
                return groups.to_cancel(tx, item_id)
    raise NotFound(f"There is no act {clean(name)[:40]} for {item_id}.")


def carry_out_group(app: App, name: str, item_id: str, *, words: str | None = None) -> Effect:
    """Does it with all that is below, and returns what it concerned. Raises NotFound, NotPossible."""
    match name:
        case "hold":
            return groups.hold(app.store, item_id, actor=app.person)
        case "unhold":
            return groups.unhold(app.store, item_id, actor=app.person)
        case "cancel":
            said = said_with(Says.MAY, words, what="")
            return groups.cancel(app.store, item_id, actor=app.person, reason=said)
    raise NotFound(f"There is no act {clean(name)[:40]} for {item_id}.")


def decompose(
    app: App, number: int, *, agent: tuple[str, ...] = (), least: int | None = None, most: int | None = None
) -> Sbi:
    """Has a PBI cut into drafts by whoever runs; the work on that. Raises NotFound, InvalidInput, NotPossible."""
    for name in agent:
        if app.settings.agent(name) is None:
            raise InvalidInput(f"There is no agent {clean(name)}.", hint="deespec agent list")
    with app.store.transaction() as tx:
        pbi = with_bounds(tx, number, least, most, actor=app.person)
        if pbi.held:
            raise NotPossible(f"{pbi.id} is held.", hint=f"deespec pbi unhold {pbi.id}")
        return ask_in(tx, pbi, actor=app.person, agent=agent)


def with_bounds(tx: Transaction, number: int, least: int | None, most: int | None, *, actor: str) -> Pbi:
    """The PBI with the number of drafts that it is to have from now on. Raises NotFound, InvalidInput."""
    pbi = tx.pbi(number)
    wanted = amended(draft_of(pbi), drafts_least=least, drafts_most=most)
    bounds = {"drafts_least": wanted.drafts_least, "drafts_most": wanted.drafts_most}
    changes: dict[str, object] = {name: value for name, value in bounds.items() if value != getattr(pbi, name)}
    edit.update_in(tx, pbi.id, lambda _: changes, actor=actor)
    return tx.pbi(number)


# --- drafts -----------------------------------------------------------------------------------------------------------


def approve(
    app: App, ids: Sequence[DraftId], *, needs: Needs = Needs.WAIT, hold: bool = False, again: bool = False
) -> list[Decided]:
    """Registers drafts as items. Raises NotFound, NotPossible, InvalidInput as `deespec approve`."""
    return drafts.approve(app.store, ids, app.decider(app.person), needs=needs, hold=hold, again=again)


def reject(app: App, ids: Sequence[DraftId], *, reason: str | None) -> list[Decided]:
    """Keeps them as rejected. Raises InvalidInput without a reason."""
    said = said_with(Says.MUST, reason, what="Why")
    return drafts.reject(app.store, ids, reason=said or "", owner=app.person)


# --- agents -----------------------------------------------------------------------------------------------------------


def pause_agent(
    app: App, name: str, *, for_ms: int | None = None, reason: str | None = None, whole_account: bool = False
) -> tuple[AgentPause, bool]:
    """Lets it take no new turns; the pause in force, and whether it is new. Raises NotFound."""
    must_be_there(app.settings, name)
    account, only = app.account(name), "" if whole_account else name
    with app.store.transaction() as tx:
        asked = AgentPause(
            account=account,
            agent=name,
            reason="person",
            message=reason or f"by {app.person}",
            until_at=tx.now + for_ms if for_ms is not None else None,
            by_person=True,
            only_agent=only,
        )
        tx.pause(asked, actor=app.person)
        now = next(one for one in tx.pauses() if (one.account, one.only_agent) == (account, only))
        return now, now.since_at == tx.now


def resume_agent(app: App, name: str) -> bool:
    """Lets it go on, and if its account was paused, all others of that, too; whether it was paused. Raises NotFound."""
    with app.store.read() as tx:
        pauses = tx.pauses()
    if all(pause.agent != name for pause in pauses):
        must_be_there(app.settings, name)
    with app.store.transaction() as tx:
        return tx.resume_agent(name, account=app.account(name), actor=app.person) > 0


def stop_workers(app: App, name: str | None, *, now: bool = False) -> list[str]:
    """Asks one worker, or all that live, to take nothing new and to end with their turns, or at once; their names.

    Raises NotFound, NotPossible.
    """
    seen = workers_now(app)
    chosen = [one for one in seen if one.state != DEAD] if name is None else [_living(seen, name)]
    how = "now" if now else "finish"
    with app.store.transaction() as tx:
        for one in chosen:
            if one.worker.stop not in (how, "now"):
                tx.ask_to_stop(one.worker, how, actor=app.person)
    return [one.worker.name for one in chosen]


def _living(seen: Sequence[WorkerNow], name: str) -> WorkerNow:
    found = next((one for one in seen if one.worker.name == name), None)
    if found is None:
        names = ", ".join(one.worker.name for one in seen)
        hint = f"Workers: {names}" if names else "No worker is running."
        raise NotFound(f"There is no worker {clean(name)}.", hint=hint)
    if found.state == DEAD:
        raise NotPossible(f"The worker {name} is dead: nobody would hear it.", hint="deespec lock cleanup")
    return found
