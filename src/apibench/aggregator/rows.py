"""The rows that a document shows of a run: its seconds, or longer stretches where there would be too many."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apibench.aggregator.stretches import add_later
from apibench.aggregator.windows import MINUTE_S, WINDOW_S, Grid
from apibench.model.counts import IntervalCounts
from apibench.model.interval import Interval
from apibench.model.units import NS_PER_S

FEW_STEPS = 10
MOST_ROWS = 3_600
"""A longer run, or one of more than a few steps, is shown by rows of ten seconds, or of a minute. Its figures are as
exact."""


def row_length_s(run_ns: int, steps: int) -> int:
    """How long a row is, of a run of that length and so many steps: each row has all of them."""
    cells = run_ns // NS_PER_S * max(steps // FEW_STEPS, 1)
    return next((tier_s for tier_s in (WINDOW_S, 10) if cells <= tier_s * MOST_ROWS), MINUTE_S)


@dataclass(frozen=True, slots=True)
class Rows(Iterable[Interval]):
    """Those of one run; may be walked over again and again, and takes the memory of one row."""

    seconds: Iterable[IntervalCounts]
    grid: Grid
    length_s: int
    cut_ns: int | None = None
    """No row reaches over it: the end of the window that rates are of, where a stop has cut it."""

    def __iter__(self) -> Iterator[Interval]:
        total, row = IntervalCounts(), None
        for counts in self.seconds:
            mine = self._row(counts.start_ns)
            if row is not None and mine != row:
                yield Interval.from_counts(total)
                total = IntervalCounts()
            row = mine
            add_later(total, counts)
        if row is not None:
            yield Interval.from_counts(total)

    def _row(self, start_ns: int) -> tuple[int, bool]:
        return self.grid.start_of(start_ns, self.length_s), self.cut_ns is not None and start_ns >= self.cut_ns
