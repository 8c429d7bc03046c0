"""What may be done to runs: the face of the orchestration, as REST and a program that embeds it see it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from apibench.model.aggregation import ResultQuery, RunUpdate
from apibench.model.installation import RunRow
from apibench.model.load import Rate
from apibench.model.provision import AgentView
from apibench.model.submission import RunSubmission, WorkersFrom, WorkerView


class RunOperations(Protocol):
    """All raise NotFound for a run that is not there, UsageError for what can't be asked of it, StoreFailed."""

    async def submit(self, submission: RunSubmission, actor: str) -> RunRow:
        """Start a run; the one that is there where the idempotency key was used before."""
        ...

    async def stop(self, run_id: str, actor: str) -> RunRow:
        """Send nothing more, wait for what is in flight, and judge what there is. Again: nothing changes."""
        ...

    async def abort(self, run_id: str, actor: str) -> RunRow:
        """Send nothing more and wait for nothing."""
        ...

    async def change_rates(self, run_id: str, rates: Sequence[tuple[str, Rate]], actor: str) -> dict[str, Any]:
        """
        Other rates for scenarios by name, on all workers at one moment of the run.

        Returns `{"revision", "effective_ns"}`. Raises UsageError for a scenario that is not open or not there, and for
        a run that is not running.
        """
        ...

    async def annotate(self, run_id: str, text: str, actor: str) -> RunRow:
        """Write something beside a run."""
        ...

    async def kill(self, reason: str, actor: str) -> list[str]:
        """Abort every run, and start none until `revive`; returns which were aborted."""
        ...

    async def revive(self, actor: str) -> None:
        """Let runs be started again."""
        ...

    @property
    def killed(self) -> str:
        """Why nothing may be started; empty where it may."""
        ...

    def workers(self) -> list[WorkerView]:
        """All that are attached, or have been a short while ago."""
        ...

    def agents(self) -> list[AgentView]:
        """Those that make workers: all that are there, or have been."""
        ...

    @property
    def workers_from(self) -> WorkersFrom:
        """Where the workers come from of a run that does not say."""
        ...

    @property
    def leads(self) -> bool:
        """Whether this controller is the one that leads, and has an aggregator: it can start runs."""
        ...

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, Any]:
        """The result document of a run or of a part of it."""
        ...

    def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        """Updates of a run with a higher number, as they come, to its end."""
        ...
