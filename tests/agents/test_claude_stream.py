"""Claude Code: what is made of its stream, from recordings of the real client."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from calls import request
from claude_recordings import INDEX, fault, hear, lines_of, replay
from hypothesis import given, settings
from hypothesis import strategies as st

from deespec.agents.base import AgentError, Blame
from deespec.agents.claude import result_of
from deespec.agents.claude_errors import error_in
from deespec.agents.claude_stream import Stream
from deespec.agents.process import Ended
from deespec.agents.structured import answer_of, schema_of
from deespec.model.lifecycle import Step
from deespec.model.reports import DECISIONS, KINDS

BOTH = ("2.1.197", "2.1.330")

# --- what a run was worth ---------------------------------------------------------------------------------------------

FAULTS = {
    "2.1.197/unauthorised": (Blame.AGENT, "login"),
    "2.1.330/unauthorised": (Blame.AGENT, "login"),
    "2.1.330/not_logged_in": (Blame.AGENT, "login"),
    "2.1.197/credit_balance": (Blame.AGENT, "billing"),
    "2.1.330/credit_balance": (Blame.AGENT, "billing"),
    "2.1.197/model_not_found": (Blame.AGENT, "model"),
    "2.1.330/model_not_found": (Blame.AGENT, "model"),
    "2.1.197/bad_flag": (Blame.AGENT, "flags"),
    "2.1.330/bad_flag": (Blame.AGENT, "flags"),
    "2.1.330/root_refused": (Blame.AGENT, "flags"),
    "2.1.197/rate_limit": (Blame.ACCOUNT, "rate_limit"),
    "2.1.330/rate_limit": (Blame.ACCOUNT, "rate_limit"),
    "2.1.197/usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "2.1.330/usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "2.1.197/overloaded": (Blame.CALL, "overloaded"),
    "2.1.330/overloaded": (Blame.CALL, "overloaded"),
    "2.1.330/server_error": (Blame.CALL, "server_error"),
    "2.1.330/timed_out": (Blame.CALL, "server_error"),
    "2.1.330/stream_cut": (Blame.CALL, "network"),
    "2.1.330/bad_request": (Blame.CALL, "invalid_request"),
    "2.1.197/prompt_too_long": (Blame.CALL, "prompt_too_long"),
    "2.1.330/prompt_too_long": (Blame.CALL, "prompt_too_long"),
    "2.1.330/blocked_prompt": (Blame.CALL, "prompt_too_long"),
    "2.1.330/max_turns": (Blame.CALL, "max_turns"),
    "2.1.197/budget": (Blame.BUDGET, "budget"),
    "2.1.330/budget": (Blame.BUDGET, "budget"),
    "2.1.330/interrupted_tool": (Blame.CALL, "aborted"),
    "2.1.330/interrupted_waiting": (Blame.CALL, "crash"),
    "2.1.330/terminated": (Blame.CALL, "crash"),
    "2.1.197/resume_unknown": (Blame.CALL, "failed"),
    "2.1.330/resume_unknown": (Blame.CALL, "failed"),
}


@pytest.mark.parametrize("recording", sorted(FAULTS))
def test_a_failed_run_is_blamed_on_who_can_change_it(recording: str, tmp_path: Path) -> None:
    result = replay(tmp_path, recording)
    assert fault(result) == FAULTS[recording]
    assert result.error is not None
    assert result.error.message
    assert result.answer is None


@pytest.mark.parametrize("recording", sorted(INDEX.keys() - FAULTS.keys()))
def test_every_other_run_succeeds_and_says_what_it_cost(recording: str, tmp_path: Path) -> None:
    step = Step.REVIEW if recording.endswith("review") else Step.IMPLEMENT
    result = replay(tmp_path, recording, step)
    assert result.error is None
    assert result.text
    assert result.session
    assert result.usage.model in ("claude-sonnet-5", "claude-sonnet-5-5")
    assert result.usage.cost_usd


@pytest.mark.parametrize(("version", "reset_at"), [("2.1.197", 1795422239000), ("2.1.330", 1795422225000)])
def test_a_usage_limit_says_when_it_ends(version: str, reset_at: int, tmp_path: Path) -> None:
    error = replay(tmp_path, f"{version}/usage_limit").error
    assert error is not None
    assert error.reset_at == reset_at


def test_a_limit_that_is_not_the_plans_is_a_rate_limit(tmp_path: Path) -> None:
    words = "API Error: Server is temporarily limiting requests (not your usage limit)"
    lines = []
    for line in lines_of("2.1.330/usage_limit"):
        event = json.loads(line)
        if event.get("type") == "result":
            event["result"] = words
        lines.append(json.dumps(event).encode())
    assert fault(result_of(request(tmp_path), Ended(exit_code=1), hear(lines))) == (Blame.ACCOUNT, "rate_limit")


def test_a_reset_time_that_cannot_be_one_is_left_out() -> None:
    event = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 17954222250001}}
    heard = hear([json.dumps(event).encode()])
    assert (heard.limited, heard.reset_at) == (True, None)


def test_a_limit_that_does_not_stop_the_run_is_no_error(tmp_path: Path) -> None:
    assert fault(replay(tmp_path, "2.1.330/warned")) is None


def test_a_rejected_limit_does_not_explain_another_failure(tmp_path: Path) -> None:
    limit, *_ = [line for line in lines_of("2.1.330/usage_limit") if b"rate_limit_event" in line]
    heard = hear([limit, *lines_of("2.1.330/max_turns")])
    assert fault(result_of(request(tmp_path), Ended(exit_code=1), heard)) == (Blame.CALL, "max_turns")


@pytest.mark.parametrize("version", BOTH)
def test_a_structured_answer_is_taken(version: str, tmp_path: Path) -> None:
    result = replay(tmp_path, f"{version}/structured_implement")
    assert result.answer is not None
    assert (result.answer.kind, result.answer.source) == ("implement", "structured")
    assert result.text == result.answer.text == "It adds numbers now."


def test_a_structured_verdict_is_taken(tmp_path: Path) -> None:
    answer = replay(tmp_path, "2.1.330/structured_review", Step.REVIEW).answer
    assert answer is not None
    assert (answer.kind, answer.decision, answer.text) == ("review", "NEEDS_CHANGES", "It does not subtract.")


@pytest.mark.parametrize("version", BOTH)
def test_a_model_that_ignores_the_schema_gives_no_structured_answer(version: str) -> None:
    heard = hear(lines_of(f"{version}/success"))
    assert heard.answer is None
    assert heard.result is not None
    assert heard.result.text == "PLAIN-FINAL: hello from the scripted model."


def test_without_a_structured_answer_the_last_words_are_read(tmp_path: Path) -> None:
    said = b'{"type":"result","subtype":"success","is_error":false,"result":"All is well.\\nDECISION: SUCCEEDED"}'
    result = result_of(request(tmp_path, step=Step.REVIEW), Ended(exit_code=0), hear([said], Step.REVIEW))
    assert result.answer is not None
    assert (result.answer.decision, result.answer.source) == ("SUCCEEDED", "text")


@pytest.mark.parametrize("version", BOTH)
def test_refused_tools_are_named_once(version: str, tmp_path: Path) -> None:
    assert replay(tmp_path, f"{version}/tool_denied").denied == ("Bash",)


@pytest.mark.parametrize("version", BOTH)
def test_a_resumed_session_is_charged_for_this_call_only(version: str, tmp_path: Path) -> None:
    first, resumed = (replay(tmp_path, f"{version}/{name}").usage for name in ("success", "resumed"))
    assert (resumed.tokens_in, resumed.tokens_out, resumed.cost_usd) == (2400, 100, first.cost_usd)


def test_cached_tokens_count_as_input(tmp_path: Path) -> None:
    usage = replay(tmp_path, "2.1.330/structured_implement").usage
    assert (usage.tokens_in, usage.tokens_out, usage.cost_usd) == (1200, 50, 0.00252)


def test_a_result_is_not_the_last_event_while_something_runs_in_the_background() -> None:
    stream = Stream(Step.IMPLEMENT)
    finals = [stream.feed(line) for line in lines_of("2.1.330/background")]
    results = [b'"type":"result"' in line for line in lines_of("2.1.330/background")]
    assert results.count(True) == 2
    assert finals.index(True) == len(finals) - 1
    assert stream.heard().usage.cost_usd == pytest.approx(0.00756)


def test_an_error_within_a_helper_is_not_the_runs_error() -> None:
    helper = {"type": "assistant", "parent_tool_use_id": "toolu_1", "error": "rate_limit", "message": {"model": "m"}}
    assert hear([json.dumps(helper).encode()]).error is None


def test_an_empty_final_text_is_no_success(tmp_path: Path) -> None:
    said = b'{"type":"result","subtype":"success","is_error":false,"result":"  "}'
    result = result_of(request(tmp_path), Ended(exit_code=0), hear([said]))
    assert fault(result) == (Blame.CALL, "no_answer")


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(exit_code=1), (Blame.CALL, "crash")),
        (Ended(signal=9), (Blame.CALL, "crash")),
        (Ended(signal=9, hung=True), None),
        (Ended(exit_code=0, stopped="revoked"), (Blame.STOPPED, "revoked")),
        (Ended(error="No such file: claude", unusable=True), (Blame.AGENT, "missing")),
    ],
)
def test_how_the_program_ended_counts_besides_its_result(
    ended: Ended, expected: tuple[Blame, str] | None, tmp_path: Path
) -> None:
    result = result_of(request(tmp_path), ended, hear(lines_of("2.1.330/success")))
    assert fault(result) == expected


@pytest.mark.parametrize("limit", ["turn_timeout", "idle_timeout", "guard_died"])
def test_a_limit_of_the_call_is_an_attempt(limit: str, tmp_path: Path) -> None:
    result = result_of(request(tmp_path), Ended(stopped=limit), hear(lines_of("2.1.330/interrupted_tool")))
    assert result.error is not None
    assert result.error.blame is Blame.CALL
    assert result.session, "the work so far can be resumed"
    assert result.usage.cost_usd, "it was paid all the same"


def test_a_killed_run_says_how_it_ended(tmp_path: Path) -> None:
    error = result_of(request(tmp_path), Ended(signal=9), hear([])).error
    assert error == AgentError(blame=Blame.CALL, code="crash", message="It ended without a result (signal 9).")


# --- what comes in may be anything ------------------------------------------------------------------------------------

recordings = st.sampled_from(sorted(INDEX))
noise = st.one_of(
    st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"")),
    st.sampled_from(
        [
            b"",
            b"null",
            b"[]",
            b'"text"',
            b"Warning: no stdin data received in 3s",
            b'{"type":"result"',
            b"[" * 100_000,
            b'{"type":["result"]}',
            b'{"type":"a_new_event","is_error":true,"result":"no"}',
            b'{"type":"system","subtype":"a_new_one","session_id":"../../etc"}',
            b'{"type":"system","subtype":"api_retry","attempt":1,"error":"rate_limit","error_status":429}',
        ]
    ),
)


@given(recordings, st.lists(st.tuples(st.integers(0, 60), noise), max_size=8))
def test_foreign_lines_change_nothing(recording: str, added: list[tuple[int, bytes]]) -> None:
    lines = lines_of(recording)
    noisy = list(lines)
    for place, line in added:
        noisy.insert(place % (len(noisy) + 1), line)
    assert hear(noisy) == hear(lines)


@given(recordings, st.randoms(use_true_random=False))
def test_key_order_and_new_fields_change_nothing(recording: str, chance: random.Random) -> None:
    lines = lines_of(recording)
    shuffled = [json.dumps(_shuffle(json.loads(line), chance)).encode() for line in lines]
    assert hear(shuffled) == hear(lines)


def _shuffle(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list):
        return [_shuffle(each, chance) for each in value]
    if not isinstance(value, dict):
        return value
    items = [(key, _shuffle(each, chance)) for key, each in value.items()]
    chance.shuffle(items)
    if "type" in value:  # an event or a block, not a map from models or tasks
        items.insert(chance.randrange(len(items) + 1), ("a_new_field", {"type": "result", "is_error": True}))
    return dict(items)


@pytest.mark.parametrize("recording", sorted(INDEX))
def test_a_stream_cut_anywhere_is_no_success(recording: str, tmp_path: Path) -> None:
    asked = request(tmp_path)
    lines = lines_of(recording)
    for count in range(len(lines)):
        half = lines[count][: len(lines[count]) // 2]
        result = result_of(asked, Ended(exit_code=0), hear([*lines[:count], half]))
        seen = any(b'"type":"result"' in line for line in lines[:count])
        assert seen or result.error is not None


simple = st.sampled_from(
    [None, True, 0, -1, 2**70, 1e308, float("nan"), float("inf"), "", "a", "\ud800", "a\0", "success", "9" * 5000]
)
anything = st.one_of(
    simple,
    st.lists(simple, max_size=2),
    st.dictionaries(
        st.sampled_from(["model", "status", "resetsAt", "inputTokens", "tool_name", ""]), simple, max_size=3
    ),
    st.lists(st.dictionaries(st.sampled_from(["tool_name", "x"]), simple, max_size=2), max_size=2),
    st.dictionaries(st.just("opus"), st.dictionaries(st.just("costUSD"), simple, max_size=1), max_size=1),
)
EVENTS = ["system", "assistant", "rate_limit_event", "result"]
FIELDS = [
    *("subtype", "message", "error", "rate_limit_info", "session_id", "permission_denials", "is_error", "result"),
    *("errors", "usage", "modelUsage", "tasks", "structured_output", "total_cost_usd", "terminal_reason", "model"),
    *("model_usage_since_last_result", "api_error_status", "api_error", "tool_name"),
]
SUBTYPES = ["init", "permission_denied", "background_tasks_changed", "success", "error_during_execution"]


@settings(max_examples=300)
@given(
    st.sampled_from(EVENTS),
    st.sampled_from(SUBTYPES),
    st.dictionaries(st.sampled_from(FIELDS), anything, max_size=8),
    st.booleans(),
)
def test_fields_of_any_type_make_nothing_fail(kind: str, subtype: str, fields: dict[str, Any], known: bool) -> None:
    event = {**fields, "type": kind} | ({"subtype": subtype, "is_error": False} if known else {})
    heard = hear([json.dumps(event).encode()] * 2)
    assert heard.session is None
    error_in(heard, ending="", ended_well=True, stderr="")
    words = (heard.error, heard.usage.model, *heard.denied, heard.result.text if heard.result else None)
    for word in words:
        (word or "").encode()
        assert "\0" not in (word or "")


def test_half_characters_do_not_get_through(tmp_path: Path) -> None:
    said = b'{"type":"result","subtype":"success","is_error":false,"result":"a\\ud800b\\u0000"}'
    assert result_of(request(tmp_path), Ended(exit_code=0), hear([said])).text == "a?b\N{REPLACEMENT CHARACTER}"


# --- structured answers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", sorted(KINDS.keys() - {Step.DECOMPOSE}))
def test_the_schema_names_what_the_step_accepts(step: Step) -> None:
    schema = json.loads(schema_of(step) or "")
    field, words = ("decision", DECISIONS) if step is Step.REVIEW else ("type", KINDS[step])
    assert schema["properties"][field]["enum"] == list(words)
    for word in words:
        answer = answer_of(step, {field: word, "report": "done"})
        assert answer is not None
        assert word in (answer.kind, answer.decision)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        "implement",
        {},
        {"type": "implement"},
        {"type": "implement", "report": 3},
        {"type": ["implement"], "report": "x"},
        {"type": "resolve", "report": "x"},
        {"type": "question", "report": " "},
        {"decision": "SUCCEEDED", "report": "x"},
    ],
)
def test_what_does_not_fit_is_no_answer(found: object) -> None:
    assert answer_of(Step.IMPLEMENT, found) is None
