"""
What the target can do at its best: how short the service of each step was in its best second.

At its best, not as a rule: a target that is overloaded is slow in the median of every second, however many connections
we had allowed. What it did while its queue was still short tells how many it needed.
"""

from dataclasses import dataclass, field

from apibench.model.histogram import Histogram
from apibench.model.interval import Interval
from apibench.model.units import NS_PER_S

BEST_SHARE = 0.01
"""The quantile of a second that is taken for its best; with less than a hundred requests their minimum."""


@dataclass
class BestService:
    """By series, from interval to interval."""

    lowest_ns: dict[int, int] = field(default_factory=dict)
    """The lowest first percentile of the service time in any second; of series that were ok at least once. Where only
    longer stretches are known it is their minimum, which is never more: then too little is held against us."""

    def add(self, interval: Interval) -> None:
        """Look at the next interval: at the warm-up too, in which the target may have been at its best."""
        seconds: dict[int, Histogram] = {}
        for each in interval.series:
            if "service_time" in each.times:
                seconds.setdefault(each.series, Histogram()).merge(each.histograms["service_time"])
        share = BEST_SHARE if interval.end_ns - interval.start_ns <= NS_PER_S else 0.0
        for series, served in seconds.items():
            best_ns = served.quantile(share)
            if best_ns is not None:
                self.lowest_ns[series] = min(self.lowest_ns.get(series, best_ns), best_ns)
