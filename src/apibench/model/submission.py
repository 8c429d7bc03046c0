"""What is asked for when a run is to be started on an installation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OnWorkerLoss = Literal["rebalance", "degrade", "abort"]
OnLostControl = Literal["stop", "finish"]
WorkerState = Literal["idle", "busy", "leaving", "silent"]
WorkersFrom = Literal["pool", "agent"]
"""Where the workers of a run come from: those that wait for any, or made for it alone by an agent."""
PATIENCE_S: Mapping[WorkersFrom, int] = {"pool": 60, "agent": 300}
"""How long a run waits for its workers that does not say: for those that are made, machines may have to be started."""


@dataclass(frozen=True, slots=True)
class RunSubmission:
    """A run to be started."""

    plan: str
    """Canonical JSON of a validated plan."""
    plan_sha256: str
    name: str = ""
    workers: int | None = None
    """How many; None: all that are idle."""
    regions: Mapping[str, int] = field(default_factory=dict)
    """How many of each region, instead of `workers`."""
    workers_from: WorkersFrom = "pool"
    on_worker_loss: OnWorkerLoss = "rebalance"
    """Give its share to the others; go on without it; or abort the run."""
    on_lost_control: OnLostControl = "stop"
    """What a worker does whose lease runs out."""
    least_workers: int = 1
    """With fewer than that the run is aborted."""
    patience_s: int = PATIENCE_S["pool"]
    """How long workers may be waited for."""
    test_id: str | None = None
    test_version: int | None = None
    idempotency_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    bundle: str = field(default="", repr=False)
    """Canonical JSON of the code that the plan has called, signed; empty where it calls none."""
    bundle_sha256: str | None = None
    """Its name."""
    proven: tuple[str, ...] = ()
    """Addresses beyond the allowed ranges that have shown to be the tester's when it was to start."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker, as the fleet is shown."""

    worker_id: str
    region: str
    labels: Mapping[str, str]
    engine_version: str
    cpus: int
    state: WorkerState
    run_id: str = ""
    last_heard_s: float = 0.0
    """How long ago."""
    clock_error_ns: int | None = None
    round_trip_ns: int | None = None
