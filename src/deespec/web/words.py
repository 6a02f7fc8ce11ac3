"""The languages of the board: English is written where it is shown, Japanese is looked up in ja.toml."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ja")
NAMES = {"en": "English", "ja": "日本語"}
PREFERENCE_MOST = 200
"""Characters of an Accept-Language header that are read."""


class Words:
    """One language. `say` is what pages write for everything that people read."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._table = {} if language == "en" else _table(language)

    def say(self, text: str, /, **values: object) -> str:
        """The text in this language; `%(name)s` in it is filled in."""
        said = self._table.get(text, text)
        return said % values if values else said

    def say_many(self, one: str, many: str, count: int, /, **values: object) -> str:
        return self.say(one if count == 1 else many, **{"num": count, **values})


@cache
def words_of(language: str) -> Words:
    return Words(language)


def choose(asked: str | None, kept: str | None, accepted: str) -> str:
    """The language: the one asked for in the URL, the one kept in a cookie, or the browser's first that we speak."""
    for one in (asked, kept):
        if one in LANGUAGES:
            return one
    wanted: list[tuple[float, str]] = []
    for part in accepted[:PREFERENCE_MOST].split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((name for _, name in sorted(wanted, key=lambda one: one[0]) if name in LANGUAGES), "en")


def _table(language: str) -> dict[str, str]:
    """All texts of a language. The file has one table a page, for the people who write it."""
    found = tomllib.loads((Path(__file__).parent / f"{language}.toml").read_text(encoding="utf-8"))
    return {english: said for table in found.values() for english, said in table.items()}
