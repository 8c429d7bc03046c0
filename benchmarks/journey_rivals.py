"""The journey as other tools have it that say what a user does in a language of programs."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from machine import GENERATOR_CPU

LOCUST = """
import csv, random
from locust import FastHttpUser, task

USERS = list(csv.DictReader(open("users.csv")))
PAGES = list(csv.DictReader(open("pages.csv")))

class Journey(FastHttpUser):
    @task
    def journey(self):
        me = random.choice(USERS)
        with self.client.post("/login", json={"user": me["user"], "password": me["password"]}) as login:
            headers = {"Authorization": f"Bearer {login.json()['token']}"}
        page = self.client.get(f"/products?page={random.choice(PAGES)['page']}", headers=headers, name="page").json()
        if random.random() < 0.75:
            with self.client.get(
                f"/products/{page['items'][3]['id']}", headers=headers, name="product", catch_response=True
            ) as item:
                if not item.json()["price_cents"] > 0:
                    item.failure("no price")
        else:
            self.client.get(f"/products?page={random.choice(PAGES)['page']}", headers=headers, name="page")
"""
ARTILLERY = """
config:
  target: URL
  phases: [{duration: 1, arrivalCount: 50}]
  processor: ./choose.js
  http: {timeout: 60}
scenarios:
  - flow:
      - loop:
          - function: choose
          - post: {url: /login, json: {user: "{{ user }}", password: "{{ password }}"}, capture: {json: $.token, as: token}}
          - get: {url: "/products?page={{ page }}", headers: {Authorization: "Bearer {{ token }}"}, capture: {json: "$.items[3].id", as: id}}
          - get: {url: "/products/{{ id }}", headers: {Authorization: "Bearer {{ token }}"}, ifTrue: browses, capture: {json: $.price_cents, as: price}}
          - get: {url: "/products?page={{ other }}", headers: {Authorization: "Bearer {{ token }}"}, ifTrue: searches}
        count: COUNT
"""
CHOOSE = """
const rows = (name) => require('fs').readFileSync(name, 'utf8').trim().split('\\n').slice(1).map((line) => line.split(','));
const users = rows('users.csv'), pages = rows('pages.csv');
const any = (all) => all[Math.floor(Math.random() * all.length)];
module.exports.choose = (context, events, done) => {
  [context.vars.user, context.vars.password] = any(users);
  [context.vars.page] = any(pages);
  [context.vars.other] = any(pages);
  context.vars.browses = Math.random() < 0.75;
  context.vars.searches = !context.vars.browses;
  return done();
};
"""
ITERATIONS_PER_S = 20
"""Of each of Artillery's users, as a guess: it is told how often, and not how long."""


def write(folder: Path, address: str) -> None:
    """Their files, beside those of the journey's data."""
    (folder / "locustfile.py").write_text(LOCUST)
    (folder / "journey.yml").write_text(ARTILLERY.replace("URL", address))
    (folder / "choose.js").write_text(CHOOSE)


def measured(folder: Path, address: str, seconds: int) -> dict[str, float]:
    """By name and version: requests per second of processor time of those that are on this machine, without their start."""
    found = {}
    if (program := locust()) is not None:
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        found[f"Locust {version}, FastHttpUser"] = by_difference(
            lambda length: locust_run(folder, address, length), 2, 2 + seconds
        )
    if (program := artillery()) is not None:
        told = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
        version = told.partition("Artillery: ")[2].split()[0]
        found[f"Artillery {version}"] = by_difference(
            lambda length: _artillery_run(folder, length * ITERATIONS_PER_S), 2, 2 + seconds
        )
    return found


def by_difference(run: Callable[[int], int], short: int, long: int) -> float:
    """
    Requests per second of processor time, from the difference between a long and a short run: what it takes to start is
    not of the requests.
    """
    (few, less_s), (many, more_s) = (_timed(run, length) for length in (short, long))
    return (many - few) / (more_s - less_s)


def _timed(run: Callable[[int], int], length: int) -> tuple[int, float]:
    """What it counted, and the processor time of it and of all that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    count = run(length)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return count, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def locust() -> str | None:
    """The program, if there is one."""
    return os.environ.get("LOCUST") or shutil.which("locust")


def artillery() -> str | None:
    """The program, if there is one."""
    return os.environ.get("ARTILLERY") or shutil.which("artillery")


def locust_run(folder: Path, address: str, length: int) -> int:
    """How many requests it made, none of which failed."""
    words = ["-f", "locustfile.py", "--headless", "-u", "50", "-r", "50", "-t", f"{length}s", "-H", address]
    done = subprocess.run(
        ["taskset", "-c", str(GENERATOR_CPU), locust() or "locust", *words, "--csv", "out", "--only-summary"],
        capture_output=True, text=True, check=False, timeout=300, cwd=folder,
    )
    row = next(line for line in (folder / "out_stats.csv").read_text().splitlines() if ",Aggregated," in line)
    requests, failed = (int(each) for each in row.split(",")[2:4])
    if failed:
        raise SystemExit(f"locust: {failed} failed\n{done.stdout[-500:]}")
    return requests


def _artillery_run(folder: Path, iterations: int) -> int:
    """The same of Artillery, whose 50 users do so many iterations each."""
    script = folder / "journey.yml"
    (folder / "now.yml").write_text(script.read_text().replace("COUNT", str(iterations)))
    done = subprocess.run(
        ["taskset", "-c", str(GENERATOR_CPU), artillery() or "artillery", "run", "--quiet", "--output", "out.json", "now.yml"],
        capture_output=True, text=True, check=False, timeout=600, cwd=folder,
        env={**os.environ, "ARTILLERY_DISABLE_TELEMETRY": "true"},
    )
    counters = json.loads((folder / "out.json").read_text())["aggregate"]["counters"]
    if counters["http.responses"] != counters["http.codes.200"] or counters.get("vusers.failed"):
        raise SystemExit(f"artillery: {counters}\n{done.stdout[-500:]}")
    return int(counters["http.responses"])
