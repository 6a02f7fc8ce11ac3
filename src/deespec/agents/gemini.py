"""Google's Gemini CLI, headless: one process a call, its prompt on stdin, its events read from stdout.

Trust: the client runs in no folder that nobody has trusted. `--skip-trust` lets it, and then it takes no settings,
hooks or servers from the project's `.gemini`; with the variable GEMINI_CLI_TRUST_WORKSPACE, or started anew by its own
launcher, it would. A `.env` of the project is read all the same.
Permissions: `auto_edit` offers the tools that write in the workspace and the folders added; which shell commands it may
run, a policy file says. It never runs a command that substitutes another (`$(...)`), asks a person (so: refuses) for
what it thinks dangerous (`rm -rf`), and its own write tools refuse files that builds are made from (pyproject.toml,
package.json, Makefile ...), whatever its permissions are: those an agent can write by shell commands only.
`@path` in a prompt would be replaced by that file, or by one with a name like it; so each such `@` is escaped.
It tries up to 10 times, with pauses up to 35 s; only `general.maxAttempts` in the user's own settings bounds that, as a
settings file that a variable names must belong to root. It has no option for effort. [All seen with 0.61.0.]
What a call uses, its output says at the end; so the file that it keeps of the session is read along, for budgets.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, AgentResult, Blame, Login
from deespec.agents.decision import answer_from_text
from deespec.agents.gemini_errors import error_in, session_unusable, waited
from deespec.agents.gemini_policy import ANY_COMMAND, rules_for
from deespec.agents.gemini_stream import Heard, Stream
from deespec.agents.looking import look_for
from deespec.agents.metering import Metered
from deespec.agents.output import make_folder, write_new
from deespec.agents.process import Ended, Program, error_of, run_process
from deespec.agents.trail import Trail
from deespec.clock import Clock
from deespec.model.money import Usage
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deespec.agents.base import AgentRequest, Looked, Watch
    from deespec.config import AgentSettings, Settings

PROGRAM = "gemini"
POLICY_FILE = "policy.toml"
ENVIRONMENT = {"GEMINI_CLI_NO_RELAUNCH": "true"}
"""For what the environment does not say otherwise: no launcher, whose child would hear no signal."""
TOO_LONG = ("idle_timeout", "turn_timeout")

AT = re.compile(r"(?<!\\)@(?=[^\s,;!?()\[\]{}])")
AT_NOTE = "\n\n(In this text, `\\@` stands for the at sign alone.)\n"

KEYS = ("GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GEMINI_CLI_USE_COMPUTE_ADC")
LOGINS = ("oauth_creds.json", "gemini-credentials.json", ".env")
CHOSEN = b'"selectedType"'
SETTINGS_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class GeminiAgent:
    """Behind the Agent protocol: Google's Gemini CLI."""

    kind = "gemini"

    def __init__(self, settings: AgentSettings, *, child_env: Mapping[str, str], clock: Clock) -> None:
        self.name = settings.name
        self._settings = settings
        self._child_env = child_env
        self._clock = clock

    def look(self) -> Looked:
        """One short run of the client. It cannot be asked for its login: there is one if it has a key or chose one."""
        env = {**ENVIRONMENT, **self._child_env, **dict(self._settings.env)}
        found = look_for(self._settings, program=PROGRAM, title="Gemini CLI", env=env)
        if not found.ready:
            return found
        if has_login(env):
            return replace(found, login=Login.IN)
        name = (self._settings.command or (PROGRAM,))[0]
        problem = f"{PROGRAM} {found.version} is not logged in"
        remedy = f"Run {name} once, or set GEMINI_API_KEY."
        return replace(found, ready=False, problem=problem, remedy=remedy, login=Login.OUT)

    def run(self, request: AgentRequest, watch: Watch) -> AgentResult:
        """One turn. A session that cannot go on is left for a fresh one: the prompt says all that is needed."""
        assert not request.prompt.startswith("/"), f"{request.item}: the client would run the prompt as its own command"
        env = {**ENVIRONMENT, **request.env}
        request = replace(request, env=env, prompt=without_at_paths(request.prompt))
        try:
            write_policy(self._settings.permissions, request)
        except OSError as error:
            message = f"The call could not be set up: {error}"
            return AgentResult(error=AgentError(blame=Blame.CALL, code="start", message=message))
        ended, heard = self._call(request, watch)
        if request.session and ended.stopped is None and session_unusable(heard, ended):
            log.warning("session not resumed", extra={"item": request.item, "session": request.session})
            request = replace(request, session=None)
            ended, heard = self._call(request, watch)
        return result_of(self._settings, request, ended, heard, now_ms=self._clock.now_ms())

    def _call(self, request: AgentRequest, watch: Watch) -> tuple[Ended, Heard]:
        stream, metered = Stream(), Metered(watch, request)
        trail = Trail(home(request.env) / "tmp")
        if request.session:
            trail.skip(_chat(request.session))

        def take_notes() -> None:
            for note in trail.added(_chat(stream.session)) if stream.session else ():
                stream.feed_note(note)

        def take(line: bytes) -> bool:
            is_last = stream.feed(line)
            take_notes()
            if not is_last:
                metered.used(used(self._settings, stream.usage))
            return is_last

        ended = run_process(Program(argv=argv(self._settings, request)), request, metered, on_line=take)
        take_notes()
        return ended, stream.heard()


def make(section: AgentSettings, settings: Settings) -> GeminiAgent:
    """How the registry makes one."""
    return GeminiAgent(section, child_env=dict(settings.child_env), clock=Clock())


def argv(settings: AgentSettings, request: AgentRequest) -> tuple[str, ...]:
    """The command line. Options that take lists come early, so that nothing in `args` is taken for a part of one."""
    return (
        *(settings.command or (PROGRAM,)),
        *(word for folder in request.writable for word in ("--include-directories", _listed(folder, request))),
        *_permissions(settings.permissions, request),
        "--skip-trust",
        *(("--model", settings.model) if settings.model else ()),
        *(("--resume", request.session) if request.session else ()),
        *("--output-format", "stream-json"),
        *settings.args,
    )


def write_policy(permissions: str, request: AgentRequest) -> None:
    """The file with the rules for shell commands, for who does not skip all checks. Raises OSError."""
    if permissions == "everything":
        return
    rules = rules_for(request.report_command, request.gates) if permissions == "edit" else ANY_COMMAND
    make_folder(request.folder)
    write_new(request.folder / POLICY_FILE, rules.encode())


def without_at_paths(prompt: str) -> str:
    """The prompt with every `@` escaped that the client would replace by a file, and a word about it."""
    escaped = AT.sub(r"\\@", prompt)
    return prompt if escaped == prompt else escaped + AT_NOTE


def used(settings: AgentSettings, usage: Usage) -> Usage:
    return replace(usage, model=usage.model or settings.model)


def result_of(
    settings: AgentSettings, request: AgentRequest, ended: Ended, heard: Heard, *, now_ms: int
) -> AgentResult:
    """Exit code 0 alone is no success, and a client that hangs after its last event has succeeded."""
    error = waited(heard, ended, now_ms=now_ms) if ended.stopped in TOO_LONG else None
    error = error or error_of(ended) or error_in(heard, ended, now_ms=now_ms)
    text = heard.text if error is None else ""
    return AgentResult(
        error=error,
        answer=None if error else answer_from_text(request.step, text),
        text=text,
        session=heard.session,
        usage=used(settings, heard.usage),
        denied=heard.denied,
    )


def has_login(env: Mapping[str, str]) -> bool:
    """A key, or a file of a login, or a way to log in that was chosen; whether it still holds, the first call tells."""
    if any(env.get(key) for key in KEYS):
        return True
    folder = home(env)
    if any(os.path.lexists(folder / name) for name in LOGINS):
        return True
    try:
        with (folder / "settings.json").open("rb") as file:
            return CHOSEN in file.read(SETTINGS_BYTES)
    except OSError:
        return False


def home(env: Mapping[str, str]) -> Path:
    """Where the client keeps its settings, its login and its sessions."""
    return Path(env.get("GEMINI_CLI_HOME") or env.get("HOME", "/"), ".gemini")


def _permissions(permissions: str, request: AgentRequest) -> tuple[str, ...]:
    if permissions == "everything":
        return ("--yolo",)
    return ("--approval-mode", "auto_edit", "--policy", _listed(request.folder / POLICY_FILE, request))


def _listed(path: Path, request: AgentRequest) -> str:
    """A path for an option that splits at commas: where it has one, as seen from the workspace."""
    if "," not in str(path):
        return str(path)
    return os.path.relpath(os.path.realpath(path), os.path.realpath(request.workspace))


def _chat(session: str) -> str:
    return f"*/chats/session-*-{session[:8]}.jsonl"
