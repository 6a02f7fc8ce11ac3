"""What a person may not expect of what they have just registered or changed; nothing of it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.config_keys import IMPLIED
from deespec.model.items import Pbi, Sbi
from deespec.suggest import closest
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deespec.config import Settings
    from deespec.store.items import Item


def of_item(item: Item) -> Iterator[str]:
    """What becomes of it, one sentence each."""
    if isinstance(item, Sbi) and item.max_turns is not None and item.max_turns < item.turns_needed:
        yield (
            f"Note: {item.id} will be FAILED: implement and review take {item.turns_needed} turns, its max_turns "
            f"is {item.max_turns} → deespec sbi update {item.id} --max-turns {item.turns_needed}"
        )
    if isinstance(item, Pbi) and item.auto:
        yield (
            f"{item.id} is decomposed by deespec run --workflows pbi,sbi or deespec pbi decompose {item.id}; "
            "deespec run alone works on SBIs only."
        )
    if isinstance(item, Pbi) and item.auto_approve:
        yield (
            f"Note: what an agent suggests for {item.id} is registered and worked on, and costs money, without a "
            f"person looking at it first → deespec pbi update {item.id} --no-auto-approve"
        )


def of_agents(settings: Settings, names: Iterable[str]) -> Iterator[str]:
    """Which of these nobody here has set up; another machine that uses the backlog may have them."""
    known = [*dict.fromkeys((*(agent.name for agent in settings.agents), *IMPLIED))]
    for name in dict.fromkeys(names):
        if settings.agent(name) is None:
            near = closest(name, known)
            meant = f" Did you mean {near}?" if near else ""
            yield f"Note: no agent {clean(name)} is set up here ({', '.join(known)} are).{meant}"
