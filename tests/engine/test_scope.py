"""A worker with a scope ends and works by what lies in it, whatever others do."""

from __future__ import annotations

from workshop import IMPLEMENTS, WAITS, Workshop, eventually, steps

from deespec.model.items import AgentPause, Priority
from deespec.model.lifecycle import Status
from deespec.model.wanted import Scope

OURS = Scope(label="ours")
ASKS = 'echo "DECISION: QUESTION (which?)"'
SLOW_ONE = f'if test $DEESPEC_ITEM = SBI-1; then touch "$SEEN/begun"; {WAITS}; fi\n'


def drain_in_thread(project: Workshop, scope: Scope) -> None:
    """Ends only when the scope is drained: a worker that waited for what lies outside would wait for ever."""
    with project.working(drain=True, scope=scope) as crew:
        assert eventually(lambda: crew.stopping), "it waits for something outside of its scope"


def test_a_drain_does_not_wait_for_an_agent_at_work_out_of_its_scope(project: Workshop) -> None:
    project.agent(steps(SLOW_ONE + ASKS))
    project.register(paths=("SBI-1.txt",))
    project.register(paths=("SBI-2.txt",), labels=("ours",))
    with project.working(scope=Scope(numbers=(1,))):
        assert eventually(lambda: project.saw("begun") is not None)
        drain_in_thread(project, OURS)
        (project.seen / "go").touch()
    assert project.sbi(2).status is Status.PARKED


def test_a_drain_does_not_wait_for_the_end_of_a_pause_out_of_its_scope(project: Workshop) -> None:
    project.agent(steps())
    project.agent("exit 1", name="paused")
    project.agent("exit 1", name="resting")
    project.register(agent=("paused",))
    project.register(agent=("resting",), labels=("ours",))
    hour = project.app.clock.now_ms() + 3_600_000
    with project.app.store.transaction() as tx:
        for name, until in (("paused", hour), ("resting", None)):
            account = project.app.account(name)
            tx.pause(AgentPause(account=account, agent=name, reason="", message="", until_at=until), actor="test")
    drain_in_thread(project, OURS)


def test_an_item_that_no_worker_takes_any_more_holds_nobody_up(project: Workshop) -> None:
    project.agent(steps(SLOW_ONE + IMPLEMENTS.replace("$DEESPEC_ITEM", "docs/b/$DEESPEC_ITEM")))
    (project.root / "docs" / "b").mkdir(parents=True)
    project.register(paths=("docs/a/**",))
    with project.working(scope=Scope(numbers=(1,))):
        assert eventually(lambda: project.saw("begun") is not None)
        project.register("Refused", paths=("docs/**",), priority=Priority.URGENT)
        with project.working(scope=Scope(numbers=(2,))):
            assert eventually(lambda: project.sbi(2).waits_on == 1)
        project.register(paths=("docs/b/**",), labels=("ours",))
        drain_in_thread(project, OURS)
        assert project.sbi(3).status is Status.DONE
        (project.seen / "go").touch()
