"""
Drives one run: writes it down, then has said what there is to say; tells the aggregator; waits for the results.

A database that does not answer is asked again and again with the newest state. Until it has answered nothing that the
run wants to say goes out: a controller that starts again must not know less than the workers do. The load goes on
meanwhile, for leases come from elsewhere.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from apibench.controller.run_book import Outgoing
from apibench.controller.run_machine import RunMachine
from apibench.model.aggregation import ResultQuery, RunFacts, RunOpening
from apibench.model.errors import ApibenchError, Conflict, StaleTerm, StoreFailed
from apibench.model.installation import Desired, RunRow, RunState
from apibench.model.log_fields import about
from apibench.store.control import ControlStore
from apibench.wire.seam import AggregatorLink

logger = logging.getLogger(__name__)
AGAIN_S = 0.5
COLLECT_S = 30.0
"""How long results are waited for once nobody sends any more. What comes later is counted too, when it comes."""
POLL_S = 0.1
GATHER_S = 0.1
"""How long what has happened waits to be written down, where nobody waits for that: hundreds of workers end in one
second, and each time all of the run is written."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a keeper has of its controller."""

    store: ControlStore
    term: int
    outbox_of: Callable[[RunMachine], list[Outgoing]]
    send: Callable[[str, Any], Awaitable[None]]
    aggregator: Callable[[str], AggregatorLink | None]
    """The one that was announced at an address."""
    stale: Callable[[], None]
    """Somebody else leads by now."""


class RunKeeper:
    """Of one run, until it is over."""

    def __init__(self, row: RunRow, machine: RunMachine, around: Surroundings) -> None:
        self.row = row
        self.machine = machine
        self._around = around
        self._poked = asyncio.Event()
        self._awaited = asyncio.Event()
        """Something is to be said, as soon as it is written down."""
        self._told = 0
        """Version of the facts that the aggregator has."""
        self._over_at = ""
        self._writing = asyncio.Lock()
        self._moved = asyncio.Condition()
        self._collecting: asyncio.Task[None] | None = None

    def poke(self) -> None:
        """Something may have changed."""
        self._poked.set()
        if self.machine.has_messages:
            self._awaited.set()

    async def run(self) -> None:
        """Keep the run to its end."""
        tasks = [asyncio.create_task(self._tell_all()), asyncio.create_task(self._watch())]
        try:
            await self._write_all()
        except (StaleTerm, Conflict) as error:
            logger.warning("the run is another controller's: %s", error, extra=about(self.row.run_id))
            self._around.stale()
        finally:
            if self._collecting is not None:
                tasks.append(self._collecting)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def settled(self, holds: Callable[[], bool], patience_s: float) -> bool:
        """Wait until something holds, looked at after each write and each word to the aggregator; whether it does."""
        async with self._moved:
            try:
                async with asyncio.timeout(patience_s):
                    await self._moved.wait_for(holds)
            except TimeoutError:
                return False
        return True

    async def update(self, change: Callable[[RunRow], RunRow], event: Mapping[str, Any]) -> RunRow:
        """Write something about the run that is none of its machine's business."""
        async with self._writing:
            row = change(self.row)
            self.row = await self._around.store.save_run(self._around.term, row, event)
        return self.row

    # Written down, then said.

    async def _write_all(self) -> None:
        while True:
            await self._poked.wait()
            await self._gather()
            self._poked.clear()
            machine = self.machine
            # Taken before: what comes up while this is written down follows from what is not.
            outgoing = self._around.outbox_of(machine)
            if machine.changed:
                await self._write(machine.take_events())
            for worker_id, message in outgoing:
                await self._around.send(worker_id, message)
            if machine.state is RunState.COLLECTING and self._collecting is None:
                self._collecting = asyncio.create_task(self._collect())
            if machine.state.is_over and not machine.changed:
                await self._last_word()
                return

    async def _gather(self) -> None:
        """Let more happen, until somebody waits for a word."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                await self._awaited.wait()
        self._awaited.clear()

    async def _write(self, events: Sequence[str]) -> None:
        while True:
            try:
                async with self._writing:
                    event = {"at": _now(), "events": list(events)}
                    self.row = await self._around.store.save_run(self._around.term, self._as_row(), event)
                async with self._moved:
                    self._moved.notify_all()
            except (StaleTerm, Conflict):
                raise
            except StoreFailed as error:
                logger.warning("the run cannot be written down: %s", error, extra=about(self.row.run_id))
                await asyncio.sleep(AGAIN_S)
            else:
                return

    def _as_row(self) -> RunRow:
        machine, row = self.machine, self.row
        begun = machine.state in (RunState.RUNNING, RunState.DRAINING, RunState.COLLECTING)
        return replace(
            row,
            state=machine.state,
            desired=machine.desired,
            started_at=row.started_at or (_now() if begun else None),
            ended_at=self._ended_at() or None,
            ended=machine.ended if machine.state in (RunState.COLLECTING, RunState.FINISHED) else row.ended,
            exit_code=row.exit_code if machine.errands.exit_code is None else int(machine.errands.exit_code),
            reason=machine.reason,
            machine=machine.to_document(),
        )

    # The aggregator.

    def _aggregator(self) -> AggregatorLink | None:
        return self._around.aggregator(self.machine.results)

    async def _tell_all(self) -> None:
        """Have the aggregator know what is known, always the newest; not each of hundreds of changes by itself."""
        opened = False
        while True:
            aggregator = self._aggregator()
            if aggregator is None or (opened and self.machine.version <= self._told):
                await asyncio.sleep(POLL_S)
                continue
            facts = self._facts()
            try:
                if not opened:
                    await aggregator.open_run(self._opening())
                    opened = True
                if facts.ledger.revisions:
                    await aggregator.tell(facts)
                async with self._moved:
                    self._told = facts.version
                    self._moved.notify_all()
                await asyncio.sleep(POLL_S)
            except ApibenchError as error:
                logger.info("the aggregator does not hear of the run: %s", error, extra=about(self.row.run_id))
                opened = False
                await asyncio.sleep(AGAIN_S)

    def _facts(self) -> RunFacts:
        return self.machine.facts(self._ended_at())

    def _ended_at(self) -> str:
        """Empty while it goes on. An aggregator may hear of the end before it is written down: of the same moment."""
        if not self._over_at and (self.machine.state is RunState.COLLECTING or self.machine.state.is_over):
            self._over_at = self.row.ended_at or _now()
        return self._over_at

    def _opening(self) -> RunOpening:
        row, least = self.row, self.machine.submission.least_workers
        return RunOpening(row.run_id, row.plan, row.created_at, row.tags, least)

    async def _watch(self) -> None:
        """A threshold that aborts may fail."""
        after = 0
        while True:
            aggregator = self._aggregator()
            if aggregator is None:
                await asyncio.sleep(POLL_S)
                continue
            try:
                async for update in aggregator.watch(self.row.run_id, after):
                    after = update.number
                    if update.kind == "abort":
                        reason = str(update.document.get("threshold", "a threshold that aborts has failed"))
                        self.machine.ask(Desired.STOP, reason, time.monotonic_ns(), ended="aborted")
                        self.poke()
            except ApibenchError as error:
                # It is not there, or has not heard of the run yet.
                logger.debug("the run is not watched: %s", error, extra=about(self.row.run_id))
            await asyncio.sleep(AGAIN_S)

    async def _collect(self) -> None:
        """Wait for the results, for a while, and for the verdict on them."""
        deadline = time.monotonic() + COLLECT_S
        document: dict[str, Any] | None = None
        while document is None:
            aggregator = self._aggregator()
            try:
                torn_down = not self.machine.errands.owes_teardown
                if aggregator is not None and torn_down and self._told >= self.machine.version:
                    missing = await aggregator.missing(self.row.run_id)
                    if not missing or time.monotonic() > deadline:
                        document = await aggregator.result(self.row.run_id, ResultQuery())
            except ApibenchError as error:
                logger.info("there is no result yet: %s", error, extra=about(self.row.run_id))
            if document is None:
                await asyncio.sleep(POLL_S)
        verdict = document["verdict"]
        self.row = replace(self.row, verdict=verdict["status"], exit_code=verdict["exit_code"])
        self.machine.collected()
        self.poke()

    async def _last_word(self) -> None:
        """The aggregator is to know how it ended, if it will hear it."""
        await self.settled(lambda: self._told >= self.machine.version, AGAIN_S)


def _now() -> str:
    return datetime.now(UTC).isoformat()
