"""Numbers and ids: what the work on an item is kept under, and what people call it."""

from __future__ import annotations

DECOMPOSITIONS_FROM = -(2**40)
"""The decomposition of PBI-7 is kept where SBIs are, so that all that counts for the work on one counts for it: claim,
lease, limits, budget, turns. Its number is that of the PBI, moved below all others (docs/adr/0016)."""


def decomposition_of(pbi: int) -> int:
    """The number that the decomposition of this PBI has among the SBIs."""
    return DECOMPOSITIONS_FROM + pbi


def pbi_of(decomposition: int) -> int:
    """The number of the PBI of which this is the decomposition."""
    return decomposition - DECOMPOSITIONS_FROM


def id_of(number: int) -> str:
    """What people call the work with this number: `SBI-12`, or `PBI-7` for the decomposition of that."""
    return f"SBI-{number}" if number > 0 else f"PBI-{pbi_of(number)}"


def number_in(item_id: str) -> int:
    """The number that its id names: 7 of PBI-7."""
    return int(item_id.partition("-")[2])


def number_of(item_id: str) -> int:
    """The number of the work on this item: of an SBI itself, or of the decomposition of a PBI."""
    kind, _, number = item_id.partition("-")
    return decomposition_of(int(number)) if kind == "PBI" else int(number)
