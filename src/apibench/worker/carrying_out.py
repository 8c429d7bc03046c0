"""
Carries out a prepared load: hears its intervals and hands them on, until it is over.

The first request to stop drains, the second aborts. Whoever takes the intervals may ask for a stop too, when a
threshold that aborts has failed.
"""

import time
from collections.abc import Callable
from typing import Protocol

from apibench.engine.seam import RunningLoad
from apibench.model.counts import IntervalCounts

PATIENCE_MS = 50
"""How long a call into the engine waits at most: signals are heard in between."""


class Stops(Protocol):
    """How often somebody has asked for the end."""

    @property
    def asked(self) -> int:
        """0: go on, 1: drain, 2 or more: abort."""
        ...


def carry_out(
    load: RunningLoad,
    stops: Stops,
    take: Callable[[IntervalCounts], bool],
    tick: Callable[[], None],
    note_stop: Callable[[int], None] = lambda _: None,
) -> bool:
    """
    Hand the counts of every interval to `take` until the load is over; `tick` is called about twenty times a second.

    `note_stop` hears at which moment after the barrier it was stopped, in nanoseconds, before any interval that is
    sealed from then on.

    Returns whether the load was stopped before its end, by `stops` or because `take` returned False.
    """
    stopped = aborted = False
    while not load.ended:
        counts = load.next_counts(PATIENCE_MS)
        wanted = counts is None or take(counts)
        if not stopped and (stops.asked > 0 or not wanted):
            stopped = True
            load.stop()
            note_stop(max(time.monotonic_ns() - load.barrier_ns, 0))
        if not aborted and stops.asked > 1:
            aborted = True
            load.abort()
        tick()
    return stopped
