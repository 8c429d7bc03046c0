"""Whether the generator was the limit, of a run on several machines: the worst of them counts, and is named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apibench.aggregator.generator import (
    USUAL_P50_NS,
    USUAL_P99_NS,
    HostWatch,
    findings,
    neighbour,
    throttled,
)
from apibench.aggregator.merging import RunTally
from apibench.model.host_sample import HostTotals
from apibench.model.pace_floor import PaceFloor
from apibench.model.plan import Plan
from apibench.model.threshold import Threshold
from apibench.model.verdict import GeneratorFinding

FLOOR = PaceFloor(USUAL_P50_NS, USUAL_P99_NS)
"""What is usual. Workers do not tell what their own timers are like, and times of all of them are merged anyway."""


@dataclass(frozen=True, slots=True)
class WorkerWatch:
    """What a worker's host did to its generator."""

    worker_id: str
    host: HostTotals
    seconds: int
    """For how many of them it reported."""
    busy_ns: int
    """All the time that its threads had, together."""


def fleet_findings(
    plan: Plan, tally: RunTally, workers: Sequence[WorkerWatch], thresholds: Iterable[Threshold]
) -> tuple[GeneratorFinding, ...]:
    """Every reason why the generators were the limit; none for a valid run."""
    found = [*findings(plan, tally, HostWatch(FLOOR), thresholds)]
    if workers:
        stopped = max(workers, key=lambda each: each.host.throttled_ns)
        host = stopped.host
        found += throttled(f"worker {stopped.worker_id}", host.throttled_ns, host.throttled_batches, stopped.seconds)
        starved = max(workers, key=lambda each: each.host.waited_ns / max(each.busy_ns, 1))
        found += neighbour(f"the threads of worker {starved.worker_id}", starved.host.waited_ns, starved.busy_ns)
    return tuple(found)
