"""
Brings a segment's batches to the aggregator, in order, again and again until each is acknowledged.

The engine never waits for it: batches lie in the spool until they are safe. Some of the newest are kept in memory too,
so that the disk is only read when the aggregator has been away for longer.
"""

import asyncio
import logging
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path

from apibench.model.batch import IntervalBatch
from apibench.model.counts import IntervalCounts
from apibench.model.errors import ApibenchError, LinkLost, StoreFailed
from apibench.model.host_sample import HostSample
from apibench.wire.seam import IntervalSession, IntervalSink
from apibench.worker.spool import Spool

logger = logging.getLogger(__name__)
AGAIN_S = 0.5
"""How long to wait after a stream broke, or a batch was refused, before the next attempt."""
IN_FLIGHT = 64
"""Batches that are pushed and not acknowledged, at most: who starts again has to send only these twice."""
KEPT = 256


class Delivery:
    """The batches of one segment, from sealed to safe."""

    def __init__(  # noqa: PLR0913, PLR0917 - whose batches, where they lie and where they go
        self, folder: Path, run_id: str, segment: int, worker_id: str, sink: IntervalSink, results: str = ""
    ) -> None:
        self._spool = Spool(folder, run_id, segment, results)
        self._run_id, self._segment, self._worker_id = run_id, segment, worker_id
        self._sink = sink
        self._recent: deque[IntervalBatch] = deque(maxlen=KEPT)
        self._changed = asyncio.Event()
        self._spool_fault = ""
        self._said = ""
        self.sealed = 0
        """Batches numbered so far."""
        self.durable = 0
        """Batches that are safe, from the first on."""
        self.final = False

    @classmethod
    def left_behind(cls, folder: Path, run_id: str, segment: int, worker_id: str, sink: IntervalSink) -> "Delivery":
        """What an earlier process of this worker has left in the spool. Nothing more will come of it."""
        delivery = cls(folder, run_id, segment, worker_id, sink)
        following: int | None = None
        for batch in delivery._spool.since(0):
            if following is not None and batch.number != following:
                # The disk would not have what lies between, and without it nobody takes the rest.
                logger.warning("batches from %d on of %s.%d were not on the disk", following, run_id, segment)
                break
            delivery._recent.append(batch)
            following = batch.number + 1
        delivery.sealed = following or 0
        delivery.final = True
        return delivery

    def seal(self, counts: IntervalCounts, host: HostSample, *, final: bool) -> None:
        """The next batch; it is on disk when this returns, if the disk would have it."""
        data = counts.to_wire()
        batch = IntervalBatch(
            self._run_id, self._segment, self._worker_id, self.sealed, data, zlib.crc32(data), host, final=final
        )
        try:
            self._spool.append(batch)
        except StoreFailed as error:
            # A disk that is full must not stop a measurement: what is in memory is still pushed.
            if not self._spool_fault:
                logger.warning("%s", error)
            self._spool_fault = str(error)
            self._recent = deque(self._recent, maxlen=None)
        self._recent.append(batch)
        self.sealed += 1
        self.final = final
        self._changed.set()

    @property
    def complete(self) -> bool:
        """Whether everything is sealed and safe."""
        return self.final and self.durable >= self.sealed

    async def run(self, told: Callable[[int], None]) -> None:
        """Push until everything is safe; `told` hears how many batches are, each time that some more are."""
        while not self.complete:
            if self.durable >= self.sealed:
                await self._changed.wait()
                self._changed.clear()
                continue
            try:
                session = await self._sink.open()
                try:
                    await self._push(session, told)
                finally:
                    await session.close()
            except ApibenchError as error:
                if str(error) != self._said:
                    # Once for each reason: it is tried twice a second.
                    self._said = str(error)
                    logger.warning("results of %s.%d wait: %s", self._run_id, self._segment, error)
                await asyncio.sleep(AGAIN_S)
        self._spool.remove()

    async def _push(self, session: IntervalSession, told: Callable[[int], None]) -> None:
        """Push over one stream until it breaks, or everything is safe."""
        pushing = asyncio.create_task(self._push_on(session))
        try:
            while not self.complete:
                hearing = asyncio.create_task(session.acknowledged())
                done, _ = await asyncio.wait({hearing, pushing}, return_when=asyncio.FIRST_COMPLETED)
                if hearing not in done:
                    hearing.cancel()
                    # It only ends by breaking.
                    pushing.result()
                    return
                ack = hearing.result()
                self._acknowledge(ack.durable, told)
                if ack.refused:
                    await asyncio.sleep(AGAIN_S)
                    raise LinkLost(f"a batch was refused: {ack.refused}", "It is sent again.")
        finally:
            pushing.cancel()

    async def _push_on(self, session: IntervalSession) -> None:
        number = self.durable
        while True:
            if number >= self.sealed or number >= self.durable + IN_FLIGHT:
                await self._changed.wait()
                self._changed.clear()
                continue
            for batch in self._since(number):
                await session.push(batch)
                number = batch.number + 1
                if number >= self.durable + IN_FLIGHT:
                    break

    def _since(self, number: int) -> list[IntervalBatch]:
        if self._recent and self._recent[0].number <= number:
            return [batch for batch in self._recent if batch.number >= number][:IN_FLIGHT]
        batches = []
        for batch in self._spool.since(number):
            batches.append(batch)
            if len(batches) >= IN_FLIGHT:
                break
        return batches

    def _acknowledge(self, durable: int, told: Callable[[int], None]) -> None:
        if durable <= self.durable:
            return
        self.durable, self._said = durable, ""
        while self._recent and self._recent[0].number < durable:
            self._recent.popleft()
        self._spool.acknowledge(durable)
        self._changed.set()
        told(durable)
