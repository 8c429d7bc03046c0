"""
Judges thresholds: over the whole run, or in every window of some seconds while it goes on.

A window is cut by the time at which things ended, and it also holds everything that is in flight or waits at its end,
at its present age: a target that has frozen ends nothing, and a window of what ended would be empty and calm. Only
whole seconds of the planned duration are judged: not the warm-up, not the drain, and nothing behind a stop.

Rules: no data fails a threshold. A quantile that reaches into lower bounds may be higher than it says, so an upper
limit holds only if the quantile is no lower bound. What has ended a run stays failed, whatever the drain brings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from apibench.aggregator.measure import NOTHING, Measured, holds, limit_of, proves_nothing, time, worse
from apibench.aggregator.merging import RunTally
from apibench.aggregator.sliding import Slice, SlidingWindow
from apibench.aggregator.unended import Unended
from apibench.model.checks import checks_of
from apibench.model.groups import groups_of
from apibench.model.histogram import Histogram
from apibench.model.interval import GroupInterval, Interval, SeriesInterval
from apibench.model.plan import Plan
from apibench.model.run import SeriesName
from apibench.model.tally import DRY, GroupTally, RequestTally
from apibench.model.threshold import Threshold, Unit
from apibench.model.timeline import model_of
from apibench.model.units import NS_PER_S
from apibench.model.verdict import ThresholdResult

MOST_REMEMBERED_S = 600
"""Seconds of which is known how much began in each. What is under way for longer counts as that old."""


@dataclass
class _Watch:
    """A threshold, and what it has seen."""

    threshold: Threshold
    chosen: frozenset[int] | None
    """Series that it is about; None for all."""
    groups: frozenset[int] | None
    """Groups that it is about; None where it is of requests or iterations."""
    checks: frozenset[tuple[int, int]] | None
    """Checks that it is about, by scenario and number; None for all."""
    time: str | None
    """`response_time`, `service_time`, `iteration`, or `time` of groups; None where it is about no time."""
    unended: Unended
    window: SlidingWindow | None
    """None for one that is of the whole run."""
    failed_at_ns: int | None = None
    worst: Measured = NOTHING
    ended_the_run: ThresholdResult | None = None


class Judge:
    """Judges a run's thresholds as its intervals come in."""

    def __init__(self, plan: Plan, series: Sequence[SeriesName], tally: RunTally) -> None:
        self._headline = "service_time" if model_of(plan) == "closed" else "response_time"
        self._tally = tally
        self._checks = checks_of(plan)
        self._groups = groups_of(plan)
        self._watches = [self._watch(each, series) for each in plan.parsed_thresholds()]
        self._under_way = 0
        """Iterations that were due by now, and of which nothing has become yet."""

    def add(self, interval: Interval, *, may_abort: bool = True) -> Threshold | None:
        """
        Look at the next interval, which the tally holds already; a threshold that aborts the run, if one fails.

        Without `may_abort` none does: the interval is known to lack something.
        """
        self._note_levels(interval)
        judged_ns = self._tally.timeline.judged_ns(interval)
        if not judged_ns:
            return None
        for watch in self._watches:
            if watch.window is not None:
                watch.window.add(_slice(watch, interval, judged_ns))
                self._look(watch, watch.window.sum(), interval)
        return self._aborting(interval) if may_abort else None

    def results(self) -> tuple[ThresholdResult, ...]:
        """Every threshold as it stands now, in the plan's order."""
        return tuple(watch.ended_the_run or self._standing(watch) for watch in self._watches)

    def _watch(self, threshold: Threshold, series: Sequence[SeriesName]) -> _Watch:
        chosen = checks = groups = None
        if threshold.metric == "checks":
            checks = self._checks_called(threshold.step)
        elif threshold.step is not None and any(each.name == threshold.step for each in self._groups):
            groups = frozenset(number for number, each in enumerate(self._groups) if each.name == threshold.step)
        elif threshold.step is not None:
            chosen = frozenset(number for number, name in enumerate(series) if name.step == threshold.step)
        kind = None
        if threshold.aggregate is not None:
            headline = self._headline if groups is None else "time"
            kind = {None: headline, "iteration": "iteration"}.get(threshold.source, f"{threshold.source}_time")
        # Beyond the limit it is only a matter of how much later it is.
        limit_s = limit_of(threshold) / NS_PER_S if kind is not None else 0
        window = None if threshold.window_s is None else SlidingWindow(threshold.window_s * NS_PER_S)
        unended = Unended(int(min(limit_s, MOST_REMEMBERED_S)) + 2)
        return _Watch(threshold, chosen, groups, checks, kind, unended, window)

    def _checks_called(self, name: str | None) -> frozenset[tuple[int, int]] | None:
        if name is None:
            return None
        numbered = ((place, number) for place, names in enumerate(self._checks) for number in range(len(names)))
        return frozenset(each for each in numbered if self._checks[each[0]][each[1]] == name)

    def _note_levels(self, interval: Interval) -> None:
        length_ns = interval.end_ns - interval.start_ns
        scenarios = [each for each in interval.scenarios if each.phase == "main"]
        offered = sum(each.offered for each in scenarios)
        self._under_way += offered - sum(
            each.ok + each.failed + each.unfinished + sum(each.dropped.values()) + each.lost for each in scenarios
        )
        for watch in self._watches:
            if watch.time == "iteration":
                watch.unended.add(offered, length_ns)
            elif watch.time == "service_time":
                # One that is sent once more is as young as that.
                begun = sum(each.started + each.stale_retries for each in _requests(interval, watch.chosen))
                watch.unended.add(begun, length_ns)

    def _look(self, watch: _Watch, window: Slice | None, interval: Interval) -> None:
        if window is None:
            return
        measured = self._of_window(watch, window, interval)
        if proves_nothing(watch.threshold, measured):
            # Nothing ended, and nothing has waited for too long: an idle second proves nothing. The whole run's
            # absence of data is told at the end.
            return
        if worse(watch.threshold, measured, watch.worst):
            watch.worst = measured
        if watch.failed_at_ns is None and not holds(watch.threshold, measured):
            watch.failed_at_ns = interval.end_ns

    def _aborting(self, interval: Interval) -> Threshold | None:
        for watch in self._watches:
            if watch.ended_the_run is not None:
                return watch.threshold
        for watch in self._watches:
            if watch.threshold.abort and self._fails(watch):
                at_ns = watch.failed_at_ns or interval.end_ns
                watch.ended_the_run = replace(self._standing(watch), failed_at_ns=at_ns, ended_the_run=True)
                return watch.threshold
        return None

    def _fails(self, watch: _Watch) -> bool:
        """By what there is. Before something has been measured there is nothing to abort a run for."""
        if watch.threshold.window_s is not None:
            return watch.failed_at_ns is not None
        if watch.threshold.unit is Unit.RATE and not self._has_ended(watch):
            return False
        result = self._standing(watch)
        return not result.passed and not result.no_data

    def _has_ended(self, watch: _Watch) -> bool:
        return bool(
            self._tally.window_iterations if watch.threshold.metric == "iterations" else self._counted(watch).ended
        )

    def _standing(self, watch: _Watch) -> ThresholdResult:
        threshold = watch.threshold
        if threshold.window_s is not None:
            passed = watch.failed_at_ns is None and watch.worst.value is not None
            return _result(threshold, watch.worst, watch.failed_at_ns, passed=passed)
        measured = self._of_run(watch)
        return _result(threshold, measured, None, passed=holds(threshold, measured))

    def _of_run(self, watch: _Watch) -> Measured:
        counted, iterations = self._counted(watch), self._tally.main.all_iterations()
        if watch.time is not None:
            times = iterations.time if watch.time == "iteration" else _times(watch.time, counted)
            return time(watch.threshold, times)
        metric, length_ns = watch.threshold.metric, self._tally.window_ns
        if metric == "errors":
            return _share(counted.failed + counted.unfinished, counted.started)
        if metric == "dropped":
            dropped = _dropped(iterations.dropped)
            return _share(dropped, iterations.offered - iterations.dropped[DRY])
        if metric == "checks":
            passed, failed = self._checked(watch)
            return _share(passed, passed + failed)
        if length_ns <= 0:
            return NOTHING
        return Measured.exactly(self._inside(watch) * NS_PER_S / length_ns)

    def _counted(self, watch: _Watch) -> RequestTally | GroupTally:
        """What it is about, over the whole run."""
        main = self._tally.main
        return main.all_requests(watch.chosen) if watch.groups is None else main.all_groups(watch.groups)

    def _checked(self, watch: _Watch) -> tuple[int, int]:
        """How often checks passed and failed."""
        passed = failed = 0
        for place, tally in self._tally.main.iterations.items():
            for number in tally.checks_passed.keys() | tally.checks_failed.keys():
                if watch.checks is None or (place, number) in watch.checks:
                    passed += tally.checks_passed[number]
                    failed += tally.checks_failed[number]
        return passed, failed

    def _inside(self, watch: _Watch) -> int:
        """Events of a rate inside the planned window: what ends in the drain came too late for it."""
        if watch.threshold.metric == "iterations":
            return self._tally.window_iterations
        if watch.groups is not None:
            return sum(self._tally.window_ok_of_group[number] for number in watch.groups)
        if watch.chosen is None:
            return self._tally.window_ok
        return sum(self._tally.window_ok_of[number] for number in watch.chosen)

    def _of_window(self, watch: _Watch, window: Slice, last: Interval) -> Measured:
        if watch.time is not None:
            return time(watch.threshold, window.time, self._ages(watch, last))
        metric = watch.threshold.metric
        # Shares are of what was decided in the window: what began before it and failed in it would make them exceed 1.
        if metric == "errors":
            broken = window.failed + window.unfinished
            return _share(broken, window.ok + broken)
        if metric == "dropped":
            return _share(window.dropped, window.started + window.dropped)
        if metric == "checks":
            return _share(window.checks_passed, window.checks_passed + window.checks_failed)
        events = window.ended if metric == "iterations" else window.ok
        return Measured.exactly(events / (watch.threshold.window_s or 1))

    def _ages(self, watch: _Watch, last: Interval) -> Histogram:
        """Of what has not ended at the end of a window: how old it is, at least."""
        if watch.time == "iteration":
            return watch.unended.ages(self._under_way)
        if watch.time == "service_time":
            # The ages that the engine tells begin when a request was due: they are of another time than this.
            return watch.unended.ages(sum(each.in_flight for each in _requests(last, watch.chosen)))
        total = Histogram()
        for each in _main(last, watch):
            if "pending" in each.times:
                total.merge(each.histograms["pending"])
        return total


def _main(interval: Interval, watch: _Watch) -> Iterable[SeriesInterval | GroupInterval]:
    """What a threshold is about."""
    groups = watch.groups
    if groups is None:
        return _requests(interval, watch.chosen)
    return (each for each in interval.groups if each.phase == "main" and each.group in groups)


def _requests(interval: Interval, chosen: frozenset[int] | None) -> Iterable[SeriesInterval]:
    return (each for each in interval.series if each.phase == "main" and (chosen is None or each.series in chosen))


def _dropped(by_reason: Mapping[str, int]) -> int:
    """How many of a load that went on: where no row is left it has ended, as its plan says."""
    return sum(count for reason, count in by_reason.items() if reason != DRY)


def _slice(watch: _Watch, interval: Interval, judged_ns: int) -> Slice:
    """What a window keeps of a second for its threshold."""
    part = Slice(judged_ns)
    for each in _main(interval, watch):
        part.ok += each.ok
        part.failed += each.failed
        part.unfinished += each.unfinished
        if watch.time is not None and watch.time in each.times:
            part.time.merge(each.histograms[watch.time])
    for scenario in interval.scenarios:
        if scenario.phase == "main":
            part.started += scenario.started
            part.ended += scenario.ok + scenario.failed
            part.dropped += _dropped(scenario.dropped)
            for number, passed, failed in scenario.checks:
                if watch.checks is None or (scenario.scenario, number) in watch.checks:
                    part.checks_passed += passed
                    part.checks_failed += failed
            if watch.time == "iteration" and "time" in scenario.times:
                part.time.merge(scenario.histograms["time"])
    return part


def _times(kind: str, counted: RequestTally | GroupTally) -> Histogram:
    return counted.time if isinstance(counted, GroupTally) else counted.times(kind)


def _share(part: int, whole: int) -> Measured:
    return Measured.exactly(part / whole) if whole else NOTHING


def _result(threshold: Threshold, measured: Measured, failed_at_ns: int | None, *, passed: bool) -> ThresholdResult:
    return ThresholdResult(threshold, measured.value, limit_of(threshold), passed, measured.censored, failed_at_ns)
