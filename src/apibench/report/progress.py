"""
A run while it goes on: a few lines for a terminal, one line for a log, one object for a program.

Pure text. Who draws it, and how often, is decided elsewhere.
"""

import json
from collections.abc import Sequence

from apibench.model.figures import human_count, human_duration, human_rate
from apibench.model.histogram import Histogram
from apibench.model.interval import Interval
from apibench.model.timeline import Timeline

_BAR = 30
_SPARKS = "▁▂▃▄▅▆▇█"
_QUANTILES = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"))


def moments(interval: Interval, headline: str) -> dict[str, object]:
    """The figures of one second, for programs: counts, rates in events per second, times in nanoseconds."""
    histogram = _sum(interval, headline)
    length_ns = interval.end_ns - interval.start_ns
    ok = sum(series.ok for series in interval.series)
    return {
        "end_s": interval.end_ns / 1e9,
        "ok": ok,
        "failed": sum(series.failed for series in interval.series),
        "ok_per_s": ok * 1e9 / length_ns if length_ns else None,
        "in_flight": sum(series.in_flight for series in interval.series),
        "waiting": sum(scenario.waiting for scenario in interval.scenarios),
        **{f"{name}_ns": histogram.quantile(quantile) for quantile, name in _QUANTILES},
        "max_ns": histogram.max_ns if histogram.count else None,
    }


def json_line(interval: Interval, headline: str) -> str:
    """One line of JSON a second."""
    return json.dumps(moments(interval, headline)) + "\n"


def plain_line(interval: Interval, timeline: Timeline, headline: str, errors: int) -> str:
    """One line for a log."""
    length_ns = interval.end_ns - interval.start_ns
    ok = sum(series.ok for series in interval.series)
    histogram = _sum(interval, headline)
    parts = [
        f"{_clock(interval.end_ns)}",
        f"ok {human_rate(ok, length_ns) if length_ns else '-'}",
        *(f"{name} {_time(histogram, quantile)}" for quantile, name in _QUANTILES[:3]),
        f"errors {human_count(errors)}",
    ]
    part = timeline.part(interval)
    return ("" if part == "main" else f"[{part}] ") + "   ".join(parts) + "\n"


def block(  # noqa: PLR0913, PLR0917 - what a glance shows
    recent: Sequence[Interval], timeline: Timeline, headline: str, elapsed_ns: int, ok: int, errors: dict[str, int]
) -> list[str]:
    """A few lines for a terminal, from the last seconds. Plain text; colours are the terminal's business."""
    end_ns = timeline.planned_end_ns
    lines = [_stage(elapsed_ns, end_ns, timeline)]
    if not recent:
        return [*lines, "waiting for the first second …"]
    last = recent[-1]
    length_ns = max(last.end_ns - last.start_ns, 1)
    rates = [sum(series.ok for series in each.series) * 1e9 / max(each.end_ns - each.start_ns, 1) for each in recent]
    asked = sum(scenario.offered for scenario in last.scenarios)
    now_ok = sum(series.ok for series in last.series)
    lines.append(
        f"ok      {human_rate(now_ok, length_ns):>12}   asked {human_rate(asked, length_ns)}   {_spark(rates)}"
    )
    histogram = _sum(last, headline)
    times = "   ".join(f"{name} {_time(histogram, quantile)}" for quantile, name in _QUANTILES)
    label = "response" if headline == "response_time" else "service"
    lines.append(f"{label:<8}{times}   max {human_duration(histogram.max_ns) if histogram.count else '-'}")
    waiting = sum(scenario.waiting for scenario in last.scenarios)
    in_flight = sum(series.in_flight for series in last.series)
    lines.append(f"so far  {human_count(ok)} ok   in flight {human_count(in_flight)}   waiting {human_count(waiting)}")
    lag = Histogram()
    for series in last.series:
        if "schedule_lag" in series.histograms:
            lag.merge(series.histograms["schedule_lag"])
    cpu = last.generator["cpu_ns"] / length_ns
    lines.append(f"we      schedule lag p99 {_time(lag, 0.99)}   processor {cpu:.0%}")
    top = sorted(errors.items(), key=lambda item: -item[1])[:3]
    if top:
        lines.append("errors  " + "   ".join(f"{human_count(count)} {name}" for name, count in top))
    return lines


def _stage(elapsed_ns: int, end_ns: int | None, timeline: Timeline) -> str:
    if elapsed_ns < timeline.main_start_ns:
        return f"warming up   {human_duration(timeline.main_start_ns - elapsed_ns)} left"
    if end_ns is None:
        return f"running   {_clock(elapsed_ns)}"
    if elapsed_ns >= end_ns:
        return "draining   waiting for what is still in flight"
    span_ns = max(end_ns - timeline.main_start_ns, 1)
    filled = round(_BAR * (elapsed_ns - timeline.main_start_ns) / span_ns)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {_clock(end_ns - elapsed_ns)} left"


def _spark(rates: Sequence[float]) -> str:
    highest = max(rates, default=0)
    if highest <= 0:
        return ""
    return "".join(_SPARKS[min(int(rate / highest * (len(_SPARKS) - 1)), len(_SPARKS) - 1)] for rate in rates[-24:])


def _sum(interval: Interval, name: str) -> Histogram:
    total = Histogram()
    for series in interval.series:
        if name in series.histograms:
            total.merge(series.histograms[name])
    return total


def _time(histogram: Histogram, quantile: float) -> str:
    value = histogram.quantile(quantile)
    if value is None:
        return "-"
    return (">= " if histogram.quantile_is_censored(quantile) else "") + human_duration(value)


def _clock(duration_ns: int) -> str:
    seconds = max(duration_ns + 500_000_000, 0) // 1_000_000_000
    return f"{seconds // 60:02}:{seconds % 60:02}"
