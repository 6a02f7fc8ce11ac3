"""What is kept of a client that was tried against the stand-in for its model's server. Pure."""

from __future__ import annotations

from deespec.records import record


@record
class AgentCheck:
    """What `agent check` found of one version of a client on one host."""

    kind: str
    """Its kind; of an agent that speaks the protocol, its program."""
    version: str
    host: str
    result: tuple[str, ...]
    """What is not as its adapter expects, a sentence each; empty: all is."""
    at: int = 0
