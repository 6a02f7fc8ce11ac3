"""What a clock needs of the remainder. Exits 1 and lists what is wrong."""

from calc import evaluate

CASES = (
    ("100 % 24", 4),
    ("-1 % 12", 11),
    ("-25 % 24", 23),
    ("-1 % 1.5", "1/2"),
    ("1 % -12", -11),
)


def main() -> int:
    wrong = 0
    for expression, expected in CASES:
        if (found := str(evaluate(expression))) != str(expected):
            print(f"{expression}: expected {expected}, found {found}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
