"""Where the parts of a run lie on its own clock: nanoseconds after the start barrier."""

from dataclasses import dataclass, replace
from typing import Literal

from apibench.model.interval import Interval
from apibench.model.load import Open
from apibench.model.plan import Plan
from apibench.model.units import NS_PER_S

Part = Literal["warmup", "main", "drain"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The warm-up, the planned window, and what comes after it."""

    main_start_ns: int
    planned_end_ns: int | None
    """None if the plan ends after a number of iterations only."""
    may_end_early: bool = False
    """A load has a number of iterations too, or rows that may run out, before its time is over."""
    stopped_ns: int | None = None
    """When somebody asked for an early end; None if nobody did."""

    @classmethod
    def of(cls, plan: Plan) -> "Timeline":
        """The timeline that a plan has, as the engine cuts it."""
        ends = [
            None if scenario.load.ends.duration_ns is None else scenario.start_ns + scenario.load.ends.duration_ns
            for scenario in plan.scenarios
        ]
        known = [end for end in ends if end is not None]
        complete = len(known) == len(ends)
        counted = any(scenario.load.ends.iterations is not None for scenario in plan.scenarios)
        runs_dry = any(feeder.when_dry == "stop" for feeder in plan.feeders.values())
        return cls(plan.warmup_ns, plan.warmup_ns + max(known) if complete else None, counted or runs_dry)

    def stopped(self, at_ns: int) -> "Timeline":
        """The same, of a run that was stopped at that moment. Its first stop is the one that counts."""
        return self if self.stopped_ns is not None else replace(self, stopped_ns=at_ns)

    @property
    def window_end_ns(self) -> int | None:
        """
        Where the window that rates are over ends at the latest: at the planned end or before a stop.

        After a stop nothing is sent any more, so the second in which it came is no measure of a rate, and neither are
        those after it. Only where there is no whole second before it, there is nothing better than that second.
        """
        if self.stopped_ns is None:
            return self.planned_end_ns
        into_ns = max(self.stopped_ns - self.main_start_ns, 0)
        whole_ns = NS_PER_S if 0 < into_ns < NS_PER_S else into_ns // NS_PER_S * NS_PER_S
        end_ns = self.main_start_ns + whole_ns
        return end_ns if self.planned_end_ns is None else min(end_ns, self.planned_end_ns)

    @property
    def planned_ns(self) -> int | None:
        """The length of the planned window."""
        return None if self.planned_end_ns is None else self.planned_end_ns - self.main_start_ns

    def window_ns(self, end_ns: int, *, complete: bool) -> int:
        """
        The length that rates are over: the planned window's, or what there was of it by `end_ns`.

        A complete run's is the planned one even if its last interval ends before: at 1/s nothing is left to do
        after the last arrival, and 3 requests in the 2.5 s that this took are not 1.2/s.
        """
        last_ns = self.window_end_ns
        if last_ns is None:
            return max(end_ns - self.main_start_ns, 0)
        if complete and not self.may_end_early:
            return last_ns - self.main_start_ns
        return max(min(end_ns, last_ns) - self.main_start_ns, 0)

    def in_window(self, interval: Interval) -> bool:
        """Whether rates count what happened in it: it is of the planned window, and not of what follows a stop."""
        last_ns = self.window_end_ns
        return self.part(interval) == "main" and (last_ns is None or interval.start_ns < last_ns)

    def judged_ns(self, interval: Interval) -> int:
        """
        How much of the measured run an interval stands for, in whole seconds; 0 where thresholds are not judged by it.

        A run that has nothing left to do ends before its last second is over, and that second counts as one: at 100/s
        the last arrival is due at 9.995 s of ten. A planned second that is cut short by the planned end does not.
        """
        length_ns = interval.end_ns - interval.start_ns
        if length_ns <= 0 or not self.in_window(interval):
            return 0
        whole_ns = -(-length_ns // NS_PER_S) * NS_PER_S
        if whole_ns == length_ns:
            return length_ns if self.stopped_ns is None or interval.end_ns <= self.stopped_ns else 0
        if self.stopped_ns is not None or self.planned_end_ns is None or self.may_end_early:
            return 0
        return whole_ns if interval.start_ns + whole_ns <= self.planned_end_ns else 0

    def part(self, interval: Interval) -> Part:
        """Which part an interval lies in. Its ends are boundaries, so none lies in two."""
        if interval.end_ns <= self.main_start_ns:
            return "warmup"
        if self.planned_end_ns is not None and interval.start_ns >= self.planned_end_ns:
            return "drain"
        return "main"


def model_of(plan: Plan) -> Literal["open", "closed", "mixed"]:
    """Which model a plan's loads follow."""
    kinds = {isinstance(scenario.load, Open) for scenario in plan.scenarios}
    if len(kinds) == 2:
        return "mixed"
    return "open" if kinds == {True} else "closed"
