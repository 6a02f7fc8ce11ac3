"""Merging by pull request: the branch is pushed, a request opened, and the item waits without claim and slot.

Each look asks whether it has been merged, or whether changes are wanted. What merges it are people, on their own terms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.engine.acted import ChangesWanted, Conflicted, Merged, Needed, Waits
from deespec.model.work import PULL_REQUEST
from deespec.records import replace
from deespec.workspace.merging import Conflict
from deespec.workspace.remote import Behind, Remote
from deespec.workspace.requests import ChangesRequested, Closed, RequestMerged, look, open_request

if TYPE_CHECKING:
    from deespec.engine.acted import Acted
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim
    from deespec.model.work import Work
    from deespec.workspace.repository import Repository
    from deespec.workspace.requests import Comment

ORIGIN = "origin"
LOOK_MS = 60_000


def remote_of(bench: Bench) -> Remote:
    settings = bench.settings
    return Remote(bench.app.repository, settings.push or ORIGIN, dict(settings.child_env))


def request(bench: Bench, claim: Claim, commit: str) -> Acted:
    """One look at the item's pull request, which is opened if it is not there. Raises WorkspaceError."""
    app, settings = bench.app, bench.settings
    remote = remote_of(bench)
    tip = remote.fetch(app.base)
    if tip is not None and app.repository.contains(tip, other=commit):
        return Merged()
    with app.store.read() as tx:
        work = tx.work(claim.sbi.number)
    branch = f"deespec/{work.name}"
    command, env = settings.pr_command or None, dict(settings.child_env)
    seen = look(command, folder=settings.root, branch=branch, base=app.base, env=env, taken=work.taken)
    match seen:
        case RequestMerged(commit=merged):
            if merged is None or _has(app.repository, tip, merged):
                return Merged()
            why = "Its pull request is merged, and the remote does not show it yet"
            return Waits(why=why, reason=PULL_REQUEST, delay_ms=LOOK_MS)
        case Closed(url=url):
            return Needed(reason="request", question=f"Its pull request was closed without being merged: {url}")
        case ChangesRequested(comments=comments, taken=taken, url=url):
            return ChangesWanted(words=_words(comments, url), taken=taken)
    if tip is not None and isinstance(found := app.target.together(tip, commit), Conflict):
        return Conflicted(words=f"It conflicts with {app.base} in: {', '.join(found.files)}", onto=tip)
    if isinstance(remote.publish(branch, commit), Behind):
        question = f"{branch} has commits on {remote.name} that deespec did not make. Merge them, or reset the item."
        return Needed(reason="request", question=question)
    title, body = f"{claim.sbi.id}: {claim.sbi.title}", _body(bench, claim)
    url = open_request(command, folder=settings.root, branch=branch, base=app.base, title=title, body=body, env=env)
    _remember(bench, claim, replace(work, request=url))
    return Waits(why=f"Its pull request is open: {url}", reason=PULL_REQUEST, delay_ms=LOOK_MS)


def _has(repository: Repository, tip: str | None, commit: str) -> bool:
    """Whether the remote's base, as it was fetched, has this commit, which may not be here at all."""
    known = tip is not None and repository.git.resolve(commit) is not None
    return known and repository.contains(tip or "", other=commit)


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


def _remember(bench: Bench, claim: Claim, work: Work) -> None:
    with bench.app.store.transaction() as tx:
        tx.must_own(claim)
        tx.keep_work(work)
