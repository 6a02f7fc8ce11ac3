"""Claude Code, headless: one process a call, its prompt on stdin, its events read from stdout.

What follows is about trust. In headless mode the client asks nobody whether a folder may be trusted: with its defaults
it runs the hooks of the repository's `.claude/settings.json`, starts the servers of its `.mcp.json` and takes on its
environment, all outside of what the agent was allowed [seen with 2.1.330]. So only the user's own settings are read.
`CLAUDE.md` is text for the agent, like the spec; it comes back as the one of an additional directory.
A call is one piece of work that ends: the client can also leave commands running in the background, arrange to be woken
up, or move into a worktree of its own; then it would not end, or would work where nobody looks for its changes.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import signal
from typing import TYPE_CHECKING

from deespec.agents.asking import for_leave
from deespec.agents.base import AgentResult, Login
from deespec.agents.claude_errors import error_in, session_unusable
from deespec.agents.claude_stream import Heard, Stream
from deespec.agents.decision import answer_from_text
from deespec.agents.looking import LOOK_MS, look_for
from deespec.agents.metering import Metered
from deespec.agents.process import Ended, Program, capture, error_of, run_process
from deespec.agents.structured import schema_of
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.agents.base import AgentRequest, Looked, Watch
    from deespec.config import AgentSettings, Settings

PROGRAM = "claude"
STOP_GRACE_MS = 1_500
"""It ends its commands and says what it cost; 1.3 s were seen, and a cancelled item's agent is gone within 2 s."""

ENVIRONMENT = {
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    # Its own 10 retries take 180 s and look like work; the engine backs off better, and another agent may take over.
    "CLAUDE_CODE_MAX_RETRIES": "2",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD": "1",
}
"""For what the environment does not say otherwise."""

OWN_TOOLS = "mcp__deespec"
"""Those of `deespec mcp`, where a user has added it: inside a turn they read, report and review."""
TOOLS_OFF = ("CronCreate", "EnterWorktree", "Monitor", "ScheduleWakeup")
"""They outlast a call, or leave its folder. Names that a version does not know do no harm."""

log = logging.getLogger(__name__)


class ClaudeAgent:
    """Behind the Agent protocol: Anthropic's Claude Code."""

    kind = "claude"

    def __init__(self, settings: AgentSettings, *, child_env: Mapping[str, str]) -> None:
        self.name = settings.name
        self._settings = settings
        self._child_env = child_env

    def look(self) -> Looked:
        """Two short runs of the client, 0.3 s together. It alone knows where its login is kept."""
        env = {**ENVIRONMENT, **self._child_env, **dict(self._settings.env)}
        found = look_for(self._settings, program=PROGRAM, title="Claude Code", env=env)
        if not found.ready or found.program is None:
            return found
        name, *first = self._settings.command or (PROGRAM,)
        asked = (found.program, *first, "--setting-sources", "user", "auth", "status")
        _, text = capture(asked, env=env, timeout_ms=LOOK_MS)
        login = _login(text)
        if login is Login.OUT:
            problem = f"{PROGRAM} {found.version} is not logged in"
            remedy = f"Run {name} once, then deespec run."
            return replace(found, ready=False, problem=problem, remedy=remedy, login=login)
        return replace(found, login=login)

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        """One turn. A session that cannot go on is left for a fresh one: the prompt says all that is needed."""
        assert not request.prompt.startswith("/"), f"{request.item}: the client would run the prompt as its own command"
        request = replace(request, env=environment(self._settings, request.env, is_root=os.geteuid() == 0))
        ended, heard = self._call(request, watch)
        if request.session and ended.stopped is None and session_unusable(heard):
            log.warning("session not resumed", extra={"item": request.item, "session": request.session})
            request = replace(request, session=None)
            ended, heard = self._call(request, watch)
        result = result_of(request, ended, heard)
        if self._settings.permission_requests == "ask" and result.error is None and heard.wanted:
            return replace(result, answer=for_leave(self._settings, heard.wanted))
        return result

    def _call(self, request: AgentRequest, watch: Watch) -> tuple[Ended, Heard]:
        stream = Stream(request.step)
        metered = Metered(watch, replace(request, budget_usd=None))  # that one it keeps by itself

        def take(line: bytes) -> bool:
            is_last = stream.feed(line)
            if not is_last:
                metered.used(stream.usage())
            return is_last

        program = Program(
            argv=argv(self._settings, request),
            # On SIGINT it ends the commands that it runs, and mostly says what it cost; on SIGTERM it only ends.
            stop_signal=signal.SIGINT,
            stop_grace_ms=STOP_GRACE_MS,
        )
        ended = run_process(program, request, metered, on_line=take)
        return ended, stream.heard()


def make(section: AgentSettings, settings: Settings) -> ClaudeAgent:
    """How the registry makes one."""
    return ClaudeAgent(section, child_env=dict(settings.child_env))


def argv(settings: AgentSettings, request: AgentRequest) -> tuple[str, ...]:
    """The command line. Options that take lists come early, so that nothing in `args` is taken for a part of one."""
    schema = schema_of(request.step)
    return (
        *(settings.command or (PROGRAM,)),
        *("-p", "--setting-sources", "user"),
        *("--add-dir", str(request.workspace), *map(str, request.writable)),
        *("--disallowedTools", *TOOLS_OFF),
        *_permissions(settings.permissions, request),
        *(("--model", settings.model) if settings.model else ()),
        *(("--effort", settings.effort) if settings.effort else ()),
        *(("--json-schema", schema) if schema else ()),
        *(("--max-budget-usd", f"{request.budget_usd:.4f}") if request.budget_usd is not None else ()),
        *(("--resume", request.session) if request.session else ()),
        *("--output-format", "stream-json", "--verbose"),
        *settings.args,
    )


def environment(settings: AgentSettings, env: Mapping[str, str], *, is_root: bool) -> dict[str, str]:
    """What the child gets: our wishes where nothing else is said."""
    wishes = dict(ENVIRONMENT)
    if is_root and settings.permissions == "everything":
        wishes["IS_SANDBOX"] = "1"  # without it, root may not skip its checks; the settings have said that it may
    return {**wishes, **env}


def result_of(request: AgentRequest, ended: Ended, heard: Heard) -> AgentResult:
    """Exit code 0 alone is no success, and a client that hangs after its last event has succeeded."""
    ending = f"signal {ended.signal}" if ended.signal is not None else f"exit code {ended.exit_code}"
    ended_well = ended.exit_code == 0 or ended.hung
    error = error_of(ended) or error_in(heard, ending=ending, ended_well=ended_well, stderr=ended.stderr_tail)
    text = heard.result.text if heard.result and error is None else ""
    return AgentResult(
        error=error,
        answer=None if error else heard.answer or answer_from_text(request.step, text),
        text=text,
        session=heard.session,
        usage=heard.usage,
        denied=heard.denied,
        wanted=heard.wanted,
    )


def _permissions(permissions: str, request: AgentRequest) -> tuple[str, ...]:
    """Under acceptEdits it may write in the workspace and the added folders, but not what it would be configured by.

    A rule for one command covers its arguments, `-f FILE`, `< FILE` in these folders, and `echo … |` before it;
    a here-document that holds braces and quotes is refused. `:*` takes a quoted path as it is, ` *` does not.
    A rule without it is that very command, also where it holds `&&`, `;`, `|` or a loop, and allows no part of it; a
    `*` in it stands for any words, but for no further command [all seen with 2.1.330].
    """
    if permissions == "everything":
        return ("--dangerously-skip-permissions",)
    rules: tuple[str, ...] = ("Bash",)
    if permissions == "edit":
        gates = dict.fromkeys(gate.strip() for gate in request.gates)
        own = (f"Bash({gate})" for gate in gates if gate and "*" not in gate.split()[0])  # `*` alone is every command
        rules = (f"Bash({shlex.join(request.report_command)}:*)", *own)
    return ("--permission-mode", "acceptEdits", "--allowedTools", *rules, OWN_TOOLS)


def _login(text: str) -> Login:
    """`auth status` prints JSON. What cannot be read is no reason to refuse: the first call will tell."""
    try:
        status = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except ValueError:
        return Login.UNKNOWN
    said = status.get("loggedIn") if isinstance(status, dict) else None
    return Login.UNKNOWN if not isinstance(said, bool) else Login.IN if said else Login.OUT
