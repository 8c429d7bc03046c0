"""Ctrl-C, counted: once is to end a run, twice to break it off."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

_BOTH = (signal.SIGINT, signal.SIGTERM)


class SignalStops:
    """Counts signals."""

    def __init__(self) -> None:
        self.asked = 0

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1

    @contextmanager
    def listening(self, numbers: Sequence[signal.Signals] = _BOTH) -> Iterator[None]:
        """Count these signals for as long as this lasts, instead of what they would do."""
        before = {number: signal.signal(number, self._heard) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
