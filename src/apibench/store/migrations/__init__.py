"""
Brings a database to this release's tables, from an empty one or from any release before.

One transaction that nobody else can be in: of two processes that start on one database, the second waits for the first
and then finds nothing to do. If anything of it fails, nothing of it was done.
"""

from functools import partial
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from apibench.model.errors import StoreFailed
from apibench.store.connection import shown_as, translated
from apibench.store.schema import metadata

VERSION_TABLE = "apibench_version"
"""Ours, so that another program's Alembic may live in the same database."""
_LOCK = 0x6170_6962_656E_6368
"""`apibench`, as PostgreSQL numbers its advisory locks."""
_SCRIPTS = Path(__file__).parent


async def migrate(engine: AsyncEngine, scripts: Path = _SCRIPTS) -> None:
    """
    Make what is not there yet; nothing, where all is.

    Raises StoreFailed for a database of a newer release, for one that holds somebody else's tables of our names, and
    where the database does not answer.
    """
    with translated(shown_as(engine.url)):
        async with engine.begin() as connection:
            await connection.run_sync(partial(_migrate, scripts=scripts))


def _migrate(connection: Connection, *, scripts: Path) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_heads()
    known = {revision.revision for revision in script.walk_revisions()}
    if not known.issuperset(found):
        raise StoreFailed("the database was written by a newer apibench", "Use that one, or another database.")
    if set(found) == set(script.get_heads()):
        return
    if not found:
        _refuse_strangers(connection)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)  # noqa: SLF001 - as Alembic's own upgrade does

    with EnvironmentContext(config, script, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
        environment.run_migrations()


def _refuse_strangers(connection: Connection) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if taken:
        raise StoreFailed(
            f"the database has a table `{taken[0]}` that is not ours",
            "Use another database; a history of local runs is none for an installation.",
        )
