"""Any program as an agent: the prompt on its stdin, the workspace as its folder, its environment as in every turn.

It answers with `deespec sbi report` or `deespec sbi review`, or with a last `DECISION:` line on its stdout.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, AgentResult, Blame, Looked
from deespec.agents.decision import answer_from_text
from deespec.agents.process import Program, error_of, run_process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deespec.agents.base import AgentRequest, Watch
    from deespec.agents.process import Ended
    from deespec.config import AgentSettings, Settings
    from deespec.model.lifecycle import Step

MESSAGE_CHARACTERS = 2_000
"""Of its stderr, in an error's message."""


class CommandAgent:
    """Behind the Agent protocol: `kind = "command"`."""

    kind = "command"

    def __init__(self, settings: AgentSettings, *, root: Path, child_env: Mapping[str, str]) -> None:
        self.name = settings.name
        self._argv = _argv(settings, root)
        self._path = dict(settings.env).get("PATH") or child_env.get("PATH") or os.defpath

    def look(self) -> Looked:
        if not self._argv:
            remedy = f'Set [agents.{self.name}] command = ["PROGRAM", …].'
            return Looked(ready=False, problem=f"agent {self.name} has no command", remedy=remedy)
        found = shutil.which(self._argv[0], path=self._path)
        if found is None:
            where = "is missing or not executable" if os.path.isabs(self._argv[0]) else "is not on PATH"
            remedy = f"Install it, or change [agents.{self.name}] command."
            return Looked(ready=False, problem=f"{self._argv[0]} {where}", remedy=remedy)
        return Looked(ready=True, program=found)

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        if not self._argv:
            error = AgentError(blame=Blame.AGENT, code="missing", message=f"Agent {self.name} has no command.")
            return AgentResult(error=error)
        return result_of(request.step, run_process(Program(argv=self._argv), request, watch))


def make(section: AgentSettings, settings: Settings) -> CommandAgent:
    """How the registry makes one."""
    return CommandAgent(section, root=settings.root, child_env=dict(settings.child_env))


def result_of(step: Step, ended: Ended) -> AgentResult:
    """Exit code 0 alone is no success: without an answer the engine asks again, and then counts an attempt."""
    text = ended.stdout_tail.strip()
    error = error_of(ended) or _failure(ended)
    return AgentResult(error=error, answer=None if error else answer_from_text(step, text), text=text)


def _argv(settings: AgentSettings, root: Path) -> tuple[str, ...]:
    """A path in `command` is relative to the root of the workspace's settings, not to where the work happens."""
    if not settings.command:
        return ()
    program, *first = settings.command
    if os.sep in program:
        program = str(root / os.path.expanduser(program))
    return (program, *first, *settings.args)


def _failure(ended: Ended) -> AgentError | None:
    if ended.exit_code == 0:
        return None
    how = f"exit code {ended.exit_code}" if ended.signal is None else f"signal {ended.signal}"
    said = ended.stderr_tail.strip()[-MESSAGE_CHARACTERS:]
    message = f"It ended with {how}" + (f": {said}" if said else ".")
    return AgentError(blame=Blame.CALL, code="crash", message=message)
