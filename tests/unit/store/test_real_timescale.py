"""The stores on a real TimescaleDB, one connection at a time: tables, parts, days, and the counts by hour."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.ports import free_port

from apibench.model.aggregation import RunOpening
from apibench.model.metric import IngestMark, MetricPart, PartQuery
from apibench.store.connection import open_database
from apibench.store.database import open_stores
from apibench.store.migrations.timescale import level_of
from apibench.store.scalars import SeriesScalars, TimeScalars

SOURCES = Path(__file__).parents[2] / "timescale"
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        if os.environ.get("CI"):
            pytest.fail("npm and node are missing: in CI the tests of TimescaleDB are never left out")
        pytest.skip("NOT TESTED: TimescaleDB, for npm and node are missing")
    folder = tmp_path_factory.mktemp("timescale")
    for source in SOURCES.iterdir():
        shutil.copy(source, folder)
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=300)
    port = free_port()
    server = subprocess.Popen([node, "server.mjs", str(port)], cwd=folder, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"
    finally:
        server.kill()
        server.communicate()


def figures(counts: bytes) -> list[SeriesScalars]:
    return [SeriesScalars("request", "main", 0, len(counts), 4, 3, 1, 0, 0, TimeScalars(9, 1, 2, 1, 2, 2))]


async def rows(connection: AsyncConnection, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await connection.execute(text(statement))]


@pytest.mark.asyncio
async def test_days_are_chunks_that_are_looked_after_counted_by_hour_and_dropped(url: str) -> None:
    stores = await open_stores(url, keep_days=2, scalars=figures)
    results = stores.results
    # Around the end of today: a second start would forget at once what is days old.
    today = datetime.now(UTC).date()
    await results.open_run(RunOpening("r", "{}", f"{today}T23:59:58+00:00"))
    epoch = await results.own(0, "a")
    parts = [
        MetricPart("r", tier_s, second * SECOND, (second + 1) * SECOND, "eu", "", 0, 1, 1, b"counts")
        for tier_s, second in ((1, 0), (1, 1), (1, 2), (1, 3), (60, 0), (0, 0))
    ]
    await results.commit(0, epoch, parts, [(IngestMark("r", 0, "w", 1), 0)])
    await results.commit(0, epoch, parts[:1], [])
    assert [part async for part in results.parts(PartQuery("r", 1))] == parts[:4]
    assert await results.marks("r") == [IngestMark("r", 0, "w", 1)]
    await stores.close()
    database = open_database(url)
    async with database.read() as connection:
        by_hour = "SELECT kind, offered::int, started::int, response_max_ns FROM metric_by_hour"
        assert await rows(connection, by_hour) == [("request", 6, 4, 2)]
    await database.engine.dispose()

    # A second start finds nothing to make.
    stores = await open_stores(url, keep_days=2, scalars=figures)
    results = stores.results
    await results.put_result("r", "{}")
    three_days_on = datetime.combine(today + timedelta(days=3), time(12), UTC)
    assert await results.maintain(three_days_on.timestamp()) == [today.isoformat()]
    assert [part async for part in results.parts(PartQuery("r", 1))] == parts[2:4]
    assert [part async for part in results.parts(PartQuery("r", 0))] == parts[5:]
    await stores.close()

    database = open_database(url)
    async with database.read() as connection:
        assert await connection.run_sync(level_of) == "tsl"
        chunks = "SELECT hypertable_name, count(*) FROM timescaledb_information.chunks GROUP BY 1 ORDER BY 1"
        assert await rows(connection, chunks) == [("metric_part", 1), ("metric_series", 1)]
        jobs = await rows(connection, "SELECT proc_name, hypertable_name FROM timescaledb_information.jobs")
        for table in ("metric_part", "metric_series"):
            assert {("policy_compression", table), ("policy_retention", table)} <= set(jobs)
        views = "SELECT view_name FROM timescaledb_information.continuous_aggregates"
        assert await rows(connection, views) == [("metric_by_hour",)]
    await database.engine.dispose()
