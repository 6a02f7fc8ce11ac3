"""`python3 -m calc EXPRESSION`: prints the value, or says on standard error what is wrong and exits 2."""

import argparse
import sys
from collections.abc import Sequence

from calc.errors import CalcError
from calc.evaluate import evaluate


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        value = evaluate(options.expression)
    except CalcError as error:
        print(_explain(options.expression, error), file=sys.stderr)
        return 2
    print(value)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="calc", description="Works out an expression, exactly.")
    parser.add_argument("expression", help='for example "(1 + 2) / 4"')
    return parser


def _explain(expression: str, error: CalcError) -> str:
    if error.position is None:
        return f"calc: {error}"
    return f"calc: {error}\n  {expression}\n  {' ' * error.position}^"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
