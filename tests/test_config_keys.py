"""The table of settings: complete, consistent, and able to write what it reads."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from deespec.config import Account, AgentSettings, Gate, Price, Settings
from deespec.config_keys import AGENT_KEYS, KEYS, Key, Type, duration_text, from_text, parse, toml, toml_of
from deespec.config_lists import ACCOUNT_KEYS, GATE_KEYS, LISTS, PRICE_KEYS
from deespec.records import as_dict, fields

HELD = ((GATE_KEYS, Gate), (PRICE_KEYS, Price), (ACCOUNT_KEYS, Account))
RESERVED = ("HOME", "ITEM", "STEP", "TURN", "CLAIM", "OUTBOX", "TEST_")


@pytest.mark.parametrize(("keys", "holder"), [(KEYS, Settings), (AGENT_KEYS, AgentSettings), *HELD])
def test_every_key_has_its_field_and_every_field_its_key(keys, holder):
    others = {"home", "sources", "agents", "child_env", *LISTS} if holder is Settings else set()
    others |= {"name"} if holder is AgentSettings else set()
    assert {key.field for key in keys} == set(fields(holder)) - others


def test_defaults_of_the_table_are_those_of_the_records():
    settings = as_dict(Settings(home=Path("."), root=Path(".")))
    settled = {"root", "workspace_mode", "undeclared", "parallel"}  # by what the project is
    assert {key.name: key.default for key in KEYS if key.field not in settled} == {
        key.name: settings[key.field] for key in KEYS if key.field not in settled
    }
    agent = as_dict(AgentSettings(name="n", kind="k"))
    assert all(key.default == agent[key.field] for key in AGENT_KEYS if key.name != "kind")
    given = {"name": "n", "run": "r", "model": "m"}
    for keys, holder in HELD:
        one = as_dict(holder(**{key.field: given[key.name] for key in keys if key.name in given}))
        assert all(key.default == one[key.field] for key in keys if key.name not in given)


@pytest.mark.parametrize("key", [*KEYS, *AGENT_KEYS, *GATE_KEYS, *PRICE_KEYS, *ACCOUNT_KEYS], ids=lambda key: key.name)
def test_every_default_is_a_value_and_every_key_explains_itself(key: Key):
    assert key.help
    assert not key.help.endswith(".")
    assert key.takes
    if key.default not in (None, ()):
        assert parse(key, tomllib.loads(f"v = {toml_of(key, key.default)}")["v"]) == key.default
    if key.type in (Type.COUNT, Type.AMOUNT, Type.DURATION):
        assert key.low < key.high
        assert key.unit


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 s"), (1, "1 ms"), (1_500, "1500 ms"), (90_000, "90 s"), (60_000, "1 min"), (7_200_000, "2 h")],
)
def test_a_duration_is_written_without_a_fraction(ms, text):
    assert duration_text(ms) == text


@pytest.mark.parametrize("value", ['a"b\\c', "tab\tline\n\x7f", "日本", ("a", "b"), (), 3, 2.5])
def test_values_are_written_as_toml_reads_them(value):
    read = tomllib.loads(f"v = {toml(value)}")["v"]
    assert (tuple(read) if isinstance(read, list) else read) == value


def test_pairs_are_written_as_a_table():
    assert tomllib.loads(f"v = {toml((('A B', 'x'), ('C', 'y')))}")["v"] == {"A B": "x", "C": "y"}


def test_no_setting_has_a_reserved_name():
    assert not [key for key in KEYS if key.variable.removeprefix("DEESPEC_").startswith(RESERVED)]


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("run.implement", "claude, patch", ("claude", "patch")),
        ("run.implement", '["claude"]', ("claude",)),
        ("budget.usd_per_day", "2.5", 2.5),
        ("run.turn_timeout", "90", 90_000),
    ],
)
def test_text_of_options_and_variables_is_read_by_type(key, text, expected):
    assert from_text(next(one for one in KEYS if one.name == key), text) == expected
