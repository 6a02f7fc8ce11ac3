"""Prompts: templates that carry spec, guidelines, findings so far, and the exact commands to answer with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.engine import planning
from deespec.engine.asking import ASKS
from deespec.engine.calling import step_for
from deespec.engine.guidelines import guidelines_of
from deespec.engine.prompt_templates import render as render_template
from deespec.engine.prompt_values import Scene, commands, load_change, past_of, values_of
from deespec.model.lifecycle import Step

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.engine.bench import Bench
    from deespec.engine.place import Place
    from deespec.model.items import Claim

LEFT_OUT = "guidelines_left_out"
"""The event of a turn whose prompt had no room for all of them."""


def render(bench: Bench, claim: Claim, place: Place) -> str:
    """The prompt of this turn. What did not fit into it is told to people once. Raises BadConfig."""
    scene = Scene(
        sbi=claim.sbi,
        step=step_for(claim),
        turn=claim.turn,
        settings=bench.settings,
        folder=place.folder,
        outbox=claim.outbox,
        commands=commands(claim),
        conflict=place.work.conflict if place.work else None,
        drift=place.drift(),
    )
    text, left_out = prompt_of(bench.app, scene)
    if left_out:
        _tell_left_out(bench, claim, left_out)
    return text


def prompt_of(app: App, scene: Scene) -> tuple[str, tuple[str, ...]]:
    """The prompt, and the guidelines that did not fit into it."""
    sbi, home = scene.sbi, app.settings.home
    with app.store.read() as tx:
        past = past_of(tx, sbi, scene.turn)
        guidelines = guidelines_of(scene.settings, tx, sbi)
        planned = {}
        if sbi.decomposes:
            planned = planning.values(tx, sbi, past.turns, home=home, outbox=scene.outbox, by_hand=scene.by_hand)
    values = values_of(scene, past, guidelines, load_change(home, sbi.id, past.turns)) | planned
    return render_template(home, scene.step, values), guidelines.left_out


def ask_again(claim: Claim) -> str:
    """What is said in the same session to an agent that ended without an answer."""
    key = {Step.REVIEW: "succeeded", Step.RESOLVE: "resolve", Step.DECOMPOSE: "propose"}.get(step_for(claim))
    command = commands(claim)[key or "implement"]
    words = "the list of drafts as JSON" if key == "propose" else "the DECISION line that you were told of"
    return (
        "Your turn has ended without an answer that could be read. Do not do the work again. Answer now, by this "
        f"command (or the variants of it that you were given):\n\n    {command}\n\n"
        f"or by ending your message with {words}.\n"
    )


def session(bench: Bench, claim: Claim) -> str | None:
    """The session to go on in: the one in which this agent worked on the item last.

    A review begins afresh, unless it has asked something just now.
    """
    with bench.app.store.read() as tx:
        turns = [turn for turn in tx.turns(claim.sbi.number) if turn.number > claim.sbi.turns_reset]
    if step_for(claim) is Step.REVIEW:
        own = [turn for turn in turns[-1:] if turn.step is Step.REVIEW and turn.outcome in ASKS]
    else:
        own = [turn for turn in turns if turn.step is not Step.REVIEW]
    same = [turn for turn in own if turn.agent == claim.agent]
    return same[-1].session if same else None


def _tell_left_out(bench: Bench, claim: Claim, names: tuple[str, ...]) -> None:
    """In the journal once for a turn, however often it is tried."""
    with bench.app.store.transaction() as tx:
        tx.must_own(claim)
        known = tx.journal(item=claim.sbi.id, event=LEFT_OUT, newest=True, limit=1)
        if any(one.turn == claim.turn for one in known):
            return
        tx.note(bench.actor, LEFT_OUT, item=claim.sbi.id, turn=claim.turn, detail=json.dumps(names))
    bench.tell(told_left_out(claim.sbi.id, names))


def told_left_out(item: str, what: tuple[str, ...]) -> str:
    return f"{item}: guidelines left out of its prompt: {'; '.join(what)}"
