"""Agents that take no work for a while: by their vendor's limit, by an error of their own, or by a person."""

from __future__ import annotations

from deespec.clock import iso
from deespec.model.items import AgentPause
from deespec.model.wanted import CLOCK_SLACK_MS
from deespec.store.journal import JournalVerbs

STRIKES = 3
"""The same error on this many items in a row is the agent's, not theirs."""

FOR_EVER = 1 << 62
"""As a time: until a person says so."""


class PauseVerbs(JournalVerbs):
    __slots__ = ()

    def pause(self, pause: AgentPause, *, actor: str) -> None:
        """Pauses an account, or one agent of it, for every worker.

        A pause that lasts longer or waits for a person is not shortened, but by a person who has made it.
        """
        values = {
            "account": pause.account,
            "only_agent": pause.only_agent,
            "agent": pause.agent,
            "reason": pause.reason,
            "message": pause.message,
            "until_at": pause.until_at,
            "by_person": int(pause.by_person),
            "tries": pause.tries,
        }
        if self._run("pause_put", now=self.now, slack=CLOCK_SLACK_MS, **values):
            until = f" until {iso(pause.until_at)}" if pause.until_at is not None else ""
            self.note(actor, "agent_paused", agent=pause.agent, error=pause.message, detail=f"{pause.reason}{until}")

    def last_limit(self, account: str) -> tuple[int, int | None]:
        """How many limits the account has met in a row, and until when it is paused now; None: it is not."""
        row = self._one("pause_get", account=account, now=self.now, slack=CLOCK_SLACK_MS, for_ever=FOR_EVER)
        return (0, None) if row is None else (row[0], row[1])

    def resume_agent(self, agent: str, *, account: str = "", actor: str) -> int:
        """Ends the pauses of this agent, of all accounts that paused by it, and of `account`; the number of them."""
        self._run("strike_clear_agent", agent=agent, account=account)
        count = self._run("pause_remove", agent=agent, account=account)
        if count:
            self.note(actor, "agent_resumed", agent=agent)
        return count

    def pauses(self) -> list[AgentPause]:
        """The pauses in force now."""
        return self._records(AgentPause, "pause_list", now=self.now, slack=CLOCK_SLACK_MS)

    def strike(self, *, account: str, agent: str, sbi: int, code: str) -> bool:
        """Notes an error of a call; True when it is the same on STRIKES items in a row."""
        self._run("strike_clear_others", account=account, agent=agent, code=code)
        self._run("strike_put", account=account, agent=agent, sbi=sbi, code=code, now=self.now)
        return bool(self._value("strike_count", account=account, agent=agent, code=code) >= STRIKES)

    def went_well(self, *, account: str, agent: str) -> None:
        """A call was answered: the row of errors is broken, and a limit that was met before is not met any more."""
        self._run("strike_clear", account=account, agent=agent)
        self._run("pause_over", account=account, now=self.now)
