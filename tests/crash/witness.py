"""An agent that writes down when it lived, and whether anything else was alive on its item: `python -I -S witness.py`.

Its lines are `WORD ITEM TURN CLAIM PID`: start, end, acknowledged (its report was, with exit 0), crowd (it was not
alone) and clash (another item of its group was worked on at the same time).
"""

import os
import signal
import subprocess
import sys
import time

ENV = os.environ
SEEN = ENV["SEEN"]
ITEM, TURN, STEP, CLAIM = (ENV[f"DEESPEC_{name}"] for name in ("ITEM", "TURN", "STEP", "CLAIM"))


def main() -> None:
    note("start")
    if others():
        note("crowd")
    group = take_group()
    behave()
    if group is not None:
        os.rmdir(group)
    note("end")


def note(word: str) -> None:
    """One line, in one write, so that no other process's line gets into it."""
    with open(f"{SEEN}/log", "ab", buffering=0) as log:
        log.write(f"{word} {ITEM} {TURN} {CLAIM} {os.getpid()}\n".encode())


def others() -> list[str]:
    """Processes of other claims on this item of this backlog."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                words = dict(word.partition(b"=")[::2] for word in file.read().split(b"\0"))
        except OSError:
            continue
        same = all(words.get(name) == ENV[name.decode()].encode() for name in (b"DEESPEC_HOME", b"DEESPEC_ITEM"))
        if same and words.get(b"DEESPEC_CLAIM") != CLAIM.encode():
            found.append(pid)
    return found


def take_group() -> str | None:
    """Items of one group (GROUPS, by number) overlap in their paths: only one of them may be here at a time."""
    if "GROUPS" not in ENV:
        return None
    path = f"{SEEN}/group-{int(ITEM[4:]) % int(ENV['GROUPS'])}"
    try:
        os.mkdir(path)
    except FileExistsError:
        note("clash")
    return path


def behave() -> None:
    if os.path.exists(f"{SEEN}/hang"):
        hang()
    time.sleep(float(ENV.get("WORK_S", "0")))
    if os.path.exists(f"{SEEN}/wait"):
        note("waiting")
        while os.path.exists(f"{SEEN}/wait"):
            time.sleep(0.02)
    if STEP == "implement":
        with open(f"{ITEM}.txt", "a") as file:
            file.write(CLAIM + "\n")
        answer("report", "--type", "implement")
    else:
        answer("review", "--decision", "SUCCEEDED" if int(TURN) > 2 or int(ITEM[4:]) % 3 else "NEEDS_CHANGES")


def hang() -> None:
    """For ever, with a child that has left session and parent, both deaf to polite signals."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    script = "while :; do sleep 1; done"
    subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    note("hanging")
    while True:
        time.sleep(1)


def answer(*words: str) -> None:
    if ENV.get("ANSWERS") == "words":
        print(f"By {CLAIM}.\nDECISION: {'IMPLEMENTED' if words[0] == 'report' else words[2]}", flush=True)
        return
    done = subprocess.run(["deespec", "sbi", *words, "--text", f"By {CLAIM}."], stdout=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        note("acknowledged")
    else:
        sys.exit(done.returncode)


main()
