"""Who is alive: each worker holds a lock on a file of its own for life; no pid or namespace can imitate that."""

from __future__ import annotations

import fcntl
import os


class LifeLock:
    """The lock a worker holds for life: held means alive, whatever the process looks like from outside."""

    def __init__(self, home: str, uid: str) -> None:
        os.makedirs(os.path.join(home, "workers"), mode=0o700, exist_ok=True)
        self.path = life_path(home, uid)
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass  # the whole home was removed
        os.close(self.file)


def is_alive(home: str, uid: str) -> bool:
    """Whether this worker's process lives, on this machine, in whatever PID namespace, running or stopped."""
    try:
        file = os.open(life_path(home, uid), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def living(home: str) -> list[str]:
    """The uids of all workers of this backlog whose processes live on this machine."""
    try:
        uids = sorted(os.listdir(os.path.join(home, "workers")))
    except FileNotFoundError:
        return []
    return [uid for uid in uids if is_alive(home, uid)]


def life_path(home: str, uid: str) -> str:
    """The file that this worker holds locked."""
    return os.path.join(home, "workers", uid)
