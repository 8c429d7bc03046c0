"""What a closed load loses while no Python can run: the rate of its seconds with and without the interpreter's lock."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from journey import JOURNEY
from machine import Section, pinned
from target import echo

SECONDS, HELD_S = 12, 3
KEEPING = """
import ctypes, json, sys, threading, time
import apibench

kept_ns = []

def keep():
    time.sleep(5)
    kept_ns.append(time.monotonic_ns())
    ctypes.PyDLL(None).usleep(HELD_S * 1_000_000)  # which does not give the lock back, as CDLL does
    kept_ns.append(time.monotonic_ns())

thread = threading.Thread(target=keep)
thread.start()
result = apibench.run("journey.py", vus=50, duration="SECONDSs")
thread.join()
barrier_ns = result.document["run"]["barrier_ns"]
began, ended = ((at_ns - barrier_ns) / 1e9 for at_ns in kept_ns)
rows = [row for row in result.document["intervals"] if row["phase"] == "main"]
print(json.dumps({"began_s": began, "ended_s": ended, "ok": [row["ok"] for row in rows]}))
"""


def lock(rounds: int) -> Section:
    """Runs in whose middle the lock is kept for three seconds: whole seconds of that beside the others of the run."""
    ratios = []
    with tempfile.TemporaryDirectory() as name, echo("--knobs", "delay=0ms") as port:
        folder = Path(name)
        (folder / "users.csv").write_text("user,password\n" + "".join(f"user-{each},p\n" for each in range(1_000)))
        (folder / "pages.csv").write_text("page\n" + "".join(f"{number}\n" for number in range(1, 10)))
        (folder / "journey.py").write_text(JOURNEY.replace("URL", f"http://127.0.0.1:{port}"))
        script = KEEPING.replace("HELD_S", f"{HELD_S}").replace("SECONDS", f"{SECONDS}")
        for _ in range(rounds):
            done = pinned([sys.executable, "-c", script], cwd=folder)
            if done.returncode:
                raise SystemExit(done.stderr)
            found = json.loads(done.stdout)
            began_s, ended_s, seconds = found["began_s"], found["ended_s"], list(enumerate(found["ok"]))
            kept = [ok for at, ok in seconds if began_s <= at and at + 1 <= ended_s]
            free = [ok for at, ok in seconds if at > 0 and (at + 1 < began_s or ended_s < at)]
            ratios.append(min(kept) / statistics.median(free))
    slowest = statistics.median(ratios)
    return Section(
        f"No Python on the path, {rounds} runs",
        [
            "A journey of 50 virtual users in a closed load, in whose middle a thread keeps the interpreter's lock for",
            f"{HELD_S} s. The slowest second of these has **{slowest:.3f}** of the median rate of the others",
            f"({min(ratios):.3f} to {max(ratios):.3f}).",
        ],
    )
