"""Orchestration that does nothing but remember what it was asked for, over a real store in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from apibench.model.aggregation import ResultQuery, RunUpdate
from apibench.model.errors import NotFound, UsageError
from apibench.model.installation import Desired, RunRow, RunState
from apibench.model.load import Rate
from apibench.model.provision import AgentFacts, AgentView, ProvisionStatus
from apibench.model.submission import RunSubmission, WorkersFrom, WorkerView
from apibench.store.memory_control import MemoryControlStore

CREATED_AT = "2026-01-02T03:04:05.000+00:00"


class FakeOperations:
    """A RunOperations whose runs move only where a test moves them."""

    def __init__(self, store: MemoryControlStore, term: int) -> None:
        self._store = store
        self._term = term
        self._killed = ""
        self.can_lead = True
        self.submissions: list[RunSubmission] = []
        self.queries: list[ResultQuery] = []
        self.rates: list[tuple[str, Rate]] = []
        self.fleet: list[WorkerView] = []
        self.updates: list[RunUpdate] = []
        self.rows: list[dict[str, Any]] = []
        """The windows of a result."""
        self.failure: Exception | None = None
        """What the next question fails with."""

    async def submit(self, submission: RunSubmission, actor: str) -> RunRow:
        """Add the run, queued."""
        self._maybe_fail()
        row = RunRow(
            run_id=f"r{len(self.submissions):09}",
            plan=submission.plan,
            plan_sha256=submission.plan_sha256,
            bundle_sha256=submission.bundle_sha256,
            state=RunState.QUEUED,
            created_at=CREATED_AT,
            name=submission.name,
            test_id=submission.test_id,
            test_version=submission.test_version,
            created_by=actor,
            idempotency_key=submission.idempotency_key,
            tags=submission.tags,
        )
        self.submissions.append(submission)
        return await self._store.add_run(self._term, row)

    async def move(self, run_id: str, state: RunState, **changes: Any) -> RunRow:
        """Have a run be where a test wants it."""
        row = replace(await self._run(run_id), state=state, **changes)
        return await self._store.save_run(self._term, row, {"at": CREATED_AT, "state": state.value})

    async def stop(self, run_id: str, actor: str) -> RunRow:
        """Want it stopped."""
        return await self._want(run_id, Desired.STOP, actor)

    async def abort(self, run_id: str, actor: str) -> RunRow:
        """Want it aborted."""
        return await self._want(run_id, Desired.ABORT, actor)

    async def _want(self, run_id: str, desired: Desired, actor: str) -> RunRow:
        self._maybe_fail()
        row = await self._run(run_id)
        if row.state.is_over:
            raise UsageError("the run is over", "Start another.")
        event = {"at": CREATED_AT, "by": actor, "desired": desired.value}
        return await self._store.save_run(self._term, replace(row, desired=desired), event)

    async def change_rates(self, run_id: str, rates: Sequence[tuple[str, Rate]], actor: str) -> dict[str, Any]:
        """Remember the rates."""
        self._maybe_fail()
        await self._run(run_id)
        assert actor
        self.rates += rates
        return {"revision": len(self.rates), "effective_ns": 7_000_000_000}

    async def annotate(self, run_id: str, text: str, actor: str) -> RunRow:
        """Add the note."""
        self._maybe_fail()
        row = await self._run(run_id)
        note = {"at": CREATED_AT, "by": actor, "text": text}
        return await self._store.save_run(self._term, replace(row, notes=(*row.notes, note)), {"at": CREATED_AT})

    async def kill(self, reason: str, actor: str) -> list[str]:
        """Want all of them aborted."""
        self._killed = reason
        rows = [row for row in await self._store.runs(limit=1_000) if not row.state.is_over]
        return [(await self.abort(row.run_id, actor)).run_id for row in rows]

    async def revive(self, actor: str) -> None:
        """Take it back."""
        assert actor
        self._killed = ""

    @property
    def killed(self) -> str:
        """Why nothing may be started."""
        return self._killed

    @property
    def workers_from(self) -> WorkersFrom:
        return "pool"

    def agents(self) -> list[AgentView]:
        facts = AgentFacts("eu-agent", "i1", "eu", "k8s-job", "1.2.3", max_workers=50)
        return [AgentView(facts, 0.5, {"r2": 3}, (ProvisionStatus("r2", 1, "2 pods wait: no room"),))]

    def workers(self) -> list[WorkerView]:
        """Those that a test has put there."""
        return list(self.fleet)

    @property
    def leads(self) -> bool:
        """As a test has it."""
        return self.can_lead

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        """The head of a document."""
        self._maybe_fail()
        row = await self._run(run_id)
        self.queries.append(query)
        return {
            "schema": "apibench.result/1",
            "run": {"id": run_id, "plan": _document(row.plan)},
            "verdict": {"status": "passed"},
            "intervals": self.rows,
        }

    async def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        """The updates of the test; then, where none of them is the end, nothing for ever."""
        self._maybe_fail()
        await self._run(run_id)
        for update in self.updates:
            if update.number > after:
                yield update
        if not any(update.kind == "ended" for update in self.updates):
            await asyncio.Event().wait()

    async def _run(self, run_id: str) -> RunRow:
        row = await self._store.run(run_id)
        if row is None:
            raise NotFound("there is no such run", "List the runs.")
        return row

    def _maybe_fail(self) -> None:
        if self.failure is not None:
            raise self.failure


def _document(plan: str) -> Any:
    import json

    return json.loads(plan)
