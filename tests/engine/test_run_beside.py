"""What a run says of what waits beside it: PBIs it does not take, drafts of those it does, work to land."""

from __future__ import annotations

from planner import TWO, pbi, plan, says
from workshop import Workshop, steps

from deespec.model.lifecycle import GroupStatus

BOTH = ("--workflows", "pbi,sbi")


def test_a_run_that_leaves_drafts_undecided_names_them_and_ends_with_7(project: Workshop) -> None:
    project.agent(says(TWO))
    plan(project, auto=True)
    project.write_config()
    status, _, said = project.command("run", *BOTH, "--drain")
    assert (status, pbi(project).status) == (7, GroupStatus.PLANNING)
    assert "2 drafts wait → deespec pbi drafts PBI-1\n" in said
    assert "1 decomposed" in said
    assert project.command("run", "--drain")[0] == 0, "it decomposes nothing, so drafts are none of its scope"


def test_what_comes_of_a_decomposition_without_a_person_is_said_with_its_summary(project: Workshop) -> None:
    project.agent(says(TWO))
    plan(project, auto=True, auto_approve=True)
    project.write_config()
    status, _, said = project.command("run", "--workflows", "pbi", "--drain")
    assert status == 0
    assert "  registered without a person (auto_approve): SBI-1, SBI-2\n" in said
    assert "1 decomposed" in said.splitlines()[-1]


def test_a_run_of_sbis_alone_says_that_a_pbi_waits_to_be_decomposed(project: Workshop) -> None:
    project.agent("true")
    plan(project, auto=True)
    project.write_config()
    told = "1 PBI waits to be decomposed → deespec run --workflows pbi,sbi\n"
    status, _, said = project.command("run", "--once")
    assert (status, told in said) == (6, True)
    assert "There was nothing to do → deespec why\n" in said
    assert told not in project.command("-q", "run", "--once")[2]
    project.command("pbi", "hold", "1", "--yes")
    assert told not in project.command("run", "--once")[2]


def test_what_is_merged_is_said_to_be_landed_by_a_run_and_by_a_bare_call(project: Workshop) -> None:
    project.settle("workspace", mode="worktree")
    project.commit("a", "a\n")
    project.agent(steps())
    project.register()
    project.write_config()
    told = "1 item is merged → deespec land\n"
    assert told not in project.command()[1]
    status, _, said = project.command("run", "--drain")
    assert (status, told in said) == (0, True), said
    assert told in project.command()[1]
    assert project.command("land")[0] == 0
    assert told not in project.command()[1]
