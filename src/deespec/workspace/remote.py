"""The target as a remote has it: pushed with its fence, fetched beside the person's own remote branches, never forced.

Credentials stay the person's: `GIT_SSH_COMMAND`, `GIT_ASKPASS` and whatever else Git reads to reach a remote is handed
on, with his configuration and its helpers. But nobody sits here to be asked, so Git and ssh fail where they would ask.
Neither fetch nor push holds the repository's mutex: a slow network stops nobody.

What a refusal means is not read from its text, which differs between servers: the remote is asked what it has now.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record
from deespec.workspace.git import Git
from deespec.workspace.messages import TRAILER, owner_of
from deespec.workspace.repository import RefMove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.workspace.merging import Conflict, Merged, Target
    from deespec.workspace.repository import Repository

NETWORK_TIMEOUT_S = 600
"""For one push or one fetch."""
SAID_CHARACTERS = 300
FETCH_TRIES = 3
FENCE_TRIES = 3
PUBLISH_TRIES = 3
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=30"
HANDED_ON = re.compile(
    r"GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|PROXY_COMMAND|PROTOCOL|PROTOCOL_FROM_USER|ALLOW_PROTOCOL|SSL_\w+|HTTP_\w+"
    r"|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM|CONFIG_COUNT|CONFIG_KEY_\d+|CONFIG_VALUE_\d+)"
)
ASKING = ("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE")
"""Would open a window that nobody answers."""
_USERINFO = re.compile(r"://[^\s'\"]*@")


@record
class Pushed:
    """The remote has it."""


@record
class Behind:
    """The remote's branch has commits that are not in what was pushed; nothing was moved."""


@record
class Foreign:
    """The remote's branch has nothing of the item's: somebody else's, by the same name; nothing was moved."""


@record
class Overtaken:
    """Another owner of the queue has the remote's fence; nothing was moved."""


class Remote:
    """One remote of the repository."""

    def __init__(self, repository: Repository, name: str, env: Mapping[str, str]) -> None:
        """`env` is the environment with the person's own GIT_ variables."""
        self.repository = repository
        self.name = name
        self.git = Git(repository.git.root, {key: value for key, value in env.items() if key not in ASKING})
        self.git.env |= {key: value for key, value in env.items() if HANDED_ON.fullmatch(key)}
        if not self.git.env.keys() & {"GIT_SSH", "GIT_SSH_COMMAND"} and not self._has_own_ssh():
            self.git.env["GIT_SSH_COMMAND"] = SSH
        self._fences: dict[tuple[str, str], str] = {}

    def take_fence(self, fence_ref: str, fence: str) -> None:
        """From now on only who holds this value pushes the target: after `Target.take_fence`, before the merge."""
        self._fences.pop((fence_ref, fence), None)
        for tries_left in reversed(range(FENCE_TRIES)):
            code, out, err = self._push([f"+{fence}:{fence_ref}"])
            if code == 0 or self._has([fence_ref]) == {fence_ref: fence}:
                return
            if tries_left == 0:  # else another may have taken it in the same moment
                raise self._refused(out, err)

    def push(self, moves: Mapping[str, str], *, fence_ref: str, fence: str) -> Pushed | Behind | Overtaken:
        """Moves full refs forward to commits, all or none, with the fence, whose next value is known to us alone.

        A fence that stays as it is would be compared by nobody: Git sends no command for it. And it has no `+`, with
        which Git would ignore the lease.
        """
        held = self._fences.get((fence_ref, fence), fence)
        with self.repository.exclusive() as git:
            following = git.run("hash-object", "-w", "--stdin", stdin=f"{held} {sorted(moves.items())}").strip()
        specs = [f"{commit}:{ref}" for ref, commit in moves.items()]
        code, out, err = self._push(
            ["--atomic", f"--force-with-lease={fence_ref}:{held}", "--", *specs, f"{following}:{fence_ref}"]
        )
        if code != 0:
            there = self._has([*moves, fence_ref])
            if there != {**moves, fence_ref: following}:  # else only its answer was lost
                if there.get(fence_ref) != held:
                    return Overtaken()
                if not self._all_forward(there, moves):
                    return Behind()
                raise self._refused(out, err)
        self._fences[fence_ref, fence] = following
        return Pushed()

    def publish(self, branch: str, commit: str, *, uid: str) -> Pushed | Behind | Foreign:
        """Puts an item's branch there, for a request: where there is none, or forward from a commit of the item's own.

        What was looked at is the push's lease: a branch that somebody makes or moves in between is not moved.
        """
        ref = f"refs/heads/{branch}"
        for _ in range(PUBLISH_TRIES):
            there = self.at(branch)
            if there == commit:
                return Pushed()
            if there is not None and (barred := self._barred(branch, there, commit, uid)) is not None:
                return barred
            code, out, err = self._push([f"--force-with-lease={ref}:{there or ''}", "--", f"{commit}:{ref}"])
            if code == 0:
                return Pushed()
            if self.at(branch) == there:
                raise self._refused(out, err)
        raise self._rewritten(branch)

    def at(self, branch: str) -> str | None:
        """The commit that the remote has a branch at; it need not be here."""
        ref = f"refs/heads/{branch}"
        return self._has([ref]).get(ref)

    def kept(self, branch: str) -> str:
        """The ref here that `fetch` keeps the remote's branch under."""
        return f"refs/deespec/remote/{re.sub(r'[^A-Za-z0-9_-]+', '-', self.name).strip('-')}/{branch}"

    def fetch(self, branch: str) -> str | None:
        """The remote's commit of a branch, with all that belongs to it, kept here under a ref; None: there is none."""
        ref = f"refs/heads/{branch}"
        for _ in range(FETCH_TRIES):
            commit = self._has([ref]).get(ref)
            if commit is None:
                return None
            if self._keep(self.kept(branch), commit) or (self._bring(ref) and self._keep(self.kept(branch), commit)):
                return commit
        raise self._rewritten(branch)

    # --- below ---

    def _barred(self, branch: str, there: str, commit: str, uid: str) -> Behind | Foreign | None:
        """Why the remote's branch, which is at `there`, is not to be moved to the item's commit."""
        git = self.repository.git
        if git.resolve(there) is None and self.fetch(branch) != there:
            return None  # moved meanwhile: the lease fails, and it is looked at again
        if owner_of(git.run("log", "-1", "--format=%B", there)) == uid:
            return None if self.repository.contains(commit, other=there) else Behind()
        own = git.run("log", "-1", "--format=%H", "--fixed-strings", f"--grep={TRAILER}: {uid}", there)
        return Behind() if own else Foreign()

    def _has_own_ssh(self) -> bool:
        return self.git.call("config", "--get", "core.sshCommand")[0] == 0

    def _push(self, args: list[str]) -> tuple[int, str, str]:
        """`args`: options, `--` if there are any, and refspecs."""
        options, specs = (args[: args.index("--")], args[args.index("--") + 1 :]) if "--" in args else ([], args)
        return self.git.call(
            *("push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"),
            *(*options, "--", self.name, *specs),
            timeout_s=NETWORK_TIMEOUT_S,
        )

    def _has(self, refs: list[str]) -> dict[str, str]:
        """The commits that the remote has these refs at."""
        code, out, err = self.git.call("ls-remote", "--refs", "--", self.name, *refs, timeout_s=NETWORK_TIMEOUT_S)
        if code != 0:
            raise WorkspaceError(
                f"The remote {clean_url(self.name)} cannot be read: {_reason('', err)}",
                hint=f"Try it yourself: git ls-remote {clean_url(self.name)}",
            )
        lines = [line.split("\t") for line in out.splitlines()]
        return {ref: commit for commit, ref in lines if ref in refs}  # a pattern also fits the ends of other names

    def _bring(self, ref: str) -> bool:
        """Brings the commits of a remote's ref here, and moves nothing: not FETCH_HEAD, no remote branch, no tag."""
        code, _, err = self.git.call(
            *("fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-recurse-submodules"),
            *("--no-auto-maintenance", "--refmap=", "--", self.name, ref),
            timeout_s=NETWORK_TIMEOUT_S,
        )
        if code != 0 and ref in self._has([ref]):
            raise WorkspaceError(
                f"{ref} of {clean_url(self.name)} cannot be fetched: {_reason('', err)}",
                hint=f"Try it yourself: git fetch {clean_url(self.name)}",
            )
        return code == 0

    def _keep(self, ref: str, commit: str) -> bool:
        """Puts the commit under our ref; False: it is not here, or not all that it stands on."""
        with self.repository.exclusive() as git:
            now = git.run("for-each-ref", "--format=%(objectname)", ref).strip() or None
            if now == commit:
                return True
            if git.call("rev-list", "--quiet", "--objects", commit, "--not", "--all")[0] != 0:
                return False
            return self.repository.move(git, [RefMove(ref=ref, new=commit, old=now)])

    def _all_forward(self, there: Mapping[str, str], moves: Mapping[str, str]) -> bool:
        """Does each commit that is to be pushed contain what the remote has?"""
        git = self.repository.git
        return all(
            git.resolve(there[ref]) is not None and self.repository.contains(commit, other=there[ref])
            for ref, commit in moves.items()
            if ref in there
        )

    def _rewritten(self, branch: str) -> WorkspaceError:
        name = clean_url(self.name)
        return WorkspaceError(f"{branch} of {name} is rewritten again and again.", hint=f"git ls-remote {name}")

    def _refused(self, out: str, err: str) -> WorkspaceError:
        return WorkspaceError(
            f"The remote {clean_url(self.name)} did not take a push: {_reason(out, err)}",
            hint="Mend that, then: deespec run pushes again.",
        )


def bring_in(target: Target, remote: Remote) -> Merged | Conflict | None:
    """After `Behind`: what the target becomes with the remote's new commits, as `with_base`; None: it has them all."""
    if remote.fetch(target.name) is None:
        return None
    return target.with_base(remote.kept(target.name))


def clean_url(text: str) -> str:
    """Without the name and password that an address may hold."""
    return _USERINFO.sub("://", text)


def _reason(out: str, err: str) -> str:
    """What Git or the server said that tells most, on one line."""
    refused = [line.rpartition("\t")[2] for line in out.splitlines() if line.startswith("!")]
    said = [line for line in err.splitlines() if line.startswith(("remote:", "fatal:", "error:", "ssh:"))]
    rest = [line for line in err.splitlines() if line.strip()]
    lines = [*said[:2], *refused[:1]] or rest[:1] or ["it said nothing"]
    return clean_url("; ".join(" ".join(line.split()) for line in lines))[:SAID_CHARACTERS]
