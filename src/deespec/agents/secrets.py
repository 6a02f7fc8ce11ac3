"""Which variables of the environment are secrets, and whose agents they are for."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deespec.config import AgentSettings

VENDORS = {
    "ANTHROPIC_API_KEY": "anthropic",
    "ANTHROPIC_AUTH_TOKEN": "anthropic",
    "CLAUDE_CODE_OAUTH_TOKEN": "anthropic",
    "OPENAI_API_KEY": "openai",
    "CODEX_API_KEY": "openai",
    "AZURE_OPENAI_API_KEY": "azure",
    "GEMINI_API_KEY": "google",
    "GOOGLE_API_KEY": "google",
    "GOOGLE_GENERATIVE_AI_API_KEY": "google",
    "OPENROUTER_API_KEY": "openrouter",
    "DASHSCOPE_API_KEY": "qwen",
    "DEEPSEEK_API_KEY": "deepseek",
    "GROQ_API_KEY": "groq",
    "MISTRAL_API_KEY": "mistral",
    "XAI_API_KEY": "xai",
    "COPILOT_PROVIDER_API_KEY": "copilot",
    "GITHUB_TOKEN": "github",
    "GH_TOKEN": "github",
}
"""Variables that hold a secret, and who gave it out."""

NEEDS = {
    "claude": ("anthropic",),
    "claude-agent-acp": ("anthropic",),
    "claude-code-acp": ("anthropic",),
    "codex": ("openai",),
    "codex-acp": ("openai",),
    "gemini": ("google",),
    "qwen": ("openai", "qwen"),
    "copilot": ("copilot",),
}
"""By kind of agent, or for the protocol by its program. Everything else gets what its model names, or pass_env."""


def is_foreign_secret(name: str, section: AgentSettings | None) -> bool:
    """A secret that this agent does not need; None: a gate. Programs of kind `command` may need any of them."""
    vendor = VENDORS.get(name)
    if vendor is None or (section is not None and section.kind == "command"):
        return False
    return section is None or vendor not in needed_by(section)


def needed_by(section: AgentSettings) -> tuple[str, ...]:
    """The vendors whose keys an agent needs."""
    program = os.path.basename(section.command[0]) if section.command else section.kind
    named = re.split(r"[/:]", section.model or "")[0].casefold()
    own = NEEDS.get(section.kind if section.kind in NEEDS else program, ())
    return (*own, named) if section.kind in ("opencode", "acp") else own
