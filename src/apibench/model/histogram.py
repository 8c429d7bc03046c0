"""
Times as counts: the one form in which measurements travel, add up and are asked for quantiles.

The class is the engine's own, written in Rust: pure data without I/O, which is why it may stand on this
floor. Everybody above imports it from here.
"""

import json
from collections.abc import Iterable
from typing import Any

from apibench._engine import Histogram

__all__ = ["QUANTILES", "Histogram", "from_times", "lower_bounds", "merged", "to_times"]

QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999, 0.9999)
"""Those that every TIMES block of a result shows, in [0, 1]."""


_FOR_READERS = ("quantiles", "at_least")
"""What a TIMES block says beside its cells. All of it follows from them."""


def from_times(times: dict[str, Any]) -> Histogram:
    """The histogram of a TIMES block. Raises ValueError for one that contradicts itself."""
    return Histogram.from_json(json.dumps({name: value for name, value in times.items() if name not in _FOR_READERS}))


def to_times(histogram: Histogram) -> dict[str, Any]:
    """The TIMES block of a histogram (DESIGN of the result document), with its quantiles in nanoseconds."""
    block: dict[str, Any] = json.loads(histogram.to_json())
    block["quantiles"] = {f"{quantile:g}": histogram.quantile(quantile) for quantile in QUANTILES if histogram.count}
    block["at_least"] = lower_bounds(histogram)
    return block


def lower_bounds(histogram: Histogram) -> list[str]:
    """Those of `QUANTILES` that print `>=`, because they reach into values of which only lower bounds are known."""
    return [f"{quantile:g}" for quantile in QUANTILES if histogram.quantile_is_censored(quantile)]


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """One histogram of all. Order makes no difference."""
    total = Histogram()
    for histogram in histograms:
        total.merge(histogram)
    return total
