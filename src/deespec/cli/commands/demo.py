"""`demo`: the example project in a temporary folder, worked off by the real program in real processes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.cli import options, output
from deespec.engine.bench import own_command
from deespec.errors import DeespecError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deespec.cli.session import Session

TESTS = "python3 -m unittest discover -s tests -q"
LIMIT_S = 300
INTENDED = {"DONE": 8, "FAILED": 1}
HOPELESS = "SBI-8"


@click.command()
@click.option("--keep", is_flag=True, help="Leave the folder there afterwards.")
@options.session
def demo(session: Session, keep: bool) -> int:
    """Play the example project: register nine specs, work them off with three slots, look at the result.

    It needs no account: the agent `patch` applies the change that each example spec brings along.
    """
    source = example()
    folder = Path(tempfile.mkdtemp(prefix="deespec-demo-")) / "calc"
    shutil.copytree(source, folder)
    try:
        return Play(session, folder).run()
    finally:
        if keep:
            output.say(f"The folder is still there: {folder}")
        else:
            shutil.rmtree(folder.parent, ignore_errors=True)


def example() -> Path:
    """The example project, as packaged or as it lies in a checkout."""
    package = Path(__file__).resolve().parents[2]
    for place in (package / "examples" / "calc", package.parents[1] / "examples" / "calc"):
        if place.is_dir():
            return place
    raise DeespecError("The example project is not part of this installation.", hint="pip install deespec")


class Play:
    """One run of the demo."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.folder = folder
        self.env = {name: value for name, value in session.env.items() if not name.startswith(("DEESPEC_", "GIT_"))}
        self.env["DEESPEC_HOME"] = str(folder / ".deespec")

    def run(self) -> int:
        self._git()
        self._deespec("init", "--agent", "patch", "--gate", TESTS)
        specs = sorted(str(path.relative_to(self.folder)) for path in (self.folder / "specs").glob("*.md"))
        self._deespec("register", "sbi", *specs)
        self._work()
        self._deespec("status")
        self._deespec("sbi", "list", "--all")
        self._deespec("why", HOPELESS)
        tests = self._call(TESTS.split())
        return self._judge(tests)

    def _git(self) -> None:
        """A repository of its own, if Git is there: then each turn is kept as a snapshot."""
        if shutil.which("git") is None:
            return
        name = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
        for args in (("init", "-q"), ("add", "-A"), (*name, "commit", "-q", "--no-gpg-sign", "-m", "The example")):
            subprocess.run(["git", *args], cwd=self.folder, env=self.env, check=True, timeout=LIMIT_S)

    def _work(self) -> None:
        """The workers in one process; one more spec comes from a second one while they work."""
        command = ("run", "--parallel", "3", "--drain")
        self._announce(command)
        started = time.monotonic()
        worker = subprocess.Popen([*own_command(), *command], cwd=self.folder, env=self.env)
        try:
            late = sorted(str(path.relative_to(self.folder)) for path in (self.folder / "late").glob("*.md"))
            self._deespec("register", "sbi", *late)
            worker.wait(timeout=LIMIT_S)
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        output.say(f"{len(late) + 8} items in {time.monotonic() - started:.1f} s")

    def _judge(self, tests: int) -> int:
        """Whether everything ended as the specs intend."""
        import json

        done = subprocess.run(
            [*own_command(), "status", "--json"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            check=True,
            timeout=LIMIT_S,
        )
        counts = {status: count for status, count in json.loads(done.stdout)["counts"].items() if count}
        if counts != INTENDED or tests != 0:
            raise DeespecError(f"The demo did not end as intended: {counts}, tests {'green' if tests == 0 else 'red'}.")
        output.say()
        output.say(
            "✓ 8 items DONE, the one that cannot succeed FAILED and says why, the project's own tests are green."
        )
        output.say("Your own project: cd there, deespec init, deespec register sbi --title …, deespec run")
        return 0

    def _deespec(self, *args: str) -> None:
        self._announce(args)
        status = self._call([*own_command(), *args])
        if status not in (0, 1):
            raise DeespecError(f"deespec {' '.join(args[:2])} ended with {status}.")

    def _announce(self, args: Sequence[str]) -> None:
        output.say()
        output.say(f"$ deespec {shlex.join(args)}")

    def _call(self, argv: Sequence[str]) -> int:
        if argv[0] == "python3":
            argv = [sys.executable, *argv[1:]]
            output.say()
            output.say(f"$ {TESTS}")
        return subprocess.run(argv, cwd=self.folder, env=self.env, check=False, timeout=LIMIT_S).returncode
