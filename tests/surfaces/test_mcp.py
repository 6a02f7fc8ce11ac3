"""The backlog as tools: what they answer is what commands answer, and what they refuse is refused in their words."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jsonschema import Draft202012Validator
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult
from person import Person

from deespec import open_app
from deespec.cli.commands.mcp import server_for
from deespec.engine import outbox
from deespec.mcp.bounds import ANSWER_CHARACTERS, bounded
from deespec.mcp.server import AT_ONCE, server_of
from deespec.mcp.tool import Answer as Found
from deespec.mcp.tool import Tool
from deespec.model.fields import FIELDS
from deespec.model.items import Answer

T = TypeVar("T")
NAMES = ["status", "show", "why", "inbox", "journal", "stats", "list", "register", "report", "review"]
PATIENCE_S = 30
LOOK_S = 0.01
TURN = {"DEESPEC_ITEM": "SBI-12", "DEESPEC_TURN": "3", "DEESPEC_STEP": "implement", "DEESPEC_CLAIM": "epoch-7"}
STARTS = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, capsys, monkeypatch)


def with_client(act: Callable[[Client], Coroutine[Any, Any, T]], tools: tuple[Tool, ...] | None = None) -> T:
    """What `act` finds with a client of the server, both in this process."""

    async def run() -> T:
        async with Client(server_for(None) if tools is None else serving(*tools)) as client:
            return await act(client)

    return asyncio.run(run())


def call(name: str, **arguments: object) -> CallToolResult:
    return with_client(lambda client: client.call_tool(name, arguments))


def answer(name: str, **arguments: object) -> dict[str, Any]:
    """What a tool has found; its text says the same."""
    result = call(name, **arguments)
    assert not result.is_error, text_of(result)
    assert json.loads(text_of(result)) == result.structured_content
    found: dict[str, Any] = result.structured_content
    return found


def refusal(name: str, **arguments: object) -> str:
    """What a tool says that refuses, as a command would."""
    result = call(name, **arguments)
    assert result.is_error
    error = result.structured_content["error"]
    hint = f"\n→ {error['hint']}" if error["hint"] else ""
    assert text_of(result) == f"{error['message']}{hint}"
    return text_of(result)


def text_of(result: CallToolResult) -> str:
    return "".join(getattr(one, "text", "") for one in result.content)


def serving(*tools: Tool) -> Any:
    from deespec.cli.main import explained

    return server_of(tools, version="1", instructions="", explain=explained)


# --- what is offered --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_every_tool_is_listed_in_both_ages_of_the_protocol(person: Person, mode: str) -> None:
    async def names() -> list[str]:
        async with Client(server_for(None), mode=mode) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert asyncio.run(names()) == NAMES


def test_every_schema_is_valid_and_says_what_each_argument_means(person: Person) -> None:
    for tool in with_client(lambda client: client.list_tools()).tools:
        Draft202012Validator.check_schema(tool.input_schema)
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        silent = [name for name, one in tool.input_schema["properties"].items() if not one.get("description")]
        assert silent == [], tool.name


def test_every_field_of_an_item_can_be_registered(person: Person) -> None:
    [register] = [one for one in with_client(lambda client: client.list_tools()).tools if one.name == "register"]
    assert {field.key for field in FIELDS.values()} <= set(register.input_schema["properties"])


def test_only_what_changes_nothing_says_that_it_reads(person: Person) -> None:
    listed = with_client(lambda client: client.list_tools()).tools
    writing = [tool.name for tool in listed if tool.annotations is not None and not tool.annotations.read_only_hint]
    assert writing == ["register", "report", "review"]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "command"),
    [
        ("status", {}, "status"),
        ("list", {"all": True}, "sbi list"),
        ("list", {"status": ["pending"], "label": "a"}, "sbi list --status PENDING --label a"),
        ("list", {"ready": True, "limit": 1, "offset": 1}, "sbi list --ready --limit 1 --offset 1"),
        ("list", {"blocked": True, "text": "wait", "parent": None}, "sbi list --blocked --text wait"),
        ("list", {"kind": "PBI"}, "pbi list"),
        (
            "list",
            {"kind": "PBI", "text": "group", "status": ["PLANNED"], "limit": 1},
            "pbi list --text group --limit 1",
        ),
        ("list", {"kind": "epic"}, "epic list"),
        ("show", {"id": "sbi-1"}, "sbi show 1"),
        ("show", {"id": "PBI-1"}, "pbi show 1"),
        ("why", {}, "why"),
        ("why", {"id": "2"}, "why SBI-2"),
        ("inbox", {}, "inbox"),
        ("journal", {"item": "SBI-1", "event": "registered"}, "journal list --item SBI-1 --event registered"),
    ],
)
def test_a_tool_answers_what_its_command_answers(
    person: Person, name: str, arguments: dict[str, object], command: str
) -> None:
    person("register", "pbi", "--title", "A group")
    person.labels("a")
    person.add("Ünïcode …", "--label", "a", "--parent", "PBI-1")
    person.add("Must wait", "--depends-on", "SBI-1")
    person.add("Free")
    assert answer(name, **arguments) == person.json(*command.split())


def test_the_figures_are_those_of_stats(person: Person) -> None:
    person.add("An item")
    moving = {"until", "waited_ms"}
    told, said = answer("stats", by="agent", since="2026-01-31"), person.json("stats", "--since", "2026-01-31")
    assert {name: told[name] for name in told.keys() - moving} == {name: said[name] for name in said.keys() - moving}


def test_a_list_has_open_items_and_no_more_than_fit_unless_more_are_asked_for(person: Person) -> None:
    for number in range(52):
        person.add(f"Item {number}")
    person("sbi", "cancel", "1", "--yes")
    listed = answer("list")
    assert [one["id"] for one in listed["items"]] == [f"SBI-{number}" for number in range(2, 52)]
    assert listed["total"] == 51
    assert len(answer("list", limit=100)["items"]) == 51
    assert len(answer("journal")["items"]) == 50


def test_a_long_spec_is_cut_and_that_is_said(person: Person) -> None:
    person.add("Long", "--body", "words and more " * 30_000)
    shown = answer("show", id="SBI-1")
    assert len(json.dumps(shown, ensure_ascii=False)) < ANSWER_CHARACTERS + 200
    assert shown["spec"].endswith("… (449,999 characters)")
    assert shown["notes"] == ["This was cut to fit: ask for less, or for one item."]


@pytest.mark.parametrize(
    "values",
    [
        {"spec": "x" * 1_000_000},
        {"items": [{"id": f"SBI-{number}", "title": "t" * 200} for number in range(100_000)]},
        {"turns": [{"report": "r" * 100_000, "findings": ["f" * 10_000] * 50} for _ in range(30)]},
        {"items": [{"labels": ["l" * 64] * 100, "paths": ["p" * 1_024] * 200} for _ in range(50)]},
    ],
    ids=["one text", "a list", "turns", "lists in lists"],
)
def test_whatever_it_is_it_fits(values: dict[str, Any]) -> None:
    cut, was_cut = bounded(values)
    assert was_cut
    assert len(json.dumps(cut, ensure_ascii=False)) <= ANSWER_CHARACTERS


def test_what_fits_is_not_touched() -> None:
    values = {"items": [{"title": "t" * 25_000}, 1, None, True]}
    assert bounded(values) == (values, False)


# --- registering ------------------------------------------------------------------------------------------------------


def test_an_item_is_registered_with_all_its_fields(person: Person) -> None:
    person("register", "pbi", "--title", "A group")
    person.add("First")
    person.labels("a", "b:c")
    given = {
        "title": "--title=tricky",
        "spec": "---\nnot: front matter\n---\n- [ ] It works.",
        "parent": "pbi-1",
        "priority": "HIGH",
        "labels": ["a", "b:c"],
        "depends_on": ["sbi-1"],
        "paths": ["src/**", "-x"],
        "agent": ["one", "two"],
        "reviewer": ["three"],
        "only_implement": True,
        "estimate_hours": 1.5,
        "max_turns": 3.0,
        "checks": ["pytest -q", "--x"],
    }
    made = answer("register", **given, hold=True, key="k")
    expected = {**given, "parent": "PBI-1", "priority": "high", "depends_on": ["SBI-1"]}
    shown = person.json("sbi", "show", "2")
    assert {name: shown[name] for name in given} == expected
    assert (made["id"], made["fresh"], shown["held"], shown["key"]) == ("SBI-2", True, True, "k")
    assert made["owner"] == shown["owner"]


def test_what_a_person_would_be_told_beside_it_is_told(person: Person) -> None:
    notes = answer("register", title="Do it", agent=["cluade"], max_turns=1)["notes"]
    assert len(notes) == 2
    assert notes[0].startswith("Note: no agent cluade is set up here")
    assert notes[1].startswith("Note: SBI-1 will be FAILED")


def test_groups_are_registered(person: Person) -> None:
    assert answer("register", kind="epic", title="Large")["id"] == "EPIC-1"
    given = {"parent": "EPIC-1", "story_points": 3, "auto": True, "drafts_min": 2, "drafts_max": 4}
    made = answer("register", kind="PBI", title="Small", acceptance=["It works."], **given)
    assert {name: made[name] for name in given} == given
    assert answer("show", id="PBI-1")["acceptance"] == ["It works."]


def test_the_same_key_gives_the_same_item(person: Person) -> None:
    first, second = answer("register", title="Once", key="k"), answer("register", title="Twice", key="k")
    assert (first["fresh"], second["fresh"]) == (True, False)
    assert (second["id"], second["title"]) == ("SBI-1", "Once")
    assert answer("list")["total"] == 1


def test_a_dry_run_registers_nothing(person: Person) -> None:
    assert answer("register", title="Perhaps", dry_run=True)["dry_run"] is True
    assert answer("list")["total"] == 0


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({"title": "x" * 201}, ["--title", "x" * 201]),
        ({"title": ""}, ["--title", ""]),
        ({"title": "a\x1b[2Jb"}, ["--title", "a\x1b[2Jb"]),
        ({"title": "A", "paths": ["../x"]}, ["--title", "A", "--paths", "../x"]),
        ({"title": "A", "labels": ["a b"]}, ["--title", "A", "--label", "a b"]),
        ({"title": "A", "depends_on": ["SBI-9"]}, ["--title", "A", "--depends-on", "SBI-9"]),
        ({"title": "A", "parent": "PBI-9"}, ["--title", "A", "--parent", "PBI-9"]),
        ({"title": "A", "max_turns": 0}, ["--title", "A", "--max-turns", "0"]),
        ({"title": "A", "estimate_hours": -1.5}, ["--title", "A", "--estimate-hours", "-1.5"]),
    ],
)
def test_what_register_refuses_is_refused_in_the_same_words(
    person: Person, arguments: dict[str, object], options: list[str]
) -> None:
    said = refusal("register", **arguments)
    assert said + "\n" == person.refusal("register", "sbi", *options, exits=3 if "-9" in options[-1] else 2)
    assert answer("list")["total"] == 0


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("register", {}, "There is neither a title nor a text.\n→ Give it at least a title."),
        ("register", {"kind": "PBI", "title": "A", "paths": ["x"]}, "PBIs have no --paths, only SBIs have."),
        ("register", {"kind": "BUG", "title": "A"}, 'kind takes EPIC, PBI, SBI, not "BUG".'),
        ("register", {"title": 3}, "title takes text, not a number."),
        ("register", {"title": "A", "labels": "a"}, "labels takes a list, not a text."),
        ("register", {"title": "A", "labels": [{}]}, "Each of labels takes text, not an object."),
        ("register", {"title": "A", "hold": 1}, "hold takes true or false, not a number."),
        ("register", {"title": "A", "max_turns": 2.5}, "max_turns takes a whole number, not a number."),
        ("register", {"title": "A", "max_turns": True}, "max_turns takes a whole number, not true."),
        ("list", {"limit": -1}, "limit takes a whole number from 0 to 2,147,483,647."),
        ("list", {"limit": 10**30}, "limit takes a whole number from 0 to 2,147,483,647."),
        ("list", {"stat": ["DONE"]}, "list takes no stat.\n→ Did you mean status?"),
        ("list", {"status": ["FINISHED"]}, "Each of status takes PENDING, PICKED, "),
        ("list", {"kind": "PBI", "ready": True}, "PBIs are not listed by ready."),
        ("list", {"kind": "SBI", "status": ["PLANNED"]}, "Invalid value for '--status': 'PLANNED' is not one of"),
        ("list", {"ready": True, "blocked": True}, "--ready and --blocked exclude each other."),
        ("list", {"parent": "PBI-9"}, "There is no PBI-9"),
        ("status", {"verbose": True}, "status takes no verbose.\n→ It takes nothing."),
        ("show", {}, "show needs id."),
        ("show", {"id": "--help"}, '"--help" is not a valid ID.\n→ IDs look like SBI-12, PBI-7 or EPIC-2.'),
        ("show", {"id": "SBI-9"}, "There is no SBI-9"),
        ("why", {"id": "PBI-1"}, "There is no PBI-1."),
        ("journal", {"event": "mergd"}, "No entry has the event mergd.\n→ Did you mean merged?"),
        ("report", {"type": "finished"}, 'type takes implement, resolve, nothing, question, not "finished".'),
        ("report", {"type": "implement"}, "Outside a turn, the item and --turn N are needed."),
        ("review", {"decision": "SUCCEEDED", "findings": [{"text": 1}]}, 'finding 1: "text" says what is wrong'),
        ("reprot", {}, "There is no tool reprot.\n→ Did you mean report?"),
    ],
)
def test_a_mistake_is_an_answer_that_says_what_to_do(
    person: Person, name: str, arguments: dict[str, object], words: str
) -> None:
    assert refusal(name, **arguments).startswith(words)


def test_a_mistake_of_any_size_is_told_shortly(person: Person) -> None:
    assert len(refusal("show", id="x" * 1_000_000)) < 5_000
    assert len(refusal("list", **{"y" * 1_000_000: 1})) < 5_000


def test_without_a_backlog_each_call_says_so_until_there_is_one(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    async def before_and_after(client: Client) -> list[CallToolResult]:
        before = await client.call_tool("status", {})
        person("init", "--agent", "patch", "--no-gate")
        return [before, await client.call_tool("status", {})]

    before, after = with_client(before_and_after)
    assert text_of(before) == "No backlog here.\n→ Start one: deespec init"
    assert not after.is_error


def test_a_bug_of_ours_is_told_in_two_lines_and_the_session_goes_on() -> None:
    def fail(_: object) -> Found:
        raise ZeroDivisionError("division by zero")

    tools = tuple(
        Tool(name=name, title=name, description=name, act=act, properties={})
        for name, act in (("bad", fail), ("good", lambda _: Found(values={"fine": True})))
    )

    async def both(client: Client) -> list[CallToolResult]:
        return [await client.call_tool(name, {}) for name in ("bad", "good")]

    bad, good = with_client(both, tools)
    assert bad.is_error
    assert text_of(bad).splitlines() == [
        "deespec has a bug: ZeroDivisionError: division by zero",
        "→ Run it with -v and report what it prints.",
    ]
    assert good.structured_content == {"fine": True}


# --- at the same time -------------------------------------------------------------------------------------------------


async def names_offered(client: Client) -> list[str]:
    """When it is told, the server has taken up all that was sent before."""
    return [tool.name for tool in (await client.list_tools(cache_mode="bypass")).tools]


def test_reading_goes_on_while_registering_waits_for_the_store(person: Person) -> None:
    async def run(client: Client) -> list[str]:
        writing = open_app(str(person.home)).store.transaction()
        with writing:
            waiting = [asyncio.create_task(client.call_tool("register", {"title": "Late"})) for _ in range(AT_ONCE + 1)]
            assert await names_offered(client) == NAMES
            listed = await client.call_tool("list", {})
            assert not any(one.done() for one in waiting)
        return [str(listed.structured_content["total"]), *[(await one).structured_content["id"] for one in waiting]]

    assert sorted(with_client(run)) == ["0", *(f"SBI-{number}" for number in range(1, AT_ONCE + 2))]


def test_the_server_answers_however_many_calls_wait() -> None:
    free = threading.Event()

    def wait(_: object) -> Found:
        assert free.wait(PATIENCE_S)
        return Found(values={"waited": True})

    async def run(client: Client) -> list[bool]:
        waiting = [asyncio.create_task(client.call_tool("wait", {})) for _ in range(AT_ONCE + 3)]
        assert [await names_offered(client) for _ in range(2)] == [["wait"]] * 2
        assert not any(one.done() for one in waiting)
        free.set()
        return [(await one).structured_content["waited"] for one in waiting]

    tool = Tool(name="wait", title="Wait", description="Waits.", act=wait, properties={})
    assert with_client(run, (tool,)) == [True] * (AT_ONCE + 3)


# --- inside a turn ----------------------------------------------------------------------------------------------------


class Turn:
    """A turn of this backlog whose worker stores what it is handed."""

    def __init__(self, person: Person, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outbox = folder / "outbox"
        self.outbox.mkdir()
        self.stored: list[Answer] = []
        self.complaint: str | None = None
        for name, value in {**TURN, "DEESPEC_HOME": str(person.home), "DEESPEC_OUTBOX": str(self.outbox)}.items():
            monkeypatch.setenv(name, value)

    def hand_in(self, name: str, **arguments: object) -> CallToolResult:
        """What a tool answers while the worker looks into the outbox."""
        taken: dict[str, str] = {}

        async def run(client: Client) -> CallToolResult:
            called = asyncio.create_task(client.call_tool(name, arguments))
            while not called.done():
                outbox.collect(str(self.outbox), taken, self._store)
                await asyncio.sleep(LOOK_S)
            return await called

        return with_client(run)

    def _store(self, given: Answer) -> str | None:
        if self.complaint is None:
            self.stored.append(given)
        return self.complaint


@pytest.fixture
def turn(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Turn:
    person.add("An item")
    return Turn(person, tmp_path, monkeypatch)


def test_a_report_is_an_answer_once_the_worker_has_stored_it(turn: Turn) -> None:
    result = turn.hand_in("report", type="nothing", text="It adds already.")
    assert not result.is_error
    assert result.structured_content["stored"] is True
    assert turn.stored == [Answer(kind="nothing", text="It adds already.")]


def test_a_review_brings_its_findings(turn: Turn) -> None:
    finding = {"text": "It divides.", "file": "a.py", "line": 3}
    turn.hand_in("review", decision="needs_changes", text="No.", findings=[finding])
    [review] = turn.stored
    assert (review.kind, review.decision, review.text) == ("review", "NEEDS_CHANGES", "No.")
    assert [(one.text, one.file, one.line, one.must_fix) for one in review.remarks] == [
        ("It divides.", "a.py", 3, True)
    ]


def test_what_the_worker_finds_wrong_is_told(turn: Turn) -> None:
    turn.complaint = "This is a turn to review: it takes review, question, not implement."
    result = turn.hand_in("report", type="implement")
    assert result.is_error
    assert text_of(result) == turn.complaint
    assert turn.stored == []


def test_another_turn_is_not_answered_for(turn: Turn) -> None:
    words = "This is SBI-12 turn 3; it cannot answer for SBI-13 turn 3."
    assert refusal("report", type="implement", id="SBI-13") == words


@pytest.mark.parametrize("name", ["status", "list", "why", "inbox", "journal", "stats"])
def test_inside_a_turn_everything_can_be_read(turn: Turn, name: str) -> None:
    assert answer(name)["schema"] == 1


def test_inside_a_turn_nothing_is_registered(turn: Turn, person: Person) -> None:
    said = refusal("register", title="A wish")
    assert said == "Not from inside a turn (SBI-12 turn 3). Say it in your report."
    assert said + "\n" == person.refusal("register", "sbi", "--title", "A wish", exits=4)
    assert answer("list")["total"] == 1


def test_outside_a_turn_only_one_that_runs_is_answered_for(person: Person) -> None:
    person.add("An item")
    assert refusal("report", type="implement", id="SBI-1", turn=1).startswith("SBI-1 turn 1 is not running")


# --- as a process -----------------------------------------------------------------------------------------------------


@pytest.fixture
def process(person: Person) -> Iterator[subprocess.Popen[bytes]]:
    """`deespec mcp`, greeted."""
    running = started("mcp")
    say(running, STARTS, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert heard(running)["result"]["serverInfo"]["name"] == "deespec"
    yield running
    running.kill()
    running.wait()
    for pipe in (running.stdin, running.stdout, running.stderr):
        assert pipe is not None
        pipe.close()


def started(*args: str, code: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", f"{code}\nfrom deespec.cli.main import main; main()", *args]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def say(process: subprocess.Popen[bytes], *messages: object) -> None:
    assert process.stdin is not None
    for one in messages:
        process.stdin.write((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The next message; everything on standard output is one."""
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    assert found["jsonrpc"] == "2.0"
    return found


def calling(name: str, number: int = 2, **arguments: object) -> dict[str, object]:
    return {
        "jsonrpc": "2.0",
        "id": number,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }


def test_a_client_starts_it_and_works_with_it(person: Person) -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "deespec", "mcp"], env=dict(os.environ), cwd=person.home.parent
    )

    async def run() -> list[str]:
        async with Client(stdio_client(parameters)) as client:
            await client.call_tool("register", {"title": "Über alles"})
            listed = await client.call_tool("list", {})
            return [one["title"] for one in listed.structured_content["items"]]

    assert asyncio.run(run()) == ["Über alles"]


def test_nonsense_does_not_end_it(process: subprocess.Popen[bytes]) -> None:
    say(process, b"nonsense", b"\xff\xfe", b"[]", b"{}", b'"' + b"x" * 100_000, calling("status"))
    while "result" not in (message := heard(process)):
        assert "error" in message
    assert message["result"]["structuredContent"]["schema"] == 1


def test_the_backlog_is_closed_after_each_call(process: subprocess.Popen[bytes]) -> None:
    for number, name in enumerate(("register", "list", "show"), 2):
        arguments = {"register": {"title": "An item"}, "show": {"id": "SBI-1"}}.get(name, {})
        say(process, calling(name, number, **arguments))
        assert heard(process)["result"]["isError"] is False
    held = [os.readlink(one) for one in Path(f"/proc/{process.pid}/fd").iterdir()]
    assert [name for name in held if "deespec.db" in name] == []


@pytest.mark.parametrize("how", ["its input ends", "SIGTERM", "SIGINT"])
def test_it_ends_at_once_whatever_still_waits(process: subprocess.Popen[bytes], person: Person, how: str) -> None:
    with open_app(str(person.home)).store.transaction():  # for longer than the process may take
        say(process, calling("register", title="Never"), calling("list", 3))
        assert heard(process)["id"] == 3
        if how == "its input ends":
            assert process.stdin is not None
            process.stdin.close()
        else:
            process.send_signal({"SIGTERM": 15, "SIGINT": 2}[how])
        assert process.wait(PATIENCE_S / 2) == {"its input ends": 0, "SIGTERM": -15, "SIGINT": -2}[how]
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert person.json("sbi", "list")["total"] == 0


def test_a_client_that_reads_no_more_leaves_no_traceback(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdout.close()
    say(process, calling("status"))
    process.stdin.close()
    assert process.wait(PATIENCE_S) == 0
    assert process.stderr.read() == b""


def test_without_its_package_it_says_how_to_get_it(person: Person) -> None:
    out, err = started(
        "mcp", code="import sys; sys.modules['mcp'] = None; sys.modules['mcp_types'] = None"
    ).communicate()
    assert out == b""
    assert err.decode() == "deespec mcp needs the package mcp, 2.3 or newer.\n→ pip install 'deespec[mcp]'\n"
