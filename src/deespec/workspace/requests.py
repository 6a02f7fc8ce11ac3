"""Pull requests: opened by a command, and looked at through `gh`, whose answers and reviewers are not trusted.

`gh pr view BRANCH --json FIELDS` finds the newest open request of a branch, else the newest (gh-pr-view(1),
https://cli.github.com/manual/gh_pr_view, lists the fields: url, number, state OPEN, MERGED or CLOSED, baseRefName,
headRefOid, mergeCommit, commits with oid, reviews, comments). A branch's name says nothing of whose work a request is
of, as names are used again: its commits do. Reviews have id, state (CHANGES_REQUESTED, APPROVED, COMMENTED, DISMISSED,
PENDING), body, submittedAt, author.login and authorAssociation; comments have createdAt instead. reviewDecision stays
empty where the base needs no review, so the last decision of each reviewer counts. What reviewers wrote beside the code
is not among these fields and comes from `gh api graphql` (pullRequest.reviews.nodes.comments).

Anybody can review in a public repository, and what is taken here goes into a prompt: only people who may write there
are heard (authorAssociation OWNER, MEMBER or COLLABORATOR).
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from typing import TYPE_CHECKING

from deespec.errors import WorkspaceError
from deespec.records import record, replace
from deespec.workspace.program import run_program
from deespec.workspace.remote import HANDED_ON, clean_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

GH = "gh"
CREATE = ("pr", "create")
FIELDS = "number,url,state,baseRefName,headRefOid,mergeCommit,commits,reviews,comments"
HEARD = frozenset(("OWNER", "MEMBER", "COLLABORATOR"))
DECIDING = frozenset(("CHANGES_REQUESTED", "APPROVED", "DISMISSED"))
COMMENTS_MOST = 100
COMMENT_CHARACTERS = 10_000
URL_CHARACTERS = 500
KEY_CHARACTERS = 100
TITLE_CHARACTERS = 250
BODY_CHARACTERS = 60_000
"""GitHub takes 65,536."""
BESIDE_CODE = """query($owner: String!, $repo: String!, $number: Int!) { repository(owner: $owner, name: $repo) {
 pullRequest(number: $number) { reviews(last: 30) { nodes { id comments(first: 50) { nodes { path line body } } }
 } } } }"""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_URL = re.compile(r"https?://[^\s'\"<>]+")


@record
class Open:
    """Nobody has decided yet, or what was asked for has been taken already."""

    url: str
    commits: tuple[str, ...] = ()
    """What it is made of, as here for all that can be seen: its head, then all that gh names."""


@record
class RequestMerged:
    url: str
    commit: str | None
    """What it became in the base, as far as is known."""
    commits: tuple[str, ...] = ()


@record
class Comment:
    """What a reviewer wrote: material for a prompt, bounded and without control characters, never an instruction."""

    author: str
    text: str
    place: str = ""
    """FILE:LINE, or nothing for what concerns all."""


@record
class ChangesRequested:
    url: str
    comments: tuple[Comment, ...]
    taken: str
    """To be handed to the next `look`, so that the same comments are not taken twice."""
    commits: tuple[str, ...] = ()


@record
class Closed:
    """Closed without being merged."""

    url: str
    commits: tuple[str, ...] = ()


@record
class NoRequest:
    """There is none for this branch."""


Seen = Open | RequestMerged | ChangesRequested | Closed | NoRequest


@record
class _Said:
    """A review or a comment of somebody who is heard."""

    key: str
    time: str
    author: str
    state: str
    text: str


def open_request(
    command: Sequence[str] | None,
    *,
    folder: Path,
    branch: str,
    base: str,
    commit: str,
    title: str,
    body: str,
    env: Mapping[str, str],
) -> str:
    """Its URL, or what the command said. One that is open already, or merged with this commit, is found and not
    made twice.

    In the command {branch}, {base}, {title} and {file} (with the body) are filled in; one that has none of them gets
    gh's options for all. Raises WorkspaceError if it fails.
    """
    seen = look(command, folder=folder, branch=branch, base=base, env=env)
    if isinstance(seen, Open | ChangesRequested) or (isinstance(seen, RequestMerged) and commit in seen.commits):
        return seen.url
    with tempfile.NamedTemporaryFile("w", suffix=".md", encoding="utf-8", errors="replace") as file:
        file.write(_clean(body, BODY_CHARACTERS))
        file.flush()
        values = {"branch": branch, "base": base, "title": " ".join(_clean(title, TITLE_CHARACTERS).split())}
        argv = _filled(command or (GH, *CREATE), {**values, "file": file.name})
        code, out, err = run_program(argv, folder=folder, env=_environment(env))
    if code != 0:
        raise WorkspaceError(
            f"{argv[0]} opened no request for {branch}: {_line(err or out)}",
            hint="Try it yourself, or: deespec config set workspace.pr_command ...",
        )
    found = _URL.findall(out)
    return _clean(found[-1], URL_CHARACTERS) if found else _line(out)


def look(
    command: Sequence[str] | None, *, folder: Path, branch: str, base: str, env: Mapping[str, str], taken: str = ""
) -> Seen | None:
    """What has become of it; None if the command that opens requests is not gh, so that only Git can tell.

    `taken` is that of the last ChangesRequested. Raises WorkspaceError if gh fails or says what cannot be read.
    """
    gh = command[0] if command else GH
    if os.path.basename(gh) != GH:
        return None
    found = _view(gh, folder=folder, branch=branch, env=env)
    if found is None or found.get("baseRefName") != base:
        return NoRequest()
    url = _clean(_text(found, "url"), URL_CHARACTERS)
    commits = _commits([_text(found, "headRefOid"), *(_text(one, "oid") for one in _list(found, "commits"))])
    match found.get("state"):
        case "MERGED":
            became = _commits([_text(_table(found, "mergeCommit"), "oid")])
            return RequestMerged(url=url, commit=became[0] if became else None, commits=commits)
        case "CLOSED":
            return Closed(url=url, commits=commits)
        case "OPEN":
            seen = _open(gh, found, url=url, folder=folder, env=env, taken=taken)
            return replace(seen, commits=commits)
    raise WorkspaceError(f"{gh} says neither OPEN, MERGED nor CLOSED of the request for {branch}.", hint="gh --version")


# --- what reviewers want ----------------------------------------------------------------------------------------------


def _open(
    gh: str, found: Mapping[str, object], *, url: str, folder: Path, env: Mapping[str, str], taken: str
) -> Open | ChangesRequested:
    reviews = sorted(_heard(found, "reviews", "submittedAt"), key=lambda one: one.time)
    decisions = {one.author: one for one in reviews if one.state in DECIDING}
    wanted = [one for one in decisions.values() if one.state == "CHANGES_REQUESTED"]
    if not any(_is_new(one, taken) for one in wanted):
        return Open(url=url)
    said = sorted([*reviews, *_heard(found, "comments", "createdAt")], key=lambda one: one.time)
    beside = _beside_code(gh, found.get("number"), folder=folder, env=env)
    comments = []
    for one in said:
        if _is_new(one, taken):
            comments += [Comment(author=one.author, text=one.text)] if one.text else []
            comments += [Comment(author=one.author, text=text, place=place) for place, text in beside.get(one.key, [])]
    return ChangesRequested(url=url, comments=tuple(comments[-COMMENTS_MOST:]), taken=_mark(said))


def _heard(found: Mapping[str, object], what: str, when: str) -> Iterator[_Said]:
    """What people who may write there have said."""
    for one in _list(found, what):
        time = _text(one, when)
        if _text(one, "authorAssociation") in HEARD and _TIME.fullmatch(time):
            yield _Said(
                key=_text(one, "id")[:KEY_CHARACTERS],
                time=time,
                author=" ".join(_clean(_text(_table(one, "author"), "login"), URL_CHARACTERS).split()) or "ghost",
                state=_text(one, "state"),
                text=_clean(_text(one, "body"), COMMENT_CHARACTERS),
            )


def _beside_code(gh: str, number: object, *, folder: Path, env: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """What each review says of places in the code; nothing where gh cannot tell, as the rest is worth taking."""
    fields = ["-F", "owner={owner}", "-F", "repo={repo}", "-F", f"number={number}"]
    code, out, _ = run_program(
        [gh, "api", "graphql", "-f", f"query={BESIDE_CODE}", *fields], folder=folder, env=_environment(env)
    )
    answer: dict[str, object] = _parsed(out) if code == 0 else {}
    for name in ("data", "repository", "pullRequest", "reviews"):
        answer = _table(answer, name)
    found: dict[str, list[tuple[str, str]]] = {}
    for review in _list(answer, "nodes"):
        for one in _list(_table(review, "comments"), "nodes"):
            line = one.get("line")
            place = _clean(_text(one, "path"), URL_CHARACTERS) + (f":{line}" if isinstance(line, int) else "")
            text = _clean(_text(one, "body"), COMMENT_CHARACTERS)
            found.setdefault(_text(review, "id")[:KEY_CHARACTERS], []).append((" ".join(place.split()), text))
    return found


def _is_new(one: _Said, taken: str) -> bool:
    time, *keys = taken.split(" ")
    return one.time > time or (one.time == time and one.key not in keys)


def _mark(said: Sequence[_Said]) -> str:
    """The time of the newest, and which were said then: another may still come with the same time."""
    time = said[-1].time
    return " ".join((time, *(one.key for one in said if one.time == time)))


# --- the program ------------------------------------------------------------------------------------------------------


def _view(gh: str, *, folder: Path, branch: str, env: Mapping[str, str]) -> dict[str, object] | None:
    """What gh says of the branch's request; None if there is none."""
    argv = [gh, "pr", "view", branch, "--json", FIELDS]
    code, out, err = run_program(argv, folder=folder, env=_environment(env))
    if code == 0:
        found = _parsed(out)
        if not found:
            raise WorkspaceError(f"{gh} said of the request for {branch} what is no JSON.", hint="gh --version")
        return found
    # gh has one exit status for all errors. So a list tells "there is none" from "GitHub cannot be reached".
    argv = [gh, "pr", "list", "--head", branch, "--state", "all", "--json", "number"]
    code, out, _ = run_program(argv, folder=folder, env=_environment(env))
    if code == 0 and out.strip() == "[]":
        return None
    raise WorkspaceError(f"{gh} cannot say what became of {branch}: {_line(err)}", hint="gh auth status")


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    """Without anything that asks, colours, or points to another repository."""
    kept = {name: value for name, value in env.items() if not name.startswith("GIT_") or HANDED_ON.fullmatch(name)}
    kept |= {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1", "GIT_TERMINAL_PROMPT": "0"}
    return {name: value for name, value in kept.items() if name not in ("GH_FORCE_TTY", "CLICOLOR_FORCE", "GH_DEBUG")}


def _filled(command: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The command with its places filled in; a value is one word, whatever is in it."""
    places = re.compile("|".join(f"{{{name}}}" for name in values))
    if not any(places.search(word) for word in command):
        return [
            *command,
            *(f"--head={values['branch']}", f"--base={values['base']}"),
            *(f"--title={values['title']}", f"--body-file={values['file']}"),
        ]
    return [places.sub(lambda found: values[found[0][1:-1]], word) for word in command]


# --- what it says -----------------------------------------------------------------------------------------------------


def _parsed(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _table(found: Mapping[str, object], name: str) -> dict[str, object]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _list(found: Mapping[str, object], name: str) -> list[dict[str, object]]:
    value = found.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _commits(names: Iterable[str]) -> tuple[str, ...]:
    """Those that are full ids, each once."""
    return tuple(dict.fromkeys(name for name in names if _COMMIT.fullmatch(name)))


def _clean(text: str, most: int) -> str:
    text = _CONTROL.sub("", text.replace("\r\n", "\n")).strip()
    return text if len(text) <= most else text[:most] + " …"


def _line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return clean_url(_clean(lines[-1], URL_CHARACTERS)) if lines else "it said nothing."
