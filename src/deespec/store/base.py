"""The door to the store: `with store.transaction() as tx:` writes, `with store.read() as tx:` reads one snapshot.

A transaction is short and is never open while an agent, an editor or a person works. Its verbs are the domain's and
live beside this file, one theme a file; there is no way to pass SQL through the door.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from deespec.store.answers import AnswerVerbs
from deespec.store.asking import AskingVerbs
from deespec.store.graphing import GraphVerbs
from deespec.store.groups import GroupVerbs
from deespec.store.importing import ImportVerbs
from deespec.store.labelling import LabellingVerbs
from deespec.store.locks import LockVerbs
from deespec.store.merging import MergeVerbs
from deespec.store.origins import OriginVerbs
from deespec.store.pauses import PauseVerbs
from deespec.store.probes import ProbeVerbs
from deespec.store.views import ViewVerbs

if TYPE_CHECKING:
    import threading
    from contextlib import AbstractContextManager


class Transaction(
    ViewVerbs,
    GroupVerbs,
    MergeVerbs,
    AnswerVerbs,
    AskingVerbs,
    LabellingVerbs,
    OriginVerbs,
    LockVerbs,
    PauseVerbs,
    ImportVerbs,
    ProbeVerbs,
    GraphVerbs,
):
    """One unit of work: all of it or nothing. `now` (wall time, ms) is fixed for it."""


class Store(ABC):
    """Where a backlog is remembered. One object may be shared by the threads of one process, not across a fork."""

    cache_kib = 2_000
    """How much of the database each connection that is opened from now on keeps in memory."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """A write, durable when the block has ended; rolled back on any exception. Waits its turn."""

    @abstractmethod
    def light_transaction(self) -> AbstractContextManager[Transaction]:
        """A write that a power cut may take back, together with the processes it speaks of: leases, locks, guards."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """One consistent snapshot; never waits for a writer."""

    @abstractmethod
    def wait(self, timeout_ms: int, wake: threading.Event | None = None) -> bool:
        """Waits until somebody else has written, `wake` is set, or the time is over. True: somebody has written."""

    @abstractmethod
    def identity(self) -> str:
        """Names this very database among its copies: a copied one has another."""

    @abstractmethod
    def close(self) -> None:
        """Closes this thread's connections; the others close when their threads have ended or the process ends."""
