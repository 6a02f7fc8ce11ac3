"""A claim that is taken away while its agent works: the agent ends, its processes with it, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from workshop import IMPLEMENTS, WAITS, Workshop, eventually, processes_with, steps

from deespec.agents.base import AgentError, AgentResult, Blame
from deespec.backlog import edit
from deespec.engine.acted import Acted, Answered, Failed, GivenBack, Needed
from deespec.engine.bench import Bench
from deespec.engine.turn import settle, take
from deespec.engine.worker import Crew, Orders
from deespec.errors import LeaseLost
from deespec.model.items import Answer, Claim
from deespec.model.lifecycle import Status

SOON_S = 4
"""An agent is to be gone within 2 s; this leaves room for a machine that is busy with other tests."""

STUBBORN = """
trap '' TERM INT HUP
(setsid sh -c 'trap "" TERM; echo $$ > "$SEEN/child"; sleep 600; sleep 600' > /dev/null 2>&1 &)
while ! test -s "$SEEN/child"; do sleep 0.02; done
echo $$ > "$SEEN/begun"
while :; do sleep 0.1; done
"""
"""Ignores every polite signal, and has a child in a session of its own that does so, too."""


@contextmanager
def begun(project: Workshop, script: str) -> Iterator[Crew]:
    """A worker whose agent has begun."""
    project.agent(script)
    project.register()
    with project.working() as crew:
        assert eventually(lambda: project.saw("begun"))
        yield crew


def claim_text(project: Workshop) -> str:
    with project.app.store.read() as tx:
        return f"{tx.epoch()}-{tx.line(1).lease_token}"


def test_a_cancelled_item_s_agent_is_gone_within_two_seconds(project: Workshop) -> None:
    with begun(project, STUBBORN):
        claim = claim_text(project)
        assert len(processes_with("DEESPEC_CLAIM", claim)) >= 3
        edit.cancel(project.app.store, [1], actor="person", reason="not wanted")
        assert eventually(lambda: not processes_with("DEESPEC_CLAIM", claim), patience_s=SOON_S)
    sbi = project.sbi()
    assert (sbi.status, sbi.reason, sbi.turn, sbi.attempts) == (Status.CANCELLED, "not wanted", 0, 0)
    assert project.turns() == []
    assert project.events()[-1] == "cancelled"


def test_hold_now_stops_the_agent_and_uses_no_attempt(project: Workshop) -> None:
    with begun(project, STUBBORN):
        claim = claim_text(project)
        edit.hold(project.app.store, [1], actor="person", now=True)
        assert eventually(lambda: not processes_with("DEESPEC_CLAIM", claim), patience_s=SOON_S)
    sbi = project.sbi()
    assert (sbi.status, sbi.held, sbi.turn, sbi.attempts) == (Status.IMPLEMENTING, True, 0, 0)


def test_held_and_freed_it_goes_on_with_the_same_turn(project: Workshop) -> None:
    script = f'if test -e "$SEEN/begun"; then {IMPLEMENTS}; else touch "$SEEN/begun"; sleep 600; fi'
    project.agent(steps(script))
    project.register()
    with project.working():
        assert eventually(lambda: project.saw("begun") is not None)
        edit.hold(project.app.store, [1], actor="person", now=True)
        edit.unhold(project.app.store, [1], actor="person")
        assert eventually(lambda: project.sbi().status is Status.DONE)
    assert [turn.number for turn in project.turns()] == [1, 2]
    assert project.sbi().attempts == 0


def test_held_without_now_it_ends_its_turn_first(project: Workshop) -> None:
    with begun(project, steps(f'echo $$ > "$SEEN/begun"; {WAITS}; {IMPLEMENTS}')):
        edit.hold(project.app.store, [1], actor="person")
        (project.seen / "go").touch()
        assert eventually(lambda: project.sbi().turn == 1)
    assert (project.sbi().status, project.sbi().turn) == (Status.REVIEWING, 1)
    assert project.took() == "nothing"


def test_a_claim_that_goes_while_gates_run_ends_them_and_nothing_is_written(project: Workshop) -> None:
    stubborn = 'trap "" TERM; echo $$ > "$SEEN/begun"; while :; do sleep 0.1; done'
    project.gate(stubborn, env={"SEEN": str(project.seen)})
    with begun(project, steps()):
        claim = claim_text(project)
        edit.cancel(project.app.store, [1], actor="person")
        assert eventually(lambda: not processes_with("DEESPEC_CLAIM", claim), patience_s=SOON_S)
    assert (project.sbi().status, project.turns()) == (Status.CANCELLED, [])


def test_a_cancelled_item_that_is_reset_begins_without_the_answers_of_before(project: Workshop) -> None:
    late = "deespec sbi report --type implement --text 'From before.'; echo x > \"$SEEN/begun\"; sleep 600"
    script = f'if test -e "$SEEN/begun"; then {IMPLEMENTS}; else {late}; fi'
    with begun(project, steps(script)):
        edit.cancel(project.app.store, [1], actor="person")
        edit.reset(project.app.store, [1], actor="person")
        assert eventually(lambda: project.sbi().status is Status.DONE)
    assert "From before." not in [turn.report for turn in project.turns()]


# --- whoever settles a claim that is not his any more changes nothing -----------------------------------------------


def loser(project: Workshop) -> tuple[Bench, Claim]:
    """A worker with a claim."""
    project.agent(steps())
    project.register()
    crew = Crew(project.app, Orders(), tell=lambda _: None)
    claim = take(crew.bench)
    assert isinstance(claim, Claim)
    return crew.bench, claim


def acts(claim: Claim) -> dict[str, Acted]:
    result = AgentResult()
    errors = {blame: AgentError(blame=blame, code="any", message="any") for blame in Blame}
    return {
        "answered": Answered(sbi=claim.sbi, answer=Answer(kind="nothing", text="why"), result=result),
        "question": Answered(sbi=claim.sbi, answer=Answer(kind="question", text="why?"), result=result),
        "given back": GivenBack(why="workspace"),
        "stopped": GivenBack(why="stopped", setback=False),
        "needed": Needed(reason="leftovers", question="?"),
        **{f"failed: {blame}": Failed(error=error, result=result) for blame, error in errors.items()},
    }


def everything(project: Workshop) -> tuple[object, ...]:
    with project.app.store.read() as tx:
        return tx.sbi(1), tx.line(1), tx.turns(1), tx.journal(), tx.pauses(), tx.calls_of(1)


@pytest.mark.parametrize("what", ["answered", "question", "given back", "stopped", "needed"])
def test_the_loser_of_a_claim_changes_nothing(project: Workshop, what: str) -> None:
    bench, claim = loser(project)
    edit.hold(project.app.store, [1], actor="person", now=True)
    before = everything(project)
    with pytest.raises(LeaseLost):
        settle(bench, claim, acts(claim)[what])
    assert everything(project) == before


@pytest.mark.parametrize("blame", list(Blame))
def test_the_loser_of_a_claim_pauses_nobody_and_uses_no_attempt(project: Workshop, blame: Blame) -> None:
    bench, claim = loser(project)
    edit.hold(project.app.store, [1], actor="person", now=True)
    before = everything(project)
    with pytest.raises(LeaseLost):
        settle(bench, claim, acts(claim)[f"failed: {blame}"])
    assert everything(project) == before


def test_a_new_owner_s_turn_is_not_ended_by_the_old_one(project: Workshop) -> None:
    bench, claim = loser(project)
    edit.hold(project.app.store, [1], actor="person", now=True)
    edit.unhold(project.app.store, [1], actor="person")
    again = take(bench)
    assert isinstance(again, Claim)
    assert again.token > claim.token
    with pytest.raises(LeaseLost):
        settle(bench, claim, acts(claim)["answered"])
    assert settle(bench, again, acts(again)["question"]).what == "question"
    assert [turn.token for turn in project.turns()] == [again.token]
