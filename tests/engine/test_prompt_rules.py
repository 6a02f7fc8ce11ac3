"""What prompts forbid is looked at afterwards: some of it sends the work back, and of the rest people are told."""

from __future__ import annotations

import pytest
from workshop import Workshop, steps

TARGET = "deespec/integration"


@pytest.fixture
def apart(project: Workshop) -> Workshop:
    """A project in Git whose items have worktrees."""
    project.settle("workspace", mode="worktree")
    return project


def after(project: Workshop, script: str, **fields: object) -> tuple[str, tuple[str, ...]]:
    """What became of a turn in which the agent ran this, and what its record tells."""
    project.agent(steps(f"{script}; echo 'DECISION: IMPLEMENTED'"))
    project.register(**fields)
    return project.took(), project.turns()[-1].findings


def test_a_report_left_in_a_file_is_noted_and_the_reviewer_is_told(apart: Workshop) -> None:
    outcome, told = after(
        apart, "echo a > a.py; mkdir docs; echo b > docs/IMPLEMENTATION_REPORT.md; echo c > report_3.md"
    )
    note = "It looks like a report in a file of the project: docs/IMPLEMENTATION_REPORT.md, report_3.md"
    assert (outcome, told) == ("implemented", (note,))
    assert apart.took() == "succeeded"
    assert f"Noticed by the engine; judge whether it matters:\n\n- {note}\n" in apart.prompt(turn=2)


@pytest.mark.parametrize(
    ("script", "fields"),
    [
        ("echo a > report.md", {"spec": "Write the numbers into Report.md."}),
        ("echo a > plan.md", {"paths": ("plan.md",)}),
        ("echo a > reporting.py; echo b > myreport.md; echo c > review.py", {}),
        ("echo more >> PLAN.md", {}),
    ],
)
def test_a_file_that_is_asked_for_or_was_there_is_no_report(
    apart: Workshop, script: str, fields: dict[str, object]
) -> None:
    apart.commit("PLAN.md", "A plan.\n")
    assert after(apart, script, **fields) == ("implemented", ())


def test_in_the_shared_folder_and_without_git_reports_are_seen_too(folder: Workshop) -> None:
    assert after(folder, "echo a > summary.md")[1] == ("It looks like a report in a file of the project: summary.md",)


def test_branches_and_tags_of_an_agent_s_own_are_noted(apart: Workshop) -> None:
    outcome, told = after(apart, "echo a > a; git branch mine; git tag v1; git branch --quiet other main")
    assert outcome == "implemented"
    assert told == ("Branches and tags with this work, which deespec has not made: refs/heads/mine, refs/tags/v1",)


def test_what_an_agent_pushes_is_noted(apart: Workshop) -> None:
    apart.git("init", "--quiet", "--bare", str(apart.folder / "far.git"))
    apart.git("remote", "add", "origin", str(apart.folder / "far.git"))
    commit = "git -c user.name=a -c user.email=a@b commit --quiet --allow-empty --message a"
    outcome, told = after(apart, f"echo a > a; {commit}; git push --quiet origin HEAD:refs/heads/mine")
    assert outcome == "implemented"
    assert told == ("Branches and tags with this work, which deespec has not made: refs/remotes/origin/mine",)


def test_a_commit_in_the_shared_folder_is_noted(project: Workshop) -> None:
    commit = "git -c user.name=a -c user.email=a@b commit --quiet --message 'By an agent'"
    outcome, told = after(project, f"echo a > a; git add a; {commit}")
    assert outcome == "implemented"
    assert told == ("HEAD was moved while this turn ran, by whom is not known: commit: By an agent",)


def test_what_was_done_in_the_person_s_checkout_instead_is_named(apart: Workshop) -> None:
    (apart.root / "mine").write_text("A person's.\n")
    outcome, told = after(apart, f"echo more >> {apart.root}/README; echo new > {apart.root}/new")
    assert outcome == "findings"
    assert "which is not your folder, were changed meanwhile: " in told[0]
    assert "README" in told[0]
    assert "new" in told[0]
    assert apart.took() == "findings"
    assert told[0] in apart.prompt(turn=2)


def test_settings_prompts_and_labels_that_change_meanwhile_are_noted(apart: Workshop) -> None:
    script = f"echo a > a; mkdir -p {apart.home}/prompts; echo x > {apart.home}/prompts/house.md"
    assert after(apart, script) == (
        "implemented",
        ("Changed in the backlog's home meanwhile, by whom is not known: prompts/house.md",),
    )


def test_below_the_backlog_s_folder_nothing_may_be_written(project: Workshop) -> None:
    outcome, told = after(project, "echo a > a; mkdir .deespec/labels; echo b > .deespec/labels/b.md")
    assert outcome == "findings"
    assert told == ("Files of the backlog itself were changed; put them back: .deespec/labels/b.md",)


def test_who_has_done_as_told_gets_no_notes(apart: Workshop) -> None:
    apart.git("branch", "of-a-person")
    (apart.home / "labels").mkdir()
    (apart.home / "labels" / "old.md").write_text("Old.\n")
    assert after(apart, "echo a > a.py; echo b > README") == ("implemented", ())
    assert apart.took() == "succeeded"
    assert "Noticed by the engine" not in apart.prompt(turn=2)


def test_notes_do_not_send_the_work_back_nor_are_they_told_to_who_goes_on(apart: Workshop) -> None:
    script = "echo a >> a; test -e report.md || echo b > report.md"
    apart.agent(steps(f"{script}; echo 'DECISION: IMPLEMENTED'", "echo 'DECISION: NEEDS_CHANGES'"))
    apart.register()
    assert [apart.took() for _ in range(3)] == ["implemented", "needs_changes", "implemented"]
    assert "It looks like" not in apart.prompt(turn=3)
