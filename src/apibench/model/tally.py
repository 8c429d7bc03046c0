"""
Sums of intervals: of a whole run, a window of it, one step or all.

Percentiles are asked of a tally, after adding up, and of nothing else.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from apibench.model.histogram import Histogram
from apibench.model.interval import GroupInterval, Interval, ScenarioInterval, SeriesInterval
from apibench.model.slow_request import SlowRequest, slowest

DRY = "dry"
"""Why an iteration was dropped for which no row was left: by its plan its load ended there, and nobody has failed."""


@dataclass
class IterationTally:
    """Iterations added up."""

    offered: int = 0
    started: int = 0
    ok: int = 0
    failed: int = 0
    unfinished: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """By reason: `cap`, `deadline`, `ended`, `dry`."""
    lost: int = 0
    """Their worker died before they began, or before it told of them."""
    time: Histogram = field(default_factory=Histogram)
    checks_passed: Counter[int] = field(default_factory=Counter)
    """By the number of the check within its scenario."""
    checks_failed: Counter[int] = field(default_factory=Counter)
    python_wait: Histogram = field(default_factory=Histogram)
    """What was waited for functions of Python, without the time that these took."""
    python_time: Histogram = field(default_factory=Histogram)
    """How long these took."""

    def add(self, interval: ScenarioInterval) -> None:
        """Add one interval's."""
        self.offered += interval.offered
        self.started += interval.started
        self.ok += interval.ok
        self.failed += interval.failed
        self.unfinished += interval.unfinished
        self.dropped.update(interval.dropped)
        self.lost += interval.lost
        for name, histogram in interval.histograms.items():
            self._times[name].merge(histogram)
        for check, passed, failed in interval.checks:
            self.checks_passed[check] += passed
            self.checks_failed[check] += failed

    def merge(self, other: "IterationTally") -> None:
        """Add another tally. Checks stay out: their numbers are those of one scenario."""
        self.offered += other.offered
        self.started += other.started
        self.ok += other.ok
        self.failed += other.failed
        self.unfinished += other.unfinished
        self.dropped.update(other.dropped)
        self.lost += other.lost
        for name, histogram in other._times.items():  # noqa: SLF001 - of another one of us
            self._times[name].merge(histogram)

    @property
    def _times(self) -> dict[str, Histogram]:
        return {"time": self.time, "python_wait": self.python_wait, "python_time": self.python_time}

    @property
    def ended(self) -> int:
        """How many came to an end of their own."""
        return self.ok + self.failed


@dataclass
class RequestTally:
    """Requests added up."""

    started: int = 0
    ok: int = 0
    failed: int = 0
    unfinished: int = 0
    stale_retries: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_error: Counter[str] = field(default_factory=Counter)
    sent_bytes: int = 0
    received_bytes: int = 0
    histograms: dict[str, Histogram] = field(default_factory=dict)

    def add(self, interval: SeriesInterval) -> None:
        """Add one interval's. The ages of what was pending at its end do not add up over time and stay out."""
        self._add_counts(interval)
        for name, histogram in interval.histograms.items():
            if name != "pending":
                self.times(name).merge(histogram)

    def merge(self, other: "RequestTally", times: Collection[str] | None = None) -> None:
        """Add another tally; of its times all, or these."""
        self._add_counts(other)
        for name, histogram in other.histograms.items():
            if times is None or name in times:
                self.times(name).merge(histogram)

    def _add_counts(self, other: "SeriesInterval | RequestTally") -> None:
        self.started += other.started
        self.ok += other.ok
        self.failed += other.failed
        self.unfinished += other.unfinished
        self.stale_retries += other.stale_retries
        self.by_status.update(other.by_status)
        self.by_error.update(other.by_error)
        self.sent_bytes += other.sent_bytes
        self.received_bytes += other.received_bytes

    @property
    def ended(self) -> int:
        """How many came to an end of their own."""
        return self.ok + self.failed

    @property
    def attempts(self) -> int:
        """How often a request was handed to a connection: a stale connection's retry is another attempt."""
        return self.started + self.stale_retries

    def times(self, name: str) -> Histogram:
        """The histogram of that name; an empty one if nothing was recorded under it."""
        return self.histograms.setdefault(name, Histogram())


@dataclass
class GroupTally:
    """Passes through a group added up."""

    ok: int = 0
    failed: int = 0
    unfinished: int = 0
    time: Histogram = field(default_factory=Histogram)

    def add(self, interval: GroupInterval) -> None:
        """Add one interval's. The ages of those that went on at its end do not add up over time and stay out."""
        self._add_counts(interval)
        if "time" in interval.histograms:
            self.time.merge(interval.histograms["time"])

    def merge(self, other: "GroupTally") -> None:
        """Add another tally."""
        self._add_counts(other)
        self.time.merge(other.time)

    def _add_counts(self, other: "GroupInterval | GroupTally") -> None:
        self.ok += other.ok
        self.failed += other.failed
        self.unfinished += other.unfinished

    @property
    def ended(self) -> int:
        """How many came to an end of their own."""
        return self.ok + self.failed

    @property
    def started(self) -> int:
        """All that are not going on any more."""
        return self.ended + self.unfinished


@dataclass
class Tally:
    """Everything added up, by scenario, by series and by group, of one phase."""

    iterations: dict[int, IterationTally] = field(default_factory=dict)
    requests: dict[int, RequestTally] = field(default_factory=dict)
    groups: dict[int, GroupTally] = field(default_factory=dict)
    slowest: tuple[SlowRequest, ...] = ()
    """Of the phase `main`: a warm-up has none."""

    def add(self, interval: Interval, phase: str = "main") -> None:
        """Add what `interval` holds of the phase."""
        for scenario in interval.scenarios:
            if scenario.phase == phase:
                self.iterations.setdefault(scenario.scenario, IterationTally()).add(scenario)
        for series in interval.series:
            if series.phase == phase:
                self.requests.setdefault(series.series, RequestTally()).add(series)
        for group in interval.groups:
            if group.phase == phase:
                self.groups.setdefault(group.group, GroupTally()).add(group)
        if phase == "main" and interval.slowest:
            self.slowest = slowest((*self.slowest, *interval.slowest))

    def all_iterations(self) -> IterationTally:
        """Of all scenarios together."""
        return _sum_iterations(self.iterations.values())

    def all_requests(self, series: Iterable[int] | None = None, times: Collection[str] | None = None) -> RequestTally:
        """Of these series together, or of all; with all times, or these: each is merged, and there are many."""
        chosen = self.requests.keys() if series is None else series
        total = RequestTally()
        for number in chosen:
            if number in self.requests:
                total.merge(self.requests[number], times)
        return total

    def all_groups(self, groups: Iterable[int]) -> GroupTally:
        """Of these groups together."""
        total = GroupTally()
        for number in groups:
            if number in self.groups:
                total.merge(self.groups[number])
        return total


def _sum_iterations(tallies: Iterable[IterationTally]) -> IterationTally:
    total = IterationTally()
    for tally in tallies:
        total.merge(tally)
    return total
