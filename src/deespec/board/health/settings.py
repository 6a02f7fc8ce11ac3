"""The settings: those of this backlog and of its user, variables that nothing reads, and the gates."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from deespec.agents.process import capture
from deespec.board.health.findings import Finding, Level, broken, ok, several, warning
from deespec.board.health.names import of_names
from deespec.config import user_config
from deespec.config_home import CONFIG_NAME
from deespec.config_keys import KEYS
from deespec.model.money import half_priced
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deespec.app import App
    from deespec.config import Gate
    from deespec.errors import BadConfig

SHELL = "/bin/sh"
LOOK_MS = 3_000
TURN_VARIABLES = ("DEESPEC_ITEM", "DEESPEC_STEP", "DEESPEC_TURN", "DEESPEC_CLAIM", "DEESPEC_OUTBOX")
VARIABLES = ("DEESPEC_HOME", *TURN_VARIABLES, *(key.variable for key in KEYS))
_PLAIN_WORD = re.compile(r"[\w@%+=:,./-]+")
_ASSIGNMENT = re.compile(r"\w+=.*")
BETWEEN = frozenset(("&&", "||", ";", "|", "&"))
"""What a command of a shell ends with and another begins."""


def of_settings(app: App, env: Mapping[str, str]) -> list[Finding]:
    home, user = app.settings.home, user_config(env)
    files = [str(path) for path in (home / CONFIG_NAME, user) if path is not None and path.is_file()]
    valid = ok("settings", f"settings are valid: {', '.join(files) or 'all are defaults'}")
    return [valid, *_user_file(user), *_variables(env), *_prices(app), *of_names(app), *_gates(app)]


def of_bad_settings(error: BadConfig) -> Finding:
    why = "no command but doctor and config works until they are valid"
    return broken("settings", error.message.rstrip("."), why=why, fix=_with_command(error.hint))


def _with_command(hint: str | None) -> str:
    return f"{hint.rstrip('.')}; then: deespec config check" if hint else "deespec config check"


def _user_file(path: Path | None) -> list[Finding]:
    if path is None or not path.is_file() or not path.stat().st_mode & 0o002:
        return []
    why = "it names the programs that deespec runs as you"
    return [warning("settings", f"others may write {path}", why=why, fix=f"chmod go-w {shlex.quote(str(path))}")]


def _variables(env: Mapping[str, str]) -> list[Finding]:
    found = []
    for name in sorted(env):
        if not name.startswith("DEESPEC_") or name in VARIABLES:
            continue
        near = closest(name, VARIABLES)
        what = f"{name} sets nothing{f'; did you mean {near}?' if near else ''}"
        found.append(warning("environment", what, why="no setting has that name", fix=f"unset {name}"))
    return found


def _prices(app: App) -> list[Finding]:
    why = "budgets see only a part of what such calls cost"
    return [warning("prices", what, why=why, fix=fix) for what, fix in half_priced(app.settings.prices)]


# --- gates ----------------------------------------------------------------------------------------------------------


def _gates(app: App) -> list[Finding]:
    settings = app.settings
    if not settings.gates:
        what = "no gate is set: DONE will mean reviewed, not tested"
        why = "nothing runs the project's tests before an item counts as done"
        fix = f'Add a section [[gates]] with run = "…" to {settings.home / CONFIG_NAME}'
        return [warning("gates", what, why=why, fix=fix)]
    looked = [one for gate in settings.gates for one in _gate(app, gate)]
    good = [gate.name for gate in settings.gates if gate.name not in {name for name, _ in looked}]
    found = [finding for _, finding in looked]
    return [*([ok("gates", f"can be run: {several(good)}")] if good else []), *found]


def _gate(app: App, gate: Gate) -> list[tuple[str, Finding]]:
    """Whether the shell understands it and finds its programs; nothing of it is run."""
    env = {**dict(app.settings.child_env), **dict(gate.env)}
    root = app.settings.root
    where = root if root.is_dir() else None
    fix = f"Install it, or change [[gates]] {gate.name} in {app.settings.home / CONFIG_NAME}"
    code, said = capture([SHELL, "-n", "-c", gate.run], env=env, timeout_ms=LOOK_MS, cwd=where)
    if code != 0:
        why = "every item's turn would end with this gate's failure"
        what = f"the shell does not understand {gate.name}: {' '.join(said.split())[:200]}"
        return [(gate.name, Finding(level=Level.WARNING, id="gates", what=what, why=why, fix=fix))]
    for program in _programs(gate.run):
        # `command -v` knows builtins and keywords, too.
        argv = [SHELL, "-c", 'command -v -- "$1"', SHELL, program]
        code, _ = capture(argv, env=env, timeout_ms=LOOK_MS, cwd=where)
        if code != 0:
            place = f"in {root}" if "/" in program else "on PATH"
            why = "every item's turn would end with this gate's failure"
            what = f"gate {gate.name}: {program} is not {place}"
            return [(gate.name, Finding(level=Level.WARNING, id="gates", what=what, why=why, fix=fix))]
    return []


def _programs(command: str) -> Iterator[str]:
    """The words at the beginning of its simple commands; paths only of the first, as later ones may be elsewhere."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return
    begins, is_first = True, True
    for word in words:
        if word in BETWEEN:
            begins = True
        elif begins and not _ASSIGNMENT.fullmatch(word):
            begins = False
            if _PLAIN_WORD.fullmatch(word) and (is_first or "/" not in word):
                yield word
            is_first = False
