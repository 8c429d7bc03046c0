"""
Minutes of single workers of a large run, under random histories: aggregators that are killed before they have stored
them, a store that fails before or after it has written, workers that die and whose spools are seen again. Real spools
and deliveries, real batches moved in time; every worker's own figures must come to what it sealed.

`APIBENCH_HISTORIES` says how many; the seed of one that fails is in its name.
"""

import asyncio
import json
import random
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.moved import moved
from tests.distributed.histories import HISTORIES, HOST, Measured, Timing, Unreliable, measure, patiently
from tests.distributed.installation import open_plan

from apibench.aggregator import deliveries
from apibench.aggregator.service import Aggregator
from apibench.model.aggregation import Fate, ResultQuery, RunFacts, RunOpening, SegmentFacts
from apibench.model.batch import BatchRange, IntervalAck, IntervalBatch
from apibench.model.counts import IntervalCounts
from apibench.model.interval import Interval
from apibench.model.ledger import Ledger, Revision
from apibench.model.metric import MetricPart, PartQuery
from apibench.model.plan import Plan
from apibench.model.share import WHOLE
from apibench.model.units import NS_PER_S
from apibench.model.worker import WorkerFacts
from apibench.store.memory_results import MemoryResultStore
from apibench.wire.in_process import InProcessIntervalSink
from apibench.worker import delivery as worker_delivery
from apibench.worker import spool
from apibench.worker.delivery import Delivery

WORKERS = 3
LENGTH_S = 130
MINUTE_NS = 60 * NS_PER_S
PLAN = Plan.model_validate(open_plan("http://127.0.0.1:1", 60, LENGTH_S))


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Seconds of a real engine."""
    return measure()


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three workers are many, files of a spool are short, and nobody waits long."""
    monkeypatch.setattr(deliveries, "FEW", 1)
    monkeypatch.setattr(spool, "FILE_BYTES", 20_000)
    monkeypatch.setattr(worker_delivery, "AGAIN_S", 0.001)
    monkeypatch.setattr(worker_delivery, "ASK_S", 0.002)
    monkeypatch.setattr(worker_delivery, "SUMS_AGAIN_S", 0.05)


class Earlier(MemoryResultStore):
    """As an earlier release has left it, once it is told."""

    is_earlier = False

    async def parts(self, query: PartQuery) -> AsyncIterator[MetricPart]:
        """Minutes of single workers say nothing beside their counts."""
        async for part in super().parts(query):
            yield replace(part, host="") if part.worker_id and self.is_earlier else part


class Fleet:
    """A run of some workers, and the aggregator of the moment, which is their sink."""

    def __init__(self, measured: Measured, folder: Path, seed: int, store: MemoryResultStore | None = None) -> None:
        self.measured, self.folder = measured, folder
        self.chance = random.Random(seed)  # noqa: S311 - a history that can be had again
        self.store = store or Unreliable(self.chance)
        self.timing = Timing()
        self.sealed: list[list[bytes]] = [[] for _ in range(WORKERS)]
        segments = tuple(SegmentFacts(each, WorkerFacts(f"w{each}", "i", "1", region="eu")) for each in range(WORKERS))
        ledger = Ledger((Revision(0, 0, dict(enumerate(WHOLE.split([1] * WORKERS))), reason="start"),))
        self.facts = RunFacts("r1", 1, ledger, segments)
        self.deliveries = [Delivery(folder, "r1", each, f"w{each}", self) for each in range(WORKERS)]
        self.going_on: dict[Delivery, asyncio.Task[None]] = {}
        self.aggregators = 0

    async def open(self) -> Any:
        """A stream into the aggregator of the moment."""
        return await self.sink.open()

    async def begin(self) -> None:
        """The first aggregator, or the next one."""
        self.aggregators += 1
        self.aggregator = Aggregator(self.store, f"a{self.aggregators}", timing=self.timing)
        self.sink = InProcessIntervalSink(self.aggregator)
        await self.aggregator.begin()
        await patiently(self.aggregator.open_run, RunOpening("r1", PLAN.canonical().decode(), "2026-11-26T10:00"))
        await patiently(self.aggregator.tell, self.facts)

    async def kill_aggregator(self) -> None:
        """What it had in memory is gone."""
        self.sink.cut()
        await self.begin()

    def push(self, delivery: Delivery) -> None:
        """Let a worker bring what it has."""
        self.going_on[delivery] = asyncio.create_task(delivery.run(lambda _: None))

    async def kill_worker(self, segment: int) -> None:
        """It seals nothing more."""
        task = self.going_on.pop(self.deliveries[segment])
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def seal(self, segment: int, second: int, *, final: bool) -> None:
        """A worker's next second."""
        batches = self.measured.batches[0]
        counts = moved(batches[self.chance.randrange(len(batches))], second * NS_PER_S, (second + 1) * NS_PER_S)
        self.sealed[segment].append(counts)
        self.deliveries[segment].seal(IntervalCounts.from_wire(counts), HOST, final=final)

    async def hear(self, segment: int) -> IntervalAck:
        """What a worker that pushes its last batch again is told."""
        number = len(self.sealed[segment]) - 1
        counts = self.sealed[segment][number]
        batch = IntervalBatch("r1", segment, f"w{segment}", number, counts, zlib.crc32(counts), HOST)
        return await self.aggregator.take(batch)

    async def know(self, fates: dict[int, Fate], ended: str = "") -> None:
        """The controller has heard something."""
        segments = [
            replace(each, fate=fates.get(each.segment, each.fate), batches=None) for each in self.facts.segments
        ]
        self.facts = replace(self.facts, version=self.facts.version + 1, segments=tuple(segments), ended=ended)
        await patiently(self.aggregator.tell, self.facts)

    async def go_on(self, cycles: int) -> None:
        """Time passes."""
        for _ in range(cycles):
            await asyncio.sleep(0)
            await self.aggregator.cycle()

    async def all_durable(self) -> None:
        """Until all that was sealed counts."""
        async with asyncio.timeout(20):
            while any(each.durable < each.sealed for each in self.deliveries):
                await self.go_on(1)
                await asyncio.sleep(0.001)

    async def report(self, seconds: int, *, last: bool = False) -> None:
        """All workers seal so many seconds, each of which counts before the next. `last`: no more will come."""
        for second in range(seconds):
            for segment in range(WORKERS):
                self.seal(segment, second, final=last and second == seconds - 1)
            await self.all_durable()

    async def settle(self) -> None:
        """Until every worker that pushes is done."""
        async with asyncio.timeout(20):
            while not all(task.done() for task in self.going_on.values()):
                self.timing.at_s += 1
                await self.go_on(1)
                await asyncio.sleep(0.001)
        for task in self.going_on.values():
            task.result()

    async def ok_of(self, worker: int) -> int:
        """How many of its requests were ok, by its own figures."""
        query = ResultQuery(workers=(f"w{worker}",))
        document = await patiently(self.aggregator.result, "r1", query)
        return int(document["requests"]["ok"])

    async def lacking(self) -> list[int]:
        """Minutes, by worker, as the result tells."""
        document = await patiently(self.aggregator.result, "r1", ResultQuery())
        return [row["minutes_lacking"] for row in document["run"]["workers"]]

    async def stored_minutes(self, worker: int) -> list[tuple[int, int]]:
        """Beginnings and ok requests of its stored minutes."""
        found: dict[int, int] = {}
        async for part in self.store.parts(PartQuery("r1", 60, workers=(f"w{worker}",))):
            found[part.start_ns] = found.get(part.start_ns, 0) + _ok([part.counts])
        return sorted(found.items())

    def sealed_minutes(self, worker: int) -> list[tuple[int, int]]:
        """What they should be."""
        batches = self.sealed[worker]
        return [(at // 60 * MINUTE_NS, _ok(batches[at : at + 60])) for at in range(0, len(batches), 60)]


@asynccontextmanager
async def fleet(*words: Any) -> AsyncIterator[Fleet]:
    """One whose workers push, until the test is over."""
    made = Fleet(*words)
    await made.begin()
    for delivery in made.deliveries:
        made.push(delivery)
    try:
        yield made
    finally:
        for task in made.going_on.values():
            task.cancel()
        await asyncio.gather(*made.going_on.values(), return_exceptions=True)


def _ok(batches: list[bytes]) -> int:
    intervals = (Interval.from_counts(IntervalCounts.from_wire(each)) for each in batches)
    return sum(series.ok for interval in intervals for series in interval.series)


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(max(HISTORIES // 4, 1)))
async def test_every_worker_s_own_minutes_are_whole_whoever_dies(measured: Measured, tmp_path: Path, seed: int) -> None:
    async with fleet(measured, tmp_path, seed) as world:
        chance = world.chance
        dies_at = chance.randrange(LENGTH_S)
        for second in range(LENGTH_S):
            for segment in range(WORKERS):
                if segment > 0 or second < dies_at:
                    world.seal(segment, second, final=second == LENGTH_S - 1)
            if second == dies_at:
                await world.go_on(1)
                await world.kill_worker(0)
                await world.know({0: Fate.LOST})
            world.timing.at_s += 1
            await world.go_on(chance.randrange(4))
            if chance.random() < 0.03:
                await world.kill_aggregator()
        await world.settle()
        if chance.random() < 0.5:
            await world.kill_aggregator()
        await world.know({1: Fate.FINISHED, 2: Fate.FINISHED}, ended="complete")
        await world.go_on(3)
        for worker in (1, 2):
            assert await world.stored_minutes(worker) == world.sealed_minutes(worker)
            assert await world.ok_of(worker) == _ok(world.sealed[worker])

        # The spool of the dead is seen again: by then it may be wanted, or not yet counted, or both.
        if dies_at:
            world.push(Delivery.left_behind(tmp_path, "r1", 0, "w0", world))
            if chance.random() < 0.5:
                await world.go_on(2)
                await world.kill_aggregator()
            await world.settle()
        assert await world.stored_minutes(0) == world.sealed_minutes(0)
        assert await world.lacking() == [0, 0, 0]
        assert not spool.left_behind(tmp_path), "nothing is kept that nobody needs"


@pytest.mark.asyncio
async def test_a_worker_keeps_what_is_in_no_stored_minute_and_no_more(measured: Measured, tmp_path: Path) -> None:
    async with fleet(measured, tmp_path, 1, MemoryResultStore()) as world:
        await world.report(125)
        await world.go_on(1)
        (ack,) = {replace(await world.hear(each), segment=0) for each in range(WORKERS)}
        assert (ack.keep_from, ack.wanted) == (120, ())
        kept = spool.Spool(tmp_path, "r1", 0).between(BatchRange(0, 125))
        assert kept[0].number <= 120
        assert kept[0].number > 60, "files that are needed no longer are gone"
        assert kept[-1].number == 124


@pytest.mark.asyncio
async def test_what_a_worker_has_no_longer_is_told_and_nothing_else_is_less(measured: Measured, tmp_path: Path) -> None:
    async with fleet(measured, tmp_path, 1, MemoryResultStore()) as world:
        await world.report(80)
        # Of the first worker's disk all files but the newest are gone, and the aggregator with what it had.
        *gone, newest = sorted((tmp_path / "r1.0").glob("*.spool"))
        following = int(newest.stem)
        for each in gone:
            each.unlink()
        await world.kill_aggregator()
        for segment in range(WORKERS):
            world.seal(segment, 80, final=True)
        await world.settle()
        await world.know(dict.fromkeys(range(WORKERS), Fate.FINISHED), ended="complete")
        await world.go_on(3)

        assert await world.lacking() == [1, 0, 0]
        first = max(int(gone[0].stem), 60)
        lost = _ok(world.sealed[0][first:following])
        assert lost > 0
        assert await world.ok_of(0) == _ok(world.sealed[0]) - lost
        assert await world.ok_of(1) == _ok(world.sealed[1])
        whole = await world.aggregator.result("r1", ResultQuery())
        assert whole["requests"]["ok"] == sum(map(_ok, world.sealed))


@pytest.mark.asyncio
async def test_minutes_that_an_earlier_release_stored_are_not_asked_for_again(
    measured: Measured, tmp_path: Path
) -> None:
    store = Earlier()
    async with fleet(measured, tmp_path, 1, store) as world:
        await world.report(100, last=True)
        await world.settle()
        rows = [part async for part in store.parts(PartQuery("r1", 60, workers=()))]
        assert {json.loads(part.host)["segment"] for part in rows} == set(range(WORKERS))
        store.is_earlier = True
        await world.kill_aggregator()
        for segment in range(WORKERS):
            assert (await world.hear(segment)).wanted == ()
