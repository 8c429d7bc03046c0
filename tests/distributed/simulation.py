"""
A controller, some workers, their clocks and a network that loses, delays and cuts, in virtual time.

The controller's and the workers' machines are the real ones; the engine is replaced by one that knows exactly which
arrivals it has sent and when. After each step it is checked that no arrival was sent twice, none before it was due,
and none by a worker that the ledger does not name for it.
"""

import heapq
import json
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from apibench.controller.fleet import Fleet
from apibench.controller.orchestration import Orchestration
from apibench.controller.run_keeper import GATHER_S
from apibench.controller.run_machine import RunMachine
from apibench.model.control import Prepare, SetUp, SetUpDone, TornDown
from apibench.model.errand import ErrandReport, ErrandState
from apibench.model.errors import ChangeRefused
from apibench.model.installation import RunState
from apibench.model.ledger import NOTHING, Ledger
from apibench.model.rate_change import RateChange
from apibench.model.share import GOLDEN, RING, Share
from apibench.model.submission import RunSubmission
from apibench.model.worker import WorkerFacts
from apibench.worker.machine import WorkerMachine

MS = 1_000_000
S = 1_000_000_000
STEP_NS = 20 * MS
AHEAD_NS = 50 * MS
"""How far ahead the engine wants a change."""
GATHER_NS = round(GATHER_S * S)
LEASE_NS = 4 * S
ERRAND_NS = S
"""How long set-up and tear-down take."""
SHARED = '{"token": "\\"t\\""}'


class Schedule:
    """When each arrival is due after the barrier, with the rates that hold from some moments on."""

    def __init__(self, per_s: int, end_ns: int, rates: Sequence[RateChange] = ()) -> None:
        self.due_ns: list[int] = []
        self._owned: dict[int, tuple[Share, list[int]]] = {}
        """By the identity of a share, which is kept for that: to hash its cuts takes longer than all else."""
        spans = [(0, per_s), *((each.at_ns, each.rate.count * S // each.rate.per_ns) for each in rates), (end_ns, 0)]
        carried = 0.5
        for (from_ns, rate), (following_ns, _) in pairwise(spans):
            until_ns = min(following_ns, end_ns)
            if until_ns <= from_ns:
                continue
            length = (until_ns - from_ns) / S * rate
            number = carried
            while number < length:
                self.due_ns.append(from_ns + int(number / rate * S))
                number += 1
            carried = number - length
        self._on_the_ring = sorted((number * GOLDEN % RING, number) for number in range(len(self.due_ns)))

    def owned(self, share: Share, from_ns: int, until_ns: int) -> Iterator[int]:
        """Numbers of a share that are due between two moments, both included, without a look at those of others."""
        if id(share) not in self._owned:
            cuts = [(bisect_left(self._on_the_ring, (cut.low, 0)), cut.high) for cut in share.cuts]
            found = [self._on_the_ring[first : bisect_left(self._on_the_ring, (high + 1, 0))] for first, high in cuts]
            self._owned[id(share)] = share, sorted(number for each in found for _, number in each)
        _, mine = self._owned[id(share)]
        at, end = bisect_left(mine, bisect_left(self.due_ns, from_ns)), bisect_right(self.due_ns, until_ns)
        while at < len(mine) and mine[at] < end:
            yield mine[at]
            at += 1


@dataclass(frozen=True)
class Sent:
    """One arrival that went out."""

    number: int
    due_ns: int
    at_ns: int
    segment: int


class FakeEngine:
    """Sends what is due, exactly as the real one promises to."""

    def __init__(self, world: "World", host: "Host", prepare: Prepare) -> None:
        self.world, self.host, self.segment = world, host, prepare.segment
        self.barrier_ns: int | None = None
        self.shares: list[tuple[int, Share]] = []
        self.rates: list[RateChange] = []
        self.lease_until_ns = 0
        self.stopped = False
        self.fenced = False
        self.done_ns = -1
        """Up to where after the barrier everything is worked off."""

    def start(self, barrier_ns: int, share: Share, lease_until_ns: int) -> None:
        self.barrier_ns, self.lease_until_ns = barrier_ns, lease_until_ns
        self.shares = [(0, share)]

    def change(self, effective_ns: int, share: Share, rates: Sequence[RateChange]) -> None:
        assert self.barrier_ns is not None
        if effective_ns < self.host.now_ns() - self.barrier_ns + AHEAD_NS:
            raise ChangeRefused("the moment is too near, or over", "Ask for a later one.")
        self.shares = [each for each in self.shares if each[0] < effective_ns]
        self.shares.append((effective_ns, share))
        self.rates.extend(rates)

    def extend_lease(self, until_ns: int) -> bool:
        if self.host.now_ns() >= self.lease_until_ns:
            self.fenced = True
            return False
        self.lease_until_ns = max(self.lease_until_ns, until_ns)
        return True

    def stop(self) -> None:
        self.stopped = True

    def abort(self) -> None:
        self.stopped = True

    def give_up(self) -> None:
        self.stopped = True

    @property
    def over(self) -> bool:
        if self.barrier_ns is None:
            return False
        return self.stopped or self.fenced or self.done_ns >= self.world.end_ns

    def work(self) -> None:
        """Send what is due by now, if it may."""
        if self.barrier_ns is None or self.over:
            return
        now_ns = self.host.now_ns()
        if now_ns >= self.lease_until_ns:
            self.fenced = True
            return
        offset_ns = now_ns - self.barrier_ns
        schedule = self.world.schedule(self.rates)
        for (from_ns, share), (until_ns, _) in pairwise([*self.shares, (offset_ns + 1, NOTHING)]):
            for number in schedule.owned(share, max(from_ns, self.done_ns + 1), min(until_ns - 1, offset_ns)):
                self.world.sent(Sent(number, schedule.due_ns[number], offset_ns, self.segment))
        self.done_ns = max(self.done_ns, offset_ns)


@dataclass
class Host:
    """A worker's machine: its clock, its process, its lines to the controller."""

    world: "World"
    name: str
    clock_offset_ns: int
    machine: WorkerMachine
    engines: dict[tuple[str, int], FakeEngine] = field(default_factory=dict)
    alive: bool = True
    frozen_until_ns: int = 0
    cut_until_ns: int = 0
    attached: bool = False
    next_heartbeat_ns: int = 0
    instance: int = 0
    line: int = 0
    """Which connection this is: what is under way on an earlier one is gone."""
    unprepared: list[tuple[str, int]] = field(default_factory=list)
    errands: list[tuple[int, SetUpDone | TornDown]] = field(default_factory=list)
    """When each is done, and what it will have come to."""
    shared: set[str] = field(default_factory=set)
    """What it was told that set-up has handed over."""

    def now_ns(self) -> int:
        return self.world.now_ns + self.clock_offset_ns

    def set_up(self, message: SetUp) -> None:
        self.world.setups.append(self.name)
        end = SetUpDone(message.run_id, message.segment, self.world.setup_comes_to, SHARED)
        self.errands.append((self.world.now_ns + ERRAND_NS, end))

    def tear_down(self, prepared: Prepare) -> None:
        assert prepared.shared == SHARED
        self.world.teardowns.append(self.name)
        self.world.torn_down_ns = self.world.now_ns
        end = TornDown(prepared.run_id, prepared.segment, ErrandReport(ErrandState.OK, 1))
        self.errands.append((self.world.now_ns + ERRAND_NS, end))

    def prepare(self, prepare: Prepare) -> FakeEngine:
        self.shared.add(prepare.shared)
        engine = FakeEngine(self.world, self, prepare)
        self.engines[prepare.run_id, prepare.segment] = engine
        self.unprepared.append((prepare.run_id, prepare.segment))
        return engine


class World:
    """Everything, in virtual time."""

    def __init__(
        self, seed: int, *, workers: int = 3, per_s: int = 200, end_s: int = 12, errands: bool = False, **words: Any
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - chance for a test
        self.now_ns = 1_000 * S
        self.per_s, self.end_ns = per_s, end_s * S
        self.log: list[Sent] = []
        self.seen: dict[int, Sent] = {}
        self.asked_to_stop_ns: int | None = None
        self.hosts: dict[str, Host] = {}
        self.network: list[tuple[int, int, Any]] = []
        """When it arrives, its place in the order of sending, and what to do then: a heap, for a thousand workers."""
        self.order = 0
        self.last_arrival: dict[tuple[str, str], int] = {}
        self.disk: dict[str, Any] = {}
        self.saved_ns = 0
        self.controller: Orchestration | None = None
        self.term = 0
        self.submission = RunSubmission("{}", "", workers=workers, patience_s=30, **words)
        self.schedules: dict[tuple[RateChange, ...], Schedule] = {}
        self.histories: list[str] = []
        self.errands_ns = 10 * S if errands else None
        self.setup_comes_to = ErrandReport(ErrandState.OK, 2)
        self.setups: list[str] = []
        self.teardowns: list[str] = []
        self.torn_down_ns = 0
        for number in range(workers):
            self.add_host(f"w{number}")
        self.start_controller()
        self.orchestration.add(self.new_machine("run"), self.now_ns)
        self.save()

    def new_machine(self, run_id: str) -> RunMachine:
        once = self.errands_ns
        return RunMachine(run_id, self.submission, self.end_ns, setup_ns=once, teardown_ns=once)

    def add_host(self, name: str) -> Host:
        host = Host(self, name, self.random.randrange(10**15), None)  # type: ignore[arg-type]
        host.machine = WorkerMachine(WorkerFacts(name, f"{name}.0", "1", cpus=self.random.choice((1, 1, 2, 4))), host)
        self.hosts[name] = host
        return host

    def schedule(self, rates: Sequence[RateChange]) -> Schedule:
        key = tuple(rates)
        if key not in self.schedules:
            self.schedules[key] = Schedule(self.per_s, self.end_ns, key)
        return self.schedules[key]

    def sent(self, sent: Sent) -> None:
        before = self.seen.get(sent.number)
        assert before is None, f"sent twice: {before} and {sent}"
        assert sent.at_ns >= sent.due_ns, f"sent before it was due: {sent}"
        assert not self.teardowns, f"sent behind tear-down: {sent}"
        assert self.errands_ns is None or self.setups, f"sent before set-up: {sent}"
        self.seen[sent.number] = sent
        self.log.append(sent)

    # The controller's process.

    def start_controller(self) -> None:
        self.term += 1
        self.controller = Orchestration(Fleet(self.term, lease_ns=LEASE_NS))
        for run_id, document in self.disk.items():
            machine = self.new_machine(run_id)
            kept = json.loads(document)
            if kept["state"] == "queued":
                self.controller.add(machine, self.now_ns)
            else:
                self.controller.restore(machine, kept, self.now_ns)

    def kill_controller(self) -> None:
        self.controller = None
        for host in self.hosts.values():
            host.attached = False
        self.network.clear()

    def save(self) -> None:
        assert self.controller is not None
        self.saved_ns = self.now_ns
        for run_id, machine in self.controller.runs.items():
            if machine.changed or run_id not in self.disk:
                self.histories += [f"{self.now_ns / S:.2f} {event}" for event in machine.take_events()]
                self.disk[run_id] = json.dumps(machine.to_document())

    def flush(self) -> None:
        """Write down, then send. What nobody waits for is written down later, and a controller may die before."""
        assert self.controller is not None
        awaited = any(machine.has_messages for machine in self.controller.runs.values())
        if awaited or self.now_ns >= self.saved_ns + GATHER_NS:
            self.save()
        outgoing = self.controller.take_outbox()
        for machine in self.controller.runs.values():
            outgoing += self.controller.take_outbox_of(machine)
        for worker_id, message in outgoing:
            host = self.hosts.get(worker_id)
            if host is not None and host.attached:
                self.deliver("down", host, message)

    @property
    def orchestration(self) -> Orchestration:
        assert self.controller is not None
        return self.controller

    @property
    def machine(self) -> RunMachine:
        assert self.controller is not None
        return self.controller.runs["run"]

    # The network: in order on each line, late at random, gone where it is cut.

    def deliver(self, way: str, host: Host, message: Any) -> None:
        if self.now_ns < host.cut_until_ns:
            return
        arrives_ns = self.now_ns + self.random.randrange(1, 40) * MS
        key = (way, host.name)
        arrives_ns = max(arrives_ns, self.last_arrival.get(key, 0))
        self.last_arrival[key] = arrives_ns
        self.order += 1
        envelope = way, host.name, host.line, message, self.term
        heapq.heappush(self.network, (arrives_ns, self.order, envelope))

    def drop_lines(self, host: Host) -> None:
        """The connection breaks: what is under way is gone."""
        host.attached = False
        host.line += 1
        if self.controller is not None:
            self.controller.fleet.detach(host.name)

    def arrive(self, way: str, name: str, line: int, message: Any, term: int) -> None:
        host = self.hosts[name]
        if self.now_ns < host.cut_until_ns or (host.line, self.term) != (line, term):
            return
        if way == "up":
            if self.controller is not None:
                self.controller.hear(name, message, self.now_ns)
        elif host.alive:
            for answer in host.machine.hear(message, host.now_ns):
                self.deliver("up", host, answer)

    # Faults.

    def kill(self, host: Host) -> None:
        host.alive = False
        self.drop_lines(host)

    def restart(self, host: Host) -> None:
        """The process begins anew; it remembers only its name."""
        host.instance += 1
        host.line += 1
        host.alive, host.attached, host.frozen_until_ns = True, False, 0
        host.engines.clear()
        host.unprepared.clear()
        host.errands.clear()
        facts = host.machine.facts
        renewed = WorkerFacts(facts.worker_id, f"{host.name}.{host.instance}", "1", cpus=facts.cpus)
        host.machine = WorkerMachine(renewed, host)

    # Time.

    def step(self) -> None:
        self.now_ns += STEP_NS
        while self.network and self.network[0][0] <= self.now_ns:
            _, order, envelope = heapq.heappop(self.network)
            way, name = envelope[:2]
            if way == "down" and self.hosts[name].frozen_until_ns > self.now_ns:
                heapq.heappush(self.network, (self.hosts[name].frozen_until_ns, order, envelope))
                continue
            self.arrive(*envelope)
        for host in self.hosts.values():
            self.run_host(host)
        if self.controller is not None:
            self.controller.tick(self.now_ns)
            self.flush()

    def run_host(self, host: Host) -> None:
        if not host.alive or self.now_ns < host.frozen_until_ns:
            return
        for key, engine in host.engines.items():
            engine.work()
            segment = host.machine.segments.get(key)
            if segment is not None and engine.over and not segment.final:
                segment.ended(fenced=engine.fenced)
        while host.unprepared:
            segment = host.machine.segments.get(host.unprepared.pop())
            if segment is not None:
                for answer in segment.prepared(None):
                    self.deliver("up", host, answer)
        self.run_errands(host)
        if self.now_ns < host.cut_until_ns:
            host.attached = False
        elif not host.attached and self.controller is not None:
            self.drop_lines(host)
            host.attached = True
            for message in host.machine.hello(host.now_ns()):
                self.deliver("up", host, message)
        if host.attached and host.machine.heartbeat_ns and self.now_ns >= host.next_heartbeat_ns:
            host.next_heartbeat_ns = self.now_ns + host.machine.heartbeat_ns
            self.deliver("up", host, host.machine.heartbeat(host.now_ns()))

    def run_errands(self, host: Host) -> None:
        for errand in [each for each in host.errands if each[0] <= self.now_ns]:
            host.errands.remove(errand)
            for answer in host.machine.errand_done(errand[1]):
                self.deliver("up", host, answer)

    def run(self, seconds: float) -> None:
        until_ns = self.now_ns + int(seconds * S)
        while self.now_ns < until_ns:
            self.step()

    def run_until(self, state: RunState, seconds: float = 60) -> None:
        until_ns = self.now_ns + int(seconds * S)
        while self.now_ns < until_ns:
            self.step()
            if self.controller is not None and self.machine.state is state:
                return
        told = "\n".join(self.histories)
        raise AssertionError(f"not {state.value} after {seconds} s, but {self.machine.state.value}\n{told}")

    # What must hold in the end.

    def check_the_ledger(self) -> None:
        """Whoever sent an arrival was named for it: what is owed and by whom follows from the ledger alone."""
        ledger = self.machine.ledger
        for sent in self.log:
            revision = [each for each in ledger.revisions if each.effective_ns <= sent.due_ns][-1]
            assert revision.share_of(sent.segment).owns(sent.number), f"{sent} is not by {revision}"

    def owed(self, ledger: Ledger) -> list[int]:
        """When each arrival was due, by the ledger's rates."""
        return self.schedule(ledger.rates_by(ledger.last.number)).due_ns
