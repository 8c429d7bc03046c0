"""What is known of one execution of a plan: who, where, when, how it ended. No figures: those are in intervals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from apibench.model.errand import ErrandReport
from apibench.model.host_sample import HostTotals
from apibench.model.plan import Plan

Ended = Literal["complete", "interrupted", "aborted", "crashed", "unreachable"]


@dataclass(frozen=True, slots=True)
class SeriesName:
    """What a series number in an interval stands for."""

    scenario: int
    step: str


@dataclass(frozen=True, slots=True)
class HostMachine:
    """The machine that generated the load, as far as it matters to the figures."""

    cpus: int
    """Processors that this process may use."""
    quota: float | None
    """Processors' worth of time that its control group grants; None for no quota."""
    kernel: str
    clock: str
    """The kernel's clock source."""
    spin: bool
    """Whether the load's threads looked instead of slept just before an arrival."""
    co_located: bool
    """The target is on this machine: the two shared its processors."""
    pace_p50_ns: int = 0
    """How late the machine's own timers were before the run, at the median."""
    pace_p99_ns: int = 0
    descriptors: int = 0
    """How many files this process may have open; 0 for several machines."""
    local_ports: int = 0
    """To one address; 0 for several machines."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """What a segment and its worker came to, in a run of several."""

    segment: int
    worker_id: str
    region: str
    fate: str
    """`live`, `finished` or `lost`."""
    clock_error_ns: int
    share: float
    """Of the plan, at first."""
    batches: int
    reported_ns: int
    """Up to where it has reported, after the barrier."""
    complete: bool
    """Whether all that it measured is in the result."""
    lost: int
    """Iterations that died with it."""
    minutes_lacking: int = 0
    """In how many minutes its own figures lack something that counts in all others: an aggregator took it along."""
    cpus: int = 1
    """Processors that it may use."""
    descriptors: int = 0
    """How many files it may have open; 0 where it has not told."""
    local_ports: int = 0
    """To one address; 0 where it has not told."""
    taken: HostTotals = field(default_factory=HostTotals)
    """What its host did to it."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, from its beginning on."""

    run_id: str
    plan: Plan
    started_at: datetime
    engine_version: str
    threads: int
    host: HostMachine
    series: tuple[SeriesName, ...]
    look_ups_ns: tuple[int, ...] = ()
    """How long each look-up of a name took before the run. None is made while it goes on."""
    tags: Mapping[str, str] = field(default_factory=dict)
    workers: tuple[WorkerRecord, ...] = ()
    """By segment; none for a run on one machine."""


@dataclass(frozen=True, slots=True)
class PythonFailure:
    """Why calls of a function of Python failed."""

    function: str
    reason: str
    """`ValueError: no such key`."""
    count: int


@dataclass(frozen=True, slots=True)
class PythonEnd:
    """What became of the processes by which functions of Python were called."""

    processes: int
    """So many at a time."""
    replaced: Mapping[str, int]
    """How many were replaced, by why."""
    failures: tuple[PythonFailure, ...]
    took_ns: Mapping[str, int] = field(default_factory=dict)
    """How long its calls took in all, by function."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What is known once it is over."""

    ended_at: datetime
    ended: Ended
    barrier_ns: int | None = None
    """When the load began, on this machine's CLOCK_MONOTONIC: for those who hold it against a target's own log."""
    addresses: Mapping[str, int] = field(default_factory=dict)
    """Connections opened, by address."""
    stopped_ns: int | None = None
    """When an early end was asked for, after the barrier."""
    busy: bool = False
    """Whether the load's processors were at their limit, so that a closed run's rate is at least what it shows."""
    setup: ErrandReport | None = None
    """What was done once before the load; None where the plan has nothing of that kind."""
    teardown: ErrandReport | None = None
    """Behind it, likewise; and where that is not over yet."""
    python: PythonEnd | None = None
    """Of a run that has called functions of Python."""
    taken: HostTotals = field(default_factory=HostTotals)
    """What the host did to the generator, or all hosts together."""
