"""`agent check`: are agents installed and ready, and do their clients behave as they are expected to?"""

from __future__ import annotations

import signal
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from deespec.agents.base import Login
from deespec.agents.registry import LOOKED_FOR
from deespec.agents.standin.clients import client_of, knows
from deespec.board.agents import configured, look_at, must_be_there
from deespec.cli import options, output
from deespec.errors import NoAgent
from deespec.model.probes import AgentCheck
from deespec.records import record, replace
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.agents.base import Looked
    from deespec.agents.probe import Verdict
    from deespec.app import App
    from deespec.cli.session import Session


@record
class Found:
    """What was found of one agent."""

    looked: Looked
    verdicts: tuple[Verdict, ...] = ()
    """Empty: it was only looked at."""

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(f"{one.title}: {one.problem}" for one in self.verdicts if one.problem is not None)

    @property
    def is_well(self) -> bool:
        """One that was tried is judged by that alone: the trial needs no login."""
        return not self.problems if self.verdicts else self.looked.ready


@click.command(name="check")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Only look whether they are installed and ready.")
@options.as_json
@options.session
def agent_check(session: Session, *, names: tuple[str, ...], quick: bool, as_json: bool) -> int:
    """Look whether agents are installed and ready; try those that are named.

    A named agent's client is driven through what may happen in a turn: answers, commands, refusals, limits, errors, a
    server that hangs, a stop. It talks to a model server of our own on this machine, with none of your settings and
    logins, and costs nothing. What was found is kept for its version: agent list and doctor show it.

    Exit 1 if one that was tried does not behave, whether it is logged in or not; and where none is tried, if one that
    was named here, or that run.implement or run.review names, is not ready.
    """
    app = session.app_for_writing() if names and not quick else session.app
    for name in names:
        must_be_there(app.settings, name)
    asked = names or configured(app.settings)
    if not asked:
        raise NoAgent(f"No agent set up. Looked for {', '.join(LOOKED_FOR)}.", hint="Install one, or deespec demo.")
    found = {name: Found(looked=looked) for name, looked in look_at(app, asked).items()}
    for name in asked:
        if not as_json:
            _show_looked(name, found[name].looked)
        if names and not quick:
            found[name] = _try(app, name, found[name], aloud=not as_json)
    if as_json:
        output.emit(agents=[_json(app, name, one) for name, one in found.items()])
    counted = names or (*app.settings.implement, *app.settings.review)
    return 1 if any(not found[name].is_well for name in counted) else 0


def _try(app: App, name: str, found: Found, *, aloud: bool) -> Found:
    """Drives the client of a named agent, where that can be done, and keeps what was found."""
    from deespec.agents.probe import probe

    section, version = app.settings.agent(name), found.looked.version
    assert section is not None, name
    if not knows(section) or version is None:
        if aloud and found.looked.program is not None and section.kind in ("acp", "command"):
            output.say(f"  {name} was only looked at: deespec does not know how to give this program a model server")
        return found
    if aloud:
        output.say(f"  {name} {version} against a model server on this machine, with none of your settings:")
    verdicts = []
    with _unwinding(), closing(probe(section, app.settings, temporary=app.temporary, clock=app.clock)) as trying:
        for verdict in trying:
            verdicts.append(verdict)
            if aloud:
                _show_verdict(verdict)
    found = replace(found, verdicts=tuple(verdicts))
    check = AgentCheck(kind=client_of(section), version=version, host=app.host, result=found.problems)
    with app.store.transaction() as tx:
        tx.keep_agent_check(check)
    if aloud:
        _show_result(name, found)
    return found


@contextmanager
def _unwinding() -> Iterator[None]:
    """SIGTERM and SIGHUP end the trials as SIGINT does, so that neither the client nor its folder stays behind."""

    def end(came: int, _: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + came)

    found = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in found.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _json(app: App, name: str, found: Found) -> dict[str, object]:
    section, looked = app.settings.agent(name), found.looked
    return {
        "name": name,
        "kind": section.kind if section else None,
        "ready": looked.ready,
        "login": looked.login,
        "version": looked.version,
        "program": looked.program,
        "problem": looked.problem,
        "remedy": looked.remedy,
        "behaves": not found.problems if found.verdicts else None,
        "trials": [
            {
                "name": one.name,
                "title": one.title,
                "passed": one.problem is None,
                "problem": one.problem,
                "took_ms": one.took_ms,
            }
            for one in found.verdicts
        ],
    }


def _show_looked(name: str, one: Looked) -> None:
    if one.ready:
        words = " ".join(part for part in (one.version, f"({one.program})" if one.program else None) if part)
        login = ", login not known" if one.login is Login.UNKNOWN else ""
        output.say(f"✓ {name} {clean(words)}".rstrip() + login)
        return
    output.say(f"✗ {name}: {clean(one.problem or 'not ready')}")
    if one.remedy:
        output.say(f"  → {clean(one.remedy)}")


def _show_verdict(one: Verdict) -> None:
    if one.problem is None:
        output.say(f"  ✓ {one.title} ({one.took_ms / 1000:.1f} s)")
    else:
        output.say(f"  ✗ {one.title}: {clean(one.problem)}")


def _show_result(name: str, found: Found) -> None:
    what = f"{name} {found.looked.version}"
    if not found.problems:
        output.say(f"✓ {what} behaves as expected")
        return
    count = f"{len(found.problems)} of {len(found.verdicts)} trials"
    output.say(f"✗ {what} does not behave as expected in {count}; turns may fail or end wrongly there")
    output.say("  → Take another version of it, or a newer deespec.")
