"""What a run of the benchmarks has found, for machines: as JSON, with what the figures depend on."""

from __future__ import annotations

import json
import os
import platform
from typing import TYPE_CHECKING, Any

import apsw
import psutil

from benchmarks.place import sync_floor
from benchmarks.table import Point, Row, time_text
from deespec.records import as_dict, record

if TYPE_CHECKING:
    from pathlib import Path


@record
class Surroundings:
    """What the figures depend on."""

    python: str
    sqlite: str
    cpus: int
    system: str
    file_system: str
    fdatasync_s: float
    """A write of 4 KiB and its fdatasync, median."""
    load: tuple[float, ...]
    """When the run began."""
    short: bool

    def in_words(self) -> str:
        """Without what belongs to one run only."""
        return (
            f"Python {self.python}, SQLite {self.sqlite}, {self.cpus} CPUs, {self.system}, {self.file_system}"
            f" (write + fdatasync {time_text(self.fdatasync_s)})" + (", small numbers" if self.short else "")
        )


@record
class Theme:
    seconds: float
    """How long it took to measure."""
    rows: tuple[Row, ...]


@record
class Result:
    surroundings: Surroundings
    themes: dict[str, Theme]


def surroundings(folder: Path, *, short: bool) -> Surroundings:
    return Surroundings(
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),
        cpus=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        file_system=_file_system(folder),
        fdatasync_s=sync_floor(folder),
        load=os.getloadavg(),
        short=short,
    )


def to_json(result: Result) -> str:
    return json.dumps(
        {
            "surroundings": as_dict(result.surroundings),
            "themes": {
                name: {"seconds": theme.seconds, "rows": [_row_to_json(row) for row in theme.rows]}
                for name, theme in result.themes.items()
            },
        },
        ensure_ascii=False,
        indent=1,
    )


def from_json(text: str) -> Result:
    found = json.loads(text)
    return Result(
        surroundings=Surroundings(**found["surroundings"]),
        themes={
            name: Theme(seconds=theme["seconds"], rows=tuple(_row_from_json(row) for row in theme["rows"]))
            for name, theme in found["themes"].items()
        },
    )


def _row_to_json(row: Row) -> dict[str, object]:
    found = {name: value for name, value in as_dict(row).items() if value not in (None, "")}
    if row.point is not None:
        found["point"] = {"series": row.point.series, "at": row.point.at, **dict(row.point.figures)}
    return found


def _row_from_json(found: dict[str, Any]) -> Row:
    point = found.pop("point", None)
    if point is not None:
        series, at = point.pop("series"), point.pop("at")
        point = Point(series=series, at=at, figures=tuple(point.items()))
    return Row(**{"unit": "", **found}, point=point)


def _file_system(folder: Path) -> str:
    real = folder.resolve()
    over = [one for one in psutil.disk_partitions(all=True) if real.is_relative_to(one.mountpoint)]
    return max(over, key=lambda one: len(one.mountpoint)).fstype if over else "unknown file system"
