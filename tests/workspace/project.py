"""A repository as people have them, and what is done in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deespec.workspace.merging import Target
from deespec.workspace.repository import Repository
from deespec.workspace.worktree import Owner, Worktree

BACKLOG = "01JD0000000000000000000000"
ENV = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Project:
    """A checkout on `main` with two files and a backlog's home."""

    def __init__(self, root: Path, *, object_format: str = "sha1") -> None:
        self.root = root
        root.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", "main", f"--object-format={object_format}")
        self.git("config", "user.name", "A person")
        self.git("config", "user.email", "person@example.org")
        (root / "file.txt").write_text("one\ntwo\nthree\n")
        (root / "文書").mkdir()
        (root / "文書" / "読む.txt").write_text("読む\n")
        (root / ".gitignore").write_text("*.log\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "The base")
        (root / ".deespec").mkdir()
        (root / ".deespec" / ".gitignore").write_text("*\n")
        self.repository = Repository(root, ENV)
        self.target = Target(self.repository, "deespec/integration", checkouts=root / ".deespec" / "checkouts")

    def git(self, *args: str, at: Path | None = None) -> str:
        """What a person's own Git says."""
        done = subprocess.run(["git", *args], cwd=at or self.root, env=ENV, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def worktree(self, number: int = 1, *, uid: str | None = None) -> Worktree:
        """The worktree of SBI-n, ready to work in."""
        start = self.target.start("main", backlog=BACKLOG)
        owner = Owner(item=f"SBI-{number}", uid=uid or f"01JD00000000000000000{number:05d}")
        folder = self.root / ".deespec" / "worktrees" / owner.item
        made = Worktree(self.repository, folder, owner)
        if made.prepare(start):
            made.ready()
        return made

    def commit(self, name: str, text: str, *, at: Path | None = None) -> str:
        """Somebody's own commit."""
        (at or self.root).joinpath(name).write_text(text)
        self.git("add", "--all", at=at)
        self.git("commit", "--quiet", "--message", f"Change {name}", at=at)
        return self.git("rev-parse", "HEAD", at=at)

    def refs(self, below: str = "refs/deespec") -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", below).splitlines()
        return dict(line.split(" ") for line in lines)
