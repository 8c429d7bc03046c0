"""Writes the coarser tiers of a run as its windows are sealed."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from apibench.aggregator.run_aggregate import RunAggregate
from apibench.aggregator.tiers import Folding
from apibench.aggregator.windows import MINUTE_S, TIERS_S, WHOLE_S
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
    minutes: tuple[tuple[int, str], ...] = ()
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
        for start_ns, worker_id in closure.minutes:
            self.run.minutes.stored(start_ns, worker_id)

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
        before_ns = 1 << 62 if run.finished else run.plan.grid.start_of(run.standing.sealed_until_ns, MINUTE_S)
        taken = list(run.minutes.take(before_ns, MOST_MINUTES_AT_LAST if run.finished else MOST_MINUTES))
        parts = []
        for start_ns, region, worker_id, counts in taken:
            number = await run.numbers.take(MINUTE_S, start_ns, region, worker_id)
            end_ns = run.plan.grid.end_of(start_ns, MINUTE_S) or run.end_ns
            parts.append(
                MetricPart(run.opening.run_id, MINUTE_S, start_ns, end_ns, region, worker_id, number, 1, 1, counts)
            )
        if parts:
            done = tuple((start_ns, worker_id) for start_ns, _, worker_id, _ in taken)
            yield Closure(MINUTE_S, taken[0][0], of_workers=True, parts=tuple(parts), minutes=done)
