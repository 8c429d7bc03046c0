"""Many machines: how soon a run begins and ends, what workers cost beside a local run, and what an hour takes to keep."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import GENERATOR_CPU, OURS, Section, built, ours
from seconds import KINDS, SAMPLES, batch, many_steps, measured_seconds
from side_by_side import spent_together
from target import Nginx, free_port, nginx

from apibench.aggregator.service import Aggregator
from apibench.engine.echo_server import EchoServer
from apibench.model.aggregation import Fate, ResultQuery, RunFacts, RunOpening, SegmentFacts
from apibench.model.ledger import Ledger, Revision
from apibench.model.share import WHOLE
from apibench.model.worker import WorkerFacts
from apibench.store.database import open_stores

WORKERS = 3
CONNECTIONS = (51, 1_500)
TICKS_S = os.sysconf("SC_CLK_TCK")


class Fleet:
    """Controller, aggregator and workers on this machine."""

    def __init__(self, folder: Path) -> None:
        self.http, grpc, results = (f"127.0.0.1:{free_port()}" for _ in range(3))
        self.token = secrets.token_hex(16)
        environment = {**os.environ, "APIBENCH_TOKEN": self.token, "APIBENCH_STORE": f"sqlite:///{folder}/store.sqlite"}
        commands = [
            ["controller", "--http", self.http, "--grpc", grpc],
            ["aggregator", "--controller", grpc, "--grpc", results],
            *(["worker", "--controller", grpc, "--spool", f"{folder}/w{number}"] for number in range(WORKERS)),
        ]
        self._log = (folder / "log").open("wb")
        self.processes = [
            subprocess.Popen([OURS, *command], env=environment, stdout=self._log, stderr=self._log)
            for command in commands
        ]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Of REST."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.http}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def await_idle(self) -> None:
        """Until all workers could take part in a run, and there is an aggregator."""
        while True:
            try:
                workers = self.ask("GET", "/v1/workers")["workers"]
                self.ask("GET", "/readyz")
                if sum(each["state"] == "idle" and each["clock_error_ns"] is not None for each in workers) == WORKERS:
                    return
            except OSError:
                pass
            time.sleep(0.1)

    def result(self, run_id: str) -> Any:
        """Of a run once it is over."""
        while self.ask("GET", f"/v1/runs/{run_id}")["state"] not in ("finished", "failed"):
            time.sleep(0.1)
        return self.ask("GET", f"/v1/runs/{run_id}/result")

    def workers_cpu_s(self) -> list[float]:
        """Processor time that each worker has used by now."""
        return [cpu_s(process.pid) for process in self.processes[2:]]


def cpu_s(pid: int) -> float:
    """Processor time that a process has used by now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


@contextmanager
def fleet() -> Iterator[Fleet]:
    """One that is ready."""
    with tempfile.TemporaryDirectory() as folder:
        made = Fleet(Path(folder))
        try:
            made.await_idle()
            yield made
        finally:
            for process in made.processes:
                process.terminate()
            for process in made.processes:
                process.wait(30)


def start(times: int) -> Section:
    """From the order to the first request, and from the stop to the last one."""
    begins, ends, errors = [], [], []
    with EchoServer(http="127.0.0.1:0") as target, fleet() as here:
        for _ in range(times):
            before = target.counts()["requests"]
            asked_s = time.monotonic()
            run_id = here.ask("POST", "/v1/runs", {"plan": open_plan(target.address, 500, 60)})["id"]
            while target.counts()["requests"] == before:
                time.sleep(0.001)
            begins.append(time.monotonic() - asked_s)
            time.sleep(2)
            stopped_s = time.monotonic()
            here.ask("POST", f"/v1/runs/{run_id}/stop")
            seen, last_s = target.counts()["requests"], time.monotonic()
            while time.monotonic() < last_s + 1:
                now = target.counts()["requests"]
                if now != seen:
                    seen, last_s = now, time.monotonic()
                time.sleep(0.001)
            ends.append(last_s - stopped_s)
            document = here.result(run_id)
            errors.append(max(each["clock_error_ns"] for each in document["run"]["workers"]))
            here.await_idle()
    return Section(
        f"Many machines: {WORKERS} workers, idle, on one host",
        [
            f"- from `POST /v1/runs` to the first request: median {statistics.median(begins):.2f} s, "
            f"at most {max(begins):.2f} s of {times}",
            f"- from the stop to the last request: median {statistics.median(ends) * 1e3:.0f} ms, "
            f"at most {max(ends) * 1e3:.0f} ms",
            f"- by how much starts may differ, as the result tells: at most {max(errors) / 1e6:.2f} ms",
        ],
    )


def cost(rounds: int, short: float, long: float) -> Section:
    """
    Processor time for a request, by three worker processes and by local runs, in turn; long minus short.

    Three processes on one processor also take turns on it, the oftener the fewer connections each has. What that alone
    costs is seen of the floor: three of them beside one with as many connections.
    """
    lines = [f"All on one processor, the target on the other; medians of {rounds} rounds."]
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as target, fleet() as here:
        for process in here.processes[2:]:
            os.sched_setaffinity(process.pid, {GENERATOR_CPU})
        floor = built("epoll_floor", Path(folder))
        for connections in CONNECTIONS:
            lines += ["", *_costs(here, target, floor, connections, rounds, (short, long))]
    return Section(f"Many machines: processor time of {WORKERS} workers beside local runs, closed", lines)


def _costs(
    here: Fleet, target: Nginx, floor: str, connections: int, rounds: int, lengths_s: tuple[float, float]
) -> list[str]:
    costs: dict[str, list[float]] = {}
    engines_s: dict[int, list[tuple[float, float]]] = {}
    url = f"http://127.0.0.1:{target.port}/"

    def by_workers(length_s: float, workers: int) -> tuple[float, int]:
        before_s = here.workers_cpu_s()
        body = {"plan": closed_plan(url, connections, length_s), "workers": workers}
        document = here.result(here.ask("POST", "/v1/runs", body)["id"])
        # Of those that took part: the busiest.
        used_s = sorted(after_s - each_s for each_s, after_s in zip(before_s, here.workers_cpu_s(), strict=True))
        took_s = sum(used_s[-workers:])
        engines_s.setdefault(workers, []).append((took_s, document["generator"]["cpu_s"]))
        here.await_idle()
        return took_s, document["requests"]["ok"]

    def floors(count: int) -> list[str]:
        return [f"{floor} {target.port} {connections // count} {{s}}"] * count

    def local_runs(count: int) -> list[str]:
        return [" ".join(ours(url, "-c", str(connections // count), "-d", "{s}s"))] * count

    ways: dict[str, Callable[[float], tuple[float, int]]] = {
        "floor, one process": lambda length_s: spent_together(floors(1), length_s, GENERATOR_CPU),
        "floor, three processes": lambda length_s: spent_together(floors(WORKERS), length_s, GENERATOR_CPU),
        "local": lambda length_s: spent_together(local_runs(1), length_s, GENERATOR_CPU),
        "local, three at once": lambda length_s: spent_together(local_runs(WORKERS), length_s, GENERATOR_CPU),
        "one worker": lambda length_s: by_workers(length_s, 1),
        "three workers": lambda length_s: by_workers(length_s, WORKERS),
    }
    for _ in range(rounds):
        for name, way in ways.items():
            (few_s, few), (many_s, many) = (way(length_s) for length_s in lengths_s)
            costs.setdefault(name, []).append((many_s - few_s) / (many - few) * 1e6)

    def python(workers: int) -> str:
        """What the threads of the load did not use: Python and its links. By length, short and long in turn."""
        turns = zip(engines_s[workers][::2], engines_s[workers][1::2], strict=True)
        return f"{statistics.median(1 - (many[1] - few[1]) / (many[0] - few[0]) for few, many in turns):.1%}"

    def ratio(name: str, of: str) -> str:
        return f"{statistics.median(mine / base for mine, base in zip(costs[name], costs[of], strict=True)):.2f}"

    return [
        f"| {connections:,} connections | µs CPU a request |",
        "|---|---|",
        *(f"| {name} | {statistics.median(found):.2f} |" for name, found in costs.items()),
        "",
        f"- one worker beside one local run: **{ratio('one worker', 'local')}**",
        f"- three workers beside one local run: **{ratio('three workers', 'local')}**; "
        f"beside three local runs at once: **{ratio('three workers', 'local, three at once')}**",
        f"- three floors at once beside one: {ratio('floor, three processes', 'floor, one process')}",
        f"- Python's share of the time of one worker: **{python(1)}**; of three that share one processor: {python(WORKERS)}",
    ]


def stored(seconds: int = 3_600, steps: int = 50) -> Section:
    """What an hour takes in SQLite, how fast it is taken in, and how soon it is told again."""
    kinds = measured_seconds(steps)
    with tempfile.TemporaryDirectory() as folder:
        lines = asyncio.run(_stored(Path(folder), kinds, seconds, steps))
    return Section(f"Many machines: {seconds // 60} min of {steps} series of {SAMPLES} samples a second, one worker, in SQLite", lines)


async def _stored(folder: Path, kinds: list[bytes], seconds: int, steps: int) -> list[str]:
    path = folder / "store.sqlite"
    stores = await open_stores(f"sqlite:///{path}")
    aggregator = Aggregator(stores.results, "benchmark")
    running = asyncio.create_task(aggregator.run())
    await aggregator.begin()
    await aggregator.open_run(RunOpening("r", many_steps(steps, seconds).canonical().decode(), "2026-01-01T00:00:00+00:00"))
    worker = WorkerFacts("w0", "i", "1")
    ledger = Ledger((Revision(0, 0, {0: WHOLE}, reason="start"),))
    await aggregator.tell(RunFacts("r", 1, ledger, (SegmentFacts(0, worker),)))
    batches = [batch(0, kinds[number % KINDS], number, final=number == seconds - 1) for number in range(seconds)]
    began_s = time.monotonic()
    for first in range(0, seconds, 64):
        await asyncio.gather(*(aggregator.take(each) for each in batches[first : first + 64]))
    took_s = time.monotonic() - began_s
    finished = SegmentFacts(0, worker, Fate.FINISHED, 0, seconds)
    await aggregator.tell(RunFacts("r", 2, ledger, (finished,), "complete", "2026-01-01T01:00:00+00:00"))
    await asyncio.sleep(3)
    asked_s = time.monotonic()
    whole = await aggregator.result("r", ResultQuery())
    whole_s = time.monotonic() - asked_s
    half = ResultQuery(from_ns=seconds * 250_000_000, to_ns=seconds * 750_000_000, steps=("step 1",))
    asked_s = time.monotonic()
    part = await aggregator.result("r", half)
    part_s = time.monotonic() - asked_s
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await stores.close()
    size = sum(each.stat().st_size for each in folder.iterdir())
    return [
        f"- {statistics.mean(map(len, kinds)) / 1e3:.1f} KB a worker and second on the wire; **{size / 1e6:.1f} MB** for all, every tier",
        f"- taken in at {seconds / took_s:,.0f} windows a second",
        f"- the whole document, with {len(whole['intervals']):,} rows, in {whole_s:.2f} s; "
        f"one step of the middle half, {part['requests']['ok']:,} requests, in {part_s:.2f} s",
    ]


def open_plan(url: str, rate_per_s: int, length_s: int) -> dict[str, Any]:
    """So many requests a second."""
    load = {"rate": f"{rate_per_s}/s", "duration": f"{length_s}s"}
    return _plan(url, load)


def closed_plan(url: str, vus: int, length_s: float) -> dict[str, Any]:
    """So many virtual users."""
    return _plan(url, {"vus": vus, "duration": f"{length_s:g}s"})


def _plan(url: str, load: dict[str, Any]) -> dict[str, Any]:
    steps = [{"type": "request", "host": "api", "path": "/"}]
    return {
        "version": 1,
        "name": "fleet",
        "hosts": {"api": {"url": url}},
        "scenarios": [{"name": "main", "steps": steps, "load": load}],
    }
