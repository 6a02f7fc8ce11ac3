"""From template to text, and what is wrong with a template, by line.

Templates reach nothing but the values they are given (jinja2's sandbox), are in a language without words for what has
no end (prompt_bounds.py), and have a limit to what one prompt costs (prompt_filters.py) and to how long it is.
"""

from __future__ import annotations

import traceback
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from deespec.errors import BadConfig, DeespecError
from deespec.overrides import FOLDER, TEMPLATES, read_own

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jinja2 import Environment, Template
    from jinja2.nodes import Template as Tree
    from jinja2.runtime import Context

PROMPT_CHARACTERS = 16_000_000
"""Longer than all that a prompt may hold: specs, diffs, guidelines and reports are bounded themselves."""
IN_MEMORY = "<template>"
"""What jinja2 calls a template that is in no file."""


def render(home: Path, step: str, values: Mapping[str, Any]) -> str:
    """The prompt. It never begins with a slash, which clients take for a command of their own. Raises BadConfig."""
    own = read_own(home, f"{step}.md")
    template = (TEMPLATES / f"{step}.md").read_text(encoding="utf-8") if own is None else own
    try:
        text = _rendered(_compiled(template)[1], values)
    except BadConfig:
        raise
    except Exception as error:  # whatever a template may come to: a person has to mend it
        path, line, what = home / FOLDER / f"{step}.md", *_told(error)
        where = f", line {line}" if line else ""
        raise BadConfig(f"The prompt {path} cannot be rendered{where}: {what}", hint="deespec prompt list") from error
    text = text.strip() + "\n"
    return text if not text.startswith("/") else "\n" + text


def tried(text: str, values: Mapping[str, Any]) -> str:
    """What a template that nothing is wrong with makes of such values."""
    return _rendered(_compiled(text)[1], values)


def wrong_with(text: str, trials: Iterable[Mapping[str, Any]]) -> str | None:
    """`LINE: what` is wrong with a template that is to be given such values; None: nothing that could be found."""
    try:
        tree, template = _compiled(text)
        for values in trials:
            if unknown := _unknown(_environment(), tree, values):
                return unknown
            _rendered(template, values)
    except DeespecError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - whatever it may come to, it is told
        line, what = _told(error)
        return f"{line}: {what}" if line else what
    return None


@lru_cache(maxsize=16)
def _compiled(text: str) -> tuple[Tree, Template]:
    """Kept, as compiling a template takes longer than all else of a prompt."""
    from deespec.engine.prompt_bounds import bounded

    tree = bounded(_environment(), text)
    return tree, _environment().from_string(tree)


def _rendered(template: Template, values: Mapping[str, Any]) -> str:
    from deespec.engine.prompt_filters import PURSE, Purse

    return _bounded(template.generate({**values, PURSE: Purse()}))


def _unknown(environment: Environment, tree: Tree, values: Mapping[str, Any]) -> str | None:
    from jinja2 import meta, nodes

    names = meta.find_undeclared_variables(tree) - values.keys() - environment.globals.keys()
    first = next((one for one in tree.find_all(nodes.Name) if one.name in names), None)
    if first is None:
        return None
    return f"{first.lineno}: asks for {', '.join(sorted(names))}, which this prompt is not given"


def _told(error: Exception) -> tuple[int | None, str]:
    """Where it is, if that is known, and what."""
    from jinja2 import TemplateSyntaxError

    if isinstance(error, TemplateSyntaxError):
        return error.lineno, error.message or "this cannot be read"
    if isinstance(error, RecursionError):
        return None, "it is nested too deep"
    lines = [
        number for frame, number in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == IN_MEMORY
    ]
    return lines[-1] if lines else None, str(error)


def _bounded(parts: Iterable[str]) -> str:
    kept, size = [], 0
    for part in parts:
        size += len(part)
        if size > PROMPT_CHARACTERS:
            raise BadConfig(f"The prompt is longer than {PROMPT_CHARACTERS:,} characters.")
        kept.append(part)
    return "".join(kept)


@cache
def _environment() -> Environment:
    from jinja2 import StrictUndefined
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    from deespec.engine.prompt_bounds import keep_bounds

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"+", "-"})

        def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
            if not (isinstance(left, int | float) and isinstance(right, int | float)):
                raise SecurityError(f"{operator} is for numbers only in templates of prompts")
            return super().call_binop(context, operator, left, right)

    environment = Sandbox(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    keep_bounds(environment)
    return environment
