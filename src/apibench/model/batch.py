"""One sealed interval on its way from a worker to the store, and the word that it is safe there."""

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


@dataclass(frozen=True, slots=True)
class IntervalAck:
    """All batches of the segment below `durable` are in the store: the worker may forget them."""

    run_id: str
    segment: int
    durable: int
    refused: str = ""
    """Why the batch was not taken, by name: `unknown_run`, `bad_checksum`, `wrong_worker`, `gap`. Empty: it was, or had
    been."""
