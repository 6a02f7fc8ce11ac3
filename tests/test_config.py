"""Where a backlog is found, and how files, environment and options become settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deespec.config import (
    AgentSettings,
    Gate,
    Settings,
    environment,
    load_settings,
    user_config,
)
from deespec.config_keys import (
    KEYS,
)
from deespec.config_write import template
from deespec.errors import BadConfig


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / ".deespec"
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    return folder


def write(home: Path, text: str) -> Path:
    (home / "config.toml").write_text(text, encoding="utf-8")
    return home


def load(home: Path, text: str = "", env: dict[str, str] | None = None, **overrides: str) -> Settings:
    return load_settings(write(home, text), env or {}, {name.replace("__", "."): v for name, v in overrides.items()})


def refused(home: Path, text: str = "", env: dict[str, str] | None = None, **overrides: str) -> BadConfig:
    with pytest.raises(BadConfig) as caught:
        load(home, text, env, **overrides)
    return caught.value


# --- where a value comes from ---------------------------------------------------------------------------------------


def test_without_any_file_the_defaults_hold(home):
    (home / "config.toml").unlink()
    settings = load_settings(home, {}, {})
    assert settings == Settings(home=home, root=home.parent, sources=settings.sources)
    assert set(settings.sources) == {(key.name, "default") for key in KEYS}


def test_option_environment_home_user_default_in_this_order(home, tmp_path):
    users = tmp_path / "config" / "deespec" / "config.toml"
    users.parent.mkdir(parents=True)
    users.write_text("[run]\nparallel = 2\nmax_turns = 2\nmax_attempts = 2\nreview_rounds = 2\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "DEESPEC_RUN_PARALLEL": "4", "DEESPEC_RUN_MAX_TURNS": "4"}
    settings = load(home, "[run]\nparallel = 3\nmax_turns = 3\nmax_attempts = 3\n", env, run__parallel="5")
    sources = dict(settings.sources)
    assert (settings.parallel, sources["run.parallel"]) == (5, "option")
    assert (settings.max_turns, sources["run.max_turns"]) == (4, "DEESPEC_RUN_MAX_TURNS")
    assert (settings.max_attempts, sources["run.max_attempts"]) == (3, str(home / "config.toml"))
    assert (settings.review_rounds, sources["run.review_rounds"]) == (2, str(users))
    assert (settings.ambiguous_width, sources["ui.ambiguous_width"]) == (1, "default")


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"HOME": "/h"}, "/h/.config/deespec/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/deespec/config.toml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config/deespec/config.toml"),
        ({}, "None"),
    ],
)
def test_the_users_file_is_where_xdg_says(env, expected):
    assert str(user_config(env)) == expected


def test_sections_of_an_agent_in_two_files_are_one_agent(home, tmp_path):
    users = tmp_path / ".config" / "deespec" / "config.toml"
    users.parent.mkdir(parents=True)
    users.write_text('[agents.claude]\nmodel = "opus"\nlimit = 1\n')
    claude = load(home, "[agents.claude]\nlimit = 2\n", {"HOME": str(tmp_path)}).agent("claude")
    assert claude == AgentSettings(name="claude", kind="claude", model="opus", limit=2)


def test_other_names_that_begin_like_ours_are_nobodys_error(home):
    env = {f"DEESPEC_{name}": "x" for name in ("ITEM", "CLAIM", "OUTBOX", "TEST_KILL", "RUN_PARALEL", "AGENTS_X")}
    assert load(home, "", {**env, "DEESPEC_RUN_PARALLEL": ""}).parallel == 1


def test_the_reviewer_is_the_implementer_unless_one_is_named(home):
    assert load(home, '[run]\nimplement = ["claude", "patch"]').review == ("claude", "patch")
    assert load(home, '[run]\nimplement = "claude"\nreview = "patch"').review == ("patch",)


@pytest.mark.parametrize(
    ("root", "expected"), [(".", "project"), ("src", "project/src"), ("..", ""), ("~/work", "user/work")]
)
def test_the_root_is_seen_from_the_folder_that_holds_the_home(home, tmp_path, root, expected):
    settings = load(home, f'[workspace]\nroot = "{root}"', {"HOME": str(tmp_path / "user")})
    assert settings.root == Path(os.path.normpath(tmp_path / expected))


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("90", 90_000),
        ("1.5", 1_500),
        ('"90"', 90_000),
        ('"90 s"', 90_000),
        ('"90s"', 90_000),
        ('"500 ms"', 500),
        ('"10 min"', 600_000),
        ('"1.5 h"', 5_400_000),
        ('"90m"', 5_400_000),
        ('"1 d"', 86_400_000),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_has_a_unit(home, written, ms):
    assert load(home, f"[run]\nturn_timeout = {written}").turn_timeout_ms == ms


@pytest.mark.parametrize(
    "written",
    ['"soon"', '"-1 s"', "-1", "nan", "inf", '"1 y"', '"2 d"', "true", "[1]", '"9 ms"', '"25 h"', "9" * 400, '""'],
)
def test_a_wrong_duration_is_refused(home, written):
    error = refused(home, f"[run]\nturn_timeout = {written}")
    assert "config.toml: run.turn_timeout takes a duration from 100 ms to 24 h, not " in error.message
    assert error.hint == 'Write it like "500 ms", "90 s", "10 min" or "2 h".'


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[run]\nparallel = 0", "run.parallel takes a whole number from 1 to 64, not 0."),
        ("[run]\nparallel = 65", "run.parallel takes a whole number from 1 to 64, not 65."),
        ("[run]\nparallel = true", "run.parallel takes a whole number from 1 to 64, not True."),
        ("[run]\nparallel = 1.0", "run.parallel takes a whole number from 1 to 64, not 1.0."),
        ('[run]\nparallel = "2"', 'run.parallel takes a whole number from 1 to 64, not "2".'),
        ("[run]\nimplement = []", "run.implement takes a name or a list of names, not []."),
        ('[run]\nimplement = ["a b"]', "run.implement takes a name or a list of names"),
        ("[run]\nimplement = 1", "run.implement takes a name or a list of names, not 1."),
        ('[workspace]\nmode = "tree"', 'workspace.mode takes "auto" or "worktree" or "shared", not "tree".'),
        ('[workspace]\nroot = ""', 'workspace.root takes text, not "".'),
        ("[budget]\nusd_per_day = -1", "budget.usd_per_day takes a number from 0 to 1,000,000, not -1."),
        ("[budget]\nusd_per_day = nan", "budget.usd_per_day takes a number"),
        ("[ui]\nambiguous_width = 3", "ui.ambiguous_width takes 1 or 2, not 3."),
        ("[agents.claude]\nlimit = 99", "agents.claude.limit takes a whole number from 0 to 64, not 99."),
        ("[agents.claude]\nargs = [1]", "agents.claude.args takes a list of texts, not [1]."),
        ("[agents.claude]\nenv = {A = 1}", "agents.claude.env takes a table of texts, as '{FOO = \"bar\"}'."),
        ('[agents.claude]\nenv = {"A=" = "b"}', "agents.claude.env takes a table of texts, as '{FOO = \"bar\"}'."),
        ("[agents.claude]\nkind = 'kodex'", "agents.claude.kind takes"),
        ("[[gates]]\nrun = 1", "gates[1].run takes text, not 1."),
        ("[[gates]]\nrun = 'a'\n[[gates]]\nname = 'b'", "gates[2] has no command."),
        ("[[gates]]\nrun = 'a'\n[[gates]]\nrun = 'a'", 'two gates are called "a".'),
        ("[gates]\nrun = 'a'", "gates is a list of sections."),
        ("gates = [1]", "gates is a list of sections."),
        ("run = 1", "run is a section."),
        ("agents = 1", "agents is a section."),
        ("[agents]\nclaude = 1", "agents.claude is a section."),
        ('[agents."a b"]', '"a b" cannot be the name of an agent.'),
        ("[agents.fast]\nmodel = 'x'", "agents.fast has no kind."),
        ("[agents.command]", "agents.command has no command."),
        ("[agents.x]\nkind = 'command'\ncommand = []", "agents.x has no command."),
        ("[agents.x]\nkind = 'scripted'", "agents.x has no script."),
        ("[[prices]]\ninput = 1", "prices[1] has no model."),
        ("[[accounts]]\nlimit = 1", "accounts[1] has no name."),
        ("[prices]\ninput = 1", "prices is a list of sections."),
        ("[[prices]]\nmodel = 'a'\n[[prices]]\nmodel = 'a'", 'two prices are called "a".'),
        ("[run", "is not TOML"),
        ("x = " + "[" * 5_000, "is nested too deeply."),
        ("#" * (1 << 20) + "#", "is larger than 1048576 bytes."),
    ],
)
def test_what_is_wrong_is_named_with_its_file(home, text, part):
    error = refused(home, text)
    assert part in error.message
    assert str(home / "config.toml") in error.message
    assert error.exit_status == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[run]\nparalel = 1", "there is no setting run.paralel.", "Did you mean run.parallel?"),
        ("[runs]\n", "there is no setting runs.", "Did you mean run?"),
        ("parallel = 1", "there is no setting parallel.", "All keys: deespec config list"),
        ("[agents.claude]\nmodell = 'x'", "no setting agents.claude.modell.", "Did you mean agents.claude.model?"),
        ("[[gates]]\ncmd = 'x'\nrum = 'y'", "there is no setting gates[1].cmd.", None),
        ("[ui]\nambiguous_width = 3", "ui.ambiguous_width takes 1 or 2, not 3.", None),
        ("[workspace]\nundeclared = 'exclusiv'", 'not "exclusiv".', 'Did you mean "exclusive"?'),
        ('[run]\nimplement = "cluade"', 'run.implement names "cluade", which is no agent.', "Did you mean claude?"),
        ('[run]\nreview = "gpt"', 'run.review names "gpt", which is no agent.', "Add [agents.gpt], or take one of: "),
    ],
)
def test_a_slip_gets_a_suggestion(home, text, message, hint):
    error = refused(home, text)
    assert message in error.message
    assert hint is None or (error.hint or "").startswith(hint)


def test_a_wrong_variable_is_named(home):
    error = refused(home, "", {"DEESPEC_RUN_PARALLEL": "many"})
    assert error.message == 'DEESPEC_RUN_PARALLEL: run.parallel takes a whole number from 1 to 64, not "many".'


def test_a_wrong_option_is_named(home):
    assert refused(home, run__parallel="-1").message.startswith("option: run.parallel takes")
    assert refused(home, run__implement="who").message == 'option: run.implement names "who", which is no agent.'
    assert refused(home, run__paralel="1").hint == "Did you mean run.parallel?"


@pytest.mark.parametrize("data", [b"\xff\xfe[", b"[run]\nimplement = '\xe9'"])
def test_a_file_that_is_not_utf8_is_refused(home, data):
    (home / "config.toml").write_bytes(data)
    with pytest.raises(BadConfig, match="is not UTF-8 text"):
        load_settings(home, {}, {})


def test_a_byte_order_mark_and_carriage_returns_are_fine(home):
    (home / "config.toml").write_bytes(b"\xef\xbb\xbf[run]\r\nparallel = 2\r\n")
    assert load_settings(home, {}, {}).parallel == 2


def test_a_file_that_cannot_be_read_is_named(home):
    (home / "config.toml").unlink()
    (home / "config.toml").mkdir()
    with pytest.raises(BadConfig, match=r"config\.toml cannot be read: Is a directory\."):
        load_settings(home, {}, {})


# --- agents, gates and their environment ----------------------------------------------------------------------------


def test_an_agent_section_is_read(home):
    text = """
        [agents.mine]
        kind = "command"
        command = "my-agent --flag 'two words'"
        limit = 2
        account = "team"
        model = "m"
        effort = "high"
        args = ["-x"]
        env = {A = "b"}
        permissions = "everything"
        billing = "subscription"
        idle_timeout = "1 min"
    """
    assert load(home, text).agent("mine") == AgentSettings(
        name="mine",
        kind="command",
        command=("my-agent", "--flag", "two words"),
        limit=2,
        account="team",
        model="m",
        effort="high",
        args=("-x",),
        env=(("A", "b"),),
        permissions="everything",
        billing="subscription",
        idle_timeout_ms=60_000,
    )


def test_claude_and_patch_need_no_section_and_others_do(home):
    settings = load(home)
    assert settings.agent("claude") == AgentSettings(name="claude", kind="claude")
    assert settings.agent("patch") == AgentSettings(name="patch", kind="patch")
    assert [settings.agent(name) for name in ("command", "scripted", "acp", "")] == [None] * 4


def test_a_script_is_seen_from_the_folder_that_holds_the_home(home):
    agent = load(home, "[agents.scripted]\nscript = 'demo/answers.toml'").agent("scripted")
    assert agent
    assert agent.script == str(home.parent / "demo" / "answers.toml")


def test_gates_are_read_in_order(home):
    text = "[[gates]]\nname = 'test'\nrun = 'pytest -q'\ntimeout = '2 min'\nenv = {CI = '1'}\n[[gates]]\nrun = 'lint'\n"
    assert load(home, text).gates == (
        Gate(name="test", run="pytest -q", timeout_ms=120_000, env=(("CI", "1"),)),
        Gate(name="lint", run="lint"),
    )


def test_children_do_not_inherit_what_is_ours(home):
    env = {"PATH": "/bin", "ANTHROPIC_API_KEY": "k", "DEESPEC_HOME": "/x", "MY_DEESPEC_URL": "postgres://u:p@h/d"}
    assert dict(load(home, "", env).child_env) == {"PATH": "/bin", "ANTHROPIC_API_KEY": "k"}


def test_an_agent_may_be_given_a_variable_that_is_ours(home):
    text = "[agents.claude]\npass_env = ['MY_DEESPEC_URL', 'MISSING', 'A']\nenv = {A = 'section'}"
    agent = load(home, text, {"MY_DEESPEC_URL": "u", "A": "process"}).agent("claude")
    assert agent
    assert dict(agent.env) == {"MY_DEESPEC_URL": "u", "A": "section"}


def test_the_environment_is_a_copy(monkeypatch):
    monkeypatch.setenv("DEESPEC_TEST_X", "1")
    copy = environment()
    copy["DEESPEC_TEST_X"] = "2"
    assert os.environ["DEESPEC_TEST_X"] == "1"


# --- what it costs --------------------------------------------------------------------------------------------------

NEVER = ("dataclasses", "inspect", "msgspec", "asyncio", "logging", "tomlkit", "difflib", "yaml", "shlex", "tempfile")


def test_short_commands_do_not_pay_for_what_they_do_not_use(home):
    code = f"""
import sys
from pathlib import Path
from deespec import config
print([name for name in {(*NEVER, "datetime", "tomllib")} if name in sys.modules])
config.load_settings(Path({str(home)!r}), {{"DEESPEC_RUN_PARALLEL": "2"}}, {{}})
print([name for name in {NEVER} if name in sys.modules])
"""
    write(home, template(implement=["claude"]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"
