"""A real backlog with a living worker, and `deespec watch` over it, driven by Textual's pilot."""

from __future__ import annotations

import asyncio
import html
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from deespec.app import open_app
from deespec.backlog.start import start
from deespec.model.asking import Draft
from deespec.model.items import Claim, Sbi, Worker
from deespec.model.lifecycle import Event
from deespec.model.wanted import AgentSlot
from deespec.records import replace
from deespec.store.alive import LifeLock
from deespec.text import width_of
from deespec.tui.app import Watch
from ledger import FakeClock, Ledger

SETTINGS = """
[run]
implement = "ann"
[budget]
usd_per_day = 10
[agents.ann]
kind = "command"
command = "true"
limit = 2
account = "team"
billing = "metered"
[agents.bob]
kind = "command"
command = "true"
account = "team"
"""
SNAPSHOTS = Path(__file__).parent / "snapshots"
RENEW = "RENEW_SCREENS" in os.environ
PATIENCE_S = 20.0
RESTS = 20
ANN = AgentSlot(name="ann", account="team")


class Desk(Ledger):
    """What people, one worker and its agents do to a backlog."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "calc" / ".deespec"
        self.home.mkdir(parents=True)
        (self.home / "config.toml").write_text(SETTINGS)
        clock = FakeClock()
        start(self.home, clock=clock, agents=())
        self.app = open_app(str(self.home), clock=clock)
        super().__init__(self.app.store, clock)
        self.life: LifeLock | None = None
        self.worker = ""

    def hire(self) -> None:
        """A worker begins to work."""
        self.worker = self.clock.uid()
        self.life = LifeLock(str(self.home), self.worker)
        worker = Worker(
            uid=self.worker,
            name="here-1",
            host="here",
            pid=1,
            pid_start="1",
            namespace="1",
            boot=self.clock.boot_id(),
            slots=3,
            started_at=self.clock.now_ms(),
            seen_at=self.clock.now_ms(),
        )
        with self.store.transaction() as tx:
            tx.add_worker(worker)

    def work(self, *, says: str = "") -> Claim:
        """It takes the next item; its agent says something."""
        claim = self.begin(worker=self.worker, agents=(ANN,))
        folder = self.home / "turns" / claim.sbi.id / f"{claim.turn}.{claim.token}"
        folder.mkdir(parents=True)
        (folder / "output.log").write_text(says)
        return claim

    def asks(self, question: str) -> Sbi:
        """It takes the next item, whose agent asks a person."""
        sbi = self.settle(self.begin(worker=self.worker, agents=(ANN,)), Event.NEEDS_PERSON, question=question)
        with self.store.transaction() as tx:
            tx.save(sbi, replace(sbi, reason="question"))
        return sbi

    def draft(self, parent: str, title: str) -> None:
        with self.store.transaction() as tx:
            number = tx.next_draft(parent)
            tx.add_draft(Draft(parent=parent, number=number, title=title, spec="# What\nDo this.", agent="bob"))

    def watch(self, *, no_color: bool = False) -> Watch:
        return Watch(lambda: open_app(str(self.home), clock=self.clock), clock=self.clock, no_color=no_color)

    def close(self) -> None:
        if self.life is not None:
            self.life.release()
        self.app.close()


class Viewer:
    """A person at the screen."""

    def __init__(self, program: Watch, pilot: Pilot[None]) -> None:
        self.program = program
        self.pilot = pilot

    @property
    def text(self) -> str:
        """What the screen on top shows."""
        screen = self.program.screen
        lines = screen._compositor.render_strips(screen.size)
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)

    async def sees(self, *words: str, without: str = "\0") -> str:
        """Looks until all of it is there."""
        end = time.monotonic() + PATIENCE_S
        while not all(one in self.text for one in words) or without in self.text:
            assert time.monotonic() < end, f"never showed {words}:\n{self.text}"
            await self.pilot.pause(0.01)
        return self.text

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, words: str) -> None:
        await self.pilot.press(*("space" if one == " " else one for one in words))

    async def picture(self, name: str) -> None:
        """Comes to equal the kept one; RENEW_SCREENS=1 keeps this one, when it has come to rest."""
        path = SNAPSHOTS / f"{name}.svg"
        if RENEW:
            for _ in range(RESTS):
                await self.pilot.pause(0.05)
            path.write_text(self.drawn(), encoding="utf-8")
        end = time.monotonic() + PATIENCE_S
        while self.drawn() != path.read_text(encoding="utf-8"):
            assert time.monotonic() < end, f"{name} looks different:\n{self.text}"
            await self.pilot.pause(0.05)

    def drawn(self) -> str:
        """The screen as SVG, the same for the same screen."""
        found = self.program.export_screenshot(title="deespec watch")
        found = re.sub(r"\s*@font-face \{.*?\}", "", found, flags=re.DOTALL)
        found = re.sub(r"terminal-\d+", "terminal", found)
        return re.sub(r'textLength="([\d.]+)"([^>]*)>([^<]*)<', _as_wide_as_it_is, found)


def _as_wide_as_it_is(found: re.Match[str]) -> str:
    """Rich counts characters where a terminal counts columns."""
    words = html.unescape(found[3])
    return f'textLength="{float(found[1]) / len(words) * width_of(words, 1):.1f}"{found[2]}>{found[3]}<'


@asynccontextmanager
async def viewing(program: Watch, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Viewer]:
    async with program.run_test(size=size) as pilot:
        yield Viewer(program, pilot)


def look(program: Watch, act: Callable[[Viewer], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> None:
    """Runs the program and has a person look at it."""

    async def run() -> None:
        async with viewing(program, size) as viewer:
            await act(viewer)

    asyncio.run(run())
