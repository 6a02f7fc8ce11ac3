"""The benchmarks still measure, and their chart can be drawn; what they find is not judged here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from benchmarks import backups, chart, checkpoints, locks, mixed, result
from benchmarks.place import Place
from benchmarks.result import Result, Surroundings, Theme
from benchmarks.table import Point, Row

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent
PATIENCE_S = 300
SVG = "{http://www.w3.org/2000/svg}"
TINY = {
    locks: locks.Sizes(pairs=10, times=1, by_processes=20, settle_s=0),
    mixed: mixed.Sizes(items=10, together=(1, 3), seconds=0.05),
    checkpoints: checkpoints.Sizes(writes=600, checkpoints=5),
    backups: backups.Sizes(backlogs=((100, 2), (200, 1)), alone=2),
}
SURROUNDINGS = Surroundings(
    python="3.x",
    sqlite="3.y",
    cpus=2,
    system="Linux <6>",
    file_system="ext4",
    fdatasync_s=0.0002,
    load=(0.0,),
    short=True,
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(folder=tmp_path, env=tuple(os.environ.items()))


@pytest.mark.parametrize("theme", TINY, ids=lambda theme: theme.__name__.rpartition(".")[2])
def test_a_theme_measures_what_the_chart_draws_and_nothing_fails(theme: ModuleType, place: Place) -> None:
    rows = tuple(theme.measure(place, TINY[theme]))
    name = theme.__name__.rpartition(".")[2]
    needed = {point.series for point in (row.point for row in drawn().themes[name].rows) if point is not None}
    assert {row.point.series for row in rows if row.point is not None} == needed
    assert [row.what for row in rows if row.bar == "0" and not row.kept] == []


def drawn() -> Result:
    """A result with all that the chart needs, and nothing else."""
    times = (("p50_s", 0.001), ("p99_s", 0.004), ("longest_s", 0.2))
    copied = (("duration_s", 0.7), ("size_mb", 59.4), ("mb_per_s", 91.6))
    both = tuple((f"{when}_{name}", value) for when in ("before", "during") for name, value in times)
    points = {
        "locks": [("threads", at, (("pair_s", at * 1e-4),)) for at in (1, 10)]
        + [("processes", at, (("pair_s", at * 1e-4),)) for at in (1, 10)],
        "mixed": [("writes", at, (("writes_per_s", 1_000), *times)) for at in (1, 16)]
        + [("reads", at, (("reads_per_s", 500), *times)) for at in (1, 16)]
        + [("writes beside readers", at, (("writes_per_s", 90), *times)) for at in (1, 16)],
        "checkpoints": [("pauses", mode, (*times, ("usual_s", 0.0006))) for mode in ("automatic", "truncate")],
        "backups": [("backups", items, (*copied, *both)) for items in (10_000, 100_000)],
    }
    return Result(
        surroundings=SURROUNDINGS,
        themes={
            name: Theme(
                seconds=1,
                rows=tuple(
                    Row(what="it", value=1, unit="s", point=Point(series=series, at=at, figures=figures))
                    for series, at, figures in found
                ),
            )
            for name, found in points.items()
        },
    )


def texts(svg: str) -> list[str]:
    return [part.text or "" for part in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_the_chart_is_well_formed_and_names_its_surroundings_units_and_series() -> None:
    said = texts(chart.draw(drawn()))
    assert SURROUNDINGS.in_words() in said
    for words in ("ms (logarithmic)", "µs", "writes/s", "p99", "longest", "truncate", "during (59.4 MB in 700 ms)"):
        assert words in said


def test_everything_in_the_chart_lies_inside_it() -> None:
    root = ElementTree.fromstring(chart.draw(drawn()))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for part in root.iter():
        places = re.findall(r"(-?[\d.]+),(-?[\d.]+)", part.get("points", ""))
        places += [(part.get(x, "0"), part.get(y, "0")) for x, y in (("x", "y"), ("cx", "cy"))]
        assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in places), part.attrib


def test_times_that_are_all_alike_can_be_drawn() -> None:
    found = drawn()
    alike = {
        name: Theme(seconds=1, rows=tuple(flat(row) for row in theme.rows)) for name, theme in found.themes.items()
    }
    assert texts(chart.draw(Result(surroundings=SURROUNDINGS, themes=alike)))


def flat(row: Row) -> Row:
    assert row.point is not None
    figures = tuple((name, 0.001) for name, _ in row.point.figures)
    return Row(what=row.what, value=1, unit="s", point=Point(series=row.point.series, at=row.point.at, figures=figures))


def test_a_result_is_the_same_after_it_was_written_and_read() -> None:
    found = drawn()
    read = result.from_json(result.to_json(found))
    assert read.themes == found.themes
    assert chart.draw(read) == chart.draw(found)


def benchmarks(*args: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "benchmarks", *map(str, args)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)


def test_a_chart_is_drawn_from_an_old_result_without_measuring(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(result.to_json(drawn()), encoding="utf-8")
    done = benchmarks("--from", tmp_path / "result.json", "--chart", tmp_path / "chart.svg")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "chart.svg").read_text(encoding="utf-8") == chart.draw(drawn())


def test_a_chart_stays_as_it_was_when_not_all_of_it_was_measured(tmp_path: Path) -> None:
    part = Result(surroundings=SURROUNDINGS, themes={"locks": drawn().themes["locks"]})
    (tmp_path / "result.json").write_text(result.to_json(part), encoding="utf-8")
    (tmp_path / "chart.svg").write_text("old", encoding="utf-8")
    done = benchmarks("--from", tmp_path / "result.json", "--chart", tmp_path / "chart.svg")
    assert "mixed, checkpoints, backups not measured" in done.stderr
    assert (tmp_path / "chart.svg").read_text(encoding="utf-8") == "old"
