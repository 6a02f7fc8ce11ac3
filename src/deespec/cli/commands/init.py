"""`init`: a backlog in this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.agents.base import Login
from deespec.agents.registry import LOOKED_FOR
from deespec.app import App
from deespec.backlog.start import (
    Started,
    Surroundings,
    find_agents,
    find_gates,
    is_ignored,
    is_to_be_committed,
    look_around,
    start,
)
from deespec.board.agents import look_at
from deespec.cli import options, output
from deespec.clock import Clock
from deespec.config import AgentSettings, Gate, Settings, load_settings
from deespec.config_home import HOME_NAME, refuse_cut_off
from deespec.config_keys import IMPLIED
from deespec.errors import InsideTurn, InvalidInput
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.cli.session import Session

PERMISSIONS = ("edit", "edit+shell", "everything")

NO_AGENTS = 'deespec config set agents.mine.command "PROGRAM …", then: deespec config set run.implement mine'
NO_GATES = 'none: DONE will mean reviewed, not tested → deespec config set gates.tests.run "…"'


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--agent", multiple=True, metavar="NAME", help="Who implements and reviews (default: what is installed).")
@click.option("--permissions", type=click.Choice(PERMISSIONS), help="What agents may do (default: edit+shell).")
@click.option("--gate", multiple=True, metavar="CMD", help="A command that must succeed before an item is DONE.")
@click.option("--no-gate", is_flag=True, help="Set up no gate, even if one is found.")
@options.as_json
@options.session
def init(
    session: Session,
    *,
    folder: Path | None,
    agent: tuple[str, ...],
    permissions: str | None,
    gate: tuple[str, ...],
    no_gate: bool,
    as_json: bool,
) -> int:
    """Make a backlog in this folder (or DIR): .deespec/ with its database and a commented config.toml.

    Does nothing to a backlog that is there already.
    """
    if session.turn is not None:
        own = Path(session.env.get("DEESPEC_HOME", "")).resolve()
        if own == _home(session, folder):
            raise InsideTurn(f"Not from inside a turn ({session.turn}). Say it in your report.")
    home = _home(session, folder)
    root = home.parent
    if home.name == HOME_NAME:
        refuse_cut_off(root)
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not as_json and not (home / "config.toml").exists()
    found = [] if agent else find_agents(session.env, LOOKED_FOR)
    agents = list(agent) or _choose_agents(found, asks=asks)
    review = _reviewers(found, agents)
    unknown = [name for name in agent if name not in IMPLIED]
    if unknown:
        raise InvalidInput(
            f"init can set up {' and '.join(IMPLIED)}, not {unknown[0]}.",
            hint=f"deespec init, then add a section [agents.{unknown[0]}] to config.toml.",
        )
    gates = [Gate(name=f"gate-{number}", run=run) for number, run in enumerate(gate, 1)]
    if not gates and not no_gate:
        gates = _choose_gate(find_gates(root), asks=asks)
    allowed = permissions or _choose_permissions(agents, asks=asks)
    clients = [name for name in dict.fromkeys((*agents, *review)) if name in LOOKED_FOR]
    sections = [AgentSettings(name=name, kind=name, permissions=allowed) for name in clients]
    around = look_around(root, session.env)
    done = start(home, clock=Clock(), agents=agents, review=review, gates=gates, sections=sections, base=around.base)
    settings = load_settings(done.home, session.env, {})
    logged_out = _logged_out(settings, session.env, clients) if done.config_written else {}
    if as_json:
        _emit(done, settings, around, agents=agents, review=review, gates=gates, logged_out=logged_out)
        return 0
    _show(done, agents=agents, review=review, allowed=allowed, gates=gates, logged_out=logged_out)
    if done.fresh or done.config_written:
        _show_place(settings, around)
        _show_next(settings, around, session.env)
    return 0


def _home(session: Session, folder: Path | None) -> Path:
    if folder is None and session.home:
        return Path(session.home).expanduser().resolve()
    return (folder or Path.cwd()).expanduser().resolve() / HOME_NAME


def _emit(
    done: Started,
    settings: Settings,
    around: Surroundings,
    *,
    agents: list[str],
    review: list[str],
    gates: list[Gate],
    logged_out: dict[str, str],
) -> None:
    output.emit(
        home=str(done.home),
        fresh=done.fresh,
        agents=agents,
        review=review or agents,
        not_logged_in=list(logged_out),
        gates=[one.run for one in gates],
        mode=settings.workspace_mode,
        base=settings.base,
        warning=around.warning or None,
    )


def _logged_out(settings: Settings, env: Mapping[str, str], clients: list[str]) -> dict[str, str]:
    """Those of the clients that say so at a look, and what helps."""
    looked = look_at(App(settings, clock=Clock(), env=env), clients)
    return {name: one.remedy or f"Log in to {name}." for name, one in looked.items() if one.login is Login.OUT}


def _show(
    done: Started,
    *,
    agents: list[str],
    review: list[str],
    allowed: str,
    gates: list[Gate],
    logged_out: dict[str, str],
) -> None:
    if not done.fresh and not done.config_written:
        output.say(f"✓ {done.home} is a backlog already; nothing was changed")
        return
    output.say(f"✓ backlog in {done.home}")
    if not done.config_written:
        output.say("  settings  config.toml was there and is kept")
        return
    if agents:
        is_client = any(name in LOOKED_FOR for name in agents)
        told = ", ".join(f"{name}: not logged in" if name in logged_out else name for name in agents)
        output.say(f"  agents    {told}" + (f" (may {allowed})" if is_client else ""))
        for name, remedy in logged_out.items():
            output.say(f"            → {name}: {clean(remedy)}")
    else:
        output.say(f"  agents    none found ({', '.join(LOOKED_FOR)}) → {NO_AGENTS}")
    if review:
        output.say(f"  reviews   {', '.join(review)}")
    output.say(f"  gates     {', '.join(gate.run for gate in gates) or NO_GATES}")
    output.say("  budget    5.00 USD an item, 50.00 USD a day")


def _show_place(settings: Settings, around: Surroundings) -> None:
    """Where the work is done, and where it comes to."""
    if settings.workspace_mode != "worktree":
        why = f": {around.remark}" if around.remark else ""
        output.say(f"  work      in the folder itself, {_at_a_time(settings.parallel)}{why}")
        return
    output.say(f"  work      a worktree for each item, {_at_a_time(settings.parallel)}")
    base = settings.base or around.base
    if base:
        output.say(f"  base      {base}; finished work is merged into {settings.target}, then: deespec land")


def _at_a_time(items: int) -> str:
    return "one item at a time" if items == 1 else f"up to {items} at a time"


def _show_next(settings: Settings, around: Surroundings, env: Mapping[str, str]) -> None:
    if around.warning and settings.base in (None, around.base):
        output.say(f"! {around.warning}")
    home = settings.home
    if settings.workspace_mode == "worktree" and is_ignored(home, env):
        output.say(f"! Git ignores {home.name}, so its gates count on this machine only")
    elif settings.workspace_mode == "worktree" and is_to_be_committed(home, env):
        output.say("Commit it, so that its gates count for everybody:")
        output.say(f'  git add {home.name} && git commit -m "deespec"')
    output.say('Next: deespec register sbi --title "…", then deespec run')


def _choose_agents(found: list[str], *, asks: bool) -> list[str]:
    """A person chooses; elsewhere all are taken, each for when those before it cannot work."""
    if len(found) < 2 or not asks:
        return found
    chosen: str = click.prompt("Which agent works on items?", type=click.Choice(found), default=found[0])
    return [chosen]


def _reviewers(found: list[str], agents: list[str]) -> list[str]:
    """Another agent than the one that works on items looks at what it has done; itself only where no other can."""
    others = [name for name in found if name not in agents[:1]]
    return [*others, *agents[:1]] if others else []


def _choose_permissions(agents: list[str], *, asks: bool) -> str:
    if not agents or not asks:
        return "edit+shell"
    chosen: str = click.prompt("What may it do?", type=click.Choice(PERMISSIONS), default="edit+shell")
    return chosen


def _choose_gate(found: list[Gate], *, asks: bool) -> list[Gate]:
    if not found:
        return []
    if asks and not click.confirm(f"Must `{found[0].run}` succeed before an item is DONE?", default=True):
        return []
    return found[:1]
