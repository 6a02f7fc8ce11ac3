"""A stand-in for gh that keeps its pull requests in the JSON file GH_STATE; the calls it gets are kept there, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["GH_STATE"])


def main(args: list[str]) -> int:
    state: dict[str, Any] = json.loads(STATE.read_text()) if STATE.exists() else {"requests": [], "calls": []}
    state["calls"].append({"args": args, "env": sorted(os.environ), "folder": os.getcwd()})
    try:
        return act(state, args)
    finally:
        STATE.write_text(json.dumps(state))


def head_of(branch: str) -> str:
    """The commit that origin has a branch at."""
    done = subprocess.run(["git", "ls-remote", "origin", f"refs/heads/{branch}"], capture_output=True, text=True)
    return done.stdout.partition("\t")[0]


def act(state: dict[str, Any], args: list[str]) -> int:
    if "broken" in state:
        print(state["broken"]["out"], end="")
        print(state["broken"]["err"], file=sys.stderr)
        return int(state["broken"]["exit"])
    options = dict(word[2:].split("=", 1) for word in args if word.startswith("--") and "=" in word)
    match args[:2]:
        case ["pr", "create"]:
            number = len(state["requests"]) + 1
            made = {"number": number, "url": f"https://example.org/o/r/pull/{number}", "state": "OPEN"}
            made |= {"head": options["head"], "baseRefName": options["base"], "title": options["title"]}
            made |= {"body": Path(options["body-file"]).read_text(), "mergeCommit": None, "reviews": [], "comments": []}
            made |= {"headRefOid": head_of(options["head"]), "commits": []}
            state["requests"].append(made | {"beside": {}})
            print(f"Creating pull request\n{made['url']}")
        case ["pr", "view"]:
            found = [one for one in state["requests"] if one["head"] == args[2]]
            found.sort(key=lambda one: (one["state"] == "OPEN", one["number"]))
            if not found:
                print(f'no pull requests found for branch "{args[2]}"', file=sys.stderr)
                return 1
            if found[-1]["state"] == "OPEN":
                found[-1]["headRefOid"] = head_of(args[2]) or found[-1]["headRefOid"]
            print(json.dumps({name: found[-1][name] for name in args[args.index("--json") + 1].split(",")}))
        case ["pr", "list"]:
            head = args[args.index("--head") + 1]
            print(json.dumps([{"number": one["number"]} for one in state["requests"] if one["head"] == head]))
        case ["api", "graphql"]:
            number = next(int(word.partition("=")[2]) for word in args if word.startswith("number="))
            beside = state["requests"][number - 1]["beside"]
            nodes = [{"id": key, "comments": {"nodes": said}} for key, said in beside.items()]
            print(json.dumps({"data": {"repository": {"pullRequest": {"reviews": {"nodes": nodes}}}}}))
        case _:
            print(f"unknown command {args}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
