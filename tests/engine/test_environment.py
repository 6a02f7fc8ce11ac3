"""What the children of a turn find in their environment: what names the turn, and none of the secrets of others."""

from __future__ import annotations

import pytest
from workshop import IMPLEMENTS, Workshop, steps

from deespec.agents.secrets import VENDORS
from deespec.config import AgentSettings
from deespec.engine.calling import environment, request_for
from deespec.engine.turn import take
from deespec.engine.worker import Crew, Orders
from deespec.model.items import Claim
from deespec.records import replace

TURN = {"DEESPEC_HOME", "DEESPEC_ITEM", "DEESPEC_STEP", "DEESPEC_TURN", "DEESPEC_CLAIM", "DEESPEC_OUTBOX"}


def written(project: Workshop, name: str) -> dict[str, str]:
    lines = (project.saw(name) or "").split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def deespec_names(env: dict[str, str]) -> set[str]:
    return {name for name in env if name.startswith("DEESPEC")}


PORTS = {"DEESPEC_PORT", "DEESPEC_PORTS"}


@pytest.fixture
def called(project: Workshop) -> Workshop:
    """A turn with a gate, called from where other deespecs and vendors have left their variables."""
    keys = dict.fromkeys(VENDORS, "secret")
    project.env |= {
        **keys,
        "DEESPEC_HOME": "/elsewhere",
        "DEESPEC_RUN_PARALLEL": "7",
        "MY_DEESPEC_KEY": "x",
        "EDITOR": "ed",
    }
    project.agent(
        steps(f'cat /proc/self/environ > "$SEEN/agent"; {IMPLEMENTS}'), env={"MINE": "1", "SEEN": str(project.seen)}
    )
    project.gate(f"cat /proc/self/environ > {project.seen}/gate", env={"GATE": "2"})
    project.register()
    project.turn()
    return project


def test_an_agent_s_environment_names_its_turn(called: Workshop) -> None:
    env = written(called, "agent")
    turn = called.turns()[0]
    assert deespec_names(env) == TURN | PORTS
    assert (env["DEESPEC_HOME"], env["DEESPEC_ITEM"]) == (str(called.home), "SBI-1")
    assert (env["DEESPEC_STEP"], env["DEESPEC_TURN"]) == ("implement", "1")
    assert env["DEESPEC_CLAIM"].endswith(f"-{turn.token}")
    assert env["DEESPEC_OUTBOX"].startswith(str(called.folder / "tmp"))


def test_an_agent_keeps_what_is_the_user_s_and_gets_what_its_section_says(called: Workshop) -> None:
    env = written(called, "agent")
    assert (env["EDITOR"], env["MINE"], env["USER"]) == ("ed", "1", "tester")


def test_a_gate_does_not_find_this_backlog(called: Workshop) -> None:
    env = written(called, "gate")
    assert deespec_names(env) == {"DEESPEC_CLAIM"} | PORTS
    assert env["GATE"] == "2"


def test_a_gate_sees_no_keys_and_nothing_of_the_agent_s(called: Workshop) -> None:
    env = written(called, "gate")
    assert not env.keys() & VENDORS.keys()
    assert "MINE" not in env


CLIENTS = {
    "claude": (AgentSettings(name="any", kind="claude"), {"anthropic"}),
    "codex": (AgentSettings(name="any", kind="codex"), {"openai"}),
    "gemini": (AgentSettings(name="any", kind="gemini"), {"google"}),
    "opencode": (AgentSettings(name="any", kind="opencode"), set()),
    "opencode by model": (AgentSettings(name="any", kind="opencode", model="openrouter/anthropic/x"), {"openrouter"}),
    "acp by program": (AgentSettings(name="any", kind="acp", command=("/opt/bin/gemini", "--acp")), {"google"}),
    "acp of nobody": (AgentSettings(name="any", kind="acp", command=("agent",)), set()),
    "acp by model": (AgentSettings(name="any", kind="acp", command=("agent",), model="xai:grok"), {"xai"}),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sees_the_keys_of_its_own_vendor_only(project: Workshop, client: str) -> None:
    project.env |= dict.fromkeys(VENDORS, "secret")
    project.agent(steps())
    project.register()
    bench = Crew(project.app, Orders(), tell=lambda _: None).bench
    claim = take(bench)
    assert isinstance(claim, Claim)
    section, vendors = CLIENTS[client]
    env = environment(bench, claim, section)
    assert env.keys() & VENDORS.keys() == {name for name, owner in VENDORS.items() if owner in vendors}
    passed = environment(bench, claim, replace(section, pass_env=("GH_TOKEN",)))
    assert passed["GH_TOKEN"] == "secret"


def test_an_agent_is_told_the_gates_and_the_checks_of_its_item(project: Workshop) -> None:
    project.agent(steps())
    project.gate("make lint")
    project.register(checks=("pytest -q tests/auth",))
    bench = Crew(project.app, Orders(), tell=lambda _: None).bench
    claim = take(bench)
    assert isinstance(claim, Claim)
    folder = project.home / "turns" / "a turn"
    asked = request_for(bench, claim, "prompt", folder=folder, session=None, workspace=project.root)
    assert asked.gates == ("make lint", "pytest -q tests/auth")
