"""
Brings a segment's batches to the aggregator, in order, again and again until each is acknowledged.

The engine never waits for it: batches lie in the spool until they are safe, and until nothing more is to be made of
them. Some of the newest are kept in memory too, so that the disk is only read when the aggregator has been away for
longer, or was started anew and wants sums of what it counts already.
"""

import asyncio
import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from apibench.model.batch import BatchRange, IntervalAck, IntervalBatch
from apibench.model.counts import IntervalCounts
from apibench.model.errors import ApibenchError, LinkLost, StoreFailed
from apibench.model.host_sample import HostSample
from apibench.model.log_fields import about
from apibench.wire.seam import IntervalSession, IntervalSink
from apibench.worker.interval_sums import sums_of
from apibench.worker.spool import Spool

logger = logging.getLogger(__name__)
AGAIN_S = 0.5
"""How long to wait after a stream broke, or a batch was refused, before the next attempt."""
IN_FLIGHT = 64
"""Batches that are pushed and not acknowledged, at most: who starts again has to send only these twice."""
KEPT = 256
ASK_S = 1.0
"""How often to ask, once all batches count, whether any are still to be kept: by sending the last one again."""
SUMS_AGAIN_S = 15.0
"""After how long sums that are still wanted are made once more: the aggregator may have begun anew with the run."""


class Delivery:
    """The batches of one segment, from sealed to safe."""

    def __init__(  # noqa: PLR0913, PLR0917 - whose batches, where they lie and where they go
        self, folder: Path, run_id: str, segment: int, worker_id: str, sink: IntervalSink, results: str = ""
    ) -> None:
        self._spool = Spool(folder, run_id, segment, results)
        self._run_id, self._segment, self._worker_id = run_id, segment, worker_id
        self._about = about(run_id, worker_id=worker_id, segment=segment)
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
        self._keep_from = 0
        """Batches below are needed no longer."""
        self._wanted: list[BatchRange] = []
        """Sums that are still to be made."""
        self._asked_until = 0
        """Up to which batch sums were asked for, and will be there soon."""
        self._asked_at_s = 0.0

    @classmethod
    def left_behind(cls, folder: Path, run_id: str, segment: int, worker_id: str, sink: IntervalSink) -> "Delivery":
        """What an earlier process of this worker has left in the spool. Nothing more will come of it."""
        delivery = cls(folder, run_id, segment, worker_id, sink)
        following: int | None = None
        for batch in delivery._spool.since(0):
            if following is not None and batch.number != following:
                # The disk would not have what lies between, and without it nobody takes the rest.
                logger.warning("batches from %d on were not on the disk", following, extra=delivery._about)
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
                logger.warning("%s", error, extra=self._about)
            self._spool_fault = str(error)
            self._recent = deque(self._recent, maxlen=None)
        self._recent.append(batch)
        self.sealed += 1
        self.final = final
        self._changed.set()

    @property
    def complete(self) -> bool:
        """Whether everything is sealed and safe, and nothing more is to be made of it."""
        return self.final and self._keep_from >= self.sealed

    async def run(self, told: Callable[[int], None]) -> None:
        """Push until it is complete; `told` hears how many batches are safe, each time that some more are."""
        while not self.complete:
            if self.durable >= self.sealed and not self.final:
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
                    logger.warning("results wait: %s", error, extra=self._about)
                await asyncio.sleep(AGAIN_S)
        self._spool.remove()

    async def _push(self, session: IntervalSession, told: Callable[[int], None]) -> None:
        """Push over one stream until it breaks, or all is complete."""
        self._wanted, self._asked_until = [], 0
        ways = [asyncio.create_task(each) for each in (self._push_on(session), self._hear(session, told))]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        for way in done:
            way.result()

    async def _hear(self, session: IntervalSession, told: Callable[[int], None]) -> None:
        while not self.complete:
            ack = await session.acknowledged()
            self._acknowledge(ack, told)
            if ack.refused:
                await asyncio.sleep(AGAIN_S)
                raise LinkLost(f"a batch was refused: {ack.refused}", "It is sent again.")

    async def _push_on(self, session: IntervalSession) -> None:
        """It only ends by breaking."""
        number = self.durable
        while True:
            while self._wanted:
                wanted = self._wanted.pop(0)
                whose = self._run_id, self._segment, self._worker_id
                for each in sums_of(whose, wanted, self._spool.between(wanted)):
                    await session.push(each)
            if number >= self.sealed or number >= self.durable + IN_FLIGHT:
                if not await self._news():
                    number = self.sealed - 1
                continue
            for batch in self._since(number):
                await session.push(batch)
                number = batch.number + 1
                if number >= self.durable + IN_FLIGHT:
                    break

    async def _news(self) -> bool:
        """Wait until anything changes. Once all is safe no news comes by itself: then not for ever."""
        over = self.final and 0 < self.sealed <= self.durable
        try:
            async with asyncio.timeout(ASK_S if over else None):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    def _since(self, number: int) -> list[IntervalBatch]:
        if self._recent and self._recent[0].number <= number:
            return [batch for batch in self._recent if batch.number >= number][:IN_FLIGHT]
        batches = []
        for batch in self._spool.since(number):
            batches.append(batch)
            if len(batches) >= IN_FLIGHT:
                break
        return batches

    def _want(self, wanted: Sequence[BatchRange]) -> None:
        """Make sums, each once: until they are there, every acknowledgement asks for them."""
        now_s = time.monotonic()
        if now_s > self._asked_at_s + SUMS_AGAIN_S:
            self._asked_until = 0
        for each in wanted:
            if each.until > self._asked_until:
                self._wanted.append(BatchRange(max(each.first, self._asked_until), each.until))
                self._asked_until, self._asked_at_s = each.until, now_s
                self._changed.set()

    def _acknowledge(self, ack: IntervalAck, told: Callable[[int], None]) -> None:
        self._want(ack.wanted)
        keep_from = ack.durable if ack.keep_from is None else ack.keep_from
        if keep_from > self._keep_from:
            self._keep_from = keep_from
            self._spool.forget(keep_from)
            self._changed.set()
        if ack.durable <= self.durable:
            return
        self.durable, self._said = ack.durable, ""
        # The last one stays, to ask with.
        while len(self._recent) > 1 and self._recent[0].number < ack.durable:
            self._recent.popleft()
        self._changed.set()
        told(ack.durable)
