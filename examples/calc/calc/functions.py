"""The table of functions. A function takes fractions and returns one."""

import inspect
from collections.abc import Callable, Sequence
from fractions import Fraction

from calc.errors import CalcError


def absolute(value: Fraction) -> Fraction:
    return abs(value)


def sign(value: Fraction) -> Fraction:
    return Fraction((value > 0) - (value < 0))


FUNCTIONS: dict[str, Callable[..., Fraction]] = {
    "abs": absolute,
    "sign": sign,
}


def call(name: str, arguments: Sequence[Fraction], position: int) -> Fraction:
    """The value of a function. Raises CalcError for an unknown one, or the wrong number of arguments."""
    function = FUNCTIONS.get(name)
    if function is None:
        raise CalcError(f"no function {name}; there are {', '.join(sorted(FUNCTIONS))}", position)
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise CalcError(f"{name} does not take {len(arguments)} arguments", position) from error
    return function(*arguments)
