"""The prompt that the next turn of an item would get, without a claim: nothing is written, and no folder is made."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deespec.config import with_terms
from deespec.config_home import CONFIG_NAME
from deespec.engine.itself import own_command
from deespec.engine.place import drift_since
from deespec.engine.prompt_values import COMMANDS, Scene, commands_in
from deespec.engine.prompts import prompt_of, told_left_out
from deespec.engine.terms import committed
from deespec.errors import InvalidInput
from deespec.model.ids import decomposition_of
from deespec.model.items import Kind, Sbi
from deespec.model.lifecycle import ENDED, Step
from deespec.overrides import refuse_unknown
from deespec.workspace.branches import commit_of

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.app import App
    from deespec.config import Settings
    from deespec.model.work import Work
    from deespec.store.base import Transaction

OUTBOX = "<outbox of the turn>"
"""In the place of the folder that is made with the claim."""
ANYWHERE = "<a folder outside of the project>"
"""The same for a decomposition, whose prompt people may give to an agent themselves."""


def preview(app: App, step: str, item_id: str, *, by_hand: bool = False) -> tuple[str, tuple[str, ...]]:
    """The prompt, and what is to be known of it. `by_hand`: a person gives it to whatever agent, and hands in
    what comes of it. Raises NotFound, InvalidInput, BadConfig."""
    refuse_unknown(step)
    wanted = Step(step)
    _refuse_other_kind(wanted, item_id)
    with app.store.read() as tx:
        sbi = _worked_on(tx, item_id)
        work = tx.work(sbi.number)
    settings = _agreed(app)
    outbox = "" if by_hand else ANYWHERE if sbi.decomposes else OUTBOX
    scene = Scene(
        sbi=sbi,
        step=wanted,
        turn=sbi.turn + 1,
        settings=settings,
        folder=app.settings.root if by_hand else _folder(app, sbi, work),
        outbox=outbox,
        commands=_commands(sbi, outbox),
        conflict=work.conflict,
        drift=_drift(app, sbi, work),
        by_hand=by_hand,
    )
    text, left_out = prompt_of(app, scene)
    told = (told_left_out(sbi.id, left_out),) if left_out else ()
    return text, (*told, *_apart_from_life(sbi, wanted))


def _commands(sbi: Sbi, outbox: str) -> dict[str, str]:
    """Outside of a turn a proposal has to say whose it is."""
    found = commands_in(" ".join(shlex.quote(word) for word in own_command()), outbox)
    name = COMMANDS["propose"]
    return (
        found | {"propose": found["propose"].replace(f" {name} ", f" {name} {sbi.id} ", 1)} if sbi.decomposes else found
    )


def _refuse_other_kind(step: Step, item_id: str) -> None:
    is_pbi = item_id.startswith(Kind.PBI)
    if is_pbi and step is not Step.DECOMPOSE:
        raise InvalidInput(f"{item_id} is a PBI: turns to {step} are of SBIs.", hint=f"deespec pbi show {item_id}")
    if not is_pbi and step is Step.DECOMPOSE:
        raise InvalidInput(f"{item_id} is no PBI: only those are decomposed.", hint="deespec pbi list")
    if not is_pbi and not item_id.startswith(Kind.SBI):
        raise InvalidInput(f"{item_id} is worked on through its PBIs.", hint=f"deespec epic show {item_id}")


def _worked_on(tx: Transaction, item_id: str) -> Sbi:
    """The SBI, or the decomposition of the PBI, which may not have been asked for yet."""
    item = tx.item(item_id)
    if isinstance(item, Sbi):
        return item
    return tx.decomposition(item.number) or Sbi(
        number=decomposition_of(item.number),
        uid=item.uid,
        title=item.title,
        spec=item.spec,
        parent=item.id,
        labels=item.labels,
    )


def _agreed(app: App) -> Settings:
    """As Terms has them, which may write that the base has moved."""
    if app.settings.workspace_mode != "worktree":
        return app.settings
    commit = _base(app)
    text = committed(app, commit) if commit is not None else None
    return app.settings if text is None else with_terms(app.settings, text, f"{app.base}:{CONFIG_NAME}")


def _base(app: App) -> str | None:
    return commit_of(app.settings.root, app.base) or app.repository.git.resolve(f"refs/heads/{app.base}")


def _folder(app: App, sbi: Sbi, work: Work) -> Path:
    if app.settings.workspace_mode != "worktree":
        return app.settings.root
    if sbi.decomposes:
        return app.target.checkouts / sbi.id
    return app.settings.home / "worktrees" / work.name


def _drift(app: App, sbi: Sbi, work: Work) -> tuple[str, ...]:
    if app.settings.workspace_mode != "worktree":
        return ()
    begins = (_base(app), app.target.tip()) if work.start is None else (work.start,)
    return drift_since(app, work, sbi.paths, ends=tuple(one for one in begins if one is not None))


def _apart_from_life(sbi: Sbi, step: Step) -> tuple[str, ...]:
    """Where the item is not before such a turn."""
    due = Step.IMPLEMENT if sbi.step in (None, Step.PREPARE) and not sbi.stopped else sbi.step
    if sbi.status in ENDED:
        return (f"{sbi.id} is {sbi.status}: no turn follows.",)
    if sbi.decomposes or due in (None, step):
        return ()
    return (f"The next step of {sbi.id} is to {due}.",)
