"""What calls have used is in the ledger once each, whatever comes of them."""

from __future__ import annotations

import pytest
from workshop import Workshop, eventually

from deespec.backlog import edit
from deespec.engine import acting
from deespec.model.items import AgentPause
from deespec.model.lifecycle import Status
from deespec.model.money import TOKENS_MOST

SAYS_COST = """
cat > /dev/null
printf '%s\\n' '{"type":"result","subtype":"success","is_error":false,"result":"x","total_cost_usd":0.4,
"modelUsage":{"m":{"inputTokens":900,"outputTokens":100,"costUSD":0.4}}}' | tr -d '\\n'
echo
touch "$SEEN/said"
sleep 60
"""

COUNTS_ON = """
cat > /dev/null
case "$*" in
*resume*) total=150 words="DECISION: IMPLEMENTED it is done"; echo work > made.txt;;
*) total=100 words="I am not sure.";;
esac
echo '{"type":"thread.started","thread_id":"0199a213-81c0-7800-8aa1-bbab2a035a53"}'
echo '{"type":"turn.started"}'
echo '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"'"$words"'"}}'
echo '{"type":"turn.completed","usage":{"input_tokens":'$total',"cached_input_tokens":0,"output_tokens":10}}'
"""


def test_a_call_that_was_cancelled_has_cost_what_it_cost(project: Workshop) -> None:
    project.agent(SAYS_COST, kind="claude", env={"SEEN": str(project.seen)})
    project.register()
    with project.working(drain=True):
        assert eventually((project.seen / "said").exists)
        edit.cancel(project.app.store, [1], actor="ann", reason="enough")
    assert project.sbi().status is Status.CANCELLED
    with project.app.store.read() as tx:
        assert tx.used_since(0).usd == pytest.approx(0.4)


def test_two_calls_of_a_client_that_counts_on_are_charged_once(project: Workshop) -> None:
    project.agent(COUNTS_ON, kind="codex")
    project.register(only_implement=True)
    outcomes = project.drain()
    assert [one.what for one in outcomes][:1] == ["implemented"], outcomes
    [turn] = project.turns()
    assert (turn.outcome, turn.tokens_in, turn.tokens_out) == ("implemented", 150, 10)
    with project.app.store.read() as tx:
        used = tx.session_used(1, turn.session or "")
    assert used.tokens_in == 150


CRASHES_WHEN_ASKED_AGAIN = """
cat > /dev/null
case "$*" in *resume*) exit 3;; esac
echo '{"type":"thread.started","thread_id":"0199a213-81c0-7800-8aa1-bbab2a035a53"}'
echo '{"type":"turn.started"}'
echo '{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"I am not sure."}}'
echo '{"type":"turn.completed","usage":{"input_tokens":100,"cached_input_tokens":0,"output_tokens":10}}'
"""

SAYS_TOO_MUCH = """
cat > /dev/null
printf '%s\\n' '{"type":"result","subtype":"success","is_error":false,"total_cost_usd":0.1,
"result":"DECISION: IMPLEMENTED","modelUsage":
{"a":{"inputTokens":999999999999999},"b":{"inputTokens":999999999999999}}}' | tr -d '\\n'
"""

COSTS = """
[[rules]]
step = "implement"
files = { "1.txt" = "work" }
answer = { type = "implement", text = "Done." }
usage = { model = "m", tokens_in = 900, tokens_out = 100, cost_usd = 0.3 }
"""


def cut_off_at_gates(project: Workshop) -> None:
    """The agent has answered; the worker is stopped before it has judged that."""
    project.scripted(COSTS)
    project.gate(f"touch {project.seen}/gate; test -e {project.seen}/go || sleep 30")
    project.register(paths=("1.txt",))
    with project.working():
        assert eventually((project.seen / "gate").exists)
    (project.seen / "go").touch()


def test_a_second_call_that_says_nothing_leaves_what_the_first_has_used(project: Workshop) -> None:
    project.agent(CRASHES_WHEN_ASKED_AGAIN, kind="codex")
    project.register()
    assert project.took() == "attempt failed"
    with project.app.store.read() as tx:
        assert tx.used_by_item(1).tokens == 110


def test_a_defect_after_the_call_leaves_what_it_has_cost(project: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    project.scripted(COSTS)
    project.register(paths=("1.txt",))
    monkeypatch.delattr(acting, "_keep_diff")
    assert project.took() == "attempt failed"
    with project.app.store.read() as tx:
        assert tx.used_since(0).usd == pytest.approx(0.3)


def test_an_answer_that_the_next_claim_judges_has_cost_what_its_call_has(project: Workshop) -> None:
    cut_off_at_gates(project)
    assert project.took() == "implemented"
    [turn] = project.turns()
    assert (turn.cost_usd, turn.tokens_in, turn.tokens_out, turn.model) == (0.3, 900, 100, "m")
    with project.app.store.read() as tx:
        [found] = tx.figures().spent_by("", since=0)
    assert (found.calls, found.silent_calls) == (1, 0)


def test_an_answer_that_the_next_claim_judges_says_nothing_good_of_the_account(project: Workshop) -> None:
    cut_off_at_gates(project)
    account = project.app.account("actor")
    with project.app.store.transaction() as tx:
        tx.pause(
            AgentPause(account=account, agent="actor", reason="limit", message="", until_at=tx.now + 1, tries=7),
            actor="w",
        )
    assert eventually(lambda: project.took() == "implemented")
    with project.app.store.read() as tx:
        assert tx.last_limit(account) == (7, None)


def test_numbers_that_no_call_can_have_used_are_cut(project: Workshop) -> None:
    project.agent(SAYS_TOO_MUCH, kind="claude")
    project.register()
    project.turn()
    [turn] = project.turns()
    assert turn.tokens_in == TOKENS_MOST
    with project.app.store.read() as tx:
        assert tx.used_by_item(1).tokens == TOKENS_MOST
