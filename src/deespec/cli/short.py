"""The short way for `status`, `sbi list`, `sbi report`, which agents call all the time: a parser costs 40 ms.

Only their plain forms are understood here; anything else (help, other options, a mistake) goes the full way, which
understands these forms, too. A test holds the two against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session

REPORT_OPTIONS = {"--type": "kind", "--file": "file", "-f": "file", "--turn": "turn", "--text": "text"}


def run(args: Sequence[str]) -> int | None:
    """The exit status, or None if these arguments must go the full way."""
    words = [word for word in args if word != "--json"]
    as_json = len(words) != len(args)
    if words == ["status"]:
        from deespec.cli import views

        return views.status(_session(), as_json=as_json)
    if words in (["sbi", "list"], ["sbi", "list", "--all"]):
        from deespec.cli import views

        return views.sbi_list(_session(), views.Listing(everything="--all" in words), as_json=as_json)
    if words[:2] == ["sbi", "report"]:
        return _report(words[2:], as_json=as_json)
    return None


def _report(words: list[str], *, as_json: bool) -> int | None:
    given: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name = REPORT_OPTIONS.get(word)
        if word == "--stdin":
            given["stdin"] = "yes"
        elif name is None or name in given:
            return None
        else:
            value = next(rest, None)
            if value is None:
                return None
            given[name] = value
    if given.get("kind") not in ("implement", "resolve", "nothing", "question") or "turn" in given:
        return None
    from deespec.cli import views

    session = _session()
    text = views.answer_text(file=given.get("file"), stdin="stdin" in given, text=given.get("text"))
    return views.hand_in(session, views.Handed(kind=given["kind"], text=text), as_json=as_json)


def _session() -> Session:
    from deespec.cli.session import Session

    return Session()
