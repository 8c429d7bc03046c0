"""What a group of steps came to, as Python reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apibench.model.figures import human_share
from apibench.report.figure_text import at
from apibench.report.times import Times


@dataclass(frozen=True, eq=False)
class GroupFigures:
    """Passes through a group, counted and timed, pauses left out."""

    name: str
    scenario: str
    """The scenario that it is in."""
    block: Mapping[str, Any]
    """As it stands in the document."""

    @property
    def passes(self) -> int:
        """How often it was begun, and was over or cut off."""
        return int(self.block["passes"])

    @property
    def ok(self) -> int:
        """How often nothing in it failed."""
        return int(self.block["ok"])

    @property
    def failed(self) -> int:
        """How often something in it did."""
        return int(self.block["failed"])

    @property
    def unfinished(self) -> int:
        """How often it was cut off by the end of the run."""
        return int(self.block["unfinished"])

    @property
    def errors(self) -> float:
        """The share of those that failed or were cut off, from 0 to 1; NaN where there was none."""
        return (self.failed + self.unfinished) / self.passes if self.passes else math.nan

    @property
    def rate(self) -> float:
        """How often a second it was ok, within the measured window; NaN where there was none."""
        per_s = self.block["ok_per_s"]
        return math.nan if per_s is None else float(per_s)

    @cached_property
    def times(self) -> Times:
        """How long it took, where it was ok; and lower bounds where it timed out or was cut off."""
        return Times(self.block["time"])

    @property
    def p50(self) -> float:
        """The median, in seconds."""
        return self.times.p50

    @property
    def p90(self) -> float:
        """The 90th percentile, in seconds."""
        return self.times.p90

    @property
    def p95(self) -> float:
        """The 95th percentile, in seconds."""
        return self.times.p95

    @property
    def p99(self) -> float:
        """The 99th percentile, in seconds."""
        return self.times.p99

    @property
    def max(self) -> float:
        """The longest, in seconds."""
        return self.times.max

    def p(self, percentile: float) -> float:
        """A percentile, in seconds: `p(99.9)`. Raises UsageError for one that is not from 0 to 100."""
        return self.times.p(percentile)

    def __repr__(self) -> str:
        share = human_share(self.failed + self.unfinished, self.passes)
        p99 = at(self.times.histogram, 0.99)
        return f"<GroupFigures '{self.name}': {self.passes:,} passes, errors {share}, p99 {p99}>"
