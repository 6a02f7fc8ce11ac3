"""What an agent is told over the Agent Client Protocol, made of the types of the protocol's own package. Pure.

Only this module knows that package, which is optional; what agents say is read without it, as its types refuse the
whole of a message for one field that they do not know.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from acp import AGENT_METHODS, CLIENT_METHODS, PROTOCOL_VERSION
from acp.schema import (
    AllowedOutcome,
    CancelNotification,
    ClientCapabilities,
    DeniedOutcome,
    FileSystemCapabilities,
    Implementation,
    InitializeRequest,
    LoadSessionRequest,
    NewSessionRequest,
    PromptRequest,
    RequestPermissionResponse,
    SetSessionConfigOptionSelectRequest,
    SetSessionModeRequest,
    TextContentBlock,
)

from deespec.records import record

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from deespec.agents.reading import Json

VERSION = PROTOCOL_VERSION
UPDATE = CLIENT_METHODS["session_update"]
PERMISSION = CLIENT_METHODS["session_request_permission"]
NO_SUCH_METHOD = -32601
"""JSON-RPC's code for it."""


@record
class Message:
    """A request, or a notification."""

    method: str
    params: Json


def initialize() -> Message:
    """Neither files nor terminals are offered: agents have their own, below the guard."""
    capabilities = ClientCapabilities(
        fs=FileSystemCapabilities(read_text_file=False, write_text_file=False), terminal=False
    )
    own = Implementation(name="deespec", title="deespec", version=metadata.version("deespec"))
    found = InitializeRequest(protocol_version=PROTOCOL_VERSION, client_capabilities=capabilities, client_info=own)
    return Message(method=AGENT_METHODS["initialize"], params=_json(found))


def new_session(workspace: Path, *, folders: list[str] | None, meta: Json) -> Message:
    found = NewSessionRequest(cwd=str(workspace), mcp_servers=[], additional_directories=folders, field_meta=meta)
    return Message(method=AGENT_METHODS["session_new"], params=_json(found))


def load_session(session: str, workspace: Path, *, folders: list[str] | None, meta: Json) -> Message:
    found = LoadSessionRequest(
        session_id=session, cwd=str(workspace), mcp_servers=[], additional_directories=folders, field_meta=meta
    )
    return Message(method=AGENT_METHODS["session_load"], params=_json(found))


def set_mode(session: str, mode: str) -> Message:
    found = SetSessionModeRequest(session_id=session, mode_id=mode)
    return Message(method=AGENT_METHODS["session_set_mode"], params=_json(found))


def set_option(session: str, option: str, value: str) -> Message:
    found = SetSessionConfigOptionSelectRequest(session_id=session, config_id=option, value=value)
    return Message(method=AGENT_METHODS["session_set_config_option"], params=_json(found))


def prompt(session: str, text: str) -> Message:
    found = PromptRequest(session_id=session, prompt=[TextContentBlock(type="text", text=text)])
    return Message(method=AGENT_METHODS["session_prompt"], params=_json(found))


def cancel(session: str) -> Message:
    return Message(method=AGENT_METHODS["session_cancel"], params=_json(CancelNotification(session_id=session)))


def chosen(option: str | None) -> Json:
    """The answer to a request for leave; None: none of its options is chosen."""
    if option is None:
        return _json(RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled")))
    return _json(RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=option)))


def _json(found: BaseModel) -> Json:
    return found.model_dump(mode="json", by_alias=True, exclude_none=True)
