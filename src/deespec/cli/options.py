"""Options that several commands share, each declared once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.model.items import Priority
from deespec.model.wanted import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.cli.session import Session

as_json = click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
yes = click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
dry_run = click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing.")
ids = click.argument("ids", nargs=-1, required=True, metavar="ID...")
one_id = click.argument("item_id", metavar="ID")
session = click.pass_obj

MANY = 2**31 - 1
"""The largest number that a limit may be."""
LONGEST_DAYS = 366
PRIORITIES = click.Choice([priority.value for priority in Priority], case_sensitive=False)


class Duration(click.ParamType[int]):
    """A time such as 90 s, 10 min, 2 h or 3 d; in ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from deespec.config_keys import DAY_MS, Key, Type, from_text

        key = Key(name="--for", field="", type=Type.DURATION, help="", low=1, high=LONGEST_DAYS * DAY_MS)
        try:
            return int(str(from_text(key, str(value))))
        except ValueError:
            words = f"takes a duration up to {LONGEST_DAYS} d, as 90 s, 10 min, 2 h, 3 d or 1 w, not {value!r}"
            self.fail(words, param, ctx)


class Amount(click.ParamType[float]):
    """USD."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from deespec.config_keys import MAX_USD

        try:
            amount = float(value)
        except ValueError:
            amount = -1
        if not 0 <= amount <= MAX_USD:
            self.fail(f"takes a number from 0 to {MAX_USD:,}, not {value!r}", param, ctx)
        return amount


def agents(name: str, *, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that takes the name of an agent, several times or several names with commas between."""
    return click.option(name, multiple=True, metavar="NAME", help=help, callback=_names)


def _names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    from deespec.model.fields import split_names

    return split_names(given)


WORKFLOWS = ("sbi", "pbi")


def _workflows(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    names = [name.strip().lower() for text in given for name in text.split(",")]
    for name in names:
        if name not in WORKFLOWS:
            raise click.BadParameter(f"takes {' and '.join(WORKFLOWS)}, not {name!r}", ctx=ctx, param=param)
    return tuple(dict.fromkeys(names)) or ("sbi",)


workflows = click.option(
    "--workflows",
    multiple=True,
    metavar="NAMES",
    callback=_workflows,
    help="What it takes: sbi (default) works on SBIs, pbi decomposes PBIs; pbi,sbi does both.",
)

accept = click.option(
    "--accept", "acceptance", multiple=True, metavar="TEXT", help="An acceptance criterion, for its text; several."
)


def fields(command: Callable[..., Any]) -> Callable[..., Any]:
    """The fields of an item, as `register` and `update` take them."""
    for option in reversed(
        (
            click.option("--title", "-t", help="Its title, 200 characters at most."),
            click.option("--body", "-b", help="The spec as Markdown."),
            click.option("--priority", type=PRIORITIES, help="Default: normal."),
            click.option("--parent", metavar="ID", help="The PBI or EPIC it belongs to."),
            accept,
            agents("--agent", help="Who implements it; several: in that order."),
            agents("--reviewer", help="Who reviews it."),
            click.option("--only-implement/--with-review", default=None, help="DONE without a review."),
            click.option("--estimate-hours", type=float, help="For people only."),
            click.option("--max-turns", type=int, help="Its limit of turns."),
        )
    ):
        command = option(command)
    return command


def group_fields(command: Callable[..., Any]) -> Callable[..., Any]:
    """The fields that PBIs and EPICs have in common."""
    for option in reversed(
        (
            click.option("--title", "-t", help="Its title, 200 characters at most."),
            click.option("--body", "-b", help="The text as Markdown."),
            click.option("--priority", type=PRIORITIES, help="Default: normal. SBIs below it have their own."),
            accept,
        )
    ):
        command = option(command)
    return command


def pbi_fields(command: Callable[..., Any]) -> Callable[..., Any]:
    """The fields of a PBI."""
    for option in reversed(
        (
            click.option("--parent", metavar="EPIC-N", help="The EPIC it belongs to."),
            click.option("--story-points", "--points", "-s", type=int, metavar="N", help="0 to 13."),
            click.option("--auto/--no-auto", default=None, help="run --workflows pbi,sbi decomposes it."),
            click.option(
                "--auto-approve/--no-auto-approve",
                default=None,
                help="With --auto: what is suggested is registered and worked on without a person.",
            ),
            click.option(
                "--min", "drafts_least", type=int, metavar="N", help="So many SBIs its decomposition suggests at least."
            ),
            click.option("--max", "drafts_most", type=int, metavar="N", help="So many at most."),
        )
    ):
        command = option(command)
    return group_fields(command)


def scope(command: Callable[..., Any]) -> Callable[..., Any]:
    """The filters of `list` and `run`; `scope_of` reads them."""
    for option in reversed(
        (
            click.option("--label", "-l", metavar="L", help="Only items with this label."),
            click.option("--parent", metavar="ID", help="Only items below this PBI or EPIC."),
            click.option("--text", metavar="T", help="Only items with this in their title."),
            click.option("--owner", metavar="WHO", help="Only items that WHO registered (user@host)."),
        )
    ):
        command = option(command)
    return command


def scope_of(
    session: Session,
    *,
    label: str | None,
    parent: str | None,
    text: str | None,
    owner: str | None,
    ids: tuple[str, ...] = (),
    workflows: tuple[str, ...] = ("sbi",),
) -> Scope:
    numbers = tuple(session.number(one) for one in ids)
    above = session.item_id(parent, None) if parent else None
    with session.app.store.read() as tx:
        for item_id in (*(f"SBI-{number}" for number in numbers), *((above,) if above else ())):
            tx.item(item_id)  # raises NotFound
    return Scope(
        numbers=numbers or None,
        label=label,
        parent=above,
        text=text,
        owner=owner,
        sbis="sbi" in workflows,
        pbis="pbi" in workflows,
    )
