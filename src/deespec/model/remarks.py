"""The findings that a reviewer hands in by command, read strictly: who is told what is wrong can mend it. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.errors import InvalidInput
from deespec.model.asking import Remark, Severity
from deespec.records import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

REMARKS_MOST = 50
"""Of one review."""
TEXT_CHARACTERS = 4_000
FILE_CHARACTERS = 1_024
LINE_MOST = 10**9
EXAMPLE = '[{"text": "...", "file": "src/a.py", "line": 12, "severity": "high", "must_fix": true, "in_scope": true}]'
HINT = f"Findings are a JSON list like this: {EXAMPLE}"


def parse_remarks(text: str, place: str) -> tuple[Remark, ...]:
    """The findings in a file, `place`. Raises InvalidInput, which says what is wrong and where."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"{place} is not JSON: {error.msg} ({where}).", hint=HINT) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{place} is not JSON that can be read.", hint=HINT) from error
    try:
        return remarks_in(found)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error.message}", hint=error.hint) from error


def remarks_in(found: object) -> tuple[Remark, ...]:
    """The same of what was read already. Raises InvalidInput."""
    if not isinstance(found, list):
        raise InvalidInput("The findings are no list.", hint=HINT)
    if len(found) > REMARKS_MOST:
        raise InvalidInput(
            f"There are {len(found)} findings; the limit is {REMARKS_MOST}.", hint="Keep those that matter most."
        )
    return tuple(_remark(one, f"finding {number}") for number, one in enumerate(found, 1))


def _remark(found: object, where: str) -> Remark:
    if not isinstance(found, dict):
        raise InvalidInput(f"{where} is no object.", hint=HINT)
    known = fields(Remark)
    unknown = next((key for key in found if key not in known), None)
    if unknown is not None:
        raise InvalidInput(f"{where} has an unknown key: {unknown:.40}", hint=f"Keys: {', '.join(known)}")
    return Remark(
        text=_text(found, where),
        file=_file(found, where),
        line=_line(found, where),
        severity=_severity(found, where),
        must_fix=_truth(found, "must_fix", where),
        in_scope=_truth(found, "in_scope", where),
    )


def _text(found: Mapping[str, object], where: str) -> str:
    value = found.get("text")
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f'{where}: "text" says what is wrong; it is missing.', hint=HINT)
    if len(value) > TEXT_CHARACTERS:
        raise InvalidInput(
            f'{where}: "text" has {len(value):,} characters; the limit is {TEXT_CHARACTERS:,}.',
            hint="Say it shorter; the words of the review have room for more.",
        )
    if not _is_text(value, "\n\t\r"):
        raise InvalidInput(f'{where}: "text" holds control characters, or is no valid Unicode text.')
    return value.strip()


def _file(found: Mapping[str, object], where: str) -> str | None:
    value = found.get("file")
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > FILE_CHARACTERS or not _is_text(value):
        raise InvalidInput(f'{where}: "file" is a path as in "src/a.py", or null.')
    return value


def _line(found: Mapping[str, object], where: str) -> int | None:
    value = found.get("line")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LINE_MOST:
        raise InvalidInput(f'{where}: "line" is a whole number from 1, or null.')
    return value


def _severity(found: Mapping[str, object], where: str) -> str:
    value = found.get("severity", Severity.NORMAL)
    if value not in list(Severity):
        shown = f', not "{value:.40}"' if isinstance(value, str) else ""
        raise InvalidInput(f'{where}: "severity" is {", ".join(Severity)}{shown}.')
    return Severity(str(value))


def _truth(found: Mapping[str, object], key: str, where: str) -> bool:
    value = found.get(key, True)
    if not isinstance(value, bool):
        raise InvalidInput(f'{where}: "{key}" is true or false.')
    return value


def _is_text(value: str, but: str = "") -> bool:
    """Whether the store can hold it and a terminal show it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in value if character not in but)
