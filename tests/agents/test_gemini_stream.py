"""Gemini CLI: what is made of its stream, from recordings of the real client."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from calls import request
from gemini_recordings import INDEX, NOW_MS, SETTINGS, ended_of, fault, hear, lines_of, notes_of, replay
from hypothesis import given, settings
from hypothesis import strategies as st

from deespec.agents.base import Blame
from deespec.agents.gemini import result_of
from deespec.agents.gemini_errors import error_in, session_unusable, waited
from deespec.agents.gemini_stream import Stream
from deespec.agents.process import Ended
from deespec.records import replace

V = "0.61.0"

# --- what a run was worth ---------------------------------------------------------------------------------------------

FAULTS = {
    "bad_flag": (Blame.AGENT, "flags"),
    "bad_value": (Blame.AGENT, "flags"),
    "sandbox_flag": (Blame.AGENT, "flags"),
    "err_e401": (Blame.AGENT, "login"),
    "no_key": (Blame.AGENT, "login"),
    "err_credit": (Blame.AGENT, "billing"),
    "err_e404": (Blame.AGENT, "model"),
    "err_404_again": (Blame.AGENT, "model"),
    "no_trust": (Blame.AGENT, "trust"),
    "no_trust_noyolo": (Blame.AGENT, "trust"),
    "err_e429": (Blame.ACCOUNT, "rate_limit"),
    "err_e429_long": (Blame.ACCOUNT, "rate_limit"),
    "err_usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "err_overload": (Blame.CALL, "overloaded"),
    "err_e500": (Blame.CALL, "server_error"),
    "err_cut": (Blame.CALL, "network"),
    "err_conn_refused": (Blame.CALL, "network"),
    "hang_timeout": (Blame.CALL, "network"),
    "err_e400": (Blame.CALL, "invalid_request"),
    "err_context": (Blame.CALL, "prompt_too_long"),
    "prompt_over_context": (Blame.CALL, "prompt_too_long"),
    "max_turns": (Blame.CALL, "max_turns"),
    "resume_unknown": (Blame.CALL, "invalid_request"),
    "resume_other_cwd": (Blame.CALL, "invalid_request"),
    "resume_dup_session_id": (Blame.CALL, "invalid_request"),
    "norelaunch_sig_endless_SIGINT": (Blame.CALL, "crash"),
    "norelaunch_sig_endless_SIGTERM": (Blame.CALL, "crash"),
    "norelaunch_sig_hang_SIGINT": (Blame.CALL, "crash"),
    "norelaunch_sig_hang_SIGTERM": (Blame.CALL, "crash"),
    "norelaunch_sig_slowtool_SIGTERM_x2": (Blame.CALL, "crash"),
    "sig_hang_group_SIGINT": (Blame.CALL, "crash"),
    "sig_hang_group_SIGTERM": (Blame.CALL, "crash"),
    "sig_slowtool_SIGKILL": (Blame.CALL, "crash"),
    "sig_slowtool_group_SIGINT": (Blame.CALL, "crash"),
    "sig_slowtool_group_SIGTERM": (Blame.CALL, "crash"),
    "sig_endless_SIGINT": (Blame.CALL, "idle"),
    "sig_endless_SIGTERM": (Blame.CALL, "idle"),
    "sig_hang_SIGINT": (Blame.CALL, "idle"),
    "sig_hang_SIGTERM": (Blame.CALL, "idle"),
    "sig_slowtool_SIGINT": (Blame.CALL, "idle"),
    "sig_slowtool_SIGTERM": (Blame.CALL, "idle"),
}
SUCCESSES = sorted({name.removeprefix(f"{V}/") for name in INDEX} - FAULTS.keys())
DENIED = {
    "build_file_refused": ("write_file",),
    "perm_allowed_tools": ("run_shell_command",),
    "perm_allowed_tools_prefix": ("run_shell_command",),
    "policy_denied": ("run_shell_command",),
    "tool_subst": ("run_shell_command",),
}


@pytest.mark.parametrize("recording", sorted(FAULTS))
def test_a_failed_run_is_blamed_on_who_can_change_it(recording: str, tmp_path: Path) -> None:
    result = replay(tmp_path, f"{V}/{recording}")
    assert fault(result) == FAULTS[recording]
    assert result.error is not None
    assert result.error.message
    assert not result.error.message.startswith(("[", "{", "Warning"))
    assert (result.answer, result.text) == (None, "")


@pytest.mark.parametrize("recording", SUCCESSES)
def test_every_other_run_succeeds_and_says_what_it_used(recording: str, tmp_path: Path) -> None:
    result = replay(tmp_path, f"{V}/{recording}")
    assert result.error is None
    assert result.text
    assert result.session
    used = result.usage
    assert (used.model, used.cost_usd) == ("gemini-2.5-pro", None)
    assert used.tokens_in
    assert used.tokens_cached
    assert used.tokens_out
    assert used.tokens_in == used.tokens_cached * 6


@pytest.mark.parametrize("recording", SUCCESSES)
def test_tools_that_were_refused_are_named(recording: str, tmp_path: Path) -> None:
    assert replay(tmp_path, f"{V}/{recording}").denied == DENIED.get(recording, ())


def test_the_words_after_the_last_tool_are_the_text(tmp_path: Path) -> None:
    assert replay(tmp_path, f"{V}/tool_stream").text == "TOOL-FINAL: file written and reported."


def test_a_run_that_ends_with_a_tool_has_no_last_words(tmp_path: Path) -> None:
    lines = [line for line in lines_of(f"{V}/tool_stream") if b"TOOL-FINAL" not in line]
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear(lines), now_ms=NOW_MS)
    assert fault(result) == (Blame.CALL, "no_answer")


def test_what_the_model_thought_counts_as_output() -> None:
    stats = {"total_tokens": 150, "input_tokens": 100, "output_tokens": 20, "cached": 10}
    used = hear([json.dumps({"type": "result", "status": "success", "stats": stats}).encode()]).usage
    assert (used.tokens_in, used.tokens_cached, used.tokens_out) == (100, 10, 50)


def test_what_it_notes_says_what_a_run_has_used_so_far(tmp_path: Path) -> None:
    notes = notes_of(f"{V}/two_tools")
    counted = [hear([], notes=notes[: count + 1]).usage.tokens_in or 0 for count in range(len(notes))]
    assert counted == sorted(counted)
    ids = {json.loads(note)["id"] for note in notes}
    assert counted[-1] == 1200 * len(ids)
    whole = hear(lines_of(f"{V}/two_tools"), notes=notes).usage
    assert whole == replay(tmp_path, f"{V}/two_tools").usage


def test_what_is_noted_again_counts_instead_of_what_it_was() -> None:
    def note(key: str, tokens: int) -> bytes:
        used = {"input": tokens, "cached": tokens // 10, "output": tokens // 5, "thoughts": 1}
        return json.dumps({"type": "gemini", "id": key, "tokens": used}).encode()

    used = hear([], notes=[note("a", 100), note("b", 50), note("a", 200), note("b", 20)]).usage
    assert (used.tokens_in, used.tokens_cached, used.tokens_out) == (220, 22, 46)


def test_a_suggested_wait_is_a_reset_time(tmp_path: Path) -> None:
    error = replay(tmp_path, f"{V}/err_e429").error
    assert error is not None
    assert (error.blame, error.code) == (Blame.ACCOUNT, "rate_limit")
    message = "[API Error: You have exhausted your capacity on this model. Your quota will reset after 2h7m14s.]"
    event = {"type": "result", "status": "error", "error": {"type": "unknown", "message": message}}
    said = result_of(
        SETTINGS, request(tmp_path), Ended(exit_code=173), hear([json.dumps(event).encode()]), now_ms=NOW_MS
    ).error
    assert said is not None
    assert (said.code, said.reset_at) == ("usage_limit", NOW_MS + 7_634_000)


def test_tries_that_were_made_before_a_tool_explain_no_later_silence(tmp_path: Path) -> None:
    lines = [*lines_of(f"{V}/err_e429_long"), b'{"type":"tool_use","tool_name":"run_shell_command","tool_id":"1"}']
    result = result_of(SETTINGS, request(tmp_path), ended_of(f"{V}/err_e429_long"), hear(lines), now_ms=NOW_MS)
    assert fault(result) == (Blame.CALL, "idle")


def test_a_stop_by_the_engine_is_no_limit(tmp_path: Path) -> None:
    ended = replace(ended_of(f"{V}/err_e429_long"), stopped="revoked")
    result = result_of(SETTINGS, request(tmp_path), ended, hear(lines_of(f"{V}/err_e429_long")), now_ms=NOW_MS)
    assert fault(result) == (Blame.STOPPED, "revoked")


@pytest.mark.parametrize("recording", ["resume_unknown", "resume_other_cwd", "err_context", "prompt_over_context"])
def test_a_session_that_is_gone_or_full_is_unusable(recording: str) -> None:
    assert session_unusable(hear(lines_of(f"{V}/{recording}")), ended_of(f"{V}/{recording}"))


@pytest.mark.parametrize("recording", ["bad_flag", "err_usage_limit", "tool_stream", "no_key"])
def test_other_ends_leave_the_session_usable(recording: str) -> None:
    assert not session_unusable(hear(lines_of(f"{V}/{recording}")), ended_of(f"{V}/{recording}"))


@pytest.mark.parametrize(
    ("exit_code", "kind", "message", "expected"),
    [
        (144, "unknown", "[API Error: API key not valid. Please pass a valid API key.]", (Blame.AGENT, "login")),
        (145, "unknown", "x", (Blame.AGENT, "login")),
        (147, "unknown", "x", (Blame.AGENT, "login")),
        (
            173,
            "unknown",
            "You exceeded your current quota, please check your plan and billing",
            (Blame.ACCOUNT, "rate_limit"),
        ),
        (173, "unknown", "Quota exceeded for metric: x, limit: 0", (Blame.AGENT, "billing")),
        (244, "unknown", "x", (Blame.CALL, "server_error")),
        (246, "unknown", "x", (Blame.CALL, "server_error")),
        (247, "unknown", "x", (Blame.CALL, "overloaded")),
        (1, "unknown", "[API Error: exception TypeError: fetch failed sending request]", (Blame.CALL, "network")),
        (1, "unknown", '[API Error: {"error":{"code":404,"message":"models/x"}}]', (Blame.AGENT, "model")),
        (
            1,
            "unknown",
            "The input token count (9) exceeds the maximum number of tokens allowed",
            (Blame.CALL, "prompt_too_long"),
        ),
        (53, "FatalTurnLimitedError", "x", (Blame.CALL, "max_turns")),
        (130, "FatalCancellationError", "x", (Blame.CALL, "aborted")),
        (1, "unknown", "something new", (Blame.CALL, "failed")),
    ],
)
def test_words_status_and_exit_code_decide(
    exit_code: int, kind: str, message: str, expected: tuple[Blame, str], tmp_path: Path
) -> None:
    event = {"type": "result", "status": "error", "error": {"type": kind, "message": message}}
    heard = hear([b'{"type":"init"}', json.dumps(event).encode()])
    assert fault(result_of(SETTINGS, request(tmp_path), Ended(exit_code=exit_code), heard, now_ms=NOW_MS)) == expected


@pytest.mark.parametrize(
    ("complaint", "code"),
    [
        ("The model returned an empty response with no text or thoughts.", "no_answer"),
        ("Model response was truncated because it exceeded the token limit.", "max_output_tokens"),
        ("Maximum session turns exceeded", "max_turns"),
        ("The model response was blocked due to safety settings.", "failed"),
    ],
)
@pytest.mark.parametrize("status", ["error", "success"])
def test_what_is_wrong_with_an_answer_is_said_before_the_result(
    complaint: str, code: str, status: str, tmp_path: Path
) -> None:
    error = {"type": "error", "severity": "error", "message": complaint}
    lines = [
        json.dumps(event).encode()
        for event in (
            {"type": "message", "role": "assistant", "content": "x"},
            error,
            {"type": "result", "status": status},
        )
    ]
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear(lines), now_ms=NOW_MS)
    assert fault(result) == (Blame.CALL, code)
    assert result.error is not None
    assert result.error.message == complaint


def test_a_warning_is_no_failure(tmp_path: Path) -> None:
    warning = b'{"type":"error","severity":"warning","message":"Loop detected, stopping execution"}'
    lines = [warning, *lines_of(f"{V}/tool_stream")]
    assert fault(result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear(lines), now_ms=NOW_MS)) is None


def test_a_decision_in_the_last_words_is_an_answer(tmp_path: Path) -> None:
    lines = [
        line.replace(b"TOOL-FINAL: file written", b"Done.\\nDECISION: IMPLEMENTED")
        for line in lines_of(f"{V}/tool_stream")
    ]
    answer = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear(lines), now_ms=NOW_MS).answer
    assert answer is not None
    assert (answer.kind, answer.source) == ("implement", "text")


def test_a_client_that_hangs_after_its_result_has_succeeded(tmp_path: Path) -> None:
    heard = hear(lines_of(f"{V}/tool_stream"))
    assert fault(result_of(SETTINGS, request(tmp_path), Ended(signal=9, hung=True), heard, now_ms=NOW_MS)) is None


def test_a_result_and_a_bad_exit_code_are_a_crash(tmp_path: Path) -> None:
    heard = hear(lines_of(f"{V}/tool_stream"))
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=1), heard, now_ms=NOW_MS)
    assert fault(result) == (Blame.CALL, "crash")


# --- streams that are not as they should be ---------------------------------------------------------------------------

JUNK = [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"type":"resu', b"[" * 10_000, b'{"type":7}', b'"result"']


@pytest.mark.parametrize("seed", range(40))
def test_no_damaged_stream_is_a_success_without_a_result(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    lines = lines_of(f"{V}/{dice.choice(('tool_stream', 'two_tools', 'err_e429_2', 'err_cut'))}")
    whole = [line for line in lines if b'"type":"result"' not in line]
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(whole))
        match dice.randrange(4):
            case 0:
                whole[at] = whole[at][: dice.randrange(len(whole[at]) + 1)]
            case 1:
                whole.insert(at, whole[dice.randrange(len(whole))])
            case 2:
                whole.insert(at, dice.choice(JUNK))
            case 3:
                whole[at] = bytes(byte ^ (dice.random() < 0.02) for byte in whole[at])
    dice.shuffle(whole)
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear(whole), now_ms=NOW_MS)
    assert result.error is not None
    assert result.answer is None


def test_keys_in_another_order_and_new_fields_change_nothing(tmp_path: Path) -> None:
    def turned(line: bytes) -> bytes:
        event = json.loads(line)
        return json.dumps({"new": [1], **dict(reversed(event.items()))}).encode()

    lines = [turned(line) for line in lines_of(f"{V}/tool_stream")]
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear([*JUNK, *lines]), now_ms=NOW_MS)
    assert result == replay(tmp_path, f"{V}/tool_stream")


def test_a_line_of_ten_megabytes_is_read() -> None:
    line = json.dumps({"type": "message", "role": "assistant", "content": "x" * 10_000_000}).encode()
    assert len(hear([line]).text) == 10_000_000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)
FIELDS = (
    "session_id",
    "model",
    "role",
    "content",
    "tool_name",
    "tool_id",
    "status",
    "output",
    "error",
    "stats",
    "severity",
)
INNER = ("type", "message", "total_tokens", "input_tokens", "output_tokens", "cached")
KINDS = ("init", "message", "tool_use", "tool_result", "error", "result", "new")


@settings(max_examples=200)
@given(
    kind=st.sampled_from(KINDS),
    fields=st.dictionaries(
        st.sampled_from(FIELDS), VALUES | st.dictionaries(st.sampled_from(INNER), VALUES), max_size=4
    ),
    tokens=VALUES | st.dictionaries(st.sampled_from(("input", "output", "thoughts", "cached")), VALUES),
)
def test_fields_of_any_type_make_nothing_fail(kind: str, fields: dict[str, Any], tokens: Any) -> None:
    stream = Stream()
    for line in (b'{"type":"init"}', json.dumps({"type": kind, **fields}).encode()):
        stream.feed(line)
    stream.feed_note(json.dumps({"type": "gemini", "id": "1", "tokens": tokens}).encode())
    heard, ended = stream.heard(), Ended(exit_code=1, stderr_tail="Attempt 1 failed with status 999. x")
    assert heard.session is None
    for error in (error_in(heard, ended, now_ms=NOW_MS), waited(heard, ended, now_ms=NOW_MS)):
        for said in (error.message if error else "", heard.text, *heard.denied):
            said.encode()
            assert "\0" not in said
