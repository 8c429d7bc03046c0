"""Time, as the aggregator is given it: it reads no clock of its own."""

import asyncio
import time
from typing import Protocol


class Timing(Protocol):
    """A clock that never goes back, and pauses on it."""

    def now_s(self) -> float:
        """Seconds since some moment."""
        ...

    async def pause(self, seconds: float) -> None:
        """Let others go on for so long."""
        ...


class RealTiming:
    """The machine's."""

    def now_s(self) -> float:
        """CLOCK_MONOTONIC."""
        return time.monotonic()

    async def pause(self, seconds: float) -> None:
        """On the running loop."""
        await asyncio.sleep(seconds)
