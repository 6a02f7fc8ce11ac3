"""opencode, headless: one process a call, its prompt on stdin, its events read from stdout and its log from stderr.

With its defaults it does whatever a repository's `opencode.json` and `.opencode` say: other permissions, plugins that
run, servers [seen with 1.18.33]. So a project's configuration is off, and of it only `AGENTS.md` comes back, which is
text. What the agent may do is said by an environment variable that the client puts over all other configuration.
It waits out an API that refuses it, however long that asks it to, and only its log knows. Then it is ended here: the
engine waits better, and another agent may take over.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
from typing import TYPE_CHECKING

from deespec.agents.asking import for_leave
from deespec.agents.base import AgentResult, Login
from deespec.agents.decision import answer_from_text
from deespec.agents.looking import LOOK_MS, look_for
from deespec.agents.metering import Metered
from deespec.agents.opencode_errors import TOO_LONG, WAITING, error_in, session_unusable, waited
from deespec.agents.opencode_stream import Stream
from deespec.agents.process import Ended, Program, capture, error_of, run_process
from deespec.agents.structured import answer_of
from deespec.clock import Clock
from deespec.model.money import Usage
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from deespec.agents.base import AgentRequest, Looked, Watch
    from deespec.agents.opencode_stream import Heard
    from deespec.agents.reading import Json
    from deespec.config import AgentSettings, Settings
    from deespec.model.items import Guard

PROGRAM = "opencode"
INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md")
"""Of a project; the first that is there, as the client does it."""
ENVIRONMENT = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
    "OPENCODE_DISABLE_SHARE": "1",
}
"""For what the environment does not say otherwise."""

IDLE_CPU_SHARE = 0.05
"""It uses 2 to 4 % of a CPU while it only waits."""
WAIT_MS = 25_000
"""So long after its first refusal by the API it may have tried again in vain (2, 4 and 8 s apart)."""
OVERFLOWS_MOST = 3
"""Summing up that does not help is repeated without end."""

JOINTS = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|(?P<joint>&&|\|\||[;|&\n])""", re.DOTALL)
"""What is quoted, and what joins two commands where it is not."""

log = logging.getLogger(__name__)


class OpencodeAgent:
    """Behind the Agent protocol: opencode."""

    kind = "opencode"

    def __init__(self, settings: AgentSettings, *, child_env: Mapping[str, str], clock: Clock) -> None:
        self.name = settings.name
        self._settings = settings
        self._child_env = child_env
        self._clock = clock

    def look(self) -> Looked:
        """Two short runs of the client: it lists the models of a provider only if it can log in there."""
        env = {**ENVIRONMENT, **self._child_env, **dict(self._settings.env), "OPENCODE_DISABLE_MODELS_FETCH": "1"}
        found = look_for(self._settings, program=PROGRAM, title="opencode", env=env)
        provider, slash, _ = (self._settings.model or "").partition("/")
        if not found.ready or found.program is None:
            return found
        if not slash or provider.startswith("-"):
            return replace(found, login=Login.UNKNOWN)
        name, *first = self._settings.command or (PROGRAM,)
        exit_code, text = capture((found.program, *first, "models", provider), env=env, timeout_ms=LOOK_MS)
        if f"Provider not found: {provider}" not in text:
            return replace(found, login=Login.IN if exit_code == 0 else Login.UNKNOWN)
        problem = f"{PROGRAM} {found.version} has no login for {provider}"
        remedy = f"Run {name} auth login, or set the provider's key."
        return replace(found, ready=False, problem=problem, remedy=remedy, login=Login.OUT)

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        """One turn. A session that cannot go on is left for a fresh one: the prompt says all that is needed."""
        request = replace(request, env=environment(self._settings, request))
        ended, heard = self._call(request, watch)
        if request.session and ended.stopped in (None, TOO_LONG) and session_unusable(heard, ended.stderr_tail):
            log.warning("session not resumed", extra={"item": request.item, "session": request.session})
            request = replace(request, session=None)
            ended, heard = self._call(request, watch)
        return result_of(self._settings, request, ended, heard, now_ms=self._clock.now_ms())

    def _call(self, request: AgentRequest, watch: Watch) -> tuple[Ended, Heard]:
        stream = Stream()
        metered = Metered(_Impatient(watch, stream, self._clock), request)
        known = Usage()

        def take(line: bytes) -> bool:
            nonlocal known
            is_last = stream.feed(line)
            if (usage := stream.usage()) != known:
                known = usage
                metered.used(replace(usage, model=self._settings.model))
            return is_last

        program = Program(argv=argv(self._settings, request), idle_cpu_share=IDLE_CPU_SHARE)
        ended = run_process(program, request, metered, on_line=take, on_stderr=stream.feed_log)
        return ended, stream.heard()


class _Impatient:
    """The engine's watch over a call, which also ends a client that does not get on."""

    def __init__(self, watch: Watch, stream: Stream, clock: Clock) -> None:
        self._watch = watch
        self._stream = stream
        self._clock = clock
        self._since: int | None = None

    def started(self, guard: Guard) -> None:
        self._watch.started(guard)

    def deadline(self) -> int:
        return self._watch.deadline()

    def tick(self) -> str | None:
        reason = self._watch.tick()
        if reason is not None:
            return reason
        if self._stream.overflows >= OVERFLOWS_MOST:
            return TOO_LONG
        if self._stream.trouble is None:
            self._since = None
            return None
        now = self._clock.waking_ms()
        self._since = self._since or now
        return WAITING if now - self._since >= WAIT_MS else None


def make(section: AgentSettings, settings: Settings) -> OpencodeAgent:
    """How the registry makes one."""
    return OpencodeAgent(section, child_env=dict(settings.child_env), clock=Clock())


def argv(settings: AgentSettings, request: AgentRequest) -> tuple[str, ...]:
    return (
        *(settings.command or (PROGRAM,)),
        *("run", "--format", "json", "--print-logs", "--log-level", "ERROR"),
        *(("--auto",) if settings.permissions == "everything" else ()),
        *(("--model", settings.model) if settings.model else ()),
        *(("--variant", settings.effort) if settings.effort else ()),
        *(("--session", request.session) if request.session else ()),
        *settings.args,
    )


def environment(settings: AgentSettings, request: AgentRequest) -> dict[str, str]:
    """What the child gets: the user's configuration with what this call needs, and our wishes where nothing is said."""
    env = {**ENVIRONMENT, **request.env}
    content = _configured(env.get("OPENCODE_CONFIG_CONTENT"), settings, request)
    if content is not None:
        env["OPENCODE_CONFIG_CONTENT"] = json.dumps(content)
    allowed = _object(env.get("OPENCODE_PERMISSION")) or {}
    env["OPENCODE_PERMISSION"] = json.dumps(allowed | permissions(settings, request))
    return env


def permissions(settings: AgentSettings, request: AgentRequest) -> Json:
    """By the client's rule the last pattern that fits counts, and each command of a line is looked at alone.

    `ask` is refused at once where nobody is there to ask. `question` is its tool to ask a person, who is not there.
    """
    nobody: Json = {"question": "deny", "plan_enter": "deny", "plan_exit": "deny"}
    if settings.permissions == "everything":
        return nobody
    own: Json = {"edit": "allow", "external_directory": {f"{folder}/*": "allow" for folder in request.writable}}
    if settings.permissions == "edit":
        commands: Json = {"*": "ask", f"{shlex.join(request.report_command)} *": "allow"}
        own |= {"bash": commands | dict.fromkeys(_commands(request.gates), "allow")}
        own |= {"webfetch": "ask", "websearch": "ask"}
    else:
        own |= {"bash": "allow"}
    return nobody | own


def result_of(
    settings: AgentSettings, request: AgentRequest, ended: Ended, heard: Heard, *, now_ms: int
) -> AgentResult:
    """Exit code 0 alone is no success; a client that hangs after its last words has succeeded."""
    is_done = heard.finished and bool(heard.text) and heard.fault is None
    if is_done and ended.stopped == "idle_timeout":
        ended = replace(ended, stopped=None, exit_code=0, signal=None, hung=True)
    asked = settings.permission_requests == "ask" and bool(heard.wanted)
    error = waited(heard, ended, now_ms=now_ms) or error_of(ended) or error_in(heard, ended)
    answer = None if error else answer_of(request.step, heard.text) or answer_from_text(request.step, heard.text)
    if asked and (error is None or error.code == "no_answer"):  # it stops where it is refused what it asked for
        answer, error = for_leave(settings, heard.wanted), None
    return AgentResult(
        error=error,
        answer=answer,
        text="" if error else heard.text,
        session=heard.session,
        usage=replace(heard.usage, model=settings.model),
        denied=heard.denied,
        wanted=heard.wanted,
    )


def _configured(content: str | None, settings: AgentSettings, request: AgentRequest) -> Json | None:
    """The user's inline configuration with ours; None: theirs is not plain JSON and stays as it is."""
    given = _object(content or "{}")
    if given is None:
        log.warning("OPENCODE_CONFIG_CONTENT is no JSON object", extra={"item": request.item})
        return None
    experimental = given.get("experimental")
    listed = given.get("instructions")
    return given | {
        "instructions": [*(listed if isinstance(listed, list) else []), *_instructions(request.workspace)],
        "experimental": {
            **(experimental if isinstance(experimental, dict) else {}),
            "continue_loop_on_deny": settings.permission_requests != "ask",
        },
    }


def _instructions(workspace: Path) -> list[str]:
    """Absolute, as the client looks for others only where its configuration is. What leads out of the workspace is not
    the project's."""
    for name in INSTRUCTIONS:
        path = workspace / name
        if path.is_file() and path.resolve().is_relative_to(workspace.resolve()):
            return [str(path)]
    return []


def _commands(gates: tuple[str, ...]) -> Iterator[str]:
    """The gates and the commands that they are joined from. A `*` in one stands for any words, as in the client's own
    patterns; as a command's name it would stand for any command."""
    for command in dict.fromkeys(piece for gate in gates for piece in (gate.strip(), *_parts(gate)) if piece):
        if not set("*?") & set(command.split()[0]):
            yield command


def _parts(gate: str) -> list[str]:
    parts, begin = [], 0
    for found in JOINTS.finditer(gate):
        if found["joint"]:
            parts.append(gate[begin : found.start()].strip())
            begin = found.end()
    return [*parts, gate[begin:].strip()]


def _object(text: str | None) -> Json | None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
