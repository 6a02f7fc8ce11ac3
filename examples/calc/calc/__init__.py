"""Exact arithmetic: numbers are fractions from the keyboard to the screen."""

from calc.errors import CalcError
from calc.evaluate import evaluate

__all__ = ["CalcError", "evaluate"]
