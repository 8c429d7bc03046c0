"""
The history of runs, as the rest of the house knows it.

A run is begun, gets its intervals one by one as they are sealed, and is finished with its result. One that was never
finished has crashed; its intervals are there all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as the history has it."""

    run_id: str
    name: str
    started_at: str
    """ISO 8601, in UTC."""
    beginning: dict[str, Any]
    """What was known at its start: the plan (redacted), host, engine, series."""
    result: dict[str, Any] | None
    """The result document; None if the run was never finished, or is damaged."""
    damaged: bool = False
    """What the history holds of it can't be read."""


class RunStore(Protocol):
    """Keeps runs. Every method raises StoreFailed if it cannot."""

    def begin(self, run_id: str, name: str, started_at: str, beginning: dict[str, Any]) -> None:
        """A run begins."""
        ...

    def append(self, run_id: str, number: int, interval_json: str) -> None:
        """The interval of that number was sealed. Telling the same again changes nothing."""
        ...

    def finish(self, run_id: str, result: dict[str, Any]) -> None:
        """The run is over."""
        ...

    def recent(self, limit: int) -> list[StoredRun]:
        """The last runs, newest first."""
        ...

    def find(self, name: str) -> list[StoredRun]:
        """Runs whose id begins with `name`, newest first; of `last` the newest."""
        ...

    def intervals(self, run_id: str) -> Iterator[str]:
        """The intervals of a run, in order."""
        ...

    def close(self) -> None:
        """Nothing more is to be kept."""
        ...
