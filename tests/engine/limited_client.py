"""A program that talks like Claude Code, of a vendor that lets some calls through and then none until a time it names.

All calls of all workers count together, in the folder SEEN: `calls.jsonl` says when each began and ended, `vendor.json`
what the vendor knows. A call takes CALL_MS.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import sys
import time
from pathlib import Path

SEEN = Path(os.environ.get("SEEN", "."))
THROUGH = int(os.environ.get("THROUGH", "3"))
CLOSED_S = float(os.environ.get("CLOSED_S", "2"))
CALL_MS = int(os.environ.get("CALL_MS", "300"))


def main() -> int:
    if "--version" in sys.argv:
        print("2.1.330 (Claude Code)")
        return 0
    if "auth" in sys.argv:
        print('{"loggedIn": true}')
        return 0
    sys.stdin.read()
    began = time.time()
    closed_until = ask_vendor(began)
    if closed_until is None:
        time.sleep(CALL_MS / 1000)
        with open(f"{os.environ['DEESPEC_ITEM']}.txt", "a", encoding="utf-8") as file:
            file.write("work\n")
    note(began=began, ended=time.time(), limited=closed_until is not None, item=os.environ["DEESPEC_ITEM"])
    return say_limited(closed_until) if closed_until is not None else say_done()


def ask_vendor(now: float) -> float | None:
    """Until when it is closed; None: the call is let through."""
    with open(SEEN / "vendor.json", "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        state = json.loads(file.read() or '{"through": 0, "closed_until": null}')
        if state["closed_until"] is None and state["through"] == THROUGH:
            state["closed_until"] = math.ceil(now + CLOSED_S)
        closed = state["closed_until"] is not None and now < state["closed_until"]
        if not closed:
            state["through"] += 1
        file.seek(0)
        file.truncate()
        file.write(json.dumps(state))
    return state["closed_until"] if closed else None


def note(**facts: object) -> None:
    with open(SEEN / "calls.jsonl", "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(facts) + "\n")


def say_limited(until: float) -> int:
    emit(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": int(until)})
    emit(
        type="result", subtype="success", is_error=True, api_error_status=429, result="You've hit your limit", **NOTHING
    )
    return 1


def say_done() -> int:
    review = os.environ["DEESPEC_STEP"] == "review"
    answer = {"decision": "SUCCEEDED"} if review else {"type": "implement"}
    emit(
        type="result",
        subtype="success",
        is_error=False,
        result="Done.",
        structured_output={**answer, "report": "Done."},
        **NOTHING,
    )
    return 0


NOTHING: dict[str, object] = {"session_id": "s", "total_cost_usd": 0.01, "modelUsage": {}, "permission_denials": []}


def emit(**event: object) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
