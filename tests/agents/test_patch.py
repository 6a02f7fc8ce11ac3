"""The patch agent against real Git and real files."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deespec.agents.base import AgentRequest, AgentResult, Blame
from deespec.agents.patch import PatchAgent, diff_blocks, file_patches
from deespec.config import AgentSettings
from deespec.errors import WorkspaceError
from deespec.model.faults import Known, faults_of
from deespec.model.lifecycle import Step
from deespec.model.proposal import parse_proposal
from deespec.records import replace

CHANGE = """\
--- a/greeting.txt
+++ b/greeting.txt
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
"""
NEW = """\
diff --git a/docs/new.txt b/docs/new.txt
new file mode 100644
--- /dev/null
+++ b/docs/new.txt
@@ -0,0 +1 @@
+fresh
"""


class Watch:
    """Answers each tick with the next of the given reasons, then with None."""

    def __init__(self, *reasons: str | None) -> None:
        self.reasons = list(reasons)

    def started(self, guard: object) -> None:
        raise AssertionError("there is no guard to report")

    def deadline(self) -> int:
        return 0

    def tick(self) -> str | None:
        return self.reasons.pop(0) if self.reasons else None


@pytest.fixture
def request_(tmp_path: Path) -> AgentRequest:
    workspace = tmp_path / "project"
    workspace.mkdir()
    (workspace / "greeting.txt").write_text("one\ntwo\nthree\n")
    return AgentRequest(
        step=Step.IMPLEMENT,
        item="SBI-1",
        title="Greet",
        spec=spec_of(CHANGE),
        turn=1,
        round=0,
        prompt="",
        workspace=workspace,
        folder=workspace / ".deespec" / "turns" / "1",
        env={"PATH": os.environ["PATH"]},
        session=None,
        turn_timeout_ms=60_000,
        idle_timeout_ms=None,
        guard_lock=tmp_path / "lock",
        report_command=("deespec",),
    )


def spec_of(*diffs: str) -> str:
    return "Some words.\n\n" + "\nMore words.\n\n".join(f"```diff\n{diff}```\n" for diff in diffs)


def agent(*command: str) -> PatchAgent:
    return PatchAgent(AgentSettings(name="patch", kind="patch", command=command))


def play(request: AgentRequest, **changes: object) -> AgentResult:
    return agent().run(replace(request, **changes), Watch())


def report(request: AgentRequest, **changes: object) -> str:
    """The text of an implement answer."""
    result = play(request, **changes)
    assert result.error is None
    assert result.answer is not None
    assert (result.answer.kind, result.answer.source) == ("implement", "structured")
    return result.answer.text


def files(workspace: Path) -> dict[str, str]:
    found = (path for path in workspace.rglob("*") if path.is_file() and ".deespec" not in path.parts)
    return {str(path.relative_to(workspace)): path.read_text() for path in found if ".git" not in path.parts}


# --- implement ------------------------------------------------------------------------------------------------------


def test_the_first_turn_applies_the_first_patch(request_: AgentRequest) -> None:
    report(request_, spec=spec_of(CHANGE, NEW))
    assert files(request_.workspace) == {"greeting.txt": "one\nTWO\nthree\n"}


def test_the_second_turn_applies_the_second_patch(request_: AgentRequest) -> None:
    report(request_, spec=spec_of(CHANGE, NEW), round=1)
    assert files(request_.workspace) == {"greeting.txt": "one\ntwo\nthree\n", "docs/new.txt": "fresh\n"}


def test_the_report_names_the_files(request_: AgentRequest) -> None:
    text = report(request_, spec=spec_of(CHANGE + NEW))
    assert text == "Patch 1 of 1 applied: greeting.txt, docs/new.txt."


def test_without_a_patch_left_it_reports_so_and_changes_nothing(request_: AgentRequest) -> None:
    before = files(request_.workspace)
    assert report(request_, round=1) == "No patch left: the spec has 1 and this is implement turn 2."
    assert files(request_.workspace) == before


def test_a_patch_that_does_not_apply_changes_nothing_at_all(request_: AgentRequest) -> None:
    before = files(request_.workspace)
    text = report(request_, spec=spec_of(NEW + CHANGE.replace("two", "zwei")))
    assert "was not applied" in text
    assert "greeting.txt" in text
    assert files(request_.workspace) == before


def test_a_patch_that_is_there_already_is_reported_as_implemented(request_: AgentRequest) -> None:
    report(request_)
    assert report(request_) == "Patch 1 of 1 was there already."


def test_a_patch_half_of_which_is_there_is_completed(request_: AgentRequest) -> None:
    report(request_)
    assert report(request_, spec=spec_of(CHANGE + NEW)) == "Patch 1 of 1 applied: docs/new.txt."


def test_wrong_line_counts_do_no_harm(request_: AgentRequest) -> None:
    report(request_, spec=spec_of(CHANGE.replace("1,3 +1,3", "1,9 +1,2") + NEW))
    assert files(request_.workspace) == {"greeting.txt": "one\nTWO\nthree\n", "docs/new.txt": "fresh\n"}


def test_blank_lines_between_the_files_of_a_patch_do_no_harm(request_: AgentRequest) -> None:
    report(request_, spec=spec_of(CHANGE + "\n\n" + NEW + "\n"))
    assert files(request_.workspace) == {"greeting.txt": "one\nTWO\nthree\n", "docs/new.txt": "fresh\n"}


def test_a_context_line_that_lost_its_space_still_counts(request_: AgentRequest) -> None:
    (request_.workspace / "greeting.txt").write_text("one\n\ntwo\n")
    report(request_, spec=spec_of("--- a/greeting.txt\n+++ b/greeting.txt\n@@ -1,3 +1,3 @@\n one\n\n-two\n+TWO\n"))
    assert files(request_.workspace) == {"greeting.txt": "one\n\nTWO\n"}


def test_a_patch_may_delete_and_rename(request_: AgentRequest) -> None:
    (request_.workspace / "old.txt").write_text("stays\n")
    delete = "--- a/greeting.txt\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-one\n-two\n-three\n"
    rename = "diff --git a/old.txt b/sub/new.txt\nsimilarity index 100%\nrename from old.txt\nrename to sub/new.txt\n"
    report(request_, spec=spec_of(delete + rename))
    assert files(request_.workspace) == {"sub/new.txt": "stays\n"}


def test_names_beyond_ascii_and_with_spaces_work(request_: AgentRequest) -> None:
    report(request_, spec=spec_of("--- /dev/null\n+++ b/設計 書.md\t\n@@ -0,0 +1 @@\n+日本語\n"))
    assert files(request_.workspace)["設計 書.md"] == "日本語\n"


def test_a_workspace_inside_a_repository_is_treated_alone(request_: AgentRequest, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    report(request_, env={**request_.env, "GIT_DIR": str(tmp_path / ".git")})
    assert files(request_.workspace) == {"greeting.txt": "one\nTWO\nthree\n"}


def test_only_the_files_of_the_patch_are_touched(request_: AgentRequest) -> None:
    other = request_.workspace / "other.txt"
    other.write_text("x")
    before = other.stat()
    report(request_)
    assert other.stat() == before


def test_a_file_keeps_being_executable(request_: AgentRequest) -> None:
    (request_.workspace / "greeting.txt").chmod(0o755)
    report(request_)
    assert (request_.workspace / "greeting.txt").stat().st_mode & 0o111


def test_a_reader_never_finds_a_file_missing_or_cut(request_: AgentRequest) -> None:
    target = request_.workspace / "greeting.txt"
    back = CHANGE.replace("-two\n+TWO", "-TWO\n+two")
    over, odd = threading.Event(), set[str]()

    def read() -> None:
        while not over.is_set():
            text = target.read_text() if target.exists() else "missing"
            odd.update({text} - {"one\ntwo\nthree\n", "one\nTWO\nthree\n"})

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(20):
            report(request_)
            report(request_, spec=spec_of(back))
    finally:
        over.set()
        reader.join()
    assert odd == set()


# --- what it must not touch -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../outside.txt", "/tmp/outside.txt", "a/../../outside.txt", ".git/config", "sub/.GIT/hooks/x", ".deespec/x"],
)
def test_a_patch_that_leaves_the_workspace_is_refused(request_: AgentRequest, name: str) -> None:
    before = files(request_.workspace.parent)
    text = report(request_, spec=spec_of(CHANGE + f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n"))
    assert "was not applied" in text
    assert files(request_.workspace.parent) == before


@pytest.mark.parametrize("verb", ["rename", "copy"])
@pytest.mark.parametrize(("source", "target"), [("../outside.txt", "new.txt"), ("greeting.txt", "../outside.txt")])
def test_renames_and_copies_that_leave_the_workspace_are_refused(
    request_: AgentRequest, verb: str, source: str, target: str
) -> None:
    header = f"diff --git a/{source} b/{target}\nsimilarity index 100%\n"
    text = report(request_, spec=spec_of(f"{header}{verb} from {source}\n{verb} to {target}\n"))
    assert "'../outside.txt' is no path inside the workspace" in text


def test_a_link_that_leads_out_of_the_workspace_is_not_followed(request_: AgentRequest, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (request_.workspace / "link").symlink_to(outside)
    report(request_, spec=spec_of(NEW.replace("docs/", "link/")))
    assert list(outside.iterdir()) == []


def test_a_link_into_gits_own_folder_is_not_followed(request_: AgentRequest) -> None:
    hooks = request_.workspace / ".git" / "hooks"
    hooks.mkdir(parents=True)
    (request_.workspace / "link").symlink_to(hooks)
    report(request_, spec=spec_of(NEW.replace("docs/", "link/")))
    assert list(hooks.iterdir()) == []


def test_a_patch_that_makes_a_link_is_refused(request_: AgentRequest) -> None:
    link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n"
    text = report(request_, spec=spec_of(link + "\\ No newline at end of file\n"))
    assert "would become a link" in text
    assert not (request_.workspace / "l").is_symlink()


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("--- greeting.txt\n+++ greeting.txt\n", "a/FILE and b/FILE"),
        ('--- "a/\\346.txt"\n+++ "b/\\346.txt"\n', "quoted"),
        ("", "no header"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_with_the_reason(
    request_: AgentRequest, header: str, said: str
) -> None:
    assert said in report(request_, spec=spec_of(f"{header}@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"))


# --- the other steps, errors, stopping ------------------------------------------------------------------------------


def test_as_reviewer_it_accepts_and_says_that_it_did_not_read(request_: AgentRequest) -> None:
    answer = play(request_, step=Step.REVIEW).answer
    assert answer is not None
    assert (answer.kind, answer.decision, answer.source) == ("review", "SUCCEEDED", "structured")
    assert answer.text == "Accepted without reading: gates and checks passed; this reviewer does not judge code."


def test_a_merge_conflict_without_a_patch_for_it_is_left_to_a_person(request_: AgentRequest) -> None:
    answer = play(request_, step=Step.RESOLVE, round=1).answer
    assert answer is not None
    assert answer.kind == "question"


def test_in_a_merge_conflict_its_next_patch_goes_on_top_of_what_the_others_did(request_: AgentRequest) -> None:
    conflict = "<<<<<<< the item\nmine\n||||||| before\nold\n=======\nTHEIRS\n>>>>>>> the target\n"
    (request_.workspace / "greeting.txt").write_text(f"one\n{conflict}three\n")
    patch = "--- a/greeting.txt\n+++ b/greeting.txt\n@@ -1,3 +1,4 @@\n one\n THEIRS\n+mine\n three\n"
    answer = play(request_, step=Step.RESOLVE, spec=spec_of(patch)).answer
    assert answer is not None
    assert answer.kind == "resolve"
    assert files(request_.workspace) == {"greeting.txt": "one\nTHEIRS\nmine\nthree\n"}


def test_stopped_before_it_begins_it_changes_nothing(request_: AgentRequest) -> None:
    result = agent().run(request_, Watch("revoked"))
    assert result.error is not None
    assert (result.error.blame, result.error.message) == (Blame.STOPPED, "revoked")
    assert files(request_.workspace) == {"greeting.txt": "one\ntwo\nthree\n"}


def test_stopped_after_the_change_it_hands_nothing_in(request_: AgentRequest) -> None:
    result = agent().run(request_, Watch(None, "stopping"))
    assert result.answer is None
    assert result.error is not None
    assert result.error.blame is Blame.STOPPED


def test_without_git_the_agent_is_at_fault(request_: AgentRequest) -> None:
    result = play(request_, env={"PATH": "/nowhere"})
    assert result.error is not None
    assert (result.error.blame, result.error.code) == (Blame.AGENT, "missing")


def test_a_folder_that_cannot_be_written_is_an_error_of_this_call(request_: AgentRequest) -> None:
    (request_.workspace / "docs").write_text("a file, where the patch needs a folder")
    result = play(request_, spec=spec_of(NEW))
    assert result.error is not None
    assert (result.error.blame, result.error.code) == (Blame.CALL, "files")


def test_a_look_finds_git_and_its_version() -> None:
    looked = agent().look()
    assert looked.ready
    assert looked.version is not None
    assert looked.version[0].isdigit()


def test_a_look_without_git_says_what_to_do() -> None:
    looked = agent("no-such-git").look()
    assert not looked.ready
    assert looked.problem == "no-such-git is not on PATH."


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        "```diff\nX\n```\n",
        "````patch\nX\n````\n",
        "~~~ diff title=x\nX\n~~~~\n",
        "1. Do it:\n\n   ```Diff\n   X\n   ```\n",
        "```diff\r\nX\r\n```\r\n",
        "```python\n```\n```diff\nX\n```",
        "````markdown\n```diff\nno\n```\n````\n\n```diff\nX\n```\n",
        "``` `diff` ```\n\n```diff\nX\n```\n",
    ],
)
def test_one_block_is_found(spec: str) -> None:
    assert diff_blocks(spec) == ("X\n",)


@pytest.mark.parametrize(
    "spec", ["", "```\nX\n```\n", "```diff\nX\n", "    ```diff\n    X\n    ```\n", "``diff\nX\n``\n"]
)
def test_no_block_is_found(spec: str) -> None:
    assert diff_blocks(spec) == ()


def test_a_fence_closes_only_with_its_own_kind_and_length() -> None:
    assert diff_blocks("````diff\n```\n~~~~\n```` x\n````\n") == ("```\n~~~~\n```` x\n",)


def test_removed_lines_that_look_like_headers_do_not_cut_a_patch() -> None:
    diff = "--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n--- old remark\n+++ new remark\n x\n"
    assert [patch.names for patch in file_patches(diff)] == [("q.sql",)]


def test_an_empty_new_file_is_named_by_its_git_header() -> None:
    diff = "diff --git a/my e.txt b/my e.txt\nnew file mode 100644\n"
    assert [patch.names for patch in file_patches(diff)] == [("my e.txt",)]


@given(st.text(alphabet="`~diff \n-+@ab/", max_size=200))
def test_any_text_gives_blocks_or_none(spec: str) -> None:
    for block in diff_blocks(spec):
        try:
            file_patches(block)
        except WorkspaceError:
            pass


# --- decomposing ----------------------------------------------------------------------------------------------------


def test_each_section_with_a_diff_becomes_a_draft(request_: AgentRequest) -> None:
    fence = "```diff\n--- a/{0}\n+++ b/{0}\n@@ -0,0 +1 @@\n+x\n```"
    parts = [("Why", "Because."), ("One", fence.format("a.txt")), ("Two", fence.format("b.txt"))]
    parts += [("Three", f"More.\n\n```\n## no heading\n```\n{fence.format('a.txt')}")]
    spec = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts)
    answer = play(request_, step=Step.DECOMPOSE, item="PBI-1", spec=spec).answer
    assert answer is not None
    proposal = parse_proposal(answer.text)
    assert proposal.faults == ()
    assert [(one.title, one.paths, one.needs) for one in proposal.drafts] == [
        ("One", ("a.txt",), ()),
        ("Two", ("b.txt",), ()),
        ("Three", ("a.txt",), ("1",)),
    ]
    assert faults_of(proposal.drafts, Known(parent="PBI-1")) == ()
    assert [len(diff_blocks(one.spec)) for one in proposal.drafts] == [1, 1, 1]


@pytest.mark.parametrize("spec", ["Do it.", "## One\n\nDo it.", "## One\n\n```diff\nno header\n```"])
def test_what_is_not_cut_already_it_does_not_cut(request_: AgentRequest, spec: str) -> None:
    answer = play(request_, step=Step.DECOMPOSE, item="PBI-1", spec=spec).answer
    assert answer is not None
    assert answer.kind == "question"
    assert "deespec config set run.decompose" in answer.text
