"""`python -m benchmarks [--short] [THEME...]`: runs the themes and prints their table. Bars inform; they do not judge.

The exit status is 0 when everything could be measured, 1 when a benchmark broke.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from benchmarks import chart, result, table
from benchmarks.place import Place
from benchmarks.result import Result, Theme

THEMES = (
    "locks",
    "writes",
    "mixed",
    "checkpoints",
    "backups",
    "claims",
    "startup",
    "makespan",
    "pickup",
    "turns",
    "worktrees",
    "merging",
    "idle",
    "board",
)


def main() -> int:
    asked = _arguments()
    if asked.drawn_from is not None:
        return _draw(result.from_json(asked.drawn_from.read_text(encoding="utf-8")), asked.chart)
    found = _measure(asked)
    asked.output.write_text(result.to_json(found), encoding="utf-8")
    print(f"\nresult: {asked.output}")
    status = _draw(found, asked.chart) if asked.chart else 0
    broken = [name for name in asked.themes or THEMES if name not in found.themes]
    if broken:
        print(f"\nbroken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else status


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("themes", nargs="*", metavar="THEME", help=", ".join(THEMES))
    parser.add_argument("--short", action="store_true", help="small numbers: do they still work?")
    parser.add_argument("--folder", metavar="DIR", help="where to work (its disk is measured)")
    parser.add_argument("--output", metavar="FILE", type=Path, help="the result as JSON; else a new temporary file")
    parser.add_argument("--chart", metavar="FILE", type=Path, help="draw the chart of the guide into this file")
    parser.add_argument(
        "--from", metavar="FILE", type=Path, dest="drawn_from", help="measure nothing, draw this result"
    )
    asked = parser.parse_args()
    unknown = set(asked.themes) - set(THEMES)
    if unknown:
        parser.error(f"no such theme: {', '.join(sorted(unknown))}")
    if asked.drawn_from is not None and asked.chart is None:
        parser.error("--from needs --chart")
    if asked.output is None and asked.drawn_from is None:
        number, name = tempfile.mkstemp(prefix="deespec-bench-", suffix=".json")
        os.close(number)
        asked.output = Path(name)
    return asked


def _measure(asked: argparse.Namespace) -> Result:
    themes = {}
    with tempfile.TemporaryDirectory(prefix="deespec-bench-", dir=asked.folder) as folder:
        _isolate(Path(folder))
        found = result.surroundings(Path(folder), short=asked.short)
        load = ", ".join(f"{one:.1f}" for one in found.load)
        print(f"{found.in_words()}, load {load}", table.head(), sep="\n\n", flush=True)
        for name in asked.themes or THEMES:
            theme = _run(name, Path(folder), short=asked.short)
            if theme is not None:
                themes[name] = theme
    return Result(surroundings=found, themes=themes)


def _draw(found: Result, file: Path) -> int:
    missing = chart.missing(found)
    if missing:
        print(f"no chart: {', '.join(missing)} not measured; {file} is as it was", file=sys.stderr)
        return 0
    file.write_text(chart.draw(found), encoding="utf-8")
    print(f"chart: {file}")
    return 0


def _isolate(folder: Path) -> None:
    """Nobody's settings, and byte code as an installed package has it."""
    for name in [name for name in os.environ if name.startswith(("DEESPEC_", "GIT_"))]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths if path)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "pycache")
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    os.environ["TMPDIR"] = str(folder)


def _run(name: str, folder: Path, *, short: bool) -> Theme | None:
    """Measures one theme and prints its rows; None if it broke."""
    own = folder / name
    own.mkdir()
    place = Place(folder=own, env=tuple(os.environ.items()))
    began = time.perf_counter()
    try:
        theme = importlib.import_module(f"benchmarks.{name}")
        rows = tuple(theme.measure(place, theme.SHORT if short else theme.FULL))
    except Exception:  # noqa: BLE001 - the other themes go on
        print(f"\n{name} broke:", file=sys.stderr)
        traceback.print_exc()
        if place.complaints.exists():
            print(place.complaints.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        return None
    took = time.perf_counter() - began
    print(f"\n{name} ({took:.0f} s)")
    print(*map(table.line_of, rows), sep="\n", flush=True)
    return Theme(seconds=took, rows=rows)


if __name__ == "__main__":
    sys.exit(main())
