"""A machine that merges and pushes COUNT files, and starts over when it was overtaken: `pushing.py ROOT NAME COUNT`."""

from __future__ import annotations

import sys
from pathlib import Path

from test_remote import Site

from deespec.workspace.merging import Merged
from deespec.workspace.remote import Overtaken, Pushed, bring_in


def push(site: Site, token: str) -> None:
    while not isinstance(found := site.pushes(), Pushed):
        if isinstance(found, Overtaken):
            site.takes_over(token)
        theirs = bring_in(site.target, site.remote)
        if isinstance(theirs, Merged):
            assert site.target.advance(theirs, fence=site.fence)


if __name__ == "__main__":
    root, name, count = sys.argv[1:]
    here = Site(Path(root))
    here.takes_over(name)
    for number in range(int(count)):
        here.merges(f"{name}-{number}.txt", f"{name} {number}\n")
        push(here, f"{name} {number}")
