"""Named locks, shared by every process of the backlog: owner, host, time to live, and a token that only grows."""

from __future__ import annotations

from deespec.errors import LeaseLost
from deespec.model.locks import Lock
from deespec.store import rows
from deespec.store.journal import JournalVerbs


class LockVerbs(JournalVerbs):
    __slots__ = ()

    def lock_acquire(
        self, name: str, *, owner: str, ttl_ms: int, host: str, pid: int, boot: str, boot_ms: int
    ) -> Lock | None:
        """The lock, if nobody holds it or its time is over; None if somebody does. The same owner may take it again."""
        expires_at, expires_boot = self.now + ttl_ms, boot_ms + ttl_ms
        token = self._value(
            "lock_acquire",
            name=name,
            owner=owner,
            host=host,
            pid=pid,
            boot=boot,
            boot_ms=boot_ms,
            now=self.now,
            expires_at=expires_at,
            expires_boot=expires_boot,
        )
        if token is None:
            return None
        return Lock(
            name=name,
            owner=owner,
            token=token,
            host=host,
            pid=pid,
            boot=boot,
            acquired_at=self.now,
            expires_at=expires_at,
            expires_boot=expires_boot,
        )

    def lock_renew(self, lock: Lock, *, ttl_ms: int, boot_ms: int) -> None:
        """Extends the lock. Raises LeaseLost if it has another token by now."""
        changed = self._run(
            "lock_renew",
            name=lock.name,
            token=lock.token,
            expires_at=self.now + ttl_ms,
            expires_boot=boot_ms + ttl_ms,
        )
        if not changed:
            raise LeaseLost(f"The lock {lock.name} is not held with token {lock.token} any more.")

    def lock_release(self, lock: Lock) -> bool:
        """Frees the lock; False if it has another token by now, which changes nothing."""
        return bool(self._run("lock_release", name=lock.name, token=lock.token))

    def lock_break(self, lock: Lock, *, actor: str) -> bool:
        """Frees a lock on a person's word, for the record; False if it has another token by now."""
        freed = self.lock_release(lock)
        if freed:
            self.note(actor, "lock_released", detail=f"{lock.name}, held by {lock.owner}")
        return freed

    def locks(self) -> list[Lock]:
        """All locks that somebody holds, expired ones included."""
        return self._records(Lock, "lock_list")

    def lock(self, name: str) -> Lock | None:
        row = self._one("lock_get", name=name)
        return None if row is None else rows.decode(Lock, row)

    def locks_cleanup(self, *, boot: str, boot_ms: int) -> int:
        """Frees locks whose time is over; the number of them."""
        return self._run("lock_cleanup", boot=boot, boot_ms=boot_ms)
