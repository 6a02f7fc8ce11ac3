"""A process that lands and is killed: `dying_landing.py ROOT step N` before its N-th step, or `... file N` while its
Git writes the N-th file. With N = 0 it lives and prints how many steps there were."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from deespec.workspace.landing import land, plan
from deespec.workspace.repository import Repository

STEPS = {"open", "os.rename", "os.link", "os.remove", "subprocess.Popen", "shutil.copyfile"}


def main(root: Path, kind: str, number: int) -> None:
    env = dict(os.environ)
    repository = Repository(root, env)
    landing = plan(repository, "main", "refs/heads/deespec/integration")
    if kind == "file":
        repository.git.env |= {"DIES_AT": str(number), "DYING": str(os.getpid())}
    steps = 0

    def step(event: str, _: object) -> None:
        nonlocal steps
        if event in STEPS:
            steps += 1
            if kind == "step" and steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(step)
    land(repository, landing)
    total = steps
    print(total)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
