"""What people see and change of the settings: the list with sources, the file that init writes, and `config set`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from deespec.config import CONFIG_NAME, settle
from deespec.config_file import checked_text, find_key, parse_document, read_config
from deespec.config_keys import AGENT_KEYS, GATE_KEYS, KEYS, Key, Type, toml, toml_of
from deespec.errors import NotFound
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from deespec.config import AgentSettings, Gate, Settings

LOCK_NAME = "config.lock"
NEW_FILE_MODE = 0o644

_HEAD = """\
# Settings of this backlog. A line that is commented out shows the default.
# What counts and where it is set: deespec config list. To change one: deespec config set KEY VALUE.
# Times: "500 ms", "90 s", "10 min", "2 h", or a number of seconds.
"""

_SECTIONS = {
    "run": "How the work is done",
    "workspace": "Where it is done",
    "store": "The database",
    "budget": 'What it may cost; agents with billing = "subscription" do not count',
    "ui": "What you see",
}


@record
class Shown:
    """One row of `config list`."""

    key: str
    text: str
    """The value as the file says it; empty if there is none."""
    source: str
    help: str


# --- list and get ---------------------------------------------------------------------------------------------------


def shown(settings: Settings) -> tuple[Shown, ...]:
    """All settings with their sources; of agents and gates what was set."""
    return tuple(_shown(settings, name, find_key(name, name)) for name, _ in settings.sources if name != "gates") + (
        tuple(
            Shown(key=f"gates.{gate.name}", text=toml(gate.run), source=dict(settings.sources)["gates"], help="A gate")
            for gate in settings.gates
        )
    )


def shown_one(settings: Settings, name: str) -> Shown:
    """One setting. Raises BadConfig for an unknown key and NotFound for an agent that is not set up."""
    return _shown(settings, name, find_key(name, "config get"))


def _shown(settings: Settings, name: str, key: Key) -> Shown:
    holder: Settings | AgentSettings = settings
    if key in AGENT_KEYS:
        agent = name.split(".")[1]
        found = settings.agent(agent)
        if found is None:
            raise NotFound(f"There is no agent {agent}.", hint=f"Add [agents.{agent}] to {CONFIG_NAME}.")
        holder = found
    value = getattr(holder, key.field)
    source = dict(settings.sources).get(name, "default")
    return Shown(key=name, text=_text(key, value), source=source, help=key.help)


def _text(key: Key, value: object) -> str:
    if key.type is Type.PAIRS and isinstance(value, tuple):
        return ", ".join(name for name, _ in value)  # the values may be secrets
    if value in (None, ()):
        return ""
    return toml(str(value)) if key.name == "workspace.root" else toml_of(key, value)


# --- the file that init writes --------------------------------------------------------------------------------------


def template(
    *,
    implement: Sequence[str] = (),
    review: Sequence[str] = (),
    agents: Sequence[AgentSettings] = (),
    gates: Sequence[Gate] = (),
    usd_per_item: float = 5,
    usd_per_day: float = 50,
    root: str | None = None,
) -> str:
    """A commented config.toml that sets what is given and shows the default of everything else."""
    chosen = {
        "run.implement": tuple(implement),
        "run.review": tuple(review),
        "budget.usd_per_item": usd_per_item,
        "budget.usd_per_day": usd_per_day,
        "workspace.root": root,
    }
    lines = [_HEAD]
    for section, title in _SECTIONS.items():
        lines += [f"# {title}", f"[{section}]"]
        for key in (key for key in KEYS if key.name.startswith(f"{section}.")):
            lines += [f"# {key.help} ({key.takes}).", _assignment(key, chosen.get(key.name)), ""]
    lines += ["# Gates: commands that must succeed before an item is DONE. Each is a section [[gates]] with:"]
    lines += [*_described(GATE_KEYS), ""]
    for gate in gates:
        lines += ["[[gates]]", *_set_lines(GATE_KEYS, gate), ""]
    lines += ["# Agents. claude and patch need no section; in a section [agents.NAME] you may set:"]
    lines += [*_described(AGENT_KEYS), ""]
    for agent in agents:
        lines += [f"[agents.{agent.name}]", *_set_lines(AGENT_KEYS, agent), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _assignment(key: Key, value: object) -> str:
    last = key.name.rpartition(".")[2]
    if value in (None, ()):
        return f"# {last} = {key.example or toml_of(key, key.default)}"
    return f"{last} = {toml_of(key, value)}"


def _described(keys: Sequence[Key]) -> Iterator[str]:
    return (f"#   {key.name:<13} {key.help} ({key.takes})." for key in keys)


def _set_lines(keys: Sequence[Key], holder: AgentSettings | Gate) -> Iterable[str]:
    for key in keys:
        value = getattr(holder, key.field)
        if value not in (key.default, None, ()):
            yield f"{key.name} = {toml_of(key, value)}"


# --- config set -----------------------------------------------------------------------------------------------------


def config_set(home: Path, name: str, value: str, *, env: Mapping[str, str]) -> None:
    """Sets one key in the home's file; comments and order stay. Two at the same time both count.

    Raises BadConfig, and leaves the file as it is, if the settings would not be valid afterwards.
    """
    import fcntl

    key = find_key(name, "config set")
    literal = toml_of(key, checked_text(key, name, value, "config set"))
    path = (home / CONFIG_NAME).resolve()
    with open(home / LOCK_NAME, "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        old = read_config(path) or ""
        parse_document(old, str(path))
        text = _with(old, name, literal)
        settle(home, {place: env[place] for place in ("HOME", "XDG_CONFIG_HOME") if place in env}, text, {})
        write_atomically(path, text)


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
    table[last] = tomlkit.value(literal)
    return tomlkit.dumps(document)


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
