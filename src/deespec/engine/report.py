"""The agent hands in its answer: a fact, not a status. Inside a turn through the outbox, outside it to the store."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from deespec.clock import Clock
from deespec.engine import outbox
from deespec.errors import DeespecError, InvalidInput, NotPossible, UsageError
from deespec.model.ids import id_of
from deespec.model.items import Answer
from deespec.model.lifecycle import Status, Step, step_of
from deespec.model.reports import accepts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.store.base import Store


def inside(env: Mapping[str, str]) -> bool:
    return bool(env.get("DEESPEC_OUTBOX") and env.get("DEESPEC_CLAIM"))


def hand_in_inside(env: Mapping[str, str], answer: Answer, *, item: str | None, turn: int | None) -> str:
    """Through the outbox; returns when the worker has stored it. Raises what the worker found wrong with it."""
    own, number = env.get("DEESPEC_ITEM", ""), env.get("DEESPEC_TURN", "")
    if (item is not None and item != own) or (turn is not None and str(turn) != number):
        asked = f"{item or own} turn {turn if turn is not None else number}"
        raise NotPossible(f"This is {own} turn {number}; it cannot answer for {asked}.")
    if not os.path.isdir(env["DEESPEC_OUTBOX"]):
        raise NotPossible(f"{own} turn {number} is over: its outbox is gone.", hint="The answer was not stored.")
    receipt = outbox.hand_in(env["DEESPEC_OUTBOX"], answer, clock=Clock(), pause=time.sleep)
    if not receipt.stored:
        error = DeespecError(receipt.message)
        error.code, error.exit_status = receipt.code, receipt.exit_status
        raise error
    return f"Stored for {own} turn {number}"


def hand_in_outside(store: Store, answer: Answer, *, item: int | None, turn: int | None, actor: str) -> str:
    """To the store, if that very turn is running. Raises StaleAnswer otherwise."""
    if item is None or turn is None:
        raise UsageError(
            "Outside a turn, the item and --turn N are needed.", hint="deespec sbi report SBI-12 --turn 3 …"
        )
    with store.transaction() as tx:
        token = tx.running_token(item, turn)
        sbi = tx.sbi(item)
        status = Status.PENDING if sbi.status is Status.PICKED else sbi.status  # preparing is part of the first turn
        complaint = accepts(step_of(status, decomposes=sbi.decomposes) or Step.IMPLEMENT, answer)
        if complaint is not None:
            raise InvalidInput(complaint)
        tx.store_answer(sbi=item, turn=turn, token=token, answer=answer, actor=actor)
    return f"Stored for {id_of(item)} turn {turn}"
