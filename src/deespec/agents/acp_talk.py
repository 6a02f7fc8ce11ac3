"""A conversation with an agent over the Agent Client Protocol: one session, one prompt, and answers to what it asks.

No thread and no event loop: `take` gets what the agent says, line by line, and what there is to say to that is said
before it returns. So the call's process, its limits and its end are in the hands that all other agents are in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deespec.agents import acp_messages as messages
from deespec.agents.acp_choices import NotOffered, choices, model_of
from deespec.agents.acp_policy import ALLOW, COMMAND, EDITS, REJECT, describe, option_for
from deespec.agents.reading import below, count, parse, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.agents.acp_messages import Message
    from deespec.agents.acp_policy import Policy
    from deespec.agents.acp_stream import Stream
    from deespec.agents.base import AgentRequest
    from deespec.agents.input import Say
    from deespec.agents.reading import Json
    from deespec.config import AgentSettings

SESSION_CHARACTERS = 200


class Conversation:
    """Behind the Talk protocol of agents.input."""

    def __init__(
        self, settings: AgentSettings, request: AgentRequest, *, policy: Policy, stream: Stream, meta: Json
    ) -> None:
        self._settings, self._request, self._policy, self._stream, self._meta = settings, request, policy, stream, meta
        self._say: Say | None = None
        self._waiting: dict[int, tuple[str, Callable[[Json], None]]] = {}
        """By the number of a request: the stage that it belongs to, and what its answer leads to."""
        self._asked = 0
        self._session: str | None = None
        self._is_cancelled = False
        self._is_over = False

    # --- behind the protocol -----------------------------------------------------------------------------------------

    def begin(self, say: Say) -> None:
        self._say = say
        self._ask("initialize", messages.initialize(), self._initialized)

    def take(self, line: bytes) -> bool:
        """Garbage among the lines, and answers to what was not asked, say nothing."""
        message = parse(line)
        if word(message, "method") is not None:
            self._take_call(message)
        else:
            self._take_answer(message)
        return self._is_over

    def cancel(self) -> bool:
        """Only a prompt can be cancelled; once is enough."""
        if self._is_over or self._is_cancelled or not self._is_prompted:
            return False
        self._is_cancelled = True
        assert self._session is not None
        self._tell(messages.cancel(self._session))
        return True

    # --- one after the other -----------------------------------------------------------------------------------------

    @property
    def _is_prompted(self) -> bool:
        return any(stage == "prompt" for stage, _ in self._waiting.values())

    def _initialized(self, result: Json) -> None:
        self._stream.take_agent(result)
        if count(result, "protocolVersion") != messages.VERSION:
            spoken = count(result, "protocolVersion")
            return self._fail("initialize", f"It speaks version {spoken} of the protocol, not {messages.VERSION}.")
        able = below(result, "agentCapabilities")
        self._folders = None
        if isinstance(below(able, "sessionCapabilities").get("additionalDirectories"), dict):
            self._folders = [str(folder) for folder in (self._request.workspace, *self._request.writable)]
        if self._request.session and able.get("loadSession") is True:
            return self._load(self._request.session)
        return self._open({})

    def _load(self, session: str) -> None:
        loading = messages.load_session(session, self._request.workspace, folders=self._folders, meta=self._meta)
        self._ask("load", loading, lambda result: self._opened(session, result, is_loaded=True))

    def _open(self, _: Json) -> None:
        """A session that cannot be loaded is left for a fresh one: the prompt says all that is needed."""
        opening = messages.new_session(self._request.workspace, folders=self._folders, meta=self._meta)
        self._ask("session", opening, lambda found: self._opened(word(found, "sessionId"), found, is_loaded=False))

    def _opened(self, session: str | None, result: Json, *, is_loaded: bool) -> None:
        if not session or len(session) > SESSION_CHARACTERS:
            return self._fail("session", "It opened a session without a name.")
        self._session = session
        self._stream.take_session(session, model_of(result), is_loaded=is_loaded)
        try:
            wanted = choices(self._settings, result)
        except NotOffered as error:
            return self._fail("choice", str(error))
        asked: list[Message] = [
            messages.set_mode(session, one.value)
            if one.option is None
            else messages.set_option(session, one.option, one.value)
            for one in wanted
        ]
        return self._choose(asked)

    def _choose(self, asked: list[Message]) -> None:
        if asked:
            return self._ask("choice", asked[0], lambda _: self._choose(asked[1:]))
        assert self._session is not None
        self._stream.begin()
        return self._ask("prompt", messages.prompt(self._session, self._request.prompt), self._ended)

    def _ended(self, result: Json) -> None:
        self._stream.take_end(result)
        self._is_over = True

    def _fail(self, stage: str, message: str) -> None:
        self._stream.take_failure(stage, {"message": message})
        self._is_over = True

    # --- what it says ------------------------------------------------------------------------------------------------

    def _take_answer(self, message: Json) -> None:
        number = message.get("id")
        waiting = self._waiting.pop(number, None) if isinstance(number, int) else None
        if waiting is None:
            return
        stage, then = waiting
        if "error" not in message:
            then(below(message, "result"))
        elif stage == "load":
            self._open({})
        else:
            self._stream.take_failure(stage, below(message, "error"))
            self._is_over = True

    def _take_call(self, message: Json) -> None:
        method, params = word(message, "method"), below(message, "params")
        if "id" not in message:
            if method == messages.UPDATE and word(params, "sessionId") == self._session:
                self._stream.take_update(params)
        elif method == messages.PERMISSION:
            self._send({"id": message["id"], "result": messages.chosen(self._judge(params))})
        else:
            error = {"code": messages.NO_SUCH_METHOD, "message": f"deespec has no {(method or '')[:80]}"}
            self._send({"id": message["id"], "error": error})

    def _judge(self, params: Json) -> str | None:
        """The option that is chosen; None: none, the turn is to end."""
        tool = below(params, "toolCall")
        if (word(tool, "kind") or "other") in (COMMAND, *EDITS):
            self._stream.take_request()
        if self._is_cancelled:
            return None
        option = option_for(params, ALLOW) if self._policy.allows(tool) else None
        if option is not None:
            return option
        self._stream.deny(describe(tool))
        if self._settings.permission_requests == "ask":
            self._stream.want(describe(tool))
            return None
        return option_for(params, REJECT)

    # --- what is said to it ------------------------------------------------------------------------------------------

    def _ask(self, stage: str, message: Message, then: Callable[[Json], None]) -> None:
        self._waiting[self._asked] = (stage, then)
        self._send({"id": self._asked, "method": message.method, "params": message.params})
        self._asked += 1

    def _tell(self, message: Message) -> None:
        self._send({"method": message.method, "params": message.params})

    def _send(self, fields: Json) -> None:
        assert self._say is not None
        self._say(json.dumps({"jsonrpc": "2.0", **fields}).encode() + b"\n")
