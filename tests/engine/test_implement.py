"""An implement turn: each way it can end, and what the item and the next turn make of it."""

from __future__ import annotations

import pytest
from workshop import ACCEPTS, Workshop, steps

from deespec.backlog import edit
from deespec.model.lifecycle import Status


def test_work_with_evidence_goes_to_review(project: Workshop) -> None:
    project.agent(steps('echo "def f(): ..." > f.py; echo "I added f."; echo "DECISION: IMPLEMENTED"'))
    project.register()
    assert project.took() == "implemented"
    assert project.sbi().status is Status.REVIEWING
    assert [(turn.number, turn.step, turn.report, turn.findings) for turn in project.turns()] == [
        (1, "implement", "I added f.", ())
    ]


def test_what_only_needs_implementing_is_done_after_one_turn(project: Workshop) -> None:
    project.agent(steps())
    project.register(only_implement=True)
    assert [outcome.what for outcome in project.drain()] == ["implemented"]
    assert project.sbi().status is Status.DONE


def test_the_life_of_an_item_stands_in_the_journal(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    project.drain()
    moves = [entry.to_status for entry in project.journal() if entry.to_status]
    assert moves == ["PENDING", "PICKED", "IMPLEMENTING", "REVIEWING", "INTEGRATING", "DONE"]


# --- findings: the next turn gets them, and no reviewer is called ---------------------------------------------------


def findings(project: Workshop) -> str:
    assert project.took() == "findings"
    assert project.sbi().status is Status.IMPLEMENTING
    return "\n".join(project.turns()[-1].findings)


def test_a_gate_that_fails_is_a_finding_with_its_output(project: Workshop) -> None:
    project.agent(steps())
    project.gate("echo 'two tests failed'; exit 3", name="tests")
    project.register()
    assert findings(project) == "gate tests failed:\n(exit 3)\ntwo tests failed"


def test_a_check_of_the_item_that_fails_is_a_finding(project: Workshop) -> None:
    project.agent(steps())
    project.register(checks=("test -f other.txt",))
    assert "check `test -f other.txt` failed" in findings(project)


def test_after_the_first_gate_that_fails_no_other_runs(project: Workshop) -> None:
    project.agent(steps())
    project.gate("exit 1", name="first")
    project.gate(f"touch {project.seen}/second", name="second")
    project.register()
    findings(project)
    assert project.saw("second") is None


def test_a_gate_that_takes_too_long_is_a_finding(project: Workshop) -> None:
    project.agent(steps())
    project.gate("sleep 600", name="slow", timeout="300 ms")
    project.register()
    assert "gate slow failed:\n(turn_timeout)" in findings(project)


def test_files_outside_its_paths_are_a_finding(project: Workshop) -> None:
    project.agent(steps('mkdir -p src; echo a > src/a; echo b > b.txt; echo "DECISION: IMPLEMENTED"'))
    project.register(paths=("src/**",))
    assert findings(project) == "Changed outside the paths of this item (src/**): b.txt"


def test_files_outside_its_paths_are_only_a_note_if_that_is_the_policy(project: Workshop) -> None:
    project.agent(steps('mkdir -p src; echo a > src/a; echo b > b.txt; echo "DECISION: IMPLEMENTED"'))
    project.settle("workspace", paths_policy="warn")
    project.register(paths=("src/**",))
    assert project.took() == "implemented"


def test_claimed_work_without_a_change_is_a_finding(project: Workshop) -> None:
    project.agent(steps('touch README; echo "DECISION: IMPLEMENTED"'))
    project.register()
    assert findings(project).startswith("Nothing was changed.")


def test_a_change_of_the_backlog_s_own_files_is_a_finding(project: Workshop) -> None:
    project.agent(steps('echo "# mine" >> .deespec/config.toml; echo a > a; echo "DECISION: IMPLEMENTED"'))
    project.register()
    assert findings(project) == "Files of the backlog itself were changed; put them back: .deespec/config.toml"


def test_findings_are_in_the_next_prompt_until_they_are_gone(project: Workshop) -> None:
    project.agent(steps())
    project.gate(f"test -f {project.seen}/ok || {{ echo $((40 + 2)) failed; exit 1; }}", name="tests")
    project.register()
    findings(project)
    (project.seen / "ok").touch()
    assert project.took() == "implemented"
    assert project.took() == "succeeded"
    said = "gate tests failed:\n(exit 1)\n42 failed"
    assert [said in project.prompt(turn=turn) for turn in (1, 2, 3)] == [False, True, False]


def test_a_file_name_that_is_no_text_does_not_stop_anything(project: Workshop) -> None:
    project.agent(steps("""touch "$(printf 'b\\377d')"; echo a > src; echo "DECISION: IMPLEMENTED" """))
    project.register(paths=("src",))
    assert findings(project).endswith("b?d")


# --- nothing to do, and questions -----------------------------------------------------------------------------------


def test_nothing_to_change_goes_to_review_with_its_reason(project: Workshop) -> None:
    project.agent(steps('echo "DECISION: NOTHING (it is there already)"'))
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]
    assert project.turns()[0].report == "it is there already"
    assert "it is there already" in project.prompt(turn=2)


@pytest.fixture
def asked(project: Workshop) -> Workshop:
    """An item whose agent has asked something."""
    asks = 'echo half > half.txt; echo "DECISION: QUESTION (red or blue?)"'
    project.agent(steps(f"if test -f half.txt; then {IMPLEMENT_THE_REST}; else {asks}; fi"))
    project.register()
    assert project.took() == "question"
    return project


IMPLEMENT_THE_REST = 'echo rest > rest.txt; echo "DECISION: IMPLEMENTED"'


def test_a_question_parks_the_item(asked: Workshop) -> None:
    sbi = asked.sbi()
    assert (sbi.status, sbi.reason, sbi.question) == (Status.PARKED, "question", "red or blue?")
    assert asked.took() == "nothing"


def test_the_answer_is_in_the_prompt_of_the_step_that_asked(asked: Workshop) -> None:
    edit.answer(asked.app.store, 1, "Blue, please.", actor="person")
    assert asked.took() == "implemented"
    assert [turn.step for turn in asked.turns()] == ["implement", "implement"]
    prompt = asked.prompt(turn=2)
    assert "Blue, please." in prompt
    assert "red or blue?" in prompt


def test_an_answer_is_a_person_s_word_once_and_told_with_its_question_from_then_on(asked: Workshop) -> None:
    edit.answer(asked.app.store, 1, "Blue, please.", actor="person")
    asked.took()
    assert (asked.sbi().hint, asked.sbi().question) == (None, None)
    asked.took()
    assert ["## A person says" in asked.prompt(turn=turn) for turn in (2, 3)] == [True, False]
    assert "- red or blue?\n  Answer: Blue, please." in asked.prompt(turn=3)


def test_a_question_of_the_reviewer_comes_back_to_the_review(project: Workshop) -> None:
    asks = 'echo "Which one?" | deespec sbi report --type question --stdin'
    review = f'if test -f "$SEEN/asked"; then {ACCEPTS}; else touch "$SEEN/asked"; {asks}; fi'
    project.agent(steps(review=review))
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["implemented", "question"]
    edit.answer(project.app.store, 1, "The second.", actor="person")
    assert [outcome.what for outcome in project.drain()] == ["succeeded"]
    assert "The second." in project.prompt(turn=3)
    assert "Which one?" in project.prompt(turn=3)
