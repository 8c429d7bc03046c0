"""Tables come to be from nothing and from any release before, once, whoever asks for it how often."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Row, inspect, text
from tests.postgres import Postgres

from apibench import store
from apibench.model.errors import StoreFailed
from apibench.store.connection import Database, open_database
from apibench.store.migrations import VERSION_TABLE, migrate
from apibench.store.schema import metadata
from apibench.store.sqlite import SqliteStore

pytestmark = pytest.mark.asyncio

SCRIPTS = Path(store.__file__).parent / "migrations"
NEXT = """
import sqlalchemy as sa
from alembic import op
revision = "0003"
down_revision = "0002"
def upgrade():
    op.add_column("leader", sa.Column("added", sa.Integer, nullable=False, server_default="7"))
"""
BROKEN = NEXT + '    raise RuntimeError("half-way")\n'


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.new_database()


@pytest_asyncio.fixture
async def open_one(url: str) -> AsyncIterator[Callable[[], Database]]:
    opened: list[Database] = []

    def open_another() -> Database:
        opened.append(open_database(url))
        return opened[-1]

    yield open_another
    for each in opened:
        await each.engine.dispose()


@pytest.fixture
def database(open_one: Callable[[], Database]) -> Database:
    return open_one()


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The scripts of a release that has one more."""
    return with_another(tmp_path / "newer", NEXT)


def with_another(folder: Path, script: str) -> Path:
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v0003_next.py").write_text(script)
    return folder


async def tables(database: Database) -> set[str]:
    async with database.read() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def leaders(database: Database) -> list[tuple[object, ...]]:
    async with database.read() as connection:
        rows: list[Row[tuple[object, ...]]] = list(await connection.execute(text("SELECT * FROM leader")))
    return [tuple(row) for row in rows]


async def version(database: Database) -> str:
    async with database.read() as connection:
        return str(await connection.scalar(text("SELECT version_num FROM apibench_version")))


async def test_an_empty_database_gets_exactly_the_tables_of_the_schema(database: Database) -> None:
    await migrate(database.engine)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "include_name": lambda name, kind, _parents: kind != "table" or name in metadata.tables,
            },
        )
        return list(compare_metadata(context, metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []
    assert set(metadata.tables) <= await tables(database)


async def test_a_second_time_nothing_changes(database: Database) -> None:
    await migrate(database.engine)
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO leader VALUES ('controller', 3, 'one', 5.0)"))
    await migrate(database.engine)
    assert await leaders(database) == [("controller", 3, "one", 5.0)]


async def test_of_many_that_start_at_once_one_migrates(open_one: Callable[[], Database]) -> None:
    databases = [open_one() for _ in range(4)]
    await asyncio.gather(*(migrate(each.engine) for each in databases))
    assert await version(databases[0]) == "0002"


async def test_the_database_of_the_release_before_is_brought_up_with_what_is_in_it(
    database: Database, newer: Path
) -> None:
    await migrate(database.engine)
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO leader VALUES ('controller', 3, 'one', 5.0)"))
    await migrate(database.engine, newer)
    assert await version(database) == "0003"
    assert await leaders(database) == [("controller", 3, "one", 5.0, 7)]


async def test_a_newer_database_is_refused_by_name_and_left_alone(database: Database, newer: Path) -> None:
    await migrate(database.engine, newer)
    with pytest.raises(StoreFailed, match="newer apibench"):
        await migrate(database.engine)
    assert await version(database) == "0003"


async def test_a_migration_that_breaks_half_way_has_done_nothing(database: Database, tmp_path: Path) -> None:
    await migrate(database.engine)
    with pytest.raises(RuntimeError, match="half-way"):
        await migrate(database.engine, with_another(tmp_path / "broken", BROKEN))
    assert await version(database) == "0002"
    async with database.read() as connection:
        columns = await connection.run_sync(lambda sync: [each["name"] for each in inspect(sync).get_columns("leader")])
    assert "added" not in columns


async def test_tables_of_somebody_else_are_refused_and_left_alone(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE run (mine integer)"))
    with pytest.raises(StoreFailed, match="`run` that is not ours"):
        await migrate(database.engine)
    assert await tables(database) == {"run"}


async def test_tables_of_other_names_live_beside_ours(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
        await connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    await migrate(database.engine)
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == "theirs"


async def test_the_history_of_local_runs_is_no_store(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "history.sqlite").close()
    database = open_database(f"sqlite:///{tmp_path}/history.sqlite")
    with pytest.raises(StoreFailed, match="not ours"):
        await migrate(database.engine)
    await database.engine.dispose()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit", "UPDATE audit SET number = 2"],
)
async def test_a_deed_can_t_be_changed_by_sql_either(database: Database, statement: str) -> None:
    await migrate(database.engine)
    written = "INSERT INTO audit VALUES (1, 'at', 'ann', 'a', 's', '{}', '', 'hash')"
    async with database.write() as connection:
        await connection.execute(text(written))
    with pytest.raises(StoreFailed):
        async with database.write() as connection:
            await connection.execute(text(statement))
    async with database.read() as connection:
        rows = list(await connection.execute(text("SELECT number, actor FROM audit")))
    assert [tuple(row) for row in rows] == [(1, "ann")]
