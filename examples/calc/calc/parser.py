"""Turns tokens into a tree, by precedence climbing."""

from fractions import Fraction
from typing import NamedTuple

from calc.errors import CalcError
from calc.operators import BINARY, SIGN_PRECEDENCE
from calc.tokens import Token, tokenize

MAX_LENGTH = 200
"""Characters of an expression; what is nested deeper than this would exhaust Python's stack."""


class Number(NamedTuple):
    value: Fraction


class Negative(NamedTuple):
    of: "Tree"


class Binary(NamedTuple):
    symbol: str
    left: "Tree"
    right: "Tree"


class Call(NamedTuple):
    name: str
    arguments: tuple["Tree", ...]
    position: int


Tree = Number | Negative | Binary | Call


def parse(text: str) -> Tree:
    """The tree of an expression. Raises CalcError with the position of what does not fit."""
    if len(text) > MAX_LENGTH:
        raise CalcError(f"longer than {MAX_LENGTH} characters")
    reader = _Reader(tokenize(text))
    tree = reader.expression(0)
    reader.expect("end", "")
    return tree


class _Reader:
    """The tokens that are left."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def expect(self, kind: str, text: str) -> Token:
        token = self._next()
        if (token.kind, token.text) != (kind, text):
            found = token.text or "the end"
            raise CalcError(f"expected {text or 'the end'}, found {found}", token.position)
        return token

    def expression(self, lowest: int) -> Tree:
        """An expression whose operators all bind at least as tight as `lowest`."""
        tree = self._operand()
        while (operator := BINARY.get(self._peek().text)) and operator.precedence >= lowest:
            symbol = self._next().text
            tree = Binary(symbol, tree, self.expression(operator.precedence + (not operator.groups_right)))
        return tree

    def _operand(self) -> Tree:
        token = self._next()
        if token.kind == "number":
            return Number(Fraction(token.text))
        if token.kind == "name":
            return Call(token.text, self._arguments(), token.position)
        if token.text == "-":
            return Negative(self.expression(SIGN_PRECEDENCE))
        if token.text == "(":
            tree = self.expression(0)
            self.expect("symbol", ")")
            return tree
        raise CalcError(f"expected a number, found {token.text or 'the end'}", token.position)

    def _arguments(self) -> tuple[Tree, ...]:
        self.expect("symbol", "(")
        arguments = [self.expression(0)]
        while self._peek().text == ",":
            self._next()
            arguments.append(self.expression(0))
        self.expect("symbol", ")")
        return tuple(arguments)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token
