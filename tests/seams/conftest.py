"""Stores to run one suite over: in memory, in a SQLite file, in PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.postgres import Postgres

from apibench.store.control import ControlStore
from apibench.store.database import Stores, open_stores
from apibench.store.memory_control import MemoryControlStore
from apibench.store.memory_results import MemoryResultStore
from apibench.store.results import ResultStore
from apibench.store.scalars import SeriesScalars, TimeScalars

KINDS = ["memory", "sqlite", "postgresql"]
KEEP_DAYS = 2
"""Of metrics, in every store of these tests."""

OpenControl = Callable[[], Awaitable[ControlStore]]
OpenResults = Callable[[], Awaitable[ResultStore]]


def a_figure(counts: bytes) -> list[SeriesScalars]:
    """One series whose counts tell how long the part was: the suite's parts hold any bytes at all."""
    size = len(counts)
    return [SeriesScalars("request", "main", 0, size, size, size, 0, 0, 0, TimeScalars(size, 1, 2, 1, 2, 2))]


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """A database with all tables in it, to copy: a copy takes a tenth of the time."""
    name = postgres.new_database().rpartition("/")[2]

    async def prepare() -> None:
        await (await open_stores(postgres.url(name))).close()

    asyncio.run(prepare())
    return name


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which store."""
    return str(request.param)


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Of an empty store of that kind."""
    if kind == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        return postgres.new_database(request.getfixturevalue("migrated"))
    return f"sqlite:///{tmp_path}/store.sqlite"


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Callable[[str], Awaitable[Stores]]]:
    """Opens both stores of a URL, as another process would; closes them after the test."""
    stores: list[Stores] = []

    async def open_one(url: str) -> Stores:
        stores.append(await open_stores(url, keep_days=KEEP_DAYS, scalars=a_figure))
        return stores[-1]

    yield open_one
    for each in stores:
        await each.close()


@pytest.fixture
def open_control(kind: str, url: str, opened: Any) -> OpenControl:
    """Opens the same store again each time, as two controllers do."""
    fake = MemoryControlStore()

    async def open_one() -> ControlStore:
        if kind == "memory":
            return fake
        stores: Stores = await opened(url)
        return stores.control

    return open_one


@pytest.fixture
def open_results(kind: str, url: str, opened: Any) -> OpenResults:
    """Opens the same store again each time, as two aggregators do."""
    fake = MemoryResultStore(KEEP_DAYS)

    async def open_one() -> ResultStore:
        if kind == "memory":
            return fake
        stores: Stores = await opened(url)
        return stores.results

    return open_one
