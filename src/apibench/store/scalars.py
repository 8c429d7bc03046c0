"""
The figures of a part that stand in columns, for charts and for people with SQL.

They are an index, never the truth: whoever wants a percentile of more than one row merges `counts`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields

from apibench.model.histogram import Histogram
from apibench.model.interval import Interval, Phase


@dataclass(frozen=True, slots=True)
class TimeScalars:
    """A distribution in a few figures; without samples all but the sum are None."""

    sum_ns: int = 0
    min_ns: int | None = None
    max_ns: int | None = None
    p50_ns: int | None = None
    p90_ns: int | None = None
    p99_ns: int | None = None

    @classmethod
    def of(cls, histogram: Histogram | None) -> "TimeScalars":
        """Those of a histogram."""
        if histogram is None or not histogram.count:
            return cls()
        quantiles = (histogram.quantile(quantile) for quantile in (0.5, 0.9, 0.99))
        return cls(histogram.sum_ns, histogram.min_ns, histogram.max_ns, *quantiles)


@dataclass(frozen=True, slots=True)
class SeriesScalars:
    """One series of a part: the iterations of a scenario, the requests of one of its steps, or a group of its steps."""

    kind: str
    """`iteration`, `request` or `group`."""
    phase: Phase
    series: int
    """The number of the scenario in the plan, of the series, or of the group."""
    offered: int
    """Of requests: those that started, for each is due when it is ready. Of groups: those that are over."""
    started: int
    ok: int
    failed: int
    unfinished: int
    dropped: int
    response: TimeScalars = field(default_factory=TimeScalars)
    """Of iterations: from intended to ended. Of groups: their time."""
    service: TimeScalars = field(default_factory=TimeScalars)
    """Of requests only."""

    def columns(self) -> dict[str, str | int | None]:
        """By the names of the table's columns."""
        counts = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _TIMES}
        times = {f"{time}_{each.name}": getattr(getattr(self, time), each.name) for time in _TIMES for each in _FIGURES}
        return counts | times


_TIMES = ("response", "service")
_FIGURES = fields(TimeScalars)

Scalars = Callable[[bytes], list[SeriesScalars]]
"""What makes them of a part's `counts`. Raises ValueError for what are no counts."""


def of_interval(interval: Interval) -> list[SeriesScalars]:
    """Those of an interval: its scenarios, its series, then its groups."""
    iterations = [
        SeriesScalars(
            kind="iteration",
            phase=each.phase,
            series=each.scenario,
            offered=each.offered,
            started=each.started,
            ok=each.ok,
            failed=each.failed,
            unfinished=each.unfinished,
            dropped=sum(each.dropped.values()),
            response=TimeScalars.of(each.histograms.get("time")),
        )
        for each in interval.scenarios
    ]
    requests = [
        SeriesScalars(
            kind="request",
            phase=each.phase,
            series=each.series,
            offered=each.started,
            started=each.started,
            ok=each.ok,
            failed=each.failed,
            unfinished=each.unfinished,
            dropped=0,
            response=TimeScalars.of(each.histograms.get("response_time")),
            service=TimeScalars.of(each.histograms.get("service_time")),
        )
        for each in interval.series
    ]
    groups = [
        SeriesScalars(
            kind="group",
            phase=each.phase,
            series=each.group,
            offered=each.ok + each.failed + each.unfinished,
            started=each.ok + each.failed + each.unfinished,
            ok=each.ok,
            failed=each.failed,
            unfinished=each.unfinished,
            dropped=0,
            response=TimeScalars.of(each.histograms.get("time")),
        )
        for each in interval.groups
    ]
    return [*iterations, *requests, *groups]


def of_counts(counts: bytes) -> list[SeriesScalars]:
    """Those of `apibench.v1.Interval`. Raises ValueError for what is none."""
    from apibench.model.counts import IntervalCounts  # noqa: PLC0415

    return of_interval(Interval.from_counts(IntervalCounts.from_wire(counts)))
