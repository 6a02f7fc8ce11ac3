"""`agent list` and `agent check`: versions and readiness, what was spent today, and clients that are really tried."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from person import Person

from deespec.agents.trials import TRIALS
from deespec.app import open_app
from deespec.clock import Clock
from deespec.model.money import Spend
from deespec.model.probes import AgentCheck

FAKE = Path(__file__).resolve().parents[1] / "agents" / "fake_claude.py"
CONFIG = """\
[run]
implement = "fake"
review = "player"
[agents.fake]
kind = "claude"
command = {command}
limit = 2
[agents.player]
kind = "patch"
[agents.own]
kind = "command"
command = "true --flag"
"""


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    found = Person(tmp_path, capsys, monkeypatch)
    set_up(found, "well")
    return found


def set_up(person: Person, manners: str) -> None:
    command = json.dumps([sys.executable, "-I", str(FAKE), manners])
    (person.home / "config.toml").write_text(CONFIG.format(command=command))


def listed(person: Person, *options: str) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in person.json("agent", "list", *options)["agents"]}


HANGS = """\
#!/bin/sh
case "$*" in
--version) exec echo "2.1.330 (Claude Code)";;
*auth*) exec echo '{{"loggedIn": true}}';;
esac
echo > {began}
sleep 600
"""


class Before(Clock):
    """Two days ago."""

    def now_ms(self) -> int:
        return super().now_ms() - 2 * 86_400_000


def spend(person: Person, clock: Clock | None = None, **used: object) -> None:
    app = open_app(str(person.home), clock=clock)
    with app.store.transaction() as tx:
        values = {"token": 7, "sbi": 1, "turn": 1, "step": "implement", "agent": "fake", "account": "fake", **used}
        tx.spent(Spend(**values))
    app.close()


# --- list -----------------------------------------------------------------------------------------------------------


def test_a_list_tells_version_state_and_standing(person: Person) -> None:
    lines = [line.split() for line in person("agent", "list").splitlines()]
    assert lines[0] == ["NAME", "VERSION", "FOR", "CALLS", "STATE", "TODAY", "CHECKED"]
    assert lines[1] == ["fake", "(claude)", "9.9.9", "implement", "0", "of", "2", "free", "-", "never"]
    assert lines[2][-1] == "-", "a patch is applied, no model is asked"
    assert lines[3] == ["own", "(command)", "-", "by", "name", "0", "free", "-", "-"]


def in_a_terminal(columns: int, *args: str) -> list[str]:
    """The lines that a command writes there."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-m", "deespec", "--no-color", *args]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=theirs, check=True)
    said = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)
    return said.splitlines()


def test_a_list_fits_a_terminal_of_80_columns(person: Person) -> None:
    program = person.home.parent / "client"
    program.write_text("#!/bin/sh\necho 2.100.100\n")
    program.chmod(0o755)
    person("config", "set", "agents.opencode.command", str(program))
    person("config", "set", "agents.opencode.limit", "2")
    person("config", "set", "run.implement", "opencode")
    person("config", "set", "run.review", "opencode")
    spend(person, agent="opencode", tokens_in=1_200_000, cost_usd=12.5)
    [head, first, *_] = in_a_terminal(80, "agent", "list")
    assert first.split()[:8] == ["opencode", "2.100.100", "both", "0", "of", "2", "login", "not"]
    assert "12.50 USD, 1.2M" in first
    assert first.endswith("never")
    assert head.endswith("CHECKED")
    assert max(len(head), len(first)) <= 80


def test_whose_login_only_a_call_tells_does_not_look_ready(person: Person, tmp_path: Path) -> None:
    program = tmp_path / "opencode"
    program.write_text("#!/bin/sh\necho 1.2.3\n")
    program.chmod(0o755)
    (person.home / "config.toml").write_text(f'[agents.opencode]\ncommand = "{program}"\n')
    assert "login not known" in person("agent", "list")
    assert listed(person)["opencode"]["login"] == "unknown"
    assert ", login not known" in person("agent", "check")


def test_a_paused_agent_is_told_with_the_reason_and_the_way_out(person: Person) -> None:
    person("agent", "pause", "fake", "--for", "2 h", "-m", "tea")
    said = person("agent", "list")
    assert "paused" in said.splitlines()[1]
    assert "! fake is paused until 2" in said
    assert ": tea\n  → deespec agent resume fake\n" in said


def test_an_agent_that_is_not_ready_says_why(person: Person) -> None:
    (person.home / "config.toml").write_text(CONFIG.format(command='["no-such-client"]'))
    said = person("agent", "list")
    assert "not ready" in said.splitlines()[1]
    assert "✗ fake: no-such-client is not on PATH\n  → Install Claude Code" in said
    found = listed(person)["fake"]
    assert (found["ready"], found["version"]) == (False, None)


def test_no_client_is_started_where_nobody_wants_a_look(person: Person, tmp_path: Path) -> None:
    program = tmp_path / "client"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    (person.home / "config.toml").write_text(CONFIG.format(command=json.dumps([str(program)])))
    found = listed(person, "--no-look")["fake"]
    assert (found["ready"], found["version"]) == (None, None)
    assert not (tmp_path / "started").exists()
    person("agent", "list")
    assert (tmp_path / "started").exists(), "else it is"


def test_a_list_tells_what_was_spent_since_midnight(person: Person) -> None:
    spend(person, tokens_in=1_200, tokens_out=34, cost_usd=0.5)
    assert "0.50 USD, 1.2k" in person("agent", "list")
    assert listed(person)["fake"]["today"] == {"tokens_in": 1_200, "tokens_out": 34, "usd": 0.5}


def test_what_was_spent_before_is_not_todays(person: Person) -> None:
    spend(person, Before(), tokens_in=1_200, cost_usd=0.5)
    assert listed(person)["fake"]["today"] == {"tokens_in": 0, "tokens_out": 0, "usd": 0.0}


def test_a_version_that_was_not_tried_is_told_from_one_that_was(person: Person) -> None:
    app = open_app(str(person.home))
    with app.store.transaction() as tx:
        tx.keep_agent_check(AgentCheck(kind="claude", version="9.9.8", host=app.host, result=()))
    app.close()
    assert person("agent", "list").splitlines()[1].endswith("another")
    assert "9.9.8 behaves" in person("agent", "list", "--no-look")


# --- pause ----------------------------------------------------------------------------------------------------------


def test_a_new_pause_by_hand_takes_the_place_of_the_one_before(person: Person) -> None:
    first = person.json("agent", "pause", "fake", "--for", "2d")["until_at"]
    then = person.json("agent", "pause", "fake", "--for", "90m")["until_at"]
    assert then < first < person.json("agent", "pause", "fake", "--for", "1w")["until_at"]
    assert person("agent", "pause", "fake") == "✓ fake is paused until deespec agent resume fake\n"


def test_a_time_that_is_none_is_refused_with_some_that_are(person: Person) -> None:
    said = person.refusal("agent", "pause", "fake", "--for", "soon", exits=2)
    assert "takes a duration up to 366 d, as 90 s, 10 min, 2 h, 3 d or 1 w, not 'soon'" in said


# --- check ----------------------------------------------------------------------------------------------------------


def test_a_client_that_behaves_is_remembered_for_its_version(person: Person) -> None:
    (found,) = person.json("agent", "check", "fake")["agents"]
    assert (found["ready"], found["version"], found["behaves"]) == (True, "9.9.9", True)
    assert [one["name"] for one in found["trials"]] == [trial.name for trial in TRIALS]
    assert all(one["passed"] for one in found["trials"])
    known = listed(person)["fake"]["checked"]
    assert known == {**known, "standing": "behaves", "version": "9.9.9", "differs": []}
    assert "behaves" in person("agent", "list")


def test_a_client_that_does_not_behave_is_told_and_exits_with_1(person: Person) -> None:
    set_up(person, "liar")
    said = person("agent", "check", "fake", exits=1)
    assert "  ✓ may always report (" in said
    assert "  ✗ a rate limit pauses its account: it ended as if all were well\n" in said
    assert "✗ fake 9.9.9 does not behave as expected in 5 of 12 trials" in said
    assert "differs" in person("agent", "list")


def test_a_client_without_a_login_is_judged_by_its_trial_alone(person: Person) -> None:
    set_up(person, "stranger")
    said = person("agent", "check", "fake")
    assert "✗ fake: claude 9.9.9 is not logged in" in said
    assert "✓ fake 9.9.9 behaves as expected" in said
    person("agent", "check", "fake", "--quick", exits=1)
    listed_now = person("agent", "list")
    assert "not logged in" in listed_now.splitlines()[1]
    assert listed_now.splitlines()[1].endswith("behaves")


@pytest.mark.parametrize("args", [(), ("--quick",), ("fake", "--quick")])
def test_a_look_tries_nothing(person: Person, args: tuple[str, ...]) -> None:
    assert "✓ fake 9.9.9" in person("agent", "check", *args)
    assert "against a model server" not in person("agent", "check", *args)
    assert listed(person)["fake"]["checked"] == {
        "standing": "never",
        "version": None,
        "at": None,
        "differs": [],
        "since": None,
    }


def test_an_agent_that_asks_no_model_is_only_looked_at(person: Person) -> None:
    said = person("agent", "check", "player")
    assert said.startswith("✓ player")
    assert person.json("agent", "check", "player")["agents"][0]["behaves"] is None


def test_a_program_of_ones_own_cannot_be_tried(person: Person) -> None:
    said = person("agent", "check", "own")
    assert "own was only looked at: deespec does not know how to give this program a model server" in said


def test_from_inside_a_turn_nothing_is_tried(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"HOME": str(person.home), "ITEM": "SBI-1", "TURN": "1", "CLAIM": "c-1"}
    for name, value in values.items():
        monkeypatch.setenv(f"DEESPEC_{name}", value)
    assert "Not from inside a turn" in person.refusal("agent", "check", "fake", exits=4)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_trials_that_a_signal_ends_leave_nothing_behind(person: Person, tmp_path: Path, number: int) -> None:
    client, began, temporary = tmp_path / "client", tmp_path / "began", tmp_path / "tmp"
    temporary.mkdir()
    os.mkfifo(began)
    client.write_text(HANGS.format(began=began))
    client.chmod(0o755)
    (person.home / "config.toml").write_text(CONFIG.format(command=json.dumps([str(client)])))
    command = [sys.executable, "-m", "deespec", "agent", "check", "fake"]
    trying = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(temporary)}, stdout=subprocess.DEVNULL)
    try:
        began.read_text()
        assert [*temporary.glob("deespec-check-*")]
        trying.send_signal(number)
        assert trying.wait(60) == 128 + number
        assert not [*temporary.glob("deespec-check-*")]
    finally:
        trying.kill()
        trying.wait()
