"""Writes the coarser tiers of a run as its windows are sealed."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from apibench.aggregator.minutes import WorkerMinute
from apibench.aggregator.run_aggregate import RunAggregate
from apibench.aggregator.tiers import Folding, late
from apibench.aggregator.windows import MINUTE_S, TIERS_S, WHOLE_S
from apibench.model.counts import IntervalCounts
from apibench.model.metric import MetricPart

MOST_MINUTES = 40
"""Of single workers, between two writes of what has come: those of a thousand are written within half a minute. All at
once they took seconds, and whoever watches the run waited for them."""
MOST_MINUTES_AT_LAST = 500
"""When nobody waits for windows any longer."""


@dataclass(frozen=True, slots=True)
class Closure:
    """A stretch that is complete, as it is to be stored; after that it is closed."""

    tier_s: int
    start_ns: int
    of_workers: bool
    parts: tuple[MetricPart, ...]
    minutes: tuple[WorkerMinute, ...] = ()
    """Minutes of single workers that are no longer needed in memory."""


@dataclass
class Closing:
    """Of one run."""

    run: RunAggregate
    _next_ns: dict[int, int] = field(default_factory=dict)

    async def due(self) -> AsyncIterator[Closure]:
        """Stretches that can be closed now, the finer ones first. Each must be stored before the next is asked for."""
        run = self.run
        folding = Folding(run.opening.run_id, run.reader, run.numbers)
        for tier_s in (*TIERS_S, WHOLE_S):
            for start_ns, end_ns in self._ready(tier_s):
                if start_ns not in run.closed.by_tier[tier_s]:
                    parts = [each async for each in folding.fold(tier_s, start_ns, end_ns, workers=False)]
                    yield Closure(tier_s, start_ns, of_workers=False, parts=tuple(parts))
                if tier_s == MINUTE_S and run.detail == "second" and start_ns not in run.minutes_closed:
                    parts = [each async for each in folding.fold(tier_s, start_ns, end_ns, workers=True)]
                    yield Closure(tier_s, start_ns, of_workers=True, parts=tuple(parts))
                self._next_ns[tier_s] = end_ns
        if run.detail == "minute":
            async for closure in self._minutes():
                yield closure

    def close(self, closure: Closure) -> None:
        """It is in the store."""
        if not closure.of_workers:
            self.run.closed.by_tier[closure.tier_s].add(closure.start_ns)
        elif not closure.minutes:
            self.run.minutes_closed.add(closure.start_ns)
        for each in closure.minutes:
            self.run.minutes.stored(each.segment, each.start_ns, each.batches)

    def _ready(self, tier_s: int) -> Iterator[tuple[int, int]]:
        """Stretches that are sealed from end to end; at the end of a run also those that it did not fill."""
        run = self.run
        sealed_ns, known_ns = run.standing.sealed_until_ns, run.end_ns
        at_ns = self._next_ns.get(tier_s, 0)
        while at_ns < sealed_ns:
            end_ns = run.plan.grid.end_of(at_ns, tier_s)
            if end_ns is None or end_ns > sealed_ns:
                if not (run.finished and sealed_ns >= known_ns):
                    return
                end_ns = known_ns
            yield run.plan.grid.start_of(at_ns, tier_s), end_ns
            at_ns = end_ns

    async def _minutes(self) -> AsyncIterator[Closure]:
        run = self.run
        # Nobody waits for windows any longer once all is in.
        at_last = run.finished or not run.missing()
        before_ns = 1 << 62 if run.finished else run.plan.grid.start_of(run.standing.sealed_until_ns, MINUTE_S)
        over = {book.segment for book in run.books.values() if book.complete}
        taken = run.minutes.take(before_ns, MOST_MINUTES_AT_LAST if at_last else MOST_MINUTES, over)
        if taken:
            parts = [await self._part(each) for each in taken]
            yield Closure(MINUTE_S, taken[0].start_ns, of_workers=True, parts=tuple(parts), minutes=tuple(taken))

    async def _part(self, minute: WorkerMinute) -> MetricPart:
        run, start_ns = self.run, minute.start_ns
        durable = run.books[minute.segment].durable.batches
        number = await run.numbers.take(MINUTE_S, start_ns, minute.region, minute.worker_id)
        last = minute.end_ns == run.plan.grid.end_of(start_ns, MINUTE_S) or minute.batches.until == durable
        counts = minute.counts() if last else late(IntervalCounts.from_wire(minute.counts()), last=False)
        # By which an aggregator that is started anew knows what is in it.
        words = json.dumps({"segment": minute.segment, "first": minute.batches.first, "until": minute.batches.until})
        return MetricPart(
            run.opening.run_id,
            MINUTE_S,
            start_ns,
            minute.end_ns,
            minute.region,
            minute.worker_id,
            number,
            1,
            1,
            counts,
            words,
        )
