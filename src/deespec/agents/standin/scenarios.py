"""Scripts with names: each way in which a call can go."""

from __future__ import annotations

from deespec.agents.standin.script import Flow, Hang, Refuse, Say, Script, Shell, Structured, Work

HOUR_S = 3_600
LATER_S = 2 * HOUR_S
"""When limits end; long enough for no client to wait for it."""

MADE = "made.txt"
"""What `tool` writes: the claim, as the command saw it, and a line of a here-document."""
ESCAPED = "escaped.txt"
"""What `denial` writes beside the workspace."""
BEGUN = "begun.txt"
"""What `slow_tool` writes once its processes run, some in sessions of their own, one without an environment."""

TOOL = f"""printf '%s\\n' "$DEESPEC_CLAIM" > {MADE} && cat >> {MADE} <<'END'
{{"said": "it's there"}}
END"""
SLOW_TOOL = f"""sleep 600 &
setsid sleep 600 &
env -i setsid sleep 600 &
echo begun > {BEGUN}; sleep 600"""

SCENARIOS: dict[str, Script] = {
    "text": ((Say(text="It adds two numbers."),),),
    "tool": ((Say(text="I will write a file."), Shell(command=TOOL)), (Say(text="The file is written."),)),
    "denial": ((Shell(command=f"echo out > ../{ESCAPED}"),), (Say(text="I could not write it."),)),
    "slow_tool": ((Shell(command=SLOW_TOOL),), (Say(text="It took long."),)),
    "structured": ((Structured(values={"type": "nothing", "report": "It adds."}),), (Say(text="It adds."),)),
    "work": (Work(),),
    "rate_limit": (Refuse(kind="rate_limit", reset_s=LATER_S),),
    "usage_limit": (Refuse(kind="usage_limit", reset_s=LATER_S),),
    "quota": (Refuse(kind="quota"),),
    "overloaded": (Refuse(kind="overloaded"),),
    "server_error": (Refuse(kind="server"),),
    "login": (Refuse(kind="login"),),
    "model": (Refuse(kind="model"),),
    "hang": (Hang(),),
    "cut": (Flow(words=5),),
    "endless": (Flow(),),
}
