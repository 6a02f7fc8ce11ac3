"""What is known of the version of a client that is installed, and what `doctor` makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deespec.app import App, open_app
from deespec.board.agents import Checked, Standing, checked
from deespec.board.health.findings import Level
from deespec.board.health.work import of_agents
from deespec.clock import Clock
from deespec.config import AgentSettings
from deespec.model.probes import AgentCheck
from deespec.store.opener import FILE, create_store

CLAUDE = AgentSettings(name="mine", kind="claude")
BAD = ("may always report: it was not run",)


def check(version: str, at: int, *result: str, kind: str = "claude") -> AgentCheck:
    return AgentCheck(kind=kind, version=version, host="here", result=result, at=at)


OTHER = check("3.0", 9, *BAD, kind="codex")


@pytest.mark.parametrize(
    ("version", "checks", "expected"),
    [
        pytest.param("2.1", (OTHER,), Checked(standing=Standing.NEVER), id="another client was"),
        pytest.param("2.1", (check("2.1", 5),), Checked(standing=Standing.BEHAVES, version="2.1", at=5), id="it was"),
        pytest.param(
            "2.2", (check("2.0", 4), check("2.1", 5)), Checked(standing=Standing.NEW, version="2.1", at=5), id="new"
        ),
        pytest.param(
            None, (check("2.0", 4), check("2.1", 5)), Checked(standing=Standing.BEHAVES, version="2.1", at=5), id="any"
        ),
        pytest.param(
            "2.3",
            (check("2.0", 1, *BAD), check("2.1", 2), check("2.2", 3, *BAD), check("2.3", 4, *BAD), OTHER),
            Checked(standing=Standing.DIFFERS, version="2.3", at=4, differs=BAD, since="2.2"),
            id="the first that differs after the last that behaved",
        ),
        pytest.param(
            "2.0",
            (check("2.0", 1, *BAD), check("2.1", 2)),
            Checked(standing=Standing.DIFFERS, version="2.0", at=1, differs=BAD, since="2.0"),
            id="gone back to one that differs",
        ),
    ],
)
def test_a_version_stands_as_its_newest_check_says(
    version: str | None, checks: tuple[AgentCheck, ...], expected: Checked
) -> None:
    assert checked(CLAUDE, version, checks) == expected


@pytest.mark.parametrize(
    ("section", "standing"),
    [
        (AgentSettings(name="x", kind="command", command=("make",)), Standing.NOTHING),
        (AgentSettings(name="x", kind="patch"), Standing.NOTHING),
        (AgentSettings(name="x", kind="acp", command=("unheard-of",)), Standing.NOTHING),
        (AgentSettings(name="x", kind="acp", command=("/opt/bin/gemini", "--acp")), Standing.NEVER),
        (None, Standing.NOTHING),
    ],
)
def test_what_asks_no_model_server_that_is_known_cannot_be_tried(
    section: AgentSettings | None, standing: Standing
) -> None:
    assert checked(section, "1.0", ()).standing is standing


# --- doctor ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A backlog whose agent is a client that says its version and is logged in."""
    program = tmp_path / "claude"
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo 2.3.0 || echo \'{"loggedIn": true}\'\n')
    program.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    config = f'[run]\nimplement = "claude"\n[agents.claude]\ncommand = "{program}"\n'
    home = tmp_path / ".deespec"
    home.mkdir()
    (home / "config.toml").write_text(config)
    create_store(str(home / FILE), clock=Clock(), busy_ms=5_000)
    app = open_app(str(home))
    yield app
    app.close()


def keep(app: App, version: str, *result: str) -> None:
    with app.store.transaction() as tx:
        tx.keep_agent_check(AgentCheck(kind="claude", version=version, host=app.host, result=result))


def told(app: App) -> tuple[Level, str]:
    (found,) = [one for one in of_agents(app) if one.id == "agent-claude-checked"]
    return found.level, found.what


def test_doctor_says_of_whose_login_only_a_call_tells(app: App, tmp_path: Path) -> None:
    (tmp_path / "claude").write_text("#!/bin/sh\necho 2.3.0\n")
    (found,) = [one for one in of_agents(app) if one.id == "agent-claude"]
    assert (found.level, found.what) == (
        Level.OK,
        "agent claude is there: 2.3.0; whether it is logged in, only a call tells",
    )


def test_doctor_says_that_a_version_was_never_tried(app: App) -> None:
    assert told(app) == (Level.OK, "claude 2.3.0 was never tried; to do so: deespec agent check claude")


def test_doctor_tells_of_a_new_version(app: App) -> None:
    keep(app, "2.2.0")
    assert told(app) == (Level.OK, "claude 2.3.0 is new since 2.2.0 was tried; to try it: deespec agent check claude")


def test_doctor_says_that_a_version_behaves(app: App) -> None:
    keep(app, "2.3.0", "a: b")
    keep(app, "2.3.0")
    level, what = told(app)
    assert level is Level.OK
    assert what.startswith("claude 2.3.0 behaves as expected (tried ")


def test_doctor_warns_of_a_version_that_does_not_behave(app: App) -> None:
    keep(app, "2.2.0", "a: b")
    keep(app, "2.3.0", "may always report: it was not run", "a rate limit: it was not told")
    (found,) = [one for one in of_agents(app) if one.id == "agent-claude-checked"]
    assert found.level is Level.WARNING
    assert found.what == "claude 2.3.0 does not behave as expected, as no version has since 2.2.0"
    assert found.why.startswith("may always report: it was not run, a rate limit: it was not told; ")
    assert found.fix == "deespec agent check claude"


def test_what_was_found_on_another_machine_is_not_taken_for_this_one(app: App) -> None:
    with app.store.transaction() as tx:
        tx.keep_agent_check(AgentCheck(kind="claude", version="2.3.0", host="elsewhere", result=("a: b",)))
    assert told(app)[1].startswith("claude 2.3.0 was never tried")
