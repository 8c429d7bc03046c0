"""The aggregator's memory in a database."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, Integer, Row, any_, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from apibench.model.aggregation import RunFacts, RunOpening
from apibench.model.metric import IngestMark, MetricPart, PartQuery
from apibench.store import schema
from apibench.store.commits import (
    days_ahead,
    kept_since,
    midnight,
    moment,
    moved,
    openings,
    part_differs,
    run_facts,
    run_not_opened,
)
from apibench.store.connection import Database
from apibench.store.days import Days
from apibench.store.part_rows import PackedParts, at_place, unpacked, wanted
from apibench.store.rows import shard_is_taken
from apibench.store.scalars import Scalars

_PAGE = 128
"""Parts read at a time: however slowly somebody reads, nobody waits for it."""


class _Run(NamedTuple):
    number: int
    begun: datetime


class DatabaseResultStore:
    """A ResultStore over SQLite, PostgreSQL or TimescaleDB."""

    def __init__(self, database: Database, scalars: Scalars, keep_days: int | None = None) -> None:
        self._database = database
        self._scalars = scalars
        self._keep_days = keep_days
        self._days = Days(database)
        self._insert = postgresql.insert if database.is_postgresql else sqlite.insert
        self._runs: dict[str, _Run] = {}
        """By id; they never change."""
        self._closed = False
        database.hold()

    async def own(self, shard: int, owner: str) -> int:
        """Become the only writer of a shard."""
        own = self._insert(schema.shard).values(shard=shard, epoch=1, owner=owner)
        statement = own.on_conflict_do_update(
            index_elements=[schema.shard.c.shard], set_={"epoch": schema.shard.c.epoch + 1, "owner": owner}
        )
        async with self._database.write() as connection:
            epoch: int = (await connection.execute(statement.returning(schema.shard.c.epoch))).scalar_one()
        return epoch

    async def open_run(self, opening: RunOpening) -> None:
        """Results of a run are going to come."""
        document = openings().dump_python(opening, mode="json")
        values = {"run_id": opening.run_id, "started_at": moment(opening.started_at), "opening": document}
        statement = self._insert(schema.result).values(**values)
        async with self._database.write() as connection:
            await connection.execute(statement.on_conflict_do_nothing(index_elements=[schema.result.c.run_id]))

    async def tell(self, facts: RunFacts) -> None:
        """What is known of a run."""
        result = schema.result.c
        document = run_facts().dump_python(facts, mode="json")
        newer = result.version.is_(None) | (result.version <= facts.version)
        statement = update(schema.result).where(result.run_id == facts.run_id, newer)
        async with self._database.write() as connection:
            await _opened(connection, facts.run_id)
            await connection.execute(statement.values(facts=document, version=facts.version))

    async def opened(self, run_id: str) -> tuple[RunOpening, RunFacts | None] | None:
        """What was told of a run."""
        result = schema.result.c
        async with self._database.read() as connection:
            found = (
                await connection.execute(select(result.opening, result.facts).where(result.run_id == run_id))
            ).first()
        if found is None:
            return None
        facts = None if found.facts is None else run_facts().validate_python(found.facts)
        return openings().validate_python(found.opening), facts

    async def commit(
        self, shard: int, epoch: int, parts: Sequence[MetricPart], marks: Sequence[tuple[IngestMark, int]]
    ) -> None:
        """Write parts, and move marks; all of it or nothing."""
        runs = await self._known({part.run_id for part in parts} | {mark.run_id for mark, _ in marks})
        # Compressing is most of the work, and the event loop need not wait for it.
        packed = await asyncio.to_thread(self._packed, parts, runs)
        await self._days.make(packed.days())
        async with self._database.write() as connection:
            owned = select(schema.shard.c.epoch).where(schema.shard.c.shard == shard).with_for_update()
            if await connection.scalar(owned) != epoch:
                raise shard_is_taken(shard)
            await self._move(connection, marks, runs)
            added = 0
            for table, rows in packed.rows.items():
                result = await connection.execute(self._insert(table).on_conflict_do_nothing(), rows)
                added += result.rowcount if table in (schema.metric_part, schema.total_part) else 0
            if added != len(parts):
                await self._compare(connection, parts, runs)

    async def marks(self, run_id: str) -> list[IngestMark]:
        """Of all segments of which anything has come, in order."""
        mark, result = schema.ingest_mark.c, schema.result.c
        statement = (
            select(mark.segment, mark.worker_id, mark.durable)
            .join(schema.result, result.run_no == mark.run_no)
            .where(result.run_id == run_id)
            .order_by(mark.segment)
        )
        async with self._database.read() as connection:
            return [IngestMark(run_id, *row) for row in await connection.execute(statement)]

    async def parts(self, query: PartQuery) -> AsyncIterator[MetricPart]:
        """Those parts, a page at a time: what comes meanwhile may or may not be among them."""
        last: MetricPart | None = None
        run = self._runs.get(query.run_id)
        if run is None:
            async with self._database.read() as connection:
                run = await _find(connection, query.run_id)
        if run is not None:
            self._runs[query.run_id] = run
        while run is not None:
            statement = wanted(query, run.number, run.begun, last, _PAGE)
            async with self._database.read() as connection:
                page = (await connection.execute(statement)).all()
            # A page of large parts takes a tenth of a second to unpack, and the event loop need not wait for it.
            for last in await asyncio.to_thread(_unpacked, query.run_id, page):
                yield last
            if len(page) < _PAGE:
                return

    async def put_result(self, run_id: str, document: str) -> None:
        """The result document of a run that is over."""
        packed = await asyncio.to_thread(zlib.compress, document.encode())
        statement = update(schema.result).where(schema.result.c.run_id == run_id)
        async with self._database.write() as connection:
            await _opened(connection, run_id)
            await connection.execute(statement.values(document=packed))

    async def result(self, run_id: str) -> str | None:
        """That document, if there is one."""
        statement = select(schema.result.c.document).where(schema.result.c.run_id == run_id)
        async with self._database.read() as connection:
            packed = await connection.scalar(statement)
        return None if packed is None else zlib.decompress(packed).decode()

    async def maintain(self, now_s: float) -> list[str]:
        """Make room for the days ahead, forget those that are too old."""
        await self._days.make(days_ahead(now_s))
        first_kept = kept_since(now_s, self._keep_days)
        if first_kept is None or self._keep_days is None:
            return []
        first_kept = await self._begun_going_on(first_kept) or first_kept
        return [day.isoformat() for day in await self._days.forget(first_kept, self._keep_days)]

    async def close(self) -> None:
        """Let go of the database."""
        if not self._closed:
            self._closed = True
            await self._database.release()

    async def _begun_going_on(self, day: date) -> date | None:
        """The day on which the oldest run began that has gone on since that one; None: no run has."""
        result, part = schema.result.c, schema.metric_part.c
        since = select(part.run_no).where(part.run_no == result.run_no, part.ts >= midnight(day)).exists()
        going_on = (result.document.is_(None), result.started_at < midnight(day), since)
        async with self._database.read() as connection:
            begun: datetime | None = await connection.scalar(select(func.min(result.started_at)).where(*going_on))
        return None if begun is None else begun.astimezone(UTC).date()

    def _packed(self, parts: Sequence[MetricPart], runs: Mapping[str, _Run]) -> PackedParts:
        packed = PackedParts()
        for part in parts:
            run = runs[part.run_id]
            ts = run.begun + timedelta(microseconds=part.start_ns // 1_000)
            packed.add(part, run.number, ts, self._scalars)
        return packed

    async def _move(
        self, connection: AsyncConnection, marks: Sequence[tuple[IngestMark, int]], runs: Mapping[str, _Run]
    ) -> None:
        if not marks:
            return
        mark = schema.ingest_mark
        present: dict[tuple[str, int], IngestMark] = {}
        for run_id in sorted({mark.run_id for mark, _ in marks}):
            segments = sorted({mark.segment for mark, _ in marks if mark.run_id == run_id})
            # Locked in order, so that two shards of one run wait for each other and not for ever.
            statement = (
                select(mark.c.segment, mark.c.worker_id, mark.c.durable)
                .where(mark.c.run_no == runs[run_id].number, self._is_segment_of(segments))
                .order_by(mark.c.segment)
                .with_for_update()
            )
            for segment, worker_id, durable in await connection.execute(statement):
                present[run_id, segment] = IngestMark(run_id, segment, worker_id, durable)
        fresh: list[dict[str, Any]] = []
        steps: dict[tuple[int, int], list[int]] = {}
        for (run_id, segment), each in sorted(moved(present, marks).items()):
            number, before = runs[run_id].number, present.get((run_id, segment))
            if before is None:
                columns = {"run_no": number, "segment": segment, "worker_id": each.worker_id, "durable": each.durable}
                fresh.append(columns)
            else:
                steps.setdefault((number, each.durable - before.durable), []).append(segment)
        if fresh:
            # Another shard's at the same moment is a Conflict: nothing was there to be locked.
            await connection.execute(insert(mark), fresh)
        # Nearly all move by the same step. They are locked, and are where they were seen.
        for (number, step), segments in steps.items():
            here = (mark.c.run_no == number, self._is_segment_of(segments))
            await connection.execute(update(mark).where(*here).values(durable=mark.c.durable + step))

    def _is_segment_of(self, segments: Sequence[int]) -> ColumnElement[bool]:
        """Of a mark. In PostgreSQL it is one value however many they are, so that the statement is always the same."""
        segment = schema.ingest_mark.c.segment
        if self._database.is_postgresql:
            return segment == any_(literal(segments, ARRAY(Integer)))
        return segment.in_(segments)

    async def _compare(
        self, connection: AsyncConnection, parts: Sequence[MetricPart], runs: Mapping[str, _Run]
    ) -> None:
        for part in parts:
            stored = (await connection.execute(at_place(part, runs[part.run_id].number))).one()
            if unpacked(part.run_id, stored) != part:
                raise part_differs(part)

    async def _known(self, run_ids: set[str]) -> dict[str, _Run]:
        unknown = run_ids - self._runs.keys()
        if unknown:
            async with self._database.read() as connection:
                for run_id in sorted(unknown):
                    self._runs[run_id] = await _opened(connection, run_id)
        return {run_id: self._runs[run_id] for run_id in run_ids}


def _unpacked(run_id: str, page: Sequence[Row[Any]]) -> list[MetricPart]:
    return [unpacked(run_id, row) for row in page]


async def _opened(connection: AsyncConnection, run_id: str) -> _Run:
    found = await _find(connection, run_id)
    if found is None:
        raise run_not_opened(run_id)
    return found


async def _find(connection: AsyncConnection, run_id: str) -> _Run | None:
    result = schema.result.c
    row = (await connection.execute(select(result.run_no, result.started_at).where(result.run_id == run_id))).first()
    return None if row is None else _Run(*row)
