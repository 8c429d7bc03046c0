"""A worker's part in a run, as the controller keeps it."""

from dataclasses import dataclass

from apibench.model.aggregation import Fate, SegmentFacts
from apibench.model.worker import SegmentPhase, WorkerFacts


@dataclass
class Member:
    """One segment of a run and who has it."""

    segment: int
    worker: WorkerFacts
    fate: Fate = Fate.LIVE
    phase: SegmentPhase = SegmentPhase.PREPARING
    """The last that was heard of it."""
    late: bool = False
    """It came to a run that was going on, and begins with nothing."""
    leaving: bool = False
    """It has said goodbye, and is to be relieved of its share."""
    let_go: bool = False
    """It has been, and was told to end."""
    unheard: bool = False
    """Its lease has run out, and by its run's orders it goes on without: that is no proof that it is silent."""
    clock_error_ns: int = 0
    batches: int | None = None
    """How many it has sealed, once that is final."""

    @property
    def live(self) -> bool:
        """Whether it takes part."""
        return self.fate is Fate.LIVE

    @property
    def stays(self) -> bool:
        """Whether it may be given something."""
        return self.live and not self.leaving and self.phase in (SegmentPhase.ARMED, SegmentPhase.RUNNING)

    def facts(self) -> SegmentFacts:
        """What an aggregator is told of it."""
        return SegmentFacts(self.segment, self.worker, self.fate, self.clock_error_ns, self.batches)

    @property
    def holds_its_share(self) -> bool:
        """Whether what it has is taken care of: it is at it, or has done it."""
        return (self.live and not self.leaving) or self.fate is Fate.FINISHED
