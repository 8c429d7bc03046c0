"""
One run, from the first worker that prepares to the last that is done: what to say to whom, and what to write down.

Pure: it reads no clock, sends nothing and stores nothing. It is told what happened and answers with messages. Whoever
drives it writes `to_document()` down before it sends what `take_outbox` gives, whenever `changed` says so: a controller
that starts again with the document goes on as this one would have.

Two rules keep the target safe. A share goes to somebody else only on proof that its holder is silent: its own word, or
the end of its lease. And nothing is ever sent to catch up what a lost worker owed: that would be another experiment.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apibench.controller.agreement import CHANGE_LEAD_NS
from apibench.controller.apportionment import apportioned, has_room
from apibench.controller.member import Member
from apibench.controller.patience import (
    ARM_MARGIN_NS,
    LETTING_GO_NS,
    LIFE_MARGIN_S,
    LONGEST_S,
    STILL_READY_NS,
)
from apibench.controller.run_book import RunBook
from apibench.controller.start import Standing
from apibench.model.aggregation import Fate
from apibench.model.control import (
    Abort,
    Armed,
    ChangeAnswer,
    ControllerMessage,
    Dismiss,
    Prepare,
    Prepared,
    SetUpDone,
    Stop,
    TornDown,
)
from apibench.model.installation import Desired, RunState
from apibench.model.ledger import NOTHING, Ledger, Revision
from apibench.model.rate_change import RateChange
from apibench.model.share import WHOLE, Share
from apibench.model.submission import RunSubmission
from apibench.model.units import NS_PER_S
from apibench.model.worker import SegmentPhase, SegmentStatus, WorkerFacts
from apibench.wire.limits import MAX_PAYLOAD_BYTES


class RunMachine(RunBook):
    """The orchestration of one run."""

    def __init__(  # noqa: PLR0913 - what its plan says of time, and where it may send
        self,
        run_id: str,
        submission: RunSubmission,
        planned_end_ns: int | None,
        *,
        warmup_ns: int = 0,
        drain_ns: int = 0,
        allowed: tuple[str, ...] = (),
        setup_ns: int | None = None,
        teardown_ns: int | None = None,
    ) -> None:
        super().__init__(run_id, setup_ns, teardown_ns)
        self.submission = submission
        self._planned_end_ns = planned_end_ns
        self._warmup_ns = warmup_ns
        self._drain_ns = drain_ns
        self._allowed = allowed
        self._standing: tuple[int, list[tuple[bool, bool]]] | None = None
        self._shares_due: dict[int, Share] = {}
        """Who should own what, as long as all stand as in `_standing`."""

    @property
    def life_s(self) -> int:
        """After so many seconds from its submission it is over, whatever happens."""
        spans_ns = (self._planned_end_ns, self._drain_ns, self.errands.setup_ns, self.errands.teardown_ns)
        planned_s = sum(span_ns or 0 for span_ns in spans_ns) // NS_PER_S
        unplanned_s = LONGEST_S if self._planned_end_ns is None else 0
        # It waits twice: for its workers, and for them to be ready.
        return planned_s + unplanned_s + 2 * self.submission.patience_s + LIFE_MARGIN_S

    @property
    def misses_workers(self) -> bool:
        """Whether somebody was lost or leaves, whose place another might take."""
        return any(member.fate is Fate.LOST or member.leaving for member in self.members.values())

    @property
    def _finishes_alone(self) -> bool:
        return self.submission.on_lost_control == "finish"

    # What is asked for.

    def begin(self, workers: Sequence[WorkerFacts]) -> None:
        """These are to carry it out."""
        shares = WHOLE.split([worker.weight for worker in workers])
        for segment, worker in enumerate(workers):
            self._take_in(Member(segment, worker))
        self.agreement.ledger = Ledger((Revision(0, 0, dict(enumerate(shares)), reason="start"),))
        self._enter(RunState.PREPARING, f"{len(workers)} workers prepare")
        if not self.errands.begin(self.members[0], self.submission, self._allowed):
            self._prepare_all()

    def fail(self, reason: str) -> None:
        """It cannot begin."""
        if self._failing or self.state.is_over:
            return
        self.reason = reason
        self._failing = self.errands.is_set_up and self.errands.owes_teardown
        if not self._failing:
            self._dismiss_all()
            self._enter(RunState.FAILED, reason)
            return
        for member in self.members.values():
            self._send(member, Abort(self.run_id, member.segment))
        self._note(reason)

    def ask(self, desired: Desired, reason: str, now_ns: int, ended: str = "") -> None:
        """
        Somebody wants it to end. A milder wish than the one in force changes nothing.

        `ended`: what the result is to say of it; by itself a stop interrupts and an abort aborts.
        """
        order = list(Desired)
        if order.index(desired) <= order.index(self.desired) or self.state.is_over:
            return
        self.desired = desired
        self.reason = self.reason or reason
        self._note(f"{desired.value} asked for: {reason}")
        self.agreement.call_off()
        if self.state in (RunState.QUEUED, RunState.PREPARING) or (
            self.state is RunState.ARMED and self.offset_ns(now_ns) < -ARM_MARGIN_NS
        ):
            self.ended = ended or "interrupted"
            self.fail(reason)
            return
        self.ended = ended or ("interrupted" if desired is Desired.STOP else "aborted")
        if self.stopped_ns is None:
            self.stopped_ns = max(self.offset_ns(now_ns), 0)
        for member in self.members.values():
            if member.live:
                self._send(member, self._ending(member))
        if self.state in (RunState.ARMED, RunState.RUNNING):
            self._enter(RunState.DRAINING, "it drains")

    def change_rates(self, rates: Iterable[tuple[int, Any]], now_ns: int) -> int:
        """
        Other rates for these scenarios; returns the moment of the run from which on they are meant to hold.

        The caller has looked whether the plan has such scenarios. Raises ValueError if the run is not running, or
        another change of rates is under way.
        """
        if self.state is not RunState.RUNNING or self.agreement.asked:
            message = "it is not running" if self.state is not RunState.RUNNING else "another change is under way"
            raise ValueError(message)
        effective_ns = self._next_change_ns(now_ns)
        self.agreement.asked = [RateChange(scenario, effective_ns, rate) for scenario, rate in rates]
        self._look(now_ns)
        return effective_ns

    # What is heard.

    def set_up(self, message: SetUpDone, now_ns: int) -> None:
        """A worker has set up, or could not."""
        member = self.members.get(message.segment)
        if member is None or not self.errands.set_up(message, member.worker.worker_id):
            return
        if not message.report.ok:
            self.fail(f"set-up failed on {member.worker.worker_id}: {message.report.fault}")
        elif self._payload_bytes() + len(message.shared.encode()) > MAX_PAYLOAD_BYTES:
            self.fail(f"the plan and what set-up hands over are larger than a message: {MAX_PAYLOAD_BYTES:,} bytes")
        elif self.state is RunState.PREPARING:
            self._prepare_all()
        self._look(now_ns)

    def torn_down(self, message: TornDown, now_ns: int) -> None:
        """A worker has torn down, or could not."""
        member = self.members.get(message.segment)
        if member is not None:
            self.errands.torn_down(message, member.worker.worker_id)
            self._look(now_ns)

    def prepared(self, message: Prepared, now_ns: int) -> None:
        """A worker can begin, or cannot."""
        member = self.members.get(message.segment)
        if member is None or not member.live or member.phase is not SegmentPhase.PREPARING:
            return
        if message.fault:
            member.fate, member.phase = Fate.FINISHED, SegmentPhase.FAILED
            said = f"{member.worker.worker_id} cannot prepare: {message.fault}. {message.remedy}"
            if member.late:
                self._note(said)
            elif self.state is RunState.PREPARING:
                self.fail(said)
            return
        member.phase = SegmentPhase.READY
        if member.late:
            self._start.tell(member)
        else:
            self._arm(now_ns)

    def armed(self, message: Armed) -> None:
        """A worker will begin when it was told to: whether all will, the next tick sees."""
        member = self.members.get(message.segment)
        if member is not None and member.phase is SegmentPhase.READY:
            member.phase = SegmentPhase.ARMED

    def answered(self, message: ChangeAnswer, now_ns: int) -> None:
        """A worker can change, or has changed, or cannot."""
        self.agreement.answered(message)
        if self.state is RunState.RUNNING and self.agreement.awaits_nobody:
            self.agreement.advance(now_ns)

    def heard(self, status: SegmentStatus, heard_ns: int) -> None:
        """
        A worker says where a segment of it stands. What follows from it the next tick brings, as from all that were
        heard until then: to look at a thousand members for each of a thousand heartbeats would take all of a processor.
        """
        member = self.members.get(status.segment)
        if member is None:
            return
        if status.phase is SegmentPhase.RUNNING and self.barrier_ns is None and status.run_offset_ns:
            # After a restart: as close as a heartbeat's journey, which is all that a change's lead asks for.
            self._start.barrier_ns = heard_ns - status.run_offset_ns
        before, member.unheard = member.phase, False
        if not (before is SegmentPhase.ARMED and status.phase is SegmentPhase.READY):
            member.phase = status.phase
        if status.final and member.batches != status.sealed:
            member.batches = status.sealed
            self._touch()
        if member.live and status.phase in (SegmentPhase.FENCED, SegmentPhase.FAILED):
            # Its own word is proof: it sends nothing any more.
            self._lose(member, f"{status.phase.value} {status.detail}".strip(), heard_ns)
        elif member.live and status.phase in (SegmentPhase.ENDED, SegmentPhase.DONE):
            member.fate = Fate.FINISHED
            self._note(f"{member.worker.worker_id} has ended")
        elif self._slept_through_the_start(member, status, heard_ns):
            self._lose(member, "it has not started", heard_ns)

    def silent(self, worker_id: str, now_ns: int) -> None:
        """The last lease that a worker can have has run out: unless it was told to finish alone, it sends nothing."""
        for member in self.members_of(worker_id):
            self.errands.gone(member)
            if member.live:
                if self._finishes_alone and member.phase.sends:
                    member.unheard = True
                    self._note(f"{worker_id} is not heard of; it finishes alone")
                else:
                    self._lose(member, "silent", now_ns)
        self._look(now_ns)

    def goodbye(self, worker_id: str, now_ns: int) -> None:
        """A worker wants to leave."""
        for member in self.members_of(worker_id):
            if member.live and not member.leaving:
                member.leaving = True
                self._note(f"{worker_id} leaves")
        self._look(now_ns)

    def attached(self, worker_id: str, now_ns: int) -> None:
        """A worker is there again: what it has to know is said once more, for it may have been lost on the way."""
        for member in self.members_of(worker_id):
            self.errands.attached(member)
            self.errands.tell(member, self.submission, self._allowed)
            if not member.live or self._failing:
                continue
            if self.desired is not Desired.RUN and self.state is RunState.DRAINING:
                self._send(member, self._ending(member))
            elif member.phase is SegmentPhase.PREPARING and self.errands.may_prepare:
                self._prepare(member.segment)
            elif member.phase is SegmentPhase.READY and self.state is RunState.ARMED and self.barrier_ns is not None:
                self._start.tell(member)
        self.agreement.attached(worker_id)
        self._look(now_ns)

    def offer(self, worker: WorkerFacts, now_ns: int) -> bool:
        """A worker is idle. Whether it is taken as a spare: only where somebody was lost and its place is empty."""
        if (
            self.state is not RunState.RUNNING
            or self.desired is not Desired.RUN
            or self.submission.on_worker_loss != "rebalance"
            or self.barrier_ns is None
            or not self.errands.may_prepare
            or not has_room(self.members.values(), worker.worker_id, self.submission.workers or 0)
            or not self._time_for_change(now_ns)
        ):
            return False
        segment = max(self.members) + 1
        self._take_in(Member(segment, worker, late=True))
        self._note(f"{worker.worker_id} is taken as a spare")
        self._prepare(segment)
        return True

    def tick(self, now_ns: int) -> None:
        """Time has passed."""
        self._look(now_ns)

    def collected(self) -> None:
        """All results are in, or are not waited for any longer."""
        if self.state is RunState.COLLECTING:
            self._dismiss_all()
            self._enter(RunState.FINISHED, "it has a verdict")

    def restore(self, document: Mapping[str, Any], now_ns: int, patience_ns: int) -> None:
        """Go on from what was written down. Who has not been heard of within `patience_ns` is given up elsewhere."""
        super().restore(document, now_ns, patience_ns)
        if self.state is RunState.PREPARING and not self.errands.may_prepare:
            self.fail("the controller is gone that knew what its set-up has handed over")

    # How it goes on.

    def _look(self, now_ns: int) -> None:
        """Do whatever can be done now."""
        if self._failing or self.state is RunState.COLLECTING:
            self.errands.look(self.members.values(), now_ns)
        if self._failing:
            if not self.errands.owes_teardown:
                self._failing = False
                self._dismiss_all()
                self._enter(RunState.FAILED, self.reason)
            return
        if self.state is RunState.PREPARING:
            self._arm(now_ns)
        if self.state is RunState.ARMED:
            self._watch_the_start(now_ns)
        if self.state is RunState.RUNNING:
            self._watch_the_shares(now_ns)
        if self.state in (RunState.RUNNING, RunState.DRAINING):
            self._watch_the_end(now_ns)

    def _arm(self, now_ns: int) -> None:
        live = [member for member in self.members.values() if member.live]
        if (
            self._failing
            or self.state is not RunState.PREPARING
            or any(member.phase is not SegmentPhase.READY for member in live)
        ):
            return
        self._start.arm(live, now_ns)
        self._enter(RunState.ARMED, "all are ready: it starts in a moment")

    def _watch_the_start(self, now_ns: int) -> None:
        standing = self._start.look([member for member in self.members.values() if member.live], now_ns)
        if standing is Standing.BEGUN:
            self._enter(RunState.RUNNING, "it runs")
        elif standing is Standing.BEGUN_BY_SOME:
            self._enter(RunState.RUNNING, "it runs, though not everybody has said so")
        elif standing is Standing.HOPELESS:
            self.fail("it could not be started: its workers did not answer")
        elif standing is Standing.ONCE_MORE:
            self._enter(RunState.PREPARING, "nobody has started: once more")
            self._arm(now_ns)

    def _watch_the_shares(self, now_ns: int) -> None:
        self.agreement.advance(now_ns)
        if self.agreement.pending or self.desired is not Desired.RUN or self.barrier_ns is None:
            return
        after = current = self.agreement.shares
        self._let_go(current, now_ns)
        if not self._time_for_change(now_ns):
            self.agreement.asked = []
            return
        if self.submission.on_worker_loss == "rebalance":
            after = self._apportioned(current)
        if after != current or self.agreement.asked:
            self.agreement.propose(after, self._next_change_ns(now_ns), now_ns)

    def _apportioned(self, current: Mapping[int, Share]) -> dict[int, Share]:
        """Worked out anew only where somebody stands otherwise than before: of a thousand it takes milliseconds."""
        standing = self.ledger.last.number, [(each.stays, each.holds_its_share) for each in self.members.values()]
        if standing != self._standing:
            self._standing, self._shares_due = standing, apportioned(self.members.values(), current)
        return self._shares_due

    def _let_go(self, shares: Mapping[int, Share], now_ns: int) -> None:
        """Who leaves and owns nothing any more may end."""
        if self.offset_ns(now_ns) < self.ledger.last.effective_ns + LETTING_GO_NS:
            return
        for member in self.members.values():
            if member.leaving and not member.let_go and member.live and member.segment not in shares:
                member.let_go = True
                self._send(member, Stop(self.run_id, member.segment))

    def _slept_through_the_start(self, member: Member, status: SegmentStatus, heard_ns: int) -> bool:
        """A word to start that comes after the start is refused, so who is only ready then will send nothing."""
        late = self.barrier_ns is not None and heard_ns > self.barrier_ns + STILL_READY_NS
        ready = status.phase in (SegmentPhase.PREPARING, SegmentPhase.READY)
        return member.live and not member.late and ready and late and self.state is RunState.RUNNING

    def _watch_the_end(self, now_ns: int) -> None:
        live = [member for member in self.members.values() if member.live]
        timed = self._planned_end_ns is not None and self.barrier_ns is not None
        if self.state is RunState.RUNNING and timed and self.offset_ns(now_ns) >= (self._planned_end_ns or 0):
            self._enter(RunState.DRAINING, "nothing new falls due")
        for member in live:
            if member.unheard and timed and self.offset_ns(now_ns) >= (self._planned_end_ns or 0) + self._drain_ns:
                self._lose(member, "not heard of again", now_ns)
        live = [member for member in live if member.live]
        if not live and self.state in (RunState.RUNNING, RunState.DRAINING):
            self._enter(RunState.COLLECTING, "nobody sends any more")

    def _time_for_change(self, now_ns: int) -> bool:
        end_ns = self._planned_end_ns
        return end_ns is None or self._next_change_ns(now_ns) < end_ns

    def _next_change_ns(self, now_ns: int) -> int:
        """The first moment of the run that a change can be agreed on for. None lies within the warm-up."""
        return max(self.offset_ns(now_ns) + CHANGE_LEAD_NS, self._warmup_ns)

    def _lose(self, member: Member, why: str, now_ns: int) -> None:
        member.fate = Fate.LOST
        self._note(f"{member.worker.worker_id} is lost: {why}")
        if self.state in (RunState.PREPARING, RunState.ARMED) and not member.late:
            begun = any(other.phase is SegmentPhase.RUNNING for other in self.members.values() if other.live)
            if not begun and self.state is RunState.PREPARING:
                doing = "prepared"
                if self.errands.is_at_setup(member):
                    doing = "set up: another does not do it again, for it may be done by half"
                self.fail(f"{member.worker.worker_id} was lost while it {doing}")
                return
        live = sum(other.live for other in self.members.values())
        ended_well = any(other.fate is Fate.FINISHED for other in self.members.values())
        if self.state.is_over or self.desired is not Desired.RUN or ended_well:
            return
        if self.submission.on_worker_loss == "abort":
            self.ask(Desired.ABORT, f"{member.worker.worker_id} was lost", now_ns)
        elif live < self.submission.least_workers:
            self.ask(Desired.ABORT, f"only {live} workers are left of at least {self.submission.least_workers}", now_ns)

    def _ending(self, member: Member) -> ControllerMessage:
        kind = Abort if self.desired is Desired.ABORT else Stop
        return kind(self.run_id, member.segment)

    def _prepare(self, segment: int) -> None:
        member, asked = self.members[segment], self.submission
        share = NOTHING if member.late else self.ledger.last.share_of(segment)
        self._send(
            member,
            Prepare(
                self.run_id,
                segment,
                asked.plan,
                asked.plan_sha256,
                results=self.results,
                share=share,
                allowed=self._allowed,
                on_lost_control=asked.on_lost_control,
                shared=self.errands.shared,
                bundle=asked.bundle,
            ),
        )

    def _payload_bytes(self) -> int:
        return len(self.submission.plan.encode()) + len(self.submission.bundle.encode())

    def _prepare_all(self) -> None:
        for segment in self.members:
            self._prepare(segment)

    def _dismiss_all(self) -> None:
        for member in self.members.values():
            self._send(member, Dismiss(self.run_id, member.segment))
