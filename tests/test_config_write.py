"""What people see of the settings, the file that init writes, and what `config set` does to it."""

from __future__ import annotations

import re
import stat
import threading
from pathlib import Path

import pytest

from deespec import config_write
from deespec.config import AgentSettings, Gate, Settings, load_settings
from deespec.config_keys import AGENT_KEYS, GATE_KEYS, KEYS, KINDS
from deespec.config_write import config_set, shown, shown_one, template
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
    text += "[[gates]]\nname = 'test'\nrun = 'make'"
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
    assert rows["gates.test"] == ('"make"', file)
    assert len(rows) == len(KEYS) + 3


def test_one_setting_is_shown(home):
    settings = load(home)
    assert shown_one(settings, "run.max_turns").text == "8"
    assert shown_one(settings, "run.implement").text == ""
    assert shown_one(settings, "agents.claude.permissions").text == '"edit+shell"'
    with pytest.raises(NotFound, match="There is no agent codex"):
        shown_one(settings, "agents.codex.model")
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
    assert [key.name for key in (*KEYS, *AGENT_KEYS, *GATE_KEYS) if key.help not in text] == []
    assert all(f'"{kind}"' in text for kind in KINDS)


# --- config set -----------------------------------------------------------------------------------------------------


def test_a_set_value_appears_below_its_explanation_and_all_else_stays(home):
    write(home, template(implement=["claude"]))
    before = (home / "config.toml").read_text().splitlines()
    config_set(home, "run.parallel", "4", env={})
    after = (home / "config.toml").read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [("# parallel = 1", "parallel = 4")]


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

    monkeypatch.setattr(config_write.os, "replace", fail)
    with pytest.raises(OSError, match="no"):
        config_set(home, "run.parallel", "2", env={})
    assert (home / "config.toml").read_text() == "# mine\n"
    assert sorted(path.name for path in home.iterdir()) == ["config.lock", "config.toml"]
