"""What a board keeps in memory, which it has for days: little for each of its threads."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import psutil
import pytest
from board_at import PATIENCE_S, Served
from test_board_command import start

from deespec.app import App
from deespec.web.backlog import CACHE_KIB, DEAR, READERS, WRITERS

HEAP_BYTES = 64 * 1024 * 1024
"""Of addresses that glibc sets aside for each heap."""
STACK_BYTES = 8 * 1024 * 1024


def cache_size(app: App) -> object:
    with app.store.read() as tx:
        return tx.connection.fetch("PRAGMA cache_size", {})[0][0]


def test_a_connection_of_a_board_keeps_little_of_the_database(served: Served) -> None:
    try:
        assert served.board.backlog.do(cache_size, again=True) == -CACHE_KIB
    finally:
        served.board.backlog.close_thread()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others know no such heaps")
def test_its_threads_share_one_heap(home: Path) -> None:
    process = start(home, "--json")
    try:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        found = psutil.Process(process.pid)
        threads = found.num_threads()
        assert threads > READERS + WRITERS + DEAR
        assert found.memory_info().vms < threads * (HEAP_BYTES / 2 + STACK_BYTES)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
