"""What people see of an item's side in Git: its changes, its folder, what it waits for, what is to land."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest
from apart import TARGET, Apart, project
from workshop import ACCEPTS, IMPLEMENTS, eventually, steps

from deespec.app import open_app
from deespec.board.landable import KEPT_MS
from deespec.engine.bench import wanted
from deespec.engine.worker import Crew, Orders
from deespec.model.items import Claim
from deespec.model.wanted import Scope
from deespec.records import replace
from ledger import FakeClock

__all__ = ["project"]

ONCE_MORE = steps(
    'echo "$DEESPEC_TURN" > "turn-$DEESPEC_TURN.txt"; echo "DECISION: IMPLEMENTED"',
    'if test "$DEESPEC_TURN" = 2; then echo "DECISION: NEEDS_CHANGES"; else echo "DECISION: FAILED"; fi',
)
"""Turns 1 and 3 each add a file; then it is FAILED, so that its work stays."""
HOSTILE = r"printf 'a\033[8mb\r\033]0;title\007\342\200\256c\n' > hostile.txt; echo 'DECISION: IMPLEMENTED'"


def works(project: Apart, script: str) -> None:
    project.agent(script)
    project.register()
    project.drain()


def files(patch: str) -> list[str]:
    return re.findall(r"^\+\+\+ b/(.*)$", patch, re.MULTILINE)


def on_a_terminal(project: Apart, *args: str) -> str:
    """What a command writes to one."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "deespec", *args]
    with subprocess.Popen(command, cwd=project.root, env=project.env, stdout=theirs, stderr=subprocess.DEVNULL) as done:
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, 65_536):
                said += data
        except OSError:
            pass  # how Linux tells that the other side was closed
        assert done.wait() == 0
    os.close(ours)
    return said.decode()


# --- sbi diff ---------------------------------------------------------------------------------------------------------


def test_the_diff_of_an_item_is_all_that_its_turns_have_kept(project: Apart) -> None:
    works(project, ONCE_MORE)
    assert files(project.says("sbi", "diff", "SBI-1")) == ["turn-1.txt", "turn-3.txt"]


@pytest.mark.parametrize("turn", ["1", "3"])
def test_the_diff_of_a_turn_is_against_the_one_before_it(project: Apart, turn: str) -> None:
    works(project, ONCE_MORE)
    assert files(project.says("sbi", "diff", "SBI-1", "--turn", turn)) == [f"turn-{turn}.txt"]


def test_the_diff_of_a_merged_item_is_its_merge(project: Apart) -> None:
    project.writes()
    project.register()
    project.register()
    project.drain()
    assert files(project.says("sbi", "diff", "2")) == ["SBI-2-1.txt"]
    found = project.json("sbi", "diff", "2")
    assert found["new"] == project.git("rev-parse", TARGET)
    assert found["files"] == [{"name": "SBI-2-1.txt", "added": 1, "removed": 0}]


def test_in_a_pipe_the_diff_is_a_patch_that_git_applies(project: Apart) -> None:
    works(project, steps(r"printf '\000\377\n' > binary; printf 'a\r\n' > crlf; echo 'DECISION: IMPLEMENTED'", ACCEPTS))
    patch = project.folder / "patch"
    with patch.open("wb") as file:
        subprocess.run(
            [sys.executable, "-m", "deespec", "sbi", "diff", "1"],
            cwd=project.root,
            env=project.env,
            stdout=file,
            check=True,
        )
    project.git("apply", str(patch))
    assert (project.root / "binary").read_bytes() == b"\0\xff\n"
    assert (project.root / "crlf").read_bytes() == b"a\r\n"


def test_on_a_terminal_what_a_file_holds_cannot_drive_it(project: Apart) -> None:
    works(project, steps(HOSTILE, ACCEPTS))
    said = on_a_terminal(project, "sbi", "diff", "1")
    assert "\x1b[32m+a�[8mb" in said
    assert set(re.findall(r"\x1b\S", said)) == {"\x1b["}
    assert set(re.findall(r"\x1b\[(\d+)m", said)) <= {"0", "1", "32", "36"}
    assert "\u202e" not in said


def test_a_stat_says_how_much_in_which_file(project: Apart) -> None:
    works(project, ONCE_MORE)
    assert project.says("sbi", "diff", "1", "--stat").splitlines()[-1] == " 2 files changed, 2 insertions(+)"


@pytest.mark.parametrize(
    ("args", "exits", "words"),
    [
        (("SBI-9",), 3, "SBI-9"),
        (("SBI-1", "--turn", "9"), 3, "SBI-1 has no turn 9."),
        (("SBI-1", "--turn", "2"), 4, "Turn 2 of SBI-1 has kept no work: it is a review."),
        (("SBI-2",), 4, "SBI-2 has no kept work yet."),
    ],
)
def test_without_kept_work_the_diff_says_why(project: Apart, args: tuple[str, ...], exits: int, words: str) -> None:
    works(project, ONCE_MORE)
    project.register()
    assert words in project.says("sbi", "diff", *args, exits=exits)


def test_in_a_shared_folder_the_diff_is_of_the_items_own_files(project: Apart) -> None:
    project.settle("workspace", mode="shared")
    project.agent(steps(IMPLEMENTS, ACCEPTS))
    project.register(paths=("SBI-1.txt",))
    project.register(paths=("SBI-2.txt",))
    project.drain()
    assert files(project.says("sbi", "diff", "2")) == ["SBI-2.txt"]


def test_outside_git_the_diff_says_that_only_names_are_known(project: Apart) -> None:
    project.settle("workspace", mode="shared")
    (project.root / ".git").rename(project.folder / "git")
    works(project, steps(IMPLEMENTS, ACCEPTS))
    assert "not in a Git repository" in project.says("sbi", "diff", "1", exits=4)
    (project.folder / "git").rename(project.root / ".git")
    assert "was done in a folder outside Git" in project.says("sbi", "diff", "1", exits=4)


# --- sbi open ---------------------------------------------------------------------------------------------------------


def test_open_prints_the_folder_and_nothing_else(project: Apart) -> None:
    works(project, ONCE_MORE)
    assert project.says("sbi", "open", "1") == f"{project.tree()}\n"
    assert project.json("sbi", "open", "1")["branch"] == "deespec/SBI-1"


def test_open_of_a_merged_item_says_where_its_work_is(project: Apart) -> None:
    project.writes()
    project.register()
    project.drain()
    commit = project.git("rev-parse", TARGET)[:12]
    assert f"SBI-1 is merged into {TARGET} as {commit}" in project.says("sbi", "open", "1", exits=4)


def test_open_before_any_work_names_what_it_waits_for(project: Apart) -> None:
    project.register()
    assert "deespec why SBI-1" in project.says("sbi", "open", "1", exits=4)


def test_open_starts_the_editor_on_the_folder(project: Apart) -> None:
    works(project, ONCE_MORE)
    editor = project._program("editor", f'echo "$1" > {project.seen}/edited; pwd >> {project.seen}/edited')
    status, out, _ = project.command("sbi", "open", "1", "--edit", env={"VISUAL": str(editor)})
    assert (status, out) == (0, "")
    assert project.saw("edited") == f"{project.tree()}\n{project.tree()}\n"


def test_in_a_shared_folder_that_is_what_open_prints(project: Apart) -> None:
    project.settle("workspace", mode="shared")
    project.register()
    assert project.says("sbi", "open", "1") == f"{project.root}\n"


# --- why --------------------------------------------------------------------------------------------------------------


def held_files(project: Apart) -> None:
    """SBI-1 has changed a file outside of what it declares, and is in work; others wait for it, or do not."""
    project.settle("workspace", paths_policy="warn")
    project.settle("run", max_turns=2)
    project.agent(steps('echo x > other.txt; echo x > src.txt; echo "DECISION: IMPLEMENTED"', "exit 1"))
    for paths in (("src*",), ("src.txt", "z"), ("a", "other.txt"), ("free/**",), ()):
        project.register(paths=paths)
    project.turn(scope=Scope(numbers=(1,)))


def test_why_paths_names_the_globs_that_meet(project: Apart) -> None:
    held_files(project)
    said = project.says("why", "--paths").splitlines()
    assert said == [
        "SBI-1  REVIEWING  Do it",
        "  declares     src*",
        "  has changed  other.txt, src.txt",
        "  bars         SBI-2: its src.txt meets src*",
        "  bars         SBI-3: its other.txt meets other.txt, which SBI-1 has changed",
        'SBI-5 names no paths: with workspace.undeclared = "parallel" it is worked on beside all others',
    ]
    [one] = project.json("why", "--paths")["holders"]
    assert [(bar["id"], bar["own"], bar["other"], bar["touched"]) for bar in one["bars"]] == [
        ("SBI-2", "src.txt", "src*", False),
        ("SBI-3", "other.txt", "other.txt", True),
    ]


def test_what_why_paths_names_is_what_each_item_says(project: Apart) -> None:
    held_files(project)
    barred = {bar["id"] for one in project.json("why", "--paths")["holders"] for bar in one["bars"]}
    waits = {one["id"] for one in project.json("status")["waiting"] if one["reason"] == "paths"}
    assert barred == waits


def test_items_without_paths_may_be_worked_on_alone(project: Apart) -> None:
    held_files(project)
    project.settle("workspace", undeclared="exclusive")
    project.write_config()
    said = project.says("why", "--paths")
    assert '  bars         SBI-5: it names no paths → deespec sbi update SBI-5 --add-path "src/**"' in said
    assert '"exclusive" it is worked on alone' in said


def test_an_item_in_the_merge_queue_names_who_is_before_it(project: Apart) -> None:
    project.writes()
    project.gate('while ! test -e "$GO"; do sleep 0.02; done', when=["integrate"], env={"GO": str(project.seen / "go")})
    for _ in range(3):
        project.register(only_implement=True)

    def queue() -> list[str]:
        return [one.status for one in map(project.sbi, (1, 2, 3)) if one.status == "INTEGRATING"]

    with project.working(slots=3):
        assert eventually(lambda: len(queue()) == 3 and project.json("status")["merge_queue"]["merging"])
        found = project.json("status")["merge_queue"]
        last = found["waiting"][-1]
        said = project.says("why", last)
        assert (
            f"{last} waits: is in the merge queue: {found['merging']} is being merged, and 1 more is before it" in said
        )
        assert "merge_queue  2" in project.says("status")
        (project.seen / "go").touch()
        assert eventually(lambda: project.unfinished() == 0)


def test_a_broken_base_is_named_wherever_people_look(project: Apart) -> None:
    project.writes()
    project.gate("test -e mended", name="tests")
    project.register()
    project.drain()
    text, mend = "gate tests fails without any item's work", "Mend it on main"
    for command in (("why", "SBI-1"), ("why",), ("inbox",), ("status",)):
        said = project.says(*command)
        assert text in said, command
        assert mend in said, command
    assert project.json("why", "SBI-1")["waiting"][0]["reason"] == "broken_base"
    assert [one["name"] for one in project.json("inbox")["notices"]] == ["broken_base"]
    assert [one["name"] for one in project.json("status")["notices"]] == ["broken_base"]


def put_off(project: Apart, *reasons: str, request: str | None = None) -> None:
    """Items that are given back until later, one for each reason."""
    project.agent(ACCEPTS)
    crew = Crew(project.app, Orders(), tell=lambda _: None)
    asked = wanted(crew.bench)
    for reason in reasons:
        project.register()
        with project.app.store.transaction() as tx:
            claim = tx.claim_next(asked)
            assert isinstance(claim, Claim)
            tx.keep_work(replace(tx.work(claim.sbi.number), request=request))
            tx.waits(claim, actor="worker", why=reason, reason=reason, until=tx.now + 60_000)


def test_what_items_are_put_off_for_is_told_apart(project: Apart) -> None:
    put_off(project, "pull_request", "broken_base", "something", "broken_base")
    rows = [line.split()[:2] for line in project.says("status").splitlines()]
    assert [row for row in rows if row and row[0] in ("pull_request", "broken_base", "backoff")] == [
        ["pull_request", "1"],
        ["broken_base", "2"],
        ["backoff", "1"],
    ]


def test_an_open_pull_request_is_what_its_item_waits_for(project: Apart) -> None:
    url = "https://forge.example/pull/7"
    put_off(project, "pull_request", request=url)
    assert f"SBI-1 waits: its pull request is open: {url}" in project.says("why", "SBI-1")
    assert project.json("why")["waiting"][0]["reason"] == "pull_request"
    assert project.json("sbi", "show", "1")["work"]["request"] == url


# --- inbox, show, log -------------------------------------------------------------------------------------------------


def test_the_inbox_names_what_is_to_land_until_it_is(project: Apart) -> None:
    project.writes()
    project.register("Write it")
    project.drain()
    assert project.says("inbox").splitlines() == [
        f"to land: main does not have a commit of {TARGET}",
        "  SBI-1: Write it",
        "  → deespec land",
    ]
    found = project.json("inbox")["to_land"]
    assert (found["base"], found["commits"], found["items"]) == ("main", 1, ["SBI-1: Write it"])
    project.git("merge", "--quiet", "--ff-only", TARGET)
    assert project.json("inbox")["to_land"] is None
    assert project.says("inbox") == "Nothing waits for you.\n"


def test_an_open_surface_looks_at_the_repository_again_when_a_branch_moves_or_some_seconds_pass(
    project: Apart,
) -> None:
    project.writes()
    project.register("Write it")
    project.drain()
    clock = FakeClock()
    app = open_app(str(project.home), clock=clock)
    first = app.landable.look()
    assert first is not None
    assert app.landable.look() is first
    clock.forward(KEPT_MS)
    assert app.landable.look() == first
    assert app.landable.look() is not first
    project.git("merge", "--quiet", "--ff-only", TARGET)
    assert app.landable.look() is None
    app.close()


def test_show_tells_where_the_work_is(project: Apart) -> None:
    works(project, ONCE_MORE)
    said = project.says("sbi", "show", "1")
    assert f"worktree    {project.tree()}" in said
    assert "branch      deespec/SBI-1" in said
    found = project.json("sbi", "show", "1")
    assert found["work"]["folder"] == str(project.tree())
    assert found["work"]["start"] == project.git("rev-parse", TARGET)
    assert found["merges"] == []


def test_show_names_the_commit_of_a_merged_item(project: Apart) -> None:
    project.writes()
    project.register()
    project.drain()
    commit = project.git("rev-parse", TARGET)
    assert f"merged      {commit[:12]} in {TARGET}" in project.says("sbi", "show", "1")
    assert [(one["kind"], one["new"]) for one in project.json("sbi", "show", "1")["merges"]] == [("merge", commit)]


def test_show_has_the_words_of_a_conflict_while_it_is_resolved(project: Apart) -> None:
    project.agent(steps('echo "$DEESPEC_ITEM" > same.txt; echo "DECISION: IMPLEMENTED"', ACCEPTS))
    project.register(only_implement=True)
    project.register(only_implement=True)
    for number in (1, 2, 1, 2):
        project.turn(scope=Scope(numbers=(number,)))
    assert project.sbi(2).status == "RESOLVING"
    assert f"To be resolved:\n  It conflicts with {TARGET} in: same.txt" in project.says("sbi", "show", "2")


def test_what_gates_print_at_a_merge_is_in_the_log(project: Apart) -> None:
    project.writes()
    project.gate("echo at the merge", when=["integrate"])
    project.register()
    project.drain()
    assert project.says("sbi", "log", "1", "--merge") == "at the merge\n"
    assert "at the merge" not in project.says("sbi", "log", "1")
    assert [one["merge"] for one in project.json("sbi", "log", "1", "--list")["items"]] == [False, False, True]


def test_a_log_without_a_merge_says_so(project: Apart) -> None:
    works(project, ONCE_MORE)
    assert "no gate has run for one" in project.says("sbi", "log", "1", "--merge", exits=3)
