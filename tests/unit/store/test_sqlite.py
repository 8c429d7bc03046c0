"""The file: private, shared, readable after any crash, and refused by name when it cannot be used."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

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
