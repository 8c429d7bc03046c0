"""Follows the runs that are going on, for `/metrics` and for a monitoring system that windows are sent to."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime

from apibench.controller.operations import RunOperations
from apibench.controller.rest.figures import RunFigures
from apibench.controller.rest.outlet import LeadersOutlet, SealedWindow, WindowOutlet
from apibench.controller.rest.step_labels import StepLabels
from apibench.model.aggregation import ResultQuery, RunUpdate, WindowState
from apibench.model.errors import ApibenchError
from apibench.model.installation import RunRow, RunState
from apibench.model.units import NS_PER_S
from apibench.store.control import ControlStore

LOOK_S = 2.0
MAX_FOLLOWED = 200
MAX_OVER = 20
MAX_GAP_S = 60.0
"""How far back windows are asked for that were not told; a new controller has missed a whole run."""
KEPT_S = 60.0
"""How long a run that is over is shown: somebody who asks four times a minute is to see its last counts."""
_FOLLOWED = (RunState.RUNNING.value, RunState.DRAINING.value, RunState.COLLECTING.value)


class RunFollower:
    """Watches every run that goes on, to its end."""

    def __init__(
        self,
        operations: RunOperations,
        store: ControlStore,
        outlet: WindowOutlet | None = None,
        *,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """`outlet` gets each window of theirs once, when it is sealed, while this controller leads."""
        self._operations = operations
        self._store = store
        self.outlet = outlet
        self._leaders = LeadersOutlet(outlet, lambda: operations.leads, wall_s=wall_s) if outlet is not None else None
        self._wall_s = wall_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.figures: dict[str, RunFigures] = {}
        """Of the runs that are going on or have just ended, by id."""

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
        if self._leaders is not None:
            self._leaders.look()
        # In this order a run that ends between the two questions is in both answers, and not in none.
        rows = {row.run_id: row for row in await self._store.runs(limit=MAX_FOLLOWED, states=_FOLLOWED)}
        over = await self._store.runs(limit=MAX_OVER, states=(RunState.FINISHED.value,))
        rows |= {row.run_id: row for row in over if self._has_just_ended(row)}
        for run_id in [each for each in self.figures if each not in rows]:
            del self.figures[run_id]
            self._tasks.pop(run_id).cancel()
        for run_id, row in rows.items():
            if run_id not in self.figures:
                self.figures[run_id] = RunFigures(StepLabels(row.plan))
            task = self._tasks.get(run_id)
            if task is None or (task.done() and not self.figures[run_id].ended):
                self._tasks[run_id] = asyncio.create_task(self._watch(row, self.figures[run_id]))

    async def _watch(self, run: RunRow, figures: RunFigures) -> None:
        with contextlib.suppress(ApibenchError):  # the next look begins again after what was seen
            async for update in self._operations.watch(run.run_id, figures.seen):
                for each in (*await self._missed(run.run_id, figures, update), update):
                    if figures.take(each) and self._leaders is not None:
                        self._leaders.take(SealedWindow(run, figures.labels, each.document))

    async def _missed(self, run_id: str, figures: RunFigures, update: RunUpdate) -> list[RunUpdate]:
        """Windows before this one that were not told: an aggregator that is started anew seals some without a word."""
        gap = figures.gap_before(update)
        if gap is None:
            return []
        from_s, until_s = max(gap[0], gap[1] - MAX_GAP_S), gap[1]
        query = ResultQuery(round(from_s * NS_PER_S), round(until_s * NS_PER_S))
        rows = (await self._operations.result(run_id, query))["intervals"]
        # What has come late is in them already: they are counted as they are now.
        sealed = WindowState.SEALED.value
        return [RunUpdate(figures.seen, "window", {**row, "state": sealed}) for row in rows]

    def _has_just_ended(self, row: RunRow) -> bool:
        if row.ended_at is None:
            return False
        return self._wall_s() - datetime.fromisoformat(row.ended_at).timestamp() < KEPT_S
