"""What a run was judged by, and what it was measured to be, as Python reads it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from apibench.model.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a scenario, counted."""

    scenario: str
    """In which it stands."""
    name: str
    """What it is called; of a value that a step needs, like `extract token`."""
    passed: int
    """How often it held."""
    failed: int
    """How often it did not."""

    @property
    def share(self) -> float:
        """Of those looked at that passed, from 0 to 1."""
        looked_at = self.passed + self.failed
        return self.passed / looked_at if looked_at else math.nan


@dataclass(frozen=True, slots=True)
class JudgedThreshold:
    """A threshold with what it was measured to be."""

    expression: str
    """As it was written: `p99 < 200ms`."""
    step: str | None
    """None: it is of the whole run."""
    passed: bool
    """Whether it held; in every window, where it says `for`."""
    no_data: bool
    """It failed because nothing was measured."""
    value: float
    """In `unit`; NaN where there was no data."""
    limit: float
    """What it is held to, in `unit`."""
    unit: Literal["s", "per_s", "share"]
    """Seconds, how many a second, or a share from 0 to 1."""
    is_at_least: bool
    """The value may be higher than it says."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "JudgedThreshold":
        """Of a row of a document, whose times are in nanoseconds."""
        in_time = row["unit"] == "ns"
        scale = NS_PER_S if in_time else 1
        return cls(
            expression=row["expression"],
            step=row["of"],
            passed=row["passed"],
            no_data=row["no_data"],
            value=math.nan if row["value"] is None else row["value"] / scale,
            limit=row["limit"] / scale,
            unit="s" if in_time else row["unit"],
            is_at_least=row["censored"],
        )
