"""
Judges thresholds: over the whole run, or in every window of some seconds while it goes on.

A window is cut by the time at which things ended, and it also holds everything that is in flight or waits at its end,
at its present age: a target that has frozen ends nothing, and a window of what ended would be empty and calm.

Rules: no data fails a threshold. A quantile that reaches into lower bounds may be higher than it says, so an upper
limit holds only if the quantile is no lower bound.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt

from apibench.aggregator.merging import RunTally
from apibench.model.histogram import Histogram
from apibench.model.interval import Interval
from apibench.model.plan import Plan
from apibench.model.run import SeriesName
from apibench.model.tally import IterationTally, RequestTally, Tally
from apibench.model.threshold import Operator, Threshold
from apibench.model.timeline import model_of
from apibench.model.units import NS_PER_S, PPB_PER_ONE, RateParts
from apibench.model.verdict import ThresholdResult

_COMPARE: dict[Operator, Callable[[float, float], bool]] = {
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
    Operator.EXACTLY: eq,
}
_UPPER_LIMITS = (Operator.LESS, Operator.AT_MOST, Operator.EXACTLY)


@dataclass(frozen=True, slots=True)
class _Measured:
    value: float | None
    censored: bool = False
    """Shown as a lower bound."""
    at_most: float | None = None
    """The highest that it can truly be; None where nothing bounds it."""

    @classmethod
    def exactly(cls, value: float | None) -> "_Measured":
        return cls(value, at_most=value)


@dataclass
class _Watch:
    """A threshold with a window, and what it has seen."""

    threshold: Threshold
    failed_at_ns: int | None = None
    worst: _Measured = field(default_factory=lambda: _Measured(None))


class Judge:
    """Judges a run's thresholds as its intervals come in."""

    def __init__(self, plan: Plan, series: Sequence[SeriesName], tally: RunTally) -> None:
        self._thresholds = plan.parsed_thresholds()
        self._headline = "service_time" if model_of(plan) == "closed" else "response_time"
        self._series = series
        self._tally = tally
        self._watches = [_Watch(each) for each in self._thresholds if each.window_s is not None]
        longest = max((watch.threshold.window_s or 0 for watch in self._watches), default=0)
        self._recent: deque[Interval] = deque(maxlen=max(longest, 1))

    def add(self, interval: Interval) -> Threshold | None:
        """Look at the next interval, which the tally holds already; a threshold that aborts the run, if one fails."""
        self._recent.append(interval)
        # The warm-up is judged by nothing, and a run's last partial windows only if they are whole.
        if interval.end_ns <= self._tally.timeline.main_start_ns:
            self._recent.clear()
            return None
        for watch in self._watches:
            self._look(watch, interval)
        failed = [
            watch.threshold for watch in self._watches if watch.threshold.abort and watch.failed_at_ns is not None
        ]
        failed += [
            threshold
            for threshold in self._thresholds
            if threshold.abort and threshold.window_s is None and not self._judge_run(threshold).passed
        ]
        return failed[0] if failed else None

    def results(self) -> tuple[ThresholdResult, ...]:
        """Every threshold as it stands now, in the plan's order."""
        watches = {id(watch.threshold): watch for watch in self._watches}
        return tuple(
            self._judge_watch(watches[id(threshold)]) if id(threshold) in watches else self._judge_run(threshold)
            for threshold in self._thresholds
        )

    def _look(self, watch: _Watch, interval: Interval) -> None:
        window_s = watch.threshold.window_s or 0
        if len(self._recent) < window_s:
            return
        window = list(self._recent)[-window_s:]
        tally = Tally()
        for each in window:
            tally.add(each)
        length_ns = window[-1].end_ns - window[0].start_ns
        measured = self._measure(watch.threshold, tally, length_ns, _pending(interval, self._chosen(watch.threshold)))
        if measured.value is None:
            # Nothing ended and nothing was pending: an idle second proves nothing. The whole run's absence of
            # data is told at the end.
            return
        if _worse(watch.threshold, measured, watch.worst):
            watch.worst = measured
        if watch.failed_at_ns is None and not _holds(watch.threshold, measured):
            watch.failed_at_ns = interval.end_ns

    def _judge_watch(self, watch: _Watch) -> ThresholdResult:
        passed = watch.failed_at_ns is None and watch.worst.value is not None
        return _result(watch.threshold, watch.worst, passed, watch.failed_at_ns)

    def _judge_run(self, threshold: Threshold) -> ThresholdResult:
        measured = self._measure(threshold, self._tally.main, self._tally.window_ns, None)
        return _result(threshold, measured, _holds(threshold, measured), None)

    def _chosen(self, threshold: Threshold) -> list[int] | None:
        if threshold.step is None:
            return None
        return [number for number, name in enumerate(self._series) if name.step == threshold.step]

    def _measure(self, threshold: Threshold, tally: Tally, length_ns: int, pending: Histogram | None) -> _Measured:
        requests = tally.all_requests(self._chosen(threshold))
        iterations = tally.all_iterations()
        if threshold.aggregate is not None:
            return _time(threshold, requests, iterations, self._headline, pending)
        return _Measured.exactly(
            _count(threshold, requests, iterations, self._ok(threshold, requests, pending), length_ns)
        )

    def _ok(self, threshold: Threshold, requests: RequestTally, pending: Histogram | None) -> int:
        # Over the run, a rate counts what ended inside the planned window; a window is inside it as it is.
        return requests.ok if pending is not None or threshold.step is not None else self._tally.window_ok


def _time(
    threshold: Threshold, requests: RequestTally, iterations: IterationTally, headline: str, pending: Histogram | None
) -> _Measured:
    if threshold.source == "iteration":
        histogram = iterations.time
    else:
        name = headline if threshold.source is None else f"{threshold.source}_time"
        histogram = requests.times(name)
    total = Histogram()
    total.merge(histogram)
    if pending is not None and threshold.source != "iteration":
        total.merge(pending)
    if not total.count:
        return _Measured(None)
    if threshold.quantile is not None:
        return _quantile(total, threshold.quantile)
    if threshold.aggregate == "mean":
        mean = total.sum_ns / total.count
        return _Measured(mean, censored=True) if total.censored else _Measured.exactly(mean)
    if threshold.aggregate == "min":
        return _Measured.exactly(total.min_ns)
    return _quantile(total, 1.0)


def _quantile(total: Histogram, quantile: float) -> _Measured:
    return _Measured(
        total.quantile(quantile), total.quantile_is_censored(quantile), at_most=total.quantile_at_most(quantile)
    )


def _count(
    threshold: Threshold, requests: RequestTally, iterations: IterationTally, ok: int, length_ns: int
) -> float | None:
    if threshold.metric == "errors":
        return (requests.failed + requests.unfinished) / requests.started if requests.started else None
    if threshold.metric == "dropped":
        return sum(iterations.dropped.values()) / iterations.offered if iterations.offered else None
    if length_ns <= 0:
        return None
    events = iterations.ended if threshold.metric == "iterations" else ok
    return events * NS_PER_S / length_ns


def _pending(interval: Interval, chosen: Iterable[int] | None) -> Histogram:
    """The ages of what was in flight or waited at the end of the interval."""
    total = Histogram()
    for series in interval.series:
        if (chosen is None or series.series in chosen) and "pending" in series.histograms:
            total.merge(series.histograms["pending"])
    return total


def _limit(threshold: Threshold) -> float:
    if isinstance(threshold.limit, RateParts):
        return threshold.limit.count * NS_PER_S / threshold.limit.per_ns
    if threshold.aggregate is not None:
        return threshold.limit
    return threshold.limit / PPB_PER_ONE


def _holds(threshold: Threshold, measured: _Measured) -> bool:
    judged = measured.at_most if threshold.operator in _UPPER_LIMITS else measured.value
    return judged is not None and _COMPARE[threshold.operator](judged, _limit(threshold))


def _worse(threshold: Threshold, measured: _Measured, than: _Measured) -> bool:
    if than.value is None or measured.value is None:
        return True
    if threshold.operator in (Operator.MORE, Operator.AT_LEAST):
        return measured.value < than.value
    return measured.value > than.value


def _result(threshold: Threshold, measured: _Measured, passed: bool, failed_at_ns: int | None) -> ThresholdResult:  # noqa: FBT001
    return ThresholdResult(threshold, measured.value, _limit(threshold), passed, measured.censored, failed_at_ns)
