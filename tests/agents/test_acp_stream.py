"""The Agent Client Protocol: what is made of what six real agents said, and of what nobody would say."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from acp_recordings import INDEX, NOW_MS, SETTINGS, Playing, as_line, fault, messages_of, played, replay
from hypothesis import given, settings
from hypothesis import strategies as st

from deespec.agents.acp import result_of
from deespec.agents.acp_errors import verdict_of
from deespec.agents.acp_stream import Failure
from deespec.agents.base import Blame
from deespec.agents.process import Ended
from deespec.config import AgentSettings
from deespec.records import replace

# --- what a call was worth --------------------------------------------------------------------------------------------

FAULTS = {
    "claude.usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "copilot.usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "gemini.usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "codex.e401": (Blame.AGENT, "login"),
    "copilot.e401": (Blame.AGENT, "login"),
    "gemini.e401": (Blame.AGENT, "login"),
    "opencode.e401": (Blame.AGENT, "login"),
    "claude.e401_told": (Blame.AGENT, "login"),
    "codex.usage_limit": (Blame.ACCOUNT, "usage_limit"),
    "qwen.e404": (Blame.AGENT, "model"),
    # it ends its turn as if all were well
    "codex.e429": (Blame.ACCOUNT, "rate_limit"),
    "codex.overload": (Blame.CALL, "overloaded"),
    "codex.cut": (Blame.CALL, "network"),
    "codex.e404": (Blame.AGENT, "model"),
    # they try again and again, and say nothing of it
    "claude.e401": (Blame.CALL, "idle"),
    "opencode.usage_limit": (Blame.CALL, "idle"),
    "qwen.usage_limit": (Blame.CALL, "idle"),
    "copilot.term": (Blame.CALL, "idle"),
    "qwen.term": (Blame.CALL, "idle"),
    # killed
    "claude.term": (Blame.CALL, "crash"),
    "codex.term": (Blame.CALL, "crash"),
    "opencode.term": (Blame.CALL, "crash"),
    "gemini.cancel": (Blame.CALL, "aborted"),
    "opencode.cancel": (Blame.CALL, "aborted"),
    "qwen.cancel": (Blame.CALL, "aborted"),
    # they end their turn when they are refused something
    "copilot.reject": (Blame.CALL, "no_answer"),
    "opencode.reject": (Blame.CALL, "no_answer"),
}
EDIT_ONLY = replace(SETTINGS, permissions="edit")


@pytest.mark.parametrize("recording", sorted(FAULTS))
def test_a_failed_call_is_blamed_on_who_can_change_it(recording: str, tmp_path: Path) -> None:
    result = replay(tmp_path, recording)
    assert fault(result) == FAULTS[recording]
    assert result.error is not None
    assert result.error.message
    assert result.answer is None


@pytest.mark.parametrize("recording", sorted(INDEX.keys() - FAULTS.keys()))
def test_every_other_call_succeeds_with_its_final_words(recording: str, tmp_path: Path) -> None:
    result = replay(tmp_path, recording)
    assert result.error is None
    assert result.text == "TOOL-FINAL: file written and reported."
    assert result.session


@pytest.mark.parametrize(
    ("recording", "tokens"),
    [
        ("claude.tool", (2400, 400, 100)),
        ("codex.reject", (2400, 400, 100)),
        ("copilot.reject", (1200, 200, 50)),
        ("gemini.reject", (2400, 0, 100)),
        ("opencode.tool", (1200, 200, 50)),
        ("qwen.tool", (2400, 400, 100)),
        ("qwen.cancel", (1200, 200, 50)),
        ("claude.term", (None, None, None)),
    ],
)
def test_each_agents_count_of_tokens_is_understood(
    recording: str, tokens: tuple[int | None, ...], tmp_path: Path
) -> None:
    usage = replay(tmp_path, recording).usage
    assert (usage.tokens_in, usage.tokens_cached, usage.tokens_out) == tokens


def test_an_agent_may_say_what_it_cost_and_which_model_it_was(tmp_path: Path) -> None:
    usage = replay(tmp_path, "claude.tool").usage
    assert usage.cost_usd == pytest.approx(0.0127)
    assert replay(tmp_path, "opencode.tool").usage.cost_usd is None, "it counts with 0 for models without a price"
    assert replay(tmp_path, "gemini.reject").usage.model == "gemini-2.5-pro"


@pytest.mark.parametrize("agent", ["claude", "copilot", "gemini", "opencode", "qwen"])
def test_what_may_not_be_done_is_refused_by_the_kind_of_the_option(agent: str, tmp_path: Path) -> None:
    playing = played(tmp_path, f"{agent}.reject", EDIT_ONLY)
    answers = [said["result"]["outcome"] for said in playing.said if "result" in said]
    wanted = [one for one in messages_of(f"{agent}.reject") if one["kind"] == "request_permission"]
    reject = next(option for option in wanted[0]["data"]["options"] if option["kind"] == "reject_once")
    assert answers == [{"outcome": "selected", "optionId": reject["optionId"]}]
    assert [one.split(":")[0] for one in playing.heard().denied] == ["execute"]


@pytest.mark.parametrize("agent", ["claude", "copilot", "gemini", "opencode", "qwen"])
def test_what_may_be_done_is_allowed_once(agent: str, tmp_path: Path) -> None:
    playing = played(tmp_path, f"{agent}.reject")
    chosen = [said["result"]["outcome"]["optionId"] for said in playing.said if "result" in said]
    assert chosen == [{"opencode": "once", "copilot": "allow_once", "claude": "allow"}.get(agent, "proceed_once")]
    assert playing.heard().denied == ()


@pytest.mark.parametrize(
    ("agent", "permissions", "chosen"),
    [
        ("claude.tool", "everything", {"modeId": "bypassPermissions"}),
        ("codex.reject", "everything", {"modeId": "agent-full-access"}),
        ("codex.reject", "edit", {"modeId": "workspace-write"}),
        ("gemini.reject", "everything", {"modeId": "yolo"}),
        ("qwen.tool", "everything", {"modeId": "yolo"}),
        ("copilot.reject", "everything", {"configId": "allow_all", "value": "on"}),
        ("claude.tool", "edit+shell", None),
        ("copilot.reject", "edit", None),
        ("opencode.tool", "everything", None),
    ],
)
def test_the_mode_of_a_session_follows_the_permissions(
    agent: str, permissions: str, chosen: dict[str, str] | None, tmp_path: Path
) -> None:
    playing = played(tmp_path, agent, replace(SETTINGS, permissions=permissions))
    asked = [said["params"] for said in playing.said if said.get("method", "").startswith("session/set_")]
    assert [{key: params[key] for key in chosen or ()} for params in asked] == ([chosen] if chosen else [])


@pytest.mark.parametrize(
    ("agent", "model", "value"),
    [("claude.tool", "opus[1m]", "opus[1m]"), ("claude.tool", "Sonnet", "sonnet"), ("qwen.tool", "stub-model", None)],
)
def test_the_model_is_chosen_by_value_or_name(agent: str, model: str, value: str | None, tmp_path: Path) -> None:
    playing = played(tmp_path, agent, replace(SETTINGS, model=model))
    asked = [said["params"] for said in playing.said if said.get("method") == "session/set_config_option"]
    assert [params["value"] for params in asked if params["configId"] == "model"] == ([value] if value else [])


def test_a_model_that_is_not_offered_is_the_settings_fault(tmp_path: Path) -> None:
    result = played(tmp_path, "claude.tool", replace(SETTINGS, model="gpt")).result(Ended(exit_code=0))
    assert fault(result) == (Blame.AGENT, "model")
    assert result.error is not None
    assert "opus[1m]" in result.error.message


def test_an_agent_that_lets_nobody_choose_has_its_model_from_elsewhere(tmp_path: Path) -> None:
    playing = played(tmp_path, "gemini.reject", replace(SETTINGS, model="gemini-2.5-pro", effort="high"))
    assert playing.methods() == ["initialize", "session/new", "session/prompt"]


def test_the_repositorys_own_settings_are_not_for_claude(tmp_path: Path) -> None:
    playing = played(tmp_path, "claude.tool")
    opened = next(said["params"] for said in playing.said if said.get("method") == "session/new")
    assert opened["_meta"]["claudeCode"]["options"]["settingSources"] == ["user"]
    assert opened["additionalDirectories"] == [str(tmp_path / "work")]


def test_neither_files_nor_terminals_are_offered(tmp_path: Path) -> None:
    able = Playing(tmp_path).said[0]["params"]["clientCapabilities"]
    assert able["fs"] == {"readTextFile": False, "writeTextFile": False}
    assert able["terminal"] is False


def test_words_that_look_like_copilots_own_are_the_models_where_all_went_well(tmp_path: Path) -> None:
    playing = Playing(tmp_path)
    for message in messages_of("copilot.usage_limit"):
        if message["kind"] == "prompt_response":
            message["data"]["usage"] = {"inputTokens": 1, "outputTokens": 1}
        playing.feed(as_line(playing, message))
        playing.answer_choices()
    assert fault(playing.result(Ended(exit_code=0))) is None


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ((-32603, "x", {"codexErrorInfo": "usageLimitExceeded"}), (Blame.ACCOUNT, "usage_limit")),
        ((-32603, "x", {"codexErrorInfo": {"httpConnectionFailed": {"httpStatusCode": 429}}}), None),
        ((-32603, "x", {"errorKind": "billing_error"}), (Blame.AGENT, "billing")),
        ((-32603, "x", {"errorName": "ContextOverflowError"}), (Blame.CALL, "prompt_too_long")),
        ((503, "x", {}), (Blame.CALL, "overloaded")),
        ((500, "models/x is not found for API version v1beta", {}), (Blame.AGENT, "model")),
        ((400, "prompt is too long: 250000 tokens", {}), (Blame.CALL, "prompt_too_long")),
        ((-32603, "Internal error", {"details": "status: 529"}), (Blame.CALL, "overloaded")),
        ((-32603, "something else", {}), (Blame.CALL, "failed")),
        ((None, "", {}), (Blame.CALL, "failed")),
    ],
)
def test_an_error_is_told_by_its_data_then_its_code_then_its_words(
    failure: tuple[int | None, str, dict[str, Any]], expected: tuple[Blame, str] | None
) -> None:
    code, message, data = failure
    found = verdict_of(Failure(stage="prompt", code=code, message=message, data=data))
    assert found == (expected or (Blame.ACCOUNT, "rate_limit"))


# --- what comes in may be anything ------------------------------------------------------------------------------------

recordings = st.sampled_from(sorted(INDEX))
blows = st.lists(
    st.tuples(
        st.sampled_from(["cut", "drop", "double", "swap", "spoil"]),
        st.integers(0, 40),
        st.integers(0, 3000),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("acp")


@settings(max_examples=150)
@given(recording=recordings, damage=blows)
def test_damage_makes_no_success_of_a_failure(
    folder: Path, recording: str, damage: list[tuple[str, int, int, bytes]]
) -> None:
    playing = Playing(folder)
    told: list[bytes] = []
    for at, message in enumerate(messages_of(recording)):
        lines = [as_line(playing, message)]
        for how, place, within, noise in damage:
            if place % 20 != at or not lines:
                continue
            cut = within % (len(lines[0]) + 1)
            match how:
                case "cut":
                    lines[0] = lines[0][:cut]
                case "drop":
                    lines = []
                case "double":
                    lines.append(lines[0])
                case "swap":
                    lines += told[-1:]
                case _:
                    lines[0] = lines[0][:cut] + noise + lines[0][cut + len(noise) :]
        for line in lines:
            told.append(line)
            playing.feed(line)
            playing.answer_choices()
    result = playing.result(Ended(exit_code=0))
    if result.error is None:
        assert playing.heard().stopped == "end_turn"
        assert result.text
        assert INDEX[recording]["end"] == "response"


@settings(max_examples=60)
@given(recording=recordings, chance=st.randoms(use_true_random=False))
def test_key_order_and_new_fields_change_nothing(folder: Path, recording: str, chance: random.Random) -> None:
    playing, other = Playing(folder), Playing(folder)
    for message in messages_of(recording):
        line = as_line(playing, message)
        playing.feed(line)
        playing.answer_choices()
        other.feed(json.dumps(_shuffle(json.loads(line), chance)).encode())
        other.answer_choices()
    assert replace(other.heard(), failure=None) == replace(playing.heard(), failure=None)
    assert other.result(Ended(exit_code=0)) == playing.result(Ended(exit_code=0))


def _shuffle(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list):
        return [_shuffle(each, chance) for each in value]
    if not isinstance(value, dict):
        return value
    items = [(key, _shuffle(each, chance)) for key, each in value.items()]
    items.append(("aNewField", {"sessionUpdate": "agent_message_chunk"}))
    chance.shuffle(items)
    return dict(items)


anything = st.recursive(
    st.sampled_from([None, True, 0, -1, 2**70, 1e308, float("nan"), "", "a", "\ud800", "a\0", "end_turn", "9" * 5000]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                [
                    *("content", "text", "usage", "cost", "amount", "toolCall", "options", "kind", "rawInput"),
                    *("command", "locations", "path", "paths", "modes", "availableModes", "id", "configOptions"),
                    *("category", "_meta", "quota"),
                ]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(
    kind=st.sampled_from(["session_update", "request_permission", "initialize", "new_session", "prompt_response"]),
    update=st.sampled_from(["agent_message_chunk", "tool_call", "tool_call_update", "usage_update"]),
    data=anything,
    permissions=st.sampled_from(["edit", "edit+shell"]),
)
def test_fields_of_any_type_make_nothing_fail(
    folder: Path, kind: str, update: str, data: Any, permissions: str
) -> None:
    section: AgentSettings = replace(SETTINGS, permissions=permissions, model="m")
    playing = Playing(folder, section)
    for message in messages_of("gemini.reject")[:2]:
        if message["kind"] == kind:
            message["data"] = data
        playing.feed(as_line(playing, message))
        playing.answer_choices()
    given_one = {**data, "sessionUpdate": update} if isinstance(data, dict) else data
    session = messages_of("gemini.reject")[0]["session"]
    for method, params in (
        ("session/update", {"sessionId": session, "update": given_one}),
        ("session/request_permission", given_one),
        ("session/request_permission", {"toolCall": given_one}),
    ):
        playing.tell(id=3, method=method, params=params)
        playing.tell(method=method, params=params)
    playing.tell(id=playing.number_of("session/prompt"), result=data)
    result = result_of(section, playing.request, Ended(exit_code=0), playing.heard(), now_ms=NOW_MS)
    for said in (result.session, result.text, *result.denied, result.error.message if result.error else None):
        (said or "").encode()
        assert "\0" not in (said or "")
