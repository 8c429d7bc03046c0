"""
A run while it goes on: a block of lines for a terminal, a line for a log, an object for a program.

Pure: `LiveState` is fed with intervals and asked for text. Who draws it, and how often, is decided elsewhere.
"""

import json
from collections import Counter, deque
from collections.abc import Sequence

from rich.text import Text

from apibench.model.figures import human_count, human_duration, human_rate
from apibench.model.histogram import Histogram, merged
from apibench.model.interval import Interval
from apibench.model.load import Closed, Open
from apibench.model.plan import Plan
from apibench.model.threshold import Unit
from apibench.model.timeline import Timeline, model_of
from apibench.model.units import NS_PER_S
from apibench.model.verdict import ThresholdResult
from apibench.report.figure_text import at, bounded, in_unit, plural, rate, span
from apibench.report.spread import spark
from apibench.report.symbols import DOT, FAILED, HELD, for_encoding
from apibench.report.table import table

WINDOW = 5
"""Intervals that the live quantiles are of: enough for a p99, and still now."""
REMEMBERED = 60
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
_BAR = 20
_LABEL = 12
_OLD_NS = NS_PER_S
_SHOWN = 3
_UNITS = {Unit.DURATION: "ns", Unit.RATE: "per_s", Unit.SHARE: "share"}


class LiveState:
    """What a run has come to so far, as far as a screen needs it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._timeline = Timeline.of(plan)
        self._headline = "service_time" if model_of(plan) == "closed" else "response_time"
        self._recent: deque[Interval] = deque(maxlen=REMEMBERED)
        self._whole = Histogram()
        self._statuses: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._connections = 0

    def add(self, interval: Interval) -> None:
        """Take the next interval. What belongs to the warm-up is shown while it lasts and not kept."""
        self._recent.append(interval)
        self._connections += interval.generator.get("connections_opened", 0)
        for series in interval.series:
            if series.phase == "main":
                self._statuses.update(series.by_status)
                self._errors.update(series.by_error)
                if self._headline in series.histograms:
                    self._whole.merge(series.histograms[self._headline])

    def block(
        self,
        elapsed_ns: int,
        thresholds: Sequence[ThresholdResult] = (),
        *,
        stopping: bool = False,
        width: int = 80,
        encoding: str | None = "utf-8",
    ) -> Text:
        """About ten lines for a terminal. `elapsed_ns` is the time since the start barrier."""
        lines = [self._stage(elapsed_ns, stopping=stopping)]
        if self._recent:
            lines += [self._rates(width), *self._times(width), *self._answers(), *_goals(thresholds), self._generator()]
        else:
            lines.append(Text("waiting for the first second", style="dim"))
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return for_encoding(Text("\n").join(lines), encoding)

    def plain_line(self) -> str:
        """A line for a log, of the last interval and what failed by then; empty before the first."""
        if not self._recent:
            return ""
        last = self._recent[-1]
        now, length_ns = self._now(last), _length_ns(last)
        part = self._timeline.part(last)
        failed = sum(self._errors.values())
        figures = [
            _clock(last.end_ns),
            *([] if part == "main" else [{"warmup": "warm-up", "drain": "drain"}[part]]),
            *([f"asked {_per_s(_offered(last), length_ns)}"] if self._headline == "response_time" else []),
            f"ok {_per_s(_ok(last), length_ns)}",
            *(f"{name} {at(now, _QUANTILES[name])}" for name in ("p50", "p99", "max")),
            f"in flight {human_count(_in_flight(last))}",
            f"failed {human_count(failed)}",
        ]
        return "  ".join(figures) + "\n"

    def json_line(self) -> str:
        """One JSON object of the last interval, with a line's end; empty before the first."""
        return json.dumps(self.moment()) + "\n" if self._recent else ""

    def moment(self) -> dict[str, object]:
        """The figures of the last interval, for programs: counts, events per second, quantiles in nanoseconds."""
        last = self._recent[-1]
        now, length_ns = self._now(last), _length_ns(last)
        return {
            "type": "progress",
            "end_s": last.end_ns / NS_PER_S,
            "phase": self._timeline.part(last),
            "offered": _offered(last),
            "started": sum(series.started for series in last.series),
            "ok": _ok(last),
            "failed": sum(series.failed for series in last.series),
            "dropped": sum(sum(scenario.dropped.values()) for scenario in last.scenarios),
            "ok_per_s": _ok(last) * NS_PER_S / length_ns,
            "in_flight": _in_flight(last),
            "waiting": _waiting(last),
            "headline": self._headline,
            "quantiles": {f"{quantile:g}": now.quantile(quantile) for quantile in _QUANTILES.values() if now.count},
            "at_least": [f"{quantile:g}" for quantile in _QUANTILES.values() if now.quantile_is_censored(quantile)],
        }

    def _now(self, *intervals: Interval) -> Histogram:
        return _sum(intervals, self._headline)

    def _stage(self, elapsed_ns: int, *, stopping: bool) -> Text:
        start_ns, end_ns = self._timeline.main_start_ns, self._timeline.planned_end_ns
        line = Text(f"{self._plan.name}  ", style="bold")
        if stopping:
            return line.append("stopping: waiting for what is in flight; Ctrl-C again ends it now", style="yellow")
        if elapsed_ns < start_ns:
            return line.append(f"warming up, {_clock(start_ns - elapsed_ns)} left", style="cyan")
        if end_ns is None:
            return line.append(f"running for {_clock(elapsed_ns - start_ns)}", style="not bold")
        if elapsed_ns >= end_ns:
            return line.append("draining: waiting for what is in flight", style="cyan")
        share = (elapsed_ns - start_ns) / max(end_ns - start_ns, 1)
        filled = round(_BAR * share)
        line.append("━" * filled, style="not bold green")
        line.append("╌" * (_BAR - filled), style="not bold dim")
        return line.append(
            f"  {_clock(end_ns - elapsed_ns)} left of {span(end_ns - start_ns)}{self._stage_number(elapsed_ns)}"
        )

    def _stage_number(self, elapsed_ns: int) -> str:
        load = self._plan.scenarios[0].load
        if len(self._plan.scenarios) > 1 or not load.stages:
            return ""
        into_ns = elapsed_ns - self._timeline.main_start_ns - self._plan.scenarios[0].start_ns
        number = 1
        for stage in load.stages[:-1]:
            into_ns -= stage.duration_ns
            number += into_ns >= 0
        return f", stage {number} of {len(load.stages)}: to {_level(load, number - 1)}"

    def _rates(self, width: int) -> Text:
        last = self._recent[-1]
        length_ns = _length_ns(last)
        line = _labelled("Requests")
        if self._headline == "response_time":
            line.append(f"asked {_per_s(_offered(last), length_ns)}  ")
        line.append(f"ok {_per_s(_ok(last), length_ns)}", style="bold")
        line.append(f"  in flight {human_count(_in_flight(last))}  waiting {human_count(_waiting(last))}  ")
        # A target that has frozen ends nothing, and quantiles of what ended stay calm.
        oldest_ns = _sum([last], "pending").max_ns
        if oldest_ns >= _OLD_NS:
            line.append(f"oldest {human_duration(oldest_ns)}  ", style="yellow")
        rates = [_ok(each) / _length_ns(each) for each in self._recent]
        return line.append(spark(rates, max(width - line.cell_len, 0)), style="cyan")

    def _times(self, width: int) -> list[Text]:
        window = list(self._recent)[-WINDOW:]
        kind = self._headline.removesuffix("_time").capitalize()
        length_ns = window[-1].end_ns - window[0].start_ns
        rows = [
            (f"  last {span(round(length_ns / NS_PER_S) * NS_PER_S)}", self._now(*window)),
            ("  the run", self._whole),
        ]
        return table(
            [
                [Text(f"{kind:<{_LABEL - 1}}", style="bold"), *(Text(name, style="dim") for name in _QUANTILES)],
                *([label, *(at(histogram, quantile) for quantile in _QUANTILES.values())] for label, histogram in rows),
            ],
            min(width, 80),
        )

    def _answers(self) -> list[Text]:
        classes: Counter[str] = Counter()
        for status, count in self._statuses.items():
            classes[f"{status[:1]}xx"] += count
        lines = [_labelled("Statuses").append(_counts(sorted(classes.items())) or "none yet")]
        if self._errors:
            top = sorted(self._errors.items(), key=lambda item: (-item[1], item[0]))
            more = f"  and {len(top) - _SHOWN} more kinds" if len(top) > _SHOWN else ""
            lines.append(_labelled("Errors").append(_counts(top[:_SHOWN]) + more, style="not bold red"))
        return lines

    def _generator(self) -> Text:
        window = list(self._recent)[-WINDOW:]
        lag = _sum(window, "schedule_lag")
        cpu_ns = sum(interval.generator.get("cpu_ns", 0) for interval in window)
        processors = cpu_ns / max(window[-1].end_ns - window[0].start_ns, 1)
        return _labelled("Generator").append(
            f"schedule lag p99 {at(lag, 0.99)} {DOT} processor {processors * 100:.0f} % "
            f"{DOT} {plural(self._connections, 'connection')} opened"
        )


def _goals(results: Sequence[ThresholdResult]) -> list[Text]:
    """The failing ones first, as far as they fit; one line says how many there are beside."""
    ranked = sorted(results, key=lambda result: result.passed or result.no_data)
    lines: list[Text] = []
    for result in ranked[:_SHOWN]:
        line = _labelled("Thresholds" if not lines else "")
        if result.value is None:
            line.append(f"{DOT} {result.threshold}  no data yet", style="not bold dim")
        else:
            line.append(HELD if result.passed else FAILED, style="not bold green" if result.passed else "red")
            value = bounded(in_unit(result.value, _UNITS[result.threshold.unit]), censored=result.censored)
            line.append(f" {result.threshold}  {value}")
        lines.append(line)
    if len(ranked) > _SHOWN:
        lines.append(_labelled("").append(f"and {plural(len(ranked) - _SHOWN, 'more threshold')}", style="dim"))
    return lines


def _level(load: Closed | Open, stage: int) -> str:
    if isinstance(load, Open):
        return human_rate(load.stages[stage].rate.count, load.stages[stage].rate.per_ns)
    return plural(load.stages[stage].vus, "VU")


def _labelled(label: str) -> Text:
    return Text().append(f"{label:<{_LABEL}}", style="bold")


def _counts(pairs: Sequence[tuple[str, int]]) -> str:
    return f" {DOT} ".join(f"{name} {human_count(count)}" for name, count in pairs)


def _sum(intervals: Sequence[Interval], name: str) -> Histogram:
    return merged(
        series.histograms[name] for interval in intervals for series in interval.series if name in series.times
    )


def _offered(interval: Interval) -> int:
    return sum(scenario.offered for scenario in interval.scenarios)


def _ok(interval: Interval) -> int:
    return sum(series.ok for series in interval.series)


def _per_s(count: int, length_ns: int) -> str:
    return rate(count * NS_PER_S / length_ns)


def _in_flight(interval: Interval) -> int:
    return sum(series.in_flight for series in interval.series)


def _waiting(interval: Interval) -> int:
    return sum(scenario.waiting for scenario in interval.scenarios)


def _length_ns(interval: Interval) -> int:
    return max(interval.end_ns - interval.start_ns, 1)


def _clock(duration_ns: int) -> str:
    seconds = max(duration_ns + NS_PER_S // 2, 0) // NS_PER_S
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes:02}:{seconds:02}"
