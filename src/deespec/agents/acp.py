"""Any agent that speaks the Agent Client Protocol: one process a call, spoken with over its stdin and stdout.

The protocol's package is an optional one (`deespec[acp]`) and is loaded when it is needed. The program is not started
by it but below our guard, as all agents are. Whatever the agent asks leave for is answered by the permissions in the
settings; where these say so, what goes beyond them ends the turn with a question. To be stopped it is first told so in
the protocol's words, which end its commands too, and only then by a signal.
"""

from __future__ import annotations

import os
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.acp_errors import error_in
from deespec.agents.acp_policy import Policy
from deespec.agents.acp_stream import Stream
from deespec.agents.asking import for_leave
from deespec.agents.base import AgentError, AgentResult, Blame, Login, Looked
from deespec.agents.decision import answer_from_text
from deespec.agents.looking import LOOK_MS
from deespec.agents.metering import Metered
from deespec.agents.process import Program, capture, error_of, run_process
from deespec.agents.reading import parse, word
from deespec.agents.structured import answer_of
from deespec.clock import Clock
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.agents.acp_stream import Heard
    from deespec.agents.base import AgentRequest, Watch
    from deespec.agents.process import Ended
    from deespec.agents.reading import Json
    from deespec.config import AgentSettings, Settings
    from deespec.model.items import Guard

PACKAGE = "agent-client-protocol"
NO_PACKAGE = f"the package {PACKAGE} is not installed"
LAUNCHERS = ("npx", "node", "bunx", "bun", "uvx", "uv", "python", "python3")
"""Their version is not the agent's."""
PACKAGE_DEPTH = 3
"""Folders from a program up to its package's own."""
INSTALL = "pip install 'deespec[acp]'"

ENVIRONMENT = {
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
    "COPILOT_AUTO_UPDATE": "false",
    "DISABLE_AUTOUPDATER": "1",
    "GEMINI_CLI_NO_RELAUNCH": "true",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    "OPENCODE_DISABLE_SHARE": "1",
}
"""For what the environment does not say otherwise; names that an agent does not know do no harm."""
META: Json = {
    # Otherwise claude-agent-acp runs the hooks of the repository's own settings.
    "claudeCode": {"options": {"settingSources": ["user"], "disallowedTools": ["EnterWorktree", "ScheduleWakeup"]}}
}
"""Agents' own words with a session; others pass over them."""

CANCEL_GRACE_MS = 700
STOP_GRACE_MS = 800
"""Together a cancelled item's agent is gone within 2 s."""
END_GRACE_MS = 1_500
"""Some do not end when their stdin does."""
ASKED = "asked"


class AcpAgent:
    """Behind the Agent protocol: `kind = "acp"`."""

    kind = "acp"

    def __init__(self, settings: AgentSettings, *, child_env: Mapping[str, str], clock: Clock) -> None:
        self.name = settings.name
        self._settings = settings
        self._child_env = child_env
        self._clock = clock

    def look(self) -> Looked:
        """Whether it is logged in, only its first call tells."""
        if not self._settings.command:
            remedy = f'Set [agents.{self.name}] command = ["PROGRAM", …].'
            return Looked(ready=False, problem=f"agent {self.name} has no command", remedy=remedy)
        if not _has_package():
            return Looked(ready=False, problem=NO_PACKAGE, remedy=INSTALL)
        env = {**ENVIRONMENT, **self._child_env, **dict(self._settings.env)}
        name = self._settings.command[0]
        path = shutil.which(name, path=env.get("PATH"))
        if path is None:
            remedy = f"Install it, or change [agents.{self.name}] command."
            return Looked(ready=False, problem=f"{name} is not on PATH", remedy=remedy)
        if os.path.basename(name) in LAUNCHERS:
            return Looked(ready=True, program=path, login=Login.UNKNOWN)
        _, text = capture((path, "--version"), env=env, timeout_ms=LOOK_MS)
        found = re.search(r"\d+(\.\d+)+", text)
        version = found.group() if found else _packaged(Path(path))
        return Looked(ready=True, program=path, version=version, login=Login.UNKNOWN)

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        if not self._settings.command:
            return _not_set_up("missing", f"Agent {self.name} has no command.")
        if not _has_package():
            return _not_set_up("missing", f"{NO_PACKAGE[0].upper()}{NO_PACKAGE[1:]}: {INSTALL}")
        from deespec.agents.acp_talk import Conversation

        request = replace(request, env=environment(self._settings, request.env, is_root=os.geteuid() == 0))
        stream = Stream(self._settings.model, before=request.session_used)
        policy = Policy(
            permissions=self._settings.permissions,
            workspace=request.workspace,
            writable=request.writable,
            report_command=request.report_command,
            gates=request.gates,
        )
        talk = Conversation(self._settings, request, policy=policy, stream=stream, meta=META)
        program = Program(
            argv=(*self._settings.command, *self._settings.args),
            cancel_grace_ms=CANCEL_GRACE_MS,
            stop_grace_ms=STOP_GRACE_MS,
            end_grace_ms=END_GRACE_MS,
        )
        ended = run_process(program, request, _Attentive(Metered(watch, request), stream), talk=talk)
        return result_of(self._settings, request, ended, stream.heard(), now_ms=self._clock.now_ms())


class _Attentive:
    """The engine's watch over a call, which also ends it when a person has to be asked."""

    def __init__(self, watch: Metered, stream: Stream) -> None:
        self._watch = watch
        self._stream = stream

    def started(self, guard: Guard) -> None:
        self._watch.started(guard)

    def deadline(self) -> int:
        return self._watch.deadline()

    def tick(self) -> str | None:
        self._watch.used(self._stream.usage())
        return self._watch.tick() or (ASKED if self._stream.wanted else None)


def make(section: AgentSettings, settings: Settings) -> AcpAgent:
    """How the registry makes one."""
    return AcpAgent(section, child_env=dict(settings.child_env), clock=Clock())


def environment(settings: AgentSettings, env: Mapping[str, str], *, is_root: bool) -> dict[str, str]:
    """What the child gets: our wishes where nothing else is said."""
    wishes = dict(ENVIRONMENT)
    if is_root and settings.permissions == "everything":
        wishes["IS_SANDBOX"] = "1"  # without it, Claude Code lets root skip no checks; the settings have said it may
    return {**wishes, **env}


def result_of(
    settings: AgentSettings, request: AgentRequest, ended: Ended, heard: Heard, *, now_ms: int
) -> AgentResult:
    """The end of the turn counts, not that of the program: many agents have to be ended."""
    asked = bool(heard.wanted) and ended.stopped in (ASKED, None)
    error = None if asked else error_of(ended) or error_in(heard, ended, now_ms=now_ms)
    answer = None if error else answer_of(request.step, heard.text) or answer_from_text(request.step, heard.text)
    return AgentResult(
        error=error,
        answer=for_leave(settings, heard.wanted) if asked else answer,
        text="" if error else heard.text,
        session=heard.session,
        usage=heard.usage,
        denied=heard.denied,
        wanted=heard.denied,
    )


def _has_package() -> bool:
    try:
        metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return False
    return True


def _packaged(program: Path) -> str | None:
    """The version in the npm package that a program is a part of: some agents do not say theirs."""
    for folder in program.resolve().parents[:PACKAGE_DEPTH]:
        try:
            text = (folder / "package.json").read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
        return word(parse(text), "version")
    return None


def _not_set_up(code: str, message: str) -> AgentResult:
    return AgentResult(error=AgentError(blame=Blame.AGENT, code=code, message=message))
