"""A project under fire: a generated one with a rule over all of it, agents that misbehave, and somebody who kills."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from faults import deespec, did
from scene import HERE, Scene, state
from workshop import PATIENCE_S, eventually

from deespec.backlog import edit
from deespec.model.lifecycle import Status
from deespec.records import record

TARGET = "deespec/integration"
AREAS = 6
MODULES = 3
"""In each area at first; items add more."""
SLOTS = ("6", "2")
"""Of the two workers that run at the same time."""
LEASE_S = 2
ROUNDS_MOST = 40
"""So often a person has a look at what does not go on by itself."""
ROUND_S = 300
KINDS = ("git", "guard", "agent", "gate", "other")
MENDED = ("merging", "workspace")
"""Why items wait for a person who says `retry`, when Git and workers are killed again and again."""
CHECK = """
import os, sys
index = open("INDEX").read().split()
found = []
for area in sorted(name for name in os.listdir() if name.startswith("area-")):
    modules = [f"{area}/{name}" for name in sorted(os.listdir(area)) if name.endswith(".py")]
    lines = [line for module in modules for line in open(module).read().splitlines()[1:]]
    found += modules
    if len(set(lines)) != len(lines) or not all(line.startswith("add(") for line in lines):
        sys.exit(f"{area} has lines twice, or others than it may: {lines}")
    if open(f"{area}/SUM").read().strip() != str(len(lines)):
        sys.exit(f"{area}/SUM is {open(f'{area}/SUM').read().strip()} for {len(lines)} lines")
if found != index:
    sys.exit(f"INDEX is wrong: {sorted(set(found) ^ set(index))}")
"""
GATE = f"{sys.executable} -I -S check.py"


@record
class Sizes:
    items: int
    strikes: int
    """Acts of violence, after which the workers are left alone."""
    every_s: float


class Fire:
    def __init__(self, scene: Scene, seed: int, sizes: Sizes) -> None:
        self.scene = scene
        self.seed = seed
        self.sizes = sizes
        self.chance = random.Random(seed)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.log = scene.folder / "workers.log"
        self.struck: Counter[str] = Counter()
        self.plan: dict[str, dict[str, list[str]]] = {}
        self._settle()
        self._build()
        self._plan()

    # --- the project ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        scene, modules = self.scene, []
        for area in range(AREAS):
            (scene.root / f"area-{area}").mkdir()
            (scene.root / f"area-{area}" / "SUM").write_text("0\n")
            for number in range(MODULES):
                modules.append(f"area-{area}/module_{number}.py")
                (scene.root / modules[-1]).write_text(f"# {modules[-1]}\n")
        (scene.root / "INDEX").write_text("".join(f"{module}\n" for module in sorted(modules)))
        (scene.root / "check.py").write_text(CHECK)
        scene.write_config()
        scene.git("add", "--all")
        scene.git("commit", "--quiet", "-m", "The project")
        (scene.root / "README").write_text("A person works on this.\n")
        (scene.root / "mine.txt").write_text("And on this.\n")

    def _settle(self) -> None:
        scene = self.scene
        command = [sys.executable, "-I", "-S", str(HERE / "fire_agent.py")]
        env = {"SEEN": str(scene.seen), "SEED": str(self.seed)}
        for name in ("one", "two"):
            scene.settle(f"agents.{name}", kind="command", command=command, env=env)
        limits = {"max_turns": 200, "max_attempts": 100, "review_rounds": 100, "retry_delay": 0}
        scene.settle("run", implement=["one", "two"], lease=f"{LEASE_S} s", turn_timeout="60 s", **limits)
        scene.settle("workspace", mode="worktree")
        scene.gate(GATE, name="check")

    def _plan(self) -> None:
        """Some add to the same modules, some make their own; some say which paths, most do not."""
        chance, scene = self.chance, self.scene
        for number in range(1, self.sizes.items + 1):
            areas = chance.sample(range(AREAS), k=chance.choice((1, 1, 1, 2)))
            own = chance.random() < 0.3
            names = [f"own_{number}" if own else f"module_{chance.randrange(MODULES)}" for _ in areas]
            modules = [f"area-{area}/{name}.py" for area, name in zip(areas, names, strict=True)]
            declares = chance.random() < 0.3
            paths = [*(f"area-{area}/**" for area in areas), "INDEX"] if declares else []
            self.plan[f"SBI-{number}"] = {"modules": modules, "paths": paths}
            needs = (f"SBI-{chance.randrange(1, number)}",) if number > 3 and chance.random() < 0.1 else ()
            only = chance.random() < 0.5
            scene.register(f"Number {number}", paths=tuple(paths), depends_on=needs, only_implement=only)
        (scene.seen / "plan.json").write_text(json.dumps(self.plan))

    # --- the fight ------------------------------------------------------------------------------------------------

    def burn(self) -> None:
        """Has everything worked off by workers that are killed, and started again until they end by themselves."""
        self.scene.write_config()
        try:
            for _ in range(ROUNDS_MOST):
                self._round()
                if not self._person_looks():
                    self._start(SLOTS[0]).wait(ROUND_S)  # nobody kills its Git: what others left, it removes
                    return
        finally:
            for worker in self.workers:
                worker.kill()
                worker.wait()
        raise AssertionError(f"it does not come to an end: {self.where()}")

    def _round(self) -> None:
        """Until both workers have ended by themselves, one after the other being struck meanwhile."""
        until = time.monotonic() + ROUND_S
        self.workers = [self._start(slots) for slots in SLOTS]
        while any(worker.poll() is None for worker in self.workers):
            assert time.monotonic() < until, f"no end: {self.where()}\n{self.log.read_text()[-4000:]}"
            if self.struck.total() < self.sizes.strikes:
                eventually(self._over, patience_s=self.chance.uniform(0.05, 2 * self.sizes.every_s))
                self._strike()
            else:
                eventually(self._over, patience_s=1)

    def _over(self) -> bool:
        return all(worker.poll() is not None for worker in self.workers)

    def _start(self, slots: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "deespec", "run", "--drain", "--parallel", slots]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.scene.root, env=self.scene.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _strike(self) -> None:
        act = self.chance.choice((self._kill_worker, self._stop_worker, *[self._kill_process] * 4))
        act()

    def _kill_worker(self) -> None:
        at = self.chance.randrange(len(self.workers))
        if self.workers[at].poll() is None:
            self.workers[at].kill()
            self.workers[at].wait()
            self.struck["worker"] += 1
            self.workers[at] = self._start(SLOTS[at])

    def _stop_worker(self) -> None:
        """Beyond its lease, or for less."""
        worker = self.chance.choice(self.workers)
        if worker.poll() is None:
            os.kill(worker.pid, signal.SIGSTOP)
            self.struck["stopped"] += 1
            eventually(lambda: False, patience_s=self.chance.uniform(0.2, 2.5 * LEASE_S))
            os.kill(worker.pid, signal.SIGCONT)

    def _kill_process(self) -> None:
        """A Git, a guard, an agent, a gate or what they have started: the first of its kind that is seen."""
        kind = self.chance.choice(KINDS)
        workers = {worker.pid for worker in self.workers}
        found: list[int] = []

        def seen() -> bool:
            found[:] = [pid for pid, name in below(self.scene.folder) if name == kind and pid not in workers]
            return bool(found)

        if eventually(seen, patience_s=self.sizes.every_s):
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(found), signal.SIGKILL)
                self.struck[kind] += 1

    def _person_looks(self) -> bool:
        """Says `retry` where only that is missing; whether there was anything to do."""
        scene = self.scene
        with scene.app.store.read() as tx:
            pauses = [pause.agent for pause in tx.pauses()]
            items = [tx.sbi(number) for number in range(1, self.sizes.items + 1)]
        for name in pauses:  # the same failure on three items, which kills make likely
            did(scene, "agent", "resume", name)
        parked = [sbi for sbi in items if sbi.status is Status.PARKED]
        assert {sbi.reason for sbi in parked} <= set(MENDED), [(sbi.id, sbi.reason, sbi.question) for sbi in parked]
        edit.retry(scene.app.store, [sbi.number for sbi in parked], actor="person")
        return any(sbi.status not in (Status.DONE, Status.FAILED) for sbi in items)

    def where(self) -> str:
        with self.scene.app.store.read() as tx:
            items = [tx.sbi(number) for number in range(1, self.sizes.items + 1)]
        return ", ".join(f"{sbi.id} {sbi.status} {sbi.reason or ''}" for sbi in items if sbi.status != "DONE")

    # --- what must hold -------------------------------------------------------------------------------------------

    def done(self) -> list[int]:
        with self.scene.app.store.read() as tx:
            return [n for n in range(1, self.sizes.items + 1) if tx.sbi(n).status is Status.DONE]

    def check_merges(self, done: list[int]) -> None:
        """Each item that is DONE once, no other at all; and each state of the target passes the gate."""
        with self.scene.app.store.read() as tx:
            merges, journal = tx.merges(), tx.journal()
            assert tx.integrations() == []
        assert sorted(merge.sbi for merge in merges) == done
        merged = Counter(entry.item for entry in journal if entry.event == "merged")
        assert merged == Counter(f"SBI-{number}" for number in done)
        subjects = self.scene.git("log", "--format=%s", TARGET).splitlines()
        own = [line.partition(":")[0] for line in subjects if line.startswith("SBI-")]
        assert sorted(own) == sorted(merged)
        for merge in merges:
            assert self.scene.git("show", "--no-patch", "--format=%P", merge.new) == merge.old
            assert gate_passes(self.scene, merge.new), merge

    def check_changes(self, branch: str, done: list[int]) -> None:
        """Every line of every item that is DONE, each once and where it belongs; nothing else."""
        found = self.scene.git("grep", "--no-line-number", "-F", "add(", branch, "--", "area-*").splitlines()
        expected = [
            f'{branch}:{module}:add("SBI-{number}", {at})'
            for number in done
            for at, module in enumerate(self.plan[f"SBI-{number}"]["modules"])
        ]
        assert sorted(found) == sorted(expected)
        files = self.scene.git("ls-tree", "--name-only", branch).splitlines()
        areas = [f"area-{area}" for area in range(AREAS)]
        assert files == [".deespec", "INDEX", "README", *areas, "check.py"]

    def check_leavings(self, done: list[int]) -> None:
        """Git is whole, and of what is DONE no folder, branch or process is left."""
        scene = self.scene
        assert scene.git("fsck", "--full", "--strict", "--no-dangling") == ""
        branches = scene.git("branch", "--format=%(refname:short)").splitlines()
        assert {f"deespec/SBI-{number}" for number in done} & set(branches) == set()
        folders = scene.home / "worktrees"
        left = [path.name for path in folders.iterdir()] if folders.exists() else []
        assert [name for name in left if int(re.split("[-.]", name)[1]) in done] == []
        if len(done) == self.sizes.items:
            assert len(scene.git("worktree", "list").splitlines()) == 1, scene.git("worktree", "list")
        assert eventually(lambda: not below(scene.folder)), below(scene.folder)

    def check_backlog(self) -> None:
        scene = self.scene
        did(scene, "db", "check")
        did(scene, "journal", "check")
        with scene.app.store.read() as tx:
            failed = [sbi for n in range(1, self.sizes.items + 1) if (sbi := tx.sbi(n)).status is Status.FAILED]
        assert {sbi.reason for sbi in failed} <= {"attempts", "turns"}
        assert "Traceback" not in self.log.read_text()

    def checkout(self) -> list[object]:
        """The person's folder as it is: what is checked out, the index, and the files that he has changed."""
        scene = self.scene
        words = [(scene.root / name).read_text() for name in ("README", "mine.txt")]
        head = [scene.git("symbolic-ref", "HEAD"), scene.git("rev-parse", "HEAD")]
        return [*head, (scene.root / ".git" / "index").read_bytes(), *words, sorted(os.listdir(scene.root))]

    def land(self, done: list[int]) -> None:
        scene = self.scene
        scene.git("checkout", "--quiet", "--", "README")
        said = deespec(scene, "land")
        assert said.status == 0, said
        self.check_changes("main", done)
        assert scene.git("status", "--porcelain") == "?? mine.txt"


def gate_passes(scene: Scene, commit: str) -> bool:
    """In a folder with just what the commit holds."""
    folder = scene.folder / "archive"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    packed = subprocess.run(["git", "archive", commit], cwd=scene.root, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return subprocess.run(["/bin/sh", "-c", GATE], cwd=folder, timeout=PATIENCE_S, check=False).returncode == 0


def below(folder: Path) -> list[tuple[int, str]]:
    """The living processes that work somewhere in this folder, by pid, and what they are."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            there = entry.name.isdigit() and Path(os.readlink(entry / "cwd"))
            words = (entry / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            continue  # gone, or another user's
        if there and there.is_relative_to(folder) and state(int(entry.name)) not in (None, b"Z"):
            found.append((int(entry.name), kind_of(words)))
    return found


def kind_of(words: list[str]) -> str:
    if words[0].rpartition("/")[2] == "git":
        return "git"
    for part, kind in (("guard", "guard"), ("fire_agent", "agent"), ("check.py", "gate")):
        if any(part in word for word in words[:6]):
            return kind
    return "other"
