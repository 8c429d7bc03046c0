"""The look at this host's own timers before a run, taken while the rest is loaded."""

import os
from threading import Thread

from apibench.engine.pace import measure_pace
from apibench.model.histogram import Histogram
from apibench.model.pace_floor import PaceFloor

RATE_PER_S = 2_000
LENGTH_NS = 200_000_000


class PaceLook:
    """Takes 0.2 s from its making on; who asks for what it saw waits for the rest of that."""

    def __init__(self) -> None:
        self._pace = Histogram()
        self._looking: Thread | None = None
        # On a single processor our own loading would be what is seen.
        if len(os.sched_getaffinity(0)) > 1:
            self._looking = Thread(target=self._look, name="pace look")
            self._looking.start()

    def _look(self) -> None:
        self._pace = measure_pace(RATE_PER_S, LENGTH_NS)

    def floor(self) -> PaceFloor:
        """What was seen."""
        if self._looking is None:
            self._look()
        else:
            self._looking.join()
        return PaceFloor(self._pace.quantile(0.5) or 0, self._pace.quantile(0.99) or 0)
