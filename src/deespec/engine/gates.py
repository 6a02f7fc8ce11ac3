"""Gates of the project and checks of the item: commands that must succeed before anybody is asked for a review.

They run under the same guard as agents do, so they die with the worker, with everything they started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.process import Program, run_process
from deespec.config import Gate
from deespec.engine.calling import CallWatch, environment, request_for, turn_folder
from deespec.errors import LeaseLost, WorkspaceError
from deespec.model.reports import CheckResult
from deespec.records import replace

if TYPE_CHECKING:
    from deespec.engine.bench import Bench
    from deespec.model.items import Claim

TAIL_CHARACTERS = 8_000
TURN_NAMES = ("DEESPEC_HOME", "DEESPEC_ITEM", "DEESPEC_STEP", "DEESPEC_TURN", "DEESPEC_OUTBOX")
OUR_ENDS = ("deadline", "guard_died")
"""A gate that ended so says nothing about the work: the worker stood still, or its guard was killed."""


def run_all(bench: Bench, claim: Claim) -> tuple[CheckResult, ...]:
    """Every gate, then every check of the item, until one fails."""
    checks = [Gate(name=f"check `{command}`", run=command) for command in claim.sbi.checks]
    done: list[CheckResult] = []
    for index, gate in enumerate((*bench.app.settings.gates, *checks)):
        done.append(_run(bench, claim, gate, index))
        if not done[-1].passed:
            break
    return tuple(done)


def _run(bench: Bench, claim: Claim, gate: Gate, index: int) -> CheckResult:
    folder = turn_folder(bench.app.settings.home, claim) / "gates" / str(index)
    request = request_for(bench, claim, "", folder=folder, session=None)
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
    name = gate.name if gate.name.startswith("check ") else f"gate {gate.name}"
    if ended.error is not None or ended.stopped in OUR_ENDS:
        raise WorkspaceError(f"{name} could not be run: {ended.error or ended.stopped}")
    if ended.exit_code == 0 and ended.stopped is None:
        return CheckResult(name=name, passed=True)
    how = ended.stopped or (f"signal {ended.signal}" if ended.signal else f"exit {ended.exit_code}")
    output = (ended.stdout_tail + ended.stderr_tail)[-TAIL_CHARACTERS:]
    return CheckResult(name=name, passed=False, tail=f"({how})\n{output}")


class Interrupted(Exception):
    """The worker stops now; the answer is stored, and the next owner judges it."""
