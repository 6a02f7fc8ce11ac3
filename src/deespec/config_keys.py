"""The table of settings: how each key is called, what it takes, what it means. All that knows keys reads it here."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UNITS_MS = {"h": HOUR_MS, "min": MINUTE_MS, "s": SECOND_MS, "ms": 1}
ALL_UNITS_MS = {"w": 7 * DAY_MS, "d": DAY_MS, "m": MINUTE_MS, **UNITS_MS}
"""What people may write; we write the others only."""

MAX_PARALLEL = 64
MAX_TURNS = 1_000
MAX_ATTEMPTS = 100
MAX_ROUNDS = 100
MIN_TIMEOUT_MS = 100
MAX_TIMEOUT_MS = 24 * HOUR_MS
MIN_LEASE_MS = 2_000  # engine/pulse.py renews every quarter, and the guard ends its agent a quarter before the end
MAX_LEASE_MS = HOUR_MS
MAX_WAIT_MS = 10 * MINUTE_MS
MAX_USD = 1_000_000
MAX_TOKENS = 10**12
MAX_TEXT_CHARACTERS = 4_096

KINDS = ("claude", "codex", "gemini", "opencode", "acp", "command", "patch", "scripted")
IMPLIED = ("claude", "codex", "gemini", "opencode", "patch")
"""Kinds that need no settings: an agent of that name exists without a section."""
ASKING = ("claude", "opencode", "acp")
"""Kinds whose program says what it asks leave for."""

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION = r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|min|h|d|w)?"
_AGENT_NAME = r"[\w-]{1,64}"
_LANGUAGE = r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}"


class Type(StrEnum):
    COUNT = "a whole number"
    AMOUNT = "a number"
    DURATION = "a duration"
    CHOICE = "one of a few words"
    CHOICES = "some of a few words"
    TEXT = "text"
    NAMES = "a name or a list of names"
    WORDS = "a list of texts"
    PAIRS = "a table of texts"
    LANGUAGE = "the tag of a language, as ja or pt-BR"


@record
class Key:
    """One setting. Durations are ms here and in Settings; files say `"30 min"`."""

    name: str
    """Dotted, as in the file: run.parallel. In the tables of sections that repeat: the last part only."""
    field: str
    """Of Settings, AgentSettings or Gate."""
    type: Type
    help: str
    default: object = None
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    unit: str = ""
    example: str = ""
    """What the commented file shows where there is no default."""

    @property
    def takes(self) -> str:
        """What a value must be, to follow "takes"."""
        if self.type is Type.CHOICE:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        if self.type is Type.CHOICES:
            return f"a list of {' and '.join(toml(choice) for choice in self.choices)}, or one of them"
        if self.type is Type.DURATION:
            return f"a duration from {duration_text(self.low)} to {duration_text(self.high)}"
        if self.type is Type.COUNT and self.high - self.low == 1:
            return f"{self.low} or {self.high}"
        if self.type is Type.PAIRS:
            return f"{self.type}, as '{{FOO = \"bar\"}}'"
        if self.type in (Type.COUNT, Type.AMOUNT):
            return f"{self.type} from {self.low:,} to {self.high:,}"
        return str(self.type)

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "DEESPEC_" + self.name.upper().replace(".", "_")


def row(  # of the table
    name: str,
    type: Type,
    help: str,
    *,
    default: object = None,
    span: tuple[int, int] = (0, 0),
    choices: tuple[str, ...] = (),
    unit: str = "",
    field: str = "",
    example: str = "",
) -> Key:
    last = name.rpartition(".")[2]
    field = field or (f"{last}_ms" if type is Type.DURATION else last)
    low, high = span
    return Key(
        name=name,
        field=field,
        type=type,
        help=help,
        default=default,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        example=example,
    )


T = Type
TIMEOUT = (MIN_TIMEOUT_MS, MAX_TIMEOUT_MS)
WAIT = (0, MAX_WAIT_MS)
LEASE = (MIN_LEASE_MS, MAX_LEASE_MS)
USD = (0, MAX_USD)
BACKUPS = ("daily", "off")
MODES = ("auto", "worktree", "shared")
UNDECLARED = ("auto", "parallel", "exclusive")
HOWS = ("rebase", "squash", "merge", "pr", "none")
PERMISSIONS = ("edit", "edit+shell", "everything")

# fmt: off
KEYS: tuple[Key, ...] = (
    row("run.parallel", T.COUNT, "Items worked on at the same time; if not set, 3 in worktrees, 1 in shared",
         span=(1, MAX_PARALLEL), unit="items", example="3"),
    row("run.implement", T.NAMES, "The agent that implements; of a list, the first that is free",
         default=(), example='"claude"'),
    row("run.review", T.NAMES, "The agent that reviews, in a session of its own; if not set, as run.implement",
         default=(), example='"claude"'),
    row("run.decompose", T.NAMES, "Who decomposes PBIs; if not set, as run.implement", default=(), example='"claude"'),
    row("run.max_turns", T.COUNT, "An item that needs more turns FAILED",
         default=8, span=(1, MAX_TURNS), unit="turns"),
    row("run.max_attempts", T.COUNT, "Tries at one turn after crashes and timeouts; then the item FAILED",
         default=3, span=(1, MAX_ATTEMPTS), unit="attempts"),
    row("run.review_rounds", T.COUNT, "After so many NEEDS_CHANGES the item waits for a person",
         default=3, span=(1, MAX_ROUNDS), unit="rounds"),
    row("run.turn_timeout", T.DURATION, "The longest a turn may take, in waking time",
         default=30 * MINUTE_MS, span=TIMEOUT, unit="ms"),
    row("run.idle_timeout", T.DURATION, "A turn without any sign of life for so long is ended",
         default=10 * MINUTE_MS, span=TIMEOUT, unit="ms"),
    row("run.retry_delay", T.DURATION, "The wait before the second try; it doubles up to 10 min",
         default=5 * SECOND_MS, span=WAIT, unit="ms"),
    row("run.language", T.LANGUAGE, "The language in which agents are to write their reports",
         example='"ja"'),
    row("run.keep_awake", T.CHOICE, "auto: the machine does not fall asleep while agents work, where that can be had",
         default="auto", choices=("auto", "off")),
    row("run.lease", T.DURATION, "A worker on another host that is silent for so long counts as dead",
         default=MINUTE_MS, span=LEASE, unit="ms"),
    row("workspace.root", T.TEXT, "The folder that holds the work, seen from the one that holds .deespec",
         default="."),
    row("workspace.mode", T.CHOICE, "worktree: a folder and branch per item; shared: in the project folder itself; "
         "auto: worktree where the project is a Git repository", default="auto", choices=MODES, field="workspace_mode"),
    row("workspace.base", T.TEXT, "The branch that work begins from and lands on; if not set, the one checked out",
         example='"main"'),
    row("workspace.target", T.TEXT, "The branch that finished work is merged into; nobody has it checked out",
         default="deespec/integration"),
    row("workspace.integrate", T.CHOICE, "How it is merged: one commit on top (rebase, squash), a merge commit, "
         "a pull request, or not at all", default="rebase", choices=HOWS),
    row("workspace.land", T.CHOICE, "auto: merged work comes to the base whenever its checkout is clean; "
         "manual: by deespec land", default="manual", choices=("manual", "auto")),
    row("workspace.push", T.TEXT, "The remote that the target is pushed to after each merge", example='"origin"'),
    row("workspace.pr_command", T.WORDS, "What opens a pull request; if not set, gh pr create",
         default=(), example='["gh", "pr", "create", "--fill"]'),
    row("workspace.copy", T.WORDS, "Files that Git ignores but work needs, copied into each worktree (globs)",
         default=(), example='[".env"]'),
    row("workspace.link", T.WORDS, "Folders that Git ignores but work needs, linked into each worktree",
         default=(), example='["node_modules"]'),
    row("workspace.setup", T.TEXT, "The command that makes a new worktree ready to work in", example='"npm ci"'),
    row("workspace.setup_timeout", T.DURATION, "The longest it may take",
         default=15 * MINUTE_MS, span=TIMEOUT, unit="ms"),
    row("workspace.undeclared", T.CHOICE, "Items that declare no paths: side by side, or alone; "
         "auto: parallel in worktrees, exclusive in shared", default="auto", choices=UNDECLARED),
    row("workspace.paths_policy", T.CHOICE, "Files changed outside an item's paths: a finding, or a note",
         default="enforce", choices=("enforce", "warn")),
    row("store.busy_timeout", T.DURATION, "How long a write waits for its turn",
         default=30 * SECOND_MS, span=WAIT, unit="ms"),
    row("store.backup", T.CHOICE, "daily: a running worker makes one and keeps seven; off: only by hand",
         default="daily", choices=BACKUPS),
    row("budget.usd_per_item", T.AMOUNT, "What metered agents may cost for one item; 0: no limit",
         default=0, span=USD, unit="USD"),
    row("budget.usd_per_day", T.AMOUNT, "What metered agents may cost on one day; 0: no limit",
         default=0, span=USD, unit="USD"),
    row("budget.usd_per_run", T.AMOUNT, "What metered agents may cost in one deespec run; 0: no limit",
         default=0, span=USD, unit="USD"),
    row("budget.tokens_per_item", T.COUNT, "How many tokens metered agents may use for one item; 0: no limit",
         default=0, span=(0, MAX_TOKENS), unit="tokens"),
    row("notify.command", T.WORDS, "A program that gets what waits for a person, and how runs end, as JSON on its "
         "standard input", default=(), field="notify", example='["notify-send", "deespec"]'),
    row("prompt.max_kb", T.COUNT, "What the guidelines of labels may take of a prompt",
         default=64, span=(1, 10_000), unit="KiB"),
    row("ui.ambiguous_width", T.COUNT, "The width of characters that are narrow in some terminals and wide in others",
         default=1, span=(1, 2), unit="cells"),
)

AGENT_KEYS: tuple[Key, ...] = (
    row("kind", T.CHOICE, "Which program it is; if not set, the section's name", choices=KINDS),
    row("command", T.WORDS, "The program and its first arguments; if not set, the kind's own program", default=()),
    row("limit", T.COUNT, "Calls at the same time, over all workers; 0: no limit",
         default=0, span=(0, MAX_PARALLEL), unit="calls"),
    row("account", T.TEXT, "Whose quota it uses; agents of one account pause together"),
    row("model", T.TEXT, "The model to ask for"),
    row("effort", T.TEXT, "How hard it is to think, in the program's own words"),
    row("args", T.WORDS, "More arguments for the program", default=()),
    row("env", T.PAIRS, "More variables for the program", default=()),
    row("pass_env", T.WORDS, "Names of variables it may see although deespec keeps them to itself", default=()),
    row("permissions", T.CHOICE, "What it may do; only everything skips the program's own questions",
         default="edit+shell", choices=PERMISSIONS),
    row("permission_requests", T.CHOICE, "What it asks leave for beyond that: refused, or a person is asked",
         default="deny", choices=("deny", "ask")),
    row("add_dirs", T.WORDS, "Other folders that it may write in", default=()),
    row("billing", T.CHOICE, "Whether its cost counts against the budgets",
         default="metered", choices=("metered", "subscription")),
    row("idle_timeout", T.DURATION, "In place of run.idle_timeout; a command agent has none unless it is set",
         span=TIMEOUT, unit="ms"),
    row("script", T.TEXT, "The file with the answers of a scripted agent"),
)
# fmt: on

BY_NAME = {key.name: key for key in KEYS}
AGENT_BY_NAME = {key.name: key for key in AGENT_KEYS}
SECTIONS = (*dict.fromkeys(key.name.partition(".")[0] for key in KEYS), "agents")
"""Those that are there once; the others are in config_lists.py."""


def is_agent_name(name: str) -> bool:
    """Letters, digits, - and _; no dot, which would make agents.NAME.key ambiguous."""
    return re.fullmatch(_AGENT_NAME, name) is not None


def parse(key: Key, raw: object) -> object:
    """The value as Settings hold it. Raises ValueError for what the key does not take."""
    return _PARSERS[key.type](key, raw)


def from_text(key: Key, text: str) -> object:
    """The same for text, as options and the environment carry it; lists and tables may be written as in TOML."""
    structured = key.type in (Type.NAMES, Type.WORDS, Type.PAIRS, Type.CHOICES)
    if structured and text.lstrip().startswith(("[", "{")):
        import tomllib

        try:
            return parse(key, tomllib.loads(f"value = {text}")["value"])
        except RecursionError as error:
            raise ValueError(text) from error
    if key.type in (Type.COUNT, Type.AMOUNT):
        if re.fullmatch(_NUMBER, text.strip()) is None:
            raise ValueError(text)
        return parse(key, float(text) if "." in text else int(text))
    return parse(key, text)


def duration_text(ms: int) -> str:
    """`30 min` for 1,800,000: the largest unit that needs no fraction."""
    if ms == 0:
        return "0 s"
    unit = next(unit for unit, size in UNITS_MS.items() if ms % size == 0)
    return f"{ms // UNITS_MS[unit]} {unit}"


def toml(value: object) -> str:
    """A value as TOML writes it; pairs as an inline table."""
    if isinstance(value, str):
        return f'"{"".join(_toml_character(character) for character in value)}"'
    if isinstance(value, tuple) and value and all(isinstance(part, tuple) for part in value):
        return "{ " + ", ".join(f"{toml(name)} = {toml(text)}" for name, text in value) + " }"
    if isinstance(value, tuple):
        return f"[{', '.join(toml(part) for part in value)}]"
    return str(value)


def toml_of(key: Key, value: object) -> str:
    """A value of this key as the file says it; a single name without its list."""
    if isinstance(value, int) and key.type is Type.DURATION:
        return toml(duration_text(value))
    if isinstance(value, tuple) and key.type is Type.NAMES and len(value) == 1:
        return toml(value[0])
    return toml(value)


def _toml_character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return f"\\u{ord(character):04x}" if ord(character) < 32 or ord(character) == 127 else character


# --- one parser for each type ---------------------------------------------------------------------------------------


def _parse_count(key: Key, raw: object) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not key.low <= raw <= key.high:
        raise ValueError(raw)
    return raw


def _parse_amount(key: Key, raw: object) -> float:
    if not isinstance(raw, (int, float)) or isinstance(raw, bool) or not key.low <= raw <= key.high:
        raise ValueError(raw)
    return raw


def _parse_duration(key: Key, raw: object) -> int:
    if isinstance(raw, str):
        match = re.fullmatch(_DURATION, raw.strip())
        if match is None:
            raise ValueError(raw)
        ms = float(match[1]) * ALL_UNITS_MS[match[2] or "s"]
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool):
        ms = raw * SECOND_MS
    else:
        raise ValueError(raw)
    if not key.low <= ms <= key.high:
        raise ValueError(raw)
    return round(ms)


def _parse_choice(key: Key, raw: object) -> str:
    if not isinstance(raw, str) or raw not in key.choices:
        raise ValueError(raw)
    return raw


def _parse_choices(key: Key, raw: object) -> tuple[str, ...]:
    parts = [part.strip() for part in raw.split(",")] if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not parts or not all(part in key.choices for part in parts):
        raise ValueError(raw)
    return tuple(choice for choice in key.choices if choice in parts)


def _parse_text(_: Key, raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw or len(raw) > MAX_TEXT_CHARACTERS:
        raise ValueError(raw)
    return raw


def _parse_language(_: Key, raw: object) -> str:
    if not isinstance(raw, str) or re.fullmatch(_LANGUAGE, raw) is None:
        raise ValueError(raw)
    return raw


def _parse_names(_: Key, raw: object) -> tuple[str, ...]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise ValueError(raw)
    names = tuple(dict.fromkeys(part.strip() for part in parts))
    if not all(is_agent_name(name) for name in names):
        raise ValueError(raw)
    return names


def _parse_words(key: Key, raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        import shlex

        return tuple(_parse_text(key, word) for word in shlex.split(raw))
    if not isinstance(raw, list) or not all(isinstance(part, str) and "\0" not in part for part in raw):
        raise ValueError(raw)
    return tuple(raw)


def _parse_pairs(_: Key, raw: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(raw, dict):
        raise ValueError(raw)
    for name, text in raw.items():
        if not name or "=" in name or "\0" in name or not isinstance(text, str) or "\0" in text:
            raise ValueError(raw)
    return tuple(raw.items())


_PARSERS: dict[Type, Callable[[Key, object], object]] = {
    Type.COUNT: _parse_count,
    Type.AMOUNT: _parse_amount,
    Type.DURATION: _parse_duration,
    Type.CHOICE: _parse_choice,
    Type.CHOICES: _parse_choices,
    Type.TEXT: _parse_text,
    Type.NAMES: _parse_names,
    Type.WORDS: _parse_words,
    Type.PAIRS: _parse_pairs,
    Type.LANGUAGE: _parse_language,
}
