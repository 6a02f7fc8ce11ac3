"""Filters, methods and tests of templates of prompts. Each pays, before it works, for what it reads and makes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Final

from jinja2 import Undefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_indent, do_truncate

if TYPE_CHECKING:
    from jinja2.runtime import Context

    Filter = Callable[..., object]

REPORT_CHARACTERS = 2_000
MOST_WORK = 16_000_000
"""Characters that are read and made for one prompt, beside what it prints."""
MOST_TEXT = 1 << 20
"""Characters that replace, join and indent may make at once."""
MOST_PIECES = 10_000
PURSE: Final = "(purse)"
"""Where a template's values have theirs; no template can name it."""


class Purse:
    """What a prompt may still cost."""

    def __init__(self) -> None:
        self._left = MOST_WORK

    def pay(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise SecurityError("its loops and filters have too much to do")


def filters() -> dict[str, Filter]:
    """As jinja2 wants them; those in brackets are put in by the engine."""
    own: dict[str, Filter] = {"(rounds)": pass_context(_rounds), "(weighed)": pass_context(_weighed)}
    methods = {f"({name})": _paid(one) for name, one in METHODS.items()}
    return {name: _paid(one) for name, one in FILTERS.items()} | methods | own


def _paid(function: Filter) -> Filter:
    @pass_context
    def run(context: Context, value: object, *args: object, **named: object) -> object:
        context[PURSE].pay(1 + _size(value) + sum(_size(one) for one in args))
        return function(context, value, *args, **named)

    return run


def _rounds(context: Context, values: Iterable[object], costs: int) -> Iterator[object]:
    purse: Purse = context[PURSE]
    for one in values:
        purse.pay(costs)
        yield one


def _weighed(context: Context, value: object) -> object:
    context[PURSE].pay(_size(value))
    return value


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return sum(1 + (len(one) if isinstance(one, str) else 0) for one in value)
    return 1


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Undefined):
        return str(value)
    raise SecurityError(f"a text is needed here, not {type(value).__name__}")


def _list(value: object) -> list[object]:
    if isinstance(value, Undefined):
        return list(value)
    if isinstance(value, str) or not (isinstance(value, Iterable) and isinstance(value, Sized)):
        raise SecurityError(f"a list is needed here, not {type(value).__name__}")
    return list(value)


def _made(context: Context, characters: int) -> None:
    if characters > MOST_TEXT:
        raise SecurityError(f"a text would have more than {MOST_TEXT:,} characters")
    context[PURSE].pay(characters)


def _short(_: Context, value: object) -> str:
    flat = re.sub(r"\s+", " ", "" if value is None else _text(value)).strip()
    return flat if len(flat) <= REPORT_CHARACTERS else flat[:REPORT_CHARACTERS] + "…"


def _join(context: Context, value: object, between: object = "") -> str:
    texts, glue = [_text(one) for one in _list(value)], _text(between)
    _made(context, sum(map(len, texts)) + len(glue) * len(texts))
    return glue.join(texts)


def _replace(context: Context, value: object, old: object, new: object) -> str:
    text, before, after = _text(value), _text(old), _text(new)
    if not before:
        raise SecurityError("replace needs a text to look for")
    _made(context, len(text) + text.count(before) * (len(after) - len(before)))
    return text.replace(before, after)


def _indent(context: Context, value: object, width: int = 4, first: bool = False, blank: bool = False) -> str:
    text = _text(value)
    _made(context, len(text) + width * (1 + len(text.splitlines())))
    return do_indent(text, width, first, blank)


def _truncate(context: Context, value: object, length: int = 255, killwords: bool = False, end: str = "...") -> str:
    return do_truncate(context.environment, _text(value), length, killwords, end)


def _length(_: Context, value: object) -> int:
    return len(value) if isinstance(value, str) else len(_list(value))


def _first(context: Context, value: object) -> object:
    values = value[:1] if isinstance(value, str) else _list(value)
    return values[0] if values else context.environment.undefined("nothing is the first of nothing")


def _last(context: Context, value: object) -> object:
    values = value[-1:] if isinstance(value, str) else _list(value)
    return values[-1] if values else context.environment.undefined("nothing is the last of nothing")


def _default(_: Context, value: object, default_value: object = "", boolean: bool = False) -> object:
    return default_value if isinstance(value, Undefined) or (boolean and not value) else value


def _key(value: object) -> str | float:
    return value if isinstance(value, int | float) else _text(value).lower()


def _sort(_: Context, value: object, reverse: bool = False) -> list[object]:
    return sorted(_list(value), key=_key, reverse=reverse)


def _unique(_: Context, value: object) -> list[object]:
    return list({_key(one): one for one in reversed(_list(value))}.values())[::-1]


def _reverse(_: Context, value: object) -> object:
    return value[::-1] if isinstance(value, str) else _list(value)[::-1]


def _split(_: Context, value: object, between: object = None) -> list[str]:
    return _few(_text(value).split(None if between is None else _text(between), MOST_PIECES))


def _splitlines(_: Context, value: object) -> list[str]:
    return _few(_text(value).splitlines())


def _few(pieces: list[str]) -> list[str]:
    if len(pieces) > MOST_PIECES:
        raise SecurityError(f"a text would fall into more than {MOST_PIECES:,} pieces")
    return pieces


def _upper(_: Context, value: object) -> str:
    return _text(value).upper()


def _lower(_: Context, value: object) -> str:
    return _text(value).lower()


def _trim(_: Context, value: object) -> str:
    return _text(value).strip()


def _startswith(_: Context, value: object, what: object) -> bool:
    return _text(value).startswith(_text(what))


def _endswith(_: Context, value: object, what: object) -> bool:
    return _text(value).endswith(_text(what))


def _odd(value: object) -> bool:
    """`%` of jinja2's own would fill a text in."""
    return isinstance(value, int) and value % 2 == 1


def _even(value: object) -> bool:
    return isinstance(value, int) and value % 2 == 0


def _defined(value: object) -> bool:
    return not isinstance(value, Undefined)


def _undefined(value: object) -> bool:
    return isinstance(value, Undefined)


def _none(value: object) -> bool:
    return value is None


def _string(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    return isinstance(value, int | float)


FILTERS: dict[str, Filter] = {
    "default": _default,
    "first": _first,
    "indent": _indent,
    "join": _join,
    "last": _last,
    "length": _length,
    "list": lambda _, value: _list(value),
    "lower": _lower,
    "replace": _replace,
    "reverse": _reverse,
    "short": _short,
    "sort": _sort,
    "trim": _trim,
    "truncate": _truncate,
    "unique": _unique,
    "upper": _upper,
}
METHODS: dict[str, Filter] = {
    "endswith": _endswith,
    "lower": _lower,
    "split": _split,
    "splitlines": _splitlines,
    "startswith": _startswith,
    "strip": _trim,
    "upper": _upper,
}
TESTS: dict[str, Callable[[object], bool]] = {
    "defined": _defined,
    "even": _even,
    "none": _none,
    "number": _number,
    "odd": _odd,
    "string": _string,
    "undefined": _undefined,
}
