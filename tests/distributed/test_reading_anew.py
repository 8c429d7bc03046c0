"""A run that has to be read anew while the store does not answer: what is known of it is not what is stored."""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import replace

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
from apibench.model.plan import Plan
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


class Elsewhere(MemoryResultStore):
    """Says of one transaction that another has written it: so it is, and not as far as it has been asked."""

    def __init__(self, refused: int) -> None:
        super().__init__()
        self.refused = refused
        """How many transactions with batches there are until then."""
        self.forgets = False

    async def commit(
        self, shard: int, epoch: int, parts: Sequence[MetricPart], marks: Sequence[tuple[IngestMark, int]]
    ) -> None:
        """Or not."""
        await super().commit(shard, epoch, parts, marks)
        self.refused -= bool(marks)
        if marks and not self.refused:
            self.forgets = True
            raise Conflict("it is there already", "Begin anew.")

    async def marks(self, run_id: str) -> list[IngestMark]:
        """Or none."""
        forgets, self.forgets = self.forgets, False
        return [] if forgets else await super().marks(run_id)


class Partial(MemoryResultStore):
    """Does not answer for some runs, has what nobody can read of others, and nothing any more of others."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: set[str] = set()
        self.unreadable: set[str] = set()
        self.lost: set[str] = set()

    async def opened(self, run_id: str) -> tuple[RunOpening, RunFacts | None] | None:
        """Or not."""
        if run_id in self.silent:
            raise StoreFailed("it is away", "Wait.")
        found = None if run_id in self.lost else await super().opened(run_id)
        unreadable = found is not None and run_id in self.unreadable
        return (replace(found[0], plan="{}"), found[1]) if found is not None and unreadable else found


class Watcher:
    """What somebody hears of a run."""

    def __init__(self, aggregator: Aggregator, run_id: str) -> None:
        self.heard: list[RunUpdate] = []
        self.task = asyncio.create_task(self._listen(aggregator, run_id))

    async def _listen(self, aggregator: Aggregator, run_id: str) -> None:
        self.heard.extend([update async for update in aggregator.watch(run_id, 0)])


def opening(plan: Plan, run_id: str = "r1") -> RunOpening:
    return RunOpening(run_id, plan.canonical().decode(), "2026-11-26T10:00:00+00:00")


def facts(version: int, batches: Sequence[int] | None = None) -> RunFacts:
    """Of three workers that go on, or that have ended with so many batches."""
    ledger = Ledger((Revision(0, 0, dict(enumerate(SHARES)), reason="start"),))
    workers = [WorkerFacts(f"w{number}", "i", "1", region="eu") for number in range(len(SHARES))]
    if batches is None:
        return RunFacts("r1", version, ledger, tuple(SegmentFacts(*each) for each in enumerate(workers)))
    over = (SegmentFacts(each, worker, Fate.FINISHED, 0, batches[each]) for each, worker in enumerate(workers))
    return RunFacts("r1", version, ledger, tuple(over), ended="complete")


def send(aggregator: Aggregator, measured: Measured, numbers: Sequence[int]) -> list[asyncio.Task[object]]:
    """These batches of all workers."""
    sent: list[asyncio.Task[object]] = []
    for segment, batches in enumerate(measured.batches):
        for number in numbers:
            data, final = batches[number], number == len(batches) - 1
            batch = IntervalBatch("r1", segment, f"w{segment}", number, data, zlib.crc32(data), HOST, final=final)
            sent.append(asyncio.create_task(aggregator.take(batch)))
    return sent


@pytest.mark.asyncio
async def test_a_run_that_is_over_is_read_anew_whoever_asks_and_its_watchers_hear_of_its_end(
    measured: Measured,
) -> None:
    store, timing = Scripted(), Timing()
    aggregator = Aggregator(store, "a", timing=timing)
    await aggregator.begin()
    await aggregator.open_run(opening(measured.plan))
    await aggregator.tell(facts(1))
    watcher = Watcher(aggregator, "r1")
    waiting = send(aggregator, measured, range(LENGTH_S))
    await asyncio.sleep(0)
    counts = [len(batches) for batches in measured.batches]
    await aggregator.tell(facts(2, counts))
    for _ in range(12):
        timing.at_s += 10
        await aggregator.cycle()
    await asyncio.gather(*waiting)
    assert not store.refuses_whole, "it was refused once"
    ok = measured.of(counts)["ok"]
    assert ok > 0
    for tier_s in (1, 10, 60, 0):
        assert await stored_ok(store, tier_s) == ok, f"tier {tier_s}"
    await asyncio.wait_for(watcher.task, 5)
    heard = watcher.heard
    assert heard[-1].kind == "ended"
    assert len({row.document["start_s"] for row in heard if row.kind == "window"}) >= LENGTH_S


@pytest.mark.asyncio
@pytest.mark.parametrize("refused", [1, 2, 3])
async def test_watchers_of_a_run_that_is_read_anew_hear_of_each_window_of_its_abort_and_of_its_end_once(
    refused: int, measured: Measured
) -> None:
    aborting = Plan.model_validate({**measured.plan.document(), "thresholds": ["max < 1us for 1s abort"]})
    store = Elsewhere(refused)
    aggregator = Aggregator(store, "a", timing=Timing())
    await aggregator.begin()
    await aggregator.open_run(opening(aborting))
    await aggregator.tell(facts(1))
    watcher = Watcher(aggregator, "r1")
    for number in range(LENGTH_S):
        waiting = send(aggregator, measured, [number])
        await asyncio.sleep(0)
        for _ in range(3):
            await aggregator.cycle()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert store.refused <= 0, "it was refused once"
    await aggregator.tell(facts(2, [LENGTH_S] * len(SHARES)))
    await aggregator.cycle()
    await asyncio.wait_for(watcher.task, 5)
    windows = [row.document for row in watcher.heard if row.kind == "window"]
    assert [row["start_s"] for row in windows if row["state"] == "sealed"] == list(range(LENGTH_S))
    assert [row.kind for row in watcher.heard if row.kind != "window"] == ["abort", "ended"]

    await aggregator._begin_anew(["r1"])
    await aggregator.cycle()
    last = watcher.heard[-1].number
    assert [update async for update in aggregator.watch("r1", last)] == [], "who has heard the end hears no other"


@pytest.mark.asyncio
async def test_what_one_run_lacks_holds_up_no_other_that_is_read_anew(measured: Measured) -> None:
    store = Partial()
    aggregator = Aggregator(store, "a", timing=Timing())
    await aggregator.begin()
    names = [f"r{number}" for number in range(20)]
    for name in names:
        await aggregator.open_run(opening(measured.plan, name))
    store.silent, store.unreadable, store.lost = {"r0"}, {"r1"}, {"r2"}
    watchers = {name: Watcher(aggregator, name) for name in names}
    await asyncio.sleep(0)
    await aggregator._begin_anew(names)
    await aggregator.cycle()
    assert set(aggregator._runs) == set(names[3:])
    assert aggregator._anew == {"r0"}, "it is asked for again"
    for name in ("r1", "r2"):
        await asyncio.wait_for(watchers[name].task, 5)
        assert [update.kind for update in watchers[name].heard] == ["ended"]
        assert name not in aggregator._updates
    store.silent = set()
    await aggregator.cycle()
    assert "r0" in aggregator._runs
    for name in (names[0], *names[3:]):
        watchers[name].task.cancel()
    await asyncio.gather(*(each.task for each in watchers.values()), return_exceptions=True)
