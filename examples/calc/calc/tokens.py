"""Cuts a text into tokens."""

import re
from typing import NamedTuple

from calc.errors import CalcError
from calc.operators import BINARY

PUNCTUATION = "(),"
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
NAME = re.compile(r"[a-z][a-z0-9_]*")


class Token(NamedTuple):
    kind: str
    """number, name, symbol or end."""
    text: str
    position: int


def tokenize(text: str) -> list[Token]:
    """The tokens of a text; the last one is always `end`."""
    tokens = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token = _token(text, at)
        tokens.append(token)
        at += len(token.text)
    tokens.append(Token("end", "", len(text)))
    return tokens


def _token(text: str, at: int) -> Token:
    if match := NUMBER.match(text, at):
        return Token("number", match[0], at)
    if match := NAME.match(text, at):
        return Token("name", match[0], at)
    if text[at] in BINARY or text[at] in PUNCTUATION:
        return Token("symbol", text[at], at)
    raise CalcError(f"{text[at]!r} means nothing here", at)
