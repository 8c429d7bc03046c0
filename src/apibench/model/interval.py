"""
One sealed stretch of a run, a second as a rule, as it comes up from the engine.

Only counts and histograms are in it. Those of several workers add up; those of several seconds add up; what was
waiting or in flight at its end does not add up over time and is kept apart.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from apibench.model.counts import IntervalCounts
from apibench.model.histogram import Histogram, from_times
from apibench.model.slow_request import SlowRequest

Phase = Literal["warmup", "main"]
SCENARIO_TIMES = ("time", "python_wait", "python_time")


@dataclass(frozen=True)
class ScenarioInterval:
    """Iterations of one scenario and phase. Each count falls into the interval of its own event."""

    scenario: int
    phase: Phase
    offered: int
    started: int
    ok: int
    failed: int
    unfinished: int
    dropped: Mapping[str, int]
    """By reason: `cap`, `deadline`, `ended`."""
    waiting: int
    """Due and not started at the end of the interval."""
    times: Mapping[str, dict[str, Any]]
    lost: int = 0
    """Its worker died. The engine counts none: the aggregator works them out. Absent in what older releases wrote."""
    checks: Sequence[tuple[int, int, int]] = ()
    """Of those that were looked at: the number, how often it passed, how often it failed. None in what older releases
    wrote."""

    @cached_property
    def histograms(self) -> Mapping[str, Histogram]:
        """By name: `time`, from intended to ended; `python_wait` and `python_time`, of calls of Python."""
        return {name: from_times(times) for name, times in self.times.items()}


@dataclass(frozen=True)
class SeriesInterval:
    """Requests of one series (scenario and step) and phase. Each count falls into the interval of its own event."""

    series: int
    phase: Phase
    started: int
    ok: int
    failed: int
    unfinished: int
    stale_retries: int
    in_flight: int
    """Started and not ended at the end of the interval."""
    opening: int
    """Submitted and not started at the end of the interval."""
    by_status: Mapping[str, int]
    by_error: Mapping[str, int]
    """Adds up to `failed`."""
    sent_bytes: int
    received_bytes: int
    times: Mapping[str, dict[str, Any]]

    @cached_property
    def histograms(self) -> Mapping[str, Histogram]:
        """By name: `response_time`, `service_time`, `schedule_lag`, `pending`, ...; empty ones are left out."""
        return {name: from_times(times) for name, times in self.times.items()}


@dataclass(frozen=True)
class GroupInterval:
    """Passes through one group of steps and phase. Each count falls into the interval in which it ended."""

    group: int
    phase: Phase
    ok: int
    failed: int
    unfinished: int
    times: Mapping[str, dict[str, Any]]

    @cached_property
    def histograms(self) -> Mapping[str, Histogram]:
        """By name: `time`, and `pending`, the ages of those that go on; empty ones are left out."""
        return {name: from_times(times) for name, times in self.times.items()}

    @property
    def pending(self) -> int:
        """How many go on at the end of the interval."""
        return self.histograms["pending"].count if "pending" in self.times else 0


@dataclass(frozen=True)
class Interval:
    """What happened between two seals. Offsets are nanoseconds after the start barrier."""

    start_ns: int
    end_ns: int
    generator: Mapping[str, int]
    """What the generator did: `cpu_ns`, `waits`, `sends`, `receives`, `connections_opened`, ..."""
    scenarios: tuple[ScenarioInterval, ...] = field(default=())
    series: tuple[SeriesInterval, ...] = field(default=())
    slowest: tuple[SlowRequest, ...] = field(default=())
    """Of those that ended in it; none in what older releases wrote."""
    groups: tuple[GroupInterval, ...] = field(default=())
    """None in what older releases wrote."""

    @classmethod
    def from_counts(cls, counts: IntervalCounts) -> "Interval":
        """Look into counts. What it then has no text of are the cells of its histograms: it has those themselves."""
        text, of_scenarios, of_series, of_groups = counts.look()
        looked_into = cls.from_json(text)
        for scenario, histograms in zip(looked_into.scenarios, of_scenarios, strict=True):
            _know(scenario, histograms)
        for series, histograms in zip(looked_into.series, of_series, strict=True):
            _know(series, histograms)
        for group, histograms in zip(looked_into.groups, of_groups, strict=True):
            _know(group, histograms)
        return looked_into

    @classmethod
    def from_json(cls, text: str) -> "Interval":
        """Read what the engine wrote."""
        document = json.loads(text)
        return cls(
            start_ns=document["start_ns"],
            end_ns=document["end_ns"],
            generator=document["generator"],
            scenarios=tuple(_scenario(each) for each in document["scenarios"]),
            series=tuple(SeriesInterval(**each) for each in document["series"]),
            slowest=tuple(SlowRequest(**each) for each in document.get("slowest", ())),
            groups=tuple(GroupInterval(**each) for each in document.get("groups", ())),
        )


def _know(part: ScenarioInterval | SeriesInterval | GroupInterval, histograms: Mapping[str, Histogram]) -> None:
    """What its property would work out from text."""
    part.__dict__["histograms"] = histograms


def _scenario(document: dict[str, Any]) -> ScenarioInterval:
    # Those of Python are left out where none was called.
    times = {name: document[name] for name in SCENARIO_TIMES if document.get(name)}
    rest = {name: value for name, value in document.items() if name not in SCENARIO_TIMES}
    return ScenarioInterval(**rest, times=times)
