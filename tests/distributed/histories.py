"""What histories of an aggregator are made of: batches of real engines, a clock, a store that fails."""

import asyncio
import os
import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.distributed.installation import open_plan

from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.counts import IntervalCounts
from apibench.model.errors import Conflict, StoreFailed
from apibench.model.host_sample import HostSample
from apibench.model.interval import Interval
from apibench.model.metric import IngestMark, MetricPart
from apibench.model.plan import Plan
from apibench.model.share import WHOLE
from apibench.store.memory_results import MemoryResultStore

HISTORIES = int(os.environ.get("APIBENCH_HISTORIES", "40"))
SHARES = WHOLE.split([1, 2, 3])
RATE, LENGTH_S = 60, 3
REGIONS = ("eu", "eu", "us")
HOST = HostSample(0, 0, 0)
THRESHOLDS = ["p95 < 1h", "p50 < 1us", "errors < 1%", "service.p99 < 1h for 2s", "rate > 1/s", "max < 1ms for 1s"]


@dataclass(frozen=True)
class Measured:
    """What engines have measured of a plan, a list of batches for each segment."""

    plan: Plan
    batches: tuple[tuple[bytes, ...], ...]

    def of(self, reported: Sequence[int]) -> Counter[str]:
        """The sum of the first so many batches of each segment."""
        total: Counter[str] = Counter()
        for batches, count in zip(self.batches, reported, strict=True):
            for data in batches[:count]:
                interval = Interval.from_counts(IntervalCounts.from_wire(data))
                total["offered"] += sum(each.offered for each in interval.scenarios)
                total["ok"] += sum(each.ok for each in interval.series)
        return total


def measure() -> Measured:
    """
    One load in three shares, each of as many seconds.

    On a busy machine a last answer comes behind the planned end, and its share has a stretch more, nearly empty: then
    once more, because what tests say of minutes and files is of whole seconds.
    """
    while True:
        measured = _measured()
        if all(len(batches) == LENGTH_S for batches in measured.batches):
            return measured


def _measured() -> Measured:
    with EchoServer(http="127.0.0.1:0", knobs="delay=2ms:90,40ms:10") as target:
        plan = Plan.model_validate(open_plan(target.address, RATE, LENGTH_S, thresholds=THRESHOLDS))
        loads = [RustEngine().prepare(plan).start(EngineOptions(threads=1), share=share) for share in SHARES]
        read: list[list[bytes]] = [[] for _ in loads]

        def drain(place: int) -> None:
            load = loads[place]
            while not load.ended:
                counts = load.next_counts(200)
                if counts is not None:
                    read[place].append(counts.to_wire())

        threads = [threading.Thread(target=drain, args=(place,)) for place in range(len(loads))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return Measured(plan, tuple(tuple(each) for each in read))


class Timing:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def now_s(self) -> float:
        """Now."""
        return self.at_s

    async def pause(self, seconds: float) -> None:
        """Let others go on."""
        self.at_s += seconds
        await asyncio.sleep(0)


class Unreliable(MemoryResultStore):
    """Fails now and then: when it is asked, before it has written anything, or after, so that nobody knows."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.fails = True

    async def commit(
        self, shard: int, epoch: int, parts: Sequence[MetricPart], marks: Sequence[tuple[IngestMark, int]]
    ) -> None:
        """Or not."""
        await asyncio.sleep(0)
        dice = self.chance.random() if self.fails else 1.0
        if dice < 0.1:
            raise StoreFailed("it is away", "Wait.")
        if dice < 0.12:
            raise Conflict("a mark stands elsewhere", "Begin anew.")
        await super().commit(shard, epoch, parts, marks)
        if dice < 0.2:
            raise StoreFailed("nobody knows", "Wait.")

    async def marks(self, run_id: str) -> list[IngestMark]:
        """Or not."""
        await asyncio.sleep(0)
        if self.fails and self.chance.random() < 0.2:
            raise StoreFailed("it is away", "Wait.")
        return await super().marks(run_id)


async def patiently(ask: Any, *words: Any) -> Any:
    """Ask again while the store fails."""
    while True:
        try:
            return await ask(*words)
        except StoreFailed:
            await asyncio.sleep(0)
