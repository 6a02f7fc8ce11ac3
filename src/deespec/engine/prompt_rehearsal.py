"""Trying a template out on a turn that has everything to tell, and on one that has nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.config import Gate, Settings
from deespec.engine.guidelines import Guideline, Guidelines
from deespec.engine.prompt_templates import tried, wrong_with
from deespec.engine.prompt_values import COMMANDS, Past, Scene, commands_in, values_of
from deespec.labels import Label
from deespec.model.asking import Draft, Question, Remark
from deespec.model.items import Epic, Pbi, Sbi, Turn
from deespec.model.lifecycle import Step
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORDS = "some words"
SPEC = "what is to be done"
OWN = "deespec"
FILE = "src/a.py"
BARE_PLAN: dict[str, Any] = {
    "pbi": Pbi(number=1, uid="0", title=WORDS, spec=SPEC),
    "epic": None,
    "children": (),
    "more_children": 0,
    "earlier": (),
    "least": 1,
    "most": 1,
    "largest_hours": 8,
    "labels": (),
    "handed_in": None,
    "by_hand": False,
    "proposal_file": "outbox/proposal.json",
    "example": "{}",
}
"""As planning.values() has them."""
FULL_PLAN = BARE_PLAN | {
    "epic": Epic(number=1, uid="0", title=WORDS, spec=WORDS),
    "children": (Sbi(number=2, uid="1", title=WORDS, spec=WORDS, paths=(FILE,)),),
    "more_children": 1,
    "earlier": (Draft(parent="PBI-1", number=1, title=WORDS, spec=WORDS, edited=True, reason=WORDS),),
    "most": 3,
    "labels": (Label(name="a", description=WORDS), Label(name="b")),
    "handed_in": WORDS,
    "by_hand": True,
}


def rehearsal(home: Path) -> Callable[[str, str], str | None]:
    """Tells what is wrong with the template of a step, as `LINE: what`; None: prompts can be made of it."""

    def rehearse(step: str, text: str) -> str | None:
        return wrong_with(text, (_bare(home, Step(step)), _full(home, Step(step))))

    return rehearse


@record
class Rehearsed:
    """What agents would be told by a template that nothing is wrong with."""

    has_spec: bool
    has_answer: bool
    """It names a command by which an agent answers."""
    orders: tuple[str, ...]
    """The commands of deespec that stand by themselves, indented or between fences."""


def rehearsed(home: Path, step: str, text: str) -> Rehearsed:
    told = tried(text, _full(home, Step(step)))
    return Rehearsed(
        has_spec=SPEC in told,
        has_answer=any(f"{OWN} {words}" in told for words in COMMANDS.values()),
        orders=tuple(_orders(told)),
    )


def _orders(told: str) -> Iterator[str]:
    fenced = False
    for line in told.splitlines():
        words = line.strip()
        if words.startswith("```"):
            fenced = not fenced
        elif words.startswith(f"{OWN} ") and (fenced or line.startswith("    ")):
            yield words


def _bare(home: Path, step: Step) -> dict[str, Any]:
    sbi = Sbi(number=1, uid="0", title=WORDS, spec=SPEC)
    values = values_of(_scene(Settings(home=home, root=home.parent), step, sbi), Past(), Guidelines())
    return values | (BARE_PLAN if step is Step.DECOMPOSE else {})


def _full(home: Path, step: Step) -> dict[str, Any]:
    """With what excludes each other in life, too."""
    gate = Gate(name=WORDS, run="true")
    settings = Settings(home=home, root=home.parent, language="ja", gates=(gate,))
    sbi = Sbi(number=1, uid="0", title=WORDS, spec=SPEC, paths=(FILE,), labels=("a",), hint=WORDS, turn=2)
    guidelines = Guidelines(texts=(Guideline(label="a", text=WORDS),), left_out=("b",))
    scene = _scene(settings, step, sbi, conflict=WORDS, drift=(WORDS,))
    values = values_of(scene, _past(), guidelines, ((FILE,), WORDS))
    return (
        values
        | {"findings": (WORDS,), "noted": (WORDS,), "asked_again": WORDS, "spec_changed": True}
        | (FULL_PLAN if step is Step.DECOMPOSE else {})
    )


def _scene(
    settings: Settings, step: Step, sbi: Sbi, *, conflict: str | None = None, drift: tuple[str, ...] = ()
) -> Scene:
    return Scene(
        sbi=sbi,
        step=step,
        turn=sbi.turn + 1,
        settings=settings,
        folder=settings.root,
        outbox="outbox",
        commands=commands_in(OWN, "outbox"),
        conflict=conflict,
        drift=drift,
    )


def _past() -> Past:
    remarks = (
        Remark(text=WORDS, file=FILE, line=1),
        Remark(text=WORDS, must_fix=False),
        Remark(text=WORDS, in_scope=False),
    )
    work = Turn(sbi=1, number=1, step=Step.IMPLEMENT, agent="a", account="a", outcome="implemented", report=WORDS)
    review = replace(work, number=2, step=Step.REVIEW, outcome="needs_changes", remarks=remarks)
    asked = (_question(1, "one"), _question(2, "two"))
    return Past(turns=(work, review), questions=asked, drafts=(WORDS,), failed=WORDS)


def _question(turn: int, key: str) -> Question:
    return Question(sbi=1, turn=turn, text=WORDS, key=key, agent="a", asked_at=0, answer=WORDS)
