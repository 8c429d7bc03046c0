"""A controller, workers with real engines, and an aggregator that only adds up: joined in one process, for tests."""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apibench.controller.service import Controller
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions, PreparedLoad
from apibench.model.aggregation import ResultQuery, RunFacts, RunOpening, RunUpdate
from apibench.model.batch import IntervalAck, IntervalBatch, Pushed
from apibench.model.control import Prepare
from apibench.model.counts import IntervalCounts
from apibench.model.installation import RunRow
from apibench.model.interval import Interval
from apibench.model.plan import Plan
from apibench.model.submission import RunSubmission
from apibench.model.worker import WorkerFacts
from apibench.store.control import ControlStore
from apibench.wire.in_process import InProcessControllerLink, InProcessIntervalSink
from apibench.worker.segment_load import Choose
from apibench.worker.service import Worker

LEASE_NS = 1_500_000_000
HEARTBEAT_NS = 100_000_000


class Totals:
    """An aggregator that adds up and judges nothing."""

    def __init__(self) -> None:
        self.batches: dict[tuple[str, int], list[IntervalBatch]] = {}
        self.facts: dict[str, RunFacts] = {}

    async def take(self, pushed: Pushed) -> IntervalAck:
        """Keep a batch, if it is the next one. Nothing else is wanted."""
        assert isinstance(pushed, IntervalBatch)
        known = self.batches.setdefault((pushed.run_id, pushed.segment), [])
        if pushed.number == len(known):
            known.append(pushed)
        return IntervalAck(pushed.run_id, pushed.segment, len(known))

    async def open_run(self, opening: RunOpening) -> None:
        """Nothing to prepare."""

    async def tell(self, facts: RunFacts) -> None:
        """Keep them."""
        self.facts[facts.run_id] = facts

    async def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        """Nothing is ever told."""
        await asyncio.Event().wait()
        yield RunUpdate(after, run_id, {})

    async def missing(self, run_id: str) -> tuple[int, ...]:
        """Who has not sent its last batch."""
        lost = {each.segment for each in self.facts[run_id].segments if each.fate.value == "lost"}
        known = {each.segment for each in self.facts[run_id].segments}
        done = {segment for (run, segment), each in self.batches.items() if run == run_id and each and each[-1].final}
        return tuple(sorted(known - lost - done))

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        """A verdict on nothing."""
        return {"run": run_id, "whole": query.whole, "verdict": {"status": "passed", "exit_code": 0}}

    def counts(self, run_id: str) -> Counter[str]:
        """All that was measured."""
        total: Counter[str] = Counter()
        for (run, _), batches in self.batches.items():
            for batch in batches if run == run_id else ():
                interval = Interval.from_counts(IntervalCounts.from_wire(batch.counts))
                for scenario in interval.scenarios:
                    total["offered"] += scenario.offered
                for series in interval.series:
                    for name in ("started", "ok", "failed", "unfinished"):
                        total[name] += getattr(series, name)
        return total

    def reached_ns(self, run_id: str) -> int:
        """Up to when something was measured."""
        batches = [each for (run, _), batches in self.batches.items() if run == run_id for each in batches]
        return max(Interval.from_counts(IntervalCounts.from_wire(batch.counts)).end_ns for batch in batches)


@dataclass
class Installation:
    """All of them."""

    store: ControlStore
    controller: Controller
    totals: Totals
    link: InProcessControllerLink
    results: InProcessIntervalSink
    folder: Path
    choose: Choose
    workers: dict[str, Worker] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def add_worker(self, name: str, region: str = "") -> Worker:
        """One more."""
        facts = WorkerFacts(name, secrets.token_hex(4), RustEngine.version, region=region)
        worker = Worker(facts, RustEngine(), self.choose, [self.link], lambda _: self.results, self.folder / name)
        self.workers[name] = worker
        self.tasks[name] = asyncio.create_task(worker.run())
        return worker

    async def start(self, plan: dict[str, Any], **words: Any) -> RunRow:
        """Start a run of a plan document."""
        parsed = Plan.model_validate(plan)
        return await self.controller.submit(
            RunSubmission(parsed.canonical().decode(), parsed.sha256(), **words), "somebody"
        )

    async def until(self, holds: Callable[[], bool], patience_s: float = 20.0) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + patience_s
        while not holds():
            assert time.monotonic() < deadline, "it did not come to that"
            await asyncio.sleep(0.02)

    async def measuring(self, run_id: str) -> None:
        """Wait until something of a run has been measured."""
        await self.until(lambda: sum(self.totals.counts(run_id).values()) > 0)

    def idle(self) -> int:
        """How many workers a run could have."""
        return sum(each.state == "idle" and each.clock_error_ns is not None for each in self.controller.workers())

    async def state(self, run_id: str) -> RunRow:
        """Where a run stands."""
        row = await self.store.run(run_id)
        assert row is not None
        return row

    async def ended(self, run_id: str, patience_s: float = 30.0) -> RunRow:
        """The run once it is over."""
        deadline = time.monotonic() + patience_s
        while not (row := await self.state(run_id)).state.is_over:
            assert time.monotonic() < deadline, f"it is still {row.state}"
            await asyncio.sleep(0.05)
        return row


def one_thread(_: Prepare, __: Plan, ___: PreparedLoad) -> EngineOptions:
    """Enough here."""
    return EngineOptions(threads=1)


@contextlib.asynccontextmanager
async def installation(
    store: ControlStore, folder: Path, workers: int, choose: Choose = one_thread, **words: Any
) -> AsyncIterator[Installation]:
    """Everything, working; `words` are the controller's."""
    totals = Totals()
    controller = Controller(store, "c1", lambda _: totals, lease_ns=LEASE_NS, heartbeat_ns=HEARTBEAT_NS, **words)
    running = asyncio.create_task(controller.run())
    made = Installation(
        store, controller, totals, InProcessControllerLink(controller), InProcessIntervalSink(totals), folder, choose
    )
    for number in range(workers):
        made.add_worker(f"w{number}")
    try:
        await controller.announced("")
        await made.until(lambda: controller.leads and made.idle() == workers)
        yield made
    finally:
        for worker in made.workers.values():
            worker.leave()
        await asyncio.gather(*made.tasks.values(), return_exceptions=True)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.link.close()
        await made.results.close()


def open_plan(address: str, rate_per_s: int, duration_s: float, **words: Any) -> dict[str, Any]:
    """So many requests a second."""
    return {
        "version": 1,
        "hosts": {"api": {"base_url": address}},
        "scenarios": [
            {
                "name": "main",
                "steps": [{"type": "request", "host": "api", "path": "/"}],
                "load": {
                    "model": "open",
                    "rate": {"count": rate_per_s, "per_ns": 1_000_000_000},
                    "max_vus": 200,
                    "ends": {"duration_ns": round(duration_s * 1e9)},
                },
            }
        ],
        "seed": 7,
        **words,
    }
