"""The fake: keeps what an aggregator keeps for as long as it lives. No step of it waits, so each is one transaction."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from apibench.model.aggregation import RunFacts, RunOpening
from apibench.model.metric import IngestMark, MetricPart, PartQuery
from apibench.store.column_types import refuse_unstorable
from apibench.store.commits import kept_since, moment, moved, part_differs, run_not_opened
from apibench.store.rows import shard_is_taken

_Place = tuple[int, int, str, str, int]
"""Tier, start, region, worker, part: also the order in which parts of a tier are read."""


@dataclass(slots=True)
class _Kept:
    opening: RunOpening
    facts: RunFacts | None = None
    document: str | None = None
    parts: dict[_Place, MetricPart] = field(default_factory=dict)

    @property
    def begun(self) -> date:
        """On which day."""
        return moment(self.opening.started_at).date()

    def goes_on(self, day: date) -> bool:
        """Whether it has no document, and something has come of it since that day."""
        days = (self.day_of(part) for part in self.parts.values() if part.tier_s)
        return self.document is None and any(each >= day for each in days)

    def day_of(self, part: MetricPart) -> date:
        """Whose it is."""
        return moment(self.opening.started_at, part.start_ns).date()


class MemoryResultStore:
    """A ResultStore in dictionaries."""

    def __init__(self, keep_days: int | None = None) -> None:
        self._keep_days = keep_days
        self._epochs: dict[int, int] = {}
        self._runs: dict[str, _Kept] = {}
        self._marks: dict[tuple[str, int], IngestMark] = {}

    async def own(self, shard: int, owner: str) -> int:
        """Become the only writer of a shard."""
        refuse_unstorable(owner)
        self._epochs[shard] = self._epochs.get(shard, 0) + 1
        return self._epochs[shard]

    async def open_run(self, opening: RunOpening) -> None:
        """Results of a run are going to come."""
        refuse_unstorable(opening.run_id)
        moment(opening.started_at)
        self._runs.setdefault(opening.run_id, _Kept(opening))

    async def tell(self, facts: RunFacts) -> None:
        """What is known of a run."""
        kept = self._kept(facts.run_id)
        if kept.facts is None or kept.facts.version <= facts.version:
            kept.facts = facts

    async def opened(self, run_id: str) -> tuple[RunOpening, RunFacts | None] | None:
        """What was told of a run."""
        kept = self._runs.get(run_id)
        return None if kept is None else (kept.opening, kept.facts)

    async def commit(
        self, shard: int, epoch: int, parts: Sequence[MetricPart], marks: Sequence[tuple[IngestMark, int]]
    ) -> None:
        """Write parts, and move marks: looked at whole before anything of it is done."""
        for run_id in {part.run_id for part in parts} | {mark.run_id for mark, _ in marks}:
            self._kept(run_id)
        if self._epochs.get(shard) != epoch:
            raise shard_is_taken(shard)
        for each in (*parts, *(mark for mark, _ in marks)):
            refuse_unstorable(each)
        after = moved(self._marks, marks)
        added: dict[tuple[str, _Place], MetricPart] = {}
        for part in parts:
            there = added.setdefault((part.run_id, _place(part)), part)
            there = self._runs[part.run_id].parts.get(_place(part), there)
            if there != part:
                raise part_differs(part)
        self._marks.update(after)
        for (run_id, place), part in added.items():
            self._runs[run_id].parts[place] = part

    async def marks(self, run_id: str) -> list[IngestMark]:
        """Of all segments of which anything has come, in order."""
        return [mark for (of, _), mark in sorted(self._marks.items()) if of == run_id]

    async def parts(self, query: PartQuery) -> AsyncIterator[MetricPart]:
        """Those parts, in order."""
        kept = self._runs.get(query.run_id)
        for _, part in sorted(kept.parts.items()) if kept else ():
            if _is_wanted(part, query):
                yield part if query.counts else replace(part, counts=b"")

    async def put_result(self, run_id: str, document: str) -> None:
        """The result document of a run that is over."""
        self._kept(run_id).document = document

    async def result(self, run_id: str) -> str | None:
        """That document, if there is one."""
        kept = self._runs.get(run_id)
        return None if kept is None else kept.document

    async def maintain(self, now_s: float) -> list[str]:
        """Forget days that are too old."""
        first_kept = kept_since(now_s, self._keep_days)
        if first_kept is None:
            return []
        first_kept = min([first_kept, *(kept.begun for kept in self._runs.values() if kept.goes_on(first_kept))])
        forgotten: set[date] = set()
        for kept in self._runs.values():
            days = {place: kept.day_of(part) for place, part in kept.parts.items() if part.tier_s}
            for place, day in days.items():
                if day < first_kept:
                    del kept.parts[place]
                    forgotten.add(day)
        return [day.isoformat() for day in sorted(forgotten)]

    async def close(self) -> None:
        """Nothing to let go of."""

    def _kept(self, run_id: str) -> _Kept:
        if run_id not in self._runs:
            raise run_not_opened(run_id)
        return self._runs[run_id]


def _place(part: MetricPart) -> _Place:
    return part.tier_s, part.start_ns, part.region, part.worker_id, part.part


def _is_wanted(part: MetricPart, query: PartQuery) -> bool:
    if query.workers is None:
        workers = not part.worker_id
    else:
        workers = part.worker_id in query.workers if query.workers else bool(part.worker_id)
    return (
        workers
        and part.tier_s == query.tier_s
        and part.start_ns >= query.from_ns
        and (query.to_ns is None or part.start_ns < query.to_ns)
        and (not query.regions or part.region in query.regions)
    )
