"""
The whole run, added up as it goes, one interval at a time.

Rates are events inside the planned window over its length: what ends in the drain counts in the totals, because it
was due in the window, and not in the rates, because it came too late for them. If a run ends early, the window ends
with its last interval.
"""

from dataclasses import dataclass, field

from apibench.model.histogram import merged
from apibench.model.interval import Interval
from apibench.model.tally import Tally
from apibench.model.timeline import Timeline

LEAST_FOR_A_MEDIAN = 10


@dataclass
class RunTally:
    """Everything that a run has come to so far."""

    timeline: Timeline
    warmup: Tally = field(default_factory=Tally)
    main: Tally = field(default_factory=Tally)
    window_ok: int = 0
    """Requests that ended ok inside the planned window."""
    window_iterations: int = 0
    """Iterations that ended inside the planned window."""
    window_started: int = 0
    """Requests that started inside the planned window."""
    window_end_ns: int = 0
    """How far into the planned window the intervals go."""
    end_ns: int = 0
    generator: dict[str, int] = field(default_factory=dict)
    intervals: int = 0
    complete: bool = False
    """Whether the run came to its own end; told by who ran it, once it has."""
    lowest_median_ns: int = 0
    """The lowest median service time of any second; 0 while there is none."""

    def add(self, interval: Interval) -> None:
        """Add the next interval."""
        self.warmup.add(interval, "warmup")
        self.main.add(interval, "main")
        self.intervals += 1
        self.end_ns = interval.end_ns
        for name, value in interval.generator.items():
            before = self.generator.get(name, 0)
            self.generator[name] = max(before, value) if name == "longest_gap_ns" else before + value
        self._note_median(interval)
        if self.timeline.part(interval) == "main":
            self.window_end_ns = interval.end_ns
            self.window_ok += sum(series.ok for series in interval.series)
            self.window_started += sum(series.started for series in interval.series)
            self.window_iterations += sum(each.ok + each.failed for each in interval.scenarios)

    @property
    def window_ns(self) -> int:
        """The length of the window that rates are over: the planned one, or what there was of it."""
        return self.timeline.window_ns(self.window_end_ns, complete=self.complete)

    def _note_median(self, interval: Interval) -> None:
        served = merged(
            series.histograms["service_time"] for series in interval.series if "service_time" in series.times
        )
        median = served.quantile(0.5)
        # A few requests have a median by accident.
        if median is not None and served.count >= LEAST_FOR_A_MEDIAN:
            self.lowest_median_ns = min(self.lowest_median_ns or median, median)
