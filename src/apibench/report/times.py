"""Times of requests as Python reads them: in seconds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apibench.model.errors import UsageError
from apibench.model.histogram import Histogram, from_times
from apibench.model.units import NS_PER_S
from apibench.report.figure_text import at


@dataclass(frozen=True, eq=False)
class Times:
    """
    How long requests took. All in seconds; NaN where none was timed, so that no comparison holds then.

    Of requests that timed out or never ended it is known only how long they took at least. They count with that.
    """

    block: Mapping[str, Any]
    """As it stands in the document, in nanoseconds."""

    @cached_property
    def histogram(self) -> Histogram:
        """Every cell, in nanoseconds: what the percentiles are made of."""
        return from_times(dict(self.block))

    @property
    def count(self) -> int:
        """How many were timed."""
        return self.histogram.count

    @property
    def min(self) -> float:
        """The shortest, in seconds."""
        return self.histogram.min_ns / NS_PER_S if self.count else math.nan

    @property
    def max(self) -> float:
        """The longest, in seconds."""
        return self.histogram.max_ns / NS_PER_S if self.count else math.nan

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return self.histogram.sum_ns / self.count / NS_PER_S if self.count else math.nan

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return self.p(50)

    @property
    def p90(self) -> float:
        """The 90th percentile, in seconds."""
        return self.p(90)

    @property
    def p95(self) -> float:
        """The 95th percentile, in seconds."""
        return self.p(95)

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        return self.p(99)

    @property
    def p999(self) -> float:
        """The 99.9th percentile, in seconds."""
        return self.p(99.9)

    def p(self, percentile: float) -> float:
        """A percentile, in seconds: `p(99.9)`. Raises UsageError for one that is not from 0 to 100."""
        quantile_ns = self.histogram.quantile(_quantile(percentile))
        return math.nan if quantile_ns is None else quantile_ns / NS_PER_S

    def is_at_least(self, percentile: float) -> bool:
        """Whether the percentile is only known to a lower bound, because it reaches into what never ended."""
        return self.histogram.quantile_is_censored(_quantile(percentile))

    def __repr__(self) -> str:
        quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
        shown = ", ".join(f"{name} {at(self.histogram, quantile)}" for name, quantile in quantiles.items())
        return f"<Times of {self.count:,} requests: {shown}>"


def _quantile(percentile: float) -> float:
    if not 0 <= percentile <= 100:
        raise UsageError(f"there is no percentile {percentile}", "Give one from 0 to 100, like 99.9.")
    # As people write them: 99.9 / 100 is a little less than 0.999, and would be another value of three.
    return float(round(percentile / 100, 12))
