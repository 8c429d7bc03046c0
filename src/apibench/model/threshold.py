"""
What a run must hold to pass: `METRIC [of 'STEP'] OP VALUE [for DURATION] [abort]`.

    p99 < 200ms                      the headline's 99th percentile, over the whole run
    service.p99.9 of 'login' < 1s    one step's service time
    errors < 1% for 10s abort        in every window of ten seconds; the run ends when it fails

This is the grammar only, judged elsewhere. `str()` gives the canonical text, which parses to the same
threshold: it is what a plan stores and hashes.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apibench.model.errors import ThresholdInvalid, UnitInvalid
from apibench.model.suggestion import did_you_mean
from apibench.model.units import (
    NS_PER_S,
    RateParts,
    format_duration,
    format_rate,
    format_share,
    parse_duration,
    parse_rate,
    parse_share,
)

MAX_TEXT = 500
"""Longest threshold, in characters: a step's name and a little."""
MAX_WINDOW_S = 3_600


class Unit(StrEnum):
    """What a metric is measured in."""

    DURATION = "duration"
    RATE = "rate"
    SHARE = "share"


class Operator(StrEnum):
    """How the measured value must stand to the limit."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    EXACTLY = "=="


_NAMED = {
    "rate": Unit.RATE,
    "iterations": Unit.RATE,
    "errors": Unit.SHARE,
    "checks": Unit.SHARE,
    "dropped": Unit.SHARE,
}
_OF_ITERATIONS = ("iterations", "dropped", "iteration.")
_SOURCES = ("response", "service", "iteration")
_AGGREGATES = ("min", "mean", "max")
_COMMON = (*_NAMED, "p50", "p90", "p95", "p99", "p99.9", *_AGGREGATES, *(f"{source}.p99" for source in _SOURCES))
_QUANTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,6})?)")
_SHAPE = re.compile(
    r"""\s*(?P<metric>[A-Za-z][\w.()]*)
    (?:\s+of\s+(?P<step>'(?:[^']|'')*'|"[^"]*"))?
    \s*(?P<operator>[<>=!]+)
    \s*(?P<value>[^\s]+)
    (?:\s+for\s+(?P<window>\S+))?
    (?P<abort>\s+abort)?\s*""",
    re.VERBOSE,
)
_REMEDY = "Write METRIC [of 'STEP'] OP VALUE [for DURATION] [abort], like p99 < 200ms or errors < 1% for 10s abort."


@dataclass(frozen=True, slots=True)
class Threshold:
    """One parsed threshold."""

    metric: str
    """`p99`, `service.p99.9`, `response.max`, `rate`, `iterations`, `errors`, `checks`, `dropped`."""
    operator: Operator
    limit: int | RateParts
    """Nanoseconds, a rate, or parts per billion, as `unit` says."""
    unit: Unit
    step: str | None = None
    """The step's name, or that of a check for `checks`; `None` is all of them."""
    window_s: int | None = None
    """Judged in every window of this many seconds; `None` is once, over the run."""
    abort: bool = False
    """End the run as soon as it fails."""

    @property
    def source(self) -> str | None:
        """`response`, `service`, `iteration`; `None` means the headline, or a metric that is no time."""
        prefix, dot, _ = self.metric.partition(".")
        return prefix if dot and prefix in _SOURCES else None

    @property
    def aggregate(self) -> str | None:
        """`p99.9`, `min`, `mean` or `max` of a time; `None` for metrics that are no time."""
        if self.unit is not Unit.DURATION:
            return None
        return self.metric if self.source is None else self.metric.partition(".")[2]

    @property
    def quantile(self) -> float | None:
        """In [0, 1]: 0.999 for `p99.9`; `None` where the metric is no percentile."""
        match = _QUANTILE.fullmatch(self.aggregate or "")
        return float(Decimal(match[1]) / 100) if match else None

    def __str__(self) -> str:
        parts = [self.metric]
        if self.step is not None:
            parts.append("of '" + self.step.replace("'", "''") + "'")
        parts += [self.operator.value, self._limit_text()]
        if self.window_s is not None:
            parts.append(f"for {format_duration(self.window_s * NS_PER_S)}")
        if self.abort:
            parts.append("abort")
        return " ".join(parts)

    def _limit_text(self) -> str:
        if isinstance(self.limit, RateParts):
            return format_rate(self.limit)
        return format_duration(self.limit) if self.unit is Unit.DURATION else format_share(self.limit)


def parse_threshold(text: str) -> Threshold:
    """Read one threshold. Raises `ThresholdInvalid` with what is wrong and how to write it."""
    written = text.strip()
    if len(written) > MAX_TEXT:
        raise ThresholdInvalid("this is too long for a threshold", f"At most {MAX_TEXT} characters.")
    match = _SHAPE.fullmatch(written)
    if match is None:
        raise ThresholdInvalid(f"'{written}' is no threshold", _REMEDY)
    metric = match["metric"]
    unit = _unit_of(metric)
    metric = _canonical_metric(metric)
    step = _step_name(match["step"])
    if step is not None and metric.startswith(_OF_ITERATIONS):
        raise ThresholdInvalid(f"`{metric}` belongs to whole iterations, not to a step", f"Leave out: of '{step}'.")
    return Threshold(
        metric=metric,
        operator=_operator(match["operator"]),
        limit=_limit(match["value"], unit, metric),
        unit=unit,
        step=step,
        window_s=_window(match["window"]),
        abort=match["abort"] is not None,
    )


def _unit_of(metric: str) -> Unit:
    if metric in _NAMED:
        return _NAMED[metric]
    prefix, dot, rest = metric.partition(".")
    aggregate = rest if dot and prefix in _SOURCES else metric
    if aggregate in _AGGREGATES:
        return Unit.DURATION
    quantile = _QUANTILE.fullmatch(aggregate)
    if quantile is not None and 0 < Decimal(quantile[1]) <= 100:
        return Unit.DURATION
    if quantile is not None:
        raise ThresholdInvalid(f"`{metric}` is no percentile", "They go from above p0 to p100.")
    of_k6 = re.fullmatch(r"p\((\d+(?:\.\d+)?)\)", metric)
    if of_k6 is not None:
        raise ThresholdInvalid(f"`{metric}` is another tool's word", f"Write p{of_k6[1]}.")
    raise ThresholdInvalid(f"`{metric}` is no metric", did_you_mean(metric, _COMMON))


def _canonical_metric(metric: str) -> str:
    """`p99.90` and `p99.9` are one metric; one text for it, or equal plans would hash differently."""
    head, dot, tail = metric.rpartition("p")
    if not dot or not re.fullmatch(r"\d+(\.\d+)?", tail):
        return metric
    whole, _, decimals = tail.partition(".")
    number = str(int(whole)) + (f".{decimals.rstrip('0')}" if decimals.rstrip("0") else "")
    return f"{head}p{number}"


def _operator(text: str) -> Operator:
    try:
        return Operator(text)
    except ValueError:
        remedy = {"=": "Write ==.", "=<": "Write <=.", "=>": "Write >=."}.get(text, "Use <, <=, >, >= or ==.")
        raise ThresholdInvalid(f"`{text}` compares nothing", remedy) from None


def _limit(text: str, unit: Unit, metric: str) -> int | RateParts:
    if text.startswith("-"):
        raise ThresholdInvalid(f"`{metric}` is never below 0", "Use a limit from 0 up.")
    try:
        if unit is Unit.RATE:
            # A bare number can mean nothing else: rates of a run are per second everywhere we print them.
            return parse_rate(text if "/" in text else f"{text}/s")
        return parse_duration(text) if unit is Unit.DURATION else parse_share(text)
    except UnitInvalid as error:
        raise ThresholdInvalid(f"the limit of `{metric}` can't be read: {error.message}", error.hint) from error


def _window(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        window_ns = parse_duration(text)
    except UnitInvalid as error:
        raise ThresholdInvalid(f"the window can't be read: {error.message}", error.hint) from error
    # Intervals are sealed every second, so a window of 1.5 s could only be guessed at.
    if window_ns % NS_PER_S or not 1 <= window_ns // NS_PER_S <= MAX_WINDOW_S:
        raise ThresholdInvalid(f"a window of {text} can't be judged", "Use whole seconds, from 1s to 1h.")
    return window_ns // NS_PER_S


def _step_name(quoted: str | None) -> str | None:
    if quoted is None:
        return None
    name = quoted[1:-1].replace("''", "'") if quoted.startswith("'") else quoted[1:-1]
    if not name:
        raise ThresholdInvalid("the step has no name", "Name it, like: p99 of 'GET /' < 200ms.")
    return name
