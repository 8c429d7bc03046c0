"""Both stores on one database, by its URL, with its tables brought up to this release's."""

import time
from dataclasses import dataclass

from apibench.model.errors import UsageError
from apibench.store.connection import open_database
from apibench.store.database_control import DatabaseControlStore
from apibench.store.database_results import DatabaseResultStore
from apibench.store.migrations import migrate
from apibench.store.scalars import Scalars, of_counts


@dataclass(frozen=True, slots=True)
class Stores:
    """What a process keeps."""

    control: DatabaseControlStore
    results: DatabaseResultStore

    async def close(self) -> None:
        """Let go of the database."""
        await self.control.close()
        await self.results.close()


async def open_stores(url: str, *, keep_days: int | None = None, scalars: Scalars = of_counts) -> Stores:
    """
    Open, and bring up to this release, the database of `sqlite:///FILE` or `postgresql://...`.

    `keep_days` is how many whole days of metrics are kept (None: all): see `ResultStore.maintain`.

    Raises:
        UsageError: another URL, or fewer days than one.
        StoreFailed: it can't be reached, or was written by a newer release.
    """
    if keep_days is not None and keep_days < 1:
        raise UsageError(f"{keep_days} days of metrics can't be kept", "Keep at least one, or say nothing to keep all.")
    database = open_database(url)
    stores = Stores(DatabaseControlStore(database), DatabaseResultStore(database, scalars, keep_days))
    try:
        await migrate(database.engine)
        await stores.results.maintain(time.time())
    except BaseException:
        await stores.close()
        raise
    return stores
