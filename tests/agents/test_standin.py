"""The stand-in for a model's server: the wire format of each API, scripts, refusals, limits and counts."""

from __future__ import annotations

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from apis import PATIENCE_S, TOOLS, ask
from calls import eventually

from deespec.agents.standin.asked import Api, read
from deespec.agents.standin.scenarios import LATER_S, SCENARIOS
from deespec.agents.standin.script import Quota, Refuse, Say, Shell, Structured, Write
from deespec.agents.standin.server import Standin
from deespec.clock import Clock

EVERY = pytest.mark.parametrize("api", list(Api))
PROMPT = """\
You work on **SBI-7: Greet** (implement turn, turn 1) in the folder /tmp/a folder.

    /opt/bin/deespec sbi report --type implement -f '/tmp/out box/report.md'

    /opt/bin/deespec sbi report --type nothing -f '/tmp/out box/report.md'
"""
REVIEW = """\
You review **SBI-7: Greet** (review turn, turn 2) in the folder /tmp/a folder.
Judge whether the work fulfils the spec.

    deespec sbi review --decision SUCCEEDED -f /tmp/outbox/report.md
    deespec sbi review --decision FAILED -f /tmp/outbox/report.md
"""


class Hand(Clock):
    """A clock whose wall time is moved by hand."""

    now = 1_800_000_000_500

    def now_ms(self) -> int:
        return self.now


@EVERY
def test_words_come_as_a_stream_with_what_they_cost(api: Api) -> None:
    text = "It adds two numbers. " * 20
    with Standin({"s": ((Say(text=text),),)}) as server:
        got = ask(server.url("s"), api)
    assert (got.status, got.text, got.calls, got.tokens, got.ended) == (200, text, (), (1_200, 50), True)


@EVERY
def test_a_command_is_a_call_of_the_tool_that_the_client_offers(api: Api) -> None:
    with Standin({"s": ((Say(text="I will."), Shell(command="echo 'a' > \"b\"")),)}) as server:
        got = ask(server.url("s"), api)
    command = {"command": "echo 'a' > \"b\"", "timeout": 60_000}
    assert (got.text, got.calls) == ("I will.", (("Bash", command),))


@EVERY
def test_the_turn_is_found_by_the_rounds_of_tools(api: Api) -> None:
    script = ((Shell(command="one"),), (Shell(command="two"),), (Say(text="Done."),))
    with Standin({"s": script}) as server:
        found = [ask(server.url("s"), api, rounds=rounds) for rounds in (1, 0, 2, 5)]
    assert [got.calls[0][1]["command"] if got.calls else got.text for got in found] == ["two", "one", "Done.", "Done."]


@EVERY
def test_two_calls_in_one_turn_both_come(api: Api) -> None:
    script = ((Shell(command="one"), Write(path="/a", content="b")),)
    with Standin({"s": script}) as server:
        got = ask(server.url("s"), api)
    assert [name for name, _ in got.calls] == ["Bash", "Write"]
    assert got.calls[1][1] == {"file_path": "/a", "content": "b"}


@EVERY
def test_without_a_tool_for_files_a_command_writes_them(api: Api) -> None:
    with Standin({"s": ((Write(path="/a b", content="it's\n"),),)}) as server:
        got = ask(server.url("s"), api, tools={"Bash": TOOLS["Bash"]})
    assert got.calls[0][1]["command"] == "cat > '/a b' <<'END_OF_FILE'\nit's\nEND_OF_FILE"


def test_a_tool_that_takes_a_list_of_words_gets_one() -> None:
    schema = {"type": "OBJECT", "properties": {"command": {"type": "ARRAY"}}}
    with Standin({"s": ((Shell(command="a b"),),)}) as server:
        got = ask(server.url("s"), Api.GEMINI, tools={"shell": schema})
    assert got.calls == (("shell", {"command": ["bash", "-c", "a b"]}),)


def test_without_any_tool_for_commands_it_says_so() -> None:
    with Standin({"s": ((Shell(command="a"),),)}) as server:
        got = ask(server.url("s"), Api.CHAT, tools={"look": {}})
    assert got.text == "I was given no tool for commands, only look."


@pytest.mark.parametrize(("tools", "by_tool"), [({"StructuredOutput": {}}, True), (TOOLS, False)])
def test_a_structured_answer_comes_by_the_clients_tool_or_as_json(tools: dict[str, object], by_tool: bool) -> None:
    with Standin({"s": ((Structured(values={"a": 1}),),)}) as server:
        got = ask(server.url("s"), Api.ANTHROPIC, tools=tools)
    assert (got.calls, got.text) == (((("StructuredOutput", {"a": 1}),), "") if by_tool else ((), '{"a": 1}'))


@EVERY
def test_a_side_question_is_answered_and_not_counted(api: Api) -> None:
    with Standin() as server:
        got = ask(server.url("tool"), api, tools={})
        assert (got.status, got.calls, len(server.requests)) == (200, (), 0)
    assert "side question" in got.text


def test_what_claude_code_says_in_a_persons_name_begins_no_new_turn() -> None:
    body = {
        "tools": [{"name": "Bash"}],
        "messages": [
            {"role": "user", "content": "Do it."},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "ok"}]},
            {"role": "assistant", "content": "Done."},
            {"role": "user", "content": [{"type": "text", "text": "[structured-output-enforce] You MUST call it."}]},
        ],
    }
    found = read("/s/v1/messages", {}, body)
    assert found is not None
    assert (found.prompt, found.round) == ("Do it.", 1)


# --- the engine's prompts -------------------------------------------------------------------------------------------


@EVERY
def test_work_does_what_the_prompt_says(api: Api) -> None:
    with Standin() as server:
        found = [ask(server.url("work"), api, PROMPT, rounds=rounds) for rounds in range(4)]
    assert [got.calls[0] for got in found[:3]] == [
        ("Write", {"file_path": "/tmp/a folder/SBI-7.txt", "content": "Made for SBI-7.\n"}),
        ("Write", {"file_path": "/tmp/out box/report.md", "content": "I have looked after SBI-7.\n"}),
        (
            "Bash",
            {
                "timeout": 60_000,
                "command": "/opt/bin/deespec sbi report --type implement -f '/tmp/out box/report.md'",
            },
        ),
    ]
    assert (found[3].calls, found[3].text) == ((), "It is done.")


def test_a_review_changes_nothing_and_succeeds() -> None:
    with Standin() as server:
        found = [ask(server.url("work"), Api.ANTHROPIC, REVIEW, rounds=rounds) for rounds in range(3)]
    assert found[0].calls[0][1]["file_path"] == "/tmp/outbox/report.md"
    assert found[1].calls[0][1]["command"] == "deespec sbi review --decision SUCCEEDED -f /tmp/outbox/report.md"
    assert found[2].calls == ()


def test_a_question_of_the_clients_own_is_answered_in_words() -> None:
    with Standin() as server:
        assert ask(server.url("work"), Api.ANTHROPIC, "You must call StructuredOutput.").text == "It is done."


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("api", "kind", "status", "code"),
    [
        (Api.ANTHROPIC, "rate_limit", 429, "rate_limit_error"),
        (Api.ANTHROPIC, "overloaded", 529, "overloaded_error"),
        (Api.ANTHROPIC, "login", 401, "authentication_error"),
        (Api.ANTHROPIC, "model", 404, "not_found_error"),
        (Api.CHAT, "quota", 429, "insufficient_quota"),
        (Api.CHAT, "overloaded", 503, "server_is_overloaded"),
        (Api.RESPONSES, "login", 401, "invalid_api_key"),
        (Api.RESPONSES, "model", 404, "model_not_found"),
        (Api.GEMINI, "server_error", 500, "INTERNAL"),
        (Api.GEMINI, "rate_limit", 429, "RESOURCE_EXHAUSTED"),
    ],
)
def test_each_vendor_refuses_in_its_own_words(api: Api, kind: str, status: int, code: str) -> None:
    with Standin() as server:
        got = ask(server.url(kind), api)
    assert got.body is not None
    error = got.body["error"]
    assert (got.status, error["type" if api is Api.ANTHROPIC else "status" if api is Api.GEMINI else "code"]) == (
        status,
        code,
    )


@pytest.mark.parametrize("kind", sorted(name for name, script in SCENARIOS.items() if isinstance(script[0], Refuse)))
@EVERY
def test_every_refusal_is_known_to_every_api(api: Api, kind: str) -> None:
    with Standin() as server:
        got = ask(server.url(kind), api)
    assert got.status >= 400
    assert got.body is not None
    assert got.body["error"]["message"]


def test_a_rate_limit_says_when_to_come_again() -> None:
    with Standin() as server:
        assert ask(server.url("rate_limit"), Api.CHAT).headers["retry-after"] == str(LATER_S)
        got = ask(server.url("rate_limit"), Api.GEMINI)
    assert got.body is not None
    assert {"retryDelay": f"{LATER_S}s"}.items() <= got.body["error"]["details"][1].items()


def test_a_plans_limit_says_when_it_ends() -> None:
    clock = Hand()
    end = 1_800_000_000 + LATER_S
    with Standin(clock=clock) as server:
        headers = ask(server.url("usage_limit"), Api.ANTHROPIC).headers
        got = ask(server.url("usage_limit"), Api.RESPONSES)
    assert headers["anthropic-ratelimit-unified-reset"] == str(end)
    assert headers["anthropic-ratelimit-unified-status"] == "rejected"
    assert got.body is not None
    assert (got.body["error"]["type"], got.body["error"]["resets_at"]) == ("usage_limit_reached", end)


# --- what goes wrong on the way -------------------------------------------------------------------------------------


@EVERY
def test_a_stream_is_cut_after_some_words(api: Api) -> None:
    with Standin() as server:
        got = ask(server.url("cut"), api)
    assert (got.ended, got.text, got.tokens) == (False, "word0 word1 word2 word3 word4 ", (0, 0))


@EVERY
def test_words_without_end_come_until_it_closes(api: Api) -> None:
    with ThreadPoolExecutor(1) as threads:
        with Standin() as server:
            asked = threads.submit(ask, server.url("endless"), api)
            assert server.asked.wait(PATIENCE_S)
        got = asked.result(PATIENCE_S)
    assert not got.ended


def test_a_hang_says_nothing_and_ends_with_its_client() -> None:
    with Standin() as server:
        place = urlsplit(server.url("hang"))
        connection = http.client.HTTPConnection(place.netloc)
        connection.request("POST", "/hang/v1/messages", body=json.dumps({"tools": [{"name": "Bash"}]}))
        assert server.asked.wait(PATIENCE_S)
        assert eventually(lambda: server.in_flight == 1)
        connection.close()
        assert eventually(lambda: server.in_flight == 0)


@pytest.mark.parametrize("path", ["/nothing/v1/messages", "/text/v1/embeddings", "/"])
def test_what_it_does_not_know_is_not_found(path: str) -> None:
    with Standin() as server:
        connection = http.client.HTTPConnection(urlsplit(server.address).netloc)
        connection.request("POST", path, body="{}")
        assert connection.getresponse().status == 404


def test_a_client_that_takes_it_for_its_proxy_does_not_get_out() -> None:
    with Standin() as server:
        connection = http.client.HTTPConnection(urlsplit(server.address).netloc)
        connection.set_tunnel("vendor.example", 443)
        with pytest.raises(OSError, match="403"):
            connection.request("POST", "/v1/messages", body="{}")
        assert server.outside == ["vendor.example:443"]


def test_it_listens_on_this_machine_only() -> None:
    with Standin() as server:
        assert urlsplit(server.address).hostname == "127.0.0.1"


def test_nothing_listens_after_its_block() -> None:
    with Standin() as server:
        place = urlsplit(server.address)
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(place.netloc, timeout=PATIENCE_S).connect()


# --- limits and counts ----------------------------------------------------------------------------------------------


def test_a_quota_lets_begun_turns_go_on_and_refuses_new_ones_until_its_reset() -> None:
    clock = Hand()
    with Standin(quota=Quota(prompts=2, reset_ms=60_000), clock=clock) as server:
        url = server.url("tool")
        statuses = [ask(url, Api.ANTHROPIC, rounds=rounds).status for rounds in (0, 1, 0, 0, 1)]
        refused = ask(url, Api.ANTHROPIC)
        reset_s = int(refused.headers["anthropic-ratelimit-unified-reset"])
        clock.now = reset_s * 1000 - 1
        before = ask(url, Api.ANTHROPIC).status
        clock.now = reset_s * 1000
        after = [ask(url, Api.ANTHROPIC).status for _ in range(3)]
    assert statuses == [200, 200, 200, 429, 200]
    assert reset_s == 1_800_000_061, "not before the minute is over"
    assert (before, after, server.refused) == (429, [200, 200, 429], 4)


def test_it_counts_the_calls_that_are_in_flight() -> None:
    with Standin() as server, ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(ask, server.url("hang"), Api.CHAT) for _ in range(3)]
        assert eventually(lambda: server.in_flight == 3)
        ask(server.url("text"), Api.CHAT)
        assert server.most_in_flight == 4
        server.closing.set()
        for one in waiting:
            with pytest.raises((OSError, http.client.HTTPException)):
                one.result(PATIENCE_S)
    assert server.in_flight == 0


def test_many_clients_at_once_are_all_answered() -> None:
    started = threading.Barrier(16)

    def one(_: int) -> str:
        started.wait(PATIENCE_S)
        return ask(server.url("text"), Api.RESPONSES).text

    with Standin() as server, ThreadPoolExecutor(16) as threads:
        assert {*threads.map(one, range(16))} == {"It adds two numbers."}
        assert len({asked.prompt for asked in server.requests}) == 1
