"""A permission that only a person can give becomes a question, where the settings say so. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.items import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.config import AgentSettings

SHOWN = 10


def for_leave(settings: AgentSettings, wanted: Sequence[str]) -> Answer:
    """The question for leave to do what `wanted` names, one line each."""
    shown = [f"- {one}" for one in wanted[:SHOWN]]
    if len(wanted) > SHOWN:
        shown.append(f"- and {len(wanted) - SHOWN} more")
    key = f"agents.{settings.name}.permissions"
    lines = [
        f"{settings.name} asked for leave that {key} = {settings.permissions} does not give:",
        *shown,
        f"Give it more (deespec config set {key} …), or answer how it is to do without.",
    ]
    return Answer(kind="question", text="\n".join(lines), source="asked")
