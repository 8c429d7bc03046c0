"""
A worker's process: it dials the controller, says that it is alive, runs what it is given, and delivers the results.

Every conversation that breaks is begun again, at whichever controller answers. Meanwhile the engine goes on for as long
as its lease lasts, and its results wait in the spool.
"""

import asyncio
import contextlib
import json
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from apibench.engine.seam import Engine
from apibench.model.control import Prepare, SetUp, SetUpDone, TornDown, WorkerMessage
from apibench.model.errors import ApibenchError, CertificatesUnusable, LinkLost, Refused
from apibench.model.log_fields import about
from apibench.model.worker import WorkerFacts
from apibench.wire.seam import ControllerLink, ControllerSession, IntervalSink
from apibench.worker.code import CodeHost, NoCode
from apibench.worker.delivery import Delivery
from apibench.worker.errands import WorkerErrands
from apibench.worker.host_sampler import HostSampler
from apibench.worker.machine import Key, WorkerMachine
from apibench.worker.segment_load import Choose, SegmentLoad
from apibench.worker.segment_machine import SegmentMachine
from apibench.worker.spool import left_behind

logger = logging.getLogger(__name__)
AGAIN_S = (0.2, 2.0)
"""Between two attempts to reach a controller; drawn at random, so that a fleet does not come all at once."""
LEAVE_S = 1.9
"""How long a worker that leaves waits to be relieved of its share."""
FLUSH_S = 25.0
"""And then for its results to be safe. What is not stays in the spool."""
HEARTBEAT_S = 1.0
"""Until the controller says otherwise."""

Sinks = Callable[[str], IntervalSink]
"""The way to the aggregator at an address."""


class Worker:
    """One worker."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a worker is made of
        self,
        facts: WorkerFacts,
        engine: Engine,
        choose: Choose,
        controllers: Sequence[ControllerLink],
        sinks: Sinks,
        folder: Path,
        code: CodeHost | None = None,
        sampler: Callable[[], HostSampler] = HostSampler,
    ) -> None:
        """`code`: what runs code of others here; None: nothing does. `sampler`: what looks at the host of a segment."""
        self._code = NoCode() if code is None else code
        self._machine = WorkerMachine(facts, self)
        self._engine = engine
        self._choose = choose
        self._errands = WorkerErrands(engine, choose, self._code)
        self._controllers = controllers
        self._sinks = sinks
        self._folder = folder
        self._sampler = sampler
        self._session: ControllerSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._deliveries: dict[Key, Delivery] = {}
        self._leaving = asyncio.Event()
        self._said = ""
        """Why there is no controller, as it was logged last."""

    @property
    def refused(self) -> str:
        """Why no controller will have this worker; empty where one has."""
        return self._machine.refused

    @property
    def attached(self) -> bool:
        """Whether it is in conversation with a controller."""
        return self._session is not None

    def figures(self) -> dict[str, float]:
        """For whoever watches over it."""
        deliveries = self._deliveries.values()
        return {
            "apibench_worker_attached": int(self.attached),
            "apibench_worker_segments": len(self._machine.segments),
            "apibench_worker_batches_waiting": sum(each.sealed - each.durable for each in deliveries),
        }

    def leave(self) -> None:
        """Hand everything over and end. May be called from a signal handler of the loop."""
        self._leaving.set()

    async def run(self) -> None:
        """Work until it is told to leave."""
        self.resume()
        talking = asyncio.create_task(self._talk())
        beating = asyncio.create_task(self._beat())
        try:
            await self._leaving.wait()
            await self._hand_over()
        finally:
            for task in (talking, beating, *self._tasks):
                task.cancel()
            await asyncio.gather(talking, beating, *self._tasks, return_exceptions=True)

    def prepare(self, prepare: Prepare) -> SegmentLoad:
        """The engine of a segment that is beginning; the machine asks for it."""
        load = SegmentLoad(self._engine, prepare, self._choose, self._code)
        self._start((prepare.run_id, prepare.segment), self._carry(prepare, load))
        return load

    def set_up(self, message: SetUp) -> None:
        """Begin the set-up of a run; the machine asks for it."""
        self._start((message.run_id, message.segment), self._set_up(message))

    def tear_down(self, prepared: Prepare) -> None:
        """Begin the tear-down of a run; the machine asks for it."""
        self._start((prepared.run_id, prepared.segment), self._tear_down(prepared))

    # The conversation.

    async def _talk(self) -> None:
        turn = 0
        while True:
            link = self._controllers[turn % len(self._controllers)]
            turn += 1
            try:
                session = await link.attach()
                try:
                    await self._converse(session)
                finally:
                    self._session = None
                    await session.close()
                self._said = ""
            except (LinkLost, Refused, CertificatesUnusable) as error:
                self._complain(error)
            await asyncio.sleep(random.uniform(*AGAIN_S))  # noqa: S311 - nobody is to guess it

    def _complain(self, error: ApibenchError) -> None:
        """Once for each reason: a controller that is away for an hour is one line, not thousands."""
        if str(error) != self._said:
            self._said = str(error)
            logger.warning("no controller: %s", error)

    async def _converse(self, session: ControllerSession) -> None:
        for message in self._machine.hello(time.monotonic_ns()):
            await session.send(message)
        while True:
            heard = await session.receive()
            answers = self._machine.hear(heard, time.monotonic_ns)
            if self._machine.refused:
                raise Refused(self._machine.refused, "It is asked again, and so is every other.")
            begins = self._session is None
            self._session = session
            if begins:
                # With its answer comes the lease without which nothing can be given to this worker.
                await self._say_where_it_stands()
            for answer in answers:
                await session.send(answer)
            for key in self._machine.forget_what_is_over():
                self._deliveries.pop(key, None)
            if self._machine.is_over:
                self.leave()

    async def _beat(self) -> None:
        while True:
            await self._say_where_it_stands()
            await asyncio.sleep((self._machine.heartbeat_ns or int(HEARTBEAT_S * 1e9)) / 1e9)

    async def _say_where_it_stands(self) -> None:
        await self._say([self._machine.heartbeat(time.monotonic_ns())])

    async def _say(self, messages: Sequence[WorkerMessage]) -> None:
        session = self._session
        if session is None:
            return
        # What is lost here is said again with the next conversation.
        with contextlib.suppress(LinkLost):
            for message in messages:
                await session.send(message)

    # A segment, from its plan to its last batch.

    async def _carry(self, prepare: Prepare, load: SegmentLoad) -> None:
        try:
            await self._carry_out(prepare, load)
        finally:
            load.abort()
            await asyncio.to_thread(load.close)
        await self._say_where_it_stands()

    async def _carry_out(self, prepare: Prepare, load: SegmentLoad) -> None:
        key = (prepare.run_id, prepare.segment)
        fault = await load.prepare()
        machine = self._machine.segments.get(key)
        if machine is None:
            return  # nobody wanted it any more
        await self._say(machine.prepared(fault))
        if fault is not None or not await load.begun():
            return
        sink = self._sinks(prepare.results)
        delivery = Delivery(self._folder, *key, self._machine.facts.worker_id, sink, prepare.results)
        self._deliveries[key] = delivery
        self._start(key, delivery.run(machine.safe))
        await self._read(machine, load, delivery)

    async def _read(self, machine: SegmentMachine, load: SegmentLoad, delivery: Delivery) -> None:
        """Hand every sealed second over. The last one is known only when there is no other: so one is held back."""
        sampler = self._sampler()
        held = None
        while not load.over:
            counts = await load.next_counts()
            if counts is None:
                continue
            if held is not None:
                delivery.seal(*held, final=False)
                machine.sealed = delivery.sealed
            held = (counts, sampler.sample())
        if held is not None:
            delivery.seal(*held, final=True)
        machine.sealed = delivery.sealed
        machine.ended(fenced=load.fenced, fault=load.fault())

    async def _set_up(self, message: SetUp) -> None:
        key = (message.run_id, message.segment)
        end = await asyncio.to_thread(self._errands.set_up, message, lambda: not self._machine.wants(key))
        shared = json.dumps(dict(end.shared), ensure_ascii=False) if end.report.ok else ""
        await self._say(self._machine.errand_done(SetUpDone(*key, end.report, shared)))

    async def _tear_down(self, prepared: Prepare) -> None:
        key = (prepared.run_id, prepared.segment)
        end = await asyncio.to_thread(self._errands.tear_down, prepared, lambda: not self._machine.wants(key))
        await self._say(self._machine.errand_done(TornDown(*key, end.report)))

    async def _hand_over(self) -> None:
        await self._say(self._machine.goodbye("it was told to end"))
        await self._wait_until(lambda: not any(each.phase.sends for each in self._machine.segments.values()), LEAVE_S)
        for machine in self._machine.segments.values():
            if machine.phase.sends:
                # Nobody has taken its share: what it would have sent is lost, and shown as that.
                machine.leave()
        await self._wait_until(lambda: all(each.complete for each in self._deliveries.values()), FLUSH_S)
        await self._say_where_it_stands()

    async def _wait_until(self, holds: Callable[[], bool], patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not holds() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
            self._machine.tick(time.monotonic_ns())

    # What an earlier process has left.

    def resume(self) -> None:
        """Deliver what is in the spool."""
        for run_id, segment, results in left_behind(self._folder):
            worker_id = self._machine.facts.worker_id
            delivery = Delivery.left_behind(self._folder, run_id, segment, worker_id, self._sinks(results))
            machine = SegmentMachine.left_behind(run_id, segment, delivery.sealed)
            self._machine.segments[run_id, segment] = machine
            self._deliveries[run_id, segment] = delivery
            self._start((run_id, segment), delivery.run(machine.safe))

    def _start(self, key: Key, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(self._guarded(key, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, key: Key, work: Coroutine[Any, Any, None]) -> None:
        run_id, segment = key
        try:
            await work
        except ApibenchError:
            whose = about(run_id, worker_id=self._machine.facts.worker_id, segment=segment)
            logger.exception("a segment has failed", extra=whose)
