"""What `agent check` found of the clients on each host, one row a version."""

from __future__ import annotations

import json

from deespec.model.probes import AgentCheck
from deespec.store.unit import Unit


class ProbeVerbs(Unit):
    __slots__ = ()

    def keep_agent_check(self, check: AgentCheck) -> None:
        """The newest look at a version counts."""
        values = {"kind": check.kind, "version": check.version, "host": check.host}
        self._run("agent_check_put", result=json.dumps(check.result), at=self.now, **values)

    def agent_checks(self, host: str) -> list[AgentCheck]:
        """All of a host, the newest last."""
        return self._records(AgentCheck, "agent_check_list", host=host)
