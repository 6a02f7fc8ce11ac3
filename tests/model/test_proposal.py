"""Proposals as agents hand them in: read from hostile JSON, and held against the project; all faults at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.model.asking import Draft, DraftStatus
from deespec.model.drafting import against
from deespec.model.faults import FAULTS_MOST, Known, faults_of
from deespec.model.proposal import PROPOSAL_BYTES, Proposed, parse_proposal

CASE = {"given": "a list", "when": "one is added", "then": "it is there"}
FINE = {"title": "One", "spec": "Do it.", "acceptance": [CASE], "estimate_hours": 3}
CRITERIA = "it has no acceptance criteria: say with given, when and then how one sees that it is done."
SPEC = "Do it.\n\n## Acceptance criteria\n\n- Given a list\n  When one is added\n  Then it is there"


def parsed(*drafts: object) -> tuple[Proposed, ...]:
    found = parse_proposal(json.dumps({"drafts": drafts}))
    assert found.faults == ()
    return found.drafts


def test_a_byte_order_mark_is_no_fault() -> None:
    found = parse_proposal("\ufeff" + json.dumps({"drafts": [FINE]}))
    assert ([one.title for one in found.drafts], found.faults) == (["One"], ())


def faults_in(**values: object) -> tuple[str, ...]:
    return parse_proposal(json.dumps({"drafts": [FINE | values]})).faults


def one(title: str = "One", **values: object) -> Proposed:
    usual: dict[str, object] = {"spec": SPEC, "estimate_hours": 3.0}
    return Proposed(title=title, **usual | values)  # type: ignore[arg-type]


def faults(*proposed: Proposed, **known: object) -> tuple[str, ...]:
    return faults_of(proposed, Known(**{"parent": "PBI-7", "least": 1, "most": 10, **known}))  # type: ignore[arg-type]


def earlier(number: int, status: str = "open", **values: object) -> Draft:
    usual: dict[str, object] = {"parent": "PBI-7", "number": number, "title": f"Old {number}", "spec": SPEC}
    return Draft(**usual | {"status": DraftStatus(status)} | values)  # type: ignore[arg-type]


# --- reading --------------------------------------------------------------------------------------------------------


def test_a_draft_is_read_with_its_criteria_below_its_text() -> None:
    [found] = parsed(FINE | {"labels": ["a"], "paths": ["src//a.py"], "needs": [2, "#3", "pbi-7/02", "sbi-4"]})
    assert found == Proposed(
        title="One",
        spec=SPEC,
        labels=("a",),
        paths=("src/a.py",),
        needs=("2", "3", "PBI-7/2", "SBI-4"),
        estimate_hours=3.0,
    )


def test_words_that_repeat_given_when_and_then_are_not_doubled() -> None:
    case = {"given": "Given a list", "when": "when: one is added", "then": "Then, it is there"}
    assert parsed(FINE | {"acceptance": [case]}) == parsed(FINE)


def test_null_stands_for_nothing() -> None:
    nothing = dict.fromkeys(("labels", "paths", "needs", "only_implement", "replaces"))
    assert parsed(FINE | nothing) == parsed(FINE)


def test_a_list_alone_is_a_proposal() -> None:
    assert parse_proposal(json.dumps([FINE])).drafts == parsed(FINE)


def test_all_that_is_wrong_with_a_draft_is_said_at_once() -> None:
    found = faults_in(title="", spec=3, labels="x", paths=["../a", "/b"], needs=["x"], only_implement=1, replaces=-1)
    assert [fault.partition(": ")[2].split()[0] for fault in found] == [
        "title",
        "spec",
        "labels",
        "paths",
        "paths",
        "needs",
        "only_implement",
        "replaces",
    ]


def test_unknown_keys_are_named_where_something_is_missed() -> None:
    assert faults_in(hours=3) == ()
    assert faults_in(spec="", body="Do it.")[-1] == 'Draft 1 ("One"): unknown keys: body.'


@pytest.mark.parametrize("hours", ["3", True, -1, 1e9, float("nan"), [], {}])
def test_an_estimate_is_a_number_of_hours(hours: object) -> None:
    assert len(faults_in(estimate_hours=hours)) == 1


def test_one_that_is_too_large_is_not_read() -> None:
    assert "the limit is" in parse_proposal(" " * (PROPOSAL_BYTES + 1)).faults[0]


def test_a_hundred_drafts_are_read() -> None:
    found = parse_proposal(json.dumps([FINE] * 101))
    assert len(found.drafts) == 100
    assert found.faults == ("There are 101 drafts; no more than 100 are read.",)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*FINE, "needs", "paths", "labels", "replaces", "given", "x"]), inner, max_size=6
        )
    ),
    max_leaves=20,
)


@given(st.lists(json_values, max_size=4))
def test_whatever_comes_it_is_read_or_told(drafts: list[object]) -> None:
    found = parse_proposal(json.dumps({"drafts": drafts}))
    known = Known(parent="PBI-7", files=("src/a.py",), drafts=(earlier(1), earlier(2, "waiting")))
    told = faults_of(found.drafts, known)
    assert all("\0" not in text for text in (*found.faults, *told))
    if not (found.faults or told):
        against((earlier(1),), found.drafts, parent="PBI-7", turn=1, agent="a", now=0)


# --- against the project --------------------------------------------------------------------------------------------


def test_a_good_proposal_has_no_faults() -> None:
    assert faults(one(), one("Two", needs=("1",)), labels=("a",), files=("src/a.py",)) == ()


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "The proposal has 1 draft; 2 to 3 are wanted."), (4, "The proposal has 4 drafts; 2 to 3 are wanted.")],
)
def test_their_number_is_bounded(count: int, said: str) -> None:
    assert faults(*(one(f"Part {at}") for at in range(count)), least=2, most=3) == (said,)


def test_what_is_approved_already_counts_as_one_of_them() -> None:
    approved = earlier(1, "approved", registered="SBI-1")
    assert faults(one(), least=2, drafts=(approved,)) == ()
    assert faults(one(), least=2, drafts=(earlier(1),)) == ("The proposal has 1 draft; 2 to 10 are wanted.",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"spec": "Do it."}, CRITERIA),
        ({"estimate_hours": None}, "estimate_hours is missing."),
        ({"estimate_hours": 0.0}, "estimate_hours must be more than 0."),
        ({"estimate_hours": 17.0}, "it is too large with 17 hours; split it: 16 are the limit."),
        ({"labels": ("secruity",)}, "there is no label secruity; did you mean security?"),
        ({"labels": ("zzz",)}, "there is no label zzz; use those that you were told of, or none."),
        ({"needs": ("1",)}, "it needs itself."),
        ({"needs": ("3",)}, "it needs draft 3, and there are 1."),
        ({"needs": ("PBI-7/9",)}, "it needs PBI-7/9, and PBI-7 has no such draft."),
        ({"needs": ("PBI-7/2",)}, "it needs PBI-7/2, which was rejected."),
        ({"needs": ("SBI-5",)}, "it needs SBI-5, which is not there or was cancelled."),
        ({"replaces": 9}, "it replaces 9, and PBI-7 has no such draft."),
        ({"replaces": 2}, "it replaces PBI-7/2, which is rejected: leave that as it is."),
    ],
)
def test_each_fault_is_told_in_words(values: dict[str, object], said: str) -> None:
    drafts = (earlier(1), earlier(2, "rejected"))
    assert faults(one(**values), labels=("security",), drafts=drafts, items=("SBI-4",)) == (f'Draft 1 ("One"): {said}',)


def test_two_of_one_title_are_told() -> None:
    assert faults(one("Ａ list."), one("a List")) == ("Drafts 1 and 2 have the same title.",)


def test_two_that_replace_the_same_are_told() -> None:
    found = faults(one("A", replaces=1), one("B", replaces=1), drafts=(earlier(1),))
    assert found == ("Drafts 1 and 2 both replace draft 1.",)


def test_a_circle_is_named() -> None:
    found = faults(one("A", needs=("2",)), one("B", needs=("3",)), one("C", needs=("1",)), one("D"))
    way = "draft 1 → draft 2 → draft 3 → draft 1"
    assert found == (f"These need each other in a circle: {way}. Leave one of these needs out.",)


def test_a_circle_by_way_of_an_earlier_draft_is_named() -> None:
    drafts = (earlier(1), earlier(2, needs=("PBI-7/1",)))
    [found] = faults(one("New", needs=("PBI-7/2",), replaces=1), drafts=drafts)
    assert found.startswith("These need each other in a circle: ")
    assert "PBI-7/2" in found


def test_a_long_chain_is_no_circle() -> None:
    chain = [one(f"Part {at}", needs=(str(at + 1),) if at < 99 else ()) for at in range(1, 100)]
    assert faults(*chain, most=100) == ()


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        ("src/a.py", True),
        ("src/new/b.py", True),
        ("new.txt", True),
        ("**/*.py", True),
        ("*/a.py", True),
        ("scr/a.py", False),
        ("dcos/**", False),
        ("made/x.py", True),
    ],
)
def test_a_path_lies_where_there_is_a_folder_or_one_is_made(path: str, fine: bool) -> None:
    text = SPEC.replace("Do it.", "Make made/ and do it.")
    assert (faults(one(paths=(path,), spec=text), files=("src/a.py", "docs/b.md")) == ()) is fine


@pytest.mark.parametrize("files", [(), ("README",), (".github/ci.yml", "README")])
def test_in_a_project_without_folders_nothing_is_implausible(files: tuple[str, ...]) -> None:
    assert faults(one(paths=("src/a.py",)), files=files) == ()


def test_no_more_faults_are_told_than_anybody_reads() -> None:
    found = faults(*(one(f"Part {at}", estimate_hours=None) for at in range(60)), most=100)
    assert len(found) == FAULTS_MOST + 1
    assert found[-1] == "And 10 more."
