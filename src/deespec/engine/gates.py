"""Gates of the project and checks of the item: commands that must succeed before anybody is asked for a review.

They run under the same guard as agents do, so they die with the worker, with everything they started.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from deespec.agents.process import Program, run_process
from deespec.config import Gate
from deespec.engine.calling import CallWatch, environment, request_for, turn_folder
from deespec.errors import LeaseLost, WorkspaceError
from deespec.model.reports import CheckResult
from deespec.records import replace

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.agents.process import Ended
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim

TAIL_CHARACTERS = 8_000
TURN_NAMES = ("DEESPEC_HOME", "DEESPEC_ITEM", "DEESPEC_STEP", "DEESPEC_TURN", "DEESPEC_OUTBOX")
OUR_ENDS = ("deadline", "guard_died")
"""A gate that ended so says nothing about the work: the worker stood still, or its guard was killed."""
KILLED = (signal.SIGKILL, signal.SIGTERM)
"""Sent from outside, as where memory runs out; the shell adds 128. That says nothing about the work either."""
CANNOT_RUN = (126, 127)
"""What the shell says of a command that is not there or may not be executed (POSIX, Shell Command Language 2.8.2)."""


def run_all(bench: Bench, claim: Claim, *, at: Path, when: str) -> tuple[CheckResult, ...]:
    """Every gate of this step (implement or integrate), then every check of the item, until one fails."""
    done: list[CheckResult] = []
    for gate in gates_of(bench, claim, when):
        done.append(run_one(bench, claim, gate, at=at))
        if not done[-1].passed:
            break
    return tuple(done)


def gates_of(bench: Bench, claim: Claim, when: str) -> list[Gate]:
    checks = [Gate(name=f"check `{command}`", run=command) for command in claim.sbi.checks]
    return [*(gate for gate in bench.settings.gates if when in gate.when), *checks]


def named(bench: Bench, name: str) -> Gate | None:
    """The project's gate that a result is of; None for a check of the item."""
    return next((gate for gate in bench.settings.gates if name == f"gate {gate.name}"), None)


def run_one(bench: Bench, claim: Claim, gate: Gate, *, at: Path) -> CheckResult:
    """Raises WorkspaceError if it could not be run, Interrupted if the worker stops, LeaseLost if the claim is gone."""
    ended = _call(bench, claim, gate, at=at)
    name = gate.name if gate.name.startswith("check ") else f"gate {gate.name}"
    if ended.error is not None or ended.stopped in OUR_ENDS:
        raise WorkspaceError(f"{name} could not be run: {ended.error or ended.stopped}")
    if ended.exit_code in CANNOT_RUN and ended.stopped is None and gate in bench.settings.gates:
        words = f"{name} could not be run (exit {ended.exit_code}): {_last_line(ended) or gate.run}"
        raise CannotRun(words, gate=gate, name=name)
    if ended.stopped is None and (ended.signal in KILLED or (ended.exit_code or 0) - 128 in KILLED):
        raise WorkspaceError(f"{name} was killed ({_how(ended)}); is there enough memory?")
    if ended.exit_code == 0 and ended.stopped is None:
        return CheckResult(name=name, passed=True)
    return CheckResult(name=name, passed=False, tail=f"({_how(ended)})\n{_tail(ended)}")


def set_up(bench: Bench, claim: Claim, *, at: Path) -> None:
    """Runs workspace.setup in a folder that is new. Raises WorkspaceError if it fails: that is not the item's fault."""
    command = bench.settings.setup
    if command is None:
        return
    gate = Gate(name="setup", run=command, timeout_ms=bench.settings.setup_timeout_ms)
    ended = _call(bench, claim, gate, at=at)
    if ended.error is not None or ended.stopped is not None or ended.exit_code != 0:
        raise WorkspaceError(
            f"workspace.setup failed ({ended.error or _how(ended)}): {_last_line(ended) or command}",
            hint=f"deespec sbi log {claim.sbi.id} shows its output.",
        )


def _call(bench: Bench, claim: Claim, gate: Gate, *, at: Path) -> Ended:
    folder = _output_folder(turn_folder(bench.app.settings.home, claim) / "gates")
    request = request_for(bench, claim, "", folder=folder, session=None, workspace=at)
    # A project's own tests may use deespec: they must not find this backlog. The claim stays, to find what they leave.
    given = environment(bench, claim, None)
    env = {name: value for name, value in given.items() if name not in TURN_NAMES} | dict(gate.env)
    request = replace(request, env=env, turn_timeout_ms=gate.timeout_ms, idle_timeout_ms=None)
    watch = CallWatch(bench, claim)
    ended = run_process(Program(argv=("/bin/sh", "-c", gate.run)), request, watch)
    if ended.stopped is not None and bench.pulse.is_revoked(claim.token):
        raise LeaseLost(f"{claim.sbi.id} was taken away while its gates ran.")
    if ended.stopped is not None and bench.stopping:
        raise Interrupted
    return ended


def _output_folder(gates: Path) -> Path:
    """The next of the turn's numbered folders: one for each command that it runs."""
    number = 0
    while (gates / str(number)).exists():
        number += 1
    return gates / str(number)


def _how(ended: Ended) -> str:
    return ended.stopped or (f"signal {ended.signal}" if ended.signal else f"exit {ended.exit_code}")


def _tail(ended: Ended) -> str:
    return (ended.stdout_tail + ended.stderr_tail)[-TAIL_CHARACTERS:]


def _last_line(ended: Ended) -> str:
    lines = [line.strip() for line in _tail(ended).splitlines() if line.strip()]
    return lines[-1] if lines else ""


class CannotRun(WorkspaceError):
    """The command of a gate is not there, or may not be executed."""

    def __init__(self, message: str, *, gate: Gate, name: str) -> None:
        super().__init__(message)
        self.gate = gate
        self.name = name


class Interrupted(Exception):
    """The worker stops now; the answer is stored, and the next owner judges it."""
