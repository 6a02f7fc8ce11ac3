"""Submodules of a worktree: checked out from what the person's checkout has of them, without any network.

Git keeps a linked worktree's submodules apart from the others' (`worktrees/NAME/modules`), so each is cloned from the
main checkout's own (`modules`), whose objects are hard-linked. No setting of the repository is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.workspace.git import Git

if TYPE_CHECKING:
    from pathlib import Path

DEEPEST = 5
CLONE_TIMEOUT_S = 900
LINK = "160000 "


def fill(git: Git, modules: Path, *, root: Path, depth: int = 0) -> None:
    """Has each submodule of this work tree hold the commit that the index names. Raises WorkspaceError where the
    checkout `root` does not have it; `modules` is Git's folder for its submodules."""
    if depth > DEEPEST or not (git.root / ".gitmodules").is_file():
        return
    names = _names(git)
    for path in _links(git):
        if path not in names:
            continue
        source = modules / names[path]
        if ".." in names[path].split("/") or not (source / "HEAD").is_file():
            raise _missing(git.root / path, path, root)
        try:
            _told(git, names[path], source).run(
                "submodule", "--quiet", "update", "--init", "--checkout", "--force", "--", path,
                timeout_s=CLONE_TIMEOUT_S,
            )  # fmt: skip
        except WorkspaceError as error:
            raise _missing(git.root / path, path, root) from error
        fill(Git(git.root / path, git.env, inherits=git.inherits), source / "modules", root=root, depth=depth + 1)


def links_of(git: Git, commit: str) -> frozenset[str]:
    """Where this commit has submodules."""
    entries = git.run("ls-tree", "-r", "-z", commit).split("\0")
    return frozenset(entry.partition("\t")[2] for entry in entries if entry.startswith(LINK))


# --- below ---


def _links(git: Git) -> list[str]:
    entries = git.run("ls-files", "--stage", "-z").split("\0")
    return [entry.partition("\t")[2] for entry in entries if entry.startswith(LINK)]


def _names(git: Git) -> dict[str, str]:
    """The names of submodules by path, as .gitmodules has them."""
    code, out, _ = git.call("config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    entries = [entry.partition("\n") for entry in out.split("\0") if entry] if code == 0 else []
    return {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in entries}


def _told(git: Git, name: str, source: Path) -> Git:
    """Git that takes this submodule from there; settings by environment, as a name may hold any character."""
    made = Git(git.root, git.env, inherits=git.inherits, settings=("core.fsync=none",))
    made.env |= {key: value for key, value in git.env.items() if key in ("GIT_DIR", "GIT_WORK_TREE")}
    told = {"url": str(source), "active": "true", "update": "checkout"}
    settings = {"protocol.file.allow": "always"} | {f"submodule.{name}.{key}": value for key, value in told.items()}
    made.env["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (key, value) in enumerate(settings.items()):
        made.env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return made


def _missing(place: Path, path: str, root: Path) -> WorkspaceError:
    return WorkspaceError(
        f"The submodule {path} cannot be checked out in {place}: {root} does not have it, or not that commit of it.",
        hint=f"git -C {root} submodule update --init --recursive",
    )
