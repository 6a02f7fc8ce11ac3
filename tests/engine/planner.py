"""PBIs and agents that decompose them, for tests with a Workshop."""

from __future__ import annotations

import json
import shlex
from typing import Any

from workshop import Workshop

from deespec.backlog.decompose import ask_in
from deespec.backlog.register import Order, register
from deespec.engine.bench import Outcome
from deespec.model.asking import Draft
from deespec.model.ids import decomposition_of
from deespec.model.items import JournalEntry, Kind, Pbi, Sbi, Turn
from deespec.model.spec import new_item
from deespec.model.wanted import Scope

DECOMPOSITIONS = Scope(sbis=False, pbis=True)


def draft(title: str, **values: object) -> dict[str, object]:
    """One draft that nothing is wrong with."""
    usual: dict[str, object] = {
        "title": title,
        "spec": f"Do what {title} says.",
        "acceptance": [{"given": "a list", "when": "one is added", "then": "it is there"}],
        "estimate_hours": 3,
        "labels": [],
        "paths": [],
        "needs": [],
        "only_implement": False,
        "replaces": None,
    }
    return usual | values


def proposal(*drafts: dict[str, object], report: str = "Two parts.") -> str:
    return json.dumps({"report": report, "drafts": list(drafts)})


TWO = proposal(draft("The first"), draft("The second", needs=["1"]))
FAULTY = proposal(draft("Only one"))


def plan(project: Workshop, title: str = "A list", *, asked: bool = True, **fields: Any) -> Pbi:
    """A PBI; `asked`: its decomposition is asked for."""
    app = project.app
    order = Order(kind=Kind.PBI, new=new_item(Kind.PBI, title=title, **fields))
    [done] = register(app.store, [order], uids=[app.clock.uid()], owner="person@test")
    assert isinstance(done.item, Pbi)
    if asked:
        ask(project, done.item.number)
    return done.item


def ask(project: Workshop, number: int = 1, **options: Any) -> Sbi:
    with project.app.store.transaction() as tx:
        return ask_in(tx, tx.pbi(number), actor="person@test", **options)


def says(*answers: str, command: str = "pbi propose") -> str:
    """A script of an agent that hands in these, one in each call, and the last of them from then on."""
    cases = [f"{at}) printf '%s' {shlex.quote(text)} > answer.json;;" for at, text in enumerate(answers[:-1], 1)]
    cases.append(f"*) printf '%s' {shlex.quote(answers[-1])} > answer.json;;")
    return (
        'cd "$DEESPEC_OUTBOX"; echo x >> "$SEEN/calls"; case $(wc -l < "$SEEN/calls" | tr -d " ") in '
        + " ".join(cases)
        + f" esac; deespec {command} -f answer.json"
    )


def turn(project: Workshop) -> Outcome | None:
    return project.turn(scope=DECOMPOSITIONS)


def took(project: Workshop) -> str:
    return project.took(scope=DECOMPOSITIONS)


def work(project: Workshop, number: int = 1) -> Sbi:
    """The decomposition."""
    with project.app.store.read() as tx:
        found = tx.decomposition(number)
    assert found is not None
    return found


def pbi(project: Workshop, number: int = 1) -> Pbi:
    with project.app.store.read() as tx:
        return tx.pbi(number)


def drafts(project: Workshop, number: int = 1) -> list[Draft]:
    with project.app.store.read() as tx:
        return tx.drafts(f"PBI-{number}", decided=True)


def turns(project: Workshop, number: int = 1) -> list[Turn]:
    return project.turns(decomposition_of(number))


def journal(project: Workshop, number: int = 1) -> list[JournalEntry]:
    with project.app.store.read() as tx:
        return tx.journal(item=f"PBI-{number}")


def prompt(project: Workshop, at: int = 1, number: int = 1) -> str:
    """What the agent was told in that turn."""
    [folder] = (project.home / "turns" / f"PBI-{number}").glob(f"{at}.*")
    return (folder / "prompt.md").read_text()
