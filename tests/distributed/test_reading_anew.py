"""A run that has to be read anew while the store does not answer: what is known of it is not what is stored."""

import asyncio
import zlib
from collections.abc import Sequence

import pytest
from tests.distributed.histories import HOST, LENGTH_S, SHARES, Measured, Timing, measure

from apibench.aggregator.service import Aggregator
from apibench.model.aggregation import Fate, RunFacts, RunOpening, RunUpdate, SegmentFacts
from apibench.model.batch import IntervalBatch
from apibench.model.counts import IntervalCounts
from apibench.model.errors import Conflict, StoreFailed
from apibench.model.interval import Interval
from apibench.model.ledger import Ledger, Revision
from apibench.model.metric import IngestMark, MetricPart, PartQuery
from apibench.model.worker import WorkerFacts
from apibench.store.memory_results import MemoryResultStore


class Scripted(MemoryResultStore):
    """Says once that the whole run is there already, and then does not answer for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses_whole = True
        self.silent = 0
        """How many questions more stay without an answer."""

    async def commit(
        self, shard: int, epoch: int, parts: Sequence[MetricPart], marks: Sequence[tuple[IngestMark, int]]
    ) -> None:
        """Or not."""
        if self.refuses_whole and any(part.tier_s == 0 for part in parts):
            self.refuses_whole, self.silent = False, 3
            raise Conflict("it is there already", "Begin anew.")
        await super().commit(shard, epoch, parts, marks)

    async def marks(self, run_id: str) -> list[IngestMark]:
        """Or not."""
        if self.silent:
            self.silent -= 1
            raise StoreFailed("it is away", "Wait.")
        return await super().marks(run_id)


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure()


async def stored_ok(store: Scripted, tier_s: int) -> int:
    total = 0
    async for part in store.parts(PartQuery("r1", tier_s)):
        interval = Interval.from_counts(IntervalCounts.from_wire(part.counts))
        total += sum(each.ok for each in interval.series)
    return total


@pytest.mark.asyncio
async def test_a_run_that_is_over_is_read_anew_whoever_asks_and_its_watchers_hear_of_its_end(
    measured: Measured,
) -> None:
    store, timing = Scripted(), Timing()
    aggregator = Aggregator(store, "a", timing=timing)
    await aggregator.begin()
    await aggregator.open_run(RunOpening("r1", measured.plan.canonical().decode(), "2026-11-26T10:00:00+00:00"))
    ledger = Ledger((Revision(0, 0, dict(enumerate(SHARES)), reason="start"),))
    workers = [WorkerFacts(f"w{number}", "i", "1", region="eu") for number in range(len(SHARES))]
    live = tuple(SegmentFacts(number, worker) for number, worker in enumerate(workers))
    await aggregator.tell(RunFacts("r1", 1, ledger, live))
    heard: list[RunUpdate] = []

    async def watch() -> None:
        heard.extend([update async for update in aggregator.watch("r1", 0)])

    watching = asyncio.create_task(watch())
    waiting: list[asyncio.Task[object]] = []
    for segment, batches in enumerate(measured.batches):
        for number, data in enumerate(batches):
            final = number == len(batches) - 1
            batch = IntervalBatch("r1", segment, f"w{segment}", number, data, zlib.crc32(data), HOST, final=final)
            waiting.append(asyncio.create_task(aggregator.take(batch)))
    await asyncio.sleep(0)
    counts = [len(batches) for batches in measured.batches]
    over = tuple(
        SegmentFacts(number, worker, Fate.FINISHED, 0, counts[number]) for number, worker in enumerate(workers)
    )
    await aggregator.tell(RunFacts("r1", 2, ledger, over, ended="complete"))
    for _ in range(12):
        timing.at_s += 10
        await aggregator.cycle()
    await asyncio.gather(*waiting)
    assert not store.refuses_whole, "it was refused once"
    ok = measured.of(counts)["ok"]
    assert ok > 0
    for tier_s in (1, 10, 60, 0):
        assert await stored_ok(store, tier_s) == ok, f"tier {tier_s}"
    await asyncio.wait_for(watching, 5)
    assert heard[-1].kind == "ended"
    assert len({row.document["start_s"] for row in heard if row.kind == "window"}) >= LENGTH_S
