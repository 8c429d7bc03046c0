"""
All runs and all workers of a controller: who says what to whom.

Pure, as its parts are. Whoever drives it tells it what was heard and what time it is. What a run has to say
(`take_outbox_of`) may be sent only once the run is written down; what keeps workers alive (`take_outbox`) waits for
nothing: a database that is gone must not cost anybody its lease.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from apibench.controller.agents import Agents
from apibench.controller.fleet import PINGS_AT_FIRST, Fleet
from apibench.controller.run_book import Outgoing
from apibench.controller.run_machine import RunMachine
from apibench.model.control import (
    Armed,
    ChangeAnswer,
    ClockPong,
    Dismiss,
    Goodbye,
    Heartbeat,
    Hello,
    Prepared,
    SetUpDone,
    StartAt,
    TornDown,
    WorkerMessage,
)
from apibench.model.installation import RunState
from apibench.model.provision import Provision
from apibench.model.submission import RunSubmission
from apibench.model.units import NS_PER_S
from apibench.model.worker import SegmentStatus, WorkerFacts

PING_EVERY_NS = 5_000_000_000


class Orchestration:
    """What the controller knows, and does about it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.agents = Agents(fleet.term)
        self.runs: dict[str, RunMachine] = {}
        """Those that are not over."""
        self._waiting_until_ns: dict[str, int] = {}
        self._pinged_ns: dict[str, int] = {}
        self._outbox: list[Outgoing] = []

    def add(self, machine: RunMachine, now_ns: int) -> None:
        """A run that is to begin as soon as there are workers for it."""
        self.runs[machine.run_id] = machine
        self._waiting_until_ns[machine.run_id] = now_ns + machine.submission.patience_s * NS_PER_S

    def restore(self, machine: RunMachine, document: Mapping[str, Any], now_ns: int, grace_ns: int = 0) -> None:
        """A run that was written down: nobody of it has been heard of yet. `grace_ns` as for `Fleet.expect`."""
        lease_ns = self.fleet.lease_ns
        machine.restore(document, now_ns, lease_ns + lease_ns // 50)
        self.runs[machine.run_id] = machine
        patience_ns = machine.submission.patience_s * NS_PER_S
        self._waiting_until_ns[machine.run_id] = now_ns + patience_ns
        for member in machine.members.values():
            if member.live:
                self.fleet.expect(member.worker, now_ns, grace_ns)

    def forget(self, run_id: str) -> None:
        """A run is over and written down. Workers that were made for it alone may go."""
        self.runs.pop(run_id, None)
        self._outbox += [(each.worker_id, Dismiss(run_id, 0)) for each in self.fleet.made_for(run_id)]
        self._waiting_until_ns.pop(run_id, None)

    def hear(self, worker_id: str, message: WorkerMessage, now_ns: int) -> None:
        """A worker has said something; the first is a Hello."""
        match message:
            case Hello():
                self._hello(message, now_ns)
            case Heartbeat():
                for status in message.segments:
                    self._status(status, now_ns)
                self._outbox.append((worker_id, self.fleet.heartbeat(worker_id, message, now_ns, self._held_by)))
            case ClockPong():
                self.fleet.pong(worker_id, message, now_ns)
                if self.fleet.known[worker_id].pings < PINGS_AT_FIRST:
                    self._ping(worker_id, now_ns)
            case Goodbye():
                self.fleet.leaves(worker_id, message.reason)
                for machine in self.runs.values():
                    machine.goodbye(worker_id, now_ns)
            case _:
                self._answer(message, now_ns)

    def tick(self, now_ns: int) -> None:
        """Time has passed."""
        for worker_id in self.fleet.newly_silent(now_ns):
            for machine in self.runs.values():
                machine.silent(worker_id, now_ns)
        for worker_id, known in self.fleet.known.items():
            if known.attached and now_ns >= self._pinged_ns.get(worker_id, 0) + PING_EVERY_NS:
                self._ping(worker_id, now_ns)
        self.fleet.forget(now_ns, self._busy)
        for machine in list(self.runs.values()):
            if machine.state is RunState.QUEUED:
                self._try_to_begin(machine, now_ns)
            elif machine.state is RunState.PREPARING and now_ns > self._waiting_until_ns[machine.run_id]:
                machine.fail("its workers were not ready in time")
            machine.tick(now_ns)
            self._offer_spares(machine, now_ns)

    def take_outbox(self) -> list[Outgoing]:
        """What is to be sent at once, in order."""
        outbox, self._outbox = self._outbox, []
        return outbox

    def take_outbox_of(self, machine: RunMachine) -> list[Outgoing]:
        """What a run has to say, in order, with moments on its receivers' clocks."""
        outgoing: list[Outgoing] = []
        for worker_id, message in machine.take_outbox():
            if isinstance(message, StartAt):
                outgoing += self._on_its_clock(machine, worker_id, message)
            else:
                outgoing.append((worker_id, message))
        return outgoing

    def wanted(self) -> dict[str, list[Provision]]:
        """Workers that agents are to make, by region: for as long as a run is not over."""
        found: dict[str, list[Provision]] = {}
        for machine in self.runs.values():
            if machine.submission.workers_from == "agent" and not machine.state.is_over:
                for region, count in machine.submission.regions.items():
                    found.setdefault(region, []).append(Provision(machine.run_id, count, machine.life_s))
        return found

    def run_of(self, worker_id: str) -> str:
        """The run that a worker has part in; empty where it is idle."""
        for run_id, machine in self.runs.items():
            if any(member.live for member in machine.members_of(worker_id)):
                return run_id
        return ""

    def _hello(self, hello: Hello, now_ns: int) -> None:
        worker_id = hello.worker.worker_id
        welcome = self.fleet.attach(hello, now_ns)
        self._outbox.append((worker_id, welcome))
        if welcome.refused:
            return
        if hello.worker.run_id and hello.worker.run_id not in self.runs:
            self._outbox.append((worker_id, Dismiss(hello.worker.run_id, 0)))
        self._ping(worker_id, now_ns)
        for status in hello.held:
            self._status(status, now_ns)
        self._begun_anew(hello, now_ns)
        for machine in self.runs.values():
            machine.attached(worker_id, now_ns)

    def _begun_anew(self, hello: Hello, now_ns: int) -> None:
        """Who does not know a segment that it had has lost its memory, and its engine with it: that is proof."""
        held = {(status.run_id, status.segment) for status in hello.held}
        for machine in self.runs.values():
            for member in machine.members_of(hello.worker.worker_id):
                if (machine.run_id, member.segment) in held:
                    continue
                if not member.live:
                    machine.errands.gone(member)
                elif member.worker != hello.worker:
                    machine.silent(hello.worker.worker_id, now_ns)

    def _status(self, status: SegmentStatus, now_ns: int) -> None:
        machine = self.runs.get(status.run_id)
        if machine is not None:
            machine.heard(status, now_ns)

    def _answer(self, message: WorkerMessage, now_ns: int) -> None:
        match message:
            case Prepared() | Armed() | ChangeAnswer() | SetUpDone() | TornDown():
                machine = self.runs.get(message.run_id)
            case _:
                machine = None
        if machine is None:
            return
        match message:
            case Prepared():
                machine.prepared(message, now_ns)
            case Armed():
                machine.armed(message)
            case ChangeAnswer():
                machine.answered(message, now_ns)
            case SetUpDone():
                machine.set_up(message, now_ns)
            case TornDown():
                machine.torn_down(message, now_ns)
            case _:
                pass

    def _try_to_begin(self, machine: RunMachine, now_ns: int) -> None:
        chosen = _choose(machine.submission, self._candidates(machine))
        if chosen:
            patience_ns = machine.submission.patience_s * NS_PER_S + (machine.errands.setup_ns or 0)
            self._waiting_until_ns[machine.run_id] = now_ns + patience_ns
            machine.begin(chosen)
        elif hopeless := self.agents.hopeless(machine.run_id):
            machine.fail(f"its workers cannot be made: {hopeless}")
        elif now_ns > self._waiting_until_ns[machine.run_id]:
            machine.fail(self._too_few(machine, now_ns))

    def _too_few(self, machine: RunMachine, now_ns: int) -> str:
        asked = machine.submission
        said = f"there were not enough idle workers within {asked.patience_s} s"
        lacking = self.agents.lacking(machine.run_id, asked.regions, now_ns) if asked.workers_from == "agent" else ""
        return f"{said}: {lacking}" if lacking else said

    def _candidates(self, machine: RunMachine) -> list[WorkerFacts]:
        """Who is free for a run: those made for it, or those that wait for any."""
        made_for = machine.run_id if machine.submission.workers_from == "agent" else ""
        return [worker for worker in self.fleet.idle(self._busy()) if worker.run_id == made_for]

    def _offer_spares(self, machine: RunMachine, now_ns: int) -> None:
        if machine.state is RunState.RUNNING and machine.misses_workers:
            for worker in self._candidates(machine):
                machine.offer(worker, now_ns)

    def _busy(self) -> set[str]:
        return {
            member.worker.worker_id
            for machine in self.runs.values()
            for member in machine.members.values()
            if member.live and not machine.state.is_over
        }

    def _held_by(self, worker_id: str) -> tuple[tuple[str, int], ...]:
        return tuple(held for machine in self.runs.values() for held in machine.held_by(worker_id))

    def _ping(self, worker_id: str, now_ns: int) -> None:
        self._pinged_ns[worker_id] = now_ns
        self._outbox.append((worker_id, self.fleet.ping(worker_id, now_ns)))

    def _on_its_clock(self, machine: RunMachine, worker_id: str, message: StartAt) -> list[Outgoing]:
        known = self.fleet.known.get(worker_id)
        if known is None:
            return []
        if not known.clock.known:
            # It has just come back, and its clock is being looked at: until then it has to wait.
            machine.put_back(worker_id, message)
            return []
        translated = self.fleet.in_its_clock(worker_id, message)
        machine.members[message.segment].clock_error_ns = translated.clock_error_ns
        return [(worker_id, translated)]


def _choose(submission: RunSubmission, idle: Iterable[WorkerFacts]) -> list[WorkerFacts]:
    """Workers for a run; none while there are not enough."""
    free = list(idle)
    if submission.regions:
        chosen: list[WorkerFacts] = []
        for region, count in submission.regions.items():
            there = [worker for worker in free if worker.region == region][:count]
            if len(there) < count:
                return []
            chosen += there
        return chosen
    if submission.workers is None:
        return free
    return free[: submission.workers] if len(free) >= submission.workers else []
