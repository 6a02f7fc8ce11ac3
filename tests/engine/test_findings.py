"""What a reviewer finds, one by one: it decides, whoever works on is told, and what is not the item's is a draft."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from workshop import ACCEPTS, IMPLEMENTS, Workshop, steps

from deespec.backlog import drafts as deciding
from deespec.backlog import edit
from deespec.engine.bench import Outcome
from deespec.model.asking import Draft, Remark
from deespec.model.lifecycle import Status
from deespec.model.reports import MUST_BE_FIXED, NOTHING_TO_FIX
from deespec.records import replace

MUST = {"text": "f leaks.\nClose it.", "file": "src/f.py", "line": 3, "severity": "high"}
NIT = {"text": "A better name would be g.", "must_fix": False}
ELSEWHERE = {"text": "README is out of date.", "file": "README", "in_scope": False}
RECORDED = Path(__file__).parent.parent / "agents" / "recorded" / "claude" / "2.1.330"


def finds(decision: str, *found: object, words: str = "Words.") -> str:
    """Shell that hands in a review with these findings."""
    text = shlex.quote(json.dumps(found))
    return (
        f'printf %s {text} > "$DEESPEC_OUTBOX/found.json"; deespec sbi review --decision {decision} '
        f'--text {shlex.quote(words)} --findings "$DEESPEC_OUTBOX/found.json" > "$SEEN/said" 2>&1 || exit 1'
    )


def drafts(project: Workshop) -> list[Draft]:
    with project.app.store.read() as tx:
        return tx.drafts("SBI-1", decided=True)


def reviewed(project: Workshop, decision: str, *found: object) -> Outcome:
    """The outcome of a review turn with these findings."""
    project.agent(steps(review=finds(decision, *found)))
    project.register()
    assert project.took() == "implemented"
    outcome = project.turn()
    assert outcome is not None
    return outcome


def test_findings_travel_with_the_decision_and_are_kept_with_the_turn(project: Workshop) -> None:
    assert reviewed(project, "NEEDS_CHANGES", MUST, NIT).what == "needs_changes"
    turn = project.turns()[-1]
    assert turn.report == "Words."
    assert turn.remarks == (Remark(**MUST), Remark(**NIT))


def test_without_anything_that_must_be_fixed_the_work_is_accepted_and_that_is_told(project: Workshop) -> None:
    assert reviewed(project, "NEEDS_CHANGES", NIT, ELSEWHERE).what == "succeeded"
    turn = project.turns()[-1]
    assert (turn.decision, turn.findings) == ("SUCCEEDED", (NOTHING_TO_FIX,))
    assert project.sbi().status is Status.DONE
    assert [one.detail for one in project.journal() if one.event == "weighed"] == [NOTHING_TO_FIX]


def test_what_must_be_fixed_sends_the_work_back_whatever_the_reviewer_says(project: Workshop) -> None:
    assert reviewed(project, "SUCCEEDED", MUST).what == "needs_changes"
    turn = project.turns()[-1]
    assert (turn.decision, turn.findings) == ("NEEDS_CHANGES", (MUST_BE_FIXED,))
    assert project.sbi().status is Status.IMPLEMENTING


def test_a_decision_that_stands_is_told_without_a_note(project: Workshop) -> None:
    reviewed(project, "NEEDS_CHANGES", MUST)
    assert project.turns()[-1].findings == ()
    assert "weighed" not in project.events()


def test_what_only_counts_as_accepted_is_gated_like_all_that_is(project: Workshop) -> None:
    """In a shared folder others may have changed files since the gates ran."""
    project.gate("! test -e bad", name="tidy")
    project.agent(steps(review=f"touch bad; {finds('NEEDS_CHANGES', NIT)}"))
    project.register()
    assert [project.took(), project.took()] == ["implemented", "needs_changes"]
    turn = project.turns()[-1]
    assert turn.remarks == (Remark(**NIT), Remark(text="gate tidy failed", severity="high"))
    assert "now they fail:" in (turn.report or "")
    project.turn()
    assert "1. (high) gate tidy failed" in project.prompt(turn=3)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ('[{"text": "a", "severity": "critical"}]', 'finding 1: "severity" is high, normal, low, not "critical".'),
        ("{}", "The findings are no list."),
        ("[1", "is not JSON"),
    ],
)
def test_findings_that_do_not_fit_are_refused_so_that_the_agent_can_mend_them(
    project: Workshop, found: str, said: str
) -> None:
    wrong = f"printf %s {shlex.quote(found)} > f.json; deespec sbi review --decision SUCCEEDED --findings f.json"
    script = f'cd "$SEEN"; {wrong} > told 2>&1; echo "exit $?" >> told; {finds("NEEDS_CHANGES", MUST)}'
    project.agent(steps(review=script))
    project.register()
    assert project.took() == "implemented"
    assert project.took() == "needs_changes"
    told = project.saw("told") or ""
    assert said in told
    assert told.endswith("exit 2\n")


def test_the_worker_checks_them_too(project: Workshop) -> None:
    content = json.dumps({"kind": "review", "decision": "SUCCEEDED", "text": "", "findings": [{"text": 5}]})
    script = f"""
        printf %s {shlex.quote(content)} > "$DEESPEC_OUTBOX/answer-1.json"
        while ! test -e "$DEESPEC_OUTBOX/receipt-1.json"; do sleep 0.02; done
        cat "$DEESPEC_OUTBOX/receipt-1.json" > "$SEEN/receipt"; {ACCEPTS}
    """
    project.agent(steps(review=script))
    project.register()
    assert [one.what for one in project.drain()] == ["implemented", "succeeded"]
    assert json.loads(project.saw("receipt") or "{}") == {
        "stored": False,
        "message": 'finding 1: "text" says what is wrong; it is missing.',
        "code": "invalid_input",
        "exit_status": 2,
    }


def test_findings_can_come_on_standard_input(project: Workshop) -> None:
    command = "deespec sbi review --decision NEEDS_CHANGES --text Words --findings - --json"
    project.agent(steps(review=f'printf %s {shlex.quote(json.dumps([MUST]))} | {command} > "$SEEN/told"'))
    project.register()
    assert [project.took(), project.took()] == ["implemented", "needs_changes"]
    assert json.loads(project.saw("told") or "{}")["findings"] == 1


# --- what the next turns are told -----------------------------------------------------------------------------------


def test_the_implementer_gets_a_list_with_places_and_the_rest_as_notes(project: Workshop) -> None:
    reviewed(project, "NEEDS_CHANGES", NIT, MUST, ELSEWHERE)
    project.turn()
    prompt = project.prompt(turn=3)
    assert "1. `src/f.py:3` (high) f leaks.\n   Close it.\n" in prompt
    assert "it need not be changed now:\n\n- A better name would be g.\n" in prompt
    assert "leave it as it is:\n\n- `README` README is out of date.\n" in prompt
    assert "Words." in prompt


def test_what_is_wanted_is_told_until_it_is_done(project: Workshop) -> None:
    nothing = 'test "$DEESPEC_TURN" = 3 || echo more >> more.txt; echo "DECISION: IMPLEMENTED"'
    project.agent(steps(nothing, finds("NEEDS_CHANGES", MUST)))
    project.register()
    expected = ["implemented", "needs_changes", "findings", "implemented", "needs_changes"]
    assert [project.took() for _ in expected] == expected
    assert ["`src/f.py:3`" in project.prompt(turn=turn) for turn in (3, 4)] == [True, True]


def test_the_next_reviewer_gets_what_was_found_and_what_was_done_about_it(project: Workshop) -> None:
    implements = f'echo "I did turn $DEESPEC_TURN."; {IMPLEMENTS}'
    project.agent(steps(implements, finds("NEEDS_CHANGES", MUST, NIT)))
    project.register()
    project.drain()
    first, second, third = (project.prompt(turn=turn) for turn in (2, 4, 6))
    assert "Earlier rounds" not in first
    assert "- `src/f.py:3` f leaks. Close it.\n" in second
    assert "This is round 2 of 3" in second
    assert "I did turn 3." in second
    assert "What was done about it: I did turn 3." in third
    assert "This is round 3 of 3" in third


def test_rounds_end_with_a_person_who_gets_the_list(project: Workshop) -> None:
    project.settle("run", review_rounds=2)
    project.agent(steps(review=finds("NEEDS_CHANGES", MUST, NIT)))
    project.register()
    assert [one.what for one in project.drain()] == ["implemented", "needs_changes"] * 2
    sbi = project.sbi()
    assert (sbi.status, sbi.reason) == (Status.PARKED, "review_rounds")
    assert sbi.question == "After 2 rounds of review it still wants changes:\n- src/f.py:3: f leaks. Close it."


# --- what is not the item's -----------------------------------------------------------------------------------------


def test_what_is_not_the_item_s_becomes_a_draft(project: Workshop) -> None:
    reviewed(project, "SUCCEEDED", ELSEWHERE)
    [draft] = drafts(project)
    assert (draft.id, draft.title, draft.status) == ("SBI-1/1", "README is out of date.", "open")
    assert draft.spec == "README is out of date.\n\nFound by the review of SBI-1 (turn 2), in README."
    assert (draft.file, draft.turn, draft.agent, draft.severity) == ("README", 2, "worker", "normal")
    assert project.sbi().status is Status.DONE
    assert "draft_made" in project.events()


def test_the_same_finding_again_makes_no_second_draft(project: Workshop) -> None:
    again = {**ELSEWHERE, "text": "readme is  OUT of date", "line": 7}
    other = {**ELSEWHERE, "file": "CHANGES"}
    project.settle("run", review_rounds=2)
    script = (
        f'if test "$DEESPEC_TURN" = 2; then {finds("NEEDS_CHANGES", MUST, ELSEWHERE, again)}; '
        f"else {finds('SUCCEEDED', again, other)}; fi"
    )
    project.agent(steps(review=script))
    project.register()
    project.drain()
    assert [(one.id, one.file) for one in drafts(project)] == [("SBI-1/1", "README"), ("SBI-1/2", "CHANGES")]
    assert "do not find it again: README is out of date." in project.prompt(turn=4)


def test_a_draft_that_was_written_anew_or_rejected_is_not_made_again(project: Workshop) -> None:
    first, second = finds("NEEDS_CHANGES", MUST, ELSEWHERE), finds("SUCCEEDED", ELSEWHERE)
    script = f'if test "$DEESPEC_TURN" = 2; then {first}; else {second}; fi'
    project.agent(steps(review=script))
    project.register()
    assert [project.took(), project.took()] == ["implemented", "needs_changes"]
    [draft] = drafts(project)
    person = deciding.Decider(owner="person", uid=project.app.clock.uid)
    deciding.rewrite(project.app.store, draft, replace(draft, title="Other", spec="Words"), person)
    deciding.reject(project.app.store, [("SBI-1", 1)], reason="no", owner="person")
    project.drain()
    assert [one.id for one in drafts(project)] == ["SBI-1/1"]


def test_a_rejected_item_s_review_still_makes_drafts(project: Workshop) -> None:
    assert reviewed(project, "FAILED", ELSEWHERE).what == "rejected"
    assert [one.id for one in drafts(project)] == ["SBI-1/1"]


@pytest.mark.parametrize("text", ["\x01 ", "# \n\n", "x" * 9_000, "日本語 🎉"])
def test_whatever_a_client_hands_over_a_draft_has_a_title_and_a_bounded_text(project: Workshop, text: str) -> None:
    """A structured answer is read less strictly than a command's."""
    answer = {"decision": "SUCCEEDED", "report": "Good.", "findings": [{"text": text, "in_scope": False}]}
    stream = json.dumps({"type": "result", "subtype": "success", "is_error": False, "structured_output": answer})
    project.agent(IMPLEMENTS)
    clients(project, "critic", f"printf '%s\\n' {shlex.quote(stream)}")
    project.settle("run", review="critic")
    project.register()
    assert [one.what for one in project.drain()] == ["implemented", "succeeded"]
    [draft] = drafts(project)
    assert 0 < len(draft.title.strip()) <= 200
    assert len(draft.spec) < 5_000


def clients(project: Workshop, name: str, body: str) -> None:
    """An agent of kind claude whose client does this."""
    program = project.folder / name
    program.write_text(f"#!/bin/sh\ncat > /dev/null\n{body}\n")
    program.chmod(0o755)
    project.settle(f"agents.{name}", kind="claude", command=[str(program)], env={"SEEN": str(project.seen)})


# --- whoever else reviews, and what a client may not ---------------------------------------------------------------


def test_another_agent_reviews_in_a_session_of_its_own(project: Workshop) -> None:
    """`run.review`: and the next round, too, begins afresh."""
    project.agent(IMPLEMENTS)
    stream = RECORDED / "structured_review.stdout"
    clients(project, "critic", f'echo "$@" >> "$SEEN/called"; cat {shlex.quote(str(stream))}')
    project.settle("run", review="critic")
    project.register()
    project.turn()
    project.turn()
    project.turn()
    project.turn()
    assert [turn.agent for turn in project.turns()] == ["worker", "critic", "worker", "critic"]
    assert all(turn.session for turn in project.turns() if turn.agent == "critic")
    called = (project.saw("called") or "").splitlines()
    assert ["--resume" in words for words in called if "--json-schema" in words] == [False, False]


def test_permissions_that_were_denied_are_no_success(project: Workshop) -> None:
    """The client ends well and the agent says that it has done it; nothing is there, and the finding says why."""
    stream = shlex.quote(str(RECORDED / "tool_denied.stdout"))
    clients(project, "narrow", f"deespec sbi report --type implement --text 'All done.'; cat {stream}")
    project.settle("run", implement="narrow")
    project.register()
    assert project.took() == "findings"
    assert project.turns()[0].findings[0].startswith("Nothing was changed. Refused to it: Bash: ")
    project.turn()
    assert "That stays refused: do without." in project.prompt(turn=2)


def test_a_turn_that_is_refused_the_same_again_and_again_waits_for_a_person_and_says_what_helps(
    project: Workshop,
) -> None:
    stream = shlex.quote(str(RECORDED / "tool_denied.stdout"))
    clients(project, "narrow", f"deespec sbi report --type implement --text 'All done.'; cat {stream}")
    project.settle("run", implement="narrow")
    project.register()
    assert [one.what for one in project.drain()] == ["findings"] * 3
    sbi = project.sbi()
    assert (sbi.status, sbi.reason) == (Status.PARKED, "stuck")
    question = sbi.question or ""
    assert question.startswith("3 turns in a row found the same: Nothing was changed. Refused to it: Bash: ")
    assert question.endswith("To allow it: deespec config set agents.narrow.permissions everything")
    edit.answer(project.app.store, 1, "Use the editor.", actor="person@test")
    project.turn()
    assert "Use the editor." in project.prompt(turn=4)
    assert project.sbi().status is Status.IMPLEMENTING


def test_a_turn_without_an_answer_says_what_was_refused_and_the_next_try_is_told(project: Workshop) -> None:
    lines = [
        line for line in (RECORDED / "tool_denied.stdout").read_text().splitlines() if '"type":"assistant"' not in line
    ]
    stream = project.folder / "silent"
    stream.write_text("\n".join(lines) + "\n")
    clients(project, "narrow", f"cat {shlex.quote(str(stream))}")
    project.settle("run", implement="narrow")
    project.settle("agents.narrow", permissions="edit")
    project.register()
    project.drain()
    sbi = project.sbi()
    assert (sbi.status, sbi.reason) == (Status.FAILED, "attempts")
    assert "Refused to it: Bash: " in (sbi.question or "")
    assert (sbi.question or "").endswith("To allow it: deespec config set agents.narrow.permissions edit+shell")
    prompt = project.prompt(turn=1)
    assert "## Why the last try at this turn failed\n\nno_answer: It ended without an answer" in prompt
    assert "To allow it" not in prompt
