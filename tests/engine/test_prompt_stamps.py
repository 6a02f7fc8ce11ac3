"""Built-in prompts carry a version, which grows with each change, so that `doctor` can tell old copies of them."""

from __future__ import annotations

import hashlib
import re

from deespec.overrides import TEMPLATES

KNOWN = {
    "decompose": (2, "8965a3e3bbdf"),
    "implement": (6, "1abb3b4a71df"),
    "resolve": (4, "3debe43e9af5"),
    "review": (5, "bb56c3bbdfe2"),
}
"""Name → (version, the beginning of the SHA-256 of what follows the stamp)."""


def test_a_built_in_prompt_that_was_changed_has_a_new_version() -> None:
    found = {}
    for path in sorted(TEMPLATES.iterdir()):
        stamp, _, text = path.read_text(encoding="utf-8").partition("\n")
        match = re.fullmatch(r"{# deespec-prompt: (\w+) (\d+) #}", stamp)
        assert match is not None, f"{path.name} has no stamp"
        assert match[1] == path.stem
        found[match[1]] = (int(match[2]), hashlib.sha256(text.encode()).hexdigest()[:12])
    assert found == KNOWN, "Count the stamp of the changed prompt up by one, and write its new hash here."
