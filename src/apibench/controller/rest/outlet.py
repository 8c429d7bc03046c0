"""The way of sealed windows to a monitoring system elsewhere, where somebody has asked for one."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from apibench.controller.rest.step_labels import StepLabels
from apibench.model.installation import RunRow
from apibench.model.units import NS_PER_S

REPEATED_S = 15.0
"""How far a controller that takes over reaches back: as long as that lasts, and as a window may be late."""
MOST_HELD = 2_000


@dataclass(frozen=True, slots=True)
class SealedWindow:
    """A window of a run that has started, as it was when it was sealed."""

    run: RunRow
    steps: StepLabels
    row: Mapping[str, Any]
    """As the result document has it in `intervals`."""

    @property
    def start_ns(self) -> int:
        """When it began, since 1970: by the clock of the controller that started the run."""
        started = datetime.fromisoformat(self.run.started_at or "1970-01-01T00:00:00Z")
        return round(started.timestamp() * 1e6) * 1_000 + round(float(self.row["start_s"]) * NS_PER_S)

    @property
    def end_ns(self) -> int:
        """When it ended, since 1970."""
        return self.start_ns + round(float(self.row["length_s"]) * NS_PER_S)


class WindowOutlet(Protocol):
    """Takes windows of all runs. It never makes its caller wait, whatever becomes of them."""

    def take(self, window: SealedWindow) -> None:
        """One more."""
        ...

    @property
    def sent(self) -> int:
        """How many have arrived over there."""
        ...

    @property
    def dropped(self) -> int:
        """How many were thrown away, because nobody took them in time."""
        ...


class LeadersOutlet:
    """
    Hands windows on while this controller leads, and holds the last seconds of them while it does not.

    So whoever takes over sends what the one before may not have sent. Some may be sent twice, with the same times.
    """

    def __init__(
        self, outlet: WindowOutlet, leads: Callable[[], bool], *, wall_s: Callable[[], float] = time.time
    ) -> None:
        """What ended before now, as far as it can't be a takeover's, is left to those that were there."""
        self._outlet = outlet
        self._leads = leads
        self._wall_s = wall_s
        self._from_s = wall_s() - REPEATED_S
        self._held: deque[tuple[float, SealedWindow]] = deque(maxlen=MOST_HELD)
        """Each with when it came."""

    def take(self, window: SealedWindow) -> None:
        """One more."""
        if window.end_ns >= self._from_s * NS_PER_S:
            self._held.append((self._wall_s(), window))
        self.look()

    def look(self) -> None:
        """See who leads, and send what is ours to send."""
        leads, reach_s = self._leads(), self._wall_s() - REPEATED_S
        while self._held and (leads or self._held[0][0] < reach_s):
            _, window = self._held.popleft()
            if leads:
                self._outlet.take(window)
