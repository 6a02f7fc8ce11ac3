"""Each item is worked on in a folder of its own, and what is accepted is merged: proven and exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest
from workshop import ACCEPTS, Workshop, eventually, steps

from deespec.engine import integrating
from deespec.engine.turn import take
from deespec.engine.worker import Crew, Orders
from deespec.errors import WorkspaceError
from deespec.model.items import Claim, Guard, Priority
from deespec.model.lifecycle import Status
from deespec.records import replace

TARGET = "deespec/integration"


@pytest.fixture
def apart(project: Workshop) -> Workshop:
    """A project in Git whose items have worktrees."""
    project.settle("workspace", mode="worktree")
    return project


def writes(name: str, text: str = "$DEESPEC_ITEM") -> str:
    """An agent that writes one file and has nothing against it afterwards."""
    return steps(f'echo "{text}" > {name}; echo "DECISION: IMPLEMENTED"', ACCEPTS)


def log(project: Workshop, branch: str = TARGET) -> list[str]:
    return project.git("log", "--format=%s", branch).splitlines()


def test_an_accepted_item_is_merged_and_the_persons_checkout_is_left_alone(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.register("Write it")
    (apart.root / "README").write_text("A person's own change.\n")
    assert [one.what for one in apart.drain()] == ["implemented", "succeeded", "merged"]
    assert apart.sbi().status is Status.DONE
    assert log(apart) == ["SBI-1: Write it", "Add README"]
    assert apart.git("show", f"{TARGET}:new.txt") == "SBI-1"
    assert not (apart.root / "new.txt").exists()
    assert apart.git("status", "--short", "--untracked-files=no") == "M README"
    assert log(apart, "main") == ["Add README"]


def test_no_folder_and_no_branch_of_a_merged_item_is_left(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.register()
    apart.drain()
    assert apart.git("worktree", "list").splitlines() == [apart.git("worktree", "list").splitlines()[0]]
    assert list((apart.home / "worktrees").iterdir()) == []
    assert apart.git("branch", "--format=%(refname:short)").splitlines() == [TARGET, "main"]


def test_items_without_paths_work_side_by_side_and_all_of_it_is_merged(apart: Workshop) -> None:
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    for _ in range(4):
        apart.register()
    apart.drain(slots=3)
    assert apart.unfinished() == 0
    assert len(log(apart)) == 5
    assert apart.git("ls-tree", "--name-only", TARGET).split() == ["README", *(f"SBI-{n}.txt" for n in range(1, 5))]


CONFLICT = steps("""
    if test -e "$SEEN/both"; then
        printf 'one\ntwo\n' > same.txt
    else
        echo "$DEESPEC_ITEM" > same.txt
        : > "$SEEN/$DEESPEC_ITEM.begun"
        while ! test -e "$SEEN/SBI-1.begun" -a -e "$SEEN/SBI-2.begun"; do sleep 0.02; done
    fi
    echo "DECISION: IMPLEMENTED"
""").replace(
    "esac",
    """resolve)
    cp same.txt "$SEEN/conflict.txt"
    printf 'SBI-1\nSBI-2\n' > same.txt
    echo "DECISION: RESOLVED"
;;
esac""",
)


def test_a_conflict_is_resolved_by_another_turn_in_the_same_folder(apart: Workshop) -> None:
    apart.agent(CONFLICT)
    apart.register("First")
    apart.register("Second")
    outcomes = [one.what for one in apart.drain(slots=2)]
    assert sorted(outcomes) == ["conflict", *["implemented"] * 3, "merged", "merged", *["succeeded"] * 3]
    assert apart.git("show", f"{TARGET}:same.txt") == "SBI-1\nSBI-2"
    assert "<<<<<<<" in (apart.saw("conflict.txt") or "")
    late = 1 if "conflicted" in apart.events(1) else 2
    assert [turn.step for turn in apart.turns(late)] == ["implement", "review", "resolve", "review"]
    assert "same.txt" in apart.prompt(late, 3)


def test_conflict_markers_that_are_left_are_a_finding(apart: Workshop) -> None:
    apart.settle("run", max_turns=4)
    apart.agent(CONFLICT.replace("printf 'SBI-1\nSBI-2\n' > same.txt", ":"))
    apart.register()
    apart.register()
    apart.drain(slots=2)
    late = 1 if "conflicted" in apart.events(1) else 2
    assert apart.sbi(late).status is Status.FAILED
    assert "Conflict markers are left in: same.txt" in apart.turns(late)[2].findings[0]


KEEPS_ITS_OWN = "for file in SBI-*.txt; do test $file = $DEESPEC_ITEM.txt || rm $file; done"


def test_a_gate_runs_on_the_merged_result_before_the_target_moves(apart: Workshop) -> None:
    apart.agent(
        steps("""
        echo "$DEESPEC_ITEM" > "$DEESPEC_ITEM.txt"
        : > "$SEEN/$DEESPEC_ITEM.begun"
        while ! test -e "$SEEN/SBI-1.begun" -a -e "$SEEN/SBI-2.begun"; do sleep 0.02; done
        echo "DECISION: IMPLEMENTED"
    """).replace("esac", f'resolve)\n{KEEPS_ITS_OWN}; echo "DECISION: RESOLVED"\n;;\nesac')
    )
    apart.gate("! test -e SBI-1.txt -a -e SBI-2.txt", name="one of them")
    apart.register()
    apart.register()
    outcomes = apart.drain(slots=2)
    conflict = next(one for one in outcomes if one.what == "conflict")
    assert "gate one of them fails on the merged result" in (conflict.error or "")
    assert apart.unfinished() == 0
    assert apart.git("ls-tree", "--name-only", TARGET).split() == ["README", f"{conflict.claim.sbi.id}.txt"]


def test_a_reviewers_edits_are_dropped_and_noted(apart: Workshop) -> None:
    apart.agent(steps(review='echo sly >> "$DEESPEC_ITEM.txt"; echo "DECISION: SUCCEEDED"'))
    apart.register()
    apart.drain()
    assert apart.sbi().status is Status.DONE
    assert apart.git("show", f"{TARGET}:SBI-1.txt") == "more"
    assert "SBI-1.txt" in apart.turns()[1].findings[0]


def test_work_outside_the_paths_stays_a_finding_until_it_is_put_back(apart: Workshop) -> None:
    apart.agent(
        steps("""
        if test "$DEESPEC_TURN" = 1; then echo x > outside.txt; fi
        if test "$DEESPEC_TURN" = 3; then rm outside.txt; fi
        echo "$DEESPEC_TURN" > inside.txt
        echo "DECISION: IMPLEMENTED"
    """)
    )
    apart.register(paths=("inside.txt",))
    apart.drain()
    assert [turn.outcome for turn in apart.turns()] == ["findings", "findings", "implemented", "succeeded"]
    assert apart.git("ls-tree", "--name-only", TARGET).split() == ["README", "inside.txt"]


def test_an_item_that_may_skip_the_review_goes_through_the_queue_as_well(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.register(only_implement=True)
    assert [one.what for one in apart.drain()] == ["implemented", "merged"]
    assert apart.git("show", f"{TARGET}:new.txt") == "SBI-1"


def test_a_broken_base_is_told_once_costs_no_turn_and_is_over_when_it_is_mended(
    apart: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrating, "BROKEN_BASE_MS", 0)
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    apart.gate("test -e mended", name="tests")
    apart.register()
    apart.register()
    assert [apart.took() for _ in range(4)] == ["waits"] * 4
    assert (apart.sbi(1).turn, apart.sbi(1).attempts, apart.sbi(1).reason) == (0, 0, "broken_base")
    with apart.app.store.read() as tx:
        assert [notice.name for notice in tx.notices()] == ["broken_base"]
        assert [entry.event for entry in tx.journal()].count("notice") == 1
    assert apart.events(1).count("answered") == 1  # no agent was called a second time
    apart.commit("mended", "yes\n")
    apart.drain()
    assert apart.unfinished() == 0
    assert sorted(apart.git("ls-tree", "--name-only", TARGET).split()) == ["README", "SBI-1.txt", "SBI-2.txt", "mended"]
    with apart.app.store.read() as tx:
        assert tx.notices() == []
    assert list((apart.home / "worktrees").iterdir()) == []


def test_a_drain_ends_where_only_a_broken_base_is_left(apart: Workshop) -> None:
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    apart.gate("false", name="tests")
    apart.register()
    apart.register(depends_on=("SBI-1",))
    assert [one.what for one in apart.drain()] == ["waits"]


def test_an_agent_that_changes_the_backlogs_settings_is_refused_whatever_a_person_sets_meanwhile(
    apart: Workshop,
) -> None:
    apart.settle("run", max_turns=1)
    apart.agent(steps('echo "# mine" >> .deespec/config.toml; echo x > new.txt; echo "DECISION: IMPLEMENTED"'))
    apart.write_config()
    apart.git("add", "--force", ".deespec/config.toml")
    apart.git("commit", "--quiet", "-m", "Settings")
    assert apart.command("config", "set", "run.parallel", "2")[0] == 0
    apart.register()
    apart.drain()
    assert "Files of the backlog itself were changed" in apart.turns()[0].findings[0]


def test_a_check_of_the_item_that_fails_on_the_base_is_a_finding(apart: Workshop) -> None:
    apart.settle("run", max_turns=2)
    apart.agent(writes("new.txt"))
    apart.register(checks=("test -e other.txt",))
    apart.drain()
    assert [turn.outcome for turn in apart.turns()] == ["findings", "findings"]


def test_a_set_up_that_fails_is_no_fault_of_the_item(apart: Workshop) -> None:
    apart.settle("workspace", setup="echo broken pipe; exit 3")
    apart.agent(writes("new.txt"))
    apart.register()
    outcome = apart.turn()
    assert outcome is not None
    assert (outcome.what, apart.sbi().attempts, apart.sbi().turn) == ("given back", 0, 0)
    assert "workspace.setup failed (exit 3): broken pipe" in (outcome.error or "")


def test_set_up_copies_and_links_are_there_before_the_agent_and_are_not_its_work(apart: Workshop) -> None:
    (apart.root / ".gitignore").write_text(".deespec/\n.env\nlib\n")
    apart.git("add", ".gitignore")
    apart.git("commit", "--quiet", "-m", "Ignore")
    (apart.root / ".env").write_text("SECRET=1\n")
    (apart.root / "lib").mkdir()
    (apart.root / "lib" / "a").write_text("a\n")
    apart.settle("workspace", copy=[".env"], link=["lib"], setup="cat .env > set-up.log; echo set-up.log >> .env")
    apart.agent(steps('cat .env lib/a > out.txt; echo "DECISION: IMPLEMENTED"'))
    apart.register(paths=("out.txt", "set-up.log"))
    apart.drain()
    assert apart.git("show", f"{TARGET}:out.txt") == "SECRET=1\nset-up.log\na"
    assert sorted(apart.git("ls-tree", "--name-only", TARGET).split()) == [
        ".gitignore",
        "README",
        "out.txt",
    ]


def test_each_slot_has_ports_of_its_own(apart: Workshop) -> None:
    apart.agent(
        steps("""
        echo "$DEESPEC_PORT" > "$SEEN/$DEESPEC_ITEM.port"
        while ! test -e "$SEEN/SBI-1.port" -a -e "$SEEN/SBI-2.port"; do sleep 0.02; done
        echo x > "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"
    """)
    )
    apart.register()
    apart.register()
    apart.drain(slots=2)
    first, second = (int(apart.saw(f"SBI-{n}.port") or 0) for n in (1, 2))
    assert first >= 21_000
    assert abs(first - second) >= 10


def test_the_terms_are_those_of_the_base_and_not_of_this_machine(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.gate("false", name="strict")
    apart.settle("run", max_turns=1)
    apart.write_config()
    (apart.home / ".gitignore").write_text("*\n!config.toml\n")
    apart.git("add", "--force", ".deespec/config.toml")
    apart.git("commit", "--quiet", "-m", "Settings")
    apart.lists["gates"].clear()
    apart.settle("workspace", integrate="none")
    apart.register()
    assert [one.what for one in apart.drain()] == ["waits"]  # the base's gate fails on the base itself


def test_a_worktree_of_an_item_that_begins_again_is_another_one(apart: Workshop) -> None:
    apart.agent(
        steps('echo "$DEESPEC_TURN" > new.txt; echo "DECISION: IMPLEMENTED"', 'echo no; echo "DECISION: FAILED"')
    )
    apart.register()
    apart.drain()
    assert apart.sbi().status is Status.FAILED
    assert apart.command("sbi", "reset", "SBI-1", "--yes")[0] == 0
    apart.agent(writes("new.txt", "again"))
    apart.drain()
    assert apart.git("show", f"{TARGET}:new.txt") == "again"
    assert apart.git("show", "deespec/SBI-1:new.txt") == "1"
    assert Path(apart.home / "worktrees" / "SBI-1").is_dir()


def test_what_was_merged_can_be_taken_back_and_done_again(apart: Workshop) -> None:
    apart.agent(writes("new.txt", "$DEESPEC_TURN"))
    apart.gate("true", name="tests")
    apart.register("First")
    apart.drain()
    code, out, err = apart.command("sbi", "undo", "SBI-1", "--dry-run")
    assert (code, "-1" in out) == (0, True), err
    code, _, err = apart.command("sbi", "undo", "SBI-1", "--yes")
    assert code == 0, err
    assert log(apart)[0] == "Undo SBI-1: First"
    assert apart.git("ls-tree", "--name-only", TARGET).split() == ["README"]
    assert (apart.sbi().status, apart.sbi().held) == (Status.PENDING, True)
    assert apart.command("sbi", "unhold", "SBI-1")[0] == 0
    apart.drain()
    assert apart.git("show", f"{TARGET}:new.txt") == "3"
    assert log(apart)[0] == "SBI-1: First"


def test_an_item_that_others_build_on_is_taken_back_only_with_them(apart: Workshop) -> None:
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    apart.register("First")
    apart.register("Second", depends_on=("SBI-1",))
    apart.drain()
    code, _, err = apart.command("sbi", "undo", "SBI-1", "--yes")
    assert code == 4
    assert "SBI-2" in err
    assert apart.command("sbi", "undo", "SBI-1", "--yes", "--with-dependents")[0] == 0
    assert log(apart)[:2] == ["Undo SBI-1: First", "Undo SBI-2: Second"]
    assert apart.git("ls-tree", "--name-only", TARGET).split() == ["README"]


def test_nothing_is_taken_back_if_the_gates_fail_without_it(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.register()
    apart.drain()
    apart.gate("test -e new.txt", name="needs it")
    apart.write_config()
    code, _, err = apart.command("sbi", "undo", "SBI-1", "--yes")
    assert code == 4
    assert "gate needs it fails without SBI-1" in err
    assert apart.sbi().status is Status.DONE
    assert apart.git("show", f"{TARGET}:new.txt") == "SBI-1"


def test_a_cancelled_item_keeps_what_its_agent_has_done_so_far(apart: Workshop) -> None:
    apart.agent(steps('echo half > half.txt; : > "$SEEN/begun"; sleep 60'))
    apart.register()
    with apart.working():
        assert eventually(lambda: apart.saw("begun") is not None)
        assert apart.command("sbi", "cancel", "SBI-1", "--yes")[0] == 0
        assert eventually(lambda: "cut-1" in apart.git("for-each-ref", "--format=%(refname)", "refs/deespec/SBI-1"))
    [ref] = apart.git("for-each-ref", "--format=%(refname)", "refs/deespec/SBI-1/cut-*").splitlines() or [""]
    assert apart.git("show", f"{ref}:half.txt") == "half"


def test_land_auto_brings_merged_work_to_a_clean_checkout_and_never_over_changes(apart: Workshop) -> None:
    apart.settle("workspace", land="auto")
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    apart.register()
    apart.drain()
    assert (apart.root / "SBI-1.txt").read_text() == "SBI-1\n"
    assert log(apart, "main")[0].startswith("SBI-1")
    (apart.root / "README").write_text("mine\n")
    apart.register()
    apart.drain()
    assert not (apart.root / "SBI-2.txt").exists()
    assert (apart.root / "README").read_text() == "mine\n"
    apart.git("checkout", "--quiet", "README")
    apart.register()
    apart.drain()
    assert (apart.root / "SBI-2.txt").exists()
    assert (apart.root / "SBI-3.txt").exists()


def test_files_that_were_really_changed_bar_a_new_item_that_names_them(apart: Workshop) -> None:
    apart.agent(
        steps(
            """
        echo "$DEESPEC_ITEM" > a.txt
        if test "$DEESPEC_ITEM" = SBI-1; then : > "$SEEN/first"; fi
        echo "DECISION: IMPLEMENTED"
    """,
            review='while ! test -e "$SEEN/go"; do sleep 0.02; done; echo "DECISION: SUCCEEDED"',
        )
    )
    apart.register()
    with apart.working(slots=2):
        assert eventually(lambda: apart.sbi(1).status is Status.REVIEWING)
        apart.register(paths=("a.*",))
        assert eventually(lambda: apart.sbi(2).waits_on == 1)
        _, out, _ = apart.command("why", "SBI-2")
        assert "files that SBI-1 has changed already" in out
        (apart.seen / "go").touch()
        assert eventually(lambda: apart.unfinished() == 0)


def test_the_prompt_names_commits_that_changed_the_files_since_it_was_registered(apart: Workshop) -> None:
    apart.agent(writes("src.txt"))
    apart.write_config()
    assert apart.command("register", "sbi", "--title", "Mine", "--paths", "src.txt")[0] == 0
    apart.commit("other.txt", "x\n")
    apart.commit("src.txt", "x\n")
    apart.drain()
    assert "Add src.txt" in apart.prompt(1, 1)
    assert "Add other.txt" not in apart.prompt(1, 1)


def test_a_spec_that_is_edited_meanwhile_marks_the_turn_and_the_next_has_the_new_text(apart: Workshop) -> None:
    apart.agent(
        steps("""
        if test "$DEESPEC_TURN" = 1; then
            : > "$SEEN/begun"; while ! test -e "$SEEN/go"; do sleep 0.02; done
            echo "DECISION: IMPLEMENTED"
        else
            echo x > a.txt; echo "DECISION: IMPLEMENTED"
        fi
    """)
    )
    apart.register("Do it", spec="The old words.")
    with apart.working():
        assert eventually(lambda: apart.saw("begun") is not None)
        assert apart.command("sbi", "update", "SBI-1", "--body", "The new words.")[0] == 0
        (apart.seen / "go").touch()
        assert eventually(lambda: apart.unfinished() == 0)
    assert apart.turns()[0].spec_changed
    assert not apart.turns()[1].spec_changed
    assert "The new words." in apart.prompt(1, 2)
    assert "The spec was edited" in apart.prompt(1, 2)


def test_after_a_restore_what_the_target_has_is_done_and_not_done_again(apart: Workshop) -> None:
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    apart.register("First")
    apart.register("Second")
    backup = apart.folder / "before.db"
    assert apart.command("db", "backup", str(backup))[0] == 0
    apart.drain()
    code, out, err = apart.command("db", "restore", str(backup), "--yes")
    assert code == 0, err
    assert "SBI-1, SBI-2: the target has them" in out
    assert apart.unfinished() == 0
    assert apart.drain() == []
    assert sorted(log(apart)) == ["Add README", "SBI-1: First", "SBI-2: Second"]
    assert apart.command("db", "check")[0] == 0


def test_where_an_earlier_agent_may_still_write_the_work_goes_on_in_another_folder(apart: Workshop) -> None:
    apart.agent(steps('pwd > "$SEEN/where"; echo x >> a.txt; echo "DECISION: IMPLEMENTED"'))
    apart.register()
    assert apart.took() == "implemented"
    first = apart.saw("where")
    apart.agent(steps(review='echo "DECISION: NEEDS_CHANGES"'))
    assert apart.took() == "needs_changes"
    bench = Crew(apart.app, Orders(), tell=lambda _: None).bench
    claim = take(bench)
    assert isinstance(claim, Claim)
    nobody = Guard(pid=1, start="0", namespace="another one", lock=str(apart.folder / "none"))
    with apart.app.store.transaction() as tx:
        tx.guard_stands(claim, nobody)
        tx.release(claim, actor="test", why="as if its worker had died")
    apart.agent(steps('pwd > "$SEEN/where"; echo y >> a.txt; echo "DECISION: IMPLEMENTED"'))
    apart.drain()
    assert first != apart.saw("where") == f"{apart.home / 'worktrees' / 'SBI-1-2'}\n"
    assert apart.git("show", f"{TARGET}:a.txt") == "x\ny"


def test_with_none_the_branch_stays_and_who_needs_it_begins_there(apart: Workshop) -> None:
    apart.settle("workspace", integrate="none")
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    apart.register()
    apart.register()
    apart.register(depends_on=("SBI-1", "SBI-2"))
    assert sorted(one.what for one in apart.drain()) == ["implemented"] * 3 + ["succeeded"] * 3
    assert apart.git("ls-tree", "--name-only", "deespec/SBI-1").split() == ["README", "SBI-1.txt"]
    assert apart.git("ls-tree", "--name-only", "deespec/SBI-3").split() == [
        "README",
        *(f"SBI-{n}.txt" for n in (1, 2, 3)),
    ]
    assert log(apart) == ["Add README"]


def test_with_none_needs_that_do_not_go_together_wait_for_a_person(apart: Workshop) -> None:
    apart.settle("workspace", integrate="none")
    apart.agent(writes("same.txt"))
    apart.register()
    apart.register()
    apart.register(depends_on=("SBI-1", "SBI-2"))
    apart.drain()
    assert (apart.sbi(3).status, apart.sbi(3).reason) == (Status.PARKED, "needs")
    assert "same.txt" in (apart.sbi(3).question or "")


def test_an_item_whose_work_is_in_a_worktree_is_not_done_without_it_when_the_mode_changes(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.register()
    assert [apart.took() for _ in range(2)] == ["implemented", "succeeded"]
    apart.settle("workspace", mode="shared")
    assert apart.took(drain=True) == "parked"
    assert "Its work is in a worktree (SBI-1)" in (apart.sbi().question or "")
    apart.settle("workspace", mode="worktree")
    assert apart.command("sbi", "retry", "SBI-1")[0] == 0
    assert apart.took() == "merged"


def test_a_gate_that_is_killed_says_nothing_about_the_work_or_the_base(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.gate('test -e "$SEEN/once" || { : > "$SEEN/once"; kill -9 $$; }', name="tests", env={"SEEN": str(apart.seen)})
    apart.register()
    outcome = apart.turn()
    assert outcome is not None
    assert (outcome.what, outcome.error) == (
        "given back",
        "workspace: gate tests was killed (signal 9); is there enough memory?",
    )
    apart.drain()
    assert apart.unfinished() == 0
    assert apart.events().count("answered") == 2  # to implement and to review: nothing was asked for again


def test_nothing_is_merged_while_somebody_has_the_target_checked_out(apart: Workshop) -> None:
    apart.agent(writes("$DEESPEC_ITEM.txt"))
    apart.register()
    apart.drain()
    apart.git("switch", "--quiet", TARGET)
    apart.register()
    assert [one.what for one in apart.drain()] == ["implemented", "succeeded", "waits"]
    assert apart.git("status", "--short", "--untracked-files=no") == ""
    with apart.app.store.read() as tx:
        assert [notice.name for notice in tx.notices()] == ["target_taken"]
    code, _, err = apart.command("sbi", "undo", "SBI-1", "--yes")
    assert (code, "is checked out in" in err) == (4, True)
    apart.git("switch", "--quiet", "main")
    with apart.app.store.transaction() as tx:
        tx.save(tx.sbi(2), replace(tx.sbi(2), not_before=None))
    apart.drain()
    assert apart.unfinished() == 0
    with apart.app.store.read() as tx:
        assert tx.notices() == []


def test_the_target_is_never_the_base_and_never_anothers_branch(apart: Workshop) -> None:
    apart.agent(writes("new.txt"))
    apart.register()
    apart.drain()
    apart.git("branch", "ann/work")
    for name in ("main", "ann/work"):
        apart.settle("workspace", target=name)
        with pytest.raises(WorkspaceError, match=r"is the base|has not made"):
            apart.drain()


def test_an_items_own_branch_that_a_person_merges_makes_it_not_done(apart: Workshop) -> None:
    apart.agent(
        steps(review='test "$DEESPEC_ITEM" = SBI-1 && echo "DECISION: NEEDS_CHANGES" || echo "DECISION: SUCCEEDED"')
    )
    apart.register()
    assert [apart.took() for _ in range(2)] == ["implemented", "needs_changes"]
    apart.git("merge", "--quiet", "--ff-only", "deespec/SBI-1")
    apart.register(priority=Priority.URGENT, only_implement=True)
    apart.command("sbi", "hold", "SBI-1")
    apart.drain()
    assert apart.sbi(2).status is Status.DONE
    assert apart.took() == "nothing"
    assert apart.sbi(1).status is Status.IMPLEMENTING


def test_a_gate_that_an_item_takes_away_is_a_finding(apart: Workshop) -> None:
    (apart.root / "t.sh").write_text("#!/bin/sh\n")
    (apart.root / "t.sh").chmod(0o755)
    apart.git("add", "t.sh")
    apart.git("commit", "--quiet", "-m", "Tests")
    apart.settle("run", max_turns=1)
    apart.agent(steps('rm t.sh; echo "DECISION: IMPLEMENTED"'))
    apart.gate("./t.sh", name="tests")
    apart.register()
    apart.drain()
    assert "gate tests could not be run (exit 127)" in apart.turns()[0].findings[0]


def test_an_undo_takes_all_of_it_back_or_nothing(apart: Workshop) -> None:
    apart.agent(steps('echo "$DEESPEC_ITEM" >> list.txt; echo x > "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"'))
    apart.register("First")
    apart.register("Second", depends_on=("SBI-1",))
    apart.drain()
    apart.agent(steps('echo changed > list.txt; echo "DECISION: IMPLEMENTED"'))
    apart.register("Third")
    apart.drain()
    before = log(apart)
    code, _, err = apart.command("sbi", "undo", "SBI-1", "--yes", "--with-dependents")
    assert code == 4
    assert "conflicts with what was merged since, in list.txt" in err
    assert (log(apart), apart.sbi(2).status) == (before, Status.DONE)


def test_what_set_up_makes_of_tracked_files_is_no_work_of_the_items(apart: Workshop) -> None:
    apart.settle("workspace", setup="echo touched >> README")
    apart.agent(steps('echo x > a.txt; echo "DECISION: IMPLEMENTED"'))
    apart.register(paths=("a.txt",))
    apart.drain()
    assert apart.unfinished() == 0
    assert apart.git("show", f"{TARGET}:README") == "Read me."
