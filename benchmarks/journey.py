"""A journey that takes values out of answers, beside the same requests with nothing to work out."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from machine import GENERATOR_CPU, OURS, Section
from target import echo

JOURNEY = """
from apibench import User, check, pick, rand, scenario

@scenario(base_url="URL", load="50 vus", duration="SECONDSs")
def journey(u: User) -> None:
    login = u.post("/login", json={"user": f"user-{rand.int(1000, 9999)}", "password": "x"})
    u.headers["Authorization"] = f"Bearer {login.json['token']}"
    page = u.get(f"/products?page={rand.int(1, 9)}")
    with pick() as p:
        with p.weight(3, "browse"):
            item = u.get(f"/products/{page.json['items'][3]['id']}")
            check(item.json["price_cents"] > 0, "has a price")
        with p.weight(1, "search"):
            u.get(f"/products?page={rand.int(1, 9)}")
"""
REPLAY = """
from apibench import User, pick, scenario

@scenario(base_url="URL", load="50 vus", duration="SECONDSs")
def journey(u: User) -> None:
    u.post("/login", json={"user": "user-5555", "password": "x"})
    u.headers["Authorization"] = "Bearer 0123456789abcdef"
    u.get("/products?page=5")
    with pick() as p:
        with p.weight(3, "browse"):
            u.get("/products/44")
        with p.weight(1, "search"):
            u.get("/products?page=5")
"""


def journey(rounds: int, seconds: int) -> Section:
    """Requests per second of processor time, of the threads that make the load, in turn."""
    per_s: dict[str, list[float]] = {"journey": [], "replay": []}
    with tempfile.TemporaryDirectory() as folder, echo("--knobs", "delay=0ms") as port:
        for turn in range(rounds):
            names = list(per_s) if turn % 2 else list(reversed(per_s))
            for name in names:
                text = JOURNEY if name == "journey" else REPLAY
                file = Path(folder) / f"{name}.py"
                file.write_text(text.replace("URL", f"http://127.0.0.1:{port}").replace("SECONDS", str(seconds)))
                per_s[name].append(_per_cpu_second(file))
    ratios = [mine / plain for mine, plain in zip(per_s["journey"], per_s["replay"], strict=True)]
    lines = [
        "Login, a token out of its answer into a header, a page, a product of it, a check of its price; by weight a second page.",
        "The replay sends the same requests as they are, and looks into no answer.",
        "",
        "| | requests per second of processor time |",
        "|---|---|",
        *(f"| {name} | {statistics.median(values):,.0f} |" for name, values in per_s.items()),
        "",
        f"The journey has **{statistics.median(ratios):.2f}** of the replay's ({min(ratios):.2f} to {max(ratios):.2f}).",
    ]
    return Section(f"A scenario in Python, medians of {rounds} alternating rounds", lines)


def _per_cpu_second(file: Path) -> float:
    words = [OURS, "run", str(file), "-o", "json=-", "--progress", "none", "--no-store", "--threads", "1"]
    done = subprocess.run(
        ["taskset", "-c", str(GENERATOR_CPU), *words], capture_output=True, text=True, check=False, timeout=120
    )
    document = json.loads(done.stdout)
    if document["requests"]["failed"] or any(check["failed"] for check in document["checks"]):
        raise SystemExit(f"{file.name}: something failed\n{done.stderr}")
    return float(document["requests"]["ok"] / document["generator"]["cpu_s"])
