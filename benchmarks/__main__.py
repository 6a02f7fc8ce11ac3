"""`python -m benchmarks [--short] [THEME...]`: runs the themes and prints their table. Bars inform; they do not judge.

The exit status is 0 when everything could be measured, 1 when a benchmark broke.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

import apsw
import psutil

from benchmarks import table
from benchmarks.place import Place, sync_floor

THEMES = ("locks", "writes", "claims", "startup", "makespan", "pickup", "turns", "idle")


def main() -> int:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="deespec-bench-", dir=asked.folder) as folder:
        _isolate(Path(folder))
        print(_surroundings(Path(folder)), table.head(), sep="\n\n", flush=True)
        broken = [name for name in asked.themes or THEMES if not _run(name, Path(folder), short=asked.short)]
    if broken:
        print(f"\nbroken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("themes", nargs="*", metavar="THEME", help=", ".join(THEMES))
    parser.add_argument("--short", action="store_true", help="small numbers: do they still work?")
    parser.add_argument("--folder", metavar="DIR", help="where to work (its disk is measured)")
    asked = parser.parse_args()
    unknown = set(asked.themes) - set(THEMES)
    if unknown:
        parser.error(f"no such theme: {', '.join(sorted(unknown))}")
    return asked


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


def _surroundings(folder: Path) -> str:
    """What the figures depend on."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, {os.cpu_count()} CPUs,"
        f" {platform.system()} {platform.release()}, {_file_system(folder)}"
        f" (write + fdatasync {table.time_text(sync_floor(folder))}), load {load}"
    )


def _file_system(folder: Path) -> str:
    real = folder.resolve()
    over = [one for one in psutil.disk_partitions(all=True) if real.is_relative_to(one.mountpoint)]
    return max(over, key=lambda one: len(one.mountpoint)).fstype if over else "unknown file system"


def _run(name: str, folder: Path, *, short: bool) -> bool:
    """Measures one theme and prints its rows; False if it broke."""
    theme = importlib.import_module(f"benchmarks.{name}")
    own = folder / name
    own.mkdir()
    place = Place(folder=own, env=tuple(os.environ.items()))
    began = time.perf_counter()
    try:
        rows = list(theme.measure(place, theme.SHORT if short else theme.FULL))
    except Exception:  # noqa: BLE001 - the other themes go on
        print(f"\n{name} broke:", file=sys.stderr)
        traceback.print_exc()
        if place.complaints.exists():
            print(place.complaints.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        return False
    print(f"\n{name} ({time.perf_counter() - began:.0f} s)")
    print(*map(table.line_of, rows), sep="\n", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
