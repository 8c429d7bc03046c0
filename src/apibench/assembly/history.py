"""
Keeps a run in the history while it goes on, and never lets that disturb the run.

A full disk or a locked file must not stop a measurement. A failure is told, once; from then on intervals are kept in
memory and tried again with each new one, as many as are bounded here, so that a disk which gets room again has the
whole run. That is told too.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from apibench.assembly.own_process import own_mark
from apibench.model.counts import IntervalCounts
from apibench.model.errors import StoreFailed
from apibench.model.run import RunRecord
from apibench.report.figure_text import plural
from apibench.store.seam import RunStore

WAITING = 3_600
"""Intervals kept for another try: an hour."""
TELLINGS = 3
"""Failures told in a run: of a disk that is full every other second no more is to be learned."""


class History:
    """What a run writes its history through."""

    def __init__(self, store: RunStore | None, record: RunRecord, tell: Callable[[str], None]) -> None:
        """`tell` takes a sentence for the user."""
        self._store = store
        self._say = tell
        self._run_id = record.run_id
        self._waiting: deque[tuple[int, str]] = deque(maxlen=WAITING)
        self._appended = 0
        self._forgotten = 0
        self._failing = False
        self._tellings = 0
        self._begun = False
        self._record = record

    def begin(self) -> None:
        """The run begins."""
        self._try(self._begin)

    def append(self, counts: IntervalCounts) -> None:
        """An interval was sealed."""
        if self._store is None:
            return
        self._forgotten += len(self._waiting) == WAITING
        self._waiting.append((self._appended, counts.to_json()))
        self._appended += 1
        self._try(self._write)

    def finish(self, result: dict[str, Any]) -> bool:
        """The run is over. Returns whether the history has it."""
        store = self._store
        if store is None:
            return False
        self._try(self._write)
        stored = self._begun and self._try(lambda: store.finish(self._run_id, result))
        store.close()
        return stored

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
            "process": own_mark(),
        }
        self._store.begin(self._run_id, plan.name, self._record.started_at.isoformat(), beginning)
        self._begun = True

    def _write(self) -> None:
        self._begin()
        while self._waiting and self._store is not None:
            number, text = self._waiting[0]
            self._store.append(self._run_id, number, text)
            self._waiting.popleft()

    def _try(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except StoreFailed as error:
            if not self._failing:
                self._failing = True
                self._tellings += 1
                self._tell(f"{error} The run goes on without it.")
            return False
        if self._failing:
            self._failing = False
            missing = (
                f"; {plural(self._forgotten, 'interval')} of this run are missing in it" if self._forgotten else ""
            )
            self._tell(f"the history can be written again{missing}.")
        return True

    def _tell(self, text: str) -> None:
        if self._tellings <= TELLINGS:
            self._say(text)
