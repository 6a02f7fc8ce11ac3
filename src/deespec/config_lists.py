"""Sections that may be there several times, as `[[gates]]`: what each takes, and which of its keys names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deespec.config_keys import MAX_PARALLEL, MAX_USD, MINUTE_MS, TIMEOUT, Key, Type, row
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LISTED = 100
"""Sections of one list in a file."""

T = Type
STEPS = ("implement", "integrate")
PRICE = (0, MAX_USD)

# fmt: off
GATE_KEYS: tuple[Key, ...] = (
    row("name", T.TEXT, "What the gate is called"),
    row("run", T.TEXT, "The command, for the shell; it must exit with 0"),
    row("when", T.CHOICES, "After which steps it runs: on the item's own work, on the merged result",
        default=STEPS, choices=STEPS),
    row("timeout", T.DURATION, "A gate that takes longer has failed", default=15 * MINUTE_MS, span=TIMEOUT, unit="ms"),
    row("env", T.PAIRS, "More variables for the command", default=()),
)

PRICE_KEYS: tuple[Key, ...] = (
    row("model", T.TEXT, "Its name, or a glob of names; a name counts before globs, then the first that fits"),
    row("input", T.AMOUNT, "USD for a million tokens that it reads", default=0, span=PRICE, unit="USD"),
    row("output", T.AMOUNT, "USD for a million tokens that it writes", default=0, span=PRICE, unit="USD"),
    row("cached", T.AMOUNT, "USD for a million that it reads from its vendor's cache; if not set, as input",
        span=PRICE, unit="USD"),
)

ACCOUNT_KEYS: tuple[Key, ...] = (
    row("name", T.TEXT, "What agents.NAME.account says"),
    row("limit", T.COUNT, "Calls of all its agents at the same time, over all workers; 0: no limit",
        default=0, span=(0, MAX_PARALLEL), unit="calls"),
)
# fmt: on


@record
class Listed:
    """One kind of these sections."""

    section: str
    one: str
    """What one of them is called."""
    title: str
    """Above its keys in the file that init writes."""
    keys: tuple[Key, ...]
    names: tuple[str, ...]
    """The key that it is called by, and the one whose value stands in where that is not set."""
    needed: str
    """A key without which it is nothing."""
    missing: str
    """What it lacks then, to follow "has"."""
    hint: str
    first: str
    """A key and value that `config set` could begin one with."""

    @property
    def by_name(self) -> dict[str, Key]:
        return {key.name: key for key in self.keys}

    @property
    def settable(self) -> dict[str, Key]:
        """Keys by name, without the one that it is called by."""
        return {key.name: key for key in self.keys if key.name != self.names[0]}

    def name_of(self, body: Mapping[str, Any]) -> str:
        """What a section with these keys is called."""
        return str(next((body[key] for key in self.names if key in body), ""))


LISTS: dict[str, Listed] = {
    "gates": Listed(
        section="gates",
        one="gate",
        title="Gates: commands that must succeed before an item is DONE.",
        keys=GATE_KEYS,
        names=("name", "run"),
        needed="run",
        missing="no command",
        hint='Add run = "pytest -q", or what it is to run.',
        first='run "pytest -q"',
    ),
    "prices": Listed(
        section="prices",
        one="price",
        title="Prices of models, for agents that report tokens only; without one, budgets do not count these.",
        keys=PRICE_KEYS,
        names=("model",),
        needed="model",
        missing="no model",
        hint='Add model = "gpt-5*", its name or a glob of names.',
        first="input 1.25",
    ),
    "accounts": Listed(
        section="accounts",
        one="account",
        title="Accounts that several agents share.",
        keys=ACCOUNT_KEYS,
        names=("name",),
        needed="name",
        missing="no name",
        hint='Add name = "team", as agents.NAME.account says it.',
        first="limit 2",
    ),
}
