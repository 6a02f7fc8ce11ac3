"""What a session is set to before its prompt, of what its agent offers: mode, model, effort. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.reading import below, objects, word
from deespec.records import record

if TYPE_CHECKING:
    from deespec.agents.reading import Json
    from deespec.config import AgentSettings

ASKING_MODES = ("default", "workspace-write", "agent")
"""Modes in which an agent asks for leave, or is confined to its workspace."""
FREE_MODES = ("bypassPermissions", "agent-full-access", "yolo")
"""Modes in which it does not ask."""
ALLOW_ALL = "allow_all"
"""An option in the place of such a mode."""
NAMES_MOST = 10


@record
class Choice:
    """One thing to be set: an option, or the mode where `option` is None."""

    option: str | None
    value: str


class NotOffered(Exception):
    """The agent offers the models, or the efforts, that the settings ask for not."""


def choices(settings: AgentSettings, opened: Json) -> list[Choice]:
    """What differs from what the new session has. Raises NotOffered.

    An agent that lets nobody choose its model has been given it in its arguments or its own settings.
    """
    found: list[Choice] = []
    for category, wanted in (("model", settings.model), ("thought_level", settings.effort)):
        option = next((one for one in objects(opened, "configOptions") if word(one, "category") == category), None)
        if wanted is not None and option is not None:
            found += _choose(option, wanted)
    free = settings.permissions == "everything"
    for option in objects(opened, "configOptions"):
        if word(option, "id") == ALLOW_ALL:
            found += _choose(option, "on" if free else "off")
    return [*_mode(FREE_MODES if free else ASKING_MODES, below(opened, "modes")), *found]


def model_of(opened: Json) -> str | None:
    """The model that a session has, where its agent says so."""
    options = [one for one in objects(opened, "configOptions") if word(one, "category") == "model"]
    return (word(options[0], "currentValue") if options else None) or word(below(opened, "models"), "currentModelId")


def _mode(wanted: tuple[str, ...], modes: Json) -> list[Choice]:
    """Some agents name their modes by addresses; what follows the `#` is the name."""
    ids = [word(mode, "id") or "" for mode in objects(modes, "availableModes")]
    offered = {one.rpartition("#")[2]: one for one in ids}
    mode = next((offered[name] for name in wanted if offered.get(name)), None)
    return [Choice(option=None, value=mode)] if mode and mode != word(modes, "currentModeId") else []


def _choose(option: Json, wanted: str) -> list[Choice]:
    values = [one for one in objects(option, "options") if word(one, "value")]
    names = [one for group in objects(option, "options") for one in objects(group, "options")]  # in groups
    for key in ("value", "name"):
        for one in (*values, *names):
            if (word(one, key) or "").casefold() == wanted.casefold():
                value = word(one, "value") or ""
                same = value == word(option, "currentValue")
                return [] if same else [Choice(option=word(option, "id"), value=value)]
    offered = ", ".join((word(one, "value") or "")[:80] for one in (*values, *names)[:NAMES_MOST])
    raise NotOffered(f"It offers no {word(option, 'id')} {wanted}, but {offered}.")
