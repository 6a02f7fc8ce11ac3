"""What the engine sees and keeps of a turn's work, and that it leaves the user's checkout alone."""

from __future__ import annotations

import hashlib

import pytest
from workshop import WAITS, Workshop, eventually, steps

from deespec.engine.ready import look_at_workspace
from deespec.errors import WorkspaceError
from deespec.model.lifecycle import Status

CHANGES_README = steps('echo changed > README; echo new > new.txt; echo "DECISION: IMPLEMENTED"')


def refs(project: Workshop) -> dict[str, str]:
    lines = project.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/deespec").splitlines()
    return dict(line.split() for line in lines)


# --- Git ------------------------------------------------------------------------------------------------------------


def test_each_turn_s_work_is_kept_under_a_ref_of_its_own(project: Workshop) -> None:
    project.agent(CHANGES_README)
    sbi = project.register(only_implement=True)
    project.drain()
    turn = project.turns()[0]
    assert refs(project) == {f"refs/deespec/SBI-1/turn-1.{turn.token}": turn.tree}
    assert project.git("show", f"{turn.tree}:new.txt") == "new"
    assert project.git("show", f"{turn.tree}:README") == "changed"
    assert f"Deespec-Item: {sbi.uid}" in project.git("log", "-1", "--format=%B", str(turn.tree))


def test_branch_head_and_index_of_the_user_stay_as_they_are(project: Workshop) -> None:
    project.commit("staged", "old\n")
    (project.root / "staged").write_text("new\n")
    project.git("add", "staged")
    index = project.root / ".git" / "index"
    before = (project.git("rev-parse", "HEAD"), project.git("branch", "--all"), project.git("diff", "--cached"))
    content = hashlib.sha256(index.read_bytes()).hexdigest()
    project.agent(CHANGES_README)
    project.register()
    project.drain()
    assert hashlib.sha256(index.read_bytes()).hexdigest() == content
    assert (project.git("rev-parse", "HEAD"), project.git("branch", "--all"), project.git("diff", "--cached")) == before


def test_an_existing_ref_is_never_moved(project: Workshop) -> None:
    head = project.git("rev-parse", "HEAD")
    project.git("update-ref", "refs/deespec/SBI-1/turn-1.1", head)
    project.agent(steps())
    project.register()
    assert project.took() == "given back"
    assert project.took() == "implemented"
    assert refs(project)["refs/deespec/SBI-1/turn-1.1"] == head
    assert refs(project)["refs/deespec/SBI-1/turn-1.2"] == project.turns()[0].tree


def test_the_user_s_hooks_do_not_run(project: Workshop) -> None:
    for name in ("pre-commit", "reference-transaction", "post-index-change"):
        hook = project.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {project.seen}/hooked\nexit 1\n")
        hook.chmod(0o755)
    project.agent(steps())
    project.register()
    assert [outcome.what for outcome in project.drain()] == ["implemented", "succeeded"]
    assert project.saw("hooked") is None


def test_ignored_files_are_no_evidence(project: Workshop) -> None:
    project.commit(".gitignore", "build/\n")
    project.agent(steps('mkdir build; echo a > build/a; echo "DECISION: IMPLEMENTED"'))
    project.register()
    assert project.took() == "findings"


def test_a_lock_that_a_killed_git_left_does_not_stop_the_next_turn(project: Workshop) -> None:
    project.agent(steps(f'touch "$SEEN/begun"; {WAITS}; echo a > a; echo "DECISION: IMPLEMENTED"'))
    project.register()
    with project.working(once=True):
        assert eventually(lambda: project.saw("begun") is not None)
        for index in (project.home / "cache").glob("index-*/index"):
            index.with_name("index.lock").touch()
        (project.seen / "go").touch()
        assert eventually(lambda: project.sbi().status is Status.REVIEWING)


def test_a_repository_without_a_commit_works(folder: Workshop) -> None:
    folder.git("init", "--quiet")
    folder.agent(steps())
    folder.register()
    assert [outcome.what for outcome in folder.drain()] == ["implemented", "succeeded"]
    assert len(refs(folder)) == 1


def test_a_turn_cut_off_is_judged_from_where_it_began(project: Workshop) -> None:
    project.agent(steps('if test -e half; then echo "DECISION: IMPLEMENTED"; else echo half > half; exit 1; fi'))
    project.register()
    assert project.took() == "attempt failed"
    assert project.took() == "implemented"


# --- without Git ----------------------------------------------------------------------------------------------------


def test_without_git_a_changed_file_is_evidence(folder: Workshop) -> None:
    (folder.root / "README").write_text("Read me.\n")
    folder.agent(CHANGES_README)
    folder.register()
    assert [outcome.what for outcome in folder.drain()] == ["implemented", "succeeded"]
    assert "Changed files: README, new.txt" in folder.prompt(turn=2)


def test_without_git_touching_a_file_is_no_evidence(folder: Workshop) -> None:
    (folder.root / "README").write_text("Read me.\n")
    folder.agent(steps('touch README; echo "DECISION: IMPLEMENTED"'))
    folder.register()
    assert folder.took() == "findings"


def test_without_git_paths_are_judged(folder: Workshop) -> None:
    folder.agent(steps('echo a > a; echo b > b; echo "DECISION: IMPLEMENTED"'))
    folder.register(paths=("a",))
    folder.turn()
    assert folder.turns()[0].findings == ("Changed outside the paths of this item (a): b",)


# --- side by side ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["project", "folder"])
def test_what_a_neighbour_changes_is_not_held_against_an_item(kind: str, request: pytest.FixtureRequest) -> None:
    shop: Workshop = request.getfixturevalue(kind)
    meet = "while ! { test -e SBI-1.txt && test -e SBI-2.txt; }; do sleep 0.02; done"
    shop.agent(steps(f'echo mine > "$DEESPEC_ITEM.txt"; {meet}; echo "DECISION: IMPLEMENTED"'))
    for number in (1, 2):
        shop.register(paths=(f"SBI-{number}.txt",))
    outcomes = [outcome.what for outcome in shop.drain(slots=2)]
    assert sorted(outcomes) == ["implemented", "implemented", "succeeded", "succeeded"]


def test_what_changes_outside_an_item_s_paths_is_no_work_of_its(project: Workshop) -> None:
    script = f"""
        if test $DEESPEC_ITEM = SBI-1; then echo a > "$SEEN/first"; {WAITS}
        else echo mine > SBI-2.txt; touch "$SEEN/second"; fi
        echo "DECISION: IMPLEMENTED"
    """
    project.agent(steps(script))
    for number in (1, 2):
        project.register(paths=(f"SBI-{number}.txt",))
    with project.working(slots=2):
        assert eventually(lambda: project.saw("second") is not None and project.sbi(2).turn)
        (project.seen / "go").touch()
        assert eventually(lambda: project.sbi(1).turn)
    assert project.turns(1)[0].findings[0].startswith("Nothing was changed.")


# --- the checkout at the start --------------------------------------------------------------------------------------


def test_a_changed_tracked_file_is_refused_and_named(project: Workshop) -> None:
    (project.root / "README").write_text("mine\n")
    with pytest.raises(WorkspaceError, match="README"):
        look_at_workspace(project.app, dirty=False)
    look_at_workspace(project.app, dirty=True)


def test_new_files_are_no_reason_to_refuse(project: Workshop) -> None:
    (project.root / "notes").write_text("mine\n")
    look_at_workspace(project.app, dirty=False)


def test_what_the_last_turn_left_is_accepted(project: Workshop) -> None:
    project.agent(CHANGES_README)
    project.register()
    project.turn()
    look_at_workspace(project.app, dirty=False)


def test_what_came_after_the_last_turn_is_refused(project: Workshop) -> None:
    project.commit("other", "old\n")
    project.agent(CHANGES_README)
    project.register()
    project.turn()
    (project.root / "other").write_text("mine\n")
    with pytest.raises(WorkspaceError) as refused:
        look_at_workspace(project.app, dirty=False)
    assert ("other" in refused.value.message, "README" in refused.value.message) == (True, False)


@pytest.mark.parametrize("paths", [(), ("READ*",)])
def test_what_a_turn_that_was_cut_off_left_is_accepted(project: Workshop, paths: tuple[str, ...]) -> None:
    project.agent("echo half > README; exit 1")
    project.register(paths=paths)
    assert project.took() == "attempt failed"
    look_at_workspace(project.app, dirty=False)


def test_beside_a_turn_that_was_cut_off_other_changes_are_refused(project: Workshop) -> None:
    project.commit("other", "old\n")
    project.agent("echo half > README; exit 1")
    project.register(paths=("READ*",))
    assert project.took() == "attempt failed"
    (project.root / "other").write_text("mine\n")
    with pytest.raises(WorkspaceError) as refused:
        look_at_workspace(project.app, dirty=False)
    assert ("other" in refused.value.message, "README" in refused.value.message) == (True, False)


def test_while_others_work_changes_are_theirs(project: Workshop) -> None:
    project.agent(steps(f'echo half > README; touch "$SEEN/begun"; {WAITS}'))
    project.register()
    with project.working():
        assert eventually(lambda: project.saw("begun") is not None)
        look_at_workspace(project.app, dirty=False)


def test_run_refuses_a_dirty_checkout_unless_told(project: Workshop) -> None:
    project.agent(steps())
    project.register()
    project.write_config()
    (project.root / "README").write_text("mine\n")
    status, _, err = project.command("run", "--once")
    assert (status, "README" in err, "--dirty" in err) == (4, True, True)
    assert project.command("run", "--once", "--dirty")[0] == 0


def test_a_user_s_home_is_no_workspace(project: Workshop) -> None:
    project.env["HOME"] = str(project.root)
    with pytest.raises(WorkspaceError, match="Agents would work in"):
        look_at_workspace(project.app, dirty=True)
