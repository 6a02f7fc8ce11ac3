"""The cases of rounding that the bookkeepers care about. Exits 1 and lists those that are wrong."""

from fractions import Fraction

from calc.rounding import rounded

CASES = (
    (Fraction(2, 3), 2, "0.67"),
    (Fraction(5), 2, "5.00"),
    (Fraction(1, 8), 2, "0.13"),
    (Fraction(-1, 8), 2, "-0.13"),
    (Fraction("2.675"), 2, "2.68"),
    (Fraction(-1, 1000), 2, "0.00"),
    (Fraction(1, 2), 0, "1"),
    (Fraction(10**20) + Fraction(1, 100), 2, "100000000000000000000.01"),
)


def main() -> int:
    wrong = 0
    for value, decimals, expected in CASES:
        if (found := rounded(value, decimals)) != expected:
            print(f"{value} to {decimals} decimals: expected {expected}, found {found}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
