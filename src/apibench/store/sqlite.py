"""
The embedded history: one SQLite file under the user's data directory, shared by all runs of the user.

Write-ahead logging, so that readers and other runs are never in the way. `synchronous = NORMAL`: what was appended
survives the death of this process at any moment; a power cut may take the last second or so, and never the file.
Intervals are compressed: about a kilobyte a second and step.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from apibench.model.errors import StoreFailed
from apibench.store.seam import StoredRun

VERSION = 1
_BUSY_S = 5.0
_BUSY_IN_A_RUN_MS = 200
"""How long a beginning or an interval may wait for somebody else's lock: it is tried again a second later, and a run's
signals and screen wait for it meanwhile."""
_SCHEMA = """
CREATE TABLE run (
    run_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    started_at TEXT NOT NULL,
    beginning TEXT NOT NULL,
    result BLOB
) STRICT;
CREATE INDEX run_by_time ON run (started_at);
CREATE TABLE interval (
    run_id TEXT NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
"""


class SqliteStore:
    """Runs in a file. Used by the thread that made it."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file. `read_only` changes nothing in it, and works on a disk that takes nothing."""
        self._path = path
        self._remedy = "Free the disk or unlock the file, or use --no-store."
        self._empty = False
        with self._guarded():
            if read_only:
                self._remedy = "Check its rights, or name another folder in APIBENCH_DATA_DIR."
                self._connection = self._opened_to_read()
                return
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Made by us before SQLite does, so that results are nobody else's to read.
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._migrate()

    def begin(self, run_id: str, name: str, started_at: str, beginning: dict[str, Any]) -> None:
        """A run begins."""
        with self._guarded(), self._hurried():
            self._connection.execute(
                "INSERT INTO run (run_id, name, started_at, beginning) VALUES (?, ?, ?, ?)",
                (run_id, name, started_at, json.dumps(beginning)),
            )

    def append(self, run_id: str, number: int, interval_json: str) -> None:
        """An interval was sealed."""
        with self._guarded(), self._hurried():
            self._connection.execute(
                "INSERT OR IGNORE INTO interval (run_id, number, document) VALUES (?, ?, ?)",
                (run_id, number, zlib.compress(interval_json.encode(), 1)),
            )

    def finish(self, run_id: str, result: dict[str, Any]) -> None:
        """The run is over."""
        with self._guarded():
            packed = zlib.compress(json.dumps(result).encode())
            self._connection.execute("UPDATE run SET result = ? WHERE run_id = ?", (packed, run_id))

    def recent(self, limit: int) -> list[StoredRun]:
        """The last runs, newest first."""
        return self._select("ORDER BY started_at DESC, run_id DESC LIMIT ?", (limit,))

    def find(self, name: str) -> list[StoredRun]:
        """Runs by the beginning of their id."""
        if name == "last":
            return self.recent(1)
        # A range, not LIKE: no character of a name means anything else.
        return self._select("WHERE run_id >= ? AND run_id < ? ORDER BY started_at DESC", (name, name + "\U0010ffff"))

    def intervals(self, run_id: str) -> Iterator[str]:
        """The intervals of a run, in order."""
        if self._empty:
            return
        with self._guarded():
            rows = self._connection.execute(
                "SELECT document FROM interval WHERE run_id = ? ORDER BY number", (run_id,)
            ).fetchall()
        for (document,) in rows:
            try:
                text = zlib.decompress(document).decode()
            except (zlib.error, UnicodeDecodeError, TypeError) as error:
                raise StoreFailed(
                    f"an interval of run {run_id} is damaged in {self._path}", "The intervals before it can be read."
                ) from error
            yield text

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _opened_to_read(self) -> sqlite3.Connection:
        try:
            return self._reader("mode=ro")
        except sqlite3.OperationalError as error:
            if "unable to open" not in str(error):
                raise
            # A disk that takes no lock file either: as if nobody else could write, which there is true.
            return self._reader("immutable=1")

    def _reader(self, mode: str) -> sqlite3.Connection:
        uri = f"file:{quote(str(self._path.absolute()))}?{mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
        try:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            self._refuse_newer(found)
        except BaseException:
            connection.close()
            raise
        # Somebody made the file and has not come to its tables yet.
        self._empty = found == 0
        return connection

    @contextmanager
    def _hurried(self) -> Iterator[None]:
        self._connection.execute(f"PRAGMA busy_timeout = {_BUSY_IN_A_RUN_MS}")
        try:
            yield
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {round(_BUSY_S * 1_000)}")

    def _select(self, clause: str, values: tuple[Any, ...]) -> list[StoredRun]:
        if self._empty:
            return []
        with self._guarded():
            rows = self._connection.execute(
                f"SELECT run_id, name, started_at, beginning, result FROM run {clause}",  # noqa: S608 - our own clauses
                values,
            ).fetchall()
        return [_run(*row) for row in rows]

    def _migrate(self) -> None:
        # In one transaction that nobody else can be in: two runs may start on a new file at the same moment.
        self._connection.execute("BEGIN IMMEDIATE")
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found > VERSION:
            self._connection.execute("ROLLBACK")
            self._refuse_newer(found)
        if found == 0:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self._connection.execute("COMMIT")

    def _refuse_newer(self, found: int) -> None:
        if found > VERSION:
            raise StoreFailed(f"{self._path} was written by a newer apibench", "Use that one, or --no-store.")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreFailed(f"the history in {self._path} cannot be used: {error}", self._remedy) from error


def _run(run_id: str, name: str, started_at: str, beginning: str, result: bytes | None) -> StoredRun:
    """One row. What is damaged in it is that run's matter alone: the others are shown all the same."""
    try:
        begun: dict[str, Any] = json.loads(beginning)
        document: dict[str, Any] | None = None if result is None else json.loads(zlib.decompress(result))
    except (ValueError, TypeError, zlib.error):
        return StoredRun(run_id, name, started_at, {}, None, damaged=True)
    return StoredRun(run_id, name, started_at, begun, document)
