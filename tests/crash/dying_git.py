"""Stands before Git on PATH, and dies with its worker in the midst of a move of the target: what `$SEEN/git` names.

`prepared`: Git has locked its refs and moved none, so `x.lock` files stay. `moved`: it has moved them, and nobody has
been told. The worker that called dies at the same moment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

GIT = os.environ["REAL_GIT"]
ORDER = os.path.join(os.environ["SEEN"], "git")


def main(words: list[str]) -> None:
    if words[-2:] != ["update-ref", "--stdin"] or not os.path.exists(ORDER):
        os.execv(GIT, [GIT, *words])
    text = sys.stdin.read()
    if "verify refs/deespec/fence/" not in text:
        sys.exit(subprocess.run([GIT, *words], input=text, text=True, check=False).returncode)
    with open(ORDER, encoding="ascii") as file:
        when = file.read()
    os.unlink(ORDER)
    die_with(words, text if when == "moved" else text.removesuffix("commit\n"), answers=text.count("\n") and when)


def die_with(words: list[str], text: str, *, answers: str) -> None:
    """Git gets these lines, says that the last of them is done, and all three are gone."""
    last = {"prepared": "prepare: ok\n", "moved": "commit: ok\n"}[answers]
    pipe = subprocess.PIPE
    git = subprocess.Popen([GIT, *words], stdin=pipe, stdout=pipe, text=True)
    assert git.stdin is not None
    assert git.stdout is not None
    git.stdin.write(text)
    git.stdin.flush()
    while git.stdout.readline() != last:
        assert git.poll() is None
    git.kill()
    git.wait()
    os.kill(os.getppid(), signal.SIGKILL)


main(sys.argv[1:])
