"""One sealed interval on its way from a worker to the store, and the word that it is safe there."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from apibench.model.host_sample import HostSample


@dataclass(frozen=True, slots=True)
class IntervalBatch:
    """A sealed interval of one segment. Once it has its number it never changes."""

    run_id: str
    segment: int
    worker_id: str
    number: int
    """From 0, without gaps, in the order of time."""
    counts: bytes
    """The interval as the engine encodes it for the wire: `apibench.v1.Interval`."""
    checksum: int
    """CRC-32 of `counts`."""
    host: HostSample = field(default_factory=HostSample)
    """What the worker's host did to its generator meanwhile."""
    final: bool = False
    """The segment's last."""

    @property
    def name(self) -> str:
        """For whoever reads of it."""
        return f"batch {self.number} of segment {self.segment}"


@dataclass(frozen=True, slots=True)
class BatchRange:
    """Batches of one segment that follow one another."""

    first: int
    until: int
    """The first that is not in it."""

    def holds(self, other: "BatchRange") -> bool:
        """Whether all of another one is in it, and there is any."""
        return self.first <= other.first < other.until <= self.until

    def without(self, other: "BatchRange") -> Iterator["BatchRange"]:
        """What is not in another one."""
        for first, until in ((self.first, min(self.until, other.first)), (max(self.first, other.until), self.until)):
            if first < until:
                yield BatchRange(first, until)


@dataclass(frozen=True, slots=True)
class IntervalSum:
    """Several batches of a segment added up, because an aggregator wanted them. They count already."""

    run_id: str
    segment: int
    worker_id: str
    batches: BatchRange
    """All that was wanted, or a part of it."""
    counts: bytes
    """`apibench.v1.Interval`. Empty: the worker has them no longer."""
    checksum: int
    """CRC-32 of `counts`."""

    @property
    def name(self) -> str:
        """For whoever reads of it."""
        return f"the sum of batches {self.batches.first} to {self.batches.until - 1} of segment {self.segment}"


Pushed = IntervalBatch | IntervalSum
"""What a worker pushes."""


@dataclass(frozen=True, slots=True)
class IntervalAck:
    """All batches of the segment below `durable` are in the store, and count."""

    run_id: str
    segment: int
    durable: int
    refused: str = ""
    """Why the batch was not taken, by name: `unknown_run`, `bad_checksum`, `wrong_worker`, `gap`. Empty: it was, or had
    been."""
    keep_from: int | None = None
    """The worker may forget batches below. None: those below `durable`."""
    wanted: tuple[BatchRange, ...] = ()
    """Sums that the aggregator wants, one each, in order: it was started anew, and the one before took them along."""
