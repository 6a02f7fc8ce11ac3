"""Answers by command: they go through the outbox of the turn, and exit 0 means that the answer is stored."""

from __future__ import annotations

import pytest
from workshop import WAITS, Workshop, eventually, steps

from deespec.errors import StaleAnswer
from deespec.model.items import Answer
from deespec.model.lifecycle import Status

CHANGE = 'echo more >> "$DEESPEC_ITEM.txt"\n'


def told(command: str, name: str = "told") -> str:
    """Shell that runs a command and keeps its exit status and its words for the test."""
    return f'{{ {command}; echo "exit $?"; }} > "$SEEN/{name}" 2>&1\n'


def test_an_answer_by_command_is_stored_while_the_agent_still_works(project: Workshop) -> None:
    report = told("echo 'I did it.' | deespec sbi report --type implement --stdin")
    project.agent(steps(CHANGE + report + WAITS))
    project.register()
    with project.working(once=True):
        assert eventually(lambda: (project.saw("told") or "").endswith("exit 0\n"))
        with project.app.store.read() as tx:
            assert tx.stored_answer(1, 1) == Answer(kind="implement", text="I did it.\n", source="command")
        assert "answered" in project.events()
        (project.seen / "go").touch()
        assert eventually(lambda: project.sbi().status is Status.REVIEWING)
    assert project.saw("told") == "✓ Stored for SBI-1 turn 1\nexit 0\n"
    assert project.turns()[0].report == "I did it.\n"


def test_a_review_by_command_decides(project: Workshop) -> None:
    project.agent(steps(review="deespec sbi review --decision SUCCEEDED --text 'Well done.'"))
    project.register()
    project.drain()
    assert (project.turns()[1].decision, project.turns()[1].report) == ("SUCCEEDED", "Well done.")


def test_a_later_answer_replaces_an_earlier_one(project: Workshop) -> None:
    early = "deespec sbi report --type question --text 'Which one?'\n"
    project.agent(steps(CHANGE + early + "deespec sbi report --type implement --text 'Found out.'"))
    project.register()
    assert project.took() == "implemented"
    assert project.turns()[0].report == "Found out."


def test_the_same_answer_twice_is_stored_once(project: Workshop) -> None:
    report = "deespec sbi report --type implement --text 'Done.'"
    project.agent(steps(CHANGE + told(report, "first") + told(report, "second")))
    project.register()
    assert project.took() == "implemented"
    assert project.saw("first") == project.saw("second") == "✓ Stored for SBI-1 turn 1\nexit 0\n"
    assert project.events().count("answered") == 1


def test_a_command_counts_more_than_the_last_words(project: Workshop) -> None:
    said = "deespec sbi report --type nothing --text 'It is there.'\necho 'DECISION: QUESTION (is it?)'"
    project.agent(steps(said))
    project.register()
    assert project.took() == "implemented"


def test_an_agent_that_answers_and_then_crashes_has_answered(project: Workshop) -> None:
    project.agent(steps(CHANGE + "deespec sbi report --type implement --text 'Done.'\nexit 1"))
    project.register()
    assert project.took() == "implemented"
    assert project.sbi().attempts == 0


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words", "status"),
    [
        ("deespec sbi review --decision SUCCEEDED --text no", "This is a turn to implement", 2),
        ("deespec sbi report --type resolve --text no", "This is a turn to implement", 2),
        ("deespec sbi report --type nothing", "nothing needs words", 2),
        ("deespec sbi report SBI-1 --turn 7 --text no", "This is SBI-1 turn 1; it cannot answer for SBI-1 turn 7.", 4),
        ("deespec sbi report SBI-2 --turn 1 --text no", "it cannot answer for SBI-2 turn 1.", 4),
        ("deespec register sbi --title More", "Not from inside a turn (SBI-1 turn 1). Say it in your report.", 4),
        ("deespec sbi cancel SBI-1 --yes", "Not from inside a turn", 4),
        ("deespec run --once", "Not from inside a turn", 4),
    ],
)
def test_what_a_turn_may_not_do_says_so(project: Workshop, command: str, words: str, status: int) -> None:
    project.agent(steps(CHANGE + told(command) + "echo 'DECISION: IMPLEMENTED'"))
    project.register()
    assert project.took() == "implemented"
    saw = project.saw("told") or ""
    assert words in saw
    assert saw.endswith(f"exit {status}\n")


def test_reading_is_allowed_inside_a_turn(project: Workshop) -> None:
    project.agent(steps(CHANGE + told("deespec status") + "echo 'DECISION: IMPLEMENTED'"))
    project.register()
    project.turn()
    assert (project.saw("told") or "").endswith("exit 0\n")


def test_an_answer_after_the_turn_is_refused(project: Workshop) -> None:
    project.agent(steps(CHANGE + 'env > "$SEEN/env"\necho "DECISION: IMPLEMENTED"'))
    project.register()
    project.turn()
    env = dict(line.split("=", 1) for line in (project.saw("env") or "").splitlines() if line.startswith("DEESPEC_"))
    status, _, err = project.command("sbi", "report", "--type", "implement", "--text", "late", env=env)
    assert status == 4
    assert "SBI-1 turn 1 is over: its outbox is gone." in err


def test_an_answer_under_an_old_claim_is_refused(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    project.turn()
    answer = Answer(kind="review", decision="SUCCEEDED")
    with pytest.raises(StaleAnswer), project.app.store.transaction() as tx:
        tx.store_answer(sbi=1, turn=1, token=1, answer=answer, actor="agent")
    with pytest.raises(StaleAnswer), project.app.store.transaction() as tx:
        tx.store_answer(sbi=1, turn=2, token=1, answer=answer, actor="agent")


# --- what it leaves in the way --------------------------------------------------------------------------------------


def test_nothing_is_kept_behind_a_link_of_the_agents(project: Workshop) -> None:
    (project.seen / "elsewhere").mkdir()
    kept = '"$DEESPEC_HOME/turns/$DEESPEC_ITEM/$DEESPEC_TURN.${DEESPEC_CLAIM##*-}"'
    project.agent(steps(CHANGE + f'ln -s "$SEEN/elsewhere" {kept}/gates\necho "DECISION: IMPLEMENTED"'))
    project.gate("echo checked")
    project.register()
    outcome = project.turn()
    assert outcome is not None
    assert outcome.what == "given back"
    assert "in the way of a folder" in (outcome.error or "")
    assert not list((project.seen / "elsewhere").iterdir())


# --- from outside ---------------------------------------------------------------------------------------------------


def test_from_outside_an_answer_goes_to_the_turn_that_runs(project: Workshop) -> None:
    project.agent(steps(CHANGE + 'touch "$SEEN/begun"\n' + WAITS))
    project.register()
    with project.working(once=True):
        assert eventually(lambda: project.saw("begun") is not None)
        wrong, _, _ = project.command("sbi", "report", "1", "--turn", "2", "--text", "x")
        status, out, _ = project.command("sbi", "report", "1", "--turn", "1", "--text", "By hand.")
        (project.seen / "go").touch()
        assert eventually(lambda: project.sbi().status is Status.REVIEWING)
    assert (wrong, status, out) == (4, 0, "✓ Stored for SBI-1 turn 1\n")
    assert project.turns()[0].report == "By hand."


def test_from_outside_item_and_turn_are_needed(project: Workshop) -> None:
    status, _, err = project.command("sbi", "report", "--text", "x")
    assert status == 2
    assert "the item and --turn N are needed" in err


def test_from_outside_nothing_goes_to_an_item_that_does_not_run(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    status, _, err = project.command("sbi", "review", "1", "--turn", "1", "--decision", "SUCCEEDED")
    assert status == 4
    assert "SBI-1 turn 1 is not running." in err
