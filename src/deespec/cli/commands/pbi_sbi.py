"""`pbi sbi list|approve|reject|edit` and `pbi register PBI-7`: how the Go deespec called what is done with drafts."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options
from deespec.cli.commands.approve import approve
from deespec.cli.commands.draft_edit import edit
from deespec.cli.commands.draft_ids import draft_id, is_draft
from deespec.cli.commands.pbi_drafts import pbi_drafts
from deespec.cli.commands.register import register_pbi
from deespec.cli.commands.reject import reject
from deespec.errors import InvalidInput, UsageError
from deespec.model.items import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session

_OLD_FILE = r"(?:.*/)?sbi[_-]0*([1-9][0-9]{0,8})(?:[_-][^/]*)?(?:\.md)?"
_PBI = r"(?i)(?:PBI[-‐–—−ー ]?)?[0-9]{1,18}"


@click.command(name="list")
@options.one_id
@options.as_json
@click.pass_context
def sbi_list(ctx: click.Context, item_id: str, as_json: bool) -> Any:
    """The same as pbi drafts --all."""
    return ctx.invoke(pbi_drafts, item_id=item_id, everything=True, as_json=as_json)


def _by_old_names(of: click.Command) -> click.Command:
    """The same command, whose drafts may also be named by their PBI and numbers or old file names behind it."""

    @click.pass_context
    def act(ctx: click.Context, /, **given: Any) -> Any:
        given["ids"] = _named(ctx.obj, given["ids"])
        return ctx.invoke(of, **given)

    return click.Command(of.name, params=of.params, callback=act, help=f"The same as {of.name}: ID, or ID NUMBER…")


sbi_approve = _by_old_names(approve)
sbi_reject = _by_old_names(reject)


@click.command(name="edit")
@options.ids
@click.option("-f", "--file", metavar="FILE", help="The new text, from a file instead of an editor.")
@options.as_json
@click.pass_context
def sbi_edit(ctx: click.Context, ids: Sequence[str], file: str | None, as_json: bool) -> Any:
    """The same as edit: ID, or PBI and NUMBER."""
    named = _named(ctx.obj, ids)
    if len(named) != 1:
        raise UsageError("Which draft? One at a time.", hint="deespec edit PBI-7/3")
    return ctx.invoke(edit, item_id=named[0], file=file, as_json=as_json)


@click.pass_context
def _register(ctx: click.Context, /, **given: Any) -> Any:
    ids = given["files"]
    session: Session = ctx.obj
    if not ids or not all(re.fullmatch(_PBI, unicodedata.normalize("NFKC", one).strip()) for one in ids):
        return ctx.invoke(register_pbi, **given)
    allowed = ("files", "hold", "as_json")
    other = next(
        (name for name, value in given.items() if value not in (None, (), False) and name not in allowed), None
    )
    if other is not None:
        raise UsageError(
            "With the ID of a PBI this approves its drafts, and takes --hold and --json only.",
            hint=f"A file of that name is ./{ids[0]}",
        )
    wanted = [session.item_id(one, Kind.PBI) for one in ids]
    return ctx.invoke(approve, ids=wanted, hold=given["hold"], as_json=given["as_json"])


pbi_register = click.Command(
    "register",
    params=register_pbi.params,
    callback=_register,
    help="With the ID of a PBI (PBI-7, 7): approve all its open drafts. Else the same as register pbi.",
)


# --- below ----------------------------------------------------------------------------------------------------------


def _named(session: Session, words: Sequence[str]) -> tuple[str, ...]:
    """Drafts as `approve` knows them, of `PBI-7 3`, `PBI-7 sbi_3.md`, `PBI-7` or `PBI-7/3`."""
    first, *others = words
    if is_draft(first):
        return tuple(words)
    parent = session.item_id(first.removesuffix("/*"), Kind.PBI)
    return (parent,) if not others else tuple(_draft_of(session, parent, one) for one in others)


def _draft_of(session: Session, parent: str, word: str) -> str:
    plain = unicodedata.normalize("NFKC", word).strip()
    old = re.fullmatch(_OLD_FILE, plain)
    if old is not None:
        return f"{parent}/{int(old[1])}"
    if plain.isascii() and plain.isdigit():
        return f"{parent}/{int(plain)}"
    if is_draft(plain):
        return "{}/{}".format(*draft_id(session, plain))
    raise InvalidInput(f'"{word}" is no draft of {parent}.', hint=f"deespec pbi drafts {parent}")
