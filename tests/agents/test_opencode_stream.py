"""opencode: what is made of its stream and its log, from recordings of the real client."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from calls import request
from hypothesis import given, settings
from hypothesis import strategies as st
from opencode_recordings import INDEX, NOW_MS, SETTINGS, fault, hear, lines_of, log_of, replay

from deespec.agents.base import AgentRequest, Blame
from deespec.agents.opencode import result_of
from deespec.agents.opencode_errors import TOO_LONG, WAITING, session_unusable
from deespec.agents.process import Ended
from deespec.model.lifecycle import Step
from deespec.records import replace

# --- what a run was worth ---------------------------------------------------------------------------------------------

CRASH = (Blame.CALL, "crash")
FAULTS = {
    "bad_flag": (Blame.AGENT, "flags"),
    "bad_model": (Blame.CALL, "failed"),  # only the log says what is wrong
    "logged_bad_model": (Blame.AGENT, "model"),
    "err_e401": (Blame.AGENT, "login"),
    "err_credit": (Blame.AGENT, "billing"),
    "err_e404": (Blame.AGENT, "model"),
    "err_e429": (Blame.ACCOUNT, "rate_limit"),
    "err_usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "err_overload": (Blame.CALL, "overloaded"),
    "err_e500": (Blame.CALL, "server_error"),
    "err_e400": (Blame.CALL, "invalid_request"),
    "err_context": (Blame.CALL, "prompt_too_long"),
    "err_conn_refused": (Blame.CALL, "network"),
    "err_cut": (Blame.CALL, "network"),
    "perm_ask_bash": (Blame.CALL, "no_answer"),
    "logged_asked": (Blame.CALL, "no_answer"),
    # no events: another output format, or killed before there was one
    "err_e401_text": CRASH,
    "plain_text": CRASH,
    "no_prompt": CRASH,
    "resume_unknown": CRASH,
    "err_e429_long": CRASH,
    "logged_waiting": CRASH,
    "stdin_left_open": CRASH,
    **{name: CRASH for name in INDEX if name.startswith("sig_")},
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
    result = replay(tmp_path, recording)
    assert result.error is None
    assert result.text
    assert result.session
    assert result.usage.model == "stub/stub-model"
    assert result.usage.tokens_in
    assert result.usage.cost_usd


def test_steps_are_summed_and_cached_tokens_count_as_input(tmp_path: Path) -> None:
    usage = replay(tmp_path, "tool_json").usage
    assert (usage.tokens_in, usage.tokens_cached, usage.tokens_out) == (2400, 400, 100)
    assert usage.cost_usd == pytest.approx(0.00762)


def test_a_cost_of_nothing_is_not_known(tmp_path: Path) -> None:
    lines = [line.replace(b'"cost":0.00381', b'"cost":0') for line in lines_of("tool_json")]
    assert hear(lines).usage.tokens_in == 2400
    assert hear(lines).usage.cost_usd is None


def test_reasoning_is_output_whether_it_is_a_part_of_it_or_not() -> None:
    def finish(total: int | None) -> bytes:
        tokens = {"total": total, "input": 10, "output": 50, "reasoning": 20, "cache": {"read": 0, "write": 0}}
        return json.dumps({"type": "step_finish", "part": {"id": "p", "tokens": tokens}}).encode()

    assert [hear([finish(total)]).usage.tokens_out for total in (60, 80, None)] == [50, 70, 70]


def test_the_final_words_are_those_after_the_last_tool(tmp_path: Path) -> None:
    assert replay(tmp_path, "tool_json").text == "TOOL-FINAL: file written and reported."


@pytest.mark.parametrize(("recording", "reset_at"), [("err_e429", 1795403244420), ("err_usage_limit", 1795407024000)])
def test_a_limit_says_when_it_ends(recording: str, reset_at: int, tmp_path: Path) -> None:
    error = replay(tmp_path, recording).error
    assert error is not None
    assert error.reset_at == reset_at


def test_a_limit_may_end_at_a_date(tmp_path: Path) -> None:
    later = "Mon, 23 Nov 2026 05:10:24 GMT"
    lines = [line.replace(b'"retry-after":"2"', f'"retry-after":"{later}"'.encode()) for line in lines_of("err_e429")]
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=1), hear(lines), now_ms=NOW_MS)
    assert result.error is not None
    assert result.error.reset_at == 1795410624000


def test_what_it_waits_for_is_in_its_log(tmp_path: Path) -> None:
    assert hear(lines_of("logged_waiting"), log_of("logged_waiting")).trouble
    for stopped in (WAITING, "idle_timeout", "turn_timeout"):
        result = replay(tmp_path, "logged_waiting", stopped=stopped)
        assert fault(result) == (Blame.ACCOUNT, "rate_limit")


def test_who_has_got_on_waits_no_more() -> None:
    stream = hear(lines_of("plain_json"), log_of("logged_waiting"))
    assert stream.trouble
    assert hear(lines_of("plain_json")).trouble is None


def test_a_wait_that_the_engine_ends_is_no_limit(tmp_path: Path) -> None:
    assert fault(replay(tmp_path, "logged_waiting", stopped="revoked")) == (Blame.STOPPED, "revoked")


def test_an_idle_call_that_waits_for_nothing_is_an_attempt(tmp_path: Path) -> None:
    assert fault(replay(tmp_path, "sig_hang_SIGTERM", stopped="idle_timeout")) == (Blame.CALL, "idle")


def test_a_conversation_that_stays_too_long_is_told(tmp_path: Path) -> None:
    assert hear(lines_of("err_context")).overflows >= 3
    result = replay(tmp_path, "err_context", stopped=TOO_LONG)
    assert fault(result) == (Blame.CALL, "prompt_too_long")


def test_a_conversation_that_was_summed_up_goes_on(tmp_path: Path) -> None:
    """The client's exit code stays 1 after that error [read in 1.18.33]."""
    again = lines_of("err_context")
    overflow = next(at for at, line in enumerate(again) if b"compaction_continue" in line)
    heard = hear([*again[: overflow + 1], *lines_of("plain_json")])
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=1), heard, now_ms=NOW_MS)
    assert fault(result) is None
    assert result.text.startswith("PLAIN-FINAL")


def test_a_summary_is_no_end(tmp_path: Path) -> None:
    again = lines_of("err_context")
    overflow = next(at for at, line in enumerate(again) if b"compaction_continue" in line)
    for count in (overflow, overflow + 1):
        result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=1), hear(again[:count]), now_ms=NOW_MS)
        assert result.error is not None


@pytest.mark.parametrize("recording", ["perm_ask_bash", "logged_asked", "logged_denied"])
def test_refused_tools_are_named_once(recording: str, tmp_path: Path) -> None:
    assert replay(tmp_path, recording).denied == ("bash",)


def test_what_it_asked_leave_for_is_asked_of_a_person_where_the_settings_say_so(tmp_path: Path) -> None:
    result = replay(tmp_path, "logged_asked", replace(SETTINGS, permission_requests="ask"))
    assert fault(result) is None
    assert result.answer is not None
    assert (result.answer.kind, result.answer.source) == ("question", "asked")
    assert "bash (printf" in result.answer.text


def test_a_client_that_hangs_after_its_last_words_has_succeeded(tmp_path: Path) -> None:
    assert fault(replay(tmp_path, "tool_json", exit_code=None, signal=9, stopped="idle_timeout")) is None


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Ended(exit_code=1), CRASH),
        (Ended(signal=9), CRASH),
        (Ended(exit_code=0, stopped="revoked"), (Blame.STOPPED, "revoked")),
        (Ended(exit_code=0, stopped="turn_timeout"), (Blame.CALL, "timeout")),
        (Ended(exit_code=0, stopped="budget"), (Blame.BUDGET, "budget")),
        (Ended(error="No such file: opencode", unusable=True), (Blame.AGENT, "missing")),
    ],
)
def test_how_the_program_ended_counts_besides_its_events(
    ended: Ended, expected: tuple[Blame, str], tmp_path: Path
) -> None:
    result = result_of(SETTINGS, request(tmp_path), ended, hear(lines_of("tool_json")), now_ms=NOW_MS)
    assert fault(result) == expected
    assert result.usage.cost_usd, "it was paid all the same"


def test_a_stream_that_ends_in_the_middle_of_its_work_is_no_success(tmp_path: Path) -> None:
    whole = lines_of("plain_json")
    cut_short = [line.replace(b'"reason":"stop"', b'"reason":"length"') for line in whole]
    for lines in (lines_of("tool_json")[:4], lines_of("tool_json")[:-1], cut_short, whole[:-1]):
        result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear(lines), now_ms=NOW_MS)
        assert fault(result) == CRASH


def test_an_answer_may_be_in_its_last_words(tmp_path: Path) -> None:
    lines = [line.replace(b"PLAIN-FINAL: ", b"DECISION: SUCCEEDED ") for line in lines_of("plain_json")]
    asked = request(tmp_path, step=Step.REVIEW)
    result = result_of(SETTINGS, asked, Ended(exit_code=0), hear(lines), now_ms=NOW_MS)
    assert result.answer is not None
    assert (result.answer.decision, result.answer.source) == ("SUCCEEDED", "text")


def test_only_an_unknown_or_full_session_is_left() -> None:
    assert session_unusable(hear([]), "Error: Session not found")
    assert not session_unusable(hear(lines_of("plain_json")), "Error: Session not found")
    assert not session_unusable(hear(lines_of("err_e401")), "")
    assert session_unusable(hear(lines_of("err_context")[:1]), "")


# --- what comes in may be anything ------------------------------------------------------------------------------------

recordings = st.sampled_from(sorted(INDEX))
damage = st.lists(
    st.tuples(
        st.sampled_from(["cut", "drop", "double", "swap", "spoil"]),
        st.integers(0, 60),
        st.integers(0, 4000),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def damaged(lines: list[bytes], blows: list[tuple[str, int, int, bytes]]) -> list[bytes]:
    hurt = list(lines)
    for how, place, within, noise in blows:
        if not hurt:
            break
        at = place % len(hurt)
        line = hurt[at]
        if how == "cut":
            hurt[at] = line[: within % (len(line) + 1)]
        elif how == "drop":
            del hurt[at]
        elif how == "double":
            hurt.insert(at, line)
        elif how == "swap":
            hurt[at], hurt[at - 1] = hurt[at - 1], line
        else:
            cut = within % (len(line) + 1)
            hurt[at] = line[:cut] + noise + line[cut + len(noise) :]
    return hurt


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> AgentRequest:
    return request(tmp_path_factory.mktemp("asked"))


@settings(max_examples=200)
@given(recording=recordings, blows=damage)
def test_damage_makes_no_success_of_a_failure(
    asked: AgentRequest, recording: str, blows: list[tuple[str, int, int, bytes]]
) -> None:
    heard = hear(damaged(lines_of(recording), blows), damaged(log_of(recording), blows))
    result = result_of(SETTINGS, asked, Ended(**INDEX[recording]), heard, now_ms=NOW_MS)
    if result.error is None:
        assert heard.finished
        assert result.text
        assert INDEX[recording]["exit_code"] == 0 or heard.overflows


@given(recordings, st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=40)), max_size=8))
def test_foreign_lines_change_nothing(recording: str, added: list[tuple[int, bytes]]) -> None:
    noisy = lines_of(recording)
    for place, line in added:
        noisy.insert(place % (len(noisy) + 1), line.replace(b"\n", b"") + b"}")
    noisy.append(b'{"type":"a_new_event","part":{"reason":"error"}}')
    assert hear(noisy) == hear(lines_of(recording))


@given(recordings, st.randoms(use_true_random=False))
def test_key_order_and_new_fields_change_nothing(recording: str, chance: random.Random) -> None:
    lines = lines_of(recording)
    shuffled = [json.dumps(_shuffle(json.loads(line), chance)).encode() for line in lines if line.startswith(b"{")]
    assert hear(shuffled) == hear(lines)


def _shuffle(value: Any, chance: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    items = [(key, _shuffle(each, chance)) for key, each in value.items()]
    if not any(key in value for key in ("server", "date")):  # the names of headers are data
        items.append(("a_new_field", {"type": "error"}))
    chance.shuffle(items)
    return dict(items)


def test_doubled_events_are_counted_once() -> None:
    lines = lines_of("tool_json")
    assert hear([line for line in lines for _ in range(2)]).usage == hear(lines).usage


def test_a_step_that_is_told_again_counts_instead_of_what_it_was() -> None:
    def finish(key: str, tokens: int, cost: float) -> bytes:
        used = {"input": tokens, "output": tokens // 10, "cache": {"read": 5, "write": 0}}
        return json.dumps({"type": "step_finish", "part": {"id": key, "tokens": used, "cost": cost}}).encode()

    usage = hear([finish("a", 100, 0.5), finish("b", 50, 0.25), finish("a", 200, 1.0), finish("b", 20, 0.0)]).usage
    assert (usage.tokens_in, usage.tokens_cached, usage.tokens_out) == (230, 10, 22)
    assert usage.cost_usd == pytest.approx(1.0)


anything = st.recursive(
    st.sampled_from([None, True, 0, -1, 2**70, 1e308, float("nan"), "", "a", "\ud800", "a\0", "stop", "9" * 5000]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["id", "text", "state", "status", "error", "tokens", "cache", "read", "retry-after"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    kind=st.sampled_from(["step_start", "text", "tool_use", "step_finish", "error"]),
    part=anything,
    fields=st.dictionaries(st.sampled_from(["name", "data", "timestamp", "sessionID"]), anything, max_size=4),
)
def test_fields_of_any_type_make_nothing_fail(
    asked: AgentRequest, kind: str, part: Any, fields: dict[str, Any]
) -> None:
    event = {"part": part, "error": {"name": part, "data": fields | {"responseHeaders": part}}, **fields, "type": kind}
    heard = hear([json.dumps(event).encode()] * 2)
    result = result_of(SETTINGS, asked, Ended(exit_code=0), heard, now_ms=NOW_MS)
    for said in (heard.session, result.text, *result.denied, result.error.message if result.error else None):
        (said or "").encode()
        assert "\0" not in (said or "")
