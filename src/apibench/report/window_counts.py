"""What the seconds of a run add up to, from one walk over them: what rates are over, and what the generator did."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from apibench.model.interval import Interval
from apibench.model.timeline import Timeline


@dataclass
class Events:
    """Of one scenario's iterations, one series' requests, or passes through one group, inside the window."""

    offered: int = 0
    started: int = 0
    ok: int = 0


@dataclass
class WindowCounts:
    """Events inside the window that rates are over; the generator's figures are of the whole run."""

    end_ns: int
    """Where its last second ends; its beginning where there is none."""
    last_ns: int = 0
    """The end of the last second of the run."""
    scenarios: dict[int, Events] = field(default_factory=dict)
    series: dict[int, Events] = field(default_factory=dict)
    groups: dict[int, Events] = field(default_factory=dict)
    generator: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, timeline: Timeline, intervals: Iterable[Interval]) -> "WindowCounts":
        """Walk over all seconds, in order."""
        counts = cls(timeline.main_start_ns)
        for interval in intervals:
            counts.add(timeline, interval)
        return counts

    def add(self, timeline: Timeline, interval: Interval) -> None:
        """The next second."""
        self.last_ns = interval.end_ns
        self._add_generator(interval)
        if timeline.in_window(interval):
            self.end_ns = interval.end_ns
            self._add(interval)

    @staticmethod
    def of_all(parts: Mapping[int, Events]) -> Events:
        """The sum of several."""
        total = Events()
        for each in parts.values():
            total.offered += each.offered
            total.started += each.started
            total.ok += each.ok
        return total

    def _add(self, interval: Interval) -> None:
        for scenario in interval.scenarios:
            events = self.scenarios.setdefault(scenario.scenario, Events())
            events.offered += scenario.offered
            events.started += scenario.started
            events.ok += scenario.ok
        for series in interval.series:
            events = self.series.setdefault(series.series, Events())
            events.started += series.started
            events.ok += series.ok
        for group in interval.groups:
            self.groups.setdefault(group.group, Events()).ok += group.ok

    def _add_generator(self, interval: Interval) -> None:
        for name, value in interval.generator.items():
            # A gap is one loop's longest turn: of several seconds it is the longest of them.
            self.generator[name] = (
                max(self.generator[name], value) if name == "longest_gap_ns" else self.generator[name] + value
            )
