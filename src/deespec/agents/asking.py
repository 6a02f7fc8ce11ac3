"""What was refused to an agent, in words: for its next try, and as a question where the settings say so. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.items import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.agents.base import AgentResult
    from deespec.config import AgentSettings

SHOWN = 10
REFUSED_SHOWN = 5
REFUSED_CHARACTERS = 200
"""Of each of them, for the next try and in one line for people."""
HIGHER = {"edit": "edit+shell", "edit+shell": "everything"}
"""The next level of what agents.NAME.permissions may say."""


def for_leave(settings: AgentSettings, wanted: Sequence[str]) -> Answer:
    """The question for leave to do what `wanted` names. The settings alone can give it; an answer can not."""
    key = f"agents.{settings.name}.permissions"
    asked = f"{settings.name} asked for leave that {key} = {settings.permissions} does not give: {wanted[0]}"
    shown = [asked, *(f"- {one}" for one in wanted[1:SHOWN])]
    if len(wanted) > SHOWN:
        shown.append(f"- and {len(wanted) - SHOWN} more")
    more = to_allow(settings)
    give = f" To give it: {more} (then start deespec run again); or answer" if more else " Answer"
    return Answer(
        kind="question",
        text="\n".join((*shown, f"An answer gives no leave.{give} how it is to do without.")),
        source="asked",
    )


def to_allow(settings: AgentSettings) -> str | None:
    """The command by which a person allows more; None: nothing more can be allowed."""
    higher = HIGHER.get(settings.permissions)
    return f"deespec config set agents.{settings.name}.permissions {higher}" if higher else None


def refused(result: AgentResult) -> str:
    """What was refused in this call, in a line; empty: nothing was."""
    found = result.wanted or result.denied
    if not found:
        return ""
    shown = [_line(one) for one in found[:REFUSED_SHOWN]]
    more = f"; and {len(found) - REFUSED_SHOWN} more" if len(found) > REFUSED_SHOWN else ""
    return f"Refused to it: {'; '.join(shown)}{more}."


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= REFUSED_CHARACTERS else f"{flat[:REFUSED_CHARACTERS]}…"
