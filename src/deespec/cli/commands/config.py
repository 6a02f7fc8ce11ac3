"""`config list|get|set|unset|path|check`: what is set, where it comes from, and changing it."""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec import config
from deespec.backlog.register import digest
from deespec.board.health.findings import Level
from deespec.board.health.prompts import check_prompts
from deespec.cli import options, output
from deespec.config_change import config_set as set_in_file
from deespec.config_change import config_unset as unset_in_file
from deespec.config_file import split
from deespec.config_home import CONFIG_NAME, find_home
from deespec.config_keys import BY_NAME
from deespec.config_write import shown, shown_one
from deespec.engine.prompt_rehearsal import rehearsal
from deespec.engine.terms import differing
from deespec.errors import BadConfig, NotFound, WorkspaceError
from deespec.model.money import half_priced
from deespec.text import clean

if TYPE_CHECKING:
    from deespec.app import App
    from deespec.cli.session import Session
    from deespec.config_write import Shown

HIDDEN = "(hidden)"
_SECRET_NAMES = r"(?i:[\w-]*(?:api[-_]?key|token|secret|passw(?:or)?d|credential|authorization)[\w-]*)"
_SECRET = re.compile(
    rf"(?P<name>(?:{_SECRET_NAMES}[\"']?\s*[=:\s]|-{_SECRET_NAMES}[\"'],)\s*[\"']?(?:Bearer\s+)?)[^\s\"',\]]+"
    r"|\b(?:sk-|gh[pousr]_|github_pat_|glpat-|xox[abpr]-|AKIA|AIza|eyJ)[\w.-]{8,}"
)
"""What follows a name that says so, in a list an option, and the forms that vendors give their keys."""


@click.command(name="list")
@options.as_json
@options.session
def config_list(session: Session, as_json: bool) -> int:
    """List every setting with its value and where that comes from."""
    settings = session.app.settings
    rows = shown(settings)
    if as_json:
        output.emit(settings=[_json(one) for one in rows])
        return 0
    files = {"config.toml": settings.home / CONFIG_NAME, "user's": config.user_config(session.env)}
    names = {str(path): name for name, path in files.items()}
    cells = [(one.key, names.get(one.source, one.source), _masked(one.text) or "-") for one in rows]
    for text in output.table(("KEY", "FROM", "VALUE"), cells, session.style):
        output.say(text)
    used = {one.source for one in rows}
    for name, path in files.items():
        if str(path) in used:
            output.say(f"{name}: {path}")
    return 0


@click.command(name="get")
@click.argument("key")
@options.as_json
@options.session
def config_get(session: Session, key: str, as_json: bool) -> int:
    """Print one setting; nothing if it has no value."""
    one = shown_one(session.app.settings, key)
    if as_json:
        output.emit(**_json(one))
        return 0
    value = _value(one)
    output.say(clean(value if isinstance(value, str) else _masked(one.text)))
    return 0


@click.command(name="set")
@click.argument("key")
@click.argument("value")
@options.as_json
@options.session
def config_set(session: Session, key: str, value: str, as_json: bool) -> int:
    """Change a setting in this backlog's config.toml; its comments stay. Running workers keep what they began with.

    agents.NAME.KEY, gates.NAME.KEY, prices.MODEL.KEY and accounts.NAME.KEY make what is not there yet.
    """
    home = session.app_for_writing().settings.home
    set_in_file(home, key, value, env=session.env)
    note_settings(session.app)
    settings = config.load_settings(home, session.env, {})
    one = shown_one(settings, key)
    _tell_of_terms(session.app, settings, key)
    _tell_of_half_price(settings, key)
    file = str(home / CONFIG_NAME)
    if as_json:
        output.emit(**_json(one), file=file)
        return 0
    if one.source != file:
        output.say(f"✓ written to {file}, but {one.source} sets {key} = {_masked(one.text)}, which counts")
    else:
        output.say(f"✓ {key} = {_masked(one.text)}")
    return 0


@click.command(name="unset")
@click.argument("key")
@options.as_json
@options.session
def config_unset(session: Session, key: str, as_json: bool) -> int:
    """Remove a setting from config.toml, or all of agents.NAME, gates.NAME, prices.MODEL or accounts.NAME."""
    home = session.app_for_writing().settings.home
    unset_in_file(home, key, env=session.env)
    note_settings(session.app)
    settings = config.load_settings(home, session.env, {})
    _tell_of_terms(session.app, settings, key)
    _tell_of_half_price(settings, key)
    try:
        one = shown_one(settings, key)
    except (BadConfig, NotFound):  # a whole section
        one = None
    if as_json:
        now_set = {"key": key} if one is None else _json(one)
        output.emit(**now_set, file=str(home / CONFIG_NAME))
        return 0
    now = f"; {_masked(one.text)} counts ({one.source})" if one is not None and one.text else ""
    output.say(f"✓ {key} is not set any more{now}")
    return 0


def note_settings(app: App) -> None:
    """Tells running workers that a person changed the settings, so that no agent is blamed for it."""
    content = (app.settings.home / CONFIG_NAME).read_bytes()
    with app.store.transaction() as tx:
        tx.note(app.person, "settings_changed", detail=digest(content))


def _tell_of_terms(app: App, settings: config.Settings, key: str) -> None:
    """Gates and the like count as they are committed: who changes them here should know."""
    is_term = split(key)[0] == "gates" or (key in BY_NAME and BY_NAME[key].field in config.TERMS)
    if not is_term or settings.workspace_mode != "worktree":
        return
    with suppress(WorkspaceError, BadConfig):
        if words := differing(app, settings):
            output.tell(f"! {clean(words)}")


def _tell_of_half_price(settings: config.Settings, key: str) -> None:
    section, own, _ = split(key)
    prices = tuple(price for price in settings.prices if section == "prices" and price.model == own)
    for what, fix in half_priced(prices):
        output.tell(clean(f"! {what} → {fix}"))


@click.command(name="path")
@options.as_json
@options.session
def config_path(session: Session, as_json: bool) -> int:
    """Print where the settings files are: this backlog's, then yours for all backlogs."""
    home = find_home(session.home, session.env, Path.cwd())
    paths = {"backlog": home / CONFIG_NAME, "user": config.user_config(session.env)}
    known = {name: path for name, path in paths.items() if path is not None}
    if as_json:
        output.emit(**{name: {"path": str(path), "exists": path.is_file()} for name, path in known.items()})
        return 0
    for path in known.values():
        output.say(str(path) if path.is_file() else f"{path} (not there)")
    return 0


@click.command(name="check")
@options.as_json
@options.session
def config_check(session: Session, as_json: bool) -> int:
    """Check the settings files, the environment's settings, and the prompts of this backlog; 2 if one is not valid."""
    home = find_home(session.home, session.env, Path.cwd())
    problems: list[tuple[str, str | None]] = []
    warnings: list[tuple[str, str]] = []
    try:
        warnings = half_priced(config.load_settings(home, session.env, {}).prices)
    except BadConfig as error:
        problems.append((error.message, error.hint))
    prompts = check_prompts(home, rehearsal(home))
    problems += [(one.what, one.fix) for one in prompts if one.level is Level.BROKEN]
    if as_json:
        told = [{"problem": what, "hint": hint} for what, hint in problems]
        output.emit(ok=not problems, problems=told, warnings=[{"problem": what, "hint": fix} for what, fix in warnings])
        return 2 if problems else 0
    found = [*(("✗", *one) for one in problems), *(("!", *one) for one in warnings)]
    for mark, what, hint in found:
        output.say(f"{mark} {clean(what)}")
        if hint:
            output.say(f"  → {clean(hint)}")
    if not problems:
        output.say(f"✓ settings are valid{f', and {len(prompts)} prompts' if prompts else ''}")
    return 2 if problems else 0


# --- values ---------------------------------------------------------------------------------------------------------


def _json(one: Shown) -> dict[str, object]:
    return {"key": one.key, "value": _value(one), "source": one.source, "help": one.help}


def _value(one: Shown) -> object:
    """The value as a program wants it; what looks like a secret in it is hidden."""
    text = _masked(one.text)
    if not text:
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _masked(text: str) -> str:
    return _SECRET.sub(lambda match: (match["name"] or "") + HIDDEN, text)
