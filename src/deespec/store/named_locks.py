"""`app.locks`: named locks for programs, shared by every process that uses the backlog; each is one short transaction.

A lock ends when it is released or when its time to live is over, so a holder that died bars nobody for longer. Its
token is larger than every token this name has had: what must not be done twice should check it where it is done.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deespec.errors import InvalidInput, LeaseLost, NotPossible
from deespec.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.clock import Clock
    from deespec.model.locks import Lock
    from deespec.store.base import Store

TTL_MS = 60_000
TTL_MOST_MS = 7 * 86_400_000
NAME_CHARACTERS = 200


class NamedLocks:
    """The named locks of one backlog. One object may be shared by the threads of a process.

    Without an `owner` each acquisition stands for itself, so two threads exclude each other like two processes. With
    one, who comes with the same `owner` gets the lock anew (after a crash, say), and earlier holders have lost it.
    """

    def __init__(self, store: Store, *, clock: Clock, host: str, person: str) -> None:
        self._store = store
        self._clock = clock
        self._host = host
        self._person = person
        self._boot = clock.boot_id()

    @contextmanager
    def hold(self, name: str, *, ttl_ms: int = TTL_MS, wait_ms: int = 0, owner: str | None = None) -> Iterator[Lock]:
        """Holds the lock while the block runs: `with app.locks.hold("deploy", ttl_ms=30_000) as lock:`.

        Waits up to `wait_ms` for it. What may take longer than `ttl_ms` calls `renew` meanwhile. Raises NotPossible,
        naming the holder, if it cannot be had, and LeaseLost at the end if somebody else has taken it over.
        """
        lock = self.acquire(name, ttl_ms=ttl_ms, wait_ms=wait_ms, owner=owner)
        try:
            yield lock
        except BaseException:
            self.release(lock)
            raise
        if not self.release(lock):
            raise LeaseLost(f"The lock {name} was taken over: its {ttl_ms} ms were over before the work was done.")

    def acquire(self, name: str, *, ttl_ms: int = TTL_MS, wait_ms: int = 0, owner: str | None = None) -> Lock:
        """The lock, after at most `wait_ms`. Raises NotPossible, naming the holder, if it cannot be had."""
        until = self._clock.boot_ms() + wait_ms
        while (lock := self.try_acquire(name, ttl_ms=ttl_ms, owner=owner)) is None:
            left = until - self._clock.boot_ms()
            holder = self.holder(name)
            if left > 0:
                ends_in = holder.expires_boot - self._clock.boot_ms() if holder else 0
                self._store.wait(max(1, min(left, ends_in)))
            elif holder is not None:
                raise NotPossible(
                    f"The lock {name} is held by {holder.owner} (pid {holder.pid} on {holder.host}).",
                    hint=f"deespec lock info {name}",
                )
        return lock

    def try_acquire(self, name: str, *, ttl_ms: int = TTL_MS, owner: str | None = None) -> Lock | None:
        """The lock if it is free or its time is over, at once; None if somebody holds it."""
        if not 0 < len(name) <= NAME_CHARACTERS:
            raise InvalidInput(f"A lock's name has 1 to {NAME_CHARACTERS} characters, not {len(name)}.")
        if not 0 < ttl_ms <= TTL_MOST_MS:
            raise InvalidInput(f"The time to live of a lock is 1 to {TTL_MOST_MS} ms, not {ttl_ms}.")
        pid = os.getpid()
        with self._store.light_transaction() as tx:
            return tx.lock_acquire(
                name,
                owner=owner or f"{self._person} {pid}.{self._clock.random_bytes(4).hex()}",
                ttl_ms=ttl_ms,
                host=self._host,
                pid=pid,
                boot=self._boot,
                boot_ms=self._clock.boot_ms(),
            )

    def renew(self, lock: Lock, *, ttl_ms: int = TTL_MS) -> Lock:
        """The lock for another `ttl_ms` from now, even past its end. Raises LeaseLost if it is another's by now."""
        with self._store.light_transaction() as tx:
            now = self._clock.boot_ms()
            tx.lock_renew(lock, ttl_ms=ttl_ms, boot_ms=now)
            return replace(lock, expires_at=tx.now + ttl_ms, expires_boot=now + ttl_ms)

    def release(self, lock: Lock) -> bool:
        """Frees the lock; False, which changes nothing, if it is another's by now or free already."""
        with self._store.light_transaction() as tx:
            return tx.lock_release(lock)

    def holder(self, name: str) -> Lock | None:
        """Who holds the lock, its time may be over; None if it is free."""
        with self._store.read() as tx:
            return tx.lock(name)
