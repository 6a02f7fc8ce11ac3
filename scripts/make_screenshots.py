"""`make screenshots`: the pictures of the README, taken of the real programs over a made-up project.

Needs Debian's chromium and tmux; a Japanese font shows the titles that are in Japanese.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import story
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, ViewportSize

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SCREEN = (132, 28)
"""Columns and lines of the terminal."""
START_S = 60
PAGES: dict[str, tuple[str, Literal["light", "dark"]]] = {
    "board": ("/", "light"),
    "item": ("/items/SBI-9", "dark"),
    "figures": ("/figures", "light"),
}
"""Each with its path and its colours."""
FRONT, BEHIND = "#d5d8df", "#101217"
COLOURS = (*("#1c1f26", "#f38b8b", "#8fd18f", "#e6c56d", "#82aaff", "#c99bf0", "#7fd1d1", "#d5d8df"),) * 2


def main() -> int:
    chromium = shutil.which("chromium")
    if chromium is None or shutil.which("tmux") is None:
        print("make screenshots needs chromium and tmux (Debian: apt-get install chromium tmux).", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="deespec-story-") as folder, ExitStack() as stack:
        shop = Path(folder) / "shop"
        shop.mkdir()
        story.tell(shop)
        stack.enter_context(_running(shop, "--quiet", "run", "--parallel", "3"))
        _until_three_run(shop)
        url = stack.enter_context(_board(shop))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (path, colours) in PAGES.items():
            _page(browser, url, name=name, path=path, colours=colours)
        _terminal(browser, shop)
        browser.close()
    return 0


# --- what runs --------------------------------------------------------------------------------------------------------


@contextmanager
def _running(shop: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command of ours, which is ended with the block; twice asked, as it lets turns end first."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deespec", *words], cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        process.communicate(timeout=START_S)


@contextmanager
def _board(shop: Path) -> Iterator[str]:
    with _running(shop, "board", "--port", "0", "--json") as board:
        assert board.stdout is not None
        yield json.loads(board.stdout.readline())["url"]


def _until_three_run(shop: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        seen = subprocess.run(
            [sys.executable, "-m", "deespec", "status", "--json"], cwd=shop, capture_output=True, check=True
        )
        if sum(one["step"] == "implement" for one in json.loads(seen.stdout)["running"]) == 3:
            return
        time.sleep(0.2)
    raise AssertionError("no three items run")


# --- pictures ---------------------------------------------------------------------------------------------------------


def _page(browser: Browser, url: str, *, name: str, path: str, colours: Literal["light", "dark"]) -> None:
    size: ViewportSize = {"width": 1360, "height": 850}
    context = browser.new_context(viewport=size, color_scheme=colours, reduced_motion="reduce")
    page = context.new_page()
    page.goto(url)
    page.wait_for_url(re.compile(r"/$"))
    page.goto(url.partition("/?")[0] + path)
    page.wait_for_load_state()
    page.screenshot(path=IMAGES / f"{name}.png")
    context.close()


def _terminal(browser: Browser, shop: Path) -> None:
    """What tmux shows of `deespec watch`, drawn as a page."""
    columns, lines = SCREEN
    server = ("tmux", "-L", f"deespec-{os.getpid()}")
    size = ("-x", str(columns), "-y", str(lines))
    command = f"{sys.executable} -m deespec watch"
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    subprocess.run([*server, "new-session", "-d", *size, "-c", str(shop), command], env=env, check=True)
    try:
        end = time.monotonic() + START_S
        seen = ""
        while "SBI-" not in seen and time.monotonic() < end:
            time.sleep(0.5)
            seen = subprocess.run([*server, "capture-pane", "-p", "-e"], capture_output=True, text=True).stdout
        time.sleep(3)
        seen = subprocess.run([*server, "capture-pane", "-p", "-e"], capture_output=True, text=True).stdout
    finally:
        subprocess.run([*server, "kill-server"], check=False)
    page = browser.new_page(viewport={"width": 1360, "height": 850})
    page.set_content(_as_html(seen))
    page.locator("pre").screenshot(path=IMAGES / "watch.png")


def _as_html(text: str) -> str:
    style = "font: 14px/18px 'DejaVu Sans Mono', monospace; padding: 12px; margin: 0; display: inline-block"
    return f'<pre style="background:{BEHIND};color:{FRONT};{style}">{"".join(_spans(text))}</pre>'


def _spans(text: str) -> Iterator[str]:
    """Terminal text with the colours that SGR sequences ask for (ECMA-48 8.3.117)."""
    look: dict[str, str] = {}
    for part in re.split(r"(\x1b\[[0-9;]*m)", text):
        if part.startswith("\x1b["):
            _turn(look, [int(code or 0) for code in part[2:-1].split(";")])
        elif part:
            shown = dict(look)
            if shown.pop("reverse", None):
                behind = shown.pop("color", FRONT)
                shown |= {"color": shown.pop("background", BEHIND), "background": behind}
            style = ";".join(f"{name}:{value}" for name, value in shown.items())
            yield f'<span style="{style}">{html.escape(part)}</span>'


def _turn(look: dict[str, str], codes: list[int]) -> None:
    while codes:
        code = codes.pop(0)
        name = "background" if code in (48, *range(40, 48), *range(100, 108)) else "color"
        if code == 0:
            look.clear()
        elif code == 1:
            look["font-weight"] = "bold"
        elif code == 2:
            look["opacity"] = "0.65"
        elif code == 4:
            look["text-decoration"] = "underline"
        elif code == 7:
            look["reverse"] = "yes"
        elif code in (38, 48) and codes[:1] == [2]:
            look[name] = f"rgb({','.join(map(str, codes[1:4]))})"
            del codes[:4]
        elif code in (38, 48):
            look[name] = COLOURS[codes[1] % 8]
            del codes[:2]
        elif code in (39, 49):
            look.pop("color" if code == 39 else "background", None)
        elif code % 10 < 8 and code >= 30:
            look[name] = COLOURS[code % 10]


if __name__ == "__main__":
    sys.exit(main())
