"""What the aggregator keeps: counts, and up to where whose batches are in them. Each method is one transaction."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from apibench.model.aggregation import RunFacts, RunOpening
from apibench.model.metric import IngestMark, MetricPart, PartQuery


class ResultStore(Protocol):
    """The aggregator's memory. All methods raise StoreFailed where the database does not answer."""

    async def own(self, shard: int, owner: str) -> int:
        """Become the only one who may write for a shard; returns the epoch, which is one higher each time."""
        ...

    async def open_run(self, opening: RunOpening) -> None:
        """Results of a run are going to come. Telling it again changes nothing."""
        ...

    async def tell(self, facts: RunFacts) -> None:
        """What is known of a run; an older version than the stored one changes nothing."""
        ...

    async def opened(self, run_id: str) -> tuple[RunOpening, RunFacts | None] | None:
        """What was told of a run; None for an unknown one."""
        ...

    async def commit(
        self, shard: int, epoch: int, parts: Sequence[MetricPart], marks: Sequence[tuple[IngestMark, int]]
    ) -> None:
        """
        Write parts, and move marks, each of which must stand at the number beside it; all of it or nothing.

        Raises StaleTerm where the shard has another owner by now, and Conflict where a mark stands elsewhere, where a
        run was not opened, and where a part's place has another part. The same part again changes nothing.
        """
        ...

    async def marks(self, run_id: str) -> list[IngestMark]:
        """Of all segments of a run of which anything has come."""
        ...

    def parts(self, query: PartQuery) -> AsyncIterator[MetricPart]:
        """Those parts, by start, region, worker and part."""
        ...

    async def put_result(self, run_id: str, document: str) -> None:
        """The result document of a run that is over; a later one takes its place."""
        ...

    async def result(self, run_id: str) -> str | None:
        """That document, if there is one."""
        ...

    async def maintain(self, now_s: float) -> list[str]:
        """
        What has to be done about once an hour: make room for the days ahead, and forget those that are too old.

        Whole days in UTC only, and only where the store was told how many to keep; whole runs and result documents are
        never forgotten. No day is from which on a run goes on: one without a document, of which something has come
        since. Returns which days were, as ISO dates in order.
        """
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...
