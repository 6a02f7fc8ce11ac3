"""A small agent of the Agent Client Protocol, made with the protocol's own package; what it does is its argument.

Run as a program: `python acp_agent.py SCENE [ARGUMENT]`. It works in its folder and needs no model.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import acp
from acp import schema

SCENE, ARGUMENT = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "")
KNOWN = "known-session"


class Player(acp.Agent):
    def __init__(self) -> None:
        self.client: Any = None
        self.session = ""
        self.cancelled = asyncio.Event()
        self.mode = "default"

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> schema.InitializeResponse:
        note("started")
        if SCENE == "old":
            protocol_version = 0
        able = schema.AgentCapabilities(load_session=True)
        info = schema.Implementation(name="player", version="1.2.3")
        return schema.InitializeResponse(protocol_version=protocol_version, agent_capabilities=able, agent_info=info)

    async def new_session(self, cwd: str, **_: Any) -> schema.NewSessionResponse:
        if SCENE == "locked":
            raise acp.RequestError.auth_required()
        note("new", cwd)
        self.session = "fresh-session"
        names = ("default", "yolo")
        modes = schema.SessionModeState(
            current_mode_id="default", available_modes=[schema.SessionMode(id=name, name=name) for name in names]
        )
        choice = schema.SessionConfigOptionSelect(
            id="model",
            name="Model",
            category="model",
            type="select",
            current_value="small",
            options=[schema.SessionConfigSelectOption(value=name, name=name) for name in ("small", "large")],
        )
        return schema.NewSessionResponse(session_id=self.session, modes=modes, config_options=[choice])

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> schema.LoadSessionResponse:
        if session_id != KNOWN:
            raise acp.RequestError(-32603, "Session not found")
        note("loaded", cwd)
        self.session = session_id
        await self.say("words of an older call")
        return schema.LoadSessionResponse()

    async def set_session_mode(self, session_id: str, mode_id: str, **_: Any) -> schema.SetSessionModeResponse:
        note("mode", mode_id)
        await self.say("[MODE UPDATE]")
        return schema.SetSessionModeResponse()

    async def set_config_option(self, config_id: str, session_id: str, value: Any, **_: Any) -> Any:
        note(config_id, str(value))
        return schema.SetSessionConfigOptionResponse(config_options=[])

    async def cancel(self, session_id: str, **_: Any) -> None:
        note("cancelled")
        if SCENE != "deaf":
            self.cancelled.set()

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> schema.PromptResponse:
        note("prompt", prompt[0].text)
        stop = await SCENES[SCENE](self)
        usage = schema.Usage(input_tokens=100, output_tokens=20, cached_read_tokens=30, total_tokens=150)
        return schema.PromptResponse(stop_reason=stop or "end_turn", usage=usage)

    async def say(self, text: str) -> None:
        await self.client.session_update(self.session, acp.update_agent_message_text(text))

    async def ask(self, **tool: Any) -> str:
        """Asks for leave; the id of the answer."""
        call = schema.ToolCallUpdate(tool_call_id="1", **tool)
        options = [
            schema.PermissionOption(option_id=f"id-{kind}", name=kind, kind=kind)
            for kind in ("allow_always", "allow_once", "reject_once")
        ]
        answer = await self.client.request_permission(session_id=self.session, tool_call=call, options=options)
        return str(getattr(answer.outcome, "option_id", answer.outcome.outcome))

    async def wait(self) -> str:
        await self.cancelled.wait()
        return "cancelled"


def note(*words: str) -> None:
    with Path("notes").open("a") as file:
        file.write(json.dumps(words) + "\n")


async def answer(player: Player) -> None:
    await player.say("I look around.")
    await player.client.session_update(player.session, acp.start_tool_call("1", "look", kind="read"))
    await player.say("It is ")
    await player.say("done.")


async def echo(player: Player) -> None:
    await player.say("heard")


async def command(player: Player) -> str | None:
    chosen = await player.ask(title="a command", kind="execute", raw_input={"command": ARGUMENT})
    note("chosen", chosen)
    if chosen == "cancelled":
        return await player.wait()
    await player.say(chosen)
    return None


async def edit(player: Player) -> None:
    location = schema.ToolCallLocation(path=ARGUMENT)
    await player.say(await player.ask(title="an edit", kind="edit", locations=[location]))


async def hang(player: Player) -> str:
    Path("hanging").touch()
    return await player.wait()


async def detach(player: Player) -> str:
    """A command in a session of its own, as real agents start them, that takes no notice of SIGTERM."""
    ready = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); "
    child = subprocess.Popen(
        [sys.executable, "-c", ready + "time.sleep(600)"], start_new_session=True, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    Path("pid").write_text(str(child.pid))
    return await hang(player)


async def huge(player: Player) -> None:
    await player.say("x" * (9 << 20))


async def garbage(player: Player) -> None:
    for line in (b"Warning: not JSON\n", b"[]\n", b"null\n", b"\xff\xfe\n", b"[" * 10_000 + b"\n", b"\n"):
        os.write(1, line)
    strange = {"sessionId": player.session, "update": {"sessionUpdate": "a_new_one", "content": [1]}}
    for message in ({"method": "session/update", "params": strange}, {"id": 99, "result": {}}, {"id": [], "error": 1}):
        os.write(1, json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    await player.say("all the same")


async def die(player: Player) -> None:
    await player.say("I am about to")
    sys.stderr.write("a bug of mine\n")
    sys.stderr.flush()
    os._exit(3)


async def limited(_: Player) -> None:
    raise acp.RequestError(-32603, "Internal error: You've hit your limit", {"errorKind": "rate_limit"})


async def refuse(player: Player) -> str:
    await player.say("I would rather not")
    return "refusal"


async def reach_out(player: Player) -> None:
    try:
        await player.client.read_text_file(session_id=player.session, path="/etc/hostname")
    except acp.RequestError as error:
        await player.say(f"code {error.code}")


async def linger(player: Player) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=threading.Event().wait).start()
    await player.say("done")


SCENES: dict[str, Callable[[Player], Awaitable[str | None]]] = {
    "answer": answer,
    "command": command,
    "deaf": hang,
    "detach": detach,
    "die": die,
    "echo": echo,
    "edit": edit,
    "garbage": garbage,
    "hang": hang,
    "huge": huge,
    "limited": limited,
    "linger": linger,
    "reach_out": reach_out,
    "refuse": refuse,
}

if __name__ == "__main__":
    asyncio.run(acp.run_agent(Player()))
