"""Decomposing a PBI: one turn of its own kind, whose drafts are written with its outcome, or not at all."""

from __future__ import annotations

import json
import re

import pytest
from planner import (
    DECOMPOSITIONS,
    FAULTY,
    TWO,
    ask,
    draft,
    drafts,
    journal,
    pbi,
    plan,
    prompt,
    proposal,
    says,
    took,
    turn,
    turns,
    work,
)
from workshop import Workshop, eventually

from deespec.backlog import edit
from deespec.backlog.drafts import Decider, approve, reject
from deespec.engine.bench import Outcome
from deespec.engine.prompts import ask_again
from deespec.engine.turn import run_turn
from deespec.engine.worker import Crew, Orders
from deespec.model.asking import DraftStatus
from deespec.model.ids import decomposition_of
from deespec.model.items import Claim, Sbi
from deespec.model.lifecycle import GroupStatus, Status, Step
from deespec.records import replace


@pytest.fixture
def apart(project: Workshop) -> Workshop:
    project.settle("workspace", mode="worktree")
    (project.root / "src").mkdir()
    project.commit("src/a.py", "a = 1\n")
    return project


@pytest.fixture(params=["worktree", "shared"])
def either(request: pytest.FixtureRequest, project: Workshop) -> Workshop:
    project.settle("workspace", mode=request.param)
    return project


def titles(project: Workshop, status: str = "open") -> list[str]:
    return [one.title for one in drafts(project) if one.status == status]


# --- one turn -------------------------------------------------------------------------------------------------------


def test_a_proposal_by_command_becomes_drafts_with_all_that_it_says(either: Workshop) -> None:
    first = draft("The first", paths=["README"], estimate_hours=2.5, only_implement=True)
    either.agent(says(proposal(first, draft("The second", needs=["1"]))))
    plan(either)
    assert took(either) == "decomposed"
    one, two = drafts(either)
    assert (one.id, one.title, one.paths, one.estimate_hours, one.only_implement) == (
        "PBI-1/1",
        "The first",
        ("README",),
        2.5,
        True,
    )
    assert one.spec == (
        "Do what The first says.\n\n## Acceptance criteria\n\n- Given a list\n  When one is added\n  Then it is there"
    )
    assert (two.needs, two.status, two.turn, two.agent) == (("PBI-1/1",), DraftStatus.OPEN, 1, "worker")
    assert (work(either).status, pbi(either).status) == (Status.DECOMPOSED, GroupStatus.PLANNING)


def test_the_turn_is_one_of_the_ledger_s_and_the_journal_s(project: Workshop) -> None:
    project.scripted(
        f"""[[rules]]
        step = "decompose"
        answer = {{ type = "propose", text = "Two.", drafts = [{_toml(draft("One"))}, {_toml(draft("Two"))}] }}
        usage = {{ model = "m", tokens_in = 900, tokens_out = 50, cost_usd = 0.3 }}
        """
    )
    plan(project)
    assert took(project) == "decomposed"
    [done] = turns(project)
    assert (done.step, done.outcome, done.cost_usd, done.model) == (Step.DECOMPOSE, "decomposed", 0.3, "m")
    assert done.report == "Two.\n\n1. One\n2. Two"
    events = [entry.event for entry in journal(project)]
    assert events[-4:] == ["answered", "draft_made", "draft_made", "decomposed"]
    with project.app.store.read() as tx:
        assert tx.used_by_item(done.sbi).usd == 0.3


def test_its_last_words_may_carry_the_proposal(project: Workshop) -> None:
    project.agent(f"cat <<'END'\nHere it is.\n```json\n{TWO}\n```\nEND")
    plan(project)
    assert took(project) == "decomposed"
    assert titles(project) == ["The first", "The second"]


def test_workers_do_not_decompose_unless_they_are_told_to(project: Workshop) -> None:
    project.agent(says(TWO))
    plan(project)
    assert project.took() == "nothing"
    assert project.took(scope=DECOMPOSITIONS) == "decomposed"


def test_run_decompose_names_who_does_it(project: Workshop) -> None:
    project.agent("exit 1", "coder")
    project.agent(says(TWO), "planner")
    project.settle("run", decompose="planner")
    plan(project)
    assert took(project) == "decomposed"
    assert turns(project)[0].agent == "planner"


def test_two_decompositions_of_one_pbi_count_their_turns_on(project: Workshop) -> None:
    project.agent(says(TWO))
    plan(project)
    took(project)
    ask(project)
    assert took(project) == "decomposed"
    assert [one.number for one in turns(project)] == [1, 2]
    assert len(drafts(project)) == 2


# --- faulty proposals -----------------------------------------------------------------------------------------------


def test_a_faulty_proposal_goes_back_with_all_that_is_wrong(project: Workshop) -> None:
    wrong = proposal(draft("One", estimate_hours=40, labels=["nope"]), draft("one", needs=["7", "SBI-9"]))
    project.agent(says(wrong, TWO))
    plan(project)
    assert took(project) == "findings"
    [found] = turns(project)
    assert len(found.findings) == 5
    assert work(project).status is Status.DECOMPOSING
    assert drafts(project) == []
    assert took(project) == "decomposed"
    told = prompt(project, 2)
    assert all(one in told for one in found.findings)
    assert '"estimate_hours": 40' in told
    assert titles(project) == ["The first", "The second"]


def test_the_second_faulty_proposal_in_a_row_ends_it(project: Workshop) -> None:
    project.agent(says(FAULTY))
    plan(project)
    assert took(project) == "findings"
    outcome = turn(project)
    assert outcome is not None
    assert outcome.after is not None
    assert (outcome.after.status, outcome.after.reason) == (Status.FAILED, "proposal")
    assert outcome.after.question == "The proposal has 1 draft; 2 to 10 are wanted."
    assert pbi(project).status is GroupStatus.FAILED


def test_a_retry_grants_two_tries_anew(project: Workshop) -> None:
    project.agent(says(FAULTY, FAULTY, FAULTY, TWO))
    plan(project)
    took(project)
    took(project)
    edit.retry(project.app.store, [work(project).number], actor="person@test")
    assert [took(project), took(project)] == ["findings", "decomposed"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no JSON", "The proposal is not JSON"),
        ("{}", "The proposal has no list of drafts."),
        ('{"drafts": [7]}', "Draft 1 is no object."),
        ("[" * 100_000, "The proposal is not JSON"),
    ],
)
def test_what_cannot_be_read_at_all_is_told_too(project: Workshop, text: str, found: str) -> None:
    script = json.dumps({"kind": "propose", "text": text})
    put = 'mv "$DEESPEC_OUTBOX/partial" "$DEESPEC_OUTBOX/answer-1.json"'
    project.agent(f"cat > $DEESPEC_OUTBOX/partial <<'END'\n{script}\nEND\n{put}")
    plan(project)
    assert took(project) == "findings"
    assert turns(project)[0].findings[0].startswith(found)


def test_the_command_refuses_at_once_what_cannot_be_read(project: Workshop) -> None:
    wrong = proposal(draft("One", acceptance=[{"given": "a"}]) | {"title": 7})
    project.agent(f'{says(wrong)} 2> "$SEEN/said"; echo $? > "$SEEN/status"; {says(TWO)}')
    plan(project)
    assert took(project) == "decomposed"
    assert project.saw("status") == "2\n"
    said = project.saw("said") or ""
    assert "title must be text" in said
    assert "acceptance 1 must have words" in said


@pytest.mark.parametrize("text", [proposal(draft("", paths=["../x"]), draft("Two")), "no JSON"])
def test_what_the_command_refused_and_nobody_mended_goes_back_once(project: Workshop, text: str) -> None:
    project.agent(f"{says(text, TWO)} || echo I give up")
    plan(project)
    assert took(project) == "findings"
    [found] = turns(project)
    assert found.findings
    assert took(project) == "decomposed"
    told = prompt(project, 2)
    assert all(one in told for one in found.findings)


def test_what_was_refused_does_not_count_once_it_is_mended(project: Workshop) -> None:
    project.agent(f"{says('no JSON')}; {says(TWO)}")
    plan(project)
    assert took(project) == "decomposed"


def test_what_lies_there_as_refused_is_not_trusted(project: Workshop) -> None:
    project.settle("run", max_attempts=1)
    project.agent('ln -s /etc/passwd "$DEESPEC_OUTBOX/refused.json"')
    plan(project)
    assert took(project) == "attempt failed"


def test_last_words_that_are_faulty_go_back_once(project: Workshop) -> None:
    project.agent(f"cat <<'END'\n```json\n{proposal(draft('', paths=['../x']), draft('Two'))}\n```\nEND")
    plan(project)
    assert took(project) == "findings"
    took(project)
    assert (work(project).status, work(project).reason) == (Status.FAILED, "proposal")


def test_who_ends_without_an_answer_is_asked_for_a_proposal_by_its_command(project: Workshop) -> None:
    sbi = Sbi(number=decomposition_of(1), uid="x", title="t", spec="s", parent="PBI-1", status=Status.DECOMPOSING)
    claim = Claim(
        sbi=sbi,
        token=1,
        epoch="e",
        step=Step.DECOMPOSE,
        turn=1,
        agent="a",
        account="a",
        worker="w",
        claimed_at=0,
        lease_until=0,
        outbox="/box",
    )
    told = ask_again(claim)
    assert re.search(r"^    .* pbi propose -f /box/proposal\.json$", told, re.MULTILINE)
    assert "sbi report" not in told


# --- questions, limits ----------------------------------------------------------------------------------------------


def test_a_question_parks_it_and_the_answer_lets_it_go_on(project: Workshop) -> None:
    asks = 'echo "Red or blue?" | deespec sbi report --type question --stdin'
    project.agent(f'if test -e "$SEEN/asked"; then {says(TWO)}; else touch "$SEEN/asked"; {asks}; fi')
    plan(project)
    assert took(project) == "question"
    assert (work(project).status, work(project).question) == (Status.PARKED, "Red or blue?\n")
    assert pbi(project).status is GroupStatus.PLANNING
    edit.answer(project.app.store, work(project).number, "Blue.", actor="person@test")
    assert took(project) == "decomposed"
    assert "Blue." in prompt(project, 2)


def test_max_turns_holds_for_decompositions(project: Workshop) -> None:
    project.settle("run", max_turns=1)
    project.agent(says(FAULTY))
    plan(project)
    assert took(project) == "findings"
    assert (work(project).status, work(project).reason) == (Status.FAILED, "turns")


def test_an_agent_without_an_answer_uses_attempts(project: Workshop) -> None:
    project.settle("run", max_attempts=2)
    project.agent("echo hello")
    plan(project)
    assert [took(project), took(project)] == ["attempt failed", "attempt failed"]
    assert (work(project).status, work(project).reason) == (Status.FAILED, "attempts")
    assert drafts(project) == []


# --- what it may do in the folder -----------------------------------------------------------------------------------


def test_it_reads_a_checkout_of_what_items_would_begin_from_and_what_it_writes_is_gone(apart: Workshop) -> None:
    apart.agent(f'pwd > "$SEEN/pwd"; ls > "$SEEN/ls"; echo bad > src/a.py; echo new > new.txt; {says(FAULTY, TWO)}')
    plan(apart)
    assert took(apart) == "findings"
    assert turns(apart)[0].findings[1:] == (
        "It changed files. A decomposition changes none, so that does not count: src/a.py, new.txt",
    )
    assert apart.saw("ls") == "README\nsrc\n"
    assert took(apart) == "decomposed"
    assert apart.saw("ls") == "README\nsrc\n"
    assert (apart.saw("pwd") or "").strip() == str(apart.home / "checkouts" / "PBI-1")
    assert not (apart.home / "checkouts" / "PBI-1").exists()
    assert apart.git("status", "--porcelain", "--untracked-files=no") == ""
    assert (apart.root / "src/a.py").read_text() == "a = 1\n"


def test_in_the_project_s_own_folder_changes_are_only_told(project: Workshop) -> None:
    project.agent(f"echo new > new.txt; {says(TWO)}")
    plan(project)
    assert took(project) == "decomposed"
    [done] = turns(project)
    assert done.findings == ("It changed files. A decomposition changes none, so that does not count: new.txt",)


@pytest.mark.parametrize("mode", ["shared", "folder"])
def test_files_of_the_backlog_are_a_finding(folder: Workshop, mode: str) -> None:
    if mode == "shared":
        folder.git("init", "--quiet", "--initial-branch=main")
        folder.commit("README", "Read me.\n")
    folder.agent(f'mkdir -p "$DEESPEC_HOME/labels"; echo x >> "$DEESPEC_HOME/labels/mine.md"; {says(TWO)}')
    plan(folder)
    if mode == "folder":  # outside Git nothing below .deespec is looked at
        assert took(folder) == "decomposed"
        return
    assert took(folder) == "findings"
    assert turns(folder)[0].findings == (
        "Files of the backlog itself were changed; put them back: .deespec/labels/mine.md",
    )


def test_implausible_paths_are_told_with_what_was_meant(apart: Workshop) -> None:
    apart.agent(says(proposal(draft("One", paths=["scr/a.py"]), draft("Two", paths=["src/b.py", "**/*.md"]))))
    plan(apart)
    assert took(apart) == "findings"
    assert turns(apart)[0].findings == (
        'Draft 1 ("One"): paths has scr/a.py, and there is no folder scr. Did you mean src/? '
        "If this work makes it, name scr/ in the spec.",
    )


# --- meanwhile ------------------------------------------------------------------------------------------------------


def test_drafts_of_a_pbi_that_was_edited_meanwhile_are_kept_and_the_turn_says_so(project: Workshop) -> None:
    project.agent(f'touch "$SEEN/began"; while ! test -e "$SEEN/go"; do sleep 0.02; done; {says(TWO)}')
    plan(project)
    with project.working(scope=DECOMPOSITIONS):
        assert eventually(lambda: project.saw("began") is not None)
        edit.update(project.app.store, "PBI-1", lambda _: {"spec": "Something else."}, actor="person@test")
        (project.seen / "go").touch()
        assert eventually(lambda: work(project).status is Status.DECOMPOSED)
    assert turns(project)[0].spec_changed
    assert len(drafts(project)) == 2


def test_a_pbi_that_was_deleted_meanwhile_gets_no_drafts(project: Workshop) -> None:
    project.agent(f'touch "$SEEN/began"; while ! test -e "$SEEN/go"; do sleep 0.02; done; {says(TWO)}')
    plan(project)
    outcomes = []
    with project.working(scope=DECOMPOSITIONS) as crew:
        crew._tell = outcomes.append
        assert eventually(lambda: project.saw("began") is not None)
        with project.app.store.transaction() as tx:
            found = tx.decomposition(1)
            assert found is not None
            edit.cancel_decomposition(tx, tx.pbi(1), actor="person@test")
        edit.delete(project.app.store, "PBI-1", actor="person@test")
        (project.seen / "go").touch()
        assert eventually(lambda: outcomes)
    assert [one.what for one in outcomes] == ["lost"]
    with project.app.store.read() as tx:
        assert tx.drafts(decided=True) == []


def test_two_workers_at_once_decompose_one_pbi_once(project: Workshop) -> None:
    project.agent(says(TWO))
    plan(project)
    with project.working(scope=DECOMPOSITIONS), project.working(scope=DECOMPOSITIONS):
        assert eventually(lambda: work(project).status is Status.DECOMPOSED)
    assert project.saw("calls") == "x\n"
    assert len(drafts(project)) == 2


# --- against what is there already ----------------------------------------------------------------------------------


def test_a_second_decomposition_keeps_every_decision(project: Workshop) -> None:
    again = proposal(draft("The first"), draft("The second", spec="Better."), draft("The third"))
    project.agent(says(proposal(draft("The first"), draft("The second"), draft("Unwanted")), again))
    plan(project)
    took(project)
    app = project.app
    by = Decider(owner="person@test", uid=app.clock.uid)
    approve(app.store, [("PBI-1", 1)], by)
    reject(app.store, [("PBI-1", 3)], reason="Not now.", owner="person@test")
    ask(project)
    assert took(project) == "decomposed"
    told = prompt(project, 2)
    assert "- SBI-1 (PENDING): The first" in told
    assert "- draft 3, rejected: Unwanted (rejected: Not now.)" in told
    assert [(one.number, one.status, one.title) for one in drafts(project)] == [
        (1, "approved", "The first"),
        (2, "replaced", "The second"),
        (3, "rejected", "Unwanted"),
        (4, "open", "The second"),
        (5, "open", "The third"),
    ]
    assert drafts(project)[3].replaces == 2


def test_auto_approve_registers_all_of_it_with_the_outcome(project: Workshop) -> None:
    project.agent(says(TWO))
    plan(project, auto=True, auto_approve=True)
    assert took(project) == "decomposed"
    assert [(one.status, one.registered, one.decided_by) for one in drafts(project)] == [
        ("approved", "SBI-1", "auto_approve"),
        ("approved", "SBI-2", "auto_approve"),
    ]
    assert project.sbi(2).depends_on == ("SBI-1",)
    assert pbi(project).status is GroupStatus.PLANNED


def test_what_a_person_has_changed_meanwhile_is_not_approved_without_one(project: Workshop) -> None:
    project.agent(f'touch "$SEEN/began"; while ! test -e "$SEEN/go"; do sleep 0.02; done; {says(TWO)}')
    plan(project, auto=True, auto_approve=True)
    with project.working(scope=DECOMPOSITIONS):
        assert eventually(lambda: project.saw("began") is not None)
        edit.update(project.app.store, "PBI-1", lambda _: {"spec": "Something else."}, actor="person@test")
        (project.seen / "go").touch()
        assert eventually(lambda: work(project).status is Status.DECOMPOSED)
    assert [one.status for one in drafts(project)] == ["open", "open"]
    assert "not_approved" in [entry.event for entry in journal(project)]


def test_an_answer_to_what_it_said_before_is_not_approved_when_the_next_owner_judges_it(project: Workshop) -> None:
    project.agent(f'{says(TWO)}; touch "$SEEN/said"; sleep 60')
    plan(project, auto=True, auto_approve=True)
    with project.working(scope=DECOMPOSITIONS):
        assert eventually(lambda: project.saw("said") is not None)
        with project.app.store.transaction() as tx:
            tx.set_held(tx.pbi(1), held=True, actor="person@test")
            edit.revoke_decomposition(tx, tx.pbi(1), actor="person@test")
        edit.update(project.app.store, "PBI-1", lambda _: {"title": "Something else"}, actor="person@test")
        with project.app.store.transaction() as tx:
            tx.set_held(tx.pbi(1), held=False, actor="person@test")
        assert eventually(lambda: work(project).status is Status.DECOMPOSED)
    assert (project.seen / "calls").read_text() == "x\n", "the agent was called once"
    assert [one.status for one in drafts(project)] == ["open", "open"]


def test_only_what_this_turn_proposes_is_approved_without_a_person(project: Workshop) -> None:
    project.agent(says(proposal(draft("Old one"), draft("Old two")), proposal(draft("New one"), draft("New two"))))
    plan(project)
    took(project)
    edit.update(project.app.store, "PBI-1", lambda _: {"auto": True, "auto_approve": True}, actor="person@test")
    ask(project)
    took(project)
    assert [(one.title, one.status) for one in drafts(project)] == [
        ("Old one", "open"),
        ("Old two", "open"),
        ("New one", "approved"),
        ("New two", "approved"),
    ]


def test_who_writes_into_the_home_is_told_of_and_has_nothing_approved_without_a_person(apart: Workshop) -> None:
    apart.agent(f'mkdir -p "$DEESPEC_HOME/labels"; echo x > "$DEESPEC_HOME/labels/mine.md"; {says(TWO)}')
    plan(apart, auto=True, auto_approve=True)
    assert took(apart) == "decomposed"
    assert [one.status for one in drafts(apart)] == ["open", "open"]
    assert any("labels/mine.md" in note for note in turns(apart)[0].findings)


def test_what_cannot_be_approved_by_itself_stays_a_draft_and_the_journal_says_why(project: Workshop) -> None:
    two = proposal(draft("Three", needs=["PBI-1/1"]), draft("Four"))
    project.agent(says(proposal(draft("One"), draft("Two")), two))
    pbi_id = plan(project).id
    took(project)
    edit.update(project.app.store, pbi_id, lambda _: {"auto": True, "auto_approve": True}, actor="person@test")
    ask(project)
    crew = Crew(project.app, Orders(once=True, scope=DECOMPOSITIONS), tell=lambda _: None)

    def meanwhile(here: str) -> None:
        """Between look and settlement: two earlier ones need each other, and what is proposed needs them."""
        if here == "acted":
            with project.app.store.transaction() as tx:
                for one, need in zip(tx.drafts(pbi_id), ("PBI-1/2", "PBI-1/1"), strict=True):
                    tx.change_draft(replace(one, needs=(need,), edited=True))

    with project.app.store.transaction() as tx:
        tx.add_worker(crew.worker)
    crew.pulse.start()
    outcome = run_turn(crew.bench, observe=meanwhile)
    crew.pulse.stop()
    assert isinstance(outcome, Outcome)
    assert outcome.what == "decomposed"
    assert [one.status for one in drafts(project)] == ["open"] * 4
    [told] = [entry.detail for entry in journal(project) if entry.event == "not_approved"]
    assert told is not None
    assert told.startswith("none was approved: PBI-1/3 would wait for ever")


def test_the_bounds_of_the_pbi_count(project: Workshop) -> None:
    project.agent(says(FAULTY))
    plan(project, drafts_least=1, drafts_most=1)
    assert took(project) == "decomposed"
    assert "Suggest 1 of them" in prompt(project)


def _toml(values: dict[str, object]) -> str:
    def one(value: object) -> str:
        if isinstance(value, dict):
            return _toml(value)
        if isinstance(value, list):
            return f"[{', '.join(map(one, value))}]"
        return json.dumps(value)

    return "{" + ", ".join(f"{key} = {one(value)}" for key, value in values.items() if value is not None) + "}"
