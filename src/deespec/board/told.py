"""What is asked before an act and told after it: English texts with places, which a surface may say otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.asking import DraftStatus
from deespec.model.money import usd
from deespec.records import record
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deespec.backlog.drafts import Decided
    from deespec.backlog.groups import Effect
    from deespec.model.budget import Tally

NAMED_MOST = 20
"""So many ids are named in one line; of more, how many there are."""


@record
class Said:
    """A sentence. `str` of it is English."""

    text: str
    """With places as `%(id)s`."""
    values: Mapping[str, object] = {}
    """What is put there; another Said is said in the same language."""

    def by(self, say: Callable[..., str]) -> str:
        """In the language of `say(text, **values)`."""
        values = {name: one.by(say) if isinstance(one, Said) else one for name, one in self.values.items()}
        return say(self.text, **values)

    def __str__(self) -> str:
        return self.by(lambda text, **values: text % values if values else text)


# --- PBIs and EPICs ---------------------------------------------------------------------------------------------------


def effects(item_id: str, effect: Effect) -> list[Said]:
    """What else an act on a PBI or EPIC concerns."""
    counted = (
        ([group for group in effect.groups if group != item_id], "%(count)s PBI: %(ids)s", "%(count)s PBIs: %(ids)s"),
        (effect.sbis, "%(count)s SBI: %(ids)s", "%(count)s SBIs: %(ids)s"),
        (effect.decompositions, "%(count)s decomposition: %(ids)s", "%(count)s decompositions: %(ids)s"),
        (effect.stopped, "%(count)s running agent: %(ids)s", "%(count)s running agents: %(ids)s"),
    )
    lines = [
        Said(text=one if len(ids) == 1 else many, values={"count": len(ids), "ids": named(ids)})
        for ids, one, many in counted
        if ids
    ]
    lines += [Said(text="left: %(id)s %(why)s", values={"id": id, "why": why}) for id, why in effect.left[:NAMED_MOST]]
    if (more := len(effect.left) - NAMED_MOST) > 0:
        lines.append(Said(text="left: %(count)s more", values={"count": more}))
    if effect.blocked:
        lines.append(Said(text="blocked then: %(ids)s", values={"ids": named(effect.blocked)}))
    return lines


def named(ids: Sequence[str]) -> Said:
    """The first of them, and how many more."""
    first, more = ", ".join(ids[:NAMED_MOST]), len(ids) - NAMED_MOST
    if more <= 0:
        return Said(text="%(ids)s", values={"ids": first})
    return Said(text="%(ids)s and %(count)s more", values={"ids": first, "count": more})


# --- drafts -----------------------------------------------------------------------------------------------------------


def decided(one: Decided, *, commands: bool = True) -> Said:
    """What became of a draft. `commands`: with those that help where it waits; a page has buttons for that."""
    draft = one.draft
    about = {"id": draft.id, "item": draft.registered, "why": clean(one.why or "")}
    match draft.status:
        case DraftStatus.APPROVED if not one.fresh:
            return Said(text="%(id)s is registered already as %(item)s.", values=about)
        case DraftStatus.APPROVED:
            return Said(text="✓ %(id)s registered as %(item)s%(held)s%(without)s%(why)s", values=about | _beside(one))
        case DraftStatus.WAITING if one.waits_for:
            ids = one.waits_for
            if not commands:
                values = {"id": draft.id, "ids": named(ids)}
                return Said(text="✓ %(id)s is approved, and waits for %(ids)s", values=values)
            about |= {"ids": ", ".join(ids), "command": f"deespec approve {' '.join(ids)}"}
            return Said(
                text="%(id)s waits for %(ids)s: %(command)s; with what it needs: deespec approve %(id)s --with-needs",
                values=about,
            )
        case DraftStatus.OPEN if one.why:
            return Said(text="%(id)s is open again: %(why)s", values=about)
        case DraftStatus.REJECTED:
            return Said(text="✓ %(id)s rejected", values=about)
        case _:
            return Said(text="✓ %(id)s changed", values=about)


def _beside(one: Decided) -> dict[str, object]:
    """How it was registered."""
    return {
        "held": Said(text=", held") if one.held else "",
        "without": Said(text=", without %(ids)s", values={"ids": ", ".join(one.without)}) if one.without else "",
        "why": f" ({one.why})" if one.why else "",
    }


# --- money ------------------------------------------------------------------------------------------------------------


def cost(used: Tally) -> Said:
    """What was spent, as far as that is known: of calls that say nothing of it, how many they are."""
    about = {"usd": usd(used.usd), "count": used.unknown}
    if not used.unknown:
        return Said(text="%(usd)s", values=about)
    if not used.usd:
        one, many = "not known (%(count)s call)", "not known (%(count)s calls)"
    else:
        one, many = "%(usd)s + %(count)s call of unknown cost", "%(usd)s + %(count)s calls of unknown cost"
    return Said(text=one if used.unknown == 1 else many, values=about)


# --- workers ----------------------------------------------------------------------------------------------------------


def stopping(name: str, *, now: bool) -> Said:
    """What a worker does that was asked to stop."""
    if now:
        return Said(text="%(name)s stops its agents now", values={"name": name})
    return Said(text="%(name)s takes nothing new and ends with its running turns", values={"name": name})
