"""
The workers that the controller knows: who is there, until when each may send, and who is proven to be silent.

Pure: time is told. A lease counts from the moment at which the worker sent the heartbeat that it answers, so by the
controller's clock it has certainly run out one lease after the answer was sent, and a little for clocks that run at
different speeds. Only that, or a worker's own word, is proof of silence; a connection that broke is none.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from apibench.controller.clock_fit import ClockFit
from apibench.model.control import ClockPing, ClockPong, Heartbeat, Hello, Lease, StartAt, Welcome
from apibench.model.submission import WorkerState, WorkerView
from apibench.model.units import NS_PER_S
from apibench.model.worker import PROTOCOL, WorkerFacts

HEARTBEAT_NS = 1_000_000_000
LEASE_NS = 10_000_000_000
DRIFT = 100
"""A hundredth of a lease is added before silence is held to be proven: clocks drift far less."""
PINGS_AT_FIRST = 16
FORGOTTEN_NS = 60_000_000_000
"""How long a worker that is gone is still shown."""

Holds = Callable[[str], tuple[tuple[str, int], ...]]
"""Which segments a worker holds: run and segment."""


@dataclass
class Known:
    """A worker that was heard of."""

    facts: WorkerFacts
    attached: bool
    heard_ns: int
    granted_ns: int
    """When a lease was last sent to it; before that it may have had one from an earlier controller."""
    leaving: str = ""
    proven_silent: bool = False
    clock: ClockFit = field(default_factory=ClockFit)
    pings: int = 0
    has_lease: bool = False
    """One was sent to it in this conversation: it could begin at once."""


class Fleet:
    """All workers."""

    def __init__(self, term: int, *, lease_ns: int = LEASE_NS, heartbeat_ns: int = HEARTBEAT_NS) -> None:
        self.term = term
        self.lease_ns = lease_ns
        self.heartbeat_ns = heartbeat_ns
        self.known: dict[str, Known] = {}

    def expect(self, facts: WorkerFacts, now_ns: int, grace_ns: int = 0) -> None:
        """
        A worker that has part in a run, by what was written down: until it is heard of it may be sending.

        `grace_ns`: for how long an earlier controller may still give it leases.
        """
        known = Known(facts, attached=False, heard_ns=now_ns, granted_ns=now_ns + grace_ns)
        self.known.setdefault(facts.worker_id, known)

    def attach(self, hello: Hello, now_ns: int) -> Welcome:
        """A worker is there."""
        facts = hello.worker
        welcome = Welcome(self.term, self.heartbeat_ns, self.lease_ns)
        if not PROTOCOL - 1 <= facts.protocol <= PROTOCOL + 1:
            refused = f"it speaks protocol {facts.protocol}; this controller speaks {PROTOCOL}"
            return Welcome(self.term, self.heartbeat_ns, self.lease_ns, refused)
        before = self.known.get(facts.worker_id)
        if before is None:
            self.known[facts.worker_id] = Known(facts, attached=True, heard_ns=now_ns, granted_ns=now_ns)
        else:
            before.facts, before.attached, before.heard_ns = facts, True, now_ns
            before.leaving = ""
            # Another process has another clock, and even the same one may come from a machine that slept.
            before.clock, before.pings, before.has_lease = ClockFit(), 0, False
        return welcome

    def detach(self, worker_id: str) -> None:
        """Its conversation is over. That says nothing about what it sends."""
        if worker_id in self.known:
            self.known[worker_id].attached = False

    def heartbeat(self, worker_id: str, message: Heartbeat, now_ns: int, holds: Holds) -> Lease:
        """A worker is alive: what it may go on with."""
        known = self.known[worker_id]
        known.heard_ns = known.granted_ns = now_ns
        known.proven_silent, known.has_lease = False, True
        return Lease(message.number, holds(worker_id))

    def pong(self, worker_id: str, message: ClockPong, now_ns: int) -> None:
        """A ping has come back."""
        known = self.known[worker_id]
        known.clock.add(message.controller_sent_ns, message.received_ns, message.answered_ns, now_ns)

    def ping(self, worker_id: str, now_ns: int) -> ClockPing:
        """The next one to send."""
        known = self.known[worker_id]
        known.pings += 1
        return ClockPing(known.pings, now_ns)

    def leaves(self, worker_id: str, reason: str) -> None:
        """A worker has said goodbye: nothing new is given to it."""
        self.known[worker_id].leaving = reason

    def newly_silent(self, now_ns: int) -> list[str]:
        """Workers of whom it is now certain that they send nothing; each is told once, until it is heard again."""
        found = []
        for worker_id, known in self.known.items():
            if not known.proven_silent and now_ns > known.granted_ns + self.lease_ns + self.lease_ns // DRIFT:
                known.proven_silent = True
                found.append(worker_id)
        return found

    def forget(self, now_ns: int, busy: Callable[[], Iterable[str]]) -> None:
        """Those who have been gone for long and have part in nothing. `busy` tells who has any, if need be."""
        gone = [
            worker_id
            for worker_id, known in self.known.items()
            if not known.attached and now_ns > known.heard_ns + FORGOTTEN_NS
        ]
        for worker_id in set(gone).difference(busy()) if gone else ():
            del self.known[worker_id]

    def idle(self, busy: Iterable[str]) -> list[WorkerFacts]:
        """Those who could take part in something, in the order of their names."""
        part = set(busy)
        return [
            known.facts
            for worker_id, known in sorted(self.known.items())
            if known.attached
            and not known.leaving
            and not known.proven_silent
            and worker_id not in part
            and known.clock.known
            and known.has_lease
        ]

    def made_for(self, run_id: str) -> list[WorkerFacts]:
        """Those that are there for that run alone."""
        return [known.facts for known in self.known.values() if known.attached and known.facts.run_id == run_id]

    def in_its_clock(self, worker_id: str, message: StartAt) -> StartAt:
        """The same word with its moment on the worker's own clock."""
        clock = self.known[worker_id].clock
        return StartAt(message.run_id, message.segment, message.start_ns + clock.offset_ns, clock.error_ns)

    def view(self, now_ns: int, busy: Callable[[str], str]) -> list[WorkerView]:
        """As they are shown. `busy` tells the run that a worker has part in, or nothing."""
        return [
            WorkerView(
                worker_id,
                known.facts.region,
                known.facts.labels,
                known.facts.engine_version,
                known.facts.cpus,
                _state(known, busy(worker_id)),
                busy(worker_id),
                (now_ns - known.heard_ns) / NS_PER_S,
                known.clock.error_ns if known.clock.known else None,
                known.clock.round_trip_ns if known.clock.known else None,
            )
            for worker_id, known in sorted(self.known.items())
        ]


def _state(known: Known, run_id: str) -> WorkerState:
    if not known.attached or known.proven_silent:
        return "silent"
    if known.leaving:
        return "leaving"
    return "busy" if run_id else "idle"
