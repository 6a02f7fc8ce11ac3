"""Codex: what is made of its stream, from recordings of the real client."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from calls import request
from codex_recordings import INDEX, NOW_MS, SETTINGS, ended_of, fault, hear, lines_of, notes_of, replay
from hypothesis import given, settings
from hypothesis import strategies as st

from deespec.agents.base import Blame
from deespec.agents.codex import result_of
from deespec.agents.codex_errors import error_in, session_unusable, waited
from deespec.agents.codex_stream import Stream
from deespec.agents.process import Ended
from deespec.model.lifecycle import Step
from deespec.model.money import Usage
from deespec.records import replace

V = "0.169.0"

# --- what a run was worth ---------------------------------------------------------------------------------------------

FAULTS = {
    "bad_flag": (Blame.AGENT, "flags"),
    "wire_chat": (Blame.AGENT, "flags"),
    "err_no_key": (Blame.AGENT, "login"),
    "err_credit": (Blame.AGENT, "billing"),
    "err_insufficient_quota": (Blame.AGENT, "billing"),
    "err_e404": (Blame.AGENT, "model"),
    "err_e429": (Blame.ACCOUNT, "rate_limit"),
    "err_e429_retries0": (Blame.ACCOUNT, "rate_limit"),
    "err_e429_long": (Blame.ACCOUNT, "rate_limit"),
    "err_usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "openai_builtin_usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "err_overload": (Blame.CALL, "overloaded"),
    "err_instream_overload": (Blame.CALL, "overloaded"),
    "err_e500": (Blame.CALL, "server_error"),
    "err_e500_retries0": (Blame.CALL, "server_error"),
    "err_cut": (Blame.CALL, "network"),
    "err_conn_refused": (Blame.CALL, "network"),
    "err_conn_refused_bounded": (Blame.CALL, "network"),
    "hang_idle_timeout_4s": (Blame.CALL, "network"),
    "hang_nohdr_idle_4s": (Blame.CALL, "idle"),
    "stdin_left_open": (Blame.CALL, "idle"),
    "err_e400": (Blame.CALL, "invalid_request"),
    "err_context": (Blame.CALL, "prompt_too_long"),
    "stdin_1100k": (Blame.CALL, "prompt_too_long"),
    "no_prompt": (Blame.CALL, "crash"),
    "resume_unknown": (Blame.CALL, "crash"),
    "sig_endless_SIGINT": (Blame.CALL, "crash"),
    "sig_endless_SIGTERM": (Blame.CALL, "crash"),
    "sig_hang_SIGINT": (Blame.CALL, "crash"),
    "sig_hang_SIGTERM": (Blame.CALL, "crash"),
    "sig_slowtool_SIGINT": (Blame.CALL, "crash"),
    "sig_slowtool_SIGKILL": (Blame.CALL, "crash"),
    "sig_slowtool_SIGTERM": (Blame.CALL, "crash"),
    "sig_slowtool_group_SIGTERM": (Blame.CALL, "crash"),
    "sig_slowtool_sbws_SIGINT": (Blame.CALL, "crash"),
    "sig_slowtool_sbws_SIGTERM": (Blame.CALL, "crash"),
}
SUCCESSES = sorted({name.removeprefix(f"{V}/") for name in INDEX} - FAULTS.keys())


@pytest.mark.parametrize("recording", sorted(FAULTS))
def test_a_failed_run_is_blamed_on_who_can_change_it(recording: str, tmp_path: Path) -> None:
    result = replay(tmp_path, f"{V}/{recording}")
    assert fault(result) == FAULTS[recording]
    assert result.error is not None
    assert result.error.message
    assert not result.error.message.startswith("Reading prompt")
    assert (result.answer, result.text) == (None, "")


@pytest.mark.parametrize("recording", SUCCESSES)
def test_every_other_run_succeeds_and_says_what_it_used(recording: str, tmp_path: Path) -> None:
    result = replay(tmp_path, f"{V}/{recording}")
    assert result.error is None
    assert result.text
    assert result.session
    used = result.usage
    assert (used.model, used.cost_usd) == ("gpt-5-codex", None)
    assert used.tokens_in
    assert used.tokens_cached
    assert used.tokens_out
    assert used.tokens_in == used.tokens_cached * 6


def test_the_last_words_are_the_text(tmp_path: Path) -> None:
    assert replay(tmp_path, f"{V}/tool_json").text == "TOOL-FINAL: file written and reported."


def test_a_usage_limit_says_when_it_ends(tmp_path: Path) -> None:
    error = replay(tmp_path, f"{V}/err_usage_limit").error
    assert error is not None
    assert error.reset_at is not None
    assert datetime.fromtimestamp(error.reset_at / 1000, UTC).astimezone().strftime("%H:%M") == "04:00"


def test_what_it_notes_of_the_limit_is_truer_than_its_words(tmp_path: Path) -> None:
    heard = hear(lines_of(f"{V}/err_usage_limit"), notes=notes_of(f"{V}/usage_limit"))
    result = result_of(SETTINGS, request(tmp_path), ended_of(f"{V}/err_usage_limit"), heard, now_ms=NOW_MS)
    assert result.error is not None
    assert (
        result.error.reset_at
        == json.loads(notes_of(f"{V}/usage_limit")[0])["payload"]["rate_limits"]["primary"]["resets_at"] * 1000
    )


def test_a_window_that_is_not_used_up_ends_no_limit() -> None:
    note = notes_of(f"{V}/usage_limit")[0].replace(b'"used_percent":100.0', b'"used_percent":99.0')
    assert hear([], notes=[note]).reset_at is None


def test_the_last_window_to_end_counts() -> None:
    windows = {
        "primary": {"used_percent": 100, "resets_at": 1_795_000_000},
        "secondary": {"used_percent": 100, "resets_at": 1_796_000_000},
    }
    note = {"type": "event_msg", "payload": {"type": "token_count", "info": None, "rate_limits": windows}}
    assert hear([], notes=[json.dumps(note, separators=(",", ":")).encode()]).reset_at == 1_796_000_000_000


def test_a_run_that_waits_for_an_hour_says_for_what(tmp_path: Path) -> None:
    error = replay(tmp_path, f"{V}/err_e429_long").error
    assert error is not None
    assert "429 Too Many Requests" in error.message


def test_an_error_that_was_overcome_explains_no_later_silence(tmp_path: Path) -> None:
    lines = [*lines_of(f"{V}/err_e429_long"), b'{"type":"item.started","item":{"type":"command_execution"}}']
    result = result_of(SETTINGS, request(tmp_path), Ended(stopped="idle_timeout"), hear(lines), now_ms=NOW_MS)
    assert fault(result) == (Blame.CALL, "idle")


def test_a_stop_by_the_engine_is_no_limit(tmp_path: Path) -> None:
    heard = hear(lines_of(f"{V}/err_e429_long"))
    result = result_of(SETTINGS, request(tmp_path), Ended(stopped="revoked"), heard, now_ms=NOW_MS)
    assert fault(result) == (Blame.STOPPED, "revoked")


def test_a_resumed_thread_counts_from_its_beginning(tmp_path: Path) -> None:
    before = Usage(tokens_in=7200, tokens_cached=1200, tokens_out=300)
    used = replay(tmp_path, f"{V}/resume_other_cwd", session_used=before).usage
    assert (used.tokens_in, used.tokens_cached, used.tokens_out) == (2400, 400, 100)


def test_what_it_notes_says_what_a_run_has_used_so_far() -> None:
    notes = notes_of(f"{V}/two_tools")
    used = [hear([], notes=notes[: count + 1]).usage.tokens_in for count in range(len(notes))]
    assert used == sorted(used)
    assert used[-1] == 1200 * len(notes)


def test_what_it_notes_names_the_model_that_answers(tmp_path: Path) -> None:
    notes = [*notes_of(f"{V}/turn_context"), *notes_of(f"{V}/two_tools")]
    usage = hear(lines_of(f"{V}/tool_json"), notes=notes).usage
    assert (usage.model, usage.tokens_in is None) == ("gpt-5-codex", False)
    settings = replace(SETTINGS, model="asked-for")
    for model, heard in (("gpt-5-codex", hear([], notes=notes)), ("asked-for", hear([]))):
        assert result_of(settings, request(tmp_path), Ended(), heard, now_ms=NOW_MS).usage.model == model


@pytest.mark.parametrize("recording", ["resume_unknown", "err_context"])
def test_a_thread_that_is_gone_or_full_is_unusable(recording: str) -> None:
    ended = ended_of(f"{V}/{recording}")
    assert session_unusable(hear(lines_of(f"{V}/{recording}")), ended.stderr_tail)


@pytest.mark.parametrize("recording", ["bad_flag", "err_e429", "tool_json", "stdin_left_open"])
def test_other_ends_leave_the_thread_usable(recording: str) -> None:
    ended = ended_of(f"{V}/{recording}")
    assert not session_unusable(hear(lines_of(f"{V}/{recording}")), ended.stderr_tail)


def test_a_full_thread_in_which_something_was_done_is_not_begun_anew() -> None:
    lines = lines_of(f"{V}/err_context")
    done = b'{"type":"item.completed","item":{"type":"file_change","status":"completed"}}'
    assert not session_unusable(hear([*lines[:-2], done, *lines[-2:]]), "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("unexpected status 401 Unauthorized: bad key, url: http://x/", (Blame.AGENT, "login")),
        ("unexpected status 403 Forbidden: no", (Blame.AGENT, "login")),
        ("unexpected status 404 Not Found: gone", (Blame.AGENT, "model")),
        ("unexpected status 418 I'm a teapot", (Blame.CALL, "invalid_request")),
        ("unexpected status 502 Bad Gateway", (Blame.CALL, "server_error")),
        ("Your access token could not be refreshed. Please log out and sign in again.", (Blame.AGENT, "login")),
        ("The 'gpt-9' model is not supported when using Codex with a ChatGPT account.", (Blame.AGENT, "model")),
        ("The model `gpt-9` does not exist or you do not have access to it.", (Blame.AGENT, "model")),
        ('{"error":{"code":"model_not_found","message":"no"}}', (Blame.AGENT, "model")),
        ('{"error":{"code":null,"type":"usage_limit_reached"}}', (Blame.ACCOUNT, "usage_limit")),
        ("You've hit your usage limit for GPT-5. Try again at Nov 25th, 2026 3:10 PM.", (Blame.ACCOUNT, "usage_limit")),
        ("Rate limit reached for gpt-5 in organization o", (Blame.ACCOUNT, "rate_limit")),
        ("something new", (Blame.CALL, "failed")),
    ],
)
def test_its_words_decide(words: str, expected: tuple[Blame, str], tmp_path: Path) -> None:
    heard = hear([json.dumps({"type": "turn.failed", "error": {"message": words}}).encode()])
    assert fault(result_of(SETTINGS, request(tmp_path), Ended(exit_code=1), heard, now_ms=NOW_MS)) == expected


def test_an_answer_by_schema_is_taken(tmp_path: Path) -> None:
    said = {"type": "agent_message", "text": '{"type":"implement","report":"It adds."}'}
    lines = [json.dumps({"type": "item.completed", "item": said}).encode(), b'{"type":"turn.completed"}']
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear(lines), now_ms=NOW_MS)
    assert result.answer is not None
    assert (result.answer.kind, result.answer.source, result.text) == ("implement", "structured", "It adds.")


def test_words_that_do_not_fit_the_schema_are_no_answer(tmp_path: Path) -> None:
    assert replay(tmp_path, f"{V}/schema_ok").answer is None
    assert replay(tmp_path, f"{V}/schema_ignored", Step.REVIEW).answer is None


def test_an_item_that_was_declined_is_a_denied_tool() -> None:
    line = b'{"type":"item.completed","item":{"type":"command_execution","status":"declined"}}'
    assert hear([line]).denied == ("command_execution",)


def test_a_client_that_hangs_after_its_turn_has_succeeded(tmp_path: Path) -> None:
    heard = hear(lines_of(f"{V}/plain_json"))
    assert fault(result_of(SETTINGS, request(tmp_path), Ended(signal=9, hung=True), heard, now_ms=NOW_MS)) is None


def test_a_turn_that_ended_well_and_a_program_that_did_not_is_a_crash(tmp_path: Path) -> None:
    heard = hear(lines_of(f"{V}/plain_json"))
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=1), heard, now_ms=NOW_MS)
    assert fault(result) == (Blame.CALL, "crash")


def test_a_turn_without_a_word_is_no_success(tmp_path: Path) -> None:
    heard = hear([b'{"type":"turn.started"}', b'{"type":"turn.completed","usage":{}}'])
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), heard, now_ms=NOW_MS)
    assert fault(result) == (Blame.CALL, "no_answer")


# --- streams that are not as they should be ---------------------------------------------------------------------------

JUNK = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b'{"type":"turn.comp',
    b"[" * 10_000,
    b'{"type":7}',
    b'"turn.completed"',
]


@pytest.mark.parametrize("seed", range(40))
def test_no_damaged_stream_is_a_success_without_an_end(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    lines = lines_of(f"{V}/{dice.choice(('tool_json', 'two_tools', 'err_e429', 'plain_json'))}")
    whole = [line for line in lines if b"turn.completed" not in line]
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

    lines = [turned(line) for line in lines_of(f"{V}/tool_json")]
    result = result_of(SETTINGS, request(tmp_path), Ended(exit_code=0), hear([*JUNK, *lines]), now_ms=NOW_MS)
    assert result == replay(tmp_path, f"{V}/tool_json")


def test_a_line_of_ten_megabytes_is_read() -> None:
    text = "x" * 10_000_000
    line = json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": text}}).encode()
    assert len(hear([line]).text) == len(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)
FIELDS = ("thread_id", "item", "message", "error", "usage", "payload")
INNER = (
    "type",
    "text",
    "status",
    "message",
    "input_tokens",
    "output_tokens",
    "info",
    "rate_limits",
    "total_token_usage",
)


@settings(max_examples=200)
@given(
    kind=st.sampled_from(
        ("thread.started", "item.completed", "item.started", "error", "turn.completed", "turn.failed", "new")
    ),
    fields=st.dictionaries(
        st.sampled_from(FIELDS), VALUES | st.dictionaries(st.sampled_from(INNER), VALUES), max_size=4
    ),
)
def test_fields_of_any_type_make_nothing_fail(kind: str, fields: dict[str, Any]) -> None:
    line = json.dumps({"type": kind, **fields}).encode()
    stream = Stream(Step.IMPLEMENT)
    stream.feed(line)
    stream.feed_note(b'"token_count"' + line)
    stream.feed_note(json.dumps({"payload": {**fields, "type": "token_count"}}, separators=(",", ":")).encode())
    heard = stream.heard()
    assert heard.session is None
    for error in (error_in(heard, Ended(exit_code=1), now_ms=NOW_MS), waited(heard, now_ms=NOW_MS)):
        for said in (error.message if error else "", heard.text, *heard.denied):
            said.encode()
            assert "\0" not in said
