"""What people see of the settings, the file that init writes, and what `config set` does to it."""

from __future__ import annotations

import re
import stat
import threading
from pathlib import Path

import pytest

from deespec import config_change
from deespec.config import AgentSettings, Gate, Settings, load_settings
from deespec.config_change import config_set, config_unset
from deespec.config_keys import AGENT_KEYS, KEYS, KINDS
from deespec.config_lists import LISTS
from deespec.config_write import shown, shown_one, template
from deespec.errors import BadConfig, NotFound
from deespec.records import as_dict


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


# --- list and get ---------------------------------------------------------------------------------------------------


def test_the_list_shows_each_value_with_its_source(home):
    text = "[run]\nparallel = 2\nimplement = 'claude'\n[agents.claude]\nmodel = 'opus'\nenv = {TOKEN = 'secret'}\n"
    text += "[[gates]]\nname = 'test'\nrun = 'make'\n"
    text += "[[prices]]\nmodel = 'gpt-5.1'\ninput = 1.25\noutput = 10\n[[accounts]]\nname = 'team'\nlimit = 2"
    settings = load(home, text, {"DEESPEC_WORKSPACE_UNDECLARED": "parallel"})
    rows = {row.key: (row.text, row.source) for row in shown(settings)}
    file = str(home / "config.toml")
    assert rows["run.parallel"] == ("2", file)
    assert rows["run.implement"] == ('"claude"', file)
    assert rows["run.turn_timeout"] == ('"30 min"', "default")
    assert rows["workspace.undeclared"] == ('"parallel"', "DEESPEC_WORKSPACE_UNDECLARED")
    assert rows["workspace.root"] == (f'"{home.parent}"', "default")
    assert rows["agents.claude.model"] == ('"opus"', file)
    assert rows["agents.claude.env"] == ("TOKEN", file)
    assert rows["gates.test.run"] == ('"make"', file)
    assert rows["prices.gpt-5.1.input"] == ("1.25", file)
    assert rows["prices.gpt-5.1.output"] == ("10", file)
    assert rows["accounts.team.limit"] == ("2", file)
    assert len(rows) == len(KEYS) + 6


def test_one_setting_is_shown(home):
    settings = load(home)
    assert shown_one(settings, "run.max_turns").text == "8"
    assert shown_one(settings, "run.implement").text == ""
    assert shown_one(settings, "agents.claude.permissions").text == '"edit+shell"'
    with pytest.raises(NotFound, match="There is no agent mine"):
        shown_one(settings, "agents.mine.model")
    with pytest.raises(BadConfig, match=r"no setting run\.max_turn\."):
        shown_one(settings, "run.max_turn")


# --- the file that init writes --------------------------------------------------------------------------------------


def test_the_commented_file_loads_and_changes_nothing_by_itself(home):
    settings = load(home, template(usd_per_item=0, usd_per_day=0))
    defaults = Settings(home=home, root=home.parent)
    assert {**as_dict(settings), "sources": ()} == as_dict(defaults)


def test_what_init_chose_is_set(home):
    claude = AgentSettings(name="claude", kind="claude", permissions="everything", env=(("A", "b"),), limit=2)
    own = AgentSettings(name="own", kind="command", command=("my agent", "-x"), idle_timeout_ms=90_000)
    gates = (Gate(name="test", run='pytest -q -k "a or b"'), Gate(name="lint", run="ruff", timeout_ms=60_000))
    text = template(implement=["claude", "own"], review=["own"], agents=[claude, own], gates=gates, root="../w")
    settings = load(home, text)
    assert (settings.implement, settings.review) == (("claude", "own"), ("own",))
    assert (settings.agents, settings.gates) == ((claude, own), gates)
    assert (settings.usd_per_item, settings.usd_per_day) == (5, 50)
    assert settings.root == home.parent.parent / "w"


def test_every_line_that_is_commented_out_shows_the_default(home):
    alive = re.sub(r"(?m)^# (\w+ = )", r"\1", template(usd_per_item=0, usd_per_day=0))
    settings = load(home, alive)
    assert {name for name, source in settings.sources if source != "default"} == {key.name for key in KEYS}
    shown_by_example = {key.field for key in KEYS if key.example}
    defaults = as_dict(Settings(home=home, root=home.parent))
    assert all(getattr(settings, key.field) == defaults[key.field] for key in KEYS if key.field not in shown_by_example)


def test_the_commented_file_explains_every_key():
    text = template()
    listed = [key for kind in LISTS.values() for key in kind.keys]
    assert [key.name for key in (*KEYS, *AGENT_KEYS, *listed) if key.help not in text] == []
    assert all(f'"{kind}"' in text for kind in KINDS)


# --- config set -----------------------------------------------------------------------------------------------------


def test_a_set_value_appears_below_its_explanation_and_all_else_stays(home):
    write(home, template(implement=["claude"]))
    before = (home / "config.toml").read_text().splitlines()
    config_set(home, "run.parallel", "4", env={})
    after = (home / "config.toml").read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [("# parallel = 3", "parallel = 4")]


@pytest.mark.parametrize(
    ("old", "key", "value", "expected"),
    [
        ("", "run.parallel", "4", "[run]\nparallel = 4\n"),
        ("[run]\nparallel = 2 # why\n", "run.parallel", "4", "[run]\nparallel = 4 # why\n"),
        ("run.parallel = 2\n", "run.parallel", "4", "run.parallel = 4\n"),
        ("[run]\n# parallel = 1\n'parallel'=2\n", "run.parallel", "4", "[run]\n# parallel = 1\n'parallel'=4\n"),
        ("[run]\n", "run.turn_timeout", "90", '[run]\nturn_timeout = "90 s"\n'),
        ("[run]\n", "run.implement", "claude,patch", '[run]\nimplement = ["claude", "patch"]\n'),
        ("", "agents.claude.model", "opus", '[agents.claude]\nmodel = "opus"\n'),
        ("", "agents.claude.args", "--a 'b c'", '[agents.claude]\nargs = ["--a", "b c"]\n'),
        ("", "agents.claude.env", '{A = "b"}', '[agents.claude]\nenv = { "A" = "b" }\n'),
        ("[agents.claude]\n[run]\n", "agents.claude.limit", "2", "[agents.claude]\nlimit = 2\n[run]\n"),
        ("[run]\r\nparallel = 2\r\n", "run.parallel", "4", "[run]\r\nparallel = 4\r\n"),
    ],
)
def test_a_value_is_set_in_place(home, old, key, value, expected):
    (home / "config.toml").write_bytes(old.encode())
    config_set(home, key, value, env={})
    assert (home / "config.toml").read_bytes().decode() == expected


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("run.paralel", "4", "there is no setting run.paralel"),
        ("run.parallel", "many", "run.parallel takes a whole number"),
        ("run.implement", "nobody", "which is no agent"),
        ("agents.new.model", "m", "agents.new has no kind"),
        ("agents.claude.env", "{A = ", "takes a table of texts"),
        ("agents.claude.args", "'a", "takes a list of texts"),
        ("run.implement", "[" * 5_000, "takes a name or a list of names"),
        ("gates", "x", "there is no setting gates"),
    ],
)
def test_what_would_not_be_valid_is_refused_and_the_file_stays(home, key, value, part):
    write(home, "# mine\n")
    with pytest.raises(BadConfig, match=part.replace(".", r"\.")):
        config_set(home, key, value, env={})
    assert (home / "config.toml").read_text() == "# mine\n"
    assert sorted(path.name for path in home.iterdir()) in (["config.lock", "config.toml"], ["config.toml"])


def test_a_broken_file_is_not_touched(home):
    write(home, "[run")
    with pytest.raises(BadConfig, match="is not TOML"):
        config_set(home, "run.parallel", "4", env={})
    assert (home / "config.toml").read_text() == "[run"


def test_an_agent_of_the_users_file_may_be_named(home, tmp_path):
    users = tmp_path / ".config" / "deespec" / "config.toml"
    users.parent.mkdir(parents=True)
    users.write_text("[agents.mine]\nkind = 'patch'\n")
    config_set(home, "run.implement", "mine", env={"HOME": str(tmp_path), "DEESPEC_RUN_IMPLEMENT": "patch"})
    assert load_settings(home, {"HOME": str(tmp_path)}, {}).implement == ("mine",)


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(home, tmp_path):
    real = tmp_path / "real.toml"
    real.touch()
    real.chmod(0o640)
    (home / "config.toml").unlink()
    (home / "config.toml").symlink_to(real)
    config_set(home, "run.parallel", "2", env={})
    assert (home / "config.toml").is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "parallel = 2" in real.read_text()


def test_two_that_set_at_the_same_time_both_count(home):
    write(home, template())
    names = ("max_turns", "max_attempts", "review_rounds", "parallel")
    threads = [
        threading.Thread(target=config_set, args=(home, f"run.{name}", "7"), kwargs={"env": {}}) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settings = load_settings(home, {}, {})
    assert [getattr(settings, name) for name in names] == [7] * 4


def test_a_crash_while_writing_leaves_the_old_file_and_no_other(home, monkeypatch):
    write(home, "# mine\n")

    def fail(*_: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(config_change.os, "replace", fail)
    with pytest.raises(OSError, match="no"):
        config_set(home, "run.parallel", "2", env={})
    assert (home / "config.toml").read_text() == "# mine\n"
    assert sorted(path.name for path in home.iterdir()) == ["config.lock", "config.toml"]


# --- agents and gates -----------------------------------------------------------------------------------------------

PRICES = '[[prices]]\nmodel = "gpt-5*"\ninput = 1.25\n'
GATES = '# first\n[[gates]]\nname = "lint"\nrun = "ruff" # why\n\n# then\n[[gates]]\nrun = "pytest -q"\n'


@pytest.mark.parametrize(
    ("old", "key", "value", "expected"),
    [
        (
            "# mine\n",
            "agents.mine.command",
            "my -x",
            '# mine\n\n[agents.mine]\ncommand = ["my", "-x"]\nkind = "command"\n',
        ),
        ("", "agents.film.script", "a.toml", '[agents.film]\nscript = "a.toml"\nkind = "scripted"\n'),
        ("", "agents.fast.kind", "claude", '[agents.fast]\nkind = "claude"\n'),
        ("", "agents.claude.command", "/opt/claude", '[agents.claude]\ncommand = ["/opt/claude"]\n'),
        (
            "[agents.mine]\nkind = 'claude'\n",
            "agents.mine.command",
            "/opt/claude",
            "[agents.mine]\nkind = 'claude'\ncommand = [\"/opt/claude\"]\n",
        ),
        ("# mine\n", "gates.tests.run", "pytest -q", '# mine\n\n[[gates]]\nname = "tests"\nrun = "pytest -q"\n'),
        (GATES, "gates.lint.run", "make lint", GATES.replace('"ruff"', '"make lint"')),
        (GATES, "gates.lint.timeout", "90", GATES.replace("# why\n", '# why\ntimeout = "90 s"\n')),
        (
            GATES,
            "gates.pytest -q.run",
            "pytest",
            GATES.replace('run = "pytest -q"\n', 'run = "pytest"\nname = "pytest -q"\n'),
        ),
        (
            'gates = [{ run = "ruff" }]\n',
            "gates.tests.run",
            "pytest",
            'gates = [{ run = "ruff" }, {name = "tests", run = "pytest"}]\n',
        ),
        ("", "prices.gpt-5.1.input", "1.25", '[[prices]]\nmodel = "gpt-5.1"\ninput = 1.25\n'),
        (PRICES, "prices.gpt-5*.output", "10", f"{PRICES}output = 10\n"),
        ("", "accounts.team.limit", "2", '[[accounts]]\nname = "team"\nlimit = 2\n'),
    ],
)
def test_an_agent_or_a_gate_is_made_and_changed(home, old, key, value, expected):
    write(home, old)
    config_set(home, key, value, env={})
    assert (home / "config.toml").read_text() == expected


def test_a_new_gate_comes_after_the_others_and_before_nothing_of_theirs(home):
    write(home, GATES + "[agents.mine]\nkind = 'patch'\n")
    config_set(home, "gates.tests.run", "make test", env={})
    assert [gate.name for gate in load_settings(home, {}, {}).gates] == ["lint", "pytest -q", "tests"]
    assert "# first\n" in (home / "config.toml").read_text()


def test_a_new_agent_may_be_named_at_once(home):
    write(home, template(implement=["claude"]))
    config_set(home, "agents.mine.command", "my-agent --flag", env={})
    config_set(home, "run.implement", "mine", env={})
    settings = load_settings(home, {}, {})
    assert (settings.implement, settings.agents[0].command) == (("mine",), ("my-agent", "--flag"))


def test_a_kind_of_the_users_file_stays(home, tmp_path):
    users = tmp_path / ".config" / "deespec" / "config.toml"
    users.parent.mkdir(parents=True)
    users.write_text("[agents.mine]\nkind = 'claude'\n")
    config_set(home, "agents.mine.command", "/opt/claude", env={"HOME": str(tmp_path)})
    assert load_settings(home, {"HOME": str(tmp_path)}, {}).agents[0].kind == "claude"


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("agents.mine.kind", "command", "agents.mine has no command"),
        ("agents.mine.kind", "scripted", "agents.mine has no script"),
        ("agents.my agent.kind", "claude", "there is no setting"),
        ("gates.tests.timeout", "90", "gates[1] has no command"),
        ("gates.tests.name", "other", "there is no setting gates.tests.name"),
        ("gates.tests.rum", "x", "there is no setting gates.tests.rum"),
        ("gates.run", "x", "there is no setting gates.run"),
        ("prices.gpt-5.input", "-1", "prices.gpt-5.input takes a number from 0 to 1,000,000"),
        ("prices.gpt-5.inputs", "1", "there is no setting prices.gpt-5.inputs"),
        ("accounts.team.limit", "1.5", "accounts.team.limit takes a whole number"),
    ],
)
def test_half_an_agent_or_gate_is_refused_and_the_file_stays(home, key, value, part):
    write(home, "# mine\n")
    with pytest.raises(BadConfig, match=re.escape(part)):
        config_set(home, key, value, env={})
    assert (home / "config.toml").read_text() == "# mine\n"


def test_a_gate_can_be_asked_for_as_it_is_set(home):
    settings = load(home, GATES)
    assert shown_one(settings, "gates.pytest -q.run").text == '"pytest -q"'
    assert shown_one(settings, "gates.lint.timeout").text == '"15 min"'
    with pytest.raises(NotFound, match="There is no gate tests"):
        shown_one(settings, "gates.tests.run")


# --- config unset ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "key", "expected"),
    [
        ("[run]\n# mine\nparallel = 2\n# and\nmax_turns = 3\n", "run.max_turns", None),
        ("[run]\nparallel = 2\n", "run.parallel", "[run]\n"),
        ("run.parallel = 2\n", "run.parallel", ""),
        ("[agents.claude]\nmodel = 'm' # why\nlimit = 2\n", "agents.claude.model", "[agents.claude]\nlimit = 2\n"),
        ("[run]\n[agents.a]\nkind = 'patch'\n[agents.b]\nkind = 'patch'\n", "agents.a", None),
        (GATES, "gates.lint", '[[gates]]\nrun = "pytest -q"\n'),
        (GATES, "gates.pytest -q", None),
        ('[[gates]]\nrun = "a"\ntimeout = 5\n', "gates.a.timeout", '[[gates]]\nrun = "a"\n'),
        (f"{PRICES}output = 1\n", "prices.gpt-5*.output", PRICES),
        (PRICES.replace("*", ".1"), "prices.gpt-5.1", ""),
    ],
)
def test_what_is_unset_goes_and_all_else_stays(home, old, key, expected):
    before = load(home, old)
    config_unset(home, key, env={})
    after = load_settings(home, {}, {})
    assert before != after
    if expected is not None:
        assert expected in (home / "config.toml").read_text()
    with pytest.raises(NotFound, match="does not set"):
        config_unset(home, key, env={})


@pytest.mark.parametrize(("key", "value"), [("run.parallel", "4"), ("run.implement", "claude"), ("run.lease", "30 s")])
def test_set_and_unset_leave_the_commented_file_as_it_was(home, key, value):
    before = template()
    write(home, before)
    config_set(home, key, value, env={})
    assert (home / "config.toml").read_text() != before
    config_unset(home, key, env={})
    assert (home / "config.toml").read_text() == before


@pytest.mark.parametrize(
    ("key", "error", "part"),
    [
        ("agents.mine", BadConfig, 'run.implement names "mine"'),
        ("agents.mine.command", BadConfig, "agents.mine has no command"),
        ("gates.tests.run", BadConfig, "gates[1] has no command"),
        ("run.paralel", BadConfig, "there is no setting run.paralel"),
        ("gates", BadConfig, "there is no setting gates"),
        ("run", BadConfig, "there is no setting run"),
        ("agents.other", NotFound, "does not set agents.other"),
        ("gates.other", NotFound, "does not set gates.other"),
        ("run.parallel", NotFound, "does not set run.parallel"),
    ],
)
def test_what_cannot_be_unset_is_refused_and_the_file_stays(home, key, error, part):
    text = "[run]\nimplement = 'mine'\n[agents.mine]\nkind = 'command'\ncommand = 'x'\n"
    text += "[[gates]]\nname = 'tests'\nrun = 'a'\n"
    write(home, text)
    with pytest.raises(error, match=re.escape(part)):
        config_unset(home, key, env={})
    assert (home / "config.toml").read_text() == text
