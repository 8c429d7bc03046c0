"""Batches on their way into an aggregator: begun in the order they came, many at a time, answered as they are done."""

import asyncio
import logging
from functools import partial

from apibench.model.batch import IntervalAck, Pushed
from apibench.model.errors import ApibenchError
from apibench.model.log_fields import about
from apibench.wire.limits import BATCHES_IN_FLIGHT, BYTES_IN_FLIGHT
from apibench.wire.mailbox import Mailbox, lost
from apibench.wire.seam import IntervalHost

logger = logging.getLogger(__name__)


class Intake:
    """
    Of one stream.

    An aggregator commits about once a second: who waited for one answer before the next batch would get one batch a
    second through. So many may be under way at once, but not without end: whoever pushes faster than the store can
    write waits.
    """

    def __init__(self, host: IntervalHost) -> None:
        self._host = host
        self._under_way: set[asyncio.Task[None]] = set()
        self._bytes = 0
        """Of the batches that are under way."""
        self._answers: Mailbox[IntervalAck] = Mailbox(BATCHES_IN_FLIGHT)
        self._moved = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether nothing is accepted any more, and nothing is under way."""
        return self._answers.closed and not self._under_way

    async def accept(self, pushed: Pushed) -> None:
        """Begin to take it, as soon as there is room. Raises LinkLost once the stream has ended."""
        while not self._answers.closed and not self._has_room_for(pushed):
            self._moved.clear()
            await self._moved.wait()
        if self._answers.closed:
            raise lost("the stream of results has ended")
        task = asyncio.create_task(self._take(pushed))
        self._under_way.add(task)
        self._bytes += len(pushed.counts)
        task.add_done_callback(partial(self._taken, len(pushed.counts)))

    def _has_room_for(self, pushed: Pushed) -> bool:
        """One batch at least may always be under way, however large it is."""
        if len(self._under_way) + len(self._answers) >= BATCHES_IN_FLIGHT:
            return False
        return not self._under_way or self._bytes + len(pushed.counts) <= BYTES_IN_FLIGHT

    def _taken(self, size: int, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._bytes -= size
        self._moved.set()

    async def next_answer(self) -> IntervalAck:
        """The next one. Raises LinkLost once the stream has ended and none is left."""
        answer = await self._answers.take()
        self._moved.set()
        return answer

    async def finish(self) -> None:
        """Accept nothing more, and wait for what is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        self.end("the stream of results is over")

    def end(self, what: str) -> None:
        """Accept nothing more and answer nothing more. What is under way goes on."""
        self._answers.close(lost(what))
        self._moved.set()

    async def _take(self, pushed: Pushed) -> None:
        try:
            answer = await self._host.take(pushed)
        except ApibenchError as error:
            self.end(f"{pushed.name} could not be taken: {error.message}")
        except Exception:
            # It comes again over another stream. Were it dropped, the worker would wait for an answer for ever.
            whose = about(pushed.run_id, worker_id=pushed.worker_id, segment=pushed.segment)
            logger.exception("%s could not be taken", pushed.name, extra=whose)
            self.end(f"{pushed.name} could not be taken")
        else:
            if not self._answers.closed:
                self._answers.post(answer)  # `accept` has left room for it
