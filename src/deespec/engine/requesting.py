"""Merging by pull request: the branch is pushed, a request opened, and the item waits without claim and slot.

Each look asks whether it has been merged, or whether changes are wanted. What merges it are people, on their own terms.
Names of branches are used again, so only a request that has a commit of the item's is the item's.

Where another command than gh opens requests, only Git tells what became of one: merged with its commits it is noticed,
merged by squash it is not, and neither are comments nor that it was closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.engine.acted import ChangesWanted, Conflicted, Merged, Needed, Waits
from deespec.errors import WorkspaceError
from deespec.model.work import PULL_REQUEST
from deespec.records import replace
from deespec.workspace.merging import Conflict
from deespec.workspace.messages import owner_of
from deespec.workspace.own_refs import OwnRefs
from deespec.workspace.remote import Behind, Foreign, Remote
from deespec.workspace.requests import ChangesRequested, Closed, NoRequest, RequestMerged, look, open_request
from deespec.workspace.worktree import Owner

if TYPE_CHECKING:
    from deespec.engine.acted import Acted
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim
    from deespec.model.work import Work
    from deespec.workspace.requests import Comment, Seen

ORIGIN = "origin"
LOOK_MS = 60_000
NO_SQUASH = "merged by squash it is not noticed: deespec needs gh for that"


def remote_of(bench: Bench) -> Remote:
    settings = bench.settings
    return Remote(bench.app.repository, settings.push or ORIGIN, dict(settings.child_env))


def request(bench: Bench, claim: Claim, commit: str) -> Acted:
    """One look at the item's pull request, which is opened if it is not there.

    Raises WorkspaceError, but not if an open request cannot be looked at for the moment.
    """
    asking = _Asking(bench, claim, commit)
    names = asking.names()
    for branch in names:
        try:
            acted = asking.look(branch)
        except WorkspaceError as error:
            if asking.work.request is None:
                raise
            return _waits(f"Its pull request cannot be looked at now: {error.message}")
        acted = acted or asking.conflict() or asking.publish(branch)
        if acted is not None:
            return acted
    question = (
        f"{' and '.join(names)} on {asking.remote.name} are branches of somebody else's. Delete or rename one there, "
    )
    return Needed(reason="request", question=f"{question}then: deespec sbi retry {claim.sbi.id}")


class _Asking:
    """One look, by the item's owner."""

    def __init__(self, bench: Bench, claim: Claim, commit: str) -> None:
        self.bench = bench
        self.claim = claim
        self.commit = commit
        self.remote = remote_of(bench)
        self.command = bench.settings.pr_command or None
        self.env = dict(bench.settings.child_env)
        self.tip: str | None = None
        """The remote's base."""
        self.is_told = True
        """Whether what becomes of a request can be asked."""
        with bench.app.store.read() as tx:
            self.work: Work = tx.work(claim.sbi.number)

    def names(self) -> tuple[str, ...]:
        """What its branch on the remote may be called: as before, else as here, else with the item's uid."""
        sbi = self.claim.sbi
        refs = OwnRefs(self.bench.app.repository, Owner(item=sbi.id, uid=sbi.uid, name=self.work.name))
        here = refs.branch().removeprefix("refs/heads/")
        return tuple(dict.fromkeys(one for one in (self.work.head, here, f"deespec/{refs.names()[1]}") if one))

    def look(self, branch: str) -> Acted | None:
        """What follows from what people have done; None: nothing. Raises WorkspaceError."""
        app = self.bench.app
        self.tip = self.remote.fetch(app.base)
        if self._has(self.commit):
            return Merged()
        folder, taken = self.bench.settings.root, self.work.taken
        seen = look(self.command, folder=folder, branch=branch, base=app.base, env=self.env, taken=taken)
        self.is_told = seen is not None
        if seen is None or not self._is_own(seen):
            return None
        match seen:
            case RequestMerged(commit=merged, commits=commits) if self.commit in commits:
                if merged is None or self._has(merged):
                    return Merged()
                return _waits("Its pull request is merged, and the remote does not show it yet")
            case Closed(url=url):
                question = f"Its pull request was closed without being merged: {url} (retry opens a new one)"
                if self.claim.sbi.question != question:  # else a person was asked that, and had it go on
                    return Needed(reason="request", question=question)
            case ChangesRequested(comments=comments, taken=taken, url=url):
                return ChangesWanted(words=_words(comments, url), taken=taken)
        return None

    def conflict(self) -> Acted | None:
        """Whether it goes with the remote's base."""
        app = self.bench.app
        if self.tip is not None and isinstance(found := app.target.together(self.tip, self.commit), Conflict):
            return Conflicted(words=f"It conflicts with {app.base} in: {', '.join(found.files)}", onto=self.tip)
        return None

    def publish(self, branch: str) -> Acted | None:
        """Pushes what is to be merged, and opens a request unless there is one; None: the branch is another's."""
        is_asked = not self.is_told and self.work.request is not None
        if is_asked and self.remote.at(branch) is None:
            if self.work.published == self.commit:
                return _waits(f"Its branch {branch} is gone from {self.remote.name}; {NO_SQUASH}")
            is_asked = False
        self._remember(replace(self.work, published=self.commit))
        done = self.remote.publish(branch, self.commit, uid=self.claim.sbi.uid)
        if isinstance(done, Foreign):
            return None
        if isinstance(done, Behind):
            question = f"{branch} has commits on {self.remote.name} that deespec did not make. Merge them, or reset the"
            return Needed(reason="request", question=f"{question} item.")
        url = self.work.request if is_asked else None
        url = url or self._open(branch)
        self._remember(replace(self.work, request=url, head=branch))
        return _waits(f"Its pull request is open: {url}{'' if self.is_told else f' ({NO_SQUASH})'}")

    # --- below ---

    def _open(self, branch: str) -> str:
        sbi = self.claim.sbi
        return open_request(
            self.command,
            folder=self.bench.settings.root,
            branch=branch,
            base=self.bench.app.base,
            commit=self.commit,
            title=f"{sbi.id}: {sbi.title}",
            body=_body(self.bench, self.claim),
            env=self.env,
        )

    def _has(self, commit: str) -> bool:
        """Whether the remote's base, as it was fetched, has this commit, which may not be here at all."""
        repository = self.bench.app.repository
        if self.tip is None or repository.git.resolve(commit) is None:
            return False
        return repository.contains(self.tip, other=commit)

    def _is_own(self, seen: Seen) -> bool:
        """Whether a request is of this item's work, as it is now or was before."""
        if isinstance(seen, NoRequest) or not seen.commits:
            return False
        if self.commit in seen.commits or self.work.published in seen.commits:
            return True
        head, repository = seen.commits[0], self.bench.app.repository
        if repository.git.resolve(head) is None or not repository.contains(self.commit, other=head):
            return False
        return owner_of(repository.git.run("log", "-1", "--format=%B", head)) == self.claim.sbi.uid

    def _remember(self, work: Work) -> None:
        if work != self.work:
            with self.bench.app.store.transaction() as tx:
                tx.must_own(self.claim)
                tx.keep_work(work)
            self.work = work


def _waits(why: str) -> Waits:
    return Waits(why=why, reason=PULL_REQUEST, delay_ms=LOOK_MS)


def _words(comments: tuple[Comment, ...], url: str) -> str:
    said = [f"{one.author}{f' on {one.place}' if one.place else ''}:\n{one.text}" for one in comments]
    return "\n\n".join((f"Changes are requested of the pull request {url}:", *said))


def _body(bench: Bench, claim: Claim) -> str:
    """What reviewers read: the last report and what has been tested."""
    with bench.app.store.read() as tx:
        reports = [turn.report for turn in tx.turns(claim.sbi.number) if turn.report]
    gates = [gate.run for gate in bench.settings.gates] + [*claim.sbi.checks]
    tested = "\n".join(f"- `{one}`" for one in gates) or "- nothing: no gates are set up"
    return (
        f"{reports[-1] if reports else ''}\n\nThese commands succeeded:\n{tested}\n\n{claim.sbi.id} {claim.sbi.uid}\n"
    )
