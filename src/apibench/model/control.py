"""
What controller and workers tell each other. Workers dial out; the controller never calls one.

Times are nanoseconds. Those of a worker's clock are of its own CLOCK_MONOTONIC, and nobody else's mean anything to it:
the controller translates. Every message about a segment names run and segment; one that its receiver does not know is
answered with nothing.
"""

from dataclasses import dataclass, field

from apibench.model.errand import ErrandReport
from apibench.model.rate_change import RateChange
from apibench.model.share import Share
from apibench.model.worker import SegmentStatus, WorkerFacts


@dataclass(frozen=True, slots=True)
class Hello:
    """A worker is there, for the first time or again."""

    worker: WorkerFacts
    held: tuple[SegmentStatus, ...] = ()
    """What it still runs, or still has results of."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A worker is alive. The answer is a lease that counts from `sent_ns`."""

    number: int
    sent_ns: int
    """On the worker's clock."""
    segments: tuple[SegmentStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class ClockPong:
    """The answer to a ClockPing."""

    ping: int
    controller_sent_ns: int
    received_ns: int
    answered_ns: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A worker can begin, or says why it can't."""

    run_id: str
    segment: int
    fault_code: str = ""
    """Stable, as errors have; empty: it can."""
    fault: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Armed:
    """A worker will begin at the moment that it was told."""

    run_id: str
    segment: int


@dataclass(frozen=True, slots=True)
class ChangeAnswer:
    """A worker can change, or has changed, as proposed; or says why not."""

    run_id: str
    segment: int
    revision: int
    fault: str = ""
    """Empty: it can."""


@dataclass(frozen=True, slots=True)
class SetUpDone:
    """What the set-up of a run came to."""

    run_id: str
    segment: int
    report: ErrandReport
    shared: str = field(default="", repr=False)
    """What it hands over: a JSON object of JSON texts by name. It may hold secrets."""


@dataclass(frozen=True, slots=True)
class TornDown:
    """What the tear-down of a run came to."""

    run_id: str
    segment: int
    report: ErrandReport


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A worker wants to leave: its shares are to go to others."""

    reason: str


WorkerMessage = Hello | Heartbeat | ClockPong | Prepared | Armed | ChangeAnswer | Goodbye | SetUpDone | TornDown


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to a Hello."""

    term: int
    """Of the controller; it only grows. A worker drops what comes from an earlier one."""
    heartbeat_ns: int
    """How often it wants to hear from the worker."""
    lease_ns: int
    """How long a lease lasts from the heartbeat that it answers."""
    refused: str = ""
    """Why the worker can't take part: its version, its token. Empty: it can."""


@dataclass(frozen=True, slots=True)
class Lease:
    """For these segments the worker may send until `lease_ns` after it sent the heartbeat of that number."""

    heartbeat: int
    segments: tuple[tuple[str, int], ...] = ()
    """Run and segment. One that the worker holds and that is not named here is somebody else's by now."""


@dataclass(frozen=True, slots=True)
class ClockPing:
    """To be answered at once, with the times of its coming and going."""

    ping: int
    sent_ns: int
    """On the controller's clock."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Compile the plan, look names up, connect once; then say Prepared. Nothing is sent yet."""

    run_id: str
    segment: int
    plan: str
    """Its canonical JSON."""
    plan_sha256: str
    results: str
    """Where its results go: HOST:PORT of an aggregator; empty for the one that it knows already."""
    share: Share
    """What it would own; a spare prepares with nothing."""
    threads: int = 0
    """0: as many as suit the worker."""
    allowed: tuple[str, ...] = ()
    """Address ranges (CIDR) that its engine may connect to; none: all but those that are always denied."""
    on_lost_control: str = "stop"
    """`stop` when the lease runs out; `finish` as planned."""
    shared: str = field(default="", repr=False)
    """What set-up has handed over, as in SetUpDone; empty where there is none."""
    bundle: str = field(default="", repr=False)
    """The code that the plan has called, signed: its canonical JSON; empty where it calls none."""


@dataclass(frozen=True, slots=True)
class StartAt:
    """Begin at that moment of the worker's own clock; say Armed."""

    run_id: str
    segment: int
    start_ns: int
    clock_error_ns: int
    """By how much the moment may differ from the other workers'."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Would this change be possible? Nothing changes before its Commit."""

    run_id: str
    segment: int
    revision: int
    effective_ns: int
    """After the barrier."""
    share: Share
    rates: tuple[RateChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """The change of that revision holds."""

    run_id: str
    segment: int
    revision: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The change of that revision will not be."""

    run_id: str
    segment: int
    revision: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Send nothing more; what is in flight may end until the drain is over."""

    run_id: str
    segment: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Send nothing more and wait for nothing."""

    run_id: str
    segment: int


@dataclass(frozen=True, slots=True)
class Dismiss:
    """
    The run is over for this worker: what it holds of the segment may be forgotten once it is acknowledged. One that was
    made for that run alone may go, whether or not it has had that segment.
    """

    run_id: str
    segment: int


@dataclass(frozen=True, slots=True)
class SetUp:
    """Do the set-up of the plan, once however often this is said; then say SetUpDone. Dismiss breaks it off."""

    run_id: str
    segment: int
    plan: str
    """Its canonical JSON."""
    plan_sha256: str
    allowed: tuple[str, ...] = ()
    """As of Prepare."""
    bundle: str = field(default="", repr=False)
    """As of Prepare: where it may not be run, nothing is set up for it."""


@dataclass(frozen=True, slots=True)
class TearDown:
    """Do the tear-down of the plan of this segment, once however often this is said; then say TornDown."""

    run_id: str
    segment: int


ControllerMessage = (
    Welcome
    | Lease
    | ClockPing
    | Prepare
    | StartAt
    | Propose
    | Commit
    | Withdraw
    | Stop
    | Abort
    | Dismiss
    | SetUp
    | TearDown
)
