"""What a run has to say waits until it is written down; what need not be said is written down together."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from apibench.controller.run_keeper import RunKeeper, Surroundings
from apibench.controller.run_machine import RunMachine
from apibench.model.control import ControllerMessage, Dismiss, Prepare, Prepared, StartAt
from apibench.model.installation import Desired, RunRow, RunState
from apibench.model.submission import RunSubmission
from apibench.model.worker import SegmentPhase, SegmentStatus, WorkerFacts
from apibench.store.memory_control import MemoryControlStore

pytestmark = pytest.mark.asyncio
S = 1_000_000_000
WORKERS = 50
TURNS = 20
"""Of the loop: more than what is at hand takes, and no time."""


class Store(MemoryControlStore):
    """Counts what is written of the run, and has it wait where a test wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.saved = 0
        self.opens = asyncio.Event()
        self.opens.set()

    async def save_run(self, term: int, row: RunRow, event: Mapping[str, Any]) -> RunRow:
        """As soon as it is open; it takes a turn of the loop, as any store does."""
        await asyncio.sleep(0)
        await self.opens.wait()
        self.saved += 1
        return await super().save_run(term, row, event)


class Kept:
    """A run, its keeper, and what it has said to whom."""

    def __init__(self, store: Store, machine: RunMachine, keeper: RunKeeper) -> None:
        self.store = store
        self.machine = machine
        self.keeper = keeper
        self.said: list[tuple[str, ControllerMessage]] = []

    async def turns(self) -> None:
        """Let all be done that can be done now."""
        self.keeper.poke()
        for _ in range(TURNS):
            await asyncio.sleep(0)

    def has_said(self, kind: type[ControllerMessage]) -> int:
        """How often."""
        return sum(isinstance(message, kind) for _, message in self.said)


@asynccontextmanager
async def kept() -> AsyncIterator[Kept]:
    store = Store()
    term = (await store.lead("c", 0.0, 60.0)).term
    row = await store.add_run(term, RunRow("r", "{}", "sha", RunState.QUEUED, "2026-01-01T00:00:00+00:00"))
    machine = RunMachine("r", RunSubmission("{}", "sha", workers=WORKERS), 60 * S)

    async def send(worker_id: str, message: ControllerMessage) -> None:
        made.said.append((worker_id, message))

    around = Surroundings(store, term, lambda run: run.take_outbox(), send, lambda _: None, lambda: None)
    made = Kept(store, machine, RunKeeper(row, machine, around))
    keeping = asyncio.create_task(made.keeper.run())
    try:
        yield made
    finally:
        store.opens.set()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def begin(machine: RunMachine) -> None:
    machine.begin([WorkerFacts(f"w{number}", "i", "1") for number in range(WORKERS)])


async def start(run: Kept) -> None:
    begin(run.machine)
    for number in range(WORKERS):
        run.machine.prepared(Prepared("r", number), 0)
    await run.turns()


async def test_what_is_to_be_said_is_written_down_and_said_at_once() -> None:
    async with kept() as run:
        begin(run.machine)
        await run.turns()
        assert (run.store.saved, run.has_said(Prepare)) == (1, WORKERS)


async def test_what_comes_up_while_a_run_is_written_down_is_said_only_when_that_is_written_down_too() -> None:
    async with kept() as run:
        begin(run.machine)
        run.store.opens.clear()
        await run.turns()
        run.machine.ask(Desired.ABORT, "enough", 0)
        await run.turns()
        assert run.said == []
        run.store.opens.set()
        await asyncio.sleep(0)
        run.store.opens.clear()
        await run.turns()
        assert (run.store.saved, run.has_said(Prepare), run.has_said(Dismiss)) == (1, WORKERS, 0)
        run.store.opens.set()
        await run.turns()
        assert run.has_said(Dismiss) == WORKERS


async def test_workers_that_end_one_after_the_other_are_written_down_together() -> None:
    async with kept() as run:
        await start(run)
        assert run.has_said(StartAt) == WORKERS
        before = run.store.saved
        for number in range(WORKERS):
            run.machine.heard(SegmentStatus("r", number, SegmentPhase.DONE, sealed=60, final=True), 70 * S)
            await run.turns()

        def are_finished() -> bool:
            return all(member["fate"] == "finished" for member in run.keeper.row.machine["members"])

        assert await run.keeper.settled(are_finished, 30)
        assert run.store.saved - before < WORKERS / 2


async def test_what_is_told_after_a_controller_died_is_newer_than_what_it_told_and_never_wrote_down() -> None:
    machine = RunMachine("r", RunSubmission("{}", "sha", workers=WORKERS), 60 * S)
    begin(machine)
    written = json.loads(json.dumps(machine.to_document()))
    for number in range(WORKERS):
        machine.prepared(Prepared("r", number), 0)
    again = RunMachine("r", RunSubmission("{}", "sha", workers=WORKERS), 60 * S)
    again.restore(written, 0, S)
    assert again.facts().version > machine.facts().version > written["version"]


async def test_an_aggregator_that_hears_of_the_end_before_it_is_written_down_hears_of_the_same_moment() -> None:
    async with kept() as run:
        await start(run)
        assert run.keeper._facts().ended_at == ""
        for number in range(WORKERS):
            run.machine.heard(SegmentStatus("r", number, SegmentPhase.DONE, sealed=60, final=True), 70 * S)
        for tick in range(3):
            run.machine.tick((70 + tick) * S)
        assert run.machine.state is RunState.COLLECTING
        told, written = run.keeper._facts(), run.keeper.row.ended_at
        assert (told.ended, written) == ("complete", None)
        await run.turns()
        assert await run.keeper.settled(lambda: run.keeper.row.ended_at is not None, 30)
        assert run.keeper.row.ended_at == told.ended_at != ""
