"""A database that is not what it was: copied with its project, or restored from a backup. It gets a life of its own.

Claims, calls and workers in it are those of another life: they are forgotten, and nothing of them is touched. A new
epoch, which is part of every claim, keeps what that life still writes and kills apart from this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.model.lifecycle import Event
from deespec.records import record
from deespec.store.leases import LeaseVerbs
from deespec.store.locks import LockVerbs
from deespec.store.rows import encode

if TYPE_CHECKING:
    from deespec.model.items import Worker
    from deespec.model.locks import Lock
    from deespec.model.money import Spend


@record
class Marks:
    """What a life has given out, so that the next one does not give it again, and what outlives a restore."""

    seq: int = 0
    """The newest entry of the journal."""
    counters: tuple[tuple[str, int], ...] = ()
    locks: tuple[Lock, ...] = ()
    """All named locks, an empty owner where nobody holds one; they are of now, not of the backlog."""
    spend: tuple[Spend, ...] = ()
    """What has been paid stays paid."""
    workers: tuple[Worker, ...] = ()
    """Those that live on."""


class OriginVerbs(LeaseVerbs, LockVerbs):
    __slots__ = ()

    def is_moved(self, identity: str) -> bool:
        """Whether this database was made, or worked with last, as another file: it is a copy, then."""
        return bool(self._value("meta_get", name="file") != identity)

    def settle_in(self, identity: str, *, actor: str) -> bool:
        """Begins a life of its own for a database that was copied; False, and nothing is done, if it was not."""
        if not self.is_moved(identity):
            return False
        self._begin_anew(identity, actor=actor, why="the project was copied or moved")
        self.note(actor, "moved", detail=f"to file {identity}")
        return True

    def copied(self, identity: str, *, source: str, actor: str) -> None:
        """Begins the life of a copy whose source is sealed when it is complete: nothing in it is going on."""
        self._begin_anew(identity, actor=actor, why="the backlog was copied")
        self.note(actor, "copied", detail=f"from {source}")

    def restored(self, identity: str, marks: Marks, *, actor: str, detail: str) -> None:
        """Begins the life of a restored backup, in which nothing is given out again that is in `marks`."""
        self._run("seq_begin")
        self._run("seq_raise", seq=marks.seq)
        for name, value in marks.counters:
            self._run("counter_raise", name=name, value=value)
        self._run("locks_free", now=self.now)
        for lock in marks.locks:
            self._put_lock(lock)
        for spend in marks.spend:
            self._run("spend_add_once", **encode(spend))
        self._begin_anew(identity, actor=actor, why="a backup was restored")
        for worker in marks.workers:
            self._insert(worker)
        self.note(actor, "restored", detail=detail)

    def _begin_anew(self, identity: str, *, actor: str, why: str) -> None:
        """New epoch; claims end without an attempt used, their items stay where they are."""
        self._run("meta_put", name="epoch", value=self.clock.random_bytes(4).hex())
        self._run("meta_put", name="file", value=identity)
        for number in self.lease_ends():
            sbi = self.sbi(number)
            self.free(number)
            self.move(sbi, Event.RELEASED, actor=actor, error=why, turn=sbi.turn + 1)
        for worker in self.workers():
            self._takes_no_more(worker.uid)
            self._run("worker_remove", uid=worker.uid)
        self._run("calls_forget_all")
        self._run("answers_forget_all")

    def _put_lock(self, lock: Lock) -> None:
        self._run(
            "lock_put",
            name=lock.name,
            owner=lock.owner,
            token=lock.token,
            host=lock.host,
            pid=lock.pid,
            boot=lock.boot,
            acquired_at=lock.acquired_at,
            expires_at=lock.expires_at,
            expires_boot=lock.expires_boot,
        )
