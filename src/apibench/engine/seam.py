"""
What the rest of the house knows of an engine. `rust` is the real one, `fake` measures nothing and says what it is told.

`prepare` compiles and looks names up, `start` begins, `next_counts` hears one sealed second at a time. Between
`start` and the end Python stands on no request's path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from apibench.model.counts import IntervalCounts
from apibench.model.errand import NOTHING_SHARED, Shared
from apibench.model.groups import GroupName
from apibench.model.plan import Plan
from apibench.model.rate_change import RateChange
from apibench.model.run import SeriesName
from apibench.model.share import WHOLE, Share


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How this host runs its share of a plan. Changes neither which requests exist nor when they are due."""

    threads: int
    """Threads that generate load, at least 1."""
    pin: tuple[int, ...] = ()
    """Processors that the threads are pinned to, one each in turn; none where empty."""
    spin_ns: int = 0
    """How long before an arrival a thread stops sleeping and looks all the time; 0 never."""
    guarded: bool = False
    """Whether this is somebody's installation: then addresses are denied that are nobody's target. Metadata services of
    clouds always are."""
    tells: Literal["nothing", "steps", "everything"] = "nothing"
    """What is told of what iterations do, step by step: for a few of them, never for a load. `everything`: requests and
    responses as they were, too."""
    segment: int = 0
    """Which part of its run it has: no other has the same number."""
    allowed: tuple[str, ...] = ()
    """Address ranges that may be connected to, like `10.0.0.0/8`; none: all that are not denied."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Where a host of the plan was found."""

    name: str
    addresses: tuple[str, ...]
    dns_ns: int
    """How long the look-up took; 0 where none was needed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What connecting to one address came to, before a run. No request was sent."""

    host: str
    address: str
    error: str | None
    """An error name, like `tcp.refused`; None if the address can be used."""
    detail: str
    took_ns: int


@dataclass(frozen=True, slots=True)
class PythonProcess:
    """A process that functions of Python are called by."""

    number: int
    """No two of a run have the same."""
    streams: tuple[int, ...]
    """Descriptors of sockets that do not block, one for each thread. They are copied, and stay their owner's."""


class RunningLoad(Protocol):
    """A load that has begun."""

    def next_counts(self, patience_ms: int) -> IntervalCounts | None:
        """The next sealed interval; None if none is complete within the time, or everything has been read."""
        ...

    @property
    def ended(self) -> bool:
        """Whether everything is over and has been read."""
        ...

    @property
    def barrier_ns(self) -> int:
        """When it began, on CLOCK_MONOTONIC."""
        ...

    def stop(self) -> None:
        """Send nothing more; what is in flight may end until the drain is over."""
        ...

    def abort(self) -> None:
        """Send nothing more and wait for nothing."""
        ...

    def change(self, effective_ns: int, share: Share, rates: Sequence[RateChange] = ()) -> None:
        """
        Have it go on with that share and those rates from a moment after the barrier on.

        Raises ChangeRefused, and then nothing changes, if the moment is too near, within the warm-up, or a rate cannot
        be scheduled; and for a load that was begun without a lease.
        """
        ...

    def extend_lease(self, until_ns: int) -> bool:
        """
        Have it send until that moment on CLOCK_MONOTONIC, if it is later than it may now.

        False: its lease had run out. It has stopped for good, because its share may be somebody else's by now.
        """
        ...

    @property
    def fenced(self) -> bool:
        """Whether it stopped because its lease had run out."""
        ...

    def told(self) -> Sequence[dict[str, Any]]:
        """What its iterations have done, step by step, if its options asked for it. Only once it has ended."""
        ...

    def connections_by_address(self) -> Mapping[str, Mapping[str, int]]:
        """How many connections were opened, by host and address. Only once it has ended."""
        ...

    def add_process(self, process: PythonProcess) -> None:
        """Another process has come."""
        ...

    def process_ends(self, number: int, reason: str) -> None:
        """A process is about to be ended: its calls fail by this reason. To be said before that is done."""
        ...

    def processes_are_over(self, reason: str) -> None:
        """No process comes any more: where none is left, calls fail by this reason."""
        ...

    def python_account(self) -> tuple[Sequence[int], Sequence[tuple[int, str, int]]]:
        """
        What came of calls of Python. Only once it has ended.

        Returns:
            How long they took in all, in nanoseconds, by the numbers of functions, of which the last may lack.
            Why they failed: the function's number, the reason, how often.
        """
        ...


class PreparedLoad(Protocol):
    """A plan that can begin at any moment. Nothing has been sent."""

    series: tuple[SeriesName, ...]
    groups: tuple[GroupName, ...]
    hosts: tuple[HostFacts, ...]
    functions: tuple[str, ...]
    """Of Python, that are called, by their numbers."""

    def preflight(self, options: EngineOptions | None = None) -> tuple[Finding, ...]:
        """
        Connect to every address and shake hands. Sends no request.

        An address that those options deny is not connected to, and is a finding: `target.denied`.
        """
        ...

    def start(
        self,
        options: EngineOptions,
        *,
        barrier_ns: int | None = None,
        share: Share = WHOLE,
        lease_until_ns: int | None = None,
        processes: Sequence[PythonProcess] = (),
    ) -> RunningLoad:
        """
        Begin with a share of the plan at a moment on CLOCK_MONOTONIC; a few milliseconds from now where none is given.

        With a lease nothing is sent from that moment on, wherever this process may be stuck, unless it is extended.
        `processes` have its functions of Python called.
        """
        ...


class Engine(Protocol):
    """Makes load."""

    @property
    def version(self) -> str:
        """Of the engine."""
        ...

    def prepare(self, plan: Plan, shared: Shared = NOTHING_SHARED) -> PreparedLoad:
        """
        Compile a plan, filled in with what its set-up has handed over, and look its hosts up. Its set-up and tear-down
        are plans of their own. Raises ApibenchError.
        """
        ...
