"""What watchers of a run hear: the last ten minutes of it, each with a number that only grows."""

import asyncio
import json
import zlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from apibench.model.aggregation import RunUpdate

REMEMBERED_S = 600.0
MOST = 3_000
_EPOCH_BITS = 32


class _Kept(NamedTuple):
    at_s: float
    number: int
    kind: str
    packed: bytes
    """The document. As objects ten minutes of fifty steps would take 180 MB, so they take three."""


class UpdateLog:
    """Of one run. Numbers of an aggregator that is started anew are beyond all that came before."""

    def __init__(self, epoch: int) -> None:
        self._next = (epoch << _EPOCH_BITS) + 1
        self._kept: deque[_Kept] = deque(maxlen=MOST)
        self._latest: RunUpdate | None = None
        self._news = asyncio.Event()
        self.ended = False
        self.aborted = False
        """A threshold that aborts was told of: of a run that is read anew once is enough."""
        self.sealed_until_ns = 0
        """Up to where windows were told of as they were sealed."""

    def add(self, now_s: float, kind: str, document: Mapping[str, Any]) -> None:
        """Tell everybody."""
        while self._kept and self._kept[0].at_s < now_s - REMEMBERED_S:
            self._kept.popleft()
        packed = zlib.compress(json.dumps(document).encode(), 1)
        self._kept.append(_Kept(now_s, self._next, kind, packed))
        self._latest = RunUpdate(self._next, kind, document)
        self._next += 1
        self.ended = self.ended or kind == "ended"
        self.aborted = self.aborted or kind == "abort"
        self._news.set()
        self._news = asyncio.Event()

    async def watch(self, after: int) -> AsyncIterator[RunUpdate]:
        """Those with a higher number, as they come, to `ended`. Who is slower than ten minutes misses some."""
        while True:
            news = self._news
            for kept in [each for each in self._kept if each.number > after]:
                if kept.number <= after:
                    continue
                update = self._unpacked(kept)
                after = update.number
                yield update
                if update.kind == "ended":
                    return
            if self.ended and self._kept and self._kept[-1].number <= after:
                # It has heard of the end before, and asks again.
                return
            if news is self._news:
                await news.wait()

    def _unpacked(self, kept: _Kept) -> RunUpdate:
        # Who follows hears the latest, and there may be many of them.
        if self._latest is not None and self._latest.number == kept.number:
            return self._latest
        return RunUpdate(kept.number, kept.kind, json.loads(zlib.decompress(kept.packed)))
