"""What people see of the settings: the list with sources, and the file that init writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.config_file import find_key, split
from deespec.config_keys import AGENT_KEYS, IMPLIED, KEYS, Key, Type, toml, toml_of
from deespec.config_lists import LISTS
from deespec.errors import NotFound
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deespec.config import Account, AgentSettings, Gate, Price, Settings

    Holder = Settings | AgentSettings | Gate | Price | Account

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
    "notify": "Who is told",
    "prompt": "What agents are told",
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
    """All settings with their sources; of agents, gates, prices and accounts what was set."""
    names = [name for name, _ in settings.sources if name not in LISTS]
    for section, kind in LISTS.items():
        for one in getattr(settings, section):
            own = getattr(one, kind.names[0])
            is_set = (last for last, key in kind.settable.items() if getattr(one, key.field) != key.default)
            names += [f"{section}.{own}.{last}" for last in is_set]
    return tuple(_shown(settings, name, find_key(name, name)) for name in names)


def shown_one(settings: Settings, name: str) -> Shown:
    """One setting. Raises BadConfig for an unknown key and NotFound for an agent that is not set up."""
    return _shown(settings, name, find_key(name, "config get"))


def _shown(settings: Settings, name: str, key: Key) -> Shown:
    section, own, _ = split(name)
    holder: Holder | None = settings
    if section == "agents":
        holder = settings.agent(own)
    elif section in LISTS:
        by = LISTS[section].names[0]
        holder = next((one for one in getattr(settings, section) if getattr(one, by) == own), None)
    if holder is None:
        what, first = (LISTS[section].one, LISTS[section].first) if section in LISTS else ("agent", "kind claude")
        raise NotFound(f"There is no {what} {own}.", hint=f"Make it: deespec config set {section}.{own}.{first}")
    value = getattr(holder, key.field)
    source = dict(settings.sources).get(section if section in LISTS else name, "default")
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
    base: str | None = None,
) -> str:
    """A commented config.toml that sets what is given and shows the default of everything else."""
    chosen = {
        "run.implement": tuple(implement),
        "run.review": tuple(review),
        "budget.usd_per_item": usd_per_item,
        "budget.usd_per_day": usd_per_day,
        "workspace.root": root,
        "workspace.base": base,
    }
    lines = [_HEAD]
    for section, title in _SECTIONS.items():
        lines += [f"# {title}", f"[{section}]"]
        for key in (key for key in KEYS if key.name.startswith(f"{section}.")):
            lines += [f"# {key.help} ({key.takes}).", assignment(key, chosen.get(key.name)), ""]
    for section, kind in LISTS.items():
        lines += [f"# {kind.title} Each is a section [[{section}]] with:", *_described(kind.keys), ""]
        for one in gates if section == "gates" else ():
            lines += [f"[[{section}]]", *_set_lines(kind.keys, one), ""]
    implied = f"{', '.join(IMPLIED[:-1])} and {IMPLIED[-1]}"
    lines += [f"# Agents. {implied} need no section; in a section [agents.NAME] you may set:"]
    lines += [*_described(AGENT_KEYS), ""]
    for agent in agents:
        lines += [f"[agents.{agent.name}]", *_set_lines(AGENT_KEYS, agent), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def assignment(key: Key, value: object) -> str:
    last = key.name.rpartition(".")[2]
    if value in (None, ()):
        return f"# {last} = {key.example or toml_of(key, key.default)}"
    return f"{last} = {toml_of(key, value)}"


def _described(keys: Sequence[Key]) -> Iterator[str]:
    return (f"#   {key.name:<13} {key.help} ({key.takes})." for key in keys)


def _set_lines(keys: Sequence[Key], holder: Holder) -> Iterable[str]:
    for key in keys:
        value = getattr(holder, key.field)
        if value not in (key.default, None, ()):
            yield f"{key.name} = {toml_of(key, value)}"
