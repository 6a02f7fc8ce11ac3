"""Git, called as a program: a private index, our own identity, no hooks, no settings of the environment."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = 120
TERM_S = 10
ADD_TRIES = 5
IDENTITY = {
    "GIT_AUTHOR_NAME": "deespec",
    "GIT_AUTHOR_EMAIL": "deespec@localhost",
    "GIT_COMMITTER_NAME": "deespec",
    "GIT_COMMITTER_EMAIL": "deespec@localhost",
}
SETTINGS = (
    "core.fsync=all",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "core.splitIndex=false",
    "log.showSignature=false",
)
"""Line ends stay as the person has set them: an agent's own Git writes and reads them so, too."""


class Git:
    """The repository that holds a folder, seen from that folder."""

    def __init__(
        self, root: Path, env: Mapping[str, str], *, inherits: int | None = None, settings: tuple[str, ...] = ()
    ) -> None:
        self.root = root
        self.inherits = inherits
        """A descriptor that every Git process gets: the repository's lock, which is held until the last has ended."""
        self.settings = settings
        """Beside those of every call."""
        self.add_options: tuple[str, ...] = ()
        self.env = {key: value for key, value in env.items() if not key.startswith("GIT_")}
        self.env |= {**IDENTITY, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"} | {
            "GIT_LITERAL_PATHSPECS": "1"
        }

    def at(self, folder: Path) -> Git:
        """The same, seen from another folder."""
        return Git(folder, self.env, inherits=self.inherits)

    def pinned(self, folder: Path, private: Path, *, settings: tuple[str, ...] = ()) -> Git:
        """The worktree in a folder, whatever its `.git` has become: without that, Git would find the person's checkout
        around it, and write there."""
        made = Git(folder, self.env, inherits=self.inherits, settings=settings)
        made.env |= {"GIT_DIR": str(private), "GIT_WORK_TREE": str(folder)}
        made.add_options = ("--sparse",)  # since Git 2.34: files outside of the part that is checked out, too
        return made

    def call(self, *args: str, timeout_s: float = TIMEOUT_S) -> tuple[int, str, str]:
        """Exit status, output and complaints, for commands whose exit status is an answer."""
        return self._call(args, timeout_s=timeout_s)

    def asks(self, *args: str) -> bool:
        """The answer to a yes-or-no question (exit 0 or 1)."""
        code, _, err = self._call(args)
        if code not in (0, 1):
            raise WorkspaceError(f"git {args[0]} failed in {self.root}: {_last_line(err)}")
        return code == 0

    def resolve(self, name: str) -> str | None:
        """The id of the commit that a name stands for; None if there is none."""
        code, out, _ = self._call(("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"))
        return out.strip() if code == 0 else None

    def run(self, *args: str, index: Path | None = None, stdin: str | None = None, timeout_s: float = TIMEOUT_S) -> str:
        """The output of one Git command; WorkspaceError with Git's own words if it fails."""
        code, out, err = self._call(args, index=index, stdin=stdin, timeout_s=timeout_s)
        if code != 0:
            raise WorkspaceError(f"git {args[0]} failed in {self.root}: {_last_line(err or out)}")
        return out

    def there(self) -> bool:
        """Is this folder in a work tree that Git can read, and is Git installed?"""
        try:
            code, out, _ = self._call(("rev-parse", "--is-inside-work-tree"))
        except FileNotFoundError:
            return False
        return code == 0 and out.strip() == "true"

    def head(self) -> str | None:
        """The commit that is checked out; None before the first commit."""
        return self.resolve("HEAD")

    def tree_of_folder(self, index: Path) -> tuple[str, bool]:
        """Writes all files of the folder that are not ignored into a tree, through a private index.

        The tree's id, and whether Git could read all of them.
        """
        is_complete = True
        if not index.exists():
            self._seed(index)
        for left in range(ADD_TRIES, -1, -1):
            try:
                self.run("add", "--all", *self.add_options, "--", ".", index=index)
                break
            except WorkspaceError:
                # A neighbour wrote a file while Git was reading it. Or a Git that was killed has left its lock.
                index.with_name(f"{index.name}.lock").unlink(missing_ok=True)
                if left == 0:
                    self._add_what_can_be_added(index)
                    is_complete = False
        return self.run("write-tree", index=index).strip(), is_complete

    def _add_what_can_be_added(self, index: Path) -> None:
        """What Git cannot read (a repository without a commit inside the folder) must not hide all other files."""
        code, _, err = self._call(("add", "--all", *self.add_options, "--ignore-errors", "--", "."), index=index)
        if code not in (0, 1):
            raise WorkspaceError(f"git add failed in {self.root}: {_last_line(err)}")

    def differing(self, one: str, other: str) -> list[str]:
        """Files below the folder that differ between two trees, relative to it."""
        out = self.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--relative", one, other)
        return [name for name in out.split("\0") if name]

    def added(self, one: str, other: str) -> list[str]:
        """Files that only the second tree has."""
        out = self.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--diff-filter=A", one, other)
        return [name for name in out.split("\0") if name]

    def tracked_changes(self, commit: str, tree: str) -> list[str]:
        """Files of the commit that are changed or missing in the tree."""
        out = self.run(
            "diff-tree", "-r", "-z", "--no-renames", "--name-only", "--relative", "--diff-filter=a", commit, tree
        )
        return [name for name in out.split("\0") if name]

    def diff(self, one: str, other: str, files: list[str]) -> str:
        return self.run("diff", "--no-color", "--no-ext-diff", "--relative", "--stat", "-p", one, other, "--", *files)

    def keep(self, ref: str, tree: str, message: str) -> str:
        """Commits the tree under a new ref and returns the commit. An existing ref is never moved."""
        head = self.head()
        parents = ("-p", head) if head else ()
        commit = self.run("commit-tree", tree, *parents, stdin=message).strip()
        zero = "0" * len(commit)
        self.run("update-ref", "--stdin", stdin=f"update {ref} {commit} {zero}\n")
        return commit

    def _seed(self, index: Path) -> None:
        """Starts from the user's index, so that only changed files are read."""
        index.parent.mkdir(parents=True, exist_ok=True)
        own = self.run("rev-parse", "--git-path", "index").strip()
        source = os.path.join(self.root, own)
        if os.path.exists(source):
            shutil.copyfile(source, index)

    def _call(
        self,
        args: tuple[str, ...],
        *,
        index: Path | None = None,
        stdin: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> tuple[int, str, str]:
        settings = [
            word
            for setting in (*SETTINGS, *_of_large_files(self.env.get("PATH")), *self.settings)
            for word in ("-c", setting)
        ]
        env = dict(self.env)
        if index is not None:
            env["GIT_INDEX_FILE"] = str(index.absolute())
        process = subprocess.Popen(
            ["git", *settings, *args],
            cwd=self.root,
            env=env,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=() if self.inherits is None else (self.inherits,),
            start_new_session=True,
        )
        try:
            out, err = process.communicate(
                None if stdin is None else stdin.encode(errors="surrogateescape"), timeout=timeout_s
            )
        except subprocess.TimeoutExpired as error:
            raise WorkspaceError(f"git {args[0]} took more than {timeout_s} s in {self.root}.") from error
        finally:
            _end(process)
        return process.returncode, out.decode(errors="surrogateescape"), err.decode(errors="replace")


@cache
def _of_large_files(path: str | None) -> tuple[str, ...]:
    """Where git-lfs is set up but not there, its pointers stay files like any other; else every checkout would fail."""
    if shutil.which("git-lfs", path=path) is not None:
        return ()
    return (*(f"filter.lfs.{act}=" for act in ("clean", "smudge", "process")), "filter.lfs.required=false")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Politely first: Git removes its lock files on SIGTERM, not on SIGKILL."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.communicate(timeout=TERM_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
