"""Files of data: what a large one costs in memory beside a small one, and how long it takes to look through."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from machine import OURS, Section
from target import echo

SCENARIO = """
from apibench import User, csv, scenario

rows = csv("rows.csv", order="ORDER")

@scenario(base_url="URL", load="20 vus", duration="3s")
def reader(u: User) -> None:
    row = rows.next()
    u.post("/login", json={"user": row.user, "city": row.city})
"""
ROW_BYTES = 64
SMALL_BYTES = 10_000_000


@dataclass(frozen=True)
class _Run:
    peak_bytes: int
    took_s: float
    requests: int


def rows(gigabytes: int = 2) -> Section:
    """Peak resident memory of a run of rows from a file of so many GB, and from one of 10 MB."""
    with tempfile.TemporaryDirectory() as name, echo() as port:
        folder = Path(name)
        runs = {}
        for size, label in ((SMALL_BYTES, "10 MB"), (gigabytes * 10**9, f"{gigabytes} GB")):
            _write(folder / "rows.csv", size)
            for order in ("sequential", "shuffle"):
                (folder / "reader.py").write_text(SCENARIO.replace("URL", f"http://127.0.0.1:{port}").replace("ORDER", order))
                runs[label, order] = _run(folder)
    lines = ["| file | order | peak resident memory | until the run is over | requests |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {label} | {order} | {run.peak_bytes / 2**20:.1f} MiB | {run.took_s:.1f} s | {run.requests:,} |"
        for (label, order), run in runs.items()
    ]
    return Section(f"A file of data of {gigabytes} GB", lines)


def _write(file: Path, size: int) -> None:
    """So many bytes of rows, all of them written: the same over and over, for nobody compares them."""
    filler = "x" * (ROW_BYTES - len("user-000000,city-0000,\n"))
    block = "".join(f"user-{row:06},city-{row % 9_999:04},{filler}\n" for row in range(100_000)).encode()
    with file.open("wb") as opened:
        opened.write(b"user,city,filler\n")
        for _ in range(-(-size // len(block))):
            opened.write(block)


def _run(folder: Path) -> _Run:
    words = [OURS, "run", "reader.py", "--no-store", "--threads", "1", "--progress", "none", "-o", "json=-"]
    began = time.monotonic()
    done = subprocess.run(
        ["/usr/bin/env", "time", "-v", *words], capture_output=True, text=True, check=False, timeout=3_600, cwd=folder
    )
    took_s = time.monotonic() - began
    found = re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)
    if not found:
        raise SystemExit(f"no memory was told: {done.stderr[-500:]}")
    return _Run(int(found[1]) * 1024, took_s, json.loads(done.stdout)["requests"]["ok"])
