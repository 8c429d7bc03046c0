"""
An engine that sends nothing and says what a real one would of it: what falls due for its share, second by second.

How much that is it asks of the schedule itself. What a second with so many requests looks like, real engines have
measured: for each power of two once, of which any number is a sum.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from moved import moved

from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine, RustPreparedLoad
from apibench.engine.seam import EngineOptions, Finding, PythonProcess
from apibench.model.counts import IntervalCounts
from apibench.model.errand import NOTHING_SHARED, Shared
from apibench.model.errors import ChangeRefused
from apibench.model.owed import owed
from apibench.model.plan import Plan
from apibench.model.rate_change import RateChange
from apibench.model.share import WHOLE, Share
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S

MOST = 9
"""2 to the power of it is the largest second that was measured."""
AHEAD_NS = 50_000_000
"""How far ahead a change is wanted."""
Tell = Callable[[str, int], None]
"""Hears what has happened, and when, on CLOCK_MONOTONIC."""


class MeasuredSeconds:
    """Seconds of one open step, with any number of requests that were all answered."""

    def __init__(self, plan: Callable[[str, int], Plan]) -> None:
        """`plan`: that of so many requests to a URL, within one second."""
        with EchoServer(http="127.0.0.1:0", knobs="delay=1ms:90,20ms:10") as target:
            # One after the other: together they would be in each other's way, and their times would show it.
            self._of_power = [
                _second_of(RustEngine().prepare(plan(target.address, 1 << power)).start(EngineOptions(threads=1)))
                for power in range(MOST + 1)
            ]

    def of(self, requests: int, start_ns: int, end_ns: int) -> IntervalCounts:
        """One with so many."""
        counts = IntervalCounts()
        for _ in range(requests >> MOST):
            counts.merge_wire(self._of_power[MOST])
        for power in range(MOST):
            if requests >> power & 1:
                counts.merge_wire(self._of_power[power])
        return IntervalCounts.from_wire(moved(counts.to_wire(), start_ns, end_ns))


def _second_of(load: Any) -> bytes:
    """All of a load that lasts for one, and what was answered a moment later."""
    total = IntervalCounts()
    while not load.ended:
        counts = load.next_counts(500)
        if counts is not None:
            counts.clear_pending()
            total.merge(counts)
    load.connections_by_address()
    return total.to_wire()


class SimulatedEngine:
    """An Engine: `prepare` is the real one's, what follows is not."""

    def __init__(self, seconds: MeasuredSeconds, tell: Tell) -> None:
        self.version = RustEngine.version
        self._seconds = seconds
        self._tell = tell

    def prepare(self, plan: Plan, shared: Shared = NOTHING_SHARED) -> SimulatedPlan:
        """Compile it."""
        prepared = RustEngine().prepare(plan, shared)
        self._tell("prepared", time.monotonic_ns())
        return SimulatedPlan(plan, prepared, self._seconds, self._tell)


class SimulatedPlan:
    """A PreparedLoad."""

    def __init__(self, plan: Plan, prepared: RustPreparedLoad, seconds: MeasuredSeconds, tell: Tell) -> None:
        self.series, self.groups = prepared.series, prepared.groups
        self.hosts, self.functions = prepared.hosts, prepared.functions
        self._plan = plan
        self._seconds = seconds
        self._tell = tell

    def preflight(self, options: EngineOptions | None = None) -> tuple[Finding, ...]:
        """Nobody is connected to."""
        return ()

    def start(
        self,
        options: EngineOptions,
        *,
        barrier_ns: int | None = None,
        share: Share = WHOLE,
        lease_until_ns: int | None = None,
        processes: Sequence[PythonProcess] = (),
    ) -> SimulatedLoad:
        """Begin."""
        barrier_ns = time.monotonic_ns() if barrier_ns is None else barrier_ns
        return SimulatedLoad(self._plan, barrier_ns, share, lease_until_ns, self._seconds, self._tell)


class SimulatedLoad:
    """A RunningLoad."""

    def __init__(  # noqa: PLR0913, PLR0917 - what was prepared, and what it is started with
        self,
        plan: Plan,
        barrier_ns: int,
        share: Share,
        lease_until_ns: int | None,
        seconds: MeasuredSeconds,
        tell: Tell,
    ) -> None:
        self.barrier_ns = barrier_ns
        self.fenced = False
        self._plan = plan
        self._shares = [(0, share)]
        self._rates: list[RateChange] = []
        self._lease_until_ns = lease_until_ns
        self._seconds = seconds
        self._tell = tell
        self._end_ns = Timeline.of(plan).planned_end_ns or 0
        self._sealed_ns = 0
        """Up to where after the barrier everything is told."""
        self._over = False
        self._stirred = threading.Condition()
        threading.Thread(target=self._begin, name="begin", daemon=True).start()

    def next_counts(self, patience_ms: int) -> IntervalCounts | None:
        """The next second; None if it is not over within the time."""
        with self._stirred:
            until_ns = self._next_seal_ns()
            left_s = (self.barrier_ns + until_ns - time.monotonic_ns()) / NS_PER_S
            if left_s > 0 and not self._over:
                self._stirred.wait(min(left_s, patience_ms / 1_000))
                until_ns = self._next_seal_ns()
            if self._over or time.monotonic_ns() < self.barrier_ns + until_ns:
                return None
            counts = self._seconds.of(self._due(self._sealed_ns, until_ns), self._sealed_ns, until_ns)
            self._sealed_ns = until_ns
            self.fenced = self._leased_ns() <= until_ns < self._end_ns
            self._over = self.fenced or until_ns >= self._end_ns
            return counts

    @property
    def ended(self) -> bool:
        """Whether everything is told."""
        return self._over

    def stop(self) -> None:
        """Nothing falls due any more."""
        with self._stirred:
            offset_ns = max(time.monotonic_ns() - self.barrier_ns, self._sealed_ns, 0)
            if not self._over and offset_ns < self._end_ns:
                self._end_ns = offset_ns
            self._stirred.notify_all()

    def abort(self) -> None:
        """Nothing is in flight, so it is the same."""
        self.stop()

    def change(self, effective_ns: int, share: Share, rates: Sequence[RateChange] = ()) -> None:
        """Go on with that."""
        with self._stirred:
            if effective_ns < time.monotonic_ns() - self.barrier_ns + AHEAD_NS:
                raise ChangeRefused("the moment is too near, or over", "Ask for a later one.")
            self._shares = [*(each for each in self._shares if each[0] < effective_ns), (effective_ns, share)]
            self._rates.extend(rates)

    def extend_lease(self, until_ns: int) -> bool:
        """Whether it had not run out."""
        with self._stirred:
            if self._lease_until_ns is not None:
                if time.monotonic_ns() >= self._lease_until_ns:
                    return False
                self._lease_until_ns = max(self._lease_until_ns, until_ns)
            return True

    def told(self) -> Sequence[dict[str, Any]]:
        """Nothing."""
        return ()

    def connections_by_address(self) -> Mapping[str, Mapping[str, int]]:
        """None were opened."""
        return {}

    def add_process(self, process: PythonProcess) -> None:
        """It calls no functions."""

    def process_ends(self, number: int, reason: str) -> None:
        """It calls no functions."""

    def processes_are_over(self, reason: str) -> None:
        """It calls no functions."""

    def python_account(self) -> tuple[Sequence[int], Sequence[tuple[int, str, int]]]:
        """It calls no functions."""
        return (), ()

    def _begin(self) -> None:
        """At the barrier, as a thread of a real engine does."""
        time.sleep(max(self.barrier_ns - time.monotonic_ns(), 0) / NS_PER_S)
        self._tell("began", time.monotonic_ns())

    def _leased_ns(self) -> int:
        """After the barrier."""
        return self._end_ns if self._lease_until_ns is None else max(self._lease_until_ns - self.barrier_ns, 0)

    def _next_seal_ns(self) -> int:
        return min(self._sealed_ns + NS_PER_S, self._end_ns, max(self._leased_ns(), self._sealed_ns))

    def _due(self, from_ns: int, until_ns: int) -> int:
        moments = [at_ns for at_ns, _ in self._shares]
        inner = moments[bisect_right(moments, from_ns) :]
        edges = [from_ns, *(at_ns for at_ns in inner if at_ns < until_ns), until_ns]
        total = 0
        for start_ns, end_ns in pairwise(edges):
            share = self._shares[bisect_right(moments, start_ns) - 1][1]
            if share.cuts:
                total += sum(each.count for each in owed(self._plan, share, self._rates, start_ns, end_ns))
        return total
