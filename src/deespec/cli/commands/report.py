"""`sbi report` and `sbi review`: what agents answer with. Exit 0 means that the answer is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deespec.cli import options, views
from deespec.engine.report import inside
from deespec.errors import UsageError
from deespec.model.remarks import parse_remarks
from deespec.model.reports import DECISIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.cli.session import Session
    from deespec.model.asking import Remark


def _answer(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that both share."""
    for option in reversed(
        (
            click.argument("item_id", required=False, metavar="[ID]"),
            click.option("--turn", type=int, help="The turn that it answers for; inside a turn not needed."),
            click.option("-f", "--file", metavar="FILE", help="The words, from a file."),
            click.option("--stdin", is_flag=True, help="The words, from standard input."),
            click.option("--text", metavar="TEXT", help="The words themselves."),
            options.as_json,
            options.session,
        )
    ):
        command = option(command)
    return command


@click.command(name="report")
@click.option(
    "--type",
    "--step",
    "kind",
    type=click.Choice(["implement", "resolve", "nothing", "question"]),
    default="implement",
    help="implement and resolve: done; nothing: no change is needed, with the reason; question: for a person.",
)
@_answer
def sbi_report(
    session: Session, *, kind: str, item_id: str | None, turn: int | None, as_json: bool, **words: Any
) -> int:
    """Hand in the report of an implement or resolve turn."""
    text = views.answer_text(**words)
    return views.hand_in(session, views.Handed(kind=kind, text=text, item=item_id, turn=turn), as_json=as_json)


@click.command(name="review")
@click.option(
    "--decision",
    required=True,
    type=click.Choice(DECISIONS, case_sensitive=False),
    help="SUCCEEDED: it fulfils the spec; NEEDS_CHANGES: say what; FAILED: cannot be done as specified.",
)
@click.option("--findings", metavar="FILE", help="What was found, one by one, as a JSON list; - is standard input.")
@_answer
def sbi_review(
    session: Session,
    *,
    decision: str,
    findings: str | None,
    item_id: str | None,
    turn: int | None,
    as_json: bool,
    **words: Any,
) -> int:
    """Hand in the decision of a review turn.

    A finding is {"text", "file", "line", "severity", "must_fix", "in_scope"}; all but text may be left out. One that
    must be fixed and is in scope sends the work back; without one it is accepted. What is not in scope becomes a draft.
    """
    remarks = () if findings is None else _findings(findings, words)
    handed = views.Handed(
        kind="review",
        decision=decision.upper(),
        text=views.answer_text(**words),
        remarks=remarks,
        item=item_id,
        turn=turn,
    )
    return views.hand_in(session, handed, as_json=as_json)


def _findings(file: str, words: dict[str, Any]) -> tuple[Remark, ...]:
    if file != "-":
        return parse_remarks(views.read_text(file), file)
    if words["stdin"] or words["file"] == "-":
        raise UsageError("Standard input holds the words or the findings: give one of them as a file.")
    return parse_remarks(views.answer_text(file="-", stdin=False, text=None), "standard input")


@click.command(name="report", context_settings={"ignore_unknown_options": True})
@click.argument("rest", nargs=-1)
@options.session
def top_report(session: Session, rest: tuple[str, ...]) -> int:
    """Inside a turn the same as `sbi report`."""
    if not inside(session.env):
        raise UsageError(
            "There are two reports: deespec sbi report hands in an agent's answer, "
            "deespec journal list tells what happened."
        )
    result: int = sbi_report.main(args=list(rest), obj=session, standalone_mode=False, prog_name="deespec report")
    return result
