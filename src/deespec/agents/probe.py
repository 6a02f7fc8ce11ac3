"""Does an installed client still behave as its adapter expects? It is driven against the stand-in, and then one knows.

The client runs as in a turn, below a guard, but in a scratch repository, with a home of its own and none of the user's
settings and keys; its only way out is the stand-in.
"""

from __future__ import annotations

import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.base import AgentRequest
from deespec.agents.leftovers import clear_leftovers, kill_tagged, tagged
from deespec.agents.process import capture
from deespec.agents.registry import make
from deespec.agents.standin.clients import client_of, towards, uses_proxy
from deespec.agents.standin.server import Standin
from deespec.agents.trials import REPORTED, TRIALS, Tried, complaint
from deespec.model.lifecycle import Step
from deespec.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from deespec.agents.trials import Trial
    from deespec.clock import Clock
    from deespec.config import AgentSettings, Settings
    from deespec.model.items import Guard

AT_ONCE = 2
"""Some clients take a gigabyte each."""
LEASE_MS = 30_000
SWEEP_MS = 2_000
GIT_MS = 10_000
KEPT = ("PATH", "LANG", "USER", "LOGNAME", "SHELL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Of the environment ..."""
KEPT_FAMILIES = ("LC_", "NVM_", "VOLTA_", "ASDF_", "MISE_", "FNM_", "NIX_", "BUN_")
"""... with what version managers go by: their programs look for the real ones."""
PROMPT = """\
You work on **SBI-1: A trial** (implement turn, turn 1) in the folder {workspace}.

Do what the model server of this trial says. Then report:

    {report} sbi report --type implement -f {words}
"""
REPORTER = """\
#!/bin/sh
echo "$DEESPEC_CLAIM $*" > "$DEESPEC_OUTBOX/{reported}"
"""


@record
class Verdict:
    """What one trial has shown."""

    name: str
    title: str
    problem: str | None
    took_ms: int


def probe(
    section: AgentSettings,
    settings: Settings,
    *,
    temporary: str,
    clock: Clock,
    trials: tuple[Trial, ...] = TRIALS,
) -> Generator[Verdict, None, None]:
    """Tries everything, two things at a time; the verdicts in order. Whoever stops listening ends it."""
    stopping = threading.Event()
    scratch = tempfile.TemporaryDirectory(prefix="deespec-check-", dir=temporary, ignore_cleanup_errors=True)
    with scratch as folder, Standin(clock=clock) as server, ThreadPoolExecutor(AT_ONCE) as threads:
        trying = _Trying(
            section, settings, folder=Path(folder).resolve(), server=server, stopping=stopping, clock=clock
        )
        try:
            yield from threads.map(trying.verdict, trials)
        finally:
            stopping.set()


class _Trying:
    """All trials of one client."""

    def __init__(
        self,
        section: AgentSettings,
        settings: Settings,
        *,
        folder: Path,
        server: Standin,
        stopping: threading.Event,
        clock: Clock,
    ) -> None:
        self.section, self.settings, self.folder = section, settings, folder
        self.server, self.stopping, self.clock = server, stopping, clock

    def verdict(self, trial: Trial) -> Verdict:
        began = self.clock.waking_ms()
        problem = complaint(trial, self._try(trial))
        return Verdict(name=trial.name, title=trial.title, problem=problem, took_ms=self.clock.waking_ms() - began)

    def _try(self, trial: Trial) -> Tried:
        folder = self.folder / trial.name
        section = towards(self.section, self.server.url(trial.script), folder / "client")
        section = replace(section, permissions=trial.permissions)
        request = self._request(trial, folder, section)
        began = self.clock.now_ms()
        settings = replace(self.settings, agents=(section,), child_env=tuple(request.env.items()))
        watch = _Watch(request.workspace / trial.stop_at if trial.stop_at else None, self.stopping, self.clock)
        result = make(section.name, settings).run(request, watch)
        return Tried(
            client=client_of(section),
            claim=request.env["DEESPEC_CLAIM"],
            began_ms=began,
            workspace=request.workspace,
            outbox=folder / "outbox",
            asked=trial.script in self.server.followed,
            result=result,
            survivors=self._survivors(request, watch.guard),
        )

    def _request(self, trial: Trial, folder: Path, section: AgentSettings) -> AgentRequest:
        workspace, outbox, reporter = folder / "work", folder / "outbox", folder / "bin" / "deespec"
        for made in (workspace, outbox, reporter.parent, folder / "home", folder / "tmp"):
            made.mkdir(parents=True, exist_ok=True)
        reporter.write_text(REPORTER.format(reported=REPORTED), encoding="utf-8")
        reporter.chmod(0o700)
        env = self._environment(trial, folder, section)
        capture(("git", "init", "--quiet", str(workspace)), env=env, timeout_ms=GIT_MS)
        return AgentRequest(
            step=Step.IMPLEMENT,
            item="SBI-1",
            title="A trial",
            spec="Do what the model server of this trial says.",
            turn=1,
            round=0,
            prompt=PROMPT.format(workspace=workspace, report=reporter, words=outbox / "report.md"),
            workspace=workspace,
            folder=folder / "turn",
            env=env,
            session=None,
            turn_timeout_ms=trial.turn_ms,
            idle_timeout_ms=trial.idle_ms,
            guard_lock=folder / "guard.lock",
            report_command=(str(reporter),),
            writable=(outbox,),
        )

    def _environment(self, trial: Trial, folder: Path, section: AgentSettings) -> dict[str, str]:
        env = _kept(dict(self.settings.child_env))
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            env[f"XDG_{name}_HOME"] = str(folder / "home" / name.lower())
        env |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "TERM": "dumb", "NO_COLOR": "1"}
        if uses_proxy(section):
            env |= {"HTTPS_PROXY": self.server.address, "https_proxy": self.server.address}
        env |= dict(section.env)
        return env | {
            "DEESPEC_HOME": str(folder / "home" / ".deespec"),
            "DEESPEC_ITEM": "SBI-1",
            "DEESPEC_STEP": Step.IMPLEMENT,
            "DEESPEC_TURN": "1",
            "DEESPEC_CLAIM": f"check-{self.clock.uid()}-{trial.name}",
            "DEESPEC_OUTBOX": str(folder / "outbox"),
        }

    def _survivors(self, request: AgentRequest, guard: Guard | None) -> int:
        """How many processes show the claim, or 1 if the guard does not say that all are gone; they are ended now."""
        claim = request.env["DEESPEC_CLAIM"]
        found = len([*tagged(claim)])
        is_proven = clear_leftovers(guard, claim, timeout_ms=SWEEP_MS, clock=self.clock)
        kill_tagged(claim, until=self.clock.waking_ms() + SWEEP_MS, clock=self.clock)
        return found or int(not is_proven)


class _Watch:
    """Lets the call go on until it has begun what it is to be stopped in."""

    def __init__(self, stop_at: Path | None, stopping: threading.Event, clock: Clock) -> None:
        self._stop_at = stop_at
        self._stopping = stopping
        self._clock = clock
        self.guard: Guard | None = None

    def started(self, guard: Guard) -> None:
        self.guard = guard

    def deadline(self) -> int:
        return (self._clock.boot_ms() // LEASE_MS + 2) * LEASE_MS

    def tick(self) -> str | None:
        is_begun = self._stop_at is not None and self._stop_at.exists()
        return "worker" if is_begun or self._stopping.is_set() else None


def _kept(env: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in env.items() if name in KEPT or name.startswith(KEPT_FAMILIES)}
    return {"PATH": os.defpath} | kept
