"""The whole run as it is judged while it goes on: sealed windows, in order, each once."""

from dataclasses import dataclass, field

from apibench.aggregator.merging import RunTally
from apibench.aggregator.run_plan import RunPlan
from apibench.aggregator.thresholds import Judge
from apibench.model.interval import Interval
from apibench.model.threshold import Threshold
from apibench.model.verdict import ThresholdResult

COMPLETE_SHARE = 0.9
"""Of the segments that are expected in a window; with fewer it aborts nothing."""


@dataclass
class Judging:
    """Adds up and judges."""

    plan: RunPlan
    stopped_ns: int | None = None
    """From when on somebody wanted the run to end early: later windows are not judged."""
    stale: bool = False
    """A window that was judged has changed since."""
    tally: RunTally = field(init=False)
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        self.begin_again()

    def begin_again(self) -> None:
        """As if nothing had come."""
        self.tally = RunTally(self.plan.grid.timeline)
        if self.stopped_ns is not None:
            self.tally.stop(self.stopped_ns)
        self.judge = Judge(self.plan.plan, self.plan.series, self.tally)
        self.stale = False

    def stop(self, at_ns: int) -> None:
        """Somebody wants the run to end early; windows behind that moment may have been judged already."""
        self.stopped_ns = at_ns
        self.stale = self.stale or self.tally.end_ns > at_ns
        self.tally.stop(at_ns)

    def feed(self, interval: Interval, present: int, expected: int) -> Threshold | None:
        """The next window, of so many segments; a threshold that aborts the run, if one has failed."""
        self.tally.add(interval)
        return self.judge.add(interval, may_abort=present >= COMPLETE_SHARE * expected)

    def results(self) -> tuple[ThresholdResult, ...]:
        """Every threshold as it stands."""
        return self.judge.results()
