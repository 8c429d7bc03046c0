"""
The controller: hears workers, keeps runs, and does what it is asked. One process of an installation, or part of one.

Everything that is decided is decided by the pure machines; this puts them to work. It runs on one event loop, and
nothing in it is called from elsewhere.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from apibench.controller.aggregators import Aggregators
from apibench.controller.fleet import HEARTBEAT_NS, LEASE_NS, Fleet
from apibench.controller.leadership import RENEW_S, Leader
from apibench.controller.orchestration import Orchestration
from apibench.controller.ownership import Ownership
from apibench.controller.placement import placed
from apibench.controller.quotas import Asked, Quotas
from apibench.controller.run_book import Outgoing
from apibench.controller.run_keeper import RunKeeper, Surroundings
from apibench.controller.run_machine import RunMachine
from apibench.model.aggregation import ResultQuery, RunUpdate
from apibench.model.control import ControllerMessage, Hello, Welcome
from apibench.model.errors import LinkLost, NotFound, StaleTerm, StoreFailed, UsageError
from apibench.model.installation import Desired, RunRow, RunState
from apibench.model.load import Open, Rate
from apibench.model.log_fields import about
from apibench.model.plain import from_plain, to_plain
from apibench.model.plan import Plan
from apibench.model.provision import AgentOrders, AgentReport, AgentView
from apibench.model.rate_change import RateChange
from apibench.model.run_id import new_run_id
from apibench.model.submission import RunSubmission, WorkersFrom, WorkerView
from apibench.model.timeline import Timeline
from apibench.model.units import NS_PER_S
from apibench.model.validation import parse_plan
from apibench.store.control import ControlStore
from apibench.wire.seam import AggregatorLink, WorkerSession

logger = logging.getLogger(__name__)
TICK_S = 0.05
CHANGE_S = 5.0
"""How long whoever changes a rate waits for all workers to agree."""
_KILLED = "killed"


class Controller:
    """Takes runs, gives them to workers, watches over them. See `RunOperations` and `WorkerHost` for its faces."""

    def __init__(  # noqa: PLR0913 - its surroundings, and what tests shorten
        self,
        store: ControlStore,
        holder: str,
        reach: Callable[[str], AggregatorLink],
        *,
        allowed: tuple[str, ...] = (),
        ownership: Ownership | None = None,
        is_gone: Callable[[str], bool] = lambda _: False,
        workers_from: WorkersFrom = "pool",
        lease_ns: int = LEASE_NS,
        heartbeat_ns: int = HEARTBEAT_NS,
    ) -> None:
        """
        `holder` names this process beside others that may lead; `reach` makes a way to the aggregator at an address.

        `is_gone`: whether another holder is known to have ended.
        `allowed`: address ranges that runs may send to; none: all but those that are always denied. `ownership`: what
        targets beyond them may show instead; None: nothing. `workers_from`: of runs that do not say.
        """
        self._store = store
        self._leader = Leader(store, holder, is_gone=is_gone)
        self._aggregators = Aggregators(reach)
        self._allowed = allowed
        self.ownership = ownership
        self.workers_from = workers_from
        self._lease_ns, self._heartbeat_ns = lease_ns, heartbeat_ns
        self._orchestration = self._new_orchestration()
        self._sessions: dict[str, WorkerSession] = {}
        self._keepers: dict[str, RunKeeper] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._taken_over = -1
        """The term in which all runs are known that are not over."""
        self._killed = ""
        self._quotas = Quotas(store, lambda: self.term)
        self._admitting = asyncio.Lock()
        """Who looks at what others use holds it until what it asks for is among that."""

    # Its life.

    async def run(self) -> None:
        """Work until it is cancelled."""
        leading = asyncio.create_task(self._lead())
        try:
            while True:
                if self._in_charge:
                    self._orchestration.tick(time.monotonic_ns())
                    await self._flush()
                elif self._keepers or self._sessions:
                    await self._step_down()
                await asyncio.sleep(TICK_S)
        finally:
            leading.cancel()
            await asyncio.gather(leading, return_exceptions=True)
            await self._step_down()
            await self._leader.resign()

    @property
    def term(self) -> int:
        """In which it leads. Raises StaleTerm where it does not."""
        if not self._leader.leads:
            raise StaleTerm("this controller does not lead", self._elsewhere())
        return self._leader.term

    @property
    def _in_charge(self) -> bool:
        """Whether it leads, and knows all runs that are not over."""
        return self._leader.leads and self._taken_over == self._leader.term

    def _must_lead(self) -> None:
        if not self._in_charge:
            raise LinkLost("this controller does not lead", self._elsewhere())

    def _elsewhere(self) -> str:
        return f"Ask the one that does: {self._leader.other}." if self._leader.other else "Try again in some seconds."

    async def announced(self, address: str, shard: int = 0) -> int:
        """An aggregator is there, at an address that workers can reach; the term of this controller."""
        self._aggregators.announced(address, shard)
        return self._leader.term

    async def _lead(self) -> None:
        while True:
            if await self._leader.renew():
                logger.info("this controller leads, in term %d", self._leader.term)
                try:
                    await self._take_over()
                except StoreFailed as error:
                    logger.warning("the runs cannot be read: %s", error)
                    self._leader.lose()
            await asyncio.sleep(RENEW_S)

    async def _take_over(self) -> None:
        """Go on with the runs that are not over, from what was written down."""
        await self._step_down()
        self._killed = await self._store.setting(_KILLED)
        orchestration = self._new_orchestration()
        states = [state.value for state in RunState if not state.is_over]
        kept: list[tuple[RunRow, RunMachine]] = []
        for row in await self._store.runs(limit=1_000, states=states):
            code = None if row.bundle_sha256 is None else await self._store.bundle(row.bundle_sha256)
            submission = from_plain(RunSubmission, row.options)
            submission = replace(submission, plan=row.plan, bundle="" if code is None else code.bundle)
            machine = self._machine(row.run_id, submission, parse_plan(json.loads(row.plan)))
            if row.state is RunState.QUEUED:
                machine.results = row.machine.get("results", "")
                orchestration.add(machine, time.monotonic_ns())
            else:
                grace_ns = round(self._leader.grace_s * NS_PER_S)
                orchestration.restore(machine, row.machine, time.monotonic_ns(), grace_ns)
            kept.append((row, machine))
        self._orchestration = orchestration
        for row, machine in kept:
            self._keep(row, machine)
        self._taken_over = self._leader.term

    async def _step_down(self) -> None:
        """Another leads, or may: say nothing more to anybody."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._keepers.clear()
        self._sessions.clear()

    def _new_orchestration(self) -> Orchestration:
        return Orchestration(Fleet(self._leader.term, lease_ns=self._lease_ns, heartbeat_ns=self._heartbeat_ns))

    # Workers.

    async def converse(self, session: WorkerSession) -> None:
        """Hold a conversation with a worker to its end."""
        hello = await session.receive()
        if not isinstance(hello, Hello):
            raise LinkLost("a worker said something before it said hello", "Use a release that is at most one apart.")
        if not self._in_charge:
            why = f"another controller leads: {self._leader.other}" if self._leader.other else "it does not lead yet"
            await session.send(Welcome(self._leader.term, self._heartbeat_ns, self._lease_ns, why))
            return
        worker_id = hello.worker.worker_id
        self._sessions[worker_id] = session
        try:
            await self._hear(worker_id, hello)
            while self._sessions.get(worker_id) is session:
                message = await session.receive()
                if self._sessions.get(worker_id) is session:
                    await self._hear(worker_id, message)
        except LinkLost:
            pass
        finally:
            if self._sessions.get(worker_id) is session:
                del self._sessions[worker_id]
                self._orchestration.fleet.detach(worker_id)

    async def _hear(self, worker_id: str, message: Any) -> None:
        if self._in_charge:
            self._orchestration.hear(worker_id, message, time.monotonic_ns())
            await self._flush()

    async def _flush(self) -> None:
        """Say what can be said at once, and have the keepers look at their runs."""
        for worker_id, message in self._orchestration.take_outbox():
            await self._send(worker_id, message)
        for keeper in self._keepers.values():
            if keeper.machine.has_something_to_say:
                keeper.poke()

    async def _send(self, worker_id: str, message: ControllerMessage) -> None:
        session = self._sessions.get(worker_id)
        if session is not None:
            # What is lost is said again when the worker comes back.
            with contextlib.suppress(LinkLost):
                await session.send(message)

    # Agents.

    async def report(self, report: AgentReport) -> AgentOrders:
        """
        An agent is there, and has done so much: all that is wanted of it.

        Before all runs are known that go on, nothing is said: it would end the workers of those that are not.
        """
        if not self._in_charge:
            return AgentOrders(self._leader.term, refused=f"this controller does not lead. {self._elsewhere()}")
        wanted = self._orchestration.wanted()
        return self._orchestration.agents.heard(report, wanted, time.monotonic_ns())

    def agents(self) -> list[AgentView]:
        """All that are there, or have been."""
        return self._orchestration.agents.view(self._orchestration.wanted(), time.monotonic_ns())

    # Runs.

    def _machine(self, run_id: str, submission: RunSubmission, plan: Plan) -> RunMachine:
        planned_end_ns = Timeline.of(plan).planned_end_ns
        return RunMachine(
            run_id,
            submission,
            planned_end_ns,
            warmup_ns=plan.warmup_ns,
            drain_ns=plan.drain_ns,
            allowed=(*self._allowed, *submission.proven),
            setup_ns=None if plan.setup is None else plan.setup.timeout_ns,
            teardown_ns=None if plan.teardown is None else plan.teardown.timeout_ns,
        )

    def _keep(self, row: RunRow, machine: RunMachine) -> RunKeeper:
        around = Surroundings(
            self._store,
            self._leader.term,
            self._outbox_of,
            self._send,
            self._aggregators.at,
            self._leader.lose,
        )
        keeper = RunKeeper(row, machine, around)
        self._keepers[row.run_id] = keeper
        task = asyncio.create_task(keeper.run())
        self._tasks[row.run_id] = task
        task.add_done_callback(lambda done: self._kept(row.run_id, done))
        keeper.poke()
        return keeper

    def _outbox_of(self, machine: RunMachine) -> list[Outgoing]:
        # Looked up at each call: whoever takes over begins with an orchestration of its own.
        return self._orchestration.take_outbox_of(machine)

    def _kept(self, run_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(run_id) is not task:
            return
        del self._tasks[run_id]
        self._keepers.pop(run_id, None)
        self._orchestration.forget(run_id)
        if not task.cancelled() and task.exception() is not None:
            logger.error("the run is kept no longer", exc_info=task.exception(), extra=about(run_id))

    @property
    def leads(self) -> bool:
        """Whether it can start runs: it leads, and has an aggregator."""
        return self._in_charge and self._aggregators.any is not None

    async def submit(self, submission: RunSubmission, actor: str) -> RunRow:
        """Start a run."""
        known = await self._known(submission, actor)
        if known is not None:
            return known
        if submission.workers_from == "agent":
            submission = placed(submission, self._orchestration.agents.regions(time.monotonic_ns()))
        if self.ownership is not None:
            proven = await self.ownership.proven(parse_plan(json.loads(submission.plan)))
            submission = replace(submission, proven=proven)
        async with self._admitting:
            return await self._known(submission, actor) or await self._admitted(submission, actor)

    async def _known(self, submission: RunSubmission, actor: str) -> RunRow | None:
        """What the same request has started before."""
        key = submission.idempotency_key
        return None if key is None else await self._store.run_of_key(actor, key)

    async def _admitted(self, submission: RunSubmission, actor: str) -> RunRow:
        await self._quotas.admit(Asked(actor, submission.plan), self._going())
        if self._killed:
            raise UsageError(f"nothing may be started: {self._killed}", "An admin can lift the kill switch.")
        aggregator = self._aggregators.any
        if not self._in_charge or aggregator is None:
            raise LinkLost("this controller cannot start runs: it does not lead, or has no aggregator", "Try again.")
        run_id = new_run_id()
        plan = parse_plan(json.loads(submission.plan))
        if submission.on_lost_control == "finish" and Timeline.of(plan).planned_end_ns is None:
            raise UsageError(
                "workers that finish alone need an end: this plan ends after a number of iterations",
                "Give it a duration, or choose `stop`.",
            )
        row = RunRow(
            run_id,
            submission.plan,
            submission.plan_sha256,
            RunState.QUEUED,
            datetime.now(UTC).isoformat(),
            name=submission.name or plan.name,
            test_id=submission.test_id,
            test_version=submission.test_version,
            created_by=actor,
            idempotency_key=submission.idempotency_key,
            tags=submission.tags,
            bundle_sha256=submission.bundle_sha256,
            # Without plan and code, which stand beside them: options are shown as they are, and those are not.
            options=to_plain(replace(submission, plan="", bundle="", idempotency_key=None)),
            machine={"results": aggregator},
        )
        kept = await self._store.add_run(self._leader.term, row)
        if kept.run_id != run_id:
            return kept
        machine = self._machine(run_id, submission, plan)
        machine.results = aggregator
        self._orchestration.add(machine, time.monotonic_ns())
        keeper = self._keep(kept, machine)
        if self.killed:
            # The switch was thrown while the run was written down, and has found only the others.
            machine.ask(Desired.ABORT, self.killed, time.monotonic_ns())
            keeper.poke()
        return kept

    async def stop(self, run_id: str, actor: str) -> RunRow:
        """Have it end politely."""
        return await self._ask(run_id, Desired.STOP, f"stopped by {actor}")

    async def abort(self, run_id: str, actor: str) -> RunRow:
        """Have it end at once."""
        return await self._ask(run_id, Desired.ABORT, f"aborted by {actor}")

    async def _ask(self, run_id: str, desired: Desired, reason: str) -> RunRow:
        self._must_lead()
        keeper = self._keepers.get(run_id)
        if keeper is None:
            return await self._row(run_id)
        keeper.machine.ask(desired, reason, time.monotonic_ns())
        keeper.poke()
        return replace(keeper.row, desired=keeper.machine.desired)

    async def change_rates(self, run_id: str, rates: Sequence[tuple[str, Rate]], actor: str) -> dict[str, Any]:
        """Other rates for scenarios by name."""
        self._must_lead()
        keeper = self._keepers.get(run_id)
        if keeper is None:
            await self._row(run_id)
            raise UsageError("the run is over", "Start another.")
        plan = parse_plan(json.loads(keeper.row.plan))
        numbered = [(_open_scenario(plan, name), rate) for name, rate in rates]
        async with self._admitting:
            await self._quotas.admit_rates(_asked(keeper, numbered), self._going(besides=run_id))
            before = len(keeper.machine.ledger.rates_by(keeper.machine.ledger.last.number))
            try:
                keeper.machine.change_rates(numbered, time.monotonic_ns())
            except ValueError as error:
                raise UsageError(f"its rate cannot be changed: {error}", "Try again in a moment.") from error
        logger.info("%s changes rates", actor, extra=about(run_id))
        keeper.poke()

        def agreed() -> bool:
            ledger = keeper.machine.ledger
            return len(ledger.rates_by(ledger.last.number)) > before

        if not await keeper.settled(agreed, CHANGE_S):
            raise UsageError("not all workers could change in time", "It is tried again; look at the run's events.")
        revision = next(each for each in reversed(keeper.machine.ledger.revisions) if each.rates)
        return {"revision": revision.number, "effective_ns": revision.effective_ns}

    def _going(self, besides: str = "") -> list[Asked]:
        """The runs that may still send, as they stand."""
        return [
            _asked(keeper)
            for run_id, keeper in self._keepers.items()
            if run_id != besides and not (keeper.machine.state.is_over or keeper.machine.state is RunState.COLLECTING)
        ]

    async def annotate(self, run_id: str, text: str, actor: str) -> RunRow:
        """Write something beside a run."""
        note = {"at": datetime.now(UTC).isoformat(), "by": actor, "text": text}

        def with_note(row: RunRow) -> RunRow:
            return replace(row, notes=(*row.notes, note))

        keeper = self._keepers.get(run_id)
        if keeper is not None:
            return await keeper.update(with_note, {"note": note})
        row = await self._row(run_id)
        return await self._store.save_run(self._leader.term, with_note(row), {"note": note})

    async def kill(self, reason: str, actor: str) -> list[str]:
        """Abort every run, and start none until `revive`."""
        self._must_lead()
        self._killed = reason or f"{actor} has pulled the kill switch"
        aborted = []
        for run_id, keeper in self._keepers.items():
            keeper.machine.ask(Desired.ABORT, self._killed, time.monotonic_ns())
            keeper.poke()
            aborted.append(run_id)
        try:
            await self._store.put_setting(self.term, _KILLED, self._killed)
        except StoreFailed as error:
            # It holds here all the same; only another controller would not know.
            logger.warning("the kill switch could not be written down: %s", error)
        return aborted

    async def revive(self, actor: str) -> None:
        """Let runs be started again."""
        await self._store.put_setting(self.term, _KILLED, "")
        logger.info("%s lifts the kill switch", actor)
        self._killed = ""

    @property
    def killed(self) -> str:
        """Why nothing may be started."""
        return self._killed

    def workers(self) -> list[WorkerView]:
        """All that are there, or were a short while ago."""
        return self._orchestration.fleet.view(time.monotonic_ns(), self._orchestration.run_of)

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        """The result document of a run or of a part of it."""
        return await (await self._aggregator_of(run_id)).result(run_id, query)

    async def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        """Updates of a run as they come."""
        aggregator = await self._aggregator_of(run_id)
        async for update in aggregator.watch(run_id, after):
            yield update

    async def _aggregator_of(self, run_id: str) -> AggregatorLink:
        row = await self._row(run_id)
        aggregator = self._aggregators.at(str(row.machine.get("results", "")))
        if aggregator is None:
            raise LinkLost("there is no aggregator", "Start one: apibench aggregator --controller HOST:PORT.")
        return aggregator

    async def _row(self, run_id: str) -> RunRow:
        keeper = self._keepers.get(run_id)
        row = keeper.row if keeper is not None else await self._store.run(run_id)
        if row is None:
            raise NotFound(f"there is no run {run_id}", "Look at the list of runs.")
        return row


def _asked(keeper: RunKeeper, rates: Sequence[tuple[int, Rate]] = ()) -> Asked:
    """A run as it stands, with other rates from now on."""
    machine, row = keeper.machine, keeper.row
    now_ns = machine.offset_ns(time.monotonic_ns())
    wanted = [RateChange(scenario, now_ns, rate) for scenario, rate in rates]
    return Asked(row.created_by, row.plan, (*machine.agreement.rates, *wanted), now_ns)


def _open_scenario(plan: Plan, name: str) -> int:
    for number, scenario in enumerate(plan.scenarios):
        if scenario.name == name:
            if not isinstance(scenario.load, Open):
                raise UsageError(f"scenario '{name}' has no rate: its model is closed", "Name an open one.")
            return number
    known = ", ".join(f"'{scenario.name}'" for scenario in plan.scenarios)
    raise UsageError(f"there is no scenario '{name}'", f"There are {known}.")
