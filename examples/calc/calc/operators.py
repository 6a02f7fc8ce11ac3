"""The table of operators. Tokenizer and parser know only what stands here."""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from calc.errors import CalcError


class Operator(NamedTuple):
    precedence: int
    """The higher, the tighter it binds."""
    apply: Callable[[Fraction, Fraction], Fraction]
    groups_right: bool = False


def add(left: Fraction, right: Fraction) -> Fraction:
    return left + right


def subtract(left: Fraction, right: Fraction) -> Fraction:
    return left - right


def multiply(left: Fraction, right: Fraction) -> Fraction:
    return left * right


def divide(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise CalcError("division by zero")
    return left / right


BINARY = {
    # Sums
    "+": Operator(1, add),
    "-": Operator(1, subtract),
    # Products; a sign binds tighter than these
    "*": Operator(2, multiply),
    "/": Operator(2, divide),
}

SIGN_PRECEDENCE = 3
