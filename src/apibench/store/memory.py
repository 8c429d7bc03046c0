"""The fake: keeps runs for as long as it lives."""

from collections.abc import Iterator
from typing import Any

from apibench.store.seam import StoredRun


class MemoryStore:
    """Runs in a dictionary."""

    def __init__(self) -> None:
        self._runs: dict[str, StoredRun] = {}
        self._intervals: dict[str, dict[int, str]] = {}

    def begin(self, run_id: str, name: str, started_at: str, beginning: dict[str, Any]) -> None:
        """A run begins."""
        self._runs[run_id] = StoredRun(run_id, name, started_at, beginning, None)
        self._intervals[run_id] = {}

    def append(self, run_id: str, number: int, interval_json: str) -> None:
        """An interval was sealed."""
        self._intervals[run_id].setdefault(number, interval_json)

    def finish(self, run_id: str, result: dict[str, Any]) -> None:
        """The run is over."""
        before = self._runs[run_id]
        self._runs[run_id] = StoredRun(run_id, before.name, before.started_at, before.beginning, result)

    def recent(self, limit: int) -> list[StoredRun]:
        """The last runs, newest first."""
        return sorted(self._runs.values(), key=lambda run: run.started_at, reverse=True)[:limit]

    def find(self, name: str) -> list[StoredRun]:
        """Runs by the beginning of their id."""
        runs = self.recent(len(self._runs))
        return runs[:1] if name == "last" else [run for run in runs if run.run_id.startswith(name)]

    def intervals(self, run_id: str) -> Iterator[str]:
        """The intervals of a run, in order."""
        kept = self._intervals.get(run_id, {})
        yield from (kept[number] for number in sorted(kept))

    def close(self) -> None:
        """Nothing to close."""
