"""Sealed windows as OpenTelemetry's metrics: deltas, with the times of their windows; made of counts alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from apibench import __version__
from apibench.controller.rest.outlet import SealedWindow
from apibench.controller.rest.step_labels import OTHERS
from apibench.model.buckets import BOUNDS_NS, bucket_counts
from apibench.model.installation import RunRow
from apibench.model.plain_detail import clean_detail
from apibench.model.units import NS_PER_S
from apibench.report.interval_row import times_of

SUMS: Mapping[str, tuple[str, str]] = {
    "apibench.iterations.offered": ("{iteration}", "Iterations that fell due."),
    "apibench.iterations.started": ("{iteration}", "Iterations that began."),
    "apibench.iterations.dropped": ("{iteration}", "Iterations that were due and never started, by reason."),
    "apibench.iterations.lost": ("{iteration}", "Iterations that died with their worker."),
    "apibench.requests.started": ("{request}", "Requests whose first byte was sent."),
    "apibench.requests.outcomes": ("{request}", "Requests by what became of them."),
    "apibench.network.sent": ("By", "Bytes on the wire, heads included, TLS not."),
    "apibench.network.received": ("By", "Bytes on the wire, heads included, TLS not."),
}
GAUGES: Mapping[str, tuple[str, str]] = {
    "apibench.requests.in_flight": ("{request}", "Requests in flight at the end of the window."),
    "apibench.iterations.waiting": ("{iteration}", "Iterations that were due and waited at its end."),
}
TIMES: Mapping[str, tuple[str, str]] = {
    "apibench.response_time": ("response", "From when requests were due to their last byte."),
    "apibench.service_time": ("service", "From when requests were sent to their last byte."),
}
"""Under which name a row has each, and what it is."""
_BOUNDS_S = tuple(bound_ns / NS_PER_S for bound_ns in BOUNDS_NS)
_SCOPE = InstrumentationScope("apibench", __version__)

_Attributes = tuple[tuple[str, str | bool], ...]
_Counts = Counter[tuple[str, _Attributes]]


def metrics_of(windows: Sequence[SealedWindow], process: Resource) -> MetricsData:
    """All of them, each run as a resource of its own beside what is said of this process."""
    by_run: defaultdict[str, list[SealedWindow]] = defaultdict(list)
    for window in windows:
        by_run[window.run.run_id].append(window)
    return MetricsData(
        [
            ResourceMetrics(process.merge(_resource(of_run[0].run)), [ScopeMetrics(_SCOPE, _metrics(of_run), "")], "")
            for of_run in by_run.values()
        ]
    )


def _resource(run: RunRow) -> Resource:
    tags = {f"apibench.run.tag.{name}": str(value) for name, value in clean_detail(run.tags).items()}
    told = clean_detail({"run": run.run_id, "called": run.name})
    # The run is what speaks, whichever controller says it: who takes over goes on with the same series.
    who = {"service.instance.id": told["run"], "apibench.run.id": told["run"], "apibench.run.name": told["called"]}
    return Resource({**who, **tags})


def _metrics(windows: Sequence[SealedWindow]) -> list[Metric]:
    sums: defaultdict[str, list[NumberDataPoint]] = defaultdict(list)
    for window in windows:
        for (name, attributes), count in _counts(window).items():
            sums[name].append(NumberDataPoint(dict(attributes), window.start_ns, window.end_ns, count))
    delta = AggregationTemporality.DELTA
    found = [
        *(Metric(name, words, unit, Sum(sums[name], delta, is_monotonic=True)) for name, (unit, words) in SUMS.items()),
        *(
            Metric(name, words, unit, Gauge([_level(window, name) for window in windows]))
            for name, (unit, words) in GAUGES.items()
        ),
        *(
            Metric(name, words, "s", Histogram([each for window in windows for each in _times(window, kind)], delta))
            for name, (kind, words) in TIMES.items()
        ),
    ]
    return [each for each in found if each.data.data_points]


def _counts(window: SealedWindow) -> _Counts:
    counts: _Counts = Counter()
    for phase, block in _phases(window):
        for name in ("offered", "started", "lost"):
            count = block["iterations_started" if name == "started" else name]
            counts[f"apibench.iterations.{name}", phase] += count
        for reason, count in block["dropped"].items():
            counts["apibench.iterations.dropped", (*phase, ("apibench.drop.reason", reason))] += count
        counts["apibench.network.sent", phase] += block["sent_bytes"]
        counts["apibench.network.received", phase] += block["received_bytes"]
    for row in window.row["steps"]:
        _count_step(counts, window, row)
    return counts


def _count_step(counts: _Counts, window: SealedWindow, row: Mapping[str, Any]) -> None:
    label = window.steps.of(row["scenario"], row["step"])
    # The convention's own word for what is beyond a bound of series.
    names: _Attributes = (
        (("otel.metric.overflow", True),)
        if label == OTHERS
        else (("apibench.scenario", label.scenario), ("apibench.step", label.step))
    )
    step: _Attributes = (("apibench.phase", row["phase"]), *names)
    counts["apibench.requests.started", step] += row["started"]
    for outcome in ("ok", "unfinished"):
        counts["apibench.requests.outcomes", (*step, ("apibench.outcome", outcome))] += row[outcome]
    # Every failure has exactly one name, so these add up to all of them.
    for error, count in row["by_error"].items():
        failed = (*step, ("apibench.outcome", "failed"), ("error.type", error))
        counts["apibench.requests.outcomes", failed] += count


def _phases(window: SealedWindow) -> Iterator[tuple[_Attributes, Mapping[str, Any]]]:
    yield (("apibench.phase", "main"),), window.row
    if "warmup" in window.row:
        yield (("apibench.phase", "warmup"),), window.row["warmup"]


def _level(window: SealedWindow, name: str) -> NumberDataPoint:
    return NumberDataPoint({}, window.start_ns, window.end_ns, window.row[name.rpartition(".")[2]])


def _times(window: SealedWindow, kind: str) -> Iterator[HistogramDataPoint]:
    for phase, block in _phases(window):
        times = times_of(block, kind)
        if times.count:
            yield HistogramDataPoint(
                dict(phase),
                window.start_ns,
                window.end_ns,
                times.count,
                times.sum_ns / NS_PER_S,
                bucket_counts(times),
                _BOUNDS_S,
                times.min_ns / NS_PER_S,
                times.max_ns / NS_PER_S,
            )
