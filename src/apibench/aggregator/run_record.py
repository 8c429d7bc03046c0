"""What a run was, for its document: its workers together as one generator."""

from datetime import UTC, datetime
from functools import reduce
from typing import cast, get_args

from apibench.aggregator.fleet import WorkerWatch
from apibench.aggregator.lost import lost_in
from apibench.aggregator.run_aggregate import RunAggregate
from apibench.aggregator.segment_book import SegmentBook
from apibench.aggregator.standing import is_complete
from apibench.aggregator.verdict import FleetEnd
from apibench.model.aggregation import Fate, SegmentFacts
from apibench.model.host_sample import HostTotals
from apibench.model.run import Ended, HostMachine, RunEnd, RunRecord, WorkerRecord
from apibench.model.share import RING


def run_record(run: RunAggregate) -> RunRecord:
    """Its beginning, and who took part."""
    segments = run.facts.segments
    cpus = sum(each.worker.cpus for each in segments)
    host = HostMachine(cpus=cpus, quota=None, kernel="", clock="", spin=False, co_located=False)
    return RunRecord(
        run_id=run.opening.run_id,
        plan=run.plan.plan,
        started_at=datetime.fromisoformat(run.opening.started_at),
        engine_version=", ".join(sorted({each.worker.engine_version for each in segments})),
        threads=sum(_threads(run.books[each.segment], each) for each in segments),
        host=host,
        series=run.plan.series,
        tags=run.opening.tags,
        workers=worker_records(run),
    )


def worker_records(run: RunAggregate) -> tuple[WorkerRecord, ...]:
    """A row for each segment."""
    records: list[WorkerRecord] = []
    for each in sorted(run.facts.segments, key=lambda facts: facts.segment):
        book, shares = run.books[each.segment], run.facts.ledger.spans_of(each.segment)
        records.append(
            WorkerRecord(
                segment=each.segment,
                worker_id=each.worker.worker_id,
                region=each.worker.region,
                fate=each.fate.value,
                clock_error_ns=each.clock_error_ns,
                share=shares[0][2].length / RING if shares else 0.0,
                batches=book.durable.batches,
                reported_ns=book.durable.end_ns,
                complete=is_complete(book, each),
                lost=lost_in([run.losses.get(each.segment, {})]).total(),
                minutes_lacking=run.minutes.lacking(each.segment),
                cpus=each.worker.cpus,
                descriptors=each.worker.descriptors,
                local_ports=each.worker.local_ports,
                taken=book.durable.host,
            )
        )
    return tuple(records)


def run_end(run: RunAggregate) -> RunEnd:
    """How it ended. One that goes on has not been interrupted: its document says what there is by now."""
    ended: Ended = cast("Ended", run.facts.ended) if run.facts.ended in get_args(Ended) else "complete"
    if run.facts.ended and run.facts.ended not in get_args(Ended):
        ended = "crashed"
    at = run.facts.ended_at or run.opening.started_at
    return RunEnd(
        datetime.fromisoformat(at).astimezone(UTC),
        ended,
        stopped_ns=run.facts.stopped_ns,
        setup=run.facts.setup,
        teardown=run.facts.teardown,
        taken=reduce(HostTotals.beside, (book.durable.host for book in run.books.values()), HostTotals()),
    )


def fleet_end(run: RunAggregate) -> FleetEnd:
    """What became of its workers."""
    owners = [each for each in run.facts.segments if run.facts.ledger.spans_of(each.segment)]
    lost = tuple(each.worker.worker_id for each in owners if each.fate is Fate.LOST)
    return FleetEnd(lost, len(owners) - len(lost), run.opening.least_workers, lost_in(run.losses.values()).total())


def _threads(book: SegmentBook, facts: SegmentFacts) -> int:
    """How many make a segment's load. An earlier release does not tell: then they are as many as they can be."""
    return book.durable.host.threads or facts.worker.cpus


def worker_watches(run: RunAggregate) -> list[WorkerWatch]:
    """What their hosts did to them."""
    watches: list[WorkerWatch] = []
    for each in run.facts.segments:
        book = run.books[each.segment]
        durable = book.durable
        whole_ns = (durable.end_ns - (book.started_ns or 0)) * _threads(book, each)
        watches.append(WorkerWatch(each.worker.worker_id, durable.host, durable.batches, whole_ns, each.clock_error_ns))
    return watches
