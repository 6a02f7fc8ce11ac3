"""Agents that take no work for a while: by their vendor's limit, by an error of their own, or by a person."""

from __future__ import annotations

from deespec.model.items import AgentPause
from deespec.model.wanted import CLOCK_SLACK_MS
from deespec.store.journal import JournalVerbs

STRIKES = 3
"""The same error on this many items in a row is the agent's, not theirs."""


class PauseVerbs(JournalVerbs):
    __slots__ = ()

    def pause(self, pause: AgentPause, *, actor: str) -> None:
        """Pauses an account for every worker; a pause that lasts longer or waits for a person is not shortened."""
        values = {
            "account": pause.account,
            "agent": pause.agent,
            "reason": pause.reason,
            "message": pause.message,
            "until_at": pause.until_at,
            "by_person": int(pause.by_person),
        }
        if self._run("pause_put", now=self.now, slack=CLOCK_SLACK_MS, **values):
            self.note(actor, "agent_paused", agent=pause.agent, error=pause.message, detail=pause.reason)

    def resume_agent(self, agent: str, *, actor: str) -> int:
        """Ends the pauses of all accounts of this agent; the number of them."""
        self._run("strike_clear_agent", agent=agent)
        count = self._run("pause_remove", agent=agent)
        if count:
            self.note(actor, "agent_resumed", agent=agent)
        return count

    def pauses(self) -> list[AgentPause]:
        """The pauses in force now."""
        return self._records(AgentPause, "pause_list", now=self.now, slack=CLOCK_SLACK_MS)

    def strike(self, *, account: str, sbi: int, code: str) -> bool:
        """Notes an error of a call; True when it is the same on STRIKES items in a row."""
        self._run("strike_clear_others", account=account, code=code)
        self._run("strike_put", account=account, sbi=sbi, code=code, now=self.now)
        return bool(self._value("strike_count", account=account, code=code) >= STRIKES)

    def strikes_clear(self, account: str) -> None:
        """A call went well: the row is broken."""
        self._run("strike_clear", account=account)
