"""
One segment of a run, on its worker: what the controller's words mean for the engine.

Pure: the engine is passed in behind a small face, time is told. Nothing here waits.

What keeps the target safe is in the engine: it looks at its lease before every send. What is here only makes sure that
a lease is never extended beyond what the controller gave, and that a change which may not have happened everywhere
never makes this worker send more than its part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from apibench.model.control import (
    Armed,
    ChangeAnswer,
    Commit,
    Prepare,
    Prepared,
    Propose,
    StartAt,
    Withdraw,
    WorkerMessage,
)
from apibench.model.errors import ApibenchError, ChangeRefused, EngineFailed
from apibench.model.ledger import NOTHING
from apibench.model.rate_change import RateChange
from apibench.model.share import Share
from apibench.model.worker import SegmentPhase, SegmentStatus

FOR_EVER_NS = 1 << 62
"""Later than any moment of a monotonic clock."""
LATE_NS = 20_000_000
"""A start that is nearer than this has come too late: its threads would have to catch up."""


class SegmentEngine(Protocol):
    """What the segment asks of the engine."""

    def start(self, barrier_ns: int, share: Share, lease_until_ns: int) -> None:
        """Begin at that moment. Raises ApibenchError."""
        ...

    def change(self, effective_ns: int, share: Share, rates: Sequence[RateChange]) -> None:
        """Go on with that share, and with those rates beside those that were changed before. Raises ChangeRefused."""
        ...

    def extend_lease(self, until_ns: int) -> bool:
        """Whether it could be: one that has run out stays so."""
        ...

    def stop(self) -> None:
        """Send nothing more; what is in flight may end."""
        ...

    def abort(self) -> None:
        """Send nothing more and wait for nothing."""
        ...

    def give_up(self) -> None:
        """It will never be told to start."""
        ...


class _NoEngine:
    """That of a process which has ended."""

    def start(self, *_: object, **__: object) -> None:
        raise EngineFailed("its process has ended", "Start another run.")

    def change(self, *_: object, **__: object) -> None:
        raise ChangeRefused("its process has ended", "Start another run.")

    def extend_lease(self, *_: object, **__: object) -> bool:
        return False

    def stop(self) -> None:
        return

    def abort(self) -> None:
        return

    def give_up(self) -> None:
        return


@dataclass
class _Pending:
    """A change that was asked for and is not settled."""

    proposal: Propose
    withheld: bool
    """From its moment on nothing is sent, unless it is settled before."""


class SegmentMachine:
    """Where a segment stands."""

    def __init__(self, prepare: Prepare, engine: SegmentEngine) -> None:
        self.run_id, self.segment = prepare.run_id, prepare.segment
        self.phase = SegmentPhase.PREPARING
        self.detail = ""
        self.late = not prepare.share.cuts
        """It came to a run that was going on."""
        self.barrier_ns: int | None = None
        self.revision = 0
        self.sealed = 0
        self.acknowledged = 0
        self.final = False
        self.dismissed = False
        self._engine = engine
        self._finishes_alone = prepare.on_lost_control == "finish"
        self._share = prepare.share
        self._rates: list[RateChange] = []
        self._pending: _Pending | None = None
        self._asked_to_end = False

    @classmethod
    def left_behind(cls, run_id: str, segment: int, sealed: int) -> "SegmentMachine":
        """What an earlier process of this worker had: it sends nothing any more, and its results are still coming."""
        machine = cls(Prepare(run_id, segment, "", "", "", NOTHING), _NoEngine())
        machine.sealed, machine.final = sealed, True
        machine._fence("its process has ended")
        return machine

    # What the controller says.

    def start_at(self, message: StartAt, now_ns: int, lease_until_ns: int) -> list[WorkerMessage]:
        """Begin at that moment."""
        if self.phase is not SegmentPhase.READY:
            # It has heard it before, and says again what it said then.
            return [Armed(self.run_id, self.segment)] if self.phase.sends else []
        if not self.late and message.start_ns < now_ns + LATE_NS:
            self._fail("the word to start came too late")
            return []
        try:
            self._engine.start(message.start_ns, self._share, FOR_EVER_NS if self._finishes_alone else lease_until_ns)
        except ApibenchError as error:
            self._fail(str(error))
            return []
        self.barrier_ns = message.start_ns
        self.phase = SegmentPhase.ARMED
        return [Armed(self.run_id, self.segment)]

    def propose(self, message: Propose) -> list[WorkerMessage]:
        """Would this change be possible?"""
        fault = ""
        if not self.phase.sends or self._asked_to_end:
            fault = f"the segment is {self.phase.value}"
        elif message.revision <= self.revision:
            fault = f"revision {self.revision} holds already"
        else:
            fault = self._withdrawn() or self._promise(message)
        return [ChangeAnswer(self.run_id, self.segment, message.revision, fault)]

    def commit(self, message: Commit) -> list[WorkerMessage]:
        """The change holds."""
        pending = self._pending
        if message.revision == self.revision:
            return [ChangeAnswer(self.run_id, self.segment, message.revision)]
        if pending is None or pending.proposal.revision != message.revision:
            return [ChangeAnswer(self.run_id, self.segment, message.revision, "nothing like that was proposed")]
        self._pending = None
        proposal = pending.proposal
        rates = self._new_rates(proposal)
        fault = self._change(proposal.effective_ns, proposal.share, rates)
        if not fault:
            self.revision, self._share = proposal.revision, proposal.share
            self._rates.extend(rates)
        elif pending.withheld:
            self._share = NOTHING
        return [ChangeAnswer(self.run_id, self.segment, message.revision, fault)]

    def withdraw(self, message: Withdraw) -> None:
        """The change will not be."""
        if self._pending is not None and self._pending.proposal.revision == message.revision:
            self._withdrawn()

    def stop(self) -> None:
        """End politely."""
        self._asked_to_end = True
        if self.phase.sends:
            self._engine.stop()

    def abort(self) -> None:
        """End at once."""
        self._asked_to_end = True
        if self.phase.sends:
            self._engine.abort()

    def leave(self) -> None:
        """Its worker ends, and nobody has taken its share."""
        if self.phase.sends:
            self._engine.stop()
            self._fence("its worker has left")

    def dismiss(self) -> None:
        """The run is over: nothing more will be asked of this segment."""
        self.dismissed = True
        self.abort()
        if self.barrier_ns is None:
            self._engine.give_up()

    def lease(self, until_ns: int) -> None:
        """The controller has answered a heartbeat: the segment is its own until then."""
        if self.phase.sends and not self._finishes_alone and not self._engine.extend_lease(until_ns):
            self._fence("its lease ran out")

    def disowned(self) -> None:
        """The controller has answered, and has given no lease: the segment is somebody else's by now."""
        if self.phase.sends:
            self._engine.abort()
            self._fence("the controller has given it to others")

    # What the engine says.

    def prepared(self, fault: ApibenchError | None) -> list[WorkerMessage]:
        """The plan is compiled, or cannot be."""
        if fault is not None:
            self._fail(str(fault))
            return [Prepared(self.run_id, self.segment, fault.code, fault.message, fault.hint)]
        self.phase = SegmentPhase.READY
        return [Prepared(self.run_id, self.segment)]

    def repeat_prepared(self) -> list[WorkerMessage]:
        """The answer to Prepare, once more."""
        if self.phase is SegmentPhase.FAILED:
            return [Prepared(self.run_id, self.segment, "engine.failed", self.detail, "")]
        return [Prepared(self.run_id, self.segment)]

    def tick(self, now_ns: int) -> None:
        """Time has passed."""
        if self.phase is SegmentPhase.ARMED and self.barrier_ns is not None and now_ns >= self.barrier_ns:
            self.phase = SegmentPhase.RUNNING

    def ended(self, *, fenced: bool, fault: str = "") -> None:
        """The engine is done. `fenced`: because the lease had run out."""
        self.final = True
        if fault:
            self._fail(fault)
        elif fenced:
            self._fence("its lease ran out")
        elif self.phase.sends:
            self.phase = SegmentPhase.ENDED
        self._settle()

    def safe(self, acknowledged: int) -> None:
        """So many batches are in the store."""
        self.acknowledged = max(self.acknowledged, acknowledged)
        self._settle()

    @property
    def over(self) -> bool:
        """Whether nothing is to be sent or pushed any more."""
        return self.final and self.acknowledged >= self.sealed

    @property
    def forgettable(self) -> bool:
        """Whether nobody will ask for it again."""
        return self.dismissed and (self.over or self.barrier_ns is None)

    def status(self, now_ns: int) -> SegmentStatus:
        """For the next heartbeat."""
        return SegmentStatus(
            self.run_id,
            self.segment,
            self.phase,
            self.revision,
            0 if self.barrier_ns is None else now_ns - self.barrier_ns,
            self.sealed,
            self.acknowledged,
            self.final,
            self.detail,
        )

    def _new_rates(self, proposal: Propose) -> list[RateChange]:
        return [rate for rate in proposal.rates if rate not in self._rates]

    def _promise(self, message: Propose) -> str:
        # Other rates must hold for everybody or for nobody: from their moment on this worker sends nothing, until
        # it hears that they hold. A hole is counted; a worker with a rate of its own could not be told from the rest.
        withheld = bool(self._new_rates(message))
        fault = self._change(message.effective_ns, NOTHING, ()) if withheld else ""
        if not fault:
            self._pending = _Pending(message, withheld)
        return fault

    def _withdrawn(self) -> str:
        pending, self._pending = self._pending, None
        if pending is not None and pending.withheld:
            fault = self._change(pending.proposal.effective_ns, self._share, ())
            if fault:
                # It is about to fall silent and cannot be called back: then it is out, and says so.
                self._engine.stop()
                self._fence("a change was withdrawn too late")
            return fault
        return ""

    def _change(self, effective_ns: int, share: Share, rates: Sequence[RateChange]) -> str:
        try:
            self._engine.change(effective_ns, share, rates)
        except ApibenchError as error:
            return error.message
        return ""

    def _fence(self, detail: str) -> None:
        self.phase, self.detail = SegmentPhase.FENCED, detail

    def _fail(self, detail: str) -> None:
        self.phase, self.detail = SegmentPhase.FAILED, detail

    def _settle(self) -> None:
        if self.over and self.phase is SegmentPhase.ENDED:
            self.phase = SegmentPhase.DONE
