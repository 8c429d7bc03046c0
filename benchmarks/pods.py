"""Two hundred workers that are made for one run on Kubernetes: how soon they begin, how much apart, and what it takes."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet import cpu_s, open_plan
from machine import TARGET_CPU, NotHere, Section, only_on
from simulated_pods import ALONE, SimulatedPods

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.kubernetes.cluster import cluster, what_is_missing
from tests.kubernetes.installation import Installation, installation
from tests.network import Network
from tests.postgres import running_postgres

RATE_PER_WORKER = 50
WORKERS_PER_NODE = 8
"""By their processors, of which a node says that it has 16."""
NOBODY = "http://10.213.0.1:9"
"""Whom nobody connects to."""
LOOK_S = 0.1
BUSY_S = 1.0
"""Of how long a stretch is the busiest."""
PATIENCE_S = 300.0


@dataclass
class Watched:
    """What services have used of processors, as it went on."""

    processes: dict[str, int]
    """Their ids, by name."""
    seen: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def look(self) -> None:
        """Once more."""
        self.seen.append((time.monotonic(), {name: cpu_s(pid) for name, pid in self.processes.items()}))

    def share(self, name: str, from_s: float, until_s: float) -> float:
        """Of one processor, between two moments."""
        within = [(at_s, used[name]) for at_s, used in self.seen if from_s <= at_s <= until_s]
        (first_s, before), (last_s, after) = within[0], within[-1]
        return (after - before) / max(last_s - first_s, LOOK_S)

    def busiest(self, name: str, from_s: float) -> tuple[float, float]:
        """The share of the busiest second, and how long after `from_s` that began."""
        steps = round(BUSY_S / LOOK_S)
        pairs = zip(self.seen, self.seen[steps:], strict=False)
        found = [((b[1][name] - a[1][name]) / (b[0] - a[0]), a[0] - from_s) for a, b in pairs if a[0] >= from_s]
        return max(found)


def pods(workers: int = 200, seconds: int = 30) -> Section:
    """One run. The API server, its controllers and scheduler are real, and so is everything of ours but the engines."""
    missing = what_is_missing()
    if missing:
        raise NotHere(f"{missing}; `make test-kubernetes` does all that is needed")
    made: list[SimulatedPods] = []

    def runtime_in(network: Network) -> SimulatedPods:
        made.append(SimulatedPods(network))
        return made[0]

    nodes = -(-workers // WORKERS_PER_NODE) + 2
    values = {"agent.maxWorkers": str(workers)}
    with only_on(TARGET_CPU), tempfile.TemporaryDirectory() as folder, running_postgres() as postgres:
        (Path(folder) / "installation").mkdir()
        with (
            cluster(Path(folder), nodes, runtime_in) as plane,
            installation(plane, Path(folder) / "installation", postgres, values) as here,
        ):
            try:
                lines = _measured(here, made[0], workers, seconds)
            finally:
                made[0].close()
    title = f"Many workers made for a run: a Job of {workers} on Kubernetes 1.37, {nodes} nodes made up, {seconds} s"
    return Section(title, lines)


def _measured(here: Installation, simulated: SimulatedPods, workers: int, seconds: int) -> list[str]:
    rate = workers * RATE_PER_WORKER
    watched = Watched({name: simulated.processes[name].pid for name in ALONE})
    # The process of the simulated workers is there with the first one.
    first = here.run(plan=open_plan(NOBODY, RATE_PER_WORKER, 1), workers=1)
    here.result(first)
    here.until_nothing_is_left(first)
    with _watching(watched):
        time.sleep(2 * BUSY_S)
        asked_s = time.monotonic()
        run_id = here.run(plan=open_plan(NOBODY, rate, seconds), workers=workers)
        _until(here, "all pods have nodes", lambda: len(here.workers(run_id)) == workers)
        node_s = max(each.came_s for each in here.workers(run_id)) - asked_s
        uids = [each.document["metadata"]["uid"] for each in here.workers(run_id)]
        attached, ready, began, ended = (
            _moments(here, simulated, what, uids) for what in ("attached", "prepared", "began", "ended")
        )
        document = here.result(run_id)
        here.until_nothing_is_left(run_id)
        gone_s = time.monotonic() - asked_s
        time.sleep(BUSY_S)
    told = document["run"]["workers"]
    return [
        f"API server, Job controller and scheduler are Kubernetes' own, and all of ours is what it is, but for the engines: these are "
        f"simulated, in one process with the {workers} workers, and offer {rate:,} requests a second in all. Controller and aggregator "
        "share one processor, everything else has the other.",
        "",
        f"- from `POST /v1/runs` until the last pod has a node: {node_s:.2f} s; until all are attached: "
        f"{max(attached) - asked_s:.2f} s; all have prepared: {max(ready) - asked_s:.2f} s; the load begins: "
        f"**{min(began) - asked_s:.2f} s**; its first second is measured by all: {max(began) - asked_s + 1:.2f} s",
        f"- from the first that began to the last: **{(max(began) - min(began)) * 1e3:.1f} ms**; by the result, starts may "
        f"differ by {max(each['clock_error_ns'] for each in told) / 1e6:.2f} ms at most",
        *_shares(watched, asked_s, max(attached), min(began), min(began) + seconds, max(ended)),
        *_outcome(document, workers, rate * seconds),
        f"- Job and pods are gone {gone_s - (min(began) - asked_s) - seconds:.1f} s after the planned end",
    ]


def _shares(watched: Watched, asked_s: float, attached_s: float, began_s: float, end_s: float, ended_s: float) -> Iterator[str]:
    for name in watched.processes:
        busiest, at_s = watched.busiest(name, asked_s)
        yield (
            f"- of its processor the {name} used **{watched.share(name, asked_s, ended_s):.2f}** over the whole run: "
            f"{watched.share(name, asked_s, attached_s):.2f} until all were attached, {watched.share(name, attached_s, began_s):.2f} "
            f"until they began, {watched.share(name, began_s, end_s):.2f} while they ran, {watched.share(name, end_s, ended_s):.2f} "
            f"until they were gone; in its busiest second, {at_s:.0f} s after the order, {busiest:.2f}"
        )


def _outcome(document: dict[str, Any], workers: int, due: int) -> Iterator[str]:
    told = document["run"]["workers"]
    complete = sum(each["complete"] and each["fate"] == "finished" for each in told)
    load, requests = document["load"], document["requests"]
    yield (
        f"- the result is {document['verdict']['status']}, {document['run']['ended']}; {complete} of {workers} workers finished "
        f"and delivered all; {load['offered']:,} iterations offered of {due:,} due, {load['lost']:,} lost, {requests['ok']:,} requests ok"
    )
    yield from (f"- of its generators it says: {each['message']}" for each in document["verdict"]["findings"])
    if (len(told), complete, load["offered"], requests["ok"], load["lost"]) != (workers, workers, due, due, 0):
        yield "- **which is not as it should be**"


def _moments(here: Installation, simulated: SimulatedPods, what: str, uids: list[str]) -> list[float]:
    """When that happened to each, once it has happened to all."""
    _until(here, f"{what}: all", lambda: all(what in simulated.told[uid] for uid in uids))
    return [simulated.told[uid][what] / 1e9 for uid in uids]


def _until(here: Installation, what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {PATIENCE_S:g} s\n{here.said()[-20_000:]}")
        time.sleep(LOOK_S)


@contextmanager
def _watching(watched: Watched) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            watched.look()

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
