"""A coding agent without a model: it writes the files that a spec shows, and answers by the commands it was told of.

A real one is set up the same way: deespec config set agents.mine.command "…".
"""

import json
import os
import pathlib
import re
import subprocess
import sys

FILE = re.compile(r"^Write `(?P<name>[\w/.]+)`:\n+```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def spec() -> str:
    shown = subprocess.run(
        ["deespec", "sbi", "show", os.environ["DEESPEC_ITEM"], "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(shown.stdout)["spec"]


def implement() -> list[str]:
    names = []
    for block in FILE.finditer(spec()):
        path = pathlib.Path(block["name"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["text"], encoding="utf-8")
        names.append(block["name"])
    words = f"Written: {', '.join(names)}." if names else "The spec shows no file. Which are to be written?"
    return ["sbi", "report", "--type", "implement" if names else "question", "--text", words]


def review() -> list[str]:
    missing = [block["name"] for block in FILE.finditer(spec()) if not pathlib.Path(block["name"]).is_file()]
    decision = "NEEDS_CHANGES" if missing else "SUCCEEDED"
    return ["sbi", "review", "--decision", decision, "--text", f"Missing: {missing}" if missing else "All files are there."]


def main() -> int:
    sys.stdin.read()  # the prompt; a model would read it
    answer = review() if os.environ["DEESPEC_STEP"] == "review" else implement()
    return subprocess.run(["deespec", *answer], stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main())
