"""Where the parts of a run lie on its own clock: nanoseconds after the start barrier."""

from dataclasses import dataclass
from typing import Literal

from apibench.model.interval import Interval
from apibench.model.load import Open
from apibench.model.plan import Plan

Part = Literal["warmup", "main", "drain"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The warm-up, the planned window, and what comes after it."""

    main_start_ns: int
    planned_end_ns: int | None
    """None if the plan ends after a number of iterations only."""
    may_end_early: bool = False
    """A load has a number of iterations too, which may be reached before its time is over."""

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
        return cls(plan.warmup_ns, plan.warmup_ns + max(known) if complete else None, counted)

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
        if self.planned_end_ns is None:
            return max(end_ns - self.main_start_ns, 0)
        if complete and not self.may_end_early:
            return self.planned_end_ns - self.main_start_ns
        return max(min(end_ns, self.planned_end_ns) - self.main_start_ns, 0)

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
