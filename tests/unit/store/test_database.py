"""Databases as they are opened, shared, lost and found again; and what is in their columns for people with SQL."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from tests.postgres import Postgres, running_postgres

from apibench.model.aggregation import RunOpening
from apibench.model.errors import StoreFailed, UsageError
from apibench.model.metric import IngestMark, MetricPart, PartQuery
from apibench.store.database import Stores, open_stores
from apibench.store.scalars import SeriesScalars, TimeScalars

pytestmark = pytest.mark.asyncio

STARTED = "2026-11-25T23:59:58+00:00"
SECOND = 1_000_000_000
WRITER = """
import asyncio, sys
from apibench.store.database import open_stores

async def write():
    stores = await open_stores(sys.argv[1])
    for number in range(60):
        await stores.control.add_audit("at", sys.argv[2], "a", str(number), {})
    await stores.close()

asyncio.run(write())
"""
DIES = """
import asyncio, sys
from datetime import UTC, datetime
from apibench.model.aggregation import RunOpening
from apibench.model.metric import IngestMark, MetricPart
from apibench.store.database import open_stores

async def write():
    stores = await open_stores(sys.argv[1], scalars=lambda counts: [])
    # Today: whoever opens the file next forgets what is days old.
    await stores.results.open_run(RunOpening("r", "{}", datetime.now(UTC).isoformat()))
    epoch = await stores.results.own(0, "a")
    number = 0
    while True:
        part = MetricPart("r", 1, number, number + 1, "", "", 0, 1, 1, b"counts" * 1000)
        await stores.results.commit(0, epoch, [part], [(IngestMark("r", 0, "w", number + 1), number)])
        number += 1
        print(number, flush=True)

asyncio.run(write())
"""


def figures(counts: bytes) -> list[SeriesScalars]:
    times = TimeScalars(len(counts), 1, 9, 2, 3, 4)
    return [
        SeriesScalars("iteration", "main", 0, 5, 4, 3, 1, 0, 1, response=times),
        SeriesScalars("request", "warmup", 2, 4, 4, 4, 0, 0, 0, times, times),
    ]


def a_part(second: int = 0, tier_s: int = 1, worker_id: str = "") -> MetricPart:
    return MetricPart("r", tier_s, second * SECOND, (second + 1) * SECOND, "eu", worker_id, 0, 1, 1, b"counts")


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Callable[[str], Awaitable[Stores]]]:
    stores: list[Stores] = []

    async def open_one(url: str) -> Stores:
        stores.append(await open_stores(url, keep_days=2, scalars=figures))
        return stores[-1]

    yield open_one
    for each in stores:
        await each.close()


Opened = Callable[[str], Awaitable[Stores]]

# URLs.


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.sqlite",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/file",
        "sqlite:///file?mode=ro",
        "sqlite+aiosqlite:///file",
        "mysql://host/database",
        "postgres://host/database",
        "postgresql+psycopg://host/database",
        "postgresql://host",
        "postgresql://host:port/database",
        "://",
    ],
)
async def test_what_is_no_url_of_ours_is_refused_with_what_is(url: str) -> None:
    with pytest.raises(UsageError, match=r"sqlite:///FILE or postgresql://"):
        await open_stores(url)


async def test_no_days_can_t_be_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 days"):
        await open_stores(f"sqlite:///{tmp_path}/store", keep_days=0)


async def test_a_password_is_in_no_message() -> None:
    with pytest.raises(StoreFailed) as failed:
        await open_stores("postgresql://ann:s3cr3t@127.0.0.1:1/store?connect_timeout=2")
    assert "s3cr3t" not in str(failed.value)
    assert "127.0.0.1" in str(failed.value)


# SQLite.


async def test_the_file_is_nobody_elses_and_written_ahead(tmp_path: Path, opened: Opened) -> None:
    path = tmp_path / "new folder" / "store.sqlite"
    await opened(f"sqlite:///{path}")
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_text("these are my notes, thank you")
    with pytest.raises(StoreFailed, match="not a database"):
        await open_stores(f"sqlite:///{path}")
    assert path.read_text() == "these are my notes, thank you"


async def test_a_file_that_can_t_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreFailed, match="can't be used"):
        await open_stores(f"sqlite:///{tmp_path}/file/store")


async def test_many_writers_of_a_process_never_find_it_locked(tmp_path: Path, opened: Opened) -> None:
    stores = [await opened(f"sqlite:///{tmp_path}/store") for _ in range(3)]
    await stores[0].results.open_run(RunOpening("r", "{}", STARTED))
    epochs = [await each.results.own(number, "a") for number, each in enumerate(stores)]

    async def write(number: int) -> None:
        which = number % 3
        marks = [(IngestMark("r", number, "w", 1), 0)]
        await stores[which].results.commit(which, epochs[which], [a_part(number)], marks)
        await stores[which].control.add_audit(STARTED, "a", "a", "a", {})

    await asyncio.gather(*(write(number) for number in range(60)))
    assert len(await stores[0].results.marks("r")) == len(await stores[0].control.audit()) == 60


async def test_two_processes_share_a_file(tmp_path: Path, opened: Opened) -> None:
    url = f"sqlite:///{tmp_path}/store"
    programs = [[sys.executable, "-c", WRITER, url, name] for name in ("one", "two")]
    writers = [await asyncio.create_subprocess_exec(*program) for program in programs]
    assert [await writer.wait() for writer in writers] == [0, 0]
    rows = await (await opened(url)).control.audit()
    assert [row.number for row in rows] == list(range(1, 121))
    assert {row.actor for row in rows} == {"one", "two"}


async def test_after_a_kill_at_any_moment_marks_and_parts_agree(tmp_path: Path, opened: Opened) -> None:
    url = f"sqlite:///{tmp_path}/store"
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, url, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    while int(await writer.stdout.readline()) < 40:
        pass
    writer.kill()
    rest, _ = await writer.communicate()
    told = [line for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    results = (await opened(url)).results
    (mark,) = await results.marks("r")
    parts = [part async for part in results.parts(PartQuery("r", 1))]
    assert [part.start_ns for part in parts] == list(range(mark.durable))
    assert mark.durable >= (int(told[-1]) if told else 40)


async def test_forgotten_days_give_their_room_back(tmp_path: Path, opened: Opened) -> None:
    stores = await opened(f"sqlite:///{tmp_path}/store")
    await stores.results.open_run(RunOpening("r", "{}", STARTED))
    epoch = await stores.results.own(0, "a")
    noise = [MetricPart("r", 1, n, n + 1, "", "", n, 1, 1, random_bytes(n)) for n in range(200)]
    await stores.results.commit(0, epoch, noise, [])
    path = tmp_path / "store"
    with closing(sqlite3.connect(path)) as connection:
        (before,) = connection.execute("PRAGMA page_count").fetchone()
        await stores.results.maintain(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
        (after,) = connection.execute("PRAGMA page_count").fetchone()
    assert before > 1_000
    assert after < before / 5


async def test_what_an_earlier_release_has_deflated_is_read(tmp_path: Path, opened: Opened) -> None:
    results = (await opened(f"sqlite:///{tmp_path}/s.sqlite")).results
    await results.open_run(RunOpening("r", "{}", STARTED))
    part = a_part()
    await results.commit(0, await results.own(0, "a"), [part], [])
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as connection, connection:
        connection.execute("UPDATE metric_part SET counts = ?", [zlib.compress(part.counts)])
    assert [each async for each in results.parts(PartQuery("r", 1))] == [part]
    # And is the same part, if it is written once more.
    await results.commit(0, 1, [part], [])


def random_bytes(seed: int) -> bytes:
    return random.Random(seed).randbytes(30_000)  # noqa: S311 - no secret


# PostgreSQL.


async def test_days_have_partitions_of_their_own_and_old_ones_are_dropped(postgres: Postgres, opened: Opened) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    results = (await opened(url)).results
    await results.open_run(RunOpening("r", "{}", STARTED))
    epoch = await results.own(0, "a")
    await results.commit(0, epoch, [a_part(second) for second in (1, 2, 3)], [])
    placed = "SELECT tableoid::regclass::text, count(*) FROM {} GROUP BY 1 ORDER BY 1"
    assert postgres.execute(placed.format("metric_part"), name) == [
        ("metric_part_on_20261125", 1),
        ("metric_part_on_20261126", 2),
    ]
    assert postgres.execute(placed.format("metric_series"), name) == [
        ("metric_series_on_20261125", 2),
        ("metric_series_on_20261126", 4),
    ]
    await results.put_result("r", "{}")
    assert await results.maintain(datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()) == ["2026-11-25"]
    assert [place for place, _ in postgres.execute(placed.format("metric_part"), name)] == ["metric_part_on_20261126"]
    there = {row[0] for row in postgres.execute("SELECT relname FROM pg_class WHERE relname LIKE 'metric%_on_%'", name)}
    assert {f"metric_part_on_202611{day}" for day in (26, 28, 29, 30)} <= there
    assert not any("20261125" in each for each in there)


async def test_what_found_no_partition_is_kept_and_forgotten_all_the_same(postgres: Postgres, opened: Opened) -> None:
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    one, two = (await opened(url)).results, (await opened(url)).results
    await one.open_run(RunOpening("r", "{}", STARTED))
    epoch = await one.own(0, "a")
    await one.commit(0, epoch, [a_part(0)], [])
    # Another process drops the day that this one believes to be there.
    later = datetime(2026, 12, 24, tzinfo=UTC).timestamp()
    assert await two.maintain(later) == ["2026-11-25"]
    await one.commit(0, epoch, [a_part(1)], [])
    assert postgres.execute("SELECT count(*) FROM metric_part_rest", name) == [(1,)]
    await two.commit(0, epoch, [a_part(0)], [])
    assert [part async for part in one.parts(PartQuery("r", 1))] == [a_part(0), a_part(1)]
    assert await one.maintain(later) == ["2026-11-25"]
    assert [part async for part in one.parts(PartQuery("r", 1))] == []


async def test_a_database_that_was_gone_is_used_again(opened: Opened) -> None:
    with running_postgres() as postgres:
        stores = await opened(postgres.new_database())
        await stores.results.open_run(RunOpening("r", "{}", STARTED))
        epoch = await stores.results.own(0, "a")
        await stores.results.commit(0, epoch, [a_part(0)], [(IngestMark("r", 0, "w", 1), 0)])
        postgres.stop(signal.SIGQUIT)
        with pytest.raises(StoreFailed, match="can't be used"):
            await stores.results.commit(0, epoch, [a_part(1)], [(IngestMark("r", 0, "w", 2), 1)])
        with pytest.raises(StoreFailed, match="can't be used"):
            await stores.control.lead("one", 0, 10)
        postgres.start()
        await stores.results.commit(0, epoch, [a_part(1)], [(IngestMark("r", 0, "w", 2), 1)])
        assert await stores.results.marks("r") == [IngestMark("r", 0, "w", 2)]
        await stores.close()


# What stands in columns.


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new_database()


async def test_figures_stand_in_columns_for_parts_of_whole_regions(
    url: str, opened: Opened, postgres: Postgres
) -> None:
    results = (await opened(url)).results
    await results.open_run(RunOpening("r", "{}", STARTED))
    epoch = await results.own(0, "a")
    await results.commit(0, epoch, [a_part(3), a_part(3, worker_id="w"), a_part(0, 60), a_part(0, 0)], [])
    asked = (
        "SELECT tier_s, start_ns, region, kind, phase, series, offered, started, ok, failed, unfinished, dropped, "
        "response_sum_ns, response_p50_ns, response_p99_ns, service_max_ns FROM {} ORDER BY tier_s, kind"
    )
    expected = [
        (1, 3 * SECOND, "eu", "iteration", "main", 0, 5, 4, 3, 1, 0, 1, 6, 2, 4, None),
        (1, 3 * SECOND, "eu", "request", "warmup", 2, 4, 4, 4, 0, 0, 0, 6, 2, 4, 9),
    ]
    whole = [(60, 0, *row[2:]) for row in expected], [(0, 0, *row[2:]) for row in expected]
    assert query(url, postgres, asked.format("metric_series")) == [*expected, *whole[0]]
    assert query(url, postgres, asked.format("total_series")) == whole[1]


def query(url: str, postgres: Postgres, statement: str) -> list[tuple[object, ...]]:
    if url.startswith("postgresql"):
        return postgres.execute(statement, url.rpartition("/")[2])
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return connection.execute(statement).fetchall()


async def test_counts_that_can_t_be_read_are_not_written(url: str) -> None:
    stores = await open_stores(url, scalars=unreadable)
    await stores.results.open_run(RunOpening("r", "{}", STARTED))
    epoch = await stores.results.own(0, "a")
    with pytest.raises(ValueError, match="no counts"):
        await stores.results.commit(0, epoch, [a_part()], [(IngestMark("r", 0, "w", 1), 0)])
    assert await stores.results.marks("r") == []
    await stores.close()


def unreadable(counts: bytes) -> list[SeriesScalars]:
    message = f"{counts!r} are no counts"
    raise ValueError(message)
