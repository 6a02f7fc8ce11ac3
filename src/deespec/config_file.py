"""From one settings file, the environment or the options to checked values. What it refuses names place and key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from deespec.config_keys import (
    AGENT_BY_NAME,
    BY_NAME,
    KEYS,
    SECTIONS,
    Key,
    Type,
    from_text,
    is_agent_name,
    parse,
)
from deespec.config_lists import LISTS, MAX_LISTED
from deespec.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from deespec.config_lists import Listed

MAX_CONFIG_BYTES = 1 << 20
MAX_SHOWN_CHARACTERS = 60

Given = dict[str, tuple[Any, str]]
"""What was set: dotted key -> the value as Settings hold it, and the place's name for people."""


def read_config(path: Path) -> str | None:
    """A settings file's text, or None if there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path} is not UTF-8 text.", hint="Save it as UTF-8.") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise BadConfig(f"{path} is larger than {MAX_CONFIG_BYTES} bytes.")
    return text


def parse_document(text: str, place: str) -> Given:
    """What a settings file sets. `[agents.NAME]` becomes agents.NAME.key; a list of sections, as `[[gates]]`, comes as
    one tuple of field dicts."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = "Each [section] is there once: put its keys below that line." if "twice" in str(error) else None
        raise BadConfig(f"{place} is not TOML: {error}.", hint=hint) from error
    except RecursionError as error:
        raise BadConfig(f"{place} is nested too deeply.") from error
    given: Given = {}
    for section, body in document.items():
        if section in LISTS:
            given[section] = (_listed(LISTS[section], body, place), place)
        elif section == "agents":
            given |= _agents(body, place)
        elif section in SECTIONS:
            given |= _section(body, section, _keys_of(section), place)
        else:
            _refuse_name(section, (*SECTIONS, *LISTS), place)
    return given


def from_environment(env: Mapping[str, str]) -> Given:
    """What DEESPEC_RUN_PARALLEL and its like set. Other DEESPEC_ names are not ours to judge."""
    return {
        key.name: (checked_text(key, key.name, env[key.variable], key.variable), key.variable)
        for key in KEYS
        if env.get(key.variable)
    }


def from_options(options: Mapping[str, str]) -> Given:
    """What options of the command line set, by dotted key."""
    return {
        name: (checked_text(find_key(name, "option"), name, text, "option"), "option") for name, text in options.items()
    }


def find_key(name: str, place: str) -> Key:
    """The key of a dotted name, agents.NAME.key and gates.NAME.key included. Raises BadConfig with a suggestion."""
    section, own, last = split(name)
    if section == "agents" and is_agent_name(own):
        return AGENT_BY_NAME.get(last) or _refuse_name(name, (f"agents.{own}.{key}" for key in AGENT_BY_NAME), place)
    if section in LISTS and own:
        known = LISTS[section].settable
        return known.get(last) or _refuse_name(name, (f"{section}.{own}.{key}" for key in known), place)
    return BY_NAME.get(name) or _refuse_name(name, BY_NAME, place)


def split(name: str) -> tuple[str, str, str]:
    """`agents.NAME.key` in its three parts, of which the second may hold dots; it is empty in `run.parallel`."""
    section, _, rest = name.partition(".")
    own, _, last = rest.rpartition(".")
    return section, own, last


def checked_text(key: Key, name: str, text: str, place: str) -> object:
    """The value that a text means for this key. Raises BadConfig, naming the place."""
    return _checked(from_text, key, name, text, place)


def _section(body: object, prefix: str, keys: Mapping[str, Key], place: str) -> Given:
    """The keys of one table; `keys` by the last part of their name."""
    if not isinstance(body, dict):
        raise BadConfig(f"{place}: {prefix} is a section.", hint=f"Write [{prefix}] and its keys below.")
    given: Given = {}
    for last, raw in body.items():
        name = f"{prefix}.{last}"
        key = keys.get(last) or _refuse_name(name, (f"{prefix}.{known}" for known in keys), place)
        given[name] = (_checked(parse, key, name, raw, place), place)
    return given


def _keys_of(section: str) -> dict[str, Key]:
    return {key.name.rpartition(".")[2]: key for key in KEYS if key.name.startswith(f"{section}.")}


def _agents(body: object, place: str) -> Given:
    """The sections of all agents. `agents.NAME` alone says that there is one, even an empty one."""
    if not isinstance(body, dict):
        raise BadConfig(f"{place}: agents is a section.", hint="Write [agents.NAME] and its keys below.")
    given: Given = {}
    for name, section in body.items():
        if not is_agent_name(name):
            raise BadConfig(f'{place}: "{name}" cannot be the name of an agent.', hint="Letters, digits, - and _ only.")
        given[f"agents.{name}"] = (name, place)
        given |= _section(section, f"agents.{name}", AGENT_BY_NAME, place)
    return given


def _listed(kind: Listed, body: object, place: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(body, list) or not all(isinstance(one, dict) for one in body):
        shown = " and ".join(key.name for key in kind.keys[:2])
        hint = f"Write [[{kind.section}]] with {shown} below."
        raise BadConfig(f"{place}: {kind.section} is a list of sections.", hint=hint)
    if len(body) > MAX_LISTED:
        raise BadConfig(f"{place}: {len(body)} {kind.section}; the limit is {MAX_LISTED}.")
    found = tuple(_one_listed(kind, one, f"{kind.section}[{at}]", place) for at, one in enumerate(body, start=1))
    names = [one[kind.names[0]] for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        hint = f"Give each {kind.one} a {kind.names[0]} of its own."
        raise BadConfig(f'{place}: two {kind.section} are called "{twice}".', hint=hint)
    return found


def _one_listed(kind: Listed, body: dict[str, Any], prefix: str, place: str) -> dict[str, Any]:
    """Its fields; without a name it is called as another of its keys says."""
    keys = kind.by_name
    given = _section(body, prefix, keys, place)
    fields = {keys[name.rpartition(".")[2]].field: value for name, (value, _) in given.items()}
    if kind.needed not in fields:
        raise BadConfig(f"{place}: {prefix} has {kind.missing}.", hint=kind.hint)
    return {kind.names[0]: kind.name_of(fields), **fields}


def _checked(read: Callable[[Key, Any], object], key: Key, name: str, raw: object, place: str) -> object:
    try:
        return read(key, raw)
    except ValueError as error:
        raise BadConfig(f"{place}: {name} takes {key.takes}{_but(key, raw)}.", hint=_hint(key, raw)) from error


def _but(key: Key, raw: object) -> str:
    if key.type is Type.PAIRS:
        return ""  # the values may be secrets
    shown = f'"{raw}"' if isinstance(raw, str) else repr(raw)
    return f", not {shown[:MAX_SHOWN_CHARACTERS]}"


def _hint(key: Key, raw: object) -> str:
    if key.type is Type.DURATION:
        return 'Write it like "500 ms", "90 s", "10 min" or "2 h".'
    from deespec.suggest import closest

    near = closest(raw, key.choices) if isinstance(raw, str) else None
    return f'Did you mean "{near}"?' if near else f"{key.help}."


def _refuse_name(name: str, known: Iterable[str], place: str) -> NoReturn:
    from deespec.suggest import closest

    near = closest(name, known)
    hint = f"Did you mean {near}?" if near else "All keys: deespec config list"
    raise BadConfig(f"{place}: there is no setting {name}.", hint=hint)
