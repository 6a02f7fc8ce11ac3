"""`setting.json` of the Go program: keys that mean something here, and a note for each that does not any more."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from deespec.backlog.imports.legacy_values import text
from deespec.config_keys import BY_NAME, SECOND_MS, duration_text, parse, toml
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.backlog.imports.legacy_files import Folder, Notes

FILE = "setting.json"
PROMPTS = ("WIP.md", "REVIEW.md", "REVIEW_AND_WIP.md", "DONE.md", "PBI_DECOMPOSE.md")
JAPANESE = "ja"
_ASKS_FOR_JAPANESE = r"日本語|(?i:\bjapanese\b)"
CARRIED = {
    "max_turns": "run.max_turns",
    "max_attempts": "run.max_attempts",
    "timeout_sec": "run.turn_timeout",
    "language": "run.language",
}
CARRIED_DEFAULTS = {"max_turns": 8, "max_attempts": 3, "timeout_sec": 900}
"""What `init` wrote for those that are carried over."""
DEFAULTS: dict[str, Any] = {
    "home": ".deespec",
    "agent_bin": "claude",
    "editor": "vim",
    "stderr_level": "warn",
    "label_config": {
        "template_dirs": [".claude", ".deespec/prompts/labels"],
        "import": {
            "auto_prefix_from_dir": True,
            "max_line_count": 1000,
            "exclude_patterns": ["*.secret.md", "settings.*.json", "tmp/**"],
        },
        "validation": {"auto_sync_on_mismatch": False, "warn_on_large_files": True},
    },
    "agent_pool_config": {"max_concurrent": {"claude-code": 2, "gemini-cli": 1, "codex": 1}},
}
"""What `init` wrote for those that are not carried over; of all others nothing, zero or false."""
INSTEAD = {
    "home": "the backlog is in .deespec, or where --home says",
    "agent_bin": "it only counted for its doctor; deespec config set agents.claude.command says which program",
    "editor": "$VISUAL and $EDITOR count",
    "stderr_level": "-v and -q count",
    "workflow": "there are no workflow files",
    "policy_path": "there are no policy files",
    "auto_fb": "it had no effect",
    "project_name": "nothing asks for it",
    "label_config": "labels are the files in .deespec/labels",
    "agent_pool_config": "it had no effect; deespec config set agents.NAME.limit N limits an agent",
}
NOT_ANY_MORE = "it has no meaning any more"


@record
class Wanted:
    """One setting that comes over."""

    key: str
    value: str
    """As `config set` takes it."""
    why: str
    usual: bool = False
    """It stands as `init` of the Go program wrote it: nobody chose it."""


def settings_of(folder: Folder, notes: Notes) -> tuple[Wanted, ...]:
    found = _object(folder, notes)
    wanted = [Wanted(key="run.implement", value="claude", why="the Go deespec worked with claude only")]
    wanted += _carried(found, notes)
    for key, value in found.items():
        if key not in CARRIED:
            _tell(key, value, notes)
    usual = [key for key, value in found.items() if key not in CARRIED and _is_default(key, value)]
    if usual:
        notes.add(f"{FILE}: {', '.join(usual)} stood at their defaults and have no meaning any more")
    asks = _asks_for_japanese(folder)
    if asks and not any(one.key == "run.language" for one in wanted):
        wanted.append(Wanted(key="run.language", value=JAPANESE, why=f"prompts/{asks} asked for Japanese"))
    own = [name for name in PROMPTS if name in folder.names("prompts")]
    if own:
        notes.add(
            f"prompts/{', '.join(own)}: they were made for the Go deespec and are not taken over; prompts are built in "
            "here, and implement.md and review.md in .deespec/prompts take their place"
        )
    return tuple(wanted)


def _object(folder: Folder, notes: Notes) -> dict[str, Any]:
    content = folder.text(FILE)
    if content is None:
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        notes.add(f"{FILE} cannot be read: the settings stay at their defaults")
        return {}
    return found


def _carried(found: dict[str, Any], notes: Notes) -> Iterator[Wanted]:
    for old, name in CARRIED.items():
        value = found.get(old)
        if value in (None, "", 0):
            continue
        key = BY_NAME[name]
        raw = value * SECOND_MS if old == "timeout_sec" and isinstance(value, int | float) else value
        try:
            # The file there counts seconds; a duration of ours says its unit.
            given = duration_text(int(raw)) if old == "timeout_sec" else raw
            parse(key, given)
        except (ValueError, TypeError, OverflowError):
            notes.add(f"{FILE}: {old} = {text(value)[:80]!r} was left out: {name} takes {key.takes}")
            continue
        why = f"{FILE}: {old}"
        if old == "max_turns":
            why += "; there two turns went by before an agent was called, here none does"
        yield Wanted(key=name, value=str(given), why=why, usual=value == CARRIED_DEFAULTS.get(old))


def _tell(key: str, value: object, notes: Notes) -> None:
    if _is_default(key, value):
        return
    shown = toml(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    notes.add(f"{FILE}: {text(key)[:80]} = {shown[:200]} was left out: {INSTEAD.get(key, NOT_ANY_MORE)}")


def _is_default(key: str, value: object) -> bool:
    return value == DEFAULTS.get(key) if key in DEFAULTS else not value


def _asks_for_japanese(folder: Folder) -> str | None:
    """The prompt that does."""
    for name in PROMPTS:
        if re.search(_ASKS_FOR_JAPANESE, folder.text(f"prompts/{name}") or ""):
            return name
    return None
