"""What is left of a run whose days are forgotten, over every store: its whole result, and word that more is gone."""

import asyncio
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.distributed.installation import open_plan
from tests.seams.conftest import KEEP_DAYS, OpenResults

from apibench.aggregator.service import MAINTAIN_S, Aggregator
from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.aggregation import Fate, ResultQuery, RunFacts, RunOpening, SegmentFacts
from apibench.model.batch import IntervalBatch
from apibench.model.errors import NotFound
from apibench.model.host_sample import HostSample
from apibench.model.ledger import Ledger, Revision
from apibench.model.plan import Plan
from apibench.model.share import WHOLE
from apibench.model.worker import WorkerFacts

pytestmark = pytest.mark.asyncio
BEGUN = datetime.now(UTC) - timedelta(days=KEEP_DAYS + 2)
WORKER = WorkerFacts("w", "i", "1")
LEDGER = Ledger((Revision(0, 0, {0: WHOLE}, reason="start"),))


@dataclass
class Timing:
    """A clock that the test moves."""

    at_s: float = 1.0

    def now_s(self) -> float:
        """Now."""
        return self.at_s

    async def pause(self, seconds: float) -> None:
        """Let others go on."""
        self.at_s += seconds


@dataclass
class Run:
    """One that a worker has measured, as it comes to an aggregator."""

    plan: Plan
    batches: list[bytes]
    opening: RunOpening = field(init=False)

    def __post_init__(self) -> None:
        self.opening = RunOpening("r1", self.plan.canonical().decode(), BEGUN.isoformat())

    def batch(self, number: int) -> IntervalBatch:
        """One of its batches."""
        data, final = self.batches[number], number == len(self.batches) - 1
        return IntervalBatch("r1", 0, "w", number, data, zlib.crc32(data), HostSample(0, 0, 0), final=final)

    async def come(self, aggregator: Aggregator) -> None:
        """All of it, to its end."""
        await aggregator.open_run(self.opening)
        await aggregator.tell(RunFacts("r1", 1, LEDGER, (SegmentFacts(0, WORKER),)))
        taking = [asyncio.ensure_future(aggregator.take(self.batch(number))) for number in range(len(self.batches))]
        await asyncio.sleep(0)
        await aggregator.cycle()
        await asyncio.gather(*taking)
        finished = SegmentFacts(0, WORKER, Fate.FINISHED, 0, len(self.batches))
        await aggregator.tell(RunFacts("r1", 2, LEDGER, (finished,), "complete"))
        await aggregator.cycle()


@pytest.fixture(scope="module")
def run() -> Run:
    with EchoServer(http="127.0.0.1:0") as target:
        plan = Plan.model_validate(open_plan(target.address, 50, 1))
        load = RustEngine().prepare(plan).start(EngineOptions(threads=1))
        batches = []
        while not load.ended:
            counts = load.next_counts(200)
            if counts is not None:
                batches.append(counts.to_wire())
    return Run(plan, batches)


async def test_the_result_of_a_run_outlives_its_seconds(run: Run, open_results: OpenResults) -> None:
    store, timing = await open_results(), Timing()
    aggregator = Aggregator(store, "a1", timing=timing)
    await aggregator.begin()
    await aggregator.cycle()
    await run.come(aggregator)
    document = await aggregator.result("r1", ResultQuery())
    assert document["requests"]["ok"] == 50
    assert (await aggregator.result("r1", ResultQuery(workers=("w",))))["requests"]["ok"] == 50

    timing.at_s += MAINTAIN_S
    await aggregator.cycle()
    await check_forgotten(aggregator, run, document)
    kept = await store.result("r1")
    another = Aggregator(await open_results(), "a2", timing=timing)
    await another.begin()
    await check_forgotten(another, run, document)
    timing.at_s += MAINTAIN_S
    await another.cycle()
    assert await store.result("r1") == kept


async def check_forgotten(aggregator: Aggregator, run: Run, document: dict[str, Any]) -> None:
    """All that is left is the whole."""
    assert await aggregator.result("r1", ResultQuery()) == document
    with pytest.raises(NotFound, match="the seconds of run r1 are forgotten"):
        await aggregator.result("r1", ResultQuery(to_ns=1_000_000_000))
    with pytest.raises(NotFound, match="the seconds of run r1 are forgotten"):
        await anext(aggregator.watch("r1", 0))
    with pytest.raises(NotFound, match="there is no run r2"):
        await aggregator.result("r2", ResultQuery())
    assert (await aggregator.take(run.batch(0))).refused == "unknown_run"


async def test_what_comes_late_of_a_run_that_lost_nothing_is_still_taken(run: Run, open_results: OpenResults) -> None:
    aggregator = Aggregator(await open_results(), "a1", timing=Timing())
    await aggregator.begin()
    await aggregator.cycle()
    await aggregator.open_run(run.opening)
    await aggregator.tell(RunFacts("r1", 1, LEDGER, (SegmentFacts(0, WORKER, Fate.LOST),), "complete"))
    await aggregator.cycle()
    another = Aggregator(await open_results(), "a2", timing=Timing())
    await another.begin()
    taking = asyncio.ensure_future(another.take(run.batch(0)))
    while not taking.done():
        await another.cycle()
        await asyncio.sleep(0)
    assert taking.result().durable == 1
