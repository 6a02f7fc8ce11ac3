"""A spec file becomes an item or is refused with file, line and a suggestion; and back."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from deespec.errors import InvalidInput
from deespec.model.fields import (
    MAX_LABELS,
    MAX_NEEDS,
    MAX_PATHS,
    MAX_SPEC_BYTES,
    MAX_TITLE_CHARACTERS,
)
from deespec.model.front_matter import MAX_FRONT_MATTER_CHARACTERS
from deespec.model.headings import criteria_of
from deespec.model.items import Kind, Pbi, Priority, Sbi
from deespec.model.spec import NewItem, advice, amended, draft_of, new_item, parse_spec, render
from deespec.records import fields, replace

FULL = """\
---
title: Rate-limit the login endpoint
parent: PBI-7
priority: high
labels: [security, backend]
depends_on: [SBI-11]
paths: ["src/auth/**", "tests/auth/**"]
agent: claude
reviewer: codex
only_implement: false
estimate_hours: 3
max_turns: 6
checks: ["pytest -q tests/auth"]
---
After five failures within a minute …
"""


def parse(text: str | bytes, kind: Kind = Kind.SBI) -> NewItem:
    return parse_spec(text, kind=kind, file="spec.md")


def front(*lines: str) -> NewItem:
    return parse("\n".join(["---", *lines, "---", "Text."]))


def refused(text: str | bytes, kind: Kind = Kind.SBI) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse(text, kind)
    return caught.value


def refused_line(line: str) -> InvalidInput:
    return refused(f"---\ntitle: T\n{line}\n---\nText.")


# --- what is read ---------------------------------------------------------------------------------------------------


def test_the_example_of_the_contract_is_read():
    assert parse(FULL) == NewItem(
        kind=Kind.SBI,
        title="Rate-limit the login endpoint",
        spec="After five failures within a minute …",
        parent="PBI-7",
        priority=Priority.HIGH,
        labels=("security", "backend"),
        depends_on=("SBI-11",),
        paths=("src/auth/**", "tests/auth/**"),
        agent=("claude",),
        reviewer=("codex",),
        estimate_hours=3,
        max_turns=6,
        checks=("pytest -q tests/auth",),
    )


def test_the_example_is_read_without_the_c_library(monkeypatch):
    expected = parse(FULL)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert parse(FULL) == expected


def test_carriage_returns_and_a_byte_order_mark_change_nothing():
    assert parse(b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode()) == parse(FULL)


def test_without_front_matter_the_whole_text_is_the_spec_and_its_heading_the_title():
    item = parse("Intro.\n\n## Log in #\n\nText.\n")
    assert (item.title, item.spec) == ("Log in", "Intro.\n\n## Log in #\n\nText.")


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("# A", "A"),
        ("#\tA", "A"),
        ("###### A ##", "A"),
        ("# C#", "C#"),
        ("####### A", "####### A"),
        ("#A", "#A"),
        ("# #\n# B", "B"),
    ],
)
def test_headings_are_those_of_markdown(line, title):
    assert parse(f"{line}\ntext").title == title


@pytest.mark.parametrize("line", ["# " + " " * 500_000 + "x", "# " + "# " * 250_000 + "x", "\n" * 500_000 + "x"])
def test_no_line_takes_long(line):
    began = time.process_time()
    parse(line)
    assert time.process_time() - began < 2


def test_a_heading_in_a_code_block_is_no_title():
    assert parse("```sh\n# comment\n```\n# Title\n").title == "Title"


def test_without_a_heading_the_first_line_is_the_title():
    assert parse("\n\n  Make it\tfaster \nsomehow").title == "Make it faster"


def test_a_title_without_text_is_the_spec():
    assert parse("---\ntitle: Do it\n---\n\n").spec == "Do it"


def test_front_matter_without_title_takes_the_heading():
    assert parse("---\npriority: low\n---\n# Heading\ntext").title == "Heading"


@pytest.mark.parametrize("text", ["", " \n\t\n", "---\n---\n", "---\npriority: low\n---\n \n", "---\n# note\n---\n"])
def test_neither_title_nor_text_is_refused(text):
    assert refused(text).message == "spec.md has neither title nor text."


def test_a_long_first_line_is_cut_to_the_length_of_a_title():
    assert parse("x" * 500).title == "x" * MAX_TITLE_CHARACTERS


@pytest.mark.parametrize("cluster", ["e\u0301\u0301", "\U0001f469\u200d\U0001f4bb", "\U0001f44d\U0001f3fd"])
def test_the_cut_does_not_part_a_character_from_its_marks(cluster):
    for before in range(len(cluster)):
        title = parse("x" * before + cluster * 200).title
        assert len(title) <= MAX_TITLE_CHARACTERS
        assert len(title.removeprefix("x" * before)) % len(cluster.replace("e\u0301", "\u00e9")) == 0


def test_titles_are_composed():
    assert parse("---\ntitle: Cafe\u0301\n---\n").title == "Caf\u00e9"


@pytest.mark.parametrize("title", ["no", "1.0", "2026-11-23", "12:30:00", "0o17", "yes"])
def test_an_unquoted_title_is_always_text(title):
    assert front(f"title: {title}").title == title


@pytest.mark.parametrize("empty", ["", "~", "null"])
def test_an_empty_value_is_not_set(empty):
    assert front("title: T", f"parent: {empty}").parent is None


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("labels: [on, 1.5, バグ, हिन्दी, a/b]", "labels", ("on", "1.5", "バグ", "हिन्दी", "a/b")),
        ("labels: [a, b, a]", "labels", ("a", "b")),
        ("labels: []", "labels", ()),
        ("depends_on: [sbi-1, 2, ＳＢＩ－３]", "depends_on", ("SBI-1", "SBI-2", "SBI-3")),
        ("parent: 7", "parent", "PBI-7"),
        ("agent: [claude, codex]", "agent", ("claude", "codex")),
        ("only_implement: true", "only_implement", True),
        ("estimate_hours: 1.5", "estimate_hours", 1.5),
        ("max_turns: 1000", "max_turns", 1000),
        ("paths: [./src//a/, src/b.py]", "paths", ("src/a", "src/b.py")),
        ("paths: [.]", "paths", ("**",)),
        ("paths: [cafe\u0301]", "paths", ("caf\u00e9",)),
        ("checks:\n  - make test\n  - 'a: b'", "checks", ("make test", "a: b")),
    ],
)
def test_values_are_read(line, name, expected):
    assert getattr(front("title: T", line), name) == expected


def test_story_points_belong_to_a_pbi():
    assert parse("---\ntitle: T\nparent: EPIC-2\nstory_points: 5\n---\n", Kind.PBI).story_points == 5


def test_read_text_is_plain_text():
    item = front("title: T", "labels: [a]", "agent: claude", "checks: [b]")
    assert {type(text) for text in (item.title, *item.labels, *item.agent, *item.checks)} == {str}


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("labels: security", "spec.md:3: labels must be a list."),
        ("labels: [a b]", 'spec.md:3: labels has the name "a b"; letters, digits and - _ . / : are allowed.'),
        ("labels: ['']", "spec.md:3: labels has a name of 0 characters; 1 to 64 are allowed."),
        (f"labels: [{'x' * 65}]", "spec.md:3: labels has a name of 65 characters; 1 to 64 are allowed."),
        ("title2:\n  - a", "spec.md:3: there is no key title2."),
        ("priority: 1", 'spec.md:3: priority must be urgent, high, normal, low, not "1".'),
        ("only_implement: yes", 'spec.md:3: only_implement must be true or false, not "yes".'),
        ("only_implement: 'true'", 'spec.md:3: only_implement must be true or false, not "true".'),
        ("max_turns: 0", 'spec.md:3: max_turns must be a whole number from 1 to 1,000, not "0".'),
        ("max_turns: 1001", 'spec.md:3: max_turns must be a whole number from 1 to 1,000, not "1001".'),
        ("max_turns: 1.5", 'spec.md:3: max_turns must be a whole number from 1 to 1,000, not "1.5".'),
        ("max_turns: 1:30", 'spec.md:3: max_turns must be a whole number from 1 to 1,000, not "1:30".'),
        ("max_turns: '3'", 'spec.md:3: max_turns must be a whole number from 1 to 1,000, not "3".'),
        ("max_turns: [3]", "spec.md:3: max_turns must be a whole number from 1 to 1,000, not a list."),
        ("estimate_hours: .inf", 'spec.md:3: estimate_hours must be a number from 0 to 10,000, not ".inf".'),
        ("estimate_hours: -1", 'spec.md:3: estimate_hours must be a number from 0 to 10,000, not "-1".'),
        ("parent: SBI-2", "spec.md:3: parent takes PBIs, not SBI-2."),
        ("parent: seven", 'spec.md:3: parent takes IDs, not "seven".'),
        ("depends_on: [SBI-0]", 'spec.md:3: depends_on takes IDs, not "SBI-0".'),
        ("depends_on:\n  - SBI-1\n  - PBI-1", "spec.md:5: depends_on takes SBIs, not PBI-1."),
        ("paths:\n- a\n- ../b", 'spec.md:5: paths has "../b", which leaves the project.'),
        ("paths: [/etc/passwd]", 'spec.md:3: paths has "/etc/passwd", which is absolute.'),
        ("paths: ['C:/a']", 'spec.md:3: paths has "C:/a", which is absolute.'),
        ("paths: ['a\\b']", 'spec.md:3: paths has "a\\b".'),
        ("paths: [sub/.Git/hooks]", 'spec.md:3: paths has "sub/.Git/hooks".'),
        ("paths: ['.deespec/**']", 'spec.md:3: paths has ".deespec/**".'),
        ("paths: ['*.{ts,js}']", 'spec.md:3: paths has "*.{ts,js}".'),
        ("story_points: 3", "spec.md:3: SBIs have no story_points, only PBIs have."),
        ("spec: text", "spec.md:3: spec is no key."),
        ("title: again", "spec.md:3: title is there already, in line 2."),
        ('checks: ["a\\0b"]', "spec.md:3: checks holds a NUL character."),
        ("checks: ['']", "spec.md:3: checks takes commands of 1 to 4,096 characters."),
        ("labels: {a: b}", "spec.md:3: labels takes a value or a list, not `key: value` pairs."),
        ("labels: [[a]]", "spec.md:3: labels takes a list of plain values."),
        ("labels: &x [a]", "spec.md:3: anchors (&) and aliases (*) are not used here."),
        ("parent: *x", "spec.md:3: anchors (&) and aliases (*) are not used here."),
        ("parent: !!python/name:os.system x", "spec.md:3: tags (!) are not used here."),
        ("<<: {a: b}", "spec.md:3: << takes a value or a list, not `key: value` pairs."),
        ("? [a]\n: b", "spec.md:3: a key must be a word."),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(line, message):
    assert refused_line(line).message == message


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("''", "title is empty."),
        ("x" * 201, "title has 201 characters; the limit is 200."),
        ('"a\\nb"', "title must be one line without control characters."),
        ('"a\\eb"', "title must be one line without control characters."),
        ('"a\\Lb"', "title must be one line without control characters."),
        ('"a\\0b"', "title holds a NUL character."),
        ("[a]", "title must be text."),
    ],
)
def test_a_wrong_title_is_refused(title, message):
    assert refused(f"---\ntitle: {title}\n---\n").message == f"spec.md:2: {message}"


def test_a_title_of_the_full_length_is_taken():
    assert len(front(f"title: {'x' * 200}").title) == 200


@pytest.mark.parametrize(
    ("key", "value", "limit"),
    [("depends_on", "SBI-{}", MAX_NEEDS), ("paths", "p{}", MAX_PATHS), ("labels", "l{}", MAX_LABELS)],
)
def test_lists_end_at_their_limit(key, value, limit):
    def listed(count: int) -> str:
        return f"{key}: [{', '.join(value.format(number + 1) for number in range(count))}]"

    assert len(getattr(front("title: T", listed(limit)), key)) == limit
    assert refused_line(listed(limit + 1)).message == (
        f"spec.md:3: {key} has {limit + 1} entries; the limit is {limit}."
    )


def test_a_spec_of_a_mebibyte_is_taken_and_a_byte_more_is_not():
    assert len(parse("---\ntitle: T\n---\n" + "ä" * (MAX_SPEC_BYTES // 2)).spec.encode()) == MAX_SPEC_BYTES
    message = refused("---\ntitle: T\n---\n" + "ä" * (MAX_SPEC_BYTES // 2) + "x").message
    assert message == "spec.md:4: the text has 1,048,577 bytes; the limit is 1,048,576."


def test_a_huge_file_is_refused_before_it_is_decoded():
    assert "the limit for a spec" in refused(b"\xff" * (3 * MAX_SPEC_BYTES)).message


def test_front_matter_has_a_limit():
    text = f"---\ntitle: T\n#{'x' * MAX_FRONT_MATTER_CHARACTERS}\n---\n"
    assert "the front matter is longer than" in refused(text).message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\ntitle: T\n", "spec.md:1: the front matter has no end."),
        ("---\n- a\n---\n", "spec.md:2: the front matter must be `key: value` lines."),
        ("---\njust text\n---\n", "spec.md:2: the front matter must be `key: value` lines."),
        ("---\n%YAML 1.1\n--- \ntitle: T\n---\n", "spec.md:3: the front matter is not valid YAML"),
        (b"a\nb\xff", "spec.md:2: this is not UTF-8 text."),
        ("a\nb\n\0", "spec.md:3: there is a NUL character."),
        ("---\ntitle: a: b\n---\n", "spec.md:2: the front matter is not valid YAML"),
        ("---\ntitle: T\nlabels: [a\n---\n", "spec.md:4: the front matter is not valid YAML"),
        ("---\ntitle: T\n\tb: c\n---\n", "spec.md:3: the front matter is not valid YAML"),
        ("---\ntitle: ä\npriority: \x01\n---\n", "spec.md:3: there is a character that YAML does not allow."),
        ("\udcff", "spec.md:1: this is not UTF-8 text."),
        ("---\ntitle: \udcff\n---\n", "spec.md:2: this is not UTF-8 text."),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text, message):
    assert refused(text).message.startswith(message)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("titel: T", "Did you mean title?"),
        ("Priority: low", "Did you mean priority?"),
        ("dependson: [SBI-1]", "Did you mean depends_on?"),
        ("priority: hihg", "Did you mean high?"),
    ],
)
def test_a_slip_gets_a_suggestion(line, hint):
    assert refused_line(line).hint == hint


def test_what_is_like_nothing_gets_the_list_of_keys():
    hint = refused_line("xyzzy: 1").hint
    assert hint
    assert hint.startswith("Keys: title, parent, priority")
    assert "story_points" not in hint


def test_deep_nesting_is_refused_where_it_begins():
    assert refused_line("labels: " + "[" * 100_000).message == "spec.md:3: labels takes a list of plain values."


@given(st.text(max_size=300) | st.binary(max_size=300))
@example("---\n")
@example("---\n? \n---")
def test_no_input_does_anything_but_become_an_item_or_be_refused(text):
    for candidate in (text, b"---\n" + text + b"\n---\n" if isinstance(text, bytes) else f"---\n{text}\n---\n"):
        try:
            item, problem = parse(candidate), ""
        except InvalidInput as error:
            item, problem = None, error.message
        assert problem.startswith("spec.md") or (item and item.spec and 1 <= len(item.title) <= MAX_TITLE_CHARACTERS)


# --- and back -------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
LABELS = st.text("abcXYZ019-_./日ा", min_size=1, max_size=12)
ITEMS = st.builds(
    dict,
    title=st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60).filter(
        str.strip
    ),
    spec=TEXTS,
    parent=st.none() | st.integers(1, 99).map(lambda number: f"PBI-{number}"),
    priority=st.sampled_from(Priority),
    labels=st.lists(LABELS, max_size=3),
    depends_on=st.lists(st.integers(1, 99).map(lambda number: f"SBI-{number}"), max_size=3),
    paths=st.lists(st.sampled_from(["src/**", "a b/c", "*.py", "日本", "#x", "- y", "[id]/p"]), max_size=3),
    agent=st.lists(LABELS, max_size=2),
    only_implement=st.booleans(),
    estimate_hours=st.none() | st.floats(0, 10_000),
    max_turns=st.none() | st.integers(1, 1_000),
    checks=st.lists(TEXTS.filter(str.strip), max_size=3),
)


@given(ITEMS)
@example({"title": "no", "spec": "---\n---"})
@example({"title": "a: b #c", "spec": "x\r\ny", "checks": ["a\u0085b\u2028\x1b\x7f\ufeff\U0001f469"]})
def test_a_rendered_item_is_read_as_the_same_item(options):
    item = new_item(Kind.SBI, **options)
    assert parse(render(item)) == item


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_is_read_back(kind):
    item = new_item(kind, title="T", spec="S", labels=["a"])
    assert parse(render(item), kind) == item


def test_a_rendered_item_looks_as_a_person_would_write_it():
    item = replace(parse(FULL), agent=(), reviewer=(), only_implement=True)
    assert render(item).splitlines()[:8] == [
        "---",
        "title: Rate-limit the login endpoint",
        "parent: PBI-7",
        "priority: high",
        "labels: [security, backend]",
        "depends_on: [SBI-11]",
        'paths: ["src/auth/**", "tests/auth/**"]',
        "only_implement: true",
    ]


def test_a_registered_item_is_turned_back_into_what_was_registered():
    item = parse(FULL)
    sbi = Sbi(number=3, uid="U", **{name: getattr(item, name) for name in set(fields(NewItem)) & set(fields(Sbi))})
    assert draft_of(sbi) == item
    assert draft_of(Pbi(number=1, uid="U", title="T", spec="S", story_points=2)).story_points == 2


# --- advice ---------------------------------------------------------------------------------------------------------


def test_a_full_spec_needs_no_advice():
    text = "Users are locked out after five failures.\n\n## Acceptance criteria\n\n- [ ] The sixth attempt answers 429."
    assert advice(new_item(Kind.SBI, title="Rate limit", spec=text, paths=["src/auth"])) == []


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"title": "T"}, "no text beyond the title"),
        ({"title": "T", "spec": "Do it."}, "very short"),
        ({"title": "T", "spec": "x" * 100}, "No acceptance criteria"),
        ({"title": "T"}, "No `paths`"),
        ({"title": "T", "paths": ["."]}, "names everything"),
        ({"title": "T", "only_implement": True}, "only the gates"),
        ({"title": "T", "estimate_hours": 40}, "more than 16 hours"),
    ],
)
def test_advice_says_what_is_missing(options, part):
    assert any(part in line for line in advice(new_item(Kind.SBI, **options)))


def test_a_pbi_gets_advice_about_its_text_and_none_for_agents():
    told = advice(new_item(Kind.PBI, title="T", spec="Shorter."))
    assert [line.split(":")[0] for line in told] == ["The text is very short", "No acceptance criteria"]
    text = "Whoever tries five passwords waits a minute, as guessing is what attackers do all day long."
    assert advice(new_item(Kind.PBI, title="T", spec=text, acceptance=["The sixth attempt answers 429."])) == []


# --- the title stands in one place -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("front_matter", ["", "---\npriority: low\n---\n\n"])
def test_a_heading_that_became_the_title_leaves_the_text(kind, front_matter):
    item = parse(f"{front_matter}# Log in #\n\nWith a password.\n", kind)
    assert (item.title, item.spec) == ("Log in", "With a password.")


def test_a_heading_further_down_and_a_first_line_only_lend_their_words():
    assert parse("Intro.\n\n# Log in\n").spec == "Intro.\n\n# Log in"
    assert parse("Make it faster\nsomehow").spec == "Make it faster\nsomehow"


def test_a_text_that_is_its_heading_has_the_title_as_its_spec():
    item = parse("# Do it\n")
    assert (item.title, item.spec) == ("Do it", "Do it")


def test_a_heading_that_was_cut_stays_whole_in_the_text():
    heading = "word " * 60
    item = parse(f"# {heading}\ntext")
    assert len(item.title) <= MAX_TITLE_CHARACTERS
    assert item.spec == f"# {heading}\ntext"


def test_under_a_title_of_its_own_a_heading_belongs_to_the_text():
    assert parse("---\ntitle: T\n---\n# T\ntext").spec == "# T\ntext"


def test_a_new_title_takes_the_old_one_out_of_the_text():
    registered_long_ago = NewItem(kind=Kind.PBI, title="Old", spec="# Old\n\ntext")
    assert amended(registered_long_ago, priority="low").spec == "# Old\n\ntext"
    assert amended(registered_long_ago, title="New").spec == "text"
    assert amended(new_item(Kind.PBI, title="Old"), title="New").spec == "New"


# --- acceptance criteria ---------------------------------------------------------------------------------------------


def test_acceptance_criteria_become_a_section_of_the_text():
    item = parse("---\ntitle: T\nacceptance: [It works., It is fast.]\n---\nText.\n", Kind.PBI)
    assert item.spec == "Text.\n\n## Acceptance criteria\n\n- It works.\n- It is fast."
    assert criteria_of(item.spec) == ("It works.", "It is fast.")


def test_criteria_are_added_to_the_section_that_is_there_each_once():
    item = new_item(Kind.PBI, title="T", spec="# Acceptance criteria\n\n- [ ] One.\n  More.\n\n# Notes\n\n- None.")
    again = amended(item, acceptance=["Two.", "One.\nMore."])
    assert again.spec == "# Acceptance criteria\n\n- [ ] One.\n  More.\n- Two.\n\n# Notes\n\n- None."


def test_criteria_are_found_under_a_japanese_heading_and_not_in_code():
    assert criteria_of("## 受け入れ条件\n1. 動く\n2. 速い") == ("動く", "速い")
    assert criteria_of("```\n# Acceptance criteria\n- no\n```") == ()


def test_fields_that_contradict_each_other_are_refused():
    assert "auto_approve is for" in refused("---\ntitle: T\nauto_approve: true\n---\n", Kind.PBI).message
    text = "---\ntitle: T\ndrafts_min: 5\ndrafts_max: 4\n---\n"
    assert refused(text, Kind.PBI).message == "spec.md: drafts_min is 5, drafts_max only 4."


@given(
    title=st.text("ab #", min_size=1, max_size=4).filter(str.strip),
    spec=st.text("ab #-\n", max_size=20),
    acceptance=st.lists(st.text("ab", min_size=1, max_size=3), max_size=3),
    auto=st.booleans(),
    drafts_least=st.none() | st.integers(1, 5),
    drafts_most=st.none() | st.integers(5, 50),
)
def test_a_rendered_pbi_is_read_as_the_same_pbi(**options):
    item = new_item(Kind.PBI, **options)
    assert parse(render(item), Kind.PBI) == item
