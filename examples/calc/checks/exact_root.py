"""Is the root of two really the root of two? Exits 1 and says by how much it is not."""

from calc.roots import ROOT_2


def main() -> int:
    difference = ROOT_2**2 - 2
    if difference:
        print(f"the square of {ROOT_2} is not 2, but differs by {difference}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
