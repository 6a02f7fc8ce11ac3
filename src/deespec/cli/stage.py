"""Where the demos play: a project in a temporary folder, in which the real commands are called and shown."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deespec.cli import output
from deespec.engine.itself import own_command
from deespec.errors import DeespecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deespec.cli.session import Session

    Done = subprocess.CompletedProcess[str]

LIMIT_S = 300


@contextmanager
def temporary_project(session: Session, name: str, *, keep: bool) -> Iterator[Path]:
    """A place for the project of that name, which is not there yet; it goes afterwards, unless it is to be kept."""
    if shutil.which("git", path=session.env.get("PATH")) is None:
        raise DeespecError("The demo needs Git, and git is not on PATH.", hint="Install Git.")
    folder = Path(tempfile.mkdtemp(prefix="deespec-demo-")) / name
    try:
        yield folder
    finally:
        if keep:
            output.say(f"The folder is still there: {folder}")
        else:
            shutil.rmtree(folder.parent, ignore_errors=True)


def example(name: str) -> Path:
    """The files of an example, as packaged or as they lie in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "examples" / name, package.parents[1] / "examples" / name):
        if place.is_dir():
            return place
    raise DeespecError("The example project is not part of this installation.", hint="pip install deespec")


class Stage:
    """Calls commands in the project's folder, and shows them."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.folder = folder
        self.env = {name: value for name, value in session.env.items() if not name.startswith(("DEESPEC_", "GIT_"))}
        self.env |= {"DEESPEC_HOME": str(folder / ".deespec"), "PYTHONDONTWRITEBYTECODE": "1"}

    def work(
        self,
        why: str,
        *,
        slots: int,
        tell: Callable[[dict[str, Any]], None],
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """`run --drain` in another process, told by its events; `meanwhile` happens while it works."""
        command = ("run", "--parallel", str(slots), "--drain")
        self.announce(shlex.join(("deespec", *command)), why)
        worker = subprocess.Popen(
            [*own_command(), *command, "--json"], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, text=True
        )
        too_long = threading.Timer(LIMIT_S, worker.kill)
        too_long.start()
        try:
            if meanwhile is not None:
                meanwhile()
            assert worker.stdout is not None
            for line in worker.stdout:
                tell(json.loads(line))
            worker.wait()
        finally:
            too_long.cancel()
            worker.kill()
            worker.wait()

    def show(self, *args: str, why: str = "", lines: int | None = None) -> None:
        """Runs a command and shows what it says, or the first lines of that."""
        self.announce(shlex.join(("deespec", *args)), why)
        for line in self.call(*args).splitlines()[:lines]:
            output.say(line)

    def json(self, *args: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.call(*args, "--json"))
        return found

    def call(self, *args: str) -> str:
        done = self._run([*own_command(), *args], stdout=subprocess.PIPE)
        if done.returncode != 0:
            raise DeespecError(f"deespec {' '.join(args[:2])} ended with {done.returncode}.")
        return done.stdout

    def program(self, command: str) -> int:
        """Runs one of the project's own commands with this very Python; its exit status."""
        self.announce(command)
        argv = [sys.executable, *shlex.split(command)[1:]]
        done = self._run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        words = [line for line in done.stdout.splitlines() if line.strip("-")]
        output.say("  ".join(words) if done.returncode == 0 else "\n".join(words))
        return done.returncode

    def commit(self, subject: str, *first: str) -> None:
        """Commits all there is, an empty folder too; `first` is called before, as `git init`."""
        name = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
        what = ("commit", "-q", "--allow-empty", "--no-gpg-sign", "--no-verify", "-m", subject)
        for args in ([first] if first else []) + [("add", "-A"), (*name, *what)]:
            self._run(["git", *args]).check_returncode()

    def announce(self, command: str, why: str = "") -> None:
        if why:
            output.say(f"\n# {why}")
        output.say(f"$ {command}")

    def _run(self, argv: Sequence[str], *, stdout: int | None = None, stderr: int | None = None) -> Done:
        return subprocess.run(
            argv,
            cwd=self.folder,
            env=self.env,
            stdout=stdout,
            stderr=stderr,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
