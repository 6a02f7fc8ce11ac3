"""What calls have used is in the ledger once each, whatever comes of them."""

from __future__ import annotations

import pytest
from workshop import Workshop, eventually

from deespec.backlog import edit
from deespec.model.lifecycle import Status

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
