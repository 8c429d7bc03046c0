"""
How much of TimescaleDB a database has, and what is made of it.

For versions and licences nobody has at hand: a real PostgreSQL looks at a catalogue that says what theirs would.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.postgres import Postgres

from apibench.store.connection import open_database
from apibench.store.migrations.timescale import Level, hypertables, level_of
from apibench.store.schema import PARTITIONED


@pytest_asyncio.fixture
async def connection(postgres: Postgres) -> AsyncIterator[AsyncConnection]:
    database = open_database(postgres.new_database())
    async with database.write() as connection:
        yield connection
    await database.engine.dispose()


@pytest.mark.asyncio
async def test_a_database_without_the_extension_is_plain(connection: AsyncConnection) -> None:
    assert await connection.run_sync(level_of) == "plain"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("version", "licence", "level"),
    [
        ("2.23.0", "timescale", "tsl"),
        ("2.18.0", "timescale", "tsl"),
        ("2.30.0-dev", "timescale", "tsl"),
        ("3.0.1", "timescale", "tsl"),
        ("2.17.2", "timescale", "apache"),
        ("2.23.0", "apache", "apache"),
        ("2.23.0", None, "apache"),
    ],
)
async def test_the_level_is_of_version_and_licence(
    connection: AsyncConnection, version: str, licence: str | None, level: Level
) -> None:
    await connection.execute(text("CREATE TABLE public.pg_extension (extname text, extversion text)"))
    await connection.execute(
        text("INSERT INTO public.pg_extension VALUES ('timescaledb', :version)"), {"version": version}
    )
    await connection.execute(text("SET LOCAL search_path = public, pg_catalog"))
    if licence is not None:
        await connection.execute(text("SELECT set_config('timescaledb.license', :licence, true)"), {"licence": licence})
    assert await connection.run_sync(level_of) == level


def test_the_free_part_gets_hypertables_of_a_day_and_nothing_of_the_other_licence() -> None:
    statements = hypertables("apache")
    assert len(statements) == len(PARTITIONED)
    for table, statement in zip(PARTITIONED, statements, strict=True):
        assert f"create_hypertable('{table.name}', 'ts', chunk_time_interval => INTERVAL '1 day')" in statement


def test_the_whole_gets_columnstore_and_hourly_counts_over_columns_that_there_are() -> None:
    statements = hypertables("tsl")
    assert statements[: len(PARTITIONED)] == hypertables("apache")
    for table in PARTITIONED:
        (altered,) = (each for each in statements if each.startswith(f"ALTER TABLE {table.name} "))
        settings = altered.split("'")
        segments, order = settings[1].split(", "), settings[3].split(", ")
        # Whatever of the key is not what a segment has in common has to be in its order.
        assert set(segments) | set(order) == {column.name for column in table.primary_key}
        assert any(f"add_columnstore_policy('{table.name}'" in each for each in statements)
