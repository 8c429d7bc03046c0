"""
What a plan asks for at the most: how many iterations a second, how many virtual users, for how long.

Exact: rates move linearly between moments at which something changes, so the most of all scenarios together is found
at one of those moments, just before or just after it. A number of iterations that may end a load sooner is left out of
account: it only ever makes less of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from apibench.model.load import Closed, Open, Rate
from apibench.model.plan import Plan
from apibench.model.rate_change import RateChange
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class Demand:
    """The most that a run may come to."""

    rate_per_s: Fraction
    """Iterations due, of all open scenarios together. Closed ones have no rate: their virtual users bound them."""
    vus: int
    """Of all scenarios, each with the most that it ever has; an open one may have as many as its `max_vus`."""
    duration_ns: int | None
    """From the barrier to the planned end; None for a plan that ends after a number of iterations only."""


class _Stretch(NamedTuple):
    """A rate, in iterations per nanosecond, that moves linearly from one moment of the run to another."""

    from_ns: int
    until_ns: int | None
    """None: for good."""
    first: Fraction
    last: Fraction


def demand_of(plan: Plan, rates: Sequence[RateChange] = (), from_ns: int = 0) -> Demand:
    """The demand of a run from a moment after its barrier on, with all changes of its rates, in order."""
    due: list[_Stretch] = []
    for number, scenario in enumerate(plan.scenarios):
        if isinstance(scenario.load, Open):
            stretches = _stretches(plan.warmup_ns, scenario.start_ns, scenario.load)
            due += _changed(stretches, [each for each in rates if each.scenario == number])
    vus = sum(_highest(scenario.load) for scenario in plan.scenarios)
    return Demand(_most(due, from_ns) * NS_PER_S, vus, Timeline.of(plan).planned_end_ns)


def _highest(load: Closed | Open) -> int:
    return load.max_vus if isinstance(load, Open) else max(load.vus, *(stage.vus for stage in load.stages), 0)


def _stretches(warmup_ns: int, start_ns: int, load: Open) -> Iterator[_Stretch]:
    level = _level_of(load.rate)
    at_ns = warmup_ns + start_ns
    end_ns = None if load.ends.duration_ns is None else at_ns + load.ends.duration_ns
    if start_ns == 0 and warmup_ns:
        yield _Stretch(0, at_ns, level, level)
    for stage in load.stages:
        whole = _Stretch(at_ns, at_ns + stage.duration_ns, level, _level_of(stage.rate))
        yield from _between(whole, at_ns, end_ns)
        at_ns, level = at_ns + stage.duration_ns, whole.last
    yield from _between(_Stretch(at_ns, None, level, level), at_ns, end_ns)


def _changed(stretches: Iterable[_Stretch], rates: Sequence[RateChange]) -> Iterator[_Stretch]:
    """The same with other rates, each from its moment to the end or the next one."""
    planned = list(stretches)
    begin_ns, end_ns = planned[0].from_ns, planned[-1].until_ns
    moments_ns = [each.at_ns for each in rates]
    for stretch in planned:
        yield from _between(stretch, begin_ns, min(moments_ns, default=None))
    for number, change in enumerate(rates):
        level = _level_of(change.rate)
        until_ns = min(moments_ns[number + 1 :], default=end_ns)
        yield from _between(_Stretch(change.at_ns, end_ns, level, level), begin_ns, until_ns)


def _between(stretch: _Stretch, from_ns: int, until_ns: int | None) -> Iterator[_Stretch]:
    """What lies of it between two moments."""
    start_ns = max(stretch.from_ns, from_ns)
    ends = [each for each in (stretch.until_ns, until_ns) if each is not None]
    end_ns = min(ends, default=None)
    if end_ns is None or end_ns > start_ns:
        yield _Stretch(start_ns, end_ns, _level(stretch, start_ns), _level(stretch, end_ns))


def _level(stretch: _Stretch, at_ns: int | None) -> Fraction:
    if stretch.until_ns is None or at_ns is None:
        return stretch.last
    part = Fraction(at_ns - stretch.from_ns, stretch.until_ns - stretch.from_ns)
    return stretch.first + (stretch.last - stretch.first) * part


def _most(stretches: Iterable[_Stretch], from_ns: int) -> Fraction:
    """The most that they come to together, at any moment from that one on."""
    turns: dict[int, tuple[Fraction, Fraction]] = {}

    def turn(at_ns: int, jump: Fraction, slope: Fraction) -> None:
        before = turns.get(at_ns, (Fraction(0), Fraction(0)))
        turns[at_ns] = (before[0] + jump, before[1] + slope)

    for whole in stretches:
        for each in _between(whole, from_ns, None):
            length_ns = 1 if each.until_ns is None else each.until_ns - each.from_ns
            slope = (each.last - each.first) / length_ns
            turn(each.from_ns, each.first, slope)
            if each.until_ns is not None:
                turn(each.until_ns, -each.last, -slope)
    most = level = slope = Fraction(0)
    reached_ns = 0
    for at_ns, (jump, bend) in sorted(turns.items()):
        level += slope * (at_ns - reached_ns)
        most = max(most, level, level + jump)
        level, slope, reached_ns = level + jump, slope + bend, at_ns
    return most


def _level_of(rate: Rate) -> Fraction:
    return Fraction(rate.count, rate.per_ns)
