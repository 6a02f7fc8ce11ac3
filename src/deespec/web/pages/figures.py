"""The figures page: the charts that `stats --html` writes, and a run of one's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from deespec.board.gantt import run_names
from deespec.board.sheet import whole
from deespec.config_keys import DAY_MS
from deespec.records import record
from deespec.web.page import page

if TYPE_CHECKING:
    from deespec.board.sheet import Chart, Sheet
    from deespec.web.page import Page, PageRequest

SPANS = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "all": "from the beginning"}
USUAL = "30d"
KEPT_MS = 10_000
"""So long all readers get the same charts: they are dear, and under a run something is written each second."""
RUNS_MOST = 50


@record
class Drawn:
    chart: Chart
    svg: Markup


@record
class Part:
    title: str
    charts: tuple[Drawn, ...]


def show(request: PageRequest) -> Page:
    since = request.choice("since", SPANS) or USUAL
    run = request.text("run")
    found = _sheet(request, since, run)
    with request.app.store.read() as tx:
        runs = run_names(tx)[:RUNS_MOST]
    parts: dict[str, list[Drawn]] = {}
    for chart in found.charts:
        drawn = Drawn(chart=chart, svg=Markup(chart.svg))  # everything in it was escaped
        parts.setdefault(chart.part, []).append(drawn)
    return page(
        "figures.html",
        title=request.say("Figures"),
        facts=found.facts,
        until_at=found.until_at,
        parts=[Part(title=name, charts=tuple(charts)) for name, charts in parts.items()],
        spans=SPANS,
        since=since,
        runs=list(dict.fromkeys((*([run] if run else []), *runs))),
        run=run,
    )


def _sheet(request: PageRequest, since: str, run: str) -> Sheet:
    """The charts as they were a moment ago, or new ones."""
    app = request.app

    def make() -> Sheet:
        days = None if since == "all" else int(since.removesuffix("d"))
        since_at = 0 if days is None else max(0, app.clock.now_ms() - days * DAY_MS)
        return whole(app, since=since_at, run=run or None, words=request.say)

    key = ("figures", str(app.settings.home), app.store.identity(), request.words.language, since, run)
    return request.recent.get(key, make, now=app.clock.boot_ms, for_ms=KEPT_MS)
