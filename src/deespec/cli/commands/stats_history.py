"""What `stats` tells of days and runs: for programs all of it, for people a line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from deespec.board.draw.spark import spark, throughput
from deespec.board.gantt import gantt_of
from deespec.board.history import Place, history_of
from deespec.clock import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.app import App
    from deespec.board.gantt import Gantt, Ran
    from deespec.board.history import Bucket, Day, History, Past

SPARK_DAYS = 30


def past_json(found: Past, claims: Ran) -> dict[str, Any]:
    """The fields that stand beside those of the figures."""
    return {**_history(history_of(found)), "run": _run(gantt_of(claims))}


def by_day(app: App) -> str | None:
    """DONE by day as a row of blocks; None where there was nothing lately."""
    counts = throughput(app, SPARK_DAYS)
    if not any(counts):
        return None
    try:
        blocks = spark(counts)
        blocks.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        blocks = spark(counts, ascii_only=True)
    return f"{blocks}  {sum(counts):,} DONE in the last {SPARK_DAYS} days, today last"


def _history(past: History) -> dict[str, Any]:
    return {
        "days": [_day(one) for one in past.days],
        "days_left_out": past.left_out,
        "lead_histogram": _buckets(past.lead),
        "cycle_histogram": _buckets(past.cycle),
        "turns_histogram": _buckets(past.turns_each),
        "gate_failures": [{"name": one.name, "turns": one.turns, "merges": one.merges} for one in past.gates],
    }


def _day(one: Day) -> dict[str, Any]:
    happened = ("registered", "begun", "done", "failed", "cancelled", "judged", "passed")
    return {
        "day": one.name,
        **{name: getattr(one, name) for name in happened},
        "stood": dict(zip(Place, one.stood, strict=True)),
    }


def _buckets(found: Sequence[Bucket]) -> list[dict[str, int | None]]:
    return [{"from": one.low, "below": one.high, "items": one.count} for one in found]


def _run(found: Gantt) -> dict[str, Any] | None:
    """The newest run and those beside it, in sums; None: there was none yet."""
    if not found.groups:
        return None
    return {
        "from": iso(found.since_at),
        "until": iso(found.until_at),
        "workers": [
            {
                "worker": one.worker,
                "runs": one.runs,
                "slots": one.slots,
                "slots_known": one.slots_known,
                "from": iso(one.start_at),
                "until": iso(one.end_at),
                "busy_ms": one.busy_ms,
                "utilisation": round(one.utilisation, 4),
                "idle_ms": sum(end - start for start, end in one.idle),
            }
            for one in found.groups
        ],
    }
