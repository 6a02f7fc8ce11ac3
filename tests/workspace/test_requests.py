"""Pull requests are opened once, and only what people with a say want is taken, once."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deespec.errors import WorkspaceError
from deespec.workspace import program
from deespec.workspace.requests import (
    COMMENT_CHARACTERS,
    COMMENTS_MOST,
    ChangesRequested,
    Closed,
    Comment,
    NoRequest,
    Open,
    RequestMerged,
    Seen,
    look,
    open_request,
)

BRANCH = "deespec/SBI-12"
COMMIT = "c" * 40
OLDER = "b" * 40
REVIEW = {"id": "R1", "state": "CHANGES_REQUESTED", "body": "Please test it.", "submittedAt": "2026-01-02T03:04:05Z"}
PERSON = {"author": {"login": "ann"}, "authorAssociation": "MEMBER"}


class GitHub:
    """A gh, and what it knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "gh"
        gh = Path(__file__).with_name("gh.py")
        self.path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(gh))} "$@"\n')
        self.path.chmod(0o755)
        self.file = folder / "state.json"
        self.env = {**os.environ, "GH_STATE": str(self.file)}

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def change(self, **values: object) -> None:
        """Something happens to the newest request."""
        state = self.state
        state["requests"][-1] |= values
        self.file.write_text(json.dumps(state))

    def breaks(self, *, out: str = "", err: str = "", status: int = 1) -> None:
        self.file.write_text(
            json.dumps({"requests": [], "calls": [], "broken": {"out": out, "err": err, "exit": status}})
        )

    def opened(self, *, title: str = "SBI-12: A title", body: str = "A report", command: tuple[str, ...] = ()) -> str:
        words = command or (str(self.path), "pr", "create")
        return open_request(
            words,
            folder=self.folder,
            branch=BRANCH,
            base="main",
            commit=COMMIT,
            title=title,
            body=body,
            env=self.env,
        )

    def look(self, taken: str = "") -> Seen | None:
        return look(
            [str(self.path), "pr", "create"],
            folder=self.folder,
            branch=BRANCH,
            base="main",
            env=self.env,
            taken=taken,
        )


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path)


# --- opening ---------------------------------------------------------------------------------------------------------


def test_a_request_is_opened_with_report_and_title(github: GitHub) -> None:
    assert github.opened() == "https://example.org/o/r/pull/1"
    made = github.state["requests"][0]
    assert (made["head"], made["baseRefName"]) == (BRANCH, "main")
    assert (made["title"], made["body"]) == ("SBI-12: A title", "A report")


def test_one_that_is_open_already_is_found_and_not_made_twice(github: GitHub) -> None:
    first = github.opened()
    assert github.opened() == first
    assert len(github.state["requests"]) == 1


def test_one_that_was_closed_is_followed_by_a_new_one(github: GitHub) -> None:
    github.opened()
    github.change(state="CLOSED")
    assert github.opened() == "https://example.org/o/r/pull/2"


def test_one_that_was_merged_with_this_commit_is_found_and_one_of_an_older_commit_followed(github: GitHub) -> None:
    first = github.opened()
    github.change(state="MERGED", headRefOid=COMMIT)
    assert github.opened() == first
    github.change(headRefOid=OLDER)
    assert github.opened() == "https://example.org/o/r/pull/2"


def test_one_for_another_base_is_not_ours(github: GitHub) -> None:
    github.opened()
    github.change(baseRefName="release")
    assert github.look() == NoRequest()


def test_a_title_is_one_word_on_one_line_whatever_is_in_it(github: GitHub) -> None:
    github.opened(title='--repo=evil/repo "; $(touch x)\n{file}\x1b[31m')
    assert github.state["requests"][0]["title"] == '--repo=evil/repo "; $(touch x) {file}[31m'
    assert len(github.state["requests"]) == 1


def test_a_command_of_ones_own_gets_the_words_it_asks_for(github: GitHub) -> None:
    script = github.folder / "mine"
    script.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    script.chmod(0o755)
    said = github.opened(command=(str(script), "--from", "{branch}", "--to={base}", "{title}"), title="a {branch} b")
    assert said == f"--from|{BRANCH}|--to=main|a {{branch}} b|"


def test_what_became_of_a_request_of_another_program_only_git_can_tell(github: GitHub) -> None:
    assert look(["glab", "mr", "create"], folder=github.folder, branch=BRANCH, base="main", env=github.env) is None


def test_gh_is_not_asked_on_a_terminal_and_sees_no_foreign_repository(github: GitHub) -> None:
    github.env |= {"GIT_DIR": "/elsewhere", "GH_FORCE_TTY": "1"}
    github.opened()
    env = set(github.state["calls"][-1]["env"])
    assert {"GH_PROMPT_DISABLED", "GIT_TERMINAL_PROMPT"} <= env
    assert not {"GIT_DIR", "GH_FORCE_TTY"} & env


# --- looking ---------------------------------------------------------------------------------------------------------


def test_before_anybody_decides_it_is_open(github: GitHub) -> None:
    assert github.look() == NoRequest()
    url = github.opened()
    assert github.look() == Open(url=url)


def test_a_merged_request_says_what_it_became(github: GitHub) -> None:
    url = github.opened()
    github.change(state="MERGED", mergeCommit={"oid": "a" * 40})
    assert github.look() == RequestMerged(url=url, commit="a" * 40)
    github.change(mergeCommit={"oid": "--upload-pack=evil"})
    assert github.look() == RequestMerged(url=url, commit=None)


@pytest.mark.parametrize("state", ["OPEN", "MERGED", "CLOSED"])
def test_of_each_request_it_is_said_which_commits_it_has(github: GitHub, state: str) -> None:
    github.opened()
    github.change(state=state, headRefOid=COMMIT, commits=[{"oid": OLDER}, {"oid": COMMIT}, {"oid": "--x"}, {"oid": 1}])
    seen = github.look()
    assert isinstance(seen, Open | RequestMerged | Closed)
    assert seen.commits == (COMMIT, OLDER)


def test_a_closed_request_is_said_to_be_closed(github: GitHub) -> None:
    url = github.opened()
    github.change(state="CLOSED")
    assert github.look() == Closed(url=url)


def test_changes_requested_bring_the_comments_also_those_beside_the_code(github: GitHub) -> None:
    url = github.opened()
    github.change(
        reviews=[{**REVIEW, **PERSON}],
        comments=[{"id": "C1", "body": "By the way", "createdAt": "2026-01-01T00:00:00Z", **PERSON}],
        beside={"R1": [{"path": "src/a.py", "line": 7, "body": "Why?"}, {"path": "b", "line": None, "body": "Hm"}]},
    )
    seen = github.look()
    assert isinstance(seen, ChangesRequested)
    assert (seen.url, seen.comments) == (
        url,
        (
            Comment(author="ann", text="By the way"),
            Comment(author="ann", text="Please test it."),
            Comment(author="ann", text="Why?", place="src/a.py:7"),
            Comment(author="ann", text="Hm", place="b"),
        ),
    )


def test_the_same_comments_are_not_taken_twice(github: GitHub) -> None:
    url = github.opened()
    github.change(reviews=[{**REVIEW, **PERSON}])
    seen = github.look()
    assert isinstance(seen, ChangesRequested)
    assert github.look(seen.taken) == Open(url=url)


def test_another_review_in_the_same_second_is_taken(github: GitHub) -> None:
    github.opened()
    github.change(reviews=[{**REVIEW, **PERSON}])
    first = github.look()
    assert isinstance(first, ChangesRequested)
    bob = {"author": {"login": "bob"}, "authorAssociation": "OWNER"}
    github.change(reviews=[{**REVIEW, **PERSON}, {**REVIEW, **bob, "id": "R2", "body": "Me too"}])
    second = github.look(first.taken)
    assert isinstance(second, ChangesRequested)
    assert second.comments == (Comment(author="bob", text="Me too"),)
    assert isinstance(github.look(second.taken), Open)


def test_who_approves_afterwards_wants_no_changes_any_more(github: GitHub) -> None:
    url = github.opened()
    later = {"id": "R2", "state": "APPROVED", "body": "", "submittedAt": "2026-01-03T00:00:00Z", **PERSON}
    github.change(reviews=[later, {**REVIEW, **PERSON}])
    assert github.look() == Open(url=url)


@pytest.mark.parametrize("association", ["NONE", "CONTRIBUTOR", "FIRST_TIME_CONTRIBUTOR", "", None])
def test_strangers_are_not_heard(github: GitHub, association: str | None) -> None:
    url = github.opened()
    stranger = {"author": {"login": "eve"}, "authorAssociation": association}
    github.change(reviews=[{**REVIEW, **stranger}])
    assert github.look() == Open(url=url)
    github.change(
        reviews=[{**REVIEW, **PERSON}],
        comments=[{"id": "C1", "body": "Run my script", "createdAt": "2026-01-02T00:00:00Z", **stranger}],
    )
    seen = github.look()
    assert isinstance(seen, ChangesRequested)
    assert seen.comments == (Comment(author="ann", text="Please test it."),)


def test_what_reviewers_write_is_bounded_and_cannot_drive_a_terminal(github: GitHub) -> None:
    github.opened()
    many = [
        {"id": f"C{number}", "body": "x" * (COMMENT_CHARACTERS + 5), "createdAt": "2026-01-01T00:00:00Z", **PERSON}
        for number in range(COMMENTS_MOST + 20)
    ]
    github.change(reviews=[{**REVIEW, **PERSON, "body": "a\x1b[2Jb\u202ec\r\nd"}], comments=many)
    seen = github.look()
    assert isinstance(seen, ChangesRequested)
    assert len(seen.comments) == COMMENTS_MOST
    assert seen.comments[-1].text == "a[2Jbc\nd"
    assert len(seen.comments[0].text) == COMMENT_CHARACTERS + 2


@pytest.mark.parametrize(
    "values",
    [
        {"reviews": "many", "comments": {"nodes": 1}},
        {"reviews": [1, None, {"state": 5}], "comments": [[], {"id": []}]},
        {"reviews": [{**REVIEW, **PERSON, "submittedAt": "9999"}], "comments": None},
        {"reviews": [{**REVIEW, "author": "ann", "authorAssociation": ["OWNER"]}]},
    ],
)
def test_json_of_another_shape_is_survived(github: GitHub, values: dict[str, object]) -> None:
    url = github.opened()
    github.change(**values)
    assert github.look() == Open(url=url)


# --- when gh fails ---------------------------------------------------------------------------------------------------


def test_gh_that_cannot_reach_github_is_not_taken_for_no_request(github: GitHub) -> None:
    github.breaks(err="error connecting to https://ann:secret@api.example.org\ncheck your internet connection")
    with pytest.raises(WorkspaceError, match="gh cannot say what became of deespec/SBI-12: check your internet") as no:
        github.opened()
    assert "secret" not in no.value.message


@pytest.mark.parametrize("out", ["", "{", "[]", "[" * 100_000, '{"state": "ODD", "baseRefName": "main"}'])
def test_gh_that_speaks_no_json_is_named(github: GitHub, out: str) -> None:
    github.breaks(out=out, status=0)
    with pytest.raises(WorkspaceError, match="gh sa"):
        github.look()


def test_gh_that_says_too_much_is_ended(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "OUTPUT_BYTES", 100)
    github.path.write_text("#!/bin/sh\nexec yes\n")
    with pytest.raises(WorkspaceError, match="said more than 100 bytes"):
        github.look()


def test_gh_that_hangs_is_ended_with_what_it_started(github: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "TIMEOUT_S", 0.2)
    github.path.write_text(f"#!/bin/sh\nsleep 1000 &\necho $! > {github.folder}/pid\nwait\n")
    with pytest.raises(WorkspaceError, match=r"took more than 0\.2 s"):
        github.look()
    pid = int((github.folder / "pid").read_text())
    for _ in range(1_000):  # a kill takes effect a little later
        if not is_running(pid):
            break
        time.sleep(0.01)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_missing_gh_says_what_to_install(github: GitHub) -> None:
    github.path.unlink()
    with pytest.raises(WorkspaceError, match="cannot be run: No such file") as missing:
        github.look()
    assert missing.value.hint
