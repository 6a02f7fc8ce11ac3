"""Which globs can meet and what lies within them, against a slow and obvious matcher."""

from __future__ import annotations

import re
import time
import unicodedata
from collections import defaultdict
from functools import cache, lru_cache
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from deespec.model import selection
from deespec.model.selection import inside, names_everything, paths_conflict, paths_overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[!a]", "[a-c]", "]", "["])
SEGMENT = st.one_of(st.just("**"), st.lists(PIECE, min_size=1, max_size=5).map("".join))
GLOBS = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
NAMES = st.text("ab.c[]", min_size=1, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)

FRESH = "z"
"""A letter that stands in no glob but may be meant by one."""


def words(sign: st.SearchStrategy[str], *, most: int) -> st.SearchStrategy[str]:
    return st.lists(sign, min_size=1, max_size=most).map("".join).filter(lambda word: word != "..")


def paths_of(segment: st.SearchStrategy[str], *, most: int) -> st.SearchStrategy[str]:
    return st.lists(segment, min_size=1, max_size=most).map("/".join)


MEMBERS = st.sampled_from(["a", "b", "c", ".", "a-b", "b-d", "c-a", "+-9", "-", "^", "ぁ-ん", "あ", "😀"])
SETS = st.builds("[{}{}]".format, st.sampled_from(["", "!", "^"]), words(MEMBERS, most=3))
ANY_SIGN = st.one_of(PIECE, SETS, st.sampled_from(["ab", "..", "あ"]))
ANY_GLOBS = paths_of(st.one_of(st.just("**"), words(ANY_SIGN, most=4)), most=4)
FEW_GLOBS = st.lists(ANY_GLOBS, max_size=2)
NAME_GLOBS = words(st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[!a]", "[.]", "[!.]", "[b-a]"]), most=3)
TREE_GLOBS = paths_of(st.sampled_from(["a", "b", "?", "*", "[ab]", "[!a]", "**"]), most=3)
BRANCH_WORDS = words(st.sampled_from(["a", ".", "*", "?", "[!a]"]), most=2).filter(lambda word: word != "**")
BRANCH_GLOBS = paths_of(BRANCH_WORDS, most=2)


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
        ("file[0-9]", "file[9-z]"),
        ("file[!0-9]", "file[!a-z]"),
        ("[a-c][c-e]", "[c-e][a-c]"),
        ("[!\u0001-\u007f]", "[\u007f-\u0080]"),
        ("?[z-a]/**", "?[z-a]"),
        ("??", ".?"),
        ("*.", ".*"),
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
        ("file[0-9]", "file[a-z]"),
        ("file[0-9]", "file[!0-9]"),
        ("src/*[ab]/**", "src/*[cd]/**"),
        ("[!\u0001-\u00ff]", "[a-z\u0080-\u00ff]"),
        ("[!\u0001-.0-\U0010ffff]", "?"),
        ("[+-9]", "[!+-.0-9]"),
        ("a[z-a]*", "*b"),
        ("*[z-a]*", "*b*"),
        ("*[z-a]", "?[z-a]"),
        ("[.]", "?"),
        ("?.", ".?"),
        ("[.][.]", ".?"),
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


@given(PATHS, st.one_of(GLOBS, ANY_GLOBS))
@example("a/b", "**/**/b")
@example("[a]", "[a]")
def test_inside_agrees_with_a_regular_expression(path, glob):
    assume(not {".", ".."} & {*path.split("/")})
    assert inside(path, [glob]) == in_regular_expression(path, glob)


@settings(max_examples=300)
@given(NAME_GLOBS, NAME_GLOBS)
@example("?.", ".?")
@example("*[b-a]*", "*a*")
def test_globs_of_one_name_overlap_if_and_only_if_some_name_fits_both(a, b):
    names = names_of("ab." + FRESH, longest=len(signs(a)) + len(signs(b)))
    assert overlap(a, b) == any_fits((*names, f"{a}/", f"{b}/"), a, b)


@settings(max_examples=300)
@given(TREE_GLOBS, TREE_GLOBS)
def test_globs_over_folders_overlap_if_and_only_if_some_path_of_the_tree_fits_both(a, b):
    paths = tree(("a/", "b/", f"{FRESH}/", "[ab]/", "[!a]/"), depth=len(parts(a)) + len(parts(b)))
    assert overlap(a, b) == any_fits(paths, a, b)


@settings(max_examples=200)
@given(BRANCH_GLOBS, BRANCH_GLOBS)
@example("?.", ".?/a")
def test_globs_of_both_overlap_if_and_only_if_some_path_of_the_tree_fits_both(a, b):
    longest, other = (max((len(signs(part)) for part in parts(glob)), default=0) for glob in (a, b))
    themselves = tuple(f"{part}/" for part in (*parts(a), *parts(b)))
    names = (*names_of("a." + FRESH, longest=max(longest + other, 1)), *themselves)
    assert overlap(a, b) == any_fits(tree(names, depth=max(len(parts(a)), len(parts(b)), 1)), a, b)


@settings(max_examples=300)
@given(ANY_GLOBS, ANY_GLOBS)
@example("[!a]b", "?b")
@example("[+-9]", "[!+-.0-9]")
@example("**/[ab].c*", "**/[cd].c*")
def test_globs_overlap_if_and_only_if_a_search_of_all_paths_finds_one(a, b):
    found = common_path(a, b)
    assert overlap(a, b) == (found is not None)
    if found is not None:
        assert in_regular_expression(found, a)
        assert in_regular_expression(found, b)
        assert inside(found, [a])
        assert inside(found, [b])


@given(PATHS, GLOBS, GLOBS)
def test_globs_with_a_common_path_overlap(path, a, b):
    assume(not {".", ".."} & {*path.split("/")})
    if inside(path, [a]) and inside(path, [b]):
        assert overlap(a, b)


@pytest.mark.parametrize(
    ("own", "others", "touched", "exclusive", "expected"),
    [
        (["a"], ["a/b"], [], False, True),
        (["a"], ["b"], ["a/b"], False, True),
        (["a"], ["b"], ["c"], False, False),
        (["a"], [], ["a/b"], False, True),
        (["a"], [], ["c"], False, False),
        (["a"], [], [], False, False),
        ([], ["a"], ["a"], False, False),
        ([], [], [], False, False),
        (["a"], ["a/b"], [], True, True),
        (["a"], ["b"], ["a/b"], True, True),
        (["a"], ["b"], ["c"], True, False),
        (["a"], [], [], True, True),
        ([], ["a"], [], True, True),
        ([], [], [], True, True),
    ],
)
def test_an_item_keeps_off_what_is_declared_or_touched_and_alone_without_paths_where_that_is_wanted(
    own, others, touched, exclusive, expected
):
    assert paths_conflict(own, others, touched, exclusive=exclusive) is expected


@given(FEW_GLOBS, FEW_GLOBS, FEW_GLOBS, st.booleans())
def test_items_conflict_if_and_only_if_there_is_a_path_for_both_or_one_must_be_alone(own, others, touched, exclusive):
    shared = any(common_path(mine, theirs) is not None for mine in own for theirs in (*others, *touched))
    alone = exclusive and not (own and others)
    assert paths_conflict(own, others, touched, exclusive=exclusive) == (alone or shared)


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
        ("*[a-f]" * 150 + "x", "[e-k]" * 400),
        ("*[!a-f]" * 150, "*[e-k]" * 150),
        ("[" + "acegikmoqs" * 40 + "]" + "*", "[" + "bdfhjlnprt" * 40 + "]" + "*"),
    ],
    ids=range(8),
)
def test_no_pattern_is_a_catastrophe(a, b):
    assert best_seconds(lambda: overlap(a, b)) < 1


def best_seconds(act: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        selection._glob.cache_clear()
        selection._by_prefix.cache_clear()
        selection._class.cache_clear()
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return min(times)


# --- the slow and obvious matcher -----------------------------------------------------------------------------------


def parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def in_regular_expression(path: str, glob: str) -> bool:
    return slow_pattern(glob).fullmatch("".join(f"{part}/" for part in parts(path))) is not None


def slow_pattern(glob: str) -> re.Pattern[str]:
    """The glob as a regular expression over a path that ends with a slash."""
    return re.compile(
        "".join("(?:[^/]+/)*" if part == "**" else f"(?:{slow_segment(part)})/" for part in slow_parts(glob))
    )


def slow_parts(glob: str) -> list[str]:
    """What may be a folder goes on with `**`."""
    segments = parts(glob)
    last = segments[-1] if segments else "**"
    files_only = has_wildcard(last) and re.search(r"\.[^*?\[\]]+$", last)
    return segments if files_only else [*segments, "**"]


def slow_segment(part: str) -> str:
    """A segment with a class stands for itself, too."""
    return f"{''.join(signs(part))}|{re.escape(part)}"


def has_wildcard(part: str) -> bool:
    return "".join(signs(part)) != re.escape(part)


def signs(part: str) -> list[str]:
    """Each as a regular expression."""
    return list(slow_signs(part))


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
            either = "|".join(class_members(inner[negated:]))
            yield f"(?!/)(?!{either})[^/]" if negated else f"(?!/)(?:{either})"
            at = end
        else:
            yield re.escape(sign)
        at += 1


def class_members(inner: str) -> Iterator[str]:
    while inner:
        if inner[1:2] == "-" and len(inner) > 2:
            yield f"[{re.escape(inner[0])}-{re.escape(inner[2])}]" if inner[0] <= inner[2] else "(?!)"
            inner = inner[3:]
        else:
            yield re.escape(inner[0])
            inner = inner[1:]


def class_end(part: str, at: int) -> int:
    """Where the class that begins at `at` is closed; 0 if it is not. A `]` at its beginning belongs to it."""
    first = at + 1 + (part[at + 1 : at + 2] in ("!", "^"))
    return max(part.find("]", first + 1), 0)


# --- whole trees ----------------------------------------------------------------------------------------------------


def any_fits(paths: tuple[str, ...], a: str, b: str) -> bool:
    """Is there one of the paths, each of which ends with a slash, that both globs name?"""
    first, second = slow_pattern(a).fullmatch, slow_pattern(b).fullmatch
    return any(first(path) and second(path) for path in paths)


@cache
def names_of(letters: str, *, longest: int) -> tuple[str, ...]:
    """All names of these letters that a file may have."""
    names = ("".join(word) for length in range(1, longest + 1) for word in product(letters, repeat=length))
    return tuple(f"{name}/" for name in names if name not in (".", ".."))


@lru_cache(maxsize=16)
def tree(names: tuple[str, ...], *, depth: int) -> tuple[str, ...]:
    """All paths of these names."""
    return tuple("".join(path) for length in range(1, depth + 1) for path in product(names, repeat=length))


# --- all paths there are --------------------------------------------------------------------------------------------


class Steps:
    """The paths that a glob names as states and the signs that lead from one to the next; a path ends with a slash."""

    def __init__(self, glob: str) -> None:
        self.ways: dict[int, list[tuple[str, int]]] = defaultdict(list)
        self.made = 0
        at = 0
        for part in slow_parts(glob):
            at = self.any_folders(at) if part == "**" else self.segment(at, part)
        self.end = at

    def state(self) -> int:
        self.made += 1
        return self.made

    def any_folders(self, at: int) -> int:
        """Back where it was after each name and slash."""
        begin, within = self.state(), self.state()
        self.ways[at].append(("", begin))
        self.ways[begin].append(("[^/]", within))
        self.ways[within] += [("[^/]", within), ("/", begin)]
        return begin

    def segment(self, at: int, part: str) -> int:
        after = self.state()
        for row in (signs(part), [re.escape(letter) for letter in part]):
            here = at
            for sign in row:
                there = self.state()
                if sign == "[^/]*":
                    self.ways[there].append(("[^/]", there))
                self.ways[here].append(("" if sign == "[^/]*" else sign, there))
                here = there
            self.ways[here].append(("/", after))
        return after

    def reached(self, states: set[int]) -> frozenset[int]:
        """Together with what can be reached without a letter."""
        found, left = set(states), list(states)
        while left:
            new = {there for sign, there in self.ways[left.pop()] if not sign} - found
            found |= new
            left += new
        return frozenset(found)

    def after(self, states: frozenset[int], letter: str) -> frozenset[int]:
        ways = (way for state in states for way in self.ways[state])
        return self.reached({there for sign, there in ways if sign and stands_for(sign, letter)})


@cache
def stands_for(sign: str, letter: str) -> bool:
    return re.fullmatch(sign, letter) is not None


def common_path(a: str, b: str) -> str | None:
    """The shortest path that both globs name, by a search through all states they can be in together; None: none."""
    first, second = Steps(a), Steps(b)
    letters = telling_letters(a + b)
    begin = (first.reached({0}), second.reached({0}), "")
    paths = {begin: ""}
    left = [begin]
    for now in left:
        mine, yours, name = now
        if paths[now] and not name and first.end in mine and second.end in yours:
            return paths[now].removesuffix("/")
        for letter in letters:
            if letter == "/" and name in ("", ".", ".."):
                continue
            new = "" if letter == "/" else name + letter if name + letter in (".", "..") else "…"
            then = (first.after(mine, letter), second.after(yours, letter), new)
            if then[0] and then[1] and then not in paths:
                paths[then] = paths[now] + letter
                left.append(then)
    return None


def telling_letters(globs: str) -> list[str]:
    """One of each kind that the globs tell apart: theirs, those before and after, a slash, a dot and a fresh one."""
    near = {chr(ord(letter) + step) for letter in globs for step in (-1, 0, 1)}
    return sorted(letter for letter in {*near, "/", ".", FRESH} if unicodedata.is_normalized("NFC", letter))
