"""What these tests share: a project with a backlog, agents of a few lines of shell, workers in threads or processes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import deespec
from deespec.app import App
from deespec.backlog.register import Order, register
from deespec.backlog.start import start
from deespec.clock import Clock
from deespec.config import load_settings
from deespec.engine.bench import Outcome
from deespec.engine.worker import Crew, Orders
from deespec.model.items import JournalEntry, Kind, Sbi, Turn
from deespec.model.spec import new_item

PATIENCE_S = 30
"""A test that waits this long has failed; on a quiet machine everything here takes milliseconds."""
LOOK_S = 0.005
SOURCE = Path(deespec.__file__).parent.parent
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

IMPLEMENTS = 'echo more >> "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"'
"""Each item has a file of its own."""
ACCEPTS = 'echo "Good."; echo "DECISION: SUCCEEDED"'
WAITS = 'while ! test -e "$SEEN/go"; do sleep 0.02; done'
"""An agent that waits until the test says go."""


class SteadyClock(Clock):
    """The machine's clocks, and waits as long as they are said to be."""

    def jitter(self, upper_ms: int) -> int:
        return 0


class HandClock(SteadyClock):
    """Stands still until it is moved; all three clocks go together."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    boot_ms = waking_ms = now_ms

    def boot_id(self) -> str:
        return "this boot"

    def forward(self, ms: int) -> None:
        self.ms += ms


def steps(implement: str = IMPLEMENTS, review: str = ACCEPTS) -> str:
    """An agent that does one thing when it implements and another when it reviews."""
    return f"case $DEESPEC_STEP in\nimplement)\n{implement}\n;;\nreview)\n{review}\n;;\nesac"


def eventually(condition: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
    """For what no event tells: looks until it is so, or patience is at an end."""
    until = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_S)
    return True


def processes_with(name: str, value: str = "") -> list[int]:
    """The living processes whose environment holds this variable, with a value that begins so."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "environ").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue  # gone, or another user's
        if any(word.startswith(wanted) for word in words):
            found.append(int(entry.name))
    return found


class Workshop:
    """One project. Settle agents and settings first; the app is opened when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "project"
        self.home = self.root / ".deespec"
        self.seen = folder / "seen"
        """Where agents write what the test wants to know."""
        self.env = self._environment()
        self.sections: dict[str, dict[str, object]] = {"run": {"retry_delay": 0}, "workspace": {"mode": "shared"}}
        self.lists: dict[str, list[dict[str, object]]] = {"gates": [], "prices": [], "accounts": []}
        for one in (self.root, self.seen, folder / "bin", folder / "home", folder / "tmp"):
            one.mkdir()
        self._program("bin/deespec", f'exec {shlex.quote(sys.executable)} -m deespec "$@"')
        start(self.home, clock=Clock(), agents=())
        self._app: App | None = None

    # --- setting up ---

    def git(self, *args: str) -> str:
        settings = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        done = subprocess.run(["git", *settings, *args], cwd=self.root, env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)
        self.git("add", "--", name)
        self.git("commit", "--quiet", "-m", f"Add {name}")

    def agent(self, script: str, name: str = "worker", **keys: object) -> None:
        """A shell script as an agent; the first one becomes the one that implements and reviews."""
        path = self._program(f"agents/{name}", f"cat > /dev/null\n{script}")
        section = {"kind": "command", "command": [str(path)], "env": {"SEEN": str(self.seen)}}
        self._settle_agent(name, section | keys)

    def scripted(self, rules: str, name: str = "actor", **keys: object) -> None:
        """An agent of kind `scripted`: TOML with its rules."""
        path = self.folder / f"{name}.toml"
        path.write_text(rules)
        self._settle_agent(name, {"kind": "scripted", "script": str(path)} | keys)

    def settle(self, section: str, **keys: object) -> None:
        self.sections.setdefault(section, {}).update(keys)
        self._app = None

    def gate(self, run: str, **keys: object) -> None:
        self.listed("gates", run=run, **keys)

    def listed(self, section: str, **keys: object) -> None:
        """One more section of a list, as `[[prices]]`."""
        self.lists[section].append(keys)
        self._app = None

    @property
    def app(self) -> App:
        if self._app is None:
            self.write_config()
            self._app = App(load_settings(self.home, self.env, {}), clock=SteadyClock(), env=self.env)
        return self._app

    def write_config(self) -> None:
        lines = []
        for section, keys in self.sections.items():
            lines += [f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
        for section, listed in self.lists.items():
            for keys in listed:
                lines += [f"[[{section}]]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
        (self.home / "config.toml").write_text("\n".join(lines) + "\n")

    def register(self, title: str = "Do it", **fields: Any) -> Sbi:
        order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title=title, **fields))
        done = register(self.app.store, [order], uids=[self.app.clock.uid()], owner="person@test")
        assert isinstance(done[0].item, Sbi)
        return done[0].item

    # --- having it worked off ---

    def turn(self, **orders: Any) -> Outcome | None:
        """One turn by a worker of its own; None: there was nothing to do."""
        outcomes: list[Outcome] = []
        Crew(self.app, Orders(once=True, **orders), tell=outcomes.append).run()
        assert len(outcomes) <= 1
        return outcomes[0] if outcomes else None

    def took(self, **orders: Any) -> str:
        """What one turn came to."""
        outcome = self.turn(**orders)
        return "nothing" if outcome is None else outcome.what

    def drain(self, **orders: Any) -> list[Outcome]:
        """All turns until nothing can go on."""
        outcomes: list[Outcome] = []
        Crew(self.app, Orders(drain=True, **orders), tell=outcomes.append).run()
        return outcomes

    @contextmanager
    def working(self, **orders: Any) -> Iterator[Crew]:
        """A worker in a thread of its own, for as long as the block lasts."""
        crew = Crew(self.app, Orders(**orders), tell=lambda _: None)
        thread = threading.Thread(target=crew.run)
        thread.start()
        try:
            yield crew
        finally:
            crew.stop("now")
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    # --- looking ---

    def sbi(self, number: int = 1) -> Sbi:
        with self.app.store.read() as tx:
            return tx.sbi(number)

    def unfinished(self) -> int:
        """Items that are not DONE."""
        with self.app.store.read() as tx:
            return sum(count for status, count in tx.counts().items() if status != "DONE")

    def turns(self, number: int = 1) -> list[Turn]:
        with self.app.store.read() as tx:
            return tx.turns(number)

    def journal(self, number: int = 1) -> list[JournalEntry]:
        with self.app.store.read() as tx:
            return tx.journal(item=f"SBI-{number}")

    def events(self, number: int = 1) -> list[str]:
        return [entry.event for entry in self.journal(number)]

    def prompt(self, number: int = 1, turn: int = 1) -> str:
        """What the agent was told in this turn; of its tries, in the last."""
        tries = sorted((self.home / "turns" / f"SBI-{number}").glob(f"{turn}.*"), key=lambda path: int(path.suffix[1:]))
        return (tries[-1] / "prompt.md").read_text()

    def saw(self, name: str) -> str | None:
        """What an agent has written for the test."""
        path = self.seen / name
        return path.read_text() if path.exists() else None

    # --- as processes ---

    def command(
        self, *args: str, env: Mapping[str, str] | None = None, text: str | None = None
    ) -> tuple[int, str, str]:
        """Exit status, output and errors of one deespec command."""
        done = subprocess.run(
            [sys.executable, "-m", "deespec", *args],
            cwd=self.root,
            env={**self.env, **(env or {})},
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        return done.returncode, done.stdout, done.stderr

    @contextmanager
    def process(self, *args: str) -> Iterator[subprocess.Popen[str]]:
        """A deespec command that goes on; at the end of the block it is killed if it still runs."""
        running = subprocess.Popen(
            [sys.executable, "-m", "deespec", *args],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield running
        finally:
            running.kill()
            running.wait()
            assert running.stdout is not None
            running.stdout.close()

    # --- below ---

    def _settle_agent(self, name: str, section: dict[str, object]) -> None:
        self.settle(f"agents.{name}", **section)
        self.sections["run"].setdefault("implement", name)

    def _program(self, name: str, script: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's but where programs are."""
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(SOURCE),
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "USER": "tester",
            "LANG": "C.UTF-8",
        }


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)
