"""
A threshold's metric of some counts, and how far its value can be trusted.

Of what has not ended only its present age is known. Such ages may only ever raise a value: one that is younger than
the quantile is no evidence that it will be quick, so what has ended alone is asked too, and the higher answer counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt

from apibench.model.histogram import Histogram
from apibench.model.threshold import Operator, Threshold
from apibench.model.units import NS_PER_S, PPB_PER_ONE, RateParts

_COMPARE: dict[Operator, Callable[[float, float], bool]] = {
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
    Operator.EXACTLY: eq,
}
_UPPER_LIMITS = (Operator.LESS, Operator.AT_MOST, Operator.EXACTLY)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a metric came to."""

    value: float | None
    """In the threshold's unit; None where there was no data."""
    censored: bool = False
    """Shown as a lower bound."""
    at_most: float | None = None
    """The highest that it can be taken for; None where nothing bounds it."""
    only_ages: bool = False
    """Nothing of it has ended: it can break an upper limit, and prove nothing else."""

    @classmethod
    def exactly(cls, value: float | None) -> "Measured":
        """A value without a doubt, or none."""
        return cls(value, at_most=value)


NOTHING = Measured(None)


def limit_of(threshold: Threshold) -> float:
    """The limit as a number in the threshold's unit."""
    if isinstance(threshold.limit, RateParts):
        return threshold.limit.count * NS_PER_S / threshold.limit.per_ns
    if threshold.aggregate is not None:
        return threshold.limit
    return threshold.limit / PPB_PER_ONE


def holds(threshold: Threshold, measured: Measured) -> bool:
    """Whether it keeps the limit; without data it does not."""
    judged = measured.at_most if threshold.operator in _UPPER_LIMITS else measured.value
    return judged is not None and _COMPARE[threshold.operator](judged, limit_of(threshold))


def proves_nothing(threshold: Threshold, measured: Measured) -> bool:
    """Whether a window with this can't be judged: ages alone only show that something already takes too long."""
    if measured.value is None:
        return True
    breaks = threshold.operator in _UPPER_LIMITS and not holds(threshold, measured)
    return measured.only_ages and not breaks


def worse(threshold: Threshold, measured: Measured, than: Measured) -> bool:
    """Whether it is further on the wrong side."""
    if than.value is None or measured.value is None:
        return True
    if threshold.operator in (Operator.MORE, Operator.AT_LEAST):
        return measured.value < than.value
    return measured.value > than.value


def time(threshold: Threshold, ended: Histogram, ages: Histogram | None = None) -> Measured:
    """A time of what has ended; `ages` of what has not, where a window is judged."""
    alone = _time(threshold, ended)
    # The least of all can't be known before all have ended, and an age is less than any of them.
    if ages is None or not ages.count or threshold.aggregate == "min":
        return alone
    both = Histogram()
    both.merge(ended)
    both.merge(ages)
    raised = _time(threshold, both)
    if alone.value is not None and raised.value is not None and raised.value <= alone.value:
        return alone
    # Judged at its present age: had it to be shown to end in time, every window would fail in which something runs.
    return Measured(raised.value, censored=True, at_most=raised.at_most, only_ages=not ended.count)


def _time(threshold: Threshold, times: Histogram) -> Measured:
    if not times.count:
        return NOTHING
    if threshold.aggregate == "mean":
        mean = times.sum_ns / times.count
        return Measured(mean, censored=True) if times.censored else Measured.exactly(mean)
    if threshold.aggregate == "min":
        return Measured.exactly(times.min_ns)
    quantile = 1.0 if threshold.quantile is None else threshold.quantile
    return Measured(
        times.quantile(quantile), times.quantile_is_censored(quantile), at_most=times.quantile_at_most(quantile)
    )
