"""What a proposal comes to against the drafts that are there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.errors import InvalidInput
from deespec.model.asking import UNDECIDED, Draft, DraftStatus
from deespec.model.drafting import Taken, against, successors
from deespec.model.faults import Known, faults_of
from deespec.model.proposal import Proposed
from deespec.records import replace

S = DraftStatus
DECIDED = (S.APPROVED, S.WAITING, S.REJECTED)


def draft(number: int, title: str, status: DraftStatus = S.OPEN, **fields: object) -> Draft:
    registered = f"SBI-{number}" if status is S.APPROVED else None
    made = Draft(parent="PBI-7", number=number, title=title, spec="Text.", status=status, registered=registered)
    return replace(made, **fields)


def proposed(title: str, **fields: object) -> Proposed:
    return replace(Proposed(title=title, spec="Text."), **fields)


def take(known: list[Draft], *wanted: Proposed) -> Taken:
    return against(known, wanted, parent="PBI-7", turn=3, agent="ann", now=9)


def after(known: list[Draft], taken: Taken) -> list[Draft]:
    """The drafts as they are when that was written."""
    changed = {one.number: one for one in taken.replaced}
    return [changed.get(one.number, one) for one in known] + list(taken.added)


def test_a_first_proposal_is_all_new() -> None:
    whole = {"labels": ("go",), "paths": ("src/**",), "estimate_hours": 2.5, "only_implement": True}
    taken = take([], proposed("One", **whole), proposed("Two", needs=("1", "SBI-4")))
    assert [one.id for one in taken.added] == ["PBI-7/1", "PBI-7/2"]
    one, two = taken.added
    assert {name: getattr(one, name) for name in whole} == whole
    assert (one.turn, one.agent, one.created_at, one.updated_at, one.status) == (3, "ann", 9, 9, S.OPEN)
    assert two.needs == ("PBI-7/1", "SBI-4")


@pytest.mark.parametrize("status", DECIDED)
@pytest.mark.parametrize("said", [proposed(" ＯＮＥ!"), proposed("Uno", spec="Else.", replaces=1)])
def test_what_repeats_a_decided_draft_adds_nothing(status: DraftStatus, said: Proposed) -> None:
    known = [draft(1, "One", status)]
    assert take(known, said) == Taken(known=tuple(known))


def test_what_stands_against_an_open_one_replaces_it_and_names_it() -> None:
    taken = take([draft(1, "One"), draft(2, "Two")], proposed("One", spec="Else."), proposed("Deux", replaces=2))
    assert [(one.number, one.title, one.replaces) for one in taken.added] == [(3, "One", 1), (4, "Deux", 2)]
    assert [(one.number, one.status, one.updated_at) for one in taken.replaced] == [
        (1, S.REPLACED, 9),
        (2, S.REPLACED, 9),
    ]


def test_the_same_again_changes_nothing() -> None:
    said = (proposed("One"), proposed("Two", needs=("1",), labels=("go",)))
    first = list(take([], *said).added)
    assert take(first, *said) == Taken(known=tuple(first))


def test_what_needs_a_replaced_one_word_for_word_stays() -> None:
    first = list(take([], proposed("One"), proposed("Two", needs=("1",))).added)
    second = after(first, take(first, proposed("One", spec="Else."), proposed("Two", needs=("1",))))
    assert [(one.number, one.status) for one in second] == [(1, S.REPLACED), (2, S.OPEN), (3, S.OPEN)]
    assert take(second, proposed("One", spec="Else."), proposed("Two", needs=("1",))).added == ()


def test_an_edited_one_keeps_the_words_of_the_person() -> None:
    known = [draft(1, "One", edited=True, spec="Mine.")]
    assert take(known, proposed("One", spec="Else."), proposed("Uno", replaces=1)) == Taken(known=tuple(known))


def test_open_ones_that_nothing_is_said_about_stay() -> None:
    taken = take([draft(1, "One")], proposed("Two"))
    assert ([one.number for one in taken.added], taken.replaced, taken.known) == ([2], (), ())


def test_one_may_be_split_in_two() -> None:
    known = [draft(1, "One"), draft(2, "Two", S.WAITING, needs=("PBI-7/1",))]
    now = after(known, take(known, proposed("A", replaces=1), proposed("B", replaces=1)))
    assert successors(now) == {"PBI-7/1": ("PBI-7/3", "PBI-7/4")}


def test_one_that_is_said_twice_is_one() -> None:
    taken = take([], proposed("One"), proposed("one."), proposed("Two", needs=("1", "2")))
    assert [(one.number, one.needs) for one in taken.added] == [(1, ()), (2, ("PBI-7/1",))]


def test_needs_follow_what_was_repeated_and_what_was_replaced() -> None:
    known = [draft(1, "One", S.APPROVED), draft(2, "Two")]
    taken = take(known, proposed("One"), proposed("Deux", replaces=2), proposed("Three", needs=("1", "2", "PBI-7/2")))
    assert taken.added[-1].needs == ("PBI-7/1", "PBI-7/3")


def test_who_has_replaced_one_is_found_through_all_that_came_between() -> None:
    drafts = [draft(1, "A", S.REPLACED), draft(2, "B", S.REPLACED, replaces=1), draft(3, "C", replaces=2)]
    assert successors(drafts) == {"PBI-7/1": ("PBI-7/3",), "PBI-7/2": ("PBI-7/3",)}


@pytest.mark.parametrize("need", ["0", "2", "99999999999"])
def test_a_need_that_the_proposal_does_not_have_is_refused(need: str) -> None:
    with pytest.raises(InvalidInput, match=f"There is no draft {need} in the proposal, which has 1."):
        take([], proposed("One", needs=(need,)))


TITLES = st.sampled_from(["One", "one", "ＴＷＯ", "Two", "Three.", "Four", "Five"])
HISTORIES = st.lists(
    st.lists(
        st.builds(
            Proposed,
            title=TITLES,
            spec=st.sampled_from(["Text.", "Else."]),
            needs=st.lists(st.sampled_from(["1", "SBI-4"]), unique=True).map(tuple),
            replaces=st.none() | st.integers(1, 9),
        ),
        min_size=1,
        max_size=6,
    ),
    max_size=4,
)
DECISIONS = st.lists(st.sampled_from([*DECIDED, "edited", None]), min_size=40, max_size=40)


@given(HISTORIES, DECISIONS)
def test_whatever_is_proposed_decisions_stay_and_numbers_are_never_used_again(
    history: list[list[Proposed]], decisions: list[DraftStatus | str | None]
) -> None:
    known: list[Draft] = []
    for said in history:
        taken = take(known, *said)
        kept = {one.number for one in known if one.status not in (S.OPEN,) or one.edited}
        assert not kept & {one.number for one in taken.replaced}
        assert [one.number for one in taken.added] == [len(known) + at for at in range(1, len(taken.added) + 1)]
        known = after(known, taken)
        ids = {one.id for one in known}
        for one in taken.added:
            assert one.id not in one.needs
            assert all(need in ids for need in one.needs if "/" in need)
        named = {one.replaces for one in taken.added}
        assert {one.number for one in taken.replaced} <= named
        for at, one in enumerate(known):
            choice = decisions[at % len(decisions)]
            if one.status is S.OPEN and choice == "edited":
                known[at] = replace(one, edited=True)
            elif one.status is S.OPEN and choice is not None:
                known[at] = replace(one, status=S(choice))
        assert all(last in ids for heirs in successors(known).values() for last in heirs)
    assert {one.status for one in known} <= {*UNDECIDED, S.APPROVED, S.REJECTED, S.REPLACED}


@given(HISTORIES)
def test_a_proposal_without_old_numbers_that_is_made_again_adds_nothing(history: list[list[Proposed]]) -> None:
    known: list[Draft] = []
    for said in history:
        by_title = {one.title.casefold(): one for one in reversed(said)}
        plain = [
            replace(one, replaces=None, title=title, needs=()) for title, one in by_title.items() if title.isascii()
        ]
        known = after(known, take(known, *plain))
        assert take(known, *plain).added == ()


def test_a_need_of_what_repeats_a_rejected_draft_is_told_and_does_not_reach_another_of_that_title() -> None:
    known = [draft(1, "One", S.REJECTED), draft(2, "One", edited=True)]
    wanted = (proposed("One"), proposed("Three", needs=("1",)))
    told = faults_of(wanted, Known(parent="PBI-7", drafts=known))
    assert 'Draft 2 ("Three"): it needs PBI-7/1, which was rejected.' in told
    assert take(known, *wanted).added[0].needs == ("PBI-7/1",)


def test_a_need_of_what_was_replaced_by_a_rejected_draft_is_told() -> None:
    known = [draft(1, "One", S.REPLACED), draft(2, "Uno", S.REJECTED, replaces=1)]
    told = faults_of((proposed("Three", needs=("PBI-7/1",)),), Known(parent="PBI-7", drafts=known))
    assert 'Draft 1 ("Three"): it needs PBI-7/2, which was rejected.' in told


def test_a_circle_is_that_of_the_drafts_as_they_will_stand() -> None:
    """What a person has edited keeps its own needs, whatever is proposed in its place."""
    known = [draft(1, "One", edited=True), draft(2, "Two", needs=("PBI-7/1",), edited=True)]
    wanted = (proposed("One", needs=("PBI-7/2",)),)
    assert not any("circle" in one for one in faults_of(wanted, Known(parent="PBI-7", drafts=known)))
