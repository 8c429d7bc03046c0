"""
The coarser tiers: 10 s, 60 s, an hour and the whole run of each region, 60 s of each worker.

A stretch is folded from what is stored of it, in the moment in which it is sealed, and whatever comes for it later is
written to it as well, in the same transaction. So at any moment a coarse part that is stored is the sum of its seconds,
and nothing has to be remembered for it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from apibench.aggregator.part_numbers import PartNumbers
from apibench.aggregator.stretches import Piece, Reader, Selection
from apibench.aggregator.windows import HOUR_S, MINUTE_S, WHOLE_S, WINDOW_S
from apibench.model.counts import IntervalCounts
from apibench.model.metric import MetricPart

_FROM = {10: WINDOW_S, MINUTE_S: 10, HOUR_S: MINUTE_S, WHOLE_S: HOUR_S}
_FROM_OF_WORKERS = {MINUTE_S: WINDOW_S}


@dataclass
class _Sum:
    counts: IntervalCounts = field(default_factory=IntervalCounts)
    start_ns: int = -1
    here: int = 0
    """Segments in its latest stretch."""
    workers: int = 0
    workers_expected: int = 0

    def add(self, part: MetricPart) -> None:
        if part.start_ns != self.start_ns:
            self.counts.clear_pending()
            self.start_ns, self.here = part.start_ns, 0
        self.counts.merge_wire(part.counts)
        self.here += part.workers
        self.workers = max(self.workers, self.here)
        self.workers_expected = max(self.workers_expected, part.workers_expected)


@dataclass(frozen=True, slots=True)
class Folding:
    """Makes coarse parts of one run."""

    run_id: str
    reader: Reader
    numbers: PartNumbers

    async def fold(self, tier_s: int, start_ns: int, end_ns: int, *, workers: bool) -> AsyncIterator[MetricPart]:
        """One part for each region, or each worker, of which anything is stored of the stretch."""
        finer_s = (_FROM_OF_WORKERS if workers else _FROM)[tier_s]
        sums: dict[tuple[str, str], _Sum] = {}
        selection = Selection(workers=() if workers else None)
        async for part in self.reader.parts(Piece(finer_s, start_ns, end_ns), selection):
            sums.setdefault((part.region, part.worker_id), _Sum()).add(part)
        for (region, worker_id), total in sums.items():
            yield MetricPart(
                self.run_id,
                tier_s,
                start_ns,
                total.counts.end_ns,
                region,
                worker_id,
                await self.numbers.take(tier_s, start_ns, region, worker_id),
                total.workers,
                total.workers_expected,
                total.counts.to_wire(),
            )


def late(counts: IntervalCounts, *, last: bool) -> bytes:
    """As it is added to a coarse stretch that is stored: what was in flight then is not in flight at its end."""
    if last:
        return counts.to_wire()
    copy = counts.copy()
    copy.clear_pending()
    return copy.to_wire()
