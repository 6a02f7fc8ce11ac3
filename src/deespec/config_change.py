"""`config set` and `config unset`: one key of the home's file is changed, and nothing else of it, or nothing at all."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from deespec.config import settle, user_config
from deespec.config_file import checked_text, find_key, parse_document, read_config, split
from deespec.config_home import CONFIG_NAME
from deespec.config_keys import BY_NAME, KINDS, toml, toml_of
from deespec.config_lists import LISTS
from deespec.config_write import assignment
from deespec.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deespec.config_file import Given
    from deespec.config_lists import Listed

LOCK_NAME = "config.lock"
NEW_FILE_MODE = 0o644
IMPLIED_KINDS = {"command": "command", "script": "scripted"}
"""Keys of an agent that say of which kind it is."""


def config_set(home: Path, name: str, value: str, *, env: Mapping[str, str]) -> None:
    """Sets one key in the home's file; comments and order stay. Two at the same time both count.

    An agent, a gate, a price or an account that is not there is made. Raises BadConfig, and leaves the file as it is,
    if the settings would not be valid afterwards.
    """
    key = find_key(name, "config set")
    literal = toml_of(key, checked_text(key, name, value, "config set"))
    section, own, last = split(name)
    kind = IMPLIED_KINDS.get(last) if section == "agents" and own not in KINDS else None

    def change(old: str) -> str:
        if section in LISTS:
            return _with_listed(LISTS[section], old, own, last, literal)
        text = _with(old, name, literal)
        if kind is None or f"agents.{own}.kind" in _given(home, env, old):
            return text
        return _with(text, f"agents.{own}.kind", toml(kind))

    _change(home, env, change)


def config_unset(home: Path, name: str, *, env: Mapping[str, str]) -> None:
    """Removes one key, or all of agents.NAME, gates.NAME and their like, from the home's file; all else stays.

    Raises NotFound if the file does not set it, BadConfig if the settings would not be valid without it.
    """
    section, own, last = split(name)
    kind = LISTS.get(section)
    listed, listed_key = (own, last) if kind and last in kind.by_name and own else (name.partition(".")[2], "")
    whole = last and (not own if section == "agents" else kind is not None and not listed_key)
    if not whole:
        find_key(name, "config unset")

    def change(old: str) -> str:
        text = _without_listed(kind, old, listed, listed_key) if kind else _without(old, name)
        if text is None:
            raise NotFound(f"{home / CONFIG_NAME} does not set {name}.", hint="deespec config list")
        return text

    _change(home, env, change)


def _change(home: Path, env: Mapping[str, str], change: Callable[[str], str]) -> None:
    import fcntl

    path = (home / CONFIG_NAME).resolve()
    with open(home / LOCK_NAME, "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = read_config(path) or ""
        parse_document(old, str(path))
        text = change(old)
        settle(home, _places(env), text, {})
        write_atomically(path, text)


def _given(home: Path, env: Mapping[str, str], text: str) -> Given:
    """What the user's file and this text set."""
    user = user_config(_places(env))
    return parse_document((user and read_config(user)) or "", str(user)) | parse_document(text, str(home / CONFIG_NAME))


def _places(env: Mapping[str, str]) -> dict[str, str]:
    """What of the environment says where files are: other variables must not decide whether a file is valid."""
    return {place: env[place] for place in ("HOME", "XDG_CONFIG_HOME") if place in env}


def write_atomically(path: Path, text: str) -> None:
    """The old text or the new one, whatever happens; the file keeps its mode."""
    import tempfile

    mode = path.stat().st_mode & 0o7777 if path.exists() else NEW_FILE_MODE
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- sections and their keys ----------------------------------------------------------------------------------------


def _with(text: str, name: str, literal: str) -> str:
    """The text of a settings file with one key set to a TOML literal."""
    import tomlkit

    *sections, last = name.split(".")
    if not _has(tomlkit.parse(text).unwrap(), (*sections, last)):
        text = _uncommented(text, sections, last)
    document = tomlkit.parse(text)
    table: Any = document
    for depth, section in enumerate(sections, start=1):
        if section not in table:
            table[section] = tomlkit.table(is_super_table=depth < len(sections))
        table = table[section]
    _put(table, last, literal)
    return tomlkit.dumps(document)


def _put(table: Any, key: str, literal: str) -> None:
    """A new key comes after the section's other keys: the comment before the next section stays there."""
    import tomlkit

    body: list[Any] = table.value.body if isinstance(table, tomlkit.items.Table) else []
    tail: list[Any] = []
    while body and body[-1][0] is None and key not in table:
        tail.append(body.pop())
    table[key] = tomlkit.value(literal)
    body.extend(reversed(tail))


def _without(text: str, name: str) -> str | None:
    """The text without this key or section; None if it has none."""
    import tomlkit

    document = tomlkit.parse(text)
    *sections, last = name.split(".")
    if not _has(document.unwrap(), (*sections, last)):
        return None
    table: Any = document
    for section in sections:
        table = table[section]
    del table[last]
    return _commented(text, tomlkit.dumps(document), name)


def _has(document: object, path: Sequence[str]) -> bool:
    for part in path:
        if not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return True


def _uncommented(text: str, sections: Sequence[str], last: str) -> str:
    """Brings the line that shows the default to life, so that the value appears below its explanation."""
    lines = text.splitlines(keepends=True)
    header = next((at for at, line in enumerate(lines) if line.strip() == f"[{'.'.join(sections)}]"), None)
    if header is None:
        return text
    for at in range(header + 1, len(lines)):
        if lines[at].startswith("["):
            break
        if lines[at].startswith(f"# {last} = "):
            lines[at] = lines[at].removeprefix("# ")
            break
    return "".join(lines)


def _commented(before: str, after: str, name: str) -> str:
    """The text `after` a key has gone; where it stood below its explanation, with the line that shows the default."""
    import tomllib

    key, last = BY_NAME.get(name), name.rpartition(".")[2]
    lines = before.splitlines(keepends=True)
    at = next((at for at, line in enumerate(lines) if re.match(rf"{last}\s*=", line)), 0)
    if key is None or not lines[at - 1].startswith("# "):
        return after
    lines[at] = f"{assignment(key, None)}\n"
    shown = "".join(lines)
    try:
        same = tomllib.loads(shown) == tomllib.loads(after)
    except tomllib.TOMLDecodeError:  # it was not all of its value
        same = False
    return shown if same else after


# --- lists of sections ----------------------------------------------------------------------------------------------


def _with_listed(kind: Listed, text: str, name: str, key: str, literal: str) -> str:
    """The text with one key of this gate, or its like, set; it is made if it is not there."""
    import tomlkit

    document = tomlkit.parse(text)
    if kind.section not in document and text.strip():
        document.add(tomlkit.nl())
    listed: Any = document.setdefault(kind.section, tomlkit.aot())
    one = next((one for one in listed if kind.name_of(one) == name), None)
    if one is None:
        one = tomlkit.inline_table() if isinstance(listed, tomlkit.items.Array) else tomlkit.table()
        one[kind.names[0]] = name
        one[key] = tomlkit.value(literal)
        listed.append(one)
    else:
        if kind.names[0] not in one:  # else it would be called otherwise when it runs something else
            _put(one, kind.names[0], toml(name))
        _put(one, key, literal)
    return tomlkit.dumps(document)


def _without_listed(kind: Listed, text: str, name: str, key: str) -> str | None:
    """The text without this one, or without one key of it; None if it has none."""
    import tomlkit

    document = tomlkit.parse(text)
    listed: Any = document.get(kind.section, [])
    at = next((at for at, one in enumerate(listed) if kind.name_of(one) == name), None)
    if at is None or (key and key not in listed[at]):
        return None
    if key:
        del listed[at][key]
    else:
        del listed[at]
    return tomlkit.dumps(document)
