"""What the runs that are going on have done so far, for `/metrics`: added up from their updates."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from apibench.controller.operations import RunOperations
from apibench.model.aggregation import RunUpdate
from apibench.model.errors import ApibenchError
from apibench.model.installation import RunState
from apibench.store.control import ControlStore

LOOK_S = 2.0
MAX_FOLLOWED = 200
KEPT_WINDOWS = 600
"""A window that comes again within so many others is counted by its difference; an older one is left alone."""
COUNTED = ("started", "ok", "failed", "unfinished")
_FOLLOWED = (RunState.RUNNING.value, RunState.DRAINING.value, RunState.COLLECTING.value)


class RunFigures:
    """Counts of one run. They never shrink, except where a window is revised."""

    def __init__(self) -> None:
        self.windows = 0
        self.requests = dict.fromkeys(COUNTED, 0)
        self.seen = 0
        """Number of the last update."""
        self._recent: OrderedDict[float, dict[str, int]] = OrderedDict()

    def take(self, update: RunUpdate) -> None:
        """Count a window in; it may come again as sealed or revised."""
        self.seen = max(self.seen, update.number)
        if update.kind != "window":
            return
        start_s = float(update.document["start_s"])
        before = self._recent.get(start_s)
        if before is None:
            if update.document.get("state") == "revised":
                return  # it was counted long ago
            self.windows += 1
        now = _counts(update.document)
        for name in COUNTED:
            self.requests[name] += now[name] - (before[name] if before is not None else 0)
        self._recent[start_s] = now
        while len(self._recent) > KEPT_WINDOWS:
            self._recent.popitem(last=False)


class RunFollower:
    """Watches every run that is going on."""

    def __init__(self, operations: RunOperations, store: ControlStore) -> None:
        self._operations = operations
        self._store = store
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.figures: dict[str, RunFigures] = {}
        """Of the runs that are going on, by id."""

    async def follow(self) -> None:
        """Look for runs, again and again, until cancelled."""
        try:
            while True:
                with contextlib.suppress(ApibenchError):
                    await self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begin to watch what has begun, and forget what is over."""
        rows = await self._store.runs(limit=MAX_FOLLOWED, states=_FOLLOWED)
        alive = {row.run_id for row in rows}
        for run_id in [each for each in self.figures if each not in alive]:
            del self.figures[run_id]
            self._tasks.pop(run_id).cancel()
        for run_id in alive:
            figures = self.figures.setdefault(run_id, RunFigures())
            task = self._tasks.get(run_id)
            if task is None or task.done():
                self._tasks[run_id] = asyncio.create_task(self._watch(run_id, figures))

    async def _watch(self, run_id: str, figures: RunFigures) -> None:
        with contextlib.suppress(ApibenchError):  # the next look begins again after what was seen
            async for update in self._operations.watch(run_id, figures.seen):
                figures.take(update)


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    warmup = row.get("warmup") or {}
    return {name: int(row.get(name, 0)) + int(warmup.get(name, 0)) for name in COUNTED}
