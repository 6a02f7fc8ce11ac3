"""An agent of a project under fire: `python -I -S fire_agent.py`. What it does besides its work is drawn from the seed.

`$SEEN/plan.json` says which modules each item adds its line to. The project's own rule, which `check.py` proves: each
module is in INDEX, and each area's SUM is the number of lines that were added there.
"""

import json
import os
import random
import subprocess
import sys
import time

ENV = os.environ
ITEM, TURN, STEP, CLAIM = (ENV[f"DEESPEC_{name}"] for name in ("ITEM", "TURN", "STEP", "CLAIM"))
MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
OUTSIDE = f"outside-{ITEM}.txt"
HANG_S = 2.5
changed = []
chance = random.Random(f"{ENV['SEED']} {ITEM} {TURN} {CLAIM}")


def main():
    sys.stdin.read()
    time.sleep(chance.uniform(0, 0.4))
    if STEP == "review":
        review()
    with open(f"{ENV['SEEN']}/plan.json") as file:
        plan = json.load(file)[ITEM]
    if STEP == "resolve":
        keep_both_sides()
    for number, module in enumerate(plan["modules"]):
        add(module, number)
        if chance.random() < 0.04:
            sys.exit(1)  # half-way
    mischief(plan)
    answer("NOTHING" if not changed else "RESOLVED" if STEP == "resolve" else "IMPLEMENTED")


# --- the work -------------------------------------------------------------------------------------------------------


def add(module, number):
    """Its line at a place of its own or at the end, where others add theirs; once, whoever was here before."""
    line = f'add("{ITEM}", {number})'
    lines = read(module) or [f"# {module}"]
    if line not in lines:
        lines.insert(chance.choice((1, len(lines))), line)
    write(module, lines)
    write("INDEX", sorted({*read("INDEX"), module}))
    area = os.path.dirname(module)
    write(f"{area}/SUM", [str(sum(len(read(f"{area}/{name}")) - 1 for name in modules(area)))])


def keep_both_sides():
    """Of each file with conflict markers; what is counted is counted anew."""
    for folder, folders, names in os.walk("."):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = os.path.normpath(f"{folder}/{name}")
            lines = read(path)
            if any(line.startswith(MARKERS) for line in lines):
                kept = dict.fromkeys(line for line in lines if not line.startswith(MARKERS))
                write(path, sorted(kept) if name == "INDEX" else list(kept))
    for area in sorted(name for name in os.listdir() if name.startswith("area-")):
        found = [str(sum(len(read(f"{area}/{name}")) - 1 for name in modules(area)))]
        write(f"{area}/SUM", found)


def modules(area):
    return sorted(name for name in os.listdir(area) if name.endswith(".py"))


def read(path):
    try:
        with open(path) as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def write(path, lines):
    if read(path) == lines:
        return
    changed.append(path)
    with open(path, "w") as file:
        file.write("".join(f"{line}\n" for line in lines))


# --- what agents do besides -----------------------------------------------------------------------------------------


def mischief(plan):
    if os.path.exists(OUTSIDE):
        os.unlink(OUTSIDE)
        changed.append(OUTSIDE)
    drawn = chance.random()
    if drawn < 0.08:
        sys.exit(1)
    elif drawn < 0.12:
        sys.exit(0)  # without an answer
    elif drawn < 0.17:
        time.sleep(HANG_S)
    elif drawn < 0.35:
        git("add", "--all")
        git("commit", "--quiet", "--no-verify", "-m", f"{ITEM} by its agent")
    elif drawn < 0.42:
        git("checkout", "--quiet", "-B", f"own-{ITEM}")
        git("commit", "--quiet", "--no-verify", "--all", "-m", f"{ITEM} elsewhere")
    elif drawn < 0.5 and plan["paths"]:
        write(OUTSIDE, ["It does not belong here."])
    elif drawn < 0.55:
        subprocess.Popen(["sleep", "600"], start_new_session=True)


def review():
    if chance.random() < 0.2:
        write("reviewers-own.txt", ["I could not help it."])
    if chance.random() < 0.1:
        sys.exit(1)
    refuses = int(TURN) < 8 and chance.random() < 0.15
    answer("NEEDS_CHANGES" if refuses else "SUCCEEDED")


def answer(decision):
    if chance.random() < 0.8:
        print(f"By {CLAIM}.\nDECISION: {decision}", flush=True)
        sys.exit(0)
    if STEP == "review":
        words = ["review", "--decision", decision]
    else:
        words = ["report", "--type", "nothing" if decision == "NOTHING" else STEP]
    done = subprocess.run(["deespec", "sbi", *words, "--text", f"By {CLAIM}."], stdout=subprocess.DEVNULL)
    sys.exit(done.returncode)


def git(*words):
    settings = ["-c", "user.name=Agent", "-c", "user.email=agent@localhost", "-c", "commit.gpgSign=false"]
    subprocess.run(["git", *settings, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


main()
