"""
Keeps a run in the history while it goes on, and never lets that disturb the run.

A full disk or a locked file must not stop a measurement. The first failure is told, once; from then on intervals are
kept in memory and tried again with each new one, as many as are bounded here, so that a disk which gets room again
has the whole run.
"""

import sys
from collections import deque
from typing import Any

from apibench.model.errors import StoreFailed
from apibench.model.run import RunRecord
from apibench.store.seam import RunStore

WAITING = 3_600
"""Intervals kept for another try: an hour."""


class History:
    """What a run writes its history through."""

    def __init__(self, store: RunStore | None, record: RunRecord) -> None:
        self._store = store
        self._run_id = record.run_id
        self._waiting: deque[tuple[int, str]] = deque(maxlen=WAITING)
        self._appended = 0
        self._told = False
        self._begun = False
        self._record = record

    def begin(self) -> None:
        """The run begins."""
        self._try(self._begin)

    def append(self, interval_json: str) -> None:
        """An interval was sealed."""
        if self._store is None:
            return
        self._waiting.append((self._appended, interval_json))
        self._appended += 1
        self._try(self._write)

    def finish(self, result: dict[str, Any]) -> None:
        """The run is over."""
        store = self._store
        if store is None:
            return
        self._try(self._write)
        self._try(lambda: store.finish(self._run_id, result))
        store.close()

    def _begin(self) -> None:
        if self._store is None or self._begun:
            return
        plan = self._record.plan
        beginning = {
            "plan": plan.redacted(),
            "plan_sha256": plan.sha256(),
            "engine": {"version": self._record.engine_version, "threads": self._record.threads},
            "series": [{"scenario": name.scenario, "step": name.step} for name in self._record.series],
            "tags": dict(self._record.tags),
        }
        self._store.begin(self._run_id, plan.name, self._record.started_at.isoformat(), beginning)
        self._begun = True

    def _write(self) -> None:
        self._begin()
        while self._waiting and self._store is not None:
            number, text = self._waiting[0]
            self._store.append(self._run_id, number, text)
            self._waiting.popleft()

    def _try(self, write: Any) -> None:
        try:
            write()
        except StoreFailed as error:
            if not self._told:
                self._told = True
                sys.stderr.write(f"apibench: {error} The run goes on without it.\n")
