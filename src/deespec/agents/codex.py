"""OpenAI's Codex, headless: one process a call, its prompt on stdin, its events read from stdout.

What it may do is decided by its sandbox, which holds for everything that it runs, the report command and the gates
included: `workspace-write` lets them write in the workspace, the folders added and /tmp, and reach no network, not even
this machine's own. It cannot be told to run certain commands only, so `edit` and `edit+shell` are the same here.
`.git` is read-only in it: the engine commits. Who needs a network adds
`-c sandbox_workspace_write.network_access=true` to the agent's args. [All seen with 0.169.0.]
It runs commands in a login shell, whose profile sets the PATH anew, unless it is told not to. A `.codex` folder of the
project is not obeyed, unless the user has trusted the project. How often it tries again is a setting only for providers
of one's own. Told by the API to wait an hour, it waits the hour: then the idle limit ends it, and the last error that
it has printed says why.
What a turn uses, its output says at the end, and nothing of failed ones or of the model; so the file that it keeps of
the thread is read along, for budgets and prices and for the time at which a limit of the plan ends.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, AgentResult, Blame, Login
from deespec.agents.codex_errors import error_in, session_unusable, waited
from deespec.agents.codex_stream import Heard, Stream
from deespec.agents.decision import answer_from_text
from deespec.agents.looking import LOOK_MS, look_for
from deespec.agents.metering import Metered
from deespec.agents.output import make_folder, write_new
from deespec.agents.process import Ended, Program, capture, error_of, run_process
from deespec.agents.structured import schema_of
from deespec.agents.trail import Trail
from deespec.clock import Clock
from deespec.model.money import Usage, since
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.agents.base import AgentRequest, Looked, Watch
    from deespec.config import AgentSettings, Settings

PROGRAM = "codex"
SCHEMA_FILE = "schema.json"
SETTINGS = (
    "allow_login_shell=false",
    # Otherwise it tries for ever to reach a network that is not there. Names that a version does not know do no harm.
    "features.unbounded_connection_retries=false",
)
TOO_LONG = ("idle_timeout", "turn_timeout")
MARKS = (".git", ".agents", ".codex", ".aws")
OWN_PROVIDER = ("--oss", "--profile", "-p")
"""Options that choose another provider of models, beside those that name `model_provider`."""

log = logging.getLogger(__name__)


class CodexAgent:
    """Behind the Agent protocol: OpenAI's Codex."""

    kind = "codex"

    def __init__(self, settings: AgentSettings, *, child_env: Mapping[str, str], clock: Clock) -> None:
        self.name = settings.name
        self._settings = settings
        self._child_env = child_env
        self._clock = clock

    def look(self) -> Looked:
        """Two short runs of the client. A key for it alone, or a provider of one's own, needs no login."""
        env = {**self._child_env, **dict(self._settings.env)}
        found = look_for(self._settings, program=PROGRAM, title="Codex", env=env)
        if not found.ready or found.program is None:
            return found
        if env.get("CODEX_API_KEY"):
            return replace(found, login=Login.IN)
        name, *first = self._settings.command or (PROGRAM,)
        exit_code, text = capture((found.program, *first, "login", "status"), env=env, timeout_ms=LOOK_MS)
        if has_own_provider(self._settings, env):
            return found
        if exit_code != 1 or "Not logged in" not in text:
            return replace(found, login=Login.IN if exit_code == 0 else Login.UNKNOWN)
        problem = f"{PROGRAM} {found.version} is not logged in"
        remedy = f"Run {name} login, or set CODEX_API_KEY."
        return replace(found, ready=False, problem=problem, remedy=remedy, login=Login.OUT)

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        """One turn. A thread that cannot go on is left for a fresh one: the prompt says all that is needed."""
        assert not request.prompt.startswith("/"), f"{request.item}: the client may run the prompt as its own command"
        try:
            schema = write_schema(request)
        except OSError as error:
            message = f"The call could not be set up: {error}"
            return AgentResult(error=AgentError(blame=Blame.CALL, code="start", message=message))
        ended, heard = self._call(request, watch, schema)
        if request.session and ended.stopped is None and session_unusable(heard, ended.stderr_tail):
            log.warning("session not resumed", extra={"item": request.item, "session": request.session})
            request = replace(request, session=None, session_used=Usage())
            ended, heard = self._call(request, watch, schema)
        return result_of(self._settings, request, ended, heard, now_ms=self._clock.now_ms())

    def _call(self, request: AgentRequest, watch: Watch, schema: Path | None) -> tuple[Ended, Heard]:
        stream, metered = Stream(request.step), Metered(watch, request)
        trail = Trail(home(request.env) / "sessions")
        if request.session:
            trail.skip(_rollout(request.session))

        def take_notes() -> None:
            for note in trail.added(_rollout(stream.session)) if stream.session else ():
                stream.feed_note(note)

        def take(line: bytes) -> bool:
            is_last = stream.feed(line)
            take_notes()
            if not is_last:
                metered.used(used(self._settings, request, stream.usage))
            return is_last

        marks = [] if self._settings.permissions == "everything" else absent_marks(request)
        # On SIGINT it ends the commands that it runs; on SIGTERM it only ends.
        program = Program(argv=argv(self._settings, request, schema=schema), stop_signal=signal.SIGINT)
        ended = run_process(program, request, metered, on_line=take)
        remove_marks(marks)
        take_notes()
        return ended, stream.heard()


def make(section: AgentSettings, settings: Settings) -> CodexAgent:
    """How the registry makes one."""
    return CodexAgent(section, child_env=dict(settings.child_env), clock=Clock())


def argv(settings: AgentSettings, request: AgentRequest, *, schema: Path | None) -> tuple[str, ...]:
    """The command line. An option of ours follows the user's, so that none of theirs takes `resume` or `-` for its."""
    return (
        *(settings.command or (PROGRAM,)),
        *("exec", "--skip-git-repo-check"),
        *_permissions(settings.permissions, request),
        *(word for setting in SETTINGS for word in ("-c", setting)),
        *(("--model", settings.model) if settings.model else ()),
        *(("-c", f"model_reasoning_effort={json.dumps(settings.effort)}") if settings.effort else ()),
        *(("--output-schema", str(schema)) if schema else ()),
        *settings.args,
        "--json",
        *(("resume", request.session) if request.session else ()),
        "-",
    )


def write_schema(request: AgentRequest) -> Path | None:
    """The file with the schema of the step's answer; None: it has none. Raises OSError."""
    schema = schema_of(request.step)
    if schema is None:
        return None
    make_folder(request.folder)
    path = request.folder / SCHEMA_FILE
    write_new(path, json.dumps(strict(json.loads(schema))).encode())
    return path


def strict(schema: object) -> object:
    """Without what OpenAI's strict schemas do not allow; what the answer has to be is checked here anyway."""
    if isinstance(schema, dict):
        return {key: strict(value) for key, value in schema.items() if key not in ("minLength", "maxLength")}
    return [strict(one) for one in schema] if isinstance(schema, list) else schema


def absent_marks(request: AgentRequest) -> list[Path]:
    """The folders that its sandbox makes up in order to close them, and leaves there, empty, if it is stopped."""
    marks = (folder / name for folder in (request.workspace, *request.writable) for name in MARKS)
    return [mark for mark in marks if not os.path.lexists(mark)]


def remove_marks(marks: list[Path]) -> None:
    """An empty `.git` would make a repository of a folder that is none."""
    for mark in marks:
        try:
            mark.rmdir()
        except OSError:
            pass  # not there, or somebody's own by now


def used(settings: AgentSettings, request: AgentRequest, total: Usage) -> Usage:
    """What this call has used; by the model that the settings ask for, if the thread's file does not say."""
    return replace(since(total, request.session_used), model=total.model or settings.model)


def result_of(
    settings: AgentSettings, request: AgentRequest, ended: Ended, heard: Heard, *, now_ms: int
) -> AgentResult:
    """Exit code 0 alone is no success, and a client that hangs after its last event has succeeded."""
    error = waited(heard, now_ms=now_ms) if ended.stopped in TOO_LONG else None
    error = error or error_of(ended) or error_in(heard, ended, now_ms=now_ms)
    text = heard.text if error is None else ""
    return AgentResult(
        error=error,
        answer=None if error else heard.answer or answer_from_text(request.step, text),
        text=text,
        session=heard.session,
        usage=used(settings, request, heard.usage),
        denied=heard.denied,
    )


def has_own_provider(settings: AgentSettings, env: Mapping[str, str]) -> bool:
    """Models come from somewhere else than OpenAI, by these arguments or by the user's settings."""
    if any("model_provider" in one or one in OWN_PROVIDER for one in settings.args):
        return True
    try:
        written = tomllib.loads((home(env) / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(written.get("model_provider", "openai") != "openai")


def home(env: Mapping[str, str]) -> Path:
    """Where the client keeps its settings, its login and its threads."""
    return Path(env.get("CODEX_HOME") or Path(env.get("HOME", "/"), ".codex"))


def _permissions(permissions: str, request: AgentRequest) -> tuple[str, ...]:
    if permissions == "everything":
        return ("--dangerously-bypass-approvals-and-sandbox",)
    added = (word for folder in request.writable for word in ("--add-dir", str(folder)))
    return ("--sandbox", "workspace-write", *added)


def _rollout(session: str) -> str:
    return f"*/*/*/rollout-*-{session}.jsonl"
