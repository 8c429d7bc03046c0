"""Times as monitoring systems take them: counts in a few buckets whose bounds are the same for every run."""

from bisect import bisect_left
from collections.abc import Sequence

from apibench.model.histogram import Histogram

BOUNDS_NS: Sequence[int] = tuple(
    round(bound_s * 1e9)
    for bound_s in (
        *(0.000_1, 0.000_25, 0.000_5),
        *(0.001, 0.002_5, 0.005),
        *(0.01, 0.025, 0.05),
        *(0.1, 0.25, 0.5),
        *(1, 2.5, 5),
        *(10, 30, 60),
    )
)
"""Upper bounds, each in its bucket; behind the last is one more for all beyond."""


def bucket_counts(histogram: Histogram) -> list[int]:
    """
    How many values lie in each bucket: whole cells, none divided, so that sums of buckets are the buckets of sums.

    A cell stands where its highest value is: what is within a thousandth below a bound may count as beyond it.
    """
    counts = [0] * (len(BOUNDS_NS) + 1)
    for highest_ns, count in histogram.cells():
        counts[bisect_left(BOUNDS_NS, highest_ns)] += count
    return counts
