"""Charts are valid, safe on a strict page, readable without colour, and no label lies on another."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from deespec.board.draw.areas import areas
from deespec.board.draw.bars import Series, bars
from deespec.board.draw.gantt import TOLD_MOST
from deespec.board.draw.gantt import gantt as drawn_gantt
from deespec.board.draw.lines import lines
from deespec.board.draw.rows import ROWS_MOST, Row, rows
from deespec.board.draw.scale import TIME_LABEL_PX, Frame, ticks, time_axis
from deespec.board.draw.spark import ASCII, BLOCKS, spark
from deespec.board.draw.svg import LETTER_PX, columns
from deespec.board.gantt import Bar, Gantt, Group
from deespec.clock import from_local

SVG = "{http://www.w3.org/2000/svg}"
YEAR_BYTES = 30_000
DAY = 86_400_000
BEGUN_AT = 1_767_225_600_000
HOSTILE = "</svg><script>alert(1)</script>\x1b[31m\x00\ud800 & \"'日本語のとても長いタイトルを表示する機能"
COUNTS = (1, 2, 7, 30, 62, 180, 400)
Draw = Callable[[int], str]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def labels(count: int) -> list[str]:
    return [time.strftime("%Y-%m-%d", time.gmtime((BEGUN_AT + at * DAY) / 1000)) for at in range(count)]


def values(count: int, seed: int, *, most: int = 40) -> tuple[float, ...]:
    rng = random.Random(seed)
    return (*(float(rng.randint(0, most)) for _ in range(count - 1)), float(most))


def stacked(count: int) -> list[Series]:
    return [
        Series(name=name, values=values(count, at))
        for at, name in enumerate(("DONE", "FAILED", "CANCELLED", "in work", HOSTILE))
    ]


def some_rows(count: int) -> str:
    found = [
        Row(name=f"SBI-{at} {HOSTILE}", value=count - at, told=f"{at}.20 USD · {HOSTILE[-8:]}", more=at)
        for at in range(count)
    ]
    return rows("cost", HOSTILE, found, second=("turns sent back", "merges <stopped>"))


def run(count: int, *, slots: int = 3) -> Gantt:
    """Turns of all outcomes, one after the other in each lane."""
    steps = ("implement", "review", "resolve", "integrate", "decompose", "")
    outcomes = ("implemented", "findings", "released", "merged", "needs_person", None)
    found = tuple(
        Bar(
            item=f"SBI-{at}",
            step=steps[at % 6],
            agent=HOSTILE,
            turn=at,
            start_at=BEGUN_AT + at // slots * 600_000,
            end_at=BEGUN_AT + at // slots * 600_000 + 500_000,
            outcome=outcomes[at % 6],
            lane=at % slots,
        )
        for at in range(count)
    )
    end = BEGUN_AT + (count // slots + 1) * 600_000
    group = Group(
        worker=HOSTILE,
        start_at=BEGUN_AT,
        end_at=end,
        runs=True,
        slots=slots,
        slots_known=True,
        bars=found,
        busy_ms=500_000 * count,
        utilisation=0.7,
        idle=(),
    )
    return Gantt(since_at=BEGUN_AT, until_at=end, groups=(group, group))


DRAWS: dict[str, Draw] = {
    "bars": lambda count: bars("b", HOSTILE, labels(count), stacked(count)[:3]),
    "bars of one": lambda count: bars("b", HOSTILE, labels(count), stacked(count)[:1]),
    "areas": lambda count: areas("a", HOSTILE, labels(count), stacked(count)[:4]),
    "lines": lambda count: lines("l", HOSTILE, labels(count), stacked(count)[:2], unit=" %", top=100),
    "rows": some_rows,
    "gantt": lambda count: drawn_gantt("g", HOSTILE, run(count)),
}
everything = pytest.mark.parametrize("draw", DRAWS.values(), ids=[*DRAWS])


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


# --- all of them ----------------------------------------------------------------------------------------------------


@everything
@pytest.mark.parametrize("count", COUNTS)
def test_a_chart_is_valid_scales_and_says_what_it_shows(draw: Draw, count: int) -> None:
    root = parsed(draw(count))
    assert (root.tag, root.get("role"), root.get("width")) == (f"{SVG}svg", "img", "100%")
    assert re.fullmatch(r"0 0 720 [\d.]+", root.get("viewBox") or "")
    title, desc = root[0], root[1]
    assert (title.tag, desc.tag) == (f"{SVG}title", f"{SVG}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert "日本語" in (title.text or "")
    assert desc.text


@everything
def test_nothing_in_a_chart_is_for_a_strict_page_to_refuse(draw: Draw) -> None:
    svg = draw(30)
    assert {part.tag.removeprefix(SVG) for part in parsed(svg).iter()} <= {
        "svg", "title", "desc", "defs", "pattern", "g", "path", "rect", "circle", "text",
    }  # fmt: skip
    names = {name for part in parsed(svg).iter() for name in part.attrib}
    assert not {name for name in names if name == "style" or name.startswith("on") or "href" in name}
    assert "<script" not in svg
    assert "\x1b" not in svg


@everything
def test_a_year_is_small(draw: Draw) -> None:
    assert len(draw(365).encode()) <= YEAR_BYTES


@everything
@pytest.mark.parametrize("count", COUNTS)
def test_no_text_lies_on_another_or_outside(draw: Draw, count: int) -> None:
    root = parsed(draw(count))
    width, height = map(float, (root.get("viewBox") or "").split()[2:])
    lined: dict[float, list[tuple[float, float, str]]] = {}
    for part in root.iter(f"{SVG}text"):
        x, y, wide = float(part.get("x", "")), float(part.get("y", "")), columns(part.text or "") * LETTER_PX
        left = x - {"middle": wide / 2, "end": wide}.get(part.get("text-anchor", ""), 0)
        assert left >= -1, part.text
        assert left + wide <= width + 1, part.text
        assert 0 <= y <= height, part.text
        lined.setdefault(y, []).append((left, left + wide, part.text or ""))
    for found in lined.values():
        for (_, end, one), (start, _, other) in pairwise(sorted(found)):
            assert end <= start + 0.5, (one, other)


@everything
def test_patterns_are_the_chart_s_own(draw: Draw) -> None:
    root = parsed(draw(7))
    made = {part.get("id") for part in root.iter(f"{SVG}pattern")}
    used = set(re.findall(r"url\(#([^)]+)\)", ElementTree.tostring(root, encoding="unicode")))
    assert used <= made
    assert all(one and one.startswith(root[0].get("id", "").removesuffix("title")) for one in made)


@pytest.mark.parametrize("draw", [DRAWS[name] for name in ("bars", "areas")], ids=["bars", "areas"])
def test_series_differ_without_colour_and_are_named(draw: Draw) -> None:
    root = parsed(draw(30))
    looks = {
        (part.get("fill"), part.get("fill-opacity"))
        for group in root.iter(f"{SVG}g")
        for part in group.iter(f"{SVG}path")
        if part.get("fill", "none") != "none"
    }
    assert len(looks) >= 3
    said = " ".join(part.text or "" for part in root.iter(f"{SVG}text"))
    assert all(name in said for name in ("DONE", "FAILED", "CANCELLED"))


@everything
def test_its_own_words_can_be_translated(draw: Draw) -> None:
    empty = {
        "b": bars("b", "t", ["1"], [Series(name="s", values=(0,))], words=str.upper),
        "a": areas("a", "t", ["1"], [Series(name="s", values=(0,))], words=str.upper),
        "l": lines("l", "t", ["1"], [Series(name="s", values=(None,))], words=str.upper),
        "c": rows("c", "t", [], words=str.upper),
        "g": drawn_gantt("g", "t", Gantt(since_at=0, until_at=0, groups=()), words=str.upper),
    }
    name = (parsed(draw(1))[0].get("id") or "")[0]
    assert "NOTHING YET IN THIS TIME." in empty[name]


# --- each -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (23, [0, 5, 10, 15, 20, 25]),
        (100, [0, 20, 40, 60, 80, 100]),
        (1234, [0, 500, 1000, 1500]),
    ],
)
def test_ticks_are_round_numbers(most: float, expected: list[float]) -> None:
    assert ticks(most) == expected


def test_columns_are_as_high_as_their_values() -> None:
    root = parsed(bars("b", "t", ["a", "b"], [Series(name="s", values=(2, 4))]))
    [path] = [part.get("d", "") for part in root.iter(f"{SVG}path") if part.get("d", "").endswith("z")]
    heights = [-float(one) for one in re.findall(r"v(-[\d.]+)", path)]
    assert heights[1] == 2 * heights[0]
    assert [part.text for part in root.iter(f"{SVG}text")][-2:] == ["2", "4"]


def test_a_line_breaks_where_there_is_no_value() -> None:
    root = parsed(lines("l", "t", labels(5), [Series(name="rate", values=(1, 2, None, 3, 4))]))
    [path] = [part.get("d", "") for part in root.iter(f"{SVG}path") if part.get("stroke-width") == "1.8"]
    assert (path.count("M"), path.count("L")) == (2, 2)
    assert len([*root.iter(f"{SVG}circle")]) == 4


def test_a_value_that_stands_alone_is_a_tick_and_says_what_it_is() -> None:
    drawn = [Series(name="registered", values=(3,)), Series(name="begun", values=(1,))]
    root = parsed(lines("l", "t", labels(1), drawn))
    strokes = [part.get("d", "") for part in root.iter(f"{SVG}path") if part.get("stroke-width") == "1.8"]
    wide = [float(found[1]) for one in strokes if (found := re.search(r"h([\d.]+)$", one))]
    assert sorted(wide) == [20, 20, 46, 46]  # those beside the names, and those of the values
    said = [part.text for part in root.iter(f"{SVG}text")]
    assert {"registered 3", "begun 1"} <= set(said)


def test_a_value_between_days_without_one_is_seen_however_many_days_there_are() -> None:
    for count in (3, 400):
        values = (50.0, None, 200 / 3, *(None for _ in range(count - 3)))
        root = parsed(lines("l", "t", labels(count), [Series(name="rate", values=values)], unit=" %", top=100))
        [path] = [part.get("d", "") for part in root.iter(f"{SVG}path") if part.get("stroke-width") == "1.8"]
        assert [float(one) >= 6 for one in re.findall(r"h([\d.]+)", path)] == [True, True]


def test_one_rate_of_many_days_is_told_in_few_figures() -> None:
    values = (None, 200 / 3, None)
    root = parsed(lines("l", "t", labels(3), [Series(name="rate", values=values)], unit=" %", top=100))
    assert "rate 66.7 %" in [part.text for part in root.iter(f"{SVG}text")]


def test_a_long_list_says_how_many_it_leaves_out() -> None:
    assert f"… and {30 - ROWS_MOST} more" in some_rows(30)
    assert "more" not in some_rows(ROWS_MOST)


def test_a_bar_of_a_run_tells_its_facts_and_many_are_few_shapes() -> None:
    few = parsed(drawn_gantt("g", "t", run(12)))
    facts = [part.text or "" for part in few.iter(f"{SVG}title")][1:]
    assert len(facts) == 24
    assert facts[1].startswith("SBI-1 turn 1: review </svg>")
    assert facts[1].endswith("→ findings, 00:00:00, 8 min")
    many = drawn_gantt("g", "t", run(TOLD_MOST + 30))
    assert len([*parsed(many).iter(f"{SVG}title")]) == 1
    assert len(many.encode()) <= YEAR_BYTES


def test_the_axis_of_a_run_has_times_of_day_and_the_date_where_it_changes() -> None:
    root = parsed(drawn_gantt("g", "t", run(600)))
    said = [part.text for part in root.iter(f"{SVG}text")]
    assert [one for one in said if re.fullmatch(r"\d\d:\d\d", one or "")][:3] == ["00:00", "06:00", "12:00"]
    assert [one for one in said if re.fullmatch(r"2026-01-\d\d", one or "")] == ["2026-01-01", "2026-01-02"]


@pytest.mark.parametrize(
    ("day", "hours", "expected"),
    [
        ("2026-10-25", 25, ["00:00", "06:00", "12:00", "18:00", "00:00"]),
        ("2026-03-29", 23, ["00:00", "06:00", "12:00", "18:00", "00:00"]),
        ("2026-03-29", 5, ["00:00", "01:00", "03:00", "04:00", "05:00", "06:00"]),
    ],
)
def test_hours_on_an_axis_are_those_of_the_clock_on_the_wall_also_where_it_is_changed(
    day: str, hours: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    since = from_local(day)
    assert since is not None
    room = Frame(left=0, right=TIME_LABEL_PX * 6)
    assert re.findall(r">(\d\d:\d\d)<", time_axis(room, since, since + hours * 3_600_000)) == expected


def test_a_label_of_an_area_stands_below_its_point() -> None:
    root = parsed(areas("a", "t", labels(3), stacked(3)[:1]))
    path = max((part.get("d") or "" for part in root.iter(f"{SVG}path")), key=lambda one: one.count("L"))
    points = [float(point.split()[0]) for point in path.strip("Mz").split("L")][:3]
    places = {part.text: float(part.get("x") or "") for part in root.iter(f"{SVG}text")}
    assert [places[label] for label in labels(3)][1:] == points[1:]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], ""), ([0, 0], "▁▁"), ([0, 1, 7], "▁▂█"), ([5], "█"), ([1, 100], "▂█"), ([0, 4, 8], "▁▅█"), ([-3, 3], "▁█")],
)
def test_a_sparkline_has_its_highest_block_for_the_most_and_its_lowest_for_nothing(
    numbers: list[int], expected: str
) -> None:
    assert spark(numbers) == expected
    assert spark(numbers, ascii_only=True) == expected.translate(str.maketrans(BLOCKS, ASCII))
