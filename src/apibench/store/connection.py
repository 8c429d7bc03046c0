"""
A database by its URL.

SQLite is used by one host only: its locks do not work over a network, and a file that lies there is refused. All
writers of one process take turns on one connection, so that none ever finds the file locked by another; a second
process waits for up to half a minute. Readers see what was committed before they began (write-ahead log) and wait for
nobody outside this process.
"""

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from apibench.model.errors import StoreFailed, UsageError
from apibench.store.network_files import network_file_system
from apibench.store.rows import already_there

BUSY_S = 30.0
"""How long another process may hold a SQLite file."""
_READS = "apibench_reads"
_POSTGRESQL = {
    "application_name": "apibench",
    "connect_timeout": "5",
    # A server that is gone is noticed within about 20 s, also by a query that waits for its answer.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "20000",
}


class Database:
    """Transactions on one database. Held by several stores; the last to let go closes it."""

    def __init__(self, engine: AsyncEngine, shown: str) -> None:
        self.engine = engine
        self.shown = shown
        """Its name in messages: without a password."""
        self._held = 0

    @property
    def is_postgresql(self) -> bool:
        """Or else it is SQLite."""
        return self.engine.dialect.name == "postgresql"

    def hold(self) -> None:
        """One more needs it."""
        self._held += 1

    async def release(self) -> None:
        """One needs it no more."""
        self._held -= 1
        if self._held <= 0:
            await self.engine.dispose()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """
        One transaction: committed at the end, undone on any error.

        Raises Conflict where a row of that key is there already, StoreFailed for everything else the database says.
        """
        with translated(self.shown):
            async with self.engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One look at everything as it is at one moment."""
        with translated(self.shown):
            async with self.engine.connect() as connection:
                yield await connection.execution_options(**{_READS: True})


class translated:  # noqa: N801 - a context manager, used as a word
    """Turns what a database says into errors of ours."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, StatementError) and isinstance(error.orig, StoreFailed):
            raise error.orig from None
        if isinstance(error, IntegrityError):
            raise already_there() from error
        if isinstance(error, SQLAlchemyError | sqlite3.Error | OSError):
            raise StoreFailed(f"the database {self._shown} can't be used: {_first_line(error)}", _REMEDY) from error


_REMEDY = "See that it is there, has room, and that we may write to it; what was to be written was not."


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def open_database(url: str) -> Database:
    """
    The database of that URL; nothing is looked up yet, but a missing SQLite file is made.

    Raises UsageError for a URL that is neither SQLite's nor PostgreSQL's, StoreFailed for a file that can't be made or
    that would lie on another host.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UsageError("the store is no URL", _URLS) from error
    if parsed.drivername == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername == "postgresql":
        return _postgresql(parsed)
    raise UsageError(f"a store can't be {parsed.drivername}:", _URLS)


def shown_as(url: URL) -> str:
    """A URL for messages: without a password or options, and a file by its name alone."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url.set(drivername=url.get_backend_name(), query={}).render_as_string(hide_password=True)


_URLS = "Say sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE."


def _postgresql(url: URL) -> Database:
    shown = shown_as(url)
    if not url.database:
        raise UsageError(f"{shown} names no database", _URLS)
    wanted = {name: value for name, value in _POSTGRESQL.items() if name not in url.query}
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"), connect_args=wanted, pool_pre_ping=True, pool_size=5, pool_timeout=20
    )
    return Database(engine, shown)


def _sqlite(url: URL) -> Database:
    if not url.database or url.database == ":memory:" or url.query or url.host:
        raise UsageError("a SQLite store needs a file, and nothing else", _URLS)
    path = Path(url.database)
    if kind := network_file_system(path):
        raise StoreFailed(
            f"{path} is on a network file system ({kind}), where SQLite can't be trusted",
            "Use a file on a disk of this host, or postgresql://USER:PASSWORD@HOST/DATABASE.",
        )
    with translated(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made by us before SQLite does, so that what is in it is nobody else's to read.
        path.touch(mode=0o600, exist_ok=True)
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # We say when a transaction begins, and how.
        connect_args={"timeout": BUSY_S, "isolation_level": None},
        pool_size=1,
        max_overflow=0,
        pool_timeout=10 * BUSY_S,
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return Database(engine, str(path))


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # How a file gives room back is settled before anything is in it.
    cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _write_ahead(cursor)
    # What was committed is acknowledged, and then nobody else has it: also a power cut must not take it back.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    # Who asks for it while another does is refused at once instead of after the timeout, so the waiting is ours. It
    # happens once in the life of a file; afterwards the question changes nothing and is never refused.
    end = time.monotonic() + BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Any) -> None:
    # A writer that begins as a reader can be refused half-way; one that begins as a writer waits for its turn.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(_READS) else "BEGIN IMMEDIATE")
