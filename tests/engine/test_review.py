"""A review turn: each decision, and how many rounds there are."""

from __future__ import annotations

from workshop import ACCEPTS, Workshop, eventually, steps

from deespec.backlog import edit
from deespec.model.lifecycle import Status

WANTS_MORE = 'echo "Rename it to g."; echo "DECISION: NEEDS_CHANGES"'


def test_accepted_work_is_done(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]
    assert project.sbi().status is Status.DONE
    assert project.turns()[1].decision == "SUCCEEDED"
    assert project.turns()[1].report == "Good."


def test_wanted_changes_are_in_the_next_prompt(project: Workshop) -> None:
    project.agent(steps(review=WANTS_MORE))
    project.register()
    for expected in ("implemented", "needs_changes", "implemented"):
        assert project.took() == expected
    assert project.sbi().status is Status.REVIEWING
    assert "Rename it to g." in project.prompt(turn=3)


def test_the_implementer_s_report_and_change_are_in_the_review_s_prompt(project: Workshop) -> None:
    project.agent(steps('echo "def f(): ..." > f.py; echo "I added f."; echo "DECISION: IMPLEMENTED"'))
    project.gate("true", name="tests")
    project.register(checks=("test -f f.py",))
    project.drain()
    prompt = project.prompt(turn=2)
    for expected in ("I added f.", "f.py", "+def f(): ...", "`true`", "`test -f f.py`"):
        assert expected in prompt


def test_a_rejected_item_has_failed_and_says_why(project: Workshop) -> None:
    project.agent(steps(review='echo "The spec contradicts itself."; echo "DECISION: FAILED"'))
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["implemented", "rejected"]
    assert (project.sbi().status, project.sbi().reason) == (Status.FAILED, "review")
    assert project.turns()[-1].report == "The spec contradicts itself."


def test_after_three_rounds_a_person_is_asked(project: Workshop) -> None:
    project.agent(steps(review=WANTS_MORE))
    project.register()
    outcomes = [outcome.what for outcome in project.drain()]
    assert outcomes == ["implemented", "needs_changes"] * 3
    assert (project.sbi().status, project.sbi().reason) == (Status.PARKED, "review_rounds")


def test_retried_after_its_rounds_it_gets_the_review_and_new_rounds(project: Workshop) -> None:
    project.agent(steps(review=WANTS_MORE))
    project.settle("run", review_rounds=1)
    project.register()
    project.drain()
    edit.retry(project.app.store, [1], actor="person", hint="Only the public name.")
    assert [outcome.what for outcome in project.drain()] == ["implemented", "needs_changes"]
    assert "Rename it to g." in project.prompt(turn=3)
    assert "Only the public name." in project.prompt(turn=3)


def test_the_reviewer_is_the_one_the_item_names(project: Workshop) -> None:
    project.agent(steps())
    project.agent(ACCEPTS, name="critic")
    project.register(reviewer=("critic",))
    project.drain()
    assert [turn.agent for turn in project.turns()] == ["worker", "critic"]


def test_a_decision_in_the_wrong_step_is_no_answer(project: Workshop) -> None:
    project.agent('echo "DECISION: NEEDS_CHANGES"')
    project.register()
    assert project.took() == "attempt failed"
    assert project.turns() == []


def test_a_review_waits_for_its_own_agent_and_nobody_else(project: Workshop) -> None:
    project.agent(steps())
    project.scripted(
        '[[rules]]\nerror = { blame = "account", code = "rate_limit", message = "later", reset_after_ms = 600000 }',
        name="critic",
    )
    project.register("first", paths=("SBI-1.txt",), reviewer=("critic",))
    project.register("second", paths=("SBI-2.txt",))
    with project.working():
        assert eventually(lambda: project.sbi(2).status is Status.DONE)
    assert project.sbi(1).status is Status.REVIEWING
