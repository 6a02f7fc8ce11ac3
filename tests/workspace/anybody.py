"""What a user without any privileges can do: `anybody.py ROOT checkout|drop|remove`. Prints what came of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deespec.errors import WorkspaceError
from deespec.workspace.cleaning import remove
from deespec.workspace.merging import Target
from deespec.workspace.repository import Repository
from deespec.workspace.worktree import Owner, Worktree

WITHOUT = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--") if os.geteuid() == 0 else ()
"""Before a command: root without its privileges may do what any user may."""
UID = "01JD0000000000000000000001"
CHECKOUT = "gates"


def as_anybody(root: Path, act: str) -> str:
    """Runs this module's `main` in a process of its own; what it prints."""
    words = (*WITHOUT, sys.executable, __file__, str(root), act)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def main(root: Path, act: str) -> None:
    home = root / ".deespec"
    repository = Repository(root, dict(os.environ))
    target = Target(repository, "deespec/integration", checkouts=home / "checkouts")
    try:
        if act == "checkout":
            print(target.checkout("main", name=CHECKOUT))
        elif act == "drop":
            target.drop_checkout(CHECKOUT)
        else:
            tree = Worktree(repository, home / "worktrees" / "SBI-1", Owner(item="SBI-1", uid=UID))
            print("\n".join(remove(tree)))
    except WorkspaceError as error:
        print(f"{error.message} → {error.hint}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
