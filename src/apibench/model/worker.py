"""What a worker says of itself, and where its segments stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

PROTOCOL = 1
"""Of this release. A controller speaks with workers of its own and of the protocol before."""


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """A worker, as it introduces itself."""

    worker_id: str
    """Its own for ever: kept beside its spool."""
    instance_id: str
    """Of this process: another one each time it starts."""
    engine_version: str
    protocol: int = PROTOCOL
    region: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    cpus: int = 1
    """Processors that it may use."""
    memory_bytes: int = 0
    descriptors: int = 0
    """How many it may have open."""
    local_ports: int = 0
    """To one address."""
    protocols: tuple[str, ...] = ("http/1.1",)
    """That its engine speaks to targets."""
    run_id: str = ""
    """Of the run that it was made for, and takes part in alone; empty: it waits for any."""

    @property
    def weight(self) -> int:
        """How much of a run it takes, beside others."""
        return max(self.cpus, 1)


class SegmentPhase(StrEnum):
    """Where a worker stands with a segment; it only moves down this list, and FAILED or FENCED may come at any time."""

    PREPARING = "preparing"
    READY = "ready"
    ARMED = "armed"
    """It will begin at a moment that it knows; until then it can be called off."""
    RUNNING = "running"
    ENDED = "ended"
    """Everything is sealed; not all of it is safe yet."""
    DONE = "done"
    """Everything that it measured is acknowledged."""
    FENCED = "fenced"
    """It has stopped because its lease ran out. What it measured is still to come."""
    FAILED = "failed"

    @property
    def sends(self) -> bool:
        """Whether requests may go out, now or at a moment that is settled."""
        return self in (SegmentPhase.ARMED, SegmentPhase.RUNNING)


@dataclass(frozen=True, slots=True)
class SegmentStatus:
    """Where a segment stands, as its worker tells with every heartbeat."""

    run_id: str
    segment: int
    phase: SegmentPhase
    revision: int = 0
    """The newest that it has applied."""
    run_offset_ns: int = 0
    """How long ago its barrier was, by its own clock; negative before it; 0 while none is settled."""
    sealed: int = 0
    """Batches numbered so far."""
    acknowledged: int = 0
    """Batches that are safe, from the first on."""
    final: bool = False
    """The last of the sealed ones is the last there will be."""
    detail: str = ""
    """What failed, in words."""
