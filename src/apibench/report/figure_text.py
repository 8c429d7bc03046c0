"""Figures of a document as people read them: with their unit, and with `>=` where only a lower bound is known."""

from apibench.model.figures import human_duration, human_rate, human_share
from apibench.model.histogram import Histogram
from apibench.model.units import NS_PER_S

ABSENT = "-"


def at(histogram: Histogram, quantile: float) -> str:
    """The value at a quantile, or `-` where nothing was recorded."""
    value = histogram.quantile(quantile)
    if value is None:
        return ABSENT
    return bounded(human_duration(value), censored=histogram.quantile_is_censored(quantile))


def bounded(text: str, *, censored: bool) -> str:
    """`>= 2.10 s` for a value that may be higher than it says."""
    return f">= {text}" if censored else text


def rate(per_s: float | None) -> str:
    """`71,400/s`, or `-` where there was no window to count in."""
    if per_s is None:
        return ABSENT
    return human_rate(round(per_s * 1_000), 1_000 * NS_PER_S) if per_s else "0/s"


def in_unit(value: float, unit: str) -> str:
    """A threshold's value in the unit that the document names: `ns`, `per_s` or `share`."""
    if unit == "ns":
        return human_duration(round(value))
    return rate(value) if unit == "per_s" else human_share(round(value * 10**9), 10**9)


def span(duration_ns: int) -> str:
    """A planned length: `6 s` where `human_duration`, made for measured ones, says `6.00 s`."""
    if duration_ns % NS_PER_S == 0 and duration_ns < 60 * NS_PER_S:
        return f"{duration_ns // NS_PER_S} s"
    return human_duration(duration_ns)


def plural(count: int, noun: str) -> str:
    """`1 thread`, `2 threads`, `3,000 connections`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
