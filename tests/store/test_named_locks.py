"""Named locks as programs use them: `app.locks`."""

from __future__ import annotations

import threading

import pytest

from deespec.app import open_app
from deespec.backlog.start import start
from deespec.clock import Clock
from deespec.errors import InvalidInput, LeaseLost, NotPossible
from deespec.store.named_locks import NAME_CHARACTERS, TTL_MOST_MS

TTL_MS = 30_000


class Hand(Clock):
    """A clock whose time since boot is moved by hand."""

    def __init__(self):
        self.passed_ms = 0

    def boot_ms(self):
        return super().boot_ms() + self.passed_ms


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def app(tmp_path, clock):
    start(tmp_path / ".deespec", clock=clock, agents=())
    opened = open_app(str(tmp_path / ".deespec"), clock=clock)
    yield opened
    opened.close()


def test_a_lock_is_held_while_its_block_runs_and_free_afterwards(app):
    with app.locks.hold("deploy") as lock:
        assert app.locks.holder("deploy") == lock
    assert app.locks.holder("deploy") is None


def test_a_lock_is_freed_by_an_error_in_its_block(app):
    with pytest.raises(ZeroDivisionError), app.locks.hold("deploy"):
        raise ZeroDivisionError
    assert app.locks.holder("deploy") is None


def test_what_is_held_cannot_be_had_and_the_holder_is_named(app):
    with app.locks.hold("deploy", owner="nightly"), pytest.raises(NotPossible, match="held by nightly"):
        app.locks.acquire("deploy")


def test_even_the_same_thread_does_not_get_a_lock_twice(app):
    with app.locks.hold("deploy"):
        assert app.locks.try_acquire("deploy") is None


def test_two_doors_to_one_backlog_exclude_each_other(app, tmp_path):
    other = open_app(str(tmp_path / ".deespec"))
    with app.locks.hold("deploy"):
        assert other.locks.try_acquire("deploy") is None
    other.close()


def test_who_comes_with_the_same_owner_gets_it_anew(app):
    first = app.locks.acquire("deploy", owner="nightly")
    second = app.locks.acquire("deploy", owner="nightly")
    assert second.token > first.token
    assert not app.locks.release(first)
    assert app.locks.release(second)


def test_a_lock_whose_time_is_over_can_be_had_with_a_larger_token(app, clock):
    first = app.locks.acquire("deploy", ttl_ms=TTL_MS)
    clock.passed_ms = TTL_MS
    second = app.locks.acquire("deploy", ttl_ms=TTL_MS)
    assert second.token > first.token


def test_tokens_grow_over_releases(app):
    tokens = [_taken_once(app) for _ in range(3)]
    assert tokens == sorted(set(tokens))


def test_a_renewed_lock_outlives_its_first_time(app, clock):
    lock = app.locks.acquire("deploy", ttl_ms=TTL_MS)
    clock.passed_ms = TTL_MS - 1
    app.locks.renew(lock, ttl_ms=TTL_MS)
    clock.passed_ms = TTL_MS + 1
    assert app.locks.try_acquire("deploy") is None


def test_the_block_ends_with_an_error_when_its_lock_was_taken_over(app, clock):
    with pytest.raises(LeaseLost, match="deploy"), app.locks.hold("deploy", ttl_ms=TTL_MS):
        clock.passed_ms = TTL_MS
        app.locks.acquire("deploy")
    assert app.locks.holder("deploy") is not None


def test_a_taken_over_lock_cannot_be_renewed(app, clock):
    lock = app.locks.acquire("deploy", ttl_ms=TTL_MS)
    clock.passed_ms = TTL_MS
    app.locks.acquire("deploy")
    with pytest.raises(LeaseLost):
        app.locks.renew(lock)


def test_who_waits_gets_the_lock_when_it_is_freed(app):
    lock = app.locks.acquire("deploy")
    threading.Timer(0.1, app.locks.release, args=(lock,)).start()
    assert app.locks.acquire("deploy", wait_ms=TTL_MS).token > lock.token


def test_who_waits_gets_the_lock_when_its_time_is_over(app):
    app.locks.acquire("deploy", ttl_ms=100)
    assert app.locks.try_acquire("deploy") is None
    assert app.locks.acquire("deploy", wait_ms=TTL_MS)


def test_threads_exclude_each_other(app):
    inside, most = [], []

    def use():
        for _ in range(20):
            with app.locks.hold("deploy", wait_ms=TTL_MS):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
        app.store.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80


@pytest.mark.parametrize("name", ["", "x" * (NAME_CHARACTERS + 1)])
def test_names_have_a_limit(app, name):
    with pytest.raises(InvalidInput):
        app.locks.try_acquire(name)


@pytest.mark.parametrize("ttl_ms", [0, -1, TTL_MOST_MS + 1])
def test_times_to_live_have_a_limit(app, ttl_ms):
    with pytest.raises(InvalidInput):
        app.locks.try_acquire("deploy", ttl_ms=ttl_ms)


def _taken_once(app):
    with app.locks.hold("deploy") as lock:
        return lock.token
