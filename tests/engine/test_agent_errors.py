"""Errors that are not the item's: an account whose limit is used up, an agent that a person must see to."""

from __future__ import annotations

from workshop import IMPLEMENTS, Workshop, eventually, steps

from deespec.model.lifecycle import Status

LIMITED = """
[[rules]]
times = {times}
error = {{ blame = "account", code = "rate_limit", message = "5-hour limit reached", reset_after_ms = {reset_ms} }}
[[rules]]
step = "implement"
files = {{ "work.txt" = "work" }}
answer = {{ type = "implement", text = "Done." }}
[[rules]]
answer = {{ type = "review", decision = "SUCCEEDED" }}
"""
LOGGED_OUT = '[[rules]]\nerror = { blame = "agent", code = "login", message = "Not logged in." }\n'


def paused(project: Workshop) -> dict[str, int | None]:
    with project.app.store.read() as tx:
        return {pause.agent: pause.until_at for pause in tx.pauses()}


def resume(project: Workshop, agent: str) -> None:
    with project.app.store.transaction() as tx:
        tx.resume_agent(agent, actor="person")


# --- the account's --------------------------------------------------------------------------------------------------


def test_a_rate_limit_pauses_the_account_and_uses_no_attempt(project: Workshop) -> None:
    project.scripted(LIMITED.format(times=1, reset_ms=600_000))
    project.register()
    assert project.took() == "paused"
    sbi = project.sbi()
    assert (sbi.status, sbi.turn, sbi.attempts, sbi.setbacks) == (Status.IMPLEMENTING, 0, 0, 0)
    until = paused(project)["actor"] or 0
    assert 590_000 < until - project.app.clock.now_ms() <= 605_000
    assert project.took() == "nothing"


def test_work_goes_on_when_the_limit_is_over(project: Workshop) -> None:
    project.scripted(LIMITED.format(times=1, reset_ms=300))
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["paused", "implemented", "succeeded"]


def test_a_reset_time_far_away_is_probed_after_a_day(project: Workshop) -> None:
    project.scripted(LIMITED.format(times=1, reset_ms=30 * 86_400_000))
    project.register()
    project.turn()
    assert (paused(project)["actor"] or 0) - project.app.clock.now_ms() <= 86_405_000


def test_the_next_agent_of_the_list_takes_over(project: Workshop) -> None:
    project.scripted(LIMITED.format(times=1, reset_ms=600_000))
    project.agent(steps(), name="second")
    project.settle("run", implement=["actor", "second"])
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["paused", "implemented", "succeeded"]
    assert {turn.agent for turn in project.turns()} == {"second"}


def test_agents_of_one_account_pause_together(project: Workshop) -> None:
    project.scripted(LIMITED.format(times=1, reset_ms=600_000), account="team")
    project.scripted(LIMITED.format(times=0, reset_ms=0), name="second", account="team")
    project.settle("run", implement=["actor", "second"])
    project.register()
    assert project.took() == "paused"
    assert project.took() == "nothing"


# --- the agent's ----------------------------------------------------------------------------------------------------


def test_an_agent_s_error_pauses_it_until_a_person_resumes_it(project: Workshop) -> None:
    project.scripted(LOGGED_OUT)
    for _ in range(3):
        project.register(paths=("a",))
    assert [outcome.what for outcome in project.drain()] == ["paused"]
    assert paused(project) == {"actor": None}
    assert [(project.sbi(n).attempts, project.sbi(n).turn) for n in (1, 2, 3)] == [(0, 0)] * 3
    with project.app.store.read() as tx:
        entries = [entry.event for entry in tx.journal() if entry.event == "agent_paused"]
    assert entries == ["agent_paused"]


def test_the_inbox_shows_one_entry_for_a_paused_agent(project: Workshop) -> None:
    project.scripted(LOGGED_OUT)
    project.register()
    project.register()
    project.drain()
    status, out, _ = project.command("inbox")
    assert status == 0
    assert out.count("Not logged in.") == 1
    assert "deespec agent resume actor" in out


def test_resumed_it_goes_on_with_all_its_items(project: Workshop) -> None:
    project.scripted(f"{LOGGED_OUT}times = 1\n{LIMITED.format(times=0, reset_ms=0)}")
    project.register()
    assert project.took() == "paused"
    resume(project, "actor")
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]


def test_a_missing_program_pauses_the_agent_and_costs_the_item_nothing(project: Workshop) -> None:
    project.agent(steps())
    project.settle("agents.worker", command=["/nowhere/agent"])
    project.register()
    outcome = project.turn()
    assert outcome is not None
    assert outcome.what == "paused"
    assert "/nowhere/agent" in (outcome.error or "")
    assert (project.sbi().attempts, paused(project)) == (0, {"worker": None})


# --- the same error again and again ---------------------------------------------------------------------------------


def test_the_same_error_on_three_items_in_a_row_is_the_agent_s(project: Workshop) -> None:
    project.agent("exit 1")
    project.settle("run", retry_delay="10 min")
    for number in range(4):
        project.register(paths=(f"{number}",))
    assert [project.took() for _ in range(4)] == ["attempt failed", "attempt failed", "paused", "nothing"]
    assert [project.sbi(n).attempts for n in (1, 2, 3, 4)] == [1, 1, 0, 0]
    assert paused(project) == {"worker": None}


def test_a_turn_that_ends_well_breaks_the_row(project: Workshop) -> None:
    good = f"if test $DEESPEC_ITEM = SBI-3; then {IMPLEMENTS}; else exit 1; fi"
    project.agent(steps(good))
    project.settle("run", retry_delay="10 min")
    for number in range(4):
        project.register(paths=(f"SBI-{number + 1}.txt",))
    outcomes = [project.took() for _ in range(5)]
    assert outcomes == ["attempt failed", "attempt failed", "implemented", "succeeded", "attempt failed"]


def test_a_pause_ends_for_a_worker_that_waits(project: Workshop) -> None:
    project.scripted(LIMITED.format(times=1, reset_ms=400))
    project.register()
    with project.working():
        assert eventually(lambda: project.sbi().status is Status.DONE)
