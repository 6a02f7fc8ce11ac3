"""The same rules for options of the command line, and for ids."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deespec.errors import InvalidInput
from deespec.model.fields import FIELDS
from deespec.model.items import Kind, Priority
from deespec.model.spec import NewItem, amended, new_item, normalise_id
from deespec.records import fields

ITEM = NewItem(kind=Kind.SBI, title="Title", spec="Text.", parent="PBI-7", labels=("a",))


# --- options --------------------------------------------------------------------------------------------------------


def test_options_follow_the_same_rules_as_files():
    assert new_item(Kind.SBI, title="T", spec="", labels=("a",), estimate_hours="1.5", max_turns=3, parent=None) == (
        NewItem(kind=Kind.SBI, title="T", spec="T", labels=("a",), estimate_hours=1.5, max_turns=3)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "There is neither a title nor a text."),
        ({"title": "x" * 201}, "--title has 201 characters; the limit is 200."),
        ({"title": "\udcff"}, "--title is not valid UTF-8."),
        ({"title": "T", "paths": ("a", "..")}, '--paths has "..", which leaves the project.'),
        ({"title": ""}, "--title is empty."),
        ({"title": "T", "depends_on": ("PBI-1",)}, "--depends-on takes SBIs, not PBI-1."),
        ({"title": "T", "story_points": 3}, "SBIs have no --story-points, only PBIs have."),
        ({"title": "T", "spec": "a\0"}, "--body holds a NUL character."),
    ],
)
def test_a_wrong_option_is_named(options, message):
    with pytest.raises(InvalidInput) as caught:
        new_item(Kind.SBI, **options)
    assert caught.value.message == message


def test_options_amend_an_item():
    item = amended(ITEM, priority="low", labels=[], title="New", parent=None)
    assert (item.priority, item.labels, item.title, item.parent) == (Priority.LOW, (), "New", "PBI-7")


def test_amending_the_text_away_leaves_the_title():
    assert amended(ITEM, spec=" ").spec == "Title"


# --- ids ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("SBI-12", None, "SBI-12"),
        ("sbi-12", None, "SBI-12"),
        (" Pbi-007 ", None, "PBI-7"),
        ("ｓｂｉ－１２", None, "SBI-12"),
        ("ｓｂｉー１２", None, "SBI-12"),
        ("epic2", None, "EPIC-2"),
        ("12", Kind.SBI, "SBI-12"),
        ("１２", Kind.EPIC, "EPIC-12"),
        ("01k5abcd", None, "01K5ABCD"),
        ("01K5ABCDEFGHJKMNPQRSTVWXYZ", Kind.SBI, "01K5ABCDEFGHJKMNPQRSTVWXYZ"),
    ],
)
def test_ids_are_taken_in_any_case_and_width(text, kind, expected):
    assert normalise_id(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12", None),
        ("SBI-0", None),
        ("SBI-", None),
        ("SBI-1/2", None),
        ("SBI--1", None),
        ("SBI-1234567890123456789", None),
        ("TASK-1", None),
        ("", Kind.SBI),
        ("PBI-7", Kind.SBI),
        ("01K5A", None),
        ("01K5ABCU", None),
    ],
)
def test_what_is_no_id_is_refused(text, kind):
    with pytest.raises(InvalidInput, match="is not a valid"):
        normalise_id(text, kind)


# --- the table ------------------------------------------------------------------------------------------------------


def test_the_table_holds_every_field_of_a_new_item():
    assert set(FIELDS) == set(fields(NewItem)) - {"kind"} | {"acceptance"}  # which is a part of the spec


def test_options_without_front_matter_do_not_load_yaml():
    code = (
        "import sys; from deespec.model.spec import *; new_item(Kind.SBI, title='T', labels=('a',)); parse_spec('# T',"
        "kind=Kind.SBI, file='f'); print([m for m in ('yaml', 'difflib', 'dataclasses', 'json') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
