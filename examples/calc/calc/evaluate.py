"""Works out what an expression is worth."""

from fractions import Fraction

from calc.functions import call
from calc.operators import BINARY
from calc.parser import Binary, Call, Negative, Number, Tree, parse


def evaluate(text: str) -> Fraction:
    """The exact value of an expression. Raises CalcError if it has none."""
    return value_of(parse(text))


def value_of(tree: Tree) -> Fraction:
    match tree:
        case Number(value):
            return value
        case Negative(of):
            return -value_of(of)
        case Binary(symbol, left, right):
            return BINARY[symbol].apply(value_of(left), value_of(right))
        case Call(name, arguments, position):
            return call(name, [value_of(argument) for argument in arguments], position)
