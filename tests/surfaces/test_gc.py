"""`gc` frees what is over and can be had again, and says why all else stays."""

from __future__ import annotations

import fcntl
import os

from apart import TARGET, Apart, project
from workshop import eventually, steps

from deespec.store.alive import LifeLock

__all__ = ["project"]
REJECTS = steps(review='echo "DECISION: FAILED"')
CUT_OFF = steps('echo half > half.txt; : > "$SEEN/begun"; while :; do sleep 0.02; done')


def kept(project: Apart, *args: str) -> dict[str, str]:
    """Why each name stays, as a dry run tells it."""
    return {f"{one['name']} {one['kind']}": one["why"] for one in project.json("gc", "--dry-run", *args)["kept"]}


def fails(project: Apart) -> None:
    """SBI-1 is FAILED, and has a turn and a worktree."""
    project.agent(REJECTS)
    project.register()
    project.drain()


def cancel_at_work(project: Apart) -> None:
    """SBI-1 is cancelled while its agent has a file that is not committed."""
    project.agent(CUT_OFF)
    project.register()
    with project.process("run"):
        assert eventually(lambda: project.saw("begun") is not None)
        project.says("sbi", "cancel", "SBI-1", "--yes")


def test_the_refs_of_a_merged_item_go_and_its_work_stays_in_the_target(project: Apart) -> None:
    project.writes()
    project.register()
    project.drain()
    assert project.refs()
    assert "merged into deespec/integration" in project.says("gc", "--yes")
    assert project.refs() == []
    assert project.git("show", f"{TARGET}:SBI-1-1.txt") == "SBI-1"
    assert project.refs("refs/deespec/backlog") != []
    assert "There is nothing to free." in project.says("gc")


def test_an_item_that_goes_on_keeps_everything(project: Apart) -> None:
    fails(project)
    before = project.refs()
    assert kept(project)["SBI-1 worktree"] == "it goes on there"
    project.says("gc", "--yes")
    assert project.refs() == before
    assert project.tree().is_dir()


def test_what_a_cancelled_item_had_not_committed_is_under_a_ref_before_its_folder_goes(project: Apart) -> None:
    cancel_at_work(project)
    project.says("gc", "--yes")
    assert not project.tree().exists()
    assert project.git("branch", "--list", "deespec/SBI-1") == ""
    assert {project.git("show", f"{ref}:half.txt") for ref in project.refs() if "begin" not in ref} == {"half"}


def test_the_refs_of_a_cancelled_item_go_only_when_it_is_named(project: Apart) -> None:
    cancel_at_work(project)
    project.says("gc", "--yes")
    assert kept(project)["SBI-1 refs"] == "nothing else holds its work (cancelled)"
    project.says("gc", "--cancelled", "SBI-1", "--yes")
    assert project.refs() == []


def test_only_an_item_that_was_given_up_can_be_named(project: Apart) -> None:
    fails(project)
    refusal = project.says("gc", "--cancelled", "SBI-1", "--yes", exits=4)
    assert refusal.startswith("SBI-1 is FAILED, and has never been given up.")
    assert project.refs()


def test_what_was_before_a_reset_loses_its_folder_and_keeps_its_commits(project: Apart) -> None:
    fails(project)
    project.says("sbi", "reset", "SBI-1", "--yes")
    before = project.refs()
    project.says("gc", "--yes")
    assert not project.tree().exists()
    assert project.refs() == before
    project.says("gc", "--cancelled", "1", "--yes")
    assert project.refs() == []


def test_elsewhere_than_on_a_terminal_it_needs_a_yes(project: Apart) -> None:
    project.writes()
    project.register()
    project.drain()
    before = project.refs()
    status, out, err = project.command("gc")
    assert (status, "SBI-1" in out) == (2, True)
    assert err.startswith(f"Free {len(before)} refs?")
    assert project.refs() == before


def test_a_dry_run_frees_nothing(project: Apart) -> None:
    cancel_at_work(project)
    found = project.json("gc", "--dry-run")
    assert [(one["kind"], one["item"]) for one in found["freed"]] == [("worktree", "SBI-1"), ("branch", "SBI-1")]
    assert found["bytes"] > 0
    assert (project.tree() / "half.txt").read_text() == "half\n"


def test_a_file_that_git_ignores_keeps_the_worktree(project: Apart) -> None:
    cancel_at_work(project)
    (project.tree() / "notes.log").write_text("perhaps wanted\n")
    assert kept(project)["SBI-1 worktree"] == "ignored by Git, and perhaps wanted: notes.log"
    project.says("gc", "--yes")
    assert (project.tree() / "half.txt").exists()


def test_the_checkout_of_a_worker_goes_when_it_has_ended(project: Apart) -> None:
    life = LifeLock(str(project.home), "01WORKER")
    project.app.target.start("main", backlog="01JD")
    project.app.target.checkout("main", name="01WORKER")
    assert kept(project) == {"01WORKER checkout": "its worker runs gates there"}
    life.release()
    project.says("gc", "--yes")
    assert not (project.home / "checkouts" / "01WORKER").exists()
    assert len(project.git("worktree", "list").splitlines()) == 1


def test_a_folder_of_no_item_stays_unless_it_is_empty(project: Apart) -> None:
    for name in ("SBI-7", "mine", "empty"):
        project.tree(name).mkdir(parents=True)
    (project.tree("mine") / "file").write_text("mine\n")
    (project.tree("SBI-7") / "file").write_text("whose?\n")
    project.says("gc", "--yes")
    assert sorted(os.listdir(project.home / "worktrees")) == ["SBI-7", "mine"]


def test_a_link_is_not_followed(project: Apart) -> None:
    project.writes()
    project.register()
    project.drain()
    precious = project.folder / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine\n")
    project.tree("SBI-1.kept-1").symlink_to(precious)
    project.command("gc", "--yes")
    assert (precious / "file").read_text() == "mine\n"


def test_what_lay_in_the_way_goes_with_a_merged_item_only(project: Apart) -> None:
    project.writes()
    project.register()
    project.drain()
    for name in ("SBI-1.kept-1", "SBI-2.kept-1"):
        project.tree(name).mkdir()
        (project.tree(name) / "file").write_text("an agent's\n")
    project.says("gc", "--yes")
    assert os.listdir(project.home / "worktrees") == ["SBI-2.kept-1"]


def test_work_that_is_merged_nowhere_stays_although_it_is_done(project: Apart) -> None:
    project.settle("workspace", integrate="none")
    project.writes()
    project.register()
    project.drain()
    before = project.refs()
    project.says("gc", "--yes")
    assert project.refs() == before
    assert [project.git("show", f"{ref}:SBI-1-1.txt") for ref in before if "turn" in ref] == ["SBI-1"]


def test_refs_of_another_backlog_are_left_alone(project: Apart) -> None:
    project.writes()
    project.register()
    commit = project.git("commit-tree", "HEAD^{tree}", "-m", "Begins\n\nDeespec-Item: 01JD00000000000000000OTHER")
    for ref in ("refs/deespec/SBI-1/begin", "refs/heads/deespec/SBI-1"):
        project.git("update-ref", ref, commit)
    project.drain()
    project.says("gc", "--yes")
    assert project.refs() == ["refs/deespec/SBI-1/begin"]
    assert project.refs("refs/heads/deespec/SBI-1") == ["refs/heads/deespec/SBI-1"]


def test_an_item_that_is_being_worked_on_is_not_touched(project: Apart) -> None:
    project.agent(CUT_OFF)
    project.register()
    with project.process("run"):
        assert eventually(lambda: project.saw("begun") is not None)
        assert kept(project)["SBI-1 worktree"] == "it is being worked on"
        assert project.says("gc", "--yes").endswith("There is nothing to free.\n")
        assert (project.tree() / "half.txt").exists()


def test_doctor_tells_how_much_lies_about(project: Apart) -> None:
    fails(project)
    found = {one["id"]: one for one in project.json("doctor")["findings"]}
    assert found["worktrees"]["what"].startswith("1 worktree of items that are not finished: ")
    project.says("sbi", "cancel", "SBI-1", "--yes")
    found = {one["id"]: one for one in project.json("doctor")["findings"]}
    assert (found["worktrees"]["level"], found["worktrees"]["fix"]) == ("warning", "deespec gc")


def test_the_checkout_of_an_undo_stays_while_it_is_at_work(project: Apart) -> None:
    project.app.target.start("main", backlog="01JD")
    project.app.target.checkout("main", name="undo")
    with open(project.home / "undo.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert kept(project) == {"undo checkout": "its undo runs gates there"}
        project.says("gc", "--yes")
        assert (project.home / "checkouts" / "undo").is_dir()
    project.says("gc", "--yes")
    assert not (project.home / "checkouts" / "undo").exists()
