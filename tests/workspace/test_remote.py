"""The target comes to a remote forward only, by the owner of its fence, and nothing of the person's is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from project import BACKLOG, ENV, Project

from deespec.errors import WorkspaceError
from deespec.workspace.merging import Conflict, How, Merged, Target
from deespec.workspace.messages import TRAILER
from deespec.workspace.remote import Behind, Foreign, Overtaken, Pushed, Remote, bring_in, clean_url
from deespec.workspace.repository import Repository

UID = "0123456789ab"
Work = Callable[..., str]


class Site:
    """A clone with its target, as one of several machines has it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = Repository(root, ENV)
        self.target = Target(self.repository, "deespec/integration", checkouts=root / "checkouts")
        self.remote = Remote(self.repository, "origin", ENV)
        self.target.start("main", backlog=BACKLOG)
        self.fence = ""

    def git(self, *args: str) -> str:
        return subprocess.run(
            ["git", *args], cwd=self.root, env=ENV, capture_output=True, text=True, check=True
        ).stdout.strip()

    def takes_over(self, token: str) -> None:
        self.fence = self.target.take_fence(token)
        self.remote.take_fence(self.target.fence_ref, self.fence)

    def merges(self, name: str, text: str) -> str:
        """Something gets into the target; its commit."""
        tree = self.git("rev-parse", "deespec/integration^{tree}")
        blob = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"], cwd=self.root, env=ENV, input=text, text=True, capture_output=True
        ).stdout.strip()
        env = {**ENV, "GIT_INDEX_FILE": str(self.root / ".git" / "scratch")}
        for args in (["read-tree", tree], ["update-index", "--add", "--cacheinfo", f"100644,{blob},{name}"]):
            subprocess.run(["git", *args], cwd=self.root, env=env, check=True)
        made = subprocess.run(["git", "write-tree"], cwd=self.root, env=env, check=True, capture_output=True, text=True)
        commit = self.git("commit-tree", made.stdout.strip(), "-p", "deespec/integration", "-m", f"Merged {name}")
        assert self.target.advance(Merged(old=self.target.tip() or "", new=commit), fence=self.fence)
        return commit

    def pushes(self) -> Pushed | Behind | Overtaken:
        tip = self.target.tip()
        assert tip is not None
        return self.remote.push({self.target.ref: tip}, fence_ref=self.target.fence_ref, fence=self.fence)


@pytest.fixture
def origin(project: Project) -> Path:
    bare = project.root.parent / "origin 日本.git"
    project.git("clone", "--quiet", "--bare", str(project.root), str(bare))
    return bare


@pytest.fixture
def sites(project: Project, origin: Path) -> tuple[Site, Site]:
    made = []
    for name in ("one", "two"):
        folder = origin.parent / name
        project.git("clone", "--quiet", str(origin), str(folder))
        for key, value in (("user.name", "A person"), ("user.email", "person@example.org")):
            project.git("config", key, value, at=folder)
        made.append(Site(folder))
    return made[0], made[1]


def at(folder: Path, ref: str = "refs/heads/deespec/integration") -> str:
    said = subprocess.run(["git", "rev-parse", ref], cwd=folder, env=ENV, capture_output=True, text=True, check=True)
    return said.stdout.strip()


# --- pushing ---------------------------------------------------------------------------------------------------------


def test_the_target_comes_to_the_remote_and_its_fence_moves_each_time(sites: tuple[Site, Site], origin: Path) -> None:
    one = sites[0]
    one.takes_over("1")
    fences = [at(origin, one.target.fence_ref)]
    for number in range(2):
        commit = one.merges(f"{number}.txt", "x")
        assert one.pushes() == Pushed()
        assert at(origin) == commit
        fences.append(at(origin, one.target.fence_ref))
    assert len(set(fences)) == 3


def test_pushing_what_is_there_already_is_no_error(sites: tuple[Site, Site]) -> None:
    one = sites[0]
    one.takes_over("1")
    one.merges("a.txt", "a")
    assert one.pushes() == Pushed()
    assert one.pushes() == Pushed()


def test_whoever_was_overtaken_on_another_machine_pushes_nothing(sites: tuple[Site, Site], origin: Path) -> None:
    one, two = sites
    one.takes_over("1")
    one.merges("a.txt", "a")
    two.takes_over("2")
    assert one.pushes() == Overtaken()
    assert "deespec/integration" not in two.git("ls-remote", "origin", "refs/heads/*")
    commit = two.merges("b.txt", "b")
    assert two.pushes() == Pushed()
    assert at(origin) == commit


def test_an_overtaken_owner_cannot_push_even_what_the_new_one_has(sites: tuple[Site, Site]) -> None:
    """Nothing moves then but the fence, and that is refused."""
    one, two = sites
    one.takes_over("1")
    one.merges("a.txt", "a")
    assert one.pushes() == Pushed()
    two.takes_over("2")
    assert one.pushes() == Overtaken()


def test_a_remote_with_other_commits_is_not_overwritten(sites: tuple[Site, Site], origin: Path) -> None:
    one, two = sites
    one.takes_over("1")
    theirs = one.merges("a.txt", "a")
    assert one.pushes() == Pushed()
    two.takes_over("2")
    two.merges("b.txt", "b")
    assert two.pushes() == Behind()
    assert at(origin) == theirs


def test_after_behind_both_sides_commits_come_together(sites: tuple[Site, Site], origin: Path) -> None:
    one, two = sites
    one.takes_over("1")
    theirs = one.merges("a.txt", "a")
    one.pushes()
    two.takes_over("2")
    mine = two.merges("b.txt", "b")
    assert two.pushes() == Behind()
    found = bring_in(two.target, two.remote)
    assert isinstance(found, Merged)
    assert two.git("log", "-1", "--format=%s|%P", found.new) == f"Merge origin/deespec/integration|{mine} {theirs}"
    assert two.target.advance(found, fence=two.fence)
    assert two.pushes() == Pushed()
    assert at(origin) == found.new
    assert bring_in(two.target, two.remote) is None


def test_commits_of_both_sides_may_be_in_conflict(sites: tuple[Site, Site]) -> None:
    one, two = sites
    one.takes_over("1")
    one.merges("a.txt", "a")
    one.pushes()
    two.takes_over("2")
    two.merges("a.txt", "b")
    assert bring_in(two.target, two.remote) == Conflict(files=("a.txt",))


def test_of_two_that_push_at_the_same_time_none_loses_a_commit(sites: tuple[Site, Site], origin: Path) -> None:
    child = Path(__file__).with_name("pushing.py")
    env = {**ENV, "PYTHONPATH": os.pathsep.join([*sys.path, str(child.parent)])}
    started = [
        subprocess.Popen(
            [sys.executable, str(child), str(site.root), name, "4"], env=env, stderr=subprocess.PIPE, text=True
        )
        for site, name in zip(sites, ("one", "two"), strict=True)
    ]
    for process in started:
        assert process.wait(120) == 0, process.stderr.read() if process.stderr else ""
        assert process.stderr is not None
        process.stderr.close()
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", "deespec/integration"], cwd=origin, env=ENV, capture_output=True, text=True
    )
    assert {f"{name}-{number}.txt" for name in ("one", "two") for number in range(4)} <= {*listed.stdout.split()}


def test_a_remote_that_refuses_says_so_in_its_own_words(sites: tuple[Site, Site], origin: Path) -> None:
    one = sites[0]
    one.takes_over("1")
    hook = origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'Not on a Sunday.'\nexit 1\n")
    hook.chmod(0o755)
    one.merges("a.txt", "a")
    with pytest.raises(WorkspaceError, match=r"origin did not take a push: remote: Not on a Sunday\."):
        one.pushes()
    hook.unlink()
    assert one.pushes() == Pushed()


def of_item(site: Site, *parents: str, uid: str = UID) -> str:
    """A commit of an item's."""
    words = [word for parent in parents for word in ("-p", parent)]
    return site.git("commit-tree", "main^{tree}", *words, "-m", f"SBI-1 {len(parents)}\n\n{TRAILER}: {uid}")


def test_an_item_s_branch_is_published_and_goes_forward(sites: tuple[Site, Site], origin: Path) -> None:
    one = sites[0]
    first = of_item(one, "main")
    second = of_item(one, first)
    for commit in (first, first, second):
        assert one.remote.publish("deespec/SBI-1", commit, uid=UID) == Pushed()
        assert at(origin, "deespec/SBI-1") == commit
    assert one.remote.publish("deespec/SBI-1", first, uid=UID) == Behind()


def test_a_branch_with_others_commits_on_the_item_s_is_not_moved(sites: tuple[Site, Site], origin: Path) -> None:
    one, two = sites
    first = of_item(one, "main")
    one.remote.publish("deespec/SBI-1", first, uid=UID)
    two.git("fetch", "--quiet", "origin")
    theirs = two.git("commit-tree", "main^{tree}", "-p", first, "-m", "A suggestion")
    two.git("push", "--quiet", "origin", f"{theirs}:refs/heads/deespec/SBI-1")
    assert one.remote.publish("deespec/SBI-1", of_item(one, first), uid=UID) == Behind()
    assert at(origin, "deespec/SBI-1") == theirs


@pytest.mark.parametrize("whose", ["a person's", "another item's"])
def test_a_branch_of_somebody_else_is_not_moved_even_where_it_could_go_forward(
    sites: tuple[Site, Site], origin: Path, whose: str
) -> None:
    one, two = sites
    theirs = at(two.root, "main") if whose == "a person's" else of_item(two, "main", uid="another")
    two.git("push", "--quiet", "origin", f"{theirs}:refs/heads/deespec/SBI-1")
    assert one.remote.publish("deespec/SBI-1", of_item(one, "main"), uid=UID) == Foreign()
    assert at(origin, "deespec/SBI-1") == theirs


def test_a_branch_that_somebody_makes_in_the_moment_of_the_push_is_not_moved(
    sites: tuple[Site, Site], origin: Path
) -> None:
    one = sites[0]
    main = at(one.root, "main")
    hook = one.root / "race"
    hook.write_text(
        f'#!/bin/sh\ngit --git-dir="{origin}" update-ref refs/heads/deespec/SBI-1 {main}\nexec git-receive-pack "$@"\n'
    )
    hook.chmod(0o755)
    one.git("config", "remote.origin.receivepack", str(hook))
    assert one.remote.publish("deespec/SBI-1", of_item(one, "main"), uid=UID) == Foreign()
    assert at(origin, "deespec/SBI-1") == main


# --- fetching --------------------------------------------------------------------------------------------------------


def test_what_is_fetched_moves_nothing_of_the_person(sites: tuple[Site, Site], project: Project) -> None:
    one, two = sites
    project.git("push", "--quiet", str(one.root.parent / "origin 日本.git"), "main:newer")
    project.commit("new.txt", "new\n")
    project.git("tag", "v1")
    project.git("push", "--quiet", "--tags", str(one.root.parent / "origin 日本.git"), "main")
    one.takes_over("1")
    before = two.git("for-each-ref", "refs/remotes", "refs/tags", "refs/heads")
    assert two.remote.fetch("main") == project.git("rev-parse", "main")
    assert two.git("for-each-ref", "refs/remotes", "refs/tags", "refs/heads") == before
    assert not (two.root / ".git" / "FETCH_HEAD").exists()
    assert two.git("rev-parse", "refs/deespec/remote/origin/main") == project.git("rev-parse", "main")


def test_a_branch_that_is_not_there_is_none(sites: tuple[Site, Site]) -> None:
    assert sites[0].remote.fetch("deespec/integration") is None


def test_a_branch_whose_name_ends_the_same_is_not_taken_for_it(sites: tuple[Site, Site]) -> None:
    one = sites[0]
    one.git("push", "--quiet", "origin", "main:refs/heads/refs/heads/other")
    assert one.remote.fetch("other") is None


def test_a_branch_that_was_rewritten_is_followed(sites: tuple[Site, Site]) -> None:
    one, two = sites
    one.takes_over("1")
    one.remote.publish("topic", one.merges("a.txt", "a"), uid=UID)
    assert two.remote.fetch("topic") == one.target.tip()
    one.git("push", "--quiet", "--force", "origin", "main:topic")
    assert two.remote.fetch("topic") == at(one.root, "main")


# --- a remote that cannot be reached ---------------------------------------------------------------------------------


def test_no_remote_of_that_name_says_how_to_look(project: Project) -> None:
    remote = Remote(project.repository, "nowhere", ENV)
    with pytest.raises(WorkspaceError, match="The remote nowhere cannot be read") as refused:
        remote.fetch("main")
    assert refused.value.hint == "Try it yourself: git ls-remote nowhere"


@pytest.mark.parametrize("name", ["--upload-pack=touch evil", "-c"])
def test_a_remote_that_looks_like_an_option_is_none(project: Project, name: str) -> None:
    with pytest.raises(WorkspaceError):
        Remote(project.repository, name, ENV).fetch("main")
    assert not (project.root / "evil").exists()


def test_passwords_in_addresses_are_not_said(project: Project) -> None:
    project.git("remote", "add", "origin", "http://ann:secret@127.0.0.1:1/x.git")
    remote = Remote(project.repository, "origin", ENV)
    with pytest.raises(WorkspaceError) as refused:
        remote.fetch("main")
    assert "secret" not in f"{refused.value.message}{refused.value.hint}"
    assert clean_url("at https://a:b/c@d@host/x and ssh://git@host:1/y") == "at https://host/x and ssh://host:1/y"


# --- the person's credentials ----------------------------------------------------------------------------------------


def test_the_person_s_way_to_the_remote_is_kept_and_nobody_is_asked(project: Project) -> None:
    env = {**ENV, "GIT_SSH_COMMAND": "ssh -i key", "GIT_ASKPASS": "/a", "SSH_ASKPASS": "/b", "GIT_DIR": "/c"}
    env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c", "GIT_TRACE": "1"}
    seen = Remote(project.repository, "origin", env).git.env
    assert (seen["GIT_SSH_COMMAND"], seen["GIT_ASKPASS"], seen["GIT_CONFIG_VALUE_0"]) == ("ssh -i key", "/a", "c")
    assert seen["GIT_TERMINAL_PROMPT"] == "0"
    assert not {"SSH_ASKPASS", "GIT_DIR", "GIT_TRACE"} & seen.keys()


def test_ssh_fails_where_it_would_ask_unless_the_person_has_set_his_own(project: Project) -> None:
    assert "BatchMode=yes" in Remote(project.repository, "origin", ENV).git.env["GIT_SSH_COMMAND"]
    project.git("config", "core.sshCommand", "ssh -i key")
    assert "GIT_SSH_COMMAND" not in Remote(project.repository, "origin", ENV).git.env


def test_a_work_that_was_merged_elsewhere_is_in_the_target_once(
    sites: tuple[Site, Site], project: Project, work: Work
) -> None:
    """An item merged and pushed by one machine is nothing new when another merges its branch again."""
    one, two = sites
    tree = project.worktree()
    commit = work(tree, file_txt="changed\n")
    for site in sites:
        site.git("fetch", "--quiet", str(project.root), f"{commit}:refs/heads/item")
    one.takes_over("1")
    merged = one.target.merged(commit, tree.owner, how=How.REBASE, subject="SBI-1: x")
    assert isinstance(merged, Merged)
    one.target.advance(merged, fence=one.fence)
    one.pushes()
    two.takes_over("2")
    found = bring_in(two.target, two.remote)
    assert isinstance(found, Merged)
    two.target.advance(found, fence=two.fence)
    again = two.target.merged(commit, tree.owner, how=How.REBASE, subject="SBI-1: x")
    assert isinstance(again, Merged)
    assert again.new == again.old
