"""The file: private, shared, readable after any crash, and refused by name when it cannot be used."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from apibench.model.errors import StoreFailed
from apibench.store.sqlite import SqliteStore

WRITER = """
import sys
from pathlib import Path
from apibench.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.begin(sys.argv[2], "n", "2026-11-24T10:00:00+00:00", {})
for number in range(100_000):
    store.append(sys.argv[2], number, f"interval {number}" * 50)
    print(number, flush=True)
"""


def test_the_file_is_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "history.sqlite"
    SqliteStore(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_whatever_was_appended_is_there_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    seed = int(os.environ.get("APIBENCH_CRASH_SEED", random.SystemRandom().randrange(2**32)))
    print(f"APIBENCH_CRASH_SEED={seed}")  # noqa: T201 - to be repeated when it fails
    moments = random.Random(seed)  # noqa: S311 - no secret
    path = tmp_path / "history.sqlite"
    for round_number in range(12):
        run_id = f"r{round_number}"
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), run_id], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(moments.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            told = [first, *writer.stdout.readlines()]
        last = int(told[-1]) if told[-1].endswith("\n") else int(told[-2])
        store = SqliteStore(path)
        kept = list(store.intervals(run_id))
        assert len(kept) >= last + 1
        assert kept == [f"interval {number}" * 50 for number in range(len(kept))]
        assert store.find(run_id)[0].result is None
        store.close()


def test_two_processes_share_it(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    first, second = SqliteStore(path), SqliteStore(path)
    first.begin("a", "a", "2026-11-24T10:00:00+00:00", {})
    second.begin("b", "b", "2026-11-24T10:00:01+00:00", {})
    first.append("a", 0, "x")
    second.append("b", 0, "y")
    assert [run.run_id for run in first.recent(5)] == ["b", "a"]
    first.close()
    second.close()


def test_a_newer_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreFailed, match="newer apibench"):
        SqliteStore(path)


def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.write_text("these are my notes, thank you")
    with pytest.raises(StoreFailed, match="cannot be used"):
        SqliteStore(path)
    assert path.read_text() == "these are my notes, thank you"


def damage(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_a_damaged_run_is_its_own_matter(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    store = SqliteStore(path)
    for second, run_id in enumerate(("a", "b", "c")):
        store.begin(run_id, run_id, f"2026-11-24T10:00:0{second}+00:00", {"plan": {}})
        store.append(run_id, 0, "first")
        store.append(run_id, 1, "second")
        store.finish(run_id, {"schema": "x"})
    damage(path, "UPDATE run SET result = x'0102' WHERE run_id = 'a'")
    damage(path, "UPDATE run SET beginning = 'no JSON' WHERE run_id = 'b'")
    damage(path, "UPDATE interval SET document = x'0102' WHERE run_id = 'a' AND number = 1")
    assert [(run.run_id, run.damaged) for run in store.recent(5)] == [("c", False), ("b", True), ("a", True)]
    intervals = store.intervals("a")
    assert next(intervals) == "first"
    with pytest.raises(StoreFailed, match="an interval of run a is damaged"):
        next(intervals)
    store.close()


def test_reading_changes_nothing_and_needs_no_disk_that_can_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a ? history.sqlite"
    written = SqliteStore(path)
    written.begin("a", "a", "2026-11-24T10:00:00+00:00", {})
    written.append("a", 0, "x")
    written.close()
    before = path.read_bytes()
    connect = sqlite3.connect

    def on_a_read_only_disk(file: str, **words: Any) -> sqlite3.Connection:
        # As SQLite fails where it can make no lock file beside a file in WAL mode.
        if "mode=ro" in file:
            raise sqlite3.OperationalError("unable to open database file")
        opened: sqlite3.Connection = connect(file, **words)
        return opened

    for opening in (connect, on_a_read_only_disk):
        monkeypatch.setattr(sqlite3, "connect", opening)
        store = SqliteStore(path, read_only=True)
        assert [run.run_id for run in store.recent(5)] == ["a"]
        assert list(store.intervals("a")) == ["x"]
        with pytest.raises(StoreFailed, match="cannot be used"):
            store.append("a", 1, "y")
        store.close()
    assert path.read_bytes() == before


def test_a_file_whose_maker_never_came_to_its_tables_has_no_runs(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.touch()
    store = SqliteStore(path, read_only=True)
    assert store.recent(5) == []
    assert store.find("last") == []
    assert list(store.intervals("a")) == []
    store.close()


def test_a_lock_holds_a_run_up_for_a_moment_only(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    store = SqliteStore(path)
    store.begin("a", "a", "2026-11-24T10:00:00+00:00", {})
    patience: list[int] = []
    store._connection.set_trace_callback(
        lambda statement: patience.append(int(statement.split()[-1])) if "busy_timeout" in statement else None
    )
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed, match="locked"):
        store.append("a", 0, "x")
    with pytest.raises(StoreFailed, match="locked"):
        store.begin("b", "b", "2026-11-24T10:00:00+00:00", {})
    locker.execute("COMMIT")
    locker.close()
    store.append("a", 0, "x")
    assert patience == [200, 5_000] * 3
    assert list(store.intervals("a")) == ["x"]
    store.close()
