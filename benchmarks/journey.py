"""A journey with data and values out of answers, beside the same requests with nothing to work out, and beside its rivals."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import tempfile
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path

import journey_rivals
from cost import callgrind
from journey_rivals import by_difference
from machine import GENERATOR_CPU, OURS, Section
from target import echo

JOURNEY = """
from apibench import User, check, csv, pick, rand, scenario

users = csv("users.csv", order="random")
pages = csv("pages.csv", order="shuffle")

@scenario(base_url="URL", load="50 vus", duration="10s")
def journey(u: User) -> None:
    me = users.next()
    login = u.post("/login", json={"user": me.user, "password": me.password})
    u.headers["Authorization"] = f"Bearer {login.json['token']}"
    page = u.get(f"/products?page={pages.next().page}")
    with pick() as p:
        with p.weight(3, "browse"):
            item = u.get(f"/products/{page.json['items'][3]['id']}")
            check(item.json["price_cents"] > 0, "has a price")
        with p.weight(1, "search"):
            u.get(f"/products?page={pages.next().page}")
"""
REPLAY = """
from apibench import User, pick, scenario

@scenario(base_url="URL", load="50 vus", duration="10s", cookies="off")
def journey(u: User) -> None:
    u.post("/login", json={"user": "user-5555", "password": "secret-55"})
    u.headers["Authorization"] = "Bearer 0123456789abcdef"
    u.get("/products?page=5")
    with pick() as p:
        with p.weight(3, "browse"):
            u.get("/products/44")
        with p.weight(1, "search"):
            u.get("/products?page=5")
"""
USERS = """
import csv
from apibench import python_user

USERS = list(csv.DictReader(open("users.csv")))
PAGES = list(csv.DictReader(open("pages.csv")))

@python_user(base_url="URL", load="50 vus", duration="10s")
async def journey(u):
    me = u.random.choice(USERS)
    login = await u.post("/login", json={"user": me["user"], "password": me["password"]})
    u.headers["Authorization"] = f"Bearer {login.json['token']}"
    page = await u.get(f"/products?page={u.random.choice(PAGES)['page']}")
    if u.random.random() < 0.75:
        item = await u.get(f"/products/{page.json['items'][3]['id']}")
        u.check(item.json["price_cents"] > 0, "has a price")
    else:
        await u.get(f"/products?page={u.random.choice(PAGES)['page']}")
"""
VUS = 10_000


@contextmanager
def _scripts() -> Iterator[tuple[Path, str]]:
    """A folder with both scenarios and their data, and the address of a target."""
    with tempfile.TemporaryDirectory() as name, echo("--knobs", "delay=0ms") as port:
        folder, address = Path(name), f"http://127.0.0.1:{port}"
        users = "".join(f"user-{number},secret-{number % 100}\n" for number in range(1_000, 10_000))
        (folder / "users.csv").write_text(f"user,password\n{users}")
        (folder / "pages.csv").write_text("page\n" + "".join(f"{number}\n" for number in range(1, 10)))
        for script, text in (("journey", JOURNEY), ("replay", REPLAY), ("users", USERS)):
            (folder / f"{script}.py").write_text(text.replace("URL", address))
        journey_rivals.write(folder, address)
        yield folder, address


def journey(rounds: int, seconds: int) -> Section:
    """Requests per second of processor time, of the threads that make the load, in turn; then instructions and memory."""
    per_s: dict[str, list[float]] = {"journey": [], "replay": []}
    with _scripts() as (folder, address):
        for turn in range(rounds):
            names = list(per_s) if turn % 2 else list(reversed(per_s))
            for name in names:
                document = _run(folder, name, "-u", "50", "-d", f"{seconds}s", pinned=True)
                per_s[name].append(document["requests"]["ok"] / document["generator"]["cpu_s"])
        rivals = journey_rivals.measured(folder, address, seconds)
        users, beside = _users(folder, address, rounds, seconds)
        counted = _instructions(folder)
        grown = _memory(folder)
    ratios = [mine / plain for mine, plain in zip(per_s["journey"], per_s["replay"], strict=True)]
    ours = statistics.median(per_s["journey"])
    lines = [
        "Login of a user from a file, a token out of its answer into a header, a page by a second file, a product of it, a",
        "check of its price; by weight a second page. The replay sends the same requests as they are, and looks into no answer.",
        "",
        "| | requests per second of processor time |",
        "|---|---|",
        *(f"| {name} | {statistics.median(values):,.0f} |" for name, values in per_s.items()),
        *(f"| {name} | {value:,.0f} |" for name, value in rivals.items()),
        "",
        f"The journey has **{statistics.median(ratios):.2f}** of the replay's ({min(ratios):.2f} to {max(ratios):.2f}).",
        *(f"{name} does the same journey: ours is **{ours / value:.0f}** times as much." for name, value in rivals.items()),
        *([f"The journey as a user in Python makes {users:,.0f}, its processes included, and Locust {beside:,.0f}: **{users / beside:.1f}**"
           f" times as much, without what it takes to start, medians of {rounds} alternating rounds."] if beside else []),
        *counted,
        f"{VUS:,} virtual users in it take {grown:,.0f} bytes each, connections and all.",
    ]
    return Section(f"A scenario in Python, medians of {rounds} alternating rounds", lines)


def _run(folder: Path, name: str, *words: str, pinned: bool = False) -> dict[str, object]:
    command = [OURS, "run", f"{name}.py", *words, "-o", "json=-", "--progress", "none", "--no-store", "--threads", "1"]
    before = ["taskset", "-c", str(GENERATOR_CPU)] if pinned else []
    done = subprocess.run([*before, *command], capture_output=True, text=True, check=False, timeout=300, cwd=folder)
    document = json.loads(done.stdout)
    if document["requests"]["failed"] or any(check["failed"] for check in document["checks"]):
        raise SystemExit(f"{name}: something failed\n{done.stderr}")
    return document


def _users(folder: Path, address: str, rounds: int, seconds: int) -> tuple[float, float]:
    """
    Requests per second of processor time of users in Python, and of Locust's, each from the difference between a long and a
    short run: what it takes to start is not of the requests. All processes of each have one processor.
    """
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(by_difference(lambda length: _python_users(folder, length), 2, 2 + seconds))
        if journey_rivals.locust() is not None:
            theirs.append(by_difference(lambda length: journey_rivals.locust_run(folder, address, length), 2, 2 + seconds))
    return statistics.median(mine), statistics.median(theirs or [0.0])


def _python_users(folder: Path, length: int) -> int:
    words = ["-u", "50", "-d", f"{length}s", "--python-processes", "1"]
    return int(_run(folder, "users", *words, pinned=True)["requests"]["ok"])


def _instructions(folder: Path) -> list[str]:
    """User-space instructions a request, of the threads that make the load."""
    if not shutil.which("valgrind"):
        return ["valgrind is not on this machine: no instructions were counted."]
    each = {}
    for name in ("journey", "replay"):
        line = f"{OURS} run {folder / name}.py -u 50 -d {{s}}s -o json=- --progress none --no-store --threads 1"
        (_, few_load, few), (_, many_load, many) = (
            callgrind(line.replace("{s}", str(length)), folder) for length in (2, 8)
        )
        each[name] = (many_load - few_load) / (many - few)
    ratio = each["journey"] / each["replay"]
    return [
        f"By callgrind it takes {each['journey']:,.0f} user-space instructions a request, the replay {each['replay']:,.0f}: "
        f"**{ratio:.2f}** times as many."
    ]


def _memory(folder: Path) -> float:
    """Resident bytes a virtual user: of many less a few, at their highest."""
    peaks = []
    for count in (100, VUS):
        words = ["/usr/bin/env", "time", "-v", OURS, "run", "journey.py", "-u", str(count), "-d", "5s", "--no-store"]
        done = subprocess.run(
            [*words, "--threads", "1", "--progress", "none", "-o", "json=-"],
            capture_output=True, text=True, check=False, timeout=300, cwd=folder,
        )
        found = re.search(r"Maximum resident set size \(kbytes\): (\d+)", done.stderr)
        if not found:
            raise SystemExit(f"no memory was told: {done.stderr[-500:]}")
        peaks.append(int(found[1]) * 1024)
    return (peaks[1] - peaks[0]) / (VUS - 100)
