"""
A run as it stood, from what is in the store alone: for an aggregator that is started anew, and for late results.

Beside the counts of every window stands how far each segment had come with it, so nothing has to be added up again.
"""

import json
from collections.abc import Mapping
from typing import Any

from apibench.aggregator.iteration_counts import IterationCounts, Key
from apibench.aggregator.result_query import replay
from apibench.aggregator.run_aggregate import RunAggregate
from apibench.aggregator.segment_book import Progress, SegmentBook
from apibench.aggregator.stretches import Piece, Selection
from apibench.aggregator.windows import MINUTE_S, TIERS_S, WHOLE_S, WINDOW_S
from apibench.model.aggregation import RunFacts, RunOpening
from apibench.model.batch import BatchRange
from apibench.model.metric import MetricPart, PartQuery
from apibench.store.commits import first_day_ns
from apibench.store.results import ResultStore

_FOR_EVER = 1 << 62


async def recovered(opening: RunOpening, facts: RunFacts | None, store: ResultStore, epoch: int) -> RunAggregate:
    """The run. Raises StoreFailed, and ValueError where its plan is none of this release's."""
    run = RunAggregate.begin(opening, store, epoch)
    if facts is not None:
        run.tell(facts)
    await _read_windows(run, store)
    await _read_last_batches(run, store)
    for tier_s in (*TIERS_S, WHOLE_S):
        async for part in store.parts(PartQuery(opening.run_id, tier_s, counts=False)):
            run.closed.by_tier[tier_s].add(part.start_ns)
    await _read_minutes(run, store)
    run.find_losses()
    run.standing.sealed_now(run.books, run.facts)
    rest = Piece(WINDOW_S, run.standing.sealed_until_ns, _FOR_EVER)
    async for stretch in run.reader.stretches(rest, Selection()):
        run.open[stretch.start_ns] = stretch
    await replay(run, run.judging, run.standing.sealed_until_ns)
    return run


async def is_forgotten(opening: RunOpening, store: ResultStore) -> bool:
    """
    Whether its seconds have been dropped with their days, or the first of them.

    Days are dropped whole and in order: of a run of which anything has come, something of its first day is there, or
    what is there is not all.
    """
    if not any(mark.durable for mark in await store.marks(opening.run_id)):
        return False
    first_day = PartQuery(opening.run_id, WINDOW_S, to_ns=first_day_ns(opening.started_at), counts=False)
    async for _ in store.parts(first_day):
        return False
    return True


async def _read_windows(run: RunAggregate, store: ResultStore) -> None:
    async for part in store.parts(PartQuery(run.opening.run_id, WINDOW_S, counts=False)):
        words = json.loads(part.host)
        run.detail = words["detail"]
        if words["detail"] == "none":
            run.alone_until_ns = max(run.alone_until_ns, run.plan.grid.window(part.start_ns)[1])
        if words["late"]:
            run.standing.revised.add(part.start_ns)
        for segment, document in words["segments"].items():
            book = run.books.get(int(segment))
            if book is None:
                continue
            before = book.durable.batches
            _go_on(book, part, document)
            if words["detail"] == "minute" and book.durable.batches > before:
                minute_ns = run.plan.grid.start_of(part.start_ns, MINUTE_S)
                run.minutes.lacks(book.segment, minute_ns, BatchRange(before, book.durable.batches))
        run.standing.note(part.end_ns)
    run.numbers.stored_until_ns = run.standing.newest_ns


async def _read_minutes(run: RunAggregate, store: ResultStore) -> None:
    """Minutes of single workers that are stored, and so which are wanted."""
    async for part in store.parts(PartQuery(run.opening.run_id, MINUTE_S, workers=(), counts=False)):
        run.minutes_closed.add(part.start_ns)
        if run.detail != "minute":
            continue
        if part.host:
            words = json.loads(part.host)
            run.minutes.stored(words["segment"], part.start_ns, BatchRange(words["first"], words["until"]))
        else:
            # Of an earlier release, which did not say: asking for more might count something twice.
            for book in run.books.values():
                if book.worker_id == part.worker_id:
                    run.minutes.stored(book.segment, part.start_ns, BatchRange(0, _FOR_EVER))


def _go_on(book: SegmentBook, part: MetricPart, document: Mapping[str, Any]) -> None:
    progress = Progress.of_document(document)
    if progress.batches <= book.durable.batches:
        return
    before = book.durable.iterations
    offered: dict[Key, int] = {}
    for key, each in progress.iterations.items():
        count = each.offered - before.get(key, IterationCounts()).offered
        if count:
            offered[key] = count
    book.recent.append((part.start_ns, offered))
    if book.started_ns is None:
        book.started_ns = part.start_ns
    book.accepted = book.durable = progress


async def _read_last_batches(run: RunAggregate, store: ResultStore) -> None:
    """What was in flight when each segment last reported. Of a large run nobody has kept it."""
    for book in run.books.values():
        if not book.recent or book.complete:
            continue
        start_ns = book.recent[-1][0]
        alone = start_ns < run.alone_until_ns
        workers = None if alone else (book.worker_id,)
        query = PartQuery(run.opening.run_id, WINDOW_S, start_ns, start_ns + 1, (book.region,), workers)
        async for part in store.parts(query):
            book.last = part.counts
