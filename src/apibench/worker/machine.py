"""
A worker: its conversation with the controller, and the segments that it holds.

Pure, as its segments are. It says what to send; whoever drives it has the clock, the network and the engine.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from apibench.model.control import (
    Abort,
    ClockPing,
    ClockPong,
    Commit,
    ControllerMessage,
    Dismiss,
    Goodbye,
    Heartbeat,
    Hello,
    Lease,
    Prepare,
    Propose,
    SetUp,
    SetUpDone,
    StartAt,
    Stop,
    TearDown,
    TornDown,
    Welcome,
    Withdraw,
    WorkerMessage,
)
from apibench.model.ledger import NOTHING
from apibench.model.worker import SegmentPhase, WorkerFacts
from apibench.worker.segment_machine import SegmentEngine, SegmentMachine

Key = tuple[str, int]
"""Run and segment."""
HEARTBEATS_KEPT = 64


def as_prepared(asked: SetUp, shared: str = "") -> Prepare:
    """A segment that is set up for, as if it were prepared."""
    return Prepare(
        asked.run_id,
        asked.segment,
        asked.plan,
        asked.plan_sha256,
        "",
        NOTHING,
        allowed=asked.allowed,
        shared=shared,
        bundle=asked.bundle,
    )


class Engines(Protocol):
    """Where engines for segments come from."""

    def prepare(self, prepare: Prepare) -> SegmentEngine:
        """Begin to compile the plan; `SegmentMachine.prepared` is to be called when it is done."""
        ...

    def set_up(self, message: SetUp) -> None:
        """Begin the set-up of a run; `WorkerMachine.errand_done` is to be called when it is done."""
        ...

    def tear_down(self, prepared: Prepare) -> None:
        """Begin the tear-down of a run, likewise, by what its segment was prepared with."""
        ...


class WorkerMachine:
    """Where a worker stands."""

    def __init__(self, facts: WorkerFacts, engines: Engines) -> None:
        self.facts = facts
        self.segments: dict[Key, SegmentMachine] = {}
        self.term = 0
        """Of the last controller that was heard."""
        self.heartbeat_ns = 0
        """How often to send one; 0 until it is told."""
        self.lease_ns = 0
        self.refused = ""
        """Why the controller will not have this worker."""
        self.leaving = ""
        self.is_over = False
        """The run is over that it was made for alone."""
        self._errands: dict[Key, SetUpDone | TornDown | None] = {}
        """The last errand of each segment, and what it came to; None while it goes on."""
        self._prepared: dict[Key, Prepare] = {}
        """What each segment was prepared with, or set up for: what it is torn down by."""
        self._setting_up: dict[Key, SetUp] = {}
        self._engines = engines
        self._heartbeats: dict[int, int] = {}
        """When each of the last ones was sent, by number."""
        self._number = 0
        self._granted_until_ns = 0

    def hello(self, now_ns: int) -> list[WorkerMessage]:
        """What to say first in every conversation."""
        held = tuple(machine.status(now_ns) for machine in self.segments.values())
        again: list[WorkerMessage] = [Goodbye(self.leaving)] if self.leaving else []
        return [Hello(self.facts, held), *again]

    def heartbeat(self, now_ns: int) -> Heartbeat:
        """The next sign of life, to be sent at once."""
        self._number += 1
        self._heartbeats[self._number] = now_ns
        self._heartbeats.pop(self._number - HEARTBEATS_KEPT, None)
        self.tick(now_ns)
        return Heartbeat(self._number, now_ns, tuple(machine.status(now_ns) for machine in self.segments.values()))

    def tick(self, now_ns: int) -> None:
        """Time has passed."""
        for machine in self.segments.values():
            machine.tick(now_ns)

    def goodbye(self, reason: str) -> list[WorkerMessage]:
        """The worker wants to leave."""
        self.leaving = reason
        return [Goodbye(reason)]

    def hear(self, message: ControllerMessage, now: Callable[[], int]) -> list[WorkerMessage]:
        """What the controller says; the answers."""
        if isinstance(message, Dismiss) and message.run_id == self.facts.run_id:
            self.is_over = True
        match message:
            case Welcome():
                return self._welcome(message)
            case ClockPing():
                received_ns = now()
                return [ClockPong(message.ping, message.sent_ns, received_ns, now())]
            case Lease():
                self._lease(message)
                return []
            case Prepare():
                return self._prepare(message)
            case SetUp() | TearDown():
                return self._errand(message)
            case _:
                return self._pass_on(message, now())

    def _welcome(self, message: Welcome) -> list[WorkerMessage]:
        if message.term < self.term:
            self.refused = "it answers for a controller that leads no longer"
            return []
        self.term, self.refused = message.term, message.refused
        self.heartbeat_ns, self.lease_ns = message.heartbeat_ns, message.lease_ns
        return []

    def _lease(self, message: Lease) -> None:
        sent_ns = self._heartbeats.get(message.heartbeat)
        if sent_ns is None:
            return
        until_ns = sent_ns + self.lease_ns
        self._granted_until_ns = max(self._granted_until_ns, until_ns)
        granted = set(message.segments)
        for key, machine in self.segments.items():
            if key in granted:
                machine.lease(until_ns)
            else:
                machine.disowned()

    def _prepare(self, message: Prepare) -> list[WorkerMessage]:
        key = (message.run_id, message.segment)
        known = self.segments.get(key)
        if known is not None:
            # Said again, because the answer may have been lost.
            return [] if known.phase is SegmentPhase.PREPARING else known.repeat_prepared()
        self.segments[key] = SegmentMachine(message, self._engines.prepare(message))
        self._prepared[key] = message
        return []

    def errand_done(self, answer: SetUpDone | TornDown) -> list[WorkerMessage]:
        """An errand came to that; what to say."""
        key = (answer.run_id, answer.segment)
        if key not in self._errands:
            return []
        self._errands[key] = answer
        asked = self._setting_up.pop(key, None)
        if asked is not None and isinstance(answer, SetUpDone) and answer.report.ok:
            # The controller may be gone before it has said Prepare.
            self._prepared[key] = as_prepared(asked, answer.shared)
        return [answer]

    def wants(self, key: Key) -> bool:
        """Whether the errand of a segment is still to go on."""
        return key in self._errands

    def _errand(self, message: SetUp | TearDown) -> list[WorkerMessage]:
        key = (message.run_id, message.segment)
        known = self._errands.get(key)
        is_setup = isinstance(message, SetUp)
        if key in self._errands and (is_setup or not isinstance(known, SetUpDone)):
            # Said again, because the answer may have been lost.
            return [] if known is None else [known]
        prepared = self._prepared.get(key)
        if isinstance(message, SetUp):
            self._errands[key] = None
            self._setting_up[key] = message
            self._engines.set_up(message)
        elif prepared is not None:
            self._errands[key] = None
            self._engines.tear_down(prepared)
        return []

    def _pass_on(self, message: ControllerMessage, now_ns: int) -> list[WorkerMessage]:
        match message:
            case StartAt() | Propose() | Commit() | Withdraw() | Stop() | Abort() | Dismiss():
                machine = self.segments.get((message.run_id, message.segment))
            case _:
                machine = None
        if isinstance(message, Dismiss):
            # One that goes on is broken off.
            self._errands.pop((message.run_id, message.segment), None)
            self._prepared.pop((message.run_id, message.segment), None)
            self._setting_up.pop((message.run_id, message.segment), None)
        if machine is None:
            return []
        match message:
            case StartAt():
                return machine.start_at(message, now_ns, self._granted_until_ns)
            case Propose():
                return machine.propose(message)
            case Commit():
                return machine.commit(message)
            case Withdraw():
                machine.withdraw(message)
            case Stop():
                machine.stop()
            case Abort():
                machine.abort()
            case Dismiss():
                machine.dismiss()
            case _:
                pass
        return []

    def forget_what_is_over(self) -> Iterable[Key]:
        """Segments whose run has dismissed them and whose batches are all safe; they are forgotten."""
        over = [key for key, machine in self.segments.items() if machine.forgettable]
        for key in over:
            del self.segments[key]
        return over
