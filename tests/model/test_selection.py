"""Which globs can meet and what lies within them, against a slow and obvious matcher."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deespec.model import selection
from deespec.model.selection import inside, names_everything, paths_overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[!a]", "[a-c]", "]", "["])
SEGMENT = st.one_of(st.just("**"), st.lists(PIECE, min_size=1, max_size=5).map("".join))
GLOBS = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
NAMES = st.text("ab.c[]", min_size=1, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)


def overlap(a: str, b: str) -> bool:
    return paths_overlap([a], [b])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("src/auth/**", "src/auth/login.py"),
        ("src/auth", "src/auth/login.py"),
        ("src/auth/", "src/auth/login.py"),
        ("./src//auth", "src/auth"),
        ("src/**", "src"),
        ("**", "anything/at/all"),
        (".", "anything/at/all"),
        ("**/test_*.py", "tests/unit/test_a.py"),
        ("**/test_*.py", "test_a.py"),
        ("**/tests/**", "src/a/tests/b.py"),
        ("src/*/models.py", "src/shop/*.py"),
        ("src/**/b/c", "src/a/**/c"),
        ("a*c", "ab*"),
        ("a?c", "*b*"),
        ("file[0-9]", "file7"),
        ("file[!0-9]", "filex"),
        ("file[0-9]", "file[a-z]"),
        ("packages/*", "packages/web/src/a.ts"),
        ("app/[id]/page.tsx", "app/[id]/page.tsx"),
        ("app/[id]/page.tsx", "app/*/page.tsx"),
        ("app/[id]/page.tsx", "app/[i*/page.tsx"),
        ("caf\u00e9/**", "cafe\u0301/menu.md"),
        ("*.d.ts", "a.d.ts"),
    ],
)
def test_globs_that_can_name_a_common_path_overlap(a, b):
    assert overlap(a, b)
    assert overlap(b, a)
    assert paths_overlap([a], [b])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("src/auth/**", "src/db/**"),
        ("src/auth", "src/authors"),
        ("src/auth/**", "tests/auth/**"),
        ("src/*.py", "src/*.js"),
        ("src/**/*.py", "src/**/*.md"),
        ("src/*.py", "src/auth/*.py"),
        ("a*b", "a*c.txt"),
        ("a?", "abc"),
        ("file[0-9]", "filex"),
        ("file[!0-9]", "file7"),
        ("Readme.md", "README.md"),
        ("src/[ab]/x.py", "src/c/x.py"),
    ],
)
def test_globs_that_cannot_are_apart(a, b):
    assert not overlap(a, b)
    assert not overlap(b, a)
    assert not paths_overlap([a], [b])


@pytest.mark.parametrize(
    ("path", "globs", "expected"),
    [
        ("src/a.py", ["src/**"], True),
        ("src/a/b/c.py", ["src"], True),
        ("src/a.py", ["tests", "src/*.py"], True),
        ("src/x/a.py", ["src/*.py"], False),
        ("SRC/a.py", ["src"], False),
        ("srca.py", ["src"], False),
        ("src/a.py", [], False),
        (".env", ["*"], True),
        ("app/[id]/page.tsx", ["app/[id]"], True),
        ("app/i/page.tsx", ["app/[id]"], True),
        ("cafe\u0301/menu.md", ["caf\u00e9"], True),
        ("x.py/y", ["*.py"], False),
        ("x.py/y", ["x.py"], True),
        ("a]b", ["a[]]b"], True),
        ("a-b", ["a[a-]b"], True),
        ("a[b", ["a[b"], True),
    ],
)
def test_a_file_lies_within_its_globs(path, globs, expected):
    assert inside(path, globs) is expected


@given(PATHS, GLOBS)
@example("a/b", "**/**/b")
@example("[a]", "[a]")
def test_inside_agrees_with_a_regular_expression(path, glob):
    assert inside(path, [glob]) == (
        slow_pattern(glob).fullmatch("".join(f"{part}/" for part in parts(path))) is not None
    )


@given(PATHS, GLOBS, GLOBS)
def test_globs_with_a_common_path_overlap(path, a, b):
    if inside(path, [a]) and inside(path, [b]):
        assert overlap(a, b)


@given(GLOBS, GLOBS)
def test_overlap_has_no_direction(a, b):
    assert overlap(a, b) == overlap(b, a)


@given(GLOBS)
def test_every_glob_overlaps_itself_and_everything(glob):
    assert overlap(glob, glob)
    assert overlap(glob, "**")


@given(st.lists(GLOBS, max_size=20), st.lists(GLOBS, max_size=20))
def test_lists_overlap_where_any_two_of_their_globs_do(a, b):
    assert paths_overlap(a, b) == any(overlap(one, other) for one in a for other in b)


@pytest.mark.parametrize(("glob", "expected"), [("**", True), (".", True), ("**/**", True), ("*", False), ("a", False)])
def test_only_the_whole_project_names_everything(glob, expected):
    assert names_everything(glob) is expected


def few_folders(side: str) -> list[str]:
    return [f"src/package{n % 7}/{side}{n}/**" for n in range(200)]


def one_folder(side: str) -> list[str]:
    return [f"src/{side}{n}_*.py" for n in range(200)]


def every_depth(side: str) -> list[str]:
    return [f"src/**/{side}{n}_*.{side}" for n in range(200)]


@pytest.mark.parametrize("globs", [few_folders, one_folder, every_depth])
def test_two_hundred_globs_against_two_hundred_take_a_moment(globs):
    a, b = globs("left"), globs("right")
    assert best_seconds(lambda: paths_overlap(a, b)) < 0.1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("*a" * 400 + "b", "a" * 1_000),
        ("*a" * 400 + "b", "?" * 1_000),
        ("*a" * 400, "*b" * 400),
        ("/".join(["**", "a"] * 250) + "/b.c*", "/".join("a" * 500)),
        ("/".join(["**", "*a*"] * 120), "/".join(["?a?"] * 120)),
    ],
    ids=range(5),
)
def test_no_pattern_is_a_catastrophe(a, b):
    assert best_seconds(lambda: overlap(a, b)) < 1


def best_seconds(act: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        selection._glob.cache_clear()
        selection._by_prefix.cache_clear()
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return min(times)


# --- the slow and obvious matcher -----------------------------------------------------------------------------------


def parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def slow_pattern(glob: str) -> re.Pattern[str]:
    """The glob as a regular expression over a path that ends with a slash."""
    segments = parts(glob)
    last = segments[-1] if segments else "**"
    files_only = has_wildcard(last) and re.search(r"\.[^*?\[\]]+$", last)
    if not files_only:
        segments.append("**")
    return re.compile("".join("(?:[^/]+/)*" if part == "**" else f"(?:{slow_segment(part)})/" for part in segments))


def slow_segment(part: str) -> str:
    """A segment with a class stands for itself, too."""
    return f"{''.join(slow_signs(part))}|{re.escape(part)}"


def has_wildcard(part: str) -> bool:
    return "".join(slow_signs(part)) != re.escape(part)


def slow_signs(part: str) -> Iterator[str]:
    at = 0
    while at < len(part):
        sign = part[at]
        if sign == "*":
            yield "[^/]*"
        elif sign == "?":
            yield "[^/]"
        elif sign == "[" and (end := class_end(part, at)):
            inner = part[at + 1 : end]
            negated = inner[0] in "!^"
            inner = inner[negated:].replace("\\", "\\\\").replace("]", "\\]").replace("[", "\\[")
            yield f"(?!/)[{'^' if negated else ''}{inner}]"
            at = end
        else:
            yield re.escape(sign)
        at += 1


def class_end(part: str, at: int) -> int:
    """Where the class that begins at `at` is closed; 0 if it is not. A `]` at its beginning belongs to it."""
    first = at + 1 + (part[at + 1 : at + 2] in ("!", "^"))
    return max(part.find("]", first + 1), 0)
