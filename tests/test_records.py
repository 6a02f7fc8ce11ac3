"""`@record` must be what dataclass(frozen, slots, kw_only) is, without importing it."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from deespec.model import items
from deespec.records import as_dict, fields, record, replace


@record
class Point:
    x: int
    y: int = 0
    name: str = ""

    @property
    def sum(self) -> int:
        return self.x + self.y


def test_fields_come_in_the_order_they_are_written():
    assert fields(Point) == ("x", "y", "name")


def test_defaults_fill_what_is_not_given():
    assert as_dict(Point(x=1)) == {"x": 1, "y": 0, "name": ""}


def test_fields_are_given_by_name_only():
    with pytest.raises(TypeError):
        Point(1)


def test_a_field_without_default_is_required():
    with pytest.raises(TypeError):
        Point(y=1)


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError):
        Point(x=1, z=2)


@pytest.mark.parametrize("name", ["x", "new"])
def test_nothing_can_be_set(name):
    with pytest.raises(AttributeError, match="frozen"):
        setattr(Point(x=1), name, 2)


def test_nothing_can_be_deleted():
    with pytest.raises(AttributeError, match="frozen"):
        del Point(x=1).x


def test_equal_values_are_equal_and_hash_alike():
    assert Point(x=1) == Point(x=1, y=0)
    assert hash(Point(x=1)) == hash(Point(x=1, y=0))
    assert Point(x=1) != Point(x=2)


def test_a_record_of_another_class_is_not_equal():
    @record
    class Other:
        x: int
        y: int = 0
        name: str = ""

    assert Point(x=1) != Other(x=1)


def test_replace_copies_and_keeps_the_original():
    old = Point(x=1, name="a")
    new = replace(old, y=2)
    assert (new, old) == (Point(x=1, y=2, name="a"), Point(x=1, name="a"))


def test_replace_refuses_unknown_fields():
    with pytest.raises(TypeError, match="Point has no field z"):
        replace(Point(x=1), z=2)


def test_properties_work():
    assert Point(x=1, y=2).sum == 3


def test_a_record_shows_its_fields():
    assert repr(Point(x=1)) == "Point(x=1, y=0, name='')"


def test_a_record_survives_pickling():
    sbi = items.Sbi(number=1, uid="U", title="T", spec="S", labels=("a",))
    assert pickle.loads(pickle.dumps(sbi)) == sbi


def test_records_have_no_room_for_more():
    assert not hasattr(Point(x=1), "__dict__")


def test_the_model_does_not_pay_for_dataclasses():
    code = "import sys, deespec.model.items; print([m for m in ('dataclasses', 'inspect') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
