"""What `inbox -i` stops at: each thing that waits for a person, with what can be done about it by its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.backlog import edit
from deespec.board.drafted import decision
from deespec.board.inbox import held_tops
from deespec.cli import output
from deespec.cli.commands.draft_views import say_difference
from deespec.cli.commands.inbox_walk import Act, Stop, agreed, ask, say_start
from deespec.cli.full import load
from deespec.cli.manifest import find
from deespec.errors import NotFound
from deespec.model.asking import DraftStatus
from deespec.model.items import Kind
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from deespec.board.landable import ToLand
    from deespec.board.snapshot import AgentNow
    from deespec.board.waiting import Waiting
    from deespec.cli.session import Session
    from deespec.model.asking import Draft
    from deespec.model.items import Line
    from deespec.model.work import Notice
    from deespec.store.items import Item


class Stops:
    """Makes the stops of one walk; what they do are the commands of this call's command line."""

    def __init__(self, ctx: click.Context, session: Session) -> None:
        self._ctx = ctx
        self._session = session

    # --- items that stopped -------------------------------------------------------------------------------------------

    def stopped(self, line: Line) -> Stop:
        kind = line.id.partition("-")[0].lower()

        def show() -> None:
            output.say(f"{line.status} ({line.reason})")
            if line.question:
                say_start(line.question)

        retry = Act(key="r", name="retry", do=lambda: self._retry(line))
        asks = line.reason == "question"
        acts = (
            *((Act(key="a", name="answer", do=lambda: self._answer(line.id)),) if asks else (retry,)),
            *(() if line.decomposes else self._ending(line)),
            Act(key="f", name="show in full", do=lambda: self._look(f"{kind} show", item_id=line.id)),
        )
        return Stop(name=f"{line.id}  {line.title}", show=show, gone=lambda: self._item_gone(line), acts=acts)

    def barred(self, line: Line, why: Waiting) -> Stop:
        """One that has not stopped and that nobody but a person brings on."""

        def show() -> None:
            output.say(f"{line.status}: {clean(why.text)}")
            if why.remedy:
                output.say(f"→ {clean(why.remedy)}")

        kind = line.id.partition("-")[0].lower()
        full = Act(key="f", name="show in full", do=lambda: self._look(f"{kind} show", item_id=line.id))
        return Stop(name=f"{line.id}  {line.title}", show=show, gone=lambda: self._item_gone(line), acts=(full,))

    def held(self, lines: Sequence[Line]) -> list[Stop]:
        """One for each kind of what is held; a PBI or EPIC that is held stands for all below it."""
        with self._session.app.store.read() as tx:
            tops = held_tops(tx, lines)
        kinds = {kind: [top for top in tops if top.id.startswith(kind)] for kind in (Kind.EPIC, Kind.PBI)}
        stops = [self._held_groups(kind, groups) for kind, groups in kinds.items() if groups]
        alone = [top for top in tops if top.id.startswith(Kind.SBI)]
        if alone:
            free = Act(
                key="u", name="unhold all of them", do=lambda: self._run("sbi unhold", ids=[one.id for one in alone])
            )
            stops.append(self._held(alone, f"{len(alone)} held", free))
        return stops

    def _held_groups(self, kind: Kind, groups: Sequence[Line | Item]) -> Stop:
        def free() -> bool:
            return all(self._run(f"{kind.lower()} unhold", item_id=one.id, yes=True) for one in groups)

        act = Act(key="u", name="unhold, with all below", do=free)
        return self._held(groups, f"{len(groups)} {kind}{'s' if len(groups) > 1 else ''} held", act)

    def _held(self, items: Sequence[Line | Item], name: str, act: Act) -> Stop:
        def gone() -> str | None:
            with self._session.app.store.read() as tx:
                there = any(tx.exists(item.id) and tx.item(item.id).held for item in items)
            return None if there else f"{items[0].id}{', …' if len(items) > 1 else ''}: not held by now."

        text = "\n".join(f"{item.id}  {item.title}" for item in items)
        return Stop(name=name, show=lambda: say_start(text), gone=gone, acts=(act,))

    def _ending(self, line: Line) -> tuple[Act, ...]:
        return (
            Act(key="n", name="new start", do=lambda: self._sure("sbi reset", line.id, "from the start?")),
            Act(key="c", name="cancel", do=lambda: self._sure("sbi cancel", line.id, "cancel?")),
        )

    def _retry(self, line: Line) -> bool:
        words = ask("What its next prompt says from you (Enter: nothing):")
        if not line.decomposes:
            return self._run("sbi retry", ids=[line.id], hint=words or None)
        app = self._session.app
        edit.retry(app.store, [line.number], actor=app.person, hint=words or None)
        output.say(f"✓ its decomposition goes on → deespec pbi decompose {line.id}, or deespec run --workflows pbi,sbi")
        return True

    def _answer(self, item_id: str) -> bool:
        words = ask("Your answer (Enter: your editor):")
        return self._run("answer", item_id=item_id, text=(words,) if words else ())

    def _sure(self, command: str, item_id: str, question: str) -> bool:
        return agreed(f"{item_id}: {question}") and self._run(command, ids=[item_id], yes=True)

    def _item_gone(self, line: Line) -> str | None:
        try:
            with self._session.app.store.read() as tx:
                now = tx.sbi(line.number)
        except NotFound:
            return f"{line.id} was deleted meanwhile."
        if now.resume and not line.resume:
            return f"{line.id} goes on by now: somebody else has decided."
        if now.status is not line.status:
            return f"{line.id} is {now.status} by now: somebody else has decided."
        return None

    # --- drafts -------------------------------------------------------------------------------------------------------

    def draft(self, one: Draft) -> Stop:
        earlier = self._earlier(one)

        def show() -> None:
            facts = (
                one.place,
                f"needs {', '.join(one.needs)}" if one.needs else "",
                f"labels {', '.join(one.labels)}" if one.labels else "",
                f"{one.estimate_hours:g} h" if one.estimate_hours is not None else "",
                f"in the place of {one.parent}/{one.replaces}" if earlier is not None else "",
            )
            output.say(clean("draft" + "".join(f" · {fact}" for fact in facts if fact)))
            say_start(self._now(one).spec)

        acts = [
            Act(key="a", name="approve", do=lambda: self._run("approve", ids=[one.id])),
            Act(key="h", name="approve held", do=lambda: self._run("approve", ids=[one.id], hold=True)),
            Act(key="r", name="reject", do=lambda: self._reject(one)),
            Act(key="e", name="edit", do=lambda: self._look("edit", item_id=one.id)),
            Act(key="f", name="show in full", do=lambda: self._look("drafts", item_id=one.id)),
        ]
        if one.needs:
            acts.insert(
                1, Act(key="w", name="with needs", do=lambda: self._run("approve", ids=[one.id], with_needs=True))
            )
        if earlier is not None:
            acts.append(Act(key="d", name="diff", do=lambda: self._difference(earlier, one)))
        return Stop(name=f"{one.id}  {one.title}", show=show, gone=lambda: self._draft_gone(one), acts=tuple(acts))

    def _earlier(self, one: Draft) -> Draft | None:
        if one.replaces is None:
            return None
        with self._session.app.store.read() as tx:
            return tx.draft(one.parent, one.replaces)

    def _now(self, one: Draft) -> Draft:
        with self._session.app.store.read() as tx:
            return tx.draft(one.parent, one.number)

    def _reject(self, one: Draft) -> bool:
        reason = ask("Why (Enter: not after all):")
        return bool(reason) and self._run("reject", ids=[one.id], reason=reason)

    def _difference(self, earlier: Draft, one: Draft) -> bool:
        say_difference(self._session, earlier, self._now(one))
        return False

    def _draft_gone(self, one: Draft) -> str | None:
        now = self._now(one)
        if now.status is DraftStatus.OPEN:
            return None
        return f"{one.id} is {decision(now) or now.status} by now."

    # --- the rest -----------------------------------------------------------------------------------------------------

    def agent(self, one: AgentNow) -> Stop:
        pause = one.pause
        assert pause is not None

        def gone() -> str | None:
            with self._session.app.store.read() as tx:
                there = any(each.account == pause.account and each.until_at is None for each in tx.pauses())
            return None if there else f"agent {one.name} goes on by now."

        act = Act(key="r", name="resume", do=lambda: self._run("agent resume", name=one.name))
        return Stop(
            name=f"agent {one.name} is paused ({pause.reason})",
            show=lambda: say_start(pause.message),
            gone=gone,
            acts=(act,),
        )

    def notice(self, one: Notice) -> Stop:
        def show() -> None:
            say_start(one.text)
            if one.remedy:
                output.say(f"→ {clean(one.remedy)}")

        def gone() -> str | None:
            with self._session.app.store.read() as tx:
                there = any(each.name == one.name for each in tx.notices())
            return None if there else f"{one.name.replace('_', ' ')}: that is over."

        return Stop(name=one.name.replace("_", " "), show=show, gone=gone)

    def landing(self, one: ToLand) -> Stop:
        def show() -> None:
            say_start("\n".join(one.items))
            for text in (one.obstacle, f"→ {one.remedy}" if one.remedy else None):
                if text:
                    output.say(clean(text))

        name = f"to land: {one.base} does not have {one.commits} commit{'s' if one.commits > 1 else ''} of {one.target}"
        acts = (
            Act(key="l", name="land", do=lambda: self._run("land")),
            Act(key="f", name="what it would do", do=lambda: self._look("land", dry_run=True)),
        )
        return Stop(name=name, show=show, gone=lambda: None, acts=acts)

    # --- by the commands ----------------------------------------------------------------------------------------------

    def _run(self, path: str, **given: Any) -> bool:
        """Whether the command has done it."""
        return self._called(path, given) == 0

    def _look(self, path: str, **given: Any) -> bool:
        self._called(path, given)
        return False

    def _called(self, path: str, given: dict[str, Any]) -> object:
        above, _, name = path.rpartition(" ")
        entry = find(above, name)
        assert entry is not None, f"there is no command {path}"
        return self._ctx.invoke(load(above, entry), **given)
