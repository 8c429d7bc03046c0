"""
Metrics by day: room is made for a day before its parts come, and an old day is dropped whole.

PostgreSQL has a partition a day, and one for whatever has none; TimescaleDB keeps chunks of a day by itself; SQLite has
one table, from which rows are deleted and whose room is given back.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal, cast

import aiosqlite
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from apibench.store import schema
from apibench.store.commits import midnight
from apibench.store.connection import Database
from apibench.store.migrations.timescale import Level, level_of

Keeping = Literal["rows", "partitions", "chunks"]
_TABLES = tuple(table.name for table in schema.PARTITIONED)
_LOCK = 0x6170_6962_6461_7973
"""`apibdays`: one maker or dropper of days at a time."""


class Days:
    """The days of the metrics of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keeping: Keeping | None = None
        self._made: set[date] = set()
        self._policy_days: int | None = None

    async def make(self, days: Iterable[date]) -> None:
        """Make room for days, where it has to be made."""
        missing = sorted(set(days) - self._made)
        if not missing or await self._kept_as() != "partitions":
            return
        async with self._database.write() as connection:
            await self._alone(connection)
            for day in missing:
                for table in _TABLES:
                    await _make(connection, table, day)
        self._made.update(missing)

    async def forget(self, first_kept: date, keep_days: int) -> list[date]:
        """Drop every day before that one, so many of which are kept in all; returns those that were there, in order."""
        keeping = await self._kept_as()
        if keeping == "rows":
            return await self._delete_rows(midnight(first_kept))
        if keeping == "chunks":
            return await self._drop_chunks(midnight(first_kept), keep_days)
        return await self._drop_partitions(first_kept)

    async def _kept_as(self) -> Keeping:
        # What the tables are, not what the database could do: an extension may have come after them.
        if self._keeping is None:
            self._keeping = "rows"
            if self._database.is_postgresql:
                kind = text("SELECT relkind::text FROM pg_class WHERE oid = 'metric_part'::regclass")
                async with self._database.read() as connection:
                    self._keeping = "partitions" if await connection.scalar(kind) == "p" else "chunks"
        return self._keeping

    async def _alone(self, connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        # Making and dropping shut everybody out for a moment. Who can't have that moment soon tries another time.
        await connection.execute(text("SET LOCAL lock_timeout = '5s'"))

    async def _drop_partitions(self, first_kept: date) -> list[date]:
        listed = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:table)")
        dropped: set[date] = set()
        async with self._database.write() as connection:
            await self._alone(connection)
            for table in _TABLES:
                for name in list(await connection.scalars(listed, {"table": table})):
                    day = _day_of(name)
                    if day is not None and day < first_kept:
                        # Made ahead, and nothing came: such a day was never there.
                        if await connection.scalar(text(f"SELECT EXISTS (SELECT 1 FROM {name})")):  # noqa: S608
                            dropped.add(day)
                        await connection.execute(text(f"DROP TABLE {name}"))
                        self._made.discard(day)
                rest = text(
                    f"WITH gone AS (DELETE FROM {table}_rest WHERE ts < :before RETURNING ts) "  # noqa: S608 - our names
                    "SELECT DISTINCT CAST(ts AT TIME ZONE 'UTC' AS date) FROM gone"
                )
                dropped.update(await connection.scalars(rest, {"before": midnight(first_kept)}))
        return sorted(dropped)

    async def _drop_chunks(self, before: datetime, keep_days: int) -> list[date]:
        listed = text(
            "SELECT range_start FROM timescaledb_information.chunks "
            "WHERE hypertable_name = ANY(:tables) AND range_end <= :before"
        )
        async with self._database.write() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            starts = await connection.scalars(listed, {"tables": list(_TABLES), "before": before})
            dropped = {start.astimezone(UTC).date() for start in starts}
            for table in _TABLES:
                await connection.execute(
                    text("SELECT drop_chunks(to_regclass(:table), older_than => CAST(:before AS timestamptz))"),
                    {"table": table, "before": before},
                )
            level: Level = await connection.run_sync(level_of)
            if level == "tsl" and self._policy_days != keep_days:
                # Also when no process of ours runs.
                await _set_policy(connection, keep_days)
                self._policy_days = keep_days
        return sorted(dropped)

    async def _delete_rows(self, before: datetime) -> list[date]:
        begun = select(schema.result.c.run_no).where(schema.result.c.started_at < before)
        async with self._database.read() as connection:
            runs = list(await connection.scalars(begun))
        dropped: set[date] = set()
        for run_no in runs:
            # A run at a time, so that nobody waits for long.
            async with self._database.write() as connection:
                for table in schema.PARTITIONED:
                    old = (table.c.run_no == run_no, table.c.ts < before)
                    span = (
                        await connection.execute(select(func.min(table.c.ts), func.max(table.c.ts)).where(*old))
                    ).one()
                    if span[0] is not None:
                        dropped.update(_days_between(span[0].date(), span[1].date()))
                        await connection.execute(delete(table).where(*old))
        if dropped:
            async with self._database.write() as connection:
                # Gives a page back each time it is asked for more; only a script is asked until the end.
                raw = await connection.get_raw_connection()
                await cast("aiosqlite.Connection", raw.driver_connection).executescript("PRAGMA incremental_vacuum")
        return sorted(dropped)


async def _make(connection: AsyncConnection, table: str, day: date) -> None:
    begin, end = midnight(day), midnight(day + timedelta(days=1))
    # Parts that came before their partition stay where they are, and that day with them.
    taken = text(f"SELECT EXISTS (SELECT 1 FROM {table}_rest WHERE ts >= :begin AND ts < :end)")  # noqa: S608 - our names
    if await connection.scalar(taken, {"begin": begin, "end": end}):
        return
    name = f"{table}_{_STAMP}{day:%Y%m%d}"
    bounds = f"FROM ('{begin.isoformat()}') TO ('{end.isoformat()}')"
    await connection.execute(text(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES {bounds}"))


async def _set_policy(connection: AsyncConnection, keep_days: int) -> None:
    for table in _TABLES:
        await connection.execute(
            text("SELECT remove_retention_policy(to_regclass(:table), if_exists => true)"), {"table": table}
        )
        await connection.execute(
            text("SELECT add_retention_policy(to_regclass(:table), drop_after => make_interval(days => :days))"),
            {"table": table, "days": keep_days},
        )


_STAMP = "on_"


def _day_of(partition: str) -> date | None:
    _, found, stamp = partition.rpartition(f"_{_STAMP}")
    return datetime.strptime(stamp, "%Y%m%d").replace(tzinfo=UTC).date() if found else None


def _days_between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
