"""The texts of items: from their files, else the database; with a PBI what its decomposition has left beside it.

There are no drafts here yet: those that never became SBIs are kept as text at the end of the PBI's spec.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from deespec.backlog.imports.legacy_values import text
from deespec.model.items import Kind
from deespec.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from deespec.backlog.imports.legacy_files import Folder, Notes
    from deespec.backlog.imports.legacy_read import Found

MANIFEST = "approval.yaml"
_DRAFT = r"sbi_.*\.md"
LEFT = ("decompose_prompt.md", "README.md")
"""What its decomposition put beside a PBI for agents and people to read."""
APPROVED = ("approved", "edited")


@record
class Written:
    spec: str
    drafts: int = 0
    """Drafts that are kept in it."""
    reports: int = 0


def text_of(folder: Folder, found: Found, *, children: Collection[str], notes: Notes) -> Written:
    """The item's text; `children` are the titles of what a PBI has been made into."""
    if found.kind is Kind.SBI:
        own = folder.text(f"specs/sbi/{found.id}/spec.md") if found.id else None
        return Written(spec=text(own) if (own or "").strip() else found.text)
    if found.kind is Kind.EPIC or not found.id:
        return Written(spec=found.text)
    place = f"specs/pbi/{found.id}"
    own = folder.text(f"{place}/pbi.md")
    if own is not None and not own.strip() and not found.text.strip():
        notes.add(f"PBI {found.title!r} has no text: the Go deespec's own `pbi register` emptied its pbi.md")
    parts = [text(own) if (own or "").strip() else found.text]
    if found.criteria:
        parts.append("## Acceptance criteria\n\n" + "\n".join(f"- {one}" for one in found.criteria))
    drafts = list(_drafts(folder, place, found, children, notes))
    if drafts:
        parts.append("## Drafts of the Go deespec that were not registered")
        parts += drafts
    left = [name for name in folder.names(place) if name in LEFT]
    if left:
        notes.add(f"PBI {found.title!r}: {' and '.join(left)} beside it were left out; they were for its decomposition")
    report = (folder.text(f"{place}/report.md") or "").strip()
    if report:
        parts.append(f"## Report of the decomposition (report.md)\n\n{_fenced(text(report))}")
    return Written(
        spec="\n\n".join(part.strip() for part in parts if part.strip()), drafts=len(drafts), reports=bool(report)
    )


def _drafts(folder: Folder, place: str, found: Found, children: Collection[str], notes: Notes) -> Iterator[str]:
    files = [name for name in folder.names(place) if re.fullmatch(_DRAFT, name)]
    if not files:
        return
    manifest = _manifest(folder, f"{place}/{MANIFEST}", notes)
    states = {text(one.get("file")): one for one in _listed(manifest)}
    counts: dict[str, int] = {}
    for name in files:
        body = text(folder.text(f"{place}/{name}"))
        state = states.get(name, {})
        status = text(state.get("status")).lower() or "not in approval.yaml"
        if status in APPROVED and manifest.get("registered") and _title(body) in children:
            continue
        counts[status] = counts.get(status, 0) + 1
        yield f"### {name} ({_how(status, state)})\n\n{_fenced(body.strip())}"
    if counts:
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        notes.add(
            f"PBI {found.title!r}: {sum(counts.values())} drafts ({told}) were not registered; "
            "drafts come with a later version, so their text stands at the end of the PBI's spec"
        )


def _manifest(folder: Folder, name: str, notes: Notes) -> dict[str, Any]:
    content = folder.text(name)
    if content is None:
        return {}
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # An alias could make a small file endless; that program wrote none.
        found = None if re.search(r"(?m)[:\-]\s*\*\w", content) else yaml.load(content, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        notes.add(f"{name} cannot be read; all its drafts count as not registered")
        return {}
    return found


def _listed(manifest: dict[str, Any]) -> Sequence[dict[str, Any]]:
    found = manifest.get("sbis")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _how(status: str, state: dict[str, Any]) -> str:
    by = text(state.get("reviewed_by")).strip()
    why = text(state.get("rejection_reason") or state.get("notes")).strip()
    words = f"{status} by {by}" if by else status
    return " ".join(f"{words}: {why}".split()) if why else words


def _title(body: str) -> str:
    found = re.search(r"(?m)^# +(.+?)\s*$", body)
    return found[1] if found else ""


def _fenced(body: str) -> str:
    """As a block of its own: its headings are not the spec's."""
    longest = max((len(run) for run in re.findall(r"`{3,}", body)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}markdown\n{body}\n{fence}"
