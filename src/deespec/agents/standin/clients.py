"""How each client is made to talk to the stand-in instead of its vendor, with nothing of the user's own.

Their sections of the settings lose what the user has set, as arguments and environment may hold other servers and
secrets: what is left is the program. Retries are as few as the client can be told to make.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from deespec.config import AgentSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "none"
MODEL = "standin-model"
CODEX_MODEL = "gpt-5-codex"
CLAUDE_TOKEN = "sk-ant-oat01-none"
"""By its look a login to a plan: only with one does Claude Code say when a limit ends."""

Env = dict[str, str]


def client_of(section: AgentSettings) -> str:
    """Whose behaviour an agent has: its kind, or for the protocol the program that speaks it."""
    return os.path.basename(section.command[0]) if section.kind == "acp" and section.command else section.kind


def knows(section: AgentSettings) -> bool:
    """Whether this client can be pointed at the stand-in."""
    return client_of(section) in _CLIENTS


def uses_proxy(section: AgentSettings) -> bool:
    """Whether it goes straight to this machine's own servers although there is a proxy for all others."""
    return client_of(section) not in ("gemini", "qwen")


def towards(section: AgentSettings, url: str, folder: Path) -> AgentSettings:
    """These settings with the client talking to the stand-in at `url`, and its own files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    model, env = _CLIENTS[client_of(section)](url, folder)
    return AgentSettings(
        name=section.name,
        kind=section.kind,
        command=section.command,
        permissions=section.permissions,
        model=model,
        env=tuple(env.items()),
    )


def _claude(url: str, folder: Path) -> tuple[str, Env]:
    return "sonnet", {
        "ANTHROPIC_BASE_URL": url,
        "CLAUDE_CODE_OAUTH_TOKEN": CLAUDE_TOKEN,
        "CLAUDE_CONFIG_DIR": str(folder),
        "CLAUDE_CODE_MAX_RETRIES": "0",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
    }


def _codex(url: str, folder: Path) -> tuple[str, Env]:
    config = f"""\
model = "{CODEX_MODEL}"
model_provider = "standin"
check_for_update_on_startup = false

[analytics]
enabled = false

[sandbox_workspace_write]
exclude_slash_tmp = true
exclude_tmpdir_env_var = true

[model_providers.standin]
name = "standin"
base_url = {json.dumps(f"{url}/v1")}
env_key = "STANDIN_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""
    (folder / "config.toml").write_text(config, encoding="utf-8")
    return CODEX_MODEL, {"CODEX_HOME": str(folder), "STANDIN_KEY": KEY}


def _codex_acp(url: str, folder: Path) -> tuple[None, Env]:
    """Through the protocol it can be told none but the models that it offers."""
    return None, _codex(url, folder)[1]


def _gemini(url: str, folder: Path) -> tuple[str, Env]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"maxAttempts": 1, "disableAutoUpdate": True, "disableUpdateNag": True},
        "privacy": {"usageStatisticsEnabled": False},
    }
    own = folder / ".gemini"
    own.mkdir(exist_ok=True)
    (own / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    return "gemini-2.5-pro", {
        "HOME": str(folder),
        "GEMINI_API_KEY": KEY,
        "GOOGLE_GEMINI_BASE_URL": url,
        "GEMINI_TELEMETRY_ENABLED": "false",
    }


def _opencode(url: str, folder: Path) -> tuple[str, Env]:
    model = {"tool_call": True, "limit": {"context": 200_000, "output": 8_000}, "cost": {"input": 3, "output": 15}}
    options = {"baseURL": f"{url}/v1", "apiKey": KEY}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {MODEL: model}}
    config = {
        "provider": {"standin": provider},
        "small_model": f"standin/{MODEL}",
        "autoupdate": False,
        "share": "disabled",
    }
    places = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("DATA", "CONFIG", "STATE", "CACHE")}
    return f"standin/{MODEL}", {
        "OPENCODE_CONFIG_CONTENT": json.dumps(config),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        **places,
    }


def _qwen(url: str, folder: Path) -> tuple[str, Env]:
    env = {"HOME": str(folder), "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY, "OPENAI_MODEL": MODEL}
    return MODEL, env


def _copilot(url: str, folder: Path) -> tuple[str, Env]:
    return MODEL, {
        "COPILOT_OFFLINE": "true",
        "COPILOT_PROVIDER_BASE_URL": f"{url}/v1",
        "COPILOT_PROVIDER_API_KEY": KEY,
        "COPILOT_MODEL": MODEL,
        "COPILOT_HOME": str(folder),
        "COPILOT_AUTO_UPDATE": "false",
    }


_CLIENTS: dict[str, Callable[[str, Path], tuple[str | None, Env]]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "claude-agent-acp": _claude,
    "codex-acp": _codex_acp,
    "qwen": _qwen,
    "copilot": _copilot,
}
