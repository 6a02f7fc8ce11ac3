"""The agent that needs no account: it applies the diffs that a spec carries, and accepts what passed its gates.

It decomposes a PBI whose text is cut already: each section with a diff becomes a draft.

Its n-th implement turn applies the n-th diff block. `git apply` checks the whole of a patch before it writes, but then
removes each file before it writes it anew [measured: 131 of 4,520 reads found a file missing or cut], and in a shared
folder the gates of neighbours run meanwhile. So it works on copies in the turn's folder, one file of the patch after
the other; when all of them apply, the results are renamed into place in the order of the patch. A part that is there
already counts as applied: the worker may have died between the change and the report.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from deespec.agents.base import AgentError, AgentRequest, AgentResult, Blame, Looked, Watch
from deespec.agents.process import capture
from deespec.agents.writable import place, writable
from deespec.config import AgentSettings, Settings
from deespec.errors import WorkspaceError
from deespec.model.items import Answer
from deespec.model.lifecycle import Step
from deespec.records import record

GIT_TIMEOUT_MS = 30_000
LOOK_TIMEOUT_MS = 5_000
LANGUAGES = frozenset({"diff", "patch"})
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})(?P<info>.*)")
_NAMED = re.compile(r"(---|\+\+\+|rename from|rename to|copy from|copy to) (.*)")
_SAME = re.compile(r"diff --git a/(.*) b/\1")

NO_MODEL = "Name another one: deespec config set run.decompose NAME; or write the drafts: deespec pbi propose."
ACCEPTANCE = (
    {"given": "the project as it is", "when": "the diff is applied", "then": "the gates pass"},
    {"given": "a project that the diff does not fit", "when": "it is applied", "then": "no file is changed"},
)
"""Of each draft: what this agent can promise without reading."""
ACCEPTED = Answer(
    kind="review",
    decision="SUCCEEDED",
    text="Accepted without reading: gates and checks passed; this reviewer does not judge code.",
    source="structured",
)


class PatchAgent:
    """Behind the Agent protocol, without a model: what it will do is written in the spec."""

    def __init__(self, settings: AgentSettings) -> None:
        self.name = settings.name
        self.kind = settings.kind
        self._git = settings.command or ("git",)

    def look(self) -> Looked:
        program = shutil.which(self._git[0])
        if program is None:
            return Looked(ready=False, problem=f"{self._git[0]} is not on PATH.", remedy="Install Git.")
        argv = [program, *self._git[1:], "--version"]
        code, text = capture(argv, env={}, timeout_ms=LOOK_TIMEOUT_MS)
        if code != 0:
            return Looked(ready=False, program=program, problem=text.strip(), remedy="Repair Git.")
        return Looked(ready=True, program=program, version=text.strip().removeprefix("git version "))

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        if reason := watch.tick():
            return _failed(Blame.STOPPED, "stopped", reason)
        program = shutil.which(self._git[0], path=request.env.get("PATH"))
        if program is None:
            return _failed(Blame.AGENT, "missing", f"{self._git[0]} is not on PATH.")
        try:
            answer = _answer(request, git=(program, *self._git[1:]))
        except OSError as error:
            return _failed(Blame.CALL, "files", f"{request.item} turn {request.turn}: {error}")
        if reason := watch.tick():
            return _failed(Blame.STOPPED, "stopped", reason)
        return AgentResult(answer=answer, text=answer.text)


def make(section: AgentSettings, _: Settings) -> PatchAgent:
    """How the registry makes one."""
    return PatchAgent(section)


def diff_blocks(spec: str) -> tuple[str, ...]:
    """What a spec's fenced `diff` and `patch` blocks hold (CommonMark 0.31, 4.5). An unclosed one does not count."""
    found: list[str] = []
    body: list[str] = []
    opened: re.Match[str] | None = None
    for line in spec.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.fullmatch(line)
        if opened is None:
            if mark and not ("`" in mark["info"] and mark["fence"].startswith("`")):
                opened, body = mark, []
        elif mark and mark["fence"].startswith(opened["fence"]) and not mark["info"].strip():
            if _language(opened["info"]) in LANGUAGES:
                found.append("".join(body))
            opened = None
        else:
            indent = len(line) - len(line.lstrip(" "))
            body.append(line[min(indent, len(opened["indent"])) :] + "\n")
    return tuple(found)


CONFLICT = re.compile(r"(?ms)^<{7} [^\n]*\n.*?^={7}\n(?P<theirs>.*?)^>{7} [^\n]*\n")
"""Between the last two markers: what the branch brings that is merged in."""


@record
class FilePatch:
    """The part of a patch that belongs to one file."""

    text: str
    names: tuple[str, ...]
    """The files it reads or writes: one, or two if it renames or copies."""


def file_patches(diff: str) -> tuple[FilePatch, ...]:
    """A patch cut at its files' headers. Raises WorkspaceError for headers that cannot be read safely."""
    lines = diff.removesuffix("\n").split("\n")
    parts: list[list[str]] = []
    for at, line in enumerate(lines):
        if line.startswith("diff --git ") or (_is_plain_header(lines[at : at + 3]) and not _only_header(parts[-1:])):
            parts.append([line])
        elif parts:
            parts[-1].append(line)
    if not parts:
        raise WorkspaceError("The patch has no header: it needs lines '--- a/FILE' and '+++ b/FILE'.")
    return tuple(FilePatch(text="\n".join(part) + "\n", names=_names(part)) for part in parts)


# --- one turn -------------------------------------------------------------------------------------------------------


def _answer(request: AgentRequest, *, git: Sequence[str]) -> Answer:
    if request.step is Step.REVIEW:
        return ACCEPTED
    if request.step is Step.RESOLVE:
        return _resolve(request, git=git)
    if request.step is Step.DECOMPOSE:
        return _decompose(request)
    return Answer(kind="implement", text=_implement(request, git=git), source="structured")


def _decompose(request: AgentRequest) -> Answer:
    """A draft of each section that carries a diff; one that changes a file of an earlier one needs that first."""
    drafts: list[dict[str, object]] = []
    seen: list[set[str]] = []
    for title, text in sections(request.spec):
        try:
            names = {name for block in diff_blocks(text) for part in file_patches(block) for name in part.names}
        except WorkspaceError:
            continue
        if not names:
            continue
        before = [str(at) for at, earlier in enumerate(seen, 1) if earlier & names]
        seen.append(names)
        drafts.append(
            {
                "title": title,
                "spec": text,
                "acceptance": ACCEPTANCE,
                "estimate_hours": 1,
                "paths": sorted(names),
                "needs": before[-1:],
            }
        )
    if not drafts:
        text = f"{request.item} has no section (`## …`) with a diff, and this agent reads nothing else. {NO_MODEL}"
        return Answer(kind="question", text=text, source="structured")
    report = f"One draft of each of the {len(drafts)} sections that carry a diff."
    return Answer(kind="propose", text=json.dumps({"report": report, "drafts": drafts}), source="structured")


def sections(spec: str) -> list[tuple[str, str]]:
    """Heading and text of each part below a heading of the second level; headings inside of fences are text."""
    found: list[tuple[str, list[str]]] = []
    opened: re.Match[str] | None = None
    for line in spec.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.fullmatch(line)
        if opened is None and mark:
            opened = mark
        elif opened is not None and mark and mark["fence"].startswith(opened["fence"]) and not mark["info"].strip():
            opened = None
        if opened is None and line.startswith("## ") and line[3:].strip():
            found.append((line[3:].strip(), []))
        elif found:
            found[-1][1].append(line)
    return [(title, "\n".join(lines).strip()) for title, lines in found]


def _resolve(request: AgentRequest, *, git: Sequence[str]) -> Answer:
    """Takes what the others have made of the files in conflict, and applies the spec's next patch to that."""
    blocks = diff_blocks(request.spec)
    if request.round >= len(blocks):
        text = f"{request.item} has a merge conflict, and its spec brings no patch for it. Please resolve it by hand."
        return Answer(kind="question", text=text, source="structured")
    for patch in file_patches(blocks[request.round]):
        for name in patch.names:
            path = writable(request.workspace, name)
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="surrogateescape")
                path.write_text(CONFLICT.sub(r"\g<theirs>", text), encoding="utf-8", errors="surrogateescape")
    return Answer(kind="resolve", text=_implement(request, git=git), source="structured")


def _implement(request: AgentRequest, *, git: Sequence[str]) -> str:
    """Applies this turn's patch and says what came of it. Without a change the engine finds no evidence."""
    blocks = diff_blocks(request.spec)
    if request.round >= len(blocks):
        return f"No patch left: the spec has {len(blocks)} and this is implement turn {request.round + 1}."
    which = f"Patch {request.round + 1} of {len(blocks)}"
    try:
        changed = _apply(request, file_patches(blocks[request.round]), git=git)
    except WorkspaceError as error:
        return f"{which} was not applied; nothing was changed. {error.message}"
    return f"{which} applied: {', '.join(changed)}." if changed else f"{which} was there already."


def _apply(request: AgentRequest, patches: Sequence[FilePatch], *, git: Sequence[str]) -> list[str]:
    """The names of the files that it changed. Raises WorkspaceError, before any change, if it does not apply."""
    targets = {name: writable(request.workspace, name) for patch in patches for name in patch.names}
    request.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="patch-", dir=request.folder) as scratch:
        copies = {name: Path(scratch, name) for name in targets}
        for name, copy in copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            if targets[name].exists():
                shutil.copy(targets[name], copy)
        applied = [patch for patch in patches if _apply_to_copies(patch, Path(scratch), git=git, env=request.env)]
        changed = list(dict.fromkeys(name for patch in applied for name in patch.names))
        for name in changed:
            if copies[name].is_symlink() or copies[name].is_dir():
                raise WorkspaceError(f"{name!r} would become a link or a folder.")
        for name in changed:
            _publish(copies[name], targets[name])
    return changed


def _apply_to_copies(patch: FilePatch, scratch: Path, *, git: Sequence[str], env: dict[str, str]) -> bool:
    """False if it was there already. Raises WorkspaceError with Git's words if it does not apply."""

    def run(text: str, *options: str) -> tuple[int, str]:
        # --recount: the line counts of patches written by hand are often wrong.
        argv = [*git, "apply", "--recount", "--whitespace=nowarn", *options]
        stdin = text.encode("utf-8", "surrogateescape")
        code, output = capture(argv, env=_alone(env, scratch), timeout_ms=GIT_TIMEOUT_MS, cwd=scratch, stdin=stdin)
        if code < 0:
            raise OSError(output)
        return code, output

    # Blank lines at its end are context of the last hunk, or only space before the next header.
    trimmed = patch.text.rstrip("\n") + "\n"
    output = ""
    for text in dict.fromkeys((patch.text, trimmed)):
        code, output = run(text)
        if code == 0:
            return True
    if run(trimmed, "--reverse", "--check")[0] == 0:
        return False
    raise WorkspaceError(output.strip())


def _publish(copy: Path, target: Path) -> None:
    if copy.exists():
        place(copy, target)
    else:
        target.unlink(missing_ok=True)


def _alone(env: dict[str, str], folder: Path) -> dict[str, str]:
    """An environment in which Git treats the folder as no part of a repository around it, and reads no settings."""
    kept = {key: value for key, value in env.items() if not key.startswith("GIT_")}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C"}
    return {**kept, **quiet, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}


def _failed(blame: Blame, code: str, message: str) -> AgentResult:
    return AgentResult(error=AgentError(blame=blame, code=code, message=message))


# --- reading headers ------------------------------------------------------------------------------------------------


def _language(info: str) -> str:
    return (info.split() or [""])[0].lower()


def _is_plain_header(lines: Sequence[str]) -> bool:
    """Whether a file's part may begin here without a `diff --git` line. A hunk may remove a line `-- x` as well."""
    return len(lines) == 3 and all(map(str.startswith, lines, ("--- ", "+++ ", "@@ -")))


def _only_header(last: Sequence[Sequence[str]]) -> bool:
    """Whether the last part so far is but a `diff --git` header, which the `---` line at hand belongs to."""
    return bool(last) and not any(line.startswith(("@@ ", "--- ")) for line in last[0])


def _names(part: Sequence[str]) -> tuple[str, ...]:
    """The files that the header of a part names; what cannot be read with certainty is refused."""
    end = next((at for at, line in enumerate(part) if line.startswith("@@ ")), len(part))
    names = [_name(mark[1], mark[2]) for mark in map(_NAMED.fullmatch, part[:end]) if mark]
    names = [name for name in names if name != "/dev/null"]
    if not names and (same := _SAME.fullmatch(part[0])):
        names = [same[1]]
    if not names or any(name.startswith('"') for name in names):
        raise WorkspaceError(f"The patch's header names no file, or a quoted one: {part[0]}")
    return tuple(dict.fromkeys(names))


def _name(key: str, value: str) -> str:
    """The path in a header line: `---` and `+++` carry a prefix, and after a tab perhaps a time."""
    value = value.partition("\t")[0]
    if key not in ("---", "+++") or value == "/dev/null" or value.startswith('"'):
        return value
    if not value.startswith(("a/", "b/")):
        raise WorkspaceError(f"Write the patch's paths as a/FILE and b/FILE, not: {value}")
    return value[2:]
