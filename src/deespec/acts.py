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
from deespec.board.workers import DEAD, workers_now
from deespec.errors import InvalidInput, NotFound, NotPossible
from deespec.model.asking import DraftStatus
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

NAMED_MOST = 20
"""So many ids are named in one line; of more, how many there are."""
WORDS_MOST = 100_000
"""Characters of what a person says with an act."""


class Says(StrEnum):
    """Whether words of the person belong to an act."""

    NOTHING = "nothing"
    MAY = "may"
    MUST = "must"


@record
class Act:
    """What can be done with an item."""

    name: str
    title: str
    """As a button says it."""
    key: str
    """On a keyboard, where there is one to be pressed."""
    possible: Callable[[Line], bool]
    do: Callable[[App, int, str | None], object]
    done: str
    """What the item is then."""
    says: Says = Says.NOTHING
    words: str = ""
    """What the words are for."""
    asks: Callable[[Line], str | None] = lambda _: None
    """What is to be confirmed first, if it is."""


# --- SBIs, and the decompositions of PBIs -----------------------------------------------------------------------------


def _holdable(line: Line) -> bool:
    return not (line.held or line.decomposes or line.status in ENDED)


def _running(line: Line) -> bool:
    return line.lease_token is not None


def _stopped(line: Line) -> bool:
    return line.stopped and not line.resume


def _deletable(line: Line) -> bool:
    return line.status in (Status.PENDING, Status.CANCELLED) and not (line.turn or line.decomposes or _running(line))


ACTS: tuple[Act, ...] = (
    Act(
        name="answer",
        title="Answer",
        key="a",
        possible=lambda line: line.status is Status.PARKED and not line.resume,
        do=lambda app, number, words: edit.answer(app.store, number, words or "", actor=app.person),
        done="goes on at the next claim",
        says=Says.MUST,
        words="Your answer, or what its next prompt is to say from you",
    ),
    Act(
        name="retry",
        title="Retry",
        key="r",
        possible=_stopped,
        do=lambda app, number, words: edit.retry(app.store, [number], actor=app.person, hint=words),
        done="goes on at the next claim",
        says=Says.MAY,
        words="What its next prompt says from you",
    ),
    Act(
        name="hold",
        title="Hold",
        key="h",
        possible=_holdable,
        do=lambda app, number, _: edit.hold(app.store, [number], actor=app.person),
        done="held",
    ),
    Act(
        name="hold_now",
        title="Hold and stop its agent",
        key="H",
        possible=lambda line: _running(line) and not (line.decomposes or line.status in ENDED),
        do=lambda app, number, _: edit.hold(app.store, [number], actor=app.person, now=True),
        done="held",
        asks=lambda line: f"{line.id}: stop its agent now? No attempt is used.",
    ),
    Act(
        name="unhold",
        title="Unhold",
        key="u",
        possible=lambda line: line.held and not line.decomposes,
        do=lambda app, number, _: edit.unhold(app.store, [number], actor=app.person),
        done="free",
    ),
    Act(
        name="reset",
        title="Start again",
        key="R",
        possible=lambda line: can(line.status, Event.RESET) and not line.decomposes,
        do=lambda app, number, _: edit.reset(app.store, [number], actor=app.person),
        done="reset",
        asks=lambda line: f"{line.id}: start again from the beginning?",
    ),
    Act(
        name="cancel",
        title="Cancel",
        key="c",
        possible=lambda line: can(line.status, Event.CANCELLED) and not line.decomposes,
        do=lambda app, number, words: edit.cancel(app.store, [number], actor=app.person, reason=words),
        done="cancelled",
        says=Says.MAY,
        words="Why, for the history",
        asks=lambda line: f"{line.id}: {'stop its agent and ' if _running(line) else ''}cancel?",
    ),
    Act(
        name="delete",
        title="Delete",
        key="D",
        possible=_deletable,
        do=lambda app, number, _: edit.delete(app.store, f"SBI-{number}", actor=app.person),
        done="deleted",
        asks=lambda line: f"{line.id}: delete for good?",
    ),
)


def acts_for(line: Line) -> tuple[Act, ...]:
    """What is possible with the item as it is now."""
    return tuple(act for act in ACTS if act.possible(line))


def carry_out(app: App, name: str, number: int, *, words: str | None = None) -> str:
    """Does it, and says so. Raises NotFound, InvalidInput for words that are missing, NotPossible as things are now."""
    act = next((one for one in ACTS if one.name == name), None)
    if act is None:
        raise NotFound(f"There is no act {clean(name)[:40]}.", hint=f"Acts: {', '.join(one.name for one in ACTS)}")
    with app.store.read() as tx:
        line = tx.line(number)
    said = said_with(act.says, words, what=act.words)
    if not act.possible(line):
        raise NotPossible(f"{line.id} is {_state(line)}: {act.title.lower()} is not possible now.")
    act.do(app, number, said)
    return f"{line.id} {act.done}"


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


def _state(line: Line) -> str:
    running = ", being worked on" if _running(line) else ""
    return f"{line.status}{' and held' if line.held else ''}{running}"


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


def effect_lines(item_id: str, effect: Effect) -> list[str]:
    """What else an act on a PBI or EPIC concerns, in words."""
    others = [group for group in effect.groups if group != item_id]
    counted = {
        "PBI": others,
        "SBI": effect.sbis,
        "decomposition": effect.decompositions,
        "running agent": effect.stopped,
    }
    lines = [f"{_count(len(ids), name)}: {named(ids)}" for name, ids in counted.items() if ids]
    lines += [f"left: {one} {why}" for one, why in effect.left[:NAMED_MOST]]
    lines += [f"left: {len(effect.left) - NAMED_MOST} more"] if len(effect.left) > NAMED_MOST else []
    lines += [f"blocked then: {named(effect.blocked)}"] if effect.blocked else []
    return lines


def named(ids: Sequence[str]) -> str:
    """The first of them, and how many more."""
    more = f" and {len(ids) - NAMED_MOST} more" if len(ids) > NAMED_MOST else ""
    return f"{', '.join(ids[:NAMED_MOST])}{more}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


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


def decided_line(one: Decided) -> str:
    """What became of a draft."""
    draft = one.draft
    match draft.status:
        case DraftStatus.APPROVED if not one.fresh:
            return f"{draft.id} is registered already as {draft.registered}."
        case DraftStatus.APPROVED:
            held = ", held" if one.held else ""
            without = f", without {', '.join(one.without)}" if one.without else ""
            why = f" ({one.why})" if one.why else ""
            return f"✓ {draft.id} registered as {draft.registered}{held}{without}{why}"
        case DraftStatus.WAITING if one.waits_for:
            ids = one.waits_for
            both = f"with what it needs: deespec approve {draft.id} --with-needs"
            return f"{draft.id} waits for {', '.join(ids)}: deespec approve {' '.join(ids)}; {both}"
        case DraftStatus.OPEN if one.why:
            return f"{draft.id} is open again: {clean(one.why)}"
        case DraftStatus.REJECTED:
            return f"✓ {draft.id} rejected"
        case _:
            return f"✓ {draft.id} changed"


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
