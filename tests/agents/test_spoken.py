"""What a person is shown of an agent's output: of every recorded stream, of damaged ones, of hostile ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import acp_recordings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deespec.agents.spoken import (
    JSON_KINDS,
    LINE_CHARACTERS,
    WORDS_CHARACTERS,
    Meter,
    Said,
    Source,
    meter,
    plain,
    spoken,
)
from deespec.model.money import Usage

RECORDED = Path(__file__).parent / "recorded"
STREAMS = {
    f"{kind}/{path.stem}": path
    for kind in ("claude", "codex", "gemini", "opencode")
    for path in sorted((RECORDED / kind).rglob("*.stdout"))
}
OPENED_ONLY = {
    *(f"claude/{name}" for name in ("interrupted_waiting", "terminated")),
    *(f"codex/{name}" for name in ("hang_nohdr_idle_4s", "stdin_1100k")),
    *(f"codex/sig_{name}" for name in ("endless_SIGINT", "endless_SIGTERM", "hang_SIGINT", "hang_SIGTERM")),
    *(f"gemini/{name}" for name in ("err_conn_refused", "err_e429", "err_e429_long", "hang_timeout")),
    *(f"gemini/{name}" for name in ("prompt_over_context", "sig_hang_group_SIGTERM")),
    *(f"gemini/{name}_{signal}" for name in ("norelaunch_sig_hang", "sig_hang") for signal in ("SIGINT", "SIGTERM")),
    *(f"opencode/sig_{name}" for name in ("endless_SIGINT", "endless_SIGTERM", "slowtool_SIGINT", "slowtool_SIGKILL")),
    *(f"opencode/sig_slowtool_{name}" for name in ("SIGINT_then_TERM", "SIGINT_x2", "SIGTERM")),
    *(f"opencode/sig_slowtool_group_{name}" for name in ("SIGINT", "SIGTERM")),
}
"""Their model never answered, or the client tells of a tool only when that has ended."""
AS_TEXT = {"opencode/plain_text"}
OPENED_ONLY_ACP = {"claude.e401", "opencode.usage_limit", "qwen.usage_limit"}
TELLING = {Source.WORDS, Source.TOOL, Source.ERROR}
UNUSED = Usage()


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")


def told(kind: str | None, lines: list[bytes]) -> list[Said]:
    return [said for line in lines for said in spoken(kind, line)]


def metered(kind: str, lines: list[bytes], before: Usage = UNUSED) -> Usage:
    made = counting(kind, before)
    for line in lines:
        made.feed(line)
    return made.usage()


def counting(kind: str, before: Usage = UNUSED) -> Meter:
    made = meter(kind, model="a-model", before=lambda _: before)
    assert made is not None
    return made


def event(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def one(kind: str, **fields: object) -> tuple[str, str]:
    (said,) = spoken(kind, event(**fields))
    return said.source.value, said.text


# --- what was recorded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STREAMS)
def test_every_recorded_stream_says_something_to_a_person(name: str) -> None:
    kind = name.partition("/")[0]
    sources = {said.source for said in told(kind, lines_of(STREAMS[name]))}
    is_silent = name in OPENED_ONLY | AS_TEXT or not STREAMS[name].stat().st_size
    assert bool(sources & TELLING) == (not is_silent), sources


@pytest.mark.parametrize("recording", sorted(acp_recordings.INDEX))
def test_every_recorded_conversation_says_something_and_is_counted_as_its_adapter_counts(
    recording: str, tmp_path: Path
) -> None:
    lines, used = conversation(tmp_path, recording)
    sources = {said.source for said in told("acp", lines)}
    assert bool(sources & TELLING) == (recording not in OPENED_ONLY_ACP), sources
    counter = meter("acp", model=None, before=lambda _: UNUSED)
    assert counter is not None
    for line in lines:
        counter.feed(line)
    if used != UNUSED:
        assert counter.usage() == used


def conversation(folder: Path, recording: str) -> tuple[list[bytes], Usage]:
    """What an agent printed in a recorded conversation, and what its adapter has counted."""
    playing, lines = acp_recordings.Playing(folder), []
    for message in acp_recordings.messages_of(recording):
        lines.append(acp_recordings.as_line(playing, message))
        playing.feed(lines[-1])
        playing.answer_choices()
    return lines, playing.stream.usage()


def shown(name: str) -> list[str]:
    return [f"{said.source} {said.text}" for said in told(name.partition("/")[0], lines_of(STREAMS[name]))]


def test_a_stream_reads_like_a_log() -> None:
    report = "printf 'hello from tool\\n' > made-by-tool.txt && deespec-stub report --kind done <<'DEOF' …"
    assert shown("codex/cd_flag")[1:] == [
        "words I will write a file and report.",
        f"tool $ {report}",
        "result deespec-stub: report accepted, token=abc123 …",
        "words TOOL-FINAL: file written and reported.",
    ]
    assert shown("codex/tool_fail")[1:] == [
        "tool $ echo to-stderr >&2; exit 3",
        "result exit 3: to-stderr",
        "words FAIL-FINAL: the command failed.",
    ]
    assert shown("opencode/tool_fail") == shown("codex/tool_fail")[1:]
    assert "tool write pyproject.toml" in [text for name in STREAMS for text in shown(name)]
    assert shown("claude/structured_implement")[0] == "words implement: It adds numbers now."


# --- how it says it ---------------------------------------------------------------------------------------------------


def claude(*blocks: dict[str, object], **fields: object) -> bytes:
    return event(type="assistant", message={"content": list(blocks), **fields})


@pytest.mark.parametrize(
    ("name", "asked", "line"),
    [
        ("Bash", {"command": "pytest -q\n", "description": "Run the tests"}, "$ pytest -q"),
        ("Bash", {"command": "cd a &&\npytest"}, "$ cd a && …"),
        ("Edit", {"file_path": "src/a.py", "old_string": "x", "new_string": "y"}, "edit src/a.py"),
        ("Read", {"file_path": "src/b.py"}, "read src/b.py"),
        ("Grep", {"pattern": "def run", "path": "src"}, "search def run"),
        ("Glob", {"pattern": "**/*.py"}, "search **/*.py"),
        ("WebFetch", {"url": "https://example.org/", "prompt": "What is it?"}, "fetch https://example.org/"),
        ("Task", {"description": "Look for callers", "prompt": "..."}, "helper Look for callers"),
        ("mcp__x__y", {"query": "SBI-3"}, "mcp__x__y SBI-3"),
        ("New", {}, "New"),
    ],
)
def test_a_tool_is_one_short_line(name: str, asked: dict[str, object], line: str) -> None:
    (said,) = spoken("claude", claude({"type": "tool_use", "name": name, "input": asked}))
    assert (said.source, said.text) == (Source.TOOL, line)


def test_claude_s_thoughts_words_and_tools_of_one_message_keep_their_order() -> None:
    found = spoken(
        "claude",
        claude(
            {"type": "thinking", "thinking": "Hm.\nYes."},
            {"type": "text", "text": "I begin."},
            {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}},
        ),
    )
    assert [(said.source.value, said.text) for said in found] == [
        ("thought", "Hm.\nYes."),
        ("words", "I begin."),
        ("tool", "$ ls"),
    ]


@pytest.mark.parametrize(
    ("item", "source", "text"),
    [
        ({"type": "reasoning", "text": "**Plan**"}, "thought", "**Plan**"),
        ({"type": "file_change", "changes": [{"path": "src/a.py", "kind": "update"}]}, "tool", "edit src/a.py"),
        ({"type": "file_change", "changes": [{"path": "b.py", "kind": "add"}]}, "tool", "write b.py"),
        ({"type": "web_search", "query": "sqlite wal"}, "tool", "search the web sqlite wal"),
        (
            {"type": "todo_list", "items": [{"text": "One", "completed": True}, {"text": "Two", "completed": False}]},
            "note",
            "plan 1/2 Two",
        ),
        ({"type": "command_execution", "status": "declined", "exit_code": None}, "result", "declined"),
        (
            {"type": "agent_message", "text": '{"decision": "NEEDS_CHANGES", "report": "No.", "findings": [{}]}'},
            "words",
            "NEEDS_CHANGES: No.\n1 findings",
        ),
    ],
)
def test_codex_items_in_words(item: dict[str, object], source: str, text: str) -> None:
    assert one("codex", type="item.completed", item=item) == (source, text)


def test_a_login_shell_around_a_command_is_not_shown() -> None:
    item = {"type": "command_execution", "command": "/bin/bash -lc 'pytest -q tests'"}
    assert one("codex", type="item.started", item=item) == ("tool", "$ pytest -q tests")
    item = {"type": "command_execution", "command": "/bin/bash -lc 'unended"}
    assert one("codex", type="item.started", item=item) == ("tool", "$ /bin/bash -lc 'unended")


def update(**fields: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": fields}}


def test_pieces_of_a_message_say_what_they_are_pieces_of() -> None:
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "two \n"}, "messageId": "m1"}
    (said,) = spoken("acp", event(**update(**chunk)))
    assert (said.text, said.piece) == ("two \n", "m1")
    (said,) = spoken("gemini", event(type="message", role="assistant", content=" three", delta=True))
    assert (said.text, bool(said.piece)) == (" three", True)


def test_an_api_s_error_is_told_in_its_own_words() -> None:
    body = '{"error": {"message": "bad request (stub).", "type": "invalid_request_error"}}'
    assert one("codex", type="error", message=body) == ("error", "bad request (stub).")


def test_a_warning_among_the_events_is_shown_and_a_broken_event_is_not() -> None:
    assert spoken("gemini", b"(node:12) Warning: x") == (Said(source=Source.NOTE, text="(node:12) Warning: x"),)
    assert spoken("gemini", b'{"type":"message","role":"assis') == ()
    assert spoken("gemini", b"") == ()


@pytest.mark.parametrize("name", ["claude/success", "codex/tool_json", "gemini/tool_stream", "opencode/tool_fail"])
def test_of_an_agent_that_the_settings_have_no_more_the_client_is_told_by_its_words(name: str) -> None:
    lines = lines_of(STREAMS[name])
    assert told(None, lines) == told(name.partition("/")[0], lines)


def test_text_is_shown_as_a_terminal_would_have_left_it() -> None:
    assert spoken("command", b"10 %\r100 %\x1b[0m\r") == (Said(source=Source.NOTE, text="100 %"),)
    assert plain(b"\xff\tx")[0].text == "\N{REPLACEMENT CHARACTER} x"
    assert plain(b"  \x1b[2K ") == ()
    assert len(plain(b"x" * 10_000_000)[0].text) == LINE_CHARACTERS
    assert plain(b"x" * 10_000_000 + b"\rdone")[0].text == "done"


# --- what was used ----------------------------------------------------------------------------------------------------


def test_claude_is_counted_by_its_messages_until_the_result_says_what_it_cost() -> None:
    lines = lines_of(STREAMS["claude/budget"])
    upto = next(at for at, line in enumerate(lines) if b'"type":"result"' in line)
    early, late = metered("claude", lines[:upto]), metered("claude", lines)
    assert (early.tokens_in, early.tokens_cached, early.cost_usd) == (1200, 200, None)
    assert (late.tokens_in, late.tokens_out, late.cost_usd) == (1200, 50, 0.00252)


def test_a_message_that_comes_in_several_events_is_counted_once() -> None:
    used = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 5}
    message = {"id": "m", "usage": used, "content": []}
    grown = {**message, "usage": {**used, "output_tokens": 7}}
    events = [event(type="assistant", message=one) for one in (message, message, grown)]
    found = metered("claude", events)
    assert (found.tokens_in, found.tokens_cached, found.tokens_out) == (15, 5, 7)


def test_codex_counts_from_its_thread_s_beginning_and_what_was_before_is_taken_off() -> None:
    thread = "01a20658-e246-79b2-8171-f36c3366d68f"
    began = event(type="thread.started", thread_id=thread)
    ended = event(type="turn.completed", usage={"input_tokens": 2400, "cached_input_tokens": 400, "output_tokens": 100})
    before = Usage(tokens_in=1200, tokens_cached=200, tokens_out=50)
    assert metered("codex", [began], before).tokens_in is None
    found = metered("codex", [began, ended], before)
    assert (found.tokens_in, found.tokens_cached, found.tokens_out) == (1200, 200, 50)
    assert found.model == "a-model"


def test_opencode_s_steps_are_added_up_each_once() -> None:
    part = {"id": "p1", "reason": "stop", "tokens": {"input": 100, "output": 10, "cache": {"read": 50}}, "cost": 0.5}
    lines = [event(type="step_finish", part=part)] * 2 + [event(type="step_finish", part={**part, "id": "p2"})]
    found = metered("opencode", lines)
    assert (found.tokens_in, found.tokens_cached, found.tokens_out, found.cost_usd) == (300, 100, 20, 1.0)


def test_what_a_loaded_session_cost_before_is_not_this_call_s() -> None:
    opened = event(id=0, result={"agentInfo": {"name": "OpenCode"}})
    replayed = event(**update(sessionUpdate="usage_update", cost={"amount": 9.0}))
    loaded = event(id=1, result={})
    spent = event(**update(sessionUpdate="usage_update", cost={"amount": 9.5}))
    found = metered("acp", [opened, replayed, loaded, spent], Usage(cost_usd=9.0))
    assert found.cost_usd == 0.5


def test_plain_programs_are_not_counted() -> None:
    assert meter("command", model=None, before=lambda _: UNUSED) is None


# --- streams that are not as they should be ---------------------------------------------------------------------------

JUNK = [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"type":"resu', b"[" * 10_000, b'{"type":7}', b"\x1b]0;x\x07"]


def damaged(lines: list[bytes], dice: random.Random) -> list[bytes]:
    lines = [*lines, b""]
    for _ in range(dice.randrange(1, 8)):
        at = dice.randrange(len(lines))
        match dice.randrange(4):
            case 0:
                lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]
            case 1:
                lines.insert(at, lines[dice.randrange(len(lines))])
            case 2:
                lines.insert(at, dice.choice(JUNK))
            case 3:
                lines[at] = bytes(byte ^ (dice.random() < 0.02) for byte in lines[at])
    return lines


@pytest.mark.parametrize("seed", range(60))
def test_no_damaged_stream_fails_or_drives_a_terminal(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    kind = dice.choice(JSON_KINDS)
    if kind == "acp":
        lines, _ = conversation(tmp_path, dice.choice(sorted(acp_recordings.INDEX)))
    else:
        lines = lines_of(STREAMS[dice.choice([name for name in STREAMS if name.startswith(kind)])])
    lines = damaged(lines, dice)
    metered(kind, lines)
    for said in (*told(kind, lines), *told(None, lines)):
        assert is_harmless(said)


def is_harmless(said: Said) -> bool:
    long = said.source in (Source.WORDS, Source.THOUGHT, Source.ERROR)
    controls = {one for one in said.text if ord(one) < 32 or 127 <= ord(one) < 160}
    said.text.encode()
    most = WORDS_CHARACTERS if long else LINE_CHARACTERS
    return bool(said.text) and controls <= (set("\n\t") if long else set()) and len(said.text) <= most


KEYS = (
    *("type", "text", "thinking", "name", "input", "content", "command", "message", "item", "part", "state", "usage"),
    *("update", "sessionUpdate", "toolCall", "rawInput", "rawOutput", "title", "kind", "status", "error", "result"),
    *("changes", "items", "entries", "aggregated_output", "output", "metadata", "data", "params", "id", "report"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just("\x1b]0;x\x07\u202e\ud800\r"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)
KINDS = (
    *("assistant", "user", "system", "result", "rate_limit_event", "item.started", "item.completed", "error"),
    *("turn.failed", "turn.completed", "message", "tool_use", "tool_result", "text", "reasoning", "step_finish"),
)


@settings(max_examples=300)
@given(
    kind=st.sampled_from(KINDS) | st.none(),
    method=st.sampled_from(("session/update", "session/request_permission")) | st.none(),
    fields=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
)
def test_fields_of_any_type_make_nothing_fail(kind: str | None, method: str | None, fields: dict[str, Any]) -> None:
    made = {**fields, **({"type": kind} if kind else {}), **({"method": method} if method else {})}
    line = json.dumps(made).encode()
    for client in JSON_KINDS:
        metered(client, [line, line])
        assert all(is_harmless(said) for said in spoken(client, line))


def hostile() -> Iterator[tuple[str, bytes]]:
    evil = "\x1b]0;pwned\x07\x1b[31m<script>\u202e\x9b1m\r" + "x" * 100_000
    yield (
        "claude",
        claude({"type": "text", "text": evil}, {"type": "tool_use", "name": evil, "input": {"command": evil}}),
    )
    yield "codex", event(type="item.started", item={"type": "command_execution", "command": f"/bin/sh -c {evil}"})
    yield "codex", event(type="error", message=evil)
    yield "gemini", event(type="tool_use", tool_name=evil, parameters={"path": evil})
    yield (
        "opencode",
        event(type="tool_use", part={"tool": "bash", "state": {"output": evil, "input": {"command": evil}}}),
    )
    yield "acp", event(**update(sessionUpdate="agent_message_chunk", content={"text": evil}, messageId=evil))


@pytest.mark.parametrize(("kind", "line"), list(hostile()))
def test_what_would_drive_a_terminal_is_gone_and_what_is_long_is_cut(kind: str, line: bytes) -> None:
    found = spoken(kind, line)
    assert found
    for said in found:
        assert is_harmless(said)
        assert "pwned" not in said.text
        assert "\u202e" not in said.text
