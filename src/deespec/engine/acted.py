"""What can have come of a claim's work, before it is settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.base import AgentError, AgentResult
from deespec.records import record

if TYPE_CHECKING:
    from deespec.model.items import Answer, Sbi
    from deespec.model.proposal import Proposed
    from deespec.model.work import Work


@record
class Answered:
    """The agent gave an answer; the engine has looked at what it did."""

    sbi: Sbi
    answer: Answer
    result: AgentResult | None
    """None: this claim has called nobody, an earlier one left the answer."""
    findings: tuple[str, ...] = ()
    tree: str | None = None
    work: Work | None = None
    """The item's side in Git as the turn leaves it, where it has one."""
    notes: tuple[str, ...] = ()
    """What the turn's record tells as well, and what nothing follows from."""
    report: str | None = None
    """What the record tells of the answer, where that is not its text."""
    proposed: tuple[Proposed, ...] = ()
    """Of a decomposition that nothing is wrong with."""
    doubt: str = ""
    """Why none of that is registered without a person."""


@record
class Failed:
    """The call failed; whose error it is decides what follows."""

    error: AgentError
    result: AgentResult | None
    """None: it was no call that failed; what one has used is in the ledger."""


@record
class GivenBack:
    """Not this item's fault: it goes back without using an attempt."""

    why: str
    setback: bool = True
    """The workspace failed: wait before the next try, and ask a person after some of them."""


@record
class Needed:
    """A person is needed before any agent can go on."""

    reason: str
    question: str


@record
class Waits:
    """Nothing can be done for it for a while: the base is broken, its pull request is open."""

    why: str
    reason: str
    """One word that the item shows meanwhile."""
    delay_ms: int


@record
class Merged:
    """The target has the item's work."""


@record
class Conflicted:
    """It cannot be merged as it is."""

    words: str
    onto: str
    """The target's commit that it has to go with."""


@record
class ChangesWanted:
    """Whoever looks at its pull request wants it changed."""

    words: str
    taken: str
    """Names these words, so that they are not taken twice."""


Acted = Answered | Failed | GivenBack | Needed | Waits | Merged | Conflicted | ChangesWanted
