"""The findings of a review as an agent hands them in: what fits is taken, what does not is refused with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.errors import InvalidInput
from deespec.model.asking import Remark, Severity
from deespec.model.remarks import LINE_MOST, REMARKS_MOST, TEXT_CHARACTERS, parse_remarks, remarks_in

WHOLE = {"text": "f leaks", "file": "src/f.py", "line": 3, "severity": "low", "must_fix": False, "in_scope": False}


def test_all_that_is_said_is_taken() -> None:
    assert remarks_in([WHOLE]) == (Remark(**WHOLE),)


def test_the_text_is_enough() -> None:
    [one] = remarks_in([{"text": " f leaks \n"}])
    assert one == Remark(text="f leaks", severity=Severity.NORMAL, must_fix=True, in_scope=True)


def test_no_findings_are_a_list_too() -> None:
    assert parse_remarks("[]", "f.json") == ()


def test_as_many_as_allowed_are_taken_and_one_more_is_not() -> None:
    assert len(remarks_in([WHOLE] * REMARKS_MOST)) == REMARKS_MOST
    with pytest.raises(InvalidInput, match=f"There are {REMARKS_MOST + 1} findings; the limit is {REMARKS_MOST}"):
        remarks_in([WHOLE] * (REMARKS_MOST + 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": " "}, 'finding 2: "text" says what is wrong; it is missing.'),
        ({"text": 5}, 'finding 2: "text" says what is wrong; it is missing.'),
        ({"text": "x" * (TEXT_CHARACTERS + 1)}, 'finding 2: "text" has 4,001 characters; the limit is 4,000.'),
        ({"text": "a\0b"}, 'finding 2: "text" holds control characters, or is no valid Unicode text.'),
        ({"text": "\x1b[8m"}, 'finding 2: "text" holds control characters, or is no valid Unicode text.'),
        ({"text": "\ud800"}, 'finding 2: "text" holds control characters, or is no valid Unicode text.'),
        ({"file": 7}, 'finding 2: "file" is a path as in "src/a.py", or null.'),
        ({"file": "a\nb"}, 'finding 2: "file" is a path as in "src/a.py", or null.'),
        ({"file": "x" * 2_000}, 'finding 2: "file" is a path as in "src/a.py", or null.'),
        ({"line": "3"}, 'finding 2: "line" is a whole number from 1, or null.'),
        ({"line": 0}, 'finding 2: "line" is a whole number from 1, or null.'),
        ({"line": True}, 'finding 2: "line" is a whole number from 1, or null.'),
        ({"line": LINE_MOST + 1}, 'finding 2: "line" is a whole number from 1, or null.'),
        ({"severity": "critical"}, 'finding 2: "severity" is high, normal, low, not "critical".'),
        ({"severity": []}, 'finding 2: "severity" is high, normal, low.'),
        ({"must_fix": "yes"}, 'finding 2: "must_fix" is true or false.'),
        ({"in_scope": None}, 'finding 2: "in_scope" is true or false.'),
        ({"fix": "x"}, "finding 2 has an unknown key: fix"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place_and_what_would(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        remarks_in([WHOLE, WHOLE | change])
    assert refused.value.message == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "f.json is not JSON: Expecting value (line 1, column 1)."),
        ('[\n {"text": "a"},\n]', "f.json is not JSON: "),
        ('{"text": "a"}', "f.json: The findings are no list."),
        ('["a"]', "f.json: finding 1 is no object."),
        ("[" * 100_000, "f.json is not JSON that can be read."),
        ('[{"line": ' + "9" * 10_000 + "}]", "f.json is not JSON that can be read."),
    ],
)
def test_a_file_that_holds_no_list_is_refused_with_its_name_and_an_example(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_remarks(text, "f.json")
    assert refused.value.message.startswith(said)
    assert "must_fix" in (refused.value.hint or "")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*WHOLE, "other"]), inner),
    )
)
def test_whatever_it_is_it_is_taken_or_refused(found: Any) -> None:
    try:
        remarks = remarks_in(found)
    except InvalidInput:
        return
    for one in remarks:
        json.dumps([one.text, one.file, one.line, one.severity]).encode()
        assert one.text.strip()
