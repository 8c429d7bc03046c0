"""
The whole run, added up as it goes, one interval at a time.

Rates are events inside the planned window over its length: what ends in the drain counts in the totals, because it
was due in the window, and not in the rates, because it came too late for them. If a run ends early, the window ends
with its last interval; if it was stopped, with the last whole second before that.
"""

from collections import Counter
from dataclasses import dataclass, field

from apibench.aggregator.best_service import BestService
from apibench.model.interval import Interval
from apibench.model.tally import Tally
from apibench.model.timeline import Timeline


@dataclass
class RunTally:
    """Everything that a run has come to so far."""

    timeline: Timeline
    warmup: Tally = field(default_factory=Tally)
    main: Tally = field(default_factory=Tally)
    window_ok: int = 0
    """Requests that ended ok inside the planned window."""
    window_ok_of: Counter[int] = field(default_factory=Counter)
    """The same by series."""
    window_ok_of_group: Counter[int] = field(default_factory=Counter)
    """The same of passes through groups."""
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
    best_service: BestService = field(default_factory=BestService)

    def stop(self, at_ns: int) -> None:
        """Somebody asked for an early end at that moment after the barrier: what comes from then on is in no rate."""
        self.timeline = self.timeline.stopped(at_ns)

    def add(self, interval: Interval) -> None:
        """Add the next interval."""
        self.warmup.add(interval, "warmup")
        self.main.add(interval, "main")
        self.intervals += 1
        self.end_ns = interval.end_ns
        for name, value in interval.generator.items():
            before = self.generator.get(name, 0)
            self.generator[name] = max(before, value) if name == "longest_gap_ns" else before + value
        self.best_service.add(interval)
        if self.timeline.in_window(interval):
            self.window_end_ns = interval.end_ns
            self.window_ok += sum(series.ok for series in interval.series)
            for series in interval.series:
                self.window_ok_of[series.series] += series.ok
            for group in interval.groups:
                self.window_ok_of_group[group.group] += group.ok
            self.window_started += sum(series.started for series in interval.series)
            self.window_iterations += sum(each.ok + each.failed for each in interval.scenarios)

    @property
    def window_ns(self) -> int:
        """The length of the window that rates are over: the planned one, or what there was of it."""
        return self.timeline.window_ns(self.window_end_ns, complete=self.complete)
