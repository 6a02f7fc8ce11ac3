"""A project with a board over it, and a guest who looks at that in a real browser."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, ViewportSize

from npm_packages import fetched

sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))
from workshop import ACCEPTS, WAITS, Workshop, steps

PATIENCE_MS = 30_000
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
WRITES = steps('echo "$DEESPEC_ITEM" >> "$DEESPEC_ITEM.txt"; echo "Wrote it."; echo "DECISION: IMPLEMENTED"', ACCEPTS)
QUESTION = "Which of the *two*?"
ASKS = steps(
    f"""if test -e "$DEESPEC_ITEM.txt"; then echo rest >> "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"
else echo half > "$DEESPEC_ITEM.txt"; echo "DECISION: QUESTION ({QUESTION})"; fi""",
    ACCEPTS,
)
"""An agent that asks first."""
AWAITS = steps(f'{WAITS}; echo "$DEESPEC_ITEM" >> "$DEESPEC_ITEM.txt"; echo "DECISION: IMPLEMENTED"', ACCEPTS)
"""An agent that works until `let_go`."""
REFUSED = "Failed to load resource"
"""What chromium says of every answer that is no success; nothing of ours."""
WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
"""


class Board(Workshop):
    """A project in Git whose items have worktrees, and the address of its board."""

    url = ""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.git("init", "--quiet", "--initial-branch=main")
        (self.root / ".gitignore").write_text(".deespec/\n")
        self.git("add", ".gitignore")
        self.commit("README", "Read me.\n")
        self.settle("workspace", mode="worktree")
        for name, script in (("worker", WRITES), ("asker", ASKS), ("breaker", "exit 1"), ("waiter", AWAITS)):
            self.agent(script, name)
        self.write_config()

    @contextmanager
    def serving(self, *args: str) -> Iterator[subprocess.Popen[str]]:
        """`deespec board` as a process; `url` is its first address."""
        command = [sys.executable, "-m", "deespec", "board", "--json", *(args or ("--port", "0"))]
        process = subprocess.Popen(command, cwd=self.root, env=self.env, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            self.url = json.loads(process.stdout.readline())["url"]
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_MS / 1000)

    @property
    def here(self) -> str:
        """Where its pages are."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def let_go(self) -> None:
        (self.seen / "go").touch()

    def says(self, *args: str, exits: int = 0) -> str:
        """What a command prints; on standard error if it refuses."""
        status, out, err = self.command(*args)
        assert status == exits, f"exit {status}: {out}{err}"
        return err if exits else out


@contextmanager
def opened(folder: Path, *args: str) -> Iterator[Board]:
    made = Board(folder)
    with made.serving(*args):
        yield made
    made.app.close()


class Guest:
    """Has one session; opens pages. What pages complain of, and what they ask elsewhere, is kept."""

    def __init__(self, browser: Browser, board: Board) -> None:
        self.browser, self.board = browser, board
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.contexts: list[BrowserContext] = []
        self.forgiven: tuple[str, ...] = ()

    def page(
        self,
        path: str = "/",
        *,
        viewport: ViewportSize = DESK,
        locale: str = "en-GB",
        dark: bool = False,
        js: bool = True,
    ) -> Page:
        """A tab of somebody who has followed the first address, in a browser of its own."""
        context = self.context(
            viewport=viewport, locale=locale, color_scheme="dark" if dark else "light", java_script_enabled=js
        )
        page = context.new_page()
        page.goto(self.board.url)
        page.wait_for_url(f"{self.board.here}/")
        return self.at(page, path) if path != "/" else page

    def context(self, **settings: Any) -> BrowserContext:
        """A browser of its own, not signed in."""
        context = self.browser.new_context(reduced_motion="reduce", **settings)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH_POLICY)
        context.on("request", self._requested)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.contexts.append(context)
        return context

    def at(self, page: Page, path: str) -> Page:
        page.goto(f"{self.board.here}{path}")
        return page

    def forgive(self, *words: str) -> None:
        """What chromium itself says from now on of a refusal or a lost server is no complaint of the page."""
        self.forgiven = words

    def leave(self) -> None:
        for context in self.contexts:
            context.close()
        assert not self.complaints, self.complaints
        assert not self.strangers, self.strangers

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((f"{self.board.here}/", "data:")):
            self.strangers.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in self.forgiven):
            self.complaints.append(f"{message.text} ({message.location.get('url')})")


def faults(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe-core finds wrong with this page, one line each; by all of its rules, or by these."""
    if not page.evaluate("Boolean(window.axe)"):
        script = fetched(Path(__file__).parent / "axe", "axe") / "axe-core" / "axe.min.js"
        page.evaluate(script.read_text(encoding="utf-8"))  # a script tag would be refused by the page's own policy
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{one['id']}: {one['help']}: {', '.join(str(node['target'][0]) for node in one['nodes'][:5])}"
        for one in found["violations"]
    ]
