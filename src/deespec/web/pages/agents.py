"""Agents with what they do and have spent today, pausing them, and the workers that call them. No client is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.acts import pause_agent, resume_agent
from deespec.board.agents import Standing, checked
from deespec.board.snapshot import agents_now
from deespec.board.told import cost
from deespec.board.waiting import Situation
from deespec.board.workers import DEAD, workers_now
from deespec.clock import local, midnight, next_midnight
from deespec.config_keys import HOUR_MS
from deespec.errors import InvalidInput
from deespec.records import record
from deespec.store.figures import Spent
from deespec.text import clean
from deespec.web.page import Done, page

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.board.agents import Checked
    from deespec.board.snapshot import AgentNow
    from deespec.model.items import Line
    from deespec.web.page import Page, PageRequest

PAUSES = {"": "until resumed", "1h": "1 h", "4h": "4 h", "tomorrow": "until tomorrow"}
STANDINGS = {
    Standing.BEHAVES: "behaves",
    Standing.DIFFERS: "differs",
    Standing.NEW: "another version",
    Standing.NEVER: "never",
    Standing.NOTHING: "nothing to check",
}
"""What `agent check` has found."""
REASON_MOST = 500


@record
class Row:
    now: AgentNow
    steps: tuple[str, ...]
    """What the settings give it without being asked by name."""
    works: tuple[Line, ...]
    checked: Checked
    standing: str
    today: Spent


def show(request: PageRequest) -> Page:
    app = request.app
    with app.store.read() as tx:
        situation = Situation(app, tx)
        agents = agents_now(app, situation)
        running = [line for line in tx.running() if situation.runs(line)]
        checks = tx.agent_checks(app.host)
        spent = {one.key: one for one in tx.figures().spent_by("agent", since=midnight(tx.now))}
        today = tx.used_since(midnight(tx.now))
    rows = []
    for one in agents:
        known = checked(app.settings.agent(one.name), None, checks)
        rows.append(
            Row(
                now=one,
                steps=_steps(app, one.name),
                works=tuple(line for line in running if line.lease_agent == one.name),
                checked=known,
                standing=STANDINGS[known.standing],
                today=spent.get(one.name, Spent(key=one.name)),
            )
        )
    return page(
        "agents.html",
        title=request.say("Agents"),
        rows=rows,
        pauses=PAUSES,
        spent=cost(today).by(request.say),
        usd_per_day=app.settings.usd_per_day,
        workers=workers_now(app),
        dead=DEAD,
    )


def pause(request: PageRequest) -> Done:
    """Lets an agent take no new turns for a while."""
    name, chosen = request.field("agent", most=200), request.field("for", most=20)
    if chosen not in PAUSES:
        raise InvalidInput("That is no time to pause for.")
    now = request.app.clock.now_ms()
    ends = {"": None, "1h": HOUR_MS, "4h": 4 * HOUR_MS, "tomorrow": next_midnight(now) - now}
    reason = request.field("reason", most=REASON_MOST).strip()
    found, fresh = pause_agent(
        request.app,
        name,
        for_ms=ends[chosen],
        reason=clean(reason) or None,
        whole_account=request.field("account") == "1",
    )
    ends_at = found.until_at
    until = request.say("until %(time)s", time=local(ends_at)) if ends_at else request.say("until it is resumed")
    told = "%(name)s is paused %(until)s" if fresh else "%(name)s is paused already, %(until)s: %(why)s"
    message = request.say(told, name=name, until=until, why=clean(found.message))
    return Done(message=message, then="/agents")


def resume(request: PageRequest) -> Done:
    name = request.field("agent", most=200)
    resumed = resume_agent(request.app, name)
    words = "Agent %(name)s goes on" if resumed else "%(name)s was not paused."
    return Done(message=request.say(words, name=name), then="/agents")


def _steps(app: App, name: str) -> tuple[str, ...]:
    settings = app.settings
    named = {
        "implement": settings.implement,
        "review": settings.review,
        "decompose": settings.decompose or settings.implement,
    }
    return tuple(step for step, names in named.items() if name in names)
