"""How long a long scenario takes to load."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from long_scenario import FILES, long_scenario
from machine import GENERATOR_CPU, OURS, Section, pinned

LINES = 500
SHORT = """
from apibench import scenario

@scenario(base_url="http://127.0.0.1:8089", load="1 vu", duration="10s")
def shopper(u):
    u.get("/")
"""
TIMED = """
import json, sys, time
from apibench.authoring.any_plan import read_any_plan
began, began_cpu = time.perf_counter(), time.process_time()
plan = read_any_plan(sys.argv[1])
took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
steps = sum(1 for _ in plan.requests())
print(json.dumps({"s": took, "cpu_s": cpu, "requests": steps, "scenarios": len(plan.scenarios)}))
"""


def load(rounds: int) -> Section:
    """The command beside the same with nearly nothing to load, in turn; and the loading by itself."""
    whole: dict[str, list[float]] = {"long": [], "short": []}
    by_itself: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {**FILES, "long.py": long_scenario(LINES), "short.py": SHORT}.items():
            (folder / file).write_text(text)
        for turn in range(rounds):
            for which in whole if turn % 2 else reversed(whole):
                whole[which].append(_took(folder / f"{which}.py"))
            done = pinned([sys.executable, "-c", TIMED, str(folder / "long.py")])
            by_itself.append(json.loads(done.stdout))
        lines = (folder / "long.py").read_text().count("\n")
    ms = {which: statistics.median(times) * 1e3 for which, times in whole.items()}
    more = statistics.median(one - other for one, other in zip(whole["long"], whole["short"], strict=True)) * 1e3
    loaded, cpu = (statistics.median(each[name] for each in by_itself) * 1e3 for name in ("s", "cpu_s"))
    what = f"{by_itself[0]['scenarios']} functions, {by_itself[0]['requests']} requests"
    return Section(
        f"Loading a scenario of {lines} lines, medians of {rounds} alternating rounds",
        [
            f"- `apibench plan long.py` ({what}): {ms['long']:.0f} ms; of a scenario with one request, which is Python",
            f"  and imports: {ms['short']:.0f} ms. What the length costs: **{more:.0f} ms**",
            f"- by itself, with its checks, from the file's name to the plan: **{loaded:.0f} ms**, of a",
            f"  processor {cpu:.0f} ms",
        ],
    )


def _took(file: Path) -> float:
    began = time.monotonic()
    done = pinned([OURS, "plan", str(file), "--sha256"], GENERATOR_CPU)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.monotonic() - began
