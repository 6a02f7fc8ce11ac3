"""Every loop ends: turns, attempts, time. What has run out FAILED with the reason, and is never DONE."""

from __future__ import annotations

import re

import pytest
from workshop import Workshop, steps

from deespec.backlog import edit
from deespec.errors import BadConfig
from deespec.model.lifecycle import Status

CHANGES_NOTHING = steps('echo "DECISION: IMPLEMENTED"')


def test_out_of_turns_is_failed_not_done(project: Workshop) -> None:
    project.agent(CHANGES_NOTHING)
    project.settle("run", max_turns=3)
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["findings"] * 3
    assert (project.sbi().status, project.sbi().reason) == (Status.FAILED, "turns")


def test_the_last_turn_does_not_pass_without_its_review(project: Workshop) -> None:
    project.agent(steps())
    project.register(max_turns=1)
    project.drain()
    assert (project.sbi().status, project.sbi().reason) == (Status.FAILED, "turns")


def test_a_review_that_wants_more_on_the_last_turn_fails_the_item(project: Workshop) -> None:
    project.agent(steps(review='echo more; echo "DECISION: NEEDS_CHANGES"'))
    project.register(max_turns=2)
    project.drain()
    assert (project.sbi().status, project.sbi().reason) == (Status.FAILED, "turns")


def test_retry_grants_turns_anew_and_goes_on_where_it_stopped(project: Workshop) -> None:
    project.agent(steps())
    project.register(max_turns=1)
    project.drain()
    edit.retry(project.app.store, [1], actor="person")
    assert [outcome.what for outcome in project.drain()] == ["succeeded"]
    assert [turn.number for turn in project.turns()] == [1, 2]


# --- attempts -------------------------------------------------------------------------------------------------------


def test_a_call_without_an_answer_is_an_attempt_not_a_turn(project: Workshop) -> None:
    project.agent("echo 'I did some things.'")
    project.register()
    outcome = project.turn()
    assert outcome is not None
    assert outcome.what == "attempt failed"
    assert (outcome.error or "").startswith("no_answer: It ended without an answer")
    sbi = project.sbi()
    assert (sbi.status, sbi.turn, sbi.attempts) == (Status.IMPLEMENTING, 0, 1)


def test_a_failed_attempt_is_tried_again_after_a_while(project: Workshop) -> None:
    project.agent("exit 1")
    project.settle("run", retry_delay="10 min")
    project.register()
    project.turn()
    sbi = project.sbi()
    assert 600_000 <= (sbi.not_before or 0) - sbi.updated_at <= 720_000
    assert project.took() == "nothing"


def test_out_of_attempts_is_failed_with_the_error_in_the_journal(project: Workshop) -> None:
    project.agent("echo 'no disk' >&2; exit 7")
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["attempt failed"] * 3
    assert (project.sbi().status, project.sbi().reason) == (Status.FAILED, "attempts")
    assert "It ended with exit code 7: no disk" in (project.journal()[-1].error or "")


def test_a_turn_that_ends_well_forgets_the_attempts_before_it(project: Workshop) -> None:
    project.agent(steps(f'if test -f "$SEEN/twice"; then echo a > a; echo "DECISION: IMPLEMENTED"; {COUNT}; fi'))
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["attempt failed"] * 2 + ["implemented", "succeeded"]
    assert [turn.attempt for turn in project.turns()] == [3, 1]


COUNT = 'elif test -f "$SEEN/once"; then touch "$SEEN/twice"; else touch "$SEEN/once"'


def test_a_killed_agent_is_an_attempt(project: Workshop) -> None:
    project.agent("kill -9 $$")
    project.register()
    outcome = project.turn()
    assert outcome is not None
    assert outcome.error == "crash: It ended with signal 9."


def test_retry_grants_attempts_anew(project: Workshop) -> None:
    project.agent(steps('if test -f "$SEEN/fixed"; then echo a > a; echo "DECISION: IMPLEMENTED"; else exit 1; fi'))
    project.register()
    project.drain()
    (project.seen / "fixed").touch()
    edit.retry(project.app.store, [1], actor="person")
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]


# --- time -----------------------------------------------------------------------------------------------------------


def test_a_turn_that_takes_too_long_is_an_attempt(project: Workshop) -> None:
    project.agent("sleep 600")
    project.settle("run", turn_timeout="400 ms")
    project.register()
    outcome = project.turn()
    assert outcome is not None
    assert outcome.error == "timeout: The turn took longer than its limit."


def test_an_agent_that_shows_no_sign_of_life_is_an_attempt(project: Workshop) -> None:
    project.agent("sleep 600", idle_timeout="400 ms")
    project.register()
    outcome = project.turn()
    assert outcome is not None
    assert outcome.error == "idle: There was no sign of life for the whole idle limit."


def test_a_command_agent_may_be_silent_unless_that_is_limited(project: Workshop) -> None:
    project.agent("sleep 1; echo 'DECISION: NOTHING (all is well)'")
    project.settle("run", idle_timeout="200 ms")
    project.register()
    assert project.took() == "implemented"


# --- the workspace's errors are not the item's ----------------------------------------------------------------------


def test_a_workspace_that_fails_uses_no_attempt_and_asks_a_person_the_third_time(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    (project.root / ".git" / "index").write_bytes(b"damaged" * 10)
    outcomes = project.drain()
    assert [outcome.what for outcome in outcomes] == ["given back"] * 3
    sbi = project.sbi()
    assert (sbi.status, sbi.reason, sbi.attempts) == (Status.PARKED, "workspace", 0)
    assert re.search("git .* failed", sbi.question or "")


def test_a_prompt_that_cannot_be_rendered_ends_the_worker_and_frees_the_item(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    prompts = project.home / "prompts"
    prompts.mkdir()
    (prompts / "implement.md").write_text("{{ nothing_of_that_name }}")
    with pytest.raises(BadConfig, match="cannot be rendered"):
        project.turn()
    assert (project.sbi().attempts, project.sbi().setbacks) == (0, 0)
    (prompts / "implement.md").write_text("Do {{ item.title }}.")
    assert project.took() == "implemented"
