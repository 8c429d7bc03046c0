"""Functions of Python in the middle of a scenario: how many calls a second, and what limits them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from machine import OURS, Section
from target import echo

SCENARIO = """
from apibench import User, repeat, scenario

def trivial(x):
    return x

@scenario(base_url="URL", load="VUS vus", duration="10s")
def caller(u: User) -> None:
    for _ in repeat(1000):
        u.py(trivial, 7)
    u.get("/")
"""
VUS = 200


def python_calls(rounds: int, seconds: float) -> Section:
    """A trivial function, called by 200 virtual users, a thousand times before each request."""
    lines = [
        "A trivial function, called by 200 virtual users, a thousand times before each request, by one thread.",
        "",
        "| processors | processes | calls/s | python time p50 | python wait p50 | processor time a call: threads | and processes |",
        "|---|---|---|---|---|---|---|",
    ]
    for processors, processes in ((2, 1), (2, 2), (1, 1)):
        rows = [_round(processors, processes, seconds) for _ in range(rounds)]
        calls = statistics.median(row["calls_per_s"] for row in rows)
        figures = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
        lines.append(
            f"| {processors} | {processes} | {calls:,.0f} | {figures['time_ns'] / 1e3:.2f} µs "
            f"| {figures['wait_ns'] / 1e6:.2f} ms | {figures['threads_ns'] / 1e3:.2f} µs | {figures['processes_ns'] / 1e3:.2f} µs |"
        )
    lines += ["", "What limits it is the processes' own work for each call: JSON of it and of its answer, and the loop around it."]
    return Section("Functions of Python", lines)


def _round(processors: int, processes: int, seconds: float) -> dict[str, float]:
    allowed = sorted(os.sched_getaffinity(0))[:processors]
    with tempfile.TemporaryDirectory() as folder, echo() as port:
        path = Path(folder) / "caller.py"
        path.write_text(SCENARIO.replace("URL", f"http://127.0.0.1:{port}").replace("VUS", str(VUS)))
        words = [OURS, "run", str(path), "-d", f"{seconds}s", "--python-processes", str(processes), "--threads", "1"]
        before = _children_s()
        done = subprocess.run(
            [*words, "-o", "json=-", "--progress", "none", "--no-store"],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        spent_s = _children_s() - before
    document = json.loads(done.stdout)
    calls = document["python"]["calls"]
    return {
        "calls_per_s": calls / document["run"]["actual_s"],
        "time_ns": document["python"]["time"]["quantiles"]["0.5"],
        "wait_ns": document["python"]["wait"]["quantiles"]["0.5"],
        "threads_ns": document["generator"]["cpu_s"] * 1e9 / calls,
        "processes_ns": max(spent_s - document["generator"]["cpu_s"], 0) * 1e9 / calls,
    }


def _children_s() -> float:
    found = os.times()
    return found.children_user + found.children_system
