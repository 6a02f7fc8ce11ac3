"""Merged work goes to a remote, by a push of the target or by pull requests that people merge."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from workshop import Workshop, steps

from deespec.engine import requesting
from deespec.model.lifecycle import Status

TARGET = "deespec/integration"
GH = Path(__file__).parents[1] / "workspace" / "gh.py"
REVIEW = {
    "id": "R1",
    "state": "CHANGES_REQUESTED",
    "body": "Please be polite.",
    "submittedAt": "2026-01-02T03:04:05Z",
    "author": {"login": "ann"},
    "authorAssociation": "MEMBER",
}

RESOLVES = steps('echo "$DEESPEC_TURN" >> "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"').replace(
    "esac", 'resolve)\necho both > "$DEESPEC_ITEM.txt"; echo "DECISION: RESOLVED"\n;;\nesac'
)


class Hosted:
    """A project with a remote, and somebody else's clone of that."""

    def __init__(self, project: Workshop) -> None:
        self.project = project
        self.remote = project.folder / "remote.git"
        self.clone = project.folder / "clone"
        project.settle("workspace", mode="worktree")
        project.agent(steps('echo "$DEESPEC_TURN" >> "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"'))
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        project.git("remote", "add", "origin", str(self.remote))
        project.git("push", "--quiet", "origin", "main")
        self.git("clone", "--quiet", str(self.remote), str(self.clone))

    def git(self, *args: str, at: Path | None = None) -> str:
        name = ("-c", "user.name=Other", "-c", "user.email=other@localhost")
        done = subprocess.run(
            ["git", *name, *args], cwd=at or self.project.folder, env=self.project.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def of_remote(self, *args: str) -> str:
        return self.git(f"--git-dir={self.remote}", *args)

    def notices(self) -> list[str]:
        with self.project.app.store.read() as tx:
            return [notice.name for notice in tx.notices()]


@pytest.fixture
def hosted(project: Workshop) -> Hosted:
    return Hosted(project)


# --- push -----------------------------------------------------------------------------------------------------------


def test_the_target_is_pushed_after_each_merge(hosted: Hosted) -> None:
    hosted.project.settle("workspace", push="origin")
    hosted.project.register("Push it")
    hosted.project.drain()
    assert hosted.of_remote("log", "-1", "--format=%s", TARGET) == "SBI-1: Push it"
    assert hosted.of_remote("rev-parse", TARGET) == hosted.project.git("rev-parse", TARGET)


def test_what_others_have_pushed_there_meanwhile_is_brought_in(hosted: Hosted) -> None:
    hosted.project.settle("workspace", push="origin")
    hosted.project.register("First")
    hosted.project.drain()
    hosted.git("fetch", "--quiet", "origin", at=hosted.clone)
    hosted.git("switch", "--quiet", "-c", "deespec/integration", f"origin/{TARGET}", at=hosted.clone)
    (hosted.clone / "other.txt").write_text("other\n")
    hosted.git("add", "--all", at=hosted.clone)
    hosted.git("commit", "--quiet", "-m", "Another's", at=hosted.clone)
    hosted.git("push", "--quiet", "origin", TARGET, at=hosted.clone)
    hosted.project.register("Second")
    hosted.project.drain()
    assert hosted.project.sbi(2).status is Status.DONE
    files = hosted.of_remote("ls-tree", "--name-only", TARGET).split()
    assert files == ["README", "SBI-1.txt", "SBI-2.txt", "other.txt"]
    assert hosted.notices() == []


def test_a_remote_that_is_gone_is_told_and_the_merge_stands(hosted: Hosted) -> None:
    hosted.project.settle("workspace", push="origin")
    hosted.remote.rename(hosted.remote.with_name("elsewhere.git"))
    hosted.project.register()
    hosted.project.drain()
    assert hosted.project.sbi().status is Status.DONE
    assert hosted.notices() == ["not_pushed"]
    hosted.remote.with_name("elsewhere.git").rename(hosted.remote)
    hosted.project.register()
    hosted.project.drain()
    assert hosted.notices() == []
    assert hosted.of_remote("ls-tree", "--name-only", TARGET).split() == ["README", "SBI-1.txt", "SBI-2.txt"]


# --- pull requests --------------------------------------------------------------------------------------------------


class Requests:
    """A stand-in gh, and what people do with its requests."""

    def __init__(self, hosted: Hosted) -> None:
        project = hosted.project
        self.file = project.folder / "gh.json"
        self.program = program = project.folder / "bin" / "gh"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(GH))} "$@"\n')
        program.chmod(0o755)
        project.env["GH_STATE"] = str(self.file)
        project.settle("workspace", mode="worktree", integrate="pr", pr_command=[str(program), "pr", "create"])

    @property
    def all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.file.read_text())["requests"]
        return found

    def has_one(self, **values: object) -> None:
        """Somebody else's."""
        one = {"number": 1, "url": "https://example.org/o/r/pull/1", "baseRefName": "main", "mergeCommit": None}
        one |= {"reviews": [], "comments": [], "commits": [], "beside": {}}
        self.file.write_text(json.dumps({"requests": [one | values], "calls": []}))

    def change(self, **values: object) -> None:
        state = json.loads(self.file.read_text())
        state["requests"][-1] |= values
        self.file.write_text(json.dumps(state))


@pytest.fixture
def requests(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> Requests:
    monkeypatch.setattr(requesting, "LOOK_MS", 0)
    return Requests(hosted)


def until_asked(project: Workshop) -> None:
    assert [project.took() for _ in range(3)] == ["implemented", "succeeded", "waits"]


def test_a_request_is_opened_with_the_report_and_the_item_waits_without_claim(
    hosted: Hosted, requests: Requests
) -> None:
    hosted.project.register("Ask for it")
    until_asked(hosted.project)
    [request] = requests.all
    assert (request["head"], request["baseRefName"], request["title"]) == (
        "deespec/SBI-1",
        "main",
        "SBI-1: Ask for it",
    )
    sbi = hosted.project.sbi()
    assert (sbi.status, sbi.reason) == (Status.INTEGRATING, "pull_request")
    with hosted.project.app.store.read() as tx:
        assert tx.running() == []
        assert tx.work(1).request == request["url"]
    assert hosted.of_remote("show", "deespec/SBI-1:SBI-1.txt") == "1"


def test_it_is_done_when_the_remote_base_has_the_branch(hosted: Hosted, requests: Requests) -> None:
    hosted.project.register()
    until_asked(hosted.project)
    assert hosted.project.took() == "waits"
    hosted.git("fetch", "--quiet", "origin", at=hosted.clone)
    hosted.git("merge", "--quiet", "--no-ff", "-m", "Merge it", "origin/deespec/SBI-1", at=hosted.clone)
    hosted.git("push", "--quiet", "origin", "main", at=hosted.clone)
    assert hosted.project.took() == "merged"
    assert hosted.project.sbi().status is Status.DONE


def test_it_is_done_when_it_was_squashed(hosted: Hosted, requests: Requests) -> None:
    hosted.project.register()
    until_asked(hosted.project)
    hosted.git("fetch", "--quiet", "origin", at=hosted.clone)
    hosted.git("merge", "--quiet", "--squash", "origin/deespec/SBI-1", at=hosted.clone)
    hosted.git("commit", "--quiet", "-m", "All of it", at=hosted.clone)
    requests.change(state="MERGED", mergeCommit={"oid": hosted.git("rev-parse", "HEAD", at=hosted.clone)})
    assert hosted.project.took() == "waits"  # the remote does not have it yet
    hosted.git("push", "--quiet", "origin", "main", at=hosted.clone)
    assert hosted.project.took() == "merged"


def test_changes_that_are_requested_come_to_the_next_turn_and_the_same_request_is_updated(
    hosted: Hosted, requests: Requests
) -> None:
    project = hosted.project
    project.register()
    until_asked(project)
    requests.change(reviews=[REVIEW])
    assert project.took() == "changes wanted"
    assert project.sbi().status is Status.IMPLEMENTING
    assert [project.took() for _ in range(3)] == ["implemented", "succeeded", "waits"]
    assert "Please be polite." in project.prompt(1, 3)
    assert len(requests.all) == 1
    assert hosted.of_remote("show", "deespec/SBI-1:SBI-1.txt").split() == ["1", "3"]
    assert project.took() == "waits"  # the same words are not taken twice


def test_a_request_that_was_closed_waits_for_a_person(hosted: Hosted, requests: Requests) -> None:
    hosted.project.register()
    until_asked(hosted.project)
    requests.change(state="CLOSED")
    assert hosted.project.took() == "parked"
    assert "closed without being merged" in (hosted.project.sbi().question or "")
    assert hosted.project.took() == "nothing"


def test_retry_opens_a_new_request_after_a_closed_one(hosted: Hosted, requests: Requests) -> None:
    project = hosted.project
    project.register()
    until_asked(project)
    for number in (1, 2):
        requests.change(state="CLOSED")
        assert project.took() == "parked"
        assert f"pull/{number}" in (project.sbi().question or "")
        assert project.command("sbi", "retry", "SBI-1")[0] == 0
        assert [project.took() for _ in range(2)] == ["waits", "waits"]
        assert len(requests.all) == number + 1


def test_a_conflict_with_the_remote_base_is_resolved_by_an_agent(hosted: Hosted, requests: Requests) -> None:
    project = hosted.project
    project.agent(
        steps('echo "$DEESPEC_TURN" > README; echo "DECISION: IMPLEMENTED"').replace(
            "esac", 'resolve)\necho both > README; echo "DECISION: RESOLVED"\n;;\nesac'
        )
    )
    project.register()
    assert [project.took() for _ in range(2)] == ["implemented", "succeeded"]
    (hosted.clone / "README").write_text("other\n")
    hosted.git("commit", "--quiet", "--all", "-m", "Another's", at=hosted.clone)
    hosted.git("push", "--quiet", "origin", "main", at=hosted.clone)
    assert [project.took() for _ in range(4)] == ["conflict", "implemented", "succeeded", "waits"]
    assert hosted.of_remote("show", "deespec/SBI-1:README") == "both"


# --- whose a request is ---------------------------------------------------------------------------------------------


def test_a_merged_request_of_that_name_that_was_another_s_does_not_make_it_done(
    hosted: Hosted, requests: Requests
) -> None:
    main = hosted.project.git("rev-parse", "main")
    requests.has_one(head="deespec/SBI-1", state="MERGED", headRefOid=main, mergeCommit={"oid": main})
    hosted.project.register()
    until_asked(hosted.project)
    assert [request["number"] for request in requests.all] == [1, 2]
    assert hosted.project.took() == "waits"


@pytest.mark.parametrize("state", ["CLOSED", "OPEN"])
def test_neither_does_another_s_request_stop_it_or_speak_to_its_agent(
    hosted: Hosted, requests: Requests, state: str
) -> None:
    main = hosted.project.git("rev-parse", "main")
    requests.has_one(head="deespec/SBI-1", state=state, headRefOid=main, reviews=[REVIEW])
    if state == "OPEN":
        hosted.project.git("push", "--quiet", "origin", "main:refs/heads/deespec/SBI-1")
    hosted.project.register()
    until_asked(hosted.project)
    assert len(requests.all) == 2


def test_what_came_after_a_request_was_merged_gets_a_request_of_its_own(hosted: Hosted, requests: Requests) -> None:
    project = hosted.project
    project.register()
    until_asked(project)
    requests.change(reviews=[REVIEW])
    assert [project.took() for _ in range(3)] == ["changes wanted", "implemented", "succeeded"]
    hook = hosted.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert project.took() == "given back"  # as if it had died before its push
    hook.unlink()
    hosted.git("fetch", "--quiet", "origin", at=hosted.clone)
    hosted.git("merge", "--quiet", "--squash", "origin/deespec/SBI-1", at=hosted.clone)
    hosted.git("commit", "--quiet", "-m", "The first part", at=hosted.clone)
    hosted.git("push", "--quiet", "origin", "main", at=hosted.clone)
    requests.change(state="MERGED", mergeCommit={"oid": hosted.git("rev-parse", "HEAD", at=hosted.clone)})
    project.agent(RESOLVES)
    assert [project.took() for _ in range(4)] == ["conflict", "implemented", "succeeded", "waits"]
    assert [request["state"] for request in requests.all] == ["MERGED", "OPEN"]
    assert hosted.of_remote("show", "deespec/SBI-1:SBI-1.txt") == "both"


def test_it_is_done_when_it_was_squashed_with_a_suggestion_on_top(hosted: Hosted, requests: Requests) -> None:
    hosted.project.register()
    until_asked(hosted.project)
    main, [request] = hosted.project.git("rev-parse", "main"), requests.all
    commits = [{"oid": request["headRefOid"]}, {"oid": "a" * 40}]
    requests.change(state="MERGED", headRefOid="a" * 40, commits=commits, mergeCommit={"oid": main})
    assert hosted.project.took() == "merged"


# --- whose a branch is ----------------------------------------------------------------------------------------------


def test_a_remote_branch_of_that_name_that_is_another_s_is_not_moved(hosted: Hosted, requests: Requests) -> None:
    main = hosted.project.git("rev-parse", "main")
    hosted.project.git("push", "--quiet", "origin", "main:refs/heads/deespec/SBI-1")
    sbi = hosted.project.register()
    until_asked(hosted.project)
    [request] = requests.all
    assert request["head"] == f"deespec/SBI-1-{sbi.uid[-6:].lower()}"
    assert hosted.of_remote("rev-parse", "deespec/SBI-1") == main
    requests.change(state="MERGED", mergeCommit={"oid": main})
    assert hosted.project.took() == "merged"


def test_the_branch_is_published_by_the_name_that_it_has_here(hosted: Hosted, requests: Requests) -> None:
    hosted.project.git("branch", "deespec/SBI-1")
    sbi = hosted.project.register()
    until_asked(hosted.project)
    name = f"deespec/SBI-1-{sbi.uid[-6:].lower()}"
    assert requests.all[0]["head"] == name
    assert hosted.of_remote("for-each-ref", "--format=%(refname:short)", "refs/heads/deespec") == name


def test_where_both_names_are_another_s_a_person_is_asked(hosted: Hosted, requests: Requests) -> None:
    project = hosted.project
    sbi = project.register()
    names = ["deespec/SBI-1", f"deespec/SBI-1-{sbi.uid[-6:].lower()}"]
    project.git("push", "--quiet", "origin", *(f"main:refs/heads/{name}" for name in names))
    assert [project.took() for _ in range(3)] == ["implemented", "succeeded", "parked"]
    assert f"{names[0]} and {names[1]} on origin are branches of somebody else's." in (project.sbi().question or "")
    project.git("push", "--quiet", "--delete", "origin", names[0])
    assert project.command("sbi", "retry", "SBI-1")[0] == 0
    assert project.took() == "waits"


# --- looks that fail ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["remote", "gh"])
def test_looks_that_fail_while_a_request_is_open_ask_nobody(hosted: Hosted, requests: Requests, what: str) -> None:
    hosted.project.register()
    until_asked(hosted.project)
    path = hosted.remote if what == "remote" else requests.program
    path.rename(path.with_name("elsewhere"))
    assert [hosted.project.took() for _ in range(4)] == ["waits"] * 4
    path.with_name("elsewhere").rename(path)
    assert hosted.project.took() == "waits"
    assert hosted.project.sbi().setbacks == 0


def test_a_request_that_cannot_be_opened_asks_a_person_in_the_end(hosted: Hosted, requests: Requests) -> None:
    hosted.project.register()
    requests.program.rename(requests.program.with_name("elsewhere"))
    took = [hosted.project.took() for _ in range(5)]
    assert took == ["implemented", "succeeded", "given back", "given back", "given back"]
    assert hosted.project.sbi().status is Status.PARKED


def test_a_look_that_succeeds_forgets_the_failures_before(hosted: Hosted, requests: Requests) -> None:
    hosted.project.register()
    requests.program.rename(requests.program.with_name("elsewhere"))
    took = [hosted.project.took() for _ in range(4)]
    assert took == ["implemented", "succeeded", "given back", "given back"]
    requests.program.with_name("elsewhere").rename(requests.program)
    assert hosted.project.took() == "waits"
    assert hosted.project.sbi().setbacks == 0


# --- without gh -----------------------------------------------------------------------------------------------------


@pytest.fixture
def other_program(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Opens requests, and writes down which."""
    monkeypatch.setattr(requesting, "LOOK_MS", 0)
    program, opened = hosted.project.folder / "bin" / "ask", hosted.project.folder / "opened"
    program.write_text(f'#!/bin/sh\necho "$1" >> {shlex.quote(str(opened))}\necho https://example.org/1\n')
    program.chmod(0o755)
    hosted.project.settle("workspace", mode="worktree", integrate="pr", pr_command=[str(program), "{branch}"])
    return opened


def test_a_command_of_ones_own_opens_a_request_once(hosted: Hosted, other_program: Path) -> None:
    project = hosted.project
    project.agent(RESOLVES)
    project.register()
    until_asked(project)
    outcome = project.turn()
    assert outcome is not None
    assert outcome.what == "waits"
    assert outcome.error == f"Its pull request is open: https://example.org/1 ({requesting.NO_SQUASH})"
    (hosted.clone / "SBI-1.txt").write_text("other\n")
    hosted.git("add", "--all", at=hosted.clone)
    hosted.git("commit", "--quiet", "-m", "Another's", at=hosted.clone)
    hosted.git("push", "--quiet", "origin", "main", at=hosted.clone)
    assert [project.took() for _ in range(4)] == ["conflict", "implemented", "succeeded", "waits"]
    assert hosted.of_remote("show", "deespec/SBI-1:SBI-1.txt") == "both"
    assert other_program.read_text().split() == ["deespec/SBI-1"]


def test_a_branch_that_was_deleted_with_its_request_is_not_made_again(hosted: Hosted, other_program: Path) -> None:
    hosted.project.register()
    until_asked(hosted.project)
    hosted.of_remote("update-ref", "-d", "refs/heads/deespec/SBI-1")
    assert hosted.project.took() == "waits"
    assert hosted.of_remote("for-each-ref", "refs/heads/deespec") == ""
    assert other_program.read_text().split() == ["deespec/SBI-1"]
