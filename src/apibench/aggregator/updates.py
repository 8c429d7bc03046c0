"""What watchers of a run hear: the last ten minutes of it, each with a number that only grows."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

from apibench.model.aggregation import RunUpdate

REMEMBERED_S = 600.0
MOST = 3_000
_EPOCH_BITS = 32


class UpdateLog:
    """Of one run. Numbers of an aggregator that is started anew are beyond all that came before."""

    def __init__(self, epoch: int) -> None:
        self._next = (epoch << _EPOCH_BITS) + 1
        self._updates: deque[tuple[float, RunUpdate]] = deque(maxlen=MOST)
        self._news = asyncio.Event()
        self.ended = False

    def add(self, now_s: float, kind: str, document: Mapping[str, Any]) -> None:
        """Tell everybody."""
        while self._updates and self._updates[0][0] < now_s - REMEMBERED_S:
            self._updates.popleft()
        self._updates.append((now_s, RunUpdate(self._next, kind, document)))
        self._next += 1
        self.ended = self.ended or kind == "ended"
        self._news.set()
        self._news = asyncio.Event()

    async def watch(self, after: int) -> AsyncIterator[RunUpdate]:
        """Those with a higher number, as they come, to `ended`. Who is slower than ten minutes misses some."""
        while True:
            news = self._news
            for update in [each for _, each in self._updates if each.number > after]:
                if update.number <= after:
                    continue
                after = update.number
                yield update
                if update.kind == "ended":
                    return
            if self.ended and self._updates and self._updates[-1][1].number <= after:
                # It has heard of the end before, and asks again.
                return
            if news is self._news:
                await news.wait()
