"""Whether the generator was the limit, of a run on several machines: the worst of them counts, and is named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apibench.aggregator.generator import (
    USUAL_P50_NS,
    USUAL_P99_NS,
    HostWatch,
    findings,
    neighbour,
    steal_limit_ns,
    stolen,
    throttled,
    waited_limit_ns,
)
from apibench.aggregator.merging import RunTally
from apibench.model.figures import human_duration
from apibench.model.host_sample import HostTotals
from apibench.model.pace_floor import PaceFloor
from apibench.model.plan import Plan
from apibench.model.threshold import Threshold
from apibench.model.verdict import GeneratorFinding

FLOOR = PaceFloor(USUAL_P50_NS, USUAL_P99_NS)
"""What is usual. Workers do not tell what their own timers are like, and times of all of them are merged anyway."""
CLOCK_ERROR_NS = 500_000_000
"""Half a window. Beyond it a worker's second may be the one before or behind it of all others: what is added up as one
second never was one. Times are not touched by it, for each is of one clock."""


@dataclass(frozen=True, slots=True)
class WorkerWatch:
    """What a worker's host did to its generator."""

    worker_id: str
    host: HostTotals
    seconds: int
    """For how many of them it reported."""
    whole_ns: int
    """All the time that its threads had, together."""
    clock_error_ns: int = 0
    """By how much its moments may be wrong, beside those of others."""


def fleet_findings(
    plan: Plan, tally: RunTally, workers: Sequence[WorkerWatch], thresholds: Iterable[Threshold]
) -> tuple[GeneratorFinding, ...]:
    """Every reason why the generators were the limit; none for a valid run."""
    found = [*findings(plan, tally, HostWatch(FLOOR), thresholds)]
    if workers:
        stopped = max(workers, key=lambda each: each.host.throttled_ns)
        host = stopped.host
        found += throttled(f"worker {stopped.worker_id}", host.throttled_ns, host.throttled_batches, stopped.seconds)
        # The worst is who is furthest beyond the limits, which are of more than one kind.
        starved = max(workers, key=lambda each: each.host.waited_ns - waited_limit_ns(each.whole_ns))
        found += neighbour(f"the threads of worker {starved.worker_id}", starved.host.waited_ns, starved.whole_ns)
        found += _stolen(workers)
        found += _clock(workers)
    return tuple(found)


def _stolen(workers: Sequence[WorkerWatch]) -> Iterable[GeneratorFinding]:
    # An earlier release does not tell its threads, and its steal is that of all of its machine's processors.
    told = [each for each in workers if each.host.threads]
    if told:
        robbed = max(told, key=lambda each: each.host.steal_ns - steal_limit_ns(each.whole_ns))
        yield from stolen(f"the threads of worker {robbed.worker_id}", robbed.host.steal_ns, robbed.whole_ns)


def _clock(workers: Sequence[WorkerWatch]) -> Iterable[GeneratorFinding]:
    """Nobody knows well enough when a worker's seconds were."""
    measured = [each for each in workers if each.seconds]
    worst = max(measured, key=lambda each: each.clock_error_ns, default=None)
    several = len({each.worker_id for each in measured}) > 1
    if worst is not None and several and worst.clock_error_ns > CLOCK_ERROR_NS:
        yield GeneratorFinding(
            "clock",
            f"the clock of worker {worst.worker_id} is known to within {human_duration(worst.clock_error_ns)}: its "
            "seconds may be others than those of all others",
            "Bring it nearer to the controller, or look for what delays their messages.",
        )
