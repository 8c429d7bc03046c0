"""
When a batch was and what became of its iterations, read off its bytes without decoding anything else of it.

A thousand batches come a second, and of each only these few numbers are needed one by one; its histograms are merged
in Rust.
"""

from dataclasses import dataclass

from apibench.model.counts import IntervalCounts
from apibench.model.interval import Phase

Key = tuple[int, Phase]
"""A scenario's place in the plan, and the phase."""


@dataclass(frozen=True, slots=True)
class IterationCounts:
    """Of one scenario and phase."""

    offered: int = 0
    started: int = 0
    ended: int = 0
    """ok, failed or unfinished."""
    waiting: int = 0
    """At the end."""
    dry: int = 0
    """Dropped, because no row was left: their load ended there."""

    @property
    def in_flight(self) -> int:
        """Of cumulated counts: how many go on."""
        return self.started - self.ended

    def then(self, later: "IterationCounts") -> "IterationCounts":
        """Both, one after the other."""
        return IterationCounts(
            self.offered + later.offered,
            self.started + later.started,
            self.ended + later.ended,
            later.waiting,
            self.dry + later.dry,
        )


def iterations_of(batch: bytes) -> tuple[int, int, dict[Key, IterationCounts]]:
    """What a batch's bytes say: its beginning, its end, its iterations. Raises ValueError for what is no interval."""
    start_ns, end_ns, rows = IntervalCounts.iterations_of_wire(batch)
    return start_ns, end_ns, {(scenario, phase): IterationCounts(*row) for scenario, phase, *row in rows}
