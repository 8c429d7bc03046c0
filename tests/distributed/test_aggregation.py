"""
The aggregator under random histories: batches that come twice, out of order and late, workers that die, a store that
fails before or after it has written, and aggregators that are killed anywhere. Real batches of a real engine.

`APIBENCH_HISTORIES` says how many; the seed of one that fails is in its name.
"""

import asyncio
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import pytest
from tests.distributed.histories import (
    HISTORIES,
    HOST,
    LENGTH_S,
    RATE,
    REGIONS,
    SHARES,
    Measured,
    Timing,
    Unreliable,
    measure,
    patiently,
)

from apibench.aggregator import service
from apibench.aggregator.merging import RunTally
from apibench.aggregator.service import Aggregator
from apibench.aggregator.thresholds import Judge
from apibench.model.aggregation import Fate, ResultQuery, RunFacts, RunOpening, SegmentFacts
from apibench.model.batch import IntervalAck, IntervalBatch
from apibench.model.counts import IntervalCounts
from apibench.model.errors import ApibenchError, StoreFailed
from apibench.model.host_sample import HostSample
from apibench.model.interval import Interval
from apibench.model.ledger import Ledger, Revision
from apibench.model.metric import PartQuery
from apibench.model.owed import owed
from apibench.model.series import series_of
from apibench.model.timeline import Timeline
from apibench.model.worker import WorkerFacts
from apibench.report.schema import result_schema
from apibench.report.schema_check import deviations


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Of all tests here."""
    return measure()


@dataclass
class World:
    """One run, its workers, and the aggregator of the moment."""

    measured: Measured
    seed: int
    chance: random.Random = field(init=False)
    store: Unreliable = field(init=False)
    timing: Timing = field(default_factory=Timing)
    facts: RunFacts = field(init=False)
    durable: list[int] = field(init=False)
    aggregator: Aggregator = field(init=False)
    restarts: int = 0
    hosts: Mapping[int, HostSample] = field(default_factory=dict)
    """By segment, what its host does to it each second; nothing where it is not told."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a history that can be had again
        self.store = Unreliable(self.chance)
        self.durable = [0] * len(SHARES)
        segments = tuple(
            SegmentFacts(segment, WorkerFacts(f"w{segment}", "i", "1", region=region))
            for segment, region in enumerate(REGIONS)
        )
        ledger = Ledger((Revision(0, 0, dict(enumerate(SHARES)), reason="start"),))
        self.facts = RunFacts("r1", 1, ledger, segments)

    async def begin(self) -> None:
        """The first aggregator, or the next one: what the one before had in memory is gone."""
        self.restarts += 1
        self.aggregator = Aggregator(self.store, f"a{self.restarts}", timing=self.timing)
        await self.aggregator.begin()
        plan = self.measured.plan.canonical().decode()
        await patiently(self.aggregator.open_run, RunOpening("r1", plan, "2026-11-26T10:00:00+00:00"))
        await patiently(self.aggregator.tell, self.facts)

    async def change(self, segment: int, fate: Fate, ended: str = "") -> None:
        """The controller has heard something."""
        segments = list(self.facts.segments)
        old = segments[segment]
        count = len(self.measured.batches[segment])
        batches = count if fate is Fate.FINISHED else None
        segments[segment] = replace(old, fate=fate, batches=batches)
        await self.know(segments=tuple(segments), ended=ended or self.facts.ended)

    async def know(self, **news: Any) -> None:
        """The aggregator is told."""
        self.facts = replace(self.facts, version=self.facts.version + 1, **news)
        await patiently(self.aggregator.tell, self.facts)

    def batch(self, segment: int, number: int) -> IntervalBatch:
        """One of them."""
        batches = self.measured.batches[segment]
        data, final = batches[number], number == len(batches) - 1
        host = self.hosts.get(segment, HOST)
        return IntervalBatch("r1", segment, f"w{segment}", number, data, zlib.crc32(data), host, final=final)

    async def push(self, batches: Sequence[IntervalBatch]) -> None:
        """Have them taken, while the aggregator does its rounds; one that is killed meanwhile says nothing."""
        aggregator = self.aggregator
        taking = [asyncio.ensure_future(aggregator.take(batch)) for batch in batches]
        dies = self.chance.random() < 0.08
        for _ in range(200):
            if all(task.done() for task in taking):
                break
            rounds = asyncio.ensure_future(aggregator.cycle())
            for _ in range(self.chance.randrange(6)):
                await asyncio.sleep(0)
            if dies and self.chance.random() < 0.5:
                for task in (rounds, *taking):
                    task.cancel()
                await asyncio.gather(rounds, *taking, return_exceptions=True)
                await self.begin()
                return
            # What comes while it writes is of the next transaction.
            taking += [asyncio.ensure_future(aggregator.take(batch)) for batch in batches if self.chance.random() < 0.1]
            await rounds
        for ack in await asyncio.gather(*taking, return_exceptions=True):
            if isinstance(ack, IntervalAck):
                self.durable[ack.segment] = max(self.durable[ack.segment], ack.durable)
            else:
                assert isinstance(ack, ApibenchError), ack

    async def stored_ok(self, tier_s: int) -> int:
        """How many requests were ok by the parts of a tier, of all workers together."""
        total = 0
        async for part in self.store.parts(PartQuery("r1", tier_s)):
            interval = Interval.from_counts(IntervalCounts.from_wire(part.counts))
            total += sum(each.ok for each in interval.series)
        return total

    async def settle(self) -> None:
        """Let it come to rest. In the end the store is there: what failed last is tried once more."""
        for left in reversed(range(15)):
            self.timing.at_s += 10
            self.store.fails = left > 2
            await self.aggregator.cycle()
        self.store.fails = True


async def deliver(world: World, until: Sequence[int]) -> None:
    """Push until so many batches of each segment are safe, in an order that no network would be ashamed of."""
    chance = world.chance
    while any(durable < count for durable, count in zip(world.durable, until, strict=True)):
        batches = []
        for _ in range(chance.randrange(1, 5)):
            segment = chance.randrange(len(until))
            wanted = world.durable[segment] + chance.randrange(2)
            if chance.random() < 0.15:
                wanted = chance.randrange(len(world.measured.batches[segment]))
            if wanted < until[segment]:
                batches.append(world.batch(segment, wanted))
        await world.push(batches)


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(HISTORIES))
async def test_whatever_happens_everything_is_counted_once(measured: Measured, seed: int) -> None:
    world = World(measured, seed)
    await world.begin()
    whole = [len(each) for each in measured.batches]
    dying = world.chance.randrange(len(SHARES))
    reported = [*whole]
    reported[dying] = world.chance.randrange(whole[dying])
    await deliver(world, reported)
    for segment in range(len(SHARES)):
        await world.change(segment, Fate.LOST if segment == dying else Fate.FINISHED)
    await world.change(dying, Fate.LOST, ended="complete")
    await world.settle()
    assert await world.aggregator.missing("r1") == ()

    document = await world.aggregator.result("r1", ResultQuery())
    load, told = document["load"], measured.of(reported)
    assert load["offered"] == RATE * LENGTH_S
    assert document["requests"]["ok"] == told["ok"]
    owes = sum(each.count for each in owed(measured.plan, SHARES[dying], (), 0))
    theirs = measured.of([count if segment == dying else 0 for segment, count in enumerate(reported)])
    waiting = load["lost"] - (owes - theirs["offered"])
    assert 0 <= waiting <= RATE, "what it told of and never began"
    assert not document["verdict"]["reasons"] or "add up" not in str(document["verdict"]["reasons"])
    assert sum(row["offered"] for row in document["intervals"]) == load["offered"]
    assert sum(row["ok"] for row in document["intervals"]) == told["ok"]

    for region in ("eu", "us"):
        part = await world.aggregator.result("r1", ResultQuery(regions=(region,)))
        mine = [count if REGIONS[segment] == region else 0 for segment, count in enumerate(reported)]
        assert part["requests"]["ok"] == measured.of(mine)["ok"]
    for segment in range(len(SHARES)):
        part = await world.aggregator.result("r1", ResultQuery(workers=(f"w{segment}",)))
        mine = [count if place == segment else 0 for place, count in enumerate(reported)]
        assert part["requests"]["ok"] == measured.of(mine)["ok"]
    halves = [
        (await world.aggregator.result("r1", query))["requests"]["ok"]
        for query in (ResultQuery(to_ns=2_000_000_000), ResultQuery(from_ns=2_000_000_000))
    ]
    assert sum(halves) == told["ok"]

    step = await world.aggregator.result("r1", ResultQuery(steps=("GET /",)))
    assert step["requests"]["ok"] == told["ok"]
    assert (await world.aggregator.result("r1", ResultQuery(steps=("nobody's",))))["requests"]["ok"] == 0
    for tier_s in (1, 10, 60, 0):
        assert await world.stored_ok(tier_s) == told["ok"], f"tier {tier_s}"

    # Its spool is seen again, much later, by another aggregator.
    await world.begin()
    await deliver(world, whole)
    await world.settle()
    document = await world.aggregator.result("r1", ResultQuery())
    assert (document["load"]["offered"], document["load"]["lost"]) == (RATE * LENGTH_S, 0)
    assert document["requests"]["ok"] == measured.of(whole)["ok"]
    for tier_s in (1, 10, 60, 0):
        assert await world.stored_ok(tier_s) == measured.of(whole)["ok"], f"tier {tier_s}"


@pytest.mark.asyncio
async def test_a_whole_spool_finds_room_beside_what_an_aggregator_before_has_written(measured: Measured) -> None:
    world = World(measured, 1)
    world.store.fails = False
    await world.begin()
    whole = [len(each) for each in measured.batches]
    await deliver(world, [whole[0], 0, whole[2]])
    await world.begin()
    taking = [asyncio.ensure_future(world.aggregator.take(world.batch(1, number))) for number in range(whole[1])]
    await asyncio.sleep(0)
    await world.aggregator.cycle()
    assert [ack.durable for ack in await asyncio.wait_for(asyncio.gather(*taking), 5)] == [whole[1]] * whole[1]
    assert await world.stored_ok(1) == measured.of(whole)["ok"]


@pytest.mark.asyncio
async def test_batches_wait_for_one_another_and_for_nobody_who_sends_none(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "GATHER_S", 60)
    world = World(measured, 1)
    world.store.fails = False
    await world.begin()
    commits: list[list[int]] = []
    commit = world.store.commit

    def seen(*words: Any) -> Any:
        commits.append([mark.segment for mark, _ in words[3]])
        return commit(*words)

    monkeypatch.setattr(world.store, "commit", seen)
    running = asyncio.create_task(world.aggregator.run())

    async def take(number: int, *segments: int) -> list[int]:
        taking = asyncio.gather(*(world.aggregator.take(world.batch(segment, number)) for segment in segments))
        return [ack.durable for ack in await asyncio.wait_for(taking, 20)]

    assert await take(0, 0, 1, 2) == [1, 1, 1]
    taking = asyncio.create_task(take(1, 0, 2))
    await asyncio.sleep(2 * service.CYCLE_S)
    assert not taking.done()
    await world.change(1, Fate.LOST)
    assert await taking == [2, 2]
    monkeypatch.setattr(service, "GATHER_S", 0.01)
    assert await take(2, 0) == [3]
    assert [segments for segments in commits if segments] == [[0, 1, 2], [0, 2], [0]]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.asyncio
async def test_what_can_t_be_is_refused_by_name(measured: Measured) -> None:
    world = World(measured, 1)
    world.store.fails = False
    await world.begin()
    good = world.batch(0, 0)
    bad = {
        "unknown_run": IntervalBatch("r2", 0, "w0", 0, good.counts, good.checksum, HOST),
        "bad_checksum": IntervalBatch("r1", 0, "w0", 0, good.counts, good.checksum ^ 1, HOST),
        "wrong_worker": IntervalBatch("r1", 0, "w1", 0, good.counts, good.checksum, HOST),
        "gap": world.batch(0, 1),
    }
    for name, batch in bad.items():
        assert (await world.aggregator.take(batch)).refused == name
    garbage = b"no interval"
    nonsense = IntervalBatch("r1", 0, "w0", 0, garbage, zlib.crc32(garbage), HOST)
    assert (await world.aggregator.take(nonsense)).refused == "bad_checksum"


@pytest.mark.asyncio
async def test_an_aggregator_whose_shard_is_another_s_writes_nothing(measured: Measured) -> None:
    world = World(measured, 2)
    world.store.fails = False
    await world.begin()
    old = world.aggregator
    await world.begin()
    taking = asyncio.ensure_future(old.take(world.batch(0, 0)))
    await asyncio.sleep(0)
    with pytest.raises(StoreFailed, match="owner"):
        await old.cycle()
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    assert await world.store.marks("r1") == []


@pytest.mark.asyncio
async def test_a_window_is_provisional_then_sealed_then_revised(measured: Measured) -> None:
    world = World(measured, 3)
    world.store.fails = False
    await world.begin()
    heard: list[tuple[float, str, int, int]] = []

    async def watch() -> None:
        async for update in world.aggregator.watch("r1", 0):
            row = update.document
            if update.kind == "window" and row["start_s"] == 0:
                heard.append((row["start_s"], row["state"], row["segments_present"], row["segments_expected"]))

    watching = asyncio.create_task(watch())

    async def last() -> tuple[float, str, int, int]:
        world.timing.at_s += 2
        await world.aggregator.cycle()
        await asyncio.sleep(0)
        return heard[-1]

    await world.push([world.batch(0, 0)])
    assert await last() == (0, "provisional", 1, 3)
    await world.push([world.batch(1, 0), world.batch(2, 0)])
    assert await last() == (0, "sealed", 3, 3)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)

    late = World(measured, 4)
    late.store.fails = False
    await late.begin()
    await deliver(late, [3, 3, 0])
    await late.change(2, Fate.LOST)
    await late.settle()
    before = {row["start_s"]: row for row in (await late.aggregator.result("r1", ResultQuery()))["intervals"]}
    assert (before[0]["state"], before[0]["segments_present"]) == ("sealed", 2)
    assert before[0]["lost"] == RATE // 2
    await late.push([late.batch(2, 0)])
    await late.settle()
    after = {row["start_s"]: row for row in (await late.aggregator.result("r1", ResultQuery()))["intervals"]}
    assert (after[0]["state"], after[0]["segments_present"]) == ("revised", 3)
    assert after[0]["lost"] < RATE // 2


@pytest.mark.asyncio
async def test_thresholds_are_judged_on_what_all_workers_did_together(measured: Measured) -> None:
    world = World(measured, 5)
    await world.begin()
    await deliver(world, [len(each) for each in measured.batches])
    for segment in range(len(SHARES)):
        await world.change(segment, Fate.FINISHED, ended="complete")
    await world.settle()
    found = {row["expression"]: row for row in (await world.aggregator.result("r1", ResultQuery()))["thresholds"]}

    tally = RunTally(Timeline.of(measured.plan))
    judge = Judge(measured.plan, series_of(measured.plan), tally)
    # A segment whose last answer took long has a stretch behind the planned end, and others have none.
    for seconds in zip_longest(*measured.batches):
        first, *others = (IntervalCounts.from_wire(data) for data in seconds if data is not None)
        for other in others:
            first.merge(other)
        interval = Interval.from_counts(first)
        tally.add(interval)
        judge.add(interval)
    tally.complete = True
    expected = {str(each.threshold): each for each in judge.results()}
    assert set(found) == set(expected)
    assert {name: (row["value"], row["passed"]) for name, row in found.items()} == {
        name: (each.value, each.passed) for name, each in expected.items()
    }
    assert [row["passed"] for row in found.values()].count(False) == 2


@pytest.mark.asyncio
async def test_a_worker_whose_time_is_stolen_makes_the_run_invalid_and_is_named(measured: Measured) -> None:
    world = World(measured, 7, hosts={1: HostSample(steal_ns=150_000_000, waited_ns=2_000_000, threads=1)})
    world.store.fails = False
    segments = tuple(
        replace(each, clock_error_ns=each.segment, worker=replace(each.worker, cpus=16, descriptors=99, local_ports=77))
        for each in world.facts.segments
    )
    world.facts = replace(world.facts, segments=segments)
    await world.begin()
    await deliver(world, [len(each) for each in measured.batches])
    for segment in range(len(SHARES)):
        await world.change(segment, Fate.FINISHED, ended="complete")
    # What an aggregator that is started anew reads of it out of the store is the same.
    await world.begin()
    await world.settle()
    document = await world.aggregator.result("r1", ResultQuery())
    assert list(deviations(document, result_schema())) == []
    # Of one thread: that the machine has sixteen processors makes it no less.
    told = [each["message"] for each in document["verdict"]["findings"] if each["code"] == "stolen"]
    assert len(told) == 1
    assert "worker w1 to other machines, 15." in told[0]
    assert document["verdict"]["status"] == "invalid"
    steal_ns = LENGTH_S * 150_000_000
    assert [row["steal_ns"] for row in document["run"]["workers"]] == [0, steal_ns, 0]
    assert document["run"]["host"]["steal_ns"] == steal_ns
    assert document["run"]["host"]["descriptors"] is None
    first = document["run"]["workers"][0]
    assert (first["cpus"], first["descriptors"], first["local_ports"], first["throttled_ns"]) == (16, 99, 77, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("late", [False, True])
async def test_rates_and_thresholds_of_a_run_that_was_stopped_end_before_the_stop(
    measured: Measured,
    late: bool,  # noqa: FBT001
) -> None:
    world = World(measured, 6)
    world.store.fails = False
    await world.begin()
    for told in (not late, late):
        if told:
            await world.know(stopped_ns=2_400_000_000)
        else:
            await deliver(world, [len(each) for each in measured.batches])
            await world.settle()
    for segment in range(len(SHARES)):
        await world.change(segment, Fate.FINISHED, ended="interrupted")
    await world.settle()
    whole = await world.aggregator.result("r1", ResultQuery())
    before = [row for row in whole["intervals"] if row["start_s"] < 2]
    assert whole["run"]["window_s"] == 2
    assert whole["requests"]["ok_per_s"] == sum(row["ok"] for row in before) / 2
    assert whole["requests"]["ok"] == sum(row["ok"] for row in whole["intervals"]) == RATE * LENGTH_S
    assert whole["load"]["offered_per_s"] == RATE
    rates = {row["expression"]: row["value"] for row in whole["thresholds"]}
    assert rates["rate > 1/s"] == whole["requests"]["ok_per_s"]
    # What else this machine was about is told truly, and is not what this is about.
    found = {finding["code"] for finding in whole["verdict"]["findings"]}
    assert found <= {"delay", "pause", "neighbour"}


@pytest.mark.asyncio
async def test_what_was_nobody_s_is_lost_though_no_worker_is(measured: Measured) -> None:
    world = World(measured, 7)
    world.store.fails = False
    # A third was to have the rest, and did not hear in time: the controller has put that right in the ledger.
    ledger = Ledger((Revision(0, 0, dict(enumerate(SHARES[:2])), reason="not everybody could"),))
    world.facts = replace(world.facts, ledger=ledger, segments=world.facts.segments[:2])
    await world.begin()
    await deliver(world, [*(len(each) for each in measured.batches[:2]), 0])
    for segment in range(2):
        await world.change(segment, Fate.FINISHED, ended="complete")
    owes = sum(each.count for each in owed(measured.plan, SHARES[2], (), 0))
    for _ in range(2):
        await world.settle()
        document = await world.aggregator.result("r1", ResultQuery())
        assert (document["load"]["offered"], document["load"]["lost"]) == (RATE * LENGTH_S, owes)
        assert sum(row["lost"] for row in document["intervals"]) == owes
        reasons = " ".join(document["verdict"]["reasons"])
        assert f"{owes} iterations were nobody's" in reasons
        assert "add up" not in reasons
        part = await world.aggregator.result("r1", ResultQuery(regions=("eu",)))
        assert part["load"]["lost"] == 0, "it is of no region"
        await world.begin()
